"""Celery with Redis as broker and as result backend: a task that does nothing.

As its documentation begins, and with the settings that its users give it for speed: no heartbeat,
no gossip, no mingle (on the worker's command line).
"""

import os

from celery import Celery

URL = os.environ["BENCH_REDIS"]
app = Celery("bench", broker=URL, backend=URL)


@app.task
def nothing() -> int:
    return 1


def call() -> None:
    nothing.delay()


def call_and_wait() -> None:
    nothing.delay().get(timeout=30)

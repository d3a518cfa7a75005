"""huey on Redis: a task that does nothing. `notify_result` spares it polling for the result."""

import os

from huey import RedisHuey

huey = RedisHuey("bench", url=os.environ["BENCH_REDIS"], notify_result=True)


@huey.task()
def nothing() -> int:
    return 1


def call() -> None:
    nothing()


def call_and_wait() -> None:
    nothing().get(blocking=True, timeout=30)

"""The program that measures, the same for each queue; prints its figures as JSON.

    python3 -m bench.queue_peers.driver QUEUE enqueue COUNT       calls a second, one after another
    python3 -m bench.queue_peers.driver QUEUE round-trips COUNT   milliseconds of each

QUEUE is `ours`, `celery` or `huey`. Where it is, says BENCH_REDIS (and for ours, PUBSUB_URL).
"""

import importlib
import json
import sys
import time
from collections.abc import Callable

MODULES = {
    "ours": "bench.queue_peers.our_tasks",
    "celery": "bench.queue_peers.celery_tasks",
    "huey": "bench.queue_peers.huey_tasks",
}
WARM_UP = 20


def enqueue_rate(call: Callable[[], object], count: int) -> float:
    started_s = time.perf_counter()
    for _ in range(count):
        call()
    return count / (time.perf_counter() - started_s)


def round_trips_ms(call_and_wait: Callable[[], object], count: int) -> list[float]:
    for _ in range(WARM_UP):
        call_and_wait()
    found = []
    for _ in range(count):
        started_s = time.perf_counter()
        call_and_wait()
        found.append((time.perf_counter() - started_s) * 1000)
    return found


def main() -> None:
    queue, measure, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    module = importlib.import_module(MODULES[queue])
    module.call()  # Connections are made, modules imported.
    if measure == "enqueue":
        print(json.dumps(enqueue_rate(module.call, count)))
    else:
        print(json.dumps(round_trips_ms(module.call_and_wait, count)))


if __name__ == "__main__":
    main()

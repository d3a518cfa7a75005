"""Tasks that leave a trace in a file: one line for each time that they took effect."""

import os
import random
import time

from services.broker.client import current_task, task


def _leave_trace(path: str, name: str) -> int:
    """Append one line, which is one write, so lines of several processes do not mix."""
    trace = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(trace, f"{name}\n".encode())
    finally:
        os.close(trace)
    return current_task().attempt


@task(retries=50, retry_delay=0.05)
def leave_trace(path: str, name: str, seconds: float = 0.0, probability: float = 0.0) -> int:
    """Take effect, perhaps fail; the result is the number of the attempt."""
    time.sleep(seconds)
    attempt = _leave_trace(path, name)
    if random.random() < probability:
        raise RuntimeError("bad luck")
    return attempt


@task(delivery="at_most_once")
def leave_trace_once(path: str, name: str, seconds: float = 0.0) -> int:
    time.sleep(seconds)
    return _leave_trace(path, name)


@task
def add(numbers: list[int], *more: int) -> int:
    return sum(numbers) + sum(more)


@task
def one() -> int:
    return 1

"""Sample tasks: one prints, one saves an object, two take their time, one raises now and then."""

import json
import os
import random
import time

from services.broker.client import current_task, progress, task
from services.common.redis_url import parse_redis_url
from services.kvdb.client import KVClient


@task
def echo(*args: object, **kwargs: object) -> dict[str, object]:
    """Print the arguments, and return them."""
    print(*args, *(f"{name}={value}" for name, value in kwargs.items()))
    return {"args": args, "kwargs": kwargs}


@task(retries=3)
def save(value: object, key: str | None = None) -> str:
    """Save a JSON value to the database, which is kvdb; returns the key.

    Without a key it is named after the task: run twice, it is saved once.
    """
    execution = current_task()
    key = key or f"saved:{execution.task_id if execution else 'outside-of-a-worker'}"
    url = os.environ.get("KVDB_URL", "redis://127.0.0.1:4242/0")
    kv = KVClient(parse_redis_url(url, 4242))
    try:
        kv.execute("SET", key, json.dumps(value))
    finally:
        kv.close()
    return key


@task
def sleep(seconds: float) -> float:
    """Do nothing for some seconds."""
    time.sleep(seconds)
    return seconds


@task
def count_to(number: int, seconds: float = 0.5) -> int:
    """Count, and say how far it has come; `seconds` for each step."""
    for step in range(1, number + 1):
        time.sleep(seconds)
        print(step)
        progress(step / number, f"{step} of {number}")
    return number


@task
def flaky(probability: float = 0.5) -> str:
    """Raise with a probability from 0 to 1."""
    if random.random() < probability:
        raise RuntimeError(f"bad luck, with a probability of {probability}")
    return "good luck"

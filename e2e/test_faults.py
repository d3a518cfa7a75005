"""kill -9 of parts of the running stack: each comes back, and nothing acknowledged is lost.

kvdb runs with its append-only file and `everysec`: the death of its process loses nothing that
was acknowledged; only the death of the machine could, the last second.
"""

import json

import pytest
import redis
import requests

from e2e.ledger import agreement, append, transfer
from e2e.stack import Stack, wait_until
from e2e.tasks import finished, running, submit

pytestmark = pytest.mark.faults


def test_kvdb_comes_back_with_all_that_it_acknowledged(stack: Stack, kv, key: str):
    kv.result("SET", key=key, value="kept")
    kv.result("SET", key=f"{key}:ttl", value="kept too", ttl=1000)
    with redis.Redis(*stack.address("kvdb")) as client:
        client.rpush(f"{key}:list", "a", "b")
    with stack.killed("kvdb"):
        pass
    assert wait_until(lambda: kv.result("GET", key=key), "the key is back") == "kept"
    assert 900 < kv.result("TTL", key=f"{key}:ttl") <= 1000
    with redis.Redis(*stack.address("kvdb"), decode_responses=True) as client:
        assert client.lrange(f"{key}:list", 0, -1) == ["a", "b"]


def test_everything_goes_on_after_kvdb_was_killed(stack: Stack, http: requests.Session):
    with stack.killed("kvdb"):
        pass
    task_id = submit_when_possible(stack, http, "after the fault")
    assert finished(stack, http, task_id)["state"] == "succeeded"
    before = agreement(stack, http)
    with redis.Redis(*stack.address("kvdb")) as client:
        append(client, json.dumps([transfer("nobody", "somebody", 0)]).encode())
    agreement(stack, http, past_index=before["index"])


def test_pubsub_is_only_the_fast_road(stack: Stack, http: requests.Session):
    with stack.killed("pubsub"):
        task_id = submit_when_possible(stack, http, "unannounced")
    assert finished(stack, http, task_id)["state"] == "succeeded"
    before = agreement(stack, http)
    with redis.Redis(*stack.address("kvdb")) as client:
        append(client, json.dumps([transfer("nobody", "somebody", 0)]).encode())
    agreement(stack, http, past_index=before["index"])


def submit_when_possible(stack: Stack, http: requests.Session, said: str) -> str:
    """The id of a task, taken as soon as the broker takes any."""

    def task_id() -> str | None:
        request = {"task": "echo", "args": [said]}
        answer = http.post(f"{stack.url('broker')}/tasks", json=request, timeout=30)
        return answer.json()["id"] if answer.status_code == 201 else None

    return wait_until(task_id, "the broker takes a task")


def test_a_task_runs_again_when_its_worker_is_killed(stack: Stack, http: requests.Session):
    task_id = submit(stack, http, "sleep", [3], retries=3)
    worker = running(stack, http, task_id)["worker"]
    with stack.killed(process_of(stack, worker)):
        task = finished(stack, http, task_id)
    assert task["state"] == "succeeded"
    assert task["attempts"] == 2


def process_of(stack: Stack, worker: str) -> str:
    """The stack's name for the worker that calls itself `worker`."""
    return next(name for name in ("worker-1", "worker-2") if stack.known_as(name) in worker)


def test_a_broker_holds_no_state_of_its_own(stack: Stack, http: requests.Session):
    task_id = submit(stack, http, "sleep", [1])
    with stack.killed("broker"):
        pass
    task = wait_until(lambda: finished(stack, http, task_id), "the broker knows the task")
    assert task["state"] == "succeeded"


def test_a_ledger_node_catches_up(stack: Stack, http: requests.Session):
    before = agreement(stack, http)
    with stack.killed("ledger-2"), redis.Redis(*stack.address("kvdb")) as client:
        for _ in range(10):
            append(client, json.dumps([transfer("nobody", "somebody", 0)]).encode())
    after = agreement(stack, http, past_index=before["index"] + 9)
    assert after["round"] == before["round"] + 10

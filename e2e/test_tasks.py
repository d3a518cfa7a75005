"""The task queue, over its HTTP API: a task through its whole life."""

from datetime import datetime, timedelta

import pytest
import redis
import requests

from e2e.stack import Stack, wait_until
from e2e.tasks import finished, submit


def test_a_task_succeeds(stack: Stack, http: requests.Session):
    created = http.post(
        f"{stack.url('broker')}/tasks", json={"task": "echo", "args": ["hello", 7]}, timeout=10
    )
    assert created.status_code == 201
    task_id = created.json()["id"]
    assert created.headers["Location"].endswith(f"/tasks/{task_id}")
    task = finished(stack, http, task_id)
    assert task["state"] == "succeeded"
    assert task["task"] == "echo"
    assert task["attempts"] == 1
    assert task["error"] is None


def test_save_stores_an_object(stack: Stack, http: requests.Session, kvdb: redis.Redis):
    saved = {"name": "ada", "tags": ["a", "b"]}
    task = finished(stack, http, submit(stack, http, "save", [saved]))
    assert task["state"] == "succeeded"
    assert kvdb.exists(task["result"])


def test_a_failing_task_keeps_its_error_and_was_retried(stack: Stack, http: requests.Session):
    task_id = submit(stack, http, "flaky", [1.0], retries=2)
    task = finished(stack, http, task_id)
    assert task["state"] in ("failed", "dead")
    assert task["attempts"] == 3
    assert task["error"]


def test_a_task_that_runs_too_long_is_stopped(stack: Stack, http: requests.Session):
    task = finished(stack, http, submit(stack, http, "sleep", [600], timeout=1, retries=0))
    assert task["state"] in ("failed", "dead")
    assert "time" in str(task["error"]).lower()


def test_a_task_waits_for_its_countdown(stack: Stack, http: requests.Session):
    task_id = submit(stack, http, "echo", ["later"], countdown=1)
    task = finished(stack, http, task_id)
    assert task["state"] == "succeeded"
    scheduled, queued = task["history"][:2]
    assert (scheduled["state"], queued["state"]) == ("scheduled", "queued")
    waited = datetime.fromisoformat(queued["at"]) - datetime.fromisoformat(scheduled["at"])
    assert waited >= timedelta(seconds=1)


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"task": 7}',
        b'{"task": "echo", "args": "no list"}',
        b'{"task": "echo", "kwargs": []}',
        b'{"task": "echo", "options": {"retries": "many"}}',
    ],
)
def test_malformed_tasks_are_refused(stack: Stack, http: requests.Session, body: bytes):
    answer = http.post(
        f"{stack.url('broker')}/tasks",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["status"] == answer.status_code


def test_an_unknown_task_id_is_not_found(stack: Stack, http: requests.Session):
    answer = http.get(f"{stack.url('broker')}/tasks/no-such-task", timeout=10)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_queues_and_workers_are_listed(stack: Stack, http: requests.Session):
    assert http.get(f"{stack.url('broker')}/queues", timeout=10).status_code == 200
    workers = http.get(f"{stack.url('broker')}/workers", timeout=10).json()
    assert len(workers["workers"] if isinstance(workers, dict) else workers) >= 2


@pytest.mark.parametrize("service", ["broker", "ledger-1", "ledger-2", "ledger-3", "web"])
def test_every_http_service_tells_its_health_and_its_interface(
    stack: Stack, http: requests.Session, service: str
):
    def is_well() -> bool:
        health = http.get(f"{stack.url(service)}/healthz", timeout=10)
        assert health.status_code == 200
        return health.json()["status"] == "ok"

    # A fault that another test has made is forgotten when the service has looked again.
    wait_until(is_well, f"{service} is well")
    description = http.get(f"{stack.url(service)}/openapi.json", timeout=10).json()
    assert description["openapi"].startswith("3.1")
    assert "/healthz" in description["paths"]

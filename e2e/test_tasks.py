"""The task queue through its doors: the HTTP API, the Python API, the command line."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import redis
import requests

from e2e.stack import ROOT, Stack, wait_until
from e2e.tasks import PATIENCE_S, finished, running, submit
from services.broker.client import (
    BrokerError,
    TaskCancelled,
    TaskFailed,
    chain,
    chord,
    connect,
    gather,
    group,
)
from services.worker import samples


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


def test_save_stores_an_object(stack: Stack, http: requests.Session):
    saved = {"name": "ada", "tags": ["a", "b"]}
    task = finished(stack, http, submit(stack, http, "save", [saved]))
    assert task["state"] == "succeeded"
    with redis.Redis.from_url(store_url(stack, "kvdb"), protocol=2) as kvdb:
        assert json.loads(kvdb.get(task["result"])) == saved


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


# The Python API: what a program of anybody's does.


def store_url(stack: Stack, service: str) -> str:
    """Where the queue is kept: a real Redis, where the stack was told to use one."""
    host, port = stack.address(service)
    return os.environ.get(f"{service}_url".upper()) or f"redis://{host}:{port}"


@pytest.fixture(params=["through the broker", "straight to the store"])
def connected(stack: Stack, request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways to the queue; the second is what Celery's clients do."""
    if request.param == "through the broker":
        connection = connect(stack.url("broker"))
    else:
        connection = connect(store_url(stack, "kvdb"), pubsub_url=store_url(stack, "pubsub"))
    yield
    connection.close()


@pytest.mark.usefixtures("connected")
def test_a_program_gets_the_value_of_a_task():
    results = [samples.echo.delay(number) for number in range(10)]
    assert [value["args"] for value in gather(results, PATIENCE_S)] == [[n] for n in range(10)]


@pytest.mark.usefixtures("connected")
def test_a_program_gets_the_exception_of_a_task():
    with pytest.raises(TaskFailed, match="bad luck") as failure:
        samples.flaky.delay(1.0).get(PATIENCE_S)
    assert any("in flaky" in note for note in failure.value.__notes__)


@pytest.mark.usefixtures("connected")
def test_a_program_sees_progress_and_cancels():
    result = samples.count_to.delay(1000, 0.1)
    assert wait_until(lambda: result.progress, "it reports").fraction > 0
    assert result.cancel() == "running"
    with pytest.raises(TaskCancelled):
        result.get(PATIENCE_S)


@pytest.mark.usefixtures("connected")
def test_a_program_joins_tasks():
    echoes = [samples.echo.signature(number) for number in range(3)]
    values = chord(group(echoes), samples.echo.signature("all")).submit().get(PATIENCE_S)
    assert [value["args"] for value in values["args"][0]] == [[0], [1], [2]]
    broken = chain(samples.flaky.signature(1.0), samples.echo.signature()).submit()
    with pytest.raises(Exception, match="bad luck"):
        broken.get(PATIENCE_S)


@pytest.mark.usefixtures("connected")
def test_a_program_is_told_its_mistakes_at_once():
    with pytest.raises(TypeError, match="no JSON"):
        samples.echo.delay(object())
    with pytest.raises(BrokerError, match="priority") as refused:
        samples.echo.apply(priority=77)
    assert refused.value.status == 422


# Queues, schedules and unique tasks, by HTTP.


@pytest.fixture
def name() -> str:
    """Of a queue or schedule of this test alone."""
    return f"e2e-{uuid.uuid4().hex[:12]}"


def test_a_queue_is_paused_and_goes_on(stack: Stack, http: requests.Session, name: str):
    queue = f"{stack.url('broker')}/queues/{name}"
    assert http.post(queue, json={"paused": True}, timeout=10).json()["paused"]
    task_id = submit(stack, http, "echo", [], queue=name)
    # A task of another queue that came later is done, and this one still waits.
    assert finished(stack, http, submit(stack, http, "echo", []))["state"] == "succeeded"
    assert http.get(f"{stack.url('broker')}/tasks/{task_id}", timeout=10).json()["attempts"] == 0
    assert not http.post(queue, json={"paused": False}, timeout=10).json()["paused"]
    assert finished(stack, http, task_id)["state"] == "succeeded"


def test_a_schedule_runs_its_task(stack: Stack, http: requests.Session, name: str):
    schedule = f"{stack.url('broker')}/schedules/{name}"
    wanted = {"task": "echo", "args": [name], "every": 1}
    assert http.put(schedule, json=wanted, timeout=10).status_code == 201
    try:
        ran = wait_until(lambda: http.get(schedule, timeout=10).json()["last_task"], "it runs")
        task = finished(stack, http, ran)
        assert (task["state"], task["schedule"]) == ("succeeded", name)
    finally:
        assert http.delete(schedule, timeout=10).status_code == 204


def test_a_unique_task_is_there_once(stack: Stack, http: requests.Session, name: str):
    options = {"queue": name, "countdown": 600}
    first = submit(stack, http, "echo", [name], unique_for=60, **options)
    request = {"task": "echo", "args": [name], "options": {"unique_for": 60, **options}}
    again = http.post(f"{stack.url('broker')}/tasks", json=request, timeout=10)
    assert (again.status_code, again.json()["id"]) == (200, first)


# The command line.


@pytest.fixture
def cli(stack: Stack) -> Callable[..., dict]:
    """Runs a command; its JSON."""

    def run(*words: str, status: int = 0) -> dict:
        command = [sys.executable, "-m", "services.broker.cli", *words]
        environ = {**os.environ, "BROKER_URL": stack.url("broker")}
        shown = subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
        )
        assert shown.returncode == status, shown.stderr
        return json.loads(shown.stdout or "null") or {"complaint": shown.stderr}

    return run


def test_the_command_line_submits_and_waits(cli: Callable[..., dict]):
    task = cli("submit", "echo", "hello", "7", "name=value", "--wait")
    assert task["result"] == {"args": ["hello", 7], "kwargs": {"name": "value"}}
    failed = cli("submit", "flaky", "1.0", "--wait", status=1)
    assert failed["error"]["type"] == "RuntimeError"
    assert cli("retry", failed["id"])["tasks"][0]["state"] == "queued"


def test_the_command_line_lists_and_cancels(
    cli: Callable[..., dict], stack: Stack, http: requests.Session
):
    task_id = submit(stack, http, "sleep", [600])
    running(stack, http, task_id)
    busy = [task["id"] for worker in cli("workers")["workers"] for task in worker["running"]]
    assert task_id in busy
    cli("cancel", task_id)
    assert cli("status", task_id, "--wait", status=1)["state"] == "cancelled"
    assert task_id in [task["id"] for task in cli("list", "--state", "cancelled")["tasks"]]
    assert "default" in [queue["name"] for queue in cli("queues")["queues"]]


def test_the_command_line_says_what_is_wrong_in_one_line(cli: Callable[..., dict]):
    complaint = cli("status", "no-such-task", status=1)["complaint"]
    assert complaint == "tasks: there is no task no-such-task\n"


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

"""What no failure may do: lose a task, run it by two at a time, or write an old result."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.broker.tests.support import Store, kvdb, pubsub
from services.worker.tests.stack import PATIENCE_S, Stack
from services.worker.tests.test_pool import is_alive
from tests.processes import Running

LEASE_S = 2.0


@pytest.fixture
def stack(store: Store, tmp_path: Path) -> Iterator[Stack]:
    with Stack(store, tmp_path) as stack:
        stack.start_broker()
        yield stack


def wait_until_it_runs(stack: Stack, task_id: str, worker: str) -> None:
    stack.events.until(task_id, "running", lambda event: event.worker == worker)


def test_a_task_whose_worker_is_killed_runs_elsewhere(stack: Stack, tmp_path: Path):
    first = stack.start_worker("first", lease_s=LEASE_S)
    path, go = tmp_path / "count", tmp_path / "go"
    task_id = stack.submit("wait_for_file", str(go))
    wait_until_it_runs(stack, task_id, "first")
    claimed = stack.submit("count", str(path))
    stack.events.until(claimed, "succeeded")
    first.process.kill()
    stack.start_worker("second", lease_s=LEASE_S)
    wait_until_it_runs(stack, task_id, "second")
    go.touch()
    task = stack.result(task_id)
    assert (task["state"], task["worker"]) == ("succeeded", "second")
    assert (task["attempts"], task["losses"]) == (2, 1)
    assert [step["state"] for step in task["history"]] == [
        "queued",
        "running",
        "queued",
        "running",
        "succeeded",
    ]
    assert path.read_text().count("\n") == 1


def test_the_children_of_a_killed_worker_end_with_it(stack: Stack, tmp_path: Path):
    worker = stack.start_worker("first", lease_s=LEASE_S)
    path = tmp_path / "pids"
    task_id = stack.submit("ignore_every_signal", str(path), delivery="at_most_once")
    wait_until_it_runs(stack, task_id, "first")
    started = stack.submit("wait_for_file", str(path))
    assert stack.result(started)["state"] == "succeeded"
    worker.process.kill()
    task = stack.result(task_id)
    assert (task["state"], task["error"]["type"]) == ("dead", "WorkerLost")
    assert task["attempts"] == 1
    assert not any(is_alive(int(pid)) for pid in path.read_text().split())


def test_a_worker_that_was_stopped_for_longer_than_its_lease_cannot_write(
    stack: Stack, tmp_path: Path
):
    slow = stack.start_worker("slow", lease_s=LEASE_S)
    go, path = tmp_path / "go", tmp_path / "count"
    task_id = stack.submit("wait_for_file", str(go))
    wait_until_it_runs(stack, task_id, "slow")
    slow.process.send_signal(signal.SIGSTOP)
    go.touch()  # Its child goes on, and returns a result that the worker cannot take.
    stack.start_worker("other", lease_s=LEASE_S)
    task = stack.result(task_id)
    assert (task["state"], task["worker"], task["attempts"]) == ("succeeded", "other", 2)

    stack.processes["other"].stop()
    slow.process.send_signal(signal.SIGCONT)
    # It notices, says so, and goes on with a new session.
    again = stack.run("count", str(path))
    assert (again["state"], again["worker"]) == ("succeeded", "slow")
    assert stack.client.get(task_id) == task
    assert stack.log_of("slow").count("was given up, and starts a new session") == 1


def test_a_worker_that_is_asked_to_stop_finishes_what_runs(stack: Stack, tmp_path: Path):
    worker = stack.start_worker("first", grace=60)
    go = tmp_path / "go"
    task_id = stack.submit("wait_for_file", str(go))
    wait_until_it_runs(stack, task_id, "first")
    worker.process.send_signal(signal.SIGTERM)
    waiting = stack.submit("echo")
    go.touch()
    assert stack.result(task_id)["worker"] == "first"
    assert worker.process.wait(PATIENCE_S) == 0
    assert stack.client.get(waiting)["state"] == "queued"
    assert stack.client.workers() == []


def test_a_worker_that_must_stop_hands_back_what_does_not_end(stack: Stack):
    worker = stack.start_worker("first", grace=1)
    task_id = stack.submit("sleep", 600)
    once = stack.submit("sleep", 600, delivery="at_most_once")
    wait_until_it_runs(stack, task_id, "first")
    wait_until_it_runs(stack, once, "first")
    assert worker.stop()[0] == 0
    task = stack.client.get(task_id)
    assert (task["state"], task["history"][-1]["detail"]) == ("queued", "first was stopped")
    assert stack.client.get(once)["state"] == "dead"
    assert "Traceback" not in worker.log.read_text()


def test_a_broker_that_is_killed_is_followed_by_another(stack: Stack):
    stack.start_worker("first")
    second = stack.start_broker("second")
    task_id = stack.submit("echo", countdown=1)
    stack.processes["broker"].process.kill()
    assert second.wait(task_id, PATIENCE_S)["state"] == "succeeded"


def test_what_was_claimed_ahead_does_not_wait_behind_a_long_task(stack: Stack, tmp_path: Path):
    """With many tasks in the queue a worker claims more than it can run, but not for long."""
    go, path = tmp_path / "go", tmp_path / "count"
    first = [stack.submit("echo") for _ in range(3)]
    long = stack.submit("wait_for_file", str(go))
    others = [{"task": "count", "args": [str(path)]} for _ in range(120)]
    ids = [task["id"] for task in stack.client.submit_many(others)]
    stack.start_worker("first", concurrency=1)
    wait_until_it_runs(stack, long, "first")
    stack.start_worker("second", concurrency=1)
    assert {stack.result(task_id)["worker"] for task_id in ids} == {"second"}
    assert stack.client.get(long)["state"] == "running"
    go.touch()
    assert stack.result(long)["attempts"] == 1
    assert {stack.result(task_id)["worker"] for task_id in first} == {"first"}
    assert path.read_text().count("\n") == 120


# The store goes away and comes back; ours, as a real Redis would be started the same way.


@pytest.fixture
def restartable(tmp_path: Path) -> Iterator[tuple[Stack, dict[str, Running]]]:
    with kvdb(tmp_path) as first_kvdb, pubsub(tmp_path) as first_pubsub:
        store = Store(
            "glassbox", f"redis://{first_kvdb.endpoint}/0", f"redis://{first_pubsub.endpoint}"
        )
        with Stack(store, tmp_path) as stack:
            stack.start_broker()
            stack.start_worker("first", lease_s=LEASE_S)
            yield stack, {"kvdb": first_kvdb, "pubsub": first_pubsub}


def port_of(running: Running) -> int:
    return int(running.endpoint.rpartition(":")[2])


def submit_when_possible(stack: Stack, task: str) -> str:
    """As a client does that was told 503: again."""
    while True:
        try:
            return stack.submit(task)
        except Exception as error:
            if getattr(error, "status", None) != 503:
                raise


def said(log: str, text: str) -> int:
    return len(re.findall(rf"\b{re.escape(text)}\b", log))


def test_everybody_goes_on_when_kvdb_was_killed(restartable, tmp_path: Path):
    stack, services = restartable
    assert stack.run("echo")["state"] == "succeeded"
    services["kvdb"].process.kill()
    services["kvdb"].process.wait()
    with kvdb(tmp_path, port_of(services["kvdb"])):
        task_id = submit_when_possible(stack, "echo")
        assert stack.result(task_id)["state"] == "succeeded"
        # The broker answers requests before its scheduler has found kvdb again.
        assert stack.run("echo", countdown=0.1)["state"] == "succeeded"
    worker, broker = stack.log_of("first"), stack.log_of("broker")
    assert said(worker, "lost kvdb") == said(worker, "kvdb is back") == 1
    # A broker that did not need kvdb in the meantime has not missed it.
    assert said(broker, "lost kvdb") == said(broker, "kvdb is back") <= 1
    assert "Traceback" not in worker + broker


def test_a_result_waits_for_kvdb_to_come_back(restartable, tmp_path: Path):
    """kvdb stops properly, and has everything again when it is back."""
    stack, services = restartable
    go = tmp_path / "go"
    task_id = stack.submit("wait_for_file", str(go))
    wait_until_it_runs(stack, task_id, "first")
    assert services["kvdb"].stop()[0] == 0
    go.touch()
    with kvdb(tmp_path, port_of(services["kvdb"])):
        submit_when_possible(stack, "echo")
        task = stack.result(task_id)
    assert (task["state"], task["attempts"]) == ("succeeded", 1)


def test_everybody_goes_on_when_pubsub_was_killed(restartable, tmp_path: Path):
    stack, services = restartable
    services["pubsub"].process.kill()
    services["pubsub"].process.wait()
    # Nobody is woken, so the worker finds it when it renews its lease.
    unannounced = stack.submit("echo")
    with pubsub(tmp_path, port_of(services["pubsub"])):
        assert stack.result(unannounced)["state"] == "succeeded"
        assert stack.run("echo")["state"] == "succeeded"
    assert "Traceback" not in stack.log_of("broker") + stack.log_of("first")

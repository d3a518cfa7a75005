"""A task through its whole life: a broker, two workers, and a store, each a process of its own."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.broker.client import BrokerError
from services.broker.tests.support import Store
from services.kvdb.client import KVClient
from services.worker.tests.stack import PATIENCE_S, Stack, running_stack
from tests.processes import run_service


@pytest.fixture(scope="module")
def stack(running_store: Store, tmp_path_factory) -> Iterator[Stack]:
    with running_stack(running_store, tmp_path_factory.mktemp("stack"), "w1", "w2") as stack:
        yield stack


def states(task: dict) -> list[str]:
    return [step["state"] for step in task["history"]]


def test_a_task_succeeds(stack: Stack):
    task_id = stack.client.submit("echo", ["hello", 7], {"name": "value"})["id"]
    task = stack.result(task_id)
    assert task["state"] == "succeeded"
    assert task["result"] == {"args": ["hello", 7], "kwargs": {"name": "value"}}
    assert task["output"] == "hello 7 name=value\n"
    assert (task["attempts"], task["error"]) == (1, None)
    assert task["worker"] in ("w1", "w2")
    assert states(task) == ["queued", "running", "succeeded"]
    assert task["created_at"] <= task["started_at"] <= task["finished_at"]
    stack.events.until(task_id, "succeeded")
    assert stack.events.of(task_id) == ["queued", "running", "succeeded"]


def test_a_task_saves_an_object(stack: Stack):
    task = stack.run("save", {"name": "Ada"})
    kv = KVClient(stack.store.kvdb)
    assert json.loads(kv.execute("GET", task["result"])) == {"name": "Ada"}
    kv.close()


def test_a_failing_task_is_retried_and_dead_in_the_end(stack: Stack):
    task = stack.run("flaky", 1.0, retries=2, retry_delay=0.05)
    assert (task["state"], task["attempts"]) == ("dead", 3)
    assert task["error"]["type"] == "RuntimeError"
    attempt = ["running", "retrying", "queued"]
    assert states(task) == ["queued", *attempt, *attempt, "running", "dead"]


def test_a_dead_task_is_tried_again_by_hand(stack: Stack):
    task_id = stack.run("flaky", 1.0)["id"]
    again = stack.client.retry(task_id)
    assert (again["state"], again["error"]) == ("queued", None)
    stack.events.until(task_id, "running", lambda event: event.at_ms >= 0)
    assert stack.result(task_id)["attempts"] == 2


def test_a_task_that_runs_too_long_is_killed(stack: Stack, tmp_path: Path):
    task = stack.run("ignore_every_signal", str(tmp_path / "pids"), timeout=1.5, soft_timeout=0.1)
    assert (task["state"], task["error"]["type"]) == ("failed", "TimeLimitExceeded")


def test_a_task_that_nobody_knows_fails_with_a_reason(stack: Stack):
    task = stack.run("no_such_task", retries=5)
    assert (task["state"], task["attempts"]) == ("failed", 1)
    assert "knows no task 'no_such_task'" in task["error"]["message"]


def test_a_task_waits_for_its_time(stack: Stack):
    task_id = stack.submit("echo", countdown=0.3)
    task = stack.result(task_id)
    assert states(task) == ["scheduled", "queued", "running", "succeeded"]


def test_a_task_that_nobody_starts_in_time_expires(stack: Stack):
    task = stack.run("echo", queue="nobody", expires=0.2)
    assert (task["state"], task["attempts"]) == ("expired", 0)


def test_a_task_that_waits_is_cancelled(stack: Stack):
    task_id = stack.submit("echo", queue="nobody")
    assert stack.client.cancel(task_id)["state"] == "cancelled"
    assert stack.result(task_id)["attempts"] == 0


def test_a_task_that_runs_is_cancelled(stack: Stack):
    task_id = stack.submit("sleep", 600)
    stack.events.until(task_id, "running")
    assert stack.client.cancel(task_id)["state"] == "running"
    task = stack.result(task_id)
    assert (task["state"], task["attempts"]) == ("cancelled", 1)


def test_a_task_that_prints_megabytes_does_not_fill_the_store(stack: Stack):
    task = stack.run("print_megabytes")
    assert task["state"] == "succeeded"
    assert task["output"].endswith("bytes more")
    assert len(task["output"]) < 100_000


def test_what_was_finished_cannot_be_cancelled(stack: Stack):
    task_id = stack.run("echo")["id"]
    with pytest.raises(BrokerError) as refused:
        stack.client.cancel(task_id)
    assert refused.value.status == 409


def test_many_tasks_each_run_once(stack: Stack, tmp_path: Path):
    """Submitted through two brokers, run by two workers."""
    second = stack.start_broker("broker-2")
    paths = [str(tmp_path / f"count-{number}") for number in range(60)]
    ids = []
    for start, client in ((0, stack.client), (30, second)):
        documents = [{"task": "count", "args": [path]} for path in paths[start : start + 30]]
        ids += [task["id"] for task in client.submit_many(documents)]
    tasks = [second.wait(task_id, PATIENCE_S) for task_id in ids]
    assert Counter(task["state"] for task in tasks) == {"succeeded": 60}
    assert {task["result"] for task in tasks} == {1}
    assert {Path(path).read_text().count("\n") for path in paths} == {1}


def test_workers_tell_how_they_are(stack: Stack):
    task_id = stack.submit("sleep", 600)
    worker = stack.events.until(task_id, "running").worker
    workers = {one["name"]: one for one in stack.client.workers()}
    assert {"w1", "w2"} <= set(workers)
    assert workers[worker]["status"] == "ok"
    assert [task["id"] for task in workers[worker]["running"]] == [task_id]
    assert workers[worker]["memory_bytes"] > 0
    assert "echo" in workers[worker]["tasks"]
    settings = stack.store.settings | {"WORKER_NAME": worker}
    assert run_service("worker", "--health", settings=settings).returncode == 0
    settings["WORKER_NAME"] = "nobody"
    assert run_service("worker", "--health", settings=settings).returncode == 1
    stack.client.cancel(task_id)
    assert stack.result(task_id)["state"] == "cancelled"


def test_the_queues_are_served_by_name(stack: Stack):
    assert stack.run("echo", queue="mail")["state"] == "succeeded"
    names = {queue["name"] for queue in stack.client.queues()["queues"]}
    assert {"default", "mail"} <= names


def test_a_worker_in_a_burst_ends_when_the_queues_are_empty(stack: Stack):
    ids = [stack.submit("echo", number, queue="burst") for number in range(20)]
    worker = stack.start_worker(
        "burst", queues="burst", burst="yes", max_tasks_per_child=7, concurrency=1
    )
    assert worker.process.wait(PATIENCE_S) == 0
    assert {stack.client.get(task_id)["state"] for task_id in ids} == {"succeeded"}
    replaced = r'a child is replaced pid=\d+ reason="it has run 7 tasks"'
    assert re.search(replaced, stack.log_of("burst"))


def test_a_task_that_eats_memory_fails_and_the_worker_goes_on(stack: Stack):
    stack.start_worker("small", queues="small", memory_limit=100, concurrency=1)
    task = stack.run("eat_memory", 300, queue="small")
    assert (task["state"], task["error"]["type"]) == ("failed", "MemoryLimitExceeded")
    assert stack.run("echo", queue="small")["worker"] == "small"


def test_progress_is_kept_until_the_end(stack: Stack):
    task = stack.run("report_progress", 4, 0.15)
    assert task["progress"]["fraction"] == 1.0
    assert task["progress"]["message"] == "step 4"

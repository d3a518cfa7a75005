"""Chaos: a whole task queue whose processes are killed and restarted at random, while it works.

    TASKS_CHAOS_S=600 TASKS_CHAOS_SEED=7 pytest services/broker/tests/test_chaos.py

Two brokers, two workers, kvdb (append-only, fsync before each reply) and pubsub are killed with
SIGKILL, one after the other and several at once, for `TASKS_CHAOS_S` seconds. Tasks of all kinds
are submitted meanwhile, each under an idempotency key, until somebody answers. Then everything is
left alone, and must come to its end:

- every task that was submitted has exactly one final state, and none has vanished;
- what succeeded took effect at least once, and what must not run twice at most once;
- the result is that of the last attempt: none was overwritten by a worker that had lost its lease;
- every workflow has the result that it must have;
- a schedule has made each of its runs once.
"""

import contextlib
import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from services.broker import keys
from services.broker.client import BrokerClient
from services.broker.errors import BrokerError
from services.broker.schedules import GRACE_S
from services.broker.states import State
from services.broker.task_record import TaskRecord, decode_record
from services.broker.workflow_record import WorkflowRecord, WorkflowState, decode_workflow
from services.common.redis_url import parse_redis_url
from services.kvdb.client import KVClient
from services.web.client import HTTPClient, HTTPClientError
from tests.processes import Running, running_service

CHAOS_S = float(os.environ.get("TASKS_CHAOS_S", "8"))
SEED = int(os.environ.get("TASKS_CHAOS_SEED", "1"))
PATIENCE_S = 60.0 + CHAOS_S
LEASE_S = "1.0"
BULK = 20


class Constellation:
    """Processes by name; each comes back with the same settings, on the same port."""

    def __init__(self, directory: Path):
        self._directory = directory
        self._settings: dict[str, tuple[str, dict[str, str]]] = {}
        self._running: dict[str, contextlib.ExitStack] = {}
        self._numbers = itertools.count()
        self.services: dict[str, Running] = {}

    def start(self, name: str, package: str, /, **settings: str) -> Running:
        variables = {f"{package}_{option}".upper(): value for option, value in settings.items()}
        urls = {
            f"{one.upper()}_URL": f"redis://{self.services[one].endpoint}"
            for one in ("kvdb", "pubsub")
            if one in self.services
        }
        running = self._run(name, package, urls | variables)
        if package != "worker":
            variables[f"{package}_PORT".upper()] = running.endpoint.rpartition(":")[2]
        self._settings[name] = (package, urls | variables)
        return running

    def kill(self, name: str) -> None:
        self.services[name].process.send_signal(signal.SIGKILL)
        self._running.pop(name).close()

    def restart(self, name: str) -> None:
        self._run(name, *self._settings[name])

    def _run(self, name: str, package: str, settings: dict[str, str]) -> Running:
        log = self._directory / f"{name}-{next(self._numbers)}.log"
        stack = contextlib.ExitStack()
        self.services[name] = stack.enter_context(running_service(package, settings, log))
        self._running[name] = stack
        return self.services[name]

    def close(self) -> None:
        for stack in reversed(self._running.values()):
            stack.close()


class Caller(threading.Thread):
    """Submits tasks and workflows, each again and again until it is answered."""

    def __init__(self, constellation: Constellation, trace: Path, seed: int):
        super().__init__(daemon=True)
        self._random = random.Random(seed)
        self._constellation = constellation
        self._trace = str(trace)
        self._is_over = threading.Event()
        self.tasks: dict[str, str] = {}
        """The name of each task, by its id."""
        self.workflows: dict[str, int] = {}
        """The result that each workflow must have, by its id."""

    def stop(self) -> None:
        self._is_over.set()
        self.join(PATIENCE_S)
        assert not self.is_alive(), "a submission was never answered"

    def run(self) -> None:
        for number in itertools.count():
            if self._is_over.is_set():
                return
            if number % 5 == 4:
                self._submit_workflow()
            else:
                names = [f"{number}-{index}" for index in range(BULK)]
                answer = self._until_answered("/tasks", [self._task(name) for name in names])
                ids = [task["id"] for task in answer["tasks"]]
                self.tasks |= dict(zip(ids, names, strict=True))
            # Not more than they can do while they live: the end must come in time.
            self._is_over.wait(0.05)

    def _task(self, name: str) -> dict[str, object]:
        kind, seconds = self._random.random(), self._random.choice([0, 0, 0, 0.02])
        options: dict[str, object] = {"idempotency_key": name}
        if kind < 0.2:
            return {
                "task": "leave_trace_once",
                "args": [self._trace, name, seconds],
                "options": options,
            }
        if kind < 0.3:
            options["countdown"] = self._random.random()
        elif kind < 0.4:
            options["concurrency_key"] = self._random.choice("abcdefgh")
        elif kind < 0.5:
            options["queue"] = "limited"
        chance = 0.2 if kind > 0.8 else 0.0
        args = [self._trace, name, seconds, chance]
        return {"task": "leave_trace", "args": args, "options": options}

    def _submit_workflow(self) -> None:
        width = self._random.randint(1, 5)
        chord = {"chord": [{"task": "one"}] * width, "callback": {"task": "add", "args": [1]}}
        # An answer that was lost leaves a workflow behind that nobody knows; it must end, too.
        self.workflows[self._until_answered("/workflows", chord)["id"]] = width + 1

    def _until_answered(self, path: str, document: object) -> dict:
        brokers = itertools.cycle(["broker-1", "broker-2"])
        while True:
            endpoint = self._constellation.services[next(brokers)].endpoint
            http = HTTPClient(f"http://{endpoint}", timeout_s=5.0)
            try:
                return http.post(path, json=document).check().json()
            except HTTPClientError as error:
                assert error.status in (None, 503), error
                time.sleep(0.05)  # Nobody is there; there is no event for "somebody is".
            finally:
                http.close()


@pytest.fixture
def constellation(tmp_path: Path) -> Iterator[Constellation]:
    constellation = Constellation(tmp_path)
    try:
        constellation.start(
            *("kvdb", "kvdb"),
            port="0",
            data_dir=str(tmp_path / "kvdb"),
            appendonly="yes",
            appendfsync="always",
        )
        constellation.start("pubsub", "pubsub", port="0")
        for name in ("broker-1", "broker-2"):
            constellation.start(name, "broker", port="0")
        for name in ("worker-1", "worker-2"):
            constellation.start(
                name,
                "worker",
                name=name,
                lease_s=LEASE_S,
                log_level="warning",
                **{"import": "services.broker.tests.effects"},
            )
        yield constellation
    finally:
        constellation.close()


def wreak_havoc(constellation: Constellation, seed: int) -> Counter[str]:
    """Kill and restart, one or two at a time, until the time is over."""
    chance, killed = random.Random(seed), Counter()
    names = sorted(constellation.services)
    until_s = time.monotonic() + CHAOS_S
    while time.monotonic() < until_s:
        time.sleep(chance.uniform(0.1, 0.8))
        victims = chance.sample(names, chance.choice([1, 1, 2]))
        for name in victims:
            constellation.kill(name)
            killed[name.partition("-")[0]] += 1
        time.sleep(chance.uniform(0.0, 0.5))
        # The stores first: whoever comes back looks for them.
        for name in sorted(victims, key=lambda name: ("kvdb", "pubsub").count(name) == 0):
            constellation.restart(name)
    return killed


def unfinished(kv: KVClient) -> int:
    states = [state for state in State if not state.is_final]
    return sum(kv.execute("ZCARD", keys.in_state(state)) for state in states) + kv.execute(
        "ZCARD", keys.STEPS
    )


def wait_for_the_end(constellation: Constellation, kv: KVClient, caller: Caller) -> None:
    """Wait for the last one of the tasks, by their own way of waiting."""
    client = BrokerClient(f"http://{constellation.services['broker-1'].endpoint}")
    deadline_s = time.monotonic() + PATIENCE_S
    try:
        for task_id in reversed(caller.tasks):
            client.wait(task_id, max(0.1, deadline_s - time.monotonic()))
        while unfinished(kv) and time.monotonic() < deadline_s:
            time.sleep(0.1)  # The steps of workflows, of which one does not know.
    except BrokerError as error:
        raise AssertionError(f"the broker is not there: {error}") from error
    finally:
        client.close()


def stored(kv: KVClient, pattern: str, decode: Callable[[bytes], object]) -> list:
    """Every record of a kind."""
    names = kv.execute("KEYS", pattern)
    return [decode(document) for document in kv.execute("MGET", *names)] if names else []


def test_nothing_is_lost_and_nothing_is_done_twice_that_must_not(
    constellation: Constellation, tmp_path: Path
):
    trace = tmp_path / "trace"
    trace.touch()
    client = HTTPClient(f"http://{constellation.services['broker-1'].endpoint}")
    client.post("/queues/limited", json={"weight": 2}).check()
    ticking = {"task": "one", "every": 1, "options": {"queue": "limited"}}
    client.request("PUT", "/schedules/tick", json=ticking).check()
    client.close()
    caller = Caller(constellation, trace, SEED)
    caller.start()
    killed = wreak_havoc(constellation, SEED)
    caller.stop()
    kv = KVClient(parse_redis_url(f"redis://{constellation.services['kvdb'].endpoint}", 0))
    wait_for_the_end(constellation, kv, caller)
    # To read all of them takes a while, and the schedule goes on.
    runs_before = kv.execute("KEYS", "tasks:idempotent:schedule:tick:*")
    tasks = {task.id: task for task in stored(kv, "tasks:record:*", decode_record)}
    runs = sorted(kv.execute("KEYS", "tasks:idempotent:schedule:tick:*"))
    workflows = {flow.id: flow for flow in stored(kv, "tasks:workflow:*", decode_workflow)}
    kv.close()

    seed = f"seed {SEED}, killed {dict(killed)}"
    assert caller.tasks.keys() <= tasks.keys(), f"tasks were lost; {seed}"
    left = Counter(task.state.value for task in tasks.values() if not task.state.is_final)
    assert not left, f"tasks have no end; {seed}"
    check_effects(caller, tasks, trace, seed)
    check_workflows(caller, workflows, seed)
    check_schedule(tasks, len(runs_before), [name.decode() for name in runs], seed)
    print(f"{len(tasks)} tasks, {len(workflows)} workflows; {seed}")


def check_effects(caller: Caller, tasks: dict[str, TaskRecord], trace: Path, seed: str) -> None:
    effects = Counter(trace.read_text().split())
    for task_id, name in caller.tasks.items():
        task = tasks[task_id]
        ends = [step.state for step in task.history if step.state.is_final]
        assert ends == [task.state], f"{task_id} ended more than once; {seed}"
        if task.task == "leave_trace_once":
            assert task.state in (State.SUCCEEDED, State.DEAD), f"{task}; {seed}"
            assert effects[name] <= 1, f"{name} took effect {effects[name]} times; {seed}"
        else:
            # Five lost workers make a task a poison message; that is rare, and no loss.
            assert task.state is State.SUCCEEDED or task.losses >= 5, f"{task}; {seed}"
        if task.state is State.SUCCEEDED:
            assert effects[name] >= 1, f"{name} took no effect; {seed}"
            assert task.result == task.attempts, f"{task_id} was overwritten; {seed}"


def check_workflows(caller: Caller, workflows: dict[str, WorkflowRecord], seed: str) -> None:
    for workflow_id, expected in caller.workflows.items():
        workflow = workflows[workflow_id]
        assert workflow.state is WorkflowState.SUCCEEDED, f"{workflow}; {seed}"
        assert workflow.result == expected, f"{workflow}; {seed}"
    assert all(one.state.is_final for one in workflows.values()), f"a workflow hangs; {seed}"


def check_schedule(
    tasks: dict[str, TaskRecord], runs_before: int, runs: list[str], seed: str
) -> None:
    """The name of each run's key ends with its time: `…:2026-11-23T09:30:00.125Z`.

    `runs_before` were there before the tasks were read, `runs` after that.
    """
    made = [task for task in tasks.values() if task.schedule == "tick"]
    assert runs_before <= len(made) <= len(runs), f"a run was made twice or not at all; {seed}"
    times_s = [datetime.fromisoformat(name.split(":tick:")[1]).timestamp() for name in runs]
    gaps_s = [round(later - earlier, 3) for earlier, later in pairwise(times_s)]
    # Only who is away for longer than the grace misses runs, and then makes one for all of them.
    assert all(gap == 1 or gap > GRACE_S for gap in gaps_s), f"{gaps_s}; {seed}"
    assert len(runs) > 3

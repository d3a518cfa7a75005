"""Anything may happen in any order: a state machine that submits, runs, kills and lets time pass.

After each step every task must be in the place that follows from its record, and
every index must agree; at the end everybody works until nothing is left to do, and every task must
have come to its end, each slot and lane must be empty, and nobody may have run a task that another
one was running. TASKS_EXAMPLES=400 looks at more of what may happen.
"""

import os
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from services.broker import keys
from services.broker.fence import Fenced
from services.broker.outcomes import Failed, HandedBack, Succeeded
from services.broker.states import ALLOWED, IllegalTransition, State
from services.broker.task_record import TaskError, TaskRecord, decode_record
from services.broker.tests.support import Store
from services.broker.tests.world import World
from services.kvdb.client import KVClient

OUTCOMES = (
    Succeeded("done"),
    Failed(TaskError("ValueError", "boom")),
    Failed(TaskError("TypeError", "hopeless"), is_hopeless=True),
    HandedBack("stopped"),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "queue": st.sampled_from(["default", "mail"]),
        "priority": st.sampled_from([1, 9]),
        "retries": st.integers(0, 2),
        "retry_delay": st.sampled_from([0, 5]),
        "countdown": st.sampled_from([0, 10]),
        "expires": st.sampled_from([3, 60]),
        "delivery": st.sampled_from(["at_least_once", "at_most_once"]),
        "rate_limit": st.sampled_from(["1/s", "20/m"]),
        "unique_for": st.just(1000),
        "concurrency_key": st.sampled_from(["a", "b"]),
    },
)


class TaskQueueMachine(RuleBasedStateMachine):
    """`store` and `kv` are set before it runs."""

    store: Store
    kv: KVClient
    tasks = Bundle("tasks")

    def __init__(self):
        super().__init__()
        self.kv.execute("FLUSHDB")
        self.world = World(self.store, self.kv)
        self.submitted: set[str] = set()
        self.ghosts = []
        self.names = (f"s{number}" for number in range(10_000))

    def teardown(self) -> None:
        try:
            self.come_to_an_end()
        finally:
            self.world.close()

    # What may happen.

    @rule(target=tasks, name=st.sampled_from(["one", "two"]), options=OPTIONS)
    def submit(self, name: str, options: dict[str, object]) -> str:
        task_id = self.world.submit(name, **options)
        self.submitted.add(task_id)
        return task_id

    @rule()
    def a_worker_comes(self) -> None:
        if len(self.world.sessions) < 3:
            self.world.worker(next(self.names))

    @rule(data=st.data())
    def claim_and_start(self, data: st.DataObject) -> None:
        if session := self.any_session(data):
            backlog = sorted(name for name, count in session.backlog().items() if count)
            claims = data.draw(st.lists(st.sampled_from(backlog), max_size=3)) if backlog else []
            self.nobody_runs_it_twice(session.advance({}, claims).started)

    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def finish(self, data: st.DataObject, outcome: object) -> None:
        session = self.any_session(data)
        if session and session.held:
            task_id = data.draw(st.sampled_from(sorted(session.held)))
            self.nobody_runs_it_twice(session.advance({task_id: outcome}, []).started)

    @rule(data=st.data(), is_gone=st.booleans())
    def a_worker_is_lost(self, data: st.DataObject, is_gone: bool) -> None:
        if session := self.any_session(data):
            held = dict(session.held)
            self.world.lose(session.id)
            if not is_gone:
                self.ghosts.append((session, held))

    @rule()
    def the_lost_write_in_vain(self) -> None:
        before = self.documents()
        for session, held in self.ghosts:
            with pytest.raises(Fenced):
                session.advance(dict.fromkeys(held, Succeeded("from beyond")), [])
                session.advance({}, [])
        assert self.documents() == before
        self.ghosts.clear()

    @rule(data=st.data())
    def a_worker_stops(self, data: st.DataObject) -> None:
        session = self.any_session(data)
        if session and not session.held:
            session.close()
            del self.world.sessions[session.id]

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.turn(seconds)

    @rule(task_id=tasks)
    def cancel(self, task_id: str) -> None:
        before = self.world.task(task_id)
        try:
            self.world.parts.queue.cancel(task_id)
        except IllegalTransition:
            assert before.state.is_final
            assert self.world.task(task_id) == before

    @rule(task_id=tasks)
    def retry(self, task_id: str) -> None:
        before = self.world.task(task_id)
        try:
            self.world.parts.queue.retry(task_id)
        except IllegalTransition:
            assert not before.state.is_final
            assert self.world.task(task_id) == before

    @rule(queue=st.sampled_from(["default", "mail"]), paused=st.booleans())
    def pause(self, queue: str, paused: bool) -> None:
        self.world.parts.queues.change(queue, {"paused": paused})

    # What must hold.

    @invariant()
    def every_task_is_where_its_record_says(self) -> None:
        places = self.places()
        for task in self.records():
            assert task.id in self.submitted
            found = {place for place, ids in places.items() if task.id in ids}
            assert found & self.places_of(task) or task.state.is_final, f"{task} is in {found}"
            # An id that was left behind in a list is a hint that whoever claims it drops.
            hints = {
                place for place in found if place.startswith(("tasks:queue:", "tasks:claimed"))
            }
            assert found - hints <= self.places_of(task), f"{task} is in {found}"
            for state in State:
                index = self.kv.execute("ZSCORE", keys.in_state(state), task.id)
                assert (index is not None) == (state is task.state)

    @invariant()
    def slots_are_held_by_those_who_run(self) -> None:
        running = [task for task in self.records() if task.state is State.RUNNING]
        holders = Counter(task.options.concurrency_key for task in running)
        for key in ("a", "b"):
            assert self.kv.execute("SCARD", keys.slots(key)) == holders[key] <= 1

    @invariant()
    def histories_follow_the_table(self) -> None:
        for task in self.records():
            states = [step.state for step in task.history]
            for before, after in pairwise(states):
                # A queued task that goes into a lane says so, and stays queued.
                assert after in ALLOWED[before] or before is after is State.QUEUED

    def come_to_an_end(self) -> None:
        for queue in ("default", "mail"):
            self.world.parts.queues.change(queue, {"paused": False})
        worker = self.world.worker(next(self.names))
        for name in [name for name in self.world.sessions if name != worker.id]:
            self.world.lose(name)
        for _ in range(300):
            self.world.turn(5)
            self.nobody_runs_it_twice(self.world.start(worker))
            self.world.finish(worker)
            if all(task.state.is_final for task in self.records()):
                break
        assert {task.id for task in self.records()} == self.submitted
        assert all(task.state.is_final for task in self.records())
        self.world.turn(5)
        self.every_task_is_where_its_record_says()
        assert set(self.kv.execute("HVALS", keys.BLOCKED)) <= {b"0"}
        left = {key for key in self.kv.execute("KEYS", "*") if b"lane" in key or b"slots" in key}
        assert left == set()

    # How to look.

    def any_session(self, data: st.DataObject):
        names = sorted(self.world.sessions)
        return self.world.sessions[data.draw(st.sampled_from(names))] if names else None

    def nobody_runs_it_twice(self, started: list[TaskRecord]) -> None:
        held = Counter(one for session in self.world.sessions.values() for one in session.held)
        assert all(count == 1 for count in held.values())
        for task in started:
            if task.options.effective().delivery.value == "at_most_once":
                starts = [step for step in task.history if step.state is State.RUNNING]
                requeues = [step for step in task.history if step.detail == "retried by hand"]
                failures = [step for step in task.history if step.state is State.RETRYING]
                assert len(starts) <= 1 + len(requeues) + len(failures)

    def documents(self) -> list[bytes]:
        names = sorted(self.kv.execute("KEYS", "tasks:record:*"))
        return self.kv.execute("MGET", *names) if names else []

    def records(self) -> list[TaskRecord]:
        return [decode_record(document) for document in self.documents()]

    def places(self) -> dict[str, list[str]]:
        """Everything that lies anywhere, by the key that it lies in."""
        found: dict[str, list[str]] = {}
        for kind, read in (("queue:*", "LRANGE"), ("claimed:*", "LRANGE"), ("lane:*", "ZRANGE")):
            for key in self.kv.execute("KEYS", f"tasks:{kind}"):
                found[key.decode()] = [one.decode() for one in self.kv.execute(read, key, 0, -1)]
        found[keys.DUE] = [one.decode() for one in self.kv.execute("ZRANGE", keys.DUE, 0, -1)]
        return found

    def places_of(self, task: TaskRecord) -> set[str]:
        """Where it may be; a task that was claimed and not started is still queued."""
        if task.state is State.RUNNING:
            return {keys.claimed(task.session)}
        if task.state.is_waiting_for_time:
            return {keys.DUE}
        if task.lane is not None:
            return {keys.lane(task.lane)}
        if task.state is State.QUEUED:
            options = task.options.effective()
            sessions = {keys.claimed(name) for name in self.world.sessions}
            return sessions | {keys.queue(f"{options.queue}/{options.priority}")}
        return set()


def test_anything_may_happen_in_any_order(store: Store, kv: KVClient):
    class Machine(TaskQueueMachine):
        pass

    Machine.store, Machine.kv = store, kv
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=int(os.environ.get("TASKS_EXAMPLES", "10")),
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

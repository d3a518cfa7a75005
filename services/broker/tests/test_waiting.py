"""Waiting is woken by events, and misses none."""

import threading
from dataclasses import replace

import pytest

from services.broker.events import end_of, event_of
from services.broker.states import State
from services.broker.task_queue import NoSuchTask
from services.broker.task_record import TaskRecord
from services.broker.tests.support import record, running
from services.broker.waiting import MAX_EXPECTED, TooManyWaiting, Waiting
from services.pubsub.tests.serving import wait_until

PATIENCE_S = 30.0


class Tasks:
    """A store of one task that tells when it has been read."""

    def __init__(self) -> None:
        self.task: TaskRecord = running(record("t1"))
        self.was_read = threading.Semaphore(0)

    def get(self, task_id: str) -> TaskRecord:
        if task_id != "t1":
            raise NoSuchTask(task_id)
        task = self.task
        self.was_read.release()
        return task

    def finish(self) -> TaskRecord:
        self.task = self.task.moved_to(State.SUCCEEDED, self.task.created_at_ms + 9)
        return self.task


class Waiter(threading.Thread):
    def __init__(self, waiting: Waiting, timeout_s: float = PATIENCE_S):
        super().__init__(daemon=True)
        self.waiting, self.timeout_s = waiting, timeout_s
        self.answer: TaskRecord | None = None
        self.start()

    def run(self) -> None:
        self.answer = self.waiting.wait("t1", self.timeout_s)

    def result(self) -> TaskRecord | None:
        self.join(PATIENCE_S)
        return self.answer


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture
def waiting(tasks: Tasks) -> Waiting:
    return Waiting(tasks.get, max_waiting=2)


def test_a_finished_task_is_answered_at_once(tasks: Tasks, waiting: Waiting):
    done = tasks.finish()
    assert waiting.wait("t1", PATIENCE_S) is done


def test_an_event_wakes_whoever_waits(tasks: Tasks, waiting: Waiting):
    waiters = [Waiter(waiting), Waiter(waiting)]
    for _ in waiters:
        assert tasks.was_read.acquire(timeout=PATIENCE_S)
    done = tasks.finish()
    waiting.on_event(event_of(done))
    assert [waiter.result() for waiter in waiters] == [done, done]


def test_events_of_other_tasks_and_other_states_wake_nobody(waiting: Waiting):
    woken = threading.Event()
    waiting._enter("t1", woken)
    waiting.on_event(event_of(running(record("t1"))))
    waiting.on_event(event_of(running(record("t2")).moved_to(State.SUCCEEDED, 0)))
    assert not woken.is_set()
    waiting.on_finished("t1")
    assert woken.is_set()


def test_the_end_of_what_was_submitted_here_brings_its_record(tasks: Tasks):
    waiting = Waiting(tasks.get, max_waiting=1, takes_records=True)
    done = tasks.finish()
    waiting.expect(["t1"])
    waiter = Waiter(waiting)
    wait_until(lambda: waiting._waiting)
    waiting.on_event(end_of(done))
    assert waiter.result() == done
    assert not tasks.was_read.acquire(blocking=False)


def test_an_old_end_that_comes_late_is_only_a_reason_to_look(tasks: Tasks):
    waiting = Waiting(tasks.get, max_waiting=1, takes_records=True)
    old = tasks.task.moved_to(State.FAILED, tasks.task.created_at_ms + 1)
    waiter = Waiter(waiting)
    assert tasks.was_read.acquire(timeout=PATIENCE_S)
    waiting.on_event(end_of(old))
    assert tasks.was_read.acquire(timeout=PATIENCE_S)
    assert waiter.answer is None
    done = tasks.finish()
    waiting.on_event(end_of(done))
    assert waiter.result() is done


@pytest.mark.parametrize("document", [{}, {"id": "t1"}, {"state": "succeeded"}])
def test_what_is_no_record_is_only_a_reason_to_look(tasks: Tasks, document: dict):
    waiting = Waiting(tasks.get, max_waiting=1, takes_records=True)
    done = tasks.finish()
    waiting.expect(["t1"])
    waiter = Waiter(waiting)
    wait_until(lambda: waiting._waiting)
    waiting.on_event(replace(end_of(done), record=document))
    assert waiter.result() is done


def test_an_event_that_comes_before_the_record_was_read_is_not_missed(tasks: Tasks):
    def get(task_id: str) -> TaskRecord:
        before = tasks.get(task_id)
        if not before.state.is_final:
            waiting.on_finished(tasks.finish().id)
        return before

    waiting = Waiting(get, max_waiting=1)
    assert waiting.wait("t1", PATIENCE_S).state is State.SUCCEEDED


def test_after_a_reconnect_everybody_looks(tasks: Tasks, waiting: Waiting):
    waiter = Waiter(waiting)
    tasks.was_read.acquire(timeout=PATIENCE_S)
    done = tasks.finish()
    waiting.look_all()
    assert waiter.result() is done


def test_whoever_waits_too_long_gets_the_task_as_it_is(tasks: Tasks, waiting: Waiting):
    assert waiting.wait("t1", 0).state is State.RUNNING
    assert waiting.wait("t1", 0.01).state is State.RUNNING


def test_when_the_service_stops_nobody_waits(tasks: Tasks, waiting: Waiting):
    waiter = Waiter(waiting)
    tasks.was_read.acquire(timeout=PATIENCE_S)
    waiting.close()
    assert waiter.result().state is State.RUNNING
    assert waiting.wait("t1", PATIENCE_S).state is State.RUNNING


def test_too_many_are_refused_and_room_is_made_again(tasks: Tasks, waiting: Waiting):
    waiters = [Waiter(waiting), Waiter(waiting)]
    for _ in waiters:
        tasks.was_read.acquire(timeout=PATIENCE_S)
    with pytest.raises(TooManyWaiting):
        waiting.wait("t1", PATIENCE_S)
    waiting.on_finished(tasks.finish().id)
    assert all(waiter.result() for waiter in waiters)
    assert waiting.wait("t1", 0).state is State.SUCCEEDED


def test_an_unknown_task_is_not_waited_for(waiting: Waiting):
    for _ in range(3):
        with pytest.raises(NoSuchTask):
            waiting.wait("t2", PATIENCE_S)


# What was submitted here.


def test_a_task_that_was_submitted_here_is_read_once(tasks: Tasks, waiting: Waiting):
    waiting.expect(["t1"])
    waiter = Waiter(waiting)
    wait_until(lambda: waiting._waiting)
    done = tasks.finish()
    assert not tasks.was_read.acquire(blocking=False)
    waiting.on_finished("t1")
    assert waiter.result() is done
    assert tasks.was_read.acquire(blocking=False)
    assert not tasks.was_read.acquire(blocking=False)


def test_it_may_have_ended_before_anybody_waits(tasks: Tasks, waiting: Waiting):
    waiting.expect(["t1"])
    done = tasks.finish()
    waiting.on_finished("t1")
    assert waiting.wait("t1", PATIENCE_S) is done


def test_its_end_may_have_been_missed(tasks: Tasks, waiting: Waiting):
    """The subscriptions did not stand for a while."""
    waiting.expect(["t1"])
    done = tasks.finish()
    waiting.look_all()
    assert waiting.wait("t1", PATIENCE_S) is done


def test_it_is_not_waited_for_too_long(tasks: Tasks, waiting: Waiting):
    waiting.expect(["t1"])
    assert waiting.wait("t1", 0.01).state is State.RUNNING


def test_of_many_the_last_are_remembered(tasks: Tasks, waiting: Waiting):
    waiting.expect(["t1"])
    waiting.expect(f"other {number}" for number in range(MAX_EXPECTED))
    done = tasks.finish()
    assert waiting.wait("t1", PATIENCE_S) is done


def test_whoever_waits_may_do_something_useful(tasks: Tasks):
    def listen(woken: threading.Event, timeout_s: float) -> None:
        waiting.on_finished(tasks.finish().id)
        assert woken.is_set()

    waiting = Waiting(tasks.get, 1, listen)
    assert waiting.wait("t1", PATIENCE_S).state is State.SUCCEEDED

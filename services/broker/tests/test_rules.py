"""The rules: retries, expiry, losses, and what an outcome makes of a task."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker.losses import MAX_LOSSES
from services.broker.middleware import Middleware, Rules, Verdict
from services.broker.outcomes import (
    Cancelled,
    Failed,
    HandedBack,
    Succeeded,
    after_loss,
    after_outcome,
)
from services.broker.retries import retry_delay_s
from services.broker.rules import standard_rules
from services.broker.states import State
from services.broker.task_options import Delivery
from services.broker.task_record import TaskError, TaskRecord
from services.broker.tests.support import record, running

NOW_MS = 1_800_000_005_000
RULES = standard_rules()
ERROR = TaskError("ValueError", "boom", "Traceback …")


def ended(task: TaskRecord, outcome: object, chance: float = 0.0) -> TaskRecord:
    return after_outcome(running(task), outcome, RULES, NOW_MS, chance)


@pytest.mark.parametrize(
    ("failures", "delay_s"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 512), (11, 600), (5000, 600)]
)
def test_delays_double_up_to_a_limit(failures: int, delay_s: float):
    assert retry_delay_s(failures, 1.0, 600.0, 0.0) == delay_s


@given(st.integers(1, 2000), st.floats(0, 100), st.floats(0, 1000), st.floats(0, 1))
def test_chance_takes_at_most_a_half(failures: int, first_s: float, limit_s: float, chance: float):
    longest_s = retry_delay_s(failures, first_s, limit_s, 0.0)
    assert (
        longest_s / 2 <= retry_delay_s(failures, first_s, limit_s, chance) <= longest_s <= limit_s
    )


def test_a_success_keeps_the_result_and_the_output():
    task = ended(record(), Succeeded({"a": 1}, "printed\n"))
    assert (task.state, task.result, task.output) == (State.SUCCEEDED, {"a": 1}, "printed\n")
    assert (task.finished_at_ms, task.error) == (NOW_MS, None)


def test_a_failure_without_retries_is_final():
    task = ended(record(), Failed(ERROR))
    assert (task.state, task.error, task.failures) == (State.FAILED, ERROR, 1)


def test_a_failure_with_retries_is_tried_again_and_dead_in_the_end():
    task = record(retries=2, retry_delay_s=10.0)
    states = []
    for _ in range(3):
        task = ended(task, Failed(ERROR), chance=0.5)
        states.append(task.state)
        if task.state is State.RETRYING:
            assert task.due_at_ms == NOW_MS + 7500 * task.failures
            task = task.moved_to(State.QUEUED, NOW_MS)
    assert states == [State.RETRYING, State.RETRYING, State.DEAD]
    assert task.attempts == 3
    assert "no retry is left, of 2" in task.history[-1].detail


def test_a_hopeless_failure_is_not_tried_again():
    assert ended(record(retries=5), Failed(ERROR, is_hopeless=True)).state is State.FAILED


def test_a_loss_is_no_failure():
    task = replace(record(retries=1), losses=2, attempts=2)
    assert ended(task, Failed(ERROR)).state is State.RETRYING


def test_a_cancelled_task_is_cancelled():
    assert ended(record(retries=5), Cancelled()).state is State.CANCELLED


def test_a_task_that_was_handed_back_is_queued():
    task = ended(record(), HandedBack("w1 was stopped"))
    assert (task.state, task.session, task.history[-1].detail) == (
        State.QUEUED,
        None,
        "w1 was stopped",
    )


def test_a_task_that_must_not_run_twice_is_not_handed_back():
    task = ended(record(delivery=Delivery.AT_MOST_ONCE), HandedBack("w1 was stopped"))
    assert task.state is State.DEAD


def test_a_lost_task_is_queued_again_but_not_for_ever():
    task = record()
    for loss in range(1, MAX_LOSSES):
        task = after_loss(running(task), RULES, NOW_MS)
        assert (task.state, task.losses, task.attempts) == (State.QUEUED, loss, loss)
    task = after_loss(running(task), RULES, NOW_MS)
    assert task.state is State.DEAD
    assert task.error.type == "WorkerLost"


def test_a_lost_task_that_must_not_run_twice_is_dead():
    task = after_loss(running(record(delivery=Delivery.AT_MOST_ONCE)), RULES, NOW_MS)
    assert (task.state, task.error.type) == (State.DEAD, "WorkerLost")
    assert "must not run twice" in task.error.message


def test_an_expired_task_is_not_started():
    task = record(expires_s=10)
    last_ms = task.created_at_ms + 10_000
    assert RULES.before_start(task, last_ms - 1).state is State.RUNNING
    assert RULES.before_start(task, last_ms).state is State.EXPIRED


class Postpone(Middleware):
    def before_start(self, record: TaskRecord, now_ms: int) -> Verdict:
        return Verdict(State.SCHEDULED, "not now", now_ms + 1)


def test_the_first_rule_with_an_opinion_decides():
    rules = Rules((Middleware(), Postpone(), *RULES.middleware))
    assert rules.before_start(record(expires_s=0), NOW_MS).state is State.SCHEDULED
    assert (
        rules.after_failure(replace(record(), failures=1), ERROR, NOW_MS, 0).state is State.FAILED
    )

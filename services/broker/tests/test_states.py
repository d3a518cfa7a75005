"""The state machine: every step is in the table, or is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker.states import ALLOWED, FINAL, IllegalTransition, State
from services.broker.task_record import MAX_HISTORY
from services.broker.tests.support import record


def test_the_table_knows_every_state():
    assert set(ALLOWED) == set(State)


def test_only_a_success_is_for_ever():
    assert [state for state in State if not ALLOWED[state]] == [State.SUCCEEDED]


@pytest.mark.parametrize("state", sorted(FINAL - {State.SUCCEEDED}, key=str))
def test_what_has_ended_can_only_be_queued_again(state: State):
    assert ALLOWED[state] == {State.QUEUED}


def test_every_state_can_be_reached_from_the_beginning():
    reached, new = set(), {State.QUEUED, State.SCHEDULED}
    while new:
        reached |= new
        new = {after for before in new for after in ALLOWED[before]} - reached
    assert reached == set(State)


@given(st.lists(st.sampled_from(State), max_size=80))
def test_a_record_follows_the_table_and_nothing_else(wanted: list[State]):
    task, entered = record(), 0
    for at_ms, state in enumerate(wanted, start=task.created_at_ms):
        if state in ALLOWED[task.state]:
            task = task.moved_to(state, at_ms, due_at_ms=at_ms + 5, session="s")
            entered += 1
            assert task.history[-1].state is task.state is state
        else:
            with pytest.raises(IllegalTransition):
                task.moved_to(state, at_ms)
    assert len(task.history) == min(1 + entered, MAX_HISTORY)
    assert task.history[0].state is State.QUEUED
    assert (task.due_at_ms is None) == (not task.state.is_waiting_for_time)
    assert (task.session is None) == (task.state is not State.RUNNING)
    assert (task.finished_at_ms is not None) >= task.state.is_final

"""Messages of pub/sub: what is announced is understood, and garbage does no harm."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker.events import (
    MAX_END_CHARACTERS,
    Wake,
    decode_events,
    decode_wake,
    decode_workflow_end,
    encode_cancel,
    encode_events,
    encode_wake,
    encode_workflow_event,
    end_of,
    event_of,
)
from services.broker.states import State
from services.broker.task_record import record_of
from services.broker.tests.support import record, running

GARBAGE = [
    b"",
    b"null",
    b"7",
    b"[7]",
    b"{}",
    b"[{}]",
    b'[{"state": "lost"}]',
    b'[{"id": [], "task": "a", "queue": "b", "state": "queued", "at_ms": 1}]',
    b'[{"id": "a", "task": "a", "queue": "b", "state": "queued", "at_ms": 1, "due_at_ms": "1"}]',
    b'[{"id": "a", "task": "a", "queue": "b", "state": "queued", "at_ms": 1, "more": 1}]',
    b"\xff",
    b"[" * 10_000,
]


def test_events_come_back_as_they_were():
    events = [event_of(record("a")), event_of(running(record("b")))]
    assert decode_events(encode_events(events)) == events


def test_an_event_says_only_what_it_knows():
    (event,) = json.loads(encode_events([event_of(record("a"))]))
    assert set(event) == {"id", "task", "queue", "state", "at_ms"}


def test_an_end_brings_its_record_where_that_is_short():
    done = running(record("a")).moved_to(State.SUCCEEDED, 9, result="ä\ud800")
    (event,) = decode_events(encode_events([end_of(done)]))
    assert record_of(event.record) == done
    long = running(record("a")).moved_to(State.SUCCEEDED, 9, result="x" * MAX_END_CHARACTERS)
    assert decode_events(encode_events([end_of(long)])) == [event_of(long)]


def test_wake_ups_and_orders_come_back_as_they_were():
    assert decode_wake(encode_wake("default/5", 3)) == Wake("default/5", 3)
    assert decode_wake(encode_wake("a/0", 2, ["t1", "t2"])) == Wake("a/0", 2, ("t1", "t2"))
    assert json.loads(encode_cancel("t1")) == {"cancel": "t1"}


def test_only_the_end_of_a_workflow_is_one():
    assert decode_workflow_end(encode_workflow_event("w1", "failed", 1)) == "w1"
    assert decode_workflow_end(encode_workflow_event("w1", "running", 1)) is None


@pytest.mark.parametrize("message", GARBAGE)
def test_garbage_says_nothing(message: bytes):
    assert decode_events(message) == []
    assert decode_wake(message) is None
    assert decode_workflow_end(message) is None


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_nothing_that_is_published_raises(message: bytes):
    decode_events(message)
    decode_wake(message)
    decode_workflow_end(message)


@pytest.mark.parametrize(
    "message", [b'{"list": "a/5", "count": 0}', b'{"list": 5, "count": 1}', b'{"list": "a"}']
)
def test_a_wake_up_for_nothing_is_none(message: bytes):
    assert decode_wake(message) is None

"""The stored document: whatever a record holds comes back, and garbage is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker.states import State
from services.broker.task_options import Delivery, TaskOptions
from services.broker.task_record import (
    CorruptRecord,
    Step,
    TaskError,
    TaskRecord,
    decode_if_readable,
    decode_record,
    iso_time,
    new_task_id,
)
from services.broker.tests.support import LOG, record, running

TEXT = st.text(max_size=20)
TIMES = st.integers(0, 4_000_000_000_000)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OPTIONS = st.builds(
    TaskOptions,
    queue=st.none() | st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    priority=st.none() | st.integers(0, 9),
    retries=st.none() | st.integers(0, 1000),
    timeout_s=st.none() | st.floats(0.001, 1000),
    delivery=st.none() | st.sampled_from(Delivery),
)
RECORDS = st.builds(
    TaskRecord,
    id=TEXT,
    task=TEXT,
    created_at_ms=TIMES,
    args=st.lists(JSON, max_size=3),
    kwargs=st.dictionaries(TEXT, JSON, max_size=3),
    options=OPTIONS,
    state=st.sampled_from(State),
    attempts=st.integers(0, 99),
    failures=st.integers(0, 99),
    losses=st.integers(0, 99),
    due_at_ms=st.none() | TIMES,
    expires_at_ms=st.none() | TIMES,
    started_at_ms=st.none() | TIMES,
    finished_at_ms=st.none() | TIMES,
    worker=st.none() | TEXT,
    session=st.none() | TEXT,
    result=JSON,
    error=st.none() | st.builds(TaskError, TEXT, TEXT, st.none() | TEXT),
    output=st.none() | TEXT,
    history=st.lists(
        st.builds(Step, st.sampled_from(State), TIMES, st.none() | TEXT, st.none() | TEXT),
        max_size=3,
    ).map(tuple),
)


@given(RECORDS)
def test_a_record_comes_back_as_it_was(task: TaskRecord):
    assert decode_record(task.encode()) == task


@given(RECORDS)
def test_the_api_shows_json(task: TaskRecord):
    shown = task.as_json()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["state"] == task.state.value


def test_text_that_is_no_unicode_survives():
    task = TaskRecord("id", "echo", 0, args=["\ud800"])
    assert decode_record(task.encode()) == task


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b'{"id": 1}',
        b"[" * 100_000,
        record().encode().replace(b'"queued"', b'"lost"'),
        record().encode().replace(b'"options":{}', b'"options":{"queue":7}'),
        record().encode().replace(b'"task"', b'"tusk"'),
    ],
)
def test_what_is_no_record_is_refused(document: bytes):
    with pytest.raises(CorruptRecord):
        decode_record(document)
    assert decode_if_readable(document, LOG) is None


@given(st.binary(max_size=60))
def test_no_document_raises_anything_else(document: bytes):
    assert decode_if_readable(document, LOG) is None


def test_a_step_names_its_worker():
    task = running(record())
    assert task.worker == "w1"
    assert task.history[-1] == Step(State.RUNNING, task.created_at_ms + 1, "w1")
    assert task.entered_at_ms == task.created_at_ms + 1


def test_times_are_iso_8601_with_milliseconds():
    assert iso_time(1_795_426_200_125) == "2026-11-23T09:30:00.125Z"
    assert iso_time(None) is None


def test_ids_sort_by_time():
    ids = [
        new_task_id(now_ms, 2**80 - now_ms) for now_ms in range(1_795_000_000_000, 10**13, 10**12)
    ]
    assert ids == sorted(ids)
    assert {len(one) for one in ids} == {32}

"""Lists: newest first, by page, without repeating or skipping."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.broker import keys
from services.broker.listing import Filter, Listing, Position, parse_cursor
from services.broker.places import commands_to_create, commands_to_move
from services.broker.states import State
from services.broker.task_record import TaskRecord
from services.broker.tests.support import LOG, record, running
from services.kvdb.client import KVClient

NOW_MS = 1_800_000_000_000


@pytest.fixture
def listing(kv: KVClient) -> Listing:
    return Listing(kv, LOG)


def fill(kv: KVClient, count: int, together: int = 1) -> list[TaskRecord]:
    """Tasks, `together` of them in each millisecond, every third cancelled."""
    tasks = []
    for number in range(count):
        at_ms = NOW_MS + number // together
        task = record(f"t{number:04}", at_ms, queue="slow" if number % 5 == 0 else None)
        kv.transaction(*commands_to_create(task))
        if number % 3 == 0:
            cancelled = task.moved_to(State.CANCELLED, at_ms)
            kv.transaction(*commands_to_move(task, cancelled))
            task = cancelled
        tasks.append(task)
    return tasks


def all_pages(listing: Listing, which: Filter, limit: int) -> list[str]:
    ids, cursor = [], None
    while True:
        page = listing.tasks(which, limit, cursor)
        assert len(page.tasks) <= limit
        ids += [task.id for task in page.tasks]
        if page.next_cursor is None:
            return ids
        cursor = parse_cursor(str(page.next_cursor))


@pytest.mark.parametrize("together", [1, 7, 1000])
@pytest.mark.parametrize("limit", [1, 40, 1000])
def test_pages_show_every_task_once_newest_first(kv, listing, together: int, limit: int):
    tasks = fill(kv, 120, together)
    assert all_pages(listing, Filter(), limit) == [task.id for task in reversed(tasks)]


def test_filters(kv, listing):
    tasks = fill(kv, 60)
    for which in (
        Filter(states=frozenset({State.CANCELLED})),
        Filter(queue="slow"),
        Filter(states=frozenset({State.QUEUED}), queue="slow", task="echo"),
        Filter(task="other"),
    ):
        fitting = [task.id for task in reversed(tasks) if which.fits(task)]
        assert all_pages(listing, which, 7) == fitting


def test_records_that_vanished_are_left_out(kv, listing):
    fill(kv, 10)
    kv.execute("DEL", keys.record("t0004"))
    kv.execute("SET", keys.record("t0005"), "garbage")
    assert len(all_pages(listing, Filter(), 3)) == 8


def test_queues_are_counted_by_priority(kv, listing):
    for priority in (5, 5, 9):
        kv.transaction(*commands_to_create(record(f"t{priority}", priority=priority)))
    assert listing.queues() == [{"name": "default", "depth": 3, "by_priority": {"5": 2, "9": 1}}]
    assert listing.counts()["queued"] == 2  # The same id twice is one task.


def test_workers_show_what_they_reported(kv, listing):
    for session, report in [("b@1", {"name": "b"}), ("a@1", {"name": "a"}), ("c@1", None)]:
        kv.execute("SADD", keys.SESSIONS, session)
        if report:
            kv.execute("SET", keys.lease(session), json.dumps(report))
    kv.execute("SADD", keys.SESSIONS, "d@1")
    kv.execute("SET", keys.lease("d@1"), "garbage")
    task = record("t1")
    kv.transaction(*commands_to_create(task), *commands_to_move(task, running(task), "b@1"))
    kv.execute("RPUSH", keys.claimed("b@1"), "t1", "vanished")
    started_at = running(task).as_json()["started_at"]
    assert listing.workers() == [
        {"name": "a", "running": []},
        {"name": "b", "running": [{"id": "t1", "task": "echo", "started_at": started_at}]},
    ]


def test_nothing_is_listed_where_nothing_is(listing):
    assert listing.tasks(Filter(), 10, None).tasks == []
    assert (listing.queues(), listing.workers(), listing.definitions()) == ([], [], {})


@given(st.integers(0, 10**14), st.from_regex(r"[0-9a-f]{32}", fullmatch=True))
@settings(max_examples=50)
def test_a_cursor_comes_back_as_it_was(at_ms: int, task_id: str):
    assert parse_cursor(str(Position(at_ms, task_id))) == Position(at_ms, task_id)


@pytest.mark.parametrize("text", ["", "7", "7-", "-x", "x-y", "-1-x", "1e3-x", "9" * 20 + "-x"])
def test_what_is_no_cursor_is_refused(text: str):
    with pytest.raises(ValueError, match="no cursor"):
        parse_cursor(text)

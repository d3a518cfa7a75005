"""Lists: newest first, by page, without repeating or skipping."""

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


def test_states_are_counted(kv, listing):
    for name in ("t1", "t2"):
        kv.transaction(*commands_to_create(record(name)))
    assert listing.counts()["queued"] == 2


def test_a_task_that_is_in_two_indexes_is_shown_once(kv, listing):
    # As it is for a reader who sees one index before a step of the task, and the other after it.
    task = record("t1")
    kv.transaction(*commands_to_create(task), *commands_to_move(task, running(task)))
    kv.execute("ZADD", keys.in_state(State.QUEUED), task.entered_at_ms, "t1")
    assert [one.id for one in listing.tasks(Filter(), 10, None).tasks] == ["t1"]


def test_nothing_is_listed_where_nothing_is(listing):
    assert listing.tasks(Filter(), 10, None).tasks == []


@given(st.integers(0, 10**14), st.from_regex(r"[0-9a-f]{32}", fullmatch=True))
@settings(max_examples=50)
def test_a_cursor_comes_back_as_it_was(at_ms: int, task_id: str):
    assert parse_cursor(str(Position(at_ms, task_id))) == Position(at_ms, task_id)


@pytest.mark.parametrize("text", ["", "7", "7-", "-x", "x-y", "-1-x", "1e3-x", "9" * 20 + "-x"])
def test_what_is_no_cursor_is_refused(text: str):
    with pytest.raises(ValueError, match="no cursor"):
        parse_cursor(text)

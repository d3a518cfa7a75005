"""The table behind SCAN: nothing that stays is missed, and a random key is any key."""

import collections
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kvdb.scan_table import ScanTable

keys = st.sampled_from([b"%d" % number for number in range(40)])
changes = st.lists(st.tuples(st.booleans(), keys), max_size=12)


def table_of(names: list[bytes]) -> ScanTable:
    table: ScanTable[int] = ScanTable()
    for name in names:
        table.insert(name, 1)
    return table


def change(table: ScanTable, adds: bool, key: bytes) -> None:
    if adds and key not in table:
        table.insert(key, 1)
    elif not adds and key in table:
        table.remove(key)


@settings(max_examples=200, deadline=None)
@given(st.lists(keys, unique=True), st.integers(1, 7), st.lists(changes, max_size=40))
def test_scan_returns_all_that_stays_and_nothing_that_is_not_there(
    names: list[bytes], count: int, rounds: list[list[tuple[bool, bytes]]]
) -> None:
    table = table_of(names)
    cursor, page = table.scan(0, count)
    staying, seen = set(names), set(page)
    while cursor:
        for adds, key in rounds.pop() if rounds else ():
            change(table, adds, key)
            staying &= set(table)
        cursor, page = table.scan(cursor, count)
        assert set(page) <= set(table)
        seen.update(page)
    assert staying <= seen


@given(st.lists(keys, unique=True), st.integers(1, 7))
def test_scan_of_a_table_at_rest_returns_each_key_once(names: list[bytes], count: int) -> None:
    table, seen, cursor = table_of(names), [], None
    while cursor != 0:
        cursor, page = table.scan(cursor or 0, count)
        assert len(page) <= count
        seen += page
    assert sorted(seen) == sorted(names)


def test_a_cursor_from_anywhere_is_taken() -> None:
    table = table_of([b"a", b"b"])
    assert table.scan(2**64 - 1, 10) == (0, [b"a", b"b"])
    assert ScanTable().scan(5, 10) == (0, [])


def test_dead_places_are_cleaned_up() -> None:
    table = table_of([b"%d" % number for number in range(1000)])
    table.scan(0, 1)
    for number in range(990):
        table.remove(b"%d" % number)
    steps, cursor = 1, table.scan(0, 1)[0]
    while cursor:
        cursor, _ = table.scan(cursor, 1)
        steps += 1
    assert steps <= 2 * len(table) + 17


def test_random_keys_are_all_keys() -> None:
    table = table_of([b"%d" % number for number in range(30)])
    table.random_key()
    for number in range(20):
        table.remove(b"%d" % number)
    drawn = collections.Counter(table.random_key() for _ in range(2000))
    assert set(drawn) == set(table)
    assert max(drawn.values()) < 4 * min(drawn.values())


def test_random_keys_are_different_and_as_many_as_there_are() -> None:
    table = table_of([b"%d" % number for number in range(100)])
    for count in (0, 1, 20, 99, 100, 500):
        drawn = table.random_keys(count)
        assert len(drawn) == len(set(drawn)) == min(count, 100)


@given(st.lists(st.tuples(st.booleans(), keys)))
def test_it_is_a_dict_with_keys_in_the_order_in_which_they_came(batch: list) -> None:
    table, model = ScanTable(), {}
    for adds, key in batch:
        change(table, adds, key)
        if adds:
            model.setdefault(key, 1)
        else:
            model.pop(key, None)
    assert list(table.items()) == list(model.items())


def test_a_table_that_was_large_is_made_small_again() -> None:
    table = table_of([b"%d" % number for number in range(10_000)])
    full_bytes = sys.getsizeof(table)
    table.compact(140)
    assert sys.getsizeof(table) == full_bytes, "it is not too large for what is in it"
    table.scan(0, 10)
    for number in range(9_900):
        table.remove(b"%d" % number)
    assert sys.getsizeof(table) == full_bytes
    table.compact(140)
    assert sys.getsizeof(table) < full_bytes / 20
    assert list(table) == [b"%d" % number for number in range(9_900, 10_000)]
    assert table.scan(0, 1000)[1] == list(table)

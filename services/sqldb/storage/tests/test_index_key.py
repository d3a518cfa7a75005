"""Keys compare as SQL orders, and ranges are cut where SQL's conditions say."""

from bisect import bisect_left

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sqldb.storage.index_key import Bound, IndexKey, KeyColumn, KeyRange

small = st.none() | st.integers(0, 4)
columns = st.builds(KeyColumn, is_descending=st.booleans(), nulls_first=st.booleans())
bounds = st.none() | st.builds(Bound, st.integers(0, 4), st.booleans())


def sql_order(column, value):
    """A number for the value, or for NULL, in the order of the column."""
    if value is None:
        return -100 if column.nulls_first else 100
    return -value if column.is_descending else value


@given(st.lists(columns, min_size=1, max_size=3), st.data())
@settings(max_examples=200, deadline=None)
def test_order_and_ranges(columns, data):
    width = len(columns)
    rows = data.draw(st.lists(st.tuples(*[small] * width), max_size=30))
    key = IndexKey(columns, positions=range(width))
    ordered = sorted(rows, key=key.of_row)
    places = [tuple(map(sql_order, columns, row)) for row in ordered]
    assert places == sorted(places)

    equals = data.draw(st.tuples(*[small] * data.draw(st.integers(0, width))))
    lower = upper = None
    if len(equals) < width:
        lower, upper = data.draw(bounds), data.draw(bounds)
    start, end = key.cuts(KeyRange(equals, lower, upper))

    def is_asked_for(row):
        if row[: len(equals)] != equals:
            return False
        if lower is None and upper is None:
            return True
        value = row[len(equals)]
        return value is not None and all(
            bound is None or beyond or (bound.is_inclusive and value == bound.value)
            for bound, beyond in (
                (lower, lower and value > lower.value),
                (upper, upper and value < upper.value),
            )
        )

    entries = [(key.of_row(row), at) for at, row in enumerate(ordered)]
    first = 0 if start is None else bisect_left(entries, start)
    last = len(entries) if end is None else bisect_left(entries, end)
    assert ordered[first:last] == [row for row in ordered if is_asked_for(row)]


def test_sort_keys_and_null():
    key = IndexKey([KeyColumn(sort_key=str.rstrip)], positions=[0])
    assert key.of_row(("a  ",)) == key.of_row(("a",))
    assert key.has_null(key.of_row((None,))) and not key.has_null(key.of_row(("x",)))
    assert not key.takes_plain_values


def test_computed_keys():
    key = IndexKey([KeyColumn(), KeyColumn()], extract=lambda row: (row[0] + row[1], row[2]))
    assert key.of_row((1, 2, "x")) == (3, "x") == key.of_values((3, "x"))

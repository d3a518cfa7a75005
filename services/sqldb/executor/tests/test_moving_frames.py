"""Moving frames: the short ways give what adding up each frame gives."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sqldb.executor.moving_frames import moving_column
from services.sqldb.functions import resolve_function
from services.sqldb.types import BOOL, FLOAT8, INT4, INT8, NUMERIC, TEXT
from services.sqldb.values import NUMERIC_NAN

DECIMALS = st.decimals(-1000, 1000, places=2) | st.sampled_from(
    [Decimal("0.000"), Decimal(7), Decimal("1e20"), Decimal("0.1234567890123456789")]
)
VALUES = {
    INT4: st.integers(-(2**31), 2**31 - 1),
    INT8: st.integers(-(2**63), 2**63 - 1),
    NUMERIC: DECIMALS,
    TEXT: st.text(max_size=3),
    BOOL: st.booleans(),
}
CALLS = [
    *((name, type_) for name in ("count", "min", "max") for type_ in (INT4, INT8, NUMERIC, TEXT)),
    *((name, type_) for name in ("sum", "avg") for type_ in (INT4, INT8, NUMERIC)),
    ("bool_and", BOOL),
    ("bool_or", BOOL),
    ("bit_and", INT4),
    ("bit_or", INT8),
]


def added_up(function, values: list, ranges: list) -> object:
    state = function.initial()
    for start, end in ranges:
        for value in values[start:end]:
            if value is not None:
                state = function.step(state, value)
    return function.final(state)


def stretches(size: int) -> st.SearchStrategy:
    """Up to three ranges, in order, without common rows."""
    cuts = st.tuples(*[st.integers(0, size)] * 6).map(sorted)
    return cuts.map(lambda c: [(a, b) for a, b in zip(c[::2], c[1::2], strict=True) if a < b])


@pytest.mark.parametrize(("name", "type_"), CALLS)
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_as_if_added_up(name, type_, data):
    function = resolve_function(name, [type_]).function
    values = data.draw(st.lists(st.none() | VALUES[type_], max_size=9))
    frame = stretches(len(values))
    frames = (data.draw(st.tuples(frame, frame)) * len(values))[: len(values)]
    found = moving_column(function, values, frames.__getitem__, lambda: None)
    expected = [added_up(function, values, ranges) for ranges in frames]
    assert list(map(repr, found)) == list(map(repr, expected))


@pytest.mark.parametrize("special", [NUMERIC_NAN, Decimal("Infinity"), Decimal("-Infinity")])
def test_what_cannot_be_taken_away_is_left_to_others(special):
    check = lambda: None  # noqa: E731
    ranges = [[(0, 1)], [(0, 2)]]
    numeric_sum = resolve_function("sum", [NUMERIC]).function
    assert moving_column(numeric_sum, [special, Decimal(1)], ranges.__getitem__, check) is None
    float_sum = resolve_function("sum", [FLOAT8]).function
    assert moving_column(float_sum, [1e20, 1.0], ranges.__getitem__, check) is None


def test_a_value_is_looked_at_a_few_times_however_long_the_frames():
    seen = 0

    class Counting(int):
        def __add__(self, other):
            nonlocal seen
            seen += 1
            return int(self) + other

        __radd__ = __add__

    size = 2000
    values = [Counting(at) for at in range(size)]
    frames = [[(at // 2, at + 1)] for at in range(size)]
    total = moving_column(
        resolve_function("sum", [INT4]).function, values, frames.__getitem__, lambda: None
    )
    assert total[-1] == sum(range(999, 2000))
    assert seen <= size

"""The order of values is one order, and it is MongoDB's."""

import itertools
from decimal import Decimal

from hypothesis import given, settings

from services.docdb.bson.types import (
    MAX_KEY,
    MIN_KEY,
    Binary,
    Date,
    Int64,
    ObjectId,
    Regex,
    Timestamp,
)
from services.docdb.query.comparison import equal, sort_key
from services.docdb.tests.strategies import values

IN_ORDER = [
    MIN_KEY,
    None,
    float("nan"),
    float("-inf"),
    -1,
    0.5,
    Int64(1),
    Decimal("1.5"),
    2,
    "",
    "A",
    "a",
    {},
    {"a": 1},
    {"a": 2},
    {"b": 1},
    {"a": "x"},
    [],
    [1],
    [1, 2],
    [2],
    Binary(b"z"),
    Binary(b"aa"),
    ObjectId(bytes(12)),
    False,
    True,
    Date(-1),
    Date(5),
    Timestamp(1, 1),
    Regex("a"),
    MAX_KEY,
]


def test_types_come_in_mongodbs_order() -> None:
    keys = [sort_key(value) for value in IN_ORDER]
    assert keys == sorted(keys)
    assert all(a < b for a, b in itertools.pairwise(keys))


@settings(max_examples=150, deadline=None)
@given(values, values, values)
def test_the_order_is_total(a: object, b: object, c: object) -> None:
    x, y, z = map(sort_key, (a, b, c))
    assert (x < y) + (y < x) + (x == y) == 1
    if x <= y and y <= z:
        assert x <= z
    if x == y:
        assert hash(x) == hash(y)


def test_numbers_are_equal_whatever_their_kind() -> None:
    assert equal(1, 1.0) and equal(Int64(1), Decimal("1.00")) and equal({"a": 1}, {"a": 1.0})
    assert (
        not equal(1, True) and not equal("1", 1) and not equal({"a": 1, "b": 2}, {"b": 2, "a": 1})
    )

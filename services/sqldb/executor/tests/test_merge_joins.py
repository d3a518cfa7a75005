"""Merge joins give what hash joins give, for every kind, with NULLs, repeats and conditions."""

from collections import Counter

import pytest

from services.sqldb.executor.tests.support import World, column, operator, scan
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.types import INT4, INT8, TEXT

Kind = n.JoinKind
KINDS = [Kind.INNER, Kind.LEFT, Kind.RIGHT, Kind.FULL, Kind.SEMI, Kind.ANTI]


@pytest.fixture(scope="module")
def world():
    world = World()
    world.left = world.table("l", {"a": INT4, "b": TEXT, "n": INT4})
    world.fill(
        world.left,
        [(None if at % 11 == 0 else at * 7 % 40, "xyz"[at % 3], at) for at in range(90)],
    )
    world.right = world.table("r", {"a": INT8, "b": TEXT, "n": INT4}, required=("a",))
    world.fill(
        world.right,
        [(at * 5 % 50, None if at % 7 == 0 else "xyz"[at % 3], at) for at in range(70)],
    )
    return world


def joined(world, kind, keys, condition, *, is_descending, nulls_first):
    """The same join twice: over sorted inputs in step, and by a hash."""
    orders = [tuple(ex.SortKey(key, is_descending, nulls_first) for key in side) for side in keys]
    sides = [
        n.Sort(scan(table, relation), order)
        for table, relation, order in zip((world.left, world.right), (1, 2), orders, strict=True)
    ]
    merged = n.MergeJoin(kind, *sides, *orders, condition)
    hashed = n.HashJoin(kind, *(side.input for side in sides), *keys, condition)
    output = [column(1, 0), column(1, 1, TEXT), column(1, 2)]
    if kind not in (Kind.SEMI, Kind.ANTI):
        output += [column(2, 1, TEXT), column(2, 2)]
    return world.run(merged, output), world.run(hashed, output)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("has_condition", [False, True])
@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize("nulls_first", [False, True])
def test_as_a_hash_join(world, kind, width, has_condition, is_descending, nulls_first):
    keys = (
        (column(1, 0), column(1, 1, TEXT))[:width],
        (column(2, 0, INT8), column(2, 1, TEXT))[:width],
    )
    condition = operator("<", column(1, 2), column(2, 2)) if has_condition else None
    merged, hashed = joined(
        world, kind, keys, condition, is_descending=is_descending, nulls_first=nulls_first
    )
    assert Counter(merged) == Counter(hashed)
    assert merged


def test_keys_may_be_computed(world):
    keys = (operator("+", column(1, 0), column(1, 0)),), (column(2, 0, INT8),)
    merged, hashed = joined(world, Kind.LEFT, keys, None, is_descending=False, nulls_first=False)
    assert Counter(merged) == Counter(hashed)
    assert any(row[-1] is not None for row in merged)


def test_left_rows_stay_in_their_order(world):
    keys = (column(1, 0),), (column(2, 0, INT8),)
    for kind in (Kind.INNER, Kind.LEFT, Kind.SEMI, Kind.ANTI):
        merged, _ = joined(world, kind, keys, None, is_descending=False, nulls_first=False)
        values = [row[0] for row in merged]
        assert values == sorted(values, key=lambda value: (value is None, value))

"""Hashes beyond work_mem give the same rows as within it, and leave no file behind."""

import os
from collections import Counter
from decimal import Decimal

import pytest

from services.sqldb.errors import QUERY_CANCELED, SqlError
from services.sqldb.executor import spill
from services.sqldb.executor.compiler import compile_plan
from services.sqldb.executor.tests.support import (
    World,
    aggregate,
    column,
    constant,
    operator,
    scan,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.types import INT4, TEXT
from services.sqldb.values import Interval

Kind = n.JoinKind
SMALL = 64 << 10
ROWS = 50_000


@pytest.fixture(scope="module")
def world():
    world = World()
    world.big = world.table("big", {"a": INT4, "b": TEXT, "c": INT4})
    world.fill(
        world.big,
        [(n % 20_011 or None, f"b{n % 7}", n % 5) for n in range(ROWS)],
    )
    world.other = world.table("other", {"a": INT4, "b": INT4})
    world.fill(world.other, [(n * 2 if n % 100 else None, n) for n in range(20_000)])
    world.same = world.table("same", {"a": INT4, "b": INT4})
    world.fill(world.same, [(n % 2, n) for n in range(3000)])
    return world


@pytest.fixture
def files(monkeypatch):
    """The spill files that were opened."""
    opened = []

    class Watched(spill.SpillFile):
        def __init__(self, run):
            super().__init__(run)
            opened.append(self._file)

    for module in ("hash_joins", "distinct_rows", "groups", "sorting"):
        monkeypatch.setattr(f"services.sqldb.executor.{module}.SpillFile", Watched)
    return opened


def check_same(world, plan, output, files):
    """Without a limit and with 64 kB: the same rows, some of them from the disk."""
    expected = world.run(plan, output, work_mem_bytes=1 << 30)
    assert not files
    found = world.run(plan, output, work_mem_bytes=SMALL)
    assert Counter(found) == Counter(expected)
    assert files and all(file.closed for file in files)
    return found


def join(world, kind, condition=None):
    keys = (column(1, 0),), (column(2, 0),)
    return n.HashJoin(kind, scan(world.big, 1), scan(world.other, 2), *keys, condition)


@pytest.mark.parametrize("kind", [Kind.INNER, Kind.LEFT, Kind.RIGHT, Kind.FULL])
@pytest.mark.parametrize("has_condition", [False, True])
def test_joins(world, files, kind, has_condition):
    condition = operator("<", column(2, 1), constant(5000)) if has_condition else None
    output = [column(1, 0), column(1, 1, TEXT), column(2, 1)]
    assert check_same(world, join(world, kind, condition), output, files)


@pytest.mark.parametrize("kind", [Kind.SEMI, Kind.ANTI])
@pytest.mark.parametrize("has_condition", [False, True])
def test_exists_joins(world, files, kind, has_condition):
    condition = operator("<", column(2, 1), constant(5000)) if has_condition else None
    check_same(world, join(world, kind, condition), [column(1, 0), column(1, 2)], files)


@pytest.mark.parametrize("kind", [Kind.INNER, Kind.LEFT, Kind.FULL, Kind.SEMI, Kind.ANTI])
def test_a_partition_of_one_key_is_taken_in_pieces(world, files, kind):
    """1,500 rows with key 0 and as many with 1: no cut makes these fewer."""
    left = n.Filter(scan(world.big, 1), operator("<", column(1, 0), constant(4)))
    plan = n.HashJoin(
        kind, left, scan(world.same, 2), (column(1, 0),), (column(2, 0),),
        operator(">", column(2, 1), constant(2500)),
    )  # fmt: skip
    output = [column(1, 0), column(1, 2)]
    if kind not in (Kind.SEMI, Kind.ANTI):
        output.append(column(2, 1))
    assert check_same(world, plan, output, files)


def test_groups(world, files):
    plan = n.HashAggregate(
        scan(world.big, 1), 2, (column(1, 0),),
        (aggregate("count"), aggregate("sum", column(1, 2)),
         aggregate("max", column(1, 1, TEXT))),
    )  # fmt: skip
    found = check_same(world, plan, [column(2, place) for place in range(4)], files)
    assert len(found) == 20_011


def test_grouping_sets(world, files):
    plan = n.HashAggregate(
        scan(world.big, 1), 2, (column(1, 0), column(1, 1, TEXT)), (aggregate("count"),),
        ((0,), (1,), ()), ((0, 1),),
    )  # fmt: skip
    found = check_same(world, plan, [column(2, place) for place in range(4)], files)
    assert (None, None, ROWS, 3) in found


def test_distinct_values_of_an_aggregate(world, files):
    calls = (
        aggregate("count", column(1, 0), is_distinct=True),
        aggregate("sum", column(1, 0), is_distinct=True),
        aggregate("count"),
    )
    plan = n.Aggregate(scan(world.big, 1), 2, (), calls)
    found = check_same(world, plan, [column(2, place) for place in range(3)], files)
    assert found == [(20_010, 20_010 * 20_011 // 2, ROWS)]


def test_distinct(world, files):
    plan = n.Distinct(scan(world.big, 1), (column(1, 0),))
    assert len(check_same(world, plan, [column(1, 0)], files)) == 20_011


@pytest.mark.parametrize("is_all", [False, True])
@pytest.mark.parametrize("kind", list(n.SetKind))
def test_set_operations(world, files, kind, is_all):
    sides = scan(world.big, 1), scan(world.other, 2)
    columns = (column(1, 0),), (column(2, 0),)
    plan = n.SetOperation(kind, is_all, *sides, 3, *columns, ("a",))
    if kind is n.SetKind.UNION and is_all:
        assert len(world.run(plan, [column(3, 0)], work_mem_bytes=SMALL)) == ROWS + 20_000
        assert not files
    else:
        check_same(world, plan, [column(3, 0)], files)


def test_sorted_groups_come_one_at_a_time(world, files):
    """The first group is there before the second is read."""
    plan = n.SortedAggregate(
        n.Sort(scan(world.big, 1), (ex.SortKey(column(1, 0)),)), 2, (column(1, 0),),
        (aggregate("count"),),
    )  # fmt: skip
    expected = Counter(n % 20_011 or None for n in range(ROWS))
    found = world.run(plan, [column(2, 0), column(2, 1)], work_mem_bytes=SMALL)
    assert dict(found) == expected and len(found) == len(expected)
    assert found[-1][0] is None and all(file.closed for file in files)


def running(world, plan, output, **limits):
    own = world.begin()
    return compile_plan(plan, tuple(output)).rows(world.execution(own, **limits))


def test_a_reader_who_stops_early_leaves_nothing(world, files):
    rows = running(world, join(world, Kind.INNER), [column(1, 0)], work_mem_bytes=SMALL)
    next(rows)
    assert files and not files[0].closed
    rows.close()
    assert all(file.closed for file in files)


@pytest.mark.parametrize("checks", [1, 40, 300, 900])
def test_a_cancel_leaves_nothing(world, files, checks):
    left = checks

    def check():
        nonlocal left
        left -= 1
        if left < 0:
            raise SqlError(QUERY_CANCELED, "canceling statement due to user request")

    plan = n.HashAggregate(join(world, Kind.LEFT), 3, (column(1, 0),), (aggregate("count"),))
    rows = running(world, plan, [column(3, 1)], work_mem_bytes=SMALL, check=check)
    with pytest.raises(SqlError) as caught:
        list(rows)
    assert caught.value.sqlstate == QUERY_CANCELED
    del caught, rows
    assert all(file.closed for file in files)


def test_files_have_no_name(world, tmp_path):
    run = world.execution(world.begin())
    run.database.spill_directory = str(tmp_path)
    file = spill.SpillFile(run)
    place = file.write([(1, "a")])
    assert not os.listdir(tmp_path)
    assert file.read(place) == [(1, "a")]
    file.close()


@pytest.mark.parametrize(
    "rows",
    [
        [(1, "ä", None), (2, "x" * 1000, True), (-(2**70), b"\0", 1.5)],
        [(Decimal("1.50"), Interval(1, 2, 3)), (None, None)],
        [(3, (1, "inner", None))],
    ],
)
def test_blocks_come_back_as_they_were(rows):
    found = spill.decode_block(spill.encode_block(rows))
    assert found == rows
    assert [[type(value) for value in row] for row in found] == [
        [type(value) for value in row] for row in rows
    ]


def test_a_full_disk_is_an_error_of_the_statement(world, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spill.os, "pwrite", full)
    with pytest.raises(SqlError) as caught:
        world.run(join(world, Kind.INNER), [column(1, 0)], work_mem_bytes=SMALL)
    assert caught.value.sqlstate == "53100"
    assert caught.value.message == "could not write to temporary file: No space left on device"

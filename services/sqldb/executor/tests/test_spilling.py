"""Hashes beyond work_mem give the same rows as within it, and leave no file behind."""

import os
import tracemalloc
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
from services.sqldb.optimizer.tests.database import database
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

    for module in ("hash_joins", "distinct_rows", "groups", "sorting", "kept_rows", "value_set"):
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


# Written as SQL: what keeps rows, values or states for later.

MANY = 6_000
SERIES = f"generate_series(1, {MANY}) n"

KEEPERS = {
    "WITH, read twice": f"WITH c AS MATERIALIZED (SELECT n, n % 7 AS m FROM {SERIES}) "
    "SELECT a.m, count(*) FROM c a WHERE a.n < (SELECT max(n) FROM c) GROUP BY 1 ORDER BY 1",
    "WITH, read in turns": f"WITH c AS MATERIALIZED (SELECT n FROM {SERIES}) "
    "SELECT count(*), sum(n) FROM (SELECT n FROM c UNION ALL SELECT -n FROM c) x",
    "IN": f"SELECT k, (k IN (SELECT 3 * n FROM {SERIES})) IS TRUE FROM generate_series(1, 2000) k",
    "NOT IN, with NULL": "SELECT count(*) FROM generate_series(1, 2000) k "
    f"WHERE (k NOT IN (SELECT nullif(2 * n, 4) FROM {SERIES})) IS NULL",
    "IN, of rows": f"SELECT k, (k, k) IN (SELECT n, nullif(n, 7) FROM {SERIES}) IS NULL "
    "FROM generate_series(1, 20) k",
    "IN, of texts and decimals": "SELECT count(*) FROM generate_series(1, 2000) k "
    f"WHERE (k::text IN (SELECT (2 * n)::text FROM {SERIES})) IS TRUE "
    f"AND (k::numeric IN (SELECT n * 1.0 FROM {SERIES})) IS TRUE",
    "ranks": "SELECT sum(r), sum(d), sum(p), max(c), sum(t) FROM (SELECT rank() OVER w AS r, "
    "dense_rank() OVER w AS d, row_number() OVER w AS p, cume_dist() OVER w AS c, ntile(7) OVER w "
    f"AS t FROM {SERIES} WINDOW w AS (ORDER BY n / 3)) x",
    "neighbours": "SELECT sum(g), sum(d), sum(f), sum(l) FROM (SELECT lag(n, 1000) OVER w AS g, "
    "lead(n) OVER w AS d, first_value(n) OVER w AS f, last_value(n) OVER w AS l "
    f"FROM {SERIES} WINDOW w AS (PARTITION BY n % 2 ORDER BY n DESC)) x",
    "running": "SELECT sum(s), max(c) FROM (SELECT sum(n) OVER (ORDER BY n) AS s, "
    f"count(*) OVER () AS c FROM {SERIES}) x",
    "frames": "SELECT sum(a), sum(b), sum(c) FROM (SELECT sum(n) OVER (ORDER BY n ROWS 2 PRECEDING)"
    " a, max(n) OVER (ORDER BY n / 5 GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE TIES) b, "
    f"count(*) OVER (ORDER BY n RANGE BETWEEN 3 PRECEDING AND 2 FOLLOWING) c FROM {SERIES}) x",
    "Materialize": "SELECT count(*), sum(b) FROM generate_series(1, 3) a LEFT JOIN "
    f"(SELECT n AS b FROM {SERIES}) x ON a < b % 5",
    "Materialize, all": f"SELECT count(*), sum(n) FROM generate_series(1, 3) a, {SERIES}",
    "in order": f"SELECT md5(string_agg(n::text, ',' ORDER BY n % 10 DESC, n)) FROM {SERIES}",
    "in order, by group": "SELECT n % 3, md5(string_agg(n::text, ',' ORDER BY -n)), "
    f"array_length(array_agg(n ORDER BY n) FILTER (WHERE n < 100), 1) FROM {SERIES} GROUP BY 1 "
    "ORDER BY 1",
    "in order, of few": "SELECT n, string_agg('x', '' ORDER BY n) FILTER (WHERE n % 2 = 0) "
    f"FROM {SERIES} GROUP BY n ORDER BY n OFFSET {MANY - 3}",
    "distinct in order": f"SELECT sum(DISTINCT (n % 4000)::numeric), count(*) FROM {SERIES}",
    "distinct, by group": "SELECT n % 3, count(DISTINCT n % 4000), sum(DISTINCT n), "
    f"string_agg(DISTINCT (n % 5)::text, '' ORDER BY (n % 5)::text) FROM {SERIES} GROUP BY 1 "
    "ORDER BY 1",
    "distinct, of sets": "SELECT a, b, count(DISTINCT n), string_agg(DISTINCT (n % 3)::text, '') "
    f"FROM (SELECT n, n % 3 AS a, n % 5 AS b FROM {SERIES}) x GROUP BY ROLLUP (a, b) ORDER BY 1, 2",
}


@pytest.fixture(scope="module")
def sql():
    with database() as made:
        yield made


@pytest.mark.parametrize("name", KEEPERS)
def test_what_keeps_rows(sql, files, name):
    sql.run("SET work_mem = '1GB'")
    expected = sql.run(KEEPERS[name])
    assert not files
    sql.run("SET work_mem = '64kB'")
    assert sql.run(KEEPERS[name]) == expected
    assert files and all(file.closed for file in files)


def peak_bytes(sql, query, work_mem):
    sql.run(f"SET work_mem = '{work_mem}'")
    sql.run(query)
    tracemalloc.start()
    try:
        sql.run(query)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MANY_NUMBERS = (
    "SELECT count(*) FROM generate_series(1, 100) k "
    "WHERE (k IN (SELECT 3 * n FROM generate_series(1, 30000) n)) IS TRUE"
)


@pytest.mark.parametrize(
    "query",
    [KEEPERS["WITH, read twice"], KEEPERS["ranks"], KEEPERS["distinct, by group"], MANY_NUMBERS],
)
def test_memory_is_bounded(sql, query):
    assert peak_bytes(sql, query, "64kB") < peak_bytes(sql, query, "1GB") / 2


def test_a_with_query_that_is_read_in_part_leaves_nothing(sql, files):
    sql.run("SET work_mem = '64kB'")
    query = f"WITH c AS MATERIALIZED (SELECT n FROM {SERIES}) SELECT n FROM c OFFSET 5000 LIMIT 1"
    assert sql.run(query) == [(5001,)]
    assert files and all(file.closed for file in files)

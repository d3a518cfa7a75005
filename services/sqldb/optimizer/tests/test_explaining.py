"""EXPLAIN with its options, as a client asks for it."""

import json
import re

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.optimizer.passes import PASSES
from services.sqldb.optimizer.tests.database import database


@pytest.fixture(scope="module")
def db():
    with database() as made:
        made.run("CREATE TABLE t (id int PRIMARY KEY, a int, name text)")
        made.run("INSERT INTO t SELECT i, i % 7, 'name ' || i FROM generate_series(1, 3000) i")
        made.run("ANALYZE t")
        yield made


QUIET = "analyze, costs off, timing off, summary off"


def test_rows_that_a_filter_removes_are_counted(db):
    assert db.plan("SELECT * FROM t WHERE a = 3", QUIET) == [
        "Seq Scan on t (actual rows=429 loops=1)",
        "  Filter: (a = 3)",
        "  Rows Removed by Filter: 2571",
    ]
    assert db.plan("SELECT * FROM t WHERE id < 8 AND a = 3", QUIET) == [
        "Index Scan using t_pkey on t (actual rows=1 loops=1)",
        "  Index Cond: (id < 8)",
        "  Filter: (a = 3)",
        "  Rows Removed by Filter: 6",
    ]


def test_a_bitmap_has_what_its_scan_looked_at(db):
    db.run("CREATE INDEX t_a ON t (a)")
    lines = db.plan("SELECT * FROM t WHERE a = 3 AND name <> 'name 3'", QUIET)
    db.run("DROP INDEX t_a")
    assert lines == [
        "Bitmap Heap Scan on t (actual rows=428 loops=1)",
        "  Recheck Cond: (a = 3)",
        "  Filter: (name <> 'name 3'::text)",
        "  Rows Removed by Filter: 1",
        "  ->  Bitmap Index Scan on t_a (actual rows=429 loops=1)",
        "        Index Cond: (a = 3)",
    ]


def test_sorts_say_how_and_where(db):
    text = "\n".join(db.plan("SELECT * FROM t ORDER BY name", QUIET))
    assert re.search(r"Sort Method: quicksort  Memory: \d+kB", text)
    text = "\n".join(db.plan("SELECT * FROM t ORDER BY name LIMIT 3", QUIET))
    assert re.search(r"Sort Method: top-N heapsort  Memory: \d+kB", text)
    db.run("SET work_mem = 64")
    text = "\n".join(db.plan("SELECT * FROM t ORDER BY name", QUIET))
    db.run("RESET work_mem")
    assert re.search(r"Sort Method: external merge  Disk: \d+kB", text)


def test_times_and_settings(db):
    lines = db.plan("SELECT 1", "analyze")
    assert re.fullmatch(
        r"Result  \(cost=0.00..0.01 rows=1 width=4\) "
        r"\(actual time=\d\.\d{3}..\d\.\d{3} rows=1 loops=1\)",
        lines[0],
    )
    assert [line.split(":")[0] for line in lines[1:]] == ["Planning Time", "Execution Time"]
    db.run("SET random_page_cost = 2; SET enable_sort = off")
    lines = db.plan("SELECT 1", "settings, costs off")
    db.run("RESET ALL")
    assert lines == ["Result", "Settings: enable_sort = 'off', random_page_cost = '2'"]
    assert db.plan("SELECT 1", "settings, costs off") == ["Result"]


def test_verbose_names_schemas_and_columns(db):
    assert db.plan("SELECT a + 1 FROM t", "verbose, costs off") == [
        "Seq Scan on public.t",
        "  Output: (a + 1)",
    ]


def test_json_of_what_happened(db):
    (text,) = db.plan("SELECT * FROM t WHERE a = 3 ORDER BY name", "analyze, format json")
    (found,) = json.loads(text)
    assert found.keys() == {"Plan", "Planning Time", "Triggers", "Execution Time"}
    sort, scan = found["Plan"], found["Plan"]["Plans"][0]
    assert sort["Sort Method"] == "quicksort"
    assert sort["Sort Space Type"] == "Memory"
    assert (sort["Actual Rows"], sort["Actual Loops"]) == (429, 1)
    assert scan["Rows Removed by Filter"] == 2571
    assert scan["Parent Relationship"] == "Outer"


def test_a_change_is_done_under_analyze_and_only_there(db):
    db.plan("DELETE FROM t WHERE id = 1")
    assert db.run("SELECT id FROM t WHERE id = 1") == [(1,)]
    db.run("BEGIN")
    db.plan("DELETE FROM t WHERE id = 1", "analyze")
    assert db.run("SELECT id FROM t WHERE id = 1") == []
    db.run("ROLLBACK")


@pytest.mark.parametrize(
    ("options", "sqlstate", "message"),
    [
        ("foo", "42601", 'unrecognized EXPLAIN option "foo"'),
        ("costs maybe", "42601", "costs requires a Boolean value"),
        ("format foo", "22023", 'unrecognized value for EXPLAIN option "format": "foo"'),
        ("timing", "22023", "EXPLAIN option TIMING requires ANALYZE"),
        ("wal", "22023", "EXPLAIN option WAL requires ANALYZE"),
    ],
)
def test_what_is_refused(db, options, sqlstate, message):
    with pytest.raises(SqlError) as caught:
        db.plan("SELECT 1", options)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_each_pass_that_does_something_is_shown(db):
    query = "SELECT * FROM t WHERE 1 = 1 AND id IN (SELECT a FROM t WHERE id < 5) ORDER BY id"
    shown = [line[3:] for line in db.plan(query, "passes") if line.startswith("-- ")]
    assert shown[:3] == ["fold constants", "unnest subqueries", "choose access"]
    assert set(shown) <= {one.name for one in PASSES}


def test_the_source_can_be_seen(db):
    lines = db.plan("SELECT a FROM t WHERE id = 3", "source")
    assert lines[0] == "def execute1(run):"
    assert any(".find(snapshot" in line for line in lines)

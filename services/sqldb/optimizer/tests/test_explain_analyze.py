"""EXPLAIN ANALYZE and VERBOSE in PostgreSQL's words; sizes are our own, and left out."""

import re

import pytest

from services.sqldb.optimizer.tests.database import database
from services.sqldb.tests.postgres import postgres  # noqa: F401

SETUP = (
    "CREATE TABLE things (id int PRIMARY KEY, g int, s text)",
    "INSERT INTO things SELECT n, n % 10, 'x' || n FROM generate_series(1, 3000) n",
    "CREATE TABLE few (id int, v text)",
    "INSERT INTO few SELECT n, 'v' || n FROM generate_series(1, 500) n",
    "VACUUM ANALYZE things",
    "VACUUM ANALYZE few",
    "SET work_mem = '{work_mem}'",
)
ANALYZE = "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) "
VERBOSE = "EXPLAIN (VERBOSE, COSTS off) "

STATEMENTS = (
    ANALYZE + "SELECT g, count(*) FROM things GROUP BY g",
    ANALYZE + "SELECT DISTINCT g FROM things",
    ANALYZE + "SELECT g FROM things UNION SELECT id FROM few",
    ANALYZE + "SELECT id FROM things WHERE id < 20",
    ANALYZE + "SELECT id FROM things WHERE id = 20",
    ANALYZE + "SELECT id FROM things ORDER BY s",
    ANALYZE + "SELECT id FROM things ORDER BY s LIMIT 3",
    ANALYZE + "SELECT rank() OVER (ORDER BY g) FROM things",
    ANALYZE + "SELECT * FROM things t JOIN few f ON t.id = f.id WHERE t.id < 10",
    ANALYZE + "SELECT count(*) FROM things a, few b WHERE a.id < b.id",
    VERBOSE + "SELECT id FROM things WHERE id = 5",
    VERBOSE + "SELECT 1",
)
ON_DISK = (
    ANALYZE + "SELECT a.id FROM things a JOIN things b ON a.s = b.s",
    ANALYZE + "SELECT id, count(*) FROM things GROUP BY id + 1, id",
    ANALYZE + "SELECT id FROM things ORDER BY s",
)


def without_sizes(lines):
    text = re.sub(r"(Buckets: |Usage: |Memory: |Disk: )\d+", r"\1#", "\n".join(lines))
    text = text.replace("explained.", "public.")
    return re.sub(r"Batches: ([2-9]|\d\d+)", "Batches: several", text)


@pytest.mark.parametrize(
    ("work_mem", "statements"), [("4MB", STATEMENTS), ("64kB", ON_DISK)], ids=["4MB", "64kB"]
)
def test_as_postgres(postgres, work_mem, statements):  # noqa: F811
    with postgres.connect() as theirs, database() as ours:
        theirs.execute("CREATE SCHEMA explained")
        theirs.execute("SET search_path = explained")
        try:
            for sql in SETUP:
                theirs.execute(sql.format(work_mem=work_mem))
                ours.run(sql.format(work_mem=work_mem))
            theirs.execute("SET enable_mergejoin = off")
            expected = [[line for (line,) in theirs.execute(sql)] for sql in statements]
        finally:
            theirs.execute("DROP SCHEMA explained CASCADE")
        found = [[line for (line,) in ours.run(sql)] for sql in statements]
    for sql, one, other in zip(statements, found, expected, strict=True):
        assert (sql, without_sizes(one)) == (sql, without_sizes(other))


def test_conditions_of_verbose_name_their_table():
    with database() as made:
        made.run("CREATE TABLE things (id int PRIMARY KEY, g int)")
        lines = made.plan("SELECT g FROM things WHERE g > 1 ORDER BY g", "verbose, costs off")
        assert "Sort Key: things.g" in lines[2] and "Filter: (things.g > 1)" in lines[-1]
        lines = made.plan("INSERT INTO things VALUES (1, 2)", "verbose, costs off")
        assert lines[0] == "Insert on public.things"


def test_heap_fetches_are_rows_that_not_everybody_sees():
    with database() as made:
        made.run("CREATE TABLE things (id int PRIMARY KEY)")
        made.run("INSERT INTO things SELECT n FROM generate_series(1, 50) n")
        query = ANALYZE + "SELECT id FROM things WHERE id < 4"
        made.run("SET enable_seqscan = off")
        assert "  Heap Fetches: 0" in [line for (line,) in made.run(query)]
        other = made.new_session()
        made.run("BEGIN; INSERT INTO things VALUES (100)", other)
        # Newer than what still runs.
        made.run("INSERT INTO things VALUES (0), (-1)")
        assert "  Heap Fetches: 2" in [line for (line,) in made.run(query)]
        made.run("ROLLBACK", other)

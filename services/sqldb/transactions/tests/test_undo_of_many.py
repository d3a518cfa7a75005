"""Rolling back thousands of rows, many of one kind together: all is as it was, indexes too."""

import pytest

from services.sqldb.optimizer.tests.database import database
from services.sqldb.transactions.undo import PIECE

ROWS = 2 * PIECE + 500

CHANGES = {
    "inserts": (f"INSERT INTO t SELECT n, n, 'new' FROM generate_series(-{ROWS}, 0) n",),
    "updates of no key": ("UPDATE t SET s = s || '!'",),
    "updates of a key": ("UPDATE t SET g = g + 1",),
    "updates of both kinds": ("UPDATE t SET g = CASE WHEN id % 3 = 0 THEN -g ELSE g END",),
    "deletes": ("DELETE FROM t WHERE id % 2 = 0",),
    "all of them": (
        "UPDATE t SET s = upper(s)",
        f"INSERT INTO t SELECT n, n, '' FROM generate_series(-{ROWS}, 0) n",
        "DELETE FROM t WHERE id < 100",
        "UPDATE t SET g = 0 WHERE id > 200",
        "UPDATE t SET g = 1 WHERE id > 300",
    ),
}


@pytest.fixture(scope="module")
def sql():
    with database() as made:
        made.run(
            "CREATE TABLE t (id int PRIMARY KEY, g int, s text); CREATE INDEX ON t (g);"
            f"INSERT INTO t SELECT n, n % 7, 'row' FROM generate_series(1, {ROWS}) n"
        )
        yield made


def state(sql):
    rows = sql.run("SELECT * FROM t ORDER BY id")
    sql.run("SET enable_seqscan = off")
    groups = [sql.run(f"SELECT id FROM t WHERE g = {g} ORDER BY id") for g in range(-1, 8)]
    return rows, groups


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("savepoint", [False, True])
def test_rollback(sql, name, savepoint):
    before = state(sql)
    sql.run("BEGIN")
    if savepoint:
        sql.run("UPDATE t SET s = 'kept' WHERE id = 1; SAVEPOINT a")
    for change in CHANGES[name]:
        sql.run(change)
    if savepoint:
        sql.run("ROLLBACK TO a; UPDATE t SET s = 'row' WHERE id = 1; COMMIT")
    else:
        sql.run("ROLLBACK")
    assert state(sql) == before

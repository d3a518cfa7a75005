"""Definitions: views, enums, DROP, SELECT INTO, as a client sees them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from services.sqldb.tests.server import SqldbServer, sqldb  # noqa: F401

psycopg = pytest.importorskip("psycopg")


@pytest.fixture
def connection(sqldb: SqldbServer) -> Iterator[Any]:  # noqa: F811
    with sqldb.connect() as connection:
        yield connection
        connection.execute("RESET search_path; DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def test_a_view_keeps_the_columns_and_tables_of_its_making(connection: Any) -> None:
    connection.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    connection.execute("CREATE VIEW v AS SELECT *, 'last' AS word FROM t")
    connection.execute("ALTER TABLE t ADD COLUMN b int DEFAULT 2")
    connection.execute("CREATE SCHEMA other; CREATE TABLE other.t (a int)")
    connection.execute("SET search_path = other, public")
    assert connection.execute("SELECT * FROM v").fetchall() == [(1, "last")]
    connection.execute("DROP SCHEMA other CASCADE")


def test_a_view_follows_its_tables(connection: Any) -> None:
    connection.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    connection.execute("CREATE VIEW v AS SELECT t.a FROM t WHERE a IN (SELECT a FROM t)")
    for sql in (
        "ALTER TABLE t RENAME TO u",
        "CREATE SCHEMA s1; ALTER TABLE u SET SCHEMA s1",
        "ALTER SCHEMA s1 RENAME TO s2",
    ):
        connection.execute(sql)
        assert connection.execute("SELECT * FROM v").fetchall() == [(1,)], sql
    connection.execute("DROP SCHEMA s2 CASCADE")


def test_renamed_label_shows_in_stored_rows(connection: Any) -> None:
    connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    connection.execute("CREATE TABLE m (m mood PRIMARY KEY, a mood[])")
    connection.execute("INSERT INTO m VALUES ('ok', '{ok,sad}')")
    connection.execute("ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'")
    found = connection.execute("SELECT m::text, a::text FROM m WHERE m = 'fine'").fetchall()
    assert found == [("fine", "{fine,sad}")]


def test_drop_cascade_says_what_goes(connection: Any) -> None:
    notices = []
    connection.add_notice_handler(
        lambda one: notices.append((one.message_primary, one.message_detail))
    )
    connection.execute("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE m (a mood, b mood)")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        connection.execute("DROP TYPE mood")
    connection.execute("DROP TYPE mood CASCADE")
    detail = "drop cascades to column a of table m\ndrop cascades to column b of table m"
    assert notices == [("drop cascades to 2 other objects", detail)]


@pytest.mark.parametrize("prepare", [False, True])
def test_select_into(connection: Any, prepare: bool) -> None:
    sql = "SELECT 1 AS a, 'x' AS b INTO made"
    assert connection.execute(sql, prepare=prepare).statusmessage == "SELECT 1"
    assert connection.execute("SELECT * FROM made").fetchall() == [(1, "x")]


def test_isolation_can_change_until_a_statement_has_run(connection: Any) -> None:
    connection.execute("BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    connection.execute("SELECT 1")
    with pytest.raises(psycopg.errors.ActiveSqlTransaction):
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    connection.execute("ROLLBACK")


def test_create_table_as_execute(connection: Any) -> None:
    connection.execute("PREPARE q (int) AS SELECT $1 + 1 AS a; CREATE TABLE made AS EXECUTE q (4)")
    assert connection.execute("SELECT a FROM made").fetchall() == [(5,)]

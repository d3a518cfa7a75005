"""Ordinary use of the drivers: psycopg 3, psycopg2, pg8000, asyncpg."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import io
import threading
import uuid

import pytest

from services.sqldb.tests.server import SqldbServer, sqldb  # noqa: F401

psycopg = pytest.importorskip("psycopg")

VALUES = [
    *(1, 2**40, 2**70, True, "x", b"\0a", 1.5, decimal.Decimal("1.250"), None),
    *(datetime.date(2020, 1, 1), datetime.time(1, 2, 3), datetime.timedelta(1, 2, 3)),
    datetime.datetime(2020, 1, 1, 2, 3, 4, 5),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    *(uuid.UUID(int=5), [1, 2, None], [[1, 2], [3, 4]], [decimal.Decimal("1.1")]),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("is_binary", [False, True])
def test_values_go_there_and_back(sqldb: SqldbServer, value: object, is_binary: bool) -> None:  # noqa: F811
    with sqldb.connect() as connection:
        sql = "SELECT %b" if is_binary else "SELECT %t"
        if value is None or isinstance(value, list | uuid.UUID | datetime.timedelta):
            sql = "SELECT %s"
        assert connection.execute(sql, [value], binary=is_binary).fetchone()[0] == value


def test_copy_in_binary(sqldb: SqldbServer) -> None:  # noqa: F811
    types = ["int4", "text", "numeric"]
    rows = [(1, "a\tb\n\\", decimal.Decimal("-1.50")), (2, None, None)]
    with sqldb.connect() as connection:
        connection.execute("CREATE TEMP TABLE copied (a int, b text, c numeric)")
        cursor = connection.cursor()
        with cursor.copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
        with cursor.copy("COPY copied TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(types)
            assert list(copy.rows()) == rows


def test_temporary_tables_and_held_cursors_outlive_a_commit(sqldb: SqldbServer) -> None:  # noqa: F811
    with sqldb.connect(autocommit=False) as connection:
        connection.execute("CREATE TEMP TABLE t ON COMMIT DELETE ROWS AS SELECT 1 AS a")
        with connection.cursor("held", withhold=True) as cursor:
            cursor.execute("SELECT generate_series(1, 3)")
            connection.commit()
            assert cursor.fetchall() == [(1,), (2,), (3,)]
        assert connection.execute("SELECT * FROM t").fetchall() == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_sleep(60)",
        "SELECT count(*) FROM generate_series(1, 1000000000)",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    ],
)
def test_cancel(sqldb: SqldbServer, sql: str) -> None:  # noqa: F811
    with sqldb.connect() as connection, sqldb.connect() as other:
        pid = connection.info.backend_pid
        active = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'"

        def cancel() -> None:
            while not other.execute(active, [pid]).fetchall():
                pass
            connection.cancel_safe()

        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(sql)
        thread.join()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_like_with_many_wildcards_does_not_backtrack(sqldb: SqldbServer) -> None:  # noqa: F811
    with sqldb.connect() as connection:
        many = "SELECT repeat('a', 5000) LIKE repeat('%a', 30) || 'b'"
        assert connection.execute(many).fetchone() == (False,)
        few = "SELECT 'abcb' LIKE 'a%b', 'ab' LIKE '%b_', 'aXbYbc' LIKE '%b_c', 'abab' LIKE '%a%b'"
        assert connection.execute(few).fetchone() == (True, False, False, True)


def test_plans_follow_the_definitions(sqldb: SqldbServer) -> None:  # noqa: F811
    with sqldb.connect() as connection:
        connection.execute("CREATE TEMP TABLE p (a int); INSERT INTO p VALUES (1)")
        ask = lambda: connection.execute("SELECT a FROM p WHERE a = %s", [1], prepare=True)  # noqa: E731
        assert ask().fetchall() == [(1,)]
        connection.execute("ALTER TABLE p ADD b int; CREATE INDEX ON p (a)")
        assert ask().fetchall() == [(1,)]
        connection.execute("DROP TABLE p; CREATE TEMP TABLE p (b int, a int)")
        assert ask().fetchall() == []


def test_a_statement_whose_columns_have_changed_says_so_until_it_is_prepared_anew(
    sqldb: SqldbServer,  # noqa: F811
) -> None:
    with sqldb.connect() as connection:
        connection.execute("CREATE TABLE widening (a int)")
        server = connection.pgconn
        server.prepare(b"w", b"SELECT * FROM widening")
        connection.execute("ALTER TABLE widening ADD b int")
        for _ in range(2):
            result = server.exec_prepared(b"w", [])
            assert result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"0A000"
            # asyncpg and JDBC know by it that they have to prepare it again.
            field = psycopg.pq.DiagnosticField.SOURCE_FUNCTION
            assert result.error_field(field) == b"RevalidateCachedQuery"
        connection.execute("ALTER TABLE widening DROP b")
        assert server.exec_prepared(b"w", []).nfields == 1


def test_explain_with_parameters(sqldb: SqldbServer) -> None:  # noqa: F811
    with sqldb.connect() as connection:
        connection.execute("CREATE TEMP TABLE explained (a int)")
        options = "COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF"
        sql = f"EXPLAIN ({options}) SELECT FROM explained WHERE a = %s"
        lines = [row[0] for row in connection.execute(sql, [5])]
        assert lines[1] == "  Filter: (a = '5'::smallint)"


def test_backslashes_in_plain_strings_stay(sqldb: SqldbServer) -> None:  # noqa: F811
    with sqldb.connect() as connection:
        connection.execute("SET standard_conforming_strings = true")
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            connection.execute("SET standard_conforming_strings = off")
        assert connection.info.parameter_status("standard_conforming_strings") == "on"


def test_psycopg2(sqldb: SqldbServer) -> None:  # noqa: F811
    psycopg2 = pytest.importorskip("psycopg2")
    connection = psycopg2.connect(**sqldb.parameters)
    connection.set_session(isolation_level="SERIALIZABLE")
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE q (a int, b text)")
    cursor.copy_expert("COPY q FROM STDIN CSV", io.StringIO('1,"x,y"\n2,\n'))
    cursor.execute("SELECT * FROM q ORDER BY a")
    assert cursor.fetchall() == [(1, "x,y"), (2, None)]
    with connection.cursor("named") as named:
        named.itersize = 1
        named.execute("SELECT a FROM q ORDER BY a")
        assert list(named) == [(1,), (2,)]
    connection.close()


def test_pg8000(sqldb: SqldbServer) -> None:  # noqa: F811
    pg8000 = pytest.importorskip("pg8000.dbapi")
    connection = pg8000.connect(
        host="127.0.0.1", port=sqldb.port, user="postgres", database="glassbox"
    )
    cursor = connection.cursor()
    cursor.execute("SELECT %s::int + 1, ARRAY['a', NULL]", (1,))
    assert cursor.fetchall() == ([2, ["a", None]],)
    with pytest.raises(pg8000.DatabaseError) as caught:
        cursor.execute("SELECT 1 / 0")
    assert caught.value.args[0]["C"] == "22012"
    connection.close()


def test_asyncpg(sqldb: SqldbServer) -> None:  # noqa: F811
    asyncpg = pytest.importorskip("asyncpg")

    async def use() -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=sqldb.port, user="postgres", database="glassbox"
        )
        await connection.execute("CREATE TYPE pair AS (a int, b text)")
        assert tuple(await connection.fetchval("SELECT ROW(1, 'b')::pair")) == (1, "b")
        async with connection.transaction():
            # Portals with a limit of rows.
            cursor = connection.cursor("SELECT generate_series(1, 7)", prefetch=3)
            assert [row[0] async for row in cursor] == [1, 2, 3, 4, 5, 6, 7]
        with pytest.raises(asyncio.TimeoutError):
            await connection.fetch("SELECT pg_sleep(60)", timeout=0.2)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()

    asyncio.run(use())

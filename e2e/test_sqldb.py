"""sqldb as a PostgreSQL: psycopg, psql, and what a crash leaves."""

import decimal
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from e2e.stack import Stack, wait_until

PATIENCE_S = 20


def connect(stack: Stack, **options: object) -> psycopg.Connection:
    """A connection as soon as the server takes one."""
    host, port = stack.address("sqldb")

    def attempt() -> psycopg.Connection:
        try:
            return psycopg.connect(
                host=host, port=port, user="postgres", dbname="glassbox", **options
            )
        except psycopg.OperationalError as error:
            raise ConnectionError(str(error)) from error

    return wait_until(attempt, "sqldb takes a connection", PATIENCE_S)


@pytest.fixture
def schema(stack: Stack) -> Iterator[str]:
    """A schema of its own, dropped afterwards."""
    name = f"e2e_{uuid.uuid4().hex[:12]}"
    with connect(stack, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield name
    # The connections of the test's own client may be those to a server that was killed.
    with connect(stack, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def client(stack: Stack, schema: str) -> Iterator[psycopg.Connection]:
    with connect(stack, autocommit=True, options=f"-c search_path={schema}") as connection:
        yield connection


def other_client(stack: Stack, schema: str, **options: object) -> psycopg.Connection:
    return connect(stack, options=f"-c search_path={schema}", **options)


def test_the_client_connects(client: psycopg.Connection):
    assert client.execute("SELECT 1").fetchone() == (1,)
    assert client.info.server_version // 10_000 == 15


def test_rows_come_back_as_they_went(client: psycopg.Connection):
    client.execute(
        "CREATE TABLE item (id serial PRIMARY KEY, name text NOT NULL, price numeric(8,2),"
        " tags text[], data jsonb, raw bytea, key uuid)"
    )
    row = ("Grüße", decimal.Decimal("12.50"), ["a", "b"], b"\0\xff", uuid.uuid4())
    inserted = client.execute(
        "INSERT INTO item (name, price, tags, data, raw, key)"
        " VALUES (%s, %s, %s, '{\"n\": [1, null]}', %s, %s) RETURNING id",
        row,
    )
    assert inserted.fetchone() == (1,)
    for is_binary in (False, True):
        with client.cursor(binary=is_binary) as cursor:
            cursor.execute("SELECT name, price, tags, raw, key, data FROM item")
            assert cursor.fetchall() == [(*row, {"n": [1, None]})]


def test_joins_groups_and_order(client: psycopg.Connection):
    client.execute("CREATE TABLE city (id int PRIMARY KEY, name text)")
    client.execute("CREATE TABLE person (id int, city int REFERENCES city)")
    client.execute("INSERT INTO city SELECT n, 'city ' || n FROM generate_series(0, 2) n")
    client.execute("INSERT INTO person SELECT n, n % 3 FROM generate_series(0, 19) n")
    rows = client.execute(
        "SELECT c.name, count(*), sum(p.id) FROM person p JOIN city c ON c.id = p.city"
        " GROUP BY c.name HAVING sum(p.id) > 57 ORDER BY 3 DESC"
    ).fetchall()
    assert rows == [("city 1", 7, 70), ("city 0", 7, 63)]


def test_errors_have_their_codes_and_the_session_goes_on(client: psycopg.Connection):
    client.execute("CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n > 0))")
    client.execute("INSERT INTO t VALUES (1, 1)")
    with pytest.raises(errors.UniqueViolation) as caught:
        client.execute("INSERT INTO t VALUES (1, 2)")
    assert caught.value.diag.constraint_name == "t_pkey"
    with pytest.raises(errors.CheckViolation):
        client.execute("INSERT INTO t VALUES (2, -1)")
    with pytest.raises(errors.DivisionByZero):
        client.execute("SELECT 1 / (n - 1) FROM t")
    with pytest.raises(errors.SyntaxError):
        client.execute("SELEC 1")
    assert client.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_transactions(stack: Stack, schema: str, client: psycopg.Connection):
    client.execute("CREATE TABLE account (id int PRIMARY KEY, balance int)")
    client.execute("INSERT INTO account VALUES (1, 10), (2, 10)")
    with other_client(stack, schema) as other:
        other.execute("UPDATE account SET balance = balance - 5 WHERE id = 1")
        # Not committed: nobody else sees it.
        assert client.execute("SELECT sum(balance) FROM account").fetchone() == (20,)
        with pytest.raises(errors.UniqueViolation), other.transaction():
            other.execute("INSERT INTO account VALUES (2, 0)")
        other.execute("UPDATE account SET balance = balance + 5 WHERE id = 2")
        other.commit()
    balances = "SELECT balance FROM account ORDER BY id"
    assert client.execute(balances).fetchall() == [(5,), (15,)]
    with pytest.raises(ZeroDivisionError), client.transaction():
        client.execute("DELETE FROM account")
        raise ZeroDivisionError
    assert client.execute(balances).fetchall() == [(5,), (15,)]


def test_copy(client: psycopg.Connection):
    client.execute("CREATE TABLE t (id int, name text)")
    rows = [(n, None if n % 7 == 0 else f"na\tme {n}") for n in range(1000)]
    with client.cursor() as cursor:
        with cursor.copy("COPY t FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        with cursor.copy("COPY t TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            assert list(copy.rows()) == rows


def test_notifications(stack: Stack, schema: str, client: psycopg.Connection):
    client.execute(f"LISTEN {schema}")
    with other_client(stack, schema) as other:
        other.execute(f"NOTIFY {schema}, 'not this'")
        other.rollback()
        other.execute("SELECT pg_notify(%s, 'hello')", (schema,))
        other.commit()
    (notification,) = client.notifies(timeout=PATIENCE_S, stop_after=1)
    assert (notification.channel, notification.payload) == (schema, "hello")


def test_a_statement_is_cancelled(stack: Stack, client: psycopg.Connection):
    client.execute("SET statement_timeout = '100ms'")
    with pytest.raises(errors.QueryCanceled):
        client.execute("SELECT count(*) FROM generate_series(1, 100000000)")
    assert client.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_psql(stack: Stack, schema: str, client: psycopg.Connection):
    client.execute("CREATE TABLE t (id int, name text)")
    client.execute("INSERT INTO t VALUES (1, 'one'), (2, NULL)")
    host, port = stack.address("sqldb")
    where = {"PGHOST": host, "PGPORT": str(port), "PGUSER": "postgres", "PGDATABASE": "glassbox"}
    shown = subprocess.run(
        ["psql", "-X", "-c", f"SELECT * FROM {schema}.t ORDER BY id"],
        env=os.environ | where,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == " id | name \n----+------\n  1 | one\n  2 | \n(2 rows)\n\n"


@pytest.mark.faults
def test_what_was_committed_survives_kill_9(stack: Stack, schema: str, client: psycopg.Connection):
    client.execute("CREATE TABLE t (id int PRIMARY KEY)")
    for number in range(50):
        client.execute("INSERT INTO t VALUES (%s)", (number,))
    with other_client(stack, schema) as open_one:
        open_one.execute("INSERT INTO t VALUES (1000)")
        with stack.killed("sqldb"):
            pass
        open_one.close()
    with other_client(stack, schema) as again:
        rows = again.execute("SELECT id FROM t ORDER BY id").fetchall()
        assert rows == [(number,) for number in range(50)]

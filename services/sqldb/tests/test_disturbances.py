"""Clients that vanish, statements that are cancelled or take too long, inputs beyond all measure.

What a session held is free afterwards, what it did is undone, and the others notice nothing.
"""

from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Callable

import pytest

from services.sqldb.tests.postgres import PostgresServer, postgres  # noqa: F401
from services.sqldb.tests.server import SqldbServer, run_sqldb, sqldb  # noqa: F401
from services.sqldb.tests.wire import SYNC, Wire, bind, execute, message, parse, query, startup

psycopg = pytest.importorskip("psycopg")

PATIENCE = "20s"


def _wait_until(server: SqldbServer, sql: str, *values: object) -> None:
    """Until the query has a row that is true: asked again and again, bounded by the timeout."""
    with server.connect() as connection:
        while not connection.execute(sql, values).fetchone()[0]:
            pass


def _is_gone(server: SqldbServer, pid: int) -> None:
    _wait_until(server, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s", pid)


def _waits(server: SqldbServer, pid: int) -> None:
    _wait_until(server, "SELECT count(*) > 0 FROM pg_locks WHERE pid = %s AND NOT granted", pid)


@pytest.fixture
def table(sqldb: SqldbServer):  # noqa: F811
    with sqldb.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS held")
        connection.execute("CREATE TABLE held (id int PRIMARY KEY, n int)")
        connection.execute("INSERT INTO held VALUES (1, 0), (2, 0)")
        yield connection


# A client that is gone.

VANISHING = {
    "amid a transaction": query("BEGIN") + query("UPDATE held SET n = 9"),
    "amid a transaction of many messages": query("BEGIN") + parse("UPDATE held SET n = 9")
    + bind() + execute() + message(b"H"),
    "amid copy": query("BEGIN; UPDATE held SET n = 9; COPY held FROM STDIN")
    + message(b"d", b"5\t5\n"),
    "amid a message": query("BEGIN; UPDATE held SET n = 9")
    + b"Q" + struct.pack(">I", 5000) + b"SEL",
    "amid a result": query("BEGIN; UPDATE held SET n = 9")
    + query("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"),
    "with a lock of the session": query("SELECT pg_advisory_lock(9)")
    + query("BEGIN; UPDATE held SET n = 9"),
}  # fmt: skip


@pytest.mark.parametrize("case", VANISHING)
def test_what_a_vanished_client_held_is_free(sqldb: SqldbServer, table, case: str) -> None:  # noqa: F811
    connection = Wire(sqldb).begin()
    connection.say(VANISHING[case])
    _wait_until(
        sqldb,
        "SELECT count(*) > 0 FROM pg_locks WHERE pid = %s AND mode = 'RowExclusiveLock'",
        connection.pid,
    )
    connection.socket.close()
    _is_gone(sqldb, connection.pid)
    table.execute(f"SET lock_timeout = '{PATIENCE}'")
    assert table.execute("SELECT pg_try_advisory_lock(9)").fetchone() == (True,)
    table.execute("SELECT pg_advisory_unlock(9)")
    assert table.execute("UPDATE held SET n = n + 1 RETURNING n").fetchall() == [(1,), (1,)]


def test_a_client_that_vanishes_in_a_lock_wait_leaves_nothing(sqldb: SqldbServer, table) -> None:  # noqa: F811
    with sqldb.connect() as holder, holder.transaction():
        holder.execute("UPDATE held SET n = 1 WHERE id = 1")
        waiting = Wire(sqldb).begin()
        waiting.say(query("BEGIN") + query("UPDATE held SET n = 9 WHERE id = 2"))
        waiting.hear()
        waiting.hear()
        waiting.say(query("UPDATE held SET n = 9 WHERE id = 1"))
        _waits(sqldb, waiting.pid)
        waiting.socket.close()
    _is_gone(sqldb, waiting.pid)
    assert table.execute("SELECT n FROM held ORDER BY id").fetchall() == [(1,), (0,)]


# Cancelling.

RUNNING = {
    "computing": "SELECT count(*) FROM generate_series(1, 1000000000)",
    "sleeping": "SELECT pg_sleep(600)",
    "joining": "SELECT count(*) FROM generate_series(1, 30000) a, generate_series(1, 30000) b"
    " WHERE a < -b",
    "sorting": "SELECT a FROM generate_series(1, 3000000) a ORDER BY -a LIMIT 1 OFFSET 2999999",
    "grouping": "SELECT a, count(*) FROM generate_series(1, 100000000) a GROUP BY a",
    "inserting": "INSERT INTO held SELECT generate_series(10, 100000000)",
    "waiting for a row": "UPDATE held SET n = 5 WHERE id = 1",
    "waiting for a table": "LOCK TABLE held",
    "waiting for an advisory lock": "SELECT pg_advisory_lock(77)",
}  # fmt: skip


@pytest.mark.parametrize("case", RUNNING)
def test_cancel_and_go_on(sqldb: SqldbServer, table, case: str) -> None:  # noqa: F811
    with sqldb.connect() as holder, sqldb.connect() as connection, holder.transaction():
        holder.execute("UPDATE held SET n = 1 WHERE id = 1")
        holder.execute("SELECT pg_advisory_xact_lock(77)")
        pid = connection.info.backend_pid
        active = "SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
        done = threading.Event()

        def cancel() -> None:
            _wait_until(sqldb, active, pid)
            while not done.is_set():
                connection.cancel_safe()
                done.wait(0.05)

        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            with pytest.raises(psycopg.errors.QueryCanceled), connection.transaction():
                connection.execute(RUNNING[case])
        finally:
            done.set()
            thread.join()
        with contextlib.suppress(psycopg.errors.QueryCanceled):
            connection.execute("SELECT 1")
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert table.execute("SELECT count(*) FROM held").fetchone() == (2,)


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT repeat('a', 5000) ~ '^(a+)+$|b'", True),
        ("SELECT repeat('a', 5000) || 'b' ~ '^(a|a|aa)+$'", False),
        ("SELECT regexp_replace(repeat('a', 3000) || 'b', '^((a+)+)$', 'x') = 'x'", False),
        ("SELECT repeat('ab', 3000) SIMILAR TO '(a%)*c'", False),
    ],
)
def test_regular_expressions_do_not_explode(sqldb: SqldbServer, sql: str, answer: bool) -> None:  # noqa: F811
    with sqldb.connect() as connection:
        assert connection.execute(sql).fetchone() == (answer,)


def test_a_cancel_that_comes_too_late_harms_nothing(sqldb: SqldbServer) -> None:  # noqa: F811
    with Wire(sqldb).begin() as connection:
        connection.say(query("BEGIN"))
        connection.hear()
        connection.cancel()
        connection.say(query("SELECT 1"))
        assert connection.hear()[-1] == "Z T"


def test_nobody_cancels_without_the_key(sqldb: SqldbServer) -> None:  # noqa: F811
    with Wire(sqldb).begin() as connection, Wire(sqldb).begin() as other:
        other.pid, other.key = connection.pid, connection.key ^ 1
        connection.say(query("SELECT pg_sleep(0.05)"))
        other.cancel()
        assert "E" not in {told[0] for told in connection.hear()}


# Timeouts.


@pytest.mark.parametrize(
    ("setting", "sql", "sqlstate"),
    [
        ("statement_timeout", "SELECT pg_sleep(600)", "57014"),
        ("statement_timeout", "SELECT count(*) FROM generate_series(1, 1000000000)", "57014"),
        ("lock_timeout", "LOCK TABLE held", "55P03"),
        ("statement_timeout", "LOCK TABLE held", "57014"),
    ],
)
def test_timeouts_of_statements(sqldb: SqldbServer, table, setting, sql, sqlstate) -> None:  # noqa: F811
    with sqldb.connect() as holder, sqldb.connect() as connection, holder.transaction():
        holder.execute("LOCK TABLE held")
        connection.execute(f"SET {setting} = '20ms'")
        with pytest.raises(psycopg.Error) as caught, connection.transaction():
            connection.execute(sql)
        assert caught.value.sqlstate == sqlstate
        connection.execute(f"RESET {setting}")
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("setting", "first", "sqlstate"),
    [
        ("idle_session_timeout", "SELECT 1", "57P05"),
        ("idle_in_transaction_session_timeout", "BEGIN; UPDATE held SET n = 9", "25P03"),
    ],
)
def test_timeouts_of_sessions(sqldb: SqldbServer, table, setting, first, sqlstate) -> None:  # noqa: F811
    with Wire(sqldb).begin() as connection:
        connection.say(query(f"SET {setting} = '30ms'") + query(first))
        told = []
        while not told or told[-1] != "the end":
            told = connection.hear()
        assert told == [f"E FATAL {sqlstate}", "the end"]
    assert table.execute("SELECT n FROM held WHERE n = 9").fetchall() == []


# Who may come in.


def test_too_many_clients() -> None:
    with run_sqldb("--max-connections", "3") as server, contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(server.connect())
        with Wire(server) as one_more:
            one_more.say(startup(**one_more.defaults))
            assert one_more.hear() == ["E FATAL 53300", "the end"]


def test_passwords() -> None:
    with run_sqldb("--password", "right") as server:
        with server.connect(password="right") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        for options in ({"password": "wrong"}, {"password": "right", "user": "nobody"}):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                server.connect(**options)
        with Wire(server) as connection:
            connection.say(startup(**connection.defaults) + query("SELECT 1"))
            # Whoever says something else instead of a password is not let in.
            assert connection.hear()[-2:] == ["E FATAL 08P01", "the end"]


# Beyond all measure. What PostgreSQL computes we compute too, or say that it is too complex.

HUGE: dict[str, Callable[[], str]] = {
    "parentheses": lambda: "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "sums": lambda: "SELECT " + "1+" * 5000 + "1",
    "signs": lambda: "SELECT " + "- " * 5000 + "1",
    "NOT": lambda: "SELECT " + "NOT " * 5000 + "true",
    "AND": lambda: "SELECT " + "true AND " * 20000 + "true",
    "concatenations": lambda: "SELECT length(" + "'x' || " * 3000 + "'x')",
    "casts": lambda: "SELECT 1" + "::int" * 3000,
    "subselects": lambda: "SELECT " + "(SELECT " * 1000 + "1" + ")" * 1000,
    "subqueries": lambda: "SELECT * FROM " + "(SELECT * FROM " * 300 + "(SELECT 1) t" + ") t" * 300,
    "CASE": lambda: "SELECT " + "CASE WHEN true THEN " * 1000 + "1" + " END" * 1000,
    "functions": lambda: "SELECT " + "abs(" * 3000 + "1" + ")" * 3000,
    "arrays": lambda: "SELECT " + "ARRAY[" * 5000 + "1" + "]" * 5000,
    "unions": lambda: "SELECT count(*) FROM (" + " UNION ALL ".join(["SELECT 1"] * 150) + ") t",
    "many values": lambda: "SELECT count(*) FROM (VALUES " + ",".join(["(1)"] * 20000) + ") t",
    "a long IN": lambda: f"SELECT 5 IN ({','.join(map(str, range(20000)))})",
    "many columns": lambda: "SELECT " + ",".join(["1"] * 1664),
    "too many columns": lambda: "SELECT " + ",".join(["1"] * 1665),
    "too many columns of a table": lambda: "CREATE TEMP TABLE t ("
    + ",".join(f"c{n} int" for n in range(1601)) + ")",
    "a long name": lambda: "SELECT 1 AS " + "n" * 1000,
    "megabytes": lambda: f"SELECT length('{'x' * 3_000_000}'), md5('{'y' * 1_000_000}')",
    "deep JSON": lambda: "SELECT length('" + "[" * 5000 + "]" * 5000 + "'::json::text)",
    "deep JSONB": lambda: "SELECT length('" + "[" * 5000 + "]" * 5000 + "'::jsonb::text)",
    "deep array text": lambda: "SELECT '" + "{" * 5000 + "}" * 5000 + "'::int[]",
    "too large a text": lambda: "SELECT length(repeat('x', 2000000000))",
    "too many digits": lambda: "SELECT 1" + "0" * 140000 + " > 1",
    "a huge power": lambda: "SELECT length((10::numeric ^ 100000)::text)",
    "too huge a power": lambda: "SELECT 10::numeric ^ 1000000",
    "a huge factorial": lambda: "SELECT length(factorial(3000)::text)",
    "deep regular expression": lambda: "SELECT 'x' ~ '" + "(" * 3000 + "x" + ")" * 3000 + "'",
    "a long LIKE": lambda: f"SELECT 'x' LIKE '{'%' * 100000}'",
    "a parameter too high": lambda: "SELECT $65536",
    "a parameter beyond all": lambda: "SELECT $99999999999",
}  # fmt: skip
_TOO_COMPLEX = ("54001", "54000", "53200")


@pytest.mark.parametrize("case", HUGE)
def test_beyond_all_measure(
    case: str,
    sqldb: SqldbServer,  # noqa: F811
    postgres: PostgresServer,  # noqa: F811
) -> None:
    told = []
    for server in (postgres, sqldb):
        with server.connect() as connection:
            connection.execute(f"SET statement_timeout = '{PATIENCE}'")
            try:
                told.append(connection.execute(HUGE[case]()).fetchall())
            except psycopg.Error as error:
                told.append(error.sqlstate)
            assert connection.execute("SELECT 1").fetchone() == (1,)
    theirs, ours = told
    assert ours == theirs or (ours in _TOO_COMPLEX)


def test_as_many_parameters_as_there_can_be(sqldb: SqldbServer) -> None:  # noqa: F811
    count = 65535
    with Wire(sqldb).begin() as connection:
        values = (b"",) * (count - 1) + (b"the last",)
        connection.say(parse(f"SELECT ${count}", oids=(25,) * count) + bind(values))
        connection.say(execute() + SYNC)
        assert any(told.endswith("the last") for told in connection.hear())

"""A statement is cancelled wherever it is: reading, sorting, planning, sending."""

import socket
import struct
import threading

import psycopg
import pytest
from psycopg import errors

from services.sqldb.tests.server import sqldb  # noqa: F401

PATIENCE_S = 60
MANY = 2_000_000_000


def clique(size):
    """A join of each with each other: plans by the hundred thousand."""
    tables = ", ".join(f"pg_class t{i}" for i in range(size))
    conditions = " AND ".join(f"t{i}.oid = t{j}.oid" for i in range(size) for j in range(i))
    return f"SELECT count(*) FROM {tables} WHERE {conditions}"


STATEMENTS = {
    "scan": f"SELECT count(*) FROM generate_series(1, {MANY})",
    "join": "SELECT count(*) FROM wide a, wide b, wide c WHERE a.n + b.n + c.n < 0",
    "sort": f"SELECT n FROM generate_series(1, {MANY}) n ORDER BY n % 1000",
    "aggregate": f"SELECT n % 10, count(*) FROM generate_series(1, {MANY}) n GROUP BY 1",
    "window": "SELECT sum(a.n) OVER (ORDER BY b.n) FROM wide a, wide b, wide c",
    "recursive": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) "
    "SELECT count(*) FROM r",
    "insert": f"INSERT INTO wide SELECT n FROM generate_series(1, {MANY}) n",
    "planning": clique(10),
    "sleeping": "SELECT pg_sleep(1000)",
}


@pytest.fixture(scope="module")
def watcher(sqldb):  # noqa: F811
    with sqldb.connect() as connection:
        connection.execute("CREATE TABLE wide AS SELECT n FROM generate_series(1, 3000) n")
        yield connection


def cancel_when_active(connection, watcher, run):
    """What `run` raises when it is cancelled as soon as it is seen to run."""
    raised = []

    def body():
        try:
            run()
        except psycopg.Error as error:
            raised.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    pid = connection.info.backend_pid
    query = "SELECT state FROM pg_stat_activity WHERE pid = %s"
    while thread.is_alive() and watcher.execute(query, (pid,)).fetchone()[0] != "active":
        pass
    connection.cancel()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    return raised


@pytest.mark.parametrize(
    ("name", "work_mem"),
    [(name, "4MB") for name in STATEMENTS] + [("sort", "64kB"), ("aggregate", "64kB")],
)
def test_cancel(sqldb, watcher, name, work_mem):  # noqa: F811
    with sqldb.connect() as connection:
        connection.execute(f"SET work_mem = '{work_mem}'")
        (error,) = cancel_when_active(
            connection, watcher, lambda: connection.execute(STATEMENTS[name])
        )
        assert isinstance(error, errors.QueryCanceled)
        assert "user request" in str(error)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_cancel_of_copy(sqldb, watcher):  # noqa: F811
    def read():
        with connection.cursor().copy("COPY (SELECT a.n FROM wide a, wide b) TO STDOUT") as copy:
            for _ in copy:
                pass

    with sqldb.connect() as connection:
        (error,) = cancel_when_active(connection, watcher, read)
        assert isinstance(error, errors.QueryCanceled)


def test_a_cancel_of_nothing_is_forgotten(sqldb):  # noqa: F811
    with sqldb.connect() as connection:
        connection.execute("SELECT 1")
        connection.cancel()
        assert connection.execute("SELECT 2").fetchone() == (2,)


@pytest.mark.parametrize("prepare", [False, True])
def test_the_timeout_counts_from_the_first_message(sqldb, prepare):  # noqa: F811
    with sqldb.connect() as connection:
        connection.execute("SET statement_timeout = '30ms'")
        with pytest.raises(errors.QueryCanceled, match="statement timeout"):
            connection.execute(STATEMENTS["planning"], prepare=prepare)
        connection.execute("SET statement_timeout = 0")
        assert connection.execute("SELECT 3", prepare=prepare).fetchone() == (3,)


@pytest.mark.parametrize("prepare", [False, True])
def test_the_end_of_a_session_is_told_once(sqldb, watcher, prepare):  # noqa: F811
    notices = []
    with sqldb.connect() as connection:
        connection.add_notice_handler(notices.append)
        with pytest.raises(errors.AdminShutdown):
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())", prepare=prepare)
            connection.execute("SELECT 1")
        assert notices == []


def test_a_fatal_error_is_sent_once(sqldb):  # noqa: F811
    startup = struct.pack(">I", 196608) + b"user\0postgres\0database\0glassbox\0\0"
    query = b"SELECT pg_terminate_backend(pg_backend_pid())\0"
    with (
        socket.create_connection(("127.0.0.1", sqldb.port), timeout=PATIENCE_S) as raw,
        raw.makefile("rb") as answers,
    ):
        raw.sendall(struct.pack(">I", len(startup) + 4) + startup)
        raw.sendall(b"Q" + struct.pack(">I", len(query) + 4) + query)
        letters = []
        while letter := answers.read(1):
            body = answers.read(struct.unpack(">I", answers.read(4))[0] - 4)
            letters.append(letter)
            if letter == b"E":
                assert b"SFATAL\0" in body and b"C57P01\0" in body
    assert letters.count(b"E") == 1

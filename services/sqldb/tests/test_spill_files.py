"""Temporary files of queries are gone after a success, an error, a cancel, a kill."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.sqldb.tests.server import SqldbServer, run_sqldb

psycopg = pytest.importorskip("psycopg")

ENDLESS = "SELECT count(*) FROM (SELECT DISTINCT n FROM generate_series(1, 100000000) n) numbers"
FAILING = """
    SELECT 1 / (20000 - n) FROM (SELECT DISTINCT n FROM generate_series(1, 20000) n) numbers
"""

CURSOR = "DECLARE c NO SCROLL CURSOR FOR SELECT DISTINCT n FROM generate_series(1, 20000) n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("spilling")


@pytest.fixture(scope="module")
def server(directory: Path):
    with run_sqldb("--data-dir", str(directory), "--work-mem-kb", "64") as running:
        yield running


def spill_files(server: SqldbServer, directory: Path) -> list[str]:
    """What the server has open in its directory that has no name there."""
    found = []
    fds = f"/proc/{server.process.pid}/fd"
    for fd in os.listdir(fds):
        try:
            target = os.readlink(f"{fds}/{fd}")
        except FileNotFoundError:
            continue
        if target.startswith(str(directory)) and target.endswith("(deleted)"):
            found.append(target)
    return found


def wait_until(is_true: Callable[[], object]) -> None:
    end_s = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < end_s, "it has not happened"
        time.sleep(0.01)


def test_after_success_and_error(server, directory):
    with server.connect() as connection:
        rows = connection.execute("""
            SELECT count(*) FROM (SELECT DISTINCT n % 20000 FROM generate_series(1, 50000) n) t
        """)
        assert rows.fetchone() == (20000,)
        assert not spill_files(server, directory)
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute(FAILING)
        assert not spill_files(server, directory)


def test_after_a_cancel(server, directory):
    with server.connect() as connection:
        raised = []

        def ask():
            try:
                connection.execute(ENDLESS)
            except psycopg.Error as error:
                raised.append(error.sqlstate)

        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(lambda: spill_files(server, directory))
        connection.cancel()
        thread.join(20)
        assert raised == ["57014"]
        assert not spill_files(server, directory)


def test_after_the_client_is_lost(server, directory):
    connection = server.connect()
    connection.execute("BEGIN")
    connection.execute(CURSOR)
    connection.execute("FETCH 15000 FROM c")
    assert spill_files(server, directory)
    connection.close()
    wait_until(lambda: not spill_files(server, directory))


def test_after_a_kill(tmp_path):
    options = ("--data-dir", str(tmp_path), "--work-mem-kb", "64")
    with run_sqldb(*options) as server:
        connection = server.connect()
        connection.execute("BEGIN")
        connection.execute(CURSOR)
        connection.execute("FETCH 15000 FROM c")
        assert spill_files(server, tmp_path)
        server.kill()
    left = {path.name for path in tmp_path.iterdir()}
    # As on a file system where a temporary file has a name for a moment.
    (tmp_path / "sqldb-spill-left").write_bytes(b"x")
    with run_sqldb(*options) as server:
        assert not (tmp_path / "sqldb-spill-left").exists()
        assert not spill_files(server, tmp_path)
    assert not any("spill" in name for name in left)


def test_rows_to_be_changed_stay_in_memory(server):
    """A stored row on its way to UPDATE, DELETE, MERGE or FOR UPDATE cannot leave it."""
    with server.connect() as connection:
        connection.execute("""
            CREATE TABLE one (a int, b int); CREATE TABLE two (a int, b int);
            INSERT INTO one SELECT n, n FROM generate_series(1, 3000) n;
            INSERT INTO two SELECT n, 2 * n FROM generate_series(1, 4000) n;
            SET enable_nestloop = off; SET enable_mergejoin = off
        """)
        ask = lambda sql: connection.execute(sql).fetchone()  # noqa: E731
        connection.execute("UPDATE one SET b = two.b FROM two WHERE two.a = one.a")
        assert ask("SELECT count(*), sum(b) FROM one") == (3000, 3000 * 3001)
        locked = "SELECT one.a FROM one JOIN two USING (a) FOR UPDATE"
        assert len(connection.execute(locked).fetchall()) == 3000
        connection.execute("DELETE FROM one USING two WHERE one.a = two.a AND two.b > 4000")
        assert ask("SELECT count(*) FROM one") == (2000,)
        connection.execute("""
            MERGE INTO one USING two ON one.a = two.a
            WHEN MATCHED THEN UPDATE SET b = 0 WHEN NOT MATCHED THEN INSERT VALUES (two.a, 1)
        """)
        assert ask("SELECT count(*), sum(b) FROM one") == (4000, 2000)

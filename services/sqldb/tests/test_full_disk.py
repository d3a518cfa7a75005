"""A disk that is full: COMMIT says so, nothing that was acknowledged is lost, and it heals."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.sqldb.tests.server import SqldbServer, run_sqldb

psycopg = pytest.importorskip("psycopg")

FILLING = 100_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Two megabytes, a file system of their own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def _insert_until_refused(connection, first: int) -> list[int]:
    """The rows that were acknowledged."""
    known = []
    for number in range(first, first + 1000):
        try:
            sql = "INSERT INTO t VALUES (%s, repeat('x', %s))"
            connection.execute(sql, [number, FILLING])
        except psycopg.errors.DiskFull:
            return known
        known.append(number)
    raise AssertionError("the disk is never full")


def _rows(server: SqldbServer) -> list[int]:
    with server.connect() as connection:
        return [row[0] for row in connection.execute("SELECT id FROM t ORDER BY id").fetchall()]


def test_a_full_disk(small_disk: Path) -> None:
    options = ("--data-dir", str(small_disk), "--checkpoint-interval-s", "0")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(700_000))
    with run_sqldb(*options) as server, server.connect() as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY, filling text)")
        known = _insert_until_refused(connection, 0)
        assert known
        # The session lives, the others too; what has failed is nowhere to be seen.
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (len(known),)
        with pytest.raises(psycopg.errors.DiskFull), connection.transaction():
            connection.execute("UPDATE t SET filling = repeat('y', %s)", [FILLING])
        assert connection.execute("SELECT DISTINCT left(filling, 1) FROM t").fetchall() == [("x",)]
        assert _rows(server) == known
        ballast.unlink()
        healed = _insert_until_refused(connection, 5000)
        assert healed
        assert _rows(server) == known + healed
        server.kill()
    with run_sqldb(*options) as server:
        assert _rows(server) == known + healed

"""Our server as a process of its own, for tests with real clients.

from services.sqldb.tests.server import sqldb  # noqa: F401  (a module-scoped fixture)

def test_something(sqldb):
    with sqldb.connect() as connection:      # psycopg
        connection.execute("SELECT 1")
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True, slots=True)
class SqldbServer:
    """A running server."""

    process: subprocess.Popen
    port: int

    @property
    def parameters(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": "glassbox"}

    @property
    def environment(self) -> dict[str, str]:
        """For psql and pgbench."""
        return os.environ | {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": "glassbox",
        }

    def connect(self, **options: Any) -> Any:
        """A psycopg connection that commits each statement, unless it is told otherwise."""
        psycopg = pytest.importorskip("psycopg")
        return psycopg.connect(**self.parameters | {"autocommit": True} | options)

    def kill(self) -> None:
        """As a crash ends it: without a word, in the middle of whatever it does."""
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def run_sqldb(*options: str) -> Iterator[SqldbServer]:
    """A new server on a free port; it is ended at the end."""
    command = [sys.executable, "-m", "services.sqldb", "--port", "0", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        ready = process.stdout.readline()
        assert ready.startswith("sqldb ready on "), ready
        yield SqldbServer(process, int(ready.rpartition(":")[2]))
    finally:
        process.terminate()
        try:
            process.wait(15)
        finally:
            process.kill()
            process.stdout.close()


class FallibleServer:
    """A server whose disk and whose end a test decides about: kill, start, cut N bytes …"""

    def __init__(self, directory: Path):
        self._directory = directory
        self._running = contextlib.ExitStack()
        self._server: SqldbServer | None = None
        self.obey("start")

    @property
    def parameters(self) -> dict[str, Any]:
        return self._server.parameters

    def obey(self, order: str) -> None:
        match order.split():
            case ["kill"]:
                self._server.kill()
                self._running.close()
            case ["start"]:
                started = run_sqldb("--data-dir", str(self._directory))
                self._server = self._running.enter_context(started)
            case ["cut", count, "bytes", "off", "the", "log"]:
                log = max(self._directory.glob("*wal*"), key=lambda path: path.stat().st_mtime)
                os.truncate(log, log.stat().st_size - int(count))
            case _:
                raise ValueError(order)

    def close(self) -> None:
        self._running.close()


@pytest.fixture(scope="module")
def sqldb() -> Iterator[SqldbServer]:
    with run_sqldb() as server:
        yield server

"""A real PostgreSQL 15 for differential tests: the answers that ours have to be equal to.

    from services.sqldb.tests.postgres import postgres  # noqa: F401  (a session-scoped fixture)

    def test_something(postgres):
        with postgres.connect() as connection:      # psycopg
            connection.execute("SELECT 1")

It runs on a free port of 127.0.0.1 and a socket in a directory of its own, without fsync, and as an
unprivileged user, because PostgreSQL refuses to run as root. Where its programs are not installed,
the tests that need it are skipped with a word.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_PROGRAMS = (Path("/usr/lib/postgresql/15/bin"), Path("/usr/local/pgsql/bin"))
_USERS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server: psycopg.connect(**server.parameters), or psql by `environment`."""

    port: int
    socket_directory: str
    programs: Path

    @property
    def parameters(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": "postgres"}

    @property
    def environment(self) -> dict[str, str]:
        """For psql and pgbench."""
        return os.environ | {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": "postgres",
        }

    def connect(self, **options: Any) -> Any:
        """A psycopg connection that commits each statement."""
        psycopg = pytest.importorskip("psycopg")
        return psycopg.connect(**self.parameters, autocommit=True, **options)


def find_programs() -> Path | None:
    """The directory of initdb and postgres of version 15."""
    for directory in _PROGRAMS:
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return directory
    return None


def _as_user(command: list[str]) -> list[str]:
    """The command as somebody who is not root."""
    if os.geteuid() != 0:
        return command
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in _USERS if name in known), None)
    if user is None or shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and no other user was found")
    return ["runuser", "-u", user, "--", *command]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def run_postgres(*, fsync: bool = False) -> Iterator[PostgresServer]:
    """A new server with an empty database; gone, with all its files, at the end.

    What is said here counts more than ALTER SYSTEM: `fsync` cannot be changed later.
    """
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL 15 is not installed")
    directory = Path(tempfile.mkdtemp(prefix="glassbox-postgres-"))
    directory.chmod(0o777)
    data, port = directory / "data", _free_port()
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": directory,
        "fsync": "on" if fsync else "off",
        "timezone": "UTC",
        "lc_messages": "C",
        "max_connections": 50,
    }
    try:
        initialize = ["--locale=C", "-E", "UTF8", "-U", "postgres", "-A", "trust", "--no-sync"]
        _run([str(programs / "initdb"), "-D", str(data), *initialize])
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        log = str(directory / "log")
        control = [str(programs / "pg_ctl"), "-D", str(data), "-w"]
        _run([*control, "-l", log, "-o", options, "start"])
        try:
            yield PostgresServer(port, str(directory), programs)
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(command: list[str]) -> None:
    # Not captured: the server keeps these descriptors, and reading to their end would not end.
    subprocess.run(
        _as_user(command),
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with run_postgres() as server:
        yield server

"""pg_dump and pg_restore of PostgreSQL 15: our database goes into a real one, and into ours."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.sqldb.tests.postgres import PostgresServer, find_programs, postgres  # noqa: F401
from services.sqldb.tests.server import SqldbServer, run_sqldb

pytest.importorskip("psycopg")

_SCHEMA = Path(__file__).with_name("dumped.sql")
_TIMEOUT_S = 60


def _run(program: str, server: SqldbServer | PostgresServer, *arguments: str) -> str:
    """What the program writes. It fails the test where it fails."""
    directory = find_programs()
    if directory is None:
        pytest.skip("pg_dump of PostgreSQL 15 is not installed")
    done = subprocess.run(
        [str(directory / program), "--no-password", *arguments],
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr, f"{program}: {done.stderr}"
    return done.stdout


def _dump(server: SqldbServer | PostgresServer, *options: str) -> str:
    database = server.environment["PGDATABASE"]
    return _run("pg_dump", server, *options, database)


def _comparable(dump: str) -> list[str]:
    """Without what names the server, or this very dump."""
    changing = ("--", "\\restrict", "\\unrestrict")
    return [line for line in dump.splitlines() if line and not line.startswith(changing)]


def _fill(server: SqldbServer) -> None:
    _run("psql", server, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(_SCHEMA))


@pytest.fixture
def source() -> Iterator[SqldbServer]:
    with run_sqldb() as server:
        _fill(server)
        yield server


@pytest.fixture
def empty_postgres(postgres: PostgresServer) -> Iterator[PostgresServer]:  # noqa: F811
    """A PostgreSQL whose schema public is as new, and which has the role of the script."""
    with postgres.connect() as connection:
        connection.execute("DROP SCHEMA IF EXISTS app CASCADE")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
        connection.execute("GRANT USAGE ON SCHEMA public TO public")
        connection.execute("COMMENT ON SCHEMA public IS 'standard public schema'")
        connection.execute("CREATE ROLE reader")
    yield postgres
    with postgres.connect() as connection:
        connection.execute("DROP SCHEMA IF EXISTS app CASCADE")
        connection.execute("DROP OWNED BY reader CASCADE")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("DROP ROLE reader")


def test_our_dump_restores_into_ours(source: SqldbServer, tmp_path: Path) -> None:
    plain = _dump(source)
    archive = tmp_path / "dump"
    _dump(source, "-Fc", "-f", str(archive))
    with run_sqldb() as target:
        with target.connect() as connection:
            connection.execute("CREATE ROLE reader")
        script = tmp_path / "plain.sql"
        script.write_text(plain)
        _run("psql", target, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(script), "-o",
             "/dev/null")  # fmt: skip
        assert _comparable(_dump(target)) == _comparable(plain)
        restored = ("--clean", "--if-exists", "-d", "glassbox", str(archive))
        _run("pg_restore", target, *restored)
        assert _comparable(_dump(target)) == _comparable(plain)


def test_our_dump_restores_into_postgres(
    source: SqldbServer, empty_postgres: PostgresServer, tmp_path: Path
) -> None:
    archive = tmp_path / "dump"
    _dump(source, "-Fc", "-f", str(archive))
    _run("pg_restore", empty_postgres, "-d", "postgres", str(archive))
    with empty_postgres.connect() as theirs, source.connect() as ours:
        for query in (
            "SELECT * FROM app.t ORDER BY id",
            "SELECT * FROM child ORDER BY id",
            "SELECT * FROM v ORDER BY id",
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'app' "
            "AND indexdef NOT LIKE '%lower%' ORDER BY 1",
            "SELECT proname, pg_get_function_arguments(oid), proacl FROM pg_proc "
            "WHERE pronamespace = 'app'::regnamespace ORDER BY 1",
            "SELECT relname, relacl FROM pg_class WHERE relacl IS NOT NULL AND oid >= 16384 "
            "ORDER BY 1",
            "SELECT obj_description('app.t'::regclass), col_description('app.t'::regclass, 2)",
        ):
            assert theirs.execute(query).fetchall() == ours.execute(query).fetchall(), query


def test_a_dump_of_postgres_restores_into_ours(
    source: SqldbServer, empty_postgres: PostgresServer, tmp_path: Path
) -> None:
    archive = tmp_path / "dump"
    _dump(source, "-Fc", "-f", str(archive))
    _run("pg_restore", empty_postgres, "-d", "postgres", str(archive))
    theirs = tmp_path / "theirs"
    _dump(empty_postgres, "-Fc", "-f", str(theirs))
    with run_sqldb() as target:
        with target.connect() as connection:
            connection.execute("CREATE ROLE reader")
        _run("pg_restore", target, "-d", "glassbox", str(theirs))
        with target.connect() as one, source.connect() as other:
            query = "SELECT * FROM app.t ORDER BY id"
            assert one.execute(query).fetchall() == other.execute(query).fetchall()


def test_the_roles_are_dumped(source: SqldbServer) -> None:
    dump = _run("pg_dumpall", source, "--globals-only", "-l", "glassbox")
    assert "CREATE ROLE reader;" in dump

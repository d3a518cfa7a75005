"""The statements of queries.sql on ours and on a PostgreSQL 15: same rows, same SQLSTATEs."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.sqldb.tests.postgres import postgres  # noqa: F401

STATEMENTS = Path(__file__).with_name("queries.sql").read_text().split(";\n")


def answer(connection, statement: str) -> object:
    """Rows, or the words of completion, or the SQLSTATE."""
    import psycopg

    try:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else cursor.statusmessage
    except psycopg.Error as error:
        return error.sqlstate


@pytest.fixture
def ours():
    psycopg = pytest.importorskip("psycopg")
    server = subprocess.Popen(
        [sys.executable, "-m", "services.sqldb", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    port = server.stdout.readline().rpartition(":")[2].strip()
    parameters = {"host": "127.0.0.1", "port": port, "user": "postgres", "dbname": "postgres"}
    with psycopg.connect(**parameters, autocommit=True, connect_timeout=10) as connection:
        yield connection
    server.terminate()
    server.wait(10)


def in_any_order(rows: object, statement: str) -> object:
    if isinstance(rows, list) and "order by" not in statement:
        return sorted(rows, key=repr)
    return rows


def test_every_statement_has_the_same_answer(ours, postgres):  # noqa: F811
    different = []
    with postgres.connect() as theirs:
        for statement in filter(None, map(str.strip, STATEMENTS)):
            expected = in_any_order(answer(theirs, statement), statement)
            found = in_any_order(answer(ours, statement), statement)
            if repr(found) != repr(expected):
                different.append((statement, found, expected))
    report = "\n\n".join(f"{s}\n  ours   {o!r:.400}\n  theirs {t!r:.400}" for s, o, t in different)
    assert not different, f"{len(different)} differ:\n{report}"

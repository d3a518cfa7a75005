"""The golden file says what a real PostgreSQL says: columns, types, errors with their places."""

from __future__ import annotations

from typing import Any

import pytest

from services.sqldb.binder.tests.answers import error_line, golden, meaning_line
from services.sqldb.binder.tests.world import SCHEMA
from services.sqldb.tests.postgres import postgres  # noqa: F401

# The original finds the index of ON CONFLICT when it plans, not when it parses.
PLANNED_LATER = "ON CONFLICT (city)"


def real_answer(connection: Any, sql: str) -> str:
    """What PostgreSQL says of a statement when it is prepared."""
    from psycopg import pq

    result = connection.pgconn.prepare(b"", sql.encode())
    if result.status != pq.ExecStatus.COMMAND_OK:
        fields = pq.DiagnosticField
        sqlstate, position, message, detail, hint = (
            (result.error_field(field) or b"").decode()
            for field in (
                fields.SQLSTATE,
                fields.STATEMENT_POSITION,
                fields.MESSAGE_PRIMARY,
                fields.MESSAGE_DETAIL,
                fields.MESSAGE_HINT,
            )
        )
        return error_line(sqlstate, int(position or 0) - 1, message, detail, hint)
    described = connection.pgconn.describe_prepared(b"")
    columns = [
        (described.fname(i).decode(), _type(connection, described.ftype(i), described.fmod(i)))
        for i in range(described.nfields)
    ]
    parameters = [_type(connection, described.param_type(i), -1) for i in range(described.nparams)]
    return meaning_line(columns, parameters)


def _type(connection: Any, oid: int, typmod: int) -> str:
    return connection.execute("SELECT format_type(%s, nullif(%s, -1))", (oid, typmod)).fetchone()[0]


def test_the_golden_file_is_what_postgres_says(postgres):  # noqa: F811
    psycopg = pytest.importorskip("psycopg")
    with postgres.connect() as connection:
        connection.execute("CREATE DATABASE binder_golden")
    parameters = postgres.parameters | {"dbname": "binder_golden"}
    with psycopg.connect(**parameters, autocommit=True) as connection:
        connection.execute(SCHEMA)
        wrong = [
            (sql, real, recorded)
            for sql, recorded in golden()
            if PLANNED_LATER not in sql and (real := real_answer(connection, sql)) != recorded
        ]
    assert wrong == []

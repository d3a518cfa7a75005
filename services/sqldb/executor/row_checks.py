"""Errors of rows that may not be stored, in PostgreSQL's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.errors import SqlError

if TYPE_CHECKING:
    from services.sqldb.catalog.definitions import Table
    from services.sqldb.executor.execution import Execution

MAX_FIELD_CHARS = 64


def failing_row(run: Execution, table: Table, values: tuple) -> str:
    """ "Failing row contains (1, null, long te...)." # Real: ExecBuildSlotValueDescription()"""
    texts = []
    for index, column in table.live_columns():
        value = values[index]
        if value is None:
            texts.append("null")
            continue
        text = run.database.type_of(column.type_oid).format(value, run.context)
        texts.append(text if len(text) <= MAX_FIELD_CHARS else text[:MAX_FIELD_CHARS] + "...")
    return f"Failing row contains ({', '.join(texts)})."


def not_null_violation(run: Execution, table: Table, values: tuple) -> SqlError:
    """The first column that must not be NULL and is."""
    name = next(c.name for at, c in table.live_columns() if c.is_not_null and values[at] is None)
    return SqlError(
        errors.NOT_NULL_VIOLATION,
        f'null value in column "{name}" of relation "{table.name}" violates not-null constraint',
        detail=failing_row(run, table, values),
        schema=run.heap(table.oid).schema,
        table=table.name,
        column=name,
    )


def check_violation(run: Execution, table: Table, values: tuple, constraint: str) -> SqlError:
    return SqlError(
        errors.CHECK_VIOLATION,
        f'new row for relation "{table.name}" violates check constraint "{constraint}"',
        detail=failing_row(run, table, values),
        schema=run.heap(table.oid).schema,
        table=table.name,
        constraint=constraint,
    )


def second_change(what: str = "MERGE") -> SqlError:
    return SqlError(
        errors.CARDINALITY_VIOLATION,
        f"{what} command cannot affect row a second time",
        hint="Ensure that not more than one source row matches any one target row.",
    )

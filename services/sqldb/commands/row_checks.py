"""What ALTER TABLE does to all rows of a table: check them, or write them anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.catalog.definitions import Constraint, Table
from services.sqldb.commands.row_expressions import constraint_condition
from services.sqldb.errors import SqlError
from services.sqldb.foreign_keys import check_all_rows

if TYPE_CHECKING:
    from services.sqldb.session.session import Session
    from services.sqldb.transactions.mvcc import Version


def rows_of(session: Session, table: Table) -> Iterator[Version]:
    """All rows that are there now. The table is locked, so that nobody changes them."""
    transaction = session.expect_transaction()
    transaction.next_command()
    heap = session.engine.storage.heap(table.storage_oid)
    check = session.interrupts.check
    for number, version in enumerate(heap.versions(transaction.latest_snapshot())):
        if number % 1024 == 0:
            check()
        yield version


def check_not_null_of_rows(session: Session, table: Table, index: int) -> None:
    """Raises SqlError 23502."""
    column = table.columns[index].name
    for version in rows_of(session, table):
        if version.values[index] is None:
            message = f'column "{column}" of relation "{table.name}" contains null values'
            raise SqlError(
                errors.NOT_NULL_VIOLATION,
                message,
                schema=session.lookup.schema_name(table.schema_oid),
                table=table.name,
                column=column,
            )


def check_constraint_of_rows(session: Session, table: Table, constraint: Constraint) -> None:
    """Raises SqlError 23514."""
    holds = constraint_condition(session, table, constraint)
    for version in rows_of(session, table):
        if holds(version.values)[0] is False:
            raise SqlError(
                errors.CHECK_VIOLATION,
                f'check constraint "{constraint.name}" of relation "{table.name}" is violated '
                "by some row",
                schema=session.lookup.schema_name(table.schema_oid),
                table=table.name,
                constraint=constraint.name,
            )


def check_foreign_key_of_rows(session: Session, table: Table, constraint: Constraint) -> None:
    """Raises SqlError 23503."""
    check_all_rows(session, table, constraint, rows_of(session, table))


def rewrite_rows(session: Session, table: Table, change: Callable[[tuple], tuple]) -> None:
    """Write each row anew, in the place of all that the table held.

    No version may stay that has fewer columns, or a value of another type: indexes could not
    compare it. A snapshot that saw a row sees the new one.
    """
    transaction = session.expect_transaction()
    heap = session.engine.storage.heap(table.storage_oid)
    rows = [(version.xmin, change(version.values)) for version in rows_of(session, table)]
    heap.truncate(transaction)
    for number, (xmin, values) in enumerate(rows):
        heap.insert(transaction, values).xmin = xmin
        if not number & 255:
            session.interrupts.check()

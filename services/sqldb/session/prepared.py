"""Prepared statements: parsed once, bound and compiled once, run with any parameters.

The compiled plan is kept as long as the definitions that it was made from are what they were
(`Lookup` is another object as soon as anything in the catalog or the search path has changed).
# Real: plancache.c
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.commands.described import command_columns
from services.sqldb.errors import SqlError
from services.sqldb.session.planning import (
    PLANNABLE,
    Planned,
    lock_tables,
    plan_statement,
    run_plan,
)
from services.sqldb.session.results import Result, ResultColumn
from services.sqldb.types import SqlType
from services.sqldb.types.context import clock_timestamp_us

if TYPE_CHECKING:
    from services.sqldb.catalog.lookup import Lookup
    from services.sqldb.plan.nodes import BoundStatement
    from services.sqldb.session.session import Session
    from services.sqldb.syntax.nodes import ParsedStatement
    from services.sqldb.transactions.mvcc import Snapshot


class PreparedStatement:
    """One statement; `parsed` None: an empty text."""

    def __init__(
        self, name: str, sql: str, parsed: ParsedStatement | None, given: tuple[SqlType | None, ...]
    ):
        self.name = name
        self.sql = sql
        self.parsed = parsed
        self.is_from_sql = False
        self.prepared_us = clock_timestamp_us()
        self.parameter_types: tuple[SqlType, ...] = tuple(one for one in given if one is not None)
        self.columns: tuple[ResultColumn, ...] | None = None
        self._given = given
        self._planned: Planned | None = None
        self._lookup: Lookup | None = None

    @property
    def bound(self) -> BoundStatement:
        return self._planned.bound

    @property
    def parameter_oids(self) -> tuple[int, ...]:
        return tuple(one.oid for one in self.parameter_types)

    @property
    def is_plannable(self) -> bool:
        return self.parsed is not None and isinstance(self.parsed.statement, PLANNABLE)

    def refresh(self, session: Session) -> None:
        """Lock the tables; bind and compile anew where definitions have changed.

        Raises SqlError.
        """
        if self.parsed is None:
            return
        if not self.is_plannable:
            self.columns = command_columns(session, self.parsed.statement)
            return
        is_current = self._planned is not None and session.lookup is self._lookup
        if is_current and not lock_tables(session, self._planned.bound):
            return
        planned = plan_statement(session, self.parsed.statement, self._given)
        if self._planned is not None and _types(planned.columns) != _types(self.columns):
            message = "cached plan must not change result type"
            self._planned = None
            raise SqlError(errors.FEATURE_NOT_SUPPORTED, message)
        self._planned = planned
        self._lookup = session.lookup
        self.columns = planned.columns
        self.parameter_types = planned.bound.parameter_types

    def run(self, session: Session, values: tuple, *, is_cursor: bool = False) -> Result:
        """Begin to run it, inside a statement of the session's transaction."""
        if self.is_plannable:
            return session.in_statement(
                lambda: run_plan(session, self._planned, values), is_cursor=is_cursor
            )
        from services.sqldb.commands.table import run_command

        return run_command(session, self.parsed.statement)

    def run_now(self, session: Session, values: tuple, snapshot: Snapshot) -> Iterator[tuple]:
        """The rows, as this snapshot sees them; for statements of our own."""
        return run_plan(session, self._planned, values, snapshot=snapshot).rows


def _types(columns: tuple[ResultColumn, ...] | None) -> list[int] | None:
    return None if columns is None else [one.type.oid for one in columns]


def prepare(
    session: Session,
    name: str,
    sql: str,
    parsed: ParsedStatement | None,
    type_oids: tuple[int, ...],
) -> PreparedStatement:
    """Raises SqlError for what cannot be bound."""
    types = session.lookup.types
    given = tuple(None if oid in (0, 705) else types.by_oid(oid) for oid in type_oids)
    statement = PreparedStatement(name, sql, parsed, given)
    statement.refresh(session)
    return statement

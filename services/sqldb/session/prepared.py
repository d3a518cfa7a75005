"""Prepared statements: parsed once, bound and compiled once, run with any parameters.

The compiled plan is kept as long as the definitions that it was made from are what they were
(`Lookup` is another object as soon as anything in the catalog or the search path has changed).
# Real: plancache.c
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.binder import bind_statement
from services.sqldb.commands.described import command_columns
from services.sqldb.errors import SqlError
from services.sqldb.session.permissions import check_statement
from services.sqldb.session.planning import (
    PLANNABLE,
    Planned,
    plan_statement,
    repeated,
    run_plan,
)
from services.sqldb.session.results import Result, ResultColumn
from services.sqldb.session.wire_values import RowFormat, row_format
from services.sqldb.syntax.nodes import DeclareCursor, Explain
from services.sqldb.types import SqlType
from services.sqldb.types.context import clock_timestamp_us

if TYPE_CHECKING:
    from services.sqldb.catalog.lookup import Lookup
    from services.sqldb.plan.nodes import BoundStatement, Plan
    from services.sqldb.session.session import Session
    from services.sqldb.syntax.nodes import ParsedStatement
    from services.sqldb.transactions.mvcc import Snapshot


_MAX_ROW_FORMATS = 8


class PreparedStatement:
    """One statement; `parsed` None: an empty text.

    `given`: the types of its parameters, as far as the client has said them; None: it came as plain
    text, and can have none.
    """

    def __init__(
        self,
        name: str,
        sql: str,
        parsed: ParsedStatement | None,
        given: tuple[SqlType | None, ...] | None,
    ):
        self.name = name
        self.sql = sql
        self.parsed = parsed
        self.is_from_sql = False
        # Whether the one who runs it may; asked when the plan runs for the first time.
        self._is_permitted = False
        # Whether nobody has been told its columns before it runs.
        self.may_change_columns = given is None
        self.prepared_us = clock_timestamp_us()
        self.parameter_types: tuple[SqlType, ...] = tuple(
            one for one in given or () if one is not None
        )
        self.columns: tuple[ResultColumn, ...] | None = None
        self._given = given
        self._planned: Planned | None = None
        self._lookup: Lookup | None = None
        self._row_formats: dict[tuple[int, ...], RowFormat] = {}
        self.is_plannable = parsed is not None and isinstance(parsed.statement, PLANNABLE)
        self._explained = _explained(parsed)

    @property
    def bound(self) -> BoundStatement:
        return self._planned.bound

    @property
    def plan(self) -> Plan:
        return self._planned.compiled.plan

    @property
    def parameter_oids(self) -> tuple[int, ...]:
        return tuple(one.oid for one in self.parameter_types)

    def refresh(self, session: Session) -> None:
        """Lock the tables; bind and compile anew where definitions have changed.

        Raises SqlError.
        """
        if self.parsed is None:
            return
        if not self.is_plannable:
            columns = command_columns(session, self.parsed.statement)
            if columns != self.columns:
                self.columns = columns
                self._row_formats.clear()
            if self._explained is not None and self._given is not None:
                bound = bind_statement(session, session.lookup, self._explained, self._given)
                self.parameter_types = bound.parameter_types
            return
        planned = self._planned
        if planned is not None and self._still_stands(session, planned):
            session.engine.plans.hits += 1
            return
        session.engine.plans.misses += 1
        planned = plan_statement(session, self.parsed.statement, self._given)
        was_planned = self._planned is not None or self.columns is not None
        is_changed = was_planned and _types(planned.columns) != _types(self.columns)
        if is_changed and not self.may_change_columns:
            message = "cached plan must not change result type"
            self._planned = None
            # By the routine drivers know that they have to prepare anew.
            routine = "RevalidateCachedQuery"
            raise SqlError(errors.FEATURE_NOT_SUPPORTED, message, routine=routine)
        self._planned = planned
        self._is_permitted = False
        self._lookup = session.lookup
        self.columns = planned.columns
        self._row_formats.clear()
        self.parameter_types = planned.bound.parameter_types

    def is_current(self, session: Session) -> bool:
        """Whether it means what it meant when it was planned."""
        return self._planned is not None and session.lookup is self._lookup

    def _still_stands(self, session: Session, planned: Planned) -> bool:
        """Whether nothing has changed that the plan was made from, with its tables locked."""
        if session.lookup is not self._lookup:
            return False
        # While it waits for a lock the catalog may change.
        return not session.transaction.lock_all(planned.locks) or session.lookup is self._lookup

    def row_format(self, session: Session, codes: tuple[int, ...]) -> RowFormat | None:
        """How the rows go out in the formats that Bind asks for; None: there are no rows.

        Raises SqlError for formats that don't fit.
        """
        if self.columns is None:
            return None
        found = self._row_formats.get(codes)
        if found is None:
            found = row_format(self.columns, codes, session)
            if len(self._row_formats) < _MAX_ROW_FORMATS:
                self._row_formats[codes] = found
        return found

    def run(self, session: Session, values: tuple, *, is_cursor: bool = False) -> Result:
        """Begin to run it, inside a statement of the session's transaction."""
        if self.is_plannable:
            if not self._is_permitted:
                self._expect_permission(session)
            return session.in_statement(
                lambda: run_plan(session, self._planned, values), is_cursor=is_cursor
            )
        from services.sqldb.commands.cursors import declare_with
        from services.sqldb.commands.explaining import explain
        from services.sqldb.commands.table import run_command

        if values and self._explained is not None:
            return explain(session, self.parsed.statement, self.parameter_types, values)
        if values and isinstance(self.parsed.statement, DeclareCursor):
            types = self.parameter_oids
            return declare_with(session, self.parsed.statement, types, values)
        return run_command(session, self.parsed.statement)

    def _expect_permission(self, session: Session) -> None:
        """Another role, and each GRANT, has a plan of its own. Raises SqlError 42501."""
        if not self._is_permitted:
            check_statement(session, self._planned.bound)
            self._is_permitted = True

    def repeated(self, session: Session) -> Callable[[tuple], None]:
        """A function that runs it again and again within one statement of the transaction.

        It changes data and gives no rows. Half the price of a statement for each set of values.
        """
        self._expect_permission(session)
        return repeated(session, self._planned)

    def run_now(self, session: Session, values: tuple, snapshot: Snapshot) -> Iterator[tuple]:
        """The rows, as this snapshot sees them; for statements of our own."""
        return run_plan(session, self._planned, values, snapshot=snapshot).rows


def _explained(parsed: ParsedStatement | None) -> object | None:
    """The statement that an EXPLAIN is of, which may have parameters as it may without EXPLAIN."""
    statement = getattr(parsed, "statement", None)
    inner = statement.statement if isinstance(statement, Explain) else None
    return inner if isinstance(inner, PLANNABLE) else None


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

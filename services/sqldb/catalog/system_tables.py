"""pg_class and its like: tables whose rows are made when somebody asks.

Each is a declaration of its columns and a function that yields rows; both stand side by side in
`system_catalog`, `system_views`, `statistics_views` and `information_schema`. What belongs to
features that this server doesn't have is declared with columns and no rows, because psql joins with
it all the same.
# Real: these are ordinary tables there, and the views on them ordinary views
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import (
    Column,
    Sequence,
    Table,
    TableKind,
)
from services.sqldb.types import type_by_name

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

Rows = Callable[["Session"], Iterable[tuple]]
_FIRST_OID = 12_000


@dataclass(frozen=True, slots=True)
class SystemTable:
    table: Table
    rows: Rows


def no_rows(session: Session) -> Iterable[tuple]:
    return ()


class SystemDefinitions:
    """The declarations of one module: `define("pg_am", 2601, "oid oid, amname name")`."""

    def __init__(self, schema_oid: int, first_oid: int = _FIRST_OID):
        self._schema_oid = schema_oid
        self._next_oid = first_oid
        self.tables: list[SystemTable] = []

    def define(self, name: str, columns: str, oid: int = 0) -> Callable[[Rows], Rows]:
        """The decorator of the function that makes the rows."""

        def add(rows: Rows) -> Rows:
            self._add(name, columns, oid, rows)
            return rows

        return add

    def define_empty(self, name: str, columns: str, oid: int = 0) -> None:
        self._add(name, columns, oid, no_rows)

    def _add(self, name: str, columns: str, oid: int, rows: Rows) -> None:
        if not oid:
            self._next_oid += 1
            oid = self._next_oid
        made = tuple(_column(text.split()) for text in columns.split(","))
        table = Table(oid, self._schema_oid, name, made, TableKind.SYSTEM)
        self.tables.append(SystemTable(table, rows))


def sequence_table(sequence: Sequence) -> Table:
    """A sequence as a table of one row: where it is."""
    columns = ("last_value int8", "log_cnt int8", "is_called bool")
    made = tuple(_column(text.split()) for text in columns)
    return Table(sequence.oid, sequence.schema_oid, sequence.name, made, TableKind.SYSTEM)


def _column(words: list[str]) -> Column:
    name, type_name = words
    return Column(name, type_by_name(type_name).oid)


class SystemTables:
    """All of them, found by schema and name, and by oid."""

    def __init__(self) -> None:
        from services.sqldb.catalog import (
            absent_features,  # noqa: F401 (adds its tables to those of system_catalog)
            column_statistics,  # noqa: F401 (the same)
            dependency_catalog,  # noqa: F401 (the same)
            function_catalog,  # noqa: F401 (the same)
            granted_rights,  # noqa: F401 (adds its tables to those of information_schema)
            information_schema,
            role_catalog,  # noqa: F401 (the same)
            statistics_views,
            system_catalog,
            system_views,
            type_catalog,  # noqa: F401 (the same)
        )

        modules = (system_catalog, system_views, statistics_views, information_schema)
        found = [one for module in modules for one in module.definitions.tables]
        self.by_oid = {one.table.oid: one for one in found}
        self._by_name = {(one.table.schema_oid, one.table.name): one.table for one in found}

    def __call__(self, schema_oid: int, name: str) -> Table | None:
        return self._by_name.get((schema_oid, name))

    def rows(self, oid: int, session: Session) -> Iterable[tuple]:
        found = self.by_oid.get(oid)
        if found is not None:
            return found.rows(session)
        state = session.engine.storage.sequence(oid)
        return ((state.last_value, state.ahead, state.is_called),)

"""pg_stats: what ANALYZE has found of each column, as people and tools read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.sqldb.catalog import privileges
from services.sqldb.catalog.definitions import Statistics, Table
from services.sqldb.catalog.system_views import define
from services.sqldb.values import Array

if TYPE_CHECKING:
    from services.sqldb.session.session import Session
    from services.sqldb.types import SqlType


@define(
    "pg_stats",
    "schemaname name, tablename name, attname name, inherited bool, null_frac float4, "
    "avg_width int4, n_distinct float4, most_common_vals text, most_common_freqs _float4, "
    "histogram_bounds text, correlation float4, most_common_elems text, "
    "most_common_elem_freqs _float4, elem_count_histogram _float4",
)
def pg_stats(session: Session) -> Iterator[tuple]:
    """Of the columns that the role may read."""
    lookup = session.lookup
    state = lookup.view.state
    for one in state.all(Statistics):
        table = state.get(one.table_oid)
        if one.column < 0 or not isinstance(table, Table):
            continue
        column = table.columns[one.column]
        if column.is_dropped or not _may_read(session, table, one.column + 1):
            continue
        type_ = lookup.types.find(column.type_oid)
        values = [value for value, _ in one.most_common]
        yield (
            *(lookup.schema_name(table.schema_oid), table.name, column.name, False),
            *(one.null_fraction, type_.length if type_.length > 0 else one.width + 1, one.distinct),
            _shown(session, type_, values),
            _floats([share for _, share in one.most_common]),
            *(_shown(session, type_, list(one.histogram)), one.correlation, None, None, None),
        )


def _may_read(session: Session, table: Table, number: int) -> bool:
    state, role_oid = session.lookup.view.state, session.role.oid
    one = privileges.protected(table)
    return privileges.has(state, one, role_oid, "r") or privileges.has_on_column(
        state, one, role_oid, "r", number
    )


def _shown(session: Session, type_: SqlType, values: list) -> str | None:
    """Values of the column's own type as an array's text. # Real: anyarray"""
    if not values:
        return None
    array = session.lookup.types.array_of(type_)
    return array.format(Array(tuple(values), (1,)), session)


def _floats(shares: list[float]) -> Array | None:
    return Array(tuple(shares), (1,)) if shares else None


_EXTENSION = ("plpgsql", "1.0")


@define("pg_available_extensions", "name name, default_version text, installed_version text, "
        "comment text")  # fmt: skip
def pg_available_extensions(session: Session) -> Iterator[tuple]:
    yield (*_EXTENSION, _EXTENSION[1], "PL/pgSQL procedural language")


@define("pg_available_extension_versions", "name name, version text, installed bool, "
        "superuser bool, trusted bool, relocatable bool, schema name, requires _name, "
        "comment text")  # fmt: skip
def pg_available_extension_versions(session: Session) -> Iterator[tuple]:
    comment = "PL/pgSQL procedural language"
    yield (*_EXTENSION, True, True, True, False, "pg_catalog", None, comment)

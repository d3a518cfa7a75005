"""Sizes of objects, and which of them can be changed; encodings."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import Table
from services.sqldb.catalog.information_schema import updatable_columns
from services.sqldb.catalog.statistics_views import indexes_bytes, relation_bytes
from services.sqldb.functions import Definitions

if TYPE_CHECKING:
    from services.sqldb.session.session import Session
    from services.sqldb.types import SqlType

define = Definitions()
_STABLE = {"context": True, "volatility": "s"}
_VOLATILE = {"context": True, "volatility": "v"}


# Sizes.


@define.function(
    "pg_table_size(regclass) -> int8",
    "pg_relation_size(regclass) -> int8",
    "pg_relation_size(regclass, text) -> int8",
    **_VOLATILE,
)
def pg_relation_size(session: Session, oid: int, fork: str = "main") -> int | None:
    """Of memory, estimated: see `storage.sizes`."""
    return relation_bytes(session, oid)


@define.function("pg_indexes_size(regclass) -> int8", **_VOLATILE)
def pg_indexes_size(session: Session, oid: int) -> int:
    return indexes_bytes(session, oid)


@define.function("pg_total_relation_size(regclass) -> int8", **_VOLATILE)
def pg_total_relation_size(session: Session, oid: int) -> int | None:
    size = relation_bytes(session, oid)
    return None if size is None else size + indexes_bytes(session, oid)


@define.function("pg_database_size(name) -> int8", "pg_database_size(oid) -> int8", **_VOLATILE)
def pg_database_size(session: Session, which: object) -> int:
    directory = session.engine.settings.data_dir
    if not directory:
        return 0
    return sum(entry.stat().st_size for entry in os.scandir(directory) if entry.is_file())


@define.function("pg_column_size(any) -> int4", types=True)
def pg_column_size(types: tuple[SqlType, ...], result: SqlType) -> Callable[[object], int]:
    """What the value would take in a row of PostgreSQL's: of varying length with its header."""
    type_ = types[0]
    if type_.length > 0:
        return lambda value: type_.length
    if type_.plain.name == "numeric":
        return _numeric_size
    return lambda value: 4 + len(type_.send(value))


def _numeric_size(value: Decimal) -> int:
    """Its digits go by fours to the left and the right of the point, two bytes each."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or not value:
        return 6
    after = -(-max(-exponent, 0) // 4)
    before = -(-max(len(digits) + exponent, 0) // 4)
    return 6 + 2 * (before + after)


@define.function("pg_tablespace_location(oid) -> text", **_STABLE)
def pg_tablespace_location(session: Session, oid: int) -> str:
    """The places that there are have none of their own."""
    return ""


_UPDATE_INSERT_DELETE = 4 + 8 + 16


@define.function("pg_relation_is_updatable(regclass, bool) -> int4", **_STABLE)
def pg_relation_is_updatable(session: Session, oid: int, with_triggers: bool) -> int:
    """A bit for each command that the table or view takes."""
    found = session.lookup.view.state.get(oid)
    if not isinstance(found, Table):
        return 0
    return _UPDATE_INSERT_DELETE if updatable_columns(session, found) else 0


@define.function("pg_column_is_updatable(regclass, int2, bool) -> bool", **_STABLE)
def pg_column_is_updatable(session: Session, oid: int, number: int, with_triggers: bool) -> bool:
    found = session.lookup.view.state.get(oid)
    if not isinstance(found, Table) or not 0 < number <= len(found.columns):
        return False
    return found.columns[number - 1].name in updatable_columns(session, found)


@define.function("pg_size_pretty(int8) -> text")
def pg_size_pretty(size: int) -> str:
    for unit, limit in (("bytes", 10 * 1024), ("kB", 20480 * 512), ("MB", 0), ("GB", 0), ("TB", 0)):
        if unit == "bytes":
            if abs(size) < limit:
                return f"{size} bytes"
            size = size // 512
            continue
        if abs(size) < 20 * 1024 - 1 or unit == "TB":
            return f"{(size + 1) // 2} {unit}"
        size //= 1024
    return f"{size} TB"


@define.function("getdatabaseencoding() -> name")
def getdatabaseencoding() -> str:
    return "UTF8"


@define.function("pg_encoding_to_char(int4) -> name")
def pg_encoding_to_char(encoding: int) -> str:
    return {0: "SQL_ASCII", 6: "UTF8", 8: "LATIN1"}.get(encoding, "")


@define.function("pg_char_to_encoding(name) -> int4")
def pg_char_to_encoding(name: str) -> int:
    return {"sql_ascii": 0, "utf8": 6, "utf-8": 6, "latin1": 8}.get(name.lower(), -1)


@define.function("pg_collation_for(any) -> text", strict=False)
def pg_collation_for(value: object) -> str:
    return '"default"'

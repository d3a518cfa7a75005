"""Privileges on objects, and their sizes. Whoever is logged in may do everything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import Table
from services.sqldb.catalog.information_schema import updatable_columns
from services.sqldb.catalog.statistics_views import indexes_bytes, relation_bytes
from services.sqldb.functions import Definitions

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

define = Definitions()
_STABLE = {"context": True, "volatility": "s"}
_VOLATILE = {"context": True, "volatility": "v"}


# Privileges: whoever is logged in may do everything.


_PRIVILEGE_OBJECTS = (
    *("table", "column", "schema", "database", "sequence", "function"),
    *("type", "tablespace", "language"),
)
for _object in _PRIVILEGE_OBJECTS:
    define.function(
        f"has_{_object}_privilege(oid, text) -> bool",
        f"has_{_object}_privilege(text, text) -> bool",
        f"has_{_object}_privilege(name, oid, text) -> bool",
        f"has_{_object}_privilege(name, text, text) -> bool",
        **_STABLE,
    )(lambda session, *arguments: True)


@define.function("pg_has_role(oid, text) -> bool", "pg_has_role(name, text) -> bool",
                 "pg_has_role(name, oid, text) -> bool", "pg_has_role(name, name, text) -> bool",
                 **_STABLE)  # fmt: skip
def pg_has_role(session: Session, *arguments: object) -> bool:
    return True


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

"""Functions that ask the catalog or the session: nextval, pg_get_indexdef, current_setting …

They are part of the same library as all others; the SessionContext that they get is the session.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.catalog.definitions import (
    Comment,
    Constraint,
    ConstraintKind,
    Index,
    Role,
    Sequence,
    Table,
    TableKind,
)
from services.sqldb.catalog.statistics_views import indexes_bytes, relation_bytes
from services.sqldb.catalog.texts import (
    constraint_text,
    full_name,
    index_key_text,
    index_text,
)
from services.sqldb.errors import SqlError
from services.sqldb.functions import Definitions, Library, builtin_library
from services.sqldb.session.database import next_value
from services.sqldb.session.parameters import SERVER_VERSION
from services.sqldb.session.session_settings import split_names
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.types import format_type
from services.sqldb.values import Array

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

define = Definitions()
_STABLE = {"context": True, "volatility": "s"}
_VOLATILE = {"context": True, "volatility": "v"}


def session_library() -> Library:
    """The built-in functions, and these."""
    return builtin_library().with_definitions(define)


def _array(items: list) -> Array:
    return Array(tuple(items), (1,) if items else ())


# Sequences.


def _sequence(session: Session, oid: int) -> Sequence:
    found = session.lookup.view.state.get(oid)
    if not isinstance(found, Sequence):
        name = getattr(found, "name", str(oid))
        raise SqlError(errors.WRONG_OBJECT_TYPE, f'"{name}" is not a sequence')
    return found


@define.function("nextval(regclass) -> int8", **_VOLATILE)
def nextval(session: Session, oid: int) -> int:
    session.refuse_if_read_only("nextval()")
    return next_value(session, _sequence(session, oid))


@define.function("currval(regclass) -> int8", **_VOLATILE)
def currval(session: Session, oid: int) -> int:
    sequence = _sequence(session, oid)
    if oid not in session.sequence_values:
        message = f'currval of sequence "{sequence.name}" is not yet defined in this session'
        raise SqlError(errors.OBJECT_NOT_IN_PREREQUISITE_STATE, message)
    return session.sequence_values[oid]


@define.function("lastval() -> int8", **_VOLATILE)
def lastval(session: Session) -> int:
    if session.last_sequence_oid not in session.sequence_values:
        message = "lastval is not yet defined in this session"
        raise SqlError(errors.OBJECT_NOT_IN_PREREQUISITE_STATE, message)
    return session.sequence_values[session.last_sequence_oid]


@define.function(
    "setval(regclass, int8) -> int8", "setval(regclass, int8, bool) -> int8", **_VOLATILE
)
def setval(session: Session, oid: int, value: int, is_called: bool = True) -> int:
    session.refuse_if_read_only("setval()")
    sequence = _sequence(session, oid)
    if not sequence.minimum <= value <= sequence.maximum:
        message = (
            f'setval: value {value} is out of bounds for sequence "{sequence.name}" '
            f"({sequence.minimum}..{sequence.maximum})"
        )
        raise SqlError(errors.NUMERIC_VALUE_OUT_OF_RANGE, message)
    session.engine.storage.sequence(oid).set(value, is_called=is_called)
    if is_called:
        session.sequence_values[oid] = value
    return value


@define.function("pg_get_serial_sequence(text, text) -> text", **_STABLE)
def pg_get_serial_sequence(session: Session, table_name: str, column_name: str) -> str | None:
    lookup = session.lookup
    names = split_names(table_name.replace(".", ","))
    *schema, name = names
    table = lookup.expect_table(schema[0] if schema else None, name)
    column = table.column_index(column_name)
    if column is None:
        message = f'column "{column_name}" of relation "{name}" does not exist'
        raise SqlError(errors.UNDEFINED_COLUMN, message)
    for sequence in lookup.view.state.parts(table.oid, Sequence):
        if sequence.owner_column == column:
            return full_name(lookup, sequence)
    return None


# Definitions as text.


@define.function(
    "pg_get_indexdef(oid) -> text", "pg_get_indexdef(oid, int4, bool) -> text", **_STABLE
)
def pg_get_indexdef(
    session: Session, oid: int, column: int = 0, pretty: bool = False
) -> str | None:
    index = session.lookup.view.state.get(oid)
    if not isinstance(index, Index):
        return None
    if not column:
        return index_text(session.lookup, index)
    table = session.lookup.view.state.get(index.table_oid)
    if column > len(index.keys):
        place = column - len(index.keys) - 1
        return table.columns[index.included[place]].name if place < len(index.included) else ""
    return index_key_text(table, index, column - 1, with_order=False)


@define.function(
    "pg_get_constraintdef(oid) -> text", "pg_get_constraintdef(oid, bool) -> text", **_STABLE
)
def pg_get_constraintdef(session: Session, oid: int, pretty: bool = False) -> str | None:
    found = session.lookup.view.state.get(oid)
    if not isinstance(found, Constraint):
        return None
    text = constraint_text(session.lookup, found)
    if pretty and found.kind is ConstraintKind.CHECK:
        plain = _without_parentheses(found.expression)
        text = text.replace(f"({found.expression})", f"({plain})", 1)
    return text


@define.function(
    "pg_get_viewdef(oid) -> text",
    "pg_get_viewdef(oid, bool) -> text",
    "pg_get_viewdef(oid, int4) -> text",
    **_STABLE,
)
def pg_get_viewdef(session: Session, oid: int, pretty: object = False) -> str | None:
    found = session.lookup.view.state.get(oid)
    is_view = isinstance(found, Table) and found.kind is TableKind.VIEW
    return f" {found.definition};" if is_view else None


@define.function("pg_get_ruledef(oid) -> text", "pg_get_ruledef(oid, bool) -> text", **_STABLE)
def pg_get_ruledef(session: Session, oid: int, pretty: bool = False) -> str | None:
    """There are no rules."""
    return None


def _without_parentheses(text: str) -> str:
    """An expression without the parentheses around all of it, as the pretty forms have it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth, quote = 0, ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
            if not depth and place < len(text) - 1:
                return text
    return text[1:-1]


@define.function(
    "pg_get_expr(text, oid) -> text", "pg_get_expr(text, oid, bool) -> text", **_STABLE
)
def pg_get_expr(session: Session, text: str, oid: int, pretty: bool = False) -> str:
    return _without_parentheses(text) if pretty else text


@define.function("pg_get_userbyid(oid) -> name", **_STABLE)
def pg_get_userbyid(session: Session, oid: int) -> str:
    found = session.lookup.view.state.get(oid)
    return found.name if isinstance(found, Role) else f"unknown (OID={oid})"


@define.function("format_type(oid, int4) -> text", strict=False, **_STABLE)
def sql_format_type(session: Session, oid: int | None, typmod: int | None) -> str | None:
    if oid is None:
        return None
    found = session.lookup.types.find(oid)
    if found is None:
        return "-" if oid == 0 else "???"
    return format_type(found, -1 if typmod is None else typmod)


@define.function("pg_table_is_visible(oid) -> bool", **_STABLE)
def pg_table_is_visible(session: Session, oid: int) -> bool | None:
    return session.is_visible(oid)


@define.function("pg_type_is_visible(oid) -> bool", **_STABLE)
def pg_type_is_visible(session: Session, oid: int) -> bool | None:
    found = session.lookup.types.find(oid)
    return None if found is None else session.lookup.type(None, found.name) == found


@define.function(
    "pg_function_is_visible(oid) -> bool",
    "pg_operator_is_visible(oid) -> bool",
    "pg_opclass_is_visible(oid) -> bool",
    "pg_opfamily_is_visible(oid) -> bool",
    "pg_collation_is_visible(oid) -> bool",
    "pg_statistics_obj_is_visible(oid) -> bool",
    "pg_relation_is_publishable(regclass) -> bool",
    "pg_relation_is_updatable(regclass, bool) -> int4",
    **_STABLE,
)
def always_visible(session: Session, oid: int, more: bool = False) -> bool:
    return True


def _comment(session: Session, oid: int, class_oid: int, column: int) -> str | None:
    for comment in session.lookup.view.state.parts(oid, Comment):
        if comment.column == column and class_oid in (0, comment.class_oid):
            return comment.text
    return None


_CLASS_OIDS = {
    "pg_class": 1259,
    "pg_namespace": 2615,
    "pg_type": 1247,
    "pg_constraint": 2606,
    "pg_proc": 1255,
    "pg_database": 1262,
    "pg_authid": 1260,
    "pg_roles": 1260,
}


@define.function(
    "obj_description(oid, name) -> text", "shobj_description(oid, name) -> text", **_STABLE
)
def obj_description(session: Session, oid: int, catalog: str) -> str | None:
    return _comment(session, oid, _CLASS_OIDS.get(catalog, -1), 0)


@define.function("obj_description(oid) -> text", **_STABLE)
def obj_description_of_oid(session: Session, oid: int) -> str | None:
    return _comment(session, oid, 0, 0)


@define.function("col_description(oid, int4) -> text", **_STABLE)
def col_description(session: Session, oid: int, column: int) -> str | None:
    return _comment(session, oid, 1259, column)


@define.function("pg_get_partkeydef(oid) -> text", "pg_get_triggerdef(oid) -> text",
                 "pg_get_triggerdef(oid, bool) -> text", "pg_get_functiondef(oid) -> text",
                 "pg_get_ruledef(oid) -> text", "pg_get_statisticsobjdef_columns(oid) -> text",
                 **_STABLE)  # fmt: skip
def of_what_there_is_none(session: Session, oid: int, pretty: bool = False) -> None:
    return None


@define.function(
    "pg_get_function_result(oid) -> text",
    "pg_get_function_arguments(oid) -> text",
    "pg_get_function_identity_arguments(oid) -> text",
    **_STABLE,
)
def pg_get_function_text(session: Session, oid: int) -> str:
    return ""


@define.function("pg_partition_ancestors(regclass) -> setof regclass", **_STABLE)
def pg_partition_ancestors(session: Session, oid: int) -> list[int]:
    """No table is a partition, so none has ancestors."""
    return []


# Names.


@define.function("to_regclass(text) -> regclass", **_STABLE)
def to_regclass(session: Session, text: str) -> int | None:
    return session.object_oid("regclass", text)


@define.function("to_regtype(text) -> regtype", **_STABLE)
def to_regtype(session: Session, text: str) -> int | None:
    return session.object_oid("regtype", text)


@define.function("to_regnamespace(text) -> regnamespace", **_STABLE)
def to_regnamespace(session: Session, text: str) -> int | None:
    return session.object_oid("regnamespace", text)


@define.function("current_schema() -> name", **_STABLE)
def current_schema(session: Session) -> str | None:
    names = session.lookup.path_names(with_implicit=False)
    return names[0] if names else None


@define.function("current_schemas(bool) -> name[]", **_STABLE)
def current_schemas(session: Session, with_implicit: bool) -> Array:
    return _array(session.lookup.path_names(with_implicit=with_implicit))


@define.function("current_database() -> name", "current_catalog() -> name", **_STABLE)
def current_database(session: Session) -> str:
    return session.database


@define.function("current_user() -> name", "current_role() -> name", "session_user() -> name",
                 "user() -> name", **_STABLE)  # fmt: skip
def current_user(session: Session) -> str:
    return session.role.name


@define.function("version() -> text", **_STABLE)
def version(session: Session) -> str:
    return f"PostgreSQL {SERVER_VERSION} (Glassbox) in Python, 64-bit"


# Settings.


@define.function("current_setting(text) -> text", "current_setting(text, bool) -> text", **_STABLE)
def current_setting(session: Session, name: str, missing_ok: bool = False) -> str | None:
    if missing_ok and not session.settings.is_known(name):
        return None
    return session.settings.show(name)


@define.function("set_config(text, text, bool) -> text", strict=False, **_VOLATILE)
def set_config(session: Session, name: str, value: str | None, is_local: bool) -> str:
    session.settings.set(name, value, bool(is_local))
    return session.settings.show(name)


# Sessions.


@define.function("pg_backend_pid() -> int4", **_STABLE)
def pg_backend_pid(session: Session) -> int:
    return session.pid


@define.function("pg_cancel_backend(int4) -> bool", **_VOLATILE)
def pg_cancel_backend(session: Session, pid: int) -> bool:
    other = session.engine.sessions.get(pid)
    if other is None:
        session.warn("01000", f"PID {pid} is not a PostgreSQL backend process")
        return False
    other.cancel()
    return True


@define.function("pg_terminate_backend(int4) -> bool", **_VOLATILE)
def pg_terminate_backend(session: Session, pid: int) -> bool:
    other = session.engine.sessions.get(pid)
    if other is None:
        session.warn("01000", f"PID {pid} is not a PostgreSQL backend process")
        return False
    other.terminate()
    other.disconnect()
    return True


@define.function("pg_sleep(float8) -> void", **_VOLATILE)
def pg_sleep(session: Session, seconds: float) -> str:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        session.interrupts.wait(end_s)
    return ""


@define.function("pg_blocking_pids(int4) -> int4[]", **_VOLATILE)
def pg_blocking_pids(session: Session, pid: int) -> Array:
    other = session.engine.sessions.get(pid)
    if other is None:
        return _array([])
    locks = session.engine.transactions.locks
    return _array([backend.pid for backend in locks.blockers_of(other.backend)])


@define.function("pg_notify(text, text) -> void", strict=False, **_VOLATILE)
def pg_notify(session: Session, channel: str | None, payload: str | None) -> str:
    from services.sqldb.commands.notifications import send_notification

    send_notification(session, channel or "", payload or "")
    return ""


@define.function("pg_listening_channels() -> setof text", **_VOLATILE)
def pg_listening_channels(session: Session) -> list[str]:
    return sorted(session.channels)


@define.function("pg_is_in_recovery() -> bool", **_STABLE)
def pg_is_in_recovery(session: Session) -> bool:
    return False


@define.function("pg_postmaster_start_time() -> timestamptz", **_STABLE)
def pg_postmaster_start_time(session: Session) -> int:
    return int(session.engine.vitals.started_at_s * 1_000_000) - 946_684_800_000_000


@define.function("txid_current() -> int8", "pg_current_xact_id() -> xid8", **_STABLE)
def txid_current(session: Session) -> int:
    return session.expect_transaction().assign_xid()


@define.function("inet_server_port() -> int4", **_STABLE)
def inet_server_port(session: Session) -> int:
    return session.engine.settings.port


# Advisory locks: a number, or two.


def _tag(first: int, second: int | None) -> tuple:
    if second is None:
        return "advisory", (first >> 32) & 0xFFFFFFFF, first & 0xFFFFFFFF, 1
    return "advisory", first & 0xFFFFFFFF, second & 0xFFFFFFFF, 2


def _define_advisory(name: str, result: str, run: object) -> None:
    define.function(f"{name}(int8) -> {result}", f"{name}(int4, int4) -> {result}", **_VOLATILE)(
        run
    )


def _session_lock(mode: LockMode, *, waits: bool) -> object:
    def lock(session: Session, first: int, second: int | None = None) -> object:
        locks = session.engine.transactions.locks
        is_taken = locks.acquire(session.backend, _tag(first, second), mode, waits=waits)
        if is_taken:
            session.advisory_locks.append((_tag(first, second), mode))
        return "" if waits else is_taken

    return lock


def _transaction_lock(mode: LockMode, *, waits: bool) -> object:
    def lock(session: Session, first: int, second: int | None = None) -> object:
        is_taken = session.expect_transaction().lock(_tag(first, second), mode, waits=waits)
        return "" if waits else is_taken

    return lock


def _unlock(mode: LockMode) -> object:
    def unlock(session: Session, first: int, second: int | None = None) -> bool:
        key = (_tag(first, second), mode)
        if key not in session.advisory_locks:
            session.warn("01000", f"you don't own a lock of type {mode.name.title()}Lock")
            return False
        session.advisory_locks.remove(key)
        session.engine.transactions.locks.release(session.backend, *key)
        return True

    return unlock


for _suffix, _mode in (("", LockMode.EXCLUSIVE), ("_shared", LockMode.SHARE)):
    for _prefix, _waits, _result in (
        ("pg_advisory", True, "void"),
        ("pg_try_advisory", False, "bool"),
    ):
        _define_advisory(f"{_prefix}_lock{_suffix}", _result, _session_lock(_mode, waits=_waits))
        _define_advisory(
            f"{_prefix}_xact_lock{_suffix}", _result, _transaction_lock(_mode, waits=_waits)
        )
    _define_advisory(f"pg_advisory_unlock{_suffix}", "bool", _unlock(_mode))


@define.function("pg_advisory_unlock_all() -> void", **_VOLATILE)
def pg_advisory_unlock_all(session: Session) -> str:
    session.release_advisory_locks()
    return ""


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

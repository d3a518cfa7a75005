"""The views of pg_catalog: the same definitions for people, and what the server is doing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import (
    DATABASE_OID,
    PG_CATALOG_OID,
    ConstraintKind,
    Index,
    Role,
    Sequence,
    Table,
    TableKind,
)
from services.sqldb.catalog.statistics_views import timestamp_us
from services.sqldb.catalog.system_tables import SystemDefinitions
from services.sqldb.catalog.texts import index_text
from services.sqldb.session.parameters import PARAMETERS
from services.sqldb.session.settings import shown
from services.sqldb.values import Array

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

definitions = SystemDefinitions(PG_CATALOG_OID, 12_300)
define, define_empty = definitions.define, definitions.define_empty


def _owner(session: Session, oid: int) -> str:
    role = session.lookup.view.state.get(oid)
    return role.name if isinstance(role, Role) else "postgres"


@define(
    "pg_tables",
    "schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, "
    "hasrules bool, hastriggers bool, rowsecurity bool",
)
def pg_tables(session: Session) -> Iterator[tuple]:
    lookup = session.lookup
    system = [one.table for one in session.engine.system_tables.by_oid.values()]
    for table in (*system, *lookup.view.state.all(Table)):
        if table.kind is not TableKind.VIEW:
            has_keys = any(
                one.kind is ConstraintKind.FOREIGN_KEY for one in lookup.constraints_of(table)
            )
            yield (
                *(lookup.schema_name(table.schema_oid), table.name, _owner(session, table.owner)),
                *(None, bool(lookup.indexes_of(table)), False, has_keys, False),
            )


@define("pg_views", "schemaname name, viewname name, viewowner name, definition text")
def pg_views(session: Session) -> Iterator[tuple]:
    lookup = session.lookup
    for table in lookup.view.state.all(Table):
        if table.kind is TableKind.VIEW:
            owner = _owner(session, table.owner)
            schema = lookup.schema_name(table.schema_oid)
            yield schema, table.name, owner, f" {table.definition};"


@define("pg_indexes", "schemaname name, tablename name, indexname name, tablespace name, "
        "indexdef text")  # fmt: skip
def pg_indexes(session: Session) -> Iterator[tuple]:
    lookup = session.lookup
    for index in lookup.view.state.all(Index):
        table = lookup.view.state.get(index.table_oid)
        yield (
            *(lookup.schema_name(index.schema_oid), table.name, index.name, None),
            index_text(session.lookup, index),
        )


@define(
    "pg_sequences",
    "schemaname name, sequencename name, sequenceowner name, data_type regtype, start_value int8, "
    "min_value int8, max_value int8, increment_by int8, cycle bool, cache_size int8, "
    "last_value int8",
)
def pg_sequences(session: Session) -> Iterator[tuple]:
    lookup = session.lookup
    for one in lookup.view.state.all(Sequence):
        state = session.engine.storage.sequence(one.oid)
        yield (
            *(lookup.schema_name(one.schema_oid), one.name, _owner(session, one.owner)),
            *(one.type_oid, one.start, one.minimum, one.maximum, one.increment, one.cycles),
            *(one.cache, state.last_value if state.is_called else None),
        )


@define(
    "pg_settings",
    "name text, setting text, unit text, category text, short_desc text, extra_desc text, "
    "context text, vartype text, source text, min_val text, max_val text, enumvals _text, "
    "boot_val text, reset_val text, sourcefile text, sourceline int4, pending_restart bool",
)
def pg_settings(session: Session) -> Iterator[tuple]:
    for key in sorted(PARAMETERS):
        one = PARAMETERS[key]
        value = session.settings[key]
        is_number = one.kind.value in ("integer", "real")
        yield (
            *(one.name, value, one.unit or None, "Glassbox", one.description, None),
            *(one.context.value, one.kind.value, "default"),
            *(f"{one.minimum:g}" if is_number else None, f"{one.maximum:g}" if is_number else None),
            *(None, shown(one, one.default) if not one.unit else one.default, value),
            *(None, None, False),
        )


@define(
    "pg_stat_activity",
    "datid oid, datname name, pid int4, leader_pid int4, usesysid oid, usename name, "
    "application_name text, client_addr text, client_hostname text, client_port int4, "
    "backend_start timestamptz, xact_start timestamptz, query_start timestamptz, "
    "state_change timestamptz, wait_event_type text, wait_event text, state text, "
    "backend_xid xid, backend_xmin xid, query_id int8, query text, backend_type text",
)
def pg_stat_activity(session: Session) -> Iterator[tuple]:
    for one in list(session.engine.sessions.values()):
        host, port = one.peer
        waits_for = one.backend.waits_for
        transaction = one.transaction
        yield (
            *(DATABASE_OID, one.database, one.pid, None, one.role.oid, one.role.name),
            *(one.application_name, host or None, None, port or None, one.started_us),
            *(one.transaction_timestamp_us if transaction is not None else None,),
            *(one.state_since_us, one.state_since_us, None if waits_for is None else "Lock"),
            *(None if waits_for is None else waits_for.tag[0], one.state_name),
            *(transaction.xid or None if transaction is not None else None, None, None),
            *(one.query, "client backend"),
        )


@define(
    "pg_locks",
    "locktype text, database oid, relation oid, page int4, tuple int2, virtualxid text, "
    "transactionid xid, classid oid, objid oid, objsubid int2, virtualtransaction text, pid int4, "
    "mode text, granted bool, fastpath bool, waitstart timestamptz",
)
def pg_locks(session: Session) -> Iterator[tuple]:
    for tag, mode, backend, is_granted, since_s in session.engine.transactions.locks.listing():
        kind = tag[0]
        relation = tag[1] if kind in ("relation", "tuple") else None
        words = "".join(part.capitalize() for part in mode.name.split("_")) + "Lock"
        is_advisory = kind == "advisory"
        yield (
            *(kind, DATABASE_OID, relation, None, tag[2] & 0x7FFF if kind == "tuple" else None),
            *(None, tag[1] if kind == "transactionid" else None),
            *(tag[1] if is_advisory else None, tag[2] if is_advisory else None),
            *(tag[3] if is_advisory else None, f"{backend.pid}/1", backend.pid, words),
            *(is_granted, False, None if since_s is None else timestamp_us(since_s)),
        )


_TABLE_STATISTICS = (
    "relid oid, schemaname name, relname name, seq_scan int8, seq_tup_read int8, idx_scan int8, "
    "idx_tup_fetch int8, n_tup_ins int8, n_tup_upd int8, n_tup_del int8, n_tup_hot_upd int8, "
    "n_live_tup int8, n_dead_tup int8, n_mod_since_analyze int8"
)


@define("pg_stat_user_tables", _TABLE_STATISTICS)
def pg_stat_user_tables(session: Session) -> Iterator[tuple]:
    lookup = session.lookup
    for table in lookup.view.state.all(Table):
        if table.kind is TableKind.TABLE:
            counts = session.engine.storage.heap(table.storage_oid).counts
            yield (
                # Scans are not counted: that would cost each of them.
                *(table.oid, lookup.schema_name(table.schema_oid), table.name, *(None,) * 4),
                *(counts.inserted, counts.updated, counts.deleted, counts.hot_updated),
                *(counts.live, counts.dead, counts.modified),
            )


define_empty("pg_matviews", "schemaname name, matviewname name, matviewowner name, "
             "tablespace name, hasindexes bool, ispopulated bool, definition text")  # fmt: skip
define_empty("pg_rules", "schemaname name, tablename name, rulename name, definition text")
define_empty("pg_prepared_xacts", "transaction xid, gid text, prepared timestamptz, owner name, "
             "database name")  # fmt: skip


@define("pg_prepared_statements", "name text, statement text, prepare_time timestamptz, "
        "parameter_types _regtype, result_types _regtype, from_sql bool")  # fmt: skip
def pg_prepared_statements(session: Session) -> Iterator[tuple]:
    for one in session.prepared.values():
        if one.name:
            results = [column.type.oid for column in one.columns or ()]
            yield (
                *(one.name, one.sql, one.prepared_us),
                *(_oids(list(one.parameter_oids)), _oids(results), one.is_from_sql),
            )


def _oids(oids: list[int]) -> Array:
    return Array(tuple(oids), (1,) if oids else ())


@define("pg_cursors", "name text, statement text, is_holdable bool, is_binary bool, "
        "is_scrollable bool, creation_time timestamptz")  # fmt: skip
def pg_cursors(session: Session) -> Iterator[tuple]:
    for one in session.portals.values():
        yield (
            *(one.name, one.sql, one.is_held, False, one.is_scrollable),
            session.statement_timestamp_us,
        )


@define("pg_timezone_names", "name text, abbrev text, utc_offset interval, is_dst bool")
def pg_timezone_names(session: Session) -> Iterator[tuple]:
    from zoneinfo import available_timezones

    from services.sqldb.types.zones import find_zone, offset_at, zone_abbreviation
    from services.sqldb.values import Interval

    now_us = session.statement_timestamp_us
    for name in sorted(available_timezones()):
        zone = find_zone(name)
        offset = Interval(0, 0, offset_at(zone, now_us) * 1_000_000)
        yield name, zone_abbreviation(zone, now_us), offset, False

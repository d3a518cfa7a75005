"""Views of what the server does and has done: the log, checkpoints, transactions, sizes.

What PostgreSQL has too is named and shaped as there; columns of its parts that we don't have (pages
in a buffer pool) are NULL, because 0 would say that they were counted. What it hasn't, or shows
only in its log, is in views of ours:

    glassbox_server       how this process is: what the dashboard's overview shows
    glassbox_storage      the present log file, the last checkpoint, the last recovery
    glassbox_plan_cache   plans that sessions keep, how often one was used again or had to be made
    glassbox_sizes        memory of each table and index, estimated from a few rows of it

# Real: pgstatfuncs.c, system_views.sql
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from services.common.health import VERSION
from services.sqldb.catalog.definitions import DATABASE_OID, PG_CATALOG_OID, Index, Table, TableKind
from services.sqldb.catalog.system_tables import SystemDefinitions
from services.sqldb.storage.sizes import heap_bytes, index_bytes

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

definitions = SystemDefinitions(PG_CATALOG_OID, 12_450)
define = definitions.define

_EPOCH_S = 946_684_800
"""The first second of 2000, from which timestamps count."""


def timestamp_us(unix_s: float) -> int | None:
    return int((unix_s - _EPOCH_S) * 1_000_000) if unix_s else None


def _started_us(session: Session) -> int | None:
    return timestamp_us(session.engine.vitals.started_at_s)


@define(
    "pg_stat_wal",
    "wal_records int8, wal_fpi int8, wal_bytes numeric, wal_buffers_full int8, wal_write int8, "
    "wal_sync int8, wal_write_time float8, wal_sync_time float8, stats_reset timestamptz",
)
def pg_stat_wal(session: Session) -> Iterator[tuple]:
    wal = session.engine.storage.wal
    yield (
        *(wal.records_total, 0, Decimal(wal.bytes_total), None, wal.records_total),
        *(wal.syncs_total, None, None, _started_us(session)),
    )


@define(
    "pg_stat_bgwriter",
    "checkpoints_timed int8, checkpoints_req int8, checkpoint_write_time float8, "
    "checkpoint_sync_time float8, buffers_checkpoint int8, buffers_clean int8, "
    "maxwritten_clean int8, buffers_backend int8, buffers_backend_fsync int8, "
    "buffers_alloc int8, stats_reset timestamptz",
)
def pg_stat_bgwriter(session: Session) -> Iterator[tuple]:
    checkpointer = session.engine.storage.checkpointer
    timed = checkpointer.timed_total if checkpointer else 0
    requested = checkpointer.checkpoints_total - timed if checkpointer else 0
    took_ms = checkpointer.duration_total_s * 1000 if checkpointer else 0.0
    yield timed, requested, took_ms, *(None,) * 7, _started_us(session)


@define(
    "pg_stat_database",
    "datid oid, datname name, numbackends int4, xact_commit int8, xact_rollback int8, "
    "blks_read int8, blks_hit int8, tup_returned int8, tup_fetched int8, tup_inserted int8, "
    "tup_updated int8, tup_deleted int8, conflicts int8, temp_files int8, temp_bytes int8, "
    "deadlocks int8, stats_reset timestamptz",
)
def pg_stat_database(session: Session) -> Iterator[tuple]:
    engine = session.engine
    transactions = engine.transactions
    counts = [
        engine.storage.heap(table.storage_oid).counts
        for table in session.lookup.view.state.all(Table)
        if table.kind is TableKind.TABLE
    ]
    yield (
        *(DATABASE_OID, engine.settings.database, len(engine.sessions)),
        *(transactions.commits_total, transactions.rollbacks_total, None, None, None, None),
        *(sum(one.inserted for one in counts), sum(one.updated for one in counts)),
        *(sum(one.deleted for one in counts), None, None, None),
        *(transactions.locks.deadlocks_total, _started_us(session)),
    )


@define(
    "glassbox_server",
    "service text, status text, problems text, version text, address text, started timestamptz, "
    "uptime_s float8, memory_bytes int8, statements int8",
)
def glassbox_server(session: Session) -> Iterator[tuple]:
    vitals = session.engine.vitals
    report = vitals.report()
    yield (
        *(vitals.service, vitals.status, vitals.problems_line, VERSION, vitals.address),
        *(_started_us(session), report["uptime_s"], report["memory_bytes"]),
        vitals.requests_total,
    )


@define(
    "glassbox_storage",
    "generation int8, wal_file_bytes int8, checkpoint_bytes int8, checkpoint_is_running bool, "
    "checkpoint_at timestamptz, checkpoint_ms float8, checkpoint_pause_ms float8, "
    "checkpoint_error text, checkpoint_interval_s float8, checkpoint_wal_bytes int8, "
    "recovered_changes int8, recovered_records int8, recovery_ms float8",
)
def glassbox_storage(session: Session) -> Iterator[tuple]:
    """No row: nothing is kept on the disk."""
    storage = session.engine.storage
    last, recovery = storage.checkpointer, storage.recovery
    if last is None:
        return
    yield (
        *(last.generation, storage.wal.size_bytes, last.checkpoint_bytes, last.is_running),
        *(timestamp_us(last.finished_at_s),),
        *((last.last_duration_s * 1000, last.last_pause_s * 1000) if last.checkpoints_total
          else (None, None)),
        *(last.last_error or None, storage.checkpoint_timeout_s, storage.max_wal_bytes),
        *(recovery.changes, recovery.records, recovery.duration_s * 1000),
    )  # fmt: skip


@define("glassbox_plan_cache", "entries int8, of_prepared int8, of_texts int8, hits int8, "
        "misses int8")  # fmt: skip
def glassbox_plan_cache(session: Session) -> Iterator[tuple]:
    """Each session keeps its own; told is the sum of those that are there."""
    engine = session.engine
    sessions = list(engine.sessions.values())
    prepared = sum(one.is_plannable for other in sessions for one in other.prepared.values())
    texts = sum(len(other.statements) + len(other.shapes) for other in sessions)
    yield prepared + texts, prepared, texts, engine.plans.hits, engine.plans.misses


@define("glassbox_sizes", "relid oid, schemaname name, relname name, kind text, bytes int8, "
        "entries int8")  # fmt: skip
def glassbox_sizes(session: Session) -> Iterator[tuple]:
    lookup, storage = session.lookup, session.engine.storage
    for table in lookup.view.state.all(Table):
        if table.kind is not TableKind.TABLE:
            continue
        heap = storage.heap(table.storage_oid)
        schema = lookup.schema_name(table.schema_oid)
        yield table.oid, schema, table.name, "table", heap_bytes(heap), heap.counts.live
        for index in heap.indexes:
            yield index.oid, schema, index.name, "index", index_bytes(index), index.tree.count


def relation_bytes(session: Session, oid: int) -> int | None:
    """What pg_relation_size says of a table or an index; None: there is no such thing."""
    state = session.lookup.view.state
    found = state.get(oid)
    if isinstance(found, Index):
        table = state.get(found.table_oid)
        indexes = session.engine.storage.heap(table.storage_oid).indexes
        return sum(index_bytes(index) for index in indexes if index.oid == oid)
    if not isinstance(found, Table):
        return None
    if not found.storage_oid:
        return 0
    return heap_bytes(session.engine.storage.heap(found.storage_oid))


def indexes_bytes(session: Session, oid: int) -> int:
    """All indexes of a table."""
    found = session.lookup.view.state.get(oid)
    if not isinstance(found, Table) or not found.storage_oid:
        return 0
    return sum(map(index_bytes, session.engine.storage.heap(found.storage_oid).indexes))

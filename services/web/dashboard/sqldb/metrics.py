"""The figures of the topic `sqldb` as metrics."""

from collections.abc import Mapping

from services.web.dashboard.metrics import Family, Figures

_COUNTERS = (
    ("wal", "wal_bytes", "sqldb_wal_bytes_total", "Bytes written to the log."),
    ("wal", "wal_records", "sqldb_wal_records_total", "Records written to the log."),
    ("wal", "wal_sync", "sqldb_wal_syncs_total", "Times that the log was brought to the disk."),
    ("database", "deadlocks", "sqldb_deadlocks_total", "Deadlocks that were broken."),
    ("plan_cache", "hits", "sqldb_plan_cache_hits_total", "Plans that were used again."),
    ("plan_cache", "misses", "sqldb_plan_cache_misses_total", "Plans that had to be made."),
)
_GAUGES = (
    ("storage", "wal_file_bytes", "sqldb_wal_file_bytes", "Log since the last checkpoint."),
    ("storage", "checkpoint_bytes", "sqldb_checkpoint_bytes", "Size of the last checkpoint."),
    ("plan_cache", "entries", "sqldb_plan_cache_entries", "Plans that are kept."),
)
_OF_TABLES = (
    ("rows", "sqldb_table_rows", "Live rows of the largest tables."),
    ("table_bytes", "sqldb_table_bytes", "Memory of the largest tables, estimated."),
    ("index_bytes", "sqldb_index_bytes", "Memory of their indexes, estimated."),
)


def sqldb_metrics(figures: Figures) -> list[Family]:
    transactions = Family("sqldb_transactions_total", "counter", "Transactions, by their end.")
    rows = Family("sqldb_rows_changed_total", "counter", "Rows changed, by kind.")
    database = _part(figures, "database")
    for end in ("commit", "rollback"):
        transactions.add(_number(database.get(f"xact_{end}")), end=end)
    for kind in ("inserted", "updated", "deleted"):
        rows.add(_number(database.get(f"tup_{kind}")), kind=kind)
    sessions = Family("sqldb_sessions", "gauge", "Sessions, by state.")
    for state, count in _part(figures, "sessions").items():
        sessions.add(count, state=state)
    checkpoints = Family("sqldb_checkpoints_total", "counter", "Checkpoints, by what began them.")
    begun = _part(figures, "checkpoints")
    for kind, name in (("time", "checkpoints_timed"), ("request", "checkpoints_req")):
        checkpoints.add(_number(begun.get(name)), by=kind)
    families = [transactions, rows, sessions, checkpoints]
    for kind, table in (("counter", _COUNTERS), ("gauge", _GAUGES)):
        for part, field, name, text in table:
            family = Family(name, kind, text)
            family.add(_number(_part(figures, part).get(field)))
            families.append(family)
    for field, name, text in _OF_TABLES:
        family = Family(name, "gauge", text)
        for table in figures.get("largest") or ():
            family.add(table[field], table=table["name"])
        families.append(family)
    return families


def _part(figures: Figures, name: str) -> Mapping:
    part = figures.get(name)
    return part if isinstance(part, Mapping) else {}


def _number(value: object) -> float | None:
    """Figures come as the text of SQL values."""
    if not isinstance(value, str):
        return None
    return int(value) if value.isdigit() else float(value)

"""The figures of the topic `kvdb` as metrics."""

from collections.abc import Mapping

from services.web.dashboard.metrics import Family, Figures, families_of_table

_TABLE = (
    ("memory_bytes", "kvdb_memory_used_bytes", "gauge", "Memory that keys and values take."),
    ("max_memory_bytes", "kvdb_memory_max_bytes", "gauge", "Limit of that; 0 is none."),
    ("clients", "kvdb_connected_clients", "gauge", "Clients that are connected."),
    ("hits", "kvdb_keyspace_hits_total", "counter", "Reads that found their key."),
    ("misses", "kvdb_keyspace_misses_total", "counter", "Reads that found no key."),
    ("expired", "kvdb_expired_keys_total", "counter", "Keys whose time was over."),
    ("evicted", "kvdb_evicted_keys_total", "counter", "Keys that had to go for the limit."),
)


def kvdb_metrics(figures: Figures) -> list[Family]:
    keys = Family("kvdb_keys", "gauge", "Keys, by database.")
    by_database = figures.get("keys_by_db")
    if isinstance(by_database, Mapping):
        for db, count in by_database.items():
            keys.add(count, db=str(db))
    return [keys, *families_of_table(figures, _TABLE)]

"""`stats`: what the server tells memcached clients of itself.

The names are memcached's. What has no meaning here (slabs, their pages, threads that move items)
is left out; items and slabs, which tools ask for, are told as one class that holds everything.
# Real: process_stat() in memcached, and its protocol.txt.
"""

import os
import resource
import struct
from collections.abc import Callable

from services.kvdb.memcached_codec import (
    ERROR,
    VERSION,
    MemcachedError,
    Request,
    encode_statistics,
)
from services.kvdb.memcached_store import ItemStore

_COUNTERS = (
    *("cmd_get", "cmd_set", "cmd_flush", "cmd_touch", "get_hits", "get_misses"),
    *("delete_misses", "delete_hits", "incr_misses", "incr_hits", "decr_misses", "decr_hits"),
    *("cas_misses", "cas_hits", "cas_badval", "touch_hits", "touch_misses"),
    *("auth_cmds", "auth_errors"),
)

Fields = dict[str, object]


def stats(store: ItemStore, request: Request) -> bytes:
    """`stats`, and `stats items|slabs|sizes|settings|reset`."""
    topic = request.words[1] if len(request.words) > 1 else b""
    if topic == b"reset":
        store.counters.clear()
        return b"RESET\r\n"
    describe = _TOPICS.get(topic)
    if describe is None:
        raise MemcachedError(ERROR)
    return encode_statistics(describe(store))


def _general(store: ItemStore) -> Fields:
    engine, shared = store.engine, store.memcached
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "pid": os.getpid(),
        "uptime": int(engine.vitals.uptime_s),
        "time": store.now_ms // 1000,
        "version": VERSION,
        "pointer_size": 8 * struct.calcsize("P"),
        "rusage_user": f"{usage.ru_utime:.6f}",
        "rusage_system": f"{usage.ru_stime:.6f}",
        "max_connections": engine.settings.max_connections,
        "curr_connections": shared.connections,
        "total_connections": shared.connections_total,
        **{name: store.counters[name] for name in _COUNTERS},
        "curr_items": len(store.client.database),
        "total_items": store.counters["total_items"],
        "bytes": engine.keyspace.used_bytes,
        "limit_maxbytes": engine.settings.maxmemory,
        "evictions": engine.keyspace.evicted_total,
        "accepting_conns": 1,
        "threads": 1,
    }


def _items(store: ItemStore) -> Fields:
    keys = len(store.client.database)
    if not keys:
        return {}
    return {
        "items:1:number": keys,
        "items:1:mem_requested": store.engine.keyspace.used_bytes,
        "items:1:evicted": store.engine.keyspace.evicted_total,
        "items:1:outofmemory": 0,
    }


def _slabs(store: ItemStore) -> Fields:
    counters, used_bytes = store.counters, store.engine.keyspace.used_bytes
    hits = {name: counters[name] for name in _COUNTERS if name.endswith("_hits")}
    return {
        "1:used_chunks": len(store.client.database),
        "1:mem_requested": used_bytes,
        **{f"1:{name}": count for name, count in hits.items()},
        "1:cmd_set": counters["cmd_set"],
        "1:cas_badval": counters["cas_badval"],
        "active_slabs": 1,
        "total_malloced": used_bytes,
    }


def _sizes(store: ItemStore) -> Fields:
    return {"sizes_status": "disabled"}


def _settings(store: ItemStore) -> Fields:
    settings = store.engine.settings
    return {
        "maxbytes": settings.maxmemory,
        "maxconns": settings.max_connections,
        "tcpport": settings.memcached_port,
        "udpport": 0,
        "evictions": "off" if settings.maxmemory_policy == "noeviction" else "on",
        "num_threads": 1,
        "cas_enabled": "yes",
        "auth_enabled_ascii": "yes" if settings.password else "no",
        "item_size_max": settings.memcached_max_value_bytes,
        "flush_enabled": "yes",
        "binding_protocol": "ascii",
    }


_TOPICS: dict[bytes, Callable[[ItemStore], Fields]] = {
    b"": _general,
    b"items": _items,
    b"slabs": _slabs,
    b"sizes": _sizes,
    b"settings": _settings,
}

"""INFO: what the server tells of itself, as sections of `field:value` lines.

Programs parse it (redis-py, RQ, arq, `redis-cli --stat`, our dashboard), so the fields have
Redis's names, and a field is here only where it is true of this server. The section `Glassbox`
is ours: the state, version and address that every service of the house tells.
"""

import os
import platform
import resource
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from services.common.health import VERSION, resident_bytes
from services.common.resp import Verbatim
from services.kvdb.buffer_limits import memory_of
from services.kvdb.clients import Client
from services.kvdb.command import Command
from services.kvdb.connection import REDIS_VERSION
from services.kvdb.database import Database
from services.kvdb.memory_reports import overhead_bytes

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

Fields = dict[str, object]


def info(client: Client, request: list[bytes]) -> Verbatim:
    """`INFO [section …]`; `default`, `all` and `everything` stand for several."""
    engine = client.engine
    chosen = {word.decode("utf-8", "replace").lower() for word in request[1:]} or {"default"}
    if chosen & {"all", "everything"}:
        names = list(_SECTIONS)
    else:
        is_default = "default" in chosen
        names = [
            name
            for name in _SECTIONS
            if name in chosen or (is_default and name not in _ONLY_WHEN_ASKED)
        ]
    return Verbatim("\r\n".join(_section(name, engine) for name in names).encode())


def _section(name: str, engine: "Engine") -> str:
    title, describe = _SECTIONS[name]
    lines = [f"{field}:{value}\r\n" for field, value in describe(engine).items()]
    return f"# {title}\r\n{''.join(lines)}"


def _server(engine: "Engine") -> Fields:
    uptime_s = int(engine.vitals.uptime_s)
    return {
        "redis_version": REDIS_VERSION,
        "redis_mode": "standalone",
        "run_id": engine.run_id,
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "arch_bits": 64 if sys.maxsize > 2**32 else 32,
        "python_version": platform.python_version(),
        "process_id": os.getpid(),
        "tcp_port": engine.settings.port,
        "server_time_usec": engine.clock.now_ms * 1000,
        "uptime_in_seconds": uptime_s,
        "uptime_in_days": uptime_s // 86400,
        "hz": 10,
        "configured_hz": 10,
        "executable": sys.executable,
        "config_file": "",
        "io_threads_active": 0,
    }


def _clients(engine: "Engine") -> Fields:
    return {
        "connected_clients": len(engine.clients),
        "cluster_connections": 0,
        "maxclients": engine.settings.max_connections,
        "blocked_clients": len(engine.blocking.waits) + len(engine.pause.postponed),
        "tracking_clients": len(engine.tracking.clients),
        "pubsub_clients": sum(client.is_subscriber for client in engine.clients),
    }


def _memory(engine: "Engine") -> Fields:
    """What is used is the data alone: Python's own memory shows in what is resident."""
    keyspace, limit = engine.keyspace, engine.settings.maxmemory
    keyspace.note_peak()
    used, peak, resident = keyspace.used_bytes, keyspace.peak_bytes, resident_bytes()
    overhead = overhead_bytes(keyspace)
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "used_memory": used,
        "used_memory_human": _human(used),
        "used_memory_rss": resident,
        "used_memory_rss_human": _human(resident),
        "used_memory_rss_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "used_memory_peak": peak,
        "used_memory_peak_human": _human(peak),
        "used_memory_peak_perc": f"{used * 100 / (peak or 1):.2f}%",
        "used_memory_overhead": overhead,
        "used_memory_startup": 0,
        "used_memory_dataset": used - overhead,
        "used_memory_dataset_perc": f"{(used - overhead) * 100 / (used or 1):.2f}%",
        "total_system_memory": machine,
        "total_system_memory_human": _human(machine),
        "used_memory_lua": 0,
        "used_memory_scripts": 0,
        "number_of_cached_scripts": 0,
        "number_of_functions": 0,
        "number_of_libraries": 0,
        "maxmemory": limit,
        "maxmemory_human": _human(limit),
        "maxmemory_policy": engine.settings.maxmemory_policy,
        "mem_fragmentation_ratio": f"{resident / used if used else 0:.2f}",
        "mem_fragmentation_bytes": resident - used,
        "mem_clients_slaves": 0,
        "mem_clients_normal": sum(
            memory_of(client, engine.network.input_bytes(client)) for client in engine.clients
        ),
        "mem_allocator": "python",
        "active_defrag_running": 0,
        # What is deleted is freed at once, and all that is accounted for counts for eviction.
        "lazyfree_pending_objects": 0,
        "lazyfreed_objects": 0,
        "mem_not_counted_for_evict": 0,
    }


def _human(size_bytes: int) -> str:
    """As Redis writes it: 1023B, 1.50K, 2.00M."""
    if size_bytes < 1024:
        return f"{size_bytes}B"
    size, units = size_bytes / 1024, iter("KMGT")
    unit = next(units)
    while size >= 1024 and unit != "T":
        size, unit = size / 1024, next(units)
    return f"{size:.2f}{unit}"


def _persistence(engine: "Engine") -> Fields:
    persistence = engine.persistence
    return {
        "loading": 0,
        "async_loading": 0,
        "rdb_changes_since_last_save": engine.keyspace.dirty,
        "rdb_bgsave_in_progress": int(persistence.is_saving),
        "rdb_last_save_time": persistence.last_save_s,
        "rdb_last_bgsave_status": "err" if persistence.last_error else "ok",
        "rdb_last_bgsave_time_sec": int(persistence.last_duration_s),
        "rdb_saves": persistence.saves_total,
        "aof_enabled": int(engine.journal.is_open),
        # A snapshot is the rewriting of the append-only file.
        "aof_rewrite_in_progress": int(persistence.is_saving),
        "aof_rewrite_scheduled": int(persistence.is_scheduled),
        "aof_last_bgrewrite_status": "err" if persistence.last_error else "ok",
        "aof_last_write_status": "err" if engine.journal.is_refusing else "ok",
        "aof_current_size": engine.journal.size_bytes,
    }


def _stats(engine: "Engine") -> Fields:
    keyspace = engine.keyspace
    return {
        "total_connections_received": engine.network.accepted_total,
        "total_commands_processed": engine.vitals.requests_total,
        "instantaneous_ops_per_sec": round(engine.requests_rate.per_second),
        "rejected_connections": engine.network.refused_total,
        "expired_keys": keyspace.expired_total,
        "expired_subkeys": keyspace.expired_fields_total,
        "evicted_keys": keyspace.evicted_total,
        "evicted_clients": engine.buffer_limits.evicted_total,
        "keyspace_hits": keyspace.hits_total,
        "keyspace_misses": keyspace.misses_total,
        "latest_fork_usec": int(engine.persistence.last_fork_s * 1e6),
        "total_forks": engine.persistence.forks_total,
        "migrate_cached_sockets": 0,
        "pubsub_channels": len(engine.pubsub.channels.channels.by_name),
        "pubsub_patterns": len(engine.pubsub.channels.patterns.by_name),
        "pubsubshard_channels": len(engine.pubsub.shard_channels.by_name),
        "tracking_total_keys": len(engine.tracking.keys),
        "tracking_total_items": sum(map(len, engine.tracking.keys.values())),
        "tracking_total_prefixes": len(engine.tracking.prefixes),
        "total_error_replies": engine.dispatcher.errors.total(),
    }


def _replication(engine: "Engine") -> Fields:
    return {
        "role": "master",
        "connected_slaves": 0,
        "master_failover_state": "no-failover",
        "master_replid": engine.run_id,
        "master_replid2": "0" * 40,
        "master_repl_offset": 0,
        "second_repl_offset": -1,
        "repl_backlog_active": 0,
    }


def _cpu(engine: "Engine") -> Fields:
    mine = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "used_cpu_sys": f"{mine.ru_stime:.6f}",
        "used_cpu_user": f"{mine.ru_utime:.6f}",
        "used_cpu_sys_children": f"{children.ru_stime:.6f}",
        "used_cpu_user_children": f"{children.ru_utime:.6f}",
    }


def _cluster(engine: "Engine") -> Fields:
    return {"cluster_enabled": 0}


def _commandstats(engine: "Engine") -> Fields:
    commands = engine.dispatcher.commands.values()
    every = [command for parent in commands for command in (parent, *parent.subcommands.values())]
    return {f"cmdstat_{it.name}": _counts_of(it) for it in every if it.calls or it.rejected}


def _counts_of(command: Command) -> str:
    """The times are there only for commands that may take long: the others are not timed."""
    usec = int(command.total_s * 1_000_000)
    per_call = usec / (command.calls or 1)
    times = f"usec={usec},usec_per_call={per_call:.2f}," if command.is_timed else ""
    counts = f"rejected_calls={command.rejected},failed_calls={command.failed}"
    return f"calls={command.calls},{times}{counts}"


def _latencystats(engine: "Engine") -> Fields:
    """By command, where `latency-tracking` is on."""
    latency = engine.latency
    return {
        f"latency_percentiles_usec_{name}": ",".join(
            f"p{percentile:g}={us:.3f}" for percentile, us in latency.percentiles_us(name).items()
        )
        for name in latency.histograms
    }


def _modules(engine: "Engine") -> Fields:
    return {}


def _errorstats(engine: "Engine") -> Fields:
    codes = sorted(engine.dispatcher.errors.items())
    return {f"errorstat_{code}": f"count={count}" for code, count in codes}


def _keyspace(engine: "Engine") -> Fields:
    databases = engine.keyspace.databases
    return {f"db{it.index}": _counts(it, engine.clock.now_ms) for it in databases if len(it)}


def _counts(database: Database, now_ms: int) -> str:
    expires = database.expires
    sample = [expires[expires.random_key()] - now_ms for _ in range(10)] if expires else [0]
    average_ms = max(sum(sample) // len(sample), 0)
    return f"keys={len(database)},expires={len(expires)},avg_ttl={average_ms}"


def _glassbox(engine: "Engine") -> Fields:
    vitals = engine.vitals
    return {
        "service": vitals.service,
        "status": vitals.status,
        "version": VERSION,
        "address": vitals.address,
        "problems": vitals.problems_line,
        "memcached_port": engine.settings.memcached_port,
    }


_SECTIONS: dict[str, tuple[str, Callable[["Engine"], Fields]]] = {
    "server": ("Server", _server),
    "clients": ("Clients", _clients),
    "memory": ("Memory", _memory),
    "persistence": ("Persistence", _persistence),
    "stats": ("Stats", _stats),
    "replication": ("Replication", _replication),
    "cpu": ("CPU", _cpu),
    "modules": ("Modules", _modules),
    "commandstats": ("Commandstats", _commandstats),
    "errorstats": ("Errorstats", _errorstats),
    "latencystats": ("Latencystats", _latencystats),
    "cluster": ("Cluster", _cluster),
    "keyspace": ("Keyspace", _keyspace),
    "glassbox": ("Glassbox", _glassbox),
}

_ONLY_WHEN_ASKED = {"commandstats", "latencystats"}

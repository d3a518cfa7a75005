"""INFO: what the running service says of itself, in the sections and names that Redis uses.

The section Glassbox is our own, the same in kvdb and pubsub: the dashboard reads it.
"""

import os
import platform
from typing import TYPE_CHECKING

from services.common.health import VERSION, resident_bytes
from services.common.resp import Verbatim

if TYPE_CHECKING:
    from services.pubsub.broker import Broker
    from services.pubsub.session import ClientSession

REDIS_VERSION = "7.0.15"
"""The Redis whose behaviour this service reproduces; clients choose their commands by it."""


def info(client: "ClientSession", *sections: bytes) -> Verbatim:
    """All sections, or those that are named."""
    wanted = {section.lower() for section in sections}
    if not wanted or wanted & {b"all", b"default", b"everything"}:
        wanted = set(_SECTIONS)
    texts = [
        f"# {name.decode().capitalize()}\r\n"
        + "".join(f"{field}:{value}\r\n" for field, value in describe(client.broker).items())
        for name, describe in _SECTIONS.items()
        if name in wanted
    ]
    return Verbatim("\r\n".join(texts).encode())


def _server(broker: "Broker") -> dict[str, object]:
    return {
        "redis_version": REDIS_VERSION,
        "redis_mode": "standalone",
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python_version": platform.python_version(),
        "process_id": os.getpid(),
        "run_id": broker.id,
        "tcp_port": broker.vitals.address.rpartition(":")[2],
        "uptime_in_seconds": int(broker.vitals.uptime_s),
        "uptime_in_days": int(broker.vitals.uptime_s // 86400),
    }


def _clients(broker: "Broker") -> dict[str, object]:
    return {
        "connected_clients": len(broker.clients),
        "maxclients": broker.limits.max_connections,
        "pubsub_clients": sum(client.is_subscriber for client in broker.clients.values()),
    }


def _memory(broker: "Broker") -> dict[str, object]:
    # Python does not tell what it has allocated apart from what it holds.
    resident = resident_bytes()
    return {
        "used_memory": resident,
        "used_memory_human": f"{resident / 2**20:.2f}M",
        "used_memory_rss": resident,
        "used_memory_rss_human": f"{resident / 2**20:.2f}M",
    }


def _stats(broker: "Broker") -> dict[str, object]:
    counters = broker.counters
    return {
        "total_connections_received": counters.connections,
        "total_commands_processed": broker.vitals.requests_total,
        "instantaneous_ops_per_sec": round(broker.commands_per_s),
        "rejected_connections": counters.refused_connections,
        "pubsub_channels": len(broker.channels.channels.by_name),
        "pubsub_patterns": len(broker.channels.patterns.by_name),
        "pubsubshard_channels": len(broker.shard_channels.by_name),
        "total_error_replies": counters.errors,
    }


def _glassbox(broker: "Broker") -> dict[str, object]:
    vitals = broker.vitals
    return {
        "service": vitals.service,
        "status": vitals.status,
        "version": VERSION,
        "address": vitals.address,
        "problems": vitals.problems_line,
        "channels": len(broker.channels.channels.by_name),
        "patterns": len(broker.channels.patterns.by_name),
        "messages_in": broker.counters.messages_in,
        "messages_out": broker.counters.messages_out,
        "broker_id": broker.id,
        "linked_brokers": len(broker.links),
    }


_SECTIONS = {
    b"server": _server,
    b"clients": _clients,
    b"memory": _memory,
    b"stats": _stats,
    b"glassbox": _glassbox,
}

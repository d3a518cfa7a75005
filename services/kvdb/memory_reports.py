"""MEMORY STATS, DOCTOR, PURGE: what the server can tell of its memory, which is not everything.

Python does not say what its allocator holds, so there is no fragmentation to report and nothing
to hand back; what is told is what the keyspace accounts for, and what the kernel says.
"""

import gc
import resource

from services.common.health import resident_bytes
from services.common.resp import OK, Simple, Verbatim
from services.kvdb import memory
from services.kvdb.clients import Client
from services.kvdb.help_texts import help_reply


def memory_stats(client: Client, request: list[bytes]) -> dict[bytes, object]:
    engine = client.engine
    keyspace = engine.keyspace
    keys = sum(map(len, keyspace.databases))
    overhead = keys * memory.KEY_BYTES
    output_bytes = sum(other.endpoint.output_bytes for other in engine.clients)
    by_database = {
        b"db.%d" % it.index: {
            b"overhead.hashtable.main": len(it) * memory.KEY_BYTES,
            b"overhead.hashtable.expires": len(it.expires) * memory.EXPIRY_BYTES,
        }
        for it in keyspace.databases
        if len(it)
    }
    return {
        b"peak.allocated": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        b"total.allocated": keyspace.used_bytes,
        b"clients.normal": output_bytes,
        **by_database,
        b"overhead.total": overhead,
        b"keys.count": keys,
        b"keys.bytes-per-key": keyspace.used_bytes // keys if keys else 0,
        b"dataset.bytes": keyspace.used_bytes - overhead,
        b"process.resident": resident_bytes(),
    }


def memory_doctor(client: Client, request: list[bytes]) -> Verbatim:
    """The one thing that can be wrong and that this server knows of: a limit that is near."""
    used, limit = client.engine.keyspace.used_bytes, client.engine.settings.maxmemory
    if limit and used > limit * 9 // 10:
        return Verbatim(b"The data takes more than nine tenths of maxmemory: keys are, or will "
                        b"soon be, evicted or refused.")  # fmt: skip
    return Verbatim(b"Nothing that this server can see is wrong with its memory.")


def memory_purge(client: Client, request: list[bytes]) -> object:
    gc.collect()
    return OK


def memory_malloc_stats(client: Client, request: list[bytes]) -> Verbatim:
    return Verbatim(b"Stats not supported for the current allocator")


def memory_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "MEMORY",
        "USAGE <key> [SAMPLES <count>]",
        "    The bytes that a key and its value take.",
        "STATS",
        "    Where the memory goes.",
        "DOCTOR",
        "    Whether something is wrong.",
        "PURGE",
        "    Collect what nothing refers to.",
        "MALLOC-STATS",
        "    Nothing: the allocator tells none.",
    )

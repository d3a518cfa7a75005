"""MEMORY: what the server can tell of the memory that it takes, which is not everything.

Python does not say what its allocator holds, so there is no fragmentation to report and nothing
to hand back; what is told is what the keyspace accounts for, and what the kernel says.
"""

import gc

from services.common.health import resident_bytes
from services.common.resp import OK, Simple, Verbatim
from services.kvdb import arguments, errors, memory
from services.kvdb.arguments import words
from services.kvdb.buffer_limits import memory_of
from services.kvdb.clients import Client
from services.kvdb.help_texts import help_reply
from services.kvdb.keyspace import Keyspace


def memory_usage(client: Client, request: list[bytes]) -> int | None:
    _, _, key, *options = request
    for word, values in words(options):
        if word != b"SAMPLES":
            raise errors.syntax_error()
        if arguments.integer(arguments.following(values)) < 0:  # Nothing needs to be sampled here.
            raise errors.syntax_error()
    value = client.database.peek(key)
    return None if value is None else memory.KEY_BYTES + len(key) + memory.size_of(value)


def memory_stats(client: Client, request: list[bytes]) -> dict[bytes, object]:
    engine = client.engine
    keyspace = engine.keyspace
    keyspace.note_peak()
    keys = sum(map(len, keyspace.databases))
    overhead = overhead_bytes(keyspace)
    client_bytes = sum(
        memory_of(other, engine.network.input_bytes(other)) for other in engine.clients
    )
    resident = resident_bytes()
    by_database = {
        b"db.%d" % it.index: {
            b"overhead.hashtable.main": len(it) * memory.KEY_BYTES,
            b"overhead.hashtable.expires": len(it.expires) * memory.EXPIRY_BYTES,
        }
        for it in keyspace.databases
        if len(it)
    }
    return {
        b"peak.allocated": keyspace.peak_bytes,
        b"total.allocated": keyspace.used_bytes,
        b"startup.allocated": 0,
        b"replication.backlog": 0,
        b"clients.slaves": 0,
        b"clients.normal": client_bytes,
        b"aof.buffer": 0,
        **by_database,
        b"overhead.total": overhead,
        b"keys.count": keys,
        b"keys.bytes-per-key": keyspace.used_bytes // keys if keys else 0,
        b"dataset.bytes": keyspace.used_bytes - overhead,
        b"dataset.percentage": _percent(keyspace.used_bytes - overhead, keyspace.used_bytes),
        b"peak.percentage": _percent(keyspace.used_bytes, keyspace.peak_bytes),
        b"fragmentation": resident / keyspace.used_bytes if keyspace.used_bytes else 0.0,
        b"fragmentation.bytes": resident - keyspace.used_bytes,
        b"process.resident": resident,
    }


def overhead_bytes(keyspace: Keyspace) -> int:
    """What the tables take, without keys and values."""
    entries = sum(map(len, keyspace.databases))
    expiring = sum(len(database.expires) for database in keyspace.databases)
    return entries * memory.KEY_BYTES + expiring * memory.EXPIRY_BYTES


def _percent(part: int, whole: int) -> float:
    return part * 100 / (whole or 1)


def memory_doctor(client: Client, request: list[bytes]) -> Verbatim:
    """The one thing that can be wrong and that this server knows of: a limit that is near."""
    used, limit = client.engine.keyspace.used_bytes, client.engine.settings.maxmemory
    if limit and used > limit * 9 // 10:
        return Verbatim(
            b"The data takes more than nine tenths of maxmemory: keys are, or will soon be, "
            b"evicted or refused."
        )
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

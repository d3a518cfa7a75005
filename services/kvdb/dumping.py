"""DUMP and RESTORE: a value out of one server, and into another (`rdb_value` has the format).

RESTORE believes nothing: the checksum guards against accidents, and whatever has a right one is
still checked to the last byte, because anybody can compute a checksum.
# Real: dumpCommand() and restoreCommand() in Redis's cluster.c.
"""

from dataclasses import dataclass

from services.common.resp import OK, ReplyError
from services.kvdb import errors
from services.kvdb.arguments import MAX_INTEGER, following, integer, words
from services.kvdb.clients import Client
from services.kvdb.packed_forms import FormatError
from services.kvdb.rdb_value import ChecksumError, check_payload, decode_payload, encode_payload


def dump(client: Client, request: list[bytes]) -> bytes | None:
    value = client.database.read(request[1])
    return None if value is None else encode_payload(value)


@dataclass(slots=True)
class _Options:
    replaces: bool = False
    is_absolute: bool = False
    idle_s: int | None = None
    frequency: int | None = None


def restore(client: Client, request: list[bytes]) -> object:
    _, key, ttl_text, payload, *rest = request
    options = _options(rest)
    database = client.database
    if not options.replaces and database.modify(key) is not None:
        raise ReplyError("BUSYKEY Target key name already exists.")
    ttl_ms = integer(ttl_text)
    if ttl_ms < 0:
        raise ReplyError("ERR Invalid TTL value, must be >= 0")
    value = _decode(payload)
    database.delete(key)
    now_ms = client.engine.clock.now_ms
    at_ms = ttl_ms if options.is_absolute or not ttl_ms else min(ttl_ms + now_ms, MAX_INTEGER)
    if at_ms and at_ms <= now_ms:
        return OK
    database.set(key, value)
    if at_ms:
        database.expire_at(key, at_ms)
    _set_uses(client, key, options)
    return OK


def _set_uses(client: Client, key: bytes, options: _Options) -> None:
    """IDLETIME and FREQ: one of them means something, whichever the policy goes by."""
    keyspace = client.engine.keyspace
    keyspace.settle_uses()
    if options.idle_s is not None and not keyspace.uses.counts:
        keyspace.uses.set_idle(key, options.idle_s * 1000)
    elif options.frequency is not None and keyspace.uses.counts:
        keyspace.uses.set_frequency(key, options.frequency)


def _options(rest: list[bytes]) -> _Options:
    options = _Options()
    for word, values in words(rest):
        match word:
            case b"REPLACE":
                options.replaces = True
            case b"ABSTTL":
                options.is_absolute = True
            case b"IDLETIME" if options.frequency is None:
                options.idle_s = integer(following(values))
                if options.idle_s < 0:
                    raise ReplyError("ERR Invalid IDLETIME value, must be >= 0")
            case b"FREQ" if options.idle_s is None:
                options.frequency = integer(following(values))
                if not 0 <= options.frequency <= 255:
                    raise ReplyError("ERR Invalid FREQ value, must be >= 0 and <= 255")
            case _:
                raise errors.syntax_error()
    return options


def _decode(payload: bytes) -> object:
    try:
        check_payload(payload)
        return decode_payload(payload)
    except ChecksumError:
        raise ReplyError("ERR DUMP payload version or checksum are wrong") from None
    except FormatError:
        raise ReplyError("ERR Bad data format") from None

"""DEBUG: what tests and developers ask of a server, and nobody else should."""

import hashlib
import io
import time
from collections.abc import Iterable

from services.common.glob import matcher
from services.common.resp import (
    OK,
    Attributed,
    BigNumber,
    Push,
    ReplyError,
    SetReply,
    Several,
    Simple,
    Verbatim,
)
from services.kvdb import errors
from services.kvdb.arguments import bounded_pattern, integer, number
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.encoding import encoding_of, type_name
from services.kvdb.hashes import HashValue
from services.kvdb.help_texts import help_reply
from services.kvdb.memory import size_of
from services.kvdb.rdb_value import encode_payload
from services.kvdb.sets import SetValue
from services.kvdb.snapshot import decode_generation, decode_snapshot, encode_snapshot
from services.kvdb.sorted_set import SortedSetValue

DIGEST_BYTES = 20
MAX_MATCHED_BYTES = 1 << 20


def debug_sleep(client: Client, request: list[bytes]) -> object:
    """Stop serving for so many seconds: what a slow command does to everybody."""
    time.sleep(max(number(request[2]), 0))
    client.engine.clock.tick()
    return OK


def debug_set_active_expire(client: Client, request: list[bytes]) -> object:
    client.engine.settings.active_expiry = request[2] != b"0"
    return OK


def debug_pause_cron(client: Client, request: list[bytes]) -> object:
    """Whether nothing is done by itself: no expiry, no snapshots, no timeouts of pauses."""
    client.engine.is_resting = request[2] != b"0"
    return OK


def debug_log(client: Client, request: list[bytes]) -> object:
    client.engine.log.info("DEBUG LOG", text=errors.shown(request[2]))
    return OK


def debug_reload(client: Client, request: list[bytes]) -> object:
    """Write a snapshot and load it again, in memory: nothing may come out different."""
    engine, keyspace = client.engine, client.engine.keyspace
    dirty = keyspace.dirty
    snapshot = b"".join(encode_snapshot(keyspace.databases, engine.clock.now_ms, 0))
    file = io.BytesIO(snapshot)
    decode_generation(file)
    entries = list(decode_snapshot(file))
    keyspace.clear()
    for entry in entries:
        database = keyspace.databases[entry.database]
        database.set(entry.key, entry.value)
        if entry.expires_at_ms is not None:
            database.expire_at(entry.key, entry.expires_at_ms)
    keyspace.dirty = dirty  # For the append-only file nothing has happened.
    return OK


def debug_loadaof(client: Client, request: list[bytes]) -> object:
    """Forget everything, and run the append-only file again: nothing may come out different."""
    engine = client.engine
    # Nobody is told of what is only done again.
    engine.keyspace.observer = None
    engine.dispatcher.is_observed = False
    try:
        engine.persistence.reload(engine)
    finally:
        engine.settings_changed()
    return OK


def debug_jmap(client: Client, request: list[bytes]) -> object:
    raise ReplyError("ERR This server does not write maps of its heap")


def debug_stringmatch_len(client: Client, request: list[bytes]) -> int:
    """How a pattern fares with a long text: what a pattern of many stars could cost."""
    length = integer(request[2])
    if not 0 <= length <= MAX_MATCHED_BYTES:
        raise ReplyError(errors.NOT_AN_INTEGER)
    return int(bool(matcher(bounded_pattern(request[3]))(b"x" * length)))


def debug_error(client: Client, request: list[bytes]) -> object:
    raise ReplyError(errors.shown(request[2]))


def debug_htstats_key(client: Client, request: list[bytes]) -> Verbatim:
    """How full the table of a set or hash is, as far as Python tells."""
    value = client.database.peek(request[2])
    if value is None:
        raise ReplyError(errors.NO_SUCH_KEY)
    if not isinstance(value, SetValue | HashValue | SortedSetValue):
        raise ReplyError("ERR The value stored at the specified key is not represented using an "
                         "hash table")  # fmt: skip
    return Verbatim(
        b"Hash table 0 stats (main hash table):\n number of elements: %d\n" % len(value)
    )


def debug_without_effect(client: Client, request: list[bytes]) -> object:
    """What has to do with forms that values do not have here: packed nodes, tables that grow."""
    return OK


def debug_object(client: Client, request: list[bytes]) -> Simple:
    value = client.database.peek(request[2])
    if value is None:
        raise ReplyError(errors.NO_SUCH_KEY)
    encoding = encoding_of(value, client.engine.settings)
    return Simple(
        f"Value at:0x{id(value):x} refcount:1 encoding:{encoding} serializedlength:{size_of(value)}"
    )


# Digests.


def debug_digest(client: Client, request: list[bytes]) -> Simple:
    """Of the whole data set: equal for equal data, in whatever order it came to be."""
    digests = (
        _digest_of(b"%d" % database.index, key, _value_digest(database, key))
        for database in client.engine.keyspace.databases
        for key in list(database.table)
    )
    return Simple(_mixed(digests).hex())


def debug_digest_value(client: Client, request: list[bytes]) -> list[Simple]:
    return [Simple(_value_digest(client.database, key).hex()) for key in request[2:]]


def _value_digest(database: Database, key: bytes) -> bytes:
    """Type, content and expiry; 0 for what is not there."""
    value = database.peek(key)
    if value is None:
        return bytes(DIGEST_BYTES)
    expiry = b"%d" % (database.expires_at_ms(key) or -1)
    return _digest_of(type_name(value).encode(), expiry, _content_digest(value))


def _content_digest(value: object) -> bytes:
    match value:
        case SetValue():
            return _mixed(map(_digest_of, value))
        case HashValue():
            return _mixed(
                _digest_of(field, content, b"%d" % (value.expires_at_ms(field) or -1))
                for field, content in value.items()
            )
        case SortedSetValue():
            return _mixed(
                _digest_of(member, repr(score).encode()) for member, score in value.scores.items()
            )
    return _digest_of(encode_payload(value))


def _digest_of(*parts: bytes) -> bytes:
    digest = hashlib.sha1(usedforsecurity=False)
    for part in parts:
        digest.update(b"%d:%b" % (len(part), part))
    return digest.digest()


def _mixed(digests: Iterable[bytes]) -> bytes:
    """One digest for many, whatever their order."""
    mixed = 0
    for digest in digests:
        mixed ^= int.from_bytes(digest, "big")
    return mixed.to_bytes(DIGEST_BYTES, "big")


# One reply of each type.


def debug_protocol(client: Client, request: list[bytes]) -> object:
    """What a client library has to cope with."""
    kind = request[2].lower()
    if kind not in _REPLIES:
        kinds = "|".join(map(errors.shown, _REPLIES))
        raise ReplyError(f"ERR Wrong protocol type name. Please use one of the following: {kinds}")
    if kind == b"push" and client.resp == 2:
        raise ReplyError("ERR RESP2 is not supported by this command")
    return _REPLIES[kind]


_REPLIES: dict[bytes, object] = {
    b"string": b"Hello World",
    b"integer": 12345,
    b"double": 3.141,
    b"bignum": BigNumber(1234567999999999999999999999999999999),
    b"null": None,
    b"array": [0, 1, 2],
    b"set": SetReply([0, 1, 2]),
    b"map": {0: False, 1: True, 2: False},
    b"attrib": Attributed(
        b"Some real reply following the attribute", {b"key-popularity": [b"key:123", 90]}
    ),
    # A push is no reply, so one follows.
    b"push": Several(
        [Push([b"server-cpu-usage", 42]), b"Some real reply following the push reply"]
    ),
    b"verbatim": Verbatim(b"This is a verbatim\nstring"),
    b"true": True,
    b"false": False,
}


def debug_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "DEBUG",
        "SLEEP <seconds>",
        "    Stop serving for a while.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Whether keys expire that nobody asks for.",
        "PAUSE-CRON <0|1>",
        "    Whether nothing is done by itself.",
        "RELOAD",
        "    Write a snapshot and load it.",
        "LOADAOF",
        "    Load the snapshot and the append-only file.",
        "OBJECT <key>",
        "    How a value is stored.",
        "DIGEST, DIGEST-VALUE <key> ...",
        "    Equal for equal data.",
        "PROTOCOL <type>",
        "    A reply of each type.",
        "STRINGMATCH-LEN <length> <pattern>",
        "    Whether a pattern matches so many x.",
        "HTSTATS-KEY <key>",
        "    How many elements a table has.",
        "ERROR <text>",
        "    That error.",
        "LOG <text>",
        "    Write a line into the log.",
    )

"""MIGRATE: keys leave this server and are on another one afterwards.

    MIGRATE host port key db timeout [COPY] [REPLACE] [AUTH …] [KEYS key …]

    here ── AUTH, SELECT db, RESTORE key ttl payload … ──▶ there      one write
         ◀─────────────── one reply each ─────────────────
         what was accepted is deleted here, unless COPY

The payload is that of DUMP, which a Redis understands as well: a way out of this server, and into
it. Nobody is served meanwhile, for `timeout` milliseconds at the most with each step, so that no
key is ever on both servers or on none. Where the other one does not answer, it is not known
whether it has the keys; then they stay here, and may be on both.
# Real: migrateCommand() in Redis's cluster.c, which keeps the connection for the next one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.common.redis_url import RedisURL
from services.common.resp import OK, ReplyError, Simple
from services.common.resp_client import ConnectionLost, RespConnection
from services.kvdb import errors
from services.kvdb.arguments import following, integer, words
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.key_specs import Keys, KeySpec, Range, Shape
from services.kvdb.rdb_value import encode_payload

DEFAULT_TIMEOUT_MS = 1000

KEY_AND_KEYS = (
    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"
)


class _One(Range):
    """The key at its own place, where it is not left empty for KEYS."""

    __slots__ = ()

    def positions(self, request: list[bytes]) -> Iterable[int]:
        return (self.first,) if len(request) > self.first and request[self.first] else ()


class _Named(KeySpec):
    """All words behind KEYS."""

    __slots__ = ()

    def positions(self, request: list[bytes]) -> Iterable[int]:
        at = 6
        while at < len(request):
            word = request[at].upper()
            if word == b"KEYS":
                return range(at + 1, len(request))
            at += _WORDS_OF_OPTION.get(word, 1)
        return ()

    def shapes(self) -> tuple[Shape, Shape]:
        return (
            ("keyword", {"keyword": "KEYS", "startfrom": -2}),
            ("range", {"lastkey": -1, "keystep": 1, "limit": 0}),
        )


_WORDS_OF_OPTION = {b"AUTH": 2, b"AUTH2": 3}

MIGRATED = Keys((_One(3), _Named()))


@dataclass(slots=True)
class _Options:
    keys: list[bytes]
    copies: bool = False
    replaces: bool = False
    credentials: list[bytes] = field(default_factory=list)


def migrate(client: Client, request: list[bytes]) -> object:
    _, host, port, key, database_text, timeout, *rest = request
    options = _options(key, rest)
    timeout_ms = integer(timeout)
    target_database = integer(database_text)
    database = client.database
    values = {key: value for key in options.keys if (value := database.read(key)) is not None}
    if not values:
        return Simple("NOKEY")
    timeout_s = (timeout_ms if timeout_ms > 0 else DEFAULT_TIMEOUT_MS) / 1000
    now_ms = client.engine.clock.now_ms
    introduction = [(b"AUTH", *options.credentials)] if options.credentials else []
    introduction.append((b"SELECT", b"%d" % target_database))
    requests = [_restoring(database, key, values[key], now_ms, options) for key in values]
    url = RedisURL(errors.shown(host), integer(port))
    replies = _exchange(url, [*introduction, *requests], timeout_s)
    accepted = [
        key
        for key, reply in zip(values, replies[len(introduction) :], strict=True)
        if not isinstance(reply, ReplyError)
    ]
    if not options.copies:
        _delete(client, accepted)
    failure = next((reply for reply in replies if isinstance(reply, ReplyError)), None)
    if failure is not None:
        raise ReplyError(f"ERR Target instance replied with error: {failure}")
    return OK


def _options(key: bytes, rest: list[bytes]) -> _Options:
    options = _Options([key])
    for word, values in words(rest):
        match word:
            case b"COPY":
                options.copies = True
            case b"REPLACE":
                options.replaces = True
            case b"AUTH":
                options.credentials = [following(values)]
            case b"AUTH2":
                options.credentials = [following(values), following(values)]
            case b"KEYS":
                if key:
                    raise ReplyError(KEY_AND_KEYS)
                options.keys = list(values)
            case _:
                raise errors.syntax_error()
    return options


def _restoring(
    database: Database, key: bytes, value: object, now_ms: int, options: _Options
) -> tuple[bytes, ...]:
    """The request that makes the key anew."""
    at_ms = database.expires_at_ms(key)
    ttl_ms = max(at_ms - now_ms, 1) if at_ms is not None else 0
    replace = [b"REPLACE"] if options.replaces else []
    return (b"RESTORE", key, b"%d" % ttl_ms, encode_payload(value), *replace)


def _exchange(url: RedisURL, requests: list[tuple[bytes, ...]], timeout_s: float) -> list[object]:
    """All requests in one write, and their replies. Raises ReplyError where nobody answers."""
    try:
        connection = RespConnection(url, timeout_s=timeout_s)
    except ConnectionLost:
        raise ReplyError("IOERR error or timeout writing to target instance") from None
    try:
        return connection.pipeline(requests)
    except ConnectionLost:
        raise ReplyError("IOERR error or timeout reading to target instance") from None
    finally:
        connection.close()


def _delete(client: Client, keys: list[bytes]) -> None:
    for key in keys:
        client.database.delete(key)
    if keys:
        client.engine.journal.note_instead([b"DEL", *keys])

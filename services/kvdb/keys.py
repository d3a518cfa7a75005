"""Commands about keys, whatever their values are: deleting, expiring, renaming, scanning.

The databases themselves are here too (SELECT, MOVE, SWAPDB, FLUSHDB).
"""

from services.common.glob import matcher
from services.common.resp import OK, ReplyError, Simple
from services.kvdb import arguments, errors, scanning
from services.kvdb.arguments import integer, words
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.encoding import encoding_of, type_name
from services.kvdb.help_texts import help_reply
from services.kvdb.keyspace import DATABASES
from services.kvdb.shared_integers import SHARED_NUMBERS
from services.kvdb.uses import Uses

# Existence.


def del_(client: Client, request: list[bytes]) -> int:
    return sum(map(client.database.delete, request[1:]))


def exists(client: Client, request: list[bytes]) -> int:
    return sum(client.database.look(key) is not None for key in request[1:])


def touch(client: Client, request: list[bytes]) -> int:
    return sum(client.database.read(key) is not None for key in request[1:])


def type_(client: Client, request: list[bytes]) -> Simple:
    return Simple(type_name(client.database.peek(request[1])))


def randomkey(client: Client, request: list[bytes]) -> bytes | None:
    return client.database.random_key()


def dbsize(client: Client, request: list[bytes]) -> int:
    return len(client.database)


def keys(client: Client, request: list[bytes]) -> list[bytes]:
    return client.database.matching_keys(matcher(arguments.bounded_pattern(request[1])))


def scan(client: Client, request: list[bytes]) -> object:
    cursor = scanning.cursor(request[1])
    options = scanning.options(request[2:], takes_type=True)
    database = client.database
    following, found = options.step(database.table, cursor)
    values = ((key, database.peek(key)) for key in found)
    wanted = options.type_name
    live = [
        key
        for key, value in values
        if value is not None and (wanted is None or type_name(value).encode() == wanted)
    ]
    return [b"%d" % following, live]


# Expiry.


def expire(client: Client, request: list[bytes]) -> int:
    return _expire(client, request, 1000, client.engine.clock.now_ms)


def pexpire(client: Client, request: list[bytes]) -> int:
    return _expire(client, request, 1, client.engine.clock.now_ms)


def expireat(client: Client, request: list[bytes]) -> int:
    return _expire(client, request, 1000, 0)


def pexpireat(client: Client, request: list[bytes]) -> int:
    return _expire(client, request, 1, 0)


def _expire(client: Client, request: list[bytes], unit_ms: int, base_ms: int) -> int:
    name, key, amount_text, *options = request
    is_allowed = _expire_condition(options) if options else _always
    amount_ms = integer(amount_text) * unit_ms
    at_ms = amount_ms + base_ms
    if amount_ms < arguments.MIN_INTEGER or at_ms > arguments.MAX_INTEGER:
        raise errors.invalid_expire_time(name.decode().lower())
    database = client.database
    if database.modify(key) is None or not is_allowed(database.expires_at_ms(key), at_ms):
        return 0
    if at_ms <= client.engine.clock.now_ms:
        database.delete(key)
    else:
        database.expire_at(key, at_ms)
    return 1


def _always(old_ms: int | None, new_ms: int) -> bool:
    return True


def _expire_condition(options: list[bytes]):
    """A function that tells whether an old expiry (None for never) may become a new one."""
    chosen = {word.upper() for word in options}
    for word in options:
        if word.upper() not in (b"NX", b"XX", b"GT", b"LT"):
            shown = word.decode("utf-8", "surrogateescape")
            raise ReplyError(f"ERR Unsupported option {shown}")
    if b"NX" in chosen and len(chosen) > 1:
        raise ReplyError("ERR NX and XX, GT or LT options at the same time are not compatible")
    if {b"GT", b"LT"} <= chosen:
        raise ReplyError("ERR GT and LT options at the same time are not compatible")

    def is_allowed(old_ms: int | None, new_ms: int) -> bool:
        return not (
            (b"NX" in chosen and old_ms is not None)
            or (b"XX" in chosen and old_ms is None)
            # Never is later than any moment.
            or (b"GT" in chosen and (old_ms is None or new_ms <= old_ms))
            or (b"LT" in chosen and old_ms is not None and new_ms >= old_ms)
        )

    return is_allowed


def persist(client: Client, request: list[bytes]) -> int:
    return int(
        client.database.modify(request[1]) is not None and client.database.persist(request[1])
    )


NO_KEY, NO_EXPIRY = -2, -1


def _expires_at_ms(client: Client, key: bytes) -> int:
    """The moment, or what the TTL family answers where there is none."""
    if client.database.peek(key) is None:
        return NO_KEY
    at_ms = client.database.expires_at_ms(key)
    return NO_EXPIRY if at_ms is None else at_ms


def pttl(client: Client, request: list[bytes]) -> int:
    at_ms = _expires_at_ms(client, request[1])
    return at_ms if at_ms < 0 else max(at_ms - client.engine.clock.now_ms, 0)


def ttl(client: Client, request: list[bytes]) -> int:
    left_ms = pttl(client, request)
    return left_ms if left_ms < 0 else (left_ms + 500) // 1000


def pexpiretime(client: Client, request: list[bytes]) -> int:
    return _expires_at_ms(client, request[1])


def expiretime(client: Client, request: list[bytes]) -> int:
    at_ms = _expires_at_ms(client, request[1])
    return at_ms if at_ms < 0 else (at_ms + 500) // 1000


# Copying and renaming.


def rename(client: Client, request: list[bytes]) -> object:
    _rename(client.database, request[1], request[2], may_overwrite=True)
    return OK


def renamenx(client: Client, request: list[bytes]) -> int:
    return int(_rename(client.database, request[1], request[2], may_overwrite=False))


def _rename(database: Database, old: bytes, new: bytes, *, may_overwrite: bool) -> bool:
    value = database.modify(old)
    if value is None:
        raise ReplyError(errors.NO_SUCH_KEY)
    if old == new:
        return may_overwrite
    if not may_overwrite and database.modify(new) is not None:
        return False
    at_ms = database.expires_at_ms(old)
    database.delete(old)
    _place(database, new, value, at_ms)
    return True


def _place(database: Database, key: bytes, value: object, at_ms: int | None) -> None:
    """Store a value with its expiry, in place of what was under `key`."""
    database.delete(key)
    database.set(key, value)
    if at_ms is not None:
        database.expire_at(key, at_ms)


def copy(client: Client, request: list[bytes]) -> int:
    _, source_key, key, *options = request
    source = destination = client.database
    replaces = False
    for word, values in words(options):
        match word:
            case b"DB":
                destination = database_at(client, arguments.following(values))
            case b"REPLACE":
                replaces = True
            case _:
                raise errors.syntax_error()
    if source is destination and source_key == key:
        raise ReplyError(errors.SAME_OBJECT)
    value = source.read(source_key)
    if value is None or (not replaces and destination.modify(key) is not None):
        return 0
    twin = value if type(value) is bytes else value.copy()
    _place(destination, key, twin, source.expires_at_ms(source_key))
    return 1


def move(client: Client, request: list[bytes]) -> int:
    _, key, index = request
    source = client.database
    destination = database_at(client, index, "ERR value is not an integer or out of range")
    if source is destination:
        raise ReplyError(errors.SAME_OBJECT)
    value = source.modify(key)
    if value is None or destination.modify(key) is not None:
        return 0
    at_ms = source.expires_at_ms(key)
    source.delete(key)
    _place(destination, key, value, at_ms)
    return 1


# Databases.


def database_at(client: Client, index_text: bytes, error: str = errors.NOT_AN_INTEGER) -> Database:
    index = integer(index_text, error)
    if not 0 <= index < DATABASES:
        raise ReplyError("ERR DB index is out of range")
    return client.engine.keyspace.databases[index]


def select(client: Client, request: list[bytes]) -> object:
    client.database = database_at(client, request[1], "ERR value is not an integer or out of range")
    return OK


def swapdb(client: Client, request: list[bytes]) -> object:
    first = database_at(client, request[1], "ERR invalid first DB index")
    second = database_at(client, request[2], "ERR invalid second DB index")
    client.engine.keyspace.swap(first, second)
    return OK


def flushdb(client: Client, request: list[bytes]) -> object:
    _check_flush(request)
    client.database.clear()
    return OK


def flushall(client: Client, request: list[bytes]) -> object:
    _check_flush(request)
    client.engine.keyspace.clear()
    return OK


def _check_flush(request: list[bytes]) -> None:
    if len(request) > 2 or (len(request) == 2 and request[1].upper() not in (b"SYNC", b"ASYNC")):
        raise errors.syntax_error()


# OBJECT.


def object_encoding(client: Client, request: list[bytes]) -> bytes | None:
    value = client.database.peek(request[2])
    return None if value is None else encoding_of(value, client.engine.settings).encode()


def object_refcount(client: Client, request: list[bytes]) -> int | None:
    """As Redis counts: one, but for numbers of which all keys have the same object.

    # Real: OBJ_SHARED_REFCOUNT, which is INT_MAX.
    """
    value = client.database.peek(request[2])
    if value is None:
        return None
    return 2**31 - 1 if type(value) is bytes and value in SHARED_NUMBERS else 1


_TAKES_TIME = (
    "Please note that when switching between policies at runtime LRU and LFU data will take some "
    "time to adjust."
)


def object_idletime(client: Client, request: list[bytes]) -> int | None:
    if client.database.peek(request[2]) is None:
        return None
    uses = _settled_uses(client)
    if uses.counts:
        raise ReplyError(
            f"ERR An LFU maxmemory policy is selected, idle time not tracked. {_TAKES_TIME}"
        )
    return uses.idle_ms(request[2]) // 1000


def object_freq(client: Client, request: list[bytes]) -> int | None:
    if client.database.peek(request[2]) is None:
        return None
    uses = _settled_uses(client)
    if not uses.counts:
        raise ReplyError(
            f"ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
            f"{_TAKES_TIME}"
        )
    return uses.frequency(request[2])


def object_help(client: Client, request: list[bytes]) -> list[Simple]:
    return help_reply(
        "OBJECT",
        "ENCODING <key>",
        "    The form in which a value is kept.",
        "FREQ <key>",
        "    How often a key is used, on a logarithmic scale.",
        "IDLETIME <key>",
        "    The seconds since a key was used.",
        "REFCOUNT <key>",
        "    Always 1: no value is shared.",
    )


def _settled_uses(client: Client) -> Uses:
    client.engine.keyspace.settle_uses()
    return client.engine.keyspace.uses

"""Fields of a hash that expire: HEXPIRE and its family, HTTL, HPERSIST, HGETEX, HSETEX, HGETDEL.

    HSET visitor:9 name ada token 7f3a          a session: the token is good for a minute,
    HEXPIRE visitor:9 60 FIELDS 1 token         the name for as long as the key is there

Each command takes `FIELDS count field …` and answers one number for each field:

    -2   no such field (or key)           1   done
    -1   the field never expires          2   deleted, as the moment has passed
     0   a condition (NX, XX, GT, LT) was not met

HSET makes a field that expires one that does not; HINCRBY changes what is in it and leaves the
time. Times are kept as moments, through COPY, RENAME, DUMP, snapshots and the append-only file.
# Real: Redis 7.4 (HEXPIRE and its kin) and 8.0 (HGETEX, HSETEX, HGETDEL), t_hash.c.
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.common.resp import ReplyError
from services.kvdb import errors
from services.kvdb.arguments import integer, to_integer
from services.kvdb.change import Change
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.field_times import MAX_MOMENT_MS
from services.kvdb.hashes import HashValue, create, find, find_to_write

NO_FIELD, NO_EXPIRY, NOT_MET, DONE, DELETED = -2, -1, 0, 1, 2

_MISPLACED = "ERR Mandatory argument FIELDS is missing or not at the right position"
_MISCOUNTED = "ERR The `numfields` parameter must match the number of arguments"
_NOT_POSITIVE = "ERR Number of fields must be a positive integer"
_NOT_POSITIVE_TO_EXPIRE = "ERR Parameter `numFields` should be greater than 0"

_UNITS_MS = {b"EX": 1000, b"PX": 1, b"EXAT": 1000, b"PXAT": 1}
_RELATIVE = {b"EX", b"PX"}


def _fields(request: list[bytes], position: int, not_positive: str = _NOT_POSITIVE) -> list[bytes]:
    """`FIELDS count field …`, from a position to the end."""
    if request[position].upper() != b"FIELDS":
        raise ReplyError(_MISPLACED)
    count = to_integer(request[position + 1]) if position + 1 < len(request) else None
    if count is None or count < 1:
        raise ReplyError(not_positive)
    if count != len(request) - position - 2:
        raise ReplyError(_MISCOUNTED)
    return request[position + 2 :]


def _moment_ms(text: bytes, unit_ms: int, base_ms: int, command: bytes) -> int:
    """When a field is to expire, in Unix milliseconds; `base_ms` is 0 for an absolute time."""
    amount = integer(text)
    if amount < 0:
        raise ReplyError("ERR invalid expire time, must be >= 0")
    if amount * unit_ms + base_ms > MAX_MOMENT_MS:
        raise errors.invalid_expire_time(command.decode().lower())
    return amount * unit_ms + base_ms


def _option_moment_ms(client: Client, word: bytes, text: bytes, command: bytes) -> int:
    """The same behind EX, PX, EXAT or PXAT."""
    base_ms = client.engine.clock.now_ms if word in _RELATIVE else 0
    return _moment_ms(text, _UNITS_MS[word], base_ms, command)


# Setting a time.


def hexpire(client: Client, request: list[bytes]) -> list[int]:
    return _hexpire(client, request, 1000, client.engine.clock.now_ms)


def hpexpire(client: Client, request: list[bytes]) -> list[int]:
    return _hexpire(client, request, 1, client.engine.clock.now_ms)


def hexpireat(client: Client, request: list[bytes]) -> list[int]:
    return _hexpire(client, request, 1000, 0)


def hpexpireat(client: Client, request: list[bytes]) -> list[int]:
    return _hexpire(client, request, 1, 0)


_CONDITIONS: dict[bytes, Callable[[int | None, int], bool]] = {
    b"NX": lambda old_ms, new_ms: old_ms is None,
    b"XX": lambda old_ms, new_ms: old_ms is not None,
    # Never is later than any moment.
    b"GT": lambda old_ms, new_ms: old_ms is not None and new_ms > old_ms,
    b"LT": lambda old_ms, new_ms: old_ms is None or new_ms < old_ms,
}


def _hexpire(client: Client, request: list[bytes], unit_ms: int, base_ms: int) -> list[int]:
    name, key, amount, option = request[:4]
    value = find_to_write(client.database, key)
    at_ms = _moment_ms(amount, unit_ms, base_ms, name)
    is_met = _CONDITIONS.get(option.upper())
    fields = _fields(request, 4 if is_met else 3, _NOT_POSITIVE_TO_EXPIRE)
    if value is None:
        return [NO_FIELD] * len(fields)
    now_ms = client.engine.clock.now_ms
    replies = []
    for field in fields:
        if field not in value:
            replies.append(NO_FIELD)
        elif is_met and not is_met(value.expires_at_ms(field), at_ms):
            replies.append(NOT_MET)
        else:
            replies.append(_expire(value, field, at_ms, now_ms))
    _announce(client.database, key, replies)
    return replies


def _expire(value: HashValue, field: bytes, at_ms: int, now_ms: int) -> int:
    if at_ms <= now_ms:
        value.discard(field)
        return DELETED
    value.expire(field, at_ms)
    return DONE


def _announce(database: Database, key: bytes, replies: list[int]) -> None:
    """Say what has changed where fields have got a time, or have been deleted for it."""
    if DONE in replies:
        database.note_timed(key)
    if DELETED in replies:
        database.changed(key, Change.FIELDS_DELETED)
    elif DONE in replies:
        database.changed(key, Change.FIELD_EXPIRY_SET)


def hpersist(client: Client, request: list[bytes]) -> list[int]:
    key = request[1]
    value = find_to_write(client.database, key)
    fields = _fields(request, 2)
    if value is None:
        return [NO_FIELD] * len(fields)
    replies = [
        NO_FIELD if field not in value else DONE if value.persist(field) else NO_EXPIRY
        for field in fields
    ]
    if DONE in replies:
        client.database.changed(key, Change.FIELD_EXPIRY_REMOVED)
    return replies


# Asking for it.


def hpexpiretime(client: Client, request: list[bytes]) -> list[int]:
    value = find(client.database, request[1])
    fields = _fields(request, 2)
    if value is None:
        return [NO_FIELD] * len(fields)
    return [
        NO_FIELD if field not in value else value.expires_at_ms(field) or NO_EXPIRY
        for field in fields
    ]


def hexpiretime(client: Client, request: list[bytes]) -> list[int]:
    return [_to_seconds(at_ms) for at_ms in hpexpiretime(client, request)]


def hpttl(client: Client, request: list[bytes]) -> list[int]:
    now_ms = client.engine.clock.now_ms
    return [at_ms - now_ms if at_ms > 0 else at_ms for at_ms in hpexpiretime(client, request)]


def httl(client: Client, request: list[bytes]) -> list[int]:
    return [_to_seconds(left_ms) for left_ms in hpttl(client, request)]


def _to_seconds(milliseconds: int) -> int:
    """Rounded up, so that a field that is there never has 0 seconds left; -1 and -2 stay."""
    return milliseconds if milliseconds < 0 else (milliseconds + 999) // 1000


# Reading or writing, and something else by the way.


def hgetdel(client: Client, request: list[bytes]) -> list[bytes | None]:
    """`HGETDEL key FIELDS count field …`: read and delete, as one."""
    key = request[1]
    value = find_to_write(client.database, key)
    fields = _fields(request, 2)
    if value is None:
        return [None] * len(fields)
    replies = []
    for field in fields:  # One by one: the same field again is not there any more.
        replies.append(value.get(field))
        value.discard(field)
    if replies.count(None) < len(replies):
        client.database.changed(key, Change.FIELDS_DELETED)
    return replies


def hgetex(client: Client, request: list[bytes]) -> list[bytes | None]:
    """`HGETEX key [EX|PX|EXAT|PXAT time | PERSIST] FIELDS count field …`."""
    name, key, option = request[:3]
    word = option.upper()
    value = find_to_write(client.database, key)
    at_ms = _option_moment_ms(client, word, request[3], name) if word in _UNITS_MS else None
    fields = _fields(request, 4 if at_ms is not None else 3 if word == b"PERSIST" else 2)
    if value is None:
        return [None] * len(fields)
    now_ms = client.engine.clock.now_ms
    replies: list[bytes | None] = []
    done: list[int] = []
    for field in fields:
        content = value.get(field)
        replies.append(content)
        if content is not None and at_ms is not None:
            done.append(_expire(value, field, at_ms, now_ms))
        elif content is not None and word == b"PERSIST" and value.persist(field):
            client.database.changed(key, Change.FIELD_EXPIRY_REMOVED)
    _announce(client.database, key, done)
    return replies


@dataclass(slots=True)
class _SetOptions:
    condition: bytes = b""
    """FNX: only if none of the fields is there; FXX: only if all are."""
    keeps_expiry: bool = False
    at_ms: int | None = None

    @property
    def has_expiry(self) -> bool:
        return self.keeps_expiry or self.at_ms is not None


def hsetex(client: Client, request: list[bytes]) -> int:
    """`HSETEX key [FNX|FXX] [EX|PX|EXAT|PXAT time | KEEPTTL] FIELDS count field value …`.

    1 where all fields have been set, 0 where none has, for the condition.
    """
    key = request[1]
    options, pairs = _set_options(client, request)
    database = client.database
    if options.condition:
        found = find_to_write(database, key) or {}
        is_there = [field in found for field in pairs[::2]]
        if any(is_there) if options.condition == b"FNX" else not all(is_there):
            return 0
    value = create(database, key)
    for field, content in zip(pairs[::2], pairs[1::2], strict=True):
        value.put(field, content)
        if not options.has_expiry:
            value.persist(field)
    now_ms, done = client.engine.clock.now_ms, []
    database.changed(key)
    if options.at_ms is not None:
        done = [_expire(value, field, options.at_ms, now_ms) for field in dict.fromkeys(pairs[::2])]
        _announce(database, key, done)
    return 1


def _set_options(client: Client, request: list[bytes]) -> tuple[_SetOptions, list[bytes]]:
    """The options, and the fields with their values."""
    options, position = _SetOptions(), 2
    while position < len(request) and (word := request[position].upper()) != b"FIELDS":
        position += 1
        if word in (b"FNX", b"FXX"):
            if options.condition:
                raise ReplyError("ERR Only one of FXX or FNX arguments can be specified")
            options.condition = word
        elif word == b"KEEPTTL" or word in _UNITS_MS:
            if options.has_expiry:
                raise ReplyError(
                    "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"
                )
            options.keeps_expiry = word == b"KEEPTTL"
            if not options.keeps_expiry:
                if position == len(request):
                    raise ReplyError("ERR missing expire time")
                text = request[position]
                options.at_ms = _option_moment_ms(client, word, text, request[0])
                position += 1
        else:
            raise ReplyError(f"ERR unknown argument: {errors.shown(request[position - 1])}")
    return options, _pairs(request, position)


def _pairs(request: list[bytes], position: int) -> list[bytes]:
    """`FIELDS count field value …`, from a position to the end."""
    if position + 3 >= len(request):
        raise errors.wrong_arity("hsetex")
    count, pairs = to_integer(request[position + 1]), request[position + 2 :]
    if count is None or count < 1:
        raise ReplyError("ERR invalid number of fields")
    if 2 * count != len(pairs):
        raise errors.wrong_arity("hsetex")
    return pairs

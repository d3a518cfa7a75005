"""Strings: SET, GET, counters, ranges. The oldest type, and the one whose speed people measure.

A value is a `bytes` object, numbers included: INCR reads the digits and writes new ones, as a
number that was SET and one that was counted must not differ. What is changed in place, by
APPEND or SETRANGE, becomes a `RawString`, which grows without being copied each time.
# Real: the encodings `embstr` and `int`, and `raw`, of Redis.
"""

import re
from collections.abc import Iterator

from services.common.resp import OK, ReplyError
from services.kvdb import arguments, errors, long_doubles
from services.kvdb.arguments import integer, words
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.long_doubles import LongDouble
from services.kvdb.memcached_item import Item
from services.kvdb.shared_integers import text_of
from services.kvdb.string_columns import set_strings

MAX_STRING_BYTES = 512 * 1024 * 1024
"""Real: proto-max-bulk-len in Redis."""

MAX_LCS_CELLS = 64 * 1024 * 1024
"""Two strings of 8 KiB: each cell of the table of LCS is a place of 8 bytes."""

_MILLISECONDS = {b"EX": 1000, b"PX": 1, b"EXAT": 1000, b"PXAT": 1}
_RELATIVE = {b"EX", b"PX"}

Expiry = tuple[bytes, bytes]
"""One of EX, PX, EXAT and PXAT, and its number."""


class RawString(bytearray):
    """A string that is changed in place."""

    __slots__ = ("accounted_bytes",)
    is_container = False

    def __init__(self, content: bytes = b""):
        super().__init__(content)
        self.accounted_bytes = 0

    @property
    def size_bytes(self) -> int:
        # A bytearray keeps up to an eighth of spare room.
        return 72 + len(self) + (len(self) >> 3)

    def copy(self) -> "RawString":
        return RawString(self)


def as_bytes(value: object | None) -> bytes | None:
    """What was looked up, as the string that it must be."""
    if value is None or type(value) is bytes:
        return value
    if type(value) is RawString:
        return bytes(value)
    if type(value) is Item:
        return value.content
    raise errors.wrong_type()


def raw_string(database: Database, key: bytes) -> RawString:
    """The value of `key` as one that can be changed in place; new where it is missing.

    `changed` must follow: another form of the same string is no change in itself.
    """
    value = database.modify(key)
    if value is None:
        return database.create_as(RawString, key)
    if type(value) is not RawString:
        raw = RawString(as_bytes(value))
        database.reshape(key, raw)
        return raw
    return value


# SET and GET.


def get(client: Client, request: list[bytes]) -> bytes | None:
    value = client.database.read(request[1])
    if value is None or type(value) is bytes:
        return value
    return as_bytes(value)


def set_(client: Client, request: list[bytes]) -> object:
    if len(request) == 3:
        client.database.set(request[1], request[2])
        return OK
    return _set_with_options(client, request)


def _set_with_options(client: Client, request: list[bytes]) -> object:
    _, key, value, *rest = request
    condition = expiry = expected = None
    keeps_expiry = returns_old = False
    for word, values in words(rest):
        match word:
            case b"NX" | b"XX" if condition in (None, word):
                condition = word
            case b"IFEQ" | b"IFNE" if condition is None:
                condition, expected = word, arguments.following(values)
            case b"KEEPTTL" if expiry is None:
                keeps_expiry = True
            case b"GET":
                returns_old = True
            case b"EX" | b"PX" | b"EXAT" | b"PXAT" if not keeps_expiry:
                expiry = _expiry_option(expiry, word, values)
            case _:
                raise errors.syntax_error()
    at_ms = _moment_ms(client, expiry, "set") if expiry else None
    database = client.database
    old = as_bytes(database.read(key)) if returns_old else None
    if condition and not _is_met(condition, database.modify(key), expected):
        return old
    (database.replace if keeps_expiry else database.set)(key, value)
    if at_ms is not None:
        database.expire_at(key, at_ms)
    return old if returns_old else OK


def _is_met(condition: bytes, current: object | None, expected: bytes | None) -> bool:
    """Whether a value may be written, or deleted, as it is now (compare-and-set)."""
    match condition:
        case b"NX":
            return current is None
        case b"XX":
            return current is not None
        case b"IFEQ":
            return current is not None and as_bytes(current) == expected
        case _:
            return current is None or as_bytes(current) != expected


def delex(client: Client, request: list[bytes]) -> int:
    """`DELEX key [IFEQ|IFNE value]`: delete, if the value is (not) what the client thinks.

    What one would else write a script for: letting go of a lock only while it is one's own.
    # Real: DELEX in Redis 8.4; there, too, a key that is missing counts 0 under any condition.
    """
    _, key, *condition = request
    if condition:
        if len(condition) != 2 or condition[0].upper() not in (b"IFEQ", b"IFNE"):
            raise errors.syntax_error()
        if not _is_met(condition[0].upper(), client.database.modify(key), condition[1]):
            return 0
    return int(client.database.delete(key))


def _expiry_option(old: Expiry | None, word: bytes, values: Iterator[bytes]) -> Expiry:
    if old and old[0] != word:
        raise errors.syntax_error()
    return word, arguments.following(values)


def _moment_ms(client: Client, expiry: Expiry, command: str) -> int:
    word, text = expiry
    base_ms = client.engine.clock.now_ms if word in _RELATIVE else 0
    return arguments.expiry_ms(text, _MILLISECONDS[word], base_ms, command)


def setnx(client: Client, request: list[bytes]) -> int:
    _, key, value = request
    if client.database.modify(key) is not None:
        return 0
    client.database.set(key, value)
    return 1


def setex(client: Client, request: list[bytes]) -> object:
    return _set_expiring(client, request, b"EX", "setex")


def psetex(client: Client, request: list[bytes]) -> object:
    return _set_expiring(client, request, b"PX", "psetex")


def _set_expiring(client: Client, request: list[bytes], unit: bytes, command: str) -> object:
    _, key, duration, value = request
    at_ms = _moment_ms(client, (unit, duration), command)
    client.database.set(key, value)
    client.database.expire_at(key, at_ms)
    return OK


def getset(client: Client, request: list[bytes]) -> bytes | None:
    _, key, value = request
    old = as_bytes(client.database.read(key))
    client.database.set(key, value)
    return old


def getdel(client: Client, request: list[bytes]) -> bytes | None:
    value = as_bytes(client.database.read(request[1]))
    if value is not None:
        client.database.delete(request[1])
    return value


def getex(client: Client, request: list[bytes]) -> bytes | None:
    _, key, *rest = request
    expiry, persists = None, False
    for word, values in words(rest):
        match word:
            case b"PERSIST" if expiry is None:
                persists = True
            case b"EX" | b"PX" | b"EXAT" | b"PXAT" if not persists:
                expiry = _expiry_option(expiry, word, values)
            case _:
                raise errors.syntax_error()
    database = client.database
    value = as_bytes(database.read(key))
    if value is None:
        return None
    if persists:
        database.persist(key)
    elif expiry:
        at_ms = _moment_ms(client, expiry, "getex")
        if at_ms <= client.engine.clock.now_ms:
            database.delete(key)
        else:
            database.expire_at(key, at_ms)
    return value


def mget(client: Client, request: list[bytes]) -> list[bytes | None]:
    return [_string_or_none(client.database.read(key)) for key in request[1:]]


def _string_or_none(value: object) -> bytes | None:
    """MGET takes a key of another type for a missing one."""
    return as_bytes(value) if isinstance(value, bytes | RawString | Item) else None


def mset(client: Client, request: list[bytes]) -> object:
    if len(request) % 2 == 0:
        raise errors.wrong_arity("mset")
    set_strings(client.database, request[1::2], request[2::2])
    return OK


def msetnx(client: Client, request: list[bytes]) -> int:
    if len(request) % 2 == 0:
        raise errors.wrong_arity("msetnx")
    if any(client.database.modify(key) is not None for key in request[1::2]):
        return 0
    mset(client, request)
    return 1


# Counters.


def incr(client: Client, request: list[bytes]) -> int:
    return _add(client, request[1], 1)


def decr(client: Client, request: list[bytes]) -> int:
    return _add(client, request[1], -1)


def incrby(client: Client, request: list[bytes]) -> int:
    return _add(client, request[1], integer(request[2]))


def decrby(client: Client, request: list[bytes]) -> int:
    amount = integer(request[2])
    if amount == arguments.MIN_INTEGER:
        raise ReplyError("ERR decrement would overflow")
    return _add(client, request[1], -amount)


def _add(client: Client, key: bytes, amount: int) -> int:
    database = client.database
    value = database.modify(key)
    if type(value) is bytes:
        total = integer(value) + amount
    else:
        total = amount if value is None else integer(as_bytes(value)) + amount
    if not arguments.MIN_INTEGER <= total <= arguments.MAX_INTEGER:
        raise ReplyError(errors.OVERFLOW)
    if type(value) is bytes:
        database.rewrite(key, value, text_of(total))
    else:
        database.replace(key, text_of(total))
    return total


def incrbyfloat(client: Client, request: list[bytes]) -> bytes:
    _, key, text = request
    value = as_bytes(client.database.modify(key))
    total = add_decimals(value if value is not None else b"0", text)
    client.database.replace(key, total)
    return total


_INFINITE = re.compile(rb"[+-]?inf(?:inity)?", re.IGNORECASE)


def long_double(text: bytes, error: str = errors.NOT_A_FLOAT) -> LongDouble | None:
    """The number that a text says (see `long_doubles`); None for an infinite one."""
    if _INFINITE.fullmatch(text):
        return None
    try:
        number = long_doubles.read(text)
    except long_doubles.OutOfRange:
        number = None
    if number is None:
        raise ReplyError(error)
    return number


def add_decimals(augend: bytes, addend: bytes, error: str = errors.NOT_A_FLOAT) -> bytes:
    """The sum of two numbers as text; `error` where one of them is none."""
    first, second = long_double(augend, error), long_double(addend, error)
    try:
        if first is not None and second is not None:
            return long_doubles.written(long_doubles.add(first, second))
    except long_doubles.OutOfRange:
        pass  # The sum is infinite, too.
    raise ReplyError("ERR increment would produce NaN or Infinity")


# Parts of a string.


def strlen(client: Client, request: list[bytes]) -> int:
    value = client.database.read(request[1])
    if value is None:
        return 0
    return len(value) if type(value) is RawString else len(as_bytes(value))


def append(client: Client, request: list[bytes]) -> int:
    _, key, suffix = request
    database = client.database
    value = database.modify(key)
    if value is None:
        database.set(key, suffix)
        return len(suffix)
    raw = raw_string(database, key)
    _check_length(len(raw) + len(suffix))
    raw += suffix
    database.changed(key)
    return len(raw)


def setrange(client: Client, request: list[bytes]) -> int:
    _, key, offset_text, part = request
    offset = integer(offset_text)
    if offset < 0:
        raise ReplyError("ERR offset is out of range")
    database = client.database
    if not part:
        return strlen(client, request)
    _check_length(offset + len(part))
    raw = raw_string(database, key)
    if len(raw) < offset:
        raw.extend(bytes(offset - len(raw)))
    raw[offset : offset + len(part)] = part
    database.changed(key)
    return len(raw)


def _check_length(size_bytes: int) -> None:
    if size_bytes > MAX_STRING_BYTES:
        raise ReplyError(errors.STRING_TOO_LONG)


def getrange(client: Client, request: list[bytes]) -> bytes:
    _, key, start, stop = request
    start, stop = integer(start), integer(stop)
    value = client.database.read(key)
    if type(value) is not RawString:  # Do not copy a long string for a few bytes of it.
        value = as_bytes(value) or b""
    if start < 0 and stop < 0 and start > stop:
        return b""
    # An end before the beginning means the first byte here, unlike in LRANGE.
    first, behind = arguments.clamp_range(start, max(stop, -len(value)), len(value))
    return bytes(value[first:behind])


def lcs(client: Client, request: list[bytes]) -> object:
    """The longest common subsequence of two strings, or its length, or where it matches."""
    _, first_key, second_key, *rest = request
    first, second = (_string_of(client.database.read(key)) for key in (first_key, second_key))
    wants_length = wants_index = with_lengths = False
    min_length = 0
    for word, values in words(rest):
        match word:
            case b"LEN":
                wants_length = True
            case b"IDX":
                wants_index = True
            case b"WITHMATCHLEN":
                with_lengths = True
            case b"MINMATCHLEN":
                min_length = max(integer(arguments.following(values)), 0)
            case _:
                raise errors.syntax_error()
    if wants_length and wants_index:
        raise ReplyError("ERR If you want both the length and indexes, please just use IDX.")
    table = _lcs_lengths(first, second)
    length = table[len(first)][len(second)]
    if wants_length:
        return length
    text, matches = _lcs_matches(table, first, second)
    if not wants_index:
        return text
    shown = [
        [[a, a + size - 1], [b, b + size - 1], *([size] if with_lengths else [])]
        for a, b, size in matches
        if size >= min_length
    ]
    return {b"matches": shown, b"len": length}


def _string_of(value: object) -> bytes:
    try:
        return as_bytes(value) or b""
    except ReplyError:
        raise ReplyError("ERR The specified keys must contain string values") from None


def _lcs_lengths(first: bytes, second: bytes) -> list[list[int]]:
    """`table[i][j]` is the length for the first i and j bytes: quadratic, in time and memory."""
    if len(first) * len(second) > MAX_LCS_CELLS:
        raise ReplyError("ERR Insufficient memory, transient memory for LCS exceeds the limit")
    table = [[0] * (len(second) + 1)]
    for byte in first:
        above, row = table[-1], [0]
        for column, other in enumerate(second):
            if byte == other:
                row.append(above[column] + 1)
            else:
                row.append(max(above[column + 1], row[column]))
        table.append(row)
    return table


def _lcs_matches(
    table: list[list[int]], first: bytes, second: bytes
) -> tuple[bytes, list[tuple[int, int, int]]]:
    """The subsequence, and its runs as (start in first, start in second, length), last first."""
    i, j = len(first), len(second)
    text = bytearray()
    runs: list[tuple[int, int, int]] = []
    while i and j:
        if first[i - 1] == second[j - 1]:
            i, j = i - 1, j - 1
            text.append(first[i])
            if runs and runs[-1][:2] == (i + 1, j + 1):
                runs[-1] = (i, j, runs[-1][2] + 1)
            else:
                runs.append((i, j, 1))
        elif table[i - 1][j] > table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return bytes(reversed(text)), runs

"""Hashes: a dict under a key. Fields come back in the order in which they were first set.

Fields may expire (`hash_expiry` has the commands, `field_times` the times). Whoever looks a hash
up, to read or to write, gets it without those whose time has come: `find`, `find_to_write` and
`create` are the doors.
# Real: listpack for small hashes, a hash table for large ones, whose order is arbitrary.
"""

import random
import sys

from services.common.resp import OK, Pairs, ReplyError
from services.kvdb import arguments, errors, memory, scanning
from services.kvdb.arguments import integer
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.field_times import FieldTimes
from services.kvdb.scan_table import ScanTable
from services.kvdb.strings import add_decimals, long_double

MAX_REPETITIONS = 16 * 1024 * 1024
"""A short request must not make a reply without end; Redis has no such limit."""


class HashValue(ScanTable[bytes]):
    """The fields of one hash."""

    __slots__ = ("accounted_bytes", "payload_bytes", "times")
    is_container = True

    def __init__(self) -> None:
        super().__init__()
        self.accounted_bytes = 0
        self.payload_bytes = 0
        self.times: FieldTimes | None = None
        """When fields expire; None where none does."""

    @property
    def size_bytes(self) -> int:
        size_bytes = memory.TABLE_BYTES + len(self) * memory.FIELD_BYTES + self.payload_bytes
        return size_bytes if self.times is None else size_bytes + self.times.size_bytes

    def copy(self) -> "HashValue":
        twin = HashValue()
        twin.update(self)
        twin.payload_bytes = self.payload_bytes
        twin.times = self.times.copy() if self.times is not None else None
        return twin

    def put(self, field: bytes, value: bytes) -> bool:
        """True where the field is new; one that is there keeps its expiry."""
        old = self.get(field)
        if old is None:
            self.insert(field, value)
            self.payload_bytes += len(field) + len(value)
            return True
        self[field] = value
        self.payload_bytes += len(value) - len(old)
        return False

    def discard(self, field: bytes) -> bool:
        """True where the field was there."""
        if field not in self:
            return False
        self.payload_bytes -= len(field) + len(self.remove(field))
        if self.times is not None:
            self.persist(field)
        return True

    def expire(self, field: bytes, at_ms: int) -> None:
        """Have a field that is there expire at a moment."""
        if self.times is None:
            self.times = FieldTimes()
        self.times.put(field, at_ms)

    def persist(self, field: bytes) -> bool:
        """Never expire; true where the field was going to."""
        was_timed = self.times is not None and self.times.forget(field)
        if was_timed and not self.times:
            self.times = None
        return was_timed

    def expires_at_ms(self, field: bytes) -> int | None:
        """When a field expires; None for never."""
        return self.times.at_ms.get(field) if self.times is not None else None

    def drop_due(self, now_ms: int, limit: int = sys.maxsize) -> int:
        """Remove fields whose time has come; how many there were."""
        due = self.times.pop_due(now_ms, limit)
        for field in due:
            self.payload_bytes -= len(field) + len(self.remove(field))
        if not self.times:
            self.times = None
        return len(due)


# The doors.


def find(database: Database, key: bytes) -> HashValue | None:
    """The hash for a command that reads. Raises WRONGTYPE."""
    value = database.read_as(HashValue, key)
    if value is not None and value.times is not None:
        return database.live_fields(key, value)
    return value


def find_to_write(database: Database, key: bytes) -> HashValue | None:
    """The hash for a command that writes. Raises WRONGTYPE."""
    value = database.modify_as(HashValue, key)
    if value is not None and value.times is not None:
        return database.live_fields(key, value)
    return value


def create(database: Database, key: bytes) -> HashValue:
    """The same, or an empty one for the handler to fill; `changed` must follow."""
    value = find_to_write(database, key)
    return database.create_as(HashValue, key) if value is None else value


def _hash(client: Client, key: bytes) -> HashValue | None:
    return find(client.database, key)


# Setting.


def hset(client: Client, request: list[bytes]) -> int:
    if len(request) % 2:
        raise errors.wrong_arity("hset")
    return _set_fields(client, request)


def hmset(client: Client, request: list[bytes]) -> object:
    if len(request) % 2:
        raise errors.wrong_arity("hmset")
    _set_fields(client, request)
    return OK


def _set_fields(client: Client, request: list[bytes]) -> int:
    key = request[1]
    value = create(client.database, key)
    added = 0
    for position in range(2, len(request), 2):
        added += value.put(request[position], request[position + 1])
    if value.times is not None:
        for field in request[2::2]:
            value.persist(field)
    client.database.changed(key)
    return added


def hsetnx(client: Client, request: list[bytes]) -> int:
    _, key, field, content = request
    value = find_to_write(client.database, key)
    if value is not None and field in value:
        return 0
    create(client.database, key).put(field, content)
    client.database.changed(key)
    return 1


def hdel(client: Client, request: list[bytes]) -> int:
    _, key, *fields = request
    return client.database.discard(key, find_to_write(client.database, key), fields)


def hincrby(client: Client, request: list[bytes]) -> int:
    _, key, field, amount_text = request
    amount = integer(amount_text)
    value = find_to_write(client.database, key)
    old = value.get(field) if value is not None else None
    total = amount + (integer(old, "ERR hash value is not an integer") if old is not None else 0)
    if not arguments.MIN_INTEGER <= total <= arguments.MAX_INTEGER:
        raise ReplyError(errors.OVERFLOW)
    create(client.database, key).put(field, b"%d" % total)
    client.database.changed(key)
    return total


def hincrbyfloat(client: Client, request: list[bytes]) -> bytes:
    _, key, field, amount = request
    if long_double(amount) is None:
        raise ReplyError("ERR value is NaN or Infinity")
    value = find_to_write(client.database, key)
    old = value.get(field, b"0") if value is not None else b"0"
    total = add_decimals(old, amount, "ERR hash value is not a float")
    create(client.database, key).put(field, total)
    client.database.changed(key)
    return total


# Reading.


def hget(client: Client, request: list[bytes]) -> bytes | None:
    value = _hash(client, request[1])
    return value.get(request[2]) if value is not None else None


def hmget(client: Client, request: list[bytes]) -> list[bytes | None]:
    value = _hash(client, request[1]) or {}
    return [value.get(field) for field in request[2:]]


def hgetall(client: Client, request: list[bytes]) -> dict[bytes, bytes]:
    return dict(_hash(client, request[1]) or ())


def hkeys(client: Client, request: list[bytes]) -> list[bytes]:
    return list(_hash(client, request[1]) or ())


def hvals(client: Client, request: list[bytes]) -> list[bytes]:
    return list((_hash(client, request[1]) or {}).values())


def hlen(client: Client, request: list[bytes]) -> int:
    return len(_hash(client, request[1]) or ())


def hstrlen(client: Client, request: list[bytes]) -> int:
    return len((_hash(client, request[1]) or {}).get(request[2], b""))


def hexists(client: Client, request: list[bytes]) -> int:
    return int(request[2] in (_hash(client, request[1]) or ()))


def hrandfield(client: Client, request: list[bytes]) -> object:
    _, key, *rest = request
    if not rest:
        value = _hash(client, key)
        return value.random_key() if value else None
    count, with_values = random_arguments(rest, b"WITHVALUES")
    value = _hash(client, key)
    if value is None:
        return []
    fields = random_members(value, count)
    return Pairs((field, value[field]) for field in fields) if with_values else fields


def random_arguments(rest: list[bytes], with_word: bytes) -> tuple[int, bool]:
    """`count [WITHVALUES]`, and the same of ZRANDMEMBER with WITHSCORES."""
    count = integer(rest[0])
    is_with = len(rest) == 2 and rest[1].upper() == with_word
    if len(rest) > 1 and not is_with:
        raise errors.syntax_error()
    half = arguments.MAX_INTEGER // 2
    if is_with and not -half <= count <= half:
        raise ReplyError("ERR value is out of range")
    return count, is_with


def random_members(table: ScanTable, count: int) -> list[bytes]:
    """`count` different members; with a negative count, that many, with repetitions."""
    if count >= 0:
        return table.random_keys(count)
    if -count > MAX_REPETITIONS:
        raise ReplyError("ERR value is out of range")
    return random.choices(list(table), k=-count)


def hscan(client: Client, request: list[bytes]) -> object:
    cursor = scanning.cursor(request[2])
    value = _hash(client, request[1])
    if value is None:
        return scanning.NOTHING
    options = scanning.options(request[3:])
    is_small = len(value) <= client.engine.settings.hash_max_listpack_entries
    following, fields = options.step(value, cursor, is_small=is_small)
    return [b"%d" % following, [part for field in fields for part in (field, value[field])]]

"""Hashes: a dict under a key. Fields come back in the order in which they were first set.

# Real: listpack for small hashes, a hash table for large ones, whose order is arbitrary.
"""

import math
import random

from services.common.resp import OK, Pairs, ReplyError
from services.kvdb import arguments, errors, memory, scanning
from services.kvdb.arguments import integer
from services.kvdb.clients import Client
from services.kvdb.scan_table import ScanTable
from services.kvdb.strings import add_decimals

MAX_REPETITIONS = 16 * 1024 * 1024
"""A short request must not make a reply without end; Redis has no such limit."""


class HashValue(ScanTable[bytes]):
    """The fields of one hash."""

    __slots__ = ("accounted_bytes", "payload_bytes")
    is_container = True

    def __init__(self) -> None:
        super().__init__()
        self.accounted_bytes = 0
        self.payload_bytes = 0

    @property
    def size_bytes(self) -> int:
        return memory.TABLE_BYTES + len(self) * memory.FIELD_BYTES + self.payload_bytes

    def copy(self) -> "HashValue":
        twin = HashValue()
        twin.update(self)
        twin.payload_bytes = self.payload_bytes
        return twin

    def put(self, field: bytes, value: bytes) -> bool:
        """True where the field is new."""
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
        return True


def _hash(client: Client, key: bytes) -> HashValue | None:
    return client.database.read_as(HashValue, key)


# --- setting ---------------------------------------------------------------------------


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
    value = client.database.create_as(HashValue, key)
    added = 0
    for position in range(2, len(request), 2):
        added += value.put(request[position], request[position + 1])
    client.database.changed(key)
    return added


def hsetnx(client: Client, request: list[bytes]) -> int:
    _, key, field, content = request
    value = client.database.modify_as(HashValue, key)
    if value is not None and field in value:
        return 0
    client.database.create_as(HashValue, key).put(field, content)
    client.database.changed(key)
    return 1


def hdel(client: Client, request: list[bytes]) -> int:
    key = request[1]
    value = client.database.modify_as(HashValue, key)
    if value is None:
        return 0
    removed = sum(map(value.discard, request[2:]))
    if removed:
        client.database.changed(key)
    return removed


def hincrby(client: Client, request: list[bytes]) -> int:
    _, key, field, amount_text = request
    amount = integer(amount_text)
    value = client.database.modify_as(HashValue, key)
    old = value.get(field) if value is not None else None
    total = amount + (integer(old, "ERR hash value is not an integer") if old is not None else 0)
    if not arguments.MIN_INTEGER <= total <= arguments.MAX_INTEGER:
        raise ReplyError(errors.OVERFLOW)
    client.database.create_as(HashValue, key).put(field, b"%d" % total)
    client.database.changed(key)
    return total


def hincrbyfloat(client: Client, request: list[bytes]) -> bytes:
    _, key, field, amount = request
    if math.isinf(arguments.number(amount)):
        raise ReplyError("ERR value is NaN or Infinity")
    value = client.database.modify_as(HashValue, key)
    old = value.get(field, b"0") if value is not None else b"0"
    total = add_decimals(old, amount, "ERR hash value is not a float")
    client.database.create_as(HashValue, key).put(field, total)
    client.database.changed(key)
    return total


# --- reading ---------------------------------------------------------------------------


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
    following, fields = options.step(value, cursor, is_small=len(value) <= 512)
    return [b"%d" % following, [part for field in fields for part in (field, value[field])]]

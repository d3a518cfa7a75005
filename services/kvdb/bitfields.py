"""Bit fields: a string as an array of integers of any width, from one bit to 64.

    BITFIELD stats  SET u4 #0 11  SET i4 #1 -2  INCRBY u8 8 1  GET i4 #1

    bits    1011      1110      0000 0001
            u4 #0     i4 #1     u8 8
            = 11      = -2      = 1

A field is `u` or `i` with its width, at an offset in bits; `#2` is the place behind two fields
of the same width. Fields are big-endian, so that bit 0 of the string is the highest bit of a
field at 0, as for SETBIT. Unsigned ones end at 63 bits, because replies are signed.

What does not fit is treated as the last OVERFLOW before the operation says:

    WRAP   the low bits are kept, as a processor does     u2: 3 + 1 = 0
    SAT    the nearest value that fits                    u2: 3 + 1 = 3
    FAIL   nothing is written, the reply is nil

All operations are read before the first one is carried out: a mistake in any changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from services.common.resp import ReplyError
from services.kvdb import errors
from services.kvdb.arguments import following, integer, words
from services.kvdb.bitmaps import bit_offset, content, grown
from services.kvdb.clients import Client
from services.kvdb.strings import RawString

_BAD_TYPE = (
    "ERR Invalid bitfield type. Use something like i16 u8. "
    "Note that u64 is not supported but i64 is."
)
_MAX_WIDTH = {b"i": 64, b"u": 63}


@dataclass(frozen=True, slots=True)
class Field:
    """A kind of integer, and the place of one."""

    is_signed: bool
    width: int
    offset: int

    @property
    def _bytes(self) -> slice:
        """The bytes of the string that it touches."""
        return slice(self.offset >> 3, self.end_bytes)

    @property
    def end_bytes(self) -> int:
        """How long a string must be to hold it."""
        return (self.offset + self.width + 7) >> 3

    @property
    def _shift(self) -> int:
        """How many bits of the last byte are behind it."""
        return -(self.offset + self.width) & 7

    def read(self, value: bytes | RawString) -> int:
        """What is in the string, which has zeros behind its end."""
        touched = self._bytes
        part = value[touched].ljust(touched.stop - touched.start, b"\x00")
        return self.wrap(int.from_bytes(part) >> self._shift)

    def write(self, raw: RawString, number: int) -> None:
        """Put in a number that fits, where the string is long enough."""
        touched, shift = self._bytes, self._shift
        mask = (1 << self.width) - 1
        bits = int.from_bytes(raw[touched]) & ~(mask << shift)
        bits |= (number & mask) << shift
        raw[touched] = bits.to_bytes(touched.stop - touched.start)

    def wrap(self, number: int) -> int:
        """The number that has the same low bits."""
        number &= (1 << self.width) - 1
        is_negative = self.is_signed and number >> (self.width - 1)
        return number - (1 << self.width) if is_negative else number

    def saturate(self, number: int) -> int:
        """The nearest number that fits."""
        lowest = -(1 << (self.width - 1)) if self.is_signed else 0
        return min(max(number, lowest), lowest + (1 << self.width) - 1)


@dataclass(frozen=True, slots=True)
class Operation:
    """One part of a request."""

    name: bytes
    field: Field
    operand: int = 0
    overflow: bytes = b"WRAP"

    def fit(self, number: int) -> int | None:
        """What to store for a number; None where OVERFLOW FAIL forbids it."""
        if self.overflow == b"SAT":
            return self.field.saturate(number)
        wrapped = self.field.wrap(number)
        return None if self.overflow == b"FAIL" and wrapped != number else wrapped


def bitfield(client: Client, request: list[bytes]) -> list[int | None]:
    operations = list(_operations(request[2:]))
    fields = [it.field for it in operations if it.name != b"GET"]
    database, key = client.database, request[1]
    if not fields:
        return _read_all(client, key, operations)
    size_bytes = max(field.end_bytes for field in fields)
    has_changed = len(content(database.modify(key))) < size_bytes
    raw = grown(database, key, size_bytes)
    replies = []
    for operation in operations:
        reply, is_change = _carry_out(operation, raw)
        replies.append(reply)
        has_changed |= is_change
    if has_changed:
        database.changed(key)
    return replies


def bitfield_ro(client: Client, request: list[bytes]) -> list[int | None]:
    operations = list(_operations(request[2:]))
    if any(it.name != b"GET" for it in operations):
        raise ReplyError("ERR BITFIELD_RO only supports the GET subcommand")
    return _read_all(client, request[1], operations)


def _read_all(client: Client, key: bytes, operations: list[Operation]) -> list[int | None]:
    value = content(client.database.read(key))
    return [it.field.read(value) for it in operations]


def _carry_out(operation: Operation, raw: RawString) -> tuple[int | None, bool]:
    """The reply of one operation, and whether it changed the string."""
    field = operation.field
    old = field.read(raw)
    if operation.name == b"GET":
        return old, False
    is_increment = operation.name == b"INCRBY"
    new = operation.fit(old + operation.operand if is_increment else operation.operand)
    if new is None:
        return None, False
    field.write(raw, new)
    return (new if is_increment else old), new != old


# Reading the request.


def _operations(rest: list[bytes]) -> Iterator[Operation]:
    overflow = b"WRAP"
    for word, values in words(rest):
        match word:
            case b"GET":
                kind, offset = following(values), following(values)
                yield Operation(word, _field(kind, offset))
            case b"SET" | b"INCRBY":
                kind, offset, number = (following(values) for _ in range(3))
                field = _field(kind, offset)
                yield Operation(word, field, _operand(word, field, number), overflow)
            case b"OVERFLOW":
                overflow = following(values).upper()
                if overflow not in (b"WRAP", b"SAT", b"FAIL"):
                    raise ReplyError("ERR Invalid OVERFLOW type specified")
            case _:
                raise errors.syntax_error()


def _field(kind: bytes, offset: bytes) -> Field:
    sign = kind[:1]
    width = integer(kind[1:], _BAD_TYPE)
    if not 1 <= width <= _MAX_WIDTH.get(sign, 0):
        raise ReplyError(_BAD_TYPE)
    return Field(sign == b"i", width, bit_offset(offset, width))


def _operand(name: bytes, field: Field, text: bytes) -> int:
    """What an unsigned field is SET to is read as unsigned: -1 is far above what fits."""
    number = integer(text)
    return number if field.is_signed or name == b"INCRBY" else number % 2**64

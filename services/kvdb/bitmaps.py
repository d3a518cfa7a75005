"""Bitmaps: strings, addressed by the bit. A set of small numbers in an eighth of a byte each.

    SETBIT online 7 1        byte    0               1
    SETBIT online 9 1        bits    0000 0001       0100 0000
                             offset  0 1 2 3 … 7     8 9 …

Offset 0 is the highest bit of the first byte, so a bitmap reads from left to right. A bit that
is beyond the end of the string is 0, and setting one makes the string as long as it takes: one
bit at offset 4,294,967,295 costs half a gigabyte.

Counting and combining goes through Python's big integers, which hold the bits in machine words:
BITCOUNT takes a piece of the string as one number and counts its ones, BITOP combines whole
strings as two numbers. That is C speed, at the price of one copy.
# Real: bitops.c in Redis, which counts eight words at a time.

`bitfields` reads and writes whole numbers at any bit.
"""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce

from services.common.resp import ReplyError
from services.kvdb import arguments, errors, strings
from services.kvdb.arguments import integer
from services.kvdb.clients import Client
from services.kvdb.database import Database
from services.kvdb.strings import RawString, as_bytes

_PIECE_BYTES = 64 * 1024
_BAD_OFFSET = "ERR bit offset is not an integer or out of range"
_BAD_BIT = "ERR bit is not an integer or out of range"


def content(value: object | None) -> bytes | RawString:
    """The string that was looked up, to be read where it is; a missing one is empty."""
    return value if type(value) is RawString else as_bytes(value) or b""


def bit_offset(text: bytes, width: int = 0) -> int:
    """An offset in bits; with a width, `#3` is the offset behind three fields of that width."""
    counts_fields = width and text.startswith(b"#")
    offset = integer(text[1:], _BAD_OFFSET) * width if counts_fields else integer(text, _BAD_OFFSET)
    if not 0 <= offset >> 3 < strings.MAX_STRING_BYTES:
        raise ReplyError(_BAD_OFFSET)
    return offset


def grown(database: Database, key: bytes, size_bytes: int) -> RawString:
    """The string under `key`, for changing in place, at least so long."""
    raw = strings.raw_string(database, key)
    if len(raw) < size_bytes:
        raw.extend(bytes(size_bytes - len(raw)))
    return raw


# One bit.


def setbit(client: Client, request: list[bytes]) -> int:
    _, key, offset_text, bit_text = request
    offset = bit_offset(offset_text)
    bit = integer(bit_text, _BAD_BIT)
    if bit not in (0, 1):
        raise ReplyError(_BAD_BIT)
    database = client.database
    at, mask = offset >> 3, 0x80 >> (offset & 7)
    value = content(database.modify(key))
    old = int(at < len(value) and value[at] & mask != 0)
    if at < len(value) and old == bit:
        return old
    raw = grown(database, key, at + 1)
    raw[at] = raw[at] | mask if bit else raw[at] & ~mask
    database.changed(key)
    return old


def getbit(client: Client, request: list[bytes]) -> int:
    offset = bit_offset(request[2])
    value = content(client.database.read(request[1]))
    at = offset >> 3
    return value[at] >> (7 - (offset & 7)) & 1 if at < len(value) else 0


# Ranges of bits.


@dataclass(frozen=True, slots=True)
class _BitRange:
    """The bits of a string from `first` up to, not including, `behind`."""

    value: bytes | RawString
    first: int
    behind: int

    def pieces(self) -> Iterator[tuple[int, bytearray]]:
        """The bytes that the range touches, and the offset in bits of each piece's start.

        Bits beside the range are 0.
        """
        last = (self.behind - 1) >> 3
        for start in range(self.first >> 3, last + 1, _PIECE_BYTES):
            piece = bytearray(self.value[start : min(start + _PIECE_BYTES, last + 1)])
            if start == self.first >> 3:
                piece[0] &= 0xFF >> (self.first & 7)
            if start + len(piece) > last:
                piece[-1] &= 0xFF << (-self.behind & 7) & 0xFF
            yield start * 8, piece

    def count(self) -> int:
        return sum(int.from_bytes(piece).bit_count() for _, piece in self.pieces())

    def first_set(self) -> int:
        """The offset of the first 1, or -1."""
        for offset, piece in self.pieces():
            zeros = len(piece) - len(piece.lstrip(b"\x00"))
            if zeros < len(piece):
                return offset + zeros * 8 + 8 - piece[zeros].bit_length()
        return -1

    def first_clear(self) -> int:
        """The offset of the first 0, or -1."""
        at, last = self.first >> 3, (self.behind - 1) >> 3
        ones = 0xFF00 >> (self.first & 7) & 0xFF  # The bits before the range do not count.
        while at <= last:
            inverted = ~(self.value[at] | ones) & 0xFF
            if inverted:
                offset = at * 8 + 8 - inverted.bit_length()
                return offset if offset < self.behind else -1
            piece = self.value[at + 1 : min(at + 1 + _PIECE_BYTES, last + 1)]
            at += 1 + len(piece) - len(piece.lstrip(b"\xff"))
            ones = 0
        return -1


def _bit_range(value: bytes | RawString, start: int, stop: int, unit_bits: int) -> _BitRange:
    """From an inclusive range in bytes or bits, negative from the end, as in GETRANGE."""
    length = len(value) * 8 // unit_bits
    if stop < 0:
        stop = max(stop + length, 0)
    first, behind = arguments.clamp_range(start, stop, length)
    return _BitRange(value, first * unit_bits, behind * unit_bits)


def _unit_bits(word: bytes) -> int:
    match word.upper():
        case b"BIT":
            return 1
        case b"BYTE":
            return 8
    raise errors.syntax_error()


def bitcount(client: Client, request: list[bytes]) -> int:
    _, key, *rest = request
    found = client.database.read(key)
    if found is None:
        return 0
    value = content(found)
    if not rest:
        return _bit_range(value, 0, -1, 8).count()
    if not 2 <= len(rest) <= 3:
        raise errors.syntax_error()
    start, stop = integer(rest[0]), integer(rest[1])
    if start < 0 and stop < 0 and start > stop:
        return 0
    return _bit_range(value, start, stop, _unit_bits(rest[2]) if rest[2:] else 8).count()


def bitpos(client: Client, request: list[bytes]) -> int:
    _, key, bit_text, *rest = request
    bit = integer(bit_text)
    if bit not in (0, 1):
        raise ReplyError("ERR The bit argument must be 1 or 0.")
    found = client.database.read(key)
    if found is None:
        return -1 if bit else 0
    value = content(found)
    if len(rest) > 3:
        raise errors.syntax_error()
    start = integer(rest[0]) if rest else 0
    unit_bits = _unit_bits(rest[2]) if rest[2:] else 8
    stop = integer(rest[1]) if rest[1:] else -1
    bits = _bit_range(value, start, stop, unit_bits)
    if bits.first >= bits.behind:
        return -1
    if bit:
        return bits.first_set()
    offset = bits.first_clear()
    # Without an end, the string goes on for ever with zeros.
    return len(value) * 8 if offset < 0 and len(rest) < 2 else offset


# Combining strings.

_OPERATIONS: dict[bytes, Callable[[int, int], int]] = {
    b"AND": operator.and_,
    b"OR": operator.or_,
    b"XOR": operator.xor,
}


def bitop(client: Client, request: list[bytes]) -> int:
    """Combine strings bit by bit; shorter ones are taken as filled up with zeros."""
    _, name, destination, *keys = request
    name = name.upper()
    if name != b"NOT" and name not in _OPERATIONS:
        raise errors.syntax_error()
    if name == b"NOT" and len(keys) != 1:
        raise ReplyError("ERR BITOP NOT must be called with a single source key.")
    database = client.database
    values = [content(database.read(key)) for key in keys]
    length = max(map(len, values))
    if not length:
        database.delete(destination)
        return 0
    # With the first byte as the lowest, a shorter number is filled up on the right side.
    numbers = [int.from_bytes(value, "little") for value in values]
    if name == b"NOT":
        result = numbers[0] ^ ((1 << length * 8) - 1)
    else:
        result = reduce(_OPERATIONS[name], numbers)
    database.set(destination, result.to_bytes(length, "little"))
    return length

"""The packed forms in which Redis keeps small values, as they stand in a payload of DUMP.

Redis writes a small list, hash or sorted set as the one block of memory that it is. There have
been four such blocks, and a payload may come from a server of any age:

    listpack   bytes u32   count u16   entry, entry …   0xFF            since 7.0; in streams, 5.0
               entry: what it is and how long, its bytes, its own size to walk backwards by
    ziplist    bytes u32   last u32   count u16   entry, entry …   0xFF       before 7.0
               entry: the size of the one before it, what it is and how long, its bytes
    intset     width u32   count u32   integer, integer …                     sets of integers
    zipmap     count u8    key, value, spare bytes …   0xFF                   hashes, before 2.6

and strings may be compressed with LZF. All are read here; of these we write listpacks alone,
for streams, which have no plainer form. Numbers are little-endian, where nothing is said.
Everything that a block says of itself is checked, and what is wrong is a `FormatError`.
# Real: listpack.c, ziplist.c, intset.c, zipmap.c and lzf_d.c in Redis.
"""

import struct
from collections.abc import Iterable, Iterator

END = 0xFF
_UNKNOWN_COUNT = 0xFFFF
_LISTPACK_HEAD = struct.Struct("<IH")
_ZIPLIST_HEAD = struct.Struct("<IIH")
_INTSET_HEAD = struct.Struct("<II")


class FormatError(Exception):
    """Bytes that are no payload, or not the form that they are said to be."""


class Reader:
    """A reading position in bytes; nothing is read beyond their end."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes):
        self.data = data
        self.position = 0

    @property
    def is_at_end(self) -> bool:
        return self.position == len(self.data)

    def take(self, count: int) -> bytes:
        start = self.position
        if count > len(self.data) - start:
            raise FormatError("the bytes end too early")
        self.position = start + count
        return self.data[start : self.position]

    def byte(self) -> int:
        return self.take(1)[0]

    def unpack(self, form: struct.Struct) -> tuple:
        return form.unpack(self.take(form.size))

    def signed(self, size: int) -> int:
        """A little-endian integer."""
        return int.from_bytes(self.take(size), "little", signed=True)

    def unsigned(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")


def _check(is_right: bool, reason: str) -> None:
    if not is_right:
        raise FormatError(reason)


# Listpack.

_LISTPACK_INTEGERS = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}
"""The bytes of the wider integers, by their first byte."""


def decode_listpack(data: bytes) -> list[bytes]:
    """The elements; integers as their digits."""
    reader = Reader(data)
    size, count = reader.unpack(_LISTPACK_HEAD)
    _check(size == len(data), "a listpack of another length")
    elements = []
    while (first := reader.byte()) != END:
        start = reader.position - 1
        elements.append(_listpack_element(reader, first))
        back = _back_length(reader.position - start)
        _check(reader.take(len(back)) == back, "a listpack that cannot be walked backwards")
    _check(reader.is_at_end, "a listpack with something behind its end")
    _check(count in (len(elements), _UNKNOWN_COUNT), "a listpack of another count")
    return elements


def _listpack_element(reader: Reader, first: int) -> bytes:
    if first < 0x80:
        return b"%d" % first
    if first < 0xC0:
        return reader.take(first & 0x3F)
    if first < 0xE0:
        number = (first & 0x1F) << 8 | reader.byte()
        return b"%d" % (number - 0x2000 if number & 0x1000 else number)
    if first < 0xF0:
        return reader.take((first & 0x0F) << 8 | reader.byte())
    if first == 0xF0:
        return reader.take(reader.unsigned(4))
    if first not in _LISTPACK_INTEGERS:
        raise FormatError("a listpack with an unknown encoding")
    return b"%d" % reader.signed(_LISTPACK_INTEGERS[first])


_BACK_LIMITS = (127, 16382, 2097150, 268435454)
"""The largest sizes that fit into 1, 2, 3 and 4 bytes."""


def _back_length(size: int) -> bytes:
    """The size of an element in groups of 7 bits, marked so that it is read from its end."""
    groups = 1 + sum(size > limit for limit in _BACK_LIMITS)
    shifts = range(7 * (groups - 1), -1, -7)
    return bytes(size >> shift & 0x7F | (0x80 if at else 0) for at, shift in enumerate(shifts))


def encode_listpack(elements: Iterable[bytes | int]) -> bytes:
    """A listpack of integers and strings, each in a plain encoding that holds it."""
    body = bytearray()
    count = 0
    for element in elements:
        entry = _encode_integer(element) if isinstance(element, int) else _encode_text(element)
        body += entry + _back_length(len(entry))
        count += 1
    size = _LISTPACK_HEAD.size + len(body) + 1
    head = _LISTPACK_HEAD.pack(size, min(count, _UNKNOWN_COUNT))
    return head + bytes(body) + bytes([END])


def _encode_integer(number: int) -> bytes:
    if 0 <= number < 0x80:
        return bytes([number])
    for first, size in _LISTPACK_INTEGERS.items():
        if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
            return bytes([first]) + number.to_bytes(size, "little", signed=True)
    raise OverflowError(number)


def _encode_text(text: bytes) -> bytes:
    size = len(text)
    if size < 0x40:
        return bytes([0x80 | size]) + text
    if size < 0x1000:
        return bytes([0xE0 | size >> 8, size & 0xFF]) + text
    return b"\xf0" + size.to_bytes(4, "little") + text


# Ziplist.

_ZIPLIST_INTEGERS = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}
_LONG_BEFORE = 0xFE


def decode_ziplist(data: bytes) -> list[bytes]:
    """The elements; integers as their digits."""
    reader = Reader(data)
    size, last, count = reader.unpack(_ZIPLIST_HEAD)
    _check(size == len(data), "a ziplist of another length")
    elements = []
    start = last_start = reader.position
    before = 0
    while (first := reader.byte()) != END:
        found = reader.unsigned(4) if first == _LONG_BEFORE else first
        _check(found == before, "a ziplist that cannot be walked backwards")
        elements.append(_ziplist_element(reader))
        before, last_start, start = reader.position - start, start, reader.position
    _check(reader.is_at_end, "a ziplist with something behind its end")
    _check(last == last_start, "a ziplist of another tail")
    _check(count in (len(elements), _UNKNOWN_COUNT), "a ziplist of another count")
    return elements


def _ziplist_element(reader: Reader) -> bytes:
    first = reader.byte()
    if first < 0x40:
        return reader.take(first)
    if first < 0x80:
        return reader.take((first & 0x3F) << 8 | reader.byte())
    if first < 0xC0:
        return reader.take(int.from_bytes(reader.take(4)))
    if 0xF1 <= first <= 0xFD:
        return b"%d" % (first - 0xF1)
    if first not in _ZIPLIST_INTEGERS:
        raise FormatError("a ziplist with an unknown encoding")
    return b"%d" % reader.signed(_ZIPLIST_INTEGERS[first])


# Intset and zipmap.


def decode_intset(data: bytes) -> list[bytes]:
    """The integers as their digits."""
    reader = Reader(data)
    width, count = reader.unpack(_INTSET_HEAD)
    _check(width in (2, 4, 8), "an intset of an unknown width")
    _check(len(data) == _INTSET_HEAD.size + width * count, "an intset of another length")
    return [b"%d" % reader.signed(width) for _ in range(count)]


def decode_zipmap(data: bytes) -> list[bytes]:
    """Keys and values in turn."""
    reader = Reader(data)
    reader.byte()  # The count, if it is a small one; the end mark is what counts.
    parts: list[bytes] = []
    while (first := reader.byte()) != END:
        parts.append(reader.take(_zipmap_length(reader, first)))
        length = _zipmap_length(reader, reader.byte())
        spare = reader.byte()
        parts.append(reader.take(length))
        reader.take(spare)
    _check(reader.is_at_end, "a zipmap with something behind its end")
    return parts


def _zipmap_length(reader: Reader, first: int) -> int:
    _check(first <= 0xFE, "a zipmap that ends within a pair")
    return reader.unsigned(4) if first == 0xFE else first


# LZF.


def decompress_lzf(data: bytes, size: int) -> bytes:
    """The `size` bytes that were compressed.

    A code below 32 is followed by so many bytes and one more, as they are. Any other is a
    length and a distance: what was put out so far is repeated from there.
    """
    reader = Reader(data)
    output = bytearray()
    while not reader.is_at_end:
        code = reader.byte()
        if code < 32:
            output += reader.take(code + 1)
        else:
            length = code >> 5
            if length == 7:
                length += reader.byte()
            _repeat(output, ((code & 31) << 8 | reader.byte()) + 1, length + 2)
        _check(len(output) <= size, "compressed bytes that are more than was said")
    _check(len(output) == size, "compressed bytes that are less than was said")
    return bytes(output)


def _repeat(output: bytearray, distance: int, length: int) -> None:
    """Append what stands so far back; where that is less than the length, again and again."""
    start = len(output) - distance
    _check(start >= 0, "compressed bytes that point before the beginning")
    period = output[start : start + length]
    output += (period * (length // len(period) + 1))[:length]


def pairs(parts: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values, which stand in turn."""
    _check(len(parts) % 2 == 0, "a key without a value")
    return zip(parts[::2], parts[1::2], strict=True)

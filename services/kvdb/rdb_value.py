"""One value as a string of bytes, in the format of Redis: what DUMP gives and RESTORE takes.

    payload   type u8   value   version u16   CRC-64 u64                     little-endian

    value     string       text                                    types we write
              list         count   text …                             1
              set          count   text …                             2
              hash         count   text text …                        4
              … with times base i64   count   (delta text text) …    24
              sorted set   count   (text score f64) …                 5
              stream       see `rdb_stream`                          19
    text      length   bytes
    length    00nnnnnn   01nnnnnn nnnnnnnn   0x80 u32   0x81 u64       big-endian
              11000000 … no length: an integer of 1, 2, 4 bytes, or compressed bytes, follow

Any version up to 12 is read, with every form that Redis ever wrote up to 8.0 (`packed_forms`)
but for the streams of 7.2, so a key moves here from a server of any age. We write the plainest form
of each type: any server from 7.0 on reads it (before, all but streams), and packs it again as it
likes. A hash with fields that expire needs 7.4: the delta of a field is 0 where it does not, else
its time less the base, which is the earliest of all, plus 1.
# Real: rdbSaveObject() and rdbLoadObject() in Redis's rdb.c.
"""

import math
import struct
from collections.abc import Callable, Iterable

from services.kvdb import rdb_stream
from services.kvdb.crc_64 import crc_64
from services.kvdb.field_times import MAX_MOMENT_MS
from services.kvdb.hashes import HashValue
from services.kvdb.lists import ListValue
from services.kvdb.memcached_item import Item
from services.kvdb.packed_forms import (
    FormatError,
    Reader,
    decode_intset,
    decode_listpack,
    decode_ziplist,
    decode_zipmap,
    pairs,
)
from services.kvdb.rdb_text import append_length, append_text, read_length, read_text
from services.kvdb.sets import SetValue
from services.kvdb.sorted_set import SortedSetValue
from services.kvdb.stream import StreamValue
from services.kvdb.strings import RawString

VERSION = 10
VERSION_WITH_TIMES = 12
_FOOTER = struct.Struct("<HQ")
_SCORE = struct.Struct("<d")
_MOMENT = struct.Struct("<q")


class ChecksumError(Exception):
    """A payload that was damaged, or comes from a newer version."""


# Payloads.


def encode_payload(value: object) -> bytes:
    """A value, with version and checksum."""
    kind, append = _WRITERS[type(value)]
    version = VERSION
    if type(value) is HashValue and value.times is not None:
        kind, append, version = 24, _append_timed_hash, VERSION_WITH_TIMES
    payload = bytearray([kind])
    append(payload, value)
    payload += version.to_bytes(2, "little")
    return bytes(payload) + crc_64(payload).to_bytes(8, "little")


def check_payload(payload: bytes) -> None:
    """That version and checksum are right. Raises ChecksumError."""
    if len(payload) < _FOOTER.size:
        raise ChecksumError("too short")
    version, checksum = _FOOTER.unpack(payload[-_FOOTER.size :])
    if version > VERSION_WITH_TIMES or checksum != crc_64(payload[:-8]):
        raise ChecksumError("another version or checksum")


def decode_payload(payload: bytes) -> object:
    """The value of a payload that has been checked. Raises FormatError."""
    reader = Reader(payload[: -_FOOTER.size])
    read = _READERS.get(reader.byte())
    if read is None:
        raise FormatError("an unknown type")
    value = read(reader)
    if not reader.is_at_end:
        raise FormatError("something behind the value")
    return value


# Writing.


def _append_texts(payload: bytearray, texts: Iterable[bytes]) -> None:
    append_length(payload, len(texts))
    for text in texts:
        append_text(payload, text)


def _append_hash(payload: bytearray, value: HashValue) -> None:
    append_length(payload, len(value))
    for name, content in value.items():
        append_text(payload, name)
        append_text(payload, content)


def _append_timed_hash(payload: bytearray, value: HashValue) -> None:
    base_ms = min(value.times.at_ms.values())
    payload += _MOMENT.pack(base_ms)
    append_length(payload, len(value))
    for name, content in value.items():
        at_ms = value.expires_at_ms(name)
        append_length(payload, 0 if at_ms is None else at_ms - base_ms + 1)
        append_text(payload, name)
        append_text(payload, content)


def _append_sorted_set(payload: bytearray, value: SortedSetValue) -> None:
    append_length(payload, len(value))
    for member, score in value.scores.items():
        append_text(payload, member)
        payload += _SCORE.pack(score)


_WRITERS: dict[type, tuple[int, Callable]] = {
    bytes: (0, append_text),
    RawString: (0, append_text),
    Item: (0, lambda payload, item: append_text(payload, item.content)),
    ListValue: (1, _append_texts),
    SetValue: (2, _append_texts),
    HashValue: (4, _append_hash),
    SortedSetValue: (5, _append_sorted_set),
    StreamValue: (19, rdb_stream.append_stream),
}


# Reading.


def _read_texts(reader: Reader) -> list[bytes]:
    return [read_text(reader) for _ in range(read_length(reader))]


def _read_pairs(reader: Reader) -> list[bytes]:
    return [read_text(reader) for _ in range(2 * read_length(reader))]


def _read_scored(reader: Reader) -> list[tuple[bytes, float]]:
    """Members and scores, the scores as doubles."""
    return [(read_text(reader), *reader.unpack(_SCORE)) for _ in range(read_length(reader))]


def _read_scored_as_text(reader: Reader) -> list[tuple[bytes, float]]:
    """The same before Redis 4.0: scores in digits, behind their number."""
    return [(read_text(reader), _read_digits(reader)) for _ in range(read_length(reader))]


def _read_digits(reader: Reader) -> float:
    size = reader.byte()
    if size >= 253:
        return (math.nan, math.inf, -math.inf)[size - 253]
    return _number(reader.take(size))


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        raise FormatError("a score that is no number") from None


def _read_nodes(reader: Reader) -> list[bytes]:
    """A quicklist of ziplists."""
    nodes = (decode_ziplist(read_text(reader)) for _ in range(read_length(reader)))
    return [element for node in nodes for element in node]


_PLAIN, _PACKED = 1, 2


def _read_marked_nodes(reader: Reader) -> list[bytes]:
    """A quicklist of listpacks, and of large elements that have a node for themselves."""
    elements: list[bytes] = []
    for _ in range(read_length(reader)):
        container, data = read_length(reader), read_text(reader)
        if container == _PLAIN:
            elements.append(data)
        elif container == _PACKED:
            elements += decode_listpack(data)
        else:
            raise FormatError("a node of an unknown kind")
    return elements


def _to_list(elements: list[bytes]) -> ListValue:
    return ListValue(_not_empty(elements))


def _to_set(members: list[bytes]) -> SetValue:
    return _of_length(SetValue(_not_empty(members)), members)


def _to_hash(parts: list[bytes]) -> HashValue:
    value = HashValue()
    for name, content in pairs(_not_empty(parts)):
        value.put(name, content)
    return _of_length(value, parts[::2])


def _read_timed_hash(reader: Reader) -> HashValue:
    (base_ms,) = reader.unpack(_MOMENT)
    timed = []
    for _ in range(read_length(reader)):
        delta_ms = read_length(reader)
        name, content = read_text(reader), read_text(reader)
        timed.append((name, content, base_ms + delta_ms - 1 if delta_ms else 0))
    return _to_timed_hash(timed)


def _read_packed_timed_hash(reader: Reader) -> HashValue:
    """Field, value and time in turn; the time is 0 where there is none."""
    reader.unpack(_MOMENT)  # The earliest, which the fields tell.
    parts = decode_listpack(read_text(reader))
    if len(parts) % 3:
        raise FormatError("a field without a time")
    try:
        times = list(map(int, parts[2::3]))
    except ValueError:
        raise FormatError("a time that is no number") from None
    return _to_timed_hash(list(zip(parts[::3], parts[1::3], times, strict=True)))


def _to_timed_hash(timed: list[tuple[bytes, bytes, int]]) -> HashValue:
    value = HashValue()
    for name, content, at_ms in _not_empty(timed):
        value.put(name, content)
        if not 0 <= at_ms <= MAX_MOMENT_MS:
            raise FormatError("a time that cannot be")
        if at_ms:
            value.expire(name, at_ms)
    return _of_length(value, timed)


def _to_sorted_set(scored: list[tuple[bytes, float]]) -> SortedSetValue:
    scores = dict(_not_empty(scored))
    if any(map(math.isnan, scores.values())):
        raise FormatError("a score that is not a number")
    return _of_length(SortedSetValue(scores), scored)


def _packed_to_sorted_set(parts: list[bytes]) -> SortedSetValue:
    return _to_sorted_set([(member, _number(score)) for member, score in pairs(parts)])


def _not_empty(parts: list) -> list:
    if not parts:
        raise FormatError("a container with nothing in it")
    return parts


def _of_length(value, parts: list):
    """A value that has as many elements as were read: none came twice."""
    if len(value) != len(parts):
        raise FormatError("an element that is there twice")
    return value


def _reading(read: Callable, make: Callable) -> Callable[[Reader], object]:
    return lambda reader: make(read(reader))


def _unpacking(decode: Callable, make: Callable) -> Callable[[Reader], object]:
    return lambda reader: make(decode(read_text(reader)))


_READERS: dict[int, Callable[[Reader], object]] = {
    0: read_text,
    1: _reading(_read_texts, _to_list),
    2: _reading(_read_texts, _to_set),
    3: _reading(_read_scored_as_text, _to_sorted_set),
    4: _reading(_read_pairs, _to_hash),
    5: _reading(_read_scored, _to_sorted_set),
    9: _unpacking(decode_zipmap, _to_hash),
    10: _unpacking(decode_ziplist, _to_list),
    11: _unpacking(decode_intset, _to_set),
    12: _unpacking(decode_ziplist, _packed_to_sorted_set),
    13: _unpacking(decode_ziplist, _to_hash),
    14: _reading(_read_nodes, _to_list),
    15: lambda reader: rdb_stream.read_stream(reader, has_counters=False),
    16: _unpacking(decode_listpack, _to_hash),
    17: _unpacking(decode_listpack, _packed_to_sorted_set),
    18: _reading(_read_marked_nodes, _to_list),
    19: lambda reader: rdb_stream.read_stream(reader, has_counters=True),
    20: _unpacking(decode_listpack, _to_set),
    24: _read_timed_hash,
    25: _read_packed_timed_hash,
}
"""By type. 6 and 7 are values of modules, 8 was never used."""

"""The snapshot file: all databases at one moment, as bytes and back. Knows no disk.

    ┌──────────────────────────────────────────────────────────────────┐
    │ header   "KVDBSNAP"   version u32   time of saving i64 (ms)      │
    │          generation u64: the append-only file that goes on, or 0 │
    ├──────────────────────────────────────────────────────────────────┤
    │ block    length u64   CRC-32 u32    entry, entry, entry …        │
    │ block    …                                                       │
    ├──────────────────────────────────────────────────────────────────┤
    │ end      0 u64        CRC-32 of all blocks' CRCs u32   keys u64  │
    └──────────────────────────────────────────────────────────────────┘

    entry    database u8   type u8   expiry i64 (Unix ms, or -1)   key   value
    text     length u32    bytes                                   (keys, members, elements)

All numbers are big-endian. A block holds whole entries and is checked before anything in it is
believed. The end is checked too: a file that was cut at a block's edge would otherwise load
as a smaller database. What is wrong with a file is said with the offset of the block.
# Real: the RDB file, which has one checksum at its end and packs its values tighter.

Loading reads what saving wrote, block after block, so neither needs the file in memory.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from services.kvdb.database import Database
from services.kvdb.hashes import HashValue
from services.kvdb.keyspace import DATABASES
from services.kvdb.lists import ListValue
from services.kvdb.memcached_item import Item
from services.kvdb.sets import SetValue
from services.kvdb.sorted_set import SortedSetValue
from services.kvdb.stream import StreamValue
from services.kvdb.stream_form import append_stream, read_stream
from services.kvdb.strings import RawString

MAGIC = b"KVDBSNAP"
VERSION = 3
_READABLE = (2, VERSION)
"""Version 2 had no times for the fields of hashes, and no items of memcached."""
BLOCK_BYTES = 64 * 1024
NEVER = -1

_HEADER = struct.Struct(">8sIqQ")
_BLOCK = struct.Struct(">QI")
_END = struct.Struct(">QIQ")
_ENTRY = struct.Struct(">BBqI")
_LENGTH = struct.Struct(">I")
_SCORE = struct.Struct(">d")
_MOMENT = struct.Struct(">q")
_MARKS = struct.Struct(">IQ?")
"""Of an item: client flags, CAS number, whether it is stale."""


class SnapshotError(Exception):
    """A file that cannot be loaded; `offset` is where what is wrong begins."""

    def __init__(self, offset: int, reason: str):
        super().__init__(f"{reason} at offset {offset}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a snapshot."""

    database: int
    key: bytes
    value: object
    expires_at_ms: int | None


# Writing.


def encode_snapshot(
    databases: Iterable[Database], saved_at_ms: int, generation: int
) -> Iterator[bytes]:
    """The file, in pieces of about a block."""
    yield _HEADER.pack(MAGIC, VERSION, saved_at_ms, generation)
    block = bytearray()
    keys = checksum = 0
    for database in databases:
        for key, value in database.table.items():
            at_ms = database.expires.get(key, NEVER)
            _append_entry(block, database.index, key, value, at_ms)
            keys += 1
            if len(block) >= BLOCK_BYTES:
                checksum, head = _seal(block, checksum)
                yield head
                yield bytes(block)
                block.clear()
    if block:
        checksum, head = _seal(block, checksum)
        yield head
        yield bytes(block)
    yield _END.pack(0, checksum, keys)


def _seal(block: bytearray, checksum: int) -> tuple[int, bytes]:
    """The checksum of all blocks so far, and the head of this one."""
    crc = zlib.crc32(block)
    return zlib.crc32(_LENGTH.pack(crc), checksum), _BLOCK.pack(len(block), crc)


def _append_entry(block: bytearray, database: int, key: bytes, value: object, at_ms: int) -> None:
    kind, append = _WRITERS[type(value)]
    if kind == _HASH and value.times is not None:
        kind, append = _TIMED_HASH, _append_timed_hash
    block += _ENTRY.pack(database, kind, at_ms, len(key))
    block += key
    append(block, value)


def _append_text(block: bytearray, text: bytes) -> None:
    block += _LENGTH.pack(len(text))
    block += text


def _append_texts(block: bytearray, texts: Iterable[bytes]) -> None:
    block += _LENGTH.pack(len(texts))
    for text in texts:
        _append_text(block, text)


def _append_hash(block: bytearray, value: HashValue) -> None:
    block += _LENGTH.pack(len(value))
    for field, content in value.items():
        _append_text(block, field)
        _append_text(block, content)


def _append_timed_hash(block: bytearray, value: HashValue) -> None:
    """Each field with its expiry in front, as a key has it."""
    block += _LENGTH.pack(len(value))
    for field, content in value.items():
        at_ms = value.expires_at_ms(field)
        block += _MOMENT.pack(NEVER if at_ms is None else at_ms)
        _append_text(block, field)
        _append_text(block, content)


def _append_item(block: bytearray, item: Item) -> None:
    block += _MARKS.pack(item.flags, item.cas, item.is_stale)
    _append_text(block, item.content)


def _append_sorted_set(block: bytearray, value: SortedSetValue) -> None:
    block += _LENGTH.pack(len(value))
    for member, score in value.scores.items():
        _append_text(block, member)
        block += _SCORE.pack(score)


_STRING, _LIST, _HASH, _SET, _SORTED_SET, _STREAM, _TIMED_HASH, _ITEM = range(8)

_WRITERS: dict[type, tuple[int, Callable]] = {
    bytes: (_STRING, _append_text),
    RawString: (_STRING, _append_text),
    ListValue: (_LIST, _append_texts),
    HashValue: (_HASH, _append_hash),
    SetValue: (_SET, _append_texts),
    SortedSetValue: (_SORTED_SET, _append_sorted_set),
    StreamValue: (_STREAM, append_stream),
    Item: (_ITEM, _append_item),
}


# Reading.


def decode_generation(file: BinaryIO) -> int:
    """The header of a file: the append-only file that goes on from it, or 0. Raises SnapshotError.

    `decode_snapshot` reads on from there.
    """
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or header[: len(MAGIC)] != MAGIC:
        raise SnapshotError(0, "not a snapshot of kvdb")
    _, version, _, generation = _HEADER.unpack(header)
    if version not in _READABLE:
        known = " and ".join(map(str, _READABLE))
        raise SnapshotError(len(MAGIC), f"snapshot version {version} is not known, only {known}")
    return generation


def decode_snapshot(file: BinaryIO) -> Iterator[Entry]:
    """The entries behind the header. Raises SnapshotError, at the latest behind the last one."""
    keys = checksum = 0
    while True:
        offset = file.tell()
        head = file.read(_BLOCK.size)
        if len(head) < _BLOCK.size:
            raise SnapshotError(offset, "the file ends too early")
        length, crc = _BLOCK.unpack(head)
        if not length:
            _check_end(file, offset, (crc, keys), checksum)
            return
        block = _read_block(file, offset, length, crc)
        checksum = zlib.crc32(_LENGTH.pack(crc), checksum)
        for entry in _entries(block, offset):
            keys += 1
            yield entry


def _read_block(file: BinaryIO, offset: int, length: int, crc: int) -> bytes:
    block = bytearray()
    while len(block) < length:  # In pieces: a length that lies must not ask for all memory.
        piece = file.read(min(length - len(block), 1 << 24))
        if not piece:
            raise SnapshotError(offset, "the file ends within a block")
        block += piece
    if zlib.crc32(block) != crc:
        raise SnapshotError(offset, "a block does not match its checksum")
    return bytes(block)


def _check_end(file: BinaryIO, offset: int, found: tuple[int, int], checksum: int) -> None:
    crc, keys = found
    rest = file.read(9)
    if len(rest) != 8:
        raise SnapshotError(offset, "the file does not stop at its end mark")
    if crc != checksum or int.from_bytes(rest) != keys:
        raise SnapshotError(offset, "blocks are missing")


def _entries(block: bytes, offset: int) -> Iterator[Entry]:
    cursor = _Cursor(block)
    try:
        while cursor.position < len(block):
            yield _read_entry(cursor)
    except (struct.error, KeyError, ValueError):
        raise SnapshotError(offset, "a block does not make sense") from None


class _Cursor:
    """A reading position in a block."""

    __slots__ = ("block", "position")

    def __init__(self, block: bytes):
        self.block = block
        self.position = 0

    def unpack(self, form: struct.Struct) -> tuple:
        values = form.unpack_from(self.block, self.position)
        self.position += form.size
        return values

    def take(self, count: int) -> bytes:
        start = self.position
        self.position += count
        if self.position > len(self.block):
            raise ValueError("past the end")
        return self.block[start : self.position]

    def text(self) -> bytes:
        return self.take(self.unpack(_LENGTH)[0])

    def texts(self) -> Iterator[bytes]:
        return (self.text() for _ in range(self.unpack(_LENGTH)[0]))


def _read_entry(cursor: _Cursor) -> Entry:
    database, kind, at_ms, key_length = cursor.unpack(_ENTRY)
    if database >= DATABASES:
        raise ValueError("no such database")
    key = cursor.take(key_length)
    return Entry(database, key, _READERS[kind](cursor), None if at_ms == NEVER else at_ms)


def _read_hash(cursor: _Cursor) -> HashValue:
    value = HashValue()
    for _ in range(cursor.unpack(_LENGTH)[0]):
        value.put(cursor.text(), cursor.text())
    return value


def _read_timed_hash(cursor: _Cursor) -> HashValue:
    value = HashValue()
    for _ in range(cursor.unpack(_LENGTH)[0]):
        (at_ms,) = cursor.unpack(_MOMENT)
        field = cursor.text()
        value.put(field, cursor.text())
        if at_ms != NEVER:
            value.expire(field, at_ms)
    return value


def _read_item(cursor: _Cursor) -> Item:
    flags, cas, is_stale = cursor.unpack(_MARKS)
    return Item(cursor.text(), flags, cas, is_stale=is_stale)


def _read_sorted_set(cursor: _Cursor) -> SortedSetValue:
    scores = {}
    for _ in range(cursor.unpack(_LENGTH)[0]):
        member = cursor.text()
        scores[member] = cursor.unpack(_SCORE)[0]
    return SortedSetValue(scores)


_READERS: dict[int, Callable[[_Cursor], object]] = {
    _STRING: _Cursor.text,
    _LIST: lambda cursor: ListValue(cursor.texts()),
    _HASH: _read_hash,
    _SET: lambda cursor: SetValue(cursor.texts()),
    _SORTED_SET: _read_sorted_set,
    _STREAM: read_stream,
    _TIMED_HASH: _read_timed_hash,
    _ITEM: _read_item,
}

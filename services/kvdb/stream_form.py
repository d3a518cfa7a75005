"""The form of a stream in a snapshot (see `snapshot`): its nodes, its counters, its groups.

    stream     last ID   max deleted ID   entries added u64
               nodes u32, node …          groups u32, group …
    node       first ID  added u32        entries u32, entry …
    entry      ID        parts u32        text … (name, value, name, value)
    group      name      last ID          1 + entries read u64 (0 for unknown)
               consumers u32, consumer …  pending u32, pending …
    consumer   name      seen i64 (Unix ms)
    pending    ID        consumer u32 (its place above)   delivered i64   deliveries u64

An ID is 16 bytes, big-endian as all numbers. The nodes are kept as they are, because trimming
with `~` goes by them.
"""

import struct
from collections.abc import Callable
from typing import Protocol

from services.kvdb.stream import Node, StreamValue
from services.kvdb.stream_group import Consumer, Group, Pending

_ID_BYTES = 16
_COUNT = struct.Struct(">I")
_UNSIGNED = struct.Struct(">Q")
_SIGNED = struct.Struct(">q")
_PENDING = struct.Struct(">16sIqQ")


class Cursor(Protocol):
    """Where reading stands in a block of the snapshot."""

    def unpack(self, form: struct.Struct) -> tuple: ...

    def take(self, count: int) -> bytes: ...

    def text(self) -> bytes: ...


# Writing.


def append_stream(block: bytearray, value: StreamValue) -> None:
    _append_id(block, value.last_id)
    _append_id(block, value.max_deleted_id)
    block += _UNSIGNED.pack(value.entries_added)
    block += _COUNT.pack(len(value.entries.blocks))
    for node in value.entries.blocks:
        _append_node(block, node)
    block += _COUNT.pack(len(value.groups))
    for group in value.groups.values():
        _append_group(block, group)


def _append_id(block: bytearray, entry_id: int) -> None:
    block += entry_id.to_bytes(_ID_BYTES)


def _append_text(block: bytearray, text: bytes) -> None:
    block += _COUNT.pack(len(text))
    block += text


def _append_node(block: bytearray, node: Node) -> None:
    _append_id(block, node.first)
    block += _COUNT.pack(node.added)
    block += _COUNT.pack(len(node.ids))
    for entry_id, fields in zip(node.ids, node.values, strict=True):
        _append_id(block, entry_id)
        block += _COUNT.pack(len(fields))
        for part in fields:
            _append_text(block, part)


def _append_group(block: bytearray, group: Group) -> None:
    _append_text(block, group.name)
    _append_id(block, group.last_id)
    block += _UNSIGNED.pack(0 if group.entries_read is None else group.entries_read + 1)
    block += _COUNT.pack(len(group.consumers))
    places = {}
    for consumer in group.consumers.values():
        places[consumer] = len(places)
        _append_text(block, consumer.name)
        block += _SIGNED.pack(consumer.seen_ms)
    block += _COUNT.pack(len(group.pending))
    for entry_id, it in group.pending.ascending():
        key = entry_id.to_bytes(_ID_BYTES)
        block += _PENDING.pack(key, places[it.consumer], it.delivered_ms, it.deliveries)


# Reading.


def read_stream(cursor: Cursor) -> StreamValue:
    """Raises ValueError or struct.error where the block ends too early, or lies."""
    value = StreamValue()
    last_id, value.max_deleted_id = _read_id(cursor), _read_id(cursor)
    (value.entries_added,) = cursor.unpack(_UNSIGNED)
    _repeat(cursor, lambda: _read_node(cursor, value))
    value.last_id = last_id
    _repeat(cursor, lambda: value.add_group(_read_group(cursor)))
    return value


def _repeat(cursor: Cursor, read: Callable[[], object]) -> list:
    """As many of them as the count that comes first says."""
    return [read() for _ in range(cursor.unpack(_COUNT)[0])]


def _read_id(cursor: Cursor) -> int:
    return int.from_bytes(cursor.take(_ID_BYTES))


def _read_node(cursor: Cursor, value: StreamValue) -> None:
    first = _read_id(cursor)
    (added,) = cursor.unpack(_COUNT)
    entries = _repeat(cursor, lambda: (_read_id(cursor), _repeat(cursor, cursor.text)))
    value.restore_node(first, added, entries)


def _read_group(cursor: Cursor) -> Group:
    name, last_id = cursor.text(), _read_id(cursor)
    (entries_read,) = cursor.unpack(_UNSIGNED)
    group = Group(name, last_id, entries_read - 1 if entries_read else None)
    consumers: list[Consumer] = _repeat(cursor, lambda: _read_consumer(cursor, group))
    _repeat(cursor, lambda: _read_pending(cursor, group, consumers))
    return group


def _read_consumer(cursor: Cursor, group: Group) -> Consumer:
    name = cursor.text()
    return group.consumer(name, cursor.unpack(_SIGNED)[0])


def _read_pending(cursor: Cursor, group: Group, consumers: list[Consumer]) -> None:
    key, place, delivered_ms, deliveries = cursor.unpack(_PENDING)
    if place >= len(consumers):
        raise ValueError("no such consumer")
    group.restore(int.from_bytes(key), Pending(consumers[place], delivered_ms, deliveries))

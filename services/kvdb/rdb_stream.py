"""A stream in the format of Redis, as a part of a payload (see `rdb_value`).

    stream     nodes, node …   entries   last ID   first ID   max deleted ID   entries added
               groups, group …
    node       ID in 16 bytes, as text     listpack, as text
    group      name   last ID   entries read (2⁶⁴ - 1 for unknown)
               pending, (ID in 16 bytes, delivered i64, deliveries) …
               consumers, consumer …
    consumer   name   seen i64   pending, ID in 16 bytes …

A number is a length, an ID two of them, where nothing else is said; times are Unix milliseconds,
little-endian. The listpack of a node begins with the names of the first entry's fields, and an
entry with the same names (most have them) carries only its values:

    head       entries   deleted entries   names   name, name …   0
    entry      flags   ID - the node's, milliseconds and sequence
               [names]   [name] value …    how many parts that was, to walk backwards by

Before Redis 7.0 the first ID and the counters were missing. Entries that were deleted in Redis
keep their place in the listpack; we read over them, and write none.
"""

from collections.abc import Iterator

from services.kvdb.packed_forms import FormatError, Reader, decode_listpack, encode_listpack
from services.kvdb.rdb_text import append_length, append_text, read_length, read_text
from services.kvdb.stream import Node, StreamValue
from services.kvdb.stream_group import Group, Pending
from services.kvdb.stream_id import MAX_SEQUENCE, make_id, milliseconds_of

_DELETED, _SAME_NAMES = 1, 2
_UNKNOWN = (1 << 64) - 1
_ID_BYTES = 16

Entry = tuple[int, list[bytes]]


# Writing.


def append_stream(payload: bytearray, value: StreamValue) -> None:
    append_length(payload, len(value.entries.blocks))
    for node in value.entries.blocks:
        append_text(payload, node.first.to_bytes(_ID_BYTES))
        append_text(payload, encode_listpack(_node_parts(node)))
    append_length(payload, len(value))
    for entry_id in (value.last_id, value.first_id, value.max_deleted_id):
        _append_id(payload, entry_id)
    append_length(payload, value.entries_added)
    append_length(payload, len(value.groups))
    for group in value.groups.values():
        _append_group(payload, group)


def _append_id(payload: bytearray, entry_id: int) -> None:
    append_length(payload, milliseconds_of(entry_id))
    append_length(payload, entry_id & MAX_SEQUENCE)


def _node_parts(node: Node) -> Iterator[bytes | int]:
    """What stands in the listpack of a node."""
    yield from (len(node.ids), 0, len(node.names), *node.names, 0)
    for entry_id, fields in zip(node.ids, node.values, strict=True):
        has_same_names = fields[::2] == node.names
        parts = fields[1::2] if has_same_names else (len(fields) // 2, *fields)
        yield _SAME_NAMES if has_same_names else 0
        yield milliseconds_of(entry_id) - milliseconds_of(node.first)
        yield _signed_64((entry_id & MAX_SEQUENCE) - (node.first & MAX_SEQUENCE))
        yield from parts
        yield len(parts) + 3


def _signed_64(number: int) -> int:
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _append_group(payload: bytearray, group: Group) -> None:
    append_text(payload, group.name)
    _append_id(payload, group.last_id)
    append_length(payload, _UNKNOWN if group.entries_read is None else group.entries_read)
    append_length(payload, len(group.pending))
    for entry_id, pending in group.pending.ascending():
        payload += entry_id.to_bytes(_ID_BYTES)
        payload += pending.delivered_ms.to_bytes(8, "little", signed=True)
        append_length(payload, pending.deliveries)
    append_length(payload, len(group.consumers))
    for consumer in group.consumers.values():
        append_text(payload, consumer.name)
        payload += consumer.seen_ms.to_bytes(8, "little", signed=True)
        append_length(payload, len(consumer.pending))
        for entry_id, _ in consumer.pending.ascending():
            payload += entry_id.to_bytes(_ID_BYTES)


# Reading.


def read_stream(reader: Reader, *, has_counters: bool) -> StreamValue:
    value = StreamValue()
    previous_id = -1
    for _ in range(read_length(reader)):
        previous_id = _read_node(reader, value, previous_id)
    if read_length(reader) != len(value):
        raise FormatError("a stream of another length")
    value.last_id = _read_id(reader)
    if value.last_id < previous_id:
        raise FormatError("a stream whose last ID is not the last")
    if has_counters:
        _read_id(reader)  # The first ID, which the entries tell.
        value.max_deleted_id = _read_id(reader)
        value.entries_added = read_length(reader)
    else:
        value.entries_added = len(value)
    for _ in range(read_length(reader)):
        group = _read_group(reader, value, has_counters=has_counters)
        if group.name in value.groups:
            raise FormatError("a group that is there twice")
        value.add_group(group)
    return value


def _read_id(reader: Reader) -> int:
    return make_id(read_length(reader), read_length(reader))


def _read_node(reader: Reader, value: StreamValue, previous_id: int) -> int:
    """Add a node; the last ID in it."""
    first = read_text(reader)
    if len(first) != _ID_BYTES:
        raise FormatError("a node whose name is no ID")
    first_id = int.from_bytes(first)
    parts = iter(decode_listpack(read_text(reader)))
    try:
        added, entries = _entries(parts, first_id)
    except (StopIteration, ValueError):
        raise FormatError("a node that ends within an entry") from None
    if not entries or first_id < previous_id:
        raise FormatError("a node with nothing in it, or not behind the last one")
    for entry_id, _ in entries:
        if entry_id <= previous_id:
            raise FormatError("entries that are not in order")
        previous_id = entry_id
    value.restore_node(first_id, added, entries)
    return previous_id


def _entries(parts: Iterator[bytes], first_id: int) -> tuple[int, list[Entry]]:
    """How many entries were put into a node, and those that are left."""
    left, deleted = int(next(parts)), int(next(parts))
    names = _take(parts, int(next(parts)))
    next(parts)
    entries: list[Entry] = []
    for _ in range(left + deleted):
        flags = int(next(parts))
        milliseconds = milliseconds_of(first_id) + int(next(parts))
        sequence = (first_id & MAX_SEQUENCE) + int(next(parts))
        if flags & _SAME_NAMES:
            values = _take(parts, len(names))
            fields = [part for pair in zip(names, values, strict=True) for part in pair]
        else:
            fields = _take(parts, 2 * int(next(parts)))
        next(parts)
        if not flags & _DELETED:
            entries.append((make_id(milliseconds & _UNKNOWN, sequence & _UNKNOWN), fields))
    if len(entries) != left or next(parts, None) is not None:
        raise FormatError("a node with another number of entries")
    return left + deleted, entries


def _take(parts: Iterator[bytes], count: int) -> list[bytes]:
    if count < 1:
        raise FormatError("an entry without fields")
    return [next(parts) for _ in range(count)]


def _read_group(reader: Reader, value: StreamValue, *, has_counters: bool) -> Group:
    name, last_id = read_text(reader), _read_id(reader)
    entries_read = read_length(reader) if has_counters else value.count_up_to(last_id)
    group = Group(name, last_id, None if entries_read == _UNKNOWN else entries_read)
    pending = {}
    for _ in range(read_length(reader)):
        entry_id = int.from_bytes(reader.take(_ID_BYTES))
        pending[entry_id] = reader.signed(8), read_length(reader)
    for _ in range(read_length(reader)):
        consumer_name = read_text(reader)
        if not group.create_consumer(consumer_name, reader.signed(8)):
            raise FormatError("a consumer that is there twice")
        consumer = group.consumers[consumer_name]
        for _ in range(read_length(reader)):
            entry_id = int.from_bytes(reader.take(_ID_BYTES))
            if entry_id not in pending:
                raise FormatError("an entry that is pending at a consumer alone, or at two")
            group.restore(entry_id, Pending(consumer, *pending.pop(entry_id)))
    if pending:
        raise FormatError("an entry that is pending at nobody")
    return group

"""The value of a stream: a log of entries that nobody takes out by reading.

    XADD orders * item pen count 3   ─▶ 1526919030474-0       an ID that only ever rises

    entries   1-0        1-1        2-0        3-0        7-0 ◀── XADD appends here
               ▲                     ▲                     ▲
               │ XTRIM cuts here     │ group "mail" has    │ XREAD … $ waits behind it
                                     │ read up to here

A list is emptied by those who read it. A stream is not: every reader remembers the last ID that
it has seen and asks for what lies behind it, so that any number of readers see the same
entries, and again if they like. What ends an entry is XDEL, or trimming at the old end.

A *consumer group* (`stream_group`) lets several consumers share the work: the stream remembers
for them how far the group has read, and who has been given what and not yet acknowledged it.

Entries are kept in nodes, blocks of an `Index`, of 100 entries or 4 KiB each:

    node   first  names            ids             entries
           1-0    (item, count)    [1-0 1-1 2-0]   [(item pen count 3) (…) (…)]
           3-0    (item, count)    [3-0 7-0]       [(…) (…)]

- The entries of a node mostly have the same field names. Those of its first entry are kept
  once, and the others refer to them.
- `XTRIM MAXLEN ~ 1000` removes whole nodes only. A node costs no more than an entry does, so
  that every XADD can hold a stream at about a length.
- An entry that XDEL removed goes on counting for its node's fullness, as a node in Redis keeps
  the place until its last entry is gone.
# Real: t_stream.c in Redis; a node is a listpack, and `names` its master entry. The 4 KiB are
# of its packed form, which we do not have: `packed_bytes` estimates it.

What it costs, with n entries (see `stream_index`): append O(1), find and delete O(log n), a
range of k O(log n + k), trimming O(1) for each node, whatever it holds.
"""

import itertools
import operator
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.kvdb import memory
from services.kvdb.stream_group import Group
from services.kvdb.stream_id import HIGHEST, LOWEST
from services.kvdb.stream_index import Block, Index

Fields = tuple[bytes, ...]
"""The fields of an entry: name, value, name, value …"""

_PACKED_ENTRY_BYTES = 10
_PACKED_PART_BYTES = 2
"""What a listpack needs for an entry, and for each part of one, beside the text itself."""


class Node(Block[Fields]):
    """A block of entries."""

    __slots__ = (
        "added",
        "even_bytes",
        "even_packed_bytes",
        "names",
        "packed_bytes",
        "payload_bytes",
    )

    def __init__(self, first: int, names: list[bytes]):
        super().__init__(first)
        self.names = names
        # What an entry with these names takes beside the length of all its text.
        count, names_bytes = len(names), _length_of(names)
        self.even_bytes = _entry_bytes(2 * count, count) - names_bytes
        self.even_packed_bytes = count * _PACKED_PART_BYTES + _PACKED_ENTRY_BYTES - names_bytes
        self.added = 0
        """The entries that have ever been put here."""
        self.packed_bytes = 0
        self.payload_bytes = _weigh(names)
        """The memory of all that the entries consist of, the names included."""

    def costs_beside_text(self, names: list[bytes]) -> tuple[int, int]:
        """What an entry with such names takes beside the length of all its text: of our memory,
        and in packed form."""
        if names == self.names:
            return self.even_bytes, self.even_packed_bytes
        parts = 2 * len(names)
        return _entry_bytes(parts, parts), parts * _PACKED_PART_BYTES + _PACKED_ENTRY_BYTES

    def end_of_fitting(
        self, names: list[bytes], lengths: list[int], start: int, max_entries: int, max_bytes: int
    ) -> int:
        """Up to which of some entries with such names, and so much text each, all fit in here."""
        end = len(lengths)
        if max_entries:
            end = min(end, start + max(max_entries - self.added, 0))
        if not max_bytes:
            return end
        packed_bytes = self.packed_bytes
        beside_bytes = self.costs_beside_text(names)[1]
        # An entry is measured by its text alone before it is put in, so the last one is here.
        if packed_bytes + sum(lengths[start:end]) + (end - start - 1) * beside_bytes < max_bytes:
            return end  # Nearly always; that they are looked at one by one is rare.
        for at in range(start, end):
            if packed_bytes + lengths[at] >= max_bytes:
                return at
            packed_bytes += lengths[at] + beside_bytes
        return end

    def weight_of(self, fields: Fields) -> int:
        """The memory of what an entry does not share with the first one."""
        has_names = list(fields[::2]) == self.names
        own_bytes = _weigh(fields[1::2] if has_names else fields)
        return own_bytes + len(fields) * memory.STREAM_PART_BYTES


def _entry_bytes(parts: int, own_parts: int) -> int:
    """The memory of an entry beside its text; what it shares with the first one is not its own."""
    return parts * memory.STREAM_PART_BYTES + own_parts * memory.OBJECT_BYTES


def _weigh(parts: Sequence[bytes]) -> int:
    return _length_of(parts) + len(parts) * memory.OBJECT_BYTES


def _length_of(parts: Sequence[bytes]) -> int:
    """Of all together. There are few of them mostly: `sum` and `map` take twice as long."""
    size_bytes = 0
    for part in parts:
        size_bytes += len(part)
    return size_bytes


@dataclass(frozen=True, slots=True)
class Trim:
    """What is to be cut off at the old end: all beyond a length, or all below an ID."""

    max_length: int | None = None
    min_id: int = LOWEST
    only_whole_nodes: bool = False
    """Real: `approx_trim`, the `~` of a request."""
    limit: int = 0
    """The most entries to remove; 0 is any number. It counts where only whole nodes go."""

    def doomed(self, node: Node, length: int) -> int:
        """How many entries of the lowest node have to go, in a stream of this length."""
        if self.max_length is None:
            return bisect_left(node.ids, self.min_id)
        return min(max(length - self.max_length, 0), len(node.ids))


class StreamValue:
    """One stream. Only its own methods, and those of its groups, change it."""

    __slots__ = (
        "accounted_bytes",
        "entries",
        "entries_added",
        "groups",
        "groups_bytes",
        "last_id",
        "max_deleted_id",
        "payload_bytes",
    )
    is_container = False
    """A stream stays when its last entry goes: its last ID and its groups are worth keeping."""

    def __init__(self) -> None:
        self.entries: Index[Fields] = Index()
        self.last_id = LOWEST
        """The highest ID that was ever given, be its entry still there or not."""
        self.entries_added = 0
        self.max_deleted_id = LOWEST
        """The highest ID that XDEL has removed; trimming leaves no gaps and does not count."""
        self.groups: dict[bytes, Group] = {}
        self.accounted_bytes = 0
        self.payload_bytes = 0
        self.groups_bytes = 0

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def size_bytes(self) -> int:
        return (
            memory.STREAM_BYTES
            + len(self.entries.blocks) * memory.STREAM_NODE_BYTES
            + len(self.entries) * memory.STREAM_ENTRY_BYTES
            + self.payload_bytes
            + self.groups_bytes
        )

    @property
    def first_id(self) -> int:
        """The ID of the first entry; 0-0 where there is none."""
        return self.entries.first_id if self.entries else LOWEST

    def copy(self) -> "StreamValue":
        twin = StreamValue()
        for node in self.entries.blocks:
            twin.restore_node(node.first, node.added, list(zip(node.ids, node.values, strict=True)))
        twin.last_id = self.last_id
        twin.entries_added = self.entries_added
        twin.max_deleted_id = self.max_deleted_id
        for group in self.groups.values():
            twin.add_group(group.copy())
        return twin

    # Adding.

    def append(
        self, entry_id: int, fields: list[bytes], node_max_entries: int, node_max_bytes: int
    ) -> int:
        """Add an entry, whose ID must be above `last_id`; of the limits of a node, 0 is none.

        By how much `size_bytes` grows, which is dearer to ask for.
        """
        nodes = self.entries.blocks
        node = nodes[-1] if nodes else None
        text_bytes = _length_of(fields)
        new_bytes = 0
        if (
            node is None
            or (node_max_entries and node.added >= node_max_entries)
            or (node_max_bytes and node.packed_bytes + text_bytes >= node_max_bytes)
        ):
            node = Node(entry_id, fields[::2])
            self._add_node(node)
            new_bytes = memory.STREAM_NODE_BYTES + node.payload_bytes
        node.added += 1
        self.last_id = entry_id
        self.entries_added += 1
        return new_bytes + self._put(node, entry_id, fields, text_bytes)

    def append_alike(
        self,
        first_id: int,
        names: list[bytes],
        columns: list[tuple[bytes, ...]],
        node_max_entries: int,
        node_max_bytes: int,
    ) -> int:
        """`append` for entries with the same names and IDs in a row; a column for each name.

        What goes to one node is put there at once, which takes a third of the time.
        """
        names_bytes = _length_of(names)
        lengths = [names_bytes + len(value) for value in columns[0]]
        for column in columns[1:]:
            lengths = list(map(operator.add, lengths, map(len, column)))
        grown_bytes = start = 0
        while start < len(lengths):
            node = self.entries.blocks[-1] if self.entries.blocks else None
            end = start
            if node is not None:
                end = node.end_of_fitting(names, lengths, start, node_max_entries, node_max_bytes)
            if node is None or end == start:
                node = Node(first_id + start, names)
                self._add_node(node)
                grown_bytes += memory.STREAM_NODE_BYTES + node.payload_bytes
                end = node.end_of_fitting(names, lengths, start, node_max_entries, node_max_bytes)
                end = max(end, start + 1)  # An entry that is larger than a node has one of its own.
            ids = [first_id + number for number in range(start, end)]
            text_bytes = sum(lengths[start:end])
            grown_bytes += self._put_alike(
                node, ids, names, [column[start:end] for column in columns], text_bytes
            )
            start = end
        self.last_id = first_id + len(lengths) - 1
        self.entries_added += len(lengths)
        return grown_bytes

    def _put_alike(
        self,
        node: Node,
        ids: list[int],
        names: list[bytes],
        columns: list[tuple[bytes, ...]],
        text_bytes: int,
    ) -> int:
        """`_put` for several: they fit, and are so long all together."""
        own_bytes, packed_bytes = node.costs_beside_text(names)
        if names == node.names:
            names = node.names  # Equal, and from now on the same objects.
        parts: list[Iterable[bytes]] = []
        for name, column in zip(names, columns, strict=True):
            parts += (itertools.repeat(name, len(ids)), column)
        size_bytes = text_bytes + len(ids) * own_bytes
        node.added += len(ids)
        node.packed_bytes += text_bytes + len(ids) * packed_bytes
        node.payload_bytes += size_bytes
        self.payload_bytes += size_bytes
        self.entries.extend(node, ids, zip(*parts, strict=True))
        return size_bytes + len(ids) * memory.STREAM_ENTRY_BYTES

    def _add_node(self, node: Node) -> None:
        self.entries.blocks.append(node)
        self.payload_bytes += node.payload_bytes

    def _put(self, node: Node, entry_id: int, fields: list[bytes], text_bytes: int) -> int:
        """Add an entry to a node, the last one; the memory that it takes."""
        names = fields[::2]
        own_bytes, packed_bytes = node.costs_beside_text(names)
        if names == node.names:
            fields[::2] = node.names  # Equal, and from now on the same objects.
        size_bytes = text_bytes + own_bytes
        node.packed_bytes += text_bytes + packed_bytes
        node.payload_bytes += size_bytes
        self.payload_bytes += size_bytes
        self.entries.append(node, entry_id, tuple(fields))
        return memory.STREAM_ENTRY_BYTES + size_bytes

    def restore_node(
        self, first: int, added: int, entries: list[tuple[int, Sequence[bytes]]]
    ) -> None:
        """Add a whole node with what is left in it, behind those that are there."""
        if not entries:
            return
        node = Node(first, list(entries[0][1][::2]))
        node.added = added
        self._add_node(node)
        for entry_id, fields in entries:
            self._put(node, entry_id, list(fields), _length_of(fields))

    # Removing.

    def delete(self, entry_id: int) -> bool:
        """True where the entry was there."""
        found = self.entries.locate(entry_id)
        if not found:
            return False
        node: Node = self.entries.blocks[found[0]]
        self._take_weight(node, [self.entries.take(*found)])
        if not node.ids:
            self.payload_bytes -= node.payload_bytes  # The names.
        self.max_deleted_id = max(self.max_deleted_id, entry_id)
        return True

    def _take_weight(self, node: Node, entries: list[Fields]) -> None:
        size_bytes = sum(map(node.weight_of, entries))
        node.payload_bytes -= size_bytes
        self.payload_bytes -= size_bytes

    def trim(self, trim: Trim) -> int:
        """Cut off the old end; how many entries went."""
        before = length = len(self.entries)
        whole_nodes = 0
        cut: tuple[Node, int] | None = None
        for node in self.entries.blocks:
            doomed = trim.doomed(node, length)
            if not doomed or (trim.limit and before - length + len(node.ids) > trim.limit):
                break
            if doomed < len(node.ids):
                cut = (node, doomed)
                break
            length -= doomed
            whole_nodes += 1
            self.payload_bytes -= node.payload_bytes
        if whole_nodes:
            self.entries.drop_blocks(whole_nodes)
        if cut and not trim.only_whole_nodes:
            node, doomed = cut
            self._take_weight(node, node.values[:doomed])
            self.entries.cut_block(node, doomed)
        return before - len(self.entries)

    # Reading.

    def ascending(self, start: int = LOWEST, end: int = HIGHEST) -> Iterator[tuple[int, Fields]]:
        return self.entries.ascending(start, end)

    def descending(self, start: int = LOWEST, end: int = HIGHEST) -> Iterator[tuple[int, Fields]]:
        return self.entries.descending(start, end)

    # Groups, and how far they have come.

    def add_group(self, group: Group) -> None:
        """Add a group whose name is not taken."""
        self.groups[group.name] = group
        self.weigh_group(group)

    def destroy_group(self, name: bytes) -> bool:
        """True where there was such a group."""
        group = self.groups.pop(name, None)
        if group is None:
            return False
        self.groups_bytes -= group.accounted_bytes
        return True

    def weigh_group(self, group: Group) -> None:
        """Account for the memory of a group that has changed."""
        size_bytes = group.size_bytes
        self.groups_bytes += size_bytes - group.accounted_bytes
        group.accounted_bytes = size_bytes

    def has_gap_from(self, entry_id: int) -> bool:
        """Whether XDEL has removed something from `entry_id` on.

        # Real: streamRangeHasTombstones()
        """
        if not self.entries or self.max_deleted_id < self.entries.first_id:
            return False
        return entry_id <= self.max_deleted_id

    def count_up_to(self, entry_id: int) -> int | None:
        """How many entries have been added up to an ID, itself included; None for unknown.

        The stream counts what was added and what is left, so that it can tell for the IDs at
        either end, and below the first one, as long as XDEL has made no gaps.
        # Real: streamEstimateDistanceFromFirstEverEntry()
        """
        if not self.entries_added:
            return 0
        if entry_id == self.last_id or (not self.entries and entry_id < self.last_id):
            return self.entries_added
        if entry_id > self.last_id:
            return None
        has_no_gaps = self.max_deleted_id < self.first_id or self.max_deleted_id == LOWEST
        if has_no_gaps and entry_id <= self.first_id:
            return self.entries_added - len(self) + (entry_id == self.first_id)
        return None

    def lag(self, group: Group) -> int | None:
        """How many entries a group has still to read; None for unknown."""
        if not self.entries_added:
            return 0
        count = group.entries_read
        if count is None or self.has_gap_from(group.last_id):
            count = self.count_up_to(group.last_id)
        return None if count is None else self.entries_added - count

    def advance(self, group: Group, entry_ids: list[int]) -> None:
        """Note that a group has been given entries, the next ones behind its last ID."""
        if group.entries_read is not None and not self.has_gap_from(entry_ids[0]):
            group.entries_read += len(entry_ids)
        else:
            for entry_id in entry_ids:
                if group.entries_read is not None and not self.has_gap_from(entry_id):
                    group.entries_read += 1
                else:
                    group.entries_read = self.count_up_to(entry_id)
        group.last_id = entry_ids[-1]

"""An index: values by stream ID, in the order of the IDs.

A stream has one for its entries, one for what is pending in each group, and one for what is
pending at each consumer. New IDs nearly always come at the end, old ones go from anywhere, and
ranges are read from any ID on. So the index is a list of blocks, and only a block at a time is
ever moved:

    first   ids                   values
    1-0     [1-0, 1-1, 4-0]       [.., .., ..]
    5-0     [5-3, 6-0]            [.., ..]            5-0 itself has been removed since
    7-0     [7-0]                 [..]

`first` is the lowest ID that the block has ever been for: all its IDs are at least that, all
of the block before are lower. To find an ID, bisect the blocks by `first`, then the IDs of one.

What it costs, with n IDs:

    append                    O(1)
    find                      O(log n)
    insert, remove            O(log n), and moving a part of one block
    a range of k              O(log n + k)
    a block that gets empty   closing the gap in the list of blocks: one memmove of a pointer
                              for each block, some microseconds at a million IDs

# Real: a radix tree (rax.c), whose leaves, for the entries of a stream, are such blocks too.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Generic, TypeVar

from services.kvdb.stream_id import HIGHEST, LOWEST

BLOCK_LENGTH = 512

Value = TypeVar("Value")

_first_of = attrgetter("first")


class Block(Generic[Value]):
    """IDs in ascending order, and the values beside them."""

    __slots__ = ("first", "ids", "values")

    def __init__(self, first: int):
        self.first = first
        self.ids: list[int] = []
        self.values: list[Value] = []


class Index(Generic[Value]):
    """Values by ID, in order."""

    __slots__ = ("_length", "blocks")

    def __init__(self) -> None:
        self.blocks: list[Block[Value]] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    # Finding.

    def locate(self, entry_id: int) -> tuple[int, int] | None:
        """The number of the block that holds an ID, and the place in it."""
        blocks = self.blocks
        at = bisect_right(blocks, entry_id, key=_first_of) - 1
        if at < 0:
            return None
        ids = blocks[at].ids
        place = bisect_left(ids, entry_id)
        return (at, place) if place < len(ids) and ids[place] == entry_id else None

    def get(self, entry_id: int) -> Value | None:
        found = self.locate(entry_id)
        return self.blocks[found[0]].values[found[1]] if found else None

    def __contains__(self, entry_id: int) -> bool:
        return self.locate(entry_id) is not None

    def is_beyond(self, entry_id: int) -> bool:
        """Whether an ID is above all others."""
        return not self.blocks or entry_id > self.blocks[-1].ids[-1]

    @property
    def first_id(self) -> int:
        """The lowest ID; there must be one."""
        return self.blocks[0].ids[0]

    @property
    def last_id(self) -> int:
        """The highest ID; there must be one."""
        return self.blocks[-1].ids[-1]

    def ascending(self, start: int = LOWEST, end: int = HIGHEST) -> Iterator[tuple[int, Value]]:
        """What lies between two IDs, both included. Nothing may change while it is read."""
        lowest = max(bisect_right(self.blocks, start, key=_first_of) - 1, 0)
        for at in range(lowest, len(self.blocks)):
            block = self.blocks[at]
            ids = block.ids
            low, high = bisect_left(ids, start), bisect_right(ids, end)
            yield from zip(ids[low:high], block.values[low:high], strict=True)
            if high < len(ids):
                return

    def descending(self, start: int = LOWEST, end: int = HIGHEST) -> Iterator[tuple[int, Value]]:
        """The same from the other side: from `end` down to `start`."""
        behind = bisect_right(self.blocks, end, key=_first_of)
        for at in range(behind - 1, -1, -1):
            block = self.blocks[at]
            ids = block.ids
            low, high = bisect_left(ids, start), bisect_right(ids, end)
            yield from zip(reversed(ids[low:high]), reversed(block.values[low:high]), strict=True)
            if low > 0:
                return

    # Changing.

    def append(self, block: Block[Value], entry_id: int, value: Value) -> None:
        """Add the highest ID of all to a block, the last one."""
        block.ids.append(entry_id)
        block.values.append(value)
        self._length += 1

    def extend(self, block: Block[Value], ids: list[int], values: Iterable[Value]) -> None:
        """Add the highest IDs of all, in order, to a block, the last one."""
        block.ids.extend(ids)
        block.values.extend(values)
        self._length += len(ids)

    def insert(self, entry_id: int, value: Value) -> None:
        """Add an ID that is not there, wherever it belongs."""
        blocks = self.blocks
        if self.is_beyond(entry_id):
            if not blocks or len(blocks[-1].ids) >= BLOCK_LENGTH:
                blocks.append(Block(entry_id))
            self.append(blocks[-1], entry_id, value)
            return
        at = max(bisect_right(blocks, entry_id, key=_first_of) - 1, 0)
        block = blocks[at]
        place = bisect_left(block.ids, entry_id)
        block.first = min(block.first, entry_id)
        block.ids.insert(place, entry_id)
        block.values.insert(place, value)
        self._length += 1
        if len(block.ids) > BLOCK_LENGTH:
            self._split(at)

    def _split(self, at: int) -> None:
        block, half = self.blocks[at], BLOCK_LENGTH // 2
        upper: Block[Value] = Block(block.ids[half])
        upper.ids, upper.values = block.ids[half:], block.values[half:]
        del block.ids[half:], block.values[half:]
        self.blocks.insert(at + 1, upper)

    def take(self, at: int, place: int) -> Value:
        """Remove what `locate` has found; its value. A block that gets empty goes as well."""
        block = self.blocks[at]
        del block.ids[place]
        self._length -= 1
        if not block.ids:
            del self.blocks[at]
        return block.values.pop(place)

    def remove(self, entry_id: int) -> Value | None:
        """The value of the ID, which is gone now; None where it was not there."""
        found = self.locate(entry_id)
        return self.take(*found) if found else None

    def drop_blocks(self, count: int) -> None:
        """Remove the lowest blocks."""
        self._length -= sum(len(block.ids) for block in self.blocks[:count])
        del self.blocks[:count]

    def cut_block(self, block: Block[Value], count: int) -> None:
        """Remove the lowest IDs of a block that has more of them."""
        del block.ids[:count], block.values[:count]
        self._length -= count

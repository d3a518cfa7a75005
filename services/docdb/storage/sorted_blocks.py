"""An ordered structure of entries: the leaves of a B+tree, with a flat directory above them.

    directory   [   (k7,…)    │    (k15,…)    │    (k31,…)   ]     the largest entry of each block
                      │               │               │
    blocks      [k1 k3 k4 k7]   [k9 k12 k15]   [k20 k22 k31]       up to 1,024 entries each

To find an entry is a binary search in the directory and one in a block, both in C (`bisect`).
To add one moves the rest of its block, at most some kilobytes; a block that has grown too large
is cut in half, and one that has become empty is taken out.

A B+tree has more levels, because its pages are on a disk and small. In memory the directory of
a million entries is a list of a thousand or two, and one level is faster than three.
# Real: WiredTiger's B+tree in MongoDB, which is on the disk and has its pages in a cache.

Entries are tuples (key, record id); keys are compared as `services.docdb.query.comparison` says.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator

Entry = tuple
BLOCK_ENTRIES = 1024


class _Top:
    """Above every key."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True


class _Bottom:
    """Below every key."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return True

    def __gt__(self, other: object) -> bool:
        return False


TOP, BOTTOM = _Top(), _Bottom()


class SortedBlocks:
    """Entries in order. Each may be in it once."""

    __slots__ = ("_blocks", "_largest", "_length")

    def __init__(self) -> None:
        self._blocks: list[list[Entry]] = []
        self._largest: list[Entry] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, entry: Entry) -> None:
        self._length += 1
        blocks, largest = self._blocks, self._largest
        if not blocks:
            blocks.append([entry])
            largest.append(entry)
            return
        place = bisect_left(largest, entry)
        if place == len(blocks):
            place -= 1
            block = blocks[place]
            block.append(entry)
            largest[place] = entry
        else:
            block = blocks[place]
            insort(block, entry)
        if len(block) > BLOCK_ENTRIES:
            self._split(place)

    def _split(self, place: int) -> None:
        block = self._blocks[place]
        # Keys that only grow (ObjectIds, times) leave full blocks behind rather than halves.
        at_end = place == len(self._blocks) - 1
        middle = len(block) * 9 // 10 if at_end else len(block) // 2
        self._blocks[place : place + 1] = [block[:middle], block[middle:]]
        self._largest[place : place + 1] = [block[middle - 1], block[-1]]

    def remove(self, entry: Entry) -> None:
        """Take an entry out. Raises KeyError where it is not in."""
        place = bisect_left(self._largest, entry)
        if place == len(self._blocks):
            raise KeyError(entry)
        block = self._blocks[place]
        index = bisect_left(block, entry)
        if index == len(block) or block[index] != entry:
            raise KeyError(entry)
        del block[index]
        self._length -= 1
        if not block:
            del self._blocks[place], self._largest[place]
        elif index == len(block):
            self._largest[place] = block[-1]

    def first_from(self, low: Entry) -> Entry | None:
        """The first entry that is not below `low`."""
        place = bisect_left(self._largest, low)
        if place == len(self._blocks):
            return None
        block = self._blocks[place]
        return block[bisect_left(block, low)]

    def between(self, low: Entry, high: Entry) -> Iterator[Entry]:
        """The entries from `low` to `high`, upwards. The structure may change meanwhile."""
        position: Entry | None = low
        while position is not None and not high < position:
            place = bisect_left(self._largest, position)
            if place == len(self._blocks):
                return
            block = self._blocks[place]
            # A copy of the rest of the block: what is added or removed does not disturb it.
            piece = block[bisect_left(block, position) :]
            if high < piece[-1]:
                end = bisect_left(piece, high)
                yield from piece[:end]
                if piece[end] == high:
                    yield high
                return
            yield from piece
            position = self._after(piece[-1])

    def _after(self, entry: Entry) -> Entry | None:
        """The first entry above `entry`, which may be gone."""
        return self.first_from((*entry[:-1], entry[-1] + 1))

    def between_downwards(self, low: Entry, high: Entry) -> Iterator[Entry]:
        """The entries from `high` to `low`."""
        while True:
            piece = self._piece_up_to(high)
            if not piece:
                return
            start = bisect_left(piece, low)
            yield from reversed(piece[start:])
            if start:
                return
            # What is strictly below the first of this piece.
            high = (*piece[0][:-1], piece[0][-1] - 0.5)

    def _piece_up_to(self, high: Entry) -> list[Entry]:
        """The entries of one block that are not above `high`; empty where there are none."""
        place = min(bisect_left(self._largest, high), len(self._blocks) - 1)
        while place >= 0:
            block = self._blocks[place]
            end = bisect_left(block, high)
            if end < len(block) and block[end] == high:
                end += 1
            if end:
                return block[:end]
            place -= 1
        return []

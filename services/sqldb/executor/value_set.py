"""The values of `x IN (SELECT …)`, which may not fit into work_mem.

Up to there they are a set. Above, they go to the disk in buckets by their hash, some hundred values
each, and a look-up reads the one bucket where the value would be:

    cut by hash 0    part 0   part 1   …   part 15         written as the values come
                       │
    cut by hash 1    part 0 … part 15                      again, if it doesn't fit into memory
                       │
    buckets          0  1  2  …                            what is kept is where each one stands

PostgreSQL has no such thing: it plans a hashed SubPlan only where it believes that the set fits
into memory, and else reads the rows again for each value.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING

from services.sqldb.executor.spill import (
    MAX_LEVEL,
    Partitions,
    Room,
    SpilledRows,
    SpillFile,
    partition_of,
)

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution

BUCKET_VALUES = 128
BUCKETS_AT_HAND = 16


class ValueSet:
    """Values are added, then `seal` is called, then they are looked up."""

    def __init__(self, run: Execution):
        self._run = run
        self._room = Room(run)
        self._entries = self._room.entries
        self._memory: set = set()
        self._fitting = 0
        self._file: SpillFile | None = None
        self._parts: Partitions | None = None
        self._tree: list = []
        self._at_hand: dict[tuple[int, int], set] = {}
        run.at_end(self.close)

    def add(self, value: object) -> None:
        if self._parts is not None:
            self._parts.add(value, (value,))
            return
        self._memory.add(value)
        if len(self._memory) >= self._entries:
            self._entries = self._room.grow(self._memory)
            if not self._entries:
                self._spill()

    def _spill(self) -> None:
        self._fitting = len(self._memory)
        self._file = SpillFile(self._run)
        self._parts = Partitions(self._file, 0)
        for value in self._memory:
            self._parts.add(value, (value,))
        self._memory = set()

    def seal(self) -> None:
        if self._parts is not None:
            self._tree = self._cut(self._parts, 0)

    def _cut(self, parts: Partitions, level: int) -> list:
        """For each part its buckets, or a list of the same kind."""
        tree: list = []
        for part in parts.parts:
            if part.count > self._fitting and level < MAX_LEVEL:
                smaller = Partitions(self._file, level + 1)
                smaller.add_all(part, itemgetter(0))
                tree.append(self._cut(smaller, level + 1))
            else:
                tree.append(self._buckets(part))
        return tree

    def _buckets(self, part: SpilledRows) -> Buckets:
        values = {value for (value,) in part}
        buckets: list[list[tuple]] = [[] for _ in range(len(values) // BUCKET_VALUES + 1)]
        for value in values:
            buckets[hash((Buckets, value)) % len(buckets)].append((value,))
        return Buckets([self._file.write(bucket) for bucket in buckets])

    def __contains__(self, value: object) -> bool:
        if not self._tree:
            return value in self._memory
        found, level = self._tree[partition_of(value, 0)], 0
        while isinstance(found, list):
            level += 1
            found = found[partition_of(value, level)]
        number = hash((Buckets, value)) % len(found.offsets)
        place = found.offsets[number], found.sizes[number]
        bucket = self._at_hand.get(place)
        if bucket is None:
            bucket = {one for (one,) in self._file.read(place)}
            if len(self._at_hand) >= BUCKETS_AT_HAND:
                del self._at_hand[next(iter(self._at_hand))]
            self._at_hand[place] = bucket
        return value in bucket

    def __bool__(self) -> bool:
        return bool(self._memory or self._tree)

    def __iter__(self) -> Iterator:
        yield from self._memory
        for buckets in _leaves(self._tree):
            for place in zip(buckets.offsets, buckets.sizes, strict=True):
                for (value,) in self._file.read(place):
                    yield value

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Buckets:
    """Where the buckets of a part stand in the file."""

    __slots__ = ("offsets", "sizes")

    def __init__(self, places: list[tuple[int, int]]):
        self.offsets = array("q", map(itemgetter(0), places))
        self.sizes = array("q", map(itemgetter(1), places))


def _leaves(tree: list) -> Iterator[Buckets]:
    for part in tree:
        if isinstance(part, list):
            yield from _leaves(part)
        else:
            yield part

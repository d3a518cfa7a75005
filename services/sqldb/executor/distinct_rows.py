"""DISTINCT, UNION, INTERSECT and EXCEPT over rows that may not fit into work_mem.

    rows ─▶ seen already?  ─ yes ─▶ gone
                │ no
            room for it?   ─ yes ─▶ kept in a set, and given on at once
                │ no
            to the disk, into the partition of its hash; these come afterwards, one by one

`key` says what equal rows have in common; None: the rows themselves. A partition is treated like
the whole, with an empty set and another hash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING

from services.sqldb.executor.spill import (
    HASH_ENTRY_BYTES,
    MAX_LEVEL,
    Partitions,
    Room,
    SpillFile,
    rows_in_memory,
)

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution

KeyOf = Callable[[tuple], object]


def without_duplicates(
    run: Execution, rows: Iterable[tuple], key: KeyOf | None, level: int = 0
) -> Iterator[tuple]:
    """The first of equal rows, in the order in which they came for as long as the memory lasts."""
    seen: set = set()
    room = Room(run, level)
    entries = room.entries
    rows = iter(run.paced(rows))
    for row in rows:
        mark = row if key is None else key(row)
        if mark not in seen:
            if len(seen) >= entries and not (entries := room.grow(seen)):
                break
            seen.add(mark)
            yield row
    else:
        if run.instruments is not None:
            run.instruments.note_hash(seen)
        return
    file = SpillFile(run)
    try:
        later = Partitions(file, level)
        later.add(mark, row)
        for row in rows:
            mark = row if key is None else key(row)
            if mark not in seen:
                later.add(mark, row)
        if run.instruments is not None:
            run.instruments.note_hash(seen, file)
        seen.clear()
        for part in later.parts:
            yield from without_duplicates(run, part, key, level + 1)
    finally:
        file.close()


class DistinctValues:
    """The values that count(DISTINCT x) has had. Those for which there was no room come at the end:
    `is_new` says no, and `rest` gives them."""

    __slots__ = ("_entries", "_file", "_later", "_room", "_run", "_seen")

    def __init__(self, run: Execution):
        self._run = run
        self._room = Room(run)
        self._entries = self._room.entries
        self._seen: set = set()
        self._file: SpillFile | None = None
        self._later: Partitions | None = None

    def is_new(self, key: object, values: tuple) -> bool:
        seen = self._seen
        if key in seen:
            return False
        if len(seen) >= self._entries:
            self._entries = self._room.grow(seen)
            if not self._entries:
                self._put_off(key, values)
                return False
        seen.add(key)
        return True

    def _put_off(self, key: object, values: tuple) -> None:
        if self._later is None:
            self._file = SpillFile(self._run)
            self._later = Partitions(self._file, 0)
        self._later.add(key, (key, values))

    def rest(self) -> Iterator[tuple]:
        if self._later is None:
            return
        self._seen.clear()
        try:
            for part in self._later.parts:
                for _, values in without_duplicates(self._run, part, itemgetter(0), 1):
                    yield values
        finally:
            self._file.close()


def intersection(
    run: Execution, left: Iterable, right: Iterable, key: KeyOf | None, is_all: bool, level: int = 0
) -> Iterator[tuple]:
    """INTERSECT: rows of both sides, once each; ALL: as often as on the side that has fewer."""
    rows, rest = _right_side(run, right, level)
    if rest is not None:
        yield from _in_parts(run, intersection, left, chain(rows, rest), key, is_all, level)
        return
    counts = Counter(rows if key is None else map(key, rows))
    for row in run.paced(left):
        mark = row if key is None else key(row)
        if counts[mark] > 0:
            counts[mark] = counts[mark] - 1 if is_all else 0
            yield row


def difference(
    run: Execution, left: Iterable, right: Iterable, key: KeyOf | None, is_all: bool, level: int = 0
) -> Iterator[tuple]:
    """EXCEPT: rows of the left side alone, once each; ALL: as many as are left over."""
    rows, rest = _right_side(run, right, level)
    if rest is not None:
        yield from _in_parts(run, difference, left, chain(rows, rest), key, is_all, level)
        return
    counts = Counter(rows if key is None else map(key, rows))
    if is_all:
        yield from _left_over(run.paced(left), counts, key)
        return
    alone = (row for row in left if (row if key is None else key(row)) not in counts)
    yield from without_duplicates(run, alone, key)


def _left_over(rows: Iterable[tuple], counts: Counter, key: KeyOf | None) -> Iterator[tuple]:
    """As many of equal rows as the left side has more of them."""
    for row in rows:
        mark = row if key is None else key(row)
        if counts[mark] > 0:
            counts[mark] -= 1
        else:
            yield row


def _right_side(run: Execution, right: Iterable, level: int) -> tuple[list, Iterator | None]:
    """Its rows; behind those that fit, an iterator over the rest."""
    rest = iter(run.paced(right))
    rows, is_all = rows_in_memory(rest, run.work_mem_bytes, HASH_ENTRY_BYTES)
    if not is_all and level >= MAX_LEVEL:
        rows.extend(rest)
        is_all = True
    return rows, None if is_all else rest


def _in_parts(
    run: Execution, operation: Callable, left: Iterable, right: Iterable, key: KeyOf | None,
    is_all: bool, level: int,
) -> Iterator[tuple]:  # fmt: skip
    file = SpillFile(run)
    try:
        lefts, rights = Partitions(file, level), Partitions(file, level)
        key_of = key or (lambda row: row)
        rights.add_all(right, key_of)
        lefts.add_all(run.paced(left), key_of)
        for one, other in zip(lefts.parts, rights.parts, strict=True):
            yield from operation(run, one, other, key, is_all, level + 1)
    finally:
        file.close()

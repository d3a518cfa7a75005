"""Hash joins whose table may not fit into work_mem: what generated code calls for them.

Most tables of hash joins are small, and known to be so before the statement begins (`bounds`): for
them the look-up stands in the generated loop. These functions are for the others, and for FULL.

The right side is read into memory. If it ends before the memory does, the left side is walked and
looks its rows up. If not, both sides are cut into partitions by the hash of the key and go to the
disk; each pair of partitions is then a join of its own, a sixteenth of the size:

    right ─▶ R0 R1 R2 … R15            R0 ⋈ L0   then   R1 ⋈ L1   then …
    left  ─▶ L0 L1 L2 … L15            too large still: cut again, by another hash

A partition of one key that has very many rows cannot be cut. After a few attempts its right side is
taken in pieces, and the left one read once for each.
# Real: Grace hash join; the batches of nodeHashjoin.c, which keep the first partition in memory
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from services.sqldb.executor.spill import (
    HASH_ENTRY_BYTES,
    MAX_LEVEL,
    Partitions,
    SpilledRows,
    SpillFile,
    holds_versions,
    rows_in_memory,
)
from services.sqldb.plan.nodes import JoinKind as Kind

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution

Pair = tuple[tuple, tuple]
KeyOf = Callable[[tuple], object]


@dataclass(frozen=True, slots=True)
class HashedJoin:
    """What stays the same for all partitions. A key of None is equal to nothing.

    `match` says of a pair with equal keys whether the rest of the condition is true.
    """

    run: Execution
    kind: Kind
    match: Callable[[tuple, tuple], object] | None
    left_key: KeyOf
    right_key: KeyOf
    no_left: tuple
    no_right: tuple

    def pairs(self, left: Iterable[tuple], right: Iterable[tuple], level: int = 0) -> Iterator:
        """Pairs (left row, right row); of SEMI and ANTI, (left row, anything)."""
        right = iter(right)
        limit_bytes = self.run.work_mem_bytes
        rows, is_all = rows_in_memory(right, limit_bytes, HASH_ENTRY_BYTES)
        if is_all:
            return self._probed(left, rows)
        if level >= MAX_LEVEL:
            return self._piece_by_piece(left, rows, right)
        left = iter(left)
        first = list(islice(left, 1))
        if first and holds_versions(first[0]):
            rows.extend(right)
            return self._probed(chain(first, left), rows)
        left = chain(first, left)
        return self._partitioned(left, chain(rows, right), level)

    def _table(self, rows: Iterable[tuple]) -> dict[object, list]:
        """Rows by key; under FULL each with a mark whether anybody has met it."""
        table: dict[object, list] = {}
        key_of = self.right_key
        is_full = self.kind is Kind.FULL
        for row in rows:
            key = key_of(row)
            if key is not None or is_full:
                item = [row, False] if is_full else row
                if (bucket := table.get(key)) is None:
                    table[key] = [item]
                else:
                    bucket.append(item)
        return table

    def _probed(self, left: Iterable[tuple], rows: list[tuple]) -> Iterator[Pair]:
        table = self._table(rows)
        if self.run.instruments is not None:
            self.run.instruments.note_hash(table)
        rows.clear()
        if self.kind is Kind.FULL:
            return self._probed_fully(left, table)
        return _PROBES[self.kind](self, left, table)

    def _inner(self, left: Iterable[tuple], table: dict) -> Iterator[Pair]:
        get, key_of, match = table.get, self.left_key, self.match
        for row in left:
            for other in get(key_of(row), ()):
                if match is None or match(row, other):
                    yield row, other

    def _outer(self, left: Iterable[tuple], table: dict) -> Iterator[Pair]:
        get, key_of, match, no_right = table.get, self.left_key, self.match, self.no_right
        for row in left:
            is_met = False
            for other in get(key_of(row), ()):
                if match is None or match(row, other):
                    is_met = True
                    yield row, other
            if not is_met:
                yield row, no_right

    def _exists(self, left: Iterable[tuple], table: dict) -> Iterator[Pair]:
        get, key_of, match, no_right = table.get, self.left_key, self.match, self.no_right
        wanted = self.kind is Kind.SEMI
        for row in left:
            bucket = get(key_of(row), ())
            if match is not None:
                bucket = any(match(row, other) for other in bucket)
            if bool(bucket) is wanted:
                yield row, no_right

    def _probed_fully(self, left: Iterable[tuple], table: dict) -> Iterator[Pair]:
        """In the end those right rows that nobody has met."""
        match, no_left = self.match, self.no_left
        for row in left:
            is_met = False
            key = self.left_key(row)
            for entry in () if key is None else table.get(key, ()):
                if match is None or match(row, entry[0]):
                    entry[1] = is_met = True
                    yield row, entry[0]
            if not is_met:
                yield row, self.no_right
        for bucket in table.values():
            for row, is_met in bucket:
                if not is_met:
                    yield no_left, row

    def _partitioned(self, left: Iterable, right: Iterable, level: int) -> Iterator[Pair]:
        file = SpillFile(self.run)
        try:
            rights, lefts = Partitions(file, level), Partitions(file, level)
            rights.add_all(right, self.right_key)
            lefts.add_all(left, self.left_key)
            total = sum(part.count for part in rights.parts)
            for one, other in zip(lefts.parts, rights.parts, strict=True):
                # All in one: it is the same key, and will not fall apart.
                yield from self.pairs(one, other, MAX_LEVEL if other.count == total else level + 1)
        finally:
            file.close()

    def _piece_by_piece(self, left: SpilledRows, rows: list, rest: Iterator) -> Iterator[Pair]:
        """Many right rows with the same key: as many at a time as fit."""
        met = bytearray(left.count)
        is_all = False
        is_exists = self.kind in (Kind.SEMI, Kind.ANTI)
        while rows:
            table = self._table(rows)
            if self.run.instruments is not None:
                self.run.instruments.note_hash(table)
            yield from self._piece(left, table, met, is_exists=is_exists)
            if self.kind is Kind.FULL:
                for bucket in table.values():
                    yield from ((self.no_left, row) for row, is_met in bucket if not is_met)
            if is_all:
                break
            rows, is_all = rows_in_memory(rest, self.run.work_mem_bytes, HASH_ENTRY_BYTES)
        if self.kind is not Kind.INNER:
            wanted = self.kind is Kind.SEMI
            for place, row in enumerate(left):
                if bool(met[place]) is wanted:
                    yield row, self.no_right

    def _piece(
        self, left: SpilledRows, table: dict, met: bytearray, *, is_exists: bool
    ) -> Iterator[Pair]:
        """All left rows against one piece; `met` tells which have found something so far."""
        match, is_full = self.match, self.kind is Kind.FULL
        for place, row in enumerate(left):
            if is_exists and met[place]:
                continue
            key = self.left_key(row)
            for item in () if key is None else table.get(key, ()):
                other = item[0] if is_full else item
                if match is None or match(row, other):
                    met[place] = True
                    if is_exists:
                        break
                    if is_full:
                        item[1] = True
                    yield row, other


_PROBES = {
    Kind.INNER: HashedJoin._inner,
    Kind.LEFT: HashedJoin._outer,
    Kind.SEMI: HashedJoin._exists,
    Kind.ANTI: HashedJoin._exists,
}


def hash_joined(
    run: Execution, left: Iterable, right: Iterable, match: Callable | None,
    left_key: KeyOf, right_key: KeyOf, left_width: int, right_width: int, kind: Kind,
) -> Iterator[Pair]:  # fmt: skip
    no_left, no_right = (None,) * left_width, (None,) * right_width
    join = HashedJoin(run, kind, match, left_key, right_key, no_left, no_right)
    return join.pairs(run.paced(left), run.paced(right))

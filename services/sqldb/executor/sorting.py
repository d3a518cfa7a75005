"""Sorting rows: in memory, or, above work_mem, in runs on disk that are merged.

Python's sort is stable, so ORDER BY a, b DESC is two sorts, the last key first, and equal
directions go together in one: comparing tuples of plain values is much faster than objects that
compare themselves. Merging needs one key for all: there `Descending` turns a value round.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.executor.spill import (
    STEP_ROWS,
    SpilledRows,
    SpillFile,
    row_bytes,
    rows_in_memory,
    rows_that_fit,
)
from services.sqldb.piecewise_sort import PIECE_ROWS, sort_in_pieces
from services.sqldb.storage.index_key import Descending

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution

# Above so many rows a sort of all is as fast as a heap of the best.
TOP_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """One sort key: an item of the row."""

    place: int
    nullable: bool
    is_descending: bool
    nulls_first: bool
    sort_key: Callable | None


class Order:
    """The order of rows by several parts."""

    def __init__(self, parts: list[Part]):
        self.parts = parts

    @cached_property
    def passes(self) -> list[tuple[Callable, bool]]:
        """(key, reverse) of the sorts, the least significant first."""
        groups: list[list[Part]] = []
        for part in self.parts:
            if groups and groups[-1][0].is_descending == part.is_descending:
                groups[-1].append(part)
            else:
                groups.append([part])
        return [(_key(group), group[0].is_descending) for group in reversed(groups)]

    @cached_property
    def merge_key(self) -> Callable:
        """One key for the whole order, ascending."""
        parts = [_one_key(part) for part in self.parts]
        flags = [part.is_descending for part in self.parts]

        def key(row: tuple) -> tuple:
            return tuple(
                [Descending(p(row)) if d else p(row) for p, d in zip(parts, flags, strict=True)]
            )

        return key

    @cached_property
    def equal_key(self) -> Callable:
        """What rows have in common that the order doesn't tell from each other."""
        return self.passes[0][0] if len(self.passes) == 1 else self.merge_key

    def sort(self, rows: list, check: Callable[[], None] = lambda: None) -> None:
        """In place, and stable. Many rows are sorted in pieces: see `sort_in_pieces`."""
        for key, reverse in self.passes:
            if len(rows) <= PIECE_ROWS:
                rows.sort(key=key, reverse=reverse)
                continue
            if reverse:
                # What is equal shall stay in its order when all is turned round.
                rows.reverse()
            sort_in_pieces(rows, key, check)
            if reverse:
                rows.reverse()


def _one_key(part: Part) -> Callable:
    """(is null, value), so that NULL never meets a value; just the value where there is no NULL."""
    place, sort_key = part.place, part.sort_key
    if not part.nullable:
        return itemgetter(place) if sort_key is None else lambda row: sort_key(row[place])
    # Under `reverse` the greater comes first, so there the flag means the opposite.
    if part.nulls_first != part.is_descending:
        if sort_key is None:
            return lambda row: ((value := row[place]) is not None, value)
        return lambda row: (False, None) if (v := row[place]) is None else (True, sort_key(v))
    if sort_key is None:
        return lambda row: ((value := row[place]) is None, value)
    return lambda row: (True, None) if (v := row[place]) is None else (False, sort_key(v))


def _key(group: list[Part]) -> Callable:
    if len(group) == 1:
        return _one_key(group[0])
    if not any(part.nullable or part.sort_key for part in group):
        return itemgetter(*(part.place for part in group))
    keys = [_one_key(part) for part in group]
    if len(keys) == 2:
        first, second = keys
        return lambda row: (first(row), second(row))
    return lambda row: tuple([key(row) for key in keys])


def sorted_rows(run: Execution, rows: Iterable, order: Order) -> Iterator:
    """All rows in order; runs that do not fit into work_mem are written out and merged."""
    rows = iter(rows)
    chunk, is_all = rows_in_memory(rows, run.work_mem_bytes)
    if is_all:
        order.sort(chunk, run.check)
        if run.instruments is not None:
            run.instruments.note_sort("quicksort", sum(map(row_bytes, chunk)))
        return iter(chunk)
    return _merged(run, chunk, rows, order)


def _merged(run: Execution, chunk: list, rows: Iterator, order: Order) -> Iterator:
    file = SpillFile(run)
    runs = []
    try:
        while chunk:
            order.sort(chunk, run.check)
            runs.append(SpilledRows(file))
            runs[-1].extend(chunk)
            chunk, _ = rows_in_memory(rows, run.work_mem_bytes)
        if run.instruments is not None:
            run.instruments.note_sort("external merge", file.size_bytes, "Disk")
        yield from heapq.merge(*runs, key=order.merge_key)
    finally:
        file.close()


class RowSorter:
    """The same for rows that are handed in one by one."""

    __slots__ = ("_chunk", "_file", "_limit", "_order", "_run", "_runs")

    def __init__(self, run: Execution, order: Order):
        self._run = run
        self._order = order
        self._chunk: list[tuple] = []
        self._limit = STEP_ROWS
        self._runs: list[SpilledRows] = []
        self._file: SpillFile | None = None

    def append(self, row: tuple) -> None:
        self._chunk.append(row)
        if len(self._chunk) >= self._limit:
            fitting = rows_that_fit(self._chunk, self._run.work_mem_bytes)
            if fitting > len(self._chunk):
                self._limit = min(fitting, 2 * len(self._chunk))
            else:
                self._write()

    def _write(self) -> None:
        if self._file is None:
            self._file = SpillFile(self._run)
        self._order.sort(self._chunk, self._run.check)
        self._runs.append(SpilledRows(self._file))
        self._runs[-1].extend(self._chunk)
        self._chunk = []

    def rows(self) -> Iterator[tuple]:
        """Those that have come, in order; from here on others may."""
        chunk, runs, file = self._chunk, self._runs, self._file
        self._chunk, self._runs, self._file = [], [], None
        self._order.sort(chunk, self._run.check)
        return iter(chunk) if file is None else self._merged(chunk, runs, file)

    def _merged(self, chunk: list, runs: list, file: SpillFile) -> Iterator[tuple]:
        try:
            yield from heapq.merge(*runs, chunk, key=self._order.merge_key)
        finally:
            file.close()


def top_rows(
    run: Execution, rows: Iterable, order: Order, limit: int | None, offset: int | None
) -> Iterator:
    """The first rows of the order, without sorting the rest."""
    count, skipped = checked_limits(limit, offset)
    if count is None or count + skipped > TOP_ROWS:
        return islice(
            sorted_rows(run, rows, order), skipped, None if count is None else skipped + count
        )
    if not count:
        return iter(())
    wanted = count + skipped
    if len(order.passes) == 1:
        key, reverse = order.passes[0]
        choose = heapq.nlargest if reverse else heapq.nsmallest
        best = choose(wanted, rows, key=key)
    else:
        best = heapq.nsmallest(wanted, rows, key=order.merge_key)
    if run.instruments is not None:
        run.instruments.note_sort("top-N heapsort", sum(map(row_bytes, best)))
    return islice(best, skipped, None)


def checked_limits(limit: int | None, offset: int | None) -> tuple[int | None, int]:
    """NULL is no limit; negative numbers are errors."""
    if offset is not None and offset < 0:
        raise SqlError(errors.INVALID_ROW_COUNT_IN_OFFSET, "OFFSET must not be negative")
    if limit is not None and limit < 0:
        raise SqlError(errors.INVALID_ROW_COUNT_IN_LIMIT, "LIMIT must not be negative")
    return limit, offset or 0


def limited(rows: Iterator, limit: int | None, offset: int | None) -> Iterator:
    count, skipped = checked_limits(limit, offset)
    return islice(rows, skipped, None if count is None else skipped + count)


def limited_with_ties(
    rows: Iterator, order: Order, limit: int | None, offset: int | None
) -> Iterator:
    """FETCH FIRST n ROWS WITH TIES: as well those that are equal to the last one in order."""
    count, skipped = checked_limits(limit, offset)
    rows = islice(rows, skipped, None)
    if count is None:
        yield from rows
        return
    key, last = order.merge_key, None
    for number, row in enumerate(rows):
        if number >= count and (not count or key(row) != last):
            return
        if number == count - 1:
            last = key(row)
        yield row

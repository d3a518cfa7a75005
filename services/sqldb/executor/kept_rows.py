"""Rows that are read more than once: in memory, or, above work_mem, in a file.

    Materialize (the right side of a nested loop)   KeptRows, read from the start for each left row
    a partition of a window                         KeptRows, read at any place
    WITH that several read                          SharedRows, made as far as somebody reads

# Real: tuplestore.c
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from services.sqldb.executor.spill import (
    BLOCK_ROWS,
    STEP_ROWS,
    SpilledRows,
    SpillFile,
    holds_versions,
    rows_that_fit,
)

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution

BLOCKS_AT_HAND = 8
"""Those read last: for functions that look at rows before and behind the current one."""


class KeptRows:
    """Rows in order. They may be read while more are appended."""

    __slots__ = ("_at_hand", "_file", "_limit", "_memory", "_run", "_spilled")

    def __init__(self, run: Execution, rows: Iterable[tuple] = ()):
        self._run = run
        self._memory: list[tuple] = []
        # How many there may be in memory: asked again each time that so many are there.
        self._limit = STEP_ROWS
        self._file: SpillFile | None = None
        self._spilled: SpilledRows | None = None
        self._at_hand: dict[int, list[tuple]] = {}
        self.extend(rows)

    def append(self, row: tuple) -> None:
        if self._spilled is not None:
            self._spilled.append(row)
            return
        self._memory.append(row)
        if len(self._memory) >= self._limit:
            self._grow()

    def extend(self, rows: Iterable[tuple]) -> None:
        rows = iter(rows)
        while self._spilled is None:
            room = self._limit - len(self._memory)
            self._memory.extend(islice(rows, room))
            if len(self._memory) < self._limit:
                return
            self._grow()
        self._spilled.extend(rows)

    def _grow(self) -> None:
        memory = self._memory
        if holds_versions(memory[0]):
            self._limit = sys.maxsize
            return
        fitting = rows_that_fit(memory, self._run.work_mem_bytes)
        if fitting > len(memory):
            self._limit = min(fitting, 2 * len(memory))
            return
        self._file = SpillFile(self._run)
        self._spilled = SpilledRows(self._file)
        self._spilled.extend(memory)
        self._memory = []

    def __len__(self) -> int:
        return len(self._memory) if self._spilled is None else self._spilled.count

    def __getitem__(self, place: int) -> tuple:
        if self._spilled is None:
            return self._memory[place]
        number, at = divmod(place, BLOCK_ROWS)
        block = self._at_hand.get(number)
        if block is None:
            block = self._spilled.block(number)
            if len(self._at_hand) >= BLOCKS_AT_HAND:
                del self._at_hand[next(iter(self._at_hand))]
            self._at_hand[number] = block
        return block[at]

    def pieces(self, start: int = 0) -> Iterable[list[tuple]]:
        """All rows from a place on, some at a time, with a look at the interrupts before each."""
        if len(self._memory) <= self._run.batch_rows and not start and self._spilled is None:
            self._run.check()
            return (self._memory,)
        return self._pieces(start)

    def _pieces(self, place: int) -> Iterator[list[tuple]]:
        check, size = self._run.check, self._run.batch_rows
        while place < len(self):
            check()
            if self._spilled is None:
                piece = self._memory[place : place + size]
            else:
                number, skipped = divmod(place, BLOCK_ROWS)
                piece = self._spilled.block(number)[skipped:]
            yield piece
            place += len(piece)

    def __iter__(self) -> Iterator[tuple]:
        for piece in self.pieces():
            yield from piece

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class SharedRows:
    """The rows of a WITH query: computed as far as somebody reads them, and kept for the others."""

    __slots__ = ("_kept", "_rows")

    def __init__(self, run: Execution, rows: Iterator[tuple]):
        self._rows = rows
        self._kept = KeptRows(run)
        run.at_end(self.close)

    def __iter__(self) -> Iterator[tuple]:
        kept, place = self._kept, 0
        while True:
            for piece in kept.pieces(place):
                yield from piece
                place += len(piece)
            for row in self._rows:
                kept.append(row)
                place += 1
                yield row
                if place < len(kept):
                    break  # Meanwhile another reader was ahead.
            else:
                if place == len(kept):
                    return

    def complete(self) -> None:
        """Run it to its end: a query that changes data does so whether it is read or not."""
        self._kept.extend(self._rows)

    def close(self) -> None:
        self._rows.close()
        self._kept.close()

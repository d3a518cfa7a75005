"""Rows that do not fit into work_mem go to temporary files.

An operator that runs out of memory opens a `SpillFile` and puts rows into it by the block: sorted
runs (`SpilledRows`), or partitions of a hash (`Partitions`), which are read back one after another.

    SpillFile   ┌────────┬────────┬────────┬────────┬───
                │ part 3 │ part 0 │ part 3 │ part 7 │        a list of places for each partition
                └────────┴────────┴────────┴────────┴───

The file has no name, so that it is gone with the process, however that ends; the operator closes it
when it is done, given up or failed. Its bytes are read by the process that wrote them: so a block
of plain values is what Python's own `marshal` makes of it (0.2 µs a row), others are in the
encoding of the write-ahead log (2 µs and more).

Memory is counted by samples: what an average row takes, times the rows.
# Real: buffile.c, logtape.c, and the batches of nodeHash.c
"""

from __future__ import annotations

import marshal
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from sys import getsizeof
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.storage.files import SPILL_PREFIX
from services.sqldb.storage.row_codec import decode_row, encode_row
from services.sqldb.transactions.mvcc import Version

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution

SAMPLE_ROWS = 64
STEP_ROWS = 256
BLOCK_ROWS = 64
FAN_OUT = 16
"""How many partitions a hash that is too large is cut into, at each step."""
MAX_LEVEL = 5
"""How often a partition that is still too large is cut again."""
POINTER_BYTES = 8
HASH_ENTRY_BYTES = 160
"""What a row costs in a hash table besides itself: its place in the dict and a list of one."""


def value_bytes(value: object) -> int:
    """About how much memory a value takes."""
    if type(value) is tuple or type(value) is list:
        return getsizeof(value) + sum(map(value_bytes, value))
    return getsizeof(value)


def row_bytes(row: tuple) -> int:
    """Numbers are often shared, and whole rows with their table, so this is rather too much."""
    return getsizeof(row) + sum(map(getsizeof, row))


def holds_versions(row: tuple) -> bool:
    """Stored rows themselves, on their way to UPDATE or FOR UPDATE, cannot leave the memory."""
    return any(isinstance(value, Version) for value in row)


def rows_in_memory(rows: Iterator, limit_bytes: int, extra_bytes: int = 0) -> tuple[list, bool]:
    """As many rows as fit, and whether these were all. The size is judged by samples.

    `extra_bytes`: what each takes in the structure that they are for.
    """
    chunk = list(islice(rows, STEP_ROWS))
    if len(chunk) < STEP_ROWS:
        return chunk, True
    if holds_versions(chunk[0]):
        chunk.extend(rows)
        return chunk, True
    used = 0
    place = 0
    while True:
        sample = chunk[place :: max(1, (len(chunk) - place) // SAMPLE_ROWS)]
        average = extra_bytes + sum(map(row_bytes, sample)) / len(sample)
        used += int(average * (len(chunk) - place))
        place = len(chunk)
        if used >= limit_bytes:
            return chunk, False
        fitting = int((limit_bytes - used) / average) + 1
        step = min(fitting, max(STEP_ROWS, place))
        chunk.extend(islice(rows, step))
        if len(chunk) < place + step:
            return chunk, True


def rows_that_fit(rows: list, limit_bytes: int) -> int:
    """How many rows like these."""
    sample = rows[:: max(1, len(rows) // SAMPLE_ROWS)]
    return int(limit_bytes / (POINTER_BYTES + sum(map(row_bytes, sample)) / len(sample)))


def table_bytes(table: dict | set) -> int:
    """About how much memory a hash table takes with what is in it."""
    sample = list(islice(table.items() if isinstance(table, dict) else table, SAMPLE_ROWS))
    average = HASH_ENTRY_BYTES + sum(map(value_bytes, sample)) / max(1, len(sample))
    return int(average * len(table))


class Room:
    """How many entries a table may have: asked again each time that so many are there.

    At the last level there is always room: what has come so far will not fall apart.
    """

    __slots__ = ("_is_full", "_limit_bytes", "entries", "level")

    def __init__(self, run: Execution, level: int = 0):
        self._limit_bytes = run.work_mem_bytes
        self._is_full = False
        self.level = level
        self.entries = STEP_ROWS if level < MAX_LEVEL else sys.maxsize

    def grow(self, table: dict | set) -> int:
        """The number of entries at which to ask again; 0: there is no more room."""
        if self._is_full:
            return 0
        count = len(table)
        fitting = int(self._limit_bytes * count / max(1, table_bytes(table)))
        self._is_full = fitting <= count
        return 0 if self._is_full else min(fitting, 2 * max(count, STEP_ROWS))


Place = tuple[int, int]


class SpillFile:
    """Blocks of rows in one temporary file, each known by where it stands.

    `check` is called for every block: whoever waits for the disk can be cancelled.
    """

    def __init__(self, run: Execution):
        self._check = run.check
        self._file = tempfile.TemporaryFile(  # noqa: SIM115 (closed by the operator)
            prefix=SPILL_PREFIX, dir=run.spill_directory, buffering=0
        )
        self._end = 0

    @property
    def size_bytes(self) -> int:
        return self._end

    def write(self, rows: list) -> Place:
        """Raises SqlError 53100."""
        self._check()
        data = encode_block(rows)
        place = self._end, len(data)
        try:
            written = os.pwrite(self._file.fileno(), data, self._end)
        except OSError as error:
            raise _disk_full(error.strerror) from error
        if written < len(data):
            raise _disk_full("No space left on device")
        self._end += len(data)
        return place

    def read(self, place: Place) -> list:
        self._check()
        offset, size = place
        return decode_block(os.pread(self._file.fileno(), size, offset))

    def close(self) -> None:
        self._file.close()


def _disk_full(reason: str) -> SqlError:
    return SqlError(errors.DISK_FULL, f"could not write to temporary file: {reason}")


def encode_block(rows: list) -> bytes:
    try:
        return b"m" + marshal.dumps(rows)
    except ValueError:
        # A value of a class of ours: Decimal, Interval, Jsonb …
        return b"r" + b"".join(map(encode_row, rows))


def decode_block(data: bytes) -> list:
    if data[:1] == b"m":
        # Our own bytes, from a file that nobody else can open.
        return marshal.loads(memoryview(data)[1:])  # noqa: S302
    rows, offset = [], 1
    while offset < len(data):
        row, offset = decode_row(data, offset)
        rows.append(row)
    return rows


class SpilledRows:
    """Rows in a file, in order; read as often as one likes, once they are all there."""

    __slots__ = ("_block", "_file", "_places", "count")

    def __init__(self, file: SpillFile):
        self._file = file
        self._places: list[Place] = []
        self._block: list[tuple] = []
        self.count = 0

    def append(self, row: tuple) -> None:
        self._block.append(row)
        self.count += 1
        if len(self._block) >= BLOCK_ROWS:
            self._write()

    def extend(self, rows: Iterable[tuple]) -> None:
        for row in rows:
            self.append(row)

    def _write(self) -> None:
        self._places.append(self._file.write(self._block))
        self._block = []

    def block(self, number: int) -> list[tuple]:
        """The rows from number * BLOCK_ROWS on."""
        if number < len(self._places):
            return self._file.read(self._places[number])
        return self._block

    def __iter__(self) -> Iterator[tuple]:
        for place in self._places:
            yield from self._file.read(place)
        yield from self._block


def partition_of(key: object, level: int) -> int:
    return hash((level, key)) % FAN_OUT


class Partitions:
    """Rows by the hash of their key: rows with the same key are in the same partition.

    `level` is mixed into the hash, so that a partition that is cut again falls apart.
    """

    __slots__ = ("_level", "parts")

    def __init__(self, file: SpillFile, level: int):
        self._level = level
        self.parts = [SpilledRows(file) for _ in range(FAN_OUT)]

    def of(self, key: object) -> SpilledRows:
        return self.parts[hash((self._level, key)) % FAN_OUT]

    def add(self, key: object, row: tuple) -> None:
        self.parts[hash((self._level, key)) % FAN_OUT].append(row)

    def add_all(self, rows: Iterable[tuple], key: Callable[[tuple], object]) -> None:
        for row in rows:
            self.add(key(row), row)

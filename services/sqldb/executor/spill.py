"""Rows that do not fit into work_mem go to temporary files.

A file holds rows one after another in the encoding of the write-ahead log; it has no name, so that
it is gone with the process, however that ends. # Real: buffile.c, logtape.c
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from sys import getsizeof

from services.sqldb.storage.row_codec import decode_row, encode_row

SAMPLE_ROWS = 64
STEP_ROWS = 256


def row_bytes(row: tuple) -> int:
    """About how much memory a row takes. Numbers are often shared, so this is rather too much."""
    return getsizeof(row) + sum(getsizeof(value) for value in row)


def rows_in_memory(rows: Iterator, limit_bytes: int) -> tuple[list, bool]:
    """As many rows as fit, and whether these were all. The size is judged by samples."""
    chunk = list(islice(rows, STEP_ROWS))
    if len(chunk) < STEP_ROWS:
        return chunk, True
    used = 0
    place = 0
    while True:
        sample = chunk[place :: max(1, (len(chunk) - place) // SAMPLE_ROWS)]
        average = sum(map(row_bytes, sample)) / len(sample)
        used += int(average * (len(chunk) - place))
        place = len(chunk)
        if used >= limit_bytes:
            return chunk, False
        fitting = int((limit_bytes - used) / average) + 1
        step = min(fitting, max(STEP_ROWS, place))
        chunk.extend(islice(rows, step))
        if len(chunk) < place + step:
            return chunk, True


class SpilledRows:
    """Rows in a temporary file, to be read once or several times, in order."""

    def __init__(self, rows: list[tuple] = ()):
        self._file = tempfile.TemporaryFile(prefix="sqldb-spill-")  # noqa: SIM115
        self.count = 0
        for row in rows:
            self.append(row)

    def append(self, row: tuple) -> None:
        data = encode_row(row)
        self._file.write(len(data).to_bytes(4, "little"))
        self._file.write(data)
        self.count += 1

    def __iter__(self) -> Iterator[tuple]:
        self._file.flush()
        self._file.seek(0)
        while head := self._file.read(4):
            yield decode_row(self._file.read(int.from_bytes(head, "little")))[0]

    def close(self) -> None:
        self._file.close()

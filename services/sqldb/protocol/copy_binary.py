"""COPY in binary format: a signature, rows as lengths and bytes, a row of -1 columns at the end.

    "PGCOPY\\n\\xff\\r\\n\\0" · flags i32 · length of the extension i32
    columns i16 · (length i32, -1 is NULL · bytes) …          once per row
    -1 i16
# Source: PostgreSQL 15, reference page of COPY, "Binary Format".
"""

import struct
from collections.abc import Iterator, Sequence

from services.sqldb.errors import BAD_COPY_FILE_FORMAT, SqlError

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)

_SHORT = struct.Struct(">h")
_INT = struct.Struct(">i")
_HEAD_BYTES = len(SIGNATURE) + 8
_HAS_OIDS = 1 << 16


class CopyBinaryDecoder:
    """Bytes → rows of bytes; NULL is None."""

    def __init__(self) -> None:
        self._buffer = b""
        self._is_begun = False
        self.is_ended = False
        self.line = 0

    def receive_data(self, data: bytes) -> None:
        self._buffer += data

    def rows(self, is_last: bool = False) -> Iterator[list[bytes | None]]:
        position = 0
        if not self._is_begun:
            position = self._read_header()
            if not position:
                if is_last:
                    raise SqlError(BAD_COPY_FILE_FORMAT, "COPY file signature not recognized")
                return
        while not self.is_ended:
            found = self._read_row(position)
            if found is None:
                break
            row, position = found
            if row is not None:
                self.line += 1
                yield row
        self._buffer = self._buffer[position:]
        if is_last and not self.is_ended and self._buffer:
            raise SqlError(BAD_COPY_FILE_FORMAT, "unexpected EOF in COPY data")

    def _read_header(self) -> int:
        buffer = self._buffer
        if not buffer.startswith(SIGNATURE[: len(buffer)]):
            raise SqlError(BAD_COPY_FILE_FORMAT, "COPY file signature not recognized")
        if len(buffer) < _HEAD_BYTES:
            return 0
        flags, extension = struct.unpack_from(">ii", buffer, len(SIGNATURE))
        if flags & _HAS_OIDS:
            raise SqlError(BAD_COPY_FILE_FORMAT, "invalid COPY file header (WITH OIDS)")
        if flags >> 16 or extension < 0:
            raise SqlError(BAD_COPY_FILE_FORMAT, "unrecognized critical flags in COPY file header")
        if len(buffer) < _HEAD_BYTES + extension:
            return 0
        self._is_begun = True
        return _HEAD_BYTES + extension

    def _read_row(self, position: int) -> tuple[list[bytes | None] | None, int] | None:
        """A row and where it ends; no row at the trailer; None: more data is needed."""
        buffer, end = self._buffer, len(self._buffer)
        if position + 2 > end:
            return None
        (count,) = _SHORT.unpack_from(buffer, position)
        position += 2
        if count == -1:
            self.is_ended = True
            return None, position
        if count < 0:
            raise SqlError(BAD_COPY_FILE_FORMAT, f"row field count is {count}, expected a positive")
        row: list[bytes | None] = []
        for _ in range(count):
            if position + 4 > end:
                return None
            (length,) = _INT.unpack_from(buffer, position)
            position += 4
            if length == -1:
                row.append(None)
                continue
            if length < 0:
                raise SqlError(BAD_COPY_FILE_FORMAT, "invalid field size")
            if position + length > end:
                return None
            row.append(buffer[position : position + length])
            position += length
        return row, position


def encode_row(columns: Sequence[bytes | None]) -> bytes:
    parts = [_SHORT.pack(len(columns))]
    for column in columns:
        if column is None:
            parts.append(_INT.pack(-1))
        else:
            parts.append(_INT.pack(len(column)))
            parts.append(column)
    return b"".join(parts)

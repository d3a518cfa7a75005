"""What stands in a record of the log, and in one of a checkpoint: changes, in their order.

    change   kind u8 · oid u32 · …

    p   put: row id u64 · row           the row is this from now on, whether it is new or not
    d   delete: row id u64
    t   truncate                        the table is empty
    x   drop                            the table is gone
    s   sequence: a row (last value, is called)
    n   next: xid u64                   all xids from here on are unused; first in each commit
    e   end: rows u64                   of a checkpoint: how many rows it has

What is written is the effect, not the command, and by the place of the row: so replay computes
nothing, needs no index, and doing it twice is the same as doing it once. Table definitions are rows
of the catalog's own table, and come back as rows do.
# Real: the heap's records in heapam_xlog.h, also by page and place.
"""

import struct
from collections.abc import Iterator

from services.sqldb.storage.row_codec import decode_row, encode_row

PUT, DELETE, TRUNCATE, DROP, SEQUENCE, NEXT, END = b"pdtxsne"

_HEAD = struct.Struct(">BI")
_PLACE = struct.Struct(">BIQ")
_ROW_ID = struct.Struct(">Q")

Change = tuple[int, int, int, tuple | None]
"""Kind, oid, row id (or the number of n and e), and the values of a row."""


def encode_put(oid: int, row_id: int, values: tuple) -> bytes:
    return _PLACE.pack(PUT, oid, row_id) + encode_row(values)


def encode_delete(oid: int, row_id: int) -> bytes:
    return _PLACE.pack(DELETE, oid, row_id)


def encode_truncate(oid: int) -> bytes:
    return _HEAD.pack(TRUNCATE, oid)


def encode_drop(oid: int) -> bytes:
    return _HEAD.pack(DROP, oid)


def encode_sequence(oid: int, last_value: int, is_called: bool) -> bytes:
    return _HEAD.pack(SEQUENCE, oid) + encode_row((last_value, is_called))


def encode_next(xid: int) -> bytes:
    return _PLACE.pack(NEXT, 0, xid)


def encode_end(rows: int) -> bytes:
    return _PLACE.pack(END, 0, rows)


def decode_changes(payload: bytes) -> Iterator[Change]:
    """Raises ValueError where it isn't what was encoded."""
    position = 0
    while position < len(payload):
        try:
            kind, oid = _HEAD.unpack_from(payload, position)
            position += _HEAD.size
            row_id, values = 0, None
            if kind in (PUT, DELETE, NEXT, END):
                row_id = _ROW_ID.unpack_from(payload, position)[0]
                position += _ROW_ID.size
        except struct.error as error:
            raise ValueError(str(error)) from error
        if kind in (PUT, SEQUENCE):
            values, position = decode_row(payload, position)
        elif kind not in (DELETE, TRUNCATE, DROP, NEXT, END):
            raise ValueError(f"unknown kind {kind}")
        yield kind, oid, row_id, values

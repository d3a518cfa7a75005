"""What the server says: each function gives the bytes of one message. Rows: see `data_rows`."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.sqldb.errors import SqlError

_HEAD = struct.Struct(">cI")
_COLUMN = struct.Struct(">IhIhih")

TEXT, BINARY = 0, 1


def _message(letter: bytes, body: bytes = b"") -> bytes:
    return _HEAD.pack(letter, len(body) + 4) + body


def _text(value: str) -> bytes:
    # A zero would end the string early, and what follows would be read as something else.
    return value.replace("\0", "").encode("utf-8", "surrogateescape") + b"\0"


REFUSE_ENCRYPTION = b"N"
ACCEPT_TLS = b"S"

PARSE_COMPLETE = _message(b"1")
BIND_COMPLETE = _message(b"2")
CLOSE_COMPLETE = _message(b"3")
NO_DATA = _message(b"n")
PORTAL_SUSPENDED = _message(b"s")
EMPTY_QUERY_RESPONSE = _message(b"I")
COPY_DONE = _message(b"c")
AUTHENTICATION_OK = _message(b"R", struct.pack(">I", 0))


def authentication_sasl(mechanisms: Sequence[str]) -> bytes:
    return _message(b"R", struct.pack(">I", 10) + b"".join(map(_text, mechanisms)) + b"\0")


def authentication_sasl_continue(data: str) -> bytes:
    return _message(b"R", struct.pack(">I", 11) + data.encode())


def authentication_sasl_final(data: str) -> bytes:
    return _message(b"R", struct.pack(">I", 12) + data.encode())


def negotiate_protocol_version(unknown_options: Sequence[str]) -> bytes:
    body = struct.pack(">II", 0, len(unknown_options)) + b"".join(map(_text, unknown_options))
    return _message(b"v", body)


def parameter_status(name: str, value: str) -> bytes:
    return _message(b"S", _text(name) + _text(value))


def backend_key_data(process_id: int, secret_key: int) -> bytes:
    return _message(b"K", struct.pack(">II", process_id, secret_key))


READY_FOR_QUERY = {status: _message(b"Z", status.encode()) for status in "ITE"}
"""By status: I idle, T in a transaction, E in a failed one."""


@lru_cache(maxsize=256)
def command_complete(tag: str) -> bytes:
    return _message(b"C", _text(tag))


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One column of RowDescription."""

    name: str
    table_oid: int
    attribute: int
    type_oid: int
    type_length: int
    typmod: int
    format: int = TEXT


def row_description(columns: Sequence[FieldDescription]) -> bytes:
    parts = [struct.pack(">H", len(columns))]
    for one in columns:
        parts.append(_text(one.name))
        parts.append(
            _COLUMN.pack(
                one.table_oid,
                one.attribute,
                one.type_oid,
                one.type_length,
                one.typmod,
                one.format,
            )
        )
    return _message(b"T", b"".join(parts))


def parameter_description(type_oids: Sequence[int]) -> bytes:
    count = len(type_oids)
    return _message(b"t", struct.pack(f">H{count}I", count, *type_oids))


def error_response(error: SqlError, sql: str = "") -> bytes:
    return _message(b"E", _fields(error, sql))


def notice_response(notice: SqlError) -> bytes:
    return _message(b"N", _fields(notice, ""))


def _fields(error: SqlError, sql: str) -> bytes:
    fields = [
        ("S", error.severity),
        ("V", error.severity),
        ("C", error.sqlstate),
        ("M", error.message),
        ("D", error.detail),
        ("H", error.hint),
        # Positions count characters of the statement from 1.
        ("P", str(error.position + 1) if error.position >= 0 and sql else ""),
        ("W", error.context),
        ("s", error.schema),
        ("t", error.table),
        ("c", error.column),
        ("d", error.datatype),
        ("n", error.constraint),
        ("R", error.routine),
    ]
    return b"".join(key.encode() + _text(value) for key, value in fields if value) + b"\0"


def notification_response(process_id: int, channel: str, payload: str) -> bytes:
    return _message(b"A", struct.pack(">I", process_id) + _text(channel) + _text(payload))


def copy_in_response(format_code: int, columns: int) -> bytes:
    return _copy_response(b"G", format_code, columns)


def copy_out_response(format_code: int, columns: int) -> bytes:
    return _copy_response(b"H", format_code, columns)


def _copy_response(letter: bytes, format_code: int, columns: int) -> bytes:
    body = struct.pack(f">BH{columns}H", format_code, columns, *[format_code] * columns)
    return _message(letter, body)


def copy_data(data: bytes) -> bytes:
    return _message(b"d", data)

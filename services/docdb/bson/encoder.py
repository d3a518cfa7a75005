"""Documents to bytes: the other half of `decoder`. A dictionary says how each type is written.

A plain int takes 32 bits where it fits and else 64; Int64 always takes 64.
"""

import struct
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from services.docdb.bson.decimal128 import encode_decimal128
from services.docdb.bson.decoder import MAX_DEPTH
from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import (
    INT32_MAX,
    INT32_MIN,
    INT64_MAX,
    INT64_MIN,
    Binary,
    Code,
    Date,
    DBPointer,
    Document,
    Int64,
    ObjectId,
    Regex,
    Special,
    Symbol,
    Timestamp,
)

_int32 = struct.Struct("<i").pack
_int64 = struct.Struct("<q").pack
_double = struct.Struct("<d").pack
_timestamp = struct.Struct("<II").pack
_binary = struct.Struct("<iB").pack

# Documents that the server itself makes (a reply around a stored document) may be deeper.
_DEPTH_OF_REPLIES = MAX_DEPTH + 100


def encode_document(document: Document, depth: int = _DEPTH_OF_REPLIES) -> bytes:
    """The bytes of a document. Raises BsonError for what BSON cannot hold."""
    if depth < 0:
        raise BsonError("the document has too many levels")
    writers = WRITERS
    try:
        body = b"".join(
            [writers[type(value)](_cstring(name), value, depth) for name, value in document.items()]
        )
    except KeyError as error:
        raise BsonError(f"BSON has no type for {error}") from None
    return _int32(len(body) + 5) + body + b"\0"


@lru_cache(maxsize=8192)
def _cstring(name: str) -> bytes:
    if "\0" in name:
        raise BsonError("the name of a field holds a zero byte")
    return name.encode() + b"\0"


def _text(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise BsonError("text is no valid Unicode") from None
    return _int32(len(data) + 1) + data + b"\0"


def _write_string(name: bytes, value: str, depth: int) -> bytes:
    return b"\x02" + name + _text(value)


def _write_int(name: bytes, value: int, depth: int) -> bytes:
    if INT32_MIN <= value <= INT32_MAX:
        return b"\x10" + name + _int32(value)
    return _write_int64(name, value, depth)


def _write_int64(name: bytes, value: int, depth: int) -> bytes:
    if not INT64_MIN <= value <= INT64_MAX:
        raise BsonError("a whole number has more than 64 bits")
    return b"\x12" + name + _int64(value)


def _write_double(name: bytes, value: float, depth: int) -> bytes:
    return b"\x01" + name + _double(value)


def _write_document(name: bytes, value: Document, depth: int) -> bytes:
    return b"\x03" + name + encode_document(value, depth - 1)


def _write_array(name: bytes, value: list, depth: int) -> bytes:
    if depth <= 0:
        raise BsonError("the document has too many levels")
    writers = WRITERS
    body = b"".join(
        [writers[type(item)](b"%d\0" % index, item, depth - 1) for index, item in enumerate(value)]
    )
    return b"\x04" + name + _int32(len(body) + 5) + body + b"\0"


def _write_bool(name: bytes, value: bool, depth: int) -> bytes:
    return b"\x08" + name + (b"\1" if value else b"\0")


def _write_null(name: bytes, value: None, depth: int) -> bytes:
    return b"\x0a" + name


def _write_object_id(name: bytes, value: ObjectId, depth: int) -> bytes:
    return b"\x07" + name + value.binary


def _write_date(name: bytes, value: Date, depth: int) -> bytes:
    return b"\x09" + name + _int64(value.ms)


def _write_binary(name: bytes, value: Binary, depth: int) -> bytes:
    data = value.data
    if value.subtype == 2:
        data = _int32(len(data)) + data
    return b"\x05" + name + _binary(len(data), value.subtype) + data


def _write_decimal(name: bytes, value: Decimal, depth: int) -> bytes:
    return b"\x13" + name + encode_decimal128(value)


def _write_regex(name: bytes, value: Regex, depth: int) -> bytes:
    if "\0" in value.pattern or "\0" in value.options:
        raise BsonError("a regular expression holds a zero byte")
    return b"\x0b%b%b\0%b\0" % (name, value.pattern.encode(), value.options.encode())


def _write_code(name: bytes, value: Code, depth: int) -> bytes:
    if value.scope is None:
        return b"\x0d" + name + _text(value.text)
    body = _text(value.text) + encode_document(value.scope, depth - 1)
    return b"\x0f" + name + _int32(len(body) + 4) + body


def _write_symbol(name: bytes, value: Symbol, depth: int) -> bytes:
    return b"\x0e" + name + _text(value.text)


def _write_db_pointer(name: bytes, value: DBPointer, depth: int) -> bytes:
    return b"\x0c" + name + _text(value.namespace) + value.id.binary


def _write_timestamp(name: bytes, value: Timestamp, depth: int) -> bytes:
    return b"\x11" + name + _timestamp(value.increment, value.time)


_SPECIAL = {Special.UNDEFINED: b"\x06", Special.MIN_KEY: b"\xff", Special.MAX_KEY: b"\x7f"}


def _write_special(name: bytes, value: Special, depth: int) -> bytes:
    return _SPECIAL[value] + name


class RawDocument(bytes):
    """A document that is already encoded, standing for itself within a reply."""

    __slots__ = ()


def _write_raw(name: bytes, value: RawDocument, depth: int) -> bytes:
    return b"\x03" + name + value


WRITERS: dict[type, Callable[[bytes, object, int], bytes]] = {
    str: _write_string,
    int: _write_int,
    Int64: _write_int64,
    float: _write_double,
    dict: _write_document,
    list: _write_array,
    bool: _write_bool,
    type(None): _write_null,
    ObjectId: _write_object_id,
    Date: _write_date,
    Binary: _write_binary,
    Decimal: _write_decimal,
    Regex: _write_regex,
    Code: _write_code,
    Symbol: _write_symbol,
    DBPointer: _write_db_pointer,
    Timestamp: _write_timestamp,
    Special: _write_special,
    RawDocument: _write_raw,
}

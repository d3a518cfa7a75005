"""Bytes to documents. Everything that a stranger sends comes through here.

    document   length i32, with itself and the last byte    element …    0
    element    type u8    name, ended by 0    value

`decode_document` reads one; a dictionary says which function reads which type. Each gets the
bytes and a position, and answers the value and the position behind it. The most frequent types
are read in the loop itself, which saves their call: a fifth of the time of a usual document.

Strict: a length that lies, bytes after the end, text that is no UTF-8, a boolean that is
neither 0 nor 1, a type that is not known, more than 100 levels: BsonError, and nothing else is
ever raised. Two things are let through because the format's definition does so: names of
array elements are not looked at, and of fields with the same name the last one counts.
"""

import struct
import sys
from collections.abc import Callable
from functools import lru_cache

from services.docdb.bson import types
from services.docdb.bson.decimal128 import decode_decimal128
from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import Binary, Code, Date, DBPointer, Document, Int64, ObjectId

MAX_DEPTH = 100

_int32 = struct.Struct("<i").unpack_from
_int64 = struct.Struct("<q").unpack_from
_double = struct.Struct("<d").unpack_from
_timestamp = struct.Struct("<II").unpack_from

Reader = Callable[[bytes, int, int, int], tuple[object, int]]


def decode_document(data: bytes, max_depth: int = MAX_DEPTH) -> Document:
    """The one document that `data` is. Raises BsonError."""
    document, end = decode_from(data, 0, len(data), max_depth)
    if end != len(data):
        raise BsonError(f"{len(data) - end} bytes follow the document")
    return document


def decode_from(
    data: bytes, position: int, limit: int, max_depth: int = MAX_DEPTH
) -> tuple[Document, int]:
    """The document at `position`, and where it ends, not beyond `limit`. Raises BsonError."""
    try:
        return _read_document(data, position, limit, max_depth)
    except (struct.error, IndexError):
        raise BsonError("the document is cut off") from None
    except UnicodeDecodeError:
        raise BsonError("text is not UTF-8") from None


@lru_cache(maxsize=8192)
def _name(raw: bytes) -> str:
    """The name of a field. The same names come again and again: one copy serves all."""
    return sys.intern(raw.decode())


def _read_document(data: bytes, position: int, limit: int, depth: int) -> tuple[Document, int]:
    last, end = _bounds(data, position, limit, depth)
    position += 4
    document: Document = {}
    find = data.find
    while position < last:
        kind = data[position]
        zero = find(b"\0", position + 1, last)
        if zero < 0:
            raise BsonError("the name of a field has no end")
        name = _name(data[position + 1 : zero])
        position = zero + 1
        if kind == 0x02:
            length = _int32(data, position)[0]
            position += 4 + length
            if length < 1 or position > last or data[position - 1]:
                raise BsonError("the length of a string is wrong")
            document[name] = data[position - length : position - 1].decode()
        elif kind == 0x10:
            document[name] = _int32(data, position)[0]
            position += 4
        elif kind == 0x07:
            document[name] = ObjectId(data[position : position + 12])
            position += 12
        elif kind == 0x01:
            document[name] = _double(data, position)[0]
            position += 8
        else:
            document[name], position = _reader(kind)(data, position, last, depth)
    if position != last:
        raise BsonError("a value reaches beyond its document")
    return document, end


def _read_array(data: bytes, position: int, limit: int, depth: int) -> tuple[list, int]:
    last, end = _bounds(data, position, limit, depth)
    position += 4
    array: list[object] = []
    find = data.find
    while position < last:
        kind = data[position]
        zero = find(b"\0", position + 1, last)
        if zero < 0:
            raise BsonError("the name of an element has no end")
        position = zero + 1
        if kind == 0x02:
            length = _int32(data, position)[0]
            position += 4 + length
            if length < 1 or position > last or data[position - 1]:
                raise BsonError("the length of a string is wrong")
            array.append(data[position - length : position - 1].decode())
        else:
            value, position = _reader(kind)(data, position, last, depth)
            array.append(value)
    if position != last:
        raise BsonError("a value reaches beyond its array")
    return array, end


def _bounds(data: bytes, position: int, limit: int, depth: int) -> tuple[int, int]:
    """Where the last byte of a document is, which has to be zero, and where it ends."""
    length = _int32(data, position)[0]
    end = position + length
    if length < 5 or end > limit:
        raise BsonError("the length of a document is wrong")
    if data[end - 1]:
        raise BsonError("a document does not end with a zero byte")
    if depth <= 0:
        raise BsonError("the document has too many levels")
    return end - 1, end


def _reader(kind: int) -> Reader:
    try:
        return READERS[kind]
    except KeyError:
        raise BsonError(f"type 0x{kind:02x} is not known") from None


# One function for each type.


def _read_double(data: bytes, position: int, limit: int, depth: int) -> tuple[float, int]:
    return _double(data, position)[0], position + 8


def _read_string(data: bytes, position: int, limit: int, depth: int) -> tuple[str, int]:
    length = _int32(data, position)[0]
    end = position + 4 + length
    if length < 1 or end > limit or data[end - 1]:
        raise BsonError("the length of a string is wrong")
    return data[position + 4 : end - 1].decode(), end


def _read_nested(data: bytes, position: int, limit: int, depth: int) -> tuple[Document, int]:
    return _read_document(data, position, limit, depth - 1)


def _read_nested_array(data: bytes, position: int, limit: int, depth: int) -> tuple[list, int]:
    return _read_array(data, position, limit, depth - 1)


def _read_binary(data: bytes, position: int, limit: int, depth: int) -> tuple[Binary, int]:
    length = _int32(data, position)[0]
    subtype = data[position + 4]
    start, end = position + 5, position + 5 + length
    if length < 0 or end > limit:
        raise BsonError("the length of a binary value is wrong")
    if subtype == 2:  # The old form has the length twice.
        if length < 4 or _int32(data, start)[0] != length - 4:
            raise BsonError("the inner length of a binary value is wrong")
        start += 4
    return Binary(data[start:end], subtype), end


def _read_object_id(data: bytes, position: int, limit: int, depth: int) -> tuple[ObjectId, int]:
    end = position + 12
    if end > limit:
        raise BsonError("an ObjectId is cut off")
    return ObjectId(data[position:end]), end


def _read_bool(data: bytes, position: int, limit: int, depth: int) -> tuple[bool, int]:
    byte = data[position]
    if byte > 1:
        raise BsonError("a boolean is neither 0 nor 1")
    return byte == 1, position + 1


def _read_date(data: bytes, position: int, limit: int, depth: int) -> tuple[Date, int]:
    return Date(_int64(data, position)[0]), position + 8


def _read_cstring(data: bytes, position: int, limit: int) -> tuple[str, int]:
    zero = data.find(b"\0", position, limit)
    if zero < 0:
        raise BsonError("a text has no end")
    return data[position:zero].decode(), zero + 1


def _read_regex(data: bytes, position: int, limit: int, depth: int) -> tuple[types.Regex, int]:
    pattern, position = _read_cstring(data, position, limit)
    options, position = _read_cstring(data, position, limit)
    return types.Regex(pattern, "".join(sorted(options))), position


def _read_db_pointer(data: bytes, position: int, limit: int, depth: int) -> tuple[DBPointer, int]:
    namespace, position = _read_string(data, position, limit, depth)
    object_id, position = _read_object_id(data, position, limit, depth)
    return DBPointer(namespace, object_id), position


def _read_code(data: bytes, position: int, limit: int, depth: int) -> tuple[Code, int]:
    text, position = _read_string(data, position, limit, depth)
    return Code(text), position


def _read_symbol(data: bytes, position: int, limit: int, depth: int) -> tuple[types.Symbol, int]:
    text, position = _read_string(data, position, limit, depth)
    return types.Symbol(text), position


def _read_scoped_code(data: bytes, position: int, limit: int, depth: int) -> tuple[Code, int]:
    length = _int32(data, position)[0]
    end = position + length
    if length < 14 or end > limit:
        raise BsonError("the length of code with a scope is wrong")
    text, position = _read_string(data, position + 4, end, depth)
    scope, position = _read_document(data, position, end, depth - 1)
    if position != end:
        raise BsonError("the length of code with a scope is wrong")
    return Code(text, scope), end


def _read_int32(data: bytes, position: int, limit: int, depth: int) -> tuple[int, int]:
    return _int32(data, position)[0], position + 4


def _read_timestamp(
    data: bytes, position: int, limit: int, depth: int
) -> tuple[types.Timestamp, int]:
    increment, time = _timestamp(data, position)
    return types.Timestamp(time, increment), position + 8


def _read_int64(data: bytes, position: int, limit: int, depth: int) -> tuple[Int64, int]:
    return Int64(_int64(data, position)[0]), position + 8


def _read_decimal(data: bytes, position: int, limit: int, depth: int) -> tuple[object, int]:
    end = position + 16
    if end > limit:
        raise BsonError("a decimal number is cut off")
    return decode_decimal128(data[position:end]), end


def _constant(value: object) -> Reader:
    def read(data: bytes, position: int, limit: int, depth: int) -> tuple[object, int]:
        return value, position

    return read


READERS: dict[int, Reader] = {
    0x01: _read_double,
    0x02: _read_string,
    0x03: _read_nested,
    0x04: _read_nested_array,
    0x05: _read_binary,
    0x06: _constant(types.UNDEFINED),
    0x07: _read_object_id,
    0x08: _read_bool,
    0x09: _read_date,
    0x0A: _constant(None),
    0x0B: _read_regex,
    0x0C: _read_db_pointer,
    0x0D: _read_code,
    0x0E: _read_symbol,
    0x0F: _read_scoped_code,
    0x10: _read_int32,
    0x11: _read_timestamp,
    0x12: _read_int64,
    0x13: _read_decimal,
    0x7F: _constant(types.MAX_KEY),
    0xFF: _constant(types.MIN_KEY),
}

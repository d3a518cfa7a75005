"""Functions of bytea, the encodings between bytes and text, and hashes."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.definitions import Definitions
from services.sqldb.interruption import paced
from services.sqldb.large_values import pieces
from services.sqldb.types import type_by_name
from services.sqldb.types.byte_strings import decode_escape, decode_hex, encode_escape
from services.sqldb.types.text import receive_text

define = Definitions()

define.operator("bytea || bytea -> bytea", lambda a, b: a + b, template="{0} + {1}")
define.function("length(bytea) -> int4", "octet_length(bytea) -> int4", template="len({0})")(len)
define.function("bit_length(bytea) -> int4")(lambda value: 8 * len(value))


@define.function("substr(bytea, int4) -> bytea", "substring(bytea, int4) -> bytea")
def substring_from(value: bytes, start: int) -> bytes:
    return value[max(start - 1, 0) :]


@define.function("substr(bytea, int4, int4) -> bytea", "substring(bytea, int4, int4) -> bytea")
def substring(value: bytes, start: int, length: int) -> bytes:
    if length < 0:
        raise SqlError(errors.SUBSTRING_ERROR, "negative substring length not allowed")
    return value[max(start - 1, 0) : max(start - 1 + length, 0)]


@define.function("overlay(bytea, bytea, int4, int4) -> bytea")
def overlay(value: bytes, new: bytes, start: int, length: int) -> bytes:
    if start <= 0:
        raise SqlError(errors.SUBSTRING_ERROR, "negative substring length not allowed")
    return substring(value, 1, start - 1) + new + substring_from(value, start + length)


define.function("overlay(bytea, bytea, int4) -> bytea")(
    lambda value, new, start: overlay(value, new, start, len(new))
)
define.function("position(bytea, bytea) -> int4")(lambda value, part: value.find(part) + 1)
define.function("btrim(bytea, bytea) -> bytea")(bytes.strip)
define.function("ltrim(bytea, bytea) -> bytea")(bytes.lstrip)
define.function("rtrim(bytea, bytea) -> bytea")(bytes.rstrip)


def _check_index(index: int, length: int) -> None:
    if not 0 <= index < length:
        raise SqlError(
            errors.ARRAY_SUBSCRIPT_ERROR, f"index {index} out of valid range, 0..{length - 1}"
        )


@define.function("get_byte(bytea, int4) -> int4")
def get_byte(value: bytes, index: int) -> int:
    _check_index(index, len(value))
    return value[index]


@define.function("set_byte(bytea, int4, int4) -> bytea")
def set_byte(value: bytes, index: int, byte: int) -> bytes:
    _check_index(index, len(value))
    return value[:index] + bytes([byte & 0xFF]) + value[index + 1 :]


@define.function("get_bit(bytea, int8) -> int4")
def get_bit(value: bytes, index: int) -> int:
    _check_index(index, 8 * len(value))
    return value[index // 8] >> index % 8 & 1


@define.function("set_bit(bytea, int8, int4) -> bytea")
def set_bit(value: bytes, index: int, bit: int) -> bytes:
    _check_index(index, 8 * len(value))
    if bit not in (0, 1):
        raise SqlError(errors.INVALID_PARAMETER_VALUE, "new bit must be 0 or 1")
    mask = 1 << index % 8
    byte = value[index // 8] | mask if bit else value[index // 8] & ~mask
    return set_byte(value, index // 8, byte)


define.function("bit_count(bytea) -> int8")(lambda value: int.from_bytes(value, "big").bit_count())


@define.function("encode(bytea, text) -> text")
def encode(value: bytes, format_: str) -> str:
    match format_.lower():
        case "hex":
            return "".join([piece.hex() for piece in pieces(value)])
        case "base64":
            text = "".join([base64.b64encode(piece).decode() for piece in pieces(value)])
            return "\n".join([text[at : at + 76] for at in paced(range(0, len(text), 76))])
        case "escape":
            return encode_escape(value, is_output=False)
    raise _unknown_encoding(format_)


@define.function("decode(text, text) -> bytea")
def decode(text: str, format_: str) -> bytes:
    match format_.lower():
        case "hex":
            return decode_hex(text)
        case "base64":
            return _decode_base64(text)
        case "escape":
            return decode_escape(text, "invalid input syntax for type bytea")
    raise _unknown_encoding(format_)


def _unknown_encoding(format_: str) -> SqlError:
    return SqlError(errors.INVALID_PARAMETER_VALUE, f'unrecognized encoding: "{format_}"')


def _decode_base64(text: str) -> bytes:
    compact = "".join([part for piece in pieces(text) for part in piece.split()])
    for character in paced(compact.rstrip("=")):
        if not (character.isascii() and (character.isalnum() or character in "+/")):
            raise SqlError(
                errors.INVALID_PARAMETER_VALUE,
                f'invalid symbol "{character}" found while decoding base64 sequence',
            )
    try:
        return base64.b64decode(compact, validate=True)
    except binascii.Error:
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            "invalid base64 end sequence",
            hint="Input data is missing padding, is truncated, or is otherwise corrupted.",
        ) from None


def _digest(algorithm: Callable, value: str | bytes) -> Any:
    made = algorithm(usedforsecurity=False)
    for piece in pieces(value):
        made.update(piece.encode() if isinstance(piece, str) else piece)
    return made


define.function("md5(text) -> text")(lambda text: _digest(hashlib.md5, text).hexdigest())
define.function("md5(bytea) -> text")(lambda value: _digest(hashlib.md5, value).hexdigest())
define.function("sha224(bytea) -> bytea")(lambda value: _digest(hashlib.sha224, value).digest())
define.function("sha256(bytea) -> bytea")(lambda value: _digest(hashlib.sha256, value).digest())
define.function("sha384(bytea) -> bytea")(lambda value: _digest(hashlib.sha384, value).digest())
define.function("sha512(bytea) -> bytea")(lambda value: _digest(hashlib.sha512, value).digest())

_CODECS = {"utf8": "utf-8", "unicode": "utf-8", "utf-8": "utf-8", "latin1": "latin-1",
           "iso88591": "latin-1", "sql_ascii": "utf-8", "win1252": "cp1252",
           "latin9": "iso8859-15"}  # fmt: skip


def _codec(name: str) -> str:
    codec = _CODECS.get(name.lower().replace("-", "") if name.lower() != "utf-8" else "utf-8")
    if codec is None:
        raise SqlError(errors.INVALID_PARAMETER_VALUE, f'invalid encoding name "{name}"')
    return codec


@define.function("convert_from(bytea, name) -> text")
def convert_from(value: bytes, encoding: str) -> str:
    codec = _codec(encoding)
    return receive_text(value) if codec == "utf-8" else value.decode(codec)


@define.function("convert_to(text, name) -> bytea")
def convert_to(text: str, encoding: str) -> bytes:
    try:
        return text.encode(_codec(encoding))
    except UnicodeEncodeError as error:
        data = text[error.start].encode().hex(" ")
        shown = " ".join(f"0x{byte}" for byte in data.split())
        raise SqlError(
            errors.UNTRANSLATABLE_CHARACTER,
            f'character with byte sequence {shown} in encoding "UTF8" has no equivalent in '
            f'encoding "{encoding.upper()}"',
        ) from None


# The binary format of the protocol, as a value.
for _name, _type in (
    *(("int2send", "int2"), ("int4send", "int4"), ("int8send", "int8"), ("boolsend", "bool")),
    *(("float4send", "float4"), ("float8send", "float8"), ("numeric_send", "numeric")),
    *(("textsend", "text"), ("byteasend", "bytea"), ("uuid_send", "uuid"), ("date_send", "date")),
):
    define.function(f"{_name}({_type}) -> bytea")(type_by_name(_type).send)

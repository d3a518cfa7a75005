"""bytea and uuid as text and bytes.

bytea: \\xDEADBEEF, or the older form with \\\\ and \\ooo for what is no printable ASCII.
"""

from __future__ import annotations

import re
from uuid import UUID

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.large_values import pieces
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import invalid_text, wrong_size

_ESCAPED_BYTE = re.compile(rb"\\(?:(\\)|([0-3][0-7][0-7]))?")
_UUID = re.compile(r"\{?((?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4})\}?\Z")
_HEX_BLANKS = re.compile(r"[ \t\n\r]")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


def parse_bytea(text: str, typmod: int, context: SessionContext) -> bytes:
    if text.startswith("\\x"):
        return decode_hex(text[2:])
    return decode_escape(text, "invalid input syntax for type bytea")


def decode_hex(text: str) -> bytes:
    """Pairs of digits, blanks allowed between them. # Real: hex_decode_safe()"""
    whole, rest = [], ""
    for piece in pieces(text):
        digits = rest + _HEX_BLANKS.sub("", piece)
        pairs = len(digits) & ~1
        whole.append(_bytes_of(digits[:pairs]))
        rest = digits[pairs:]
    if rest:
        _bytes_of(rest)
    return b"".join(whole)


def _bytes_of(digits: str) -> bytes:
    try:
        # bytes.fromhex() would also take blanks of other kinds.
        if digits.isalnum() or not digits:
            return bytes.fromhex(digits)
    except ValueError:
        pass
    for character in digits:
        if character not in _HEX_DIGITS:
            raise SqlError(
                errors.INVALID_PARAMETER_VALUE, f'invalid hexadecimal digit: "{character}"'
            )
    raise SqlError(errors.INVALID_PARAMETER_VALUE, "invalid hexadecimal data: odd number of digits")


def decode_escape(text: str, message: str) -> bytes:
    def replace(match: re.Match[bytes]) -> bytes:
        backslash, octal = match.groups()
        if backslash:
            return b"\\"
        if octal:
            return bytes([int(octal, 8)])
        raise SqlError(errors.INVALID_TEXT_REPRESENTATION, message)

    return _ESCAPED_BYTE.sub(replace, text.encode("utf-8"))


def encode_escape(value: bytes, *, is_output: bool) -> str:
    """Bytes as the escape format; output of bytea escapes all but printable ASCII."""
    parts = []
    for byte in value:
        if byte == 0x5C:
            parts.append("\\\\")
        elif byte == 0 or byte >= 0x80 or (is_output and not 0x20 <= byte <= 0x7E):
            parts.append(f"\\{byte:03o}")
        else:
            parts.append(chr(byte))
    return "".join(parts)


def format_bytea(value: bytes, context: SessionContext) -> str:
    if context.bytea_output == "escape":
        return encode_escape(value, is_output=True)
    return "\\x" + value.hex()


def receive_bytea(data: bytes) -> bytes:
    return bytes(data)


def parse_uuid(text: str, typmod: int, context: SessionContext) -> UUID:
    """Hyphens may stand after each group of four digits, braces around the whole."""
    match = _UUID.match(text)
    if match is None or (text[0] == "{") != (text[-1] == "}"):
        raise invalid_text("uuid", text)
    return UUID(match[1].replace("-", ""))


def receive_uuid(data: bytes) -> UUID:
    if len(data) != 16:
        raise wrong_size(data, 16)
    return UUID(bytes=bytes(data))


def send_uuid(value: UUID) -> bytes:
    return value.bytes

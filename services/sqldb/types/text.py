"""text, varchar(n), char(n), name, "char" and cstring: Python strings, each with its own limits.

char(n) is held with its trailing blanks, because output and the length of the wire have them; in
comparisons they do not count (`sort_key`), and a cast to text drops them.
"""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import invalid_binary
from services.sqldb.types.sql_type import TypeModifier

MAX_LENGTH = 10 * 1024 * 1024
NAME_LENGTH = 63  # NAMEDATALEN less the final zero


def parse_text(text: str, typmod: int, context: SessionContext) -> str:
    return text


def identity(value: str) -> str:
    return value


def receive_text(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = " ".join(
            f"0x{byte:02x}" for byte in data[error.start : max(error.end, error.start + 1)]
        )
        raise SqlError(
            errors.CHARACTER_NOT_IN_REPERTOIRE,
            f'invalid byte sequence for encoding "UTF8": {bad}',
        ) from None
    if "\0" in text:
        raise SqlError(
            errors.CHARACTER_NOT_IN_REPERTOIRE, 'invalid byte sequence for encoding "UTF8": 0x00'
        )
    return text


def send_text(value: str) -> bytes:
    return value.encode("utf-8")


def _length_typmod(type_name: str):
    def make(numbers: list[int]) -> int:
        if len(numbers) != 1:
            raise SqlError(errors.INVALID_PARAMETER_VALUE, "invalid type modifier")
        if numbers[0] < 1:
            raise SqlError(
                errors.INVALID_PARAMETER_VALUE, f"length for type {type_name} must be at least 1"
            )
        if numbers[0] > MAX_LENGTH:
            raise SqlError(
                errors.INVALID_PARAMETER_VALUE,
                f"length for type {type_name} cannot exceed {MAX_LENGTH}",
            )
        return numbers[0] + 4

    return make


def _length_text(typmod: int) -> str:
    return f"({typmod - 4})"


def too_long(type_name: str, limit: int) -> SqlError:
    return SqlError(
        errors.STRING_DATA_RIGHT_TRUNCATION, f"value too long for type {type_name}({limit})"
    )


def coerce_varchar(value: str, typmod: int, is_explicit: bool) -> str:
    """Cut to the limit; unless asked for explicitly, only blanks may be lost."""
    limit = typmod - 4
    if typmod < 4 or len(value) <= limit:
        return value
    if not is_explicit and value[limit:].strip(" "):
        raise too_long("character varying", limit)
    return value[:limit]


def coerce_bpchar(value: str, typmod: int, is_explicit: bool) -> str:
    """As varchar, and padded with blanks."""
    if typmod < 4:
        return value
    limit = typmod - 4
    if len(value) > limit:
        if not is_explicit and value[limit:].strip(" "):
            raise too_long("character", limit)
        return value[:limit]
    return value.ljust(limit)


def parse_varchar(text: str, typmod: int, context: SessionContext) -> str:
    return coerce_varchar(text, typmod, False)


def parse_bpchar(text: str, typmod: int, context: SessionContext) -> str:
    return coerce_bpchar(text, typmod, False)


def bpchar_key(value: str) -> str:
    return value.rstrip(" ")


def to_name(text: str) -> str:
    """Cut to 63 bytes, at the border of a character."""
    if len(text) <= NAME_LENGTH and text.isascii():
        return text
    return text.encode("utf-8")[:NAME_LENGTH].decode("utf-8", "ignore")


def parse_name(text: str, typmod: int, context: SessionContext) -> str:
    return to_name(text)


def parse_single_char(text: str, typmod: int, context: SessionContext) -> str:
    return to_single_char(text)


def to_single_char(text: str) -> str:
    """The type "char" holds one byte: a letter of ASCII, or a byte written as \\ooo, or nothing."""
    if len(text) == 4 and text[0] == "\\" and all(digit in "01234567" for digit in text[1:]):
        code = int(text[1:], 8) & 0xFF
        return _char_of_byte(code)
    data = text.encode("utf-8")[:1]
    return _char_of_byte(data[0]) if data else ""


def _char_of_byte(byte: int) -> str:
    # Bytes that are no letter of UTF-8 on their own show as an octal number.
    if byte == 0:
        return ""
    return chr(byte) if byte < 128 else f"\\{byte:03o}"


def receive_single_char(data: bytes) -> str:
    if len(data) != 1:
        raise invalid_binary()
    return _char_of_byte(data[0])


def single_char_byte(value: str) -> int:
    """The byte that a value of "char" stands for."""
    if not value:
        return 0
    return int(value[1:], 8) if len(value) == 4 else ord(value)


def send_single_char(value: str) -> bytes:
    return bytes([single_char_byte(value)])


VARCHAR_MODIFIER = TypeModifier(_length_typmod("varchar"), _length_text, coerce_varchar)
BPCHAR_MODIFIER = TypeModifier(_length_typmod("char"), _length_text, coerce_bpchar)

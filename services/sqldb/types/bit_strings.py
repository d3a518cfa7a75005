"""bit(n) and bit varying(n): strings of 0 and 1.

A value is a str of these two characters: it compares, hashes and shows as it is.
An explicit cast cuts or fills with zeros on the right; an assignment to bit(n) of another length is
an error. # Real: varbit.c
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import invalid_binary
from services.sqldb.types.sql_type import TypeModifier

MAX_BITS = 83_886_080


def bits_of_literal(text: str) -> str:
    """B'0101', X'1F', or the digits alone. Raises SqlError 22P02."""
    kind, digits = text[:1], text[1:]
    if kind in ("x", "X"):
        wrong = re.search("[^0-9a-fA-F]", digits)
        if wrong:
            raise _bad_digit(wrong[0], "hexadecimal")
        return "".join(f"{int(digit, 16):04b}" for digit in digits)
    if kind in ("b", "B"):
        text = digits
    wrong = re.search("[^01]", text)
    if wrong:
        raise _bad_digit(wrong[0], "binary")
    return text


def _bad_digit(digit: str, kind: str) -> SqlError:
    message = f'"{digit}" is not a valid {kind} digit'
    return SqlError(errors.INVALID_TEXT_REPRESENTATION, message)


def parse_bits(text: str, typmod: int, context: SessionContext) -> str:
    return bits_of_literal(text)


def receive_bits(data: bytes) -> str:
    if len(data) < 4:
        raise invalid_binary("insufficient data left in message")
    (count,) = struct.unpack_from("!i", data)
    if count < 0 or len(data) - 4 != (count + 7) // 8:
        raise invalid_binary("invalid length in external bit string")
    bits = "".join(f"{byte:08b}" for byte in data[4:])
    return bits[:count]


def send_bits(value: str) -> bytes:
    filled = value.ljust((len(value) + 7) // 8 * 8, "0")
    parts = (int(filled[at : at + 8], 2) for at in range(0, len(filled), 8))
    return struct.pack("!i", len(value)) + bytes(parts)


def bits_of_int(value: int, length: int) -> str:
    """The lowest bits of a number; the sign fills what is longer."""
    return str(format(value & ((1 << length) - 1), f"0{length}b") if length else "")


def _typmod(type_name: str) -> Callable[[list[int]], int]:
    def from_numbers(numbers: list[int]) -> int:
        if len(numbers) != 1:
            raise SqlError(errors.INVALID_PARAMETER_VALUE, "invalid type modifier")
        if numbers[0] < 1:
            message = f"length for type {type_name} must be at least 1"
            raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
        if numbers[0] > MAX_BITS:
            message = f"length for type {type_name} cannot exceed {MAX_BITS}"
            raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
        return numbers[0]

    return from_numbers


def _to_fixed(value: str, typmod: int, is_explicit: bool) -> str:
    if len(value) == typmod:
        return value
    if not is_explicit:
        message = f"bit string length {len(value)} does not match type bit({typmod})"
        raise SqlError("22026", message)
    return value[:typmod].ljust(typmod, "0")


def _to_varying(value: str, typmod: int, is_explicit: bool) -> str:
    if len(value) <= typmod:
        return value
    if not is_explicit:
        message = f"bit string too long for type bit varying({typmod})"
        raise SqlError(errors.STRING_DATA_RIGHT_TRUNCATION, message)
    return value[:typmod]


def _shown(typmod: int) -> str:
    return f"({typmod})"


BIT_MODIFIER = TypeModifier(_typmod("bit"), _shown, _to_fixed)
VARBIT_MODIFIER = TypeModifier(_typmod("varbit"), _shown, _to_varying)

"""boolean, smallint, integer, bigint, oid, real and double precision as text and bytes.

Floats: SQL's NaN equals itself and is greater than every other number. Python's does neither, so
one object of a class of its own stands for it (`NAN`), and values of real and double precision
compare, sort and hash as they are. Whatever makes a float from outside passes `sql_float`.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.context import SessionContext
from services.sqldb.values import NAN, sql_float

INT2_MIN, INT2_MAX = -(1 << 15), (1 << 15) - 1
INT4_MIN, INT4_MAX = -(1 << 31), (1 << 31) - 1
INT8_MIN, INT8_MAX = -(1 << 63), (1 << 63) - 1

FLOAT4_MAX = 3.4028234663852886e38

# What C's isspace() takes as blank.
BLANKS = " \t\n\r\v\f"

_INTEGER = re.compile(r"[ \t\n\r\v\f]*[+-]?[0-9]+[ \t\n\r\v\f]*\Z")
_FLOAT = re.compile(
    r"[ \t\n\r\v\f]*([+-]?)(?:((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(nan)|(inf(?:inity)?)|0x([0-9a-f]+(?:\.[0-9a-f]*)?(?:p[+-]?[0-9]+)?))[ \t\n\r\v\f]*\Z",
    re.IGNORECASE,
)

_INT2, _INT4, _INT8 = struct.Struct("!h"), struct.Struct("!i"), struct.Struct("!q")
_UINT4 = struct.Struct("!I")
_FLOAT4, _FLOAT8 = struct.Struct("!f"), struct.Struct("!d")


def invalid_text(type_name: str, text: str) -> SqlError:
    return SqlError(
        errors.INVALID_TEXT_REPRESENTATION, f'invalid input syntax for type {type_name}: "{text}"'
    )


def out_of_range(type_name: str, text: str | None = None) -> SqlError:
    if text is None:
        return SqlError(errors.NUMERIC_VALUE_OUT_OF_RANGE, f"{type_name} out of range")
    return SqlError(
        errors.NUMERIC_VALUE_OUT_OF_RANGE, f'value "{text}" is out of range for type {type_name}'
    )


def invalid_binary(message: str = "incorrect binary data format") -> SqlError:
    return SqlError(errors.INVALID_BINARY_REPRESENTATION, message)


def cut_off() -> SqlError:
    """A value with fewer bytes than it says, or than its type has."""
    return SqlError(errors.PROTOCOL_VIOLATION, "insufficient data left in message")


def wrong_size(data: bytes, expected: int) -> SqlError:
    return cut_off() if len(data) < expected else invalid_binary()


_BOOLEAN_WORDS = {
    True: ("true", "yes", "on", "1"),
    False: ("false", "no", "off", "0"),
}


def parse_bool(text: str, typmod: int, context: SessionContext) -> bool:
    """t, true, yes, on, 1 and their opposites, each also cut short: "tr", "of"."""
    word = text.strip(BLANKS).lower()
    if word and word != "o":  # "o" begins both "on" and "off".
        for value, names in _BOOLEAN_WORDS.items():
            if any(name.startswith(word) for name in names):
                return value
    raise invalid_text("boolean", text)


def format_bool(value: bool) -> str:
    return "t" if value else "f"


def receive_bool(data: bytes) -> bool:
    if len(data) != 1:
        raise wrong_size(data, 1)
    return data != b"\0"


def send_bool(value: bool) -> bytes:
    return b"\1" if value else b"\0"


def integer_parser(type_name: str, least: int, most: int) -> Callable[..., int]:
    def parse(text: str, typmod: int, context: SessionContext) -> int:
        # int() takes more than SQL does: "1_000", and digits of other alphabets.
        if _INTEGER.match(text) is None:
            raise invalid_text(type_name, text)
        value = int(text) if len(text) < 40 else int(text.strip(BLANKS)[:4000])
        if not least <= value <= most:
            raise out_of_range(type_name, text)
        return value

    return parse


def binary_number(layout: struct.Struct) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
    """The receive and send functions of a number of fixed size, high byte first."""

    def receive(data: bytes) -> Any:
        try:
            return layout.unpack(data)[0]
        except struct.error:
            raise wrong_size(data, layout.size) from None

    return receive, layout.pack


receive_int2, send_int2 = binary_number(_INT2)
receive_int4, send_int4 = binary_number(_INT4)
receive_int8, send_int8 = binary_number(_INT8)
receive_uint4, send_uint4 = binary_number(_UINT4)
_receive_raw_float4, _send_raw_float4 = binary_number(_FLOAT4)
_receive_raw_float8, send_float8 = binary_number(_FLOAT8)

parse_int2 = integer_parser("smallint", INT2_MIN, INT2_MAX)
parse_int4 = integer_parser("integer", INT4_MIN, INT4_MAX)
parse_int8 = integer_parser("bigint", INT8_MIN, INT8_MAX)


def parse_unsigned4(type_name: str) -> Callable[..., int]:
    """oid, xid, cid: negative numbers wrap around, as C's strtoul() does."""

    def parse(text: str, typmod: int, context: SessionContext) -> int:
        if _INTEGER.match(text) is None:
            raise invalid_text(type_name, text)
        value = int(text.strip(BLANKS)[:40])
        if not INT4_MIN <= value < 1 << 32:
            raise out_of_range(type_name, text)
        return value & 0xFFFF_FFFF

    return parse


def to_float4(value: float) -> float:
    """The nearest number that a real can hold; 22003 where there is none."""
    if not math.isfinite(value):
        return sql_float(value)
    try:
        rounded = _FLOAT4.unpack(_FLOAT4.pack(value))[0]
    except OverflowError:
        raise SqlError(errors.NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow") from None
    if rounded == 0.0 and value != 0.0:
        raise SqlError(errors.NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow")
    return rounded


def parse_float8(text: str, typmod: int, context: SessionContext) -> float:
    return _parse_float("double precision", text)


def parse_float4(text: str, typmod: int, context: SessionContext) -> float:
    value = _parse_float("real", text)
    try:
        return to_float4(value)
    except SqlError:
        raise _float_out_of_range("real", text) from None


def _float_out_of_range(type_name: str, text: str) -> SqlError:
    return SqlError(
        errors.NUMERIC_VALUE_OUT_OF_RANGE,
        f'"{text.strip(BLANKS)}" is out of range for type {type_name}',
    )


def _parse_float(type_name: str, text: str) -> float:
    match = _FLOAT.match(text)
    if match is None:
        raise invalid_text(type_name, text)
    sign, digits, nan, infinity, hexadecimal = match.groups()
    if nan:
        return NAN
    if infinity:
        return -math.inf if sign == "-" else math.inf
    if hexadecimal:
        return float.fromhex(f"{sign}0x{hexadecimal}")
    value = float(sign + digits)
    overflows = value in (math.inf, -math.inf)
    underflows = value == 0.0 and re.search("[1-9]", digits.lower().partition("e")[0])
    if overflows or underflows:
        raise _float_out_of_range(type_name, text)
    return value


def receive_float8(data: bytes) -> float:
    return sql_float(_receive_raw_float8(data))


def receive_float4(data: bytes) -> float:
    return sql_float(_receive_raw_float4(data))


def send_float4(value: float) -> bytes:
    return _send_raw_float4(value)


def format_float8(value: float, context: SessionContext | None = None) -> str:
    """The shortest digits that read back as the same number; an exponent from 1e+15 on.

    # Real: double_to_shortest_decimal_buf(); with extra_float_digits below 1, %.*g instead.
    """
    if context is not None and context.extra_float_digits < 1:
        return _format_rounded(value, max(15 + context.extra_float_digits, 1))
    if 1e15 > value >= 1e-4 or -1e15 < value <= -1e-4:
        text = repr(value)
        return text[:-2] if text.endswith(".0") else text
    special = _special(value)
    if special is not None:
        return special
    text = repr(value)
    if abs(value) >= 1 << 53 and _is_midpoint(text, value, math.ulp(value)):
        text = f"{value:.16e}"
    return _exponent_form(text)


def _is_midpoint(text: str, value: float, ulp: float) -> bool:
    """Whether digits stand just between two floats.

    Python takes them, since half-way digits go to the even neighbour; PostgreSQL shows one more.
    """
    return 2 * abs(Decimal(text) - Decimal(value)) == Decimal(ulp)


def format_float4(value: float, context: SessionContext | None = None) -> str:
    if context is not None and context.extra_float_digits < 1:
        return _format_rounded(value, max(6 + context.extra_float_digits, 1))
    special = _special(value)
    if special is not None:
        return special
    text = _shortest_float4(value)
    # By the shown digits: the single float nearest to 0.0001 lies a little below it.
    if 1e6 > abs(float(text)) >= 1e-4:
        return _without_exponent(text)
    return _exponent_form(text)


def _shortest_float4(value: float) -> str:
    # Six digits always survive the way through a normal single float, so the search begins there.
    for digits in range(6 if abs(value) > 1.2e-38 else 1, 9):
        text = f"{value:.{digits}g}"
        if _round_trips(text, value):
            return text
    return f"{value:.9g}"


def _round_trips(text: str, value: float) -> bool:
    """FLT_MAX in too few digits is a number that no float holds."""
    try:
        if _FLOAT4.unpack(_FLOAT4.pack(float(text)))[0] != value:
            return False
    except OverflowError:
        return False
    if abs(value) < 1 << 24:
        return True
    return not _is_midpoint(text, value, math.ldexp(1.0, math.frexp(value)[1] - 24))


def _special(value: float) -> str | None:
    if value != value or value is NAN:
        return "NaN"
    if value == 0.0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    if value == math.inf:
        return "Infinity"
    return "-Infinity" if value == -math.inf else None


def _format_rounded(value: float, digits: int) -> str:
    return _special(value) or f"{value:.{digits}g}"


def _exponent_form(text: str) -> str:
    """1000000000000000.0 → 1e+15, 1.5e-07 as it is."""
    sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    power = int(exponent or 0) + len(whole) - 1
    digits = whole + fraction
    leading = len(digits) - len(digits.lstrip("0"))
    digits, power = digits.lstrip("0").rstrip("0"), power - leading
    point = "." if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{point}{digits[1:]}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _without_exponent(text: str) -> str:
    if "e" not in text:
        return text
    return f"{float(text):f}".rstrip("0").rstrip(".")

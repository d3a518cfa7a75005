"""Operators and functions of bit strings: & | # ~ << >> || and their parts. # Real: varbit.c"""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types.bit_strings import bits_of_int

define = Definitions()


def _joined(name: str, symbol: str) -> None:
    """An operator of two strings of the same length, bit by bit."""

    @define.operators_for(f"bit {symbol} bit -> bit", function=f"bit{name.lower()}")
    def call(a: str, b: str) -> str:
        if len(a) != len(b):
            message = f"cannot {name} bit strings of different sizes"
            raise SqlError("22026", message)
        if not a:
            return a
        left, right = int(a, 2), int(b, 2)
        made = {"AND": left & right, "OR": left | right, "XOR": left ^ right}[name]
        return bits_of_int(made, len(a))


for _name, _symbol in (("AND", "&"), ("OR", "|"), ("XOR", "#")):
    _joined(_name, _symbol)


@define.operators_for("~ bit -> bit", function="bitnot")
def bitnot(value: str) -> str:
    return value.translate({48: "1", 49: "0"})


@define.operators_for("bit << int4 -> bit", function="bitshiftleft")
def shift_left(value: str, count: int) -> str:
    if count < 0:
        return shift_right(value, -count)
    return value[count:].ljust(len(value), "0")


@define.operators_for("bit >> int4 -> bit", function="bitshiftright")
def shift_right(value: str, count: int) -> str:
    if count < 0:
        return shift_left(value, -count)
    return value[: max(0, len(value) - count)].rjust(len(value), "0")


@define.operators_for("varbit || varbit -> varbit", function="bitcat")
def bitcat(a: str, b: str) -> str:
    return a + b


define.function("length(bit) -> int4")(len)
define.function("bit_length(bit) -> int4")(len)
define.function("octet_length(bit) -> int4")(lambda value: (len(value) + 7) // 8)
define.function("bit_count(bit) -> int8")(lambda value: value.count("1"))


@define.function("substring(bit, int4, int4) -> bit")
@define.function("substr(bit, int4, int4) -> bit")
def substring(value: str, start: int, count: int) -> str:
    if count < 0:
        if start + count <= 0 and start < 0 and start + count < -(2**31):
            return ""
        raise SqlError(errors.SUBSTRING_ERROR, "negative substring length not allowed")
    end = start + count
    return value[max(start, 1) - 1 : max(end, 1) - 1]


@define.function("substring(bit, int4) -> bit")
@define.function("substr(bit, int4) -> bit")
def substring_from(value: str, start: int) -> str:
    return value[max(start, 1) - 1 :]


@define.function("position(bit, bit) -> int4")
def position(value: str, part: str) -> int:
    return value.find(part) + 1


@define.function("overlay(bit, bit, int4, int4) -> bit")
def overlay(value: str, new: str, start: int, count: int) -> str:
    if start <= 0:
        raise SqlError(errors.SUBSTRING_ERROR, "negative substring length not allowed")
    head = substring(value, 1, start - 1)
    return head + new + substring_from(value, start + count)


@define.function("overlay(bit, bit, int4) -> bit")
def overlay_same_length(value: str, new: str, start: int) -> str:
    return overlay(value, new, start, len(new))


def _check_index(value: str, index: int) -> None:
    if not 0 <= index < len(value):
        message = f"bit index {index} out of valid range (0..{len(value) - 1})"
        raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, message)


@define.function("get_bit(bit, int4) -> int4")
def get_bit(value: str, index: int) -> int:
    _check_index(value, index)
    return int(value[index])


@define.function("set_bit(bit, int4, int4) -> bit")
def set_bit(value: str, index: int, new: int) -> str:
    _check_index(value, index)
    if new not in (0, 1):
        raise SqlError(errors.INVALID_PARAMETER_VALUE, "new bit must be 0 or 1")
    return f"{value[:index]}{new}{value[index + 1 :]}"


def _number(value: str, width: int, name: str) -> int:
    if len(value) > width:
        raise SqlError(errors.NUMERIC_VALUE_OUT_OF_RANGE, f"{name} out of range")
    number = int(value, 2) if value else 0
    return number - (1 << width) if number >= 1 << (width - 1) else number


define.cast("bit int4", "e", lambda value: _number(value, 32, "integer"))
define.cast("bit int8", "e", lambda value: _number(value, 64, "bigint"))
define.cast("int4 bit", "e", lambda value: bits_of_int(value, 32))
define.cast("int8 bit", "e", lambda value: bits_of_int(value, 64))
define.cast("bit varbit", "i")
define.cast("varbit bit", "i")

"""Numbers: four kinds, and what comes of mixing them.

    int32 ─▶ int64 ─▶ double ─▶ decimal        the result has the wider kind of the two

A whole number that outgrows its kind takes the next one: int32 becomes int64, and int64
becomes a double. Decimal arithmetic rounds to 34 digits.
"""

import math
from collections.abc import Callable
from decimal import Decimal

from services.docdb.bson.decimal128 import CONTEXT, from_float
from services.docdb.bson.types import INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, Int64

NUMERIC_TYPES = frozenset({int, Int64, float, Decimal})


def is_number(value: object) -> bool:
    return type(value) in NUMERIC_TYPES


def is_finite(value: int | float | Decimal) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def to_decimal(value: object) -> Decimal:
    return from_float(value) if type(value) is float else Decimal(value)


def fitted(value: int, is_long: bool) -> int | float:
    """A whole number in the narrowest kind that it may have."""
    if not is_long and INT32_MIN <= value <= INT32_MAX:
        return value
    if INT64_MIN <= value <= INT64_MAX:
        return Int64(value)
    return float(value)


def combine(
    left: object,
    right: object,
    whole: Callable[[int, int], int],
    decimal: Callable[[Decimal, Decimal], Decimal],
) -> object:
    """The result of an operation on two numbers; doubles use the same operation as integers."""
    left_type, right_type = type(left), type(right)
    if left_type is Decimal or right_type is Decimal:
        return decimal(to_decimal(left), to_decimal(right))
    if left_type is float or right_type is float:
        try:
            return whole(float(left), float(right))
        except OverflowError:
            return math.inf
    return fitted(
        whole(int(left), int(right)),
        left_type is Int64 or right_type is Int64,
    )


def add(left: object, right: object) -> object:
    return combine(left, right, lambda a, b: a + b, CONTEXT.add)


def subtract(left: object, right: object) -> object:
    return combine(left, right, lambda a, b: a - b, CONTEXT.subtract)


def multiply(left: object, right: object) -> object:
    return combine(left, right, lambda a, b: a * b, CONTEXT.multiply)


def as_whole(value: int | float | Decimal) -> int:
    """A number without its fraction, as a 64-bit integer: what is beyond becomes the limit."""
    if value != value:
        return 0
    if value >= INT64_MAX:
        return INT64_MAX
    return INT64_MIN if value <= INT64_MIN else int(value)


def fits_int32(value: object) -> bool:
    """Whether a number is whole and has 32 bits, as places and counts must."""
    number = as_int(value)
    return number is not None and INT32_MIN <= number <= INT32_MAX


def as_int(value: object) -> int | None:
    """The value as an integer, where it is one; else None."""
    if type(value) not in NUMERIC_TYPES or value != value:
        return None
    if type(value) in (float, Decimal) and (math.isinf(value) or value != int(value)):
        return None
    return int(value)

"""Functions of double precision: roots, powers, logarithms, angles; random and width_bucket.

Arguments outside of a function's domain are errors, where Python's `math` has errors of its own or
gives NaN; results that do not fit are 22003.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.arithmetic import (
    check_int4,
    float_overflow,
    float_product,
    float_quotient,
    float_underflow,
)
from services.sqldb.functions.definition import VOLATILE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.functions.numeric_arithmetic import exact_quotient
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numeric import EXACT
from services.sqldb.values import NAN, Array, sql_float

define = Definitions()

_RADIANS_PER_DEGREE = 0.0174532925199432957692


def _out_of_range_input() -> SqlError:
    return SqlError(errors.NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range")


def _float_function(*names: str) -> Callable[[Callable[[float], float]], Callable[[float], float]]:
    """Decorator: a function of one float; NaN goes through, errors of `math` become SQL's."""

    def register(function: Callable[[float], float]) -> Callable[[float], float]:
        def guarded(value: float) -> float:
            if value is NAN:
                return NAN
            try:
                return sql_float(function(value))
            except OverflowError:
                raise float_overflow() from None
            except ValueError:
                raise _out_of_range_input() from None

        define.function(*(f"{name}(float8) -> float8" for name in names))(guarded)
        return guarded

    return register


for _name in (
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
):
    _float_function(_name)(getattr(math, _name))
_float_function("degrees")(lambda value: float_quotient(value, _RADIANS_PER_DEGREE))
_float_function("radians")(lambda value: float_product(value, _RADIANS_PER_DEGREE))


def _to_whole(function: Callable[[float], int]) -> Callable[[float], float]:
    """A whole number as a float; the sign of zero stays."""
    return lambda value: (
        math.copysign(float(function(value)), value) if math.isfinite(value) else value
    )


_float_function("round")(_to_whole(round))
_float_function("trunc")(_to_whole(math.trunc))
_float_function("floor")(_to_whole(math.floor))
_float_function("ceil", "ceiling")(_to_whole(math.ceil))
define.function("sign(float8) -> float8")(
    lambda value: 0.0 if value is NAN else float((value > 0) - (value < 0))
)


@_float_function("atanh")
def _inverse_hyperbolic_tangent(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) == 1 else math.atanh(value)


@_float_function("cot")
def _cotangent(value: float) -> float:
    return 1.0 / math.tan(value) if value else math.copysign(math.inf, value)


def _degree_function(name: str, function: Callable[[float], float], *, inverse: bool) -> None:
    """sind(30) is exactly 0.5, so multiples of 15 degrees are looked up in the exact sense."""

    def of_degrees(value: float) -> float:
        reduced = math.fmod(value, 360.0)
        result = function(math.radians(reduced))
        rounded = round(result, 15)
        return rounded if reduced % 30 == 0 or reduced % 45 == 0 else result

    def in_degrees(value: float) -> float:
        result = math.degrees(function(value))
        return round(result, 13) if abs(result - round(result)) < 1e-12 else result

    _float_function(name)(in_degrees if inverse else of_degrees)


for _name in ("sin", "cos", "tan"):
    _degree_function(f"{_name}d", getattr(math, _name), inverse=False)
    _degree_function(f"a{_name}d", getattr(math, f"a{_name}"), inverse=True)
define.function("atan2(float8, float8) -> float8")(lambda y, x: sql_float(math.atan2(y, x)))
define.function("atan2d(float8, float8) -> float8")(
    lambda y, x: sql_float(math.degrees(math.atan2(y, x)))
)
define.function("pi() -> float8")(lambda: math.pi)


@define.operators_for("|/ float8 -> float8")
@define.function("sqrt(float8) -> float8", "dsqrt(float8) -> float8")
def square_root(value: float) -> float:
    if value < 0:
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "cannot take square root of a negative number",
        )
    return sql_float(math.sqrt(value))


@define.operators_for("||/ float8 -> float8")
@define.function("cbrt(float8) -> float8", "dcbrt(float8) -> float8")
def cube_root(value: float) -> float:
    return NAN if value is NAN else math.cbrt(value)


@define.function("exp(float8) -> float8", "dexp(float8) -> float8")
def exponential(value: float) -> float:
    if value is NAN:
        return NAN
    if math.isinf(value):
        return value if value > 0 else 0.0
    try:
        result = math.exp(value)
    except OverflowError:
        raise float_overflow() from None
    if result == 0.0:
        raise float_underflow()
    return result


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    def logarithm(value: float) -> float:
        if value == 0.0:
            raise SqlError(errors.INVALID_ARGUMENT_FOR_LOGARITHM, "cannot take logarithm of zero")
        if value < 0:
            raise SqlError(
                errors.INVALID_ARGUMENT_FOR_LOGARITHM, "cannot take logarithm of a negative number"
            )
        return sql_float(function(value))

    return logarithm


define.function("ln(float8) -> float8", "dlog1(float8) -> float8")(_logarithm(math.log))
define.function("log(float8) -> float8", "log10(float8) -> float8")(_logarithm(math.log10))


@define.operators_for("float8 ^ float8 -> float8")
@define.function("power(float8, float8) -> float8", "pow(float8, float8) -> float8")
def power(base: float, exponent: float) -> float:
    """# Real: dpow(), with the special cases of POSIX."""
    if base is NAN:
        return 1.0 if exponent == 0.0 and exponent is not NAN else NAN
    if exponent is NAN:
        return 1.0 if base == 1.0 else NAN
    if base == 0 and exponent < 0:
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "zero raised to a negative power is undefined",
        )
    if base < 0 and math.isfinite(exponent) and math.floor(exponent) != exponent:
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "a negative number raised to a non-integer power yields a complex result",
        )
    try:
        result = math.pow(base, exponent)
    except OverflowError:
        raise float_overflow() from None
    except ValueError:
        return NAN
    if result == 0.0 and base != 0 and math.isfinite(base) and math.isfinite(exponent):
        raise float_underflow()
    return sql_float(result)


@define.function("random() -> float8", volatility=VOLATILE, context=True)
def random(context: SessionContext) -> float:
    return context.random.random()


@define.function("setseed(float8) -> void", volatility=VOLATILE, context=True)
def setseed(context: SessionContext, seed: float) -> str:
    if not -1 <= seed <= 1:
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            f"setseed parameter {seed:g} is out of allowed range [-1,1]",
        )
    context.random.seed(seed)
    return ""


def _check_buckets(count: int, is_equal: bool) -> None:
    if count <= 0:
        raise SqlError(errors.INVALID_ARGUMENT_FOR_WIDTH_BUCKET, "count must be greater than zero")
    if is_equal:
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_WIDTH_BUCKET, "lower bound cannot equal upper bound"
        )


@define.function("width_bucket(float8, float8, float8, int4) -> int4")
def width_bucket(value: float, low: float, high: float, count: int) -> int:
    if value is NAN or low is NAN or high is NAN:
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_WIDTH_BUCKET,
            "operand, lower bound, and upper bound cannot be NaN",
        )
    if math.isinf(low) or math.isinf(high):
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_WIDTH_BUCKET, "lower and upper bounds must be finite"
        )
    _check_buckets(count, low == high)
    if low < high:
        if value < low:
            return 0
        return check_int4(count + 1) if value >= high else _bucket(value, low, high, count)
    if value > low:
        return 0
    return check_int4(count + 1) if value <= high else _bucket(value, low, high, count)


def _bucket(value: float, low: float, high: float, count: int) -> int:
    bucket = int((value - low) / (high - low) * count)
    return min(bucket, count - 1) + 1


@define.function("width_bucket(numeric, numeric, numeric, int4) -> int4")
def width_bucket_numeric(value: Decimal, low: Decimal, high: Decimal, count: int) -> int:
    if value.is_nan() or low.is_nan() or high.is_nan():
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_WIDTH_BUCKET,
            "operand, lower bound, and upper bound cannot be NaN",
        )
    if low.is_infinite() or high.is_infinite():
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_WIDTH_BUCKET, "lower and upper bounds must be finite"
        )
    _check_buckets(count, low == high)
    if value.is_infinite():
        return count + 1 if (value > 0) == (low < high) else 0
    if (value < low) if low < high else (value > low):
        return 0
    if (value >= high) if low < high else (value <= high):
        return check_int4(count + 1)
    distance = EXACT.multiply(EXACT.subtract(value, low), Decimal(count))
    return int(exact_quotient(distance, EXACT.subtract(high, low), 20)) + 1


@define.function("width_bucket(anycompatible, anycompatiblearray) -> int4", types=True)
def width_bucket_of_bounds(types, result):
    """How many of the sorted bounds are not greater than the value."""
    key = types[0].key_of

    def call(value: object, bounds: Array) -> int:
        if len(bounds.lower_bounds) > 1:
            message = "thresholds must be one-dimensional array"
            raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, message)
        if None in bounds.elements:
            message = "thresholds array must not contain NULLs"
            raise SqlError(errors.NULL_VALUE_NOT_ALLOWED, message)
        wanted = key(value)
        return sum(key(bound) <= wanted for bound in bounds.elements)

    return call

"""Arithmetic of numeric: exact where it can be, and with PostgreSQL's scale where it cannot.

Sums and products are exact. A quotient gets at least 16 significant digits and no fewer digits
after the point than either operand (`quotient_scale`); roots, powers and logarithms have rules of
the same kind. # Real: select_div_scale(), sqrt_var(), power_var(), ln_var() in numeric.c
"""

from __future__ import annotations

import math
from decimal import (
    ROUND_05UP,
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    Context,
    Decimal,
    InvalidOperation,
    Overflow,
)

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.arithmetic import division_by_zero
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types.numeric import (
    EXACT,
    MAX_SCALE,
    NEGATIVE_INFINITY,
    POSITIVE_INFINITY,
    ZERO,
    overflow,
    rounded,
    scale_of,
)
from services.sqldb.values import NUMERIC_NAN

define = Definitions()

_MIN_SIGNIFICANT_DIGITS = 16
_MAX_RESULT_SCALE = 1000
_MAX_DISPLAY_SCALE = 2000
# e to the power of more than this overflows, though numeric could hold it.
_MAX_EXPONENT = 3 * 2000
_LN_10 = math.log(10)
ONE, TWO = Decimal(1), Decimal(2)

_TEMPLATE_NAMES = {
    "numeric_add": EXACT.add,
    "numeric_subtract": EXACT.subtract,
    "numeric_multiply": EXACT.multiply,
    "NUMERIC_NAN": NUMERIC_NAN,
}


def add(a: Decimal, b: Decimal) -> Decimal:
    try:
        result = EXACT.add(a, b)
    except Overflow:
        raise overflow() from None
    return result if result == result else NUMERIC_NAN


def subtract(a: Decimal, b: Decimal) -> Decimal:
    try:
        result = EXACT.subtract(a, b)
    except Overflow:
        raise overflow() from None
    return result if result == result else NUMERIC_NAN


def multiply(a: Decimal, b: Decimal) -> Decimal:
    try:
        result = EXACT.multiply(a, b)
    except Overflow:
        raise overflow() from None
    if result != result:
        return NUMERIC_NAN
    return rounded(result, MAX_SCALE) if scale_of(result) > MAX_SCALE else result


for _symbol, _name, _implementation in (
    ("+", "add", add),
    ("-", "subtract", subtract),
    ("*", "multiply", multiply),
):
    # NaN from the library does not equal itself; the NaN of SQL does.
    _template = f"{{t}} if ({{t}} := numeric_{_name}({{0}}, {{1}})) == {{t}} else NUMERIC_NAN"
    define.operator(
        f"numeric {_symbol} numeric -> numeric",
        _implementation,
        template="" if _symbol == "*" else _template,
        names=_TEMPLATE_NAMES,
    )


def _weight_and_first_digit(value: Decimal) -> tuple[int, int]:
    """The highest group of four digits: its power of 10,000, and its number."""
    if not value:
        return 0, 0
    exponent = value.adjusted()
    weight = exponent // 4
    digits = format(value.copy_abs().scaleb(-exponent, EXACT), "f").replace(".", "")
    length = exponent - 4 * weight + 1
    return weight, int(digits[:length].ljust(length, "0"))


def quotient_scale(a: Decimal, b: Decimal) -> int:
    """Digits after the point of a / b. # Real: select_div_scale()"""
    weight_a, first_a = _weight_and_first_digit(a)
    weight_b, first_b = _weight_and_first_digit(b)
    weight = weight_a - weight_b - (first_a <= first_b)
    scale = max(_MIN_SIGNIFICANT_DIGITS - 4 * weight, scale_of(a), scale_of(b), 0)
    return min(scale, _MAX_RESULT_SCALE)


def exact_quotient(a: Decimal, b: Decimal, scale: int) -> Decimal:
    """a / b rounded once: the context keeps a trace of lost digits in its last one."""
    digits = max(a.adjusted() - b.adjusted(), 0) + scale + 5
    context = Context(prec=digits, rounding=ROUND_05UP, Emax=999_999, Emin=-999_999)
    return rounded(context.divide(a, b), scale)


def divide(a: Decimal, b: Decimal) -> Decimal:
    if not (a.is_finite() and b.is_finite()):
        return _divide_special(a, b)
    if not b:
        raise division_by_zero()
    result = exact_quotient(a, b, quotient_scale(a, b))
    return _without_sign_of_zero(result)


def _divide_special(a: Decimal, b: Decimal) -> Decimal:
    if a.is_nan() or b.is_nan() or (a.is_infinite() and b.is_infinite()):
        return NUMERIC_NAN
    if b.is_infinite():
        return ZERO
    if not b:
        raise division_by_zero()
    return a if b > 0 else a.copy_negate()


define.operator("numeric / numeric -> numeric", divide)


@define.function("div(numeric, numeric) -> numeric")
def integer_quotient(a: Decimal, b: Decimal) -> Decimal:
    if not (a.is_finite() and b.is_finite()):
        return _divide_special(a, b)
    if not b:
        raise division_by_zero()
    result = EXACT.divide_int(a, b)
    return result if result else ZERO


@define.function("mod(numeric, numeric) -> numeric")
@define.operators_for("numeric % numeric -> numeric")
def remainder(a: Decimal, b: Decimal) -> Decimal:
    if a.is_nan() or b.is_nan() or a.is_infinite():
        if a.is_infinite() and not b:
            raise division_by_zero()
        return NUMERIC_NAN
    if b.is_infinite():
        return a
    if not b:
        raise division_by_zero()
    result = EXACT.remainder(a, b)
    return _without_sign_of_zero(rounded(result, max(scale_of(a), scale_of(b))))


define.operator("+ numeric -> numeric", lambda a: a, template="{0}")


@define.operators_for("- numeric -> numeric")
def negative(value: Decimal) -> Decimal:
    if value.is_nan() or not value:
        return value
    return value.copy_negate()


@define.operators_for("@ numeric -> numeric")
@define.function("abs(numeric) -> numeric")
def absolute(value: Decimal) -> Decimal:
    return value if value.is_nan() else value.copy_abs()


def _without_sign_of_zero(value: Decimal) -> Decimal:
    return value if value else value.copy_abs()


@define.function("round(numeric, int4) -> numeric")
def round_to(value: Decimal, digits: int) -> Decimal:
    return _without_sign_of_zero(rounded(value, min(max(digits, -MAX_SCALE), _MAX_DISPLAY_SCALE)))


@define.function("round(numeric) -> numeric")
def round_whole(value: Decimal) -> Decimal:
    return _without_sign_of_zero(rounded(value, 0))


@define.function("trunc(numeric, int4) -> numeric")
def truncate_to(value: Decimal, digits: int) -> Decimal:
    if not value.is_finite():
        return value
    digits = min(max(digits, -MAX_SCALE), _MAX_DISPLAY_SCALE)
    result = value.quantize(Decimal((0, (1,), -digits)), ROUND_DOWN, EXACT)
    result = result if digits >= 0 else EXACT.quantize(result, ONE)
    return _without_sign_of_zero(result)


@define.function("trunc(numeric) -> numeric")
def truncate_whole(value: Decimal) -> Decimal:
    return truncate_to(value, 0)


@define.function("ceil(numeric) -> numeric", "ceiling(numeric) -> numeric")
def ceiling(value: Decimal) -> Decimal:
    return _to_whole(value, ROUND_CEILING)


@define.function("floor(numeric) -> numeric")
def floor(value: Decimal) -> Decimal:
    return _to_whole(value, ROUND_FLOOR)


def _to_whole(value: Decimal, rounding: str) -> Decimal:
    if not value.is_finite():
        return value
    return _without_sign_of_zero(value.quantize(ONE, rounding, EXACT))


@define.function("sign(numeric) -> numeric")
def sign(value: Decimal) -> Decimal:
    if value.is_nan():
        return value
    return Decimal((value > 0) - (value < 0))


define.function("scale(numeric) -> int4", strict=True)(
    lambda value: scale_of(value) if value.is_finite() else None
)


@define.function("min_scale(numeric) -> int4")
def minimum_scale(value: Decimal) -> int | None:
    if not value.is_finite():
        return None
    return scale_of(trim_scale(value))


@define.function("trim_scale(numeric) -> numeric")
def trim_scale(value: Decimal) -> Decimal:
    if not value.is_finite():
        return value
    whole, _, fraction = format(value, "f").partition(".")
    fraction = fraction.rstrip("0")
    return Decimal(f"{whole}.{fraction}" if fraction else whole) if value else ZERO


@define.function("gcd(numeric, numeric) -> numeric")
def greatest_common_divisor(a: Decimal, b: Decimal) -> Decimal:
    if not (a.is_finite() and b.is_finite()):
        return NUMERIC_NAN
    scale = max(scale_of(a), scale_of(b))
    found = math.gcd(int(a.scaleb(scale, EXACT)), int(b.scaleb(scale, EXACT)))
    return rounded(Decimal(found).scaleb(-scale, EXACT), scale)


@define.function("lcm(numeric, numeric) -> numeric")
def least_common_multiple(a: Decimal, b: Decimal) -> Decimal:
    if not (a.is_finite() and b.is_finite()):
        return NUMERIC_NAN
    scale = max(scale_of(a), scale_of(b))
    try:
        found = math.lcm(int(a.scaleb(scale, EXACT)), int(b.scaleb(scale, EXACT)))
        return rounded(Decimal(found).scaleb(-scale, EXACT), scale)
    except Overflow:
        raise overflow() from None


@define.function("factorial(int8) -> numeric")
def factorial(value: int) -> Decimal:
    if value < 0:
        raise SqlError(
            errors.NUMERIC_VALUE_OUT_OF_RANGE, "factorial of a negative number is undefined"
        )
    if value > 32177:
        raise overflow()
    return Decimal(math.factorial(value))


def _precise(digits: int) -> Context:
    """A context for results that are rounded afterwards."""
    return Context(prec=digits, Emax=999_999, Emin=-999_999, traps=[InvalidOperation, Overflow])


def _bounded_scale(scale: int, *operands: Decimal) -> int:
    scale = max(scale, 0, *(scale_of(operand) for operand in operands))
    return min(scale, _MAX_RESULT_SCALE)


@define.function("sqrt(numeric) -> numeric")
def square_root(value: Decimal) -> Decimal:
    if value.is_nan() or value == POSITIVE_INFINITY:
        return value
    if value < 0:
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "cannot take square root of a negative number",
        )
    weight = _weight_and_first_digit(value)[0]
    # The weight of the root in decimal digits, estimated from the highest group.
    root_weight = (weight + 1) * 4 // 2 - 1
    scale = _bounded_scale(_MIN_SIGNIFICANT_DIGITS - root_weight, value)
    return square_root_to(value, scale)


def square_root_to(value: Decimal, scale: int) -> Decimal:
    """The root of a finite number that is not negative, with `scale` digits after the point."""
    if not value:
        return rounded(ZERO, scale)
    digits = max(value.adjusted() // 2, 0) + scale + 10
    context = Context(prec=digits, rounding=ROUND_05UP, Emax=999_999, Emin=-999_999)
    return rounded(context.sqrt(value), scale)


@define.function("exp(numeric) -> numeric")
def exponential(value: Decimal) -> Decimal:
    if value.is_nan() or value == POSITIVE_INFINITY:
        return value
    if value == NEGATIVE_INFINITY:
        return ZERO
    # log10 of the result.
    weight = float(value) * 0.434294481903252
    if abs(value) >= _MAX_EXPONENT:
        if weight > 0:
            raise overflow()
        return rounded(ZERO, _MAX_RESULT_SCALE)
    scale = _bounded_scale(_MIN_SIGNIFICANT_DIGITS - int(weight), value)
    digits = max(int(weight), 0) + scale + 10
    try:
        result = _precise(digits).exp(value)
    except Overflow:
        raise overflow() from None
    if result.adjusted() >= 131_072:
        raise overflow()
    return rounded(result, scale)


def _ln_weight(value: Decimal) -> int:
    """About how many digits stand before the point of ln(value). # Real: estimate_ln_dweight()"""
    if value <= 0:
        return 0
    if Decimal("0.9") <= value <= Decimal("1.1"):
        difference = abs(value - 1)
        return difference.adjusted() if difference else 0
    logarithm = abs(float(value.adjusted()) * _LN_10 + math.log(_mantissa(value)))
    return int(math.log10(logarithm)) if logarithm else 0


def _mantissa(value: Decimal) -> float:
    return float(value.scaleb(-value.adjusted(), EXACT))


def _check_logarithm(value: Decimal) -> None:
    if value < 0:
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_LOGARITHM, "cannot take logarithm of a negative number"
        )
    if not value:
        raise SqlError(errors.INVALID_ARGUMENT_FOR_LOGARITHM, "cannot take logarithm of zero")


@define.function("ln(numeric) -> numeric")
def natural_logarithm(value: Decimal) -> Decimal:
    if value.is_nan():
        return value
    _check_logarithm(value)
    if value.is_infinite():
        return value
    scale = _bounded_scale(_MIN_SIGNIFICANT_DIGITS - _ln_weight(value), value)
    return _without_sign_of_zero(rounded(_precise(scale + 30).ln(value), scale))


@define.function("log(numeric) -> numeric", "log10(numeric) -> numeric")
def decimal_logarithm(value: Decimal) -> Decimal:
    return logarithm(Decimal(10), value)


@define.function("log(numeric, numeric) -> numeric")
def logarithm(base: Decimal, value: Decimal) -> Decimal:
    if base.is_nan() or value.is_nan():
        return NUMERIC_NAN
    _check_logarithm(base)
    _check_logarithm(value)
    if base.is_infinite() or value.is_infinite():
        if base.is_infinite():
            return NUMERIC_NAN if value.is_infinite() else ZERO
        return POSITIVE_INFINITY
    if base == 1:
        raise division_by_zero()
    weight = _ln_weight(value) - _ln_weight(base)
    scale = _bounded_scale(_MIN_SIGNIFICANT_DIGITS - weight, base, value)
    context = _precise(scale + 40)
    result = context.divide(context.ln(value), context.ln(base))
    return _without_sign_of_zero(rounded(result, scale))


@define.operators_for("numeric ^ numeric -> numeric")
@define.function("pow(numeric, numeric) -> numeric", "power(numeric, numeric) -> numeric")
def power(base: Decimal, exponent: Decimal) -> Decimal:
    special = _power_special(base, exponent)
    if special is not None:
        return special
    if _is_whole(exponent) and abs(exponent) <= 0x7FFF_FFFF:
        return _integer_power(base, int(exponent))
    if base < 0:
        result = power(base.copy_abs(), exponent)
        return result if _is_whole(EXACT.divide(exponent, TWO)) else negative(result)
    if not base:
        return rounded(ZERO, _MIN_SIGNIFICANT_DIGITS)
    weight = float(exponent) * (base.adjusted() + math.log10(_mantissa(base)))
    if not math.isfinite(weight) or weight == 0:
        return _extreme_power(base, exponent)
    if abs(weight) * _LN_10 > _MAX_EXPONENT * 1.003:
        if weight > 0:
            raise overflow()
        return rounded(ZERO, _MAX_RESULT_SCALE)
    scale = _bounded_scale(_MIN_SIGNIFICANT_DIGITS - int(weight), base, exponent)
    context = _precise(max(int(weight), 0) + scale + 20)
    return rounded(context.power(base, exponent), scale)


def _extreme_power(base: Decimal, exponent: Decimal) -> Decimal:
    """A base so near to 1, or an exponent so great, that float does not hold the logarithm."""
    context = _precise(_MAX_RESULT_SCALE + _MAX_EXPONENT)
    logarithm = context.multiply(_precise(60 + _MAX_EXPONENT // 100).ln(base), exponent)
    if logarithm.is_infinite() or abs(logarithm) > _MAX_EXPONENT:
        if logarithm > 0:
            raise overflow()
        return rounded(ZERO, _MAX_RESULT_SCALE)
    weight = int(float(logarithm) / _LN_10)
    scale = _bounded_scale(_MIN_SIGNIFICANT_DIGITS - weight, base, exponent)
    return rounded(_precise(max(weight, 0) + scale + 20).exp(logarithm), scale)


def _is_whole(value: Decimal) -> bool:
    return value == value.to_integral_value()


def _power_special(base: Decimal, exponent: Decimal) -> Decimal | None:
    """Powers with NaN, infinities and zeros, as POSIX has them for pow(3)."""
    if base.is_nan():
        return ONE if not exponent.is_nan() and not exponent else NUMERIC_NAN
    if exponent.is_nan():
        return ONE if base == 1 else NUMERIC_NAN
    if not base and exponent < 0:
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "zero raised to a negative power is undefined",
        )
    if base < 0 and exponent.is_finite() and not _is_whole(exponent):
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "a negative number raised to a non-integer power yields a complex result",
        )
    if base.is_finite() and exponent.is_finite():
        return None
    if base == 1 or not exponent:
        return ONE
    if exponent.is_infinite():
        if abs(base) == 1:
            return ONE
        return POSITIVE_INFINITY if (abs(base) > 1) == (exponent > 0) else ZERO
    if exponent < 0:
        return ZERO
    is_odd = _is_whole(exponent) and EXACT.remainder(exponent.copy_abs(), TWO) == 1
    return base if base > 0 or is_odd else POSITIVE_INFINITY


def _integer_power(base: Decimal, exponent: int) -> Decimal:
    """With 16 digits after the point, however great or small. # Real: power_var_int()"""
    scale = _bounded_scale(_MIN_SIGNIFICANT_DIGITS, base)
    if exponent == 0:
        return rounded(ONE, scale)
    if not base:
        return rounded(ZERO, scale)
    magnitude = exponent * (base.adjusted() + math.log10(abs(_mantissa(base))))
    if magnitude > 131_072:
        raise overflow()
    if magnitude + 1 < -scale:
        return rounded(ZERO, scale)
    context = _precise(max(int(magnitude), 0) + scale + 20)
    return _without_sign_of_zero(rounded(context.power(base, exponent), scale))

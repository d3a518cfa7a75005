"""numeric: exact decimal numbers as `decimal.Decimal`, with PostgreSQL's scale.

A numeric carries the number of digits after its point along: 1.50 is not shown as 1.5, and the
scale of a result follows rules of its own for each operation. Decimal keeps the same in its
exponent (Decimal("1.50") has -2), so the values fit each other but for two things:

- PostgreSQL knows no exponent above zero (1E+5 is 100000) and no negative zero: `normal_form`;
- NaN equals itself and sorts above infinity: the object NUMERIC_NAN of `values`.

`EXACT` is the arithmetic context: so many digits that sums and products are never rounded. It is
used by its methods (`EXACT.add(a, b)`), so that no thread has to set it as its own. Danger: the
plain operators round to the 28 digits of Python's default context, unary minus and abs() included;
hence `copy_negate` and `copy_abs`.
# Real: numeric.c, where a digit is worth 0 to 9999.
"""

from __future__ import annotations

import re
import struct
from decimal import ROUND_HALF_UP, Context, Decimal, Overflow

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import cut_off, invalid_binary, invalid_text, wrong_size
from services.sqldb.types.sql_type import TypeModifier
from services.sqldb.values import NUMERIC_NAN

MAX_PRECISION = 1000
MAX_DIGITS_BEFORE_POINT = 131_072
MAX_SCALE = 16_383

# No trap for InvalidOperation: Infinity - Infinity is NaN, as in PostgreSQL.
EXACT = Context(
    prec=MAX_DIGITS_BEFORE_POINT + MAX_SCALE + 10,
    rounding=ROUND_HALF_UP,
    Emin=-400_000,
    Emax=MAX_DIGITS_BEFORE_POINT - 1,
    traps=[Overflow],
)

POSITIVE_INFINITY, NEGATIVE_INFINITY = Decimal("Infinity"), Decimal("-Infinity")
ZERO = Decimal(0)

_NUMERIC = re.compile(
    r"[ \t\n\r\v\f]*(?:([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|([+-]?inf(?:inity)?)|(nan))[ \t\n\r\v\f]*\Z",
    re.IGNORECASE,
)

_SIGN_POSITIVE, _SIGN_NEGATIVE = 0x0000, 0x4000
_SIGN_NAN, _SIGN_INFINITY, _SIGN_MINUS_INFINITY = 0xC000, 0xD000, 0xF000
_HEADER = struct.Struct("!hhHH")


def overflow() -> SqlError:
    return SqlError(errors.NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")


def scale_of(value: Decimal) -> int:
    """Digits after the point: 2 for 1.50."""
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def rounded(value: Decimal, scale: int) -> Decimal:
    """Half away from zero at `scale` digits after the point; a negative scale rounds tens."""
    if not value.is_finite():
        return value
    if scale < 0:
        value = EXACT.quantize(value, Decimal((0, (1,), -scale)))
        return EXACT.quantize(value, Decimal(1)) if value else ZERO
    return EXACT.quantize(value, Decimal((0, (1,), -scale)))


def normal_form(value: Decimal) -> Decimal:
    """The same number as PostgreSQL would hold it: no exponent above 0, no negative zero."""
    if not value.is_finite():
        return value if value == value else NUMERIC_NAN
    if not value:
        value = value.copy_abs()
    if value.adjusted() >= MAX_DIGITS_BEFORE_POINT:
        raise overflow()
    exponent = value.as_tuple().exponent
    if exponent > 0:
        return EXACT.quantize(value, Decimal(1))
    if exponent < -MAX_SCALE:
        return rounded(value, MAX_SCALE)
    return value


def decimal_from_text(text: str) -> Decimal:
    """Digits as the grammar of numbers allows them, already checked: a literal, a JSON number."""
    if "e" not in text and "E" not in text:
        value = Decimal(text)
        if value.adjusted() >= MAX_DIGITS_BEFORE_POINT:
            raise overflow()
        return value if value else value.copy_abs()
    if abs(int(re.split("[eE]", text)[1][:12])) > 10_000_000:
        raise overflow()
    return normal_form(Decimal(text))


def parse_numeric(text: str, typmod: int, context: SessionContext) -> Decimal:
    match = _NUMERIC.match(text)
    if match is None:
        raise invalid_text("numeric", text)
    digits, infinity, _ = match.groups()
    if digits:
        value = decimal_from_text(digits)
    elif infinity:
        value = NEGATIVE_INFINITY if infinity[0] == "-" else POSITIVE_INFINITY
    else:
        value = NUMERIC_NAN
    return value if typmod < 0 else coerce_numeric(value, typmod)


def format_numeric(value: Decimal) -> str:
    text = format(value, "f")
    if text[0] == "-" and not value:
        return text[1:]
    return text


def receive_numeric(data: bytes) -> Decimal:
    if len(data) < 8:
        raise cut_off()
    count, weight, sign, scale = _HEADER.unpack_from(data)
    if len(data) != 8 + 2 * count or count < 0:
        raise wrong_size(data, 8 + 2 * count)
    specials = {
        _SIGN_NAN: NUMERIC_NAN,
        _SIGN_INFINITY: POSITIVE_INFINITY,
        _SIGN_MINUS_INFINITY: NEGATIVE_INFINITY,
    }
    if sign in specials:
        return specials[sign]
    if sign not in (_SIGN_POSITIVE, _SIGN_NEGATIVE):
        raise invalid_binary('invalid sign in external "numeric" value')
    groups = struct.unpack_from(f"!{count}h", data, 8)
    if any(not 0 <= group < 10_000 for group in groups):
        raise invalid_binary('invalid digit in external "numeric" value')
    if scale > MAX_SCALE:
        raise invalid_binary('invalid scale in external "numeric" value')
    digits = "".join(f"{group:04d}" for group in groups) or "0"
    value = Decimal(digits).scaleb(4 * (weight - count + 1), EXACT) if count else ZERO
    value = rounded(value, scale)
    return value.copy_negate() if sign == _SIGN_NEGATIVE and value else value


def send_numeric(value: Decimal) -> bytes:
    """Groups of four digits; the weight says how many groups stand before the point, less one."""
    if not value.is_finite():
        sign = _SIGN_NAN
        if value.is_infinite():
            sign = _SIGN_INFINITY if value > 0 else _SIGN_MINUS_INFINITY
        # PostgreSQL sends weight 0 and, for infinities, no scale either.
        return _HEADER.pack(0, 0, sign, 0)
    whole, _, fraction = format(value.copy_abs(), "f").partition(".")
    scale = len(fraction)
    whole = whole.lstrip("0")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    fraction = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    digits = whole + fraction
    groups = [int(digits[at : at + 4]) for at in range(0, len(digits), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups.pop(0)
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    if not groups:
        weight = 0
    sign = _SIGN_NEGATIVE if value < 0 else _SIGN_POSITIVE
    return _HEADER.pack(len(groups), weight, sign, scale) + struct.pack(f"!{len(groups)}h", *groups)


def make_typmod(numbers: list[int]) -> int:
    """precision and scale in one number. # Real: make_numeric_typmod()"""
    if len(numbers) not in (1, 2):
        raise SqlError(errors.INVALID_PARAMETER_VALUE, "invalid NUMERIC type modifier")
    precision, scale = numbers[0], numbers[1] if len(numbers) == 2 else 0
    if not 1 <= precision <= MAX_PRECISION:
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            f"NUMERIC precision {precision} must be between 1 and {MAX_PRECISION}",
        )
    if not -MAX_PRECISION <= scale <= MAX_PRECISION:
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            f"NUMERIC scale {scale} must be between -{MAX_PRECISION} and {MAX_PRECISION}",
        )
    return ((precision << 16) | (scale & 0x7FF)) + 4


def typmod_precision_and_scale(typmod: int) -> tuple[int, int]:
    scale = (typmod - 4) & 0x7FF
    return (typmod - 4) >> 16 & 0xFFFF, scale - 0x800 if scale & 0x400 else scale


def coerce_numeric(value: Decimal, typmod: int, is_explicit: bool = False) -> Decimal:
    """Round to the scale of numeric(p,s), and refuse what has more than p-s digits before it."""
    if typmod < 0 or value.is_nan():
        return value
    precision, scale = typmod_precision_and_scale(typmod)
    if value.is_infinite():
        raise _field_overflow(precision, scale, "cannot hold an infinite value.")
    value = rounded(value, scale)
    if not value:
        return value.copy_abs()
    if value.adjusted() >= precision - scale:
        limit = f"10^{precision - scale}" if precision != scale else "1"
        raise _field_overflow(
            precision, scale, f"must round to an absolute value less than {limit}."
        )
    return value


def _field_overflow(precision: int, scale: int, reason: str) -> SqlError:
    return SqlError(
        errors.NUMERIC_VALUE_OUT_OF_RANGE,
        "numeric field overflow",
        detail=f"A field with precision {precision}, scale {scale} {reason}",
    )


def _typmod_text(typmod: int) -> str:
    precision, scale = typmod_precision_and_scale(typmod)
    return f"({precision},{scale})"


NUMERIC_MODIFIER = TypeModifier(make_typmod, _typmod_text, coerce_numeric)

"""128-bit decimal numbers (IEEE 754-2008, binary integer encoding) as `decimal.Decimal`.

    sign 1 bit │ exponent + 6176, 14 bits │ coefficient, 113 bits, up to 34 decimal digits

Two bits after the sign that are both set mean a coefficient too large to be valid, which
counts as zero; five set bits mean infinity or NaN. `Decimal` keeps the coefficient's trailing
zeros, so that 1.20 comes back as 1.20.
"""

import decimal
from decimal import Decimal

from services.docdb.bson.errors import BsonError

DIGITS = 34
_BIAS = 6176
_MIN_EXPONENT, _MAX_EXPONENT = -6176, 6111
_COEFFICIENT_MASK = (1 << 113) - 1
_MAX_COEFFICIENT = 10**DIGITS - 1
_INFINITY, _NAN = 0b11110, 0b11111

CONTEXT = decimal.Context(
    prec=DIGITS,
    Emin=-6143,
    Emax=6144,
    rounding=decimal.ROUND_HALF_EVEN,
    clamp=1,
    traps=[],
)
"""Arithmetic as MongoDB does it: rounds to 34 digits, and never raises."""


def decode_decimal128(data: bytes) -> Decimal:
    """The number in 16 bytes, least significant first."""
    bits = int.from_bytes(data, "little")
    sign = bits >> 127
    combination = bits >> 122 & 0b11111
    if combination == _NAN:
        return Decimal("NaN")
    if combination == _INFINITY:
        return Decimal("-Infinity" if sign else "Infinity")
    if bits >> 125 & 0b11 == 0b11:
        exponent, coefficient = bits >> 111 & 0x3FFF, 0
    else:
        exponent, coefficient = bits >> 113 & 0x3FFF, bits & _COEFFICIENT_MASK
        if coefficient > _MAX_COEFFICIENT:
            coefficient = 0
    digits = tuple(map(int, str(coefficient)))
    return Decimal((sign, digits, exponent - _BIAS))


def encode_decimal128(value: Decimal) -> bytes:
    """16 bytes, exactly. Raises BsonError where the number would have to be rounded."""
    sign, digits, exponent = value.as_tuple()
    if not value.is_finite():
        combination = _INFINITY if value.is_infinite() else _NAN
        sign = sign if value.is_infinite() else 0
        return (sign << 127 | combination << 122).to_bytes(16, "little")
    coefficient = int("".join(map(str, digits)) or "0")
    coefficient, exponent = _fitted(coefficient, exponent)
    bits = sign << 127 | (exponent + _BIAS) << 113 | coefficient
    return bits.to_bytes(16, "little")


def _fitted(coefficient: int, exponent: int) -> tuple[int, int]:
    """The same number within the bounds of the format: zeros move, digits are not lost."""
    if coefficient == 0:
        return 0, min(max(exponent, _MIN_EXPONENT), _MAX_EXPONENT)
    while exponent > _MAX_EXPONENT and coefficient <= _MAX_COEFFICIENT:
        coefficient, exponent = coefficient * 10, exponent - 1
    while exponent < _MIN_EXPONENT or coefficient > _MAX_COEFFICIENT:
        coefficient, rest = divmod(coefficient, 10)
        exponent += 1
        if rest:
            raise BsonError("the decimal number has more than 34 digits, or is out of range")
    if exponent > _MAX_EXPONENT:
        raise BsonError("the decimal number is out of range")
    return coefficient, exponent


def parse_decimal(text: str) -> Decimal:
    """A number from its text, exactly. Raises BsonError."""
    try:
        value = Decimal(text)
    except decimal.InvalidOperation:
        raise BsonError(f"{text!r} is no decimal number") from None
    if text != text.strip() or "_" in text or value.is_snan():
        raise BsonError(f"{text!r} is no decimal number")
    return decode_decimal128(encode_decimal128(value))


def format_decimal(value: Decimal) -> str:
    """The text of a number: `NaN`, `-Infinity`, `1.20`, `1.0E+3`."""
    if value.is_nan():
        return "NaN"
    return str(value)


def from_float(value: float) -> Decimal:
    """A double as a decimal of 15 significant digits, as MongoDB converts it."""
    if value != value or value in (float("inf"), float("-inf")):
        return Decimal(value)
    return Decimal(f"{value:.15g}") if value else Decimal(repr(value))

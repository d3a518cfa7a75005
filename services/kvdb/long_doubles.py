"""Numbers as INCRBYFLOAT counts with them: the 80-bit floating point of x86, to the last digit.

Redis adds with C's `long double`: 64 bits of precision where Python's float has 53. It then writes
17 digits behind the point, without the zeros at the end. 0.1 and 0.2 make 0.3, as people expect,
because what is wrong stands behind the 17th digit. From about a thousand on it does not:

    SET n 1000.1, INCRBYFLOAT n 0    ─▶  1000.09999999999999998

Whoever compares texts finds that, and two servers that add the same numbers should agree. So a
number here is a pair of integers, `mantissa · 2^exponent`, rounded where the hardware rounds:
after reading, and after adding.
# Real: getLongDoubleFromObject() and ld2string(LD_STR_HUMAN) in Redis, strtold() and "%.17Lf" in C.
"""

import re

LongDouble = tuple[int, int]

_PRECISION_BITS = 64
_MAX_BITS = 16384
_MIN_EXPONENT = -16445
"""2 to this power is the smallest number."""

_DIGITS = 17
_MAX_TEXT_BYTES = 5 * 1024
"""Real: MAX_LONG_DOUBLE_CHARS"""
_MAX_POWER = 32768
"""Whatever stands before it, it makes 0 of it, or infinity."""

_DECIMAL = re.compile(
    rb"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:e([+-]?[0-9]+))?", re.IGNORECASE
)
_HEXADECIMAL = re.compile(
    rb"([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?[0-9]+))?", re.IGNORECASE
)


class OutOfRange(ArithmeticError):
    """A number that only infinity, or 0, could stand for."""


def read(text: bytes) -> LongDouble | None:
    """The nearest number to a text, or None where it is none. Raises OutOfRange."""
    if len(text) > _MAX_TEXT_BYTES:
        return None
    if found := _DECIMAL.fullmatch(text):
        sign, whole, part, only_part, power = found.groups()
        part = only_part or part or b""
        mantissa, tens = _integer((whole or b"") + part), _power(power) - len(part)
        number = _from_ratio(mantissa * 10 ** max(tens, 0), 10 ** max(-tens, 0))
    elif (found := _HEXADECIMAL.fullmatch(text)) and (found[2] or found[3]):
        sign, whole, part, power = found.groups()
        mantissa = int((whole + (part or b"")), 16)
        number = _rounded(mantissa, _power(power) - 4 * len(part or b""))
    else:
        return None
    if mantissa and not number[0]:
        raise OutOfRange
    return (-number[0], number[1]) if sign == b"-" else number


def add(augend: LongDouble, addend: LongDouble) -> LongDouble:
    """Raises OutOfRange."""
    exponent = min(augend[1], addend[1])
    total = (augend[0] << augend[1] - exponent) + (addend[0] << addend[1] - exponent)
    mantissa, exponent = _rounded(abs(total), exponent)
    return (mantissa if total > 0 else -mantissa), exponent


def written(number: LongDouble) -> bytes:
    """In decimal, without a power, with up to 17 digits behind the point."""
    mantissa, exponent = number
    scaled = _shifted(abs(mantissa) * 10**_DIGITS, exponent)
    whole, part = divmod(scaled, 10**_DIGITS)
    text = f"{_digits(whole)}.{part:0{_DIGITS}}".rstrip("0").rstrip(".")
    return f"{'-' if mantissa < 0 and scaled else ''}{text}".encode()


# Python reads and writes 4,300 digits at once; the largest number has 4,933.
_HALF_DIGITS = 3000


def _integer(digits: bytes) -> int:
    if len(digits) <= _HALF_DIGITS:
        return int(digits)
    return int(digits[:-_HALF_DIGITS]) * 10**_HALF_DIGITS + int(digits[-_HALF_DIGITS:])


def _digits(number: int) -> str:
    if number.bit_length() < 13_000:
        return str(number)
    head, tail = divmod(number, 10**_HALF_DIGITS)
    return f"{head}{tail:0{_HALF_DIGITS}}"


def _power(text: bytes | None) -> int:
    if text is None:
        return 0
    power = int(text[:7])
    return max(min(power, _MAX_POWER), -_MAX_POWER)


def _from_ratio(top: int, bottom: int) -> LongDouble:
    """The nearest to `top / bottom`."""
    if bottom == 1:
        return _rounded(top, 0)
    # Enough bits to round by, and one more that says whether there is anything behind them.
    shift = max(_PRECISION_BITS + 3 - top.bit_length() + bottom.bit_length(), 0)
    quotient, rest = divmod(top << shift, bottom)
    return _rounded(quotient << 1 | bool(rest), -shift - 1)


def _rounded(mantissa: int, exponent: int) -> LongDouble:
    """To 64 bits, or fewer near 0."""
    excess = max(mantissa.bit_length() - _PRECISION_BITS, _MIN_EXPONENT - exponent, 0)
    mantissa, exponent = _shifted(mantissa, -excess), exponent + excess
    if mantissa.bit_length() + exponent > _MAX_BITS:
        raise OutOfRange
    return mantissa, exponent


def _shifted(number: int, bits: int) -> int:
    """`number · 2^bits`, rounded; of two that are as near, the even one."""
    if bits >= 0:
        return number << bits
    result, rest = number >> -bits, number & (1 << -bits) - 1
    half = 1 << -bits - 1
    return result + (rest > half or (rest == half and result & 1))

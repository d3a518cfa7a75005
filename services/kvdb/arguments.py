"""Reading the arguments of a command: numbers, times, counts and options, as strict as Redis.

Python's own `int()` and `float()` take more than Redis does (" 1", "+1", "1_000", "nan"), and
what one server takes another must not refuse, so the forms are spelled out here.
"""

import math
import re
from collections.abc import Iterator

from services.common.resp import ReplyError
from services.kvdb import errors

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1

_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_FLOAT = re.compile(
    rb"[+-]?(?:[0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?|inf|infinity)",
    re.IGNORECASE,
)


def to_integer(text: bytes) -> int | None:
    """A signed 64-bit integer in its one canonical form, or None.  # Real: string2ll()"""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if MIN_INTEGER <= number <= MAX_INTEGER else None


def integer(text: bytes, error: str = errors.NOT_AN_INTEGER) -> int:
    """The same, or the error that says what was expected."""
    number = to_integer(text)
    if number is None:
        raise ReplyError(error)
    return number


def natural(text: bytes, error: str = errors.NOT_POSITIVE) -> int:
    """An integer that is not negative."""
    number = integer(text, error)
    if number < 0:
        raise ReplyError(error)
    return number


def number(text: bytes, error: str = errors.NOT_A_FLOAT) -> float:
    """A double: decimal, with an exponent, or infinite; never NaN."""
    value = float(text) if _FLOAT.fullmatch(text) else math.nan
    is_spelled_infinite = b"n" in text or b"N" in text
    if math.isnan(value) or (math.isinf(value) and not is_spelled_infinite):
        raise ReplyError(error)
    return value


def expiry_ms(text: bytes, unit_ms: int, base_ms: int, command: str) -> int:
    """The moment of an expiry in Unix milliseconds, from a time that must be positive.

    `base_ms` is 0 where the client gives an absolute time, else now.
    """
    amount = integer(text)
    if amount <= 0 or amount * unit_ms + base_ms > MAX_INTEGER:
        raise errors.invalid_expire_time(command)
    return amount * unit_ms + base_ms


def timeout_s(text: bytes) -> float:
    """How long a blocking command waits; 0 is for ever."""
    value = number(text, "ERR timeout is not a float or out of range")
    if value < 0:
        raise ReplyError("ERR timeout is negative")
    if value * 1000 > MAX_INTEGER:
        raise ReplyError("ERR timeout is out of range")
    return value


def words(arguments: list[bytes]) -> Iterator[tuple[bytes, Iterator[bytes]]]:
    """Each option in upper case, with the iterator from which its own values are taken.

    for word, values in words(request[3:]):
        match word:
            case b"EX": seconds = following(values)
    """
    values = iter(arguments)
    for word in values:
        yield word.upper(), values


def following(values: Iterator[bytes]) -> bytes:
    """The value that belongs to an option; a syntax error where the request has ended."""
    value = next(values, None)
    if value is None:
        raise errors.syntax_error()
    return value


def clamp_range(start: int, stop: int, length: int) -> tuple[int, int]:
    """Redis's inclusive indexes, negative from the end, as a Python range; empty is (0, 0)."""
    if start < 0:
        start = max(start + length, 0)
    if stop < 0:
        stop += length
    stop = min(stop, length - 1)
    return (start, stop + 1) if start <= stop else (0, 0)


def key_list(request: list[bytes], position: int) -> tuple[list[bytes], int]:
    """The keys behind a count at `position`, and the position behind the last key."""
    count = integer(request[position], errors.NUMKEYS)
    if count <= 0:
        raise ReplyError(errors.NUMKEYS)
    first = position + 1
    if count > len(request) - first:
        raise errors.syntax_error()
    return request[first : first + count], first + count

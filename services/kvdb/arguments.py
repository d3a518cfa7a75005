"""Reading the arguments of a command: numbers, times, counts and options, as strict as Redis.

Python's own `int()` and `float()` take more than Redis does (" 1", "+1", "1_000", "nan"), and
what one server takes another must not refuse, so the forms are spelled out here.
"""

import math
import re
from collections.abc import Iterator

from services.common.resp import ReplyError
from services.common.resp_runs import Run
from services.kvdb import errors
from services.kvdb.shared_integers import SHARED_NUMBERS

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1

_ZERO_DIGIT = ord("0")
_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_DECIMAL = b"0123456789.eE+-"
_INFINITE = re.compile(rb"[+-]?inf(?:inity)?", re.IGNORECASE)
_HEXADECIMAL = re.compile(
    rb"[+-]?0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?", re.IGNORECASE
)
_ZERO = re.compile(rb"[+-]?(?:0x)?[0.]+(?:[ep][+-]?[0-9]+)?", re.IGNORECASE)
"""0 in any form: any other number that comes out as 0 was too small."""


def to_integer(text: bytes) -> int | None:
    """A signed 64-bit integer in its one canonical form, or None.  # Real: string2ll()"""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if MIN_INTEGER <= number <= MAX_INTEGER else None


def integer(text: bytes, error: str = errors.NOT_AN_INTEGER) -> int:
    """The same, or the error that says what was expected."""
    number = SHARED_NUMBERS.get(text)
    if number is not None:
        return number
    if text.isdigit() and len(text) < 19 and text[0] != _ZERO_DIGIT:
        return int(text)  # The usual number; leaving the expression out saves INCR a quarter.
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


_SMALL_NUMBERS = {b"%d" % small: float(small) for small in range(1024)}
"""Scores are small and round mostly. Those that are one object take no memory, and compare fast."""


_MAX_DIGITS = 300
"""Fewer of them are always a double."""


def number(text: bytes, error: str = errors.NOT_A_FLOAT) -> float:
    """A double: decimal, with an exponent, or infinite; never NaN."""
    small = _SMALL_NUMBERS.get(text)
    if small is not None:
        return small
    if text.isdigit() and len(text) < _MAX_DIGITS:
        return float(text)
    value = _to_double(text)
    if 0.0 < value < math.inf or -math.inf < value < 0.0:
        return value
    # Infinity and 0 have to be spelled out: else the number was too large, or too small.
    if not (_INFINITE if value else _ZERO).fullmatch(text):
        raise ReplyError(error)
    return value


def limit(text: bytes, error: str) -> float:
    """The end of a range of scores: read with less care, as Redis does it.

    Spaces before it are passed over, nothing is 0, and what is too large is infinite.
    """
    text = text.lstrip(b" \t\n\v\f\r")
    value = _to_double(text) if text else 0.0
    if math.isnan(value):
        raise ReplyError(error)
    return value


def _to_double(text: bytes) -> float:
    """Any of the forms of C, or NaN."""
    try:
        if not text.translate(None, _DECIMAL):
            # What is left to `float` means the same to C: ZADD takes a tenth less than with an
            # expression that spells it out.
            return float(text)
        if _INFINITE.fullmatch(text):
            return float(text)
        return float.fromhex(text.decode()) if _HEXADECIMAL.fullmatch(text) else math.nan
    except ValueError:
        return math.nan
    except OverflowError:
        return -math.inf if text.startswith(b"-") else math.inf


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


MAX_PATTERN_BYTES = 128 * 1024
"""A glob of this length takes a second or two to compile, and nobody is served meanwhile."""


def bounded_pattern(text: bytes, max_bytes: int = MAX_PATTERN_BYTES) -> bytes:
    """A glob that is not too long to be matched."""
    if len(text) > max_bytes:
        raise ReplyError(f"ERR the pattern is longer than {max_bytes} bytes")
    return text


def clamp_range(start: int, stop: int, length: int) -> tuple[int, int]:
    """Redis's inclusive indexes, negative from the end, as a Python range; empty is (0, 0)."""
    if start < 0:
        start = max(start + length, 0)
    if stop < 0:
        stop += length
    stop = min(stop, length - 1)
    return (start, stop + 1) if start <= stop else (0, 0)


def common_key(run: Run) -> bytes | None:
    """The key of all requests of a run; None where they have several."""
    keys = run.columns[0]
    return keys[0] if keys.count(keys[0]) == run.count else None


def pop_count(request: list[bytes]) -> int | None:
    """The count of `LPOP key [count]` and its like; None where none is given."""
    if len(request) > 3:
        raise errors.wrong_arity(request[0].decode().lower())
    return natural(request[2]) if len(request) == 3 else None


def key_list(request: list[bytes], position: int) -> tuple[list[bytes], int]:
    """The keys behind a count at `position`, and the position behind the last key."""
    count = integer(request[position], errors.NUMKEYS)
    if count <= 0:
        raise ReplyError(errors.NUMKEYS)
    first = position + 1
    if count > len(request) - first:
        raise errors.syntax_error()
    return request[first : first + count], first + count

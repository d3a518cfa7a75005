"""interval: months, days and microseconds, which do not turn into each other by themselves.

    '1 year 2 mons 3 days 04:05:06.7'   '1-2'   'P1Y2M3DT4H5M6.7S'   '@ 1 hour ago'   '1.5 weeks'

Output follows IntervalStyle. In comparisons a month counts 30 days and a day 24 hours, so that
'1 mon' = '30 days' (`interval_key`), though both are kept and shown as they were written.
# Real: DecodeInterval(), EncodeInterval()
"""

from __future__ import annotations

import re
import struct
from decimal import ROUND_HALF_EVEN, Decimal

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.calendar import DAY_US, HOUR_US, MINUTE_US, SECOND_US, split_time
from services.sqldb.types.context import SessionContext
from services.sqldb.types.dates import round_to_precision
from services.sqldb.types.numbers import wrong_size
from services.sqldb.types.sql_type import TypeModifier
from services.sqldb.values import Interval

MONTH_DAYS = 30
_LAYOUT = struct.Struct("!qii")

# Fields of `interval year to month` in the typmod's upper half. # Real: INTERVAL_MASK()
FULL_RANGE = 0x7FFF
FULL_PRECISION = 0xFFFF
FIELD_BITS = {"year": 1 << 2, "month": 1 << 1, "day": 1 << 3, "hour": 1 << 10,
              "minute": 1 << 11, "second": 1 << 12}  # fmt: skip
_FIELD_ORDER = ("year", "month", "day", "hour", "minute", "second")

# unit → (months, days, microseconds) of one of it
_SPELLINGS = {
    "microsecond": ("us usec usecs usecond useconds microseconds microsecon", (0, 0, 1)),
    "millisecond": ("ms msec msecs msecond mseconds milliseconds millisecon", (0, 0, 1000)),
    "second": ("s sec secs seconds", (0, 0, SECOND_US)),
    "minute": ("m min mins minutes", (0, 0, MINUTE_US)),
    "hour": ("h hr hrs hours", (0, 0, HOUR_US)),
    "day": ("d days", (0, 1, 0)),
    "week": ("w weeks", (0, 7, 0)),
    "month": ("mon mons months", (1, 0, 0)),
    "year": ("y yr yrs years", (12, 0, 0)),
    "decade": ("dec decs decades", (120, 0, 0)),
    "century": ("c cent centuries", (1200, 0, 0)),
    "millennium": ("mil mils millennia", (12000, 0, 0)),
}
_PLAIN_NAMES = {other: name for name, (others, _) in _SPELLINGS.items() for other in others.split()}
_UNITS = {
    spelling: parts
    for name, (others, parts) in _SPELLINGS.items()
    for spelling in (name, *others.split())
}
_TOKEN = re.compile(
    r"[ \t\n\r\v\f,]*(?:(?P<clock>[+-]?[0-9]+:[0-9]*(?::[0-9]*)?(?:\.[0-9]*)?)"
    r"|(?P<months>[+-]?[0-9]+-[0-9]+)(?![0-9.])"
    r"|(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    r"|(?P<word>[A-Za-z]+)|(?P<at>@))"
)
_ISO_PART = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([YMWDHMS])")
_ISO_DATE_UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_ISO_TIME_UNITS = {"H": "hour", "M": "minute", "S": "second"}


class _Syntax(Exception):
    pass


def out_of_range() -> SqlError:
    return SqlError(errors.DATETIME_FIELD_OVERFLOW, "interval out of range")


def checked_interval(months: int, days: int, microseconds: int) -> Interval:
    if not (_fits(months, 32) and _fits(days, 32) and _fits(microseconds, 64)):
        raise out_of_range()
    return Interval(months, days, microseconds)


def _fits(value: int, bits: int) -> bool:
    return -(1 << (bits - 1)) <= value < 1 << (bits - 1)


def interval_key(value: Interval) -> int:
    """Microseconds, with months of 30 days."""
    months, days, microseconds = value
    return (months * MONTH_DAYS + days) * DAY_US + microseconds


class _FieldOverflow(Exception):
    """A single field that no machine number holds: 22015."""


class _Sum:
    """An interval in the making: fractions spill into the next smaller part, never upward."""

    __slots__ = ("days", "microseconds", "months", "used", "years")

    def __init__(self) -> None:
        self.years = self.months = self.days = self.microseconds = 0
        self.used: set[str] = set()

    def use(self, *units: str) -> None:
        """Each unit may stand once."""
        names = {_PLAIN_NAMES.get(unit, unit) for unit in units}
        if names & self.used:
            raise _Syntax
        self.used |= names

    def add(self, number: Decimal, unit: str) -> None:
        months, days, microseconds = _UNITS[unit]
        whole = int(number)
        fraction = number - whole
        if months >= 12:
            self.years += whole * (months // 12)
            # Of years and more, what is less than a month is rounded to one.
            self.months += _nearest(fraction * months)
        elif months:
            self.months += whole
            self._add_days(fraction * MONTH_DAYS)
        elif days:
            self.days += whole * days
            self._add_days(fraction * days)
        else:
            self.microseconds += _nearest(number * microseconds)

    def _add_days(self, days: Decimal) -> None:
        whole = int(days)
        self.days += whole
        self.microseconds += _nearest((days - whole) * DAY_US)

    def negate(self) -> None:
        self.years, self.months, self.days = -self.years, -self.months, -self.days
        self.microseconds = -self.microseconds

    def value(self) -> Interval:
        if not all(_fits(part, 32) for part in (self.years, self.months, self.days)):
            raise _FieldOverflow
        if not _fits(self.microseconds, 64):
            raise _FieldOverflow
        return checked_interval(self.years * 12 + self.months, self.days, self.microseconds)


def _nearest(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_EVEN))


def parse_interval(text: str, typmod: int, context: SessionContext) -> Interval:
    try:
        stripped = text.strip()
        if stripped[:1] in ("P", "p") and len(stripped) > 1:
            value = _parse_iso(stripped[1:].upper())
        else:
            value = _parse_words(stripped, typmod)
    except _Syntax:
        raise SqlError(
            errors.INVALID_DATETIME_FORMAT, f'invalid input syntax for type interval: "{text}"'
        ) from None
    except _FieldOverflow:
        raise SqlError(
            errors.INTERVAL_FIELD_OVERFLOW, f'interval field value out of range: "{text}"'
        ) from None
    return value if typmod < 0 else coerce_interval(value, typmod)


def _parse_words(text: str, typmod: int) -> Interval:
    tokens = _tokens(text)
    total, is_ago, found = _Sum(), False, False
    # From the right, because a unit stands behind its number. Without a word of its own a number
    # has the unit of the type, and days before hours.
    unit = _unit_of_range(typmod)
    for index in range(len(tokens) - 1, -1, -1):
        kind, token = tokens[index]
        match kind:
            case "word" if token.lower() == "ago":
                is_ago = True
            case "word" if token.lower() in _UNITS:
                unit = token.lower()
            case "number":
                total.use(unit)
                total.add(Decimal(token), unit)
                unit = "day" if _PLAIN_NAMES.get(unit, unit) == "hour" else unit
                found = True
            case "clock":
                total.use("hour", "minute", "second")
                total.microseconds += _clock(token, typmod)
                unit, found = "day", True
            case "months":
                total.use("year", "month")
                total.months += _years_and_months(token)
                found = True
            case "at" if index == 0:
                pass
            case _:
                raise _Syntax
    if not found:
        raise _Syntax
    if is_ago:
        total.negate()
    return total.value()


def _years_and_months(token: str) -> int:
    sign, years, months = re.fullmatch(r"([+-]?)(\d+)-(\d+)", token).groups()
    if int(months) > 11:
        raise _FieldOverflow
    count = int(years) * 12 + int(months)
    return -count if sign == "-" else count


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    text = re.sub(r"([+-]) +(?=[0-9.])", r"\1", text)
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _Syntax
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens


def _unit_of_range(typmod: int) -> str:
    """interval '5' day counts days, a bare interval '5' seconds."""
    fields = fields_of_typmod(typmod)
    return fields[-1] if fields else "second"


def fields_of_typmod(typmod: int) -> list[str]:
    """The fields between which `interval year to month` keeps values; empty: all of them."""
    if typmod < 0 or (typmod >> 16) & FULL_RANGE == FULL_RANGE:
        return []
    return [name for name in _FIELD_ORDER if (typmod >> 16) & FIELD_BITS[name]]


def _clock(token: str, typmod: int) -> int:
    match = re.fullmatch(r"([+-]?)([0-9]+):([0-9]*)(?::([0-9]*))?(\.[0-9]*)?", token)
    if match is None:
        raise _Syntax
    sign, first, second, third, fraction = match.groups()
    hours, minutes, seconds = int(first), int(second or 0), int(third or 0)
    is_short = third is None and (fraction or fields_of_typmod(typmod) == ["minute", "second"])
    if is_short:
        hours, minutes, seconds = 0, hours, minutes
    if seconds > 59 or (minutes > 59 and not is_short):
        raise _FieldOverflow
    total = hours * HOUR_US + minutes * MINUTE_US + seconds * SECOND_US
    if fraction and fraction != ".":
        total += _nearest(Decimal(fraction) * SECOND_US)
    return -total if sign == "-" else total


def _parse_iso(text: str) -> Interval:
    """What stands behind the P: 1Y2M3DT4H5M6S, or 0001-02-03T04:05:06."""
    date, has_time, time = text.partition("T")
    if not date and not has_time:
        raise _Syntax
    total = _Sum()
    alternative = re.fullmatch(r"([+-]?\d+)-(\d+)-(\d+)", date)
    if alternative:
        years, months, days = (int(part) for part in alternative.groups())
        total.months, total.days = years * 12 + months, days
    else:
        _add_iso_parts(total, date, _ISO_DATE_UNITS)
    if has_time and ":" in time:
        total.microseconds += _clock(time, -1)
    elif has_time:
        _add_iso_parts(total, time, _ISO_TIME_UNITS)
    return total.value()


def _add_iso_parts(total: _Sum, text: str, units: dict[str, str]) -> None:
    at = 0
    while at < len(text):
        match = _ISO_PART.match(text, at)
        if match is None or match[2] not in units:
            raise _Syntax
        total.add(Decimal(match[1]), units[match[2]])
        at = match.end()


def format_interval(value: Interval, context: SessionContext) -> str:
    match context.interval_style:
        case "iso_8601":
            return _iso_text(value)
        case "postgres_verbose":
            return _verbose_text(value)
        case "sql_standard":
            return _sql_standard_text(value)
    return postgres_text(value)


def _signed_parts(value: Interval) -> tuple[int, int, int]:
    """(years, months, days), years and months with the same sign."""
    months = abs(value.months)
    sign = -1 if value.months < 0 else 1
    return sign * (months // 12), sign * (months % 12), value.days


def postgres_text(value: Interval) -> str:
    """1 year 2 mons -3 days +04:05:06: after a negative part, a plus tells the others apart."""
    parts: list[str] = []
    is_after_negative = False
    for count, unit in zip(_signed_parts(value), ("year", "mon", "day"), strict=True):
        if count == 0:
            continue
        plus = "+" if is_after_negative and count > 0 else ""
        parts.append(f"{plus}{count} {unit}{'' if count == 1 else 's'}")
        is_after_negative = count < 0
    if value.microseconds or not parts:
        sign = "-" if value.microseconds < 0 else "+" if is_after_negative else ""
        parts.append(sign + _span_text(abs(value.microseconds)))
    return " ".join(parts)


def _span_text(microseconds: int) -> str:
    hours, minutes, seconds, fraction = split_time(microseconds)
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{text}.{fraction:06d}".rstrip("0") if fraction else text


def _seconds_text(seconds: int, fraction: int) -> str:
    return f"{seconds}.{fraction:06d}".rstrip("0") if fraction else str(seconds)


def _iso_text(value: Interval) -> str:
    years, months, days = _signed_parts(value)
    hours, minutes, seconds, fraction = split_time(abs(value.microseconds))
    sign = "-" if value.microseconds < 0 else ""
    date = "".join(
        f"{count}{letter}" for count, letter in ((years, "Y"), (months, "M"), (days, "D")) if count
    )
    time = "".join(
        f"{sign}{count}{letter}" for count, letter in ((hours, "H"), (minutes, "M")) if count
    )
    if seconds or fraction:
        time += f"{sign}{_seconds_text(seconds, fraction)}S"
    if not date and not time:
        return "PT0S"
    return f"P{date}T{time}" if time else f"P{date}"


def _verbose_text(value: Interval) -> str:
    """@ 1 year 2 mons ago: the sign of the first part is the sign of all."""
    years, months, days = _signed_parts(value)
    hours, minutes, seconds, fraction = split_time(abs(value.microseconds))
    sign = -1 if value.microseconds < 0 else 1
    counts = [(years, "year"), (months, "mon"), (days, "day"),
              (sign * hours, "hour"), (sign * minutes, "min")]  # fmt: skip
    is_ago, parts = None, []
    for count, unit in counts:
        if count:
            is_ago = count < 0 if is_ago is None else is_ago
            shown = -count if is_ago else count
            parts.append(f"{shown} {unit}{'' if shown == 1 else 's'}")
    if seconds or fraction:
        is_ago = sign < 0 if is_ago is None else is_ago
        minus = "-" if (sign < 0) != is_ago else ""
        text = _seconds_text(seconds, fraction)
        parts.append(f"{minus}{text} sec{'' if text == '1' and not minus else 's'}")
    return "@ " + (" ".join(parts) or "0") + (" ago" if is_ago else "")


def _sql_standard_text(value: Interval) -> str:
    years, months, days = _signed_parts(value)
    clock = abs(value.microseconds)
    parts = [value.months, value.days, value.microseconds]
    has_negative, has_positive = any(p < 0 for p in parts), any(p > 0 for p in parts)
    hours, minutes, seconds, fraction = split_time(clock)
    span = f"{hours}:{minutes:02d}:{seconds:02d}"
    span = f"{span}.{fraction:06d}".rstrip("0") if fraction else span
    if not has_negative and not has_positive:
        return "0"
    if (has_negative and has_positive) or (value.months and (value.days or clock)):
        signs = ["-" if part < 0 else "+" for part in parts]
        return f"{signs[0]}{abs(years)}-{abs(months)} {signs[1]}{abs(days)} {signs[2]}{span}"
    sign = "-" if has_negative else ""
    if value.months:
        return f"{sign}{abs(years)}-{abs(months)}"
    return f"{sign}{abs(days)} {span}" if days else sign + span


def receive_interval(data: bytes) -> Interval:
    if len(data) != 16:
        raise wrong_size(data, 16)
    microseconds, days, months = _LAYOUT.unpack(data)
    return Interval(months, days, microseconds)


def send_interval(value: Interval) -> bytes:
    return _LAYOUT.pack(value.microseconds, value.days, value.months)


def interval_typmod(fields: int, precision: int | None) -> int:
    """The number for `interval day to second(3)`: `fields` are the bits of FIELD_BITS."""
    return (fields & FULL_RANGE) << 16 | (
        FULL_PRECISION if precision is None else min(precision, 6)
    )


def _typmod_of_numbers(numbers: list[int]) -> int:
    """interval(3), or the two numbers that the parser makes of fields: bits, then precision."""
    if len(numbers) == 1:
        return interval_typmod(FULL_RANGE, numbers[0])
    return interval_typmod(numbers[0], numbers[1])


def _typmod_text(typmod: int) -> str:
    fields = fields_of_typmod(typmod)
    precision = typmod & FULL_PRECISION
    text = ""
    if fields:
        text = f" {fields[0]}" if len(fields) == 1 else f" {fields[0]} to {fields[-1]}"
    return text if precision == FULL_PRECISION else f"{text}({precision})"


def coerce_interval(value: Interval, typmod: int, is_explicit: bool = False) -> Interval:
    """Cut what is smaller than the last field of the type. # Real: AdjustIntervalForTypmod()"""
    if typmod < 0:
        return value
    months, days, microseconds = value
    fields = fields_of_typmod(typmod)
    last = fields[-1] if fields else "second"
    if last == "year":
        months, days, microseconds = int(months / 12) * 12, 0, 0
    elif last == "month":
        days = microseconds = 0
    elif last == "day":
        microseconds = 0
    elif last in ("hour", "minute"):
        unit = HOUR_US if last == "hour" else MINUTE_US
        microseconds = abs(microseconds) // unit * unit * (-1 if microseconds < 0 else 1)
    precision = typmod & FULL_PRECISION
    if last == "second" and precision != FULL_PRECISION:
        microseconds = round_to_precision(microseconds, precision)
    return Interval(months, days, microseconds)


INTERVAL_MODIFIER = TypeModifier(_typmod_of_numbers, _typmod_text, coerce_interval)

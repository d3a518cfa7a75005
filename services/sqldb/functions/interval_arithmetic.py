"""Sums and multiples of intervals.

Factors are floats, and what they leave of a month spills into days (30 to a month), of a day into
the clock time; nothing ever moves upward. # Real: interval_mul(), interval_div()
"""

from __future__ import annotations

import math
from collections.abc import Callable

from services.sqldb.functions.arithmetic import division_by_zero
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types.calendar import DAY_US, SECOND_US
from services.sqldb.types.intervals import MONTH_DAYS, checked_interval, out_of_range
from services.sqldb.values import Interval

define = Definitions()

_DAY_SECONDS = 86_400


@define.operators_for("interval + interval -> interval")
def add(a: Interval, b: Interval) -> Interval:
    return checked_interval(a.months + b.months, a.days + b.days, a.microseconds + b.microseconds)


@define.operators_for("interval - interval -> interval")
def subtract(a: Interval, b: Interval) -> Interval:
    return checked_interval(a.months - b.months, a.days - b.days, a.microseconds - b.microseconds)


@define.operators_for("- interval -> interval")
def negative(value: Interval) -> Interval:
    return checked_interval(-value.months, -value.days, -value.microseconds)


@define.operators_for("interval * float8 -> interval")
def multiply(value: Interval, factor: float) -> Interval:
    return _scaled(value, lambda part: part * factor)


@define.operators_for("float8 * interval -> interval")
def multiply_reversed(factor: float, value: Interval) -> Interval:
    return multiply(value, factor)


@define.operators_for("interval / float8 -> interval")
def divide(value: Interval, divisor: float) -> Interval:
    if divisor == 0.0:
        raise division_by_zero()
    return _scaled(value, lambda part: part / divisor)


def _scaled(value: Interval, scale: Callable[[int], float]) -> Interval:
    scaled = [scale(part) for part in value]
    if not all(math.isfinite(part) for part in scaled):
        raise out_of_range()
    months, days = int(scaled[0]), int(scaled[1])
    days_of_months = _to_microseconds((scaled[0] - months) * MONTH_DAYS)
    fraction = scaled[1] - days + days_of_months - int(days_of_months)
    seconds = _to_microseconds(fraction * _DAY_SECONDS)
    if abs(seconds) >= _DAY_SECONDS:
        whole = int(seconds / _DAY_SECONDS)
        days += whole
        seconds -= whole * _DAY_SECONDS
    days += int(days_of_months)
    return checked_interval(months, days, round(scaled[2] + seconds * SECOND_US))


def _to_microseconds(seconds: float) -> float:
    """Rounded to the sixth digit, so that 0.1 does not leave its error behind. # Real: TSROUND"""
    return round(seconds * 1e6) / 1e6


@define.function("justify_hours(interval) -> interval")
def justify_hours(value: Interval) -> Interval:
    """Every 24 hours become a day."""
    days, clock = _carry(value.days, value.microseconds, DAY_US)
    return checked_interval(value.months, days, clock)


@define.function("justify_days(interval) -> interval")
def justify_days(value: Interval) -> Interval:
    """Every 30 days become a month."""
    months, days = _carry(value.months, value.days, MONTH_DAYS)
    return checked_interval(months, days, value.microseconds)


def _carry(larger: int, smaller: int, unit: int) -> tuple[int, int]:
    whole = int(smaller / unit) if abs(smaller) < 1 << 50 else _truncated(smaller, unit)
    larger, smaller = larger + whole, smaller - whole * unit
    if larger > 0 > smaller:
        return larger - 1, smaller + unit
    if larger < 0 < smaller:
        return larger + 1, smaller - unit
    return larger, smaller


def _truncated(value: int, unit: int) -> int:
    return value // unit if value >= 0 else -(-value // unit)


@define.function("justify_interval(interval) -> interval")
def justify_interval(value: Interval) -> Interval:
    """Both, and all parts with the same sign. # Real: interval_justify_interval()"""
    months, days, clock = value
    whole = _truncated(clock, DAY_US)
    days, clock = days + whole, clock - whole * DAY_US
    whole = _truncated(days, MONTH_DAYS)
    months, days = months + whole, days - whole * MONTH_DAYS
    if months > 0 and (days < 0 or (days == 0 and clock < 0)):
        months, days = months - 1, days + MONTH_DAYS
    elif months < 0 and (days > 0 or (days == 0 and clock > 0)):
        months, days = months + 1, days - MONTH_DAYS
    if days > 0 > clock:
        days, clock = days - 1, clock + DAY_US
    elif days < 0 < clock:
        days, clock = days + 1, clock - DAY_US
    return checked_interval(months, days, clock)

"""Parts of dates and spans: extract, date_part, date_trunc, date_bin, and values made of parts.

extract() gives numeric, with six digits after the point for seconds; date_part() is the same as
double precision. # Real: timestamp_part_common(), interval_part_common(), timestamp_trunc()
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions import numeric_arithmetic
from services.sqldb.functions.casts import date_to_timestamp
from services.sqldb.functions.definition import STABLE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types.calendar import (
    DAY_US,
    HOUR_US,
    INFINITY_TIMESTAMP,
    JULIAN_DAY_OF_2000,
    MINUTE_US,
    SECOND_US,
    UNIX_EPOCH_DAY,
    civil_date,
    day_number,
    day_of_year,
    days_in_month,
    is_finite_date,
    is_finite_timestamp,
    iso_week,
    iso_weekday,
)
from services.sqldb.types.context import SessionContext
from services.sqldb.types.dates import checked_date, checked_timestamp
from services.sqldb.types.intervals import checked_interval, out_of_range
from services.sqldb.types.numeric import NEGATIVE_INFINITY, POSITIVE_INFINITY
from services.sqldb.types.zones import find_zone, offset_at, to_local, to_utc
from services.sqldb.values import Interval, TimeTz

define = Definitions()

_SYNONYMS = {
    name: unit
    for unit, names in {
        "microseconds": "us usec usecs usecond useconds microsecond microsecon",
        "milliseconds": "ms msec msecs msecond mseconds millisecond millisecon",
        "second": "s sec secs seconds",
        "minute": "m min mins minutes",
        "hour": "h hr hrs hours",
        "day": "d days",
        "week": "w weeks",
        "month": "mon mons months",
        "quarter": "qtr quarters",
        "year": "y yr yrs years",
        "decade": "dec decs decades",
        "century": "c cent centuries",
        "millennium": "mil mils millennia",
        "timezone_hour": "timezone_h",
        "timezone_minute": "timezone_m",
    }.items()
    for name in names.split()
}
_CLOCK_UNITS = frozenset({"microseconds", "milliseconds", "second", "minute", "hour"})
# What grows for ever is infinite for infinite dates; the other fields are unknown.
_MONOTONIC = frozenset({"year", "decade", "century", "millennium", "julian", "isoyear", "epoch"})
_ALL_UNITS = frozenset(
    (*_SYNONYMS.values(), "epoch", "julian", "isoyear", "dow", "isodow", "doy", "timezone")
)


def unit_named(name: str) -> str:
    word = name.lower()
    return _SYNONYMS.get(word, word)


def _unit_error(given: str, unit: str, type_name: str) -> SqlError:
    if unit in _ALL_UNITS:
        return SqlError(
            errors.FEATURE_NOT_SUPPORTED, f'unit "{given}" not supported for type {type_name}'
        )
    return _unknown_unit(given, type_name)


def _unknown_unit(given: str, type_name: str) -> SqlError:
    return SqlError(
        errors.INVALID_PARAMETER_VALUE, f'unit "{given}" not recognized for type {type_name}'
    )


def _cannot_truncate(given: str, unit: str, type_name: str) -> SqlError:
    """What is only a field (epoch, dow …) is no unit at all here, but time zones are one."""
    if unit == "week" or unit.startswith("timezone"):
        return _unit_error(given, unit, type_name)
    return _unknown_unit(given, type_name)


def _clock_field(unit: str, microseconds: int) -> Decimal:
    """A field of a clock time or of the time of an interval, sign included."""
    seconds = abs(microseconds) % MINUTE_US * (-1 if microseconds < 0 else 1)
    match unit:
        case "microseconds":
            return Decimal(seconds)
        case "milliseconds":
            return Decimal(seconds).scaleb(-3)
        case "second":
            return Decimal(seconds).scaleb(-6)
        case "minute":
            count = abs(microseconds) // MINUTE_US % 60
        case _:
            count = abs(microseconds) // HOUR_US
    return Decimal(-count if microseconds < 0 else count)


def _shown_year(year: int) -> int:
    """1 BC is the year 0 of astronomers, and -1 to people."""
    return year if year > 0 else year - 1


def _century(year: int, length: int) -> int:
    if year > 0:
        return (year + length - 1) // length
    return -((length - 1 - (year - 1)) // length)


def _decade(year: int) -> int:
    return year // 10 if year >= 0 else -((8 - (year - 1)) // 10)


def _date_field(unit: str, day: int) -> int | None:
    year, month, month_day = civil_date(day)
    match unit:
        case "day":
            return month_day
        case "month":
            return month
        case "quarter":
            return (month - 1) // 3 + 1
        case "week":
            return iso_week(day)[1]
        case "year":
            return _shown_year(year)
        case "decade":
            return _decade(year)
        case "century":
            return _century(year, 100)
        case "millennium":
            return _century(year, 1000)
        case "isoyear":
            return _shown_year(iso_week(day)[0])
        case "dow":
            return iso_weekday(day) % 7
        case "isodow":
            return iso_weekday(day)
        case "doy":
            return day_of_year(day)
    return None


def _infinite(unit: str, is_positive: bool) -> Decimal | None:
    if unit in _MONOTONIC:
        return POSITIVE_INFINITY if is_positive else NEGATIVE_INFINITY
    return None


def _timestamp_field(
    given: str, value: int, local: int, zone: tzinfo | None, type_name: str
) -> Decimal | None:
    """`local` is what the clocks show, `value` the moment; without zone both are the same."""
    unit = unit_named(given)
    if unit in _ALL_UNITS and not is_finite_timestamp(value):
        return _infinite(unit, value == INFINITY_TIMESTAMP)
    if unit not in _ALL_UNITS or (unit.startswith("timezone") and zone is None):
        raise _unit_error(given, unit, type_name)
    day, clock = divmod(local, DAY_US)
    if unit in _CLOCK_UNITS:
        return _clock_field(unit, clock)
    if unit == "epoch":
        return Decimal(value - UNIX_EPOCH_DAY * DAY_US).scaleb(-6)
    if unit == "julian":
        fraction = numeric_arithmetic.divide(Decimal(clock), Decimal(DAY_US))
        return numeric_arithmetic.add(Decimal(day + JULIAN_DAY_OF_2000), fraction)
    if unit.startswith("timezone"):
        return _zone_field(unit, offset_at(zone, value))
    return Decimal(_date_field(unit, day))


def _zone_field(unit: str, seconds_east: int) -> Decimal:
    if unit == "timezone":
        return Decimal(seconds_east)
    sign = -1 if seconds_east < 0 else 1
    if unit == "timezone_hour":
        return Decimal(sign * (abs(seconds_east) // 3600))
    return Decimal(sign * (abs(seconds_east) // 60 % 60))


@define.function("extract(text, timestamp) -> numeric")
def extract_timestamp(unit: str, value: int) -> Decimal | None:
    return _timestamp_field(unit, value, value, None, "timestamp without time zone")


@define.function("extract(text, timestamptz) -> numeric", context=True, volatility=STABLE)
def extract_timestamptz(context: SessionContext, unit: str, value: int) -> Decimal | None:
    zone = context.time_zone
    local = to_local(zone, value) if is_finite_timestamp(value) else value
    return _timestamp_field(unit, value, local, zone, "timestamp with time zone")


@define.function("extract(text, date) -> numeric")
def extract_date(given: str, day: int) -> Decimal | None:
    unit = unit_named(given)
    if unit not in _ALL_UNITS or unit in _CLOCK_UNITS or unit.startswith("timezone"):
        raise _unit_error(given, unit, "date")
    if not is_finite_date(day):
        return _infinite(unit, day > 0)
    if unit == "epoch":
        return Decimal((day - UNIX_EPOCH_DAY) * 86_400)
    if unit == "julian":
        return Decimal(day + JULIAN_DAY_OF_2000)
    return Decimal(_date_field(unit, day))


@define.function("extract(text, time) -> numeric")
def extract_time(given: str, value: int) -> Decimal:
    unit = unit_named(given)
    if unit == "epoch":
        return Decimal(value).scaleb(-6)
    if unit not in _CLOCK_UNITS:
        raise _unit_error(given, unit, "time without time zone")
    return _clock_field(unit, value)


@define.function("extract(text, timetz) -> numeric")
def extract_timetz(given: str, value: TimeTz) -> Decimal:
    unit = unit_named(given)
    if unit.startswith("timezone") and unit in _ALL_UNITS:
        return _zone_field(unit, -value.zone_seconds_west)
    if unit == "epoch":
        return Decimal(value.microseconds + value.zone_seconds_west * SECOND_US).scaleb(-6)
    if unit not in _CLOCK_UNITS:
        raise _unit_error(given, unit, "time with time zone")
    return _clock_field(unit, value.microseconds)


def _toward_zero(value: int, divisor: int) -> int:
    return value // divisor if value >= 0 else -(-value // divisor)


@define.function("extract(text, interval) -> numeric")
def extract_interval(given: str, value: Interval) -> Decimal:
    unit = unit_named(given)
    if unit in _CLOCK_UNITS:
        return _clock_field(unit, value.microseconds)
    years = _toward_zero(value.months, 12)
    months = value.months - years * 12
    match unit:
        case "day":
            return Decimal(value.days)
        case "month":
            return Decimal(months)
        case "quarter":
            return Decimal(_toward_zero(months, 3) + 1)
        case "year":
            return Decimal(years)
        case "decade":
            return Decimal(_toward_zero(years, 10))
        case "century":
            return Decimal(_toward_zero(years, 100))
        case "millennium":
            return Decimal(_toward_zero(years, 1000))
        case "epoch":
            # A year has 365.25 days here, a month 30.
            quarter_days = years * 1461 + (months * 30 + value.days) * 4
            return Decimal(quarter_days * (DAY_US // 4) + value.microseconds).scaleb(-6)
    raise _unit_error(given, unit, "interval")


def _as_float(extract: Callable[..., Decimal | None]) -> Callable[..., float | None]:
    def part(*arguments: Any) -> float | None:
        value = extract(*arguments)
        return None if value is None else float(value)

    return part


define.function("date_part(text, timestamp) -> float8")(_as_float(extract_timestamp))
define.function("date_part(text, timestamptz) -> float8", context=True, volatility=STABLE)(
    _as_float(extract_timestamptz)
)
define.function("date_part(text, date) -> float8")(
    _as_float(lambda unit, day: extract_timestamp(unit, date_to_timestamp(day)))
)
define.function("date_part(text, time) -> float8")(_as_float(extract_time))
define.function("date_part(text, timetz) -> float8")(_as_float(extract_timetz))


@define.function("date_part(text, interval) -> float8")
def interval_part(unit: str, value: Interval) -> float | None:
    if unit_named(unit) != "epoch":
        return float(extract_interval(unit, value))
    # In floats from the beginning, so with their errors.
    years = _toward_zero(value.months, 12)
    seconds = value.microseconds / 1_000_000.0
    seconds += 365.25 * 86_400 * years
    seconds += 30.0 * 86_400 * (value.months - years * 12)
    return seconds + 86_400.0 * value.days


_CLOCK_LENGTHS = {
    "microseconds": 1,
    "milliseconds": 1000,
    "second": SECOND_US,
    "minute": MINUTE_US,
    "hour": HOUR_US,
    "day": DAY_US,
}


def _first_day(unit: str, day: int) -> int | None:
    """The first day of the week, month … millennium that has the day."""
    year, month, _ = civil_date(day)
    match unit:
        case "week":
            return day - iso_weekday(day) + 1
        case "month":
            return day_number(year, month, 1)
        case "quarter":
            return day_number(year, (month - 1) // 3 * 3 + 1, 1)
        case "year":
            return day_number(year, 1, 1)
        case "decade":
            first = year // 10 * 10 if year > 0 else -((8 - (year - 1)) // 10) * 10
            return day_number(first, 1, 1)
        case "century":
            return day_number(_first_year(year, 100), 1, 1)
        case "millennium":
            return day_number(_first_year(year, 1000), 1, 1)
    return None


def _first_year(year: int, length: int) -> int:
    """2001 for 2024: centuries begin with a year 1."""
    if year > 0:
        return (year + length - 1) // length * length - (length - 1)
    return -((length - 1 - (year - 1)) // length) * length + 1


@define.function("date_trunc(text, timestamp) -> timestamp")
def truncate_timestamp(given: str, value: int) -> int:
    return _truncate(given, value, "timestamp without time zone")


def _truncate(given: str, value: int, type_name: str) -> int:
    unit = unit_named(given)
    length = _CLOCK_LENGTHS.get(unit)
    if not is_finite_timestamp(value):
        return value
    if length is not None:
        return value // length * length
    first = _first_day(unit, value // DAY_US)
    if first is None:
        raise _cannot_truncate(given, unit, type_name)
    return checked_timestamp(first * DAY_US)


def _truncate_in_zone(given: str, value: int, zone: tzinfo) -> int:
    if not is_finite_timestamp(value):
        return value
    local = to_local(zone, value)
    truncated = _truncate(given, local, "timestamp with time zone")
    if unit_named(given) in ("microseconds", "milliseconds", "second", "minute", "hour"):
        # Within an hour the offset stays, also in the hour that the clocks show twice.
        return value - (local - truncated)
    return to_utc(zone, truncated)


@define.function("date_trunc(text, timestamptz) -> timestamptz", context=True, volatility=STABLE)
def truncate_timestamptz(context: SessionContext, unit: str, value: int) -> int:
    return _truncate_in_zone(unit, value, context.time_zone)


@define.function("date_trunc(text, timestamptz, text) -> timestamptz")
def truncate_in_named_zone(unit: str, value: int, zone: str) -> int:
    return _truncate_in_zone(unit, value, find_zone(zone))


_MONTH_LENGTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200,
                  "millennium": 12000}  # fmt: skip


@define.function("date_trunc(text, interval) -> interval")
def truncate_interval(given: str, value: Interval) -> Interval:
    unit = unit_named(given)
    length = _CLOCK_LENGTHS.get(unit)
    if unit == "day":
        return Interval(value.months, value.days, 0)
    if length is not None:
        return Interval(value.months, value.days, _toward_zero(value.microseconds, length) * length)
    months = _MONTH_LENGTHS.get(unit)
    if months is None:
        raise _cannot_truncate(given, unit, "interval")
    return Interval(_toward_zero(value.months, months) * months, 0, 0)


def _bin(stride: Interval, value: int, origin: int) -> int:
    """The beginning of the stride that has the moment, counted from an origin."""
    if not is_finite_timestamp(value):
        return value
    if not is_finite_timestamp(origin):
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, "origin out of range")
    if stride.months:
        raise SqlError(
            errors.FEATURE_NOT_SUPPORTED,
            "timestamps cannot be binned into intervals containing months or years",
        )
    length = stride.days * DAY_US + stride.microseconds
    if length <= 0:
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, "stride must be greater than zero")
    return checked_timestamp(origin + (value - origin) // length * length)


define.function("date_bin(interval, timestamp, timestamp) -> timestamp")(_bin)
define.function("date_bin(interval, timestamptz, timestamptz) -> timestamptz")(_bin)


def _checked_day(year: int, month: int, day: int) -> int:
    is_valid = year != 0 and 1 <= month <= 12 and day >= 1
    astronomical = year + 1 if year < 0 else year
    if not is_valid or abs(year) > 5_900_000 or day > days_in_month(astronomical, month):
        raise SqlError(
            errors.DATETIME_FIELD_OVERFLOW,
            f"date field value out of range: {year}-{month:02d}-{day:02d}",
        )
    return checked_date(day_number(astronomical, month, day))


def _checked_clock(hour: int, minute: int, second: float) -> int:
    total = hour * HOUR_US + minute * MINUTE_US + round(second * SECOND_US)
    if not (0 <= hour <= 24 and 0 <= minute <= 59 and 0 <= second <= 60) or total > DAY_US:
        shown = f"{second:02g}".zfill(2)
        raise SqlError(
            errors.DATETIME_FIELD_OVERFLOW,
            f"time field value out of range: {hour}:{minute:02d}:{shown}",
        )
    return total


define.function("make_date(year int4, month int4, day int4) -> date")(_checked_day)
define.function("make_time(hour int4, min int4, sec float8) -> time")(_checked_clock)


@define.function(
    "make_timestamp(year int4, month int4, mday int4, hour int4, min int4, sec float8) -> timestamp"
)
def make_timestamp(year: int, month: int, day: int, hour: int, minute: int, second: float) -> int:
    clock = _checked_clock(hour, minute, second)
    return checked_timestamp(_checked_day(year, month, day) * DAY_US + clock)


@define.function(
    "make_timestamptz(year int4, month int4, mday int4, hour int4, min int4, sec float8)"
    " -> timestamptz",
    context=True,
    volatility=STABLE,
)
def make_timestamptz(context: SessionContext, *parts: Any) -> int:
    return to_utc(context.time_zone, make_timestamp(*parts))


@define.function(
    "make_timestamptz(year int4, month int4, mday int4, hour int4, min int4, sec float8,"
    " timezone text) -> timestamptz"
)
def make_timestamptz_in(*parts: Any) -> int:
    return to_utc(find_zone(parts[-1]), make_timestamp(*parts[:-1]))


@define.function(
    "make_interval(years int4 = 0, months int4 = 0, weeks int4 = 0, days int4 = 0,"
    " hours int4 = 0, mins int4 = 0, secs float8 = 0) -> interval"
)
def make_interval(
    years: int, months: int, weeks: int, days: int, hours: int, minutes: int, seconds: float
) -> Interval:
    if not math.isfinite(seconds):
        raise out_of_range()
    clock = hours * HOUR_US + minutes * MINUTE_US + round(seconds * SECOND_US)
    return checked_interval(years * 12 + months, weeks * 7 + days, clock)

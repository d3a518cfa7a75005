"""Sums and differences of dates, times, timestamps and intervals; age(); time zones.

An interval is added in three steps: months (the day is brought back to the end of a shorter month),
days, microseconds. For timestamptz months and days count on the clocks of the session's zone, so
that a day may have 23 hours. # Real: timestamptz_pl_interval()
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions import interval_arithmetic
from services.sqldb.functions.casts import (
    date_to_timestamp,
)
from services.sqldb.functions.definition import STABLE, VOLATILE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types.calendar import (
    DAY_US,
    INFINITY_TIMESTAMP,
    MINUS_INFINITY_TIMESTAMP,
    SECOND_US,
    civil_date,
    day_number,
    days_in_month,
    is_finite_date,
    is_finite_timestamp,
)
from services.sqldb.types.context import EPOCH_OFFSET_US, SessionContext, clock_timestamp_us
from services.sqldb.types.dates import (
    checked_date,
    checked_timestamp,
    format_timestamptz,
    timestamp_out_of_range,
    timetz_key,
)
from services.sqldb.types.intervals import postgres_text
from services.sqldb.types.zones import (
    find_zone,
    fixed_zone,
    offset_at,
    to_local,
    to_utc,
)
from services.sqldb.values import NAN, Interval, TimeTz

define = Definitions()

_IN_SESSION = {"context": True, "volatility": STABLE}


def add_months(day: int, months: int) -> int:
    """The same day of another month, or its last one."""
    year, month, month_day = civil_date(day)
    index = year * 12 + month - 1 + months
    year, month = index // 12, index % 12 + 1
    return day_number(year, month, min(month_day, days_in_month(year, month)))


@define.operators_for("timestamp + interval -> timestamp")
def add_interval(timestamp: int, span: Interval) -> int:
    if not is_finite_timestamp(timestamp):
        return timestamp
    return checked_timestamp(_with_days(timestamp, span.months, span.days) + span.microseconds)


def _with_days(timestamp: int, months: int, days: int) -> int:
    day, clock = divmod(timestamp, DAY_US)
    if months:
        if abs(months) > 4_000_000:
            raise timestamp_out_of_range()
        day = add_months(day, months)
    return (day + days) * DAY_US + clock


@define.operators_for("timestamp - interval -> timestamp")
def subtract_interval(timestamp: int, span: Interval) -> int:
    return add_interval(timestamp, interval_arithmetic.negative(span))


@define.operators_for("timestamptz + interval -> timestamptz", **_IN_SESSION)
def add_interval_in_zone(context: SessionContext, timestamp: int, span: Interval) -> int:
    if not is_finite_timestamp(timestamp):
        return timestamp
    if span.months or span.days:
        zone = context.time_zone
        local = _with_days(to_local(zone, timestamp), span.months, span.days)
        timestamp = to_utc(zone, checked_timestamp(local))
    return checked_timestamp(timestamp + span.microseconds)


@define.operators_for("timestamptz - interval -> timestamptz", **_IN_SESSION)
def subtract_interval_in_zone(context: SessionContext, timestamp: int, span: Interval) -> int:
    return add_interval_in_zone(context, timestamp, interval_arithmetic.negative(span))


define.operator("interval + timestamp -> timestamp", lambda span, value: add_interval(value, span))
define.operator(
    "interval + timestamptz -> timestamptz",
    lambda context, span, value: add_interval_in_zone(context, value, span),
    **_IN_SESSION,
)


@define.operators_for("timestamp - timestamp -> interval", "timestamptz - timestamptz -> interval")
def difference(a: int, b: int) -> Interval:
    """In days and time: no months, whose length would be unknown."""
    if not (is_finite_timestamp(a) and is_finite_timestamp(b)):
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, "cannot subtract infinite timestamps")
    return interval_arithmetic.justify_hours(Interval(0, 0, a - b))


@define.operators_for("date + int4 -> date")
def add_days(day: int, count: int) -> int:
    return checked_date(day + count) if is_finite_date(day) else day


@define.operators_for("date - int4 -> date")
def subtract_days(day: int, count: int) -> int:
    return checked_date(day - count) if is_finite_date(day) else day


define.operator("int4 + date -> date", lambda count, day: add_days(day, count))


@define.operators_for("date - date -> int4")
def days_between(a: int, b: int) -> int:
    if not (is_finite_date(a) and is_finite_date(b)):
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, "cannot subtract infinite dates")
    return a - b


@define.operators_for("date + interval -> timestamp")
def add_interval_to_date(day: int, span: Interval) -> int:
    return add_interval(date_to_timestamp(day), span)


@define.operators_for("date - interval -> timestamp")
def subtract_interval_from_date(day: int, span: Interval) -> int:
    return subtract_interval(date_to_timestamp(day), span)


define.operator("interval + date -> timestamp", lambda span, day: add_interval_to_date(day, span))


@define.operators_for("date + time -> timestamp")
def add_time_to_date(day: int, clock: int) -> int:
    midnight = date_to_timestamp(day)
    return checked_timestamp(midnight + clock) if is_finite_timestamp(midnight) else midnight


define.operator("time + date -> timestamp", lambda clock, day: add_time_to_date(day, clock))


@define.operators_for("date + timetz -> timestamptz")
def add_timetz_to_date(day: int, clock: TimeTz) -> int:
    if not is_finite_date(day):
        return date_to_timestamp(day)
    local = day * DAY_US + clock.microseconds
    return checked_timestamp(local + clock.zone_seconds_west * SECOND_US)


define.operator("timetz + date -> timestamptz", lambda clock, day: add_timetz_to_date(day, clock))


@define.operators_for("time + interval -> time")
def add_to_time(clock: int, span: Interval) -> int:
    return (clock + span.microseconds) % DAY_US


@define.operators_for("time - interval -> time")
def subtract_from_time(clock: int, span: Interval) -> int:
    return (clock - span.microseconds) % DAY_US


define.operator("interval + time -> time", lambda span, clock: add_to_time(clock, span))
define.operator("time - time -> interval", lambda a, b: Interval(0, 0, a - b))
define.operator(
    "timetz + interval -> timetz",
    lambda value, span: TimeTz(add_to_time(value.microseconds, span), value.zone_seconds_west),
)
define.operator(
    "timetz - interval -> timetz",
    lambda value, span: TimeTz(
        subtract_from_time(value.microseconds, span), value.zone_seconds_west
    ),
)
define.operator(
    "interval + timetz -> timetz",
    lambda span, value: TimeTz(add_to_time(value.microseconds, span), value.zone_seconds_west),
)


@define.function("age(timestamp, timestamp) -> interval")
def age(later: int, earlier: int) -> Interval:
    """Years, months and days between two moments, as people count them."""
    if MINUS_INFINITY_TIMESTAMP in (later, earlier):
        raise timestamp_out_of_range()
    if later < earlier:
        return interval_arithmetic.negative(_age(earlier, later))
    return _age(later, earlier)


def _age(later: int, earlier: int) -> Interval:
    (later_day, later_clock), (earlier_day, earlier_clock) = (
        divmod(later, DAY_US),
        divmod(earlier, DAY_US),
    )
    year_1, month_1, day_1 = civil_date(later_day)
    year_2, month_2, day_2 = civil_date(earlier_day)
    clock = later_clock - earlier_clock
    days = day_1 - day_2
    months = (year_1 - year_2) * 12 + month_1 - month_2
    if clock < 0:
        clock, days = clock + DAY_US, days - 1
    while days < 0:
        days += days_in_month(year_2, month_2)
        months -= 1
    return Interval(months, days, clock)


@define.function("age(timestamptz, timestamptz) -> interval", **_IN_SESSION)
def age_in_zone(context: SessionContext, later: int, earlier: int) -> Interval:
    if MINUS_INFINITY_TIMESTAMP in (later, earlier):
        raise timestamp_out_of_range()
    zone = context.time_zone
    return age(to_local(zone, later), to_local(zone, earlier))


def today(context: SessionContext) -> int:
    """CURRENT_DATE"""
    return to_local(context.time_zone, context.transaction_timestamp_us) // DAY_US


define.function("age(timestamp) -> interval", **_IN_SESSION)(
    lambda context, value: age(today(context) * DAY_US, value)
)
define.function("age(timestamptz) -> interval", **_IN_SESSION)(
    lambda context, value: age(today(context) * DAY_US, to_local(context.time_zone, value))
)

define.function("now() -> timestamptz", "transaction_timestamp() -> timestamptz", **_IN_SESSION)(
    lambda context: context.transaction_timestamp_us
)
define.function("statement_timestamp() -> timestamptz", **_IN_SESSION)(
    lambda context: context.statement_timestamp_us
)
define.function("clock_timestamp() -> timestamptz", volatility=VOLATILE)(clock_timestamp_us)


@define.function("timeofday() -> text", volatility=VOLATILE, context=True)
def timeofday(context: SessionContext) -> str:
    return format_timestamptz(clock_timestamp_us(), context)


define.function("isfinite(timestamp) -> bool", "isfinite(timestamptz) -> bool")(is_finite_timestamp)
define.function("isfinite(date) -> bool")(is_finite_date)
define.function("isfinite(interval) -> bool")(lambda value: True)


def _zone_of_interval(span: Interval) -> Any:
    if span.months or span.days:
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            f'interval time zone "{postgres_text(span)}" must not include months or days',
        )
    return fixed_zone(span.microseconds // SECOND_US)


def _define_at_time_zone(zone_type: str, find: Callable[[Any], Any]) -> None:
    """x AT TIME ZONE z is timezone(z, x): it takes a zone away, or gives one."""

    def to_zone(name: Any, value: int) -> int:
        return to_local(find(name), value) if is_finite_timestamp(value) else value

    def from_zone(name: Any, value: int) -> int:
        return checked_timestamp(to_utc(find(name), value)) if is_finite_timestamp(value) else value

    def time_in_zone(context: SessionContext, name: Any, value: TimeTz) -> TimeTz:
        east = offset_at(find(name), context.transaction_timestamp_us)
        utc = value.microseconds + value.zone_seconds_west * SECOND_US
        return TimeTz((utc + east * SECOND_US) % DAY_US, -east)

    define.function(f"timezone({zone_type}, timestamptz) -> timestamp")(to_zone)
    define.function(f"timezone({zone_type}, timestamp) -> timestamptz")(from_zone)
    define.function(f"timezone({zone_type}, timetz) -> timetz", **_IN_SESSION)(time_in_zone)


_define_at_time_zone("text", find_zone)
_define_at_time_zone("interval", _zone_of_interval)


def _overlaps(start_1: Any, end_1: Any, start_2: Any, end_2: Any) -> bool | None:
    """(start, end) OVERLAPS (start, end), with NULLs for unknown ends."""
    if start_1 is None:
        start_1, end_1 = end_1, None
    elif end_1 is not None and start_1 > end_1:
        start_1, end_1 = end_1, start_1
    if start_2 is None:
        start_2, end_2 = end_2, None
    elif end_2 is not None and start_2 > end_2:
        start_2, end_2 = end_2, start_2
    if start_1 is None or start_2 is None:
        return None
    if start_1 == start_2:
        return None if end_1 is None or end_2 is None else True
    later, end_of_earlier, end_of_later = (
        (start_1, end_2, end_1) if start_1 > start_2 else (start_2, end_1, end_2)
    )
    if end_of_earlier is None:
        return None
    if later < end_of_earlier:
        return True
    return None if end_of_later is None else False


def _overlaps_of_lengths(
    add: Callable[..., int], first_has_length: bool, second_has_length: bool
) -> Callable[..., bool | None]:
    """Where an interval stands for the end."""

    def overlaps(*arguments: Any) -> bool | None:
        *context, start_1, end_1, start_2, end_2 = arguments
        if first_has_length and end_1 is not None:
            end_1 = None if start_1 is None else add(*context, start_1, end_1)
        if second_has_length and end_2 is not None:
            end_2 = None if start_2 is None else add(*context, start_2, end_2)
        return _overlaps(start_1, end_1, start_2, end_2)

    return overlaps


def _define_overlaps(type_name: str, add: Callable[..., int], **properties: Any) -> None:
    for first in (False, True):
        for second in (False, True):
            end_1 = "interval" if first else type_name
            end_2 = "interval" if second else type_name
            define.function(
                f"overlaps({type_name}, {end_1}, {type_name}, {end_2}) -> bool",
                strict=False,
                **properties,
            )(_overlaps_of_lengths(add, first, second))


_define_overlaps("timestamp", add_interval)
_define_overlaps("timestamptz", add_interval_in_zone, **_IN_SESSION)
_define_overlaps("time", add_to_time)
define.function("overlaps(timetz, timetz, timetz, timetz) -> bool", strict=False)(
    lambda *values: _overlaps(*(None if v is None else timetz_key(v) for v in values))
)


@define.function("to_timestamp(float8) -> timestamptz")
def timestamp_of_epoch(seconds: float) -> int:
    """Seconds since 1970."""
    if seconds != seconds or seconds is NAN:
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, "timestamp cannot be NaN")
    if math.isinf(seconds):
        return INFINITY_TIMESTAMP if seconds > 0 else MINUS_INFINITY_TIMESTAMP
    if abs(seconds) > 1e13:
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, f'timestamp out of range: "{seconds:g}"')
    return checked_timestamp(round((seconds - EPOCH_OFFSET_US // SECOND_US) * SECOND_US))

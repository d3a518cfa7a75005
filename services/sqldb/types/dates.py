"""date, time, timetz, timestamp and timestamptz as text (output) and as bytes.

Output is ISO unless DateStyle says otherwise: 2001-02-03 04:05:06.5+00. Reading dates, where
nearly every way to write one is allowed, is `date_input`.
"""

from __future__ import annotations

import struct

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.calendar import (
    DAY_US,
    FIRST_DATE,
    FIRST_TIMESTAMP,
    INFINITY_DATE,
    INFINITY_TIMESTAMP,
    LAST_DATE,
    LAST_TIMESTAMP,
    MINUS_INFINITY_DATE,
    MINUS_INFINITY_TIMESTAMP,
    SECOND_US,
    civil_date,
    iso_weekday,
    split_time,
)
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import binary_number, receive_int8, wrong_size
from services.sqldb.types.sql_type import TypeModifier
from services.sqldb.types.zones import format_offset, offset_at, zone_abbreviation
from services.sqldb.values import TimeTz

MAX_PRECISION = 6
_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NAMES = (
    *("", "Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_TIMETZ = struct.Struct("!qi")
_receive_raw_date, send_date = binary_number(struct.Struct("!i"))


def timestamp_out_of_range() -> SqlError:
    return SqlError(errors.DATETIME_FIELD_OVERFLOW, "timestamp out of range")


def date_out_of_range() -> SqlError:
    return SqlError(errors.DATETIME_FIELD_OVERFLOW, "date out of range")


def checked_timestamp(value: int) -> int:
    """A computed timestamp, if it is one."""
    if FIRST_TIMESTAMP <= value <= LAST_TIMESTAMP:
        return value
    raise timestamp_out_of_range()


def checked_date(value: int) -> int:
    if FIRST_DATE <= value <= LAST_DATE:
        return value
    raise date_out_of_range()


def clock_text(microseconds: int) -> str:
    """04:05:06.5, without zeros at the end of the fraction."""
    hour, minute, second, fraction = split_time(microseconds)
    text = f"{hour:02d}:{minute:02d}:{second:02d}"
    return f"{text}.{fraction:06d}".rstrip("0") if fraction else text


def _date_text(year: int, month: int, day: int, context: SessionContext) -> str:
    style, order = context.date_style, context.date_order
    shown = year if year > 0 else 1 - year
    if style == "ISO":
        return f"{shown:04d}-{month:02d}-{day:02d}"
    if style == "German":
        return f"{day:02d}.{month:02d}.{shown:04d}"
    separator = "/" if style == "SQL" else "-"
    first, second = (day, month) if order == "DMY" else (month, day)
    return f"{first:02d}{separator}{second:02d}{separator}{shown:04d}"


def format_date(value: int, context: SessionContext) -> str:
    if value == INFINITY_DATE:
        return "infinity"
    if value == MINUS_INFINITY_DATE:
        return "-infinity"
    year, month, day = civil_date(value)
    text = _date_text(year, month, day, context)
    return text if year > 0 else text + " BC"


def format_time(value: int) -> str:
    return clock_text(value)


def format_timetz(value: TimeTz) -> str:
    return clock_text(value.microseconds) + format_offset(-value.zone_seconds_west)


def format_timestamp(value: int, context: SessionContext) -> str:
    return _timestamp_text(value, None, "", context)


def format_timestamptz(value: int, context: SessionContext) -> str:
    if value in (INFINITY_TIMESTAMP, MINUS_INFINITY_TIMESTAMP):
        return _timestamp_text(value, None, "", context)
    zone = context.time_zone
    offset = offset_at(zone, value)
    name = "" if context.date_style == "ISO" else zone_abbreviation(zone, value)
    return _timestamp_text(value + offset * SECOND_US, offset, name, context)


def _timestamp_text(local: int, offset: int | None, zone: str, context: SessionContext) -> str:
    if local == INFINITY_TIMESTAMP:
        return "infinity"
    if local == MINUS_INFINITY_TIMESTAMP:
        return "-infinity"
    day, clock = divmod(local, DAY_US)
    year, month, month_day = civil_date(day)
    era = "" if year > 0 else " BC"
    if context.date_style == "Postgres":
        text = _postgres_style(day, clock, context)
        if offset is not None:
            text += f" {zone}" if zone.isalpha() else format_offset(offset)
        return text + era
    text = f"{_date_text(year, month, month_day, context)} {clock_text(clock)}"
    if offset is not None:
        text += f" {zone}" if zone.isalpha() else format_offset(offset)
    return text + era


def _postgres_style(day: int, clock: int, context: SessionContext) -> str:
    """Sat Feb 03 04:05:06 2001"""
    year, month, month_day = civil_date(day)
    name, weekday = _MONTH_NAMES[month], _DAY_NAMES[iso_weekday(day) - 1]
    date = f"{month_day:02d} {name}" if context.date_order == "DMY" else f"{name} {month_day:02d}"
    return f"{weekday} {date} {clock_text(clock)} {year if year > 0 else 1 - year:04d}"


def receive_date(data: bytes) -> int:
    value = _receive_raw_date(data)
    if value in (INFINITY_DATE, MINUS_INFINITY_DATE):
        return value
    return checked_date(value)


def receive_timestamp(data: bytes) -> int:
    value = receive_int8(data)
    if value in (INFINITY_TIMESTAMP, MINUS_INFINITY_TIMESTAMP):
        return value
    return checked_timestamp(value)


def receive_time(data: bytes) -> int:
    value = receive_int8(data)
    if not 0 <= value <= DAY_US:
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, "time out of range")
    return value


def receive_timetz(data: bytes) -> TimeTz:
    if len(data) != 12:
        raise wrong_size(data, 12)
    value = TimeTz(*_TIMETZ.unpack(data))
    if not 0 <= value.microseconds <= DAY_US:
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, "time out of range")
    if abs(value.zone_seconds_west) > 15 * 3600 + 59 * 60 + 59:
        raise SqlError(
            errors.INVALID_TIME_ZONE_DISPLACEMENT_VALUE, "time zone displacement out of range"
        )
    return value


def send_timetz(value: TimeTz) -> bytes:
    return _TIMETZ.pack(*value)


def timetz_key(value: TimeTz) -> tuple[int, int]:
    """By the moment in UTC, then by the zone. # Real: timetz_cmp_internal()"""
    return (
        value.microseconds + value.zone_seconds_west * SECOND_US,
        value.zone_seconds_west,
    )


def round_to_precision(value: int, typmod: int) -> int:
    """Keep `typmod` digits of the seconds, half away from zero."""
    if not 0 <= typmod < MAX_PRECISION:
        return value
    unit = 10 ** (MAX_PRECISION - typmod)
    if value >= 0:
        return (value + unit // 2) // unit * unit
    return -((-value + unit // 2) // unit * unit)


def coerce_timestamp(value: int, typmod: int, is_explicit: bool = False) -> int:
    if value in (INFINITY_TIMESTAMP, MINUS_INFINITY_TIMESTAMP):
        return value
    return round_to_precision(value, typmod)


def coerce_time(value: int, typmod: int, is_explicit: bool = False) -> int:
    return round_to_precision(value, typmod)


def coerce_timetz(value: TimeTz, typmod: int, is_explicit: bool = False) -> TimeTz:
    return TimeTz(round_to_precision(value.microseconds, typmod), value.zone_seconds_west)


def _precision_typmod(numbers: list[int]) -> int:
    if len(numbers) != 1:
        raise SqlError(errors.INVALID_PARAMETER_VALUE, "invalid type modifier")
    if numbers[0] < 0:
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            f"TIMESTAMP({numbers[0]}) precision must not be negative",
        )
    # PostgreSQL warns and takes the greatest.
    return min(numbers[0], MAX_PRECISION)


def _precision_text(typmod: int) -> str:
    return f"({typmod})"


TIMESTAMP_MODIFIER = TypeModifier(_precision_typmod, _precision_text, coerce_timestamp)
TIME_MODIFIER = TypeModifier(_precision_typmod, _precision_text, coerce_time)
TIMETZ_MODIFIER = TypeModifier(_precision_typmod, _precision_text, coerce_timetz)

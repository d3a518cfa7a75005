"""Reading dates and times: nearly every way in which people write them.

    'Mon Jan 8 04:05:06 1999 PST'   '1999-01-08T04:05:06.789-8'   '8-Jan-1999'   '19990108 040506'

The text falls into fields (numbers, words, dates with their separators, clock times, offsets), and
each field says something about the whole; `Reading` collects it. What a plain number means follows
from what is known already and from DateStyle. Most texts are ISO and take the short way by one
regular expression. # Real: ParseDateTime(), DecodeDateTime(), DecodeTimeOnly()
"""

from __future__ import annotations

import re

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.calendar import (
    DAY_US,
    FIRST_DATE,
    FIRST_TIMESTAMP,
    HOUR_US,
    INFINITY_DATE,
    INFINITY_TIMESTAMP,
    LAST_DATE,
    LAST_TIMESTAMP,
    MINUS_INFINITY_DATE,
    MINUS_INFINITY_TIMESTAMP,
    MINUTE_US,
    SECOND_US,
    UNIX_EPOCH_DAY,
    day_number,
)
from services.sqldb.types.context import SessionContext
from services.sqldb.types.date_reading import (
    ISO,
    RELATIVE_DAYS,
    BadSyntax,
    FieldOverflow,
    Reading,
)
from services.sqldb.types.dates import coerce_time, coerce_timestamp
from services.sqldb.types.zones import (
    offset_at,
    offset_of_local,
    to_local,
    to_utc,
)
from services.sqldb.values import TimeTz


def _read(text: str, type_name: str, context: SessionContext) -> Reading:
    reading = Reading(context)
    reading.read(text)
    return reading


def _guarded(type_name: str, text: str, compute):
    """The value, or the error with the text in its message."""
    try:
        return compute()
    except BadSyntax:
        raise SqlError(
            errors.INVALID_DATETIME_FORMAT, f'invalid input syntax for type {type_name}: "{text}"'
        ) from None
    except FieldOverflow as overflow:
        hint = 'Perhaps you need a different "datestyle" setting.' if overflow.hint else ""
        raise SqlError(
            errors.DATETIME_FIELD_OVERFLOW,
            f'date/time field value out of range: "{text}"',
            hint=hint,
        ) from None
    except SqlError as error:
        if error.sqlstate == errors.INVALID_TIME_ZONE_DISPLACEMENT_VALUE and '"' not in str(error):
            error.message += f': "{text}"'
        raise


def _session_now(context: SessionContext) -> int:
    return context.transaction_timestamp_us


def _today(context: SessionContext) -> int:
    return to_local(context.time_zone, _session_now(context)) // DAY_US


def parse_date(text: str, typmod: int, context: SessionContext) -> int:
    match = ISO.match(text)
    if match is not None and match[4] is None:
        year, month, day = int(match[1]), int(match[2]), int(match[3])
        if year and 1 <= month <= 12 and 1 <= day <= 28:
            return day_number(year, month, day)
    return _guarded("date", text, lambda: _general_date(text, context))


def _general_date(text: str, context: SessionContext) -> int:
    reading = _read(text, "date", context)
    match reading.special:
        case "infinity":
            return INFINITY_DATE
        case "-infinity":
            return MINUS_INFINITY_DATE
        case "epoch":
            return UNIX_EPOCH_DAY
        case "now":
            return _today(context)
        case "today" | "tomorrow" | "yesterday" as word:
            return _today(context) + RELATIVE_DAYS[word]
    reading.clock()
    day = reading.date()
    if not FIRST_DATE <= day <= LAST_DATE:
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, f'date out of range: "{text}"')
    return day


def _short_timestamp(match: re.Match[str]) -> tuple[int, int | None] | None:
    """(local microseconds, seconds east or None) of an ISO text, None if it needs a closer look."""
    year, month, day, hour, minute, second, fraction, zulu, east, east_minutes = match.groups()
    if year == "0000" or not 1 <= int(month) <= 12 or not 1 <= int(day) <= 28:
        return None
    local = day_number(int(year), int(month), int(day)) * DAY_US
    if hour is not None:
        hours, minutes, seconds = int(hour), int(minute), int(second or 0)
        if hours > 23 or minutes > 59 or seconds > 59:
            return None
        local += hours * HOUR_US + minutes * MINUTE_US + seconds * SECOND_US
        if fraction:
            local += int(fraction.ljust(6, "0"))
    if zulu:
        return local, 0
    if east is None:
        return local, None
    hours, minutes = int(east), int(east_minutes or 0)
    if abs(hours) > 14 or minutes > 59:
        return None
    return local, hours * 3600 + (-minutes if east[0] == "-" else minutes) * 60


def parse_timestamp(text: str, typmod: int, context: SessionContext) -> int:
    """Without a zone: one in the text is read and forgotten."""
    match = ISO.match(text)
    short = _short_timestamp(match) if match is not None else None
    if short is not None:
        return coerce_timestamp(short[0], typmod)
    value = _guarded("timestamp", text, lambda: _general_timestamp(text, context, False))
    return coerce_timestamp(value, typmod)


def parse_timestamptz(text: str, typmod: int, context: SessionContext) -> int:
    match = ISO.match(text)
    short = _short_timestamp(match) if match is not None else None
    if short is not None:
        local, east = short
        value = to_utc(context.time_zone, local) if east is None else local - east * SECOND_US
        return coerce_timestamp(value, typmod)
    name = "timestamp with time zone"
    value = _guarded(name, text, lambda: _general_timestamp(text, context, True))
    return coerce_timestamp(value, typmod)


def _general_timestamp(text: str, context: SessionContext, with_zone: bool) -> int:
    reading = _read(text, "timestamp", context)
    match reading.special:
        case "infinity":
            return INFINITY_TIMESTAMP
        case "-infinity":
            return MINUS_INFINITY_TIMESTAMP
        case "epoch":
            return UNIX_EPOCH_DAY * DAY_US
        case "now":
            now = _session_now(context)
            return now if with_zone else to_local(context.time_zone, now)
        case "today" | "tomorrow" | "yesterday" as word:
            day = _today(context) + RELATIVE_DAYS[word]
        case _:
            day = reading.date()
    local = day * DAY_US + reading.clock()
    value = to_utc(reading.zone or context.time_zone, local) if with_zone else local
    if not FIRST_TIMESTAMP <= value <= LAST_TIMESTAMP:
        raise SqlError(errors.DATETIME_FIELD_OVERFLOW, f'timestamp out of range: "{text}"')
    return value


def parse_time(text: str, typmod: int, context: SessionContext) -> int:
    def compute() -> int:
        reading = _read_time_only(text, context)
        if reading.special == "now":
            return to_local(context.time_zone, _session_now(context)) % DAY_US
        return reading.clock()

    return coerce_time(_guarded("time", text, compute), typmod)


def parse_timetz(text: str, typmod: int, context: SessionContext) -> TimeTz:
    def compute() -> TimeTz:
        reading = _read_time_only(text, context)
        now = _session_now(context)
        if reading.special == "now":
            east = offset_at(context.time_zone, now)
            return TimeTz((now + east * SECOND_US) % DAY_US, -east)
        clock = reading.clock()
        zone = reading.zone or context.time_zone
        day = reading.date() if reading.has_date else _today(context)
        return TimeTz(clock, -offset_of_local(zone, day * DAY_US + clock))

    value = _guarded("time with time zone", text, compute)
    return TimeTz(coerce_time(value.microseconds, typmod), value.zone_seconds_west)


def _read_time_only(text: str, context: SessionContext) -> Reading:
    """A clock time must be there; a run of digits is one: 040506."""
    digits = re.fullmatch(
        r"\s*T?([0-9]{4}|[0-9]{6})(\.[0-9]+)?\s*([+-][0-9:]+|[A-Za-z]+)?\s*", text
    )
    if digits is not None:
        run = digits[1]
        clock = ":".join(run[at : at + 2] for at in range(0, len(run), 2)) + (digits[2] or "")
        text = f"{clock} {digits[3] or ''}"
    reading = _read(re.sub(r"^\s*[tT](?=[0-9])", "", text), "time", context)
    if reading.special not in (None, "now"):
        raise BadSyntax
    if reading.clock_us is None and reading.special is None:
        raise BadSyntax
    return reading

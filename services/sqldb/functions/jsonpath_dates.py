"""Dates and times within jsonpath: .datetime() makes them of strings, and comparisons know them.

Which of the five types it is, the text or the template tells: with a day, with a clock, with a
zone. Types with and without zone compare only in the functions that may look at TimeZone (…_tz).
# Real: executeDateTimeMethod(), compareDatetime() in jsonpath_exec.c
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types import DATE, TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ, SqlType
from services.sqldb.types.calendar import DAY_US, day_number, days_in_month
from services.sqldb.types.context import SessionContext
from services.sqldb.types.dates import clock_text, format_date, format_time, format_timetz
from services.sqldb.types.zones import format_offset, to_utc
from services.sqldb.values import TimeTz

INVALID_DATETIME_ARGUMENT = "22031"


@dataclass(frozen=True, slots=True)
class Moment:
    """A value of a date or time type; of a timestamptz, the zone that it was written in."""

    type: SqlType
    value: Any
    offset_s: int = 0  # east of Greenwich

    def text(self, context: SessionContext) -> str:
        """In ISO 8601, as JSON has it."""
        if self.type == DATE:
            return format_date(self.value, context)
        if self.type == TIME:
            return format_time(self.value)
        if self.type == TIMETZ:
            return _full_offset(format_timetz(self.value))
        local = self.value + self.offset_s * 1_000_000
        day, clock = divmod(local, DAY_US)
        written = f"{format_date(day, context)}T{clock_text(clock)}"
        return written if self.type == TIMESTAMP else written + _full_offset(
            format_offset(self.offset_s)
        )  # fmt: skip


def _full_offset(text: str) -> str:
    """+05 as +05:00."""
    return text if re.search(r"[+-]\d\d:\d\d", text) else text + ":00"


_ISO = re.compile(
    r"(?:(?P<yyyy>\d{4,})-(?P<mm>\d{1,2})-(?P<dd>\d{1,2}))?"
    r"(?:(?(yyyy)[ T])(?P<hh24>\d{1,2}):(?P<mi>\d{1,2}):(?P<ss>\d{1,2})(?:\.(?P<us>\d{1,6}))?"
    r"\s*(?P<tzh>[+-]\d{1,2})?(?::(?P<tzm>\d{1,2}))?)?"
)
_FIELDS = {
    "yyyy": r"(?P<yyyy>\d{1,4})", "mm": r"(?P<mm>\d{1,2})", "dd": r"(?P<dd>\d{1,2})",
    "hh24": r"(?P<hh24>\d{1,2})", "hh12": r"(?P<hh12>\d{1,2})", "hh": r"(?P<hh12>\d{1,2})",
    "mi": r"(?P<mi>\d{1,2})", "ss": r"(?P<ss>\d{1,2})", "us": r"(?P<us>\d{1,6})",
    "ms": r"(?P<ms>\d{1,3})", "tzh": r"(?P<tzh>[ +-]?\d{1,2})", "tzm": r"(?P<tzm>\d{1,2})",
    "am": r"(?P<half>[aApP][mM])", "pm": r"(?P<half>[aApP][mM])",
}  # fmt: skip
_TEMPLATE = re.compile(
    r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<field>' + "|".join(_FIELDS) + r")|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_CLOCK_LIMITS = {"hh24": 24, "hh12": 13, "mi": 60, "ss": 60, "tzh": 16, "tzm": 60}


def read_moment(text: str, template: str | None) -> Moment:
    """The moment that a string means. Raises SqlError."""
    if template is None:
        found = _ISO.fullmatch(text)
        if found is None or not text:
            raise _not_recognized(text)
    else:
        found = _match_template(text, template)
    fields = {name: value for name, value in found.groupdict().items() if value is not None}
    try:
        return _moment(fields, text)
    except SqlError:
        if template is not None:
            raise
        raise _not_recognized(text) from None


def _not_recognized(text: str) -> SqlError:
    return SqlError(
        INVALID_DATETIME_ARGUMENT,
        f'datetime format is not recognized: "{text}"',
        hint="Use a datetime template argument to specify the input data format.",
    )


def _match_template(text: str, template: str) -> re.Match[str]:
    parts = []
    for match in _TEMPLATE.finditer(template):
        if match["field"]:
            parts.append(_FIELDS[match["field"].lower()])
        elif match["quoted"] is not None:
            parts.append(re.escape(re.sub(r"\\(.)", r"\1", match["quoted"])))
        elif match["other"].isalnum():
            raise SqlError(
                errors.INVALID_DATETIME_FORMAT,
                f'invalid datetime format separator: "{match["other"]}"',
            )
        else:
            parts.append(re.escape(match["other"]))
    try:
        pattern = re.compile("".join(parts), re.ASCII)
    except re.error:
        raise SqlError(
            errors.INVALID_DATETIME_FORMAT, "conflicting values for a field in formatting string"
        ) from None
    found = pattern.match(text)
    if found is None:
        raise SqlError(errors.INVALID_DATETIME_FORMAT, "input string is too short for the template")
    if found.end() < len(text):
        message = "trailing characters remain in input string after datetime format"
        raise SqlError(errors.INVALID_DATETIME_FORMAT, message)
    return found


def _moment(fields: dict[str, str], text: str) -> Moment:
    for name, limit in _CLOCK_LIMITS.items():
        if abs(int(fields.get(name, 0))) >= limit:
            raise _out_of_range(text)
    has_day = "yyyy" in fields or "mm" in fields or "dd" in fields
    has_clock = bool({"hh24", "hh12", "mi", "ss"} & fields.keys())
    day = _day(fields, text) if has_day else 0
    clock = _clock(fields)
    if "tzh" not in fields:
        if not has_clock:
            return Moment(DATE, day)
        return Moment(TIMESTAMP, day * DAY_US + clock) if has_day else Moment(TIME, clock)
    hours = fields["tzh"].strip()
    offset = (abs(int(hours)) * 60 + int(fields.get("tzm", 0))) * 60
    offset = -offset if hours.startswith("-") else offset
    if not has_day:
        return Moment(TIMETZ, TimeTz(clock, -offset))
    return Moment(TIMESTAMPTZ, day * DAY_US + clock - offset * 1_000_000, offset)


def _day(fields: dict[str, str], text: str) -> int:
    year, month, day = (int(fields.get(name, 1)) for name in ("yyyy", "mm", "dd"))
    if not (1 <= month <= 12 and 1 <= day <= days_in_month(year, month)):
        raise _out_of_range(text)
    return day_number(year, month, day)


def _clock(fields: dict[str, str]) -> int:
    hour = int(fields.get("hh24", 0))
    if "hh12" in fields:
        hour = int(fields["hh12"]) % 12 + 12 * (fields.get("half", "am").lower() == "pm")
    seconds = (hour * 60 + int(fields.get("mi", 0))) * 60 + int(fields.get("ss", 0))
    fraction = int(fields.get("us", "0").ljust(6, "0"))
    milliseconds = int(fields.get("ms", "0").ljust(3, "0"))
    return seconds * 1_000_000 + milliseconds * 1000 + fraction


def _out_of_range(text: str) -> SqlError:
    message = f'date/time field value out of range: "{text}"'
    return SqlError(errors.DATETIME_FIELD_OVERFLOW, message)


def compare_moments(
    a: Moment, b: Moment, context: SessionContext, *, uses_zone: bool
) -> int | None:
    """-1, 0, 1; None for what has no order, such as a day and a clock."""
    has_day = (a.type in _WITH_DAY, b.type in _WITH_DAY)
    if has_day[0] != has_day[1]:
        return None
    if a.type != b.type and (a.type in _WITH_ZONE) != (b.type in _WITH_ZONE) and not uses_zone:
        plain, zoned = (b, a) if a.type in _WITH_ZONE else (a, b)
        raise SqlError(
            errors.FEATURE_NOT_SUPPORTED,
            f"cannot convert value from {plain.type.name} to {zoned.type.name} "
            "without time zone usage",
            hint="Use *_tz() function for time zone support.",
        )
    in_zone = a.type in _WITH_ZONE or b.type in _WITH_ZONE
    left, right = (_order(one, context, in_zone) for one in (a, b))
    return (left > right) - (left < right)


_WITH_DAY = frozenset((DATE, TIMESTAMP, TIMESTAMPTZ))
_WITH_ZONE = frozenset((TIMETZ, TIMESTAMPTZ))


def _order(moment: Moment, context: SessionContext, in_zone: bool) -> Any:
    """A number that compares as the moment does."""
    value = moment.value
    if moment.type == DATE:
        value *= DAY_US
    if moment.type == TIMETZ:
        return value.microseconds + value.zone_seconds_west * 1_000_000, value.zone_seconds_west
    if moment.type == TIME:
        if not in_zone:
            return value
        # Today's offset of the session's zone.
        now = context.transaction_timestamp_us
        west = (to_utc(context.time_zone, now) - now) // 1_000_000
        return value + west * 1_000_000, west
    if in_zone and moment.type != TIMESTAMPTZ:
        return to_utc(context.time_zone, value)
    return value

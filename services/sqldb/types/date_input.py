"""Reading dates and times: nearly every way in which people write them.

    'Mon Jan 8 04:05:06 1999 PST'   '1999-01-08T04:05:06.789-8'   '8-Jan-1999'   '19990108 040506'

The text falls into fields (numbers, words, dates with their separators, clock times, offsets), and
each field says something about the whole; `_Reading` collects it. What a plain number means follows
from what is known already and from DateStyle. Most texts are ISO and take the short way by one
regular expression. # Real: ParseDateTime(), DecodeDateTime(), DecodeTimeOnly()
"""

from __future__ import annotations

import re
from datetime import tzinfo

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
    days_in_month,
)
from services.sqldb.types.calendar import JULIAN_DAY_OF_2000 as _JULIAN
from services.sqldb.types.context import SessionContext
from services.sqldb.types.dates import coerce_time, coerce_timestamp
from services.sqldb.types.numbers import BLANKS
from services.sqldb.types.zones import (
    ABBREVIATIONS,
    fixed_zone,
    offset_at,
    offset_of_local,
    to_local,
    to_utc,
    zone_by_name,
)
from services.sqldb.values import TimeTz

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
    r"(?:(Z)|([+-][0-9]{2})(?::?([0-9]{2}))?)?)?\Z"
)
_FIELD = re.compile(
    r"""[ \t\n\r\v\f]*(?:
      (?P<time>[0-9]+:[0-9:.]*)
    | (?P<date>[0-9]+[-/](?:[0-9]+|[A-Za-z]+)(?:[-/.](?:[0-9]+|[A-Za-z]+))*|[0-9]+\.[0-9]+\.[0-9]+
        |[0-9]+\.[A-Za-z]+\.[0-9]+)
    | (?P<number>[0-9]*\.[0-9]+|[0-9]+\.?)
    | (?P<zone>[+-][ ]*[0-9][0-9:.]*)
    | (?P<special>[+-][ ]*[A-Za-z]+)
    | (?P<word>[A-Za-z]+(?:[-/+_.:][-/+_.:0-9A-Za-z]*)?)
    | (?P<junk>[^\sA-Za-z0-9+-])
    )""",
    re.VERBOSE,
)

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("january", "february", "march", "april", "may", "june", "july", "august"),
            *("september", "october", "november", "december"),
        ),
        start=1,
    )
    for name in {names, names[:3], *(["sept"] if names == "september" else [])}
}
_DAY_NAMES = frozenset(
    [
        "sun",
        "sunday",
        "mon",
        "monday",
        "tue",
        "tues",
        "tuesday",
        "wed",
        "weds",
        "wednesday",
        "thu",
        "thur",
        "thurs",
        "thursday",
        "fri",
        "friday",
        "sat",
        "saturday",
    ]
)
_RELATIVE_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1}
_MAX_OFFSET = 15 * 3600 + 59 * 60 + 59


class _Syntax(Exception):
    """Not a date or time at all: 22007."""


class _FieldOverflow(Exception):
    """A month 13, a February 30: 22008. `hint`: it may be a matter of DateStyle."""

    def __init__(self, hint: bool = False):
        super().__init__(hint)
        self.hint = hint


class _Reading:
    """What is known so far of the moment that a text means."""

    __slots__ = (
        "clock_us", "context", "day", "day_of_year", "has_text_month", "is_bc", "julian_day",
        "meridian", "month", "special", "year", "year_digits", "zone",
    )  # fmt: skip

    def __init__(self, context: SessionContext):
        self.context = context
        self.year: int | None = None
        self.year_digits = 0
        self.month: int | None = None
        self.day: int | None = None
        self.day_of_year: int | None = None
        self.julian_day: int | None = None
        self.clock_us: int | None = None
        self.zone: tzinfo | None = None
        self.special: str | None = None
        self.meridian: str | None = None
        self.is_bc = False
        self.has_text_month = False

    @property
    def has_date(self) -> bool:
        if self.julian_day is not None or self.day_of_year is not None:
            return True
        return self.year is not None and self.month is not None and self.day is not None

    def read(self, text: str) -> None:
        at, end = 0, len(text.rstrip(BLANKS))
        expects_clock = False
        while at < end:
            match = _FIELD.match(text, at)
            if match is None:
                raise _Syntax
            at, kind, field = match.end(), match.lastgroup, match[match.lastgroup]
            if kind == "word" and field.lower() in ("t", "j") and at < end:
                expects_clock = field.lower() == "t"
                if not expects_clock:
                    at = self._read_julian(text, at)
                continue
            if kind == "word" and field[0] in "tT" and field[1:].isdigit() and self.has_date:
                self._read_run_together(field[1:])
                continue
            self._read_field(kind, field, expects_clock)
            expects_clock = False

    def _read_julian(self, text: str, at: int) -> int:
        match = re.compile(r"[0-9]+").match(text, at)
        if match is None or self.has_date:
            raise _Syntax
        self.julian_day = int(match[0]) - _JULIAN
        return match.end()

    def _read_field(self, kind: str, field: str, expects_clock: bool) -> None:
        match kind:
            case "time":
                self._set_clock(read_clock(field))
            case "date" if self.clock_us is None:
                self._read_date(field)
            case "number" if expects_clock:
                self._read_run_together(field)
            case "number":
                self._read_number_field(field)
            case "zone":
                self._set_zone(fixed_zone(read_offset(field)))
            case "special":
                self._set_special(field.replace(" ", "").lower())
            case "word":
                self._read_word(field)
            case _:
                if field not in ",;@()[]\"'":
                    raise _Syntax

    def _set_clock(self, clock_us: int) -> None:
        if self.clock_us is not None:
            raise _Syntax
        self.clock_us = clock_us

    def _set_zone(self, zone: tzinfo) -> None:
        if self.zone is not None:
            raise _Syntax
        self.zone = zone

    def _set_special(self, word: str) -> None:
        if word not in ("infinity", "-infinity", "+infinity", "inf", "-inf") or self.special:
            raise _Syntax
        self.special = "-infinity" if word[0] == "-" else "infinity"

    def _read_word(self, field: str) -> None:
        word = field.lower().rstrip(".")
        if word in _MONTHS:
            self._set_text_month(_MONTHS[word])
        elif word in _DAY_NAMES or word in ("at", "on"):
            pass
        elif word in ("am", "pm"):
            self.meridian = word
        elif word in ("bc", "ad"):
            self.is_bc = word == "bc"
        elif word in ("now", "epoch", "infinity", "inf", *_RELATIVE_DAYS):
            if self.special is not None:
                raise _Syntax
            self.special = "infinity" if word == "inf" else word
        elif word == "allballs":
            self._set_clock(0)
            self._set_zone(fixed_zone(0))
        elif word in ABBREVIATIONS:
            self._set_zone(fixed_zone(ABBREVIATIONS[word]))
        else:
            self._read_compound_word(field)

    def _read_compound_word(self, field: str) -> None:
        """Jan-08-1999, America/New_York, EST5EDT-like names, PST+3."""
        first = re.match("[A-Za-z]+", field)[0].lower()
        if first in _MONTHS and len(field) > len(first):
            self._read_date(field)
            return
        zone = zone_by_name(field)
        if zone is None:
            if not field.isalpha():
                raise SqlError(
                    errors.INVALID_PARAMETER_VALUE, f'time zone "{field}" not recognized'
                )
            raise _Syntax
        self._set_zone(zone)

    def _set_text_month(self, month: int) -> None:
        if self.month is not None:
            # "01 Feb 2003" read 01 as a month before it met a name: it was the day.
            if self.has_text_month or self.day is not None:
                raise _Syntax
            self.day = self.month
        self.month, self.has_text_month = month, True

    def _read_date(self, field: str) -> None:
        """Parts with separators between; a month's name is looked for first."""
        parts = re.findall(r"[0-9]+|[A-Za-z]+", field)
        if len(parts) == 2 and all(part.isdigit() for part in parts) and len(parts[1]) == 3:
            self._set_year(parts[0])  # 1999-008: the day of the year
            self.day_of_year = int(parts[1])
            return
        if self.has_date or not 2 <= len(parts) <= 4:
            raise _Syntax
        numbers = []
        for part in parts:
            if part.isdigit():
                numbers.append(part)
            elif part.lower() in _MONTHS:
                self._set_text_month(_MONTHS[part.lower()])
            else:
                raise _Syntax
        for number in numbers:
            self._read_number(number)

    def _read_number_field(self, field: str) -> None:
        if "." in field:
            if self.has_date or len(field.partition(".")[0]) >= 6:
                self._read_run_together(field)
                return
            whole, _, fraction = field.partition(".")
            if len(fraction) == 3 and len(whole) >= 4:  # 1999.008
                self._set_year(whole)
                self.day_of_year = int(fraction)
                return
            raise _Syntax
        if (len(field) > 4 and not (self.has_text_month and self.year is None)) or self.has_date:
            self._read_run_together(field)
        else:
            self._read_number(field)

    def _read_run_together(self, field: str) -> None:
        """19990108, 990108, or 040506.789 once the date is known. # Real: DecodeNumberField()"""
        digits, _, fraction = field.partition(".")
        if not self.has_date and not fraction:
            if len(digits) >= 6 and self.year is None:
                self._set_year(digits[:-4])
                self.month, self.day = int(digits[-4:-2]), int(digits[-2:])
                return
        elif len(digits) in (4, 6) and self.clock_us is None:
            text = ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
            self.clock_us = read_clock(f"{text}.{fraction}" if fraction else text)
            return
        raise _Syntax

    def _set_year(self, digits: str) -> None:
        if self.year is not None:
            raise _Syntax
        self.year, self.year_digits = int(digits[:12]), len(digits)

    def _read_number(self, digits: str) -> None:
        """One number of a date: by its length, what is known, and the order of DateStyle.

        # Real: DecodeNumber()
        """
        order = self.context.date_order
        known = (self.year is not None, self.month is not None, self.day is not None)
        match known:
            case (False, False, False):
                if len(digits) >= 3 or order == "YMD":
                    self._set_year(digits)
                elif order == "DMY":
                    self.day = int(digits)
                else:
                    self.month = int(digits)
            case (True, False, False) | (False, False, True):
                self.month = int(digits)
            case (False, True, False):
                if self.has_text_month and (len(digits) >= 3 or order == "YMD"):
                    self._set_year(digits)
                else:
                    self.day = int(digits)
            case (True, True, False):
                self._read_day_or_late_year(digits)
            case (False, True, True):
                self._set_year(digits)
            case (True, False, True):
                self.month = int(digits)
            case _:
                raise _Syntax

    def _read_day_or_late_year(self, digits: str) -> None:
        if self.has_text_month and len(digits) >= 3 and self.year_digits <= 2:
            # 99-Jan-1999: the first number was the day after all.
            self.day, self.year = self.year, None
            self._set_year(digits)
        else:
            self.day = int(digits)

    def date(self) -> int:
        """The day, checked. # Real: ValidateDate()"""
        if self.julian_day is not None:
            return self.julian_day
        if self.year is None or (self.day_of_year is None and self.day is None):
            raise _Syntax
        year = self._full_year()
        if self.day_of_year is not None:
            if not 1 <= self.day_of_year <= 366:
                raise _FieldOverflow
            return day_number(year, 1, 1) + self.day_of_year - 1
        if self.month is None:
            raise _Syntax
        if not 1 <= self.month <= 12 or not 1 <= self.day <= 31:
            raise _FieldOverflow(hint=True)
        if self.day > days_in_month(year, self.month):
            raise _FieldOverflow
        return day_number(year, self.month, self.day)

    def _full_year(self) -> int:
        if self.is_bc:
            if self.year <= 0:
                raise _FieldOverflow
            return 1 - self.year
        if self.year_digits <= 2:
            return self.year + (2000 if self.year < 70 else 1900)
        if self.year <= 0:
            raise _FieldOverflow
        if self.year > 5_874_898:
            raise _FieldOverflow
        return self.year

    def clock(self) -> int:
        """Microseconds of the day, with am and pm applied; 24:00:00 is the next day's midnight."""
        clock_us = self.clock_us or 0
        if self.meridian is None:
            if clock_us > DAY_US:
                raise _FieldOverflow
            return clock_us
        if clock_us >= 13 * HOUR_US:
            raise _FieldOverflow
        if self.meridian == "pm" and clock_us < 12 * HOUR_US:
            return clock_us + 12 * HOUR_US
        if self.meridian == "am" and clock_us >= 12 * HOUR_US:
            return clock_us - 12 * HOUR_US
        return clock_us


def read_clock(text: str) -> int:
    """hh:mm, hh:mm:ss, hh:mm:ss.ffffff, mm:ss.ffffff"""
    match = re.fullmatch(r"([0-9]+):([0-9]{1,2})(?::([0-9]{1,2}))?(\.[0-9]*)?", text)
    if match is None:
        raise _Syntax
    hours, minutes, seconds = int(match[1][:9]), int(match[2]), int(match[3] or 0)
    if match[3] is None and match[4]:
        hours, minutes, seconds = 0, hours, minutes
    fraction = fraction_us(match[4])
    if minutes > 59 or seconds > 60 or (seconds == 60 and fraction) or hours > 24:
        raise _FieldOverflow
    total = hours * HOUR_US + minutes * MINUTE_US + seconds * SECOND_US + fraction
    if total > DAY_US:
        raise _FieldOverflow
    return total


def fraction_us(text: str | None) -> int:
    """ ".5" → 500000, rounded to the microsecond."""
    if not text or text == ".":
        return 0
    return round(float(text) * SECOND_US)


def read_offset(text: str) -> int:
    """+2, -0330, +05:30, -08:00:30 → seconds east. # Real: DecodeTimezone()"""
    match = re.fullmatch(r"([+-]) *([0-9]+)(?::([0-9]{1,2}))?(?::([0-9]{1,2}))?", text)
    if match is None:
        raise _Syntax
    sign, digits, minutes, seconds = match.groups()
    if minutes is None and len(digits) > 2:
        digits, minutes = digits[:-2], digits[-2:]
        if len(digits) > 2:
            digits, minutes, seconds = digits[:-2], digits[-2:], minutes
    hours, minute, second = int(digits[:6]), int(minutes or 0), int(seconds or 0)
    total = hours * 3600 + minute * 60 + second
    if hours > 15 or minute > 59 or second > 59 or total > _MAX_OFFSET:
        raise SqlError(
            errors.INVALID_TIME_ZONE_DISPLACEMENT_VALUE, "time zone displacement out of range"
        )
    return -total if sign == "-" else total


def _read(text: str, type_name: str, context: SessionContext) -> _Reading:
    reading = _Reading(context)
    reading.read(text)
    return reading


def _guarded(type_name: str, text: str, compute):
    """The value, or the error with the text in its message."""
    try:
        return compute()
    except _Syntax:
        raise SqlError(
            errors.INVALID_DATETIME_FORMAT, f'invalid input syntax for type {type_name}: "{text}"'
        ) from None
    except _FieldOverflow as overflow:
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
    match = _ISO.match(text)
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
            return _today(context) + _RELATIVE_DAYS[word]
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
    match = _ISO.match(text)
    short = _short_timestamp(match) if match is not None else None
    if short is not None:
        return coerce_timestamp(short[0], typmod)
    value = _guarded("timestamp", text, lambda: _general_timestamp(text, context, False))
    return coerce_timestamp(value, typmod)


def parse_timestamptz(text: str, typmod: int, context: SessionContext) -> int:
    match = _ISO.match(text)
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
            day = _today(context) + _RELATIVE_DAYS[word]
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


def _read_time_only(text: str, context: SessionContext) -> _Reading:
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
        raise _Syntax
    if reading.clock_us is None and reading.special is None:
        raise _Syntax
    return reading

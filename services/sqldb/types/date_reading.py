"""The words and numbers of a date or time, read one after the other: see date_input.

A `Reading` takes a text apart into fields and keeps what they say: day, clock, zone, era.
# Real: ParseDateTime(), DecodeDateTime() in datetime.c"""

from __future__ import annotations

import re
from datetime import tzinfo

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.calendar import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    day_number,
    days_in_month,
)
from services.sqldb.types.calendar import JULIAN_DAY_OF_2000 as _JULIAN
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import BLANKS
from services.sqldb.types.zones import (
    ABBREVIATIONS,
    fixed_zone,
    zone_by_name,
)

ISO = re.compile(
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
RELATIVE_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1}
_MAX_OFFSET = 15 * 3600 + 59 * 60 + 59


class BadSyntax(Exception):
    """Not a date or time at all: 22007."""


class FieldOverflow(Exception):
    """A month 13, a February 30: 22008. `hint`: it may be a matter of DateStyle."""

    def __init__(self, hint: bool = False):
        super().__init__(hint)
        self.hint = hint


class Reading:
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
                raise BadSyntax
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
            raise BadSyntax
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
                    raise BadSyntax

    def _set_clock(self, clock_us: int) -> None:
        if self.clock_us is not None:
            raise BadSyntax
        self.clock_us = clock_us

    def _set_zone(self, zone: tzinfo) -> None:
        if self.zone is not None:
            raise BadSyntax
        self.zone = zone

    def _set_special(self, word: str) -> None:
        if word not in ("infinity", "-infinity", "+infinity", "inf", "-inf") or self.special:
            raise BadSyntax
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
        elif word in ("now", "epoch", "infinity", "inf", *RELATIVE_DAYS):
            if self.special is not None:
                raise BadSyntax
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
            raise BadSyntax
        self._set_zone(zone)

    def _set_text_month(self, month: int) -> None:
        if self.month is not None:
            # "01 Feb 2003" read 01 as a month before it met a name: it was the day.
            if self.has_text_month or self.day is not None:
                raise BadSyntax
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
            raise BadSyntax
        numbers = []
        for part in parts:
            if part.isdigit():
                numbers.append(part)
            elif part.lower() in _MONTHS:
                self._set_text_month(_MONTHS[part.lower()])
            else:
                raise BadSyntax
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
            raise BadSyntax
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
        raise BadSyntax

    def _set_year(self, digits: str) -> None:
        if self.year is not None:
            raise BadSyntax
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
                raise BadSyntax

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
            raise BadSyntax
        year = self._full_year()
        if self.day_of_year is not None:
            if not 1 <= self.day_of_year <= 366:
                raise FieldOverflow
            return day_number(year, 1, 1) + self.day_of_year - 1
        if self.month is None:
            raise BadSyntax
        if not 1 <= self.month <= 12 or not 1 <= self.day <= 31:
            raise FieldOverflow(hint=True)
        if self.day > days_in_month(year, self.month):
            raise FieldOverflow
        return day_number(year, self.month, self.day)

    def _full_year(self) -> int:
        if self.is_bc:
            if self.year <= 0:
                raise FieldOverflow
            return 1 - self.year
        if self.year_digits <= 2:
            return self.year + (2000 if self.year < 70 else 1900)
        if self.year <= 0:
            raise FieldOverflow
        if self.year > 5_874_898:
            raise FieldOverflow
        return self.year

    def clock(self) -> int:
        """Microseconds of the day, with am and pm applied; 24:00:00 is the next day's midnight."""
        clock_us = self.clock_us or 0
        if self.meridian is None:
            if clock_us > DAY_US:
                raise FieldOverflow
            return clock_us
        if clock_us >= 13 * HOUR_US:
            raise FieldOverflow
        if self.meridian == "pm" and clock_us < 12 * HOUR_US:
            return clock_us + 12 * HOUR_US
        if self.meridian == "am" and clock_us >= 12 * HOUR_US:
            return clock_us - 12 * HOUR_US
        return clock_us


def read_clock(text: str) -> int:
    """hh:mm, hh:mm:ss, hh:mm:ss.ffffff, mm:ss.ffffff"""
    match = re.fullmatch(r"([0-9]+):([0-9]{1,2})(?::([0-9]{1,2}))?(\.[0-9]*)?", text)
    if match is None:
        raise BadSyntax
    hours, minutes, seconds = int(match[1][:9]), int(match[2]), int(match[3] or 0)
    if match[3] is None and match[4]:
        hours, minutes, seconds = 0, hours, minutes
    fraction = fraction_us(match[4])
    if minutes > 59 or seconds > 60 or (seconds == 60 and fraction) or hours > 24:
        raise FieldOverflow
    total = hours * HOUR_US + minutes * MINUTE_US + seconds * SECOND_US + fraction
    if total > DAY_US:
        raise FieldOverflow
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
        raise BadSyntax
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

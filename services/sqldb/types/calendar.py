"""Days and microseconds as year, month, day and back, over the whole of PostgreSQL's calendar.

Day 0 is 2000-01-01, and the calendar is the Gregorian one in both directions. `datetime.date`
counts fast but from year 1 to 9999 only; because the calendar repeats every 400 years (146,097
days), every other day is reckoned some cycles away. Years are astronomical: 0 is 1 BC.
# Real: j2date() and date2j()
"""

from __future__ import annotations

from datetime import date

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
SECOND_US = 1_000_000

INFINITY_DATE, MINUS_INFINITY_DATE = (1 << 31) - 1, -(1 << 31)
INFINITY_TIMESTAMP, MINUS_INFINITY_TIMESTAMP = (1 << 63) - 1, -(1 << 63)

# 4714-11-24 BC is Julian day 0; 5874898-06-03 is where a 32-bit Julian day ends.
JULIAN_DAY_OF_2000 = 2_451_545
FIRST_DATE = -JULIAN_DAY_OF_2000
LAST_DATE = 2_147_483_494 - JULIAN_DAY_OF_2000 - 1
FIRST_TIMESTAMP = FIRST_DATE * DAY_US
LAST_TIMESTAMP = 9_223_371_331_200_000_000 - 1  # 294276-12-31 23:59:59.999999

UNIX_EPOCH_DAY = -10_957

_ORDINAL_OF_2000 = date(2000, 1, 1).toordinal()
_LAST_ORDINAL = date.max.toordinal()
_CYCLE_DAYS = 146_097

_MONTH_DAYS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    return 29 if month == 2 and is_leap(year) else _MONTH_DAYS[month]


def civil_date(day: int) -> tuple[int, int, int]:
    """(year, month, day) of a day number."""
    ordinal = day + _ORDINAL_OF_2000
    if 1 <= ordinal <= _LAST_ORDINAL:
        found = date.fromordinal(ordinal)
        return found.year, found.month, found.day
    cycles, offset = divmod(ordinal - 1, _CYCLE_DAYS)
    found = date.fromordinal(offset + 1)
    return found.year + 400 * cycles, found.month, found.day


def day_number(year: int, month: int, day: int) -> int:
    """The number of a day that exists."""
    if 1 <= year <= 9999:
        return date(year, month, day).toordinal() - _ORDINAL_OF_2000
    cycles = (year - 1) // 400
    shifted = date(year - 400 * cycles, month, day)
    return shifted.toordinal() + cycles * _CYCLE_DAYS - _ORDINAL_OF_2000


def iso_weekday(day: int) -> int:
    """1 Monday to 7 Sunday."""
    return (day + 5) % 7 + 1  # 2000-01-01 was a Saturday.


def day_of_year(day: int) -> int:
    year, _, _ = civil_date(day)
    return day - day_number(year, 1, 1) + 1


def iso_week(day: int) -> tuple[int, int]:
    """(ISO year, week): the week belongs to the year that has its Thursday."""
    thursday = day - iso_weekday(day) + 4
    year, _, _ = civil_date(thursday)
    return year, (thursday - day_number(year, 1, 1)) // 7 + 1


def first_day_of_iso_week(iso_year: int, week: int) -> int:
    """The Monday of a week; January 4 is always in week 1."""
    january_4 = day_number(iso_year, 1, 4)
    return january_4 - (iso_weekday(january_4) - 1) + 7 * (week - 1)


def split_time(microseconds: int) -> tuple[int, int, int, int]:
    """(hours, minutes, seconds, microseconds) of a span that is not negative."""
    seconds, fraction = divmod(microseconds, SECOND_US)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return hour, minute, second, fraction


def is_finite_date(day: int) -> bool:
    return MINUS_INFINITY_DATE < day < INFINITY_DATE


def is_finite_timestamp(value: int) -> bool:
    return MINUS_INFINITY_TIMESTAMP < value < INFINITY_TIMESTAMP

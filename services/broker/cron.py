"""Cron expressions: which moments a line such as `*/5 9-17 * * mon-fri` means, in a time zone.

    ┌───────── minute        0–59
    │ ┌─────── hour          0–23
    │ │ ┌───── day of month  1–31
    │ │ │ ┌─── month         1–12, jan–dec
    │ │ │ │ ┌─ day of week   0–7, sun–sat; 0 and 7 are Sunday
    * * * * *                each a `*`, a value or a range `a-b`, perhaps with `/step`, or a list

When both days are restricted (neither begins with `*`), one of them is enough, as everywhere
since Vixie's cron. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` stand for lines.

**When clocks change.** A line speaks of the time on a clock on the wall, which leaves out an hour
in spring and shows one twice in autumn. As in Vixie's cron, it depends on what the line means:

    line                  the hour left out (02:00 → 03:00)    the hour shown twice (03:00 → 02:00)
    names its hours       once, at the end of the gap (03:00)  once, the first time
    hour begins with `*`  nothing: these minutes do not exist  in both: these minutes exist twice

So `30 2 * * *`, a job of the night, happens once in every night; and `*/5 * * * *`, something that
happens every five minutes, happens every five minutes.

`next_after` costs a few arithmetic operations on an ordinary day: the time of day becomes a moment
by adding it to midnight. Only a day on which the clocks change is worked out minute by minute.
# Real: cron(8) of Paul Vixie and cronie; `OnCalendar=` of systemd; croniter, Celery's crontab.
"""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

MAX_YEARS = 9
"""29 February comes every four years, but not in 2100: eight years may lie between two."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}


class CronError(ValueError):
    """A line that is no cron expression."""


@dataclass(frozen=True, slots=True)
class Cron:
    """One expression: the values that each of its fields allows."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    is_any_hour: bool
    """The hour begins with `*`: the line means intervals, not times of the day."""
    is_any_day: bool
    """One of the two days begins with `*`: both must fit. Else one of them is enough."""

    def fits_date(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        fits_day, fits_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (fits_day and fits_weekday) if self.is_any_day else (fits_day or fits_weekday)

    def next_after(self, moment_ms: int, zone: tzinfo) -> int | None:
        """The first moment after `moment_ms`; None where there is none within `MAX_YEARS`."""
        local = datetime.fromtimestamp(moment_ms / 1000, zone)
        # Where clocks go back over midnight, a moment of yesterday comes after one of today.
        first = local.date() - timedelta(days=1)
        times = [
            60 * hour + minute for hour in sorted(self.hours) for minute in sorted(self.minutes)
        ]
        for offset in range(366 * MAX_YEARS):
            day = first + timedelta(days=offset)
            if self.fits_date(day):
                found = self._next_on(day, times, moment_ms, zone)
                if found is not None:
                    return found
        return None

    def _next_on(self, day: date, times: list[int], moment_ms: int, zone: tzinfo) -> int | None:
        """The first moment of a day that fits, after `moment_ms`; `times` in minutes."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        tomorrow = midnight + timedelta(days=1)
        if midnight.utcoffset() != tomorrow.replace(fold=1).utcoffset():
            return self._next_in_change(day, moment_ms, zone)
        start_ms = _ms(midnight)
        index = bisect.bisect_right(times, (moment_ms - start_ms) / 60_000)
        return start_ms + times[index] * 60_000 if index < len(times) else None

    def _next_in_change(self, day: date, moment_ms: int, zone: tzinfo) -> int | None:
        """The clocks change on this day: its moments and those of the next one, in order."""
        days = [one for one in (day, day + timedelta(days=1)) if self.fits_date(one)]
        moments = [moment for one in days for moment in self._moments(one, zone)]
        return min((moment for moment in moments if moment > moment_ms), default=None)

    def _moments(self, day: date, zone: tzinfo) -> Iterator[int]:
        for hour in self.hours:
            for minute in self.minutes:
                first = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                second = first.replace(fold=1)
                if first.utcoffset() == second.utcoffset():
                    yield _ms(first)
                elif first.utcoffset() > second.utcoffset():  # Shown twice.
                    yield _ms(first)
                    if self.is_any_hour:
                        yield _ms(second)
                elif not self.is_any_hour:  # Left out.
                    yield _end_of_gap_ms(first, second, zone)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp()) * 1000


def _end_of_gap_ms(before: datetime, after: datetime, zone: tzinfo) -> int:
    """The moment at which the clocks jump over a time, by bisection.

    Read with the offset that holds before the jump, the time lies after it, and the other way
    round.
    """
    low_s, high_s = round(after.timestamp()), round(before.timestamp())
    offset = before.utcoffset()
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        if datetime.fromtimestamp(middle_s, UTC).astimezone(zone).utcoffset() == offset:
            low_s = middle_s
        else:
            high_s = middle_s
    return high_s * 1000


def parse_cron(line: str) -> Cron:
    """Raises CronError with the reason."""
    fields = _NICKNAMES.get(line.strip().lower(), line).split()
    if len(fields) != 5:
        raise CronError(f"has {len(fields)} fields and not 5: minute hour day month weekday")
    minute, hour, day, month, weekday = fields
    weekdays = _values("weekday", weekday, 0, 7, _DAYS)
    return Cron(
        minutes=_values("minute", minute, 0, 59),
        hours=_values("hour", hour, 0, 23),
        days=_values("day", day, 1, 31),
        months=_values("month", month, 1, 12, _MONTHS),
        weekdays=frozenset(value % 7 for value in weekdays),
        is_any_hour=hour.startswith("*"),
        is_any_day=day.startswith("*") or weekday.startswith("*"),
    )


def _values(
    field: str, text: str, lowest: int, highest: int, names: tuple[str, ...] = ()
) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and not (_is_number(step) and int(step) > 0):
            raise CronError(f"{field}: {step!r} is no step")
        if span == "*":
            first, last = lowest, highest
        else:
            start, dash, end = span.partition("-")
            first = _value(field, start, lowest, highest, names)
            if dash:
                last = _value(field, end, lowest, highest, names)
            else:
                # `5/15` is every fifteenth from the fifth on, as in most implementations.
                last = highest if slash else first
        if first > last:
            raise CronError(f"{field}: {span} goes backwards")
        values.update(range(first, last + 1, int(step) if slash else 1))
    return frozenset(values)


def _value(field: str, text: str, lowest: int, highest: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        # Months begin with 1, days of the week with 0, as their lowest values do.
        return names.index(text.lower()) + lowest
    if not _is_number(text) or not lowest <= int(text) <= highest:
        raise CronError(f"{field}: {text!r} is not from {lowest} to {highest}")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 4

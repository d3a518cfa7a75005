"""Calendars: moments and their parts in a time zone, steps of months, formats.

A moment is milliseconds since 1970 UTC. Its parts come from `datetime`, whose years go from 1
to 9999; what is beyond is refused. Zones are names ("Europe/Rome", from `zoneinfo`) or offsets
("+02:00").
"""

import datetime
import re
import zoneinfo
from functools import lru_cache

from services.docdb.bson.types import Date, ObjectId, Timestamp
from services.docdb.errors import MongoError
from services.docdb.query.type_names import type_name

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MS = datetime.timedelta(milliseconds=1)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?")

UNIT_MS = {
    "week": 7 * 86_400_000,
    "day": 86_400_000,
    "hour": 3_600_000,
    "minute": 60_000,
    "second": 1000,
    "millisecond": 1,
}
UNIT_MONTHS = {"year": 12, "quarter": 3, "month": 1}
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def moment_ms(value: object) -> int:
    """The moment of a date, a timestamp, or an ObjectId. Raises MongoError."""
    if type(value) is Date:
        return value.ms
    if type(value) is Timestamp:
        return value.time * 1000
    if type(value) is ObjectId:
        return value.created_at_s * 1000
    raise MongoError(16006, f"can't convert from BSON type {type_name(value)} to Date")


@lru_cache(maxsize=256)
def parse_zone(name: str) -> datetime.tzinfo:
    if name in ("UTC", "GMT", "Z"):
        return datetime.UTC
    match = _OFFSET.fullmatch(name)
    if match:
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        return datetime.timezone(
            datetime.timedelta(minutes=minutes if match[1] == "+" else -minutes)
        )
    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise MongoError(40485, f'unrecognized time zone identifier: "{name}"') from None


def in_zone(ms: int, zone: datetime.tzinfo = datetime.UTC) -> datetime.datetime:
    try:
        return (EPOCH + ms * _MS).astimezone(zone)
    except OverflowError:
        raise MongoError(18536, f"the date {ms} ms is beyond the years 1 to 9999") from None


def to_ms(moment: datetime.datetime) -> int:
    return (moment - EPOCH) // _MS


def iso_text(ms: int) -> str:
    """`2024-05-01T12:00:00.000Z`."""
    return in_zone(ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def add_units(ms: int, unit: str, amount: int, zone: datetime.tzinfo) -> int:
    """A moment some units later, by the clock on the wall for days and more."""
    if unit in ("hour", "minute", "second", "millisecond"):
        return ms + amount * UNIT_MS[unit]
    local = in_zone(ms, zone).replace(tzinfo=None)
    try:
        if unit in UNIT_MONTHS:
            local = _add_months(local, amount * UNIT_MONTHS[unit])
        else:
            local += datetime.timedelta(milliseconds=amount * UNIT_MS[unit])
        return to_ms(local.replace(tzinfo=zone))
    except (OverflowError, ValueError):
        raise MongoError(5166406, "the resulting date is out of range") from None


def _add_months(moment: datetime.datetime, months: int) -> datetime.datetime:
    total = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(total, 12)
    first_of_next = datetime.date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last_day = (first_of_next - datetime.timedelta(days=1)).day
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last_day))


def difference(start: int, end: int, unit: str, zone: datetime.tzinfo, week_start: str) -> int:
    """How many boundaries of a unit lie between two moments."""
    if unit in ("hour", "minute", "second", "millisecond"):
        size = UNIT_MS[unit]
        offset = _offset_ms(start, zone), _offset_ms(end, zone)
        if unit == "hour":
            return (end + offset[1]) // size - (start + offset[0]) // size
        return end // size - start // size
    first, last = in_zone(start, zone), in_zone(end, zone)
    if unit in UNIT_MONTHS:
        size = UNIT_MONTHS[unit]
        return _months(last) // size - _months(first) // size
    days = last.toordinal() - first.toordinal()
    if unit == "day":
        return days
    shift = WEEKDAYS.index(week_start)
    return (last.toordinal() - 1 - shift) // 7 - (first.toordinal() - 1 - shift) // 7


def _offset_ms(ms: int, zone: datetime.tzinfo) -> int:
    return in_zone(ms, zone).utcoffset() // _MS


def _months(moment: datetime.datetime) -> int:
    return moment.year * 12 + moment.month - 1


def truncate(ms: int, unit: str, size: int, zone: datetime.tzinfo, week_start: str) -> int:
    """The start of the bin of `size` units in which a moment lies; bins count from 2000."""
    reference = datetime.datetime(2000, 1, 1, tzinfo=zone)
    local = in_zone(ms, zone)
    if unit in UNIT_MONTHS:
        months = size * UNIT_MONTHS[unit]
        since = (_months(local) - 24000) // months * months
        year, month = divmod(24000 + since, 12)
        return to_ms(datetime.datetime(year, month + 1, 1, tzinfo=zone))
    if unit in ("week", "day"):
        days = size * (7 if unit == "week" else 1)
        origin = reference.toordinal()
        if unit == "week":
            origin += (WEEKDAYS.index(week_start) - 5) % 7  # The first of 2000 was a Saturday.
        start = origin + (local.toordinal() - origin) // days * days
        return to_ms(
            datetime.datetime.combine(datetime.date.fromordinal(start), datetime.time(), zone)
        )
    step = size * UNIT_MS[unit]
    base = to_ms(reference)
    return base + (ms - base) // step * step


# Formats.

_FORMATS = {
    "Y": lambda t: f"{t.year:04d}",
    "m": lambda t: f"{t.month:02d}",
    "d": lambda t: f"{t.day:02d}",
    "H": lambda t: f"{t.hour:02d}",
    "M": lambda t: f"{t.minute:02d}",
    "S": lambda t: f"{t.second:02d}",
    "L": lambda t: f"{t.microsecond // 1000:03d}",
    "j": lambda t: f"{t.timetuple().tm_yday:03d}",
    "w": lambda t: str(t.isoweekday() % 7 + 1),
    "u": lambda t: str(t.isoweekday()),
    "U": lambda t: f"{(t.timetuple().tm_yday + 6 - t.isoweekday() % 7) // 7:02d}",
    "V": lambda t: f"{t.isocalendar().week:02d}",
    "G": lambda t: f"{t.isocalendar().year:04d}",
    "z": lambda t: t.strftime("%z") or "+0000",
    "Z": lambda t: str(t.utcoffset() // datetime.timedelta(minutes=1)),
    "b": lambda t: t.strftime("%b"),
    "B": lambda t: t.strftime("%B"),
    "%": lambda t: "%",
}
DEFAULT_FORMAT = "%Y-%m-%dT%H:%M:%S.%LZ"


def format_moment(ms: int, zone: datetime.tzinfo, text: str) -> str:
    moment = in_zone(ms, zone)
    pieces, position = [], 0
    while position < len(text):
        if text[position] != "%":
            pieces.append(text[position])
            position += 1
            continue
        letter = text[position + 1 : position + 2]
        if not letter:
            raise MongoError(18535, "Unmatched '%' at end of format string")
        if letter not in _FORMATS:
            raise MongoError(18536, f"Invalid format character '%{letter}' in format string")
        pieces.append(_FORMATS[letter](moment))
        position += 2
    return "".join(pieces)


_PATTERNS = {
    "Y": r"(?P<Y>\d{4})", "m": r"(?P<m>\d{1,2})", "d": r"(?P<d>\d{1,2})", "H": r"(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{1,2})", "S": r"(?P<S>\d{1,2})", "L": r"(?P<L>\d{1,3})",
    "j": r"(?P<j>\d{1,3})", "G": r"(?P<G>\d{4})", "V": r"(?P<V>\d{1,2})", "u": r"(?P<u>\d)",
    "z": r"(?P<z>[+-]\d\d:?\d\d|Z)", "Z": r"(?P<Z>[+-]?\d+)", "b": r"(?P<b>[A-Za-z]{3})",
    "B": r"(?P<B>[A-Za-z]+)", "%": "%",
}  # fmt: skip

_ISO = re.compile(
    r"(?P<Y>\d{4})-(?P<m>\d{1,2})(?:-(?P<d>\d{1,2}))?"
    r"(?:[T ](?P<H>\d{1,2})(?::?(?P<M>\d\d)(?::?(?P<S>\d\d)(?:\.(?P<L>\d{1,9}))?)?)?)?"
    r"\s*(?P<z>Z|[+-]\d\d:?(?:\d\d)?)?"
)


def parse_moment(text: str, form: str | None, zone: datetime.tzinfo | None) -> int:
    """The moment that a text says. Raises MongoError 241."""
    match = (_ISO if form is None else _format_regex(form)).fullmatch(text.strip())
    if not match:
        raise MongoError(241, f"Error parsing date string '{text}'")
    parts = {name: value for name, value in match.groupdict().items() if value is not None}
    if zone is not None and ("z" in parts or "Z" in parts):
        raise MongoError(241, f"you cannot pass in a date/time string with time zone information "
                         f"('{text}') together with a timezone argument")  # fmt: skip
    try:
        return _assembled(parts, zone or datetime.UTC)
    except (ValueError, OverflowError):
        raise MongoError(241, f"Error parsing date string '{text}'") from None


@lru_cache(maxsize=256)
def _format_regex(form: str) -> re.Pattern[str]:
    pattern = re.sub(
        r"%(.)|([^%]+)", lambda m: _PATTERNS.get(m[1], "%") if m[1] else re.escape(m[2]), form
    )
    return re.compile(pattern)


def _assembled(parts: dict[str, str], zone: datetime.tzinfo) -> int:
    if "z" in parts:
        zone = datetime.UTC if parts["z"] == "Z" else parse_zone(parts["z"])
    elif "Z" in parts:
        zone = datetime.timezone(datetime.timedelta(minutes=int(parts["Z"])))
    day = _day_of(parts)
    ms = int(parts.get("L", "0").ljust(3, "0")[:3])
    clock = (int(parts.get(name, 0)) for name in "HMS")
    moment = datetime.datetime(day.year, day.month, day.day, *clock, tzinfo=zone)
    return to_ms(moment) + ms


def _day_of(parts: dict[str, str]) -> datetime.date:
    if "G" in parts:
        return datetime.date.fromisocalendar(
            int(parts["G"]), int(parts.get("V", 1)), int(parts.get("u", 1))
        )
    year = int(parts.get("Y", 1970))
    if "j" in parts:
        return datetime.date(year, 1, 1) + datetime.timedelta(days=int(parts["j"]) - 1)
    month = int(parts.get("m", 1))
    if "b" in parts or "B" in parts:
        named = parts.get("b") or parts["B"]
        month = datetime.datetime.strptime(named[:3].title(), "%b").month
    return datetime.date(year, month, int(parts.get("d", 1)))

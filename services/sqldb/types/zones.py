"""Time zones: names, abbreviations and fixed offsets as `tzinfo`, and the offset at a moment.

Names are those of the tz database through `zoneinfo`; abbreviations are a fixed table, because
"EST" in a timestamp means -05 at any time of the year. # Real: timezonesets/Default, pg_tzset()
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.calendar import SECOND_US

_HOUR = 3600
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_LOCAL = datetime(2000, 1, 1)
# 400 years of the calendar: what is beyond year 9999 behaves as some cycles earlier.
_CYCLE_US = 146_097 * 86_400 * SECOND_US
_FIRST_US = -63_000_000_000 * SECOND_US
_LAST_US = 252_400_000_000 * SECOND_US

# Seconds east of Greenwich.
ABBREVIATIONS = {
    name: int(hours * _HOUR)
    for hours, names in {
        0: "utc gmt ut uct z zulu wet",
        1: "cet bst wetdst west met",
        2: "eet cest cetdst mest metdst ist sast",
        3: "eest eetdst msk idt",
        4: "msd gst",
        4.5: "aft",
        5: "pkt uzt",
        5.75: "npt",
        6: "bdt almt",
        6.5: "mmt",
        7: "ict wib",
        8: "awst hkt sgt pht myt",
        9: "jst kst",
        9.5: "acst cast",
        10: "aest chst",
        10.5: "acdt",
        11: "aedt",
        12: "nzst nzt fjt",
        13: "nzdt",
        -1: "azot",
        -2: "fnt",
        -3: "art brt uyt adt",
        -2.5: "ndt",
        -3.5: "nst",
        -4: "ast edt clt bot",
        -5: "est cdt pet cot",
        -6: "cst mdt",
        -7: "mst pdt",
        -8: "pst akdt",
        -9: "akst hdt",
        -10: "hst ahst",
    }.items()
    for name in names.split()
}

_POSIX = re.compile(
    r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)([+-]?)([0-9]{1,2})(?::([0-9]{2}))?(?::([0-9]{2}))?\Z"
)


def unknown_zone(name: str) -> SqlError:
    return SqlError(errors.INVALID_PARAMETER_VALUE, f'time zone "{name}" not recognized')


def fixed_zone(seconds_east: int) -> tzinfo:
    return UTC if seconds_east == 0 else timezone(timedelta(seconds=seconds_east))


@lru_cache(maxsize=1)
def _names_by_lower_case() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


@lru_cache(maxsize=256)
def zone_by_name(name: str) -> tzinfo | None:
    """A name of the tz database in any case, or a POSIX specification such as "UTC+3" (west!)."""
    folded = name.lower()
    if folded in ("utc", "gmt", "etc/utc", "z", "zulu"):
        return UTC
    match = _POSIX.match(name)
    if match is not None and folded not in ("est5edt", "cst6cdt", "mst7mdt", "pst8pdt"):
        sign, hours, minutes, seconds = match.groups()
        west = int(hours) * _HOUR + int(minutes or 0) * 60 + int(seconds or 0)
        return fixed_zone(west if sign == "-" else -west) if west < 86_400 else None
    found = _names_by_lower_case().get(folded)
    return ZoneInfo(found) if found else None


def find_zone(name: str) -> tzinfo:
    """What AT TIME ZONE 'name' means: an abbreviation, a name, or an offset such as "+02:00"."""
    offset = ABBREVIATIONS.get(name.lower())
    if offset is not None:
        return fixed_zone(offset)
    zone = zone_by_name(name) or _numeric_zone(name)
    if zone is None:
        raise unknown_zone(name)
    return zone


def _numeric_zone(name: str) -> tzinfo | None:
    """A bare offset is POSIX as well: '+02' lies west of Greenwich."""
    match = re.fullmatch(r"([+-]?)(\d{1,2})(?::?(\d{2}))?", name)
    if match is None:
        return None
    seconds = int(match[2]) * _HOUR + int(match[3] or 0) * 60
    return fixed_zone(seconds if match[1] == "-" else -seconds) if seconds < 86_400 else None


def _within_python(microseconds: int) -> int:
    if _FIRST_US <= microseconds <= _LAST_US:
        return microseconds
    return microseconds % _CYCLE_US if microseconds > 0 else _FIRST_US


def offset_at(zone: tzinfo, timestamp_us: int) -> int:
    """Seconds east of Greenwich at a moment (UTC)."""
    if zone is UTC:
        return 0
    moment = _EPOCH + timedelta(microseconds=_within_python(timestamp_us))
    return round(moment.astimezone(zone).utcoffset().total_seconds())


def offset_of_local(zone: tzinfo, local_us: int) -> int:
    """Seconds east when the clocks of a zone show `local_us`.

    A time that the clocks skip counts as before the change, one that they show twice as after it.
    # Real: DetermineTimeZoneOffset()
    """
    if zone is UTC:
        return 0
    local = _EPOCH_LOCAL + timedelta(microseconds=_within_python(local_us))
    before = local.replace(tzinfo=zone, fold=0).utcoffset()
    after = local.replace(tzinfo=zone, fold=1).utcoffset()
    # In a gap fold=0 gives the offset before it, the smaller one; in an overlap the greater one.
    return round(min(before, after).total_seconds())


def to_local(zone: tzinfo, timestamp_us: int) -> int:
    """What the clocks of a zone show at a moment."""
    return timestamp_us + offset_at(zone, timestamp_us) * SECOND_US


def to_utc(zone: tzinfo, local_us: int) -> int:
    return local_us - offset_of_local(zone, local_us) * SECOND_US


def zone_abbreviation(zone: tzinfo, timestamp_us: int) -> str:
    if zone is UTC:
        return "UTC"
    moment = _EPOCH + timedelta(microseconds=_within_python(timestamp_us))
    return moment.astimezone(zone).tzname() or ""


def format_offset(seconds_east: int) -> str:
    """+02, -03:30, +00:19:32"""
    sign = "-" if seconds_east < 0 else "+"
    hours, rest = divmod(abs(seconds_east), _HOUR)
    minutes, seconds = divmod(rest, 60)
    text = f"{sign}{hours:02d}"
    if minutes or seconds:
        text += f":{minutes:02d}"
    return f"{text}:{seconds:02d}" if seconds else text

"""to_char, to_date and to_timestamp with templates: 'YYYY-MM-DD HH24:MI:SS'.

A template is cut into patterns and literal text once, and kept. Writing puts each pattern's field
there; reading takes for each pattern as many digits or letters as it may have, and everything else
in the template stands for one character of the input. # Real: formatting.c, DCH_cache
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.definition import STABLE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types.calendar import (
    DAY_US,
    HOUR_US,
    JULIAN_DAY_OF_2000,
    SECOND_US,
    civil_date,
    day_of_year,
    first_day_of_iso_week,
    is_finite_timestamp,
    iso_week,
    iso_weekday,
    split_time,
)
from services.sqldb.types.context import SessionContext
from services.sqldb.types.zones import (
    format_offset,
    offset_at,
    to_local,
    zone_abbreviation,
)
from services.sqldb.values import Interval

define = Definitions()

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December")  # fmt: skip
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
ROMAN_MONTHS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

_WORDS = "MONTH MON DAY DY A.M. P.M. AM PM A.D. B.C. AD BC RM TZ".split()  # noqa: SIM905
_NUMBERS = (
    "Y,YYY YYYY YYY YY Y IYYY IYY IY IDDD ID IW I CC MM DDD DD D WW W Q J HH24 HH12 HH MI SSSSS "
    "SSSS SS MS US FF1 FF2 FF3 FF4 FF5 FF6 TZH TZM OF"
)
_PATTERN = re.compile(
    "(?P<mode>FX)|(?P<prefix>(?:FM|TM)+)?(?:(?P<word>"
    + "|".join(
        re.escape(form) + ("(?![HMhm])" if word == "TZ" else "")
        for word in _WORDS
        for form in dict.fromkeys(
            (word, word.capitalize() if "." not in word else word, word.lower())
        )
    )
    + ")|(?P<number>"
    + "|".join(re.escape(name) for name in _NUMBERS.split())
    + r"))(?P<suffix>TH|th|SP)?|\"(?P<quoted>(?:[^\"\\]|\\.)*)\"?|(?:\\(?=\"))?(?P<literal>.)",
    re.DOTALL,
)
_PATTERN_IGNORING_CASE = re.compile("|".join(_NUMBERS.split()), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Node:
    """One pattern (`name` in capitals, `spelling` as written), or literal text."""

    name: str
    spelling: str = ""
    fills: bool = True  # False after FM: no padding
    suffix: str = ""
    is_literal: bool = False
    is_quoted: bool = False


@lru_cache(maxsize=256)
def template_nodes(template: str) -> tuple[Node, ...]:
    nodes, at = [], 0
    while at < len(template):
        match = _PATTERN.match(template, at)
        if match["literal"] is not None and "\\" not in match[0]:
            # Numbers may be written in any case: yyyy, Mi.
            prefix = re.compile(r"(?:fm|tm)?", re.IGNORECASE).match(template, at)
            other = _PATTERN_IGNORING_CASE.match(template, prefix.end())
            if other is not None or (prefix[0] and prefix[0].upper() == "FM"):
                upper = (prefix[0] + (other[0] if other else "")).upper()
                rest = template[at + len(upper) :]
                match = _PATTERN.match(upper + rest)
                nodes.append(_node(match))
                at += match.end()
                continue
        nodes.append(_node(match))
        at = match.end()
    return tuple(node for node in nodes if node.name != "FX")


def _node(match: re.Match[str]) -> Node:
    if match["mode"]:
        return Node("FX")
    if match["quoted"] is not None:
        return Node(re.sub(r"\\(.)", r"\1", match["quoted"]), is_literal=True, is_quoted=True)
    if match["literal"] is not None:
        return Node(match["literal"], is_literal=True)
    spelling = match["word"] or match["number"]
    return Node(spelling.upper(), spelling, not match["prefix"], match["suffix"] or "")


@dataclass(slots=True)
class _Moment:
    """The fields that patterns write; `day` is None for an interval."""

    year: int
    month: int
    month_day: int
    clock: int
    day: int | None
    zone_name: str = ""
    offset: int = 0


def format_template(moment: _Moment, template: str) -> str:
    return "".join(_write(node, moment) for node in template_nodes(template))


# What only a day of the calendar has.
_NOT_OF_INTERVALS = frozenset(
    {"MONTH", "MON", "DAY", "DY", "AD", "BC", "A.D.", "B.C.", "TZ", "TZH", "TZM", "OF"}
)


def _write(node: Node, moment: _Moment) -> str:
    if node.is_literal:
        return node.name
    if moment.day is None and node.name in _NOT_OF_INTERVALS:
        raise _not_of_intervals()
    if node.name in _WRITERS_OF_WORDS:
        return _WRITERS_OF_WORDS[node.name](node, moment)
    value, width = _number(node.name, moment)
    text = f"{value:0{width + (value < 0)}d}" if node.fills and width else str(value)
    if node.name == "Y,YYY":
        text = f"{value:,}" if value > 999 or not node.fills else f"0,{value:03d}"
    if node.suffix in ("TH", "th"):
        text += _ordinal_suffix(value, node.suffix == "TH")
    return text


def _ordinal_suffix(value: int, upper: bool) -> str:
    last = abs(value) % 100
    suffix = "th" if 10 < last < 20 else {1: "st", 2: "nd", 3: "rd"}.get(last % 10, "th")
    return suffix.upper() if upper else suffix


def _number(name: str, moment: _Moment) -> tuple[int, int]:
    """The value of a numeric pattern and its width."""
    hour, minute, second, fraction = split_time(abs(moment.clock))
    sign = -1 if moment.clock < 0 else 1
    match name:
        case "HH24":
            return sign * hour, 2
        case "HH12" | "HH":
            return sign * (12 if hour % 12 == 0 else hour % 12), 2
        case "MI":
            return sign * minute, 2
        case "SS":
            return sign * second, 2
        case "MS":
            return sign * (fraction // 1000), 3
        case "US":
            return sign * fraction, 6
        case "SSSS" | "SSSSS":
            return sign * (abs(moment.clock) // SECOND_US), 0
        case "Q":
            return ((moment.month - 1) // 3 + 1 if moment.month else 0), 0
        case "MM":
            return moment.month, 2
        case "DD":
            return moment.month_day, 2
    if name.startswith("FF"):
        digits = int(name[2])
        return sign * (fraction // 10 ** (6 - digits)), digits
    return _calendar_number(name, moment)


def _not_of_intervals() -> SqlError:
    return SqlError(
        errors.INVALID_DATETIME_FORMAT,
        "invalid format specification for an interval value",
        hint="Intervals are not tied to specific calendar dates.",
    )


def _calendar_number(name: str, moment: _Moment) -> tuple[int, int]:
    year = moment.year
    shown = year if year > 0 or moment.day is None else 1 - year
    match name:
        case "YYYY" | "Y,YYY":
            return shown, 4
        case "YYY" | "YY" | "Y":
            return shown % 10 ** len(name), len(name)
        case "CC":
            if moment.day is None:
                return year // 100, 2
            return ((year + 99) // 100, 2) if year > 0 else (-((1 - year + 99) // 100), 2)
    if moment.day is None:
        raise _not_of_intervals()
    iso_year, week = iso_week(moment.day)
    match name:
        case "IYYY" | "IYY" | "IY" | "I":
            shown = iso_year if iso_year > 0 else 1 - iso_year
            return shown % 10 ** max(len(name), 1) if name != "IYYY" else shown, len(name)
        case "DDD":
            return day_of_year(moment.day), 3
        case "IDDD":
            return moment.day - first_day_of_iso_week(iso_year, 1) + 1, 3
        case "D":
            return iso_weekday(moment.day) % 7 + 1, 0
        case "ID":
            return iso_weekday(moment.day), 0
        case "WW":
            return (day_of_year(moment.day) - 1) // 7 + 1, 2
        case "IW":
            return week, 2
        case "W":
            return (moment.month_day - 1) // 7 + 1, 0
    return moment.day + JULIAN_DAY_OF_2000, 0


def _in_case(spelling: str, text: str) -> str:
    """MONTH, Month, month: the text in the case of its pattern."""
    if spelling.isupper():
        return text.upper()
    return text.lower() if spelling.islower() else text


def _write_month(node: Node, moment: _Moment) -> str:
    if not moment.month:
        return ""
    text = _in_case(node.spelling, MONTHS[moment.month - 1])
    return text.ljust(9) if node.fills else text


def _write_short_month(node: Node, moment: _Moment) -> str:
    return _in_case(node.spelling, MONTHS[moment.month - 1][:3]) if moment.month else ""


def _weekday(moment: _Moment) -> str:
    return DAYS[iso_weekday(moment.day) % 7]


def _write_day(node: Node, moment: _Moment) -> str:
    text = _in_case(node.spelling, _weekday(moment))
    return text.ljust(9) if node.fills else text


def _write_meridiem(node: Node, moment: _Moment) -> str:
    is_pm = abs(moment.clock) // HOUR_US % 24 >= 12
    text = ("P.M." if is_pm else "A.M.") if "." in node.name else ("PM" if is_pm else "AM")
    return text.lower() if node.spelling.islower() else text


def _write_era(node: Node, moment: _Moment) -> str:
    is_ad = moment.year > 0
    text = ("A.D." if is_ad else "B.C.") if "." in node.name else ("AD" if is_ad else "BC")
    return text.lower() if node.spelling.islower() else text


def _write_roman(node: Node, moment: _Moment) -> str:
    if not moment.month:
        return ""
    text = _in_case(node.spelling, ROMAN_MONTHS[moment.month - 1])
    return text.ljust(4) if node.fills else text


_WRITERS_OF_WORDS: dict[str, Any] = {
    "MONTH": _write_month,
    "MON": _write_short_month,
    "DAY": _write_day,
    "DY": lambda node, moment: _in_case(node.spelling, _weekday(moment)[:3]),
    "AM": _write_meridiem,
    "PM": _write_meridiem,
    "A.M.": _write_meridiem,
    "P.M.": _write_meridiem,
    "AD": _write_era,
    "BC": _write_era,
    "A.D.": _write_era,
    "B.C.": _write_era,
    "RM": _write_roman,
    "TZ": lambda node, moment: (
        moment.zone_name.lower() if node.spelling.islower() else moment.zone_name
    ),
    "TZH": lambda node, moment: format_offset(moment.offset)[:3],
    "TZM": lambda node, moment: f"{abs(moment.offset) % 3600 // 60:02d}",
    "OF": lambda node, moment: format_offset(moment.offset)[:6],
}


@define.function("to_char(timestamp, text) -> text")
def timestamp_to_char(value: int, template: str) -> str | None:
    if not is_finite_timestamp(value) or not template:
        return None
    return format_template(_moment_of(value), template)


def _moment_of(local: int) -> _Moment:
    day, clock = divmod(local, DAY_US)
    return _Moment(*civil_date(day), clock, day)


@define.function("to_char(timestamptz, text) -> text", context=True, volatility=STABLE)
def timestamptz_to_char(context: SessionContext, value: int, template: str) -> str | None:
    if not is_finite_timestamp(value) or not template:
        return None
    zone = context.time_zone
    moment = _moment_of(to_local(zone, value))
    moment.offset = offset_at(zone, value)
    moment.zone_name = zone_abbreviation(zone, value)
    return format_template(moment, template)


@define.function("to_char(interval, text) -> text")
def interval_to_char(value: Interval, template: str) -> str | None:
    if not template:
        return None
    sign = -1 if value.months < 0 else 1
    years, months = abs(value.months) // 12 * sign, abs(value.months) % 12 * sign
    return format_template(_Moment(years, months, value.days, value.microseconds, None), template)

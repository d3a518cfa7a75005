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
    MINUTE_US,
    SECOND_US,
    civil_date,
    day_number,
    day_of_year,
    days_in_month,
    first_day_of_iso_week,
    is_finite_timestamp,
    iso_week,
    iso_weekday,
    split_time,
)
from services.sqldb.types.context import SessionContext
from services.sqldb.types.dates import checked_date, checked_timestamp
from services.sqldb.types.zones import (
    ABBREVIATIONS,
    format_offset,
    offset_at,
    to_local,
    to_utc,
    zone_abbreviation,
)
from services.sqldb.values import Interval

define = Definitions()

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December")  # fmt: skip
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_ROMAN_MONTHS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

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
class _Node:
    """One pattern (`name` in capitals, `spelling` as written), or literal text."""

    name: str
    spelling: str = ""
    fills: bool = True  # False after FM: no padding
    suffix: str = ""
    is_literal: bool = False
    is_quoted: bool = False


@lru_cache(maxsize=256)
def _nodes(template: str) -> tuple[_Node, ...]:
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


def _node(match: re.Match[str]) -> _Node:
    if match["mode"]:
        return _Node("FX")
    if match["quoted"] is not None:
        return _Node(re.sub(r"\\(.)", r"\1", match["quoted"]), is_literal=True, is_quoted=True)
    if match["literal"] is not None:
        return _Node(match["literal"], is_literal=True)
    spelling = match["word"] or match["number"]
    return _Node(spelling.upper(), spelling, not match["prefix"], match["suffix"] or "")


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
    return "".join(_write(node, moment) for node in _nodes(template))


# What only a day of the calendar has.
_NOT_OF_INTERVALS = frozenset(
    {"MONTH", "MON", "DAY", "DY", "AD", "BC", "A.D.", "B.C.", "TZ", "TZH", "TZM", "OF"}
)


def _write(node: _Node, moment: _Moment) -> str:
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


def _write_month(node: _Node, moment: _Moment) -> str:
    if not moment.month:
        return ""
    text = _in_case(node.spelling, MONTHS[moment.month - 1])
    return text.ljust(9) if node.fills else text


def _write_short_month(node: _Node, moment: _Moment) -> str:
    return _in_case(node.spelling, MONTHS[moment.month - 1][:3]) if moment.month else ""


def _weekday(moment: _Moment) -> str:
    return DAYS[iso_weekday(moment.day) % 7]


def _write_day(node: _Node, moment: _Moment) -> str:
    text = _in_case(node.spelling, _weekday(moment))
    return text.ljust(9) if node.fills else text


def _write_meridiem(node: _Node, moment: _Moment) -> str:
    is_pm = abs(moment.clock) // HOUR_US % 24 >= 12
    text = ("P.M." if is_pm else "A.M.") if "." in node.name else ("PM" if is_pm else "AM")
    return text.lower() if node.spelling.islower() else text


def _write_era(node: _Node, moment: _Moment) -> str:
    is_ad = moment.year > 0
    text = ("A.D." if is_ad else "B.C.") if "." in node.name else ("AD" if is_ad else "BC")
    return text.lower() if node.spelling.islower() else text


def _write_roman(node: _Node, moment: _Moment) -> str:
    if not moment.month:
        return ""
    text = _in_case(node.spelling, _ROMAN_MONTHS[moment.month - 1])
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


class _Parsed:
    """What a template has read out of a text."""

    def __init__(self) -> None:
        self.fields: dict[str, int] = {}
        self.is_pm: bool | None = None
        self.is_bc = False
        self.zone_sign = 1
        self.has_zone = False
        self.zone_offset = 0

    def put(self, name: str, value: int) -> None:
        if name in self.fields and self.fields[name] != value:
            raise SqlError(
                errors.INVALID_DATETIME_FORMAT,
                f'conflicting values for "{name}" field in formatting string',
                detail="This value contradicts a previous setting for the same field type.",
            )
        self.fields[name] = value


_WIDTHS = {"YYYY": 4, "YYY": 3, "YY": 2, "Y": 1, "IYYY": 4, "IYY": 3, "IY": 2, "I": 1, "MM": 2,
           "DDD": 3, "IDDD": 3, "DD": 2, "D": 1, "ID": 1, "WW": 2, "IW": 2, "W": 1, "Q": 1,
           "J": 8, "HH24": 2, "HH12": 2, "HH": 2, "MI": 2, "SS": 2, "SSSS": 5, "SSSSS": 5,
           "MS": 3, "US": 6, "CC": 2, "TZH": 2, "TZM": 2, "Y,YYY": 5,
           "FF1": 1, "FF2": 2, "FF3": 3, "FF4": 4, "FF5": 5, "FF6": 6}  # fmt: skip
_SHORT_YEARS = {"YYY": 1000, "YY": 100, "Y": 10, "IYY": 1000, "IY": 100, "I": 10}


def parse_template(text: str, template: str) -> _Parsed:
    nodes, parsed, at = _nodes(template), _Parsed(), 0
    for index, node in enumerate(nodes):
        if node.is_literal:
            at = _skip_literal(text, at, node)
            continue
        while text[at : at + 1].isspace() and at < len(text):
            at += 1
        if at >= len(text):
            break
        at = _read_node(text, at, node, nodes[index + 1 : index + 2], parsed)
        if node.suffix in ("TH", "th"):
            at += 2
    return parsed


def _is_separator(character: str) -> bool:
    return bool(character) and character.isascii() and not character.isalnum()


def _skip_literal(text: str, at: int, node: _Node) -> int:
    """A separator matches any separator, or nothing; quoted text counts characters."""
    if node.is_quoted:
        return min(at + len(node.name), len(text))
    character = text[at : at + 1]
    if _is_separator(node.name):
        if not _is_separator(character):
            return at
        return at + 1
    return min(at + 1, len(text))


def _read_node(
    text: str, at: int, node: _Node, following: tuple[_Node, ...], parsed: _Parsed
) -> int:
    if node.name in ("MONTH", "MON", "DAY", "DY", "RM"):
        return _read_name(text, at, node, parsed)
    if node.name in ("AM", "PM", "A.M.", "P.M.", "AD", "BC", "A.D.", "B.C."):
        return _read_half(text, at, node, parsed)
    if node.name in ("TZ", "OF"):
        return _read_zone(text, at, parsed)
    width = _WIDTHS[node.name]
    if node.name == "TZH":
        sign = re.compile("[+-]?").match(text, at)
        parsed.zone_sign = -1 if sign[0] == "-" else 1
        at = sign.end()
    # The digits of a field may be more than its width if something else than a digit follows.
    next_is_digits = (
        bool(following) and not following[0].is_literal and following[0].name in _WIDTHS
    )
    limit = width if next_is_digits else 10
    if node.name in ("MS", "US") or node.name.startswith("FF"):
        limit = width
    pattern = r"[+-]?[0-9,]{1,%d}" if node.name == "Y,YYY" else r"[+-]?[0-9]{1,%d}"
    match = re.compile(pattern % limit).match(text, at)
    if match is None:
        taken = text[at : at + width]
        raise SqlError(
            errors.INVALID_DATETIME_FORMAT,
            f'invalid value "{taken}" for "{node.spelling}"',
            detail="Value must be an integer.",
        )
    _store_number(node, match[0].replace(",", ""), parsed)
    return match.end()


def _store_number(node: _Node, digits: str, parsed: _Parsed) -> None:
    value, name = int(digits), node.name
    if name in _SHORT_YEARS:
        if len(digits) < 4:
            value = _full_year(value)
        parsed.put("iso_year" if name[0] == "I" else "year", value)
    elif name in ("YYYY", "Y,YYY"):
        parsed.put("year", value)
    elif name == "IYYY":
        parsed.put("iso_year", value)
    elif name in ("MS", "US") or name.startswith("FF"):
        width = _WIDTHS[name]
        # Milliseconds and microseconds add up.
        part = "milliseconds" if name == "MS" else "microseconds"
        parsed.put(part, int(digits[:width].ljust(width, "0")) * 10 ** (6 - width))
    elif name in ("HH", "HH12"):
        if not 1 <= value <= 12:
            raise SqlError(
                errors.INVALID_DATETIME_FORMAT,
                f'hour "{value}" is invalid for the 12-hour clock',
                hint="Use the 24-hour clock, or give an hour between 1 and 12.",
            )
        parsed.put("hour12", value)
    else:
        names = {"HH24": "hour", "MI": "minute", "SS": "second", "MM": "month", "DD": "day",
                 "DDD": "year_day", "J": "julian", "SSSS": "seconds", "SSSSS": "seconds",
                 "WW": "week", "IW": "iso_week", "ID": "iso_day", "IDDD": "iso_year_day",
                 "W": "month_week", "CC": "century", "D": "weekday", "Q": "quarter",
                 "TZH": "zone_hour", "TZM": "zone_minute"}  # fmt: skip
        parsed.put(names[name], value)
        parsed.has_zone = parsed.has_zone or name in ("TZH", "TZM")


def _full_year(value: int) -> int:
    """The year nearest to 2020 that ends in these digits. # Real: adjust_partial_year_to_2020()"""
    if value < 70:
        return value + 2000
    if value < 100:
        return value + 1900
    return value + (2000 if value < 520 else 1000)


def _read_name(text: str, at: int, node: _Node, parsed: _Parsed) -> int:
    rest = text[at:].lower()
    names: tuple[str, ...] = {"RM": _ROMAN_MONTHS, "DAY": DAYS, "DY": DAYS}.get(node.name, MONTHS)
    short = node.name in ("MON", "DY")
    candidates = [(name[:3] if short else name, number) for number, name in enumerate(names)]
    for name, number in sorted(candidates, key=lambda item: -len(item[0])):
        if rest.startswith(name.lower()):
            if names is not DAYS:
                parsed.put("month", number + 1)
            return at + len(name)
    word = re.match(r"\S*", text[at:])[0]
    raise SqlError(
        errors.INVALID_DATETIME_FORMAT,
        f'invalid value "{word}" for "{node.spelling}"',
        detail="The given value did not match any of the allowed values for this field.",
    )


def _read_half(text: str, at: int, node: _Node, parsed: _Parsed) -> int:
    choices = {"AM": ("am", "pm"), "AD": ("ad", "bc")}["AM" if "M" in node.name else "AD"]
    for index, word in enumerate(choices):
        spelled = f"{word[0]}.{word[1]}." if "." in node.name else word
        if text[at:].lower().startswith(spelled):
            if "M" in node.name:
                parsed.is_pm = index == 1
            else:
                parsed.is_bc = index == 1
            return at + len(spelled)
    raise SqlError(
        errors.INVALID_DATETIME_FORMAT,
        f'invalid value "{text[at : at + len(node.name)]}" for "{node.spelling}"',
        detail="The given value did not match any of the allowed values for this field.",
    )


def _read_zone(text: str, at: int, parsed: _Parsed) -> int:
    match = re.compile(r"([+-])(\d{1,2})(?::?(\d{2}))?|([A-Za-z]+)").match(text, at)
    if match is None or (match[4] and match[4].lower() not in ABBREVIATIONS):
        raise SqlError(
            errors.FEATURE_NOT_SUPPORTED,
            'formatting field "TZ" is only supported in to_char',
        )
    parsed.has_zone = True
    if match[4]:
        parsed.zone_offset = ABBREVIATIONS[match[4].lower()]
    else:
        offset = int(match[2]) * 3600 + int(match[3] or 0) * 60
        parsed.zone_offset = -offset if match[1] == "-" else offset
    return match.end()


def _out_of_range(text: str) -> SqlError:
    return SqlError(errors.DATETIME_FIELD_OVERFLOW, f'date/time field value out of range: "{text}"')


def _parsed_day(parsed: _Parsed, text: str) -> int:
    fields = parsed.fields
    if "julian" in fields:
        return fields["julian"] - JULIAN_DAY_OF_2000
    if "iso_year" in fields:
        if "iso_year_day" in fields:
            return first_day_of_iso_week(fields["iso_year"], 1) + fields["iso_year_day"] - 1
        week = first_day_of_iso_week(fields["iso_year"], fields.get("iso_week", 1))
        return week + fields.get("iso_day", 1) - 1
    year = _parsed_year(parsed)
    if "year_day" in fields:
        if not 1 <= fields["year_day"] <= 366:
            raise _out_of_range(text)
        return day_number(year, 1, 1) + fields["year_day"] - 1
    if "week" in fields and "month" not in fields:
        return day_number(year, 1, 1) + (fields["week"] - 1) * 7
    month, day = fields.get("month", 1), fields.get("day", 1)
    if "month_week" in fields and "day" not in fields:
        day = (fields["month_week"] - 1) * 7 + 1
    if not 1 <= month <= 12 or not 1 <= day <= days_in_month(year, month):
        raise _out_of_range(text)
    return day_number(year, month, day)


def _parsed_year(parsed: _Parsed) -> int:
    fields = parsed.fields
    if "year" not in fields:
        if "century" in fields:
            return (fields["century"] - 1) * 100 + 1
        return 0
    year = fields["year"]
    if parsed.is_bc:
        return 1 - year
    return year + 1 if year < 0 else year


def _parsed_clock(parsed: _Parsed, text: str) -> int:
    fields = parsed.fields
    clock = fields.get("milliseconds", 0) + fields.get("microseconds", 0)
    if "seconds" in fields:
        return clock + fields["seconds"] * SECOND_US
    hour = fields.get("hour", 0)
    if "hour12" in fields:
        hour = fields["hour12"]
        if parsed.is_pm is not None:
            hour = hour % 12 + (12 if parsed.is_pm else 0)
    minute, second = fields.get("minute", 0), fields.get("second", 0)
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        raise _out_of_range(text)
    return clock + hour * HOUR_US + minute * MINUTE_US + second * SECOND_US


@define.function("to_date(text, text) -> date")
def to_date(text: str, template: str) -> int:
    return checked_date(_parsed_day(parse_template(text, template), text))


@define.function("to_timestamp(text, text) -> timestamptz", context=True, volatility=STABLE)
def to_timestamp(context: SessionContext, text: str, template: str) -> int:
    parsed = parse_template(text, template)
    local = _parsed_day(parsed, text) * DAY_US + _parsed_clock(parsed, text)
    if parsed.has_zone:
        fields = parsed.fields
        given = fields.get("zone_hour", 0) * 3600 + fields.get("zone_minute", 0) * 60
        offset = parsed.zone_offset + parsed.zone_sign * given
        return checked_timestamp(local - offset * SECOND_US)
    return checked_timestamp(to_utc(context.time_zone, local))

"""to_date and to_timestamp: reading a text as a template says.

Each pattern takes as many digits or letters as it may have; everything else in the template stands
for one character of the input. # Real: DCH_from_char(), do_to_timestamp()"""

from __future__ import annotations

import re

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.date_formats import DAYS, MONTHS, ROMAN_MONTHS, Node, template_nodes
from services.sqldb.functions.definition import STABLE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types.calendar import (
    DAY_US,
    HOUR_US,
    JULIAN_DAY_OF_2000,
    MINUTE_US,
    SECOND_US,
    day_number,
    days_in_month,
    first_day_of_iso_week,
)
from services.sqldb.types.context import SessionContext
from services.sqldb.types.dates import checked_date, checked_timestamp
from services.sqldb.types.zones import (
    ABBREVIATIONS,
    to_utc,
)

define = Definitions()


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
    nodes, parsed, at = template_nodes(template), _Parsed(), 0
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


def _skip_literal(text: str, at: int, node: Node) -> int:
    """A separator matches any separator, or nothing; quoted text counts characters."""
    if node.is_quoted:
        return min(at + len(node.name), len(text))
    character = text[at : at + 1]
    if _is_separator(node.name):
        if not _is_separator(character):
            return at
        return at + 1
    return min(at + 1, len(text))


def _read_node(text: str, at: int, node: Node, following: tuple[Node, ...], parsed: _Parsed) -> int:
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


def _store_number(node: Node, digits: str, parsed: _Parsed) -> None:
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


def _read_name(text: str, at: int, node: Node, parsed: _Parsed) -> int:
    rest = text[at:].lower()
    names: tuple[str, ...] = {"RM": ROMAN_MONTHS, "DAY": DAYS, "DY": DAYS}.get(node.name, MONTHS)
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


def _read_half(text: str, at: int, node: Node, parsed: _Parsed) -> int:
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

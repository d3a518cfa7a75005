"""Dates: their parts, `$dateAdd` and its kin, and dates as text."""

import datetime
from collections.abc import Callable

from services.docdb.bson.types import Date, Document, Int64, ObjectId, Timestamp
from services.docdb.errors import MongoError
from services.docdb.expressions import dates_and_zones as calendar
from services.docdb.expressions.arguments import Compile, is_nullish, named, named_operands, strict
from services.docdb.expressions.compiler import Evaluate, Scope, Variables, compile_expression
from services.docdb.expressions.dates_and_zones import in_zone, moment_ms, parse_zone
from services.docdb.expressions.numbers import as_int
from services.docdb.query.comparison import MISSING
from services.docdb.query.type_names import type_name


def _zone(value: object) -> datetime.tzinfo:
    if value is MISSING:
        return datetime.UTC
    if type(value) is not str:
        raise MongoError(40517, f"timezone must evaluate to a string, found {type_name(value)}")
    return parse_zone(value)


def _part(read: Callable[[datetime.datetime], int], *, is_long: bool = False) -> Compile:
    """`$year` and its kin: of a date, or of `{date: …, timezone: …}`."""

    def compile_it(name: str, operand: object, scope: Scope) -> Evaluate:
        if type(operand) is list:
            if len(operand) != 1:
                raise MongoError(40536, f"{name} accepts exactly one argument")
            operand = operand[0]
        spec = _date_and_zone(name, operand)
        date = compile_expression(spec["date"], scope)
        zone = compile_expression(spec.get("timezone", "$$REMOVE"), scope)

        def evaluate(document: dict, variables: Variables) -> object:
            value, where = date(document, variables), zone(document, variables)
            if is_nullish(value) or where is None:
                return None
            number = read(in_zone(moment_ms(value), _zone(where)))
            return Int64(number) if is_long else number

        return evaluate

    return compile_it


def _date_and_zone(name: str, operand: object) -> Document:
    """A document that is no expression has to be `{date: …, timezone: …}`."""
    if type(operand) is not dict or next(iter(operand), "").startswith("$"):
        return {"date": operand}
    for key in operand:
        if key not in ("date", "timezone"):
            raise MongoError(40535, f"unrecognized option to {name}: {key!r}")
    if "date" not in operand:
        raise MongoError(40539, f"missing 'date' argument to {name}")
    return operand


STEP_UNIT = 5166404


def _unit(name: str, value: object, not_text: int = 5439013) -> str:
    if type(value) is not str:
        raise MongoError(
            not_text, f"{name} requires 'unit' to be a string, but got {type_name(value)}"
        )
    if value not in calendar.UNIT_MS and value not in calendar.UNIT_MONTHS:
        is_step = not_text == STEP_UNIT
        raise MongoError(9 if is_step else 5439014, f"{name} parameter 'unit' value cannot be "
                         f"recognized as a time unit: {value}")  # fmt: skip
    return value


def _moment(name: str, argument: str, value: object, code: int) -> int:
    if type(value) not in (Date, Timestamp, ObjectId):
        raise MongoError(
            code, f"{name} requires '{argument}' to be a date, but got {type_name(value)}"
        )
    return moment_ms(value)


def _stepped(name: str, sign: int) -> Callable[..., object]:
    def evaluate(start: object, unit: object, amount: object, zone: object) -> object:
        if is_nullish(start) or is_nullish(unit) or is_nullish(amount) or zone is None:
            return None
        steps = as_int(amount)
        if steps is None:
            raise MongoError(5166405, f"{name} expects integer amount of time units")
        moment = _moment(name, "startDate", start, 5166403)
        ms = calendar.add_units(moment, _unit(name, unit, STEP_UNIT), sign * steps, _zone(zone))
        return Date(ms)

    return evaluate


def _diff(start: object, end: object, unit: object, zone: object, week: object) -> object:
    if is_nullish(start) or is_nullish(end) or is_nullish(unit) or zone is None or week is None:
        return None
    return Int64(
        calendar.difference(
            _moment("$dateDiff", "startDate", start, 5166307),
            _moment("$dateDiff", "endDate", end, 5166307),
            _unit("$dateDiff", unit),
            _zone(zone),
            _week_start("$dateDiff", week) if unit == "week" else "sunday",
        )
    )


def _trunc(date: object, unit: object, size: object, zone: object, week: object) -> object:
    if is_nullish(date) or is_nullish(unit) or zone is None or week is None or size is None:
        return None
    bins = 1 if size is MISSING else as_int(size)
    if bins is None:
        raise MongoError(5439017, "$dateTrunc requires 'binSize' to be a 64-bit integer")
    if bins <= 0:
        raise MongoError(5439018, "$dateTrunc requires 'binSize' to be greater than 0")
    moment = _moment("$dateTrunc", "date", date, 5439012)
    start = _week_start("$dateTrunc", week) if unit == "week" else "sunday"
    return Date(calendar.truncate(moment, _unit("$dateTrunc", unit), bins, _zone(zone), start))


def _week_start(name: str, value: object) -> str:
    if value is MISSING:
        return "sunday"
    if type(value) is not str:
        raise MongoError(5439015, f"{name} requires 'startOfWeek' to be a string, but got "
                         f"{type_name(value)}")  # fmt: skip
    lower = value.lower()
    for day in calendar.WEEKDAYS:
        if lower in (day, day[:3]):
            return day
    raise MongoError(5439016, f"{name} parameter 'startOfWeek' value cannot be recognized as a "
                     f"day of a week: {value}")  # fmt: skip


def _to_string(date: object, form: object, zone: object, on_null: object) -> object:
    if is_nullish(date):
        return None if on_null is MISSING else on_null
    if form is None or zone is None:
        return None
    where = _zone(zone)
    if form is MISSING:
        form = calendar.DEFAULT_FORMAT if zone is MISSING else "%Y-%m-%dT%H:%M:%S.%L"
    if type(form) is not str:
        raise MongoError(18533, f"$dateToString requires that 'format' be a string, found: {form}")
    return calendar.format_moment(moment_ms(date), where, form)


def _from_string(
    text: object, form: object, zone: object, on_error: object, on_null: object
) -> object:
    if is_nullish(text):
        return None if on_null is MISSING else on_null
    if form is None or zone is None:
        return None
    try:
        if type(text) is not str:
            raise MongoError(241, "$dateFromString requires that 'dateString' be a string, found: "
                             f"{type_name(text)}")  # fmt: skip
        if form is not MISSING and type(form) is not str:
            raise MongoError(40684, "$dateFromString requires that 'format' be a string, found: "
                             f"{type_name(form)}")  # fmt: skip
        pattern = None if form is MISSING else form
        return Date(calendar.parse_moment(text, pattern, None if zone is MISSING else _zone(zone)))
    except MongoError as error:
        if error.code != 241 or on_error is MISSING:
            raise
        return on_error


_NATURAL = {"year": MISSING, "month": 1, "day": 1}
_ISO = {"isoWeekYear": MISSING, "isoWeek": 1, "isoDayOfWeek": 1}
_CLOCK = {"hour": 0, "minute": 0, "second": 0, "millisecond": 0}
_BOUNDED = frozenset({"month", "day", "hour", "minute", "isoWeek", "isoDayOfWeek"})


def _from_parts(name: str, operand: object, scope: Scope) -> Evaluate:
    """A date of a year, a month, a day and a time, or of a year's week and its day."""
    given = named_operands(name, operand, [], [*_NATURAL, *_ISO, *_CLOCK, "timezone"])
    if "year" not in given and "isoWeekYear" not in given:
        raise MongoError(40516, f"{name} requires either 'year' or 'isoWeekYear' to be present")
    if "year" in given and any(part in given for part in _ISO):
        raise MongoError(40489, f"{name} does not allow mixing natural dates with ISO dates")
    if "year" not in given and any(part in given for part in _NATURAL):
        raise MongoError(40525, f"{name} does not allow mixing ISO dates with natural dates")
    parts = (_NATURAL if "year" in given else _ISO) | _CLOCK
    evaluators = {part: compile_expression(given[part], scope) for part in parts if part in given}
    zone = compile_expression(given.get("timezone", "$$REMOVE"), scope)

    def evaluate(document: dict, variables: Variables) -> object:
        values = {part: it(document, variables) for part, it in evaluators.items()}
        where = zone(document, variables)
        if where is None or any(map(is_nullish, values.values())):
            return None
        numbers = parts | {part: _part_number(part, value) for part, value in values.items()}
        return Date(_assembled(numbers, _zone(where)))

    return evaluate


def _part_number(part: str, value: object) -> int:
    number = as_int(value)
    if number is None:
        raise MongoError(
            40515, f"'{part}' must evaluate to an integer, found {type_name(value)} with value "
            f"{value}")  # fmt: skip
    if part in _BOUNDED and not -32768 <= number <= 32767:
        raise MongoError(31034, f"'{part}' must evaluate to a value in the range [-32768, 32767]; "
                         f"value {number} is not in range")  # fmt: skip
    if part in ("year", "isoWeekYear") and not 1 <= number <= 9999:
        raise MongoError(40523 if part == "year" else 31095, f"'{part}' must evaluate to an "
                         f"integer in the range 1 to 9999, found {number}")  # fmt: skip
    return number


def _assembled(parts: dict[str, int], zone: datetime.tzinfo) -> int:
    if "year" in parts:
        start = datetime.datetime(parts["year"], 1, 1, tzinfo=zone)
        months, days = parts["month"] - 1, parts["day"] - 1
    else:
        first = datetime.date.fromisocalendar(parts["isoWeekYear"], 1, 1)
        start = datetime.datetime.combine(first, datetime.time(), zone)
        months, days = 0, (parts["isoWeek"] - 1) * 7 + parts["isoDayOfWeek"] - 1
    base = calendar.add_units(calendar.to_ms(start), "month", months, zone)
    base = calendar.add_units(base, "day", days, zone)
    minutes = parts["hour"] * 60 + parts["minute"]
    return base + (minutes * 60 + parts["second"]) * 1000 + parts["millisecond"]


def _to_parts(date: object, zone: object, iso8601: object) -> object:
    if is_nullish(date) or zone is None or iso8601 is None:
        return None
    if iso8601 is not MISSING and type(iso8601) is not bool:
        raise MongoError(40521, f"iso8601 must evaluate to a bool, found {type_name(iso8601)}")
    moment = in_zone(moment_ms(date), _zone(zone))
    clock = {
        "hour": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
        "millisecond": moment.microsecond // 1000,
    }
    if iso8601 is True:
        year, week, day = moment.isocalendar()
        return {"isoWeekYear": year, "isoWeek": week, "isoDayOfWeek": day} | clock
    return {"year": moment.year, "month": moment.month, "day": moment.day} | clock


def _timestamp_part(name: str, code: int, read: Callable[[Timestamp], int]) -> Compile:
    def evaluate(value: object) -> object:
        if type(value) is not Timestamp:
            raise MongoError(code, f"{name} requires a timestamp, found {type_name(value)}")
        return Int64(read(value))

    return strict(1, 1, evaluate)


OPERATORS: dict[str, Compile] = {
    "$year": _part(lambda t: t.year),
    "$month": _part(lambda t: t.month),
    "$dayOfMonth": _part(lambda t: t.day),
    "$dayOfYear": _part(lambda t: t.timetuple().tm_yday),
    "$dayOfWeek": _part(lambda t: t.isoweekday() % 7 + 1),
    "$hour": _part(lambda t: t.hour),
    "$minute": _part(lambda t: t.minute),
    "$second": _part(lambda t: t.second),
    "$millisecond": _part(lambda t: t.microsecond // 1000),
    "$week": _part(lambda t: (t.timetuple().tm_yday + 6 - t.isoweekday() % 7) // 7),
    "$isoWeek": _part(lambda t: t.isocalendar().week),
    "$isoWeekYear": _part(lambda t: t.isocalendar().year, is_long=True),
    "$isoDayOfWeek": _part(lambda t: t.isoweekday()),
    "$dateAdd": named("startDate unit amount", "timezone", _stepped("$dateAdd", 1)),
    "$dateSubtract": named("startDate unit amount", "timezone", _stepped("$dateSubtract", -1)),
    "$dateDiff": named("startDate endDate unit", "timezone startOfWeek", _diff),
    "$dateTrunc": named("date unit", "binSize timezone startOfWeek", _trunc),
    "$dateToString": named("date", "format timezone onNull", _to_string),
    "$dateFromString": named("dateString", "format timezone onError onNull", _from_string),
    "$dateFromParts": _from_parts,
    "$dateToParts": named("date", "timezone iso8601", _to_parts),
    "$tsSecond": _timestamp_part("$tsSecond", 5687301, lambda value: value.time),
    "$tsIncrement": _timestamp_part("$tsIncrement", 5687302, lambda value: value.increment),
}  # fmt: skip

"""Dates: their parts, `$dateAdd` and its kin, and dates as text."""

import datetime
from collections.abc import Callable

from services.docdb.bson.types import Date, Int64, Timestamp
from services.docdb.errors import MongoError
from services.docdb.expressions import dates_and_zones as calendar
from services.docdb.expressions.arguments import Compile, is_nullish, named, strict
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
        spec = operand if type(operand) is dict and "date" in operand else {"date": operand}
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


def _unit(value: object) -> str:
    if type(value) is not str or (
        value not in calendar.UNIT_MS and value not in calendar.UNIT_MONTHS
    ):
        raise MongoError(9, f"unknown time unit value: {value}")
    return value


def _stepped(sign: int) -> Callable[..., object]:
    def evaluate(start: object, unit: object, amount: object, zone: object) -> object:
        if is_nullish(start) or is_nullish(unit) or is_nullish(amount) or zone is None:
            return None
        steps = as_int(amount)
        if steps is None:
            raise MongoError(5166405, "$dateAdd expects integer amount of time units")
        ms = calendar.add_units(moment_ms(start), _unit(unit), sign * steps, _zone(zone))
        return Date(ms)

    return evaluate


def _diff(start: object, end: object, unit: object, zone: object, week: object) -> object:
    if is_nullish(start) or is_nullish(end) or is_nullish(unit) or zone is None or week is None:
        return None
    return Int64(
        calendar.difference(
            moment_ms(start), moment_ms(end), _unit(unit), _zone(zone), _week_start(week)
        )
    )


def _trunc(date: object, unit: object, size: object, zone: object, week: object) -> object:
    if is_nullish(date) or is_nullish(unit) or zone is None or week is None or size is None:
        return None
    bins = 1 if size is MISSING else as_int(size)
    if bins is None or bins <= 0:
        raise MongoError(5439018, "$dateTrunc requires 'binSize' to be greater than 0")
    ms = calendar.truncate(moment_ms(date), _unit(unit), bins, _zone(zone), _week_start(week))
    return Date(ms)


def _week_start(value: object) -> str:
    if value is MISSING:
        return "sunday"
    lower = str(value).lower()
    for day in calendar.WEEKDAYS:
        if lower in (day, day[:3]):
            return day
    raise MongoError(5439015, f"unknown day of week value: {value}")


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
        pattern = None if form is MISSING else form
        return Date(calendar.parse_moment(text, pattern, None if zone is MISSING else _zone(zone)))
    except MongoError as error:
        if error.code != 241 or on_error is MISSING:
            raise
        return on_error


def _from_parts(*values: object) -> object:
    if any(value is None for value in values):
        return None
    *numbers, zone = values
    year, month, day, hour, minute, second, ms, iso_year, iso_week, iso_day = (
        default if value is MISSING else _whole(value)
        for value, default in zip(numbers, (MISSING, 1, 1, 0, 0, 0, 0, MISSING, 1, 1), strict=True)
    )
    where = _zone(zone)
    if iso_year is not MISSING:
        start = datetime.datetime.combine(
            datetime.date.fromisocalendar(iso_year, 1, 1), datetime.time(), where
        )
        days = (iso_week - 1) * 7 + iso_day - 1
    elif year is MISSING:
        raise MongoError(40516, "$dateFromParts requires either 'year' or 'isoWeekYear'")
    else:
        if not 1 <= year <= 9999:
            raise MongoError(
                40523, f"'year' must evaluate to an integer in the range 1 to 9999, found {year}"
            )
        start = datetime.datetime(year, 1, 1, tzinfo=where)
        days = day - 1
    base = calendar.add_units(calendar.to_ms(start), "month", month - 1, where)
    base = calendar.add_units(base, "day", days, where)
    return Date(base + ((hour * 60 + minute) * 60 + second) * 1000 + ms)


def _whole(value: object) -> int:
    number = as_int(value)
    if number is None:
        raise MongoError(40515, f"parts of a date must be integers, found {type_name(value)}")
    return number


def _to_parts(date: object, zone: object, iso8601: object) -> object:
    if is_nullish(date) or zone is None or iso8601 is None:
        return None
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


def _timestamp_part(name: str, read: Callable[[Timestamp], int]) -> Compile:
    def evaluate(value: object) -> object:
        if type(value) is not Timestamp:
            raise MongoError(5687301, f"{name} requires a timestamp, found {type_name(value)}")
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
    "$dateAdd": named("startDate unit amount", "timezone", _stepped(1)),
    "$dateSubtract": named("startDate unit amount", "timezone", _stepped(-1)),
    "$dateDiff": named("startDate endDate unit", "timezone startOfWeek", _diff),
    "$dateTrunc": named("date unit", "binSize timezone startOfWeek", _trunc),
    "$dateToString": named("date", "format timezone onNull", _to_string),
    "$dateFromString": named("dateString", "format timezone onError onNull", _from_string),
    "$dateFromParts": named(
        "", "year month day hour minute second millisecond isoWeekYear isoWeek isoDayOfWeek "
        "timezone", _from_parts),
    "$dateToParts": named("date", "timezone iso8601", _to_parts),
    "$tsSecond": _timestamp_part("$tsSecond", lambda value: value.time),
    "$tsIncrement": _timestamp_part("$tsIncrement", lambda value: value.increment),
}  # fmt: skip

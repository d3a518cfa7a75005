"""Bounds of an index as `explain` shows them: `[5, 9)`, `["a", {})`, `[MinKey, MaxKey]`.

An end that is no value but the end of a type shows as the first or last value of that type, or as
the first one of the next.
"""

from services.docdb.bson import extended_json
from services.docdb.bson.types import MAX_KEY, MIN_KEY, Date, ObjectId, Regex
from services.docdb.query import comparison as c
from services.docdb.query.comparison import Descending
from services.docdb.query.covering import value_of
from services.docdb.query.intervals import Interval
from services.docdb.storage.sorted_blocks import BOTTOM, TOP

_FIRST = {
    c.NUMBER_RANK: "-inf",
    c.STRING_RANK: '""',
    c.OBJECT_RANK: "{}",
    c.ARRAY_RANK: "[]",
    c.OBJECT_ID_RANK: f"ObjectId('{'0' * 24}')",
    c.BOOL_RANK: "false",
    c.DATE_RANK: "new Date(-9223372036854775808)",
    c.TIMESTAMP_RANK: "Timestamp(0, 0)",
}
_LAST = {
    c.NUMBER_RANK: "inf",
    c.OBJECT_ID_RANK: f"ObjectId('{'f' * 24}')",
    c.BOOL_RANK: "true",
    c.DATE_RANK: "new Date(9223372036854775807)",
    c.TIMESTAMP_RANK: "Timestamp(4294967295, 4294967295)",
}


def shown_interval(interval: Interval, *, downwards: bool = False) -> str:
    """An interval of keys as it is read."""
    low, high = _shown_end(interval.low, 0), _shown_end(interval.high, 1)
    if downwards:
        opening, closing = "[("[interval.is_open_above], "])"[interval.is_open_below]
        return f"{opening}{high}, {low}{closing}"
    return f"{'[('[interval.is_open_below]}{low}, {high}{'])'[interval.is_open_above]}"


def _shown_end(end: object, is_high: int) -> str:
    if type(end) is Descending:
        end = end.key
    if end is TOP or end is BOTTOM:
        return "MaxKey" if is_high else "MinKey"
    match end:
        case (rank,) if rank in _FIRST:
            return _FIRST[rank]
        case (rank, last) if last is TOP:
            return _LAST.get(rank, "MaxKey")
    try:
        return shown_value(value_of(end))
    except (TypeError, ValueError):
        return str(end[1])


def end_value(end: object, is_high: int) -> object:
    """The value at an end; where it is the end of a type, what is shown of that."""
    if type(end) is Descending:
        end = end.key
    if end is TOP or end is BOTTOM:
        return MAX_KEY if is_high else MIN_KEY
    if len(end) > 1 and end[1] is not TOP:
        try:
            return value_of(end)
        except (TypeError, ValueError):
            pass
    return _shown_end(end, is_high)


def shown_value(value: object) -> str:
    """A value as the shell writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case str():
            return f'"{value}"'
        case Date():
            return f"new Date({value.ms})"
        case int():
            return str(int(value))
        case ObjectId():
            return f"ObjectId('{value}')"
        case Regex(pattern, options):
            return f"/{pattern}/{options}"
        case dict():
            return "{ " + ", ".join(f"{k}: {shown_value(v)}" for k, v in value.items()) + " }"
        case list():
            return "[ " + ", ".join(map(shown_value, value)) + " ]"
    if value is MIN_KEY or value is MAX_KEY:
        return "MinKey" if value is MIN_KEY else "MaxKey"
    return extended_json.dump(value, relaxed=True).strip('"')

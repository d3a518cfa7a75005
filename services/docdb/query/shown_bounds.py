"""Bounds of an index as `explain` shows them: `[5, 9)`, `["a", {})`, `[MinKey, MaxKey]`.

An end that is no value but the end of a type shows as the first or last value of that type, or as
the first one of the next.
"""

from services.docdb.bson import extended_json
from services.docdb.bson.types import MAX_KEY, MIN_KEY, Date, ObjectId, Regex
from services.docdb.query import comparison as c
from services.docdb.query.comparison import Descending
from services.docdb.query.covering import value_of

_LAST = "\U0010ffff"
_ENDS = {
    c.NUMBER_RANK: ("-inf", "inf"),
    c.STRING_RANK: ('""', "{}"),
    c.OBJECT_RANK: ("{}", "[]"),
    c.OBJECT_ID_RANK: (f"ObjectId('{'0' * 24}')", f"ObjectId('{'f' * 24}')"),
    c.BOOL_RANK: ("false", "true"),
    c.DATE_RANK: ("new Date(-9223372036854775808)", "new Date(9223372036854775807)"),
}


def shown_interval(
    interval: tuple[object, object],
    is_open: tuple[bool, bool] = (False, False),
    *,
    downwards: bool = False,
) -> str:
    """An interval of keys, the ends of which may not belong to it, as it is read."""
    low, high = (_shown_end(end, place) for place, end in enumerate(interval))
    is_open_below, is_open_above = is_open
    if high == "{}" and low.startswith('"'):
        is_open_above = True  # The first value after all texts is no text.
    elif high.endswith(_LAST + '"'):
        # All that begins with a text: up to the next one that could stand in its place.
        prefix = high[1:-2]
        high, is_open_above = f'"{prefix[:-1]}{chr(ord(prefix[-1]) + 1)}"', True
    if downwards:
        return f"{'(' if is_open_above else '['}{high}, {low}{')' if is_open_below else ']'}"
    return f"{'(' if is_open_below else '['}{low}, {high}{')' if is_open_above else ']'}"


def _shown_end(end: object, is_high: int) -> str:
    if type(end) is Descending:
        end = end.key
    if type(end) is not tuple:
        return "MaxKey" if is_high else "MinKey"
    rank, *rest = end
    if not rest or type(rest[0]).__name__.startswith("_"):
        return _ENDS.get(rank, ("MinKey", "MaxKey"))[is_high]
    try:
        return shown_value(value_of(end))
    except (TypeError, ValueError):
        return str(rest[0])


def end_value(end: object, is_high: int) -> object:
    """The value at an end; where it is the end of a type, what is shown of that."""
    if type(end) is Descending:
        end = end.key
    if type(end) is tuple and len(end) > 1 and not type(end[1]).__name__.startswith("_"):
        try:
            return value_of(end)
        except (TypeError, ValueError):
            pass
    elif type(end) is not tuple:
        return MAX_KEY if is_high else MIN_KEY
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

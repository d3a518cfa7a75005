"""Bounds: which part of an index the conditions on a field leave to be looked at.

    {age: {$gt: 20, $lte: 30}}     one interval    [20, 30]
    {city: {$in: ["Rome", "Oslo"]}}     two points      [Oslo, Oslo]  [Rome, Rome]

Intervals are closed, and may be wider than the condition: each document that is found is held
against the whole filter anyway. Those of a geospatial field are cells
(`geo_cells`); those of a wildcard index lie below the path that is asked for.
"""

from dataclasses import dataclass

from services.docdb.bson.types import MAX_KEY, MIN_KEY, Regex
from services.docdb.query.comparison import (
    ARRAY_RANK,
    NULL_KEY,
    NULL_RANK,
    OBJECT_RANK,
    STRING_RANK,
    KeyMaker,
)
from services.docdb.query.conditions import And, Condition, Field
from services.docdb.query.geo_cells import intervals_of
from services.docdb.query.regexes import literal_prefix
from services.docdb.storage.index import Index
from services.docdb.storage.sorted_blocks import BOTTOM, TOP
from services.docdb.storage.wildcard_keys import path_key

Interval = tuple[object, object]
EVERYTHING: Interval = (BOTTOM, TOP)
MAX_SCANS = 512
"""More intervals than that are no longer searched one by one."""


def fields_by_path(conditions: list[Condition]) -> dict[str, list[Field]]:
    """The conditions on single fields that all have to hold, by path."""
    found: dict[str, list[Field]] = {}
    for condition in conditions:
        if type(condition) is Field:
            found.setdefault(condition.path, []).append(condition)
        elif type(condition) is And:
            for path, fields in fields_by_path(condition.children).items():
                found.setdefault(path, []).extend(fields)
    return found


def intervals(field: Field, key: KeyMaker, *, has_collation: bool) -> list[Interval] | None:
    """Where in an index the values are that could pass; None where that cannot be said."""
    operand = field.operand
    match field.operator:
        case "$eq" if type(operand) is not list:
            return [(key(operand), key(operand))]
        case "$in" if not any(type(item) in (list, Regex) for item in operand):
            return [(point, point) for point in sorted({key(item) for item in operand})]
        case "$lt" | "$lte" | "$gt" | "$gte" if type(operand) is not list:
            return _range(field.operator, operand, key)
        case "$regex" if not has_collation:
            prefix, _ = literal_prefix(operand.pattern, operand.options)
            if prefix:
                return [
                    ((STRING_RANK, prefix), (STRING_RANK, prefix + "\U0010ffff")),
                    (key(operand), key(operand)),
                ]
    return None


def _range(operator: str, operand: object, key: KeyMaker) -> list[Interval]:
    if operand is MIN_KEY or operand is MAX_KEY:
        return [EVERYTHING]
    point = key(operand)
    if point[0] == NULL_RANK:
        return [(NULL_KEY, NULL_KEY)]
    if operator in ("$lt", "$lte"):
        return [((point[0],), point)]
    return [(point, (point[0], TOP))]


@dataclass(slots=True)
class IndexBounds:
    """The parts of an index to be read, and for how many of its fields they speak."""

    scans: list[tuple[tuple, tuple]]
    fields: dict[str, list[Interval]]
    points: int
    """So many leading fields are fixed to one value each."""


def bounds_of(index: Index, fields: dict[str, list[Field]]) -> IndexBounds | None:
    """What of an index the conditions leave; None where they say nothing of its first field."""
    prefixes: list[tuple] = [()]
    spoken: dict[str, list[Interval]] = {}
    points = 0
    scans: list[tuple[tuple, tuple]] | None = None
    for place, (path, _) in enumerate(index.fields):
        found = _of_field(index, path, fields.get(path, []))
        if found is None or len(found) * len(prefixes) > MAX_SCANS:
            break
        spoken[path] = found
        if all(low is high or low == high for low, high in found):
            prefixes = [
                (*prefix, index.extractor.part(low, place))
                for prefix in prefixes
                for low, _ in found
            ]
            points += len(found) == 1 and points == place
            continue
        scans = [_scan(index, place, prefix, interval) for prefix in prefixes for interval in found]
        break
    if not spoken:
        return None
    if scans is None:
        scans = [(prefix, (*prefix, TOP)) for prefix in prefixes]
    # Sorted and apart: no record is read twice for overlapping scans.
    return IndexBounds(scans, spoken, points)


def _scan(index: Index, place: int, prefix: tuple, interval: Interval) -> tuple[tuple, tuple]:
    low, high = (index.extractor.part(end, place) for end in interval)
    if index.fields[place][1] < 0 and len(index.fields) > 1:
        low, high = high, low
    return (*prefix, low), (*prefix, high, TOP)


def _of_field(index: Index, path: str, conditions: list[Field]) -> list[Interval] | None:
    """The intervals of one field: of all its conditions, where they can be put together."""
    best: list[Interval] | None = None
    for condition in conditions:
        if path in index.hashed_paths:
            found = _hashed_points(index, condition)
        elif path in index.geo_paths:
            found = None
            if condition.operator in ("$geoWithin", "$geoIntersects"):
                found = intervals_of(index, path, condition.operand)
        else:
            found = intervals(condition, index.key, has_collation=index.collation is not None)
        if found is None:
            continue
        if best is None:
            best = found
        elif not index.is_multikey and len(best) == len(found) == 1:
            best = [(max(best[0][0], found[0][0]), min(best[0][1], found[0][1]))]
        elif len(found) < len(best):
            best = found
    return best


def _hashed_points(index: Index, condition: Field) -> list[Interval] | None:
    if condition.operator == "$eq" and type(condition.operand) is not list:
        values = [condition.operand]
    elif condition.operator == "$in":
        values = [v for v in condition.operand if type(v) is not list]
        if len(values) != len(condition.operand) or any(type(v) is Regex for v in values):
            return None
    else:
        return None
    return [(point, point) for point in sorted({index.hashed_key(value) for value in values})]


# Wildcard indexes.


def wildcard_bounds(index: Index, fields: dict[str, list[Field]]) -> list[IndexBounds]:
    """What of a wildcard index each of the conditions leaves: it can serve one path at a time."""
    found = []
    for path, conditions in fields.items():
        if index.extractor.takes(path):
            for condition in conditions:
                bounds = _below_path(index, path, condition)
                if bounds is not None:
                    found.append(bounds)
    return found


def _below_path(index: Index, path: str, condition: Field) -> IndexBounds | None:
    if condition.operator == "$exists" and condition.operand:
        below = (path_key(path + "."), path_key(path + "/"))
        scans = [((path_key(path),), (path_key(path), TOP)), ((below[0],), (below[1],))]
        own = (path_key(path), path_key(path))
        return IndexBounds(scans, {"$_path": [own, below], path: [EVERYTHING]}, 0)
    found = intervals(condition, index.key, has_collation=index.collation is not None)
    if found is None or not all(map(_is_indexed, found)):
        return None
    scans = [((path_key(path), low), (path_key(path), high, TOP)) for low, high in found]
    own = (path_key(path), path_key(path))
    return IndexBounds(scans, {"$_path": [own], path: found}, 0)


def _is_indexed(interval: Interval) -> bool:
    """A wildcard index holds no missing fields, and documents only in pieces."""
    low = interval[0]
    return type(low) is tuple and low[0] not in (NULL_RANK, OBJECT_RANK, ARRAY_RANK)

"""Bounds: which part of an index the conditions on its fields leave to be looked at.

    index {city: 1, age: 1}     {city: {$in: ["Oslo", "Rome"]}, age: {$gt: 20}}

    city  [Oslo, Oslo] [Rome, Rome]        scans   after (Oslo, 20) to the last number of Oslo
    age   (20, inf]                                after (Rome, 20) to the last number of Rome

Fields fixed to points multiply the scans; the first field with a true interval ends them. What is
said of fields behind that is held against each key that is read, before any document is, and where
nothing fits for long the scan goes on at the next key that could (`Residue`).
# Real: IndexBoundsChecker, and the seeks of IXSCAN

An index with arrays in it knows values one by one: that 3 and 9 are both there does not say that
anything is between 3 and 9. There only one condition of a path counts, and only one of several
paths into the same array: {"a.b": 1, "a.c": 2} may mean two elements of `a`.

The intervals of a geospatial field are cells (`geo_cells`); those of a wildcard index lie below
the path that is asked for.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from math import inf

from services.docdb.bson.types import Regex
from services.docdb.query.comparison import ARRAY_RANK, NULL_RANK, OBJECT_RANK, Descending
from services.docdb.query.conditions import And, Condition, Field
from services.docdb.query.geo_cells import intervals_of
from services.docdb.query.intervals import (
    EVERYTHING,
    Interval,
    common,
    intervals_of_condition,
    membership,
    point,
    says_all,
)
from services.docdb.storage.index import Index
from services.docdb.storage.sorted_blocks import TOP, Entry
from services.docdb.storage.wildcard_keys import path_key

MAX_SCANS = 512
"""More intervals than that are no longer searched one by one."""

Scan = tuple[Entry, Entry]
"""From which entry to which one an index is read. The record ids -1 and infinity lie before and
after all entries of a key, and a key that ends in TOP after all that begin like it."""


def scan_all(prefix: tuple = ()) -> Scan:
    """All keys that begin with some values."""
    return (prefix, -1), ((*prefix, TOP), inf)


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


class Residue:
    """What keys within the scans still have to pass, because of a field behind the interval."""

    __slots__ = ("_intervals", "_is_possible", "_place")

    def __init__(self, place: int, intervals: list[Interval]):
        self._place = place
        self._intervals = intervals
        """Of the parts of keys, in the order in which the index has them."""
        self._is_possible = membership(intervals)

    def admits(self, key: tuple) -> bool:
        return self._is_possible(key[self._place])

    def next_entry(self, key: tuple) -> Entry:
        """Where, behind a key that is not admitted, the next one can be."""
        prefix, part = key[: self._place], key[self._place]
        at = bisect_left(self._intervals, part, key=lambda interval: interval.low)
        if at == len(self._intervals):
            return (*prefix, TOP), inf
        return _first_entry(prefix, self._intervals[at])

    def previous_entry(self, key: tuple) -> Entry:
        """Where, before a key that is not admitted, the last one can be."""
        prefix, part = key[: self._place], key[self._place]
        at = bisect_right(self._intervals, part, key=lambda interval: interval.high)
        return _last_entry(prefix, self._intervals[at - 1]) if at else (prefix, -1)


@dataclass(slots=True)
class IndexBounds:
    """The parts of an index to be read, and what that says."""

    scans: list[Scan]
    fields: dict[str, list[Interval]]
    """The intervals of each field that is spoken of."""
    points: int = 0
    """So many leading fields are fixed to one value each."""
    prefix: int = 0
    """So many leading fields are fixed to points in each of the scans."""
    residues: list[Residue] = field(default_factory=list)
    said: list[Field] = field(default_factory=list)
    """The conditions that hold for all that is found; the others have to be asked."""


def everything() -> IndexBounds:
    return IndexBounds([scan_all()], {})


def bounds_of(index: Index, fields: dict[str, list[Field]]) -> IndexBounds | None:
    """What of an index the conditions leave; None where they say nothing of its first field."""
    bounds = IndexBounds([], {})
    prefixes: list[tuple] = [()]
    has_ended = False
    for place, (path, _) in enumerate(index.fields):
        found, said = _of_field(index, path, fields.get(path, []))
        if index.is_multikey and _shares_array(path, bounds.fields):
            found = None
        if found is None:
            if place == 0:
                return None
            if not has_ended:
                bounds.scans, has_ended = [scan_all(prefix) for prefix in prefixes], True
            continue
        if not has_ended and len(found) * len(prefixes) > MAX_SCANS:
            if place == 0:
                return None
            bounds.scans, has_ended = [scan_all(prefix) for prefix in prefixes], True
        bounds.fields[path] = found
        bounds.said += said
        # In the order of the index and apart from each other: no record is read twice.
        stored = _as_stored(index, place, found)
        if has_ended:
            bounds.residues.append(Residue(place, stored))
        elif all(interval.is_point for interval in stored):
            prefixes = [(*prefix, fixed.low) for prefix in prefixes for fixed in stored]
            bounds.points += len(found) == 1 and bounds.points == place
            bounds.prefix += 1
        else:
            bounds.scans = [_scan(prefix, between) for prefix in prefixes for between in stored]
            has_ended = True
    if not has_ended:
        bounds.scans = [scan_all(prefix) for prefix in prefixes]
    return bounds


def _shares_array(path: str, spoken: dict[str, list[Interval]]) -> bool:
    root = path.partition(".")[0]
    return any(other.partition(".")[0] == root for other in spoken)


def _as_stored(index: Index, place: int, intervals: list[Interval]) -> list[Interval]:
    """Intervals of a field as those of the parts that its keys have in the index."""
    if index.fields[place][1] > 0 or len(index.fields) == 1:
        return intervals
    return [
        Interval(Descending(it.high), Descending(it.low), it.is_open_above, it.is_open_below)
        for it in reversed(intervals)
    ]


def _scan(prefix: tuple, interval: Interval) -> Scan:
    return _first_entry(prefix, interval), _last_entry(prefix, interval)


def _first_entry(prefix: tuple, interval: Interval) -> Entry:
    if interval.is_open_below:
        return (*prefix, interval.low, TOP), -1
    return (*prefix, interval.low), -1


def _last_entry(prefix: tuple, interval: Interval) -> Entry:
    if interval.is_open_above:
        return (*prefix, interval.high), -1
    return (*prefix, interval.high, TOP), inf


def _of_field(
    index: Index, path: str, conditions: list[Field]
) -> tuple[list[Interval] | None, list[Field]]:
    """The intervals of one field, and of its conditions those that they say all of."""
    best: list[Interval] | None = None
    said: list[Field] = []
    for condition in conditions:
        found = _of_condition(index, path, condition)
        if found is None:
            continue
        is_exact = path not in index.geo_paths and path not in index.hashed_paths
        own = [condition] if is_exact and says_all(condition) else []
        if best is None:
            best, said = found, own
        elif not index.is_multikey:
            best, said = common(best, found), said + own
        elif _is_narrower(found, best):
            best, said = found, own
    return best, said


def _is_narrower(found: list[Interval], best: list[Interval]) -> bool:
    """Points say more than ranges, and few of them more than many."""
    are_points, were_points = (all(each.is_point for each in it) for it in (found, best))
    if are_points != were_points:
        return are_points
    return are_points and len(found) < len(best)


def _of_condition(index: Index, path: str, condition: Field) -> list[Interval] | None:
    if path in index.hashed_paths:
        return _hashed_points(index, condition)
    if path in index.geo_paths:
        if condition.operator in ("$geoWithin", "$geoIntersects"):
            return intervals_of(index, path, condition.operand)
        return None
    return intervals_of_condition(condition, index.key, has_collation=index.collation is not None)


def _hashed_points(index: Index, condition: Field) -> list[Interval] | None:
    if condition.operator == "$eq" and type(condition.operand) is not list:
        values = [condition.operand]
    elif condition.operator == "$in":
        values = [v for v in condition.operand if type(v) is not list]
        if len(values) != len(condition.operand) or any(type(v) is Regex for v in values):
            return None
    else:
        return None
    return [point(key) for key in sorted({index.hashed_key(value) for value in values})]


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
    own = path_key(path)
    if condition.operator == "$exists" and condition.operand:
        below = Interval(path_key(path + "."), path_key(path + "/"), is_open_above=True)
        scans = [scan_all((own,)), (((below.low,), -1), ((below.high,), -1))]
        return IndexBounds(scans, {"$_path": [point(own), below], path: [EVERYTHING]})
    found = intervals_of_condition(condition, index.key, has_collation=index.collation is not None)
    if found is None or not all(map(_is_indexed, found)):
        return None
    scans = [_scan((own,), interval) for interval in found]
    return IndexBounds(scans, {"$_path": [point(own)], path: found})


def _is_indexed(interval: Interval) -> bool:
    """A wildcard index holds no missing fields, and documents only in pieces."""
    low = interval.low
    return type(low) is tuple and low[0] not in (NULL_RANK, OBJECT_RANK, ARRAY_RANK)

"""Intervals: between which values of a field a condition can hold, and whether the ends belong.

    {age: {$gt: 20, $lte: 30}}          (20, 30]
    {city: {$in: ["Rome", "Oslo"]}}     [Oslo, Oslo]  [Rome, Rome]
    {name: {$regex: "^Ro"}}             [Ro, Rp)      and the regular expression as a value
    {name: {$gt: "Rome"}}               (Rome, {})    of texts alone, up to the first document

The ends are sort keys (`comparison`), or what lies below or above all of them. Several intervals
are in order and apart from each other. # Real: OrderedIntervalList, made by IndexBoundsBuilder.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from services.docdb.bson.types import MAX_KEY, MIN_KEY, Regex
from services.docdb.query import comparison as c
from services.docdb.query.comparison import KeyMaker
from services.docdb.query.conditions import Field
from services.docdb.query.regexes import literal_prefix
from services.docdb.storage.sorted_blocks import BOTTOM, TOP

_NEXT_TYPE = {
    c.STRING_RANK: (c.OBJECT_RANK,),
    c.OBJECT_RANK: (c.ARRAY_RANK,),
    c.BINARY_RANK: (c.OBJECT_ID_RANK,),
}
"""Types without a greatest value end before the first value of the next one."""
_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Interval:
    """What lies between two keys; an open end does not belong to it."""

    low: object
    high: object
    is_open_below: bool = False
    is_open_above: bool = False

    @property
    def is_point(self) -> bool:
        return self.low is self.high or self.low == self.high

    @property
    def is_empty(self) -> bool:
        is_open = self.is_open_below or self.is_open_above
        return self.high < self.low or (is_open and self.low == self.high)

    def contains(self, key: object) -> bool:
        if key < self.low or self.high < key:
            return False
        return not (self.is_open_below and key == self.low) and not (
            self.is_open_above and key == self.high
        )


EVERYTHING = Interval(BOTTOM, TOP)


def point(key: object) -> Interval:
    return Interval(key, key)


def intervals_of_condition(
    field: Field, key: KeyMaker, *, has_collation: bool
) -> list[Interval] | None:
    """Where in an index the values are that could pass; None where that cannot be said."""
    operand = field.operand
    match field.operator:
        case "$eq" if type(operand) is not list:
            return [point(key(operand))]
        case "$in" if not any(type(item) in (list, Regex) for item in operand):
            return [point(found) for found in sorted({key(item) for item in operand})]
        case "$lt" | "$lte" | "$gt" | "$gte" if type(operand) is not list:
            return [it for it in [_range(field.operator, operand, key)] if not it.is_empty]
        case "$regex" if not has_collation:
            prefix, _ = literal_prefix(operand.pattern, operand.options)
            if prefix:
                return [_beginning_with(prefix), point(key(operand))]
    return None


def says_all(field: Field) -> bool:
    """Whether the intervals hold what the condition does, and nothing more.

    Null is the exception: it is also the key of what is not there.
    """
    operand = field.operand
    if field.operator == "$regex":
        return literal_prefix(operand.pattern, operand.options)[1]
    values = operand if field.operator == "$in" else [operand]
    return not any(value is None or type(value) in (list, Regex) for value in values)


def _range(operator: str, operand: object, key: KeyMaker) -> Interval:
    end = key(operand)
    is_open = operator in ("$lt", "$gt")
    if operand is MIN_KEY or operand is MAX_KEY:
        # These two are compared with values of every type.
        lowest, highest = BOTTOM, TOP
    elif end[0] in (c.NULL_RANK, c.NAN_RANK):
        # The only values of their kind: nothing is above or below them.
        return Interval(end, end, is_open, is_open)
    else:
        lowest, highest = (end[0],), _NEXT_TYPE.get(end[0], (end[0], TOP))
    if operator in ("$lt", "$lte"):
        return Interval(lowest, end, is_open_above=is_open)
    return Interval(end, highest, is_open, is_open_above=end[0] in _NEXT_TYPE)


def _beginning_with(prefix: str) -> Interval:
    """All texts that begin with one: up to the next one that could stand in its place."""
    low = (c.STRING_RANK, prefix)
    prefix = prefix.rstrip(_LAST_CHARACTER)
    if not prefix:
        return Interval(low, _NEXT_TYPE[c.STRING_RANK], is_open_above=True)
    following = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return Interval(low, (c.STRING_RANK, following), is_open_above=True)


def common(left: list[Interval], right: list[Interval]) -> list[Interval]:
    """What lies in an interval of each of the two lists."""
    found = []
    places = [0, 0]
    while places[0] < len(left) and places[1] < len(right):
        one, other = left[places[0]], right[places[1]]
        both = _overlap(one, other)
        if not both.is_empty:
            found.append(both)
        # The one that ends first has nothing in common with what follows in the other list.
        places[_ends_first(other, one)] += 1
    return found


def _ends_first(one: Interval, other: Interval) -> bool:
    if one.high == other.high:
        return one.is_open_above and not other.is_open_above
    return one.high < other.high


def _overlap(one: Interval, other: Interval) -> Interval:
    if one.low == other.low:
        low, is_open_below = one.low, one.is_open_below or other.is_open_below
    else:
        highest = other if one.low < other.low else one
        low, is_open_below = highest.low, highest.is_open_below
    if one.high == other.high:
        high, is_open_above = one.high, one.is_open_above or other.is_open_above
    else:
        lowest = one if one.high < other.high else other
        high, is_open_above = lowest.high, lowest.is_open_above
    return Interval(low, high, is_open_below, is_open_above)


def membership(intervals: list[Interval]) -> Callable[[object], bool]:
    """The test whether a key lies in one of the intervals."""
    if len(intervals) == 1:
        return intervals[0].contains
    lows = [interval.low for interval in intervals]

    def is_in_one(key: object) -> bool:
        place = bisect_right(lows, key) - 1
        return place >= 0 and intervals[place].contains(key)

    return is_in_one

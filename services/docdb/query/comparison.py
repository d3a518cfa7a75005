"""The one order of all values: what sorting, indexes, `$lt`, `$group` and uniqueness go by.

Values of different types are ordered by type, in MongoDB's order:

    MinKey < undefined < null < numbers < strings < documents < arrays < binary < ObjectId
           < booleans < dates < timestamps < regular expressions < … < code < MaxKey

`sort_key` makes of each value a tuple that Python orders just so:

    5, 5.0, Decimal("5")        (10, 5)          numbers compare as numbers
    "abc"                       (15, "abc")      Python's order of text is that of UTF-8
    [1, "a"]                    (25, ((10, 1), (15, "a")))
    {"a": 1}                    (20, ((10, "a", 1),))      type, then name, then value

Tuples of numbers and strings are compared in C, and they can be hashed: the same key serves to
sort, to search an index, and to find duplicates. NaN is a number that equals itself and comes
before all others.

A collation changes the key of strings, and nothing else (`services.docdb.query.collation`).
"""

from collections.abc import Callable
from decimal import Decimal

from services.docdb.bson.types import (
    Binary,
    Code,
    Date,
    DBPointer,
    Int64,
    ObjectId,
    Regex,
    Special,
    Symbol,
    Timestamp,
)

SortKey = tuple
KeyMaker = Callable[[object], SortKey]


class Missing:
    """What a path leads to where there is no field. It sorts as null and equals null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = Missing()

MIN_KEY_KEY = (0,)
UNDEFINED_RANK, NULL_RANK, NAN_RANK, NUMBER_RANK, STRING_RANK = 3, 5, 9, 10, 15
OBJECT_RANK, ARRAY_RANK, BINARY_RANK, OBJECT_ID_RANK, BOOL_RANK = 20, 25, 30, 35, 40
DATE_RANK, TIMESTAMP_RANK, REGEX_RANK, POINTER_RANK = 45, 47, 50, 55
CODE_RANK, SCOPED_CODE_RANK = 60, 65
MAX_KEY_KEY = (127,)

NULL_KEY = (NULL_RANK, 0)
_NAN_KEY = (NAN_RANK, 0)

_RANKS: dict[type, int] = {
    type(None): NULL_RANK,
    Missing: NULL_RANK,
    int: NUMBER_RANK,
    Int64: NUMBER_RANK,
    float: NUMBER_RANK,
    Decimal: NUMBER_RANK,
    str: STRING_RANK,
    Symbol: STRING_RANK,
    dict: OBJECT_RANK,
    list: ARRAY_RANK,
    Binary: BINARY_RANK,
    ObjectId: OBJECT_ID_RANK,
    bool: BOOL_RANK,
    Date: DATE_RANK,
    Timestamp: TIMESTAMP_RANK,
    Regex: REGEX_RANK,
    DBPointer: POINTER_RANK,
    Code: CODE_RANK,
}


def type_rank(value: object) -> int:
    """Which bracket of the order a value is in: `$lt` and its kin compare only within one."""
    if type(value) is Special:
        return _special_key(value)[0]
    return _RANKS[type(value)]


def sort_key(value: object) -> SortKey:
    """The tuple by which a value is ordered and found."""
    return _MAKERS[type(value)](value)


def _special_key(value: Special) -> SortKey:
    if value is Special.MIN_KEY:
        return MIN_KEY_KEY
    return MAX_KEY_KEY if value is Special.MAX_KEY else (UNDEFINED_RANK, 0)


def _float_key(value: float) -> SortKey:
    return (NUMBER_RANK, value) if value == value else _NAN_KEY


def _decimal_key(value: Decimal) -> SortKey:
    return _NAN_KEY if value.is_nan() else (NUMBER_RANK, value)


def _document_key(value: dict) -> SortKey:
    makers = _MAKERS
    fields = []
    for name, item in value.items():
        key = makers[type(item)](item)
        fields.append((key[0], name, *key[1:]))
    return (OBJECT_RANK, tuple(fields))


def _array_key(value: list) -> SortKey:
    makers = _MAKERS
    return (ARRAY_RANK, tuple([makers[type(item)](item) for item in value]))


def _code_key(value: Code) -> SortKey:
    if value.scope is None:
        return (CODE_RANK, value.text)
    return (SCOPED_CODE_RANK, value.text, _document_key(value.scope))


_MAKERS: dict[type, KeyMaker] = {
    type(None): lambda value: NULL_KEY,
    Missing: lambda value: NULL_KEY,
    int: lambda value: (NUMBER_RANK, value),
    Int64: lambda value: (NUMBER_RANK, value),
    float: _float_key,
    Decimal: _decimal_key,
    str: lambda value: (STRING_RANK, value),
    Symbol: lambda value: (STRING_RANK, value.text),
    dict: _document_key,
    list: _array_key,
    Binary: lambda value: (BINARY_RANK, len(value.data), value.subtype, value.data),
    ObjectId: lambda value: (OBJECT_ID_RANK, value.binary),
    bool: lambda value: (BOOL_RANK, value),
    Date: lambda value: (DATE_RANK, value.ms),
    Timestamp: lambda value: (TIMESTAMP_RANK, value.time, value.increment),
    Regex: lambda value: (REGEX_RANK, value.pattern, value.options),
    DBPointer: lambda value: (POINTER_RANK, value.namespace, value.id.binary),
    Code: _code_key,
    Special: _special_key,
}


class Descending:
    """A key that sorts the other way round; only where directions are mixed."""

    __slots__ = ("key",)

    def __init__(self, key: SortKey):
        self.key = key

    def __lt__(self, other: object) -> bool:
        # The ends of an index (`sorted_blocks`) compare themselves with anything.
        return other.key < self.key if type(other) is Descending else NotImplemented

    def __eq__(self, other: object) -> bool:
        return type(other) is Descending and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)


def key_maker_with_strings(text_key: Callable[[str], object]) -> KeyMaker:
    """A `sort_key` under which strings, however deep, go by `text_key`."""

    def maker(value: object) -> SortKey:
        kind = type(value)
        if kind is str:
            return (STRING_RANK, text_key(value))
        if kind is Symbol:
            return (STRING_RANK, text_key(value.text))
        if kind is list:
            return (ARRAY_RANK, tuple([maker(item) for item in value]))
        if kind is dict:
            keys = ((name, maker(item)) for name, item in value.items())
            return (OBJECT_RANK, tuple([(key[0], name, *key[1:]) for name, key in keys]))
        return sort_key(value)

    return maker


def equal(left: object, right: object) -> bool:
    """Whether two values are the same to MongoDB: 1 and 1.0 are, 1 and true are not."""
    return sort_key(left) == sort_key(right)


def is_identical(left: object, right: object) -> bool:
    """Whether two values have the same type and bytes: an update that changes 1 to 1.0 does."""
    if type(left) is not type(right):
        return False
    if type(left) is dict:
        return list(left) == list(right) and all(
            is_identical(item, right[name]) for name, item in left.items()
        )
    if type(left) is list:
        return len(left) == len(right) and all(map(is_identical, left, right))
    if type(left) is Decimal:
        return left.as_tuple() == right.as_tuple()
    return left == right or (left != left and right != right)

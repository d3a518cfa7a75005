"""Covering: answering a query from the keys of an index alone, without the documents.

    index {city: 1, age: 1}      find({city: "Rome"}, {_id: 0, city: 1, age: 1})

    key ((15, "Rome"), (10, 43))  ─▶  {city: "Rome", age: 43}

A key holds the values themselves, so that they can be taken out again. It says null for a field
that is not there; and it does not know which elements belong together, so that an index with
arrays in it covers nothing. A symbol comes back as a string, and NaN as a double.
"""

import math

from services.docdb.bson.types import (
    MAX_KEY,
    MIN_KEY,
    UNDEFINED,
    Binary,
    Code,
    Date,
    DBPointer,
    Document,
    ObjectId,
    Regex,
    Timestamp,
)
from services.docdb.query import comparison as c
from services.docdb.query.comparison import Descending, SortKey
from services.docdb.query.conditions import And, Condition, Field, Not, Or
from services.docdb.storage.index import Index

_COMPARABLE = frozenset(
    {
        "$eq",
        "$in",
        "$gt",
        "$gte",
        "$lt",
        "$lte",
        "$regex",
        "$mod",
        "$bitsAllSet",
        "$bitsAllClear",
        "$bitsAnySet",
        "$bitsAnyClear",
    }
)


def covers(index: Index, condition: And, wanted: frozenset[str]) -> bool:
    """Whether an index knows all that a query looks at and shows (`wanted`)."""
    if not index.is_plain or index.is_multikey or index.collation is not None:
        return False
    paths = set(index.pattern)
    if any(path.startswith(other + ".") for path in paths for other in paths):
        return False
    return wanted <= paths and _looks_at(condition, paths)


def _looks_at(condition: Condition, paths: set[str]) -> bool:
    match condition:
        case And(children) | Or(children):
            return all(_looks_at(child, paths) for child in children)
        case Not(child):
            return _looks_at(child, paths)
        case Field(path=path, operator=operator):
            return path in paths and operator in _COMPARABLE
    return False


def document_of(index: Index, key: tuple) -> Document:
    """The fields of an index with the values that a key says."""
    document: Document = {}
    for (path, _), part in zip(index.fields, key, strict=True):
        *parents, name = path.split(".")
        target = document
        for parent in parents:
            target = target.setdefault(parent, {})
        target[name] = value_of(part.key if type(part) is Descending else part)
    return document


def value_of(key: SortKey) -> object:
    """The value that has a sort key: the inverse of `comparison.sort_key`."""
    match key:
        case (c.NUMBER_RANK | c.STRING_RANK | c.BOOL_RANK, value):
            return value
        case (c.NULL_RANK, _):
            return None
        case (c.NAN_RANK, _):
            return math.nan
        case (c.OBJECT_RANK, fields):
            return {name: value_of((rank, *rest)) for rank, name, *rest in fields}
        case (c.ARRAY_RANK, items):
            return [value_of(item) for item in items]
        case (c.BINARY_RANK, _, subtype, data):
            return Binary(data, subtype)
        case (c.OBJECT_ID_RANK, binary):
            return ObjectId(binary)
        case (c.DATE_RANK, ms):
            return Date(ms)
        case (c.TIMESTAMP_RANK, time, increment):
            return Timestamp(time, increment)
        case (c.REGEX_RANK, pattern, options):
            return Regex(pattern, options)
        case (c.POINTER_RANK, namespace, binary):
            return DBPointer(namespace, ObjectId(binary))
        case (c.CODE_RANK, text):
            return Code(text)
        case (c.SCOPED_CODE_RANK, text, scope):
            return Code(text, value_of(scope))
        case c.MIN_KEY_KEY:
            return MIN_KEY
        case c.MAX_KEY_KEY:
            return MAX_KEY
    return UNDEFINED

"""The names and numbers of BSON types, as `$type` of filters and expressions use them."""

from decimal import Decimal

from services.docdb.bson.types import (
    MAX_KEY,
    MIN_KEY,
    UNDEFINED,
    Binary,
    Code,
    Date,
    DBPointer,
    Int64,
    ObjectId,
    Regex,
    Symbol,
    Timestamp,
)
from services.docdb.errors import MongoError, bad_value
from services.docdb.query.comparison import Missing

NUMBERS = {
    "double": 1,
    "string": 2,
    "object": 3,
    "array": 4,
    "binData": 5,
    "undefined": 6,
    "objectId": 7,
    "bool": 8,
    "date": 9,
    "null": 10,
    "regex": 11,
    "dbPointer": 12,
    "javascript": 13,
    "symbol": 14,
    "javascriptWithScope": 15,
    "int": 16,
    "timestamp": 17,
    "long": 18,
    "decimal": 19,
    "maxKey": 127,
    "minKey": -1,
}
_BY_NUMBER = {number: name for name, number in NUMBERS.items()}
NUMERIC = frozenset({"double", "int", "long", "decimal"})

_BY_CLASS: dict[type, str] = {
    float: "double",
    str: "string",
    dict: "object",
    list: "array",
    Binary: "binData",
    ObjectId: "objectId",
    bool: "bool",
    Date: "date",
    type(None): "null",
    Regex: "regex",
    DBPointer: "dbPointer",
    Symbol: "symbol",
    int: "int",
    Timestamp: "timestamp",
    Int64: "long",
    Decimal: "decimal",
    Missing: "missing",
}
_SPECIAL = {UNDEFINED: "undefined", MIN_KEY: "minKey", MAX_KEY: "maxKey"}


def type_name(value: object) -> str:
    """Such as "int" or "objectId"; "missing" where there is none."""
    name = _BY_CLASS.get(type(value))
    if name is not None:
        return "long" if name == "int" and not -(1 << 31) <= value < 1 << 31 else name
    if type(value) is Code:
        return "javascript" if value.scope is None else "javascriptWithScope"
    return _SPECIAL[value]


def parse_types(operand: object) -> frozenset[str]:
    """The names that a `$type` asks for: a name, a number, or an array of them."""
    wanted: set[str] = set()
    for item in operand if type(operand) is list else [operand]:
        if item == "number":
            wanted |= NUMERIC
        elif type(item) is str:
            if item not in NUMBERS:
                raise bad_value(f"Unknown type name alias: {item}")
            wanted.add(item)
        elif isinstance(item, int | float | Decimal) and type(item) is not bool:
            if item not in _BY_NUMBER:
                raise bad_value(f"Invalid numerical type code: {item}")
            wanted.add(_BY_NUMBER[int(item)])
        else:
            raise MongoError(14, "type must be represented as a number or a string")
    if not wanted:
        raise MongoError(9, "$type must match at least one type")
    return frozenset(wanted)

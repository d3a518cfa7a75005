"""Conversion: `$convert`, its short forms, and `$type`."""

import math
import re
from collections.abc import Callable
from decimal import Decimal

from services.docdb.bson.decimal128 import format_decimal, parse_decimal
from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import (
    INT32_MAX,
    INT32_MIN,
    INT64_MAX,
    INT64_MIN,
    Binary,
    Date,
    Int64,
    ObjectId,
    Timestamp,
)
from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.expressions.arguments import Compile, function, is_nullish, named_operands
from services.docdb.expressions.compiler import Evaluate, Scope, Variables, compile_expression
from services.docdb.expressions.dates_and_zones import iso_text, parse_moment
from services.docdb.expressions.numbers import is_number, to_decimal
from services.docdb.query.comparison import MISSING
from services.docdb.query.operators import is_truthy
from services.docdb.query.type_names import NUMBERS, NUMERIC, type_name


def _failed(value: object, target: str, reason: str = "") -> MongoError:
    text = (
        reason
        or f"Unsupported conversion from {type_name(value)} to {target} in $convert with no "
        "onError value"
    )
    return MongoError(241, text)


def _to_double(value: object) -> float:
    if is_number(value) or type(value) is bool:
        return float(value)
    if type(value) is Date:
        return float(value.ms)
    if type(value) is str:
        if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(?i:inf|infinity|nan)", value):
            return float(value)
        raise _failed(
            value, "double", f"Failed to parse number '{value}' in $convert with no onError value"
        )
    raise _failed(value, "double")


def _to_decimal(value: object) -> Decimal:
    if is_number(value):
        return to_decimal(value)
    if type(value) is bool:
        return Decimal(int(value))
    if type(value) is Date:
        return Decimal(value.ms)
    if type(value) is str:
        try:
            return parse_decimal(value)
        except BsonError:
            raise _failed(
                value,
                "decimal",
                f"Failed to parse number '{value}' in $convert with no onError value",
            ) from None
    raise _failed(value, "decimal")


def _whole(value: object, target: str, least: int, most: int) -> int:
    if type(value) is str:
        if not re.fullmatch(r"[+-]?\d+", value):
            raise _failed(
                value, target, f"Failed to parse number '{value}' in $convert with no onError value"
            )
        number = int(value)
    elif type(value) is bool:
        number = int(value)
    elif type(value) is Date and target == "long":
        number = value.ms
    elif is_number(value):
        if value != value or value in (math.inf, -math.inf):
            raise _failed(
                value,
                target,
                "Attempt to convert NaN or infinity value to integer type in $convert with "
                "no onError value",
            )
        number = int(value)
    else:
        raise _failed(value, target)
    if not least <= number <= most:
        raise _failed(
            value,
            target,
            "Conversion would overflow target type in $convert with no onError value: "
            f"{to_text(value)}",
        )
    return number


def _to_date(value: object) -> Date:
    if type(value) is Date:
        return value
    if is_number(value) and type(value) is not int:
        return Date(_whole(value, "long", INT64_MIN, INT64_MAX))
    if type(value) is Timestamp:
        return Date(value.time * 1000)
    if type(value) is ObjectId:
        return Date(value.created_at_s * 1000)
    if type(value) is str:
        return Date(parse_moment(value, None, None))
    raise _failed(value, "date")


def to_text(value: object) -> str:
    """`$toString`."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float():
            return _double_text(value)
        case Decimal():
            return format_decimal(value)
        case ObjectId():
            return str(value)
        case Date():
            return iso_text(value.ms)
        case Binary(data, 4):
            text = data.hex()
            return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    raise _failed(value, "string")


def _double_text(value: float) -> str:
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _to_object_id(value: object) -> ObjectId:
    if type(value) is ObjectId:
        return value
    if type(value) is not str:
        raise _failed(value, "objectId")
    if not re.fullmatch(r"[0-9a-fA-F]{24}", value):
        raise _failed(
            value,
            "objectId",
            f"Failed to parse objectId '{value}' in $convert with no onError value",
        )
    return ObjectId(bytes.fromhex(value))


_CONVERTERS: dict[str, Callable[[object], object]] = {
    "double": _to_double,
    "string": to_text,
    "objectId": _to_object_id,
    "bool": lambda value: is_truthy(value) if type_name(value) in NUMERIC else value is not False,
    "date": _to_date,
    "int": lambda value: _whole(value, "int", INT32_MIN, INT32_MAX),
    "long": lambda value: Int64(_whole(value, "long", INT64_MIN, INT64_MAX)),
    "decimal": _to_decimal,
}
_NAMES = {number: name for name, number in NUMBERS.items()}


def _target(value: object) -> str:
    if type(value) is dict:
        value = value.get("type", MISSING)
    if type(value) is str:
        if value not in NUMBERS:
            raise MongoError(2, f"Unknown type name: {value}")
        return value
    if not is_number(value):
        raise failed_to_parse(
            f"$convert's 'to' argument must be a string or number, but is {type_name(value)}"
        )
    if value not in _NAMES:
        raise failed_to_parse(
            f"In $convert, numeric value for 'to' does not correspond to a BSON type: {value}"
        )
    return _NAMES[value]


def convert(value: object, target: str) -> object:
    if target not in _CONVERTERS:
        raise _failed(value, target)
    return _CONVERTERS[target](value)


def _convert(name: str, operand: object, scope: Scope) -> Evaluate:
    given = named_operands(name, operand, ["input", "to"], ["onError", "onNull", "format"])
    source, to = compile_expression(given["input"], scope), compile_expression(given["to"], scope)
    on_error = compile_expression(given.get("onError"), scope)
    on_null = compile_expression(given.get("onNull"), scope)

    def evaluate(document: dict, variables: Variables) -> object:
        value, target = source(document, variables), to(document, variables)
        if is_nullish(value):
            return on_null(document, variables)
        if is_nullish(target):
            return None
        wanted = _target(target)
        try:
            return convert(value, wanted)
        except MongoError:
            if "onError" not in given:
                raise
            return on_error(document, variables)

    return evaluate


def _to(target: str) -> Compile:
    return function(1, 1, lambda value: None if is_nullish(value) else convert(value, target))


OPERATORS: dict[str, Compile] = {
    "$convert": _convert,
    "$toDouble": _to("double"),
    "$toString": _to("string"),
    "$toObjectId": _to("objectId"),
    "$toBool": _to("bool"),
    "$toDate": _to("date"),
    "$toInt": _to("int"),
    "$toLong": _to("long"),
    "$toDecimal": _to("decimal"),
    "$type": function(1, 1, type_name),
    "$isNumber": function(1, 1, is_number),
}

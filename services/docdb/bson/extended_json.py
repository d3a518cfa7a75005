"""Extended JSON v2: the same values as text, for golden scripts, logs and the dashboard.

    {"_id": {"$oid": "…"}, "n": {"$numberLong": "5"}}     canonical: nothing is lost
    {"_id": {"$oid": "…"}, "n": 5}                        relaxed: numbers as people write them

An object whose first key is one of the `$` keys below must be well-formed, or it is an error.
"""

import base64
import binascii
import datetime
import json
import re
from collections.abc import Callable
from decimal import Decimal

from services.docdb.bson import types
from services.docdb.bson.decimal128 import format_decimal, parse_decimal
from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import (
    INT32_MAX,
    INT32_MIN,
    INT64_MAX,
    INT64_MIN,
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

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_YEAR_10000_MS = 253402300800000
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,3})?(Z|[+-]\d\d:?\d\d)?")
_OPTIONS = re.compile(r"[a-z]*")


def parse(text: str) -> object:
    """The value of an extended JSON text. Raises BsonError."""
    try:
        return json.loads(
            text, object_pairs_hook=_pairs, parse_int=_plain_int, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise BsonError(str(error)) from None


def dump(value: object, *, relaxed: bool = False) -> str:
    """The text of a value, on one line."""
    return json.dumps(to_json(value, relaxed=relaxed), ensure_ascii=False)


# Text to values.


def _no_constant(text: str) -> object:
    raise BsonError(f"{text} is no JSON")


def _plain_int(text: str) -> int:
    value = int(text)
    if INT32_MIN <= value <= INT32_MAX:
        return value
    return Int64(value) if INT64_MIN <= value <= INT64_MAX else float(value)


def _pairs(pairs: list[tuple[str, object]]) -> object:
    document = dict(pairs)
    if any("\0" in name for name in document):
        raise BsonError("the name of a field holds a zero byte")
    for name in document:
        if name in _PARSERS:
            keys, parser = _PARSERS[name]
            if set(document) != keys:
                if name in _SHARED and set(document) & _SHARED == {name}:
                    continue
                if name == "$code" and set(document) == {"$code", "$scope"}:
                    continue
                raise BsonError(f"{name} has other fields than it should")
            return parser(document)
    return document


def _expect(value: object, kind: type) -> object:
    if type(value) is not kind:
        raise BsonError(f"{value!r} is no {kind.__name__}")
    return value


def _object_id(document: dict) -> ObjectId:
    text = _expect(document["$oid"], str)
    if not re.fullmatch(r"[0-9a-fA-F]{24}", text):
        raise BsonError(f"{text!r} is no ObjectId")
    return ObjectId(bytes.fromhex(text))


def _symbol(document: dict) -> Symbol:
    return Symbol(_expect(document["$symbol"], str))


def _int32(document: dict) -> int:
    text = _expect(document["$numberInt"], str)
    if not re.fullmatch(r"-?\d+", text) or not INT32_MIN <= int(text) <= INT32_MAX:
        raise BsonError(f"{text!r} is no 32-bit number")
    return int(text)


def _int64(document: dict) -> Int64:
    text = _expect(document["$numberLong"], str)
    if not re.fullmatch(r"-?\d+", text) or not INT64_MIN <= int(text) <= INT64_MAX:
        raise BsonError(f"{text!r} is no 64-bit number")
    return Int64(text)


def _double(document: dict) -> float:
    text = _expect(document["$numberDouble"], str)
    if not re.fullmatch(r"-?(\d+(\.\d*)?([eE][+-]?\d+)?|Infinity)|NaN", text):
        raise BsonError(f"{text!r} is no double")
    return float(text)


def _decimal(document: dict) -> Decimal:
    return parse_decimal(_expect(document["$numberDecimal"], str))


def _base64(text: object) -> bytes:
    try:
        return base64.b64decode(_expect(text, str), validate=True)
    except binascii.Error:
        raise BsonError("binary data is no base64") from None


def _binary(document: dict) -> Binary:
    value = document["$binary"]
    if "$type" in document:  # The form of the first version.
        return Binary(_base64(value), _subtype(document["$type"]))
    if type(value) is not dict or set(value) != {"base64", "subType"}:
        raise BsonError("$binary needs base64 and subType")
    return Binary(_base64(value["base64"]), _subtype(value["subType"]))


def _subtype(text: object) -> int:
    if not re.fullmatch(r"[0-9a-fA-F]{1,2}", str(_expect(text, str))):
        raise BsonError(f"{text!r} is no subtype")
    return int(text, 16)


def _uuid(document: dict) -> Binary:
    text = _expect(document["$uuid"], str)
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise BsonError(f"{text!r} is no UUID")
    return Binary(bytes.fromhex(text.replace("-", "")), 4)


def _code(document: dict) -> Code:
    scope = document.get("$scope")
    if "$scope" in document:
        _expect(scope, dict)
    return Code(_expect(document["$code"], str), scope)


def _timestamp(document: dict) -> Timestamp:
    value = _expect(document["$timestamp"], dict)
    if set(value) != {"t", "i"}:
        raise BsonError("$timestamp needs t and i")
    numbers = (value["t"], value["i"])
    if any(not isinstance(n, int) or isinstance(n, bool) or not 0 <= n < 1 << 32 for n in numbers):
        raise BsonError("t and i of a $timestamp are numbers of 32 bits")
    return Timestamp(int(numbers[0]), int(numbers[1]))


def _regex(document: dict) -> Regex:
    value = _expect(document["$regularExpression"], dict)
    if set(value) != {"pattern", "options"}:
        raise BsonError("$regularExpression needs pattern and options")
    pattern, options = _expect(value["pattern"], str), _expect(value["options"], str)
    if "\0" in pattern or not _OPTIONS.fullmatch(options):
        raise BsonError("a regular expression cannot hold that")
    return Regex(pattern, "".join(sorted(options)))


def _db_pointer(document: dict) -> DBPointer:
    value = _expect(document["$dbPointer"], dict)
    if set(value) != {"$ref", "$id"}:
        raise BsonError("$dbPointer needs $ref and $id")
    return DBPointer(_expect(value["$ref"], str), _expect(value["$id"], ObjectId))


def _date(document: dict) -> Date:
    value = document["$date"]
    if type(value) is Int64:
        return Date(int(value))
    return Date(_iso_ms(_expect(value, str)))


def _iso_ms(text: str) -> int:
    match = _ISO.fullmatch(text)
    if not match:
        raise BsonError(f"{text!r} is no date")
    zone = (match[3] or "Z").replace("Z", "+00:00")
    try:
        moment = datetime.datetime.fromisoformat(match[1] + zone)
    except ValueError:
        raise BsonError(f"{text!r} is no date") from None
    fraction_ms = int((match[2] or ".0")[1:].ljust(3, "0"))
    return (moment - _EPOCH) // datetime.timedelta(milliseconds=1) + fraction_ms


def _constant(name: str, content: object, value: Special) -> Callable[[dict], Special]:
    def parser(document: dict) -> Special:
        if document[name] != content or type(document[name]) is not type(content):
            raise BsonError(f"{name} has a wrong value")
        return value

    return parser


_PARSERS: dict[str, tuple[set[str], Callable[[dict], object]]] = {
    "$oid": ({"$oid"}, _object_id),
    "$symbol": ({"$symbol"}, _symbol),
    "$numberInt": ({"$numberInt"}, _int32),
    "$numberLong": ({"$numberLong"}, _int64),
    "$numberDouble": ({"$numberDouble"}, _double),
    "$numberDecimal": ({"$numberDecimal"}, _decimal),
    "$type": ({"$binary", "$type"}, _binary),
    "$binary": ({"$binary"}, _binary),
    "$uuid": ({"$uuid"}, _uuid),
    "$scope": ({"$code", "$scope"}, _code),
    "$code": ({"$code"}, _code),
    "$timestamp": ({"$timestamp"}, _timestamp),
    "$regularExpression": ({"$regularExpression"}, _regex),
    "$dbPointer": ({"$dbPointer"}, _db_pointer),
    "$date": ({"$date"}, _date),
    "$minKey": ({"$minKey"}, _constant("$minKey", 1, types.MIN_KEY)),
    "$maxKey": ({"$maxKey"}, _constant("$maxKey", 1, types.MAX_KEY)),
    "$undefined": ({"$undefined"}, _constant("$undefined", True, types.UNDEFINED)),
}
# These are names of query operators too, where nothing says that a value is meant.
_SHARED = frozenset({"$type", "$scope"})


# Values to text.


def to_json(value: object, *, relaxed: bool = False) -> object:
    """The value as what `json` can write."""
    match value:
        case None | bool() | str():
            return value
        case dict():
            return {name: to_json(item, relaxed=relaxed) for name, item in value.items()}
        case list():
            return [to_json(item, relaxed=relaxed) for item in value]
        case int() | float():
            return _number(value, relaxed)
        case Date():
            return _date_json(value.ms, relaxed)
    return _typed(value, relaxed)


def _number(value: int | float, relaxed: bool) -> object:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
            return {"$numberDouble": special[repr(value)]}
        return value if relaxed else {"$numberDouble": _double_text(value)}
    if relaxed:
        return int(value)
    is_long = type(value) is Int64 or not INT32_MIN <= value <= INT32_MAX
    return {"$numberLong" if is_long else "$numberInt": str(int(value))}


def _double_text(value: float) -> str:
    return repr(value).replace("e", "E") if "e" in repr(value) else repr(value)


def _date_json(ms: int, relaxed: bool) -> object:
    if not relaxed or not 0 <= ms < _YEAR_10000_MS:
        return {"$date": {"$numberLong": str(ms)}}
    moment = _EPOCH + datetime.timedelta(milliseconds=ms)
    precision = "milliseconds" if ms % 1000 else "seconds"
    return {"$date": moment.isoformat(timespec=precision).replace("+00:00", "Z")}


def _typed(value: object, relaxed: bool) -> object:
    match value:
        case ObjectId():
            return {"$oid": str(value)}
        case Decimal():
            return {"$numberDecimal": format_decimal(value)}
        case Binary(data, subtype):
            text = base64.b64encode(data).decode()
            return {"$binary": {"base64": text, "subType": f"{subtype:02x}"}}
        case Timestamp(time, increment):
            return {"$timestamp": {"t": time, "i": increment}}
        case Regex(pattern, options):
            return {"$regularExpression": {"pattern": pattern, "options": options}}
        case Code() if value.scope is None:
            return {"$code": value.text}
        case Code():
            return {"$code": value.text, "$scope": to_json(value.scope, relaxed=relaxed)}
        case Symbol(text):
            return {"$symbol": text}
        case DBPointer(namespace, object_id):
            return {"$dbPointer": {"$ref": namespace, "$id": {"$oid": str(object_id)}}}
        case types.MIN_KEY:
            return {"$minKey": 1}
        case types.MAX_KEY:
            return {"$maxKey": 1}
        case types.UNDEFINED:
            return {"$undefined": True}
    raise BsonError(f"BSON has no type for {type(value).__name__}")

"""Types as checks: what a function's annotations say, applied to JSON that a client sent.

    shape = shape_of(list[int])
    shape.read([1, 2], "numbers")         [1, 2]
    shape.read([1, "x"], "numbers")       InvalidValue("numbers[1]", "must be a whole number")
    shape.schema                          {"type": "array", "items": {"type": "integer"}}

An annotation is compiled once to a `Shape`: a reader, its JSON Schema, and a reader of text for
values that stand in a query string. Known are str, int, float, bool, None, Any, list, set, tuple,
dict, unions, Literal, Enum, date, datetime, UUID, dataclasses and TypedDict, nested as one likes.
Nothing is converted that JSON says clearly: `"3"` is no number, and `true` is no integer.
# Real: pydantic, as FastAPI uses it.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Union

Read = Callable[[Any, str], Any]
Schema = dict[str, Any]


class InvalidValue(Exception):
    """A value that does not fit; `field` says where it stands: `order.lines[2].count`."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Shape:
    """A compiled type."""

    read: Read
    """From a JSON value and its place to the Python value. Errors: InvalidValue."""
    schema: Schema
    parse: Callable[[str, str], Any] | None = None
    """The same from text, where text can say it."""


def shape_of(hint: Any) -> Shape:
    """The shape of a type. Errors: TypeError for one that JSON cannot carry."""
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return shape_of(arguments[0])
    if origin in (Union, types.UnionType):
        return _union([shape_of(one) for one in arguments])
    if origin is Literal:
        return _choice({value: value for value in arguments})
    if hint in (list, set, tuple, dict):
        origin, arguments = hint, ()
    if origin is tuple and arguments[-1:] != (...,) and arguments:
        return _tuple([shape_of(one) for one in arguments])
    if origin in (list, set, frozenset, tuple) or origin is Sequence:
        return _array(shape_of(arguments[0] if arguments else Any), _COLLECTIONS.get(origin, list))
    if origin in (dict, Mapping):
        return _mapping(arguments)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _choice({member.value: member for member in hint})
    if dataclasses.is_dataclass(hint) or typing.is_typeddict(hint):
        return _record(hint)
    raise TypeError(f"JSON cannot carry {hint!r}")


def encodable(value: Any) -> Any:
    """A result as JSON values: what `shape_of` knows, the other way."""
    match value:
        case None | bool() | int() | float() | str() if not isinstance(value, enum.Enum):
            return value
        case enum.Enum():
            return encodable(value.value)
        case dict():
            return {str(encodable(name)): encodable(one) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [encodable(one) for one in value]
        case date() | datetime():
            return value.isoformat()
        case uuid.UUID():
            return str(value)
    if dataclasses.is_dataclass(value):
        return {f.name: encodable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    raise TypeError(f"a {type(value).__name__} is no JSON value")


def _expect(kinds: type | tuple[type, ...], problem: str, *, convert: type | None = None) -> Read:
    def read(value: Any, field: str) -> Any:
        # True is an int to Python, but none to JSON.
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise InvalidValue(field, problem)
        return convert(value) if convert else value

    return read


def _from_text(convert: Callable[[str], Any], problem: str) -> Callable[[Any, str], Any]:
    def read(text: Any, field: str) -> Any:
        if not isinstance(text, str):
            raise InvalidValue(field, problem)
        try:
            return convert(text)
        except (ValueError, KeyError):
            raise InvalidValue(field, problem) from None

    return read


def _text_shape(convert: Callable[[str], Any], form: str, problem: str) -> Shape:
    read = _from_text(convert, problem)
    return Shape(read, {"type": "string", "format": form}, read)


def _natural_text(text: str) -> int:
    if len(text) > 4000 or not text.lstrip("-").isascii():
        raise ValueError
    return int(text)


_NUMBER, _WHOLE, _BOOLEAN = "must be a number", "must be a whole number", "must be true or false"
_SIMPLE: Mapping[Any, Shape] = types.MappingProxyType(
    {
        str: Shape(
            _expect(str, "must be text"), {"type": "string"}, _from_text(str, "must be text")
        ),
        int: Shape(_expect(int, _WHOLE), {"type": "integer"}, _from_text(_natural_text, _WHOLE)),
        float: Shape(
            _expect((int, float), _NUMBER, convert=float),
            {"type": "number"},
            _from_text(float, _NUMBER),
        ),
        bool: Shape(
            _expect(bool, _BOOLEAN),
            {"type": "boolean"},
            _from_text({"true": True, "1": True, "false": False, "0": False}.__getitem__, _BOOLEAN),
        ),
        type(None): Shape(_expect(type(None), "must be null"), {"type": "null"}),
        None: Shape(_expect(type(None), "must be null"), {"type": "null"}),
        Any: Shape(lambda value, field: value, {}),
        object: Shape(lambda value, field: value, {}),
        datetime: _text_shape(datetime.fromisoformat, "date-time", "must be a time (ISO 8601)"),
        date: _text_shape(date.fromisoformat, "date", "must be a date (ISO 8601)"),
        uuid.UUID: _text_shape(uuid.UUID, "uuid", "must be a UUID"),
    }
)
_COLLECTIONS: Mapping[Any, Callable[[list[Any]], Any]] = types.MappingProxyType(
    {list: list, set: set, frozenset: frozenset, tuple: tuple}
)


def _union(shapes: list[Shape]) -> Shape:
    def attempt(readers: Sequence[Read]) -> Read:
        def read(value: Any, field: str) -> Any:
            problems = []
            for one in readers:
                try:
                    return one(value, field)
                except InvalidValue as error:
                    if error.field != field:
                        raise  # It is this one, and something inside it is wrong.
                    problems.append(error.problem)
            raise InvalidValue(field, ", or ".join(dict.fromkeys(problems)))

        return read

    parsers = [shape.parse for shape in shapes if shape.parse]
    schema = {"anyOf": [shape.schema for shape in shapes]}
    return Shape(
        attempt([shape.read for shape in shapes]), schema, attempt(parsers) if parsers else None
    )


def _choice(members: dict[Any, Any]) -> Shape:
    problem = f"must be one of {', '.join(map(str, members))}"

    def read(value: Any, field: str) -> Any:
        for known, member in members.items():
            if known == value and type(known) is type(value):
                return member
        raise InvalidValue(field, problem)

    by_text = {str(known): member for known, member in members.items()}
    return Shape(read, {"enum": list(members)}, _from_text(by_text.__getitem__, problem))


def _array(item: Shape, collect: Callable[[list[Any]], Any]) -> Shape:
    def read(value: Any, field: str) -> Any:
        if not isinstance(value, list):
            raise InvalidValue(field, "must be an array")
        return collect([item.read(one, f"{field}[{at}]") for at, one in enumerate(value)])

    return Shape(read, {"type": "array", "items": item.schema})


def _tuple(items: list[Shape]) -> Shape:
    def read(value: Any, field: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) != len(items):
            raise InvalidValue(field, f"must be an array of {len(items)}")
        pairs = zip(items, value, strict=True)
        return tuple(item.read(one, f"{field}[{at}]") for at, (item, one) in enumerate(pairs))

    schemas = [item.schema for item in items]
    size = len(items)
    return Shape(
        read, {"type": "array", "prefixItems": schemas, "minItems": size, "maxItems": size}
    )


def _mapping(arguments: tuple[Any, ...]) -> Shape:
    if arguments and arguments[0] is not str:
        raise TypeError("the names of a JSON object are text: dict[str, …]")
    item = shape_of(arguments[1] if arguments else Any)

    def read(value: Any, field: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise InvalidValue(field, "must be an object")
        return {name: item.read(one, f"{field}.{name}") for name, one in value.items()}

    return Shape(read, {"type": "object", "additionalProperties": item.schema})


def _record(kind: Any) -> Shape:
    hints = typing.get_type_hints(kind)
    if dataclasses.is_dataclass(kind):
        fields = [field for field in dataclasses.fields(kind) if field.init]
        shapes = {field.name: shape_of(hints[field.name]) for field in fields}
        missing = dataclasses.MISSING
        required = {
            field.name
            for field in fields
            if field.default is missing and field.default_factory is missing
        }
    else:
        shapes = {name: shape_of(hint) for name, hint in hints.items()}
        required = set(kind.__required_keys__)
    read_members = members_reader(shapes, required)

    def read(value: Any, field: str) -> Any:
        if not isinstance(value, dict):
            raise InvalidValue(field, "must be an object")
        return kind(**read_members(value, field))

    return Shape(read, object_schema(shapes, required))


def members_reader(
    shapes: Mapping[str, Shape], required: set[str]
) -> Callable[[Mapping[str, Any], str], dict[str, Any]]:
    """A reader of an object's members: each fits, none is missing, none is unknown."""

    def read(value: Mapping[str, Any], field: str) -> dict[str, Any]:
        prefix = f"{field}." if field else ""
        for name in value:
            if name not in shapes:
                raise InvalidValue(f"{prefix}{name}", "is unknown")
        for name in shapes:
            if name in required and name not in value:
                raise InvalidValue(f"{prefix}{name}", "is missing")
        return {name: shapes[name].read(one, f"{prefix}{name}") for name, one in value.items()}

    return read


def object_schema(shapes: Mapping[str, Shape], required: set[str]) -> Schema:
    """The JSON Schema of an object with these members."""
    schema: Schema = {
        "type": "object",
        "properties": {name: shape.schema for name, shape in shapes.items()},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = [name for name in shapes if name in required]
    return schema

"""SQL values as JSON: to_json, row_to_json, json_build_object, json_agg …

A value becomes a text of JSON first, as its type says: numbers and booleans as they are, dates in
ISO 8601, arrays and rows as arrays and objects, json as it stands, everything else as a string.
For jsonb the same is made of Python values. # Real: datum_to_json() in json.c
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.aggregates import append_value
from services.sqldb.functions.definition import STABLE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types import (
    BOOL,
    DATE,
    JSON,
    JSONB,
    NUMERIC,
    TIMESTAMP,
    TIMESTAMPTZ,
    SqlType,
)
from services.sqldb.types.arrays import flatten
from services.sqldb.types.context import SessionContext
from services.sqldb.types.json_values import decode_jsonb, format_jsonb, normal, quoted
from services.sqldb.values import Array, Jsonb, Row

define = Definitions()

ToJson = Callable[[SessionContext, Any], str]

_NUMBERS = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric"})
_DATES = frozenset({DATE.oid, TIMESTAMP.oid, TIMESTAMPTZ.oid})


@dataclass(slots=True)
class _IsoContext:
    """The session's settings with DateStyle ISO, which is what JSON has."""

    session: SessionContext
    date_style: str = "ISO"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)


def json_writer(type_: SqlType, separator: str = ",") -> ToJson:
    """A function that writes values of the type as JSON; NULL is "null"."""
    write = _writer(type_, separator)
    return lambda context, value: "null" if value is None else write(context, value)


def _writer(type_: SqlType, separator: str) -> ToJson:
    type_ = type_.plain
    if type_.oid == BOOL.oid:
        return lambda context, value: "true" if value else "false"
    if type_.name in _NUMBERS:
        return _number_writer(type_)
    if type_.oid == JSON.oid:
        return lambda context, value: value
    if type_.oid == JSONB.oid:
        return lambda context, value: format_jsonb(value)
    if type_.oid in _DATES:
        return _date_writer(type_)
    if type_.is_array:
        return _array_writer(type_.element)
    if type_.fields is not None:
        return _row_writer(type_, separator)
    return lambda context, value: quoted(type_.format(value, context))


def _number_writer(type_: SqlType) -> ToJson:
    def write(context: SessionContext, value: Any) -> str:
        text = type_.format(value, context)
        # NaN and Infinity are no numbers of JSON.
        return text if text[-1:].isdigit() else quoted(text)

    return write


def _date_writer(type_: SqlType) -> ToJson:
    def write(context: SessionContext, value: int) -> str:
        text = type_.format(value, _IsoContext(context)).replace(" ", "T", 1)
        if type_.oid == TIMESTAMPTZ.oid and text[-3:-2] in "+-" and text[-1].isdigit():
            text += ":00"
        return quoted(text.replace("TBC", " BC"))

    return write


def _array_writer(element: SqlType) -> ToJson:
    write = json_writer(element)

    def write_level(context: SessionContext, items: tuple, depth: int) -> str:
        if depth > 1:
            return "[" + ",".join(write_level(context, item, depth - 1) for item in items) + "]"
        return "[" + ",".join(write(context, item) for item in items) + "]"

    return lambda context, array: write_level(context, array.elements, len(array.lower_bounds))


def _row_writer(type_: SqlType, separator: str) -> ToJson:
    fields = [(quoted(name), json_writer(field)) for name, field, _ in type_.fields]

    def write(context: SessionContext, row: Row) -> str:
        parts = [
            f"{name}:{field(context, value)}"
            for (name, field), value in zip(fields, row, strict=True)
        ]
        return "{" + separator.join(parts) + "}"

    return write


def jsonb_maker(type_: SqlType) -> Callable[[SessionContext, Any], Any]:
    """The same for jsonb: the Python value inside a Jsonb."""
    if type_.oid == JSONB.oid:
        return lambda context, value: None if value is None else value.value
    if type_.oid == BOOL.oid:
        return lambda context, value: value
    if type_.name in ("int2", "int4", "int8"):
        return lambda context, value: None if value is None else Decimal(value)
    if type_.oid == NUMERIC.oid:
        return lambda context, value: value if value is None or value.is_finite() else str(value)
    if type_.name in ("text", "varchar", "unknown"):
        return lambda context, value: value
    write = json_writer(type_)

    def make(context: SessionContext, value: Any) -> Any:
        return None if value is None else decode_jsonb(write(context, value)).value

    return make


_OF_TYPES = {"types": True, "context": True, "volatility": STABLE}


@define.function("to_json(anyelement) -> json", **_OF_TYPES)
def to_json(types: tuple[SqlType, ...], result: SqlType) -> ToJson:
    return json_writer(types[0])


@define.function("to_jsonb(anyelement) -> jsonb", **_OF_TYPES)
def to_jsonb(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Jsonb]:
    make = jsonb_maker(types[0])
    return lambda context, value: Jsonb(make(context, value))


@define.function("row_to_json(record) -> json", **_OF_TYPES)
def row_to_json(types: tuple[SqlType, ...], result: SqlType) -> ToJson:
    return json_writer(types[0])


@define.function("row_to_json(record, bool) -> json", **_OF_TYPES)
def row_to_json_pretty(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., str]:
    plain, pretty = json_writer(types[0]), json_writer(types[0], ",\n ")
    return lambda context, row, is_pretty: (pretty if is_pretty else plain)(context, row)


@define.function("array_to_json(anyarray) -> json", **_OF_TYPES)
def array_to_json(types: tuple[SqlType, ...], result: SqlType) -> ToJson:
    return json_writer(types[0])


@define.function("array_to_json(anyarray, bool) -> json", **_OF_TYPES)
def array_to_json_pretty(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., str]:
    write, element = json_writer(types[0]), json_writer(types[0].element)

    def call(context: SessionContext, array: Array, is_pretty: bool) -> str:
        if not is_pretty or len(array.lower_bounds) > 1:
            return write(context, array)
        items = flatten(array.elements, len(array.lower_bounds))
        return "[" + ",\n ".join(element(context, item) for item in items) + "]"

    return call


_VARIADIC = {"types": True, "context": True, "strict": False, "volatility": STABLE}


def _null_key(position: int) -> SqlError:
    return SqlError(errors.INVALID_PARAMETER_VALUE, f"argument {position} cannot be null",
                    hint="Object keys should be text.")  # fmt: skip


def _check_even(count: int, function: str) -> None:
    if count % 2:
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            "argument list must have even number of elements",
            hint=f"The arguments of {function}() must consist of alternating keys and values.",
        )


def _key_writers(types: tuple[SqlType, ...]) -> list[Callable[[SessionContext, Any], str]]:
    return [_key_writer(type_) for type_ in types[::2]]


def _key_writer(type_: SqlType) -> Callable[[SessionContext, Any], str]:
    """The text of a key; scalars only."""
    if type_.is_array or type_.fields is not None or type_.oid in (JSON.oid, JSONB.oid):

        def refuse(context: SessionContext, value: Any) -> str:
            raise SqlError(
                errors.INVALID_PARAMETER_VALUE,
                "key value must be scalar, not array, composite, or json",
            )

        return refuse
    if type_.oid == BOOL.oid:
        return lambda context, value: "true" if value else "false"
    if type_.oid in _DATES:
        return lambda context, value: _date_writer(type_)(context, value)[1:-1]
    return lambda context, value: type_.format(value, context)


@define.function("json_build_object() -> json", **_VARIADIC)
@define.function("json_build_object(variadic any) -> json", **_VARIADIC)
def json_build_object(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., str]:
    keys, writers = _key_writers(types), [json_writer(type_) for type_ in types[1::2]]

    def call(context: SessionContext, *arguments: Any) -> str:
        _check_even(len(arguments), "json_build_object")
        parts = []
        for index, (key, value) in enumerate(zip(arguments[::2], arguments[1::2], strict=True)):
            if key is None:
                raise _null_key(2 * index + 1)
            name = quoted(keys[index](context, key))
            parts.append(f"{name} : {writers[index](context, value)}")
        return "{" + ", ".join(parts) + "}"

    return call


@define.function("jsonb_build_object() -> jsonb", **_VARIADIC)
@define.function("jsonb_build_object(variadic any) -> jsonb", **_VARIADIC)
def jsonb_build_object(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Jsonb]:
    keys, makers = _key_writers(types), [jsonb_maker(type_) for type_ in types[1::2]]

    def call(context: SessionContext, *arguments: Any) -> Jsonb:
        _check_even(len(arguments), "jsonb_build_object")
        built: dict[str, Any] = {}
        for index, (key, value) in enumerate(zip(arguments[::2], arguments[1::2], strict=True)):
            if key is None:
                raise SqlError(
                    errors.INVALID_PARAMETER_VALUE,
                    f"argument {2 * index + 1}: key must not be null",
                )
            built[keys[index](context, key)] = makers[index](context, value)
        return Jsonb(normal(built))

    return call


@define.function("json_build_array() -> json", **_VARIADIC)
@define.function("json_build_array(variadic any) -> json", **_VARIADIC)
def json_build_array(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., str]:
    writers = [json_writer(type_) for type_ in types]

    def call(context: SessionContext, *arguments: Any) -> str:
        items = zip(writers, arguments, strict=True)
        return "[" + ", ".join(write(context, value) for write, value in items) + "]"

    return call


@define.function("jsonb_build_array() -> jsonb", **_VARIADIC)
@define.function("jsonb_build_array(variadic any) -> jsonb", **_VARIADIC)
def jsonb_build_array(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Jsonb]:
    makers = [jsonb_maker(type_) for type_ in types]

    def call(context: SessionContext, *arguments: Any) -> Jsonb:
        items = zip(makers, arguments, strict=True)
        return Jsonb(tuple(make(context, value) for make, value in items))

    return call


def _pairs_of_array(array: Array) -> list[tuple[str, Any]]:
    """{a,1,b,2} or {{a,1},{b,2}}"""
    depth = len(array.lower_bounds)
    if depth == 2 and any(len(pair) != 2 for pair in array.elements):
        raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, "array must have two columns")
    if depth > 2:
        raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts")
    items = list(flatten(array.elements, depth))
    if len(items) % 2:
        raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, "array must have even number of elements")
    return _checked_pairs(list(zip(items[::2], items[1::2], strict=True)))


def _checked_pairs(pairs: list[tuple[Any, Any]]) -> list[tuple[str, Any]]:
    if any(key is None for key, _ in pairs):
        raise SqlError(errors.NULL_VALUE_NOT_ALLOWED, "null value not allowed for object key")
    return pairs


def _object_text(pairs: list[tuple[str, Any]]) -> str:
    parts = [
        f"{quoted(key)} : {'null' if value is None else quoted(value)}" for key, value in pairs
    ]
    return "{" + ", ".join(parts) + "}"


def _pairs_of_arrays(keys: Array, values: Array) -> list[tuple[str, Any]]:
    if len(keys.lower_bounds) > 1 or len(values.lower_bounds) > 1:
        raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts")
    if len(keys.elements) != len(values.elements):
        raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, "mismatched array dimensions")
    return _checked_pairs(list(zip(keys.elements, values.elements, strict=True)))


define.function("json_object(text[]) -> json")(lambda array: _object_text(_pairs_of_array(array)))
define.function("jsonb_object(text[]) -> jsonb")(
    lambda array: Jsonb(normal(dict(_pairs_of_array(array))))
)
define.function("json_object(text[], text[]) -> json")(
    lambda keys, values: _object_text(_pairs_of_arrays(keys, values))
)
define.function("jsonb_object(text[], text[]) -> jsonb")(
    lambda keys, values: Jsonb(normal(dict(_pairs_of_arrays(keys, values))))
)


def _make_json_agg(types: tuple[SqlType, ...], result: SqlType) -> tuple[Callable, ...]:
    write = json_writer(types[0])
    # Rows stand on lines of their own. # Real: json_agg_transfn()
    separator = ", \n " if types[0].is_array or types[0].fields is not None else ", "

    def step(context: SessionContext, state: list | None, value: Any) -> list:
        return append_value(state, write(context, value))

    def final(context: SessionContext, state: list | None) -> str | None:
        return None if state is None else "[" + separator.join(state) + "]"

    return lambda: None, step, final


def _make_jsonb_agg(types: tuple[SqlType, ...], result: SqlType) -> tuple[Callable, ...]:
    make = jsonb_maker(types[0])

    def step(context: SessionContext, state: list | None, value: Any) -> list:
        return append_value(state, make(context, value))

    def final(context: SessionContext, state: list | None) -> Jsonb | None:
        return None if state is None else Jsonb(tuple(state))

    return lambda: None, step, final


def _make_json_object_agg(types: tuple[SqlType, ...], result: SqlType) -> tuple[Callable, ...]:
    key_of, write = _key_writer(types[0]), json_writer(types[1])

    def step(context: SessionContext, state: list | None, key: Any, value: Any) -> list:
        if key is None:
            raise SqlError(errors.INVALID_PARAMETER_VALUE, "field name must not be null")
        return append_value(state, f"{quoted(key_of(context, key))} : {write(context, value)}")

    def final(context: SessionContext, state: list | None) -> str | None:
        return None if state is None else "{ " + ", ".join(state) + " }"

    return lambda: None, step, final


def _make_jsonb_object_agg(types: tuple[SqlType, ...], result: SqlType) -> tuple[Callable, ...]:
    key_of, make = _key_writer(types[0]), jsonb_maker(types[1])

    def step(context: SessionContext, state: dict | None, key: Any, value: Any) -> dict:
        if key is None:
            raise SqlError(errors.INVALID_PARAMETER_VALUE, "field name must not be null")
        state = {} if state is None else state
        state[key_of(context, key)] = make(context, value)
        return state

    def final(context: SessionContext, state: dict | None) -> Jsonb | None:
        return None if state is None else Jsonb(normal(state))

    return lambda: None, step, final


_COLLECTING = {"is_strict": False, "needs_context": True}
define.aggregate("json_agg(anyelement) -> json", make=_make_json_agg, **_COLLECTING)
define.aggregate("jsonb_agg(anyelement) -> jsonb", make=_make_jsonb_agg, **_COLLECTING)
define.aggregate("json_object_agg(any, any) -> json", make=_make_json_object_agg, **_COLLECTING)
define.aggregate("jsonb_object_agg(any, any) -> jsonb", make=_make_jsonb_object_agg, **_COLLECTING)

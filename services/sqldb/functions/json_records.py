"""JSON objects as rows: json_populate_record, json_to_recordset and their kin.

Which columns there are says the type of the first argument (json_populate_record(null::t, …)), or
the statement: FROM json_to_recordset(…) AS x(a integer, b text). In the second case the caller of
`resolve_function` gives the row's type as `record_type`. # Real: populate_record() in jsonfuncs.c
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.coercion import typmod_function
from services.sqldb.functions.definition import STABLE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.functions.json_access import JsonText, kind_of, text_of
from services.sqldb.types import JSON, JSONB, SqlType
from services.sqldb.types.arrays import EMPTY
from services.sqldb.types.composites import RECORD_OID
from services.sqldb.types.context import SessionContext
from services.sqldb.types.json_values import decode_jsonb, json_text
from services.sqldb.values import Array, Jsonb, Row

define = Definitions()

_PROPERTIES = {"types": True, "context": True, "strict": False, "volatility": STABLE}


class _JsonbPart:
    """A part of a jsonb value, asked in the same words as a part of a json text."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    @property
    def kind(self) -> str:
        return kind_of(self.value)

    @property
    def text(self) -> str:
        return json_text(self.value)

    def items(self) -> Iterator[tuple[str, _JsonbPart]]:
        return ((name, _JsonbPart(item)) for name, item in self.value.items())

    def elements(self) -> Iterator[_JsonbPart]:
        return (_JsonbPart(item) for item in self.value)

    def as_text(self) -> str | None:
        return text_of(self.value)


Part = JsonText | _JsonbPart


def _part(value: str | Jsonb) -> Part:
    return _JsonbPart(value.value) if isinstance(value, Jsonb) else JsonText(value)


def value_of_json(
    context: SessionContext, part: Part, type_: SqlType, typmod: int = -1, base: Any = None,
    *, key: str = "",
) -> Any:  # fmt: skip
    """A JSON value as one of any type. # Real: populate_record_field()"""
    if type_.base is not None:
        value = value_of_json(context, part, type_.base, type_.base_typmod, base, key=key)
        return type_.check(context, value)
    kind = part.kind
    if kind == "null":
        return None
    if type_.oid == JSON.oid:
        return part.text
    if type_.oid == JSONB.oid:
        return decode_jsonb(part.text)
    if kind != "string":
        if type_.is_array and type_.category == "A":
            if kind != "array":
                raise _bad_array("expected JSON array", key)
            return _array_of(context, part, type_.element, typmod, key)
        if type_.fields is not None:
            return _row_of(context, _need_object(part, "populate_composite"), type_, base)
    return _of_text(context, part.as_text(), type_, typmod)


def _of_text(context: SessionContext, text: str, type_: SqlType, typmod: int) -> Any:
    """By the input of the type; what is too long for char(10) is an error here."""
    value = type_.parse(text, typmod, context)
    shape = typmod_function(type_, typmod, False)
    return value if shape is None else shape.implementation(value)


def _bad_array(message: str, key: str, detail: str = "") -> SqlError:
    hint = f'See the value of key "{key}".' if key and not detail else ""
    return SqlError(errors.INVALID_TEXT_REPRESENTATION, message, detail=detail, hint=hint)


def _array_of(
    context: SessionContext, part: Part, element: SqlType, typmod: int, key: str
) -> Array:
    """The array of the elements; arrays within it are its further dimensions."""
    depth, inner = 0, part
    while inner.kind == "array":
        depth += 1
        inner = next(inner.elements(), inner)
        if inner.kind == "array" and not any(True for _ in inner.elements()):
            depth += inner is not part
            break

    def level(one: Part, at: int) -> tuple:
        items = []
        for item in one.elements():
            if at == depth:
                if item.kind == "array" and element.fields is None and element.oid not in _JSON:
                    raise _bad_array("malformed JSON array", key, _NOT_RECTANGULAR)
                items.append(value_of_json(context, item, element, typmod, key=key))
            elif item.kind == "array":
                items.append(level(item, at + 1))
            else:
                raise _bad_array("expected JSON array", key)
        return tuple(items)

    found = level(part, 1)
    lengths: list[int] = []
    current = found
    for _ in range(depth):
        lengths.append(len(current))
        current = current[0] if current else ()
    _check_shape(found, lengths)
    if not found or 0 in lengths:
        return EMPTY
    return Array(found, (1,) * depth)


_JSON = frozenset((JSON.oid, JSONB.oid))
_NOT_RECTANGULAR = "Multidimensional arrays must have sub-arrays with matching dimensions."


def _check_shape(level: tuple, lengths: list[int]) -> None:
    if len(level) != lengths[0]:
        raise _bad_array("malformed JSON array", "", _NOT_RECTANGULAR)
    if len(lengths) > 1:
        for inner in level:
            _check_shape(inner, lengths[1:])


def _row_of(context: SessionContext, part: Part, type_: SqlType, base: Row | None) -> Row:
    """Columns that the object does not name keep the value of the base row."""
    if type_.fields is None:
        raise SqlError(
            errors.FEATURE_NOT_SUPPORTED,
            "could not determine row type for result of json_populate_record",
            hint="Provide a non-null record argument, or call the function in the FROM clause "
            "using a column definition list.",
        )
    found = dict(part.items())
    return Row(
        value_of_json(
            context, found[name], field, typmod, None if base is None else base[index], key=name
        )
        if name in found
        else (None if base is None else base[index])
        for index, (name, field, typmod) in enumerate(type_.fields)
    )


def _need_object(part: Part, function: str) -> Part:
    if part.kind != "object":
        what = "an array" if part.kind == "array" else "a scalar"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, f"cannot call {function} on {what}")
    return part


def _objects_of(part: Part, function: str) -> list[Part]:
    if part.kind != "array":
        what = "an object" if part.kind == "object" else "a scalar"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, f"cannot call {function} on {what}")
    found = list(part.elements())
    if any(item.kind != "object" for item in found):
        message = f"argument of {function} must be an array of objects"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    return found


def _mismatch(given: SqlType, wanted: SqlType) -> str:
    """Where the base row is not of the columns that the statement says: what differs."""
    mine, theirs = given.fields, wanted.fields
    if given.oid != RECORD_OID or mine is None or theirs is None:
        return ""
    if len(mine) != len(theirs):
        plural = "" if len(mine) == 1 else "s"
        return (
            f"Returned row contains {len(mine)} attribute{plural}, but query expects {len(theirs)}."
        )
    for number, ((_, one, _), (_, other, _)) in enumerate(zip(mine, theirs, strict=True), 1):
        if one.oid != other.oid:
            return f"Returned type {one} at ordinal position {number}, but query expects {other}."
    return ""


def _check_match(mismatch: str) -> None:
    if mismatch:
        message = "function return row and query-specified return row do not match"
        raise SqlError(errors.DATATYPE_MISMATCH, message, detail=mismatch)


def _define(kind: str) -> None:
    """The four functions of json, or of jsonb."""

    @define.function(f"{kind}_populate_record(anyelement, {kind}) -> anyelement", **_PROPERTIES)
    def populate_record(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Any]:
        mismatch = _mismatch(types[0], result)

        def call(context: SessionContext, base: Row | None, value: Any) -> Row | None:
            _check_match(mismatch)
            if value is None:
                return base
            found = _need_object(_part(value), "populate_composite")
            return _row_of(context, found, result, base)

        return call

    @define.function(
        f"{kind}_populate_recordset(anyelement, {kind}) -> setof anyelement", **_PROPERTIES
    )
    def populate_recordset(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Any]:
        mismatch = _mismatch(types[0], result)

        def call(context: SessionContext, base: Row | None, value: Any) -> Iterator[Row]:
            _check_match(mismatch)
            if value is None:
                return iter(())
            found = _objects_of(_part(value), f"{kind}_populate_recordset")
            return (_row_of(context, item, result, base) for item in found)

        return call

    @define.function(f"{kind}_to_record({kind}) -> record", **_PROPERTIES)
    def to_record(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Any]:
        def call(context: SessionContext, value: Any) -> Row | None:
            if value is None:
                return None
            found = _need_object(_part(value), "populate_composite")
            return _row_of(context, found, result, None)

        return call

    @define.function(f"{kind}_to_recordset({kind}) -> setof record", **_PROPERTIES)
    def to_recordset(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Any]:
        def call(context: SessionContext, value: Any) -> Iterator[Row]:
            if value is None:
                return iter(())
            found = _objects_of(_part(value), f"{kind}_to_recordset")
            return (_row_of(context, item, result, None) for item in found)

        return call


_define("json")
_define("jsonb")

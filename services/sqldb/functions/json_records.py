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
from services.sqldb.functions.definition import STABLE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.functions.json_access import text_of
from services.sqldb.types import JSON, JSONB, SqlType
from services.sqldb.types.arrays import array_of_elements
from services.sqldb.types.context import SessionContext
from services.sqldb.types.json_values import decode_jsonb, json_text
from services.sqldb.values import Jsonb, Row

define = Definitions()

_PROPERTIES = {"types": True, "context": True, "strict": False, "volatility": STABLE}


def value_of_json(context: SessionContext, value: Any, type_: SqlType, typmod: int = -1) -> Any:
    """A JSON value as one of any type: by its text, unless both are arrays, or rows."""
    if type_.oid == JSONB.oid:
        return Jsonb(value)
    if type_.oid == JSON.oid:
        return json_text(value)
    if value is None:
        return None
    if type_.is_array and isinstance(value, tuple):
        return array_of_elements(
            value_of_json(context, item, type_.element, typmod) for item in value
        )
    if type_.is_array and not isinstance(value, str):
        raise SqlError(
            errors.INVALID_TEXT_REPRESENTATION,
            "expected JSON array",
        )
    if type_.fields is not None and isinstance(value, dict):
        return _row_of_object(context, value, type_, None)
    return type_.parse(text_of(value), typmod, context)


def _row_of_object(context: SessionContext, value: dict, type_: SqlType, base: Row | None) -> Row:
    """Columns that the object does not name keep the value of the base row."""
    if type_.fields is None:
        raise SqlError(
            errors.SYNTAX_ERROR,
            'a column definition list is required for functions returning "record"',
        )
    return Row(
        value_of_json(context, value[name], field, typmod)
        if name in value
        else (None if base is None else base[index])
        for index, (name, field, typmod) in enumerate(type_.fields)
    )


def _decoded(value: str | Jsonb) -> Any:
    return value.value if isinstance(value, Jsonb) else decode_jsonb(value).value


def _need_object(value: Any, function: str) -> dict:
    if not isinstance(value, dict):
        what = "an array" if isinstance(value, tuple) else "a scalar"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, f"cannot call {function} on {what}")
    return value


def _objects_of(value: Any, function: str) -> tuple[dict, ...]:
    if not isinstance(value, tuple):
        what = "an object" if isinstance(value, dict) else "a scalar"
        raise SqlError(errors.INVALID_PARAMETER_VALUE, f"cannot call {function} on {what}")
    for item in value:
        if not isinstance(item, dict):
            raise SqlError(
                errors.INVALID_PARAMETER_VALUE,
                f"argument of {function} must be an array of objects",
            )
    return value


def _define(kind: str) -> None:
    """The four functions of json, or of jsonb."""

    @define.function(f"{kind}_populate_record(anyelement, {kind}) -> anyelement", **_PROPERTIES)
    def populate_record(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Any]:
        def call(context: SessionContext, base: Row | None, value: Any) -> Row | None:
            if value is None:
                return base
            found = _need_object(_decoded(value), f"{kind}_populate_record")
            return _row_of_object(context, found, result, base)

        return call

    @define.function(
        f"{kind}_populate_recordset(anyelement, {kind}) -> setof anyelement", **_PROPERTIES
    )
    def populate_recordset(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Any]:
        def call(context: SessionContext, base: Row | None, value: Any) -> Iterator[Row]:
            if value is None:
                return iter(())
            found = _objects_of(_decoded(value), f"{kind}_populate_recordset")
            return (_row_of_object(context, item, result, base) for item in found)

        return call

    @define.function(f"{kind}_to_record({kind}) -> record", **_PROPERTIES)
    def to_record(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Any]:
        def call(context: SessionContext, value: Any) -> Row | None:
            if value is None:
                return None
            found = _need_object(_decoded(value), f"{kind}_to_record")
            return _row_of_object(context, found, result, None)

        return call

    @define.function(f"{kind}_to_recordset({kind}) -> setof record", **_PROPERTIES)
    def to_recordset(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Any]:
        def call(context: SessionContext, value: Any) -> Iterator[Row]:
            if value is None:
                return iter(())
            found = _objects_of(_decoded(value), f"{kind}_to_recordset")
            return (_row_of_object(context, item, result, None) for item in found)

        return call


_define("json")
_define("jsonb")

"""jsonb with a part of it changed: || - #- jsonb_set, jsonb_insert. # Real: setPath()"""

from __future__ import annotations

from enum import Enum
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.definitions import Definitions
from services.sqldb.functions.json_access import cannot, is_integer
from services.sqldb.types.json_values import normal
from services.sqldb.values import Array, Jsonb

define = Definitions()


@define.operators_for("jsonb || jsonb -> jsonb", function="jsonb_concat")
def concatenate(a: Jsonb, b: Jsonb) -> Jsonb:
    """Two objects become one, everything else an array."""
    left, right = a.value, b.value
    if isinstance(left, dict) and isinstance(right, dict):
        return Jsonb(normal({**left, **right}))
    as_array = [value if isinstance(value, tuple) else (value,) for value in (left, right)]
    return Jsonb(as_array[0] + as_array[1])


@define.operators_for("jsonb - text -> jsonb", function="jsonb_delete")
def delete_key(j: Jsonb, key: str) -> Jsonb:
    return _delete_keys(j, {key})


@define.operators_for("jsonb - text[] -> jsonb", function="jsonb_delete")
def delete_keys(j: Jsonb, keys: Array) -> Jsonb:
    return _delete_keys(j, set(keys.elements))


def _delete_keys(j: Jsonb, keys: set[str]) -> Jsonb:
    value = j.value
    if isinstance(value, dict):
        return Jsonb({key: item for key, item in value.items() if key not in keys})
    if isinstance(value, tuple):
        return Jsonb(tuple(x for x in value if not (isinstance(x, str) and x in keys)))
    raise cannot("cannot delete from scalar")


@define.operators_for("jsonb - int4 -> jsonb", function="jsonb_delete")
def delete_index(j: Jsonb, index: int) -> Jsonb:
    value = j.value
    if isinstance(value, dict):
        raise cannot("cannot delete from object using integer index")
    if not isinstance(value, tuple):
        raise cannot("cannot delete from scalar")
    if index < 0:
        index += len(value)
    return Jsonb(tuple(item for at, item in enumerate(value) if at != index))


class _Change(Enum):
    """What happens at the end of a path."""

    DELETE = "delete"
    REPLACE = "replace"
    REPLACE_OR_CREATE = "create"
    INSERT_BEFORE = "before"
    INSERT_AFTER = "after"


_INSERTIONS = (_Change.INSERT_BEFORE, _Change.INSERT_AFTER)


def _changed(value: Any, path: tuple, depth: int, change: _Change, new: Any) -> Any:
    """The value with a change at the end of a path. # Real: setPath()"""
    if depth == len(path) or not isinstance(value, dict | tuple):
        return value
    step = path[depth]
    if step is None:
        raise SqlError(
            errors.NULL_VALUE_NOT_ALLOWED, f"path element at position {depth + 1} is null"
        )
    is_last = depth == len(path) - 1
    if isinstance(value, dict):
        if not is_last:
            if step not in value:
                return value
            return {**value, step: _changed(value[step], path, depth + 1, change, new)}
        return _changed_object(value, step, change, new)
    index = _path_index(step, depth)
    at = index + len(value) if index < 0 else index
    if is_last:
        return _changed_array(value, at, change, new)
    if not 0 <= at < len(value):
        return value
    return (*value[:at], _changed(value[at], path, depth + 1, change, new), *value[at + 1 :])


def _path_index(step: str, depth: int) -> int:
    if not is_integer(step):
        raise SqlError(
            errors.INVALID_TEXT_REPRESENTATION,
            f'path element at position {depth + 1} is not an integer: "{step}"',
        )
    return int(step)


def _changed_object(value: dict, key: str, change: _Change, new: Any) -> dict:
    if key not in value:
        return value if change in (_Change.DELETE, _Change.REPLACE) else {**value, key: new}
    if change in _INSERTIONS:
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            "cannot replace existing key",
            hint="Try using the function jsonb_set to replace key value.",
        )
    if change is _Change.DELETE:
        return {name: item for name, item in value.items() if name != key}
    return {**value, key: new}


def _changed_array(value: tuple, at: int, change: _Change, new: Any) -> tuple:
    if not 0 <= at < len(value):
        if change in (_Change.DELETE, _Change.REPLACE):
            return value
        return (new, *value) if at < 0 else (*value, new)
    match change:
        case _Change.DELETE:
            return value[:at] + value[at + 1 :]
        case _Change.INSERT_BEFORE:
            return (*value[:at], new, *value[at:])
        case _Change.INSERT_AFTER:
            return (*value[: at + 1], new, *value[at + 1 :])
    return (*value[:at], new, *value[at + 1 :])


@define.function("jsonb_delete_path(jsonb, text[]) -> jsonb")
@define.operators_for("jsonb #- text[] -> jsonb")
def delete_path(j: Jsonb, path: Array) -> Jsonb:
    if not isinstance(j.value, dict | tuple):
        raise cannot("cannot delete path in scalar")
    return _with_change(j, path, _Change.DELETE, None) if j.value else j


def _with_change(j: Jsonb, path: Array, change: _Change, new: Any) -> Jsonb:
    return Jsonb(normal(_changed(j.value, path.elements, 0, change, new)))


@define.function("jsonb_set(jsonb, text[], jsonb, bool = true) -> jsonb")
def jsonb_set(j: Jsonb, path: Array, new: Jsonb, create: bool) -> Jsonb:
    if not isinstance(j.value, dict | tuple):
        raise cannot("cannot set path in scalar")
    if not j.value and not create:
        return j
    change = _Change.REPLACE_OR_CREATE if create else _Change.REPLACE
    return _with_change(j, path, change, new.value)


@define.function(
    "jsonb_set_lax(jsonb_in jsonb, path text[], replacement jsonb, "
    "create_if_missing bool = true, null_value_treatment text = use_json_null) -> jsonb",
    strict=False,
)
def jsonb_set_lax(
    j: Jsonb | None, path: Array | None, new: Jsonb | None, create: bool | None, treatment: str
) -> Jsonb | None:
    if j is None or path is None or create is None:
        return None
    if new is not None:
        return jsonb_set(j, path, new, create)
    match treatment:
        case "use_json_null":
            return jsonb_set(j, path, Jsonb(None), create)
        case "delete_key":
            return delete_path(j, path)
        case "return_target":
            return j
        case "raise_exception":
            raise SqlError(errors.NULL_VALUE_NOT_ALLOWED, "JSON value must not be null")
    raise cannot(
        'null_value_treatment must be "delete_key", "return_target", "use_json_null", '
        'or "raise_exception"'
    )


@define.function("jsonb_insert(jsonb, text[], jsonb, bool = false) -> jsonb")
def jsonb_insert(j: Jsonb, path: Array, new: Jsonb, after: bool) -> Jsonb:
    if not isinstance(j.value, dict | tuple):
        raise cannot("cannot set path in scalar")
    change = _Change.INSERT_AFTER if after else _Change.INSERT_BEFORE
    return _with_change(j, path, change, new.value)

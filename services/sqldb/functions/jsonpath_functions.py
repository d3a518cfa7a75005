"""SQL's ways into jsonpath: jsonb_path_query, jsonb_path_exists, @?, @@ …

    jsonb_path_query(target, path, vars = {}, silent = false)

Each comes a second time as …_tz, which may compare times with and without zone and is therefore
not immutable. # Real: jsonb_path_query() and its like in jsonpath_exec.c
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from services.sqldb.errors import SqlError
from services.sqldb.functions.definition import STABLE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.functions.jsonpath import SINGLETON_REQUIRED, WalkError, json_value, walk
from services.sqldb.types.context import SessionContext
from services.sqldb.types.json_values import normal
from services.sqldb.types.jsonpath import Path
from services.sqldb.values import Jsonb

define = Definitions()

_NO_VARIABLES = Jsonb({})


def _found(
    context: SessionContext, target: Jsonb, path: Path, variables: Jsonb, silent: bool, zone: bool
) -> Iterator[Any]:
    """The values, as JSON; with `silent`, up to the first error."""
    values = walk(path, target.value, variables.value, context, uses_zone=zone)
    try:
        for value in values:
            yield normal(json_value(value, context))
    except WalkError:
        if not silent:
            raise


def _exists(context, target, path, variables, silent, zone) -> bool | None:
    values = walk(path, target.value, variables.value, context, uses_zone=zone)
    try:
        if path.is_lax:
            return next(values, values) is not values
        # Strict: whether all of it is without errors counts as well.
        return bool(list(values))
    except WalkError:
        if silent:
            return None
        raise


def _match(context, target, path, variables, silent, zone) -> bool | None:
    values = walk(path, target.value, variables.value, context, uses_zone=zone)
    try:
        found = list(values)
    except WalkError:
        if silent:
            return None
        raise
    if len(found) == 1 and (found[0] is None or isinstance(found[0], bool)):
        return found[0]
    if silent:
        return None
    raise SqlError(SINGLETON_REQUIRED, "single boolean result is expected")


def _query(context, target, path, variables, silent, zone) -> Iterator[Jsonb]:
    # All of them before the first one goes out: an error leaves nothing behind.
    return iter([Jsonb(value) for value in _found(context, target, path, variables, silent, zone)])


def _query_array(context, target, path, variables, silent, zone) -> Jsonb:
    return Jsonb(tuple(_found(context, target, path, variables, silent, zone)))


def _query_first(context, target, path, variables, silent, zone) -> Jsonb | None:
    found = list(_found(context, target, path, variables, silent, zone))
    return Jsonb(found[0]) if found else None


_FUNCTIONS: dict[str, tuple[str, Callable]] = {
    "jsonb_path_exists": ("bool", _exists),
    "jsonb_path_match": ("bool", _match),
    "jsonb_path_query": ("setof jsonb", _query),
    "jsonb_path_query_array": ("jsonb", _query_array),
    "jsonb_path_query_first": ("jsonb", _query_first),
}


def _define(name: str, result: str, function: Callable, *, zone: bool) -> None:
    @define.function(
        f"{name}(target jsonb, path jsonpath, vars jsonb = {{}}, silent bool = false) -> {result}",
        context=True,
        volatility=STABLE if zone else "i",
    )
    def call(
        context: SessionContext, target: Jsonb, path: Path, variables: Jsonb, silent: bool
    ) -> Any:
        return function(context, target, path, variables, silent, zone)


for _name, (_result, _function) in _FUNCTIONS.items():
    _define(_name, _result, _function, zone=False)
    _define(f"{_name}_tz", _result, _function, zone=True)


@define.operators_for("jsonb @? jsonpath -> bool", context=True, function="jsonb_path_exists_opr")
def exists_operator(context: SessionContext, target: Jsonb, path: Path) -> bool | None:
    return _exists(context, target, path, _NO_VARIABLES, True, False)


@define.operators_for("jsonb @@ jsonpath -> bool", context=True, function="jsonb_path_match_opr")
def match_operator(context: SessionContext, target: Jsonb, path: Path) -> bool | None:
    return _match(context, target, path, _NO_VARIABLES, True, False)

"""= <> < <= > >= of all types that compare, also between kinds of numbers and of dates.

Most values compare in Python as they do in SQL, so the operators are templates; the types with a
`sort_key` (interval, jsonb, arrays …) compare by it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.definition import Function
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types import BUILTIN_TYPES, SqlType, type_by_name
from services.sqldb.types.calendar import (
    DAY_US,
    INFINITY_DATE,
    INFINITY_TIMESTAMP,
    MINUS_INFINITY_DATE,
    MINUS_INFINITY_TIMESTAMP,
)
from services.sqldb.types.zones import to_utc

define = Definitions()

_PYTHON_OPERATORS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "=": ("==", operator.eq),
    "<>": ("!=", operator.ne),
    "<": ("<", operator.lt),
    "<=": ("<=", operator.le),
    ">": (">", operator.gt),
    ">=": (">=", operator.ge),
}
_NAMES = {"=": "eq", "<>": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}

_NATIVE = (
    *("bool", "bytea", "char", "name", "text", "int2", "int4", "int8", "oid", "xid8", "tid"),
    *("float4", "float8", "numeric", "date", "time", "timestamp", "timestamptz", "uuid"),
    *("bit", "varbit"),
)
_BY_KEY = ("bpchar", "interval", "timetz", "jsonb", "oidvector")
_MIXED = (
    *("int2 int4", "int4 int2", "int2 int8", "int8 int2", "int4 int8", "int8 int4"),
    *("float4 float8", "float8 float4", "name text", "text name"),
)
_EQUALITY_ONLY = ("xid xid", "cid cid", "xid int4", "aclitem aclitem")


def _define_native() -> None:
    pairs = [f"{name} {name}" for name in _NATIVE] + list(_MIXED)
    for pair in pairs:
        left, right = pair.split()
        for name, (symbol, implementation) in _PYTHON_OPERATORS.items():
            define.operator(
                f"{left} {name} {right}",
                implementation,
                function=f"{left if left == right else left + '_' + right}{_NAMES[name]}",
                template=f"{{0}} {symbol} {{1}}",
                compares=True,
            )
    for pair in _EQUALITY_ONLY:
        left, right = pair.split()
        for name in ("=", "<>"):
            symbol, implementation = _PYTHON_OPERATORS[name]
            define.operator(
                f"{left} {name} {right}",
                implementation,
                template=f"{{0}} {symbol} {{1}}",
                compares=True,
            )


def comparison_by_key(
    key: Callable[[Any], Any], compare: Callable[[Any, Any], bool]
) -> Callable[[Any, Any], bool]:
    return lambda a, b: compare(key(a), key(b))


def _define_by_key() -> None:
    for type_name in _BY_KEY:
        key = type_by_name(type_name).sort_key
        for name, (symbol, compare) in _PYTHON_OPERATORS.items():
            define.operator(
                f"{type_name} {name} {type_name}",
                comparison_by_key(key, compare),
                function=f"{type_name}_{_NAMES[name]}",
                template=f"{type_name}_key({{0}}) {symbol} {type_name}_key({{1}})",
                names={f"{type_name}_key": key},
                compares=True,
            )


def _define_polymorphic() -> None:
    """Arrays, enums and rows: how to compare follows from the type at hand."""
    for type_name, prefix in (("anyarray", "array"), ("anyenum", "enum"), ("record", "record")):
        for name, (_, compare) in _PYTHON_OPERATORS.items():
            define.operator(
                f"{type_name} {name} {type_name}",
                _comparison_of_types(compare),
                function=f"{prefix}_{_NAMES[name]}",
                types=True,
                compares=True,
            )


def _comparison_of_types(compare: Callable[[Any, Any], bool]) -> Callable:
    def specialize(types: tuple[SqlType, ...], result: SqlType) -> Callable[[Any, Any], bool]:
        left, right = types
        problem = _dissimilar(left.fields, right.fields)
        if problem:

            def refuse(a: Any, b: Any) -> bool:
                raise SqlError(errors.DATATYPE_MISMATCH, problem)

            return refuse
        return lambda a, b: compare(left.key_of(a), right.key_of(b))

    return specialize


def _dissimilar(left: tuple | None, right: tuple | None) -> str:
    """Why rows of these fields have no order; empty: they have. # Real: record_cmp()"""
    if left is None or right is None:
        return ""
    for number, ((_, mine, _), (_, other, _)) in enumerate(zip(left, right, strict=False), 1):
        if mine.oid != other.oid:
            return (
                f"cannot compare dissimilar column types {mine} and {other} "
                f"at record column {number}"
            )
    if len(left) != len(right):
        return "cannot compare record types with different numbers of columns"
    return ""


def date_as_timestamp(day: int) -> int:
    """Midnight of a day; beyond the range of timestamps only the order counts."""
    if day == INFINITY_DATE:
        return INFINITY_TIMESTAMP
    if day == MINUS_INFINITY_DATE:
        return MINUS_INFINITY_TIMESTAMP
    return day * DAY_US


def local_as_timestamptz(context: Any, value: int) -> int:
    if value in (INFINITY_TIMESTAMP, MINUS_INFINITY_TIMESTAMP):
        return value
    return to_utc(context.time_zone, value)


def _define_dates() -> None:
    """A date is its midnight, a timestamp without zone the moment in the session's zone."""

    def date_in_zone(context: Any, day: int) -> int:
        return local_as_timestamptz(context, date_as_timestamp(day))

    for name, (_, compare) in _PYTHON_OPERATORS.items():
        _define_mixed(name, compare, "date", "timestamp", date_as_timestamp, context=False)
        _define_mixed(name, compare, "date", "timestamptz", date_in_zone, context=True)
        _define_mixed(name, compare, "timestamp", "timestamptz", local_as_timestamptz, context=True)


def _define_mixed(
    name: str, compare: Callable, left: str, right: str, convert: Callable, *, context: bool
) -> None:
    if context:
        define.operator(
            f"{left} {name} {right}", lambda c, a, b: compare(convert(c, a), b), context=True,
            volatility="s",
        )  # fmt: skip
        define.operator(
            f"{right} {name} {left}", lambda c, a, b: compare(a, convert(c, b)), context=True,
            volatility="s",
        )  # fmt: skip
        return
    define.operator(f"{left} {name} {right}", lambda a, b: compare(convert(a), b))
    define.operator(f"{right} {name} {left}", lambda a, b: compare(a, convert(b)))


def comparison_function(name: str, type_: SqlType) -> Function:
    """The comparison `name` of two values of any comparable type, without a search by names."""
    if not type_.is_comparable:
        raise SqlError(
            errors.UNDEFINED_FUNCTION,
            f"could not identify a comparison function for type {type_}",
        )
    symbol, compare = _PYTHON_OPERATORS[name]
    bool_type = BUILTIN_TYPES[16]
    if type_.sort_key is None:
        return Function(
            name, (type_, type_), bool_type, compare,
            template=f"({{0}} {symbol} {{1}})", comparison=name,
        )  # fmt: skip
    return Function(
        name, (type_, type_), bool_type, comparison_by_key(type_.sort_key, compare), comparison=name
    )


_define_native()
_define_by_key()
_define_polymorphic()
_define_dates()

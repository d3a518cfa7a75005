"""Functions of many rows: count, sum, avg, min, max, string_agg, array_agg …

Each is a state, a step for every row and a final value. The most common ones have templates, by
which the executor adds a row without calling anything: sum(int4) is one addition in its loop.
sum and avg widen their results (integer to bigint, bigint to numeric) as PostgreSQL does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions import interval_arithmetic, numeric_arithmetic
from services.sqldb.functions.arithmetic import check_int8, float_quotient, float_sum
from services.sqldb.functions.definition import AggregateTemplate
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types import SqlType, type_by_name
from services.sqldb.types.arrays import EMPTY, array_of_elements, dimensions
from services.sqldb.types.numbers import to_float4
from services.sqldb.types.numeric import ZERO
from services.sqldb.values import Array, Interval

define = Definitions()

MAX_STRING_BYTES = 0x3FFF_FFFF

_COUNT = AggregateTemplate(("0",), "{s0} += 1", "{s0}")
define.aggregate(
    "count() -> int8",
    initial=int, step=lambda state: state + 1, template=_COUNT, ignores_order=True,
)  # fmt: skip
define.aggregate(
    "count(any) -> int8",
    initial=int, step=lambda state, value: state + 1, template=_COUNT, ignores_order=True,
)  # fmt: skip


def _first_or(combine: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A step that begins with the first value."""
    return lambda state, value: value if state is None else combine(state, value)


def _integer_sum(state: int | None) -> int | None:
    return None if state is None else check_int8(state)


def _numeric_sum_of_integers(state: int | None) -> Decimal | None:
    return None if state is None else Decimal(state)


_RUNNING_SUM = "{s0} = {0} if {s0} is None else {s0} + {0}"
define.aggregate(
    "sum(int2) -> int8", "sum(int4) -> int8",
    step=_first_or(operator.add), final=_integer_sum, ignores_order=True,
    template=AggregateTemplate(
        ("None",), _RUNNING_SUM, "integer_sum({s0})", {"integer_sum": _integer_sum}
    ),
)  # fmt: skip
define.aggregate(
    "sum(int8) -> numeric",
    step=_first_or(operator.add), final=_numeric_sum_of_integers, ignores_order=True,
    template=AggregateTemplate(
        ("None",), _RUNNING_SUM, "bigint_sum({s0})", {"bigint_sum": _numeric_sum_of_integers}
    ),
)  # fmt: skip
define.aggregate(
    "sum(numeric) -> numeric", step=_first_or(numeric_arithmetic.add), ignores_order=True
)
define.aggregate("sum(float8) -> float8", step=_first_or(float_sum))
define.aggregate("sum(float4) -> float4", step=_first_or(lambda a, b: to_float4(float_sum(a, b))))
define.aggregate("sum(interval) -> interval", step=_first_or(interval_arithmetic.add))


def _average_of_integers(count: int, total: int) -> Decimal | None:
    return numeric_arithmetic.divide(Decimal(total), Decimal(count)) if count else None


def _counted(combine: Callable[[Any, Any], Any]) -> Callable[[list, Any], list]:
    """A step that keeps (count, total)."""

    def step(state: list, value: Any) -> list:
        state[1] = combine(state[1], value)
        state[0] += 1
        return state

    return step


define.aggregate(
    "avg(int2) -> numeric", "avg(int4) -> numeric", "avg(int8) -> numeric",
    initial=lambda: [0, 0], step=_counted(operator.add), ignores_order=True,
    final=lambda state: _average_of_integers(*state),
    template=AggregateTemplate(
        ("0", "0"), "{s0} += 1; {s1} += {0}", "average_of_integers({s0}, {s1})",
        {"average_of_integers": _average_of_integers},
    ),
)  # fmt: skip
define.aggregate(
    "avg(numeric) -> numeric",
    initial=lambda: [0, ZERO], step=_counted(numeric_arithmetic.add), ignores_order=True,
    final=lambda s: numeric_arithmetic.divide(s[1], Decimal(s[0])) if s[0] else None,
)  # fmt: skip
define.aggregate(
    "avg(float4) -> float8", "avg(float8) -> float8",
    initial=lambda: [0, 0.0], step=_counted(float_sum),
    final=lambda state: float_quotient(state[1], float(state[0])) if state[0] else None,
)  # fmt: skip
define.aggregate(
    "avg(interval) -> interval",
    initial=lambda: [0, Interval(0, 0, 0)], step=_counted(interval_arithmetic.add),
    final=lambda state: interval_arithmetic.divide(state[1], state[0]) if state[0] else None,
)  # fmt: skip


def _define_extremes() -> None:
    native = (
        *("int2", "int4", "int8", "oid", "float4", "float8", "numeric", "text", "date", "time"),
        *("timestamp", "timestamptz", "tid"),
    )
    for name in native:
        # Of equal values the last one stays: 1.00 after 1.0, a day after 24 hours.
        for function, symbol, choose in (("min", "<=", min), ("max", ">=", max)):
            define.aggregate(
                f"{function}({name}) -> {name}",
                step=_first_or(lambda state, value, choose=choose: choose(value, state)),
                ignores_order=True,
                template=AggregateTemplate(
                    ("None",), f"if {{s0}} is None or {{0}} {symbol} {{s0}}: {{s0}} = {{0}}", "{s0}"
                ),
            )
    for name in ("bpchar", "interval", "timetz"):
        key = type_by_name(name).sort_key
        define.aggregate(f"min({name}) -> {name}", step=_extreme(key, operator.le))
        define.aggregate(f"max({name}) -> {name}", step=_extreme(key, operator.ge))
    for name in ("anyarray", "anyenum"):
        define.aggregate(f"min({name}) -> {name}", make=_make_extreme(operator.le))
        define.aggregate(f"max({name}) -> {name}", make=_make_extreme(operator.ge))


def _extreme(key: Callable[[Any], Any], compare: Callable[[Any, Any], bool]) -> Callable:
    def step(state: Any, value: Any) -> Any:
        return value if state is None or compare(key(value), key(state)) else state

    return step


def _make_extreme(compare: Callable[[Any, Any], bool]) -> Callable:
    def make(types: tuple[SqlType, ...], result: SqlType) -> tuple[Callable, Callable, Callable]:
        step = _extreme(types[0].key_of, compare)
        return lambda: None, step, lambda state: state

    return make


_define_extremes()

define.aggregate(
    "bool_and(bool) -> bool", "every(bool) -> bool",
    step=_first_or(lambda a, b: a and b), ignores_order=True,
    template=AggregateTemplate(("None",), "if {s0} is not False: {s0} = {0}", "{s0}"),
)  # fmt: skip
define.aggregate(
    "bool_or(bool) -> bool",
    step=_first_or(lambda a, b: a or b), ignores_order=True,
    template=AggregateTemplate(("None",), "if {s0} is not True: {s0} = {0}", "{s0}"),
)  # fmt: skip
for _name in ("int2", "int4", "int8"):
    define.aggregate(f"bit_and({_name}) -> {_name}", step=_first_or(operator.and_))
    define.aggregate(f"bit_or({_name}) -> {_name}", step=_first_or(operator.or_))
    define.aggregate(f"bit_xor({_name}) -> {_name}", step=_first_or(operator.xor))


def _add_string(state: list | None, value: Any, delimiter: Any) -> list | None:
    """The delimiter of the first value is not used; a NULL delimiter is none."""
    if value is None:
        return state
    if state is None:
        return [value]
    if delimiter is not None:
        state.append(delimiter)
    state.append(value)
    return state


def _joined(state: list | None, nothing: Any) -> Any:
    """54000 above a gigabyte.  # Real: enlargeStringInfo()"""
    if state is None:
        return None
    size = sum(map(len, state))
    if size > MAX_STRING_BYTES:
        detail = f"Cannot enlarge string buffer containing {size} bytes."
        raise SqlError(errors.PROGRAM_LIMIT_EXCEEDED, "out of memory", detail=detail)
    return nothing.join(state)


define.aggregate(
    "string_agg(text, text) -> text", step=_add_string, is_strict=False,
    final=lambda state: _joined(state, ""),
)  # fmt: skip
define.aggregate(
    "string_agg(bytea, bytea) -> bytea", step=_add_string, is_strict=False,
    final=lambda state: _joined(state, b""),
)  # fmt: skip


def append_value(state: list | None, value: Any) -> list:
    """Collect values, NULLs too; no row at all leaves NULL."""
    if state is None:
        return [value]
    state.append(value)
    return state


def stack_arrays(state: list | None) -> Array | None:
    """Arrays of the same shape, one dimension more."""
    if state is None:
        return None
    if any(item is None for item in state):
        raise SqlError(errors.NULL_VALUE_NOT_ALLOWED, "cannot accumulate null arrays")
    shapes = {dimensions(item) for item in state}
    if shapes == {()}:
        raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, "cannot accumulate empty arrays")
    if len(shapes) > 1:
        message = "cannot accumulate arrays of different dimensionality"
        raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, message)
    return Array(tuple(item.elements for item in state), (1, *state[0].lower_bounds))


define.aggregate(
    "array_agg(anynonarray) -> anyarray", step=append_value, is_strict=False,
    final=lambda state: None if state is None else array_of_elements(state) if state else EMPTY,
)  # fmt: skip
define.aggregate(
    "array_agg(anyarray) -> anyarray", step=append_value, is_strict=False, final=stack_arrays
)

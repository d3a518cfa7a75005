"""RANGE BETWEEN 5 PRECEDING AND …: where a frame ends, by the value of its row and an offset.

The bound is a value of its own: a frame of `RANGE 5 PRECEDING` at the row 12 begins with the first
value that is not before 7. It may lie where the type has no values (-5 of a smallint's least one,
25:00 of a time), so it is not computed by the type's operators, except where a calendar is needed.
# Real: transformFrameOffset(), and the in_range functions of operator families
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from math import inf, isnan
from typing import Any

from services.sqldb.binder.conversion import convert_type, is_unknown
from services.sqldb.binder.scope import Scope
from services.sqldb.errors import (
    FEATURE_NOT_SUPPORTED,
    INVALID_PRECEDING_OR_FOLLOWING_SIZE,
    SqlError,
)
from services.sqldb.functions import Function, resolve_operator
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import BoundKind
from services.sqldb.types import (
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    NUMERIC,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    SqlType,
)
from services.sqldb.types.numeric import EXACT
from services.sqldb.values import TimeTz

_MICROSECONDS_OF_DAY = 86_400_000_000
_INTEGERS = (INT2, INT4, INT8)
# Which offsets go with which column.
_OFFSETS: dict[int, tuple[SqlType, ...]] = {
    **{type_.oid: _INTEGERS for type_ in _INTEGERS},
    **{type_.oid: (FLOAT8,) for type_ in (FLOAT4, FLOAT8)},
    NUMERIC.oid: (NUMERIC,),
    **{type_.oid: (INTERVAL,) for type_ in (DATE, TIME, TIMETZ, TIMESTAMP, TIMESTAMPTZ, INTERVAL)},
}


def range_bound(
    scope: Scope,
    bound: nodes.FrameBound,
    offset: ex.Expression,
    key: ex.SortKey,
    place: int,
    *,
    is_end: bool,
) -> tuple[ex.Expression, Function]:
    """The offset as the column needs it, and the function that makes the bound of the two."""
    type_ = key.expression.type.plain
    offset = _converted(scope, type_, offset, place)
    goes_down = (bound.kind is BoundKind.PRECEDING) != key.is_descending
    resolved = resolve_operator(
        "-" if goes_down else "+", type_, offset.type, library=scope.statement.library
    )
    function = resolved.function
    own = _OWN_ARITHMETIC.get(type_.oid)
    if own is not None:
        moved, is_negative = own
        sign = -1 if goes_down else 1
        # Infinity less infinity is no number: then the frame has all values on this side.
        side = 1 if is_end != key.is_descending else -1
        call = _checked(lambda value, offset: moved(value, offset, sign, side), is_negative)
        return offset, replace(function, implementation=call, needs_context=False, template="")
    call = function.implementation
    if function.needs_context:
        # In a time zone.
        return offset, replace(function, implementation=_checked_in_zone(call), template="")
    if type_.oid == DATE.oid:
        by_calendar = call
        # A part of a day, too: the bound of a date less 12 hours lies between two dates.
        call = lambda *values: by_calendar(*values) / _MICROSECONDS_OF_DAY  # noqa: E731
    call = _checked(call, _is_negative_interval)
    return offset, replace(function, implementation=call, template="")


def _converted(scope: Scope, type_: SqlType, offset: ex.Expression, place: int) -> ex.Expression:
    allowed = _OFFSETS.get(type_.oid)
    message = f"RANGE with offset PRECEDING/FOLLOWING is not supported for column type {type_}"
    if allowed is None:
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=place)
    if is_unknown(offset):
        wanted = type_ if type_ in allowed else allowed[0]
        return convert_type(scope.statement, offset, wanted)
    if offset.type.plain in allowed:
        return offset
    converted = None
    if len(allowed) == 1:
        converted = convert_type(scope.statement, offset, allowed[0], "i", place)
    if converted is None:
        message += f" and offset type {offset.type}"
        hint = "Cast the offset value to an appropriate type."
        raise SqlError(FEATURE_NOT_SUPPORTED, message, hint=hint, position=place)
    return converted


# Bounds.


def _checked(call: Callable[..., Any], is_negative: Callable[[Any], bool]) -> Callable[..., Any]:
    def bound(value: Any, offset: Any) -> Any:
        if is_negative(offset):
            raise _invalid_size()
        return call(value, offset)

    return bound


def _checked_in_zone(call: Callable[..., Any]) -> Callable[..., Any]:
    def bound(context: Any, value: Any, offset: Any) -> Any:
        if _is_negative_interval(offset):
            raise _invalid_size()
        return call(context, value, offset)

    return bound


def _invalid_size() -> SqlError:
    message = "invalid preceding or following size in window function"
    return SqlError(INVALID_PRECEDING_OR_FOLLOWING_SIZE, message)


def _is_negative_interval(offset: Any) -> bool:
    return INTERVAL.key_of(offset) < 0


def _moved_integer(value: int, offset: int, sign: int, side: int) -> int:
    return value + sign * offset


def _moved_float(value: float, offset: float, sign: int, side: int) -> float:
    if isnan(value):
        return value
    moved = value + sign * offset
    return side * inf if isnan(moved) else moved


def _moved_numeric(value: Decimal, offset: Decimal, sign: int, side: int) -> Decimal:
    if value.is_nan():
        return value
    moved = EXACT.add(value, offset if sign > 0 else EXACT.minus(offset))
    return Decimal("Infinity") * side if moved.is_nan() else moved


def _moved_time(value: int, offset: Any, sign: int, side: int) -> int:
    """Only the offset's hours count, and midnight is no obstacle."""
    return value + sign * offset.microseconds


def _moved_zoned_time(value: TimeTz, offset: Any, sign: int, side: int) -> TimeTz:
    return value._replace(microseconds=value.microseconds + sign * offset.microseconds)


def _is_negative_clock(offset: Any) -> bool:
    return offset.microseconds < 0


# The bound of a value and an offset that goes up (1) or down (-1), and which offsets are wrong.
_OWN_ARITHMETIC: dict[int, tuple[Callable[..., Any], Callable[[Any], bool]]] = {
    **{type_.oid: (_moved_integer, lambda offset: offset < 0) for type_ in _INTEGERS},
    **{
        type_.oid: (_moved_float, lambda offset: offset < 0 or isnan(offset))
        for type_ in (FLOAT4, FLOAT8)
    },
    NUMERIC.oid: (_moved_numeric, lambda offset: offset.is_nan() or offset < 0),
    TIME.oid: (_moved_time, _is_negative_clock),
    TIMETZ.oid: (_moved_zoned_time, _is_negative_clock),
}

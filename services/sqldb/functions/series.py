"""generate_series, and the small functions that fit nowhere else: uuids, enums, nulls."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal, Overflow
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.date_arithmetic import add_interval, add_interval_in_zone
from services.sqldb.functions.definition import STABLE, VOLATILE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types import SqlType, enum_values
from services.sqldb.types.arrays import array_of_elements
from services.sqldb.types.context import SessionContext
from services.sqldb.types.intervals import interval_key
from services.sqldb.types.numeric import EXACT
from services.sqldb.values import Array, EnumValue, Interval

define = Definitions()


def _zero_step() -> SqlError:
    return SqlError(errors.INVALID_PARAMETER_VALUE, "step size cannot equal zero")


def _integer_series(start: int, stop: int, step: int = 1) -> range:
    if step == 0:
        raise _zero_step()
    return range(start, stop + (1 if step > 0 else -1), step)


for _name in ("int4", "int8"):
    define.function(f"generate_series({_name}, {_name}) -> setof {_name}")(_integer_series)
    define.function(f"generate_series({_name}, {_name}, {_name}) -> setof {_name}")(_integer_series)


@define.function("generate_series(numeric, numeric) -> setof numeric")
@define.function("generate_series(numeric, numeric, numeric) -> setof numeric")
def numeric_series(start: Decimal, stop: Decimal, step: Decimal = Decimal(1)) -> Iterator[Decimal]:
    for name, value in (("start", start), ("stop", stop), ("step", step)):
        if not value.is_finite():
            what = "NaN" if value.is_nan() else "infinity"
            shown = f"{name} size" if name == "step" else f"{name} value"
            raise SqlError(errors.INVALID_PARAMETER_VALUE, f"{shown} cannot be {what}")
    if not step:
        raise _zero_step()
    return _numeric_steps(start, stop, step)


def _numeric_steps(start: Decimal, stop: Decimal, step: Decimal) -> Iterator[Decimal]:
    value = start
    while value <= stop if step > 0 else value >= stop:
        yield value
        try:
            value = EXACT.add(value, step)
        except Overflow:
            # The step behind the last value need not be one that numeric holds.
            return


def _steps(
    start: int, stop: int, step: Interval, add: Callable[[int, Interval], int]
) -> Iterator[int]:
    length = interval_key(step)
    if length == 0:
        raise _zero_step()
    return _timestamp_steps(start, stop, step, length > 0, add)


def _timestamp_steps(
    start: int, stop: int, step: Interval, is_rising: bool, add: Callable[[int, Interval], int]
) -> Iterator[int]:
    value = start
    while value <= stop if is_rising else value >= stop:
        yield value
        value = add(value, step)


@define.function("generate_series(timestamp, timestamp, interval) -> setof timestamp")
def timestamp_series(start: int, stop: int, step: Interval) -> Iterator[int]:
    return _steps(start, stop, step, add_interval)


@define.function(
    "generate_series(timestamptz, timestamptz, interval) -> setof timestamptz",
    context=True,
    volatility=STABLE,
)
def timestamptz_series(
    context: SessionContext, start: int, stop: int, step: Interval
) -> Iterator[int]:
    return _steps(start, stop, step, lambda value, span: add_interval_in_zone(context, value, span))


define.function("gen_random_uuid() -> uuid", volatility=VOLATILE)(uuid.uuid4)


@define.function("enum_first(anyenum) -> anyenum", types=True, strict=False)
def enum_first(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., EnumValue]:
    return lambda value: enum_values(types[0])[0]


@define.function("enum_last(anyenum) -> anyenum", types=True, strict=False)
def enum_last(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., EnumValue]:
    return lambda value: enum_values(types[0])[-1]


@define.function("enum_range(anyenum) -> anyarray", types=True, strict=False)
def enum_range(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Array]:
    return lambda value: array_of_elements(enum_values(types[0]))


@define.function("enum_range(anyenum, anyenum) -> anyarray", types=True, strict=False)
def enum_range_between(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Array]:
    """From one value to another; NULL stands for the first and the last one."""

    def call(low: EnumValue | None, high: EnumValue | None) -> Array:
        values = enum_values(types[0])
        return array_of_elements(
            v for v in values if (low is None or v >= low) and (high is None or v <= high)
        )

    return call


@define.function("pg_typeof(any) -> regtype", types=True, strict=False, volatility=STABLE)
def pg_typeof(types: tuple[SqlType, ...], result: SqlType) -> Callable[[Any], int]:
    return lambda value: types[0].oid


@define.function("num_nulls(variadic any) -> int4", strict=False)
def num_nulls(*values: Any) -> int:
    return sum(value is None for value in values)


@define.function("num_nonnulls(variadic any) -> int4", strict=False)
def num_nonnulls(*values: Any) -> int:
    return sum(value is not None for value in values)

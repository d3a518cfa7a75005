"""Aggregates of statistics: variance, correlation, regression, percentiles, hypothetical ranks.

Floats use the running sums of Youngs and Cramer, which stay exact where the plain sum of squares
loses its digits; integers and numerics keep exact sums. # Real: float8_accum(), numeric_accum()
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions import interval_arithmetic, numeric_arithmetic
from services.sqldb.functions.arithmetic import float_overflow
from services.sqldb.functions.definitions import Definitions
from services.sqldb.interruption import check_for_interrupts
from services.sqldb.types import SqlType
from services.sqldb.types.arrays import map_array
from services.sqldb.types.numeric import EXACT, ZERO
from services.sqldb.values import NAN, NUMERIC_NAN, Array, Interval, sql_float

define = Definitions()


def _accumulate_float(state: list[float], value: float) -> list[float]:
    """[n, sum of x, sum of squared deviations]"""
    count, total, squares = state
    count += 1.0
    total += value
    if state[0] > 0.0:
        deviation = value * count - total
        squares += deviation * deviation / (count * state[0])
        if math.isinf(total) or math.isinf(squares):
            if math.isfinite(state[1]) and math.isfinite(value):
                raise float_overflow()
            squares = math.nan
    elif not math.isfinite(value):
        squares = math.nan
    state[:] = count, total, squares
    return state


def _float_variance(divide_by: int, root: bool) -> Callable[[list[float]], float | None]:
    """`divide_by` 1: of a sample (n-1), 0: of a population (n)."""

    def final(state: list[float]) -> float | None:
        if state[0] <= divide_by:
            return None
        variance = sql_float(state[2] / (state[0] - divide_by))
        return sql_float(math.sqrt(variance)) if root and variance is not NAN else variance

    return final


def _accumulate_numeric(state: list, value: Any) -> list:
    """[n, sum of x, sum of x²]"""
    number = Decimal(value) if isinstance(value, int) else value
    state[0] += 1
    state[1] = numeric_arithmetic.add(state[1], number)
    state[2] = numeric_arithmetic.add(state[2], numeric_arithmetic.multiply(number, number))
    return state


def _numeric_variance(divide_by: int, root: bool) -> Callable[[list], Decimal | None]:
    def final(state: list) -> Decimal | None:
        count, total, squares = state
        if count <= divide_by:
            return None
        if not total.is_finite():
            return NUMERIC_NAN
        number = Decimal(count)
        deviation = EXACT.subtract(EXACT.multiply(number, squares), EXACT.multiply(total, total))
        if deviation <= 0:
            return ZERO
        divisor = Decimal(count * (count - divide_by))
        variance = numeric_arithmetic.divide(deviation, divisor)
        if not root:
            return variance
        scale = numeric_arithmetic.quotient_scale(deviation, divisor)
        return numeric_arithmetic.square_root_to(variance, scale)

    return final


for _name, _divide_by, _root in (
    ("variance", 1, False), ("var_samp", 1, False), ("var_pop", 0, False),
    ("stddev", 1, True), ("stddev_samp", 1, True), ("stddev_pop", 0, True),
):  # fmt: skip
    define.aggregate(
        f"{_name}(float4) -> float8", f"{_name}(float8) -> float8",
        initial=lambda: [0.0, 0.0, 0.0], step=_accumulate_float,
        final=_float_variance(_divide_by, _root),
    )  # fmt: skip
    define.aggregate(
        *(f"{_name}({_type}) -> numeric" for _type in ("int2", "int4", "int8", "numeric")),
        initial=lambda: [0, ZERO, ZERO], step=_accumulate_numeric,
        final=_numeric_variance(_divide_by, _root),
    )  # fmt: skip


class _Pairs:
    """Running sums over pairs (y, x): n, Σx, Σy, and squared deviations."""

    __slots__ = ("n", "sx", "sxx", "sxy", "sy", "syy")

    def __init__(self) -> None:
        self.n = self.sx = self.sxx = self.sy = self.syy = self.sxy = 0.0

    def add(self, y: float, x: float) -> _Pairs:
        before = self.n
        self.n += 1.0
        self.sx += x
        self.sy += y
        if before > 0.0:
            tx, ty = x * self.n - self.sx, y * self.n - self.sy
            scale = 1.0 / (self.n * before)
            self.sxx += tx * tx * scale
            self.syy += ty * ty * scale
            self.sxy += tx * ty * scale
        else:
            if not math.isfinite(x):
                self.sxx = self.sxy = math.nan
            if not math.isfinite(y):
                self.syy = self.sxy = math.nan
        return self


def _correlation(p: _Pairs) -> float | None:
    if p.n < 1 or p.sxx == 0 or p.syy == 0:
        return None
    return p.sxy / math.sqrt(p.sxx * p.syy)


def _determination(p: _Pairs) -> float | None:
    if p.n < 1 or p.sxx == 0:
        return None
    return 1.0 if p.syy == 0 else (p.sxy * p.sxy) / (p.sxx * p.syy)


_REGRESSION: dict[str, Callable[[_Pairs], float | None]] = {
    "corr": _correlation,
    "covar_pop": lambda p: p.sxy / p.n if p.n >= 1 else None,
    "covar_samp": lambda p: p.sxy / (p.n - 1.0) if p.n >= 2 else None,
    "regr_avgx": lambda p: p.sx / p.n if p.n >= 1 else None,
    "regr_avgy": lambda p: p.sy / p.n if p.n >= 1 else None,
    "regr_sxx": lambda p: p.sxx if p.n >= 1 else None,
    "regr_syy": lambda p: p.syy if p.n >= 1 else None,
    "regr_sxy": lambda p: p.sxy if p.n >= 1 else None,
    "regr_slope": lambda p: p.sxy / p.sxx if p.n >= 1 and p.sxx != 0 else None,
    "regr_intercept": lambda p: (
        (p.sy - p.sx * p.sxy / p.sxx) / p.n if p.n >= 1 and p.sxx != 0 else None
    ),
    "regr_r2": _determination,
}


def _as_sql(final: Callable[[_Pairs], float | None]) -> Callable[[_Pairs], float | None]:
    def result(state: _Pairs) -> float | None:
        value = final(state)
        return None if value is None else sql_float(value)

    return result


for _name, _final in _REGRESSION.items():
    define.aggregate(
        f"{_name}(float8, float8) -> float8",
        initial=_Pairs, step=_Pairs.add, final=_as_sql(_final),
    )  # fmt: skip
define.aggregate(
    "regr_count(float8, float8) -> int8",
    initial=int, step=lambda state, y, x: state + 1, ignores_order=True,
)  # fmt: skip


def _collect(state: list, value: Any) -> list:
    state.append(value)
    return state


def _check_fraction(fraction: float) -> None:
    if not 0.0 <= fraction <= 1.0:
        shown = f"{fraction:g}"
        raise SqlError(
            errors.NUMERIC_VALUE_OUT_OF_RANGE, f"percentile value {shown} is not between 0 and 1"
        )


def discrete_percentile(values: list, fraction: float | None) -> Any:
    """The first value that at least this part of all rows does not exceed."""
    if fraction is None:
        return None
    _check_fraction(fraction)
    if not values:
        return None
    return values[max(math.ceil(fraction * len(values)), 1) - 1]


def _interpolated(low: Any, high: Any, part: float) -> Any:
    if isinstance(low, Interval):
        difference = interval_arithmetic.subtract(high, low)
        return interval_arithmetic.add(low, interval_arithmetic.multiply(difference, part))
    return low + part * (high - low)


def continuous_percentile(values: list, fraction: float | None) -> Any:
    """Between the two nearest rows, in proportion."""
    if fraction is None:
        return None
    _check_fraction(fraction)
    if not values:
        return None
    place = fraction * (len(values) - 1)
    first, second = math.floor(place), math.ceil(place)
    if first == second:
        return values[first]
    return _interpolated(values[first], values[second], place - first)


def _for_each(percentile: Callable[[list, float], Any]) -> Callable[[list, Array], Array | None]:
    def final(values: list, fractions: Array | None) -> Array | None:
        if fractions is None or not values:
            return None
        return map_array(fractions, lambda fraction: percentile(values, fraction))

    return final


for _name, _percentile, _types in (
    ("percentile_disc", discrete_percentile, ("anyelement",)),
    ("percentile_cont", continuous_percentile, ("float8", "interval")),
):
    for _type in _types:
        define.aggregate(
            f"{_name}({_type}) -> {_type}", kind="o", direct="float8",
            initial=list, step=_collect, final=_percentile,
        )  # fmt: skip
        _many = "anyarray" if _type == "anyelement" else f"{_type}[]"
        define.aggregate(
            f"{_name}({_type}) -> {_many}", kind="o", direct="float8[]",
            initial=list, step=_collect, final=_for_each(_percentile),
        )  # fmt: skip


def _make_mode(types: tuple[SqlType, ...], result: SqlType) -> tuple[Callable, ...]:
    """The most frequent value, the first one of those that are equally frequent."""

    def final(values: list) -> Any:
        best, best_count, at = None, 0, 0
        while at < len(values):
            end = at
            while end < len(values) and types[-1].key_of(values[end]) == types[-1].key_of(
                values[at]
            ):
                end += 1
            check_for_interrupts()
            if end - at > best_count:
                best, best_count = values[at], end - at
            at = end
        return best

    return list, _collect, final


define.aggregate("mode(anyelement) -> anyelement", kind="o", make=_make_mode)


# Hypothetical-set aggregates get native sort keys of the rows and of the row in question, which
# the executor makes as for any sort: ascending, NULLs and DESC dealt with.
def _hypothetical_rank(keys: list, key: Any) -> int:
    return 1 + sum(other < key for other in keys)


define.aggregate(
    "rank(variadic any) -> int8", kind="h",
    initial=list, step=_collect, final=_hypothetical_rank, is_strict=False,
)  # fmt: skip
define.aggregate(
    "dense_rank(variadic any) -> int8", kind="h", initial=list, step=_collect, is_strict=False,
    final=lambda keys, key: 1 + len({other for other in keys if other < key}),
)  # fmt: skip
define.aggregate(
    "percent_rank(variadic any) -> float8", kind="h", initial=list, step=_collect, is_strict=False,
    final=lambda keys, key: (_hypothetical_rank(keys, key) - 1) / len(keys) if keys else 0.0,
)  # fmt: skip
define.aggregate(
    "cume_dist(variadic any) -> float8", kind="h", initial=list, step=_collect, is_strict=False,
    final=lambda keys, key: (sum(other <= key for other in keys) + 1) / (len(keys) + 1),
)  # fmt: skip

"""Aggregates over frames whose start moves, without adding each frame up again.

    sum(x) OVER (ORDER BY t ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)

    x        10   20    5    7        the sum of the frame [1, 4) is
    sums   0 10   30   35   42        sums[4] - sums[1] = 42 - 10 = 32

**Sums.** count, sum and avg of integers and numerics are exact, so what stands before the frame can
be taken away from the running total. (Of floats it cannot: 1e20 + 1 - 1e20 is 0. They are added up
again for each frame, here as in PostgreSQL, so that the results are the same.)

**Choices.** min, max, bool_and, bit_or and their like may count a value twice, so two overlapping
stretches give the whole. `best[k][i]` is the best of the 2^k values from i on; the frame [1, 6) is
the better one of best[2][1] (1 to 4) and best[2][2] (2 to 5).

An EXCLUDE clause leaves up to three stretches of rows instead of one, which changes nothing in
either.
# Real: moving-aggregate mode with inverse transition functions, nodeWindowAgg.c; for min and max
# PostgreSQL adds up again
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate
from typing import Any

from services.sqldb.functions.numeric_arithmetic import EXACT

Ranges = list[tuple[int, int]]
"""The rows of a frame: stretches [start, end) in order, none of them empty."""
RangesOf = Callable[[int], Ranges]

_SUMS = frozenset({"count", "sum", "avg"})
_EXACT_TYPES = frozenset({"int2", "int4", "int8", "numeric"})
_CHOICES = frozenset({"min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or"})


def moving_column(
    function: Any, values: list, ranges_of: RangesOf, check: Callable[[], None]
) -> list | None:
    """The aggregate over the frame of each row; None: it has to be added up frame by frame.

    `values` are the argument of each row, None where it does not count.
    """
    if function.needs_context:
        return None
    if function.name in _SUMS:
        types = {type_.name for type_ in function.argument_types}
        if function.name == "count":
            numbers: list = [0] * len(values)
        elif types <= _EXACT_TYPES and all(v is None or _is_finite(v) for v in values):
            numbers = [v or 0 for v in values]
        else:
            return None
        sums = _decimal_sums if "numeric" in types and function.name != "count" else _integer_sums
        counts = list(accumulate((v is not None for v in values), initial=0))
        total_of = sums(numbers, values)
        return _each(len(values), ranges_of, check, _summed(function, counts, total_of))
    if function.name in _CHOICES:
        choose = _chooser(values, function.step)
        return _each(len(values), ranges_of, check, lambda r: function.final(choose(r)))
    return None


def _is_finite(value: object) -> bool:
    return not isinstance(value, Decimal) or value.is_finite()


def _each(
    size: int, ranges_of: RangesOf, check: Callable[[], None], result: Callable[[Ranges], object]
) -> list:
    values = []
    for position in range(size):
        if not position & 1023:
            check()
        values.append(result(ranges_of(position)))
    return values


def _summed(
    function: Any, counts: list[int], total_of: Callable[[Ranges], object]
) -> Callable[[Ranges], object]:
    name, final = function.name, function.final

    def result(ranges: Ranges) -> object:
        count = sum([counts[end] - counts[start] for start, end in ranges])
        if name == "count":
            return count
        if not count:
            return None
        total = total_of(ranges)
        return final([count, total] if name == "avg" else total)

    return result


def _integer_sums(numbers: list[int], values: list) -> Callable[[Ranges], int]:
    sums = list(accumulate(numbers, initial=0))
    return lambda ranges: sum([sums[end] - sums[start] for start, end in ranges])


def _decimal_sums(numbers: list[Decimal], values: list) -> Callable[[Ranges], Decimal]:
    """A sum has as many decimals as the value of its frame that has most."""
    sums = list(accumulate(numbers, EXACT.add, initial=Decimal(0)))
    exponents = [None if v is None else v.as_tuple().exponent for v in values]
    known = {exponent for exponent in exponents if exponent is not None}
    least = _chooser(exponents, min) if len(known) > 1 else None
    only = min(known, default=0)

    def total(ranges: Ranges) -> Decimal:
        whole = Decimal(0)
        for start, end in ranges:
            whole = EXACT.add(whole, EXACT.subtract(sums[end], sums[start]))
        exponent = only if least is None else least(ranges)
        return EXACT.quantize(whole, Decimal((0, (1,), exponent)))

    return total


def _chooser(values: list, choose: Callable[[Any, Any], Any]) -> Callable[[Ranges], Any]:
    """The best value of ranges, as tables of stretches that get twice as long each time."""

    def better(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return b if a is None else a
        return choose(a, b)

    best = [values]

    def result(ranges: Ranges) -> Any:
        found = None
        for start, end in ranges:
            level = (end - start).bit_length() - 1
            while level >= len(best):
                step = 1 << (len(best) - 1)
                best.append(list(map(better, best[-1], best[-1][step:])))
            row = best[level]
            found = better(found, better(row[start], row[end - (1 << level)]))
        return found

    return result

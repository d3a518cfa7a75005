"""The share of rows that a condition lets through: its selectivity.

It comes from what ANALYZE found: a most common value has its own share, a range is measured in the
histogram, the rest is spread evenly. Where nothing is known there are rules of thumb.

    age = 20             the share of 20, if it is among the most common values
    age = 33             what the common values and NULLs leave, through the number of other values
    age > 30 AND age < 40    both shares minus one: what they have in common (not their product)

Conditions on different columns are taken as independent; that they seldom are is the classical
source of bad plans. # Real: selfuncs.c, clausesel.c
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.sqldb.interruption import paced
from services.sqldb.optimizer.conditions import conjuncts, like_prefix, unlabelled
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.analysis import needs

if TYPE_CHECKING:
    from services.sqldb.catalog.definitions import Statistics
    from services.sqldb.optimizer.estimates import Estimator

# Where nothing is known. # Real: selfuncs.h
EQUALITY = 0.005
SAMPLED_ELEMENTS = 1000
FEW = 64
INEQUALITY = 1 / 3
RANGE = 0.005
MATCH = 0.005
NULL = 0.005

_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def selectivity(estimator: Estimator, condition: ex.Expression | None) -> float:
    """The share of rows for which a condition is true."""
    share = 1.0
    # Ranges by their column: (the expression, shares of the conditions from below and above).
    ranges: list[tuple[ex.Expression, dict[str, float]]] = []
    for part in conjuncts(condition):
        bound = _bound(estimator, part)
        if bound is None:
            share *= _one(estimator, part)
            continue
        column, side, own = bound
        for known, sides in ranges:
            if known == column:
                sides[side] = min(own, sides.get(side, 1.0))
                break
        else:
            ranges.append((column, {side: own}))
    for column, sides in ranges:
        share *= _range(estimator, column, sides)
    return share


def _bound(
    estimator: Estimator, part: ex.Expression
) -> tuple[ex.Expression, str, float] | None:  # fmt: skip
    """(column, which side, share) of a condition such as a > 5; None: it is something else."""
    if not isinstance(part, ex.Call) or part.function.comparison not in _MIRRORED:
        return None
    left, right = part.arguments
    operator = part.function.comparison
    if not needs(left):
        left, right, operator = right, left, _MIRRORED[operator]
    if not needs(left) or needs(right):
        return None
    column = unlabelled(left)
    return column, operator[0], _range_share(estimator, column, operator, constant_of(right))


def _range(estimator: Estimator, column: ex.Expression, sides: dict[str, float]) -> float:
    if len(sides) == 1:
        return next(iter(sides.values()))
    low, high = sides[">"], sides["<"]
    if low == INEQUALITY and high == INEQUALITY:
        return RANGE
    common = low + high + null_fraction(estimator, column) - 1
    return common if common > 0 else 1e-5


def _one(estimator: Estimator, part: ex.Expression) -> float:
    match part:
        case ex.Constant():
            return 1.0 if part.value is True else 0.0
        case ex.Or():
            share = 0.0
            for item in paced(part.arguments, FEW):
                own = selectivity(estimator, item)
                share += own - share * own
            return share
        case ex.And():
            return selectivity(estimator, part)
        case ex.Not():
            return 1 - selectivity(estimator, part.argument)
        case ex.IsNull():
            share = null_fraction(estimator, part.argument)
            return 1 - share if part.is_negated else share
        case ex.BooleanTest() if part.wanted is not None:
            share = selectivity(estimator, part.argument)
            return share if part.wanted is not part.is_negated else 1 - share
        case ex.Quantified():
            return _quantified(estimator, part)
        case ex.Call() if len(part.arguments) == 2:
            return _comparison(estimator, part)
        case ex.Column():
            return equal_share(estimator, part, True)
        case ex.Subquery():
            return 0.5
    return INEQUALITY


def null_fraction(estimator: Estimator, expression: ex.Expression) -> float:
    statistics = estimator.column_statistics(expression)
    if statistics is not None:
        return statistics.null_fraction
    return 0.0 if estimator.is_not_null(expression) else NULL


def constant_of(expression: ex.Expression) -> object:
    """The value of a constant; None: not known before the statement runs."""
    expression = unlabelled(expression)
    return expression.value if isinstance(expression, ex.Constant) else None


def _quantified(estimator: Estimator, part: ex.Quantified) -> float:
    if part.is_all or part.comparison.comparison != "=":
        return INEQUALITY
    array = constant_of(part.array)
    if array is None:
        return min(1.0, 10 * equal_share(estimator, part.left, None))
    # The elements are different values of one column: their shares add up. Of very many the first
    # ones stand for the others.
    some = array.elements[:SAMPLED_ELEMENTS]
    share = sum(equal_share(estimator, part.left, item) for item in some)
    share *= len(array.elements) / max(1, len(some))
    return min(1.0, share)


def _comparison(estimator: Estimator, call: ex.Call) -> float:
    operator = call.function.comparison
    left, right = call.arguments
    if not operator:
        return _match(estimator, call)
    if needs(left) and needs(right):
        if operator == "=":
            return equal_pair_share(estimator, left, right)
        return 1 - EQUALITY if operator == "<>" else INEQUALITY
    if not needs(left):
        left, right = right, left
    share = equal_share(estimator, left, constant_of(right))
    if operator == "=":
        return share
    return max(0.0, 1 - share - null_fraction(estimator, left))


def equal_pair_share(estimator: Estimator, left: ex.Expression, right: ex.Expression) -> float:
    """The share of pairs of rows in which both values are equal. # Real: eqjoinsel()"""
    most = max(estimator.distinct_count(left), estimator.distinct_count(right), 1.0)
    present = (1 - null_fraction(estimator, left)) * (1 - null_fraction(estimator, right))
    return present / most


def _match(estimator: Estimator, call: ex.Call) -> float:
    """LIKE and its like: the range of what begins so, less for each further letter."""
    prefix = like_prefix(call)
    if prefix is None:
        return MATCH if call.spelling in ("~~", "~", "@>", "~~*", "~*") else INEQUALITY
    text, follower, is_exact = prefix
    column = unlabelled(call.arguments[0])
    if is_exact:
        return equal_share(estimator, column, text)
    sides = {
        ">": _range_share(estimator, column, ">=", text),
        "<": _range_share(estimator, column, "<", follower),
    }
    return max(_range(estimator, column, sides), 1e-4)


def equal_share(estimator: Estimator, column: ex.Expression, value: object) -> float:
    """The share of rows whose column is equal to a value (None: to one that is not known)."""
    column = unlabelled(column)
    statistics = estimator.column_statistics(column)
    rows = estimator.table_rows(column)
    if estimator.is_unique(column):
        return 1 / max(rows, 1.0)
    if statistics is None:
        return 1 / estimator.distinct_count(column)
    for common, share in statistics.most_common:
        if value is not None and common == value:
            return share
    count = estimator.distinct_count(column)
    rest = 1 - statistics.null_fraction
    if value is None:
        return max(rest / max(count, 1.0), 1e-9)
    rest -= sum(share for _, share in statistics.most_common)
    others = max(count - len(statistics.most_common), 1.0)
    share = max(rest, 0.0) / others
    if statistics.most_common:
        share = min(share, statistics.most_common[-1][1])
    return max(share, 1e-9)


def _range_share(
    estimator: Estimator, column: ex.Expression, operator: str, value: object
) -> float:  # fmt: skip
    statistics = estimator.column_statistics(column)
    if statistics is None or value is None:
        return INEQUALITY
    if not statistics.histogram and not statistics.most_common:
        return INEQUALITY
    try:
        below = _below(statistics, operator, value)
    except TypeError:
        return INEQUALITY
    total = 1 - statistics.null_fraction
    share = below if operator in ("<", "<=") else total - below
    return min(max(share, 1e-4), 1.0)


def _below(statistics: Statistics, operator: str, value: object) -> float:
    """The share of rows with a lesser value, or an equal one where the operator counts it in."""
    below = common = 0.0
    for known, share in statistics.most_common:
        common += share
        if known < value or (operator in ("<=", ">") and known == value):
            below += share
    if len(statistics.histogram) > 1:
        rest = max(1 - statistics.null_fraction - common, 0.0)
        below += rest * _share_below(statistics.histogram, value)
    return below


def _share_below(bounds: Sequence, value: object) -> float:
    place = bisect_left(bounds, value)
    if place == 0:
        return 0.0
    if place >= len(bounds):
        return 1.0
    low, high = bounds[place - 1], bounds[place]
    if low == high:
        part = 0.5
    else:
        low, high, value = _scalars(low, high, value)
        part = (value - low) / (high - low) if high > low else 0.5
    return (place - 1 + part) / (len(bounds) - 1)


def _scalars(low: object, high: object, value: object) -> tuple[float, float, float]:
    """Three values as numbers at the same distances, where they can be. # Real: convert_to_scalar()

    Of texts the letters behind a common beginning are digits of a number to base 256.
    """
    if isinstance(value, str) and isinstance(low, str) and isinstance(high, str):
        same = 0
        while same < min(len(low), len(high)) and low[same] == high[same]:
            same += 1
        return tuple(_number(text[same:]) for text in (low, high, value))
    try:
        return float(low), float(high), float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0, 1.0, 0.5


def _number(text: str) -> float:
    return sum(min(ord(letter), 255) / 256 ** (at + 1) for at, letter in enumerate(text[:8]))

"""Constant folding: what depends on nothing is computed once, before the statement runs.

    WHERE 1 = 1 AND x > 2 + 3    →    WHERE x > 5

Errors stay where they are: 1/0 in a branch that is never taken must not be raised.
# Real: eval_const_expressions()
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from services.sqldb.errors import SqlError
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import rewrite_all


def fold(plan: n.Plan, check: Callable[[], None] = lambda: None) -> n.Plan:
    """Compute what is constant, and simplify AND, OR, NOT and CASE around it.

    `check` is called now and then: it may raise what interrupts the statement.
    """
    steps = count(1)

    def change(part: ex.Expression) -> ex.Expression:
        if not next(steps) & 1023:
            check()
        return fold_one(part)

    return rewrite_all(plan, change)


def fold_one(part: ex.Expression) -> ex.Expression:
    match part:
        case ex.Call():
            return _call(part)
        case ex.And():
            return _junction(part, True)
        case ex.Or():
            return _junction(part, False)
        case ex.Not() if isinstance(part.argument, ex.Constant):
            value = part.argument.value
            return ex.Constant(part.type, None if value is None else not value)
        case ex.Relabel() if isinstance(part.argument, ex.Constant):
            return ex.Constant(part.type, part.argument.value, part.typmod)
        case ex.Case():
            return _case(part)
        case ex.Coalesce():
            return _coalesce(part)
        case ex.RowComparison(spelling="="):
            return _row_equality(part)
        case ex.ArrayValue() if not part.is_nested and all(
            isinstance(item, ex.Constant) for item in part.items
        ):
            from services.sqldb.types.arrays import array_of_elements

            return ex.Constant(part.type, array_of_elements(item.value for item in part.items))
    return part


def _call(call: ex.Call) -> ex.Expression:
    function = call.function
    if function.volatility != "i" or function.needs_context or function.returns_set:
        return call
    values = []
    for argument in call.arguments:
        if not isinstance(argument, ex.Constant):
            return call
        if argument.value is None and function.is_strict:
            return ex.Constant(call.type, None, call.typmod)
        values.append(argument.value)
    try:
        return ex.Constant(call.type, function.implementation(*values), call.typmod)
    except SqlError:
        return call


def _junction(part: ex.And | ex.Or, neutral: bool) -> ex.Expression:
    """AND without its TRUEs; FALSE if one is FALSE. OR the other way round."""
    kept: list[ex.Expression] = []
    for argument in part.arguments:
        if isinstance(argument, ex.Constant) and argument.value is not None:
            if argument.value is not neutral:
                return ex.Constant(part.type, not neutral)
            continue
        kept.extend(argument.arguments if type(argument) is type(part) else (argument,))
    if not kept:
        return ex.Constant(part.type, neutral)
    if len(kept) == 1:
        return kept[0]
    if len(kept) == len(part.arguments) and all(
        new is old for new, old in zip(kept, part.arguments, strict=True)
    ):
        return part
    return type(part)(part.type, tuple(kept))


def _row_equality(part: ex.RowComparison) -> ex.Expression:
    """(a, b) = (1, 2) is a = 1 AND b = 2, which indexes and joins know what to do with."""
    pairs = zip(part.equals, part.left, part.right, strict=True)
    calls = [
        fold_one(ex.Call(part.type, equals, (left, right), spelling="="))
        for equals, left, right in pairs
    ]
    return fold_one(ex.And(part.type, tuple(calls))) if len(calls) > 1 else calls[0]


def _case(case: ex.Case) -> ex.Expression:
    """Branches whose condition is known: false ones go, a true one ends the list."""
    branches: list[tuple[ex.Expression, ex.Expression]] = []
    for condition, result in case.branches:
        if isinstance(condition, ex.Constant):
            if condition.value is True:
                if not branches:
                    return result
                return ex.Case(case.type, tuple(branches), result, case.typmod)
            continue
        branches.append((condition, result))
    if not branches:
        return case.otherwise
    if len(branches) == len(case.branches):
        return case
    return ex.Case(case.type, tuple(branches), case.otherwise, case.typmod)


def _coalesce(part: ex.Coalesce) -> ex.Expression:
    kept = [a for a in part.arguments if not (isinstance(a, ex.Constant) and a.value is None)]
    if not kept:
        return ex.Constant(part.type, None, part.typmod)
    if isinstance(kept[0], ex.Constant) or len(kept) == 1:
        return kept[0]
    return part if len(kept) == len(part.arguments) else ex.Coalesce(part.type, tuple(kept))

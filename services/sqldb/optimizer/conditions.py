"""Small things that every pass needs: conditions as lists, columns replaced by expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import (
    Key,
    map_expressions,
    rewrite,
    subqueries_of,
    walk,
    with_inputs,
)
from services.sqldb.types import BOOL


def conjuncts(condition: ex.Expression | None) -> list[ex.Expression]:
    """The parts of which all must be true."""
    if condition is None:
        return []
    if isinstance(condition, ex.And):
        return [part for argument in condition.arguments for part in conjuncts(argument)]
    if isinstance(condition, ex.Constant) and condition.value is True:
        return []
    return [condition]


def conjunction(parts: Iterable[ex.Expression]) -> ex.Expression | None:
    parts = list(parts)
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else ex.And(BOOL, tuple(parts))


def filtered(plan: n.Plan, parts: Iterable[ex.Expression]) -> n.Plan:
    condition = conjunction(parts)
    return plan if condition is None else n.Filter(plan, condition)


def is_volatile(expression: ex.Expression) -> bool:
    return any(
        isinstance(part, ex.NextValue | ex.SetReturningCall)
        or getattr(getattr(part, "function", None), "volatility", "") == "v"
        for part in walk(expression)
    )


def has_subquery(expression: ex.Expression) -> bool:
    return any(isinstance(part, ex.Subquery) for part in walk(expression))


def substitute(expression: ex.Expression, given: dict[Key, ex.Expression]) -> ex.Expression:
    """The expression with columns replaced, inside of subqueries too."""
    return rewrite(expression, _replacing(given))


def _replacing(given: dict[Key, ex.Expression]) -> Callable[[ex.Expression], ex.Expression]:
    def change(part: ex.Expression) -> ex.Expression:
        if isinstance(part, ex.Column):
            return given.get((part.relation, part.index), part)
        return part

    return change


def equality(part: ex.Expression) -> tuple[ex.Expression, ex.Expression] | None:
    """The two sides of a = b, if its values compare as Python compares them."""
    if isinstance(part, ex.Call) and part.function.comparison == "=" and len(part.arguments) == 2:
        return part.arguments[0], part.arguments[1]
    return None


def rejects_null(part: ex.Expression, relations: set[int]) -> bool:
    """Whether the condition is never true when all columns of these relations are NULL."""
    match part:
        case ex.And():
            return any(rejects_null(item, relations) for item in part.arguments)
        case ex.Or():
            return all(rejects_null(item, relations) for item in part.arguments)
        case ex.IsNull(is_negated=True):
            return _is_null_then(part.argument, relations)
        case ex.BooleanTest(is_negated=False) if part.wanted is not None:
            return _is_null_then(part.argument, relations)
        case ex.Not():
            return _is_null_then(part.argument, relations)
        case ex.Quantified(is_all=False):
            # NULL = ANY (…) is NULL, or false if the array is empty.
            return part.comparison.is_strict and _is_null_then(part.left, relations)
    return _is_null_then(part, relations)


def _is_null_then(expression: ex.Expression, relations: set[int]) -> bool:
    """Whether the value is NULL for sure when the columns of the relations are."""
    match expression:
        case ex.Column():
            return expression.relation in relations
        case ex.Call():
            return expression.function.is_strict and any(
                _is_null_then(item, relations) for item in expression.arguments
            )
        case ex.Relabel() | ex.Not():
            return _is_null_then(expression.argument, relations)
    return False


def map_plans(plan: n.Plan, change: Callable[[n.Plan], n.Plan]) -> n.Plan:
    """`change` applied to each operator from the leaves upward, in subqueries as well."""
    plan = with_inputs(plan, lambda item: map_plans(item, change))
    if any(True for _ in subqueries_of(plan)):
        plan = map_subqueries(plan, lambda item: map_plans(item, change))
    return change(plan)


def map_subqueries(plan: n.Plan, change: Callable[[n.Plan], n.Plan]) -> n.Plan:
    """`change` applied to the plan of each subquery in the operator's own expressions."""
    # An operator may have the same subquery in two places, as a bound and as a condition.
    done: dict[int, ex.Subquery] = {}

    def changed(part: ex.Expression) -> ex.Expression:
        if not isinstance(part, ex.Subquery):
            return part
        if id(part) not in done:
            inner = change(part.plan)
            done[id(part)] = part if inner is part.plan else replace(part, plan=inner)
        return done[id(part)]

    return map_expressions(plan, changed)


def unlabelled(expression: ex.Expression) -> ex.Expression:
    """Without the casts that leave a value as it is: varchar as text."""
    while isinstance(expression, ex.Relabel):
        expression = expression.argument
    return expression


_TEXTS = frozenset({"text", "varchar", "name"})
LAST_LETTER = chr(0x10FFFF)


def like_prefix(call: ex.Call) -> tuple[str, str, bool] | None:
    """Of x LIKE 'abc%': ("abc", "abd", False); texts that begin so are from the one to the other.

    The last: the pattern has no wildcard, so that x is equal to it. None: it begins with a
    wildcard, or isn't known, or it is no LIKE.
    """
    if call.spelling != "~~" or len(call.arguments) != 2:
        return None
    pattern = unlabelled(call.arguments[1])
    if not isinstance(pattern, ex.Constant) or not isinstance(pattern.value, str):
        return None
    if call.arguments[0].type.name not in _TEXTS:
        return None
    letters: list[str] = []
    wanted = iter(pattern.value)
    for letter in wanted:
        if letter in "%_":
            break
        letters.append(next(wanted, "") if letter == "\\" else letter)
    else:
        return "".join(letters), "", True
    if not letters or letters[-1] >= LAST_LETTER:
        return None
    following = ord(letters[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:
        following = 0xE000  # Halves of surrogate pairs are no letters.
    prefix = "".join(letters)
    return prefix, prefix[:-1] + chr(following), False

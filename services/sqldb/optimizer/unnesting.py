"""WITH queries read once, and EXISTS and IN as joins.

    SELECT … FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id)

    →  customers SEMI JOIN orders ON o.customer = c.id

A semi join finds all matches by one hash table, where the subquery would be run for each row. NOT
EXISTS is an anti join. NOT IN is none: one NULL on its right side makes it never true, so it stays
a subquery, whose rows the executor keeps in a set.
# Real: pull_up_sublinks()
"""

from __future__ import annotations

from services.sqldb.optimizer.conditions import (
    conjunction,
    conjuncts,
    filtered,
    is_volatile,
    map_plans,
    substitute,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import (
    expressions_of,
    free_keys,
    needs,
    outputs,
    relations_in,
    walk,
)
from services.sqldb.types import BOOL

CHANGES = (n.Insert, n.Update, n.Delete, n.Merge)
KIND = ex.SubqueryKind


def inline_ctes(plan: n.Plan) -> n.Plan:
    """A WITH query that is read once, and neither recursive nor changing data, moves there."""
    inlined: dict[int, n.CteDefinition] = {}

    def change(item: n.Plan) -> n.Plan:
        if isinstance(item, n.CteScan) and item.cte in inlined:
            definition = inlined[item.cte]
            inner = map_plans(definition.plan, change)
            return n.Project(inner, item.relation, definition.columns, item.names)
        if isinstance(item, n.With):
            kept = tuple(one for one in item.definitions if one.cte not in inlined)
            return n.With(kept, item.input) if kept else item.input
        return item

    for item in _everywhere(plan):
        if isinstance(item, n.With):
            inlined |= {one.cte: one for one in item.definitions if _may_be_inlined(one)}
    return map_plans(plan, change) if inlined else plan


def _everywhere(plan: n.Plan) -> list[n.Plan]:
    found: list[n.Plan] = []
    map_plans(plan, lambda item: found.append(item) or item)
    return found


def _may_be_inlined(definition: n.CteDefinition) -> bool:
    if definition.materialized or definition.references != 1:
        return False
    for item in _everywhere(definition.plan):
        if isinstance(item, (*CHANGES, n.RecursiveUnion, n.WorkTableScan, n.LockRows)):
            return False
        if any(is_volatile(expression) for expression in expressions_of(item)):
            return False
    return True


def unnest(plan: n.Plan) -> n.Plan:
    """EXISTS and IN that are conditions of their own become semi joins, NOT EXISTS anti joins."""

    def change(item: n.Plan) -> n.Plan:
        if not isinstance(item, n.Filter):
            return item
        below, rest = item.input, []
        for part in conjuncts(item.condition):
            joined = _joined(below, part)
            if joined is None:
                rest.append(part)
            else:
                below = joined
        return item if below is item.input else filtered(below, rest)

    return map_plans(plan, change)


def _joined(below: n.Plan, part: ex.Expression) -> n.Plan | None:
    kind = n.JoinKind.SEMI
    if isinstance(part, ex.Not):
        kind, part = n.JoinKind.ANTI, part.argument
    if not isinstance(part, ex.Subquery):
        return None
    if part.kind is KIND.EXISTS:
        inner, conditions = _without_correlation(_unordered(part.plan), relations_in(below))
        if not conditions:
            # The same answer for all rows: the executor asks once.
            return None
    elif part.kind is KIND.ANY and kind is n.JoinKind.SEMI and _is_equality(part):
        keys = outputs(part.plan)
        if not keys:
            return None
        inner = part.plan
        conditions = [
            ex.Call(BOOL, function, (left, ex.Column(function.argument_types[1], *key)))
            for function, left, key in zip(part.comparisons, part.left, keys, strict=True)
        ]
        inner, more = _without_correlation(inner, relations_in(below), keeps_columns=True)
        conditions += more
    else:
        return None
    made = relations_in(below)
    is_lateral = any(key[0] in made for key in free_keys(inner))
    if is_lateral or any(_is_outside(condition, made, inner) for condition in conditions):
        # It would be run for each row in any case.
        return None
    return n.Join(kind, below, inner, conjunction(conditions))


def _is_outside(condition: ex.Expression, made: set[int], inner: n.Plan) -> bool:
    """Whether a condition uses columns that neither side has any more."""
    known = made | relations_in(inner)
    return any(key[0] not in known for key in needs(condition))


def _is_equality(part: ex.Subquery) -> bool:
    return bool(part.comparisons) and all(f.comparison == "=" for f in part.comparisons)


def _unordered(plan: n.Plan) -> n.Plan:
    """Whether there is a row does not depend on order, nor on what is selected."""
    while True:
        match plan:
            case n.Project() if not any(is_volatile(item) for item in plan.expressions):
                plan = plan.input
            case n.Sort() | n.Distinct():
                plan = plan.input
            case n.Limit(offset=None, limit=ex.Constant(value=int(count))) if count > 0:
                plan = plan.input
            case _:
                return plan


def _without_correlation(
    plan: n.Plan, outer: set[int], *, keeps_columns: bool = False
) -> tuple[n.Plan, list[ex.Expression]]:
    """The plan without the conditions that use outer columns, and these, for the join to ask."""
    match plan:
        case n.Filter():
            inner, taken = _without_correlation(plan.input, outer, keeps_columns=keeps_columns)
            kept = []
            for part in conjuncts(plan.condition):
                uses_outer = any(key[0] in outer for key in needs(part))
                (taken if uses_outer else kept).append(part)
            return filtered(inner, kept), taken
        case n.Join(kind=n.JoinKind.INNER, is_lateral=False):
            left, taken = _without_correlation(plan.left, outer)
            right, more = _without_correlation(plan.right, outer)
            kept = []
            for part in conjuncts(plan.condition):
                uses_outer = any(key[0] in outer for key in needs(part))
                (taken if uses_outer else kept).append(part)
            return n.Join(plan.kind, left, right, conjunction(kept)), [*taken, *more]
        case n.Project() if keeps_columns:
            inner, taken = _without_correlation(plan.input, outer)
            return _passing(plan, inner, taken, outer)
    return plan, []


def _passing(
    plan: n.Project, inner: n.Plan, taken: list[ex.Expression], outer: set[int]
) -> tuple[n.Plan, list[ex.Expression]]:
    """A projection gives further columns for the conditions that were taken from below it."""
    if not taken:
        return plan, []
    expressions = list(plan.expressions)
    given: dict = {}
    columns = {
        (part.relation, part.index): part
        for condition in taken
        for part in _columns(condition)
        if part.relation not in outer
    }
    for key, column in columns.items():
        given[key] = ex.Column(column.type, plan.relation, len(expressions))
        expressions.append(column)
    names = (*plan.names, *("",) * (len(expressions) - len(plan.names)))
    project = n.Project(inner, plan.relation, tuple(expressions), names)
    return project, [substitute(condition, given) for condition in taken]


def _columns(condition: ex.Expression) -> list[ex.Column]:
    return [part for part in walk(condition) if isinstance(part, ex.Column)]

"""The last choices: how to group, whether to sort, what an index gives for nothing.

Sort by id                    →   Index Scan using the primary key, which is in order
Limit 10 of Sort              →   Top-N: a heap of the best ten
max(x)                        →   the last entry of an index on x
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.catalog.definitions import Index
from services.sqldb.optimizer.access import usable_indexes
from services.sqldb.optimizer.conditions import filtered
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import relations_in, with_inputs
from services.sqldb.types import BOOL


def top_n(plan: n.Plan) -> n.Plan:
    """Limit above Sort, perhaps with a projection between, becomes one operator."""
    plan = with_inputs(plan, top_n)
    if not isinstance(plan, n.Limit) or plan.limit is None or plan.with_ties:
        return plan
    match plan.input:
        case n.Sort() as sort:
            return n.TopN(sort.input, sort.keys, plan.limit, plan.offset)
        case n.Project(input=n.Sort() as sort) as project if not _gives_sets(project):
            best = n.TopN(sort.input, sort.keys, plan.limit, plan.offset)
            return replace(project, input=best)
    return plan


def _gives_sets(project: n.Project) -> bool:
    return any(isinstance(item, ex.SetReturningCall) for item in project.expressions)


def avoid_sorts(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """A sort by what an index is ordered by is no sort, if the index is worth its cost."""
    plan = with_inputs(plan, lambda item: avoid_sorts(item, estimator))
    match plan:
        case n.Sort():
            ordered = in_order(plan.input, plan.keys, estimator)
            if ordered is not None and _is_worth(ordered, plan, estimator):
                return ordered
        case n.Limit(input=n.Sort() as sort):
            ordered = in_order(sort.input, sort.keys, estimator)
            if ordered is not None and _is_worth(replace(plan, input=ordered), plan, estimator):
                return replace(plan, input=ordered)
        case n.Limit(input=n.Project(input=n.Sort() as sort) as project):
            ordered = in_order(sort.input, sort.keys, estimator)
            if ordered is not None:
                other = replace(plan, input=replace(project, input=ordered))
                if _is_worth(other, plan, estimator):
                    return other
    return plan


def _is_worth(ordered: n.Plan, sorted_: n.Plan, estimator: Estimator) -> bool:
    return estimator.of(ordered).total <= estimator.of(sorted_).total


def in_order(plan: n.Plan, keys: tuple[ex.SortKey, ...], estimator: Estimator) -> n.Plan | None:
    """The same rows in the order of the keys without sorting; None: not possible."""
    match plan:
        case n.Filter():
            inner = in_order(plan.input, keys, estimator)
            return None if inner is None else replace(plan, input=inner)
        case n.Project():
            below = _through(plan, keys)
            inner = None if below is None else in_order(plan.input, below, estimator)
            return None if inner is None else replace(plan, input=inner)
        case n.Scan():
            for index in usable_indexes(plan.table, estimator):
                backward = direction(index, 0, keys, plan.relation)
                if backward is not None:
                    return n.IndexScan(
                        plan.relation, plan.table, index, n.KeyRange(),
                        is_backward=backward, alias=plan.alias,
                    )  # fmt: skip
        case n.IndexScan() if plan.range.any_of is None and not plan.is_backward:
            backward = direction(plan.index, len(plan.range.equal), keys, plan.relation)
            if backward is not None:
                return replace(plan, is_backward=backward)
    return None


def _through(plan: n.Project, keys: tuple[ex.SortKey, ...]) -> tuple[ex.SortKey, ...] | None:
    """Sort keys over a projection as keys over its input."""
    below = []
    for key in keys:
        column = key.expression
        if not isinstance(column, ex.Column):
            return None
        if column.relation == plan.relation:
            column = plan.expressions[column.index]
        below.append(replace(key, expression=column))
    return tuple(below)


def direction(index: Index, fixed: int, keys: tuple[ex.SortKey, ...], relation: int) -> bool | None:
    """Whether the index gives this order, forward (False) or backward (True).

    Its first `fixed` columns are equal in all rows that are read, so that they decide nothing.
    """
    answer: bool | None = None
    columns = list(index.keys)
    constant = {key.column for key in columns[:fixed]}
    place = fixed
    for key in keys:
        column = key.expression
        if not isinstance(column, ex.Column) or column.relation != relation:
            return None
        if column.index in constant:
            continue
        if place >= len(columns) or columns[place].column != column.index:
            return None
        own = columns[place]
        backward = own.is_descending is not key.is_descending
        nulls_first = own.nulls_first is not backward
        if nulls_first is not key.nulls_first or answer not in (None, backward):
            return None
        answer = backward
        place += 1
    return bool(answer)


def extremes_by_index(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """min(x) or max(x) of a whole table: the first or last entry of an index that is not NULL.

    # Real: planagg.c
    """
    plan = with_inputs(plan, lambda item: extremes_by_index(item, estimator))
    if not isinstance(plan, n.Aggregate) or plan.groups or len(plan.calls) != 1:
        return plan
    call = plan.calls[0]
    column = call.arguments[0] if len(call.arguments) == 1 else None
    if call.function.name not in ("min", "max") or call.filter is not None:
        return plan
    if plan.grouping_sets is not None or not isinstance(column, ex.Column):
        return plan
    is_max = call.function.name == "max"
    key = ex.SortKey(column, is_max, is_max)
    ordered = in_order(plan.input, (key,), estimator)
    if ordered is None or column.relation not in relations_in(ordered):
        return plan
    known = filtered(ordered, [ex.IsNull(BOOL, column, True)])
    first = n.Limit(known, ex.Constant(column.type, 1), None)
    return replace(plan, input=first)


def choose_aggregates(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """Groups from sorted input come in order and one at a time; from any other by hashing."""
    plan = with_inputs(plan, lambda item: choose_aggregates(item, estimator))
    if type(plan) is not n.Aggregate:
        return plan
    is_plain = plan.grouping_sets is None and not plan.groupings
    if plan.groups and is_plain and _is_sorted_by(plan.input, plan.groups):
        return n.SortedAggregate(plan.input, plan.relation, plan.groups, plan.calls)
    return n.HashAggregate(
        plan.input, plan.relation, plan.groups, plan.calls, plan.grouping_sets, plan.groupings
    )


def _is_sorted_by(plan: n.Plan, groups: tuple[ex.Expression, ...]) -> bool:
    if not isinstance(plan, n.Sort) or len(plan.keys) < len(groups):
        return False
    sorted_by = [
        (key.expression.relation, key.expression.index)
        for key in plan.keys[: len(groups)]
        if isinstance(key.expression, ex.Column)
    ]
    wanted = [(g.relation, g.index) for g in groups if isinstance(g, ex.Column)]
    return len(wanted) == len(groups) and set(sorted_by) == set(wanted)

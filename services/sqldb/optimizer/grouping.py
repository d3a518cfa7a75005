"""How to group: by hashing, or one group after the other from rows in order.

    HashAggregate       a dict from the group's values to its state; groups come in any order
    SortedAggregate     the rows come ordered by the groups, so one state is held at a time

Order costs a sort, unless an index has it. The same holds for DISTINCT.
# Real: create_grouping_paths(), create_distinct_paths()
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.ordering import ordered_ways
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import with_inputs


def choose_aggregates(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """The cheapest method for each GROUP BY and DISTINCT."""
    plan = with_inputs(plan, lambda item: choose_aggregates(item, estimator))
    if type(plan) is n.Aggregate:
        return _aggregate(plan, estimator)
    if type(plan) is n.Distinct and not plan.is_ordered:
        return _distinct(plan, estimator)
    return plan


def _aggregate(plan: n.Aggregate, estimator: Estimator) -> n.Plan:
    hashed = n.HashAggregate(
        plan.input, plan.relation, plan.groups, plan.calls, plan.grouping_sets, plan.groupings
    )
    if not plan.groups or plan.grouping_sets is not None or plan.groupings:
        return hashed
    order = tuple([ex.SortKey(group) for group in plan.groups])
    if _is_sorted_by(plan.input, plan.groups):
        inputs: list[n.Plan] = [plan.input]
    else:
        inputs = [*ordered_ways(plan.input, order, estimator), n.Sort(plan.input, order)]
    ways: list[n.Plan] = [hashed]
    ways += [n.SortedAggregate(one, plan.relation, plan.groups, plan.calls) for one in inputs]
    return min(ways, key=lambda way: estimator.of(way).total)


def _is_sorted_by(plan: n.Plan, groups: tuple[ex.Expression, ...]) -> bool:
    if not isinstance(plan, n.Sort) or len(plan.keys) < len(groups):
        return False
    sorted_by = [key.expression for key in plan.keys[: len(groups)]]
    return all(group in sorted_by for group in groups)


def _distinct(plan: n.Distinct, estimator: Estimator) -> n.Plan:
    if not plan.on:
        return plan
    order = tuple([ex.SortKey(item) for item in plan.on])
    inputs = [*ordered_ways(plan.input, order, estimator), n.Sort(plan.input, order)]
    ways: list[n.Plan] = [plan]
    ways += [replace(plan, input=one, is_ordered=True) for one in inputs]
    return min(ways, key=lambda way: estimator.of(way).total)

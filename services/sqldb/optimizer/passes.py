"""The passes of the optimizer, in order. Each is a function from a plan to a better one.

    1  fold constants             2 + 3 → 5
    2  inline WITH                a WITH query that is read once moves to its place
    3  unnest subqueries          EXISTS and IN become semi joins
    4  push conditions down       as near to the tables as possible; LEFT becomes INNER on the way
    5  choose access              index or whole table, for each table
    6  order joins                which table first, and hash, lookup or loop
    7  extremes by index          min and max
    8  avoid sorts                where an index is in order already
    9  top-n                      LIMIT above a sort
    10 choose aggregates          hash or sorted
    11 plan subqueries            those that are left, each by all passes

The plan means the same after every pass, and could be executed after every pass: that is how they
are tested. `EXPLAIN (PASSES) SELECT …` shows the plan after each pass that has changed it:
`run_passes(…, trace)` calls `trace(name, plan)` after each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from services.sqldb.optimizer.access import choose_access
from services.sqldb.optimizer.conditions import map_subqueries
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.folding import fold
from services.sqldb.optimizer.grouping import choose_aggregates
from services.sqldb.optimizer.join_order import order_joins
from services.sqldb.optimizer.ordering import avoid_sorts, extremes_by_index, top_n
from services.sqldb.optimizer.pushdown import push_down
from services.sqldb.optimizer.unnesting import inline_ctes, unnest
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import rewrite, subqueries_of, walk, walk_plan, with_inputs

Trace = Callable[[str, n.Plan], None]


class Pass(NamedTuple):
    """`on`: the operators that it does something with, none: any. A plan without them is spared
    the walk: a look-up by primary key is planned in half the time."""

    name: str
    run: Callable[[n.Plan, Estimator], n.Plan]
    on: frozenset[type] = frozenset()
    needs_subqueries: bool = False


def plan_subqueries(plan: n.Plan, estimator: Estimator) -> n.Plan:
    """The subqueries in the expressions of all operators, by all passes."""
    plan = with_inputs(plan, lambda item: plan_subqueries(item, estimator))
    if not any(True for _ in subqueries_of(plan)):
        return plan
    return map_subqueries(plan, lambda item: run_passes(item, estimator))


PASSES = (
    Pass("fold constants", lambda plan, estimator: fold(plan, estimator.check)),
    Pass("inline WITH", lambda plan, estimator: inline_ctes(plan), frozenset({n.With})),
    Pass("unnest subqueries", lambda plan, estimator: unnest(plan), needs_subqueries=True),
    Pass("push conditions down", lambda plan, _: push_down(plan), frozenset({n.Filter, n.Join})),
    Pass("choose access", choose_access, frozenset({n.Scan})),
    Pass("order joins", order_joins, frozenset({n.Join})),
    Pass("extremes by index", extremes_by_index, frozenset({n.Aggregate})),
    Pass("avoid sorts", avoid_sorts, frozenset({n.Sort})),
    Pass("top-n", lambda plan, estimator: top_n(plan), frozenset({n.Limit})),
    Pass("choose aggregates", choose_aggregates, frozenset({n.Aggregate, n.Distinct})),
    Pass("plan subqueries", plan_subqueries, needs_subqueries=True),
)


def run_passes(plan: n.Plan, estimator: Estimator, trace: Trace | None = None) -> n.Plan:
    """The best plan that the passes find; the estimator can then say what it will cost."""
    present: frozenset[type] | None = None
    has_subqueries = any(True for item in walk_plan(plan) for _ in subqueries_of(item))
    for name, run, on, needs_subqueries in PASSES:
        if present is None:
            present = frozenset(type(item) for item in walk_plan(plan))
        if (has_subqueries or not needs_subqueries) and (has_subqueries or not on or on & present):
            changed = run(plan, estimator)
            if changed is not plan:
                plan, present = changed, None
        if trace is not None:
            trace(name, plan)
    return plan


def optimize_expression(expression: ex.Expression, estimator: Estimator) -> ex.Expression:
    """The subqueries among the client's columns, each by all passes."""
    if not any(isinstance(part, ex.Subquery) for part in walk(expression)):
        return expression

    def change(part: ex.Expression) -> ex.Expression:
        if isinstance(part, ex.Subquery):
            return replace(part, plan=run_passes(part.plan, estimator))
        return part

    return rewrite(expression, change)

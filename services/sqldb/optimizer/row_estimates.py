"""Estimates of everything that is neither scan nor join: rows from nothing, grouping, order, sets.

# Real: cost_agg(), cost_sort(), estimate_num_groups()
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from services.sqldb.optimizer.costs import (
    DEFAULT_WIDTH,
    PAGE_BYTES,
    ROW_HEADER_BYTES,
    WIDTHS,
    Estimate,
    aligned,
    clamp,
)
from services.sqldb.optimizer.scan_estimates import conditions_cost
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import outputs

if TYPE_CHECKING:
    from services.sqldb.optimizer.estimates import Estimator


def _values(estimator: Estimator, plan: n.Values) -> Estimate:
    rows = float(len(plan.rows))
    width = sum(estimator.width(item) for item in plan.rows[0]) if plan.rows else 0
    return Estimate(0.0, rows * estimator.costs.cpu_tuple * 1.25, clamp(rows), width)


def _one_row(estimator: Estimator, plan: n.Plan) -> Estimate:
    return Estimate(0.0, estimator.costs.cpu_tuple, 1.0, 0)


def _filter(estimator: Estimator, plan: n.Filter) -> Estimate:
    below = estimator.of(plan.input)
    cost = below.total + below.rows * conditions_cost(estimator, plan.condition)
    rows = clamp(below.rows * estimator.selectivity(plan.condition))
    return Estimate(below.startup, cost, rows, below.width)


def _project(estimator: Estimator, plan: n.Project) -> Estimate:
    below = estimator.of(plan.input)
    computed = sum(not isinstance(item, ex.Column) for item in plan.expressions)
    cost = below.total + below.rows * computed * estimator.costs.cpu_operator
    width = sum(estimator.width(item) for item in plan.expressions)
    return Estimate(below.startup, cost, below.rows, width)


def _project_set(estimator: Estimator, plan: n.ProjectSet) -> Estimate:
    below = estimator.of(plan.input)
    rows = below.rows * 1000
    width = sum(estimator.width(item) for item in plan.expressions)
    return Estimate(below.startup, below.total + rows * estimator.costs.cpu_tuple, rows, width)


def _aggregate(estimator: Estimator, plan: n.Aggregate | n.HashAggregate) -> Estimate:
    """Hashing, or one group of all rows. A hash that outgrows work_mem pays for its disk."""
    costs, below = estimator.costs, estimator.of(plan.input)
    work = below.rows * costs.cpu_operator * (len(plan.groups) + len(plan.calls))
    width = sum(estimator.width(item) for item in (*plan.groups, *plan.calls))
    if not plan.groups:
        total = below.total + work
        return Estimate(total, total + costs.cpu_tuple, 1.0, width)
    rows = clamp(group_count(estimator, plan.groups, below.rows))
    size = rows * (aligned(width) + ROW_HEADER_BYTES)
    if size > costs.work_mem_bytes:
        work += 2 * costs.seq_page * math.ceil(_bytes(below) / PAGE_BYTES)
    startup = below.total + work + costs.penalty("hashagg")
    return Estimate(startup, startup + rows * costs.cpu_tuple, rows, width)


def _sorted_aggregate(estimator: Estimator, plan: n.SortedAggregate) -> Estimate:
    costs, below = estimator.costs, estimator.of(plan.input)
    work = below.rows * costs.cpu_operator * (len(plan.groups) + len(plan.calls))
    width = sum(estimator.width(item) for item in (*plan.groups, *plan.calls))
    rows = clamp(group_count(estimator, plan.groups, below.rows))
    total = below.total + work + rows * costs.cpu_tuple
    return Estimate(below.startup, total, rows, width)


def _bytes(estimate: Estimate) -> float:
    return estimate.rows * (aligned(estimate.width) + ROW_HEADER_BYTES)


def group_count(estimator: Estimator, groups, rows: float) -> float:
    """How many groups so many rows make. # Real: estimate_num_groups()

    The values of several columns of one table hardly come in all combinations, and some of them
    not at all where only a part of the rows is there.
    """
    by_relation: dict[int, list[float]] = {}
    sizes: dict[int, float] = {}
    count = 1.0
    for group in groups:
        column = estimator.bare(group)
        distinct = estimator.distinct_count(column)
        if isinstance(column, ex.Column):
            by_relation.setdefault(column.relation, []).append(distinct)
            sizes[column.relation] = max(estimator.table_rows(column), 1.0)
        else:
            count *= distinct
    for relation, distincts in by_relation.items():
        size, most = sizes[relation], math.prod(distincts)
        limit = size if len(distincts) == 1 else max(size * 0.1, *distincts)
        most = min(most, limit)
        if rows < size:
            most *= 1 - ((size - rows) / size) ** (size / most)
        count *= max(most, 1.0)
    return min(count, rows)


def _sort(estimator: Estimator, plan: n.Sort) -> Estimate:
    costs, below = estimator.costs, estimator.of(plan.input)
    rows = max(below.rows, 2.0)
    compares = rows * math.log2(rows) * 2 * costs.cpu_operator
    if _bytes(below) > costs.work_mem_bytes:
        # Written out and read again, mostly in sequence.
        pages = math.ceil(_bytes(below) / PAGE_BYTES)
        compares += 2 * pages * (costs.seq_page * 0.75 + costs.random_page * 0.25)
    startup = below.total + compares + costs.penalty("sort")
    return Estimate(startup, startup + below.rows * costs.cpu_operator, below.rows, below.width)


def _constant_count(expression: ex.Expression | None, otherwise: float) -> float:
    if isinstance(expression, ex.Constant) and isinstance(expression.value, int):
        return float(expression.value)
    return otherwise


def _top_n(estimator: Estimator, plan: n.TopN) -> Estimate:
    below = estimator.of(plan.input)
    wanted = _constant_count(plan.limit, below.rows / 10)
    costs = estimator.costs
    startup = below.total + below.rows * math.log2(max(wanted * 2, 2.0)) * 2 * costs.cpu_operator
    startup += costs.penalty("sort")
    rows = clamp(min(wanted, below.rows))
    return Estimate(startup, startup + rows * estimator.costs.cpu_operator, rows, below.width)


def _limit(estimator: Estimator, plan: n.Limit) -> Estimate:
    below = estimator.of(plan.input)
    skipped = _constant_count(plan.offset, 0.0)
    wanted = _constant_count(plan.limit, below.rows if plan.limit is None else below.rows / 10)
    rows = clamp(min(wanted, max(below.rows - skipped, 1.0)))
    share = min(1.0, (rows + skipped) / max(below.rows, 1.0))
    total = below.startup + (below.total - below.startup) * share
    return Estimate(below.startup, total, rows, below.width)


def _distinct(estimator: Estimator, plan: n.Distinct) -> Estimate:
    below = estimator.of(plan.input)
    rows = clamp(group_count(estimator, plan.on, below.rows))
    total = below.total + below.rows * estimator.costs.cpu_operator * len(plan.on)
    return Estimate(below.startup, total, rows, below.width)


def _set_operation(estimator: Estimator, plan: n.SetOperation) -> Estimate:
    left, right = estimator.of(plan.left), estimator.of(plan.right)
    rows = left.rows + right.rows if plan.kind is n.SetKind.UNION else left.rows
    total = left.total + right.total + (left.rows + right.rows) * estimator.costs.cpu_operator
    return Estimate(left.startup, total, clamp(rows), max(left.width, right.width))


def _with(estimator: Estimator, plan: n.With) -> Estimate:
    for one in plan.definitions:
        estimator.set_cte_rows(one.cte, estimator.of(one.plan).rows)
    below = estimator.of(plan.input)
    extra = sum(estimator.of(one.plan).total for one in plan.definitions)
    return below._replace(startup=below.startup + extra, total=below.total + extra)


def _cte_scan(estimator: Estimator, plan: n.CteScan | n.WorkTableScan) -> Estimate:
    rows = estimator.cte_rows(plan.cte)
    width = sum(WIDTHS.get(getattr(t, "name", ""), DEFAULT_WIDTH) for t in plan.types)
    return Estimate(0.0, rows * estimator.costs.cpu_tuple * 2, clamp(rows), width)


def _recursive(estimator: Estimator, plan: n.RecursiveUnion) -> Estimate:
    first = estimator.of(plan.first)
    estimator.set_cte_rows(plan.cte, first.rows * 10)
    again = estimator.of(plan.again)
    return Estimate(
        first.startup, first.total + 10 * again.total, first.rows + 10 * again.rows, first.width
    )


def _function_scan(estimator: Estimator, plan: n.FunctionScan) -> Estimate:
    rows = 1000.0
    call = plan.calls[0]
    if isinstance(call, ex.SetReturningCall):
        values = [item.value for item in call.arguments if isinstance(item, ex.Constant)]
        numbers = [value for value in values if type(value) is int]
        if call.function.name == "generate_series" and len(numbers) == len(call.arguments):
            step = numbers[2] if len(numbers) > 2 and numbers[2] else 1
            rows = max(0.0, (numbers[1] - numbers[0]) // step + 1)
        elif call.function.name == "unnest":
            rows = 10.0
    else:
        rows = 1.0
    return Estimate(0.0, rows * estimator.costs.cpu_tuple, clamp(rows), 4 * sum(plan.widths))


def _window(estimator: Estimator, plan: n.Window) -> Estimate:
    below = estimator.of(plan.input)
    work = below.rows * (estimator.costs.cpu_tuple + estimator.costs.cpu_operator * len(plan.calls))
    work += below.rows * math.log2(max(below.rows, 2.0)) * 2 * estimator.costs.cpu_operator
    width = below.width + sum(estimator.width(call) for call in plan.calls)
    return Estimate(below.total, below.total + work, below.rows, width)


def _change(estimator: Estimator, plan: n.Insert | n.Update | n.Delete | n.Merge) -> Estimate:
    below = estimator.of(plan.input)
    rows = below.rows if getattr(plan, "returning", None) is not None else 0.0
    return Estimate(below.startup, below.total, rows, below.width if rows else 0)


def like_input(estimator: Estimator, plan: n.Plan) -> Estimate:
    for item in plan.inputs():
        return estimator.of(item)
    return Estimate(0.0, 10.0, 1000.0, 8 * len(outputs(plan) or ()))


ESTIMATES = {
    n.OneRow: _one_row,
    n.NoRows: lambda estimator, plan: Estimate(0.0, 0.0, 1.0, 0),
    n.Values: _values,
    n.FunctionScan: _function_scan,
    n.CteScan: _cte_scan,
    n.WorkTableScan: _cte_scan,
    n.Filter: _filter,
    n.Project: _project,
    n.ProjectSet: _project_set,
    n.Aggregate: _aggregate,
    n.HashAggregate: _aggregate,
    n.SortedAggregate: _sorted_aggregate,
    n.Sort: _sort,
    n.TopN: _top_n,
    n.Limit: _limit,
    n.Distinct: _distinct,
    n.SetOperation: _set_operation,
    n.With: _with,
    n.RecursiveUnion: _recursive,
    n.Window: _window,
    n.Insert: _change,
    n.Update: _change,
    n.Delete: _change,
    n.Merge: _change,
}

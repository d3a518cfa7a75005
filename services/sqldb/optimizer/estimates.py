"""How many rows, how wide, how costly: guesses on which all choices rest.

Cost is PostgreSQL's: a page read in sequence costs 1, a row 0.01, an operator 0.0025. Nothing here
reads pages (rows live in memory), but the proportions of work are alike, and figures of EXPLAIN
then look as one knows them. The share of rows that a condition lets through (its *selectivity*)
comes from what ANALYZE found (the most common values, a histogram), or from rules of thumb.
# Real: costsize.c, selfuncs.c
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from services.sqldb.catalog.definitions import Index, Statistics, Table
from services.sqldb.optimizer.conditions import conjuncts
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import needs, outputs, relations_in

SEQ_PAGE_COST = 1.0
RANDOM_PAGE_COST = 4.0
CPU_TUPLE_COST = 0.01
CPU_INDEX_TUPLE_COST = 0.005
CPU_OPERATOR_COST = 0.0025
PAGE_BYTES = 8192
ROW_HEADER_BYTES = 28

# Where nothing is known. # Real: selfuncs.h
EQUALITY_SELECTIVITY = 0.005
INEQUALITY_SELECTIVITY = 1 / 3
RANGE_SELECTIVITY = 0.005
MATCH_SELECTIVITY = 0.005
NULL_SELECTIVITY = 0.005
DEFAULT_DISTINCT = 200.0
# A table that has never been analyzed is taken for 10 pages, however few rows it has.
UNKNOWN_PAGES = 10

# Average bytes of a value, by the name of its type.
WIDTHS = {"bool": 1, "int2": 2, "int4": 4, "int8": 8, "float4": 4, "float8": 8, "oid": 4}
WIDTHS |= {"date": 4, "timestamp": 8, "timestamptz": 8, "time": 8, "uuid": 16, "interval": 16}
DEFAULT_WIDTH = 32


class PlannerCatalog(Protocol):
    """What the optimizer asks the catalog and the storage."""

    def indexes_of(self, table: Table) -> Sequence[Index]: ...

    def row_count(self, table: Table) -> float:
        """How many rows there are about now."""

    def statistics_of(self, table: Table) -> Sequence[Statistics]:
        """What ANALYZE found, if it has been."""

    def is_enabled(self, method: str) -> bool:
        """enable_hashjoin and its like, without "enable_"."""


class Estimate(NamedTuple):
    """What EXPLAIN shows: (cost=startup..total rows=rows width=width)."""

    startup: float
    total: float
    rows: float
    width: int


class Estimator:
    """Estimates for the plans of one statement."""

    def __init__(self, catalog: PlannerCatalog):
        self.catalog = catalog
        self._plans: dict[int, tuple[n.Plan, Estimate]] = {}
        self._tables: dict[int, Table] = {}
        self._statistics: dict[int, dict[int, Statistics]] = {}
        self._cte_rows: dict[int, float] = {}

    # Columns.

    def learn(self, plan: n.Plan) -> None:
        """Remember which relation is which table."""
        if isinstance(plan, n.Scan | n.IndexScan):
            self._tables[plan.relation] = plan.table

    def column_statistics(self, expression: ex.Expression) -> Statistics | None:
        while isinstance(expression, ex.Relabel):
            expression = expression.argument
        if not isinstance(expression, ex.Column) or expression.relation not in self._tables:
            return None
        table = self._tables[expression.relation]
        known = self._statistics.get(table.oid)
        if known is None:
            known = {one.column: one for one in self.catalog.statistics_of(table)}
            self._statistics[table.oid] = known
        return known.get(expression.index)

    def distinct_count(self, expression: ex.Expression, rows: float) -> float:
        """How many different values an expression has in so many rows."""
        statistics = self.column_statistics(expression)
        if statistics is not None and statistics.distinct:
            count = statistics.distinct
            if count < 0:
                count = -count * max(statistics.row_count, 1)
            return max(1.0, min(count, rows))
        if isinstance(expression, ex.Column) and expression.relation in self._tables:
            table = self._tables[expression.relation]
            for index in self.catalog.indexes_of(table):
                if index.is_unique and [key.column for key in index.keys] == [expression.index]:
                    return max(1.0, rows)
        if expression.type.name == "bool":
            return min(2.0, max(rows, 1.0))
        return max(1.0, min(DEFAULT_DISTINCT, rows))

    # Conditions.

    def selectivity(self, condition: ex.Expression | None) -> float:
        """The share of rows for which a condition is true."""
        share = 1.0
        for part in conjuncts(condition):
            share *= self._one(part)
        return share

    def _one(self, part: ex.Expression) -> float:
        match part:
            case ex.Constant():
                return 1.0 if part.value is True else 0.0
            case ex.Or():
                share = 1.0
                for item in part.arguments:
                    share *= 1 - self.selectivity(item)
                return 1 - share
            case ex.And():
                return self.selectivity(part)
            case ex.Not():
                return 1 - self.selectivity(part.argument)
            case ex.IsNull():
                share = self._null_fraction(part.argument)
                return 1 - share if part.is_negated else share
            case ex.Quantified() if not part.is_all:
                count = 10
                if isinstance(part.array, ex.Constant) and part.array.value is not None:
                    count = len(part.array.value.elements)
                each = self._equal_share(part.left, None)
                return min(1.0, count * each)
            case ex.Call() if len(part.arguments) == 2:
                return self._comparison(part)
            case ex.Column():
                return 0.5
            case ex.Subquery():
                return 0.5
        return INEQUALITY_SELECTIVITY

    def _null_fraction(self, expression: ex.Expression) -> float:
        statistics = self.column_statistics(expression)
        return NULL_SELECTIVITY if statistics is None else statistics.null_fraction

    def _comparison(self, call: ex.Call) -> float:
        operator = call.function.comparison
        left, right = call.arguments
        if not operator:
            return (
                MATCH_SELECTIVITY if call.spelling in ("~~", "~", "@>") else INEQUALITY_SELECTIVITY
            )
        if needs(left) and needs(right):
            if operator == "=":
                return 1 / max(self.distinct_count(left, 1e9), self.distinct_count(right, 1e9))
            return 1 - EQUALITY_SELECTIVITY if operator == "<>" else INEQUALITY_SELECTIVITY
        if not needs(left):
            left, right = right, left
            operator = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator)
        value = right.value if isinstance(right, ex.Constant) else None
        if operator == "=":
            return self._equal_share(left, value)
        if operator == "<>":
            return 1 - self._equal_share(left, value)
        return self._range_share(left, operator, value)

    def _equal_share(self, column: ex.Expression, value: object) -> float:
        statistics = self.column_statistics(column)
        if statistics is None:
            table = self._tables.get(column.relation) if isinstance(column, ex.Column) else None
            rows = self.catalog.row_count(table) if table is not None else 0.0
            return 1 / max(self.distinct_count(column, rows), 1.0) if rows else EQUALITY_SELECTIVITY
        for common, share in statistics.most_common:
            if value is not None and common == value:
                return share
        count = self.distinct_count(column, max(statistics.row_count, 1.0))
        rest = 1 - statistics.null_fraction - sum(share for _, share in statistics.most_common)
        others = max(count - len(statistics.most_common), 1.0)
        return max(rest / others, 1e-9)

    def _range_share(self, column: ex.Expression, operator: str, value: object) -> float:
        statistics = self.column_statistics(column)
        if statistics is None or value is None:
            return INEQUALITY_SELECTIVITY
        try:
            below = 0.0
            for common, share in statistics.most_common:
                if common < value or (operator in ("<=", ">") and common == value):
                    below += share
            bounds = statistics.histogram
            rest = 1 - statistics.null_fraction - sum(s for _, s in statistics.most_common)
            if len(bounds) > 1:
                below += max(rest, 0.0) * _share_below(bounds, value)
        except TypeError:
            return INEQUALITY_SELECTIVITY
        total = 1 - statistics.null_fraction
        share = below if operator in ("<", "<=") else total - below
        return min(max(share, 1e-4), 1.0)

    # Plans.

    def of(self, plan: n.Plan) -> Estimate:
        known = self._plans.get(id(plan))
        if known is None:
            self.learn(plan)
            known = plan, _ESTIMATES.get(type(plan), _like_input)(self, plan)
            self._plans[id(plan)] = known
        return known[1]

    def rows(self, plan: n.Plan) -> float:
        return self.of(plan).rows

    def set_cte_rows(self, cte: int, rows: float) -> None:
        self._cte_rows[cte] = rows

    def cte_rows(self, cte: int) -> float:
        return self._cte_rows.get(cte, 100.0)

    def table_pages(self, table: Table, rows: float) -> float:
        return max(1.0, math.ceil(rows * (self.row_width(table) + ROW_HEADER_BYTES) / PAGE_BYTES))

    def row_width(self, table: Table) -> int:
        return sum(type_width(column.type_oid) for _, column in table.live_columns()) or 1


def _share_below(bounds: Sequence, value: object) -> float:
    place = bisect_left(bounds, value)
    if place == 0:
        return 0.0
    if place >= len(bounds):
        return 1.0
    low, high = bounds[place - 1], bounds[place]
    part = 0.5
    if isinstance(value, int | float) and high != low:
        part = float(value - low) / float(high - low)
    return (place - 1 + part) / (len(bounds) - 1)


def type_width(oid: int) -> int:
    from services.sqldb.types import BUILTIN_TYPES

    known = BUILTIN_TYPES.get(oid)
    return DEFAULT_WIDTH if known is None else WIDTHS.get(known.name, DEFAULT_WIDTH)


def expression_width(expression: ex.Expression) -> int:
    return WIDTHS.get(expression.type.name, DEFAULT_WIDTH)


def clamp(rows: float) -> float:
    """A whole number, at least one."""
    return max(1.0, float(round(rows)))


def _conditions_cost(condition: ex.Expression | None) -> float:
    return CPU_OPERATOR_COST * len(conjuncts(condition))


def _scan(estimator: Estimator, plan: n.Scan) -> Estimate:
    rows = estimator.catalog.row_count(plan.table)
    pages = estimator.table_pages(plan.table, rows)
    total = pages * SEQ_PAGE_COST + rows * CPU_TUPLE_COST
    return Estimate(0.0, total, clamp(rows), estimator.row_width(plan.table))


def _index_scan(estimator: Estimator, plan: n.IndexScan) -> Estimate:
    table_rows = max(estimator.catalog.row_count(plan.table), 1.0)
    share = estimator.selectivity(plan.condition)
    if plan.index.is_unique and len(plan.range.equal) == len(plan.index.keys):
        share = min(share, 1 / table_rows)
    found = clamp(table_rows * share)
    height = max(1.0, math.log2(table_rows + 1))
    startup = 0.15 if table_rows > 100 else 0.13
    descent = height * CPU_OPERATOR_COST + RANDOM_PAGE_COST
    fetched = found * (CPU_INDEX_TUPLE_COST + CPU_TUPLE_COST)
    pages = min(estimator.table_pages(plan.table, table_rows), found)
    # In a wide range neighbours lie on the same pages.
    reading = RANDOM_PAGE_COST * min(pages, 1 + math.sqrt(found)) if not plan.is_only else 0.0
    total = startup + descent + fetched + reading + found * _conditions_cost(plan.filter)
    rows = clamp(found * estimator.selectivity(plan.filter))
    return Estimate(startup, total, rows, estimator.row_width(plan.table))


def _values(estimator: Estimator, plan: n.Values) -> Estimate:
    rows = float(len(plan.rows))
    width = sum(expression_width(item) for item in plan.rows[0]) if plan.rows else 0
    return Estimate(0.0, rows * CPU_TUPLE_COST * 1.25, clamp(rows), width)


def _one_row(estimator: Estimator, plan: n.Plan) -> Estimate:
    return Estimate(0.0, CPU_TUPLE_COST, 1.0, 0)


def _filter(estimator: Estimator, plan: n.Filter) -> Estimate:
    below = estimator.of(plan.input)
    cost = below.total + below.rows * _conditions_cost(plan.condition)
    rows = clamp(below.rows * estimator.selectivity(plan.condition))
    return Estimate(below.startup, cost, rows, below.width)


def _project(estimator: Estimator, plan: n.Project) -> Estimate:
    below = estimator.of(plan.input)
    computed = sum(not isinstance(item, ex.Column) for item in plan.expressions)
    cost = below.total + below.rows * computed * CPU_OPERATOR_COST
    width = sum(expression_width(item) for item in plan.expressions)
    return Estimate(below.startup, cost, below.rows, width)


def _project_set(estimator: Estimator, plan: n.ProjectSet) -> Estimate:
    below = estimator.of(plan.input)
    rows = below.rows * 1000
    width = sum(expression_width(item) for item in plan.expressions)
    return Estimate(below.startup, below.total + rows * CPU_TUPLE_COST, rows, width)


def join_rows(
    estimator: Estimator, kind: n.JoinKind, left: float, right: float, share: float
) -> float:
    product = left * right * share
    if kind is n.JoinKind.LEFT:
        return max(product, left)
    if kind is n.JoinKind.RIGHT:
        return max(product, right)
    if kind is n.JoinKind.FULL:
        return max(product, left, right)
    if kind is n.JoinKind.SEMI:
        return min(left, max(product, 1.0))
    if kind is n.JoinKind.ANTI:
        return max(left - product, left * 0.1)
    return product


def _join_width(plan, left: Estimate, right: Estimate) -> int:
    one_sided = plan.kind in (n.JoinKind.SEMI, n.JoinKind.ANTI)
    return left.width if one_sided else left.width + right.width


def key_share(estimator: Estimator, lefts, rights, left_rows: float, right_rows: float) -> float:
    """The share of pairs whose keys are equal. # Real: eqjoinsel()"""
    share = 1.0
    for left, right in zip(lefts, rights, strict=True):
        most = max(
            estimator.distinct_count(left, left_rows), estimator.distinct_count(right, right_rows)
        )
        share /= max(most, 1.0)
    return share


def _hash_join(estimator: Estimator, plan: n.HashJoin) -> Estimate:
    left, right = estimator.of(plan.left), estimator.of(plan.right)
    share = key_share(estimator, plan.left_keys, plan.right_keys, left.rows, right.rows)
    share *= estimator.selectivity(plan.condition)
    rows = clamp(join_rows(estimator, plan.kind, left.rows, right.rows, share))
    keys = len(plan.left_keys)
    build = right.total + right.rows * (CPU_OPERATOR_COST * keys + CPU_TUPLE_COST)
    total = build + left.total + left.rows * CPU_OPERATOR_COST * keys + rows * CPU_TUPLE_COST
    return Estimate(build, total, rows, _join_width(plan, left, right))


def _nested_loop(estimator: Estimator, plan: n.NestedLoop | n.Join) -> Estimate:
    left, right = estimator.of(plan.left), estimator.of(plan.right)
    share = estimator.selectivity(plan.condition)
    rows = clamp(join_rows(estimator, plan.kind, left.rows, right.rows, share))
    again = right.total if _is_dependent(plan) else right.rows * CPU_OPERATOR_COST
    pairs = left.rows * right.rows
    total = left.total + right.total + max(left.rows - 1, 0) * again
    total += pairs * (CPU_TUPLE_COST + _conditions_cost(plan.condition))
    return Estimate(left.startup + right.startup, total, rows, _join_width(plan, left, right))


def _is_dependent(plan) -> bool:
    from services.sqldb.plan.analysis import free_keys

    made = relations_in(plan.left)
    return any(key[0] in made for key in free_keys(plan.right))


def _aggregate(estimator: Estimator, plan: n.Aggregate) -> Estimate:
    below = estimator.of(plan.input)
    work = below.rows * CPU_OPERATOR_COST * (len(plan.groups) + len(plan.calls))
    width = sum(expression_width(item) for item in (*plan.groups, *plan.calls))
    if not plan.groups:
        total = below.total + work + CPU_TUPLE_COST
        return Estimate(below.total + work, total, 1.0, width)
    rows = clamp(group_count(estimator, plan.groups, below.rows))
    return Estimate(below.total + work, below.total + work + rows * CPU_TUPLE_COST, rows, width)


def group_count(estimator: Estimator, groups, rows: float) -> float:
    count = 1.0
    for group in groups:
        count *= estimator.distinct_count(group, rows)
    return min(count, rows)


def _sort(estimator: Estimator, plan: n.Sort) -> Estimate:
    below = estimator.of(plan.input)
    compares = below.rows * math.log2(max(below.rows, 2.0)) * 2 * CPU_OPERATOR_COST
    startup = below.total + compares
    return Estimate(startup, startup + below.rows * CPU_OPERATOR_COST, below.rows, below.width)


def _constant_count(expression: ex.Expression | None, otherwise: float) -> float:
    if isinstance(expression, ex.Constant) and isinstance(expression.value, int):
        return float(expression.value)
    return otherwise


def _top_n(estimator: Estimator, plan: n.TopN) -> Estimate:
    below = estimator.of(plan.input)
    wanted = _constant_count(plan.limit, below.rows / 10)
    startup = below.total + below.rows * math.log2(max(wanted, 2.0)) * 2 * CPU_OPERATOR_COST
    rows = clamp(min(wanted, below.rows))
    return Estimate(startup, startup + rows * CPU_OPERATOR_COST, rows, below.width)


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
    total = below.total + below.rows * CPU_OPERATOR_COST * len(plan.on)
    return Estimate(below.startup, total, rows, below.width)


def _set_operation(estimator: Estimator, plan: n.SetOperation) -> Estimate:
    left, right = estimator.of(plan.left), estimator.of(plan.right)
    rows = left.rows + right.rows if plan.kind is n.SetKind.UNION else left.rows
    total = left.total + right.total + (left.rows + right.rows) * CPU_OPERATOR_COST
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
    return Estimate(0.0, rows * CPU_TUPLE_COST * 2, clamp(rows), width)


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
    return Estimate(0.0, rows * CPU_TUPLE_COST, clamp(rows), 4 * sum(plan.widths))


def _window(estimator: Estimator, plan: n.Window) -> Estimate:
    below = estimator.of(plan.input)
    work = below.rows * (CPU_TUPLE_COST + CPU_OPERATOR_COST * len(plan.calls))
    work += below.rows * math.log2(max(below.rows, 2.0)) * 2 * CPU_OPERATOR_COST
    width = below.width + sum(expression_width(call) for call in plan.calls)
    return Estimate(below.total, below.total + work, below.rows, width)


def _change(estimator: Estimator, plan: n.Insert | n.Update | n.Delete | n.Merge) -> Estimate:
    below = estimator.of(plan.input)
    rows = below.rows if getattr(plan, "returning", None) is not None else 0.0
    return Estimate(below.startup, below.total, rows, below.width if rows else 0)


def _like_input(estimator: Estimator, plan: n.Plan) -> Estimate:
    for item in plan.inputs():
        return estimator.of(item)
    return Estimate(0.0, 10.0, 1000.0, 8 * len(outputs(plan) or ()))


_ESTIMATES = {
    n.OneRow: _one_row,
    n.NoRows: lambda estimator, plan: Estimate(0.0, 0.0, 1.0, 0),
    n.Scan: _scan,
    n.IndexScan: _index_scan,
    n.Values: _values,
    n.FunctionScan: _function_scan,
    n.CteScan: _cte_scan,
    n.WorkTableScan: _cte_scan,
    n.Filter: _filter,
    n.Project: _project,
    n.ProjectSet: _project_set,
    n.Join: _nested_loop,
    n.NestedLoop: _nested_loop,
    n.HashJoin: _hash_join,
    n.MergeJoin: _hash_join,
    n.Aggregate: _aggregate,
    n.HashAggregate: _aggregate,
    n.SortedAggregate: _aggregate,
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

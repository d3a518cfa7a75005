"""Estimates of scans: whole tables, ranges of an index, entries alone, bitmaps.

    whole table     all pages in sequence, and each row
    index           down the tree, the entries of the range, and for each row a page at random;
                    fewer where the table lies in the order of the index (its *correlation*), or
                    where the rows are many and share their pages
    entries alone   without the pages of the table
    bitmap          the pages of the table once each, in order
# Real: cost_seqscan(), cost_index(), btcostestimate(), cost_bitmap_heap_scan()
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from services.sqldb.optimizer.conditions import conjunction, conjuncts, like_prefix
from services.sqldb.optimizer.costs import (
    DEFAULT_WIDTH,
    Estimate,
    clamp,
    index_pages_for,
    pages_fetched,
    pages_for,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n

if TYPE_CHECKING:
    from services.sqldb.catalog.definitions import Index, Table
    from services.sqldb.optimizer.estimates import Estimator


def conditions_cost(estimator: Estimator, condition: ex.Expression | None) -> float:
    """For one row: each operator in the condition."""
    if condition is None:
        return 0.0
    return estimator.costs.cpu_operator * sum(_operators(part) for part in conjuncts(condition))


def _operators(part: ex.Expression) -> int:
    match part:
        case ex.Or() | ex.And():
            return sum(_operators(item) for item in part.arguments)
        case ex.Not():
            return _operators(part.argument)
        case ex.IsNull() | ex.Column() | ex.Constant():
            return 0
        case ex.Call():
            return 1 + sum(_operators(item) for item in part.arguments)
        case ex.Quantified() if isinstance(part.array, ex.Constant):
            # Half of the elements are looked at before one is equal.
            return max(1, len(getattr(part.array.value, "elements", ())) // 2)
    return 1


def scan(estimator: Estimator, plan: n.Scan) -> Estimate:
    costs = estimator.costs
    rows = estimator.rows_of(plan.table)
    width = estimator.row_width(plan.table)
    total = pages_for(rows, width) * costs.seq_page + rows * costs.cpu_tuple
    penalty = costs.penalty("seqscan")
    return Estimate(penalty, total + penalty, clamp(rows), width)


class _Entries(NamedTuple):
    """The work in an index: its costs, and the share of the table's rows that it finds."""

    startup: float
    total: float
    share: float
    pages: float


def _looked_up(
    estimator: Estimator, plan: n.IndexScan | n.BitmapScan, part: n.IndexScan | n.BitmapPart,
    loops: float = 1.0,
) -> _Entries:  # fmt: skip
    """The costs of one index alone. # Real: btcostestimate()"""
    costs, table = estimator.costs, plan.table
    index, asked, condition = part.index, part.range, part.condition
    rows = max(estimator.rows_of(table), 1.0)
    entries, share = rows, estimator.selectivity(condition)
    if index.predicate:
        predicate = estimator.index_form(plan.relation, table, index).predicate
        own = max(estimator.selectivity(predicate), 1e-6)
        entries, share = max(rows * own, 1.0), share * own
    if index.is_unique and len(asked.equal) == len(index.keys) and not asked.nulls:
        share = min(share, _looks(asked) / rows)
    found = max(1.0, min(entries, share * rows))
    key_width = sum(_key_width(estimator, table, key.column) for key in index.keys)
    pages = index_pages_for(entries, key_width)
    looks = _looks(asked) if asked.arrays else 1.0
    per_look = max(1.0, math.ceil(found / looks))
    read = math.ceil(per_look * (pages - 1) / entries)
    if looks > 1 or loops > 1:
        again = looks * loops
        io = pages_fetched(read * again, pages, costs.cache_pages) * costs.random_page / loops
    else:
        io = read * costs.random_page
    height = 0 if pages <= 2 else math.ceil(math.log(pages) / math.log(250))
    descent = math.ceil(math.log2(max(entries, 2.0))) * costs.cpu_operator
    descent += (height + 1) * 50 * costs.cpu_operator
    startup = descent * looks
    asks = len(conjuncts(condition))
    total = startup + io + found * (costs.cpu_index_tuple + costs.cpu_operator * asks)
    return _Entries(startup, total, found / rows, pages)


def _looks(asked: n.KeyRange) -> float:
    count = 1.0
    for place in asked.arrays:
        value = getattr(asked.equal[place], "value", None)
        count *= 10.0 if value is None else max(1, len(value.elements))
    return count


def _key_width(estimator: Estimator, table: Table, column: int) -> int:
    return DEFAULT_WIDTH if column < 0 else estimator.column_width(table, column)


def index_scan(estimator: Estimator, plan: n.IndexScan, loops: float = 1.0) -> Estimate:
    """`loops`: how often it is started, with other values each time; costs are those of one."""
    costs = estimator.costs
    estimator.learn(plan)
    rows = max(estimator.rows_of(plan.table), 1.0)
    entries = _looked_up(estimator, plan, plan, loops)
    found = clamp(entries.share * rows)
    width = estimator.row_width(plan.table)
    reading = 0.0
    if not plan.is_only:
        pages = pages_for(rows, width)
        ordered = max(1.0, math.ceil(entries.share * pages))
        cache = costs.cache_pages
        if loops > 1:
            most = pages_fetched(found * loops, pages, cache) * costs.random_page / loops
            least = pages_fetched(ordered * loops, pages, cache) * costs.random_page / loops
        else:
            most = pages_fetched(found, pages, cache) * costs.random_page
            least = costs.random_page + (ordered - 1) * costs.seq_page
        likeness = _correlation(estimator, plan.table, plan.index) ** 2
        reading = most + likeness * (least - most)
    each = costs.cpu_tuple + conditions_cost(estimator, plan.filter)
    total = entries.total + reading + found * each
    share = _filter_share(estimator, plan.filter)
    penalty = costs.penalty("indexscan")
    return Estimate(entries.startup + penalty, total + penalty, clamp(found * share), width)


def _filter_share(estimator: Estimator, condition: ex.Expression | None) -> float:
    """What a filter leaves, without what it only asks again because a range is too wide for it."""
    parts = [
        part
        for part in conjuncts(condition)
        if not isinstance(part, ex.RowComparison)
        and not (isinstance(part, ex.Call) and like_prefix(part) is not None)
    ]
    return estimator.selectivity(conjunction(parts))


def _correlation(estimator: Estimator, table: Table, index: Index) -> float:
    first = index.keys[0]
    if first.column < 0:
        return 0.0
    statistics = estimator.statistics_of(table).get(first.column)
    if statistics is None:
        return 0.0
    correlation = statistics.correlation
    return correlation * 0.75 if len(index.keys) > 1 else correlation


def bitmap_scan(estimator: Estimator, plan: n.BitmapScan) -> Estimate:
    costs = estimator.costs
    estimator.learn(plan)
    rows = max(estimator.rows_of(plan.table), 1.0)
    startup = 0.0
    for part in plan.parts:
        entries = _looked_up(estimator, plan, part)
        startup += entries.total + 0.1 * costs.cpu_operator * entries.share * rows
    startup += (len(plan.parts) - 1) * 100 * costs.cpu_operator
    found = clamp(estimator.selectivity(plan.condition) * rows)
    width = estimator.row_width(plan.table)
    pages = pages_for(rows, width)
    read = min(math.ceil(2 * pages * found / (2 * pages + found)), pages)
    page = costs.random_page
    if read >= 2:
        page -= (costs.random_page - costs.seq_page) * math.sqrt(read / pages)
    each = costs.cpu_tuple + conditions_cost(estimator, plan.condition)
    each += conditions_cost(estimator, plan.filter)
    total = startup + read * page + found * each
    share = _filter_share(estimator, plan.filter)
    penalty = costs.penalty("bitmapscan")
    return Estimate(startup + penalty, total + penalty, clamp(found * share), width)


def bitmap_part_estimate(estimator: Estimator, plan: n.BitmapScan, part: n.BitmapPart) -> Estimate:
    """For EXPLAIN's line of one index."""
    rows = max(estimator.rows_of(plan.table), 1.0)
    entries = _looked_up(estimator, plan, part)
    return Estimate(0.0, entries.total, clamp(entries.share * rows), 0)


ESTIMATES = {
    n.Scan: scan,
    n.IndexScan: index_scan,
    n.BitmapScan: bitmap_scan,
}

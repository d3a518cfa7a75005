"""Estimates of joins: how many pairs fit together, and what each method costs to find them.

    hash join      the right side once into a table; each left row one look
    nested loop    the right side once for each left row: little, where it is a look into an index
    merge join     both sides once, in order; what brings them into order is part of them
# Real: final_cost_hashjoin(), final_cost_nestloop(), final_cost_mergejoin(), eqjoinsel()
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from services.sqldb.optimizer.conditions import conjunction, conjuncts, equality
from services.sqldb.optimizer.costs import (
    PAGE_BYTES,
    ROW_HEADER_BYTES,
    Estimate,
    aligned,
    clamp,
)
from services.sqldb.optimizer.scan_estimates import conditions_cost, index_scan
from services.sqldb.optimizer.selectivity import equal_pair_share
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import needs

if TYPE_CHECKING:
    from services.sqldb.optimizer.estimates import Estimator

Kind = n.JoinKind
# Walking in step is done by a generator, which makes a key for each row and hands over each pair:
# 2 µs a row, where a scan or the look-up of a hash join, written into one loop, takes 0.1 µs. So
# what PostgreSQL does where both sides are in order is done here where there is no hash join.
MERGED_ROW_FACTOR = 20.0
MERGED_PAIR_FACTOR = 2.0


def join_rows(kind: Kind, left: float, right: float, share: float) -> float:
    """`share` of the pairs fit together."""
    product = left * right * share
    match kind:
        case Kind.LEFT:
            return max(product, left)
        case Kind.RIGHT:
            return max(product, right)
        case Kind.FULL:
            return max(product, left, right)
        case Kind.SEMI:
            return min(left, max(product, 1.0))
        case Kind.ANTI:
            return max(left - product, left * 0.1)
    return product


def _semi_share(estimator: Estimator, pairs: list, right_rows: float) -> float:
    """The share of left rows that have any partner. # Real: eqjoinsel_semi()"""
    share = 1.0
    for left, right in pairs:
        lefts = estimator.distinct_count(left)
        rights = min(estimator.distinct_count(right), max(right_rows, 1.0))
        share *= min(1.0, rights / max(lefts, 1.0))
    return share


def _join_rows(estimator: Estimator, plan, pairs: list, rest: ex.Expression | None) -> float:
    left, right = estimator.rows(plan.left), estimator.rows(plan.right)
    other = estimator.selectivity(rest)
    if plan.kind in (Kind.SEMI, Kind.ANTI) and pairs:
        matched = left * _semi_share(estimator, pairs, right) * other
        return clamp(matched if plan.kind is Kind.SEMI else left - matched)
    share = other
    for pair in pairs:
        share *= equal_pair_share(estimator, *pair)
    return clamp(join_rows(plan.kind, left, right, share))


def _width(plan, left: Estimate, right: Estimate) -> int:
    one_sided = plan.kind in (Kind.SEMI, Kind.ANTI)
    return left.width if one_sided else left.width + right.width


def _bytes(estimate: Estimate) -> float:
    return estimate.rows * (aligned(estimate.width) + ROW_HEADER_BYTES)


def hash_join(estimator: Estimator, plan: n.HashJoin) -> Estimate:
    costs = estimator.costs
    left, right = estimator.of(plan.left), estimator.of(plan.right)
    pairs = list(zip(plan.left_keys, plan.right_keys, strict=True))
    rows = _join_rows(estimator, plan, pairs, plan.condition)
    hashing = costs.cpu_operator * len(pairs)
    build = right.total + right.rows * (hashing + costs.cpu_tuple)
    probe = left.rows * hashing
    if plan.kind not in (Kind.SEMI, Kind.ANTI) and pairs:
        # How many rows a look-up finds, of which all are looked at.
        most = max(min(estimator.distinct_count(key), right.rows) for key in plan.right_keys)
        found = right.rows / max(most, 1.0)
        probe += left.rows * found * hashing * 0.5
    if _bytes(right) > costs.work_mem_bytes:
        pages = math.ceil(_bytes(right) / PAGE_BYTES), math.ceil(_bytes(left) / PAGE_BYTES)
        build += costs.seq_page * pages[0]
        probe += costs.seq_page * (pages[0] + 2 * pages[1])
    each = costs.cpu_tuple + conditions_cost(estimator, plan.condition)
    penalty = costs.penalty("hashjoin")
    startup = build + left.startup + penalty
    total = build + left.total + probe + rows * each + penalty
    return Estimate(startup, total, rows, _width(plan, left, right))


def nested_loop(estimator: Estimator, plan: n.NestedLoop | n.Join) -> Estimate:
    costs = estimator.costs
    left = estimator.of(plan.left)
    is_dependent = estimator.is_dependent(plan.left, plan.right)
    if is_dependent and isinstance(plan.right, n.IndexScan):
        # The same pages are read again and again.
        estimator.know(plan.right, index_scan(estimator, plan.right, max(left.rows, 1.0)))
    right = estimator.of(plan.right)
    pairs, rest = _pairs(plan, estimator)
    if is_dependent and not pairs:
        # What ties the sides together is in the right one already.
        rows = _dependent_rows(plan.kind, left.rows, right.rows, estimator.selectivity(rest))
    else:
        rows = _join_rows(estimator, plan, pairs, rest)
    again, tested = right.total, right.rows
    if plan.kind in (Kind.SEMI, Kind.ANTI):
        # It stops at the first match.
        share = min(1.0, 2 / (right.rows + 1))
        again = right.startup + (right.total - right.startup) * share
        tested = right.rows * share
    if not is_dependent and not isinstance(plan.right, n.IndexScan):
        again = right.rows * costs.cpu_operator  # The rows are held.
    total = left.total + (again if is_dependent else right.total)
    total += max(left.rows - 1, 0.0) * again
    each = costs.cpu_tuple + conditions_cost(estimator, plan.condition)
    total += left.rows * max(tested, 1.0) * each
    penalty = costs.penalty("nestloop")
    startup = left.startup + right.startup + penalty
    return Estimate(startup, total + penalty, rows, _width(plan, left, right))


def _pairs(plan: n.NestedLoop | n.Join, estimator: Estimator) -> tuple[list, ex.Expression | None]:
    """The equalities in a condition as pairs (left, right), and the rest."""
    if plan.kind not in (Kind.SEMI, Kind.ANTI):
        return [], plan.condition
    lefts = estimator.relations(plan.left)
    pairs, rest = [], []
    for part in conjuncts(plan.condition):
        sides = equality(part)
        if sides is None:
            rest.append(part)
            continue
        is_left = {key[0] for key in needs(sides[0])} <= lefts
        pairs.append(sides if is_left else sides[::-1])
    return pairs, conjunction(rest)


def _dependent_rows(kind: Kind, left: float, right: float, share: float) -> float:
    match kind:
        case Kind.SEMI:
            return clamp(left * min(1.0, right * share))
        case Kind.ANTI:
            return clamp(left * max(0.1, 1 - right * share))
    return clamp(join_rows(kind, left, right, share))


def merge_join(estimator: Estimator, plan: n.MergeJoin) -> Estimate:
    costs = estimator.costs
    left, right = estimator.of(plan.left), estimator.of(plan.right)
    pairs = [
        (one.expression, other.expression)
        for one, other in zip(plan.left_keys, plan.right_keys, strict=True)
    ]
    rows = _join_rows(estimator, plan, pairs, plan.condition)
    walked = (left.rows + right.rows) * costs.cpu_operator * len(pairs)
    walked += (left.rows + right.rows) * costs.cpu_tuple * MERGED_ROW_FACTOR
    each = costs.cpu_tuple * MERGED_PAIR_FACTOR + conditions_cost(estimator, plan.condition)
    penalty = costs.penalty("mergejoin")
    startup = left.startup + right.startup + penalty
    total = left.total + right.total + walked + rows * each + penalty
    return Estimate(startup, total, rows, _width(plan, left, right))


ESTIMATES = {
    n.Join: nested_loop,
    n.NestedLoop: nested_loop,
    n.HashJoin: hash_join,
    n.MergeJoin: merge_join,
}

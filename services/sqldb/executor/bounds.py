"""How many rows an operator can make at most: whether its hash table fits into memory for certain.

The sizes of tables are known when a statement begins. Where they say that a hash table will fit
into work_mem whatever happens, the generated loops use a plain dict; where not, a form of the
statement that can go to the disk is used (`CompiledPlan.rows`). No estimate is involved: what is
not known counts as without end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution

HASH_ROW_BYTES = 300
"""What a row takes in a hash table: its entry and a tuple. Its values are shared with the table."""
SYSTEM_ROWS = 1_000
"""The rows of a catalog's table are few, and in memory already."""

Bound = Callable[["Execution"], float]


def fits(bounds: list[Bound], run: Execution) -> bool:
    """Whether all hash tables of a statement will stay below work_mem."""
    most = run.work_mem_bytes / HASH_ROW_BYTES
    return all(bound(run) <= most for bound in bounds)


def bound_of(plan: n.Plan) -> Bound:
    match plan:
        case n.Scan() | n.IndexScan() | n.BitmapScan():
            oid = plan.table.oid
            return lambda run: len(run.heap(oid).rows)
        case n.OneRow() | n.NoRows() | n.VersionScan():
            return _constant(1)
        case n.SystemScan():
            return _constant(SYSTEM_ROWS)
        case n.Values():
            return _constant(len(plan.rows))
        case n.Limit() | n.TopN() if _is_number(plan.limit) and not getattr(plan, "with_ties", ()):
            return _constant(plan.limit.value)
        case n.Filter() | n.Project() | n.Sort() | n.Limit() | n.TopN() | n.Distinct() | n.Window():
            return bound_of(plan.input)
        case n.Aggregate() | n.HashAggregate() | n.SortedAggregate():
            return _groups(plan)
        case n.HashJoin() | n.MergeJoin() | n.NestedLoop() | n.Join():
            return _pairs(plan)
    return _constant(math.inf)


def _constant(count: float) -> Bound:
    return lambda run: count


def _is_number(limit: ex.Expression | None) -> bool:
    return isinstance(limit, ex.Constant) and isinstance(limit.value, int)


def _groups(plan: n.Aggregate) -> Bound:
    sets = getattr(plan, "grouping_sets", None)
    if not plan.groups:
        return _constant(len(sets or (None,)))
    below, factor = bound_of(plan.input), len(sets or (None,))
    return lambda run: below(run) * factor + factor


def _pairs(plan: n.Join) -> Bound:
    left, right = bound_of(plan.left), bound_of(plan.right)
    if plan.kind in (n.JoinKind.SEMI, n.JoinKind.ANTI, n.JoinKind.MARK):
        return left
    return lambda run: (left(run) + 1) * (right(run) + 1)

"""Aggregates, window functions and GROUPING() while the clauses of their query are being bound.

What a call becomes, a column of the Aggregate or Window operator, is known only when all clauses
have been read. Until then it stands in the expression as one of these, and `grouping` and `windows`
put the columns in their places. No plan that leaves the binder has any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.sqldb.plan import expressions as ex

if TYPE_CHECKING:
    from services.sqldb.binder.scope import Scope


@dataclass(frozen=True, slots=True, eq=False)
class PendingAggregate(ex.Expression):
    """An aggregate of the query `owner`, which may be one around the query where it stands."""

    call: ex.AggregateCall
    owner: Scope
    position: int = -1
    typmod: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class PendingWindow(ex.Expression):
    call: ex.WindowCall
    partition_by: tuple[ex.Expression, ...]
    order_by: tuple[ex.SortKey, ...]
    owner: Scope
    position: int = -1
    typmod: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class PendingGrouping(ex.Expression):
    """GROUPING(a, b), its arguments still expressions."""

    arguments: tuple[ex.Expression, ...]
    owner: Scope
    position: int = -1
    typmod: int = -1

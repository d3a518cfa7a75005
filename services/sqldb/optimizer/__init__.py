"""The optimizer: from what a statement means to how it is done.

    plan = optimize(bound.plan, session)             a plan for `executor.compile_plan`

passes       the ordered list              catalog      what is known of tables
folding      constants                     unnesting    WITH, EXISTS, IN
pushdown     conditions to the tables      access       index or whole table
join_order   which table first, how        physical     groups, order, LIMIT
estimates    rows, widths and costs        analyze      ANALYZE: what estimates rest on
explain      plans as PostgreSQL shows them
conditions   conditions as lists of parts, columns replaced

A pass that has nothing to do gives back the same object, so that a statement which one cannot
improve costs little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sqldb.optimizer.catalog import SessionCatalog
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.passes import PASSES, Trace, run_passes

if TYPE_CHECKING:
    from services.sqldb.plan.nodes import Plan
    from services.sqldb.session.session import Session

__all__ = ["PASSES", "Estimator", "SessionCatalog", "optimize", "run_passes"]


def optimize(plan: Plan, session: Session, trace: Trace | None = None) -> Plan:
    """The best plan for a session, by its catalog, statistics and settings."""
    return run_passes(plan, Estimator(SessionCatalog(session)), trace)

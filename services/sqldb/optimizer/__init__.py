"""The optimizer: from what a statement means to how it is done.

    plan = optimize(bound.plan, session)             a plan for `executor.compile_plan`

passes         the ordered list               catalog          what is known of tables
folding        constants                      unnesting        WITH, EXISTS, IN
pushdown       conditions to the tables       conditions       conditions as lists of parts
access         index or whole table           index_match      which conditions an index answers
implication    partial indexes                index_forms      what an index is over
join_order     which table first, how         ordering         order without sorting, min and max
grouping       hash or sorted                 estimates        rows and costs: its map of five files
analyze        statistics of columns          gathering        ANALYZE, by itself too
explain        plans as PostgreSQL shows      explain_lines    a line for each operator
               them                           explain_formats  JSON, YAML, XML
describe       expressions as SQL

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

"""One statement of a query text: planned and run, or carried out as a command."""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.commands.table import run_command
from services.sqldb.session.permissions import check_statement
from services.sqldb.session.planning import PLANNABLE, plan_statement, run_plan
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax.nodes import (
    CreateTableAs,
    IntoTable,
    ParsedStatement,
    Persistence,
    Query,
    Select,
)


def run_statement(session: Session, parsed: ParsedStatement) -> Result:
    """Begin to run it, inside of the session's transaction. Raises SqlError."""
    node = parsed.statement
    if isinstance(node, PLANNABLE) and not into_table(node):
        session.engine.plans.misses += 1
        planned = plan_statement(session, node, None)
        check_statement(session, planned.bound)
        return session.in_statement(lambda: run_plan(session, planned, ()))
    return run_command(session, as_command(node))


def as_command(node: object) -> object:
    """SELECT … INTO t is another way to write CREATE TABLE t AS SELECT."""
    into = into_table(node)
    if into is None:
        return node
    query = replace(node, body=replace(node.body, into=None))
    persistence = Persistence.TEMPORARY if into.is_temporary else Persistence.PERMANENT
    return CreateTableAs(into.relation, (), query, persistence)


def into_table(node: object) -> IntoTable | None:
    """The table of SELECT … INTO."""
    if isinstance(node, Query) and isinstance(node.body, Select):
        return node.body.into
    return None

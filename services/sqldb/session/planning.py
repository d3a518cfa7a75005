"""From a syntax node to a function that can be run: bind, optimize, compile.

    node ─ binder ─▶ BoundStatement ─ optimizer ─▶ plan ─ executor ─▶ CompiledPlan

What comes out can be run again and again, until the catalog or the search path has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.sqldb.binder import bind_scalar, bind_statement
from services.sqldb.errors import (
    ADMIN_SHUTDOWN,
    QUERY_CANCELED,
    READ_ONLY_SQL_TRANSACTION,
    SqlError,
)
from services.sqldb.executor.compiler import CompiledPlan, compile_plan
from services.sqldb.executor.execution import Execution
from services.sqldb.optimizer.catalog import SessionCatalog
from services.sqldb.optimizer.estimates import Estimator
from services.sqldb.optimizer.passes import optimize_expression, run_passes
from services.sqldb.plan.nodes import BoundStatement
from services.sqldb.session.results import Result, ResultColumn
from services.sqldb.syntax import nodes
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.types import SqlType

if TYPE_CHECKING:
    from services.sqldb.session.session import Session
    from services.sqldb.transactions.mvcc import Snapshot

TableLock = tuple[tuple, LockMode]

PLANNABLE = (nodes.Query, nodes.Insert, nodes.Update, nodes.Delete, nodes.Merge)

_INTERRUPTIONS = (QUERY_CANCELED, ADMIN_SHUTDOWN)

LOCK_MODES = {
    "AccessShareLock": LockMode.ACCESS_SHARE,
    "RowShareLock": LockMode.ROW_SHARE,
    "RowExclusiveLock": LockMode.ROW_EXCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A statement that is ready to run; it stands as long as the session's `lookup` does."""

    bound: BoundStatement
    compiled: CompiledPlan
    columns: tuple[ResultColumn, ...] | None
    locks: tuple[TableLock, ...]
    """What a transaction must hold to run it."""


def plan_statement(
    session: Session, node: object, given: Sequence[SqlType | None] | None
) -> Planned:
    """`given`: the types of $1 …, as far as the client has said; None: there can be none.

    Raises SqlError.
    """
    bound = bind_and_lock(session, node, given)
    check = session.interrupts.check
    estimator = Estimator(SessionCatalog(session))
    estimator.check = check
    plan = run_passes(bound.plan, estimator, lambda name, plan: check())
    output = None
    if bound.output is not None:
        output = tuple(optimize_expression(one.expression, estimator) for one in bound.output)
    compiled = compile_plan(plan, output, check=check)
    return Planned(bound, compiled, result_columns(bound), table_locks(bound))


def bind_and_lock(
    session: Session, node: object, given: Sequence[SqlType | None] | None
) -> BoundStatement:
    """Raises SqlError."""
    while True:
        lookup = session.lookup
        try:
            bound = bind_statement(session, lookup, node, given, session.interrupts.check)
        except SqlError as error:
            if session.lookup is lookup or error.sqlstate in _INTERRUPTIONS:
                raise
            continue
        # Others may change a table until it is locked, also while a long statement is bound: then
        # it has to be bound again.
        lock_tables(session, bound)
        if session.lookup is lookup:
            return bound


def lock_tables(session: Session, bound: BoundStatement) -> bool:
    """Lock what the statement uses; true: the catalog has changed while it waited."""
    before = session.lookup
    session.expect_transaction().lock_all(table_locks(bound))
    return session.lookup is not before


def table_locks(bound: BoundStatement) -> tuple[TableLock, ...]:
    return tuple((("relation", oid), LOCK_MODES[mode]) for oid, mode in bound.table_locks)


def result_columns(bound: BoundStatement) -> tuple[ResultColumn, ...] | None:
    if bound.output is None:
        return None
    return tuple(
        ResultColumn(
            one.name,
            one.expression.type,
            getattr(one.expression, "typmod", -1),
            one.table_oid,
            one.attribute,
        )
        for one in bound.output
    )


def run_plan(
    session: Session, planned: Planned, values: tuple, *, snapshot: Snapshot | None = None
) -> Result:
    """Begin to run it; the rows are made while they are read.

    A statement that changes data is run to its end at once, so that a client that fetches only a
    part of its RETURNING finds all of it done.
    """
    bound = planned.bound
    execution = _execution(session, planned, values, snapshot)
    rows = planned.compiled.rows(execution)
    if bound.command == "SELECT" and bound.is_read_only:
        return Result("SELECT", planned.columns, rows, counts_rows=True, is_streaming=True)
    made = list(rows)
    if bound.command == "SELECT":
        return Result("SELECT", planned.columns, made, counts_rows=True)
    tag = f"INSERT 0 {execution.affected}" if bound.command == "INSERT" else (
        f"{bound.command} {execution.affected}"
    )  # fmt: skip
    return Result(tag, planned.columns, made)


def _execution(
    session: Session, planned: Planned, values: tuple, snapshot: Snapshot | None = None
) -> Execution:
    """Raises SqlError 25006."""
    if not planned.bound.is_read_only:
        refuse_in_read_only(session, planned.bound.command)
    transaction = session.expect_transaction()
    return Execution(
        session.database_view,
        transaction,
        snapshot or transaction.snapshot,
        session,
        values,
        session.interrupts.check,
        session.work_mem_bytes,
    )


def repeated(session: Session, planned: Planned) -> Callable[[tuple], None]:
    """A function that runs a plan without rows for one set of values after another."""
    execution = _execution(session, planned, ())
    rows_of = planned.compiled.rows

    def run(values: tuple) -> None:
        execution.parameters = values
        for _ in rows_of(execution):
            pass

    return run


def refuse_in_read_only(session: Session, words: str) -> None:
    """Raises SqlError 25006."""
    if session.expect_transaction().is_read_only:
        message = f"cannot execute {words} in a read-only transaction"
        raise SqlError(READ_ONLY_SQL_TRANSACTION, message)


def constant_value(session: Session, expression: nodes.Expression, type_: SqlType) -> object:
    """The value of an expression without columns, as the type: an argument of EXECUTE."""
    bound = bind_scalar(session, session.lookup, expression, type_)
    compiled = compile_plan(bound.plan, tuple(one.expression for one in bound.output))
    transaction = session.expect_transaction()
    snapshot = transaction.snapshot or transaction.latest_snapshot()
    execution = Execution(session.database_view, transaction, snapshot, session)
    return next(iter(compiled.rows(execution)))[0]

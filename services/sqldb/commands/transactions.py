"""BEGIN, COMMIT, ROLLBACK, savepoints, SET TRANSACTION, SET CONSTRAINTS, LOCK TABLE."""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.catalog.definitions import Constraint, ConstraintKind, TableKind
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import ISOLATIONS, BlockState, Session
from services.sqldb.syntax import nodes
from services.sqldb.transactions.lock_modes import LockMode


def begin(session: Session, node: nodes.Begin) -> Result:
    session.begin_block()
    set_modes(session, node.modes)
    return Result("START TRANSACTION" if node.is_start else "BEGIN")


def commit(session: Session, node: nodes.Commit) -> Result:
    modes = _modes_now(session)
    is_committed = session.commit_block()
    if node.and_chain:
        _chain(session, modes)
    return Result("COMMIT" if is_committed else "ROLLBACK")


def rollback(session: Session, node: nodes.Rollback) -> Result:
    modes = _modes_now(session)
    session.rollback_block()
    if node.and_chain:
        _chain(session, modes)
    return Result("ROLLBACK")


def _modes_now(session: Session) -> nodes.TransactionModes:
    return nodes.TransactionModes(
        session.settings["transaction_isolation"], session.settings.flag("transaction_read_only")
    )


def _chain(session: Session, modes: nodes.TransactionModes) -> None:
    session.begin_block()
    set_modes(session, modes)


def set_modes(session: Session, modes: nodes.TransactionModes) -> None:
    transaction = session.expect_transaction()
    if modes.isolation is not None:
        if transaction.has_seen_data and ISOLATIONS[modes.isolation] != transaction.isolation:
            raise SqlError(
                errors.ACTIVE_SQL_TRANSACTION,
                "SET TRANSACTION ISOLATION LEVEL must be called before any query",
            )
        transaction.isolation = ISOLATIONS[modes.isolation]
        session.settings.force("transaction_isolation", modes.isolation)
    if modes.read_only is not None:
        if not modes.read_only and transaction.is_read_only and transaction.has_seen_data:
            raise SqlError(
                errors.ACTIVE_SQL_TRANSACTION,
                "transaction read-write mode must be set before any query",
            )
        transaction.is_read_only = modes.read_only
        session.settings.force("transaction_read_only", "on" if modes.read_only else "off")
    if modes.deferrable is not None:
        transaction.is_deferrable = modes.deferrable
        session.settings.force("transaction_deferrable", "on" if modes.deferrable else "off")


def set_transaction(session: Session, node: nodes.SetTransaction) -> Result:
    if node.snapshot is not None:
        raise errors.not_supported("SET TRANSACTION SNAPSHOT")
    modes = node.modes
    if node.is_session:
        if modes.isolation is not None:
            session.settings.set("default_transaction_isolation", modes.isolation)
        if modes.read_only is not None:
            value = "on" if modes.read_only else "off"
            session.settings.set("default_transaction_read_only", value)
    elif session.block is BlockState.IMPLICIT:
        session.warn("25P01", "SET TRANSACTION can only be used in transaction blocks")
    else:
        set_modes(session, modes)
    return Result("SET")


def prepare_transaction(session: Session, node: nodes.PrepareTransaction) -> Result:
    raise SqlError(
        errors.OBJECT_NOT_IN_PREREQUISITE_STATE,
        "prepared transactions are disabled",
        hint="Set max_prepared_transactions to a nonzero value.",
    )


# Savepoints.


def _expect_block(session: Session, what: str) -> None:
    if not session.is_in_block:
        message = f"{what} can only be used in transaction blocks"
        raise SqlError(errors.NO_ACTIVE_SQL_TRANSACTION, message)


def savepoint(session: Session, node: nodes.Savepoint) -> Result:
    _expect_block(session, "SAVEPOINT")
    session.savepoint(node.name)
    return Result("SAVEPOINT")


def release_savepoint(session: Session, node: nodes.ReleaseSavepoint) -> Result:
    _expect_block(session, "RELEASE SAVEPOINT")
    session.release_savepoint(node.name)
    return Result("RELEASE")


def rollback_to_savepoint(session: Session, node: nodes.RollbackToSavepoint) -> Result:
    _expect_block(session, "ROLLBACK TO SAVEPOINT")
    session.rollback_to_savepoint(node.name)
    return Result("ROLLBACK")


# Constraints and locks.


def set_constraints(session: Session, node: nodes.SetConstraints) -> Result:
    transaction = session.expect_transaction()
    if not session.is_in_block:
        message = "SET CONSTRAINTS can only be used in transaction blocks"
        session.warn(errors.NO_ACTIVE_SQL_TRANSACTION, message)
    if not node.names:
        transaction.set_constraints(None, deferred=node.is_deferred)
    for names in node.names:
        for constraint in _constraints_named(session, names):
            # What is unique is watched by its index.
            is_foreign = constraint.kind is ConstraintKind.FOREIGN_KEY
            oid = constraint.oid if is_foreign else constraint.index_oid
            transaction.set_constraints(oid, deferred=node.is_deferred)
    return Result("SET CONSTRAINTS")


def _constraints_named(session: Session, names: tuple[str, ...]) -> list[Constraint]:
    lookup = session.lookup
    *schema, name = names
    oids = (
        {lookup.expect_schema(schema[0]).oid}
        if schema
        else {lookup.expect_schema(one).oid for one in lookup.path_names(with_implicit=False)}
    )
    found = [
        one
        for one in lookup.view.state.all(Constraint)
        if one.name == name and one.schema_oid in oids
    ]
    if not found:
        message = f'constraint "{name}" does not exist'
        raise SqlError(errors.UNDEFINED_OBJECT, message)
    for constraint in found:
        if not constraint.is_deferrable:
            message = f'constraint "{name}" is not deferrable'
            raise SqlError(errors.WRONG_OBJECT_TYPE, message)
    return found


_MODES = {mode.name.replace("_", "").lower() + "lock": mode for mode in LockMode}


def lock_table(session: Session, node: nodes.LockTable) -> Result:
    _expect_block(session, "LOCK TABLE")
    transaction = session.expect_transaction()
    for reference in node.relations:
        written = reference.relation
        table = session.lookup.expect_table(written.schema, written.name)
        if table.kind is not TableKind.TABLE:
            message = f'"{table.name}" is not a table'
            raise SqlError(errors.WRONG_OBJECT_TYPE, message)
        mode = _MODES[node.mode.lower()]
        if not transaction.lock_table(table.oid, mode, waits=not node.nowait):
            message = f'could not obtain lock on relation "{table.name}"'
            raise SqlError(errors.LOCK_NOT_AVAILABLE, message)
    return Result("LOCK TABLE")

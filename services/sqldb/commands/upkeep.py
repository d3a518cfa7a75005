"""VACUUM, ANALYZE, CHECKPOINT, REINDEX, CLUSTER, and statements that are accepted as they are."""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.catalog.definitions import Table, TableKind
from services.sqldb.catalog.privileges import owns
from services.sqldb.catalog.routine_names import missing_routine
from services.sqldb.commands.owned import give
from services.sqldb.commands.permissions import find_object, named_role
from services.sqldb.errors import SqlError
from services.sqldb.optimizer.gathering import gather
from services.sqldb.session.results import Result
from services.sqldb.session.session import BlockState, Session
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import ObjectKind
from services.sqldb.transactions.lock_modes import LockMode


def vacuum(session: Session, node: nodes.Vacuum) -> Result:
    options = {option.name: option.value for option in node.options}
    if node.is_vacuum and session.block is BlockState.BLOCK:
        message = "VACUUM cannot run inside a transaction block"
        raise SqlError(errors.ACTIVE_SQL_TRANSACTION, message)
    tables = _targets(session, node.targets, node.is_vacuum)
    if not node.is_vacuum or options.get("analyze", False) is not False:
        for table in tables:
            analyze(session, table)
    if node.is_vacuum:
        # Its own snapshot must not keep alive what it is to free.
        session.restart_transaction()
        session.engine.storage.vacuum.free_all(session.interrupts.check)
    return Result("VACUUM" if node.is_vacuum else "ANALYZE")


def _may_tend(session: Session, table: Table, is_vacuum: bool) -> bool:
    if session.role.is_superuser:
        return True
    state = session.lookup.view.state
    if owns(state, session.role.oid, table.owner):
        return True
    what = "vacuum" if is_vacuum else "analyze"
    message = f'skipping "{table.name}" --- only table or database owner can {what} it'
    session.warn("01000", message)
    return False


def _targets(
    session: Session, targets: tuple[nodes.VacuumTarget, ...], is_vacuum: bool
) -> list[Table]:
    lookup = session.lookup
    if not targets:
        found = lookup.view.state.all(Table)
        return [
            table
            for table in found
            if table.kind is TableKind.TABLE and _may_tend(session, table, is_vacuum)
        ]
    tables = []
    for target in targets:
        written = target.relation
        table = lookup.expect_table(written.schema, written.name)
        for name in target.columns:
            if table.column_index(name) is None:
                message = f'column "{name}" of relation "{table.name}" does not exist'
                raise SqlError(errors.UNDEFINED_COLUMN, message)
        if table.kind is TableKind.TABLE:
            if _may_tend(session, table, is_vacuum):
                tables.append(table)
        else:
            session.warn("01000", f'skipping "{table.name}" --- cannot vacuum non-tables')
    return tables


def analyze(session: Session, table: Table) -> None:
    """Look at a sample of the rows, and keep what the planner is to know of the columns."""
    transaction = session.expect_transaction()
    transaction.lock_table(table.oid, LockMode.SHARE_UPDATE_EXCLUSIVE)
    gather(session, table)


def checkpoint(session: Session, node: nodes.Checkpoint) -> Result:
    with session.engine.latch.released():
        session.engine.storage.checkpoint()
    return Result("CHECKPOINT")


def accepted(tag: str) -> object:
    """A statement with nothing to do here: REINDEX, as indexes are always whole …"""

    def run(session: Session, node: object) -> Result:
        return Result(tag)

    return run


_ROUTINES = (ObjectKind.FUNCTION, ObjectKind.PROCEDURE, ObjectKind.ROUTINE)


def alter_owner(session: Session, node: nodes.AlterOwner) -> Result:
    tag = f"ALTER {node.kind.value.upper()}"
    role = named_role(session, node.role)
    if node.kind is ObjectKind.DATABASE:
        raise errors.not_supported("ALTER DATABASE ... OWNER TO", node.position)
    found = find_object(session, node.kind, node.name)
    if found is not None:
        give(session, found, role.oid)
    elif node.kind in _ROUTINES:
        message = missing_routine(session, node.kind.value, node.name)
        raise SqlError(errors.UNDEFINED_FUNCTION, message)
    else:
        message = f'{node.kind.value} "{".".join(node.name)}" does not exist'
        raise SqlError(_UNDEFINED.get(node.kind, errors.UNDEFINED_TABLE), message)
    return Result(tag)


_UNDEFINED = {
    ObjectKind.SCHEMA: errors.INVALID_SCHEMA_NAME,
    ObjectKind.TYPE: errors.UNDEFINED_OBJECT,
    ObjectKind.DOMAIN: errors.UNDEFINED_OBJECT,
}


def create_extension(session: Session, node: nodes.CreateExtension) -> Result:
    if node.name != "plpgsql":
        message = f'extension "{node.name}" is not available'
        raise SqlError(errors.UNDEFINED_OBJECT, message)
    if not node.if_not_exists:
        message = 'extension "plpgsql" already exists'
        raise SqlError(errors.DUPLICATE_OBJECT, message)
    session.notice('extension "plpgsql" already exists, skipping', errors.DUPLICATE_OBJECT)
    return Result("CREATE EXTENSION")


def create_database(session: Session, node: nodes.CreateDatabase) -> Result:
    """There is one database, and every name leads to it."""
    raise errors.not_supported("CREATE DATABASE", node.position)


def unsupported(session: Session, node: nodes.Unsupported) -> Result:
    raise errors.not_supported(node.what, node.position)


def unsupported_node(session: Session, node: object) -> Result:
    words = "".join(f" {one}" if one.isupper() else one for one in type(node).__name__)
    raise errors.not_supported(words.strip().upper(), getattr(node, "position", -1))

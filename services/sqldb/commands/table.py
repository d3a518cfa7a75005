"""The table of commands: which function runs which kind of statement."""

from __future__ import annotations

from collections.abc import Callable

from services.sqldb.commands import (
    alter_table,
    composites,
    create_table,
    cursors,
    default_privileges,
    domains,
    dropping,
    explaining,
    functions,
    granting,
    indexes,
    memberships,
    notifications,
    owned,
    prepared,
    renaming,
    roles,
    schemas,
    sequences,
    settings,
    transactions,
    types,
    upkeep,
    views,
)
from services.sqldb.commands.permissions import check_command
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes

Command = Callable[[Session, object], Result]

COMMANDS: dict[type, Command] = {
    nodes.Begin: transactions.begin,
    nodes.Commit: transactions.commit,
    nodes.Rollback: transactions.rollback,
    nodes.Savepoint: transactions.savepoint,
    nodes.ReleaseSavepoint: transactions.release_savepoint,
    nodes.RollbackToSavepoint: transactions.rollback_to_savepoint,
    nodes.PrepareTransaction: transactions.prepare_transaction,
    nodes.SetTransaction: transactions.set_transaction,
    nodes.SetConstraints: transactions.set_constraints,
    nodes.LockTable: transactions.lock_table,
    nodes.SetSetting: settings.set_setting,
    nodes.ResetSetting: settings.reset_setting,
    nodes.ShowSetting: settings.show_setting,
    nodes.Discard: settings.discard,
    nodes.DeclareCursor: cursors.declare_cursor,
    nodes.Fetch: cursors.fetch,
    nodes.CloseCursor: cursors.close_cursor,
    nodes.Prepare: prepared.prepare_statement,
    nodes.Execute: prepared.execute,
    nodes.Deallocate: prepared.deallocate,
    nodes.Listen: notifications.listen,
    nodes.Unlisten: notifications.unlisten,
    nodes.Notify: notifications.notify,
    nodes.Explain: explaining.explain,
    nodes.CreateTable: create_table.create_table,
    nodes.CreateTableAs: views.create_table_as,
    nodes.CreateView: views.create_view,
    nodes.CreateIndex: indexes.create_index,
    nodes.CreateSequence: sequences.create_sequence,
    nodes.AlterSequence: sequences.alter_sequence,
    nodes.CreateSchema: schemas.create_schema,
    nodes.CreateEnum: types.create_enum,
    nodes.CreateComposite: types.create_composite,
    nodes.AlterComposite: composites.alter_composite,
    nodes.CreateFunction: functions.create_function,
    nodes.CallProcedure: functions.call_procedure,
    nodes.CreateDomain: domains.create_domain,
    nodes.AlterDomain: domains.alter_domain,
    nodes.AddEnumLabel: types.add_enum_label,
    nodes.RenameEnumLabel: types.rename_enum_label,
    nodes.AlterTable: alter_table.alter_table,
    nodes.Rename: renaming.rename,
    nodes.SetSchema: renaming.set_schema,
    nodes.AlterOwner: upkeep.alter_owner,
    nodes.Drop: dropping.drop,
    nodes.DropRole: roles.drop_role,
    nodes.Truncate: views.truncate,
    nodes.CreateRole: roles.create_role,
    nodes.AlterRole: roles.alter_role,
    nodes.AlterRoleSetting: upkeep.accepted("ALTER ROLE"),
    nodes.Grant: granting.grant,
    nodes.GrantRole: memberships.grant_role,
    nodes.AlterDefaultPrivileges: default_privileges.alter_default_privileges,
    nodes.OwnedBy: owned.run_owned,
    nodes.Comment: roles.comment_on,
    nodes.Vacuum: upkeep.vacuum,
    nodes.Checkpoint: upkeep.checkpoint,
    nodes.Reindex: upkeep.accepted("REINDEX"),
    nodes.Cluster: upkeep.accepted("CLUSTER"),
    nodes.CreateExtension: upkeep.create_extension,
    nodes.CreateDatabase: upkeep.create_database,
    nodes.Unsupported: upkeep.unsupported,
}
# Those that may run in a transaction that only reads. # Real: ClassifyUtilityCommandAsReadOnly()
READ_ONLY = frozenset(
    (
        *(nodes.Begin, nodes.Commit, nodes.Rollback, nodes.Savepoint, nodes.ReleaseSavepoint),
        *(nodes.RollbackToSavepoint, nodes.SetTransaction, nodes.SetConstraints, nodes.LockTable),
        *(nodes.SetSetting, nodes.ResetSetting, nodes.ShowSetting, nodes.Discard),
        *(nodes.DeclareCursor, nodes.Fetch, nodes.CloseCursor, nodes.Prepare, nodes.Execute),
        *(nodes.Deallocate, nodes.Listen, nodes.Unlisten, nodes.Notify, nodes.Explain),
        *(nodes.Checkpoint, nodes.Vacuum, nodes.Unsupported),
    )
)


def run_command(session: Session, node: object) -> Result:
    """Raises SqlError, 0A000 for a statement that there is no function for."""
    command = COMMANDS.get(type(node), upkeep.unsupported_node)
    if type(node) not in READ_ONLY:
        session.refuse_if_read_only(_words(node))
    if not session.role.is_superuser:
        check_command(session, node)
    return command(session, node)


def _words(node: object) -> str:
    """CreateTable → CREATE TABLE."""
    name = type(node).__name__
    return "".join(f" {letter}" if letter.isupper() else letter for letter in name).strip().upper()

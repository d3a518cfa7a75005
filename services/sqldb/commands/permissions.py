"""What a role needs to define, change and drop things: asked before the command runs.

One function for each kind of statement. It looks for what the statement names, and passes over what
it does not find: the command itself knows the words for that. Where new objects go is asked by
`Lookup.creation_schema`, and what a query reads when it is planned.
# Real: the checks are spread over the files of commands/ there
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.sqldb import errors
from services.sqldb.catalog import privileges
from services.sqldb.catalog.definitions import Role, Schema, Table
from services.sqldb.catalog.routine_names import find_routine
from services.sqldb.errors import SqlError
from services.sqldb.session.permissions import (
    expect_any_right,
    expect_membership,
    expect_owner,
    expect_right,
)
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import ObjectKind

_TYPES = (ObjectKind.TYPE, ObjectKind.DOMAIN)
_ROUTINES = (ObjectKind.FUNCTION, ObjectKind.PROCEDURE, ObjectKind.ROUTINE)


def check_command(session: Session, node: object) -> None:
    """Of one who is no superuser. Raises SqlError 42501."""
    check = _CHECKS.get(type(node))
    if check is not None:
        check(session, node)


def _refused(message: str) -> SqlError:
    return SqlError(errors.INSUFFICIENT_PRIVILEGE, message)


def find_object(session: Session, kind: ObjectKind, names: tuple[str, ...]) -> object | None:
    """The definition that a name of this kind means; None: there is none."""
    lookup = session.lookup
    *schema, name = names
    if kind is ObjectKind.SCHEMA:
        return lookup.schema(name)
    if kind is ObjectKind.ROLE:
        return lookup.view.state.find("role", 0, name)
    if kind in _TYPES:
        found = lookup.type(schema[-1] if schema else None, name)
        return None if found is None else lookup.view.state.get(found.oid)
    if kind in _ROUTINES:
        return find_routine(session, names)
    return lookup.relation(schema[-1] if schema else None, name)


def _relation(session: Session, written: nodes.RelationName) -> object | None:
    return session.lookup.relation(written.schema, written.name)


def _expect_owned(session: Session, found: object | None) -> None:
    if found is not None:
        expect_owner(session, found)


def _of_relation(session: Session, node: object) -> None:
    """Statements with a `relation` that one must own: CREATE INDEX, ALTER SEQUENCE …"""
    if node.relation is not None:
        _expect_owned(session, _relation(session, node.relation))


def _alter_table(session: Session, node: nodes.AlterTable) -> None:
    found = _relation(session, node.table.relation)
    _expect_owned(session, found)
    for action in node.actions:
        if isinstance(action, nodes.ChangeOwner) and found is not None:
            expect_new_owner(session, found, action.role)


def expect_new_owner(session: Session, definition: object, name: str) -> None:
    """One must be a member of the role that something is given to, which must be able to hold it.

    Raises SqlError 42501, 42704.
    """
    state = session.lookup.view.state
    role = named_role(session, name)
    expect_membership(session, role)
    schema = state.get(getattr(definition, "schema_oid", 0))
    if isinstance(schema, Schema) and not session.role.is_superuser:
        one = privileges.protected(schema)
        if not privileges.has(state, one, role.oid, "C"):
            raise _refused(f"permission denied for schema {schema.name}")


def named_role(session: Session, name: str) -> Role:
    """A role by name, or by CURRENT_USER and its like. Raises SqlError 42704."""
    if name in ("CURRENT_USER", "CURRENT_ROLE"):
        return session.role
    if name == "SESSION_USER":
        return session.session_role
    found = session.lookup.view.state.find("role", 0, name)
    if not isinstance(found, Role):
        raise SqlError(errors.UNDEFINED_OBJECT, f'role "{name}" does not exist')
    return found


def _alter_owner(session: Session, node: nodes.AlterOwner) -> None:
    if node.kind is ObjectKind.DATABASE:
        raise _refused(f"must be owner of database {node.name[-1]}")
    found = find_object(session, node.kind, node.name)
    if found is not None:
        expect_owner(session, found)
        expect_new_owner(session, found, node.role)


def _rename(session: Session, node: nodes.Rename) -> None:
    kind = node.relation_kind or node.kind
    if kind is ObjectKind.ROLE:
        _expect_create_role(session, "permission denied to rename role")
        return
    if kind is ObjectKind.DATABASE:
        raise _refused(f"must be owner of database {node.name[-1]}")
    found = find_object(session, kind, node.name)
    _expect_owned(session, found)
    if kind is ObjectKind.SCHEMA:
        expect_right(session, privileges.database(session.database), "C")
    elif found is not None and node.old_name is None:
        _expect_create(session, found.schema_oid)


def _expect_create(session: Session, schema_oid: int) -> None:
    schema = session.lookup.view.state.get(schema_oid)
    if isinstance(schema, Schema) and schema.name != session.temporary.schema_name:
        expect_right(session, privileges.protected(schema), "C")


def _set_schema(session: Session, node: nodes.SetSchema) -> None:
    found = find_object(session, node.kind, node.name)
    _expect_owned(session, found)
    target = session.lookup.schema(node.schema)
    if found is not None and target is not None:
        _expect_create(session, target.oid)


def _drop(session: Session, node: nodes.Drop) -> None:
    """The owner of a schema may drop what is in it, too."""
    state = session.lookup.view.state
    for names in node.names:
        found = find_object(session, node.kind, names)
        if found is None:
            continue
        schema = state.get(getattr(found, "schema_oid", 0))
        owner = getattr(schema, "owner", None)
        if owner is None or not privileges.owns(state, session.role.oid, owner):
            expect_owner(session, found, names)


def _truncate(session: Session, node: nodes.Truncate) -> None:
    for reference in node.relations:
        found = _relation(session, reference.relation)
        if isinstance(found, Table):
            expect_right(session, privileges.protected(found), "D")


_LOCKS = {"accesssharelock": "rwdD", "rowexclusivelock": "awdD"}


def _lock_table(session: Session, node: nodes.LockTable) -> None:
    if not session.is_in_block:
        return
    letters = _LOCKS.get(node.mode.lower(), "wdD")
    for reference in node.relations:
        found = _relation(session, reference.relation)
        if isinstance(found, Table):
            expect_any_right(session, privileges.protected(found), letters)


def _create_schema(session: Session, node: nodes.CreateSchema) -> None:
    expect_right(session, privileges.database(session.database), "C")
    if node.role is not None:
        expect_membership(session, named_role(session, node.role))


def _of_type(session: Session, node: object) -> None:
    _expect_owned(session, find_object(session, ObjectKind.TYPE, node.name))


def _comment(session: Session, node: nodes.Comment) -> None:
    kind = node.kind
    if kind is ObjectKind.DATABASE:
        raise _refused(f"must be owner of database {node.name[-1]}")
    if kind is ObjectKind.ROLE:
        _expect_create_role(session, f'must be member of role "{node.name[-1]}"')
        return
    names = node.name
    if kind is ObjectKind.COLUMN:
        kind, names = ObjectKind.TABLE, names[:-1]
    elif kind is ObjectKind.CONSTRAINT:
        kind = ObjectKind.TABLE
    elif kind is ObjectKind.DOMAIN_CONSTRAINT:
        kind = ObjectKind.TYPE
    _expect_owned(session, find_object(session, kind, names))


def _replaced(session: Session, node: nodes.CreateView) -> None:
    if node.or_replace:
        _of_relation(session, node)


def _reindex(session: Session, node: nodes.Reindex) -> None:
    if node.kind in ("table", "index"):
        _expect_owned(session, find_object(session, ObjectKind.TABLE, node.name))


def _checkpoint(session: Session, node: nodes.Checkpoint) -> None:
    checkpointer = 4544  # pg_checkpoint
    if checkpointer not in privileges.rights_of(session.lookup.view.state, session.role.oid):
        message = "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT"
        raise _refused(message)


# Roles.


def _expect_create_role(session: Session, message: str) -> None:
    role = session.lookup.view.state.get(session.role.oid)
    if not role.can_create_role:
        raise _refused(message)


_SUPERUSER_OPTIONS = {
    "superuser": "superuser",
    "replication": "replication",
    "bypassrls": "bypassrls",
}


def _of_superusers(node: nodes.CreateRole | nodes.AlterRole) -> Iterator[str]:
    for option in node.options:
        if option.name in _SUPERUSER_OPTIONS and (
            option.value or isinstance(node, nodes.AlterRole)
        ):
            yield option.name


def _create_role(session: Session, node: nodes.CreateRole) -> None:
    for option in _of_superusers(node):
        doing = {"superuser": "superusers", "replication": "replication users",
                 "bypassrls": "bypassrls users"}[option]  # fmt: skip
        raise _refused(f"must be superuser to create {doing}")
    _expect_create_role(session, "permission denied to create role")


def _alter_role(session: Session, node: nodes.AlterRole) -> None:
    role = named_role(session, node.name)
    if role.is_superuser or any(one == "superuser" for one in _of_superusers(node)):
        message = "must be superuser to alter superuser roles or change superuser attribute"
        raise _refused(message)
    for option in _of_superusers(node):
        doing = {"replication": "alter replication roles or change replication attribute",
                 "bypassrls": "change bypassrls attribute"}[option]  # fmt: skip
        raise _refused(f"must be superuser to {doing}")
    is_own_password = role.oid == session.role.oid and all(
        option.name == "password" for option in node.options
    )
    if not is_own_password:
        _expect_create_role(session, "permission denied")


def _drop_role(session: Session, node: nodes.DropRole) -> None:
    _expect_create_role(session, "permission denied to drop role")
    for name in node.names:
        found = session.lookup.view.state.find("role", 0, name)
        if isinstance(found, Role) and found.is_superuser:
            raise _refused("must be superuser to drop superusers")


def _grant_role(session: Session, node: nodes.GrantRole) -> None:
    state = session.lookup.view.state
    own = state.get(session.role.oid)
    for name in node.granted:
        role = named_role(session, name)
        if role.is_superuser:
            raise _refused("must be superuser to alter superusers")
        if not own.can_create_role and not privileges.may_administer(state, own.oid, role.oid):
            raise _refused(f'must have admin option on role "{role.name}"')


_CHECKS: dict[type, Callable[[Session, object], None]] = {
    nodes.AlterTable: _alter_table,
    nodes.CreateIndex: _of_relation,
    nodes.AlterSequence: _of_relation,
    nodes.Cluster: _of_relation,
    nodes.Reindex: _reindex,
    nodes.CreateView: _replaced,
    nodes.Rename: _rename,
    nodes.SetSchema: _set_schema,
    nodes.AlterOwner: _alter_owner,
    nodes.Drop: _drop,
    nodes.Truncate: _truncate,
    nodes.LockTable: _lock_table,
    nodes.CreateSchema: _create_schema,
    nodes.AddEnumLabel: _of_type,
    nodes.AlterComposite: _of_type,
    nodes.RenameEnumLabel: _of_type,
    nodes.AlterDomain: _of_type,
    nodes.Comment: _comment,
    nodes.Checkpoint: _checkpoint,
    nodes.CreateRole: _create_role,
    nodes.AlterRole: _alter_role,
    nodes.DropRole: _drop_role,
    nodes.GrantRole: _grant_role,
}

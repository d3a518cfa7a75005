"""REASSIGN OWNED and DROP OWNED: everything that belongs to some roles; what keeps a role alive.

# Real: shdepReassignOwned(), shdepDropOwned(), checkSharedDependencies()
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from services.sqldb import errors
from services.sqldb.catalog import privileges
from services.sqldb.catalog.definitions import (
    FIRST_USER_OID,
    AccessList,
    CompositeType,
    DefaultAccess,
    Definition,
    DomainType,
    EnumType,
    Role,
    Schema,
    Sequence,
    SqlRoutine,
    Table,
)
from services.sqldb.catalog.privileges import TABLE_CLASS
from services.sqldb.catalog.routine_names import routine_text
from services.sqldb.commands.default_privileges import change_owner_in_lists
from services.sqldb.commands.dropping import drop_all, kind_of
from services.sqldb.commands.permissions import named_role
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes

_KINDS = (Schema, Table, Sequence, EnumType, CompositeType, DomainType, SqlRoutine)


def owned_by(session: Session, role_oid: int) -> Iterator[Definition]:
    """The objects of a role, without those that are parts of others."""
    for kind in _KINDS:
        for one in session.lookup.view.state.all(kind):
            is_part = isinstance(one, CompositeType) and one.table_oid
            if one.owner == role_oid and one.oid >= FIRST_USER_OID and not is_part:
                yield one


def run_owned(session: Session, node: nodes.OwnedBy) -> Result:
    roles = [named_role(session, name) for name in node.roles]
    state = session.lookup.view.state
    new_owner = None if node.new_owner is None else named_role(session, node.new_owner)
    for role in (*roles, *([] if new_owner is None else [new_owner])):
        if not privileges.has_rights_of(state, session.role.oid, role.oid):
            doing = "reassign" if new_owner is not None else "drop"
            message = f"permission denied to {doing} objects"
            raise SqlError(errors.INSUFFICIENT_PRIVILEGE, message)
    for role in roles:
        if new_owner is not None:
            for one in list(owned_by(session, role.oid)):
                give(session, one, new_owner.oid)
        else:
            _drop_owned(session, role, node)
    return Result("DROP OWNED" if new_owner is None else "REASSIGN OWNED")


def give(session: Session, definition: Definition, role_oid: int) -> None:
    """The object, and what is a part of it, belongs to another role."""
    view = session.lookup.view
    if isinstance(definition, Table):
        for one in view.state.parts(definition.oid, Sequence):
            give(session, one, role_oid)
        row_type = view.state.get(definition.row_type_oid)
        if row_type is not None:
            view.put(replace(row_type, owner=role_oid))
    if definition.owner != role_oid:
        change_owner_in_lists(session, definition, role_oid)
        view.put(replace(definition, owner=role_oid))


def _drop_owned(session: Session, role: Role, node: nodes.OwnedBy) -> None:
    found = list(owned_by(session, role.oid))
    if found:
        drop_all(session, found, cascade=node.cascade)
    view = session.lookup.view
    for one in list(view.state.all(AccessList)):
        items = tuple(item for item in one.items if role.oid not in item[:2])
        if one.column and not items:
            view.remove(one.oid)
        elif items != one.items:
            view.put(replace(one, items=items))
    for one in list(view.state.all(DefaultAccess)):
        items = tuple(item for item in one.items if item[0] != role.oid)
        if one.role_oid == role.oid:
            view.remove(one.oid)
        elif items != one.items:
            view.put(replace(one, items=items))


def refuse_if_needed(session: Session, role: Role) -> None:
    """A role that owns something, or that a list names, stays. Raises SqlError 2BP01."""
    state = session.lookup.view.state
    lines = [
        ((one.oid, 0), f"owner of {_words(session, one)}") for one in owned_by(session, role.oid)
    ]
    for one in state.all(AccessList):
        if any(role.oid in item[:2] for item in one.items) and _owner(state, one) != role.oid:
            place = one.object_oid, one.column
            lines.append((place, f"privileges for {_listed(session, one)}"))
    for one in state.all(DefaultAccess):
        if one.role_oid == role.oid or any(item[0] == role.oid for item in one.items):
            what = "owner of" if one.role_oid == role.oid else "privileges for"
            lines.append(((one.oid, 0), f"{what} {_default_words(session, one)}"))
    if lines:
        raise SqlError(
            errors.DEPENDENT_OBJECTS_STILL_EXIST,
            f'role "{role.name}" cannot be dropped because some objects depend on it',
            detail="\n".join(words for _, words in sorted(lines)),
        )


_PLURALS = {"r": "relations", "S": "sequences", "f": "functions", "T": "types", "n": "schemas"}


def _default_words(session: Session, one: DefaultAccess) -> str:
    owner = session.lookup.view.state.get(one.role_oid).name
    words = f"default privileges on new {_PLURALS[one.kind]} belonging to role {owner}"
    schema = session.lookup.schema_name(one.schema_oid)
    return f"{words} in schema {schema}" if schema else words


def _owner(state: object, one: AccessList) -> int:
    return getattr(state.get(one.object_oid), "owner", 0)


def _words(session: Session, definition: Definition) -> str:
    """With its schema where the bare name would not find it."""
    kind = kind_of(definition).value
    if isinstance(definition, SqlRoutine):
        return f"{kind} {routine_text(session, definition)}"
    return f"{kind} {_full_name(session, definition)}"


def _full_name(session: Session, definition: Definition) -> str:
    schema = session.lookup.schema_name(getattr(definition, "schema_oid", 0))
    if not schema or schema in session.lookup.path_names(with_implicit=True):
        return definition.name
    return f"{schema}.{definition.name}"


def _listed(session: Session, one: AccessList) -> str:
    found = session.lookup.view.state.get(one.object_oid)
    if found is None:
        is_database = one.class_oid == privileges.DATABASE_CLASS
        return f"database {session.database}" if is_database else f"object {one.object_oid}"
    if one.column and one.class_oid == TABLE_CLASS:
        return f"column {found.columns[one.column - 1].name} of {_words(session, found)}"
    return _words(session, found)

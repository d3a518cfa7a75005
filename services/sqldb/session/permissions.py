"""Whether the session's role may do what a statement wants: 42501 if not.

Statements that read and change rows are asked when they are planned: the binder has noted what they
do with which table (`plan.accesses`), and a plan is made anew after every GRANT and SET ROLE. So
running a plan costs nothing for it. Commands ask here for themselves, see `commands.permissions`.
What a view reads is asked for its owner. # Real: ExecCheckRTPerms(), object_ownercheck()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.catalog import privileges
from services.sqldb.catalog.definitions import (
    BOOTSTRAP_ROLE_OID,
    AccessList,
    Index,
    Role,
    Schema,
    SqlRoutine,
    Table,
)
from services.sqldb.catalog.privileges import Protected
from services.sqldb.errors import SqlError

if TYPE_CHECKING:
    from services.sqldb.catalog.state import CatalogState
    from services.sqldb.plan.accesses import Access
    from services.sqldb.plan.nodes import BoundStatement
    from services.sqldb.session.session import Session


def check_statement(session: Session, bound: BoundStatement) -> None:
    """Raises SqlError 42501 for the first table or function that it may not use so."""
    state, role_oid = session.lookup.view.state, session.role.oid
    for access in bound.accesses:
        _check_access(state, access, access.as_role or role_oid)
    if bound.called and not privileges.is_superuser(state, role_oid):
        for oid in bound.called:
            _check_call(state, oid, role_oid)


def _check_access(state: CatalogState, access: Access, role_oid: int) -> None:
    if privileges.is_superuser(state, role_oid):
        return
    table = state.get(access.table.oid) or access.table
    one = privileges.protected(table)
    missing = access.wanted - set(privileges.held(state, one, role_oid)[0])
    columns = {"r": access.selected, "a": access.inserted, "w": access.updated}
    for letter in missing:
        if letter not in columns or not _has_columns(
            state, one, role_oid, letter, columns[letter], access.table
        ):
            raise denied(one)


def _has_columns(
    state: CatalogState, one: Protected, role_oid: int, letter: str, columns: set[int], table: Table
) -> bool:
    """Whether the right is there for each of the columns; of none, for any column at all."""
    if not columns:
        every = [index + 1 for index, _ in table.live_columns()]
        return any(privileges.has_on_column(state, one, role_oid, letter, at) for at in every)
    return all(
        at > 0 and privileges.has_on_column(state, one, role_oid, letter, at) for at in columns
    )


def _check_call(state: CatalogState, oid: int, role_oid: int) -> None:
    definition = state.get(oid)
    if isinstance(definition, SqlRoutine):
        one = privileges.protected(definition)
    elif state.parts(oid, AccessList):
        one = privileges.builtin_function(oid, "")
    else:
        return
    if not privileges.has(state, one, role_oid, "X"):
        raise denied(one)


def denied(one: Protected) -> SqlError:
    message = f"permission denied for {one.noun} {one.name}"
    return SqlError(errors.INSUFFICIENT_PRIVILEGE, message)


# For commands and functions.


def expect_right(session: Session, one: Protected, letters: str) -> None:
    """All of these rights. Raises SqlError 42501."""
    state = session.lookup.view.state
    if not session.role.is_superuser and not privileges.has(state, one, session.role.oid, letters):
        raise denied(one)


def expect_any_right(session: Session, one: Protected, letters: str) -> None:
    """One of these rights. Raises SqlError 42501."""
    if session.role.is_superuser:
        return
    own = privileges.held(session.lookup.view.state, one, session.role.oid)[0]
    if not set(own) & set(letters):
        raise denied(one)


def expect_on_columns(session: Session, one: Protected, letter: str, columns: set[int]) -> None:
    """The right to the whole table, or to each of these columns (attnums). Raises SqlError 42501"""
    state, role_oid = session.lookup.view.state, session.role.oid
    if privileges.has(state, one, role_oid, letter):
        return
    if not all(privileges.has_on_column(state, one, role_oid, letter, at) for at in columns):
        raise denied(one)


def expect_owner(session: Session, definition: object, written: tuple[str, ...] = ()) -> None:
    """`written`: the name of a function as the statement has it.

    Raises SqlError 42501: must be owner of …
    """
    if session.role.is_superuser:
        return
    state = session.lookup.view.state
    if privileges.owns(state, session.role.oid, privileges.owner_of(state, definition)):
        return
    one = privileges.protected(definition)
    noun = "index" if isinstance(definition, Index) else one.noun if one else "object"
    name = definition.name
    if isinstance(definition, SqlRoutine) and written:
        name = ".".join(written)
    message = f"must be owner of {noun} {name}"
    raise SqlError(errors.INSUFFICIENT_PRIVILEGE, message)


def expect_membership(session: Session, role: Role) -> None:
    """To give something to a role, one has to be a member of it. Raises SqlError 42501."""
    state = session.lookup.view.state
    if not privileges.is_member(state, session.role.oid, role.oid):
        message = f'must be member of role "{role.name}"'
        raise SqlError(errors.INSUFFICIENT_PRIVILEGE, message)


def schema_rights(session: Session, state: CatalogState) -> object:
    """What `Lookup` asks of schemas; None for a superuser, who may use and fill all of them.

    Definitions have changed: perhaps the role's own, too.
    """
    role_oid = session.role.oid
    role = state.get(role_oid)
    if isinstance(role, Role) and role_oid != BOOTSTRAP_ROLE_OID:
        session.role = role
    if privileges.is_superuser(state, role_oid):
        return None

    def has_right(schema: Schema, letter: str) -> bool:
        return privileges.has(state, privileges.protected(schema), role_oid, letter)

    return has_right


# Who one is.


def run_as(session: Session, role_oid: int, run: Callable[[], list]) -> list:
    """With the rights of another role: the body of a function with SECURITY DEFINER."""
    before = session.role
    role = session.lookup.view.state.get(role_oid)
    if role_oid == before.oid or not isinstance(role, Role):
        return run()
    session.role = role
    session.forget_lookup()
    try:
        return run()
    finally:
        session.role = before
        session.forget_lookup()


def check_role_setting(session: Session, name: str, value: str) -> None:
    """SET ROLE and SET SESSION AUTHORIZATION: the role is there, and one may be it.

    Raises SqlError 22023, 42501.
    """
    if name == "role" and value == "none":
        return
    state = (
        session.engine.catalog.shared if session.transaction is None else session.lookup.view.state
    )
    role = state.find("role", 0, value)
    if role is None:
        role = session.named_roles.get(value)
    if not isinstance(role, Role):
        raise SqlError(errors.INVALID_PARAMETER_VALUE, f'role "{value}" does not exist')
    session.named_roles[value] = role
    if name == "role":
        if not privileges.is_member(state, session.session_role.oid, role.oid):
            message = f'permission denied to set role "{value}"'
            raise SqlError(errors.INSUFFICIENT_PRIVILEGE, message)
    elif role.oid != session.login_role.oid and not privileges.is_superuser(
        state, session.login_role.oid
    ):
        message = "permission denied to set session authorization"
        raise SqlError(errors.INSUFFICIENT_PRIVILEGE, message)

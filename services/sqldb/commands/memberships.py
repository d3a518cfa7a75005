"""GRANT and REVOKE of roles: who is a member of whom. # Real: AddRoleMems(), DelRoleMems()"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.catalog import privileges
from services.sqldb.catalog.definitions import Role
from services.sqldb.commands.permissions import named_role
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes


def grant_role(session: Session, node: nodes.GrantRole) -> Result:
    view = session.lookup.view
    for name in node.granted:
        role = named_role(session, name)
        for member_name in node.roles:
            member = view.state.get(named_role(session, member_name).oid)
            change = _joined if node.is_grant else _left
            view.put(change(session, member, role, node))
    if node.is_alter_group:
        return Result("ALTER ROLE")
    return Result("GRANT ROLE" if node.is_grant else "REVOKE ROLE")


def join(session: Session, member_oid: int, role_oid: int, *, with_admin: bool = False) -> None:
    """For CREATE ROLE … IN ROLE, ROLE, ADMIN."""
    view = session.lookup.view
    member = view.state.get(member_oid)
    above = tuple(dict.fromkeys((*member.member_of, role_oid)))
    admin = (*member.admin_of, role_oid) if with_admin else member.admin_of
    view.put(replace(member, member_of=above, admin_of=admin))


def _joined(session: Session, member: Role, role: Role, node: nodes.GrantRole) -> Role:
    state = session.lookup.view.state
    if member.oid in privileges.memberships(state, role.oid):
        message = f'role "{role.name}" is a member of role "{member.name}"'
        raise SqlError("0LP01", message)
    if role.oid in member.member_of and not (
        node.with_admin_option and role.oid not in member.admin_of
    ):
        message = f'role "{member.name}" is already a member of role "{role.name}"'
        session.notice(message)
        return member
    admin = {*member.admin_of, role.oid} if node.with_admin_option else set(member.admin_of)
    above = dict.fromkeys((*member.member_of, role.oid))
    return replace(member, member_of=tuple(above), admin_of=tuple(sorted(admin)))


def _left(session: Session, member: Role, role: Role, node: nodes.GrantRole) -> Role:
    if role.oid not in member.member_of:
        message = f'role "{member.name}" is not a member of role "{role.name}"'
        session.warn("01000", message)
        return member
    admin = tuple(oid for oid in member.admin_of if oid != role.oid)
    if node.with_admin_option:
        return replace(member, admin_of=admin)
    above = tuple(oid for oid in member.member_of if oid != role.oid)
    return replace(member, member_of=above, admin_of=admin)

"""Roles as tables: pg_roles, pg_authid, pg_auth_members, pg_user, pg_group; pg_default_acl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import BOOTSTRAP_ROLE_OID, DefaultAccess, Role
from services.sqldb.catalog.privileges import item_text
from services.sqldb.catalog.system_catalog import define, text_array
from services.sqldb.types import TIMESTAMPTZ

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

_ROLE_COLUMNS = (
    "rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, "
    "rolcanlogin bool, rolreplication bool, rolconnlimit int4, rolpassword text, "
    "rolvaliduntil timestamptz, rolbypassrls bool"
)


def _roles(session: Session) -> list[Role]:
    return sorted(session.lookup.view.state.all(Role), key=lambda role: role.oid)


def _role_row(session: Session, role: Role, password: str | None) -> tuple:
    is_bootstrap = role.oid == BOOTSTRAP_ROLE_OID
    return (
        *(role.name, role.is_superuser, role.inherits, role.can_create_role, role.can_create_db),
        *(role.can_login, role.can_replicate or is_bootstrap, role.connection_limit, password),
        *(_until(session, role), role.bypasses_row_security or is_bootstrap),
    )


def _until(session: Session, role: Role) -> int | None:
    return TIMESTAMPTZ.parse(role.valid_until, -1, session) if role.valid_until else None


@define("pg_roles", f"{_ROLE_COLUMNS}, rolconfig _text, oid oid")
def pg_roles(session: Session) -> Iterator[tuple]:
    for role in _roles(session):
        yield *_role_row(session, role, "********"), None, role.oid


@define("pg_authid", f"oid oid, {_ROLE_COLUMNS}", 1260)
def pg_authid(session: Session) -> Iterator[tuple]:
    for role in _roles(session):
        yield role.oid, *_role_row(session, role, role.password or None)


@define("pg_auth_members", "roleid oid, member oid, grantor oid, admin_option bool", 1261)
def pg_auth_members(session: Session) -> Iterator[tuple]:
    for member in _roles(session):
        for oid in member.member_of:
            yield oid, member.oid, BOOTSTRAP_ROLE_OID, oid in member.admin_of


_USER_COLUMNS = (
    "usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, "
    "usebypassrls bool, passwd text, valuntil timestamptz, useconfig _text"
)


def _user_rows(session: Session, *, shows_password: bool) -> Iterator[tuple]:
    for role in _roles(session):
        if role.can_login:
            row = _role_row(session, role, None)
            yield (
                *(role.name, role.oid, role.can_create_db, role.is_superuser, row[6], row[10]),
                *((role.password or None) if shows_password else "********", row[9], None),
            )


@define("pg_user", _USER_COLUMNS)
def pg_user(session: Session) -> Iterator[tuple]:
    return _user_rows(session, shows_password=False)


@define("pg_shadow", _USER_COLUMNS)
def pg_shadow(session: Session) -> Iterator[tuple]:
    return _user_rows(session, shows_password=True)


@define("pg_group", "groname name, grosysid oid, grolist _oid")
def pg_group(session: Session) -> Iterator[tuple]:
    for role in _roles(session):
        if not role.can_login:
            members = [one.oid for one in _roles(session) if role.oid in one.member_of]
            yield role.name, role.oid, text_array(members)


@define(
    "pg_default_acl",
    "oid oid, defaclrole oid, defaclnamespace oid, defaclobjtype char, defaclacl _aclitem",
    826,
)
def pg_default_acl(session: Session) -> Iterator[tuple]:
    state = session.lookup.view.state
    for one in state.all(DefaultAccess):
        texts = text_array([item_text(state, item) for item in one.items])
        yield one.oid, one.role_oid, one.schema_oid, one.kind, texts

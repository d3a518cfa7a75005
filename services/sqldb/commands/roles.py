"""CREATE, ALTER and DROP ROLE, COMMENT ON."""

from __future__ import annotations

from dataclasses import replace

from services.sqldb import errors
from services.sqldb.catalog.definitions import BOOTSTRAP_ROLE_OID, DATABASE_OID, Comment, Role
from services.sqldb.catalog.routine_names import find_routine, missing_routine
from services.sqldb.commands.alter_table import expect_constraint
from services.sqldb.commands.memberships import join
from services.sqldb.commands.owned import refuse_if_needed
from services.sqldb.commands.permissions import named_role
from services.sqldb.errors import SqlError
from services.sqldb.session.login import make_verifier
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes


def create_role(session: Session, node: nodes.CreateRole) -> Result:
    view = session.lookup.view
    if node.name.startswith("pg_"):
        message = f'role name "{node.name}" is reserved'
        detail = 'Role names starting with "pg_" are reserved.'
        raise SqlError(errors.RESERVED_NAME, message, detail=detail)
    if view.state.find("role", 0, node.name) is not None:
        raise SqlError(errors.DUPLICATE_OBJECT, f'role "{node.name}" already exists')
    can_login = node.kind == "user"
    role = _with_options(Role(view.new_oid(), node.name, can_login=can_login), node.options)
    view.put(role)
    for option in node.options:
        match option.name:
            case "in_role":
                for name in option.value:
                    join(session, role.oid, named_role(session, name).oid)
            case "role" | "admin":
                for name in option.value:
                    member = named_role(session, name)
                    join(session, member.oid, role.oid, with_admin=option.name == "admin")
    return Result("CREATE ROLE")


def alter_role(session: Session, node: nodes.AlterRole) -> Result:
    view = session.lookup.view
    view.put(_with_options(view.state.get(named_role(session, node.name).oid), node.options))
    return Result("ALTER ROLE")


_ATTRIBUTES = {
    "superuser": "is_superuser",
    "login": "can_login",
    "createdb": "can_create_db",
    "createrole": "can_create_role",
    "inherit": "inherits",
    "replication": "can_replicate",
    "bypassrls": "bypasses_row_security",
}


def _with_options(role: Role, options: tuple[nodes.Option, ...]) -> Role:
    for option in options:
        if option.name in _ATTRIBUTES:
            role = replace(role, **{_ATTRIBUTES[option.name]: bool(option.value)})
        elif option.name == "password":
            role = replace(role, password=_verifier(option.value))
        elif option.name == "connection_limit":
            role = replace(role, connection_limit=option.value)
        elif option.name == "valid_until":
            role = replace(role, valid_until=option.value)
    return role


def _verifier(password: object) -> str:
    if password is None:
        return ""
    text = str(password)
    # One that is salted already, as pg_dump writes it.
    return text if text.startswith("SCRAM-SHA-256$") else make_verifier(text)


def drop_role(session: Session, node: nodes.DropRole) -> Result:
    view = session.lookup.view
    for name in node.names:
        found = view.state.find("role", 0, name)
        if found is None and node.if_exists:
            session.notice(f'role "{name}" does not exist, skipping')
            continue
        role = session.engine.expect_role(view, name)
        if role.oid in (session.role.oid, BOOTSTRAP_ROLE_OID):
            raise SqlError(errors.OBJECT_IN_USE, "current user cannot be dropped")
        if role.oid == session.session_role.oid:
            raise SqlError(errors.OBJECT_IN_USE, "session user cannot be dropped")
        refuse_if_needed(session, role)
        for member in list(view.state.all(Role)):
            if role.oid in member.member_of:
                above = tuple(oid for oid in member.member_of if oid != role.oid)
                admin = tuple(oid for oid in member.admin_of if oid != role.oid)
                view.put(replace(member, member_of=above, admin_of=admin))
        view.remove(role.oid)
    return Result("DROP ROLE")


_CLASS_OIDS = {
    "table": 1259,
    "view": 1259,
    "index": 1259,
    "sequence": 1259,
    "column": 1259,
    "schema": 2615,
    "type": 1247,
    "constraint": 2606,
    "database": 1262,
    "role": 1260,
    "function": 1255,
    "procedure": 1255,
    "routine": 1255,
    "domain": 1247,
}


def comment_on(session: Session, node: nodes.Comment) -> Result:
    kind = node.kind.value
    if kind not in _CLASS_OIDS:
        return Result("COMMENT")
    object_oid, column = _commented(session, kind, node)
    view = session.lookup.view
    for old in view.state.parts(object_oid, Comment):
        if old.column == column and old.class_oid == _CLASS_OIDS[kind]:
            view.remove(old.oid)
    if node.text:
        view.put(Comment(view.new_oid(), _CLASS_OIDS[kind], object_oid, column, node.text))
    return Result("COMMENT")


def _commented(session: Session, kind: str, node: nodes.Comment) -> tuple[int, int]:
    lookup = session.lookup
    names = node.name
    match kind:
        case "column":
            *schema, table_name, column_name = names
            table = lookup.expect_table(schema[0] if schema else None, table_name, node.position)
            index = table.column_index(column_name)
            if index is None:
                message = f'column "{column_name}" of relation "{table_name}" does not exist'
                raise SqlError(errors.UNDEFINED_COLUMN, message)
            return table.oid, index + 1
        case "schema":
            return lookup.expect_schema(names[-1]).oid, 0
        case "role":
            return session.engine.expect_role(lookup.view, names[-1]).oid, 0
        case "function" | "procedure" | "routine":
            found = find_routine(session, names)
            if found is None:
                message = missing_routine(session, kind, names)
                raise SqlError(errors.UNDEFINED_FUNCTION, message)
            return found.oid, 0
        case "type" | "domain":
            found = lookup.type(names[0] if len(names) > 1 else None, names[-1])
            if found is None:
                raise SqlError(errors.UNDEFINED_OBJECT, f'type "{names[-1]}" does not exist')
            return found.oid, 0
        case "database":
            return DATABASE_OID, 0
        case "constraint":
            *schema, table_name = names
            table = lookup.expect_table(schema[0] if schema else None, table_name, node.position)
            return expect_constraint(session, table, node.part).oid, 0
    *schema, name = names
    found = lookup.relation(schema[0] if schema else None, name)
    if found is None:
        raise SqlError(errors.UNDEFINED_TABLE, f'relation "{name}" does not exist')
    return found.oid, 0

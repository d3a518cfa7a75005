"""CREATE, ALTER ROLE and USER, COMMENT ON; GRANT and REVOKE, which are accepted.

Whoever is logged in may do everything: privileges are written down nowhere and checked nowhere.
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb import errors
from services.sqldb.catalog.definitions import BOOTSTRAP_ROLE_OID, Comment, Role
from services.sqldb.catalog.system_catalog import DATABASE_OID
from services.sqldb.commands.alter_table import expect_constraint
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
    view.put(_with_options(Role(view.new_oid(), node.name, can_login=can_login), node.options))
    return Result("CREATE ROLE")


def alter_role(session: Session, node: nodes.AlterRole) -> Result:
    view = session.lookup.view
    view.put(_with_options(session.engine.expect_role(view, node.name), node.options))
    return Result("ALTER ROLE")


_ATTRIBUTES = {
    "superuser": "is_superuser",
    "login": "can_login",
    "createdb": "can_create_db",
    "createrole": "can_create_role",
}


def _with_options(role: Role, options: tuple[nodes.Option, ...]) -> Role:
    for option in options:
        if option.name in _ATTRIBUTES:
            role = replace(role, **{_ATTRIBUTES[option.name]: bool(option.value)})
        elif option.name == "password":
            role = replace(role, password=_verifier(option.value))
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
        view.remove(role.oid)
    return Result("DROP ROLE")


def grant(session: Session, node: nodes.Grant | nodes.GrantRole) -> Result:
    tag = "GRANT" if node.is_grant else "REVOKE"
    return Result(f"{tag} ROLE" if isinstance(node, nodes.GrantRole) else tag)


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
        case "type":
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

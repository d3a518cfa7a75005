"""The grammar of roles and privileges: CREATE and ALTER ROLE, GRANT, REVOKE."""

from services.sqldb.errors import RESERVED_NAME, SYNTAX_ERROR, SqlError
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_from as from_clause
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import COLUMN_NAMES, TYPE_FUNCTION_NAMES
from services.sqldb.syntax.nodes import (
    AlterDefaultPrivileges,
    AlterRole,
    CreateRole,
    Grant,
    GrantRole,
    ObjectKind,
    Option,
    OwnedBy,
    Privilege,
    RelationName,
)

_NON_RESERVED = COLUMN_NAMES | TYPE_FUNCTION_NAMES
_FLAGS = ("superuser", "createdb", "createrole", "inherit", "login", "replication", "bypassrls")
_ROLE_WORDS = {"current_role", "current_user", "session_user"}


def role(cursor: Cursor) -> str:
    """A role's name, or CURRENT_USER and its like in capitals. # Real: RoleSpec"""
    if cursor.kind in _ROLE_WORDS:
        return cursor.take().upper()
    if cursor.kind not in _NON_RESERVED:
        cursor.fail()
    position, name = cursor.position, cursor.take()
    if name == "none":
        raise SqlError(RESERVED_NAME, 'role name "none" is reserved', position=position)
    return name


def _plain_role(cursor: Cursor) -> str:
    """The name of a role that is made: none of the words that stand for one. # Real: RoleId"""
    position = cursor.position
    name = role(cursor)
    if name.lower() in _ROLE_WORDS and name.isupper():
        message = f"{name} cannot be used as a role name here"
        raise SqlError(RESERVED_NAME, message, position=position)
    if name == "public":
        raise SqlError(RESERVED_NAME, 'role name "public" is reserved', position=position)
    return name


def create_role(cursor: Cursor, position: int) -> CreateRole:
    """What follows CREATE, from ROLE, USER or GROUP on."""
    kind = cursor.take()
    name = _plain_role(cursor)
    cursor.accept("with")
    return CreateRole(kind, name, _role_options(cursor), position)


def alter_role(cursor: Cursor, position: int) -> AlterRole:
    """What follows ALTER ROLE name."""
    name = role(cursor)
    cursor.accept("with")
    return AlterRole(name, _role_options(cursor), position)


def alter_group(cursor: Cursor, position: int) -> GrantRole:
    """ALTER GROUP name ADD USER members: an old way to write GRANT name TO members."""
    name = role(cursor)
    is_grant = cursor.expect_one_of(("add", "drop")) == "add"
    cursor.expect("user")
    return GrantRole(
        is_grant, (name,), cursor.list_of(role), position=position, is_alter_group=True
    )


def _role_options(cursor: Cursor) -> tuple[Option, ...]:
    found = []
    while cursor.kind not in (";", lexer.END):
        found.append(_role_option(cursor))
    return tuple(found)


def _role_option(cursor: Cursor) -> Option:
    position = cursor.position
    word = cursor.value if cursor.kind != "in" else "in"
    if cursor.kind in (lexer.STRING, lexer.ERROR) or not isinstance(word, str):
        cursor.fail()
    if word in _FLAGS or (word.startswith("no") and word[2:] in _FLAGS):
        cursor.advance()
        return Option(word.removeprefix("no"), not word.startswith("no"), position)
    match cursor.kind:
        case "encrypted" | "password":
            is_encrypted = cursor.accept("encrypted")
            cursor.expect("password")
            if not is_encrypted and cursor.accept("null"):
                return Option("password", None, position)
            return Option("password", cursor.string(), position)
        case "connection":
            cursor.expect("connection", "limit")
            return Option("connection_limit", cursor.signed_integer(), position)
        case "valid":
            cursor.expect("valid", "until")
            return Option("valid_until", cursor.string(), position)
        case "sysid":
            cursor.advance()
            return Option("sysid", cursor.integer(), position)
        case "in":
            cursor.advance()
            cursor.expect_one_of(("role", "group"))
            return Option("in_role", cursor.list_of(role), position)
        case "role" | "user":
            cursor.advance()
            return Option("role", cursor.list_of(role), position)
        case "admin":
            cursor.advance()
            return Option("admin", cursor.list_of(role), position)
        case lexer.IDENTIFIER:
            message = f'unrecognized role option "{word}"'
            raise SqlError(SYNTAX_ERROR, message, position=position)
    return cursor.fail()


def grant(cursor: Cursor) -> Grant | GrantRole:
    position = cursor.position
    cursor.expect("grant")
    privileges = _privileges(cursor)
    if cursor.kind == "to":
        return _grant_role(cursor, privileges, position)
    cursor.expect("on")
    kind, names, in_schema = _objects(cursor)
    cursor.expect("to")
    roles = cursor.list_of(_grantee)
    with_option = cursor.accept_phrase("with", "grant", "option")
    _granted_by(cursor)
    return Grant(True, privileges, kind, names, roles, in_schema, with_option, position=position)


def _grant_role(cursor: Cursor, privileges: tuple[Privilege, ...], position: int) -> GrantRole:
    cursor.expect("to")
    roles = cursor.list_of(role)
    with_admin = cursor.accept_phrase("with", "admin", "option")
    _granted_by(cursor)
    granted = tuple(privilege.name for privilege in privileges)
    return GrantRole(True, granted, roles, with_admin, position=position)


def revoke(cursor: Cursor) -> Grant | GrantRole:
    position = cursor.position
    cursor.expect("revoke")
    only_option = cursor.accept_phrase("grant", "option", "for")
    only_admin = not only_option and cursor.accept_words("admin", "option", "for")
    privileges = _privileges(cursor)
    if cursor.kind == "from" and not only_option:
        cursor.advance()
        roles = cursor.list_of(role)
        _granted_by(cursor)
        granted = tuple(privilege.name for privilege in privileges)
        return GrantRole(False, granted, roles, only_admin, _cascade(cursor), position)
    cursor.expect("on")
    kind, names, in_schema = _objects(cursor)
    cursor.expect("from")
    roles = cursor.list_of(_grantee)
    _granted_by(cursor)
    return Grant(
        False, privileges, kind, names, roles, in_schema, only_option, _cascade(cursor), position
    )


def alter_default_privileges(cursor: Cursor, position: int) -> AlterDefaultPrivileges:
    """What follows ALTER."""
    cursor.expect("default", "privileges")
    for_roles: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    while cursor.kind in ("for", "in"):
        if cursor.accept("for"):
            cursor.expect_one_of(("role", "user"))
            for_roles = cursor.list_of(role)
        else:
            cursor.expect("in", "schema")
            schemas = cursor.list_of(lambda it: it.column_name())
    is_grant = cursor.expect_one_of(("grant", "revoke")) == "grant"
    with_option = not is_grant and cursor.accept_phrase("grant", "option", "for")
    privileges = _privileges(cursor)
    cursor.expect("on")
    kind = cursor.expect_one_of(
        ("tables", "sequences", "functions", "routines", "types", "schemas")
    )
    cursor.expect("to" if is_grant else "from")
    roles = cursor.list_of(_grantee)
    if is_grant:
        with_option = cursor.accept_phrase("with", "grant", "option")
    cascade = not is_grant and _cascade(cursor)
    return AlterDefaultPrivileges(
        for_roles, schemas, is_grant, privileges, kind, roles, with_option, cascade, position
    )


def drop_owned(cursor: Cursor, position: int) -> OwnedBy:
    """What follows DROP."""
    cursor.expect("owned", "by")
    names = cursor.list_of(role)
    return OwnedBy(names, None, _cascade(cursor), position)


def reassign_owned(cursor: Cursor) -> OwnedBy:
    position = cursor.position
    cursor.expect("reassign", "owned", "by")
    names = cursor.list_of(role)
    cursor.expect("to")
    return OwnedBy(names, role(cursor), position=position)


def _cascade(cursor: Cursor) -> bool:
    if cursor.accept("cascade"):
        return True
    cursor.accept("restrict")
    return False


def _granted_by(cursor: Cursor) -> None:
    """GRANTED BY role is the current role or an error elsewhere; nothing depends on it here."""
    if cursor.accept("granted"):
        cursor.expect("by")
        role(cursor)


def _grantee(cursor: Cursor) -> str:
    if cursor.kind == "group":
        cursor.advance()
    return role(cursor)


def _privileges(cursor: Cursor) -> tuple[Privilege, ...]:
    if cursor.accept("all"):
        cursor.accept("privileges")
        columns = cursor.names_in_parentheses() if cursor.kind == "(" else ()
        return (Privilege("all", columns),)
    return cursor.list_of(_privilege)


def _privilege(cursor: Cursor) -> Privilege:
    if cursor.kind in ("select", "references", "create"):
        name = cursor.take()
    elif cursor.accept_words("alter", "system"):
        name = "alter system"
    else:
        name = cursor.column_name()
    columns = cursor.names_in_parentheses() if cursor.kind == "(" else ()
    return Privilege(name, columns)


_PLURALS = {
    "tables": ObjectKind.TABLE,
    "sequences": ObjectKind.SEQUENCE,
    "functions": ObjectKind.FUNCTION,
    "procedures": ObjectKind.PROCEDURE,
    "routines": ObjectKind.ROUTINE,
}
_SIMPLE_NAMES = {
    "database": ObjectKind.DATABASE,
    "schema": ObjectKind.SCHEMA,
    "language": ObjectKind.LANGUAGE,
    "tablespace": ObjectKind.TABLESPACE,
}
_QUALIFIED_NAMES = {
    "domain": ObjectKind.DOMAIN,
    "type": ObjectKind.TYPE,
    "function": ObjectKind.FUNCTION,
    "procedure": ObjectKind.PROCEDURE,
    "routine": ObjectKind.ROUTINE,
}


def _objects(cursor: Cursor) -> tuple[ObjectKind, tuple[tuple[str, ...], ...], bool]:
    """The kind of the objects, their names, and whether all of these schemas are meant."""
    if cursor.accept("all"):
        kind = _PLURALS[cursor.expect_one_of(tuple(_PLURALS))]
        cursor.expect("in", "schema")
        return kind, cursor.list_of(lambda it: (it.column_name(),)), True
    if cursor.kind in _SIMPLE_NAMES and cursor.peek() not in ("to", "from", ",", "."):
        kind = _SIMPLE_NAMES[cursor.take()]
        return kind, cursor.list_of(lambda it: (it.column_name(),)), False
    if cursor.kind in _QUALIFIED_NAMES and cursor.peek() not in ("to", "from", ",", "."):
        kind = _QUALIFIED_NAMES[cursor.take()]
        return kind, cursor.list_of(_function_name if kind in _CALLABLE else _any_name), False
    kind = ObjectKind.TABLE
    if cursor.kind == "sequence" and cursor.peek() not in ("to", "from", ",", "."):
        cursor.advance()
        kind = ObjectKind.SEQUENCE
    else:
        cursor.accept("table")
    return kind, tuple(names_of(it) for it in cursor.list_of(from_clause.relation_name)), False


_CALLABLE = (ObjectKind.FUNCTION, ObjectKind.PROCEDURE, ObjectKind.ROUTINE)


def _any_name(cursor: Cursor) -> tuple[str, ...]:
    return cursor.any_name()


def _function_name(cursor: Cursor) -> tuple[str, ...]:
    from services.sqldb.syntax.parse_routines import object_with_arguments

    return object_with_arguments(cursor)


def names_of(relation: RelationName) -> tuple[str, ...]:
    parts = (relation.catalog, relation.schema, relation.name)
    return tuple(part for part in parts if part is not None)

"""The grammar of DROP and COMMENT ON: kinds of objects by their words, and names."""

from services.sqldb.syntax import parse_changes as changes
from services.sqldb.syntax import parse_roles as roles
from services.sqldb.syntax import parse_routines as routines
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.nodes import (
    Comment,
    Drop,
    DropDatabase,
    DropRole,
    ObjectKind,
    Statement,
    Unsupported,
)
from services.sqldb.syntax.parse_definitions import UNSUPPORTED, unsupported

# DROP and COMMENT: kinds by their words.

_NAMED_KINDS = {
    ("table",): ObjectKind.TABLE,
    ("sequence",): ObjectKind.SEQUENCE,
    ("view",): ObjectKind.VIEW,
    ("materialized", "view"): ObjectKind.MATERIALIZED_VIEW,
    ("index",): ObjectKind.INDEX,
    ("foreign", "table"): ObjectKind.FOREIGN_TABLE,
    ("schema",): ObjectKind.SCHEMA,
    ("type",): ObjectKind.TYPE,
    ("domain",): ObjectKind.DOMAIN,
    ("extension",): ObjectKind.EXTENSION,
    ("collation",): ObjectKind.COLLATION,
    ("conversion",): ObjectKind.CONVERSION,
    ("function",): ObjectKind.FUNCTION,
    ("procedure",): ObjectKind.PROCEDURE,
    ("routine",): ObjectKind.ROUTINE,
    ("statistics",): ObjectKind.STATISTICS,
    ("publication",): ObjectKind.PUBLICATION,
    ("language",): ObjectKind.LANGUAGE,
    ("server",): ObjectKind.SERVER,
    ("access", "method"): ObjectKind.ACCESS_METHOD,
    ("event", "trigger"): ObjectKind.EVENT_TRIGGER,
}
_UNQUALIFIED_KINDS = (
    ObjectKind.SCHEMA,
    ObjectKind.EXTENSION,
    ObjectKind.PUBLICATION,
    ObjectKind.LANGUAGE,
    ObjectKind.SERVER,
    ObjectKind.ACCESS_METHOD,
    ObjectKind.EVENT_TRIGGER,
)
_CALLABLE_KINDS = (ObjectKind.FUNCTION, ObjectKind.PROCEDURE, ObjectKind.ROUTINE)


def object_kind(cursor: Cursor) -> ObjectKind | None:
    """The words of a kind, if one comes."""
    for words, kind in _NAMED_KINDS.items():
        # MATERIALIZED can only be followed by VIEW; the other pairs begin several kinds.
        if words[0] == "materialized" or len(words) == 1:
            is_kind = cursor.accept_phrase(*words)
        else:
            is_kind = cursor.accept_words(*words)
        if is_kind:
            return kind
    return None


def _object_name(cursor: Cursor, kind: ObjectKind) -> tuple[str, ...]:
    if kind in _CALLABLE_KINDS:
        return routines.object_with_arguments(cursor)
    if kind in _UNQUALIFIED_KINDS:
        return (cursor.column_name(),)
    return cursor.any_name()


def drop(cursor: Cursor) -> Statement:
    position = cursor.position
    cursor.expect("drop")
    if cursor.kind in ("role", "user", "group") and cursor.peek() != "mapping":
        cursor.advance()
        if_exists = cursor.accept_words("if", "exists")
        return DropRole(cursor.list_of(roles.role), if_exists, position)
    if cursor.kind == "database":
        return _drop_database(cursor, position)
    kind = object_kind(cursor)
    if kind is None:
        if cursor.kind == "owned":
            return roles.drop_owned(cursor, position)
        if cursor.kind in UNSUPPORTED or cursor.kind == "user":
            return unsupported(cursor, "drop", position)
        cursor.fail()
    is_concurrent = kind is ObjectKind.INDEX and cursor.accept("concurrently")
    if_exists = cursor.accept_words("if", "exists")
    names = cursor.list_of(lambda it: _object_name(it, kind))
    cascade = changes.drop_behavior(cursor)
    return Drop(kind, names, if_exists, cascade, is_concurrent, position)


def _drop_database(cursor: Cursor, position: int) -> DropDatabase:
    cursor.expect("database")
    if_exists = cursor.accept_words("if", "exists")
    name = cursor.column_name()
    is_forced = False
    cursor.accept("with")
    if cursor.accept("("):
        cursor.expect("force", ")")
        is_forced = True
    return DropDatabase(name, if_exists, is_forced, position)


def comment(cursor: Cursor) -> Comment | Unsupported:
    position = cursor.position
    cursor.expect("comment", "on")
    part = None
    if cursor.accept("column"):
        kind, name = ObjectKind.COLUMN, cursor.any_name()
    elif cursor.accept("constraint"):
        part = cursor.column_name()
        cursor.expect("on")
        kind = ObjectKind.CONSTRAINT
        if cursor.accept("domain"):
            kind = ObjectKind.DOMAIN_CONSTRAINT
        name = cursor.any_name()
    elif cursor.accept("database"):
        kind, name = ObjectKind.DATABASE, (cursor.column_name(),)
    elif cursor.accept("role"):
        kind, name = ObjectKind.ROLE, (roles.role(cursor),)
    else:
        kind = object_kind(cursor)
        if kind is None:
            if cursor.kind in UNSUPPORTED:
                return unsupported(cursor, "comment on", position)
            cursor.fail()
        name = _object_name(cursor, kind)
    cursor.expect("is")
    text = None if cursor.accept("null") else cursor.string()
    return Comment(kind, name, text, part, position)

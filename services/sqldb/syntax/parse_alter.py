"""The grammar of ALTER: tables with their list of actions, and everything else."""

from collections.abc import Callable

from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_changes as changes
from services.sqldb.syntax import parse_composites as composites
from services.sqldb.syntax import parse_copy as options
from services.sqldb.syntax import parse_definitions as definitions
from services.sqldb.syntax import parse_expressions as expressions
from services.sqldb.syntax import parse_from as from_clause
from services.sqldb.syntax import parse_roles as roles
from services.sqldb.syntax import parse_routines as routines
from services.sqldb.syntax import parse_sequences as sequences
from services.sqldb.syntax import parse_settings as settings
from services.sqldb.syntax import parse_tables as tables
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.nodes import (
    AddColumn,
    AddConstraint,
    AddEnumLabel,
    AddIdentity,
    AlterConstraint,
    AlterDomain,
    AlterIdentity,
    AlterOwner,
    AlterRoleSetting,
    AlterSequence,
    AlterTable,
    AlterTableAction,
    ChangeOwner,
    DropColumn,
    DropConstraint,
    DropExpression,
    DropIdentity,
    Identity,
    ObjectKind,
    OtherTableAction,
    Rename,
    RenameEnumLabel,
    SequenceOption,
    SetColumnDefault,
    SetColumnNotNull,
    SetColumnStatistics,
    SetColumnType,
    SetLogged,
    SetSchema,
    SetTableOptions,
    Statement,
    TableReference,
    Unsupported,
    ValidateConstraint,
)

_RELATION_KINDS = (
    (("table",), ObjectKind.TABLE),
    (("index",), ObjectKind.INDEX),
    (("view",), ObjectKind.VIEW),
    (("materialized", "view"), ObjectKind.MATERIALIZED_VIEW),
    (("sequence",), ObjectKind.SEQUENCE),
)


def alter(cursor: Cursor) -> Statement:
    position = cursor.position
    cursor.expect("alter")
    for words, kind in _RELATION_KINDS:
        if cursor.accept_phrase(*words):
            return _alter_relation(cursor, kind, position)
    match cursor.kind:
        case "type":
            return _alter_type(cursor, position)
        case "domain":
            return _alter_domain(cursor, position)
        case "schema" | "database":
            return _alter_schema_or_database(cursor, position)
        case "user" if cursor.peek() == "mapping":
            return definitions.unsupported(cursor, "alter", position)
        case "role" | "user" | "group":
            return _alter_role(cursor, position)
        case "function" | "procedure" | "routine":
            return _alter_routine(cursor, position)
        case "default":
            return roles.alter_default_privileges(cursor, position)
        case lexer.END | ";" | lexer.ERROR:
            cursor.fail()
        case kind if kind in definitions.UNSUPPORTED or kind in ("extension", "large"):
            return definitions.unsupported(cursor, "alter", position)
    return cursor.fail()


# Tables, indexes, views and sequences.


def _alter_relation(cursor: Cursor, kind: ObjectKind, position: int) -> Statement:
    if cursor.kind == "all" and cursor.peek() == "in":
        definitions.skip_statement(cursor)
        return Unsupported(f"ALTER {kind.value.upper()} ALL IN TABLESPACE", position)
    if_exists = cursor.accept_words("if", "exists")
    place = cursor.position
    if kind is ObjectKind.TABLE:
        relation, _, is_only = from_clause.relation_expression(cursor)
    else:
        relation, is_only = from_clause.relation_name(cursor), False
    table = TableReference(relation, None, is_only, place)
    name = roles.names_of(relation)
    if cursor.kind == "rename":
        return _rename_relation(cursor, kind, name, if_exists, position)
    if cursor.accept_words("set", "schema"):
        return SetSchema(kind, name, cursor.column_name(), if_exists, position)
    if kind is ObjectKind.SEQUENCE and cursor.kind in sequences.OPTION_WORDS:
        return AlterSequence(relation, sequences.options(cursor), if_exists, position)
    if cursor.kind in ("attach", "detach", "depends"):
        what = f"ALTER {kind.value.upper()} {cursor.kind.upper()}"
        definitions.skip_statement(cursor)
        return Unsupported(what, position)
    return AlterTable(kind, table, cursor.list_of(_action), if_exists, position)


def _rename_relation(
    cursor: Cursor, kind: ObjectKind, name: tuple[str, ...], if_exists: bool, position: int
) -> Rename:
    """RENAME TO new, RENAME CONSTRAINT old TO new, RENAME [COLUMN] old TO new"""
    cursor.expect("rename")
    if cursor.accept("to"):
        return Rename(kind, name, cursor.column_name(), if_exists=if_exists, position=position)
    if kind in (ObjectKind.INDEX, ObjectKind.SEQUENCE):
        cursor.fail()
    part = ObjectKind.COLUMN
    if kind is ObjectKind.TABLE and cursor.accept("constraint"):
        part = ObjectKind.CONSTRAINT
    else:
        cursor.accept("column")
    old_name = cursor.column_name()
    cursor.expect("to")
    return Rename(part, name, cursor.column_name(), old_name, kind, if_exists, position=position)


def _action(cursor: Cursor) -> AlterTableAction:
    """# Real: alter_table_cmd"""
    rule = _ACTIONS.get(cursor.kind)
    if rule is None:
        return _other_action(cursor)
    return rule(cursor)


def _add(cursor: Cursor) -> AlterTableAction:
    cursor.expect("add")
    if cursor.kind in tables.TABLE_CONSTRAINTS:
        return AddConstraint(tables.table_constraint(cursor))
    cursor.accept("column")
    if_not_exists = cursor.accept_words("if", "not", "exists")
    return AddColumn(tables.column_definition(cursor), if_not_exists)


def _drop(cursor: Cursor) -> AlterTableAction:
    cursor.expect("drop")
    if cursor.accept("constraint"):
        if_exists = cursor.accept_words("if", "exists")
        name = cursor.column_name()
        return DropConstraint(name, if_exists, changes.drop_behavior(cursor))
    cursor.accept("column")
    if_exists = cursor.accept_words("if", "exists")
    name = cursor.column_name()
    return DropColumn(name, if_exists, changes.drop_behavior(cursor))


def _alter(cursor: Cursor) -> AlterTableAction:
    cursor.expect("alter")
    if cursor.accept("constraint"):
        name = cursor.column_name()
        return AlterConstraint(name, tables.traits(cursor, "ALTER CONSTRAINT"))
    cursor.accept("column")
    position = cursor.position
    # ALTER INDEX … ALTER COLUMN 1 SET STATISTICS
    is_number = cursor.kind == lexer.INTEGER
    column = str(cursor.integer()) if is_number else cursor.column_name()
    match cursor.kind:
        case "set":
            return _alter_set(cursor, column)
        case "drop":
            return _alter_drop(cursor, column)
        case "type":
            return _alter_type_of_column(cursor, column, position)
        case "add":
            return _add_identity(cursor, column)
        case "restart":
            return _alter_identity(cursor, column)
        case "reset":
            cursor.advance()
            options.storage_options(cursor)
            return SetColumnStatistics(column, "options")
    return cursor.fail()


def _alter_set(cursor: Cursor, column: str) -> AlterTableAction:
    match cursor.peek():
        case "default":
            cursor.expect("set", "default")
            return SetColumnDefault(column, expressions.expression(cursor))
        case "not":
            cursor.expect("set", "not", "null")
            return SetColumnNotNull(column, True)
        case "data":
            position = cursor.position
            cursor.expect("set", "data")
            return _alter_type_of_column(cursor, column, position)
        case "generated":
            return _alter_identity(cursor, column)
        case kind if kind in sequences.OPTION_WORDS:
            return _alter_identity(cursor, column)
        case "statistics":
            cursor.expect("set", "statistics")
            return SetColumnStatistics(column, "statistics", cursor.signed_integer())
        case "storage" | "compression" as what:
            cursor.expect("set", what)
            value = cursor.take() if cursor.kind == "default" else cursor.column_name()
            return SetColumnStatistics(column, what, value)
        case "(":
            cursor.expect("set")
            options.storage_options(cursor)
            return SetColumnStatistics(column, "options")
    cursor.expect("set")
    return cursor.fail()


def _alter_drop(cursor: Cursor, column: str) -> AlterTableAction:
    cursor.expect("drop")
    match cursor.kind:
        case "default":
            cursor.advance()
            return SetColumnDefault(column, None)
        case "not":
            cursor.expect("not", "null")
            return SetColumnNotNull(column, False)
        case "expression":
            cursor.advance()
            return DropExpression(column, cursor.accept_phrase("if", "exists"))
        case "identity":
            cursor.advance()
            return DropIdentity(column, cursor.accept_phrase("if", "exists"))
    return cursor.fail()


def _alter_type_of_column(cursor: Cursor, column: str, position: int) -> SetColumnType:
    cursor.expect("type")
    type_name = types.type_name(cursor)
    collation = cursor.any_name() if cursor.accept("collate") else ()
    using = expressions.expression(cursor) if cursor.accept("using") else None
    return SetColumnType(column, type_name, collation, using, position)


def _add_identity(cursor: Cursor, column: str) -> AddIdentity:
    position = cursor.position
    cursor.expect("add", "generated")
    is_always = cursor.accept("always")
    if not is_always:
        cursor.expect("by", "default")
    cursor.expect("as", "identity")
    settings = sequences.options_in_parentheses(cursor)
    return AddIdentity(column, Identity(is_always, settings, position=position))


def _alter_identity(cursor: Cursor, column: str) -> AlterIdentity:
    """SET GENERATED ALWAYS SET INCREMENT 2 RESTART WITH 10, in any order."""
    is_always: bool | None = None
    settings: list[SequenceOption] = []
    while cursor.kind in ("set", "restart"):
        if cursor.kind == "restart":
            settings.append(sequences.option(cursor))
            continue
        cursor.advance()
        if cursor.accept("generated"):
            is_always = cursor.accept("always")
            if not is_always:
                cursor.expect("by", "default")
        else:
            settings.append(sequences.option(cursor))
    return AlterIdentity(column, is_always, tuple(settings))


def _validate(cursor: Cursor) -> ValidateConstraint:
    cursor.expect("validate", "constraint")
    return ValidateConstraint(cursor.column_name())


def _owner(cursor: Cursor) -> ChangeOwner:
    cursor.expect("owner", "to")
    return ChangeOwner(roles.role(cursor))


def _set(cursor: Cursor) -> AlterTableAction:
    position = cursor.position
    cursor.expect("set")
    match cursor.kind:
        case "(":
            return SetTableOptions(options.storage_options(cursor))
        case "logged" | "unlogged":
            return SetLogged(cursor.take() == "logged")
        case "tablespace" | "access":
            return _skip_action(cursor, f"SET {cursor.kind.upper()}", position)
        case "without":
            return _skip_action(cursor, "SET WITHOUT", position)
    return cursor.fail()


def _reset(cursor: Cursor) -> SetTableOptions:
    cursor.expect("reset")
    return SetTableOptions(options.storage_options(cursor), is_reset=True)


_OTHER_ACTIONS = frozenset(
    ("enable", "disable", "cluster", "inherit", "no", "of", "not", "replica", "force", "options")
)


def _other_action(cursor: Cursor) -> OtherTableAction:
    if cursor.kind not in _OTHER_ACTIONS:
        cursor.fail()
    return _skip_action(cursor, cursor.kind.upper(), cursor.position)


def _skip_action(cursor: Cursor, what: str, position: int) -> OtherTableAction:
    """An action that this server has not: its words are skipped to the next comma."""
    while cursor.kind not in (",", ";", lexer.END):
        if cursor.kind == lexer.ERROR:
            cursor.fail()
        cursor.advance()
    return OtherTableAction(what, position)


_ACTIONS: dict[str, Callable[[Cursor], AlterTableAction]] = {
    "add": _add,
    "drop": _drop,
    "alter": _alter,
    "validate": _validate,
    "owner": _owner,
    "set": _set,
    "reset": _reset,
}


# Types, domains, schemas, databases, roles.


def _alter_type(cursor: Cursor, position: int) -> Statement:
    cursor.expect("type")
    name = cursor.any_name()
    match cursor.kind:
        case "add" if cursor.peek() == "value":
            return _add_enum_label(cursor, name, position)
        case "rename" if cursor.peek() == "value":
            cursor.expect("rename", "value")
            old_label = cursor.string()
            cursor.expect("to")
            return RenameEnumLabel(name, old_label, cursor.string(), position)
        case "rename" if cursor.peek() == "attribute":
            cursor.expect("rename", "attribute")
            old_name = cursor.column_name()
            cursor.expect("to")
            new_name = cursor.column_name()
            cascade = changes.drop_behavior(cursor)
            kind = ObjectKind.ATTRIBUTE
            return Rename(
                kind, name, new_name, old_name, ObjectKind.TYPE, cascade=cascade, position=position
            )
        case "add" | "drop" | "alter":
            return composites.alter_composite(cursor, name, position)
    return _alter_common(cursor, ObjectKind.TYPE, name, position)


def _alter_common(
    cursor: Cursor, kind: ObjectKind, name: tuple[str, ...], position: int
) -> Statement:
    """RENAME TO, SET SCHEMA and OWNER TO, which most kinds of object have."""
    match cursor.kind:
        case "rename":
            cursor.expect("rename", "to")
            return Rename(kind, name, cursor.column_name(), position=position)
        case "owner":
            cursor.expect("owner", "to")
            return AlterOwner(kind, name, roles.role(cursor), position)
        case "set" if kind is not ObjectKind.SCHEMA:
            cursor.expect("set", "schema")
            return SetSchema(kind, name, cursor.column_name(), position=position)
    return cursor.fail()


def _alter_routine(cursor: Cursor, position: int) -> Statement:
    kind = ObjectKind(cursor.take())
    name = routines.object_with_arguments(cursor)
    if cursor.kind == "owner":
        return _alter_common(cursor, kind, name, position)
    definitions.skip_statement(cursor)
    return Unsupported(f"ALTER {kind.value.upper()} of this kind", position)


def _add_enum_label(cursor: Cursor, name: tuple[str, ...], position: int) -> AddEnumLabel:
    cursor.expect("add", "value")
    if_not_exists = cursor.accept_phrase("if", "not", "exists")
    label = cursor.string()
    neighbour, is_after = None, True
    if cursor.kind in ("before", "after"):
        is_after = cursor.take() == "after"
        neighbour = cursor.string()
    return AddEnumLabel(name, label, neighbour, is_after, if_not_exists, position)


def _alter_domain(cursor: Cursor, position: int) -> Statement:
    cursor.expect("domain")
    name = cursor.any_name()
    action: AlterTableAction
    match cursor.kind:
        case "set" if cursor.peek() != "schema":
            action = _alter_set(cursor, "")
        case "drop" if cursor.peek() == "constraint":
            action = _drop(cursor)
        case "drop":
            action = _alter_drop(cursor, "")
        case "add":
            action = _add(cursor)
        case "validate":
            action = _validate(cursor)
        case "rename" if cursor.peek() == "constraint":
            cursor.expect("rename", "constraint")
            old_name = cursor.column_name()
            cursor.expect("to")
            kind = ObjectKind.DOMAIN_CONSTRAINT
            return Rename(
                kind, name, cursor.column_name(), old_name, ObjectKind.DOMAIN, position=position
            )
        case _:
            return _alter_common(cursor, ObjectKind.DOMAIN, name, position)
    return AlterDomain(name, action, position)


def _alter_schema_or_database(cursor: Cursor, position: int) -> Statement:
    kind = ObjectKind.SCHEMA if cursor.take() == "schema" else ObjectKind.DATABASE
    name = cursor.column_name()
    if kind is ObjectKind.DATABASE and cursor.kind not in ("rename", "owner"):
        if cursor.kind in ("set", "reset") and cursor.peek() != "tablespace":
            return AlterRoleSetting(None, name, settings.set_or_reset(cursor), position)
        if cursor.accept_phrase("set", "tablespace"):
            cursor.column_name()
        else:
            cursor.accept("with")
            definitions.database_options(cursor)
        return Unsupported("ALTER DATABASE of this kind", position)
    return _alter_common(cursor, kind, (name,), position)


def _alter_role(cursor: Cursor, position: int) -> Statement:
    word = cursor.expect_one_of(("role", "user", "group"))
    if word == "group" and cursor.peek() in ("add", "drop"):
        return roles.alter_group(cursor, position)
    if cursor.peek() == "rename" and cursor.kind != "all":
        name = roles.role(cursor)
        cursor.expect("rename", "to")
        return Rename(ObjectKind.ROLE, (name,), roles.role(cursor), position=position)
    if cursor.kind == "all" or cursor.peek() in ("set", "reset", "in"):
        name = "ALL" if cursor.accept("all") else roles.role(cursor)
        database = None
        if cursor.accept_phrase("in", "database"):
            database = cursor.column_name()
        return AlterRoleSetting(name, database, settings.set_or_reset(cursor), position)
    return roles.alter_role(cursor, position)

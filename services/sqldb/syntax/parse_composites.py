"""The grammar of ALTER TYPE for composite types: ADD, DROP and ALTER ATTRIBUTE."""

from services.sqldb.syntax import parse_changes as changes
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.nodes import (
    AddColumn,
    AlterComposite,
    ColumnDefinition,
    DropColumn,
    SetColumnType,
)

Action = AddColumn | DropColumn | SetColumnType


def alter_composite(cursor: Cursor, name: tuple[str, ...], position: int) -> AlterComposite:
    """What follows ALTER TYPE name."""
    return AlterComposite(name, cursor.list_of(_action), position)


def _action(cursor: Cursor) -> Action:
    """# Real: alter_type_cmd"""
    position = cursor.position
    word = cursor.expect_one_of(("add", "drop", "alter"))
    cursor.expect("attribute")
    if word == "drop":
        if_exists = cursor.accept_words("if", "exists")
        return DropColumn(cursor.column_name(), if_exists, changes.drop_behavior(cursor))
    name = cursor.column_name()
    if word == "alter":
        cursor.accept_phrase("set", "data")
        cursor.expect("type")
    type_name = types.type_name(cursor)
    collation = cursor.any_name() if cursor.accept("collate") else ()
    changes.drop_behavior(cursor)
    if word == "alter":
        return SetColumnType(name, type_name, collation, None, position)
    return AddColumn(ColumnDefinition(name, type_name))

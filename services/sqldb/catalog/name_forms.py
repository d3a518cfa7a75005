"""Names in expressions and queries that are kept: with schemas in the catalog, without when shown.

What a definition says must mean the same under every search path, so types and functions of users
get their schemas when it is kept. Shown to somebody whose path finds them, they go without, as
PostgreSQL's ruleutils.c has it, which keeps oids in place of names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import FIRST_USER_OID, SqlRoutine
from services.sqldb.errors import SqlError
from services.sqldb.functions import builtin_library
from services.sqldb.syntax import nodes, parse
from services.sqldb.syntax.deparse import deparse, deparse_query, quote_identifier
from services.sqldb.types import SqlType, format_type

if TYPE_CHECKING:
    from services.sqldb.catalog.lookup import Lookup

Names = tuple[str, ...]


def type_text(lookup: Lookup, type_: SqlType, typmod: int = -1) -> str:
    """A type as DDL writes it, with its schema where its name alone would not find it."""
    if type_.is_array and type_.category == "A" and type_.name.startswith("_"):
        return type_text(lookup, type_.element, typmod) + "[]"
    if type_.oid < FIRST_USER_OID:
        return format_type(type_, typmod)
    name = quote_identifier(type_.name)
    found = lookup.type(None, type_.name)
    if found is not None and found.oid == type_.oid:
        return name
    return f"{quote_identifier(type_.schema)}.{name}"


def qualified(lookup: Lookup, node: object) -> object:
    """The syntax with the schemas of types and functions of users, as the search path finds them"""
    return _renamed(node, lambda names: _type_with_schema(lookup, names),
                    lambda names: _function_with_schema(lookup, names), None)  # fmt: skip


def _type_with_schema(lookup: Lookup, names: Names) -> Names:
    if len(names) > 1:
        return names
    found = lookup.type(None, names[0])
    element = None if found is None else found.element if found.is_array else found
    if element is None or element.oid < FIRST_USER_OID:
        return names
    return (element.schema, *names)


def _function_with_schema(lookup: Lookup, names: Names) -> Names:
    if len(names) > 1 or builtin_library().named(names[0]):
        return names
    own = [one for one in lookup.view.state.all(SqlRoutine) if one.name == names[0]]
    for schema in lookup.path_names(with_implicit=True) if own else ():
        if any(lookup.schema_name(one.schema_oid) == schema for one in own):
            return (schema, *names)
    return names


def shown_expression(lookup: Lookup, text: str) -> str:
    """A kept expression without the schemas that the search path makes unnecessary."""
    if "." not in text:
        return text
    try:
        (parsed,) = parse(f"SELECT {text}")
    except SqlError:
        return text
    node = parsed.statement.body.targets[0].expression
    return deparse(_unqualified(lookup, node))


def shown_query(lookup: Lookup, text: str) -> str:
    """The same of the query of a view."""
    (parsed,) = parse(text)
    return deparse_query(_unqualified(lookup, parsed.statement))


def _unqualified(lookup: Lookup, node: object) -> object:
    def of_type(names: Names) -> Names:
        if len(names) != 2 or names[0] == "pg_catalog":
            return names
        found, meant = lookup.type(None, names[1]), lookup.type(*names)
        is_found = found is not None and meant is not None and found.oid == meant.oid
        return names[1:] if is_found else names

    def of_function(names: Names) -> Names:
        if len(names) != 2 or names[0] == "pg_catalog":
            return names
        is_found = names[0] in lookup.path_names(with_implicit=True)
        return names[1:] if is_found else names

    def of_relation(schema: str, name: str) -> bool:
        found = lookup.relation(None, name)
        return found is not None and found is lookup.relation(schema, name)

    return _renamed(node, of_type, of_function, of_relation)


def _renamed(
    value: object,
    of_type: Callable[[Names], Names],
    of_function: Callable[[Names], Names],
    drops_schema: Callable[[str, str], bool] | None,
) -> object:
    def change(part: object) -> object:
        if isinstance(part, tuple):
            items = tuple(change(item) for item in part)
            same = all(mine is theirs for mine, theirs in zip(items, part, strict=True))
            return part if same else items
        if not is_dataclass(part):
            return part
        match part:
            case nodes.TypeName():
                part = _with(part, "names", of_type(part.names))
            case nodes.FunctionCall():
                part = _with(part, "name", of_function(part.name))
            case nodes.RelationName() if drops_schema is not None and part.schema is not None:
                if drops_schema(part.schema, part.name):
                    return replace(part, schema=None)
        changes = {}
        for field in fields(part):
            old = getattr(part, field.name)
            if isinstance(old, tuple) or is_dataclass(old):
                new = change(old)
                if new is not old:
                    changes[field.name] = new
        return replace(part, **changes) if changes else part

    return change(value)


def _with(part: object, name: str, value: Names) -> object:
    return part if value == getattr(part, name) else replace(part, **{name: value})

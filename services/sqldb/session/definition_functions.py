"""pg_get_indexdef, pg_get_viewdef, format_type …: definitions as text, and comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import (
    Comment,
    Constraint,
    ConstraintKind,
    Index,
    Role,
    Table,
    TableKind,
)
from services.sqldb.catalog.name_forms import shown_expression, shown_query, type_text
from services.sqldb.catalog.system_catalog import domain_check_of
from services.sqldb.catalog.texts import constraint_text, index_key_text, index_text
from services.sqldb.functions import Definitions

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

define = Definitions()
_STABLE = {"context": True, "volatility": "s"}


@define.function(
    "pg_get_indexdef(oid) -> text", "pg_get_indexdef(oid, int4, bool) -> text", **_STABLE
)
def pg_get_indexdef(
    session: Session, oid: int, column: int = 0, pretty: bool = False
) -> str | None:
    index = session.lookup.view.state.get(oid)
    if not isinstance(index, Index):
        return None
    if not column:
        return index_text(session.lookup, index)
    table = session.lookup.view.state.get(index.table_oid)
    if column > len(index.keys):
        place = column - len(index.keys) - 1
        return table.columns[index.included[place]].name if place < len(index.included) else ""
    return index_key_text(session.lookup, table, index, column - 1, with_order=False)


# The word VALUE of a domain's check, outside of quotes.
_VALUE_WORD = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|\bvalue\b""")


@define.function(
    "pg_get_constraintdef(oid) -> text", "pg_get_constraintdef(oid, bool) -> text", **_STABLE
)
def pg_get_constraintdef(session: Session, oid: int, pretty: bool = False) -> str | None:
    found = session.lookup.view.state.get(oid)
    if found is None:
        check = domain_check_of(session, oid)
        if check is None:
            return None
        text = shown_expression(session.lookup, check.expression)
        text = _VALUE_WORD.sub(lambda word: word[1] or "VALUE", text)
        text = _without_parentheses(text) if pretty else text
        return f"CHECK ({text})" + ("" if check.is_validated else " NOT VALID")
    if not isinstance(found, Constraint):
        return None
    text = constraint_text(session.lookup, found)
    if pretty and found.kind is ConstraintKind.CHECK:
        shown = shown_expression(session.lookup, found.expression)
        text = text.replace(f"({shown})", f"({_without_parentheses(shown)})", 1)
    return text


@define.function(
    "pg_get_viewdef(oid) -> text",
    "pg_get_viewdef(oid, bool) -> text",
    "pg_get_viewdef(oid, int4) -> text",
    **_STABLE,
)
def pg_get_viewdef(session: Session, oid: int, pretty: object = False) -> str | None:
    found = session.lookup.view.state.get(oid)
    is_view = isinstance(found, Table) and found.kind is TableKind.VIEW
    return f" {shown_query(session.lookup, found.definition)};" if is_view else None


@define.function("pg_get_viewdef(text) -> text", "pg_get_viewdef(text, bool) -> text", **_STABLE)
def pg_get_viewdef_by_name(session: Session, name: str, pretty: bool = False) -> str | None:
    schema, dot, plain = name.rpartition(".")
    table = session.lookup.expect_table(schema if dot else None, plain)
    return pg_get_viewdef(session, table.oid, pretty)


@define.function("pg_get_ruledef(oid) -> text", "pg_get_ruledef(oid, bool) -> text", **_STABLE)
def pg_get_ruledef(session: Session, oid: int, pretty: bool = False) -> str | None:
    """There are no rules."""
    return None


def _without_parentheses(text: str) -> str:
    """An expression without the parentheses around all of it, as the pretty forms have it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth, quote = 0, ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
            if not depth and place < len(text) - 1:
                return text
    return text[1:-1]


@define.function(
    "pg_get_expr(text, oid) -> text", "pg_get_expr(text, oid, bool) -> text", **_STABLE
)
def pg_get_expr(session: Session, text: str, oid: int, pretty: bool = False) -> str:
    text = shown_expression(session.lookup, text)
    return _without_parentheses(text) if pretty else text


@define.function("pg_get_userbyid(oid) -> name", **_STABLE)
def pg_get_userbyid(session: Session, oid: int) -> str:
    found = session.lookup.view.state.get(oid)
    return found.name if isinstance(found, Role) else f"unknown (OID={oid})"


@define.function("format_type(oid, int4) -> text", strict=False, **_STABLE)
def sql_format_type(session: Session, oid: int | None, typmod: int | None) -> str | None:
    if oid is None:
        return None
    found = session.lookup.types.find(oid)
    if found is None:
        return "-" if oid == 0 else "???"
    return type_text(session.lookup, found, -1 if typmod is None else typmod)


@define.function("pg_table_is_visible(oid) -> bool", **_STABLE)
def pg_table_is_visible(session: Session, oid: int) -> bool | None:
    return session.is_visible(oid)


@define.function("pg_type_is_visible(oid) -> bool", **_STABLE)
def pg_type_is_visible(session: Session, oid: int) -> bool | None:
    found = session.lookup.types.find(oid)
    return None if found is None else session.lookup.type(None, found.name) == found


@define.function(
    "pg_operator_is_visible(oid) -> bool",
    "pg_conversion_is_visible(oid) -> bool",
    "pg_ts_config_is_visible(oid) -> bool",
    "pg_ts_dict_is_visible(oid) -> bool",
    "pg_ts_parser_is_visible(oid) -> bool",
    "pg_ts_template_is_visible(oid) -> bool",
    "pg_opclass_is_visible(oid) -> bool",
    "pg_opfamily_is_visible(oid) -> bool",
    "pg_collation_is_visible(oid) -> bool",
    "pg_statistics_obj_is_visible(oid) -> bool",
    "pg_relation_is_publishable(regclass) -> bool",
    **_STABLE,
)
def always_visible(session: Session, oid: int, more: bool = False) -> bool:
    return True


def _comment(session: Session, oid: int, class_oid: int, column: int) -> str | None:
    for comment in session.lookup.view.state.parts(oid, Comment):
        if comment.column == column and class_oid in (0, comment.class_oid):
            return comment.text
    return None


_CLASS_OIDS = {
    "pg_class": 1259,
    "pg_namespace": 2615,
    "pg_type": 1247,
    "pg_constraint": 2606,
    "pg_proc": 1255,
    "pg_database": 1262,
    "pg_authid": 1260,
    "pg_roles": 1260,
}


@define.function(
    "obj_description(oid, name) -> text", "shobj_description(oid, name) -> text", **_STABLE
)
def obj_description(session: Session, oid: int, catalog: str) -> str | None:
    return _comment(session, oid, _CLASS_OIDS.get(catalog, -1), 0)


@define.function("obj_description(oid) -> text", **_STABLE)
def obj_description_of_oid(session: Session, oid: int) -> str | None:
    return _comment(session, oid, 0, 0)


@define.function("col_description(oid, int4) -> text", **_STABLE)
def col_description(session: Session, oid: int, column: int) -> str | None:
    return _comment(session, oid, 1259, column)


@define.function("pg_get_partkeydef(oid) -> text", "pg_get_triggerdef(oid) -> text",
                 "pg_get_triggerdef(oid, bool) -> text",
                 "pg_get_ruledef(oid) -> text", "pg_get_statisticsobjdef_columns(oid) -> text",
                 **_STABLE)  # fmt: skip
def of_what_there_is_none(session: Session, oid: int, pretty: bool = False) -> None:
    return None


@define.function("pg_partition_ancestors(regclass) -> setof regclass", **_STABLE)
def pg_partition_ancestors(session: Session, oid: int) -> list[int]:
    """No table is a partition, so none has ancestors."""
    return []

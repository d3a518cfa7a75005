"""Definitions as SQL: what pg_get_indexdef, pg_get_constraintdef and their like answer."""

from __future__ import annotations

from services.sqldb.catalog.definitions import (
    Constraint,
    ConstraintKind,
    ForeignKeyAction,
    Index,
    Sequence,
    Table,
)
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.catalog.name_forms import shown_expression
from services.sqldb.syntax.deparse import quote_identifier

_ACTIONS = {
    ForeignKeyAction.RESTRICT: "RESTRICT",
    ForeignKeyAction.CASCADE: "CASCADE",
    ForeignKeyAction.SET_NULL: "SET NULL",
    ForeignKeyAction.SET_DEFAULT: "SET DEFAULT",
}


def relation_text(lookup: Lookup, definition: Table | Index | Sequence) -> str:
    """Its name, with the schema where the bare name means something else."""
    name = quote_identifier(definition.name)
    if lookup.relation(None, definition.name) is definition:
        return name
    return f"{quote_identifier(lookup.schema_name(definition.schema_oid))}.{name}"


def full_name(lookup: Lookup, definition: Table | Index | Sequence) -> str:
    schema = quote_identifier(lookup.schema_name(definition.schema_oid))
    return f"{schema}.{quote_identifier(definition.name)}"


def index_key_text(
    lookup: Lookup, table: Table, index: Index, position: int, *, with_order: bool = True
) -> str:
    """One column of an index, from 0."""
    key = index.keys[position]
    if key.column >= 0:
        text = quote_identifier(table.columns[key.column].name)
    else:
        text = shown_expression(lookup, key.expression)
        text = text if text.endswith(")") else f"({text})"
    if not with_order:
        return text
    if key.operator_class:
        text += f" {key.operator_class}"
    if key.is_descending:
        text += " DESC" if key.nulls_first else " DESC NULLS LAST"
    elif key.nulls_first:
        text += " NULLS FIRST"
    return text


def index_text(lookup: Lookup, index: Index) -> str:
    """CREATE UNIQUE INDEX t_pkey ON public.t USING btree (id)"""
    table = lookup.view.state.get(index.table_oid)
    unique = "UNIQUE " if index.is_unique else ""
    keys = ", ".join(
        index_key_text(lookup, table, index, place) for place in range(len(index.keys))
    )
    text = (
        f"CREATE {unique}INDEX {quote_identifier(index.name)} ON {full_name(lookup, table)} "
        f"USING {index.method} ({keys})"
    )
    if index.included:
        text += f" INCLUDE ({_names(table, index.included)})"
    if index.nulls_not_distinct:
        text += " NULLS NOT DISTINCT"
    if index.options:
        pairs = (option.partition("=") for option in index.options)
        text += " WITH (" + ", ".join(f"{name}='{value}'" for name, _, value in pairs) + ")"
    if index.predicate:
        text += f" WHERE {shown_expression(lookup, index.predicate)}"
    return text


def _names(table: Table, columns: tuple[int, ...]) -> str:
    return ", ".join(quote_identifier(table.columns[column].name) for column in columns)


def constraint_text(lookup: Lookup, constraint: Constraint) -> str:
    """PRIMARY KEY (id), CHECK ((a > 0)), FOREIGN KEY (a) REFERENCES t(id) ON DELETE CASCADE"""
    table = lookup.view.state.get(constraint.table_oid)
    match constraint.kind:
        case ConstraintKind.CHECK:
            text = f"CHECK ({shown_expression(lookup, constraint.expression)})"
        case ConstraintKind.FOREIGN_KEY:
            text = _foreign_key_text(lookup, table, constraint)
        case kind:
            words = "PRIMARY KEY" if kind is ConstraintKind.PRIMARY_KEY else "UNIQUE"
            text = f"{words} ({_names(table, constraint.columns)})"
            index = lookup.view.state.get(constraint.index_oid)
            if index.included:
                text += f" INCLUDE ({_names(table, index.included)})"
    if constraint.is_deferrable:
        text += " DEFERRABLE"
        if constraint.initially_deferred:
            text += " INITIALLY DEFERRED"
    return text if constraint.is_validated else f"{text} NOT VALID"


def _foreign_key_text(lookup: Lookup, table: Table, constraint: Constraint) -> str:
    other = lookup.view.state.get(constraint.foreign_table_oid)
    text = (
        f"FOREIGN KEY ({_names(table, constraint.columns)}) REFERENCES "
        f"{relation_text(lookup, other)}({_names(other, constraint.foreign_columns)})"
    )
    if constraint.match_full:
        text += " MATCH FULL"
    if constraint.on_update in _ACTIONS:
        text += f" ON UPDATE {_ACTIONS[constraint.on_update]}"
    if constraint.on_delete in _ACTIONS:
        text += f" ON DELETE {_ACTIONS[constraint.on_delete]}"
        if constraint.on_delete_columns:
            text += f" ({_names(table, constraint.on_delete_columns)})"
    return text

"""PRIMARY KEY, UNIQUE, CHECK and FOREIGN KEY, as CREATE TABLE and ALTER TABLE add them."""

from __future__ import annotations

from dataclasses import replace

from services.sqldb import errors
from services.sqldb.binder.grouping import references
from services.sqldb.binder.scope import SYSTEM_COLUMNS
from services.sqldb.catalog.definitions import (
    Constraint,
    ConstraintKind,
    ForeignKeyAction,
    Index,
    IndexKey,
    Table,
    TableKind,
)
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.catalog.privileges import protected
from services.sqldb.commands.indexes import add_index
from services.sqldb.commands.names import constraint_name, relation_name
from services.sqldb.commands.row_expressions import expression_text, immutable_expression
from services.sqldb.errors import SqlError
from services.sqldb.functions import resolve_operator
from services.sqldb.plan.expressions import columns_of
from services.sqldb.session.permissions import expect_on_columns
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.types import BOOL, SqlType


def add_constraint(session: Session, table: Table, node: nodes.TableConstraint) -> Constraint:
    """Add it to a table that is in the catalog; existing rows are not looked at here."""
    match node:
        case nodes.Unique():
            return _add_unique(session, table, node)
        case nodes.Check():
            return _add_check(session, table, node)
        case nodes.ForeignKey():
            return _add_foreign_key(session, table, node)


def _column(table: Table, name: str, what: str, position: int = -1) -> int:
    index = table.column_index(name)
    if index is None:
        message = f'column "{name}" {what} does not exist'
        raise SqlError(errors.UNDEFINED_COLUMN, message, position=position)
    return index


def _timing(traits: nodes.ConstraintTraits) -> tuple[bool, bool]:
    """Deferrable, deferred at first."""
    is_deferred = bool(traits.is_initially_deferred)
    return bool(traits.is_deferrable) or is_deferred, is_deferred


def refuse_taken(lookup: Lookup, table: Table, name: str) -> None:
    if any(one.name == name for one in lookup.constraints_of(table)):
        message = f'constraint "{name}" for relation "{table.name}" already exists'
        raise SqlError(errors.DUPLICATE_OBJECT, message)


# PRIMARY KEY and UNIQUE: an index keeps them.


def _add_unique(session: Session, table: Table, node: nodes.Unique) -> Constraint:
    lookup = session.lookup
    if node.is_primary and any(
        one.kind is ConstraintKind.PRIMARY_KEY for one in lookup.constraints_of(table)
    ):
        message = f'multiple primary keys for table "{table.name}" are not allowed'
        raise SqlError(errors.INVALID_TABLE_DEFINITION, message, position=node.position)
    if node.using_index is not None:
        return _promote_index(session, table, node)
    columns = tuple(_column(table, name, "named in key", node.position) for name in node.columns)
    if len(set(columns)) < len(columns):
        twice = next(name for name in node.columns if node.columns.count(name) > 1)
        what = "primary key" if node.is_primary else "unique"
        message = f'column "{twice}" appears twice in {what} constraint'
        raise SqlError(errors.DUPLICATE_COLUMN, message, position=node.position)
    is_deferrable, is_deferred = _timing(node.traits)
    name = node.name or _index_name(lookup, table, node)
    session.refuse_taken_name(lookup.view.state.get(table.schema_oid), name)
    index = Index(
        lookup.view.new_oid(),
        table.schema_oid,
        name,
        table.oid,
        tuple(IndexKey(column) for column in columns),
        is_unique=True,
        is_primary=node.is_primary,
        included=tuple(_column(table, name, "named in key") for name in node.include),
        nulls_not_distinct=node.nulls_not_distinct,
        is_deferrable=is_deferrable,
        initially_deferred=is_deferred,
    )
    add_index(session, table, index)
    return _put_unique(session, table, node, index)


def _index_name(lookup: Lookup, table: Table, node: nodes.Unique) -> str:
    if node.is_primary:
        return relation_name(lookup, table.schema_oid, table.name, [], "pkey")
    return relation_name(lookup, table.schema_oid, table.name, node.columns, "key")


def _put_unique(session: Session, table: Table, node: nodes.Unique, index: Index) -> Constraint:
    constraint = Constraint(
        session.lookup.view.new_oid(),
        table.schema_oid,
        index.name,
        ConstraintKind.PRIMARY_KEY if node.is_primary else ConstraintKind.UNIQUE,
        table.oid,
        tuple(key.column for key in index.keys),
        index_oid=index.oid,
        is_deferrable=index.is_deferrable,
        initially_deferred=index.initially_deferred,
    )
    refuse_taken(session.lookup, table, constraint.name)
    session.lookup.view.put(constraint)
    return constraint


def _promote_index(session: Session, table: Table, node: nodes.Unique) -> Constraint:
    """ADD CONSTRAINT … USING INDEX."""
    found = [one for one in session.lookup.indexes_of(table) if one.name == node.using_index]
    if not found:
        message = f'index "{node.using_index}" does not exist'
        raise SqlError(errors.UNDEFINED_OBJECT, message)
    index = found[0]
    for is_wrong, what in (
        (not index.is_unique, "is not a unique index"),
        (any(key.column < 0 for key in index.keys), "contains expressions"),
        (bool(index.predicate), "is a partial index"),
    ):
        if is_wrong:
            detail = "Cannot create a primary key or unique constraint using such an index."
            raise SqlError(
                errors.WRONG_OBJECT_TYPE,
                f'{"" if what.startswith("is") else "index "}"{index.name}" {what}',
                detail=detail,
                position=node.position,
            )
    index = replace(index, is_primary=node.is_primary, name=node.name or index.name)
    session.lookup.view.put(index)
    return _put_unique(session, table, node, index)


# CHECK.


def _add_check(session: Session, table: Table, node: nodes.Check) -> Constraint:
    lookup = session.lookup
    bound = immutable_expression(
        session, table, node.expression, "check constraint", BOOL, allows_stable=True
    )
    columns = tuple(sorted(index for _, index in columns_of(bound)))
    names = {one.names[-1] for one in references(node.expression)}
    is_of_one = len(columns) == 1 and not names & set(SYSTEM_COLUMNS)
    label = [table.columns[columns[0]].name] if is_of_one else []
    name = node.name or constraint_name(lookup, table.schema_oid, table.name, label, "check")
    refuse_taken(lookup, table, name)
    constraint = Constraint(
        lookup.view.new_oid(),
        table.schema_oid,
        name,
        ConstraintKind.CHECK,
        table.oid,
        columns,
        expression=expression_text(session, node.expression),
        is_validated=not node.traits.is_not_valid,
    )
    lookup.view.put(constraint)
    return constraint


# FOREIGN KEY.

_ACTIONS = {action.value: action for action in ForeignKeyAction}


def _add_foreign_key(session: Session, table: Table, node: nodes.ForeignKey) -> Constraint:
    lookup = session.lookup
    written = node.relation
    other = lookup.expect_table(written.schema, written.name)
    if other.kind is not TableKind.TABLE:
        message = f'referenced relation "{other.name}" is not a table'
        raise SqlError(errors.WRONG_OBJECT_TYPE, message)
    if node.match is nodes.MatchKind.PARTIAL:
        raise errors.not_supported("MATCH PARTIAL", node.position)
    session.expect_transaction().lock_table(other.oid, LockMode.SHARE_ROW_EXCLUSIVE)
    what = "referenced in foreign key constraint"
    columns = tuple(_column(table, name, what) for name in node.columns)
    foreign, index = _referenced(lookup, other, node)
    expect_on_columns(session, protected(other), "x", {one + 1 for one in foreign})
    if len(foreign) != len(columns):
        raise SqlError(
            errors.INVALID_FOREIGN_KEY,
            "number of referencing and referenced columns for foreign key disagree",
        )
    name = node.name or constraint_name(lookup, table.schema_oid, table.name, node.columns, "fkey")
    refuse_taken(lookup, table, name)
    expect_comparable(session, table, columns, other, foreign, name)
    is_deferrable, is_deferred = _timing(node.traits)
    constraint = Constraint(
        lookup.view.new_oid(),
        table.schema_oid,
        name,
        ConstraintKind.FOREIGN_KEY,
        table.oid,
        columns,
        index_oid=index.oid,
        foreign_table_oid=other.oid,
        foreign_columns=foreign,
        on_update=_ACTIONS[node.on_update.value],
        on_delete=_ACTIONS[node.on_delete.value],
        on_delete_columns=tuple(_column(table, one, what) for one in node.on_delete_columns),
        match_full=node.match is nodes.MatchKind.FULL,
        is_deferrable=is_deferrable,
        initially_deferred=is_deferred,
        is_validated=not node.traits.is_not_valid,
    )
    lookup.view.put(constraint)
    return constraint


def _referenced(
    lookup: Lookup, other: Table, node: nodes.ForeignKey
) -> tuple[tuple[int, ...], Index]:
    """The columns that are referenced, and the unique index on them."""
    indexes = lookup.indexes_of(other)
    if not node.referenced_columns:
        for index in indexes:
            if index.is_primary:
                return tuple(key.column for key in index.keys), index
        message = f'there is no primary key for referenced table "{other.name}"'
        raise SqlError(errors.UNDEFINED_OBJECT, message)
    what = "referenced in foreign key constraint"
    foreign = tuple(_column(other, name, what) for name in node.referenced_columns)
    for index in indexes:
        keys = [key.column for key in index.keys]
        if index.is_unique and not index.predicate and sorted(keys) == sorted(foreign):
            return foreign, index
    message = (
        f'there is no unique constraint matching given keys for referenced table "{other.name}"'
    )
    raise SqlError(errors.INVALID_FOREIGN_KEY, message)


def expect_comparable(
    session: Session,
    table: Table,
    columns: tuple[int, ...],
    other: Table,
    foreign: tuple[int, ...],
    name: str,
) -> None:
    types = session.lookup.types
    for mine, theirs in zip(columns, foreign, strict=True):
        my_type = types.by_oid(table.columns[mine].type_oid)
        their_type = types.by_oid(other.columns[theirs].type_oid)
        if my_type != their_type and not _are_comparable(their_type, my_type):
            raise SqlError(
                errors.DATATYPE_MISMATCH,
                f'foreign key constraint "{name}" cannot be implemented',
                detail=f'Key columns "{table.columns[mine].name}" and '
                f'"{other.columns[theirs].name}" are of incompatible types: '
                f"{my_type} and {their_type}.",
            )


def _are_comparable(left: SqlType, right: SqlType) -> bool:
    try:
        resolve_operator("=", left, right)
    except SqlError:
        return False
    return True

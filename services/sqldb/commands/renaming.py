"""ALTER … RENAME and SET SCHEMA.

Expressions and views are kept as text, so a column that is renamed is renamed in them, too.
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb import errors
from services.sqldb.catalog.definitions import (
    CompositeType,
    Constraint,
    ConstraintKind,
    DomainType,
    EnumType,
    Index,
    Sequence,
    Table,
)
from services.sqldb.commands.alter_table import expect_column, expect_constraint
from services.sqldb.commands.composites import rename_attribute
from services.sqldb.commands.create_table import put_columns
from services.sqldb.commands.domains import rename_check
from services.sqldb.commands.indexes import describe_anew
from services.sqldb.commands.row_expressions import rename_in_texts, renamed_text
from services.sqldb.commands.view_texts import follow_in_views
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import ObjectKind
from services.sqldb.transactions.lock_modes import LockMode

_OWNS_ITS_INDEX = (ConstraintKind.PRIMARY_KEY, ConstraintKind.UNIQUE)


def rename(session: Session, node: nodes.Rename) -> Result:
    kind = node.relation_kind or node.kind
    tag = f"ALTER {kind.value.upper()}"
    if node.kind is ObjectKind.SCHEMA:
        _rename_schema(session, node)
        return Result(tag)
    if node.kind is ObjectKind.ATTRIBUTE:
        rename_attribute(session, node)
        return Result(tag)
    if node.kind is ObjectKind.DOMAIN_CONSTRAINT:
        rename_check(session, node.name, node.old_name, node.new_name)
        return Result(tag)
    *schema, name = node.name
    lookup = session.lookup
    found = (
        lookup.view.state.find("role", 0, name)
        if node.kind is ObjectKind.ROLE
        else _type_named(session, node.name)
        if node.kind in (ObjectKind.TYPE, ObjectKind.DOMAIN)
        else lookup.relation(schema[0] if schema else None, name)
    )
    if found is None:
        message = f'relation "{name}" does not exist'
        if not node.if_exists:
            raise SqlError(errors.UNDEFINED_TABLE, message, position=node.position)
        session.notice(f"{message}, skipping")
        return Result(tag)
    if node.kind is ObjectKind.COLUMN:
        _rename_column(session, found, node)
    elif node.kind is ObjectKind.CONSTRAINT:
        _rename_constraint(session, found, node)
    else:
        _rename_object(session, found, node.new_name)
    return Result(tag)


def _type_named(session: Session, names: tuple[str, ...]) -> object:
    *schema, name = names
    found = session.lookup.type(schema[0] if schema else None, name)
    return None if found is None else session.lookup.view.state.get(found.oid)


def _rename_schema(session: Session, node: nodes.Rename) -> None:
    schema = session.lookup.expect_schema(node.name[-1])
    if session.lookup.schema(node.new_name) is not None:
        message = f'schema "{node.new_name}" already exists'
        raise SqlError(errors.DUPLICATE_SCHEMA, message)
    view = session.lookup.view
    view.put(replace(schema, name=node.new_name))
    for table in list(view.state.all(Table)):
        if table.schema_oid == schema.oid:
            names = (schema.name, table.name), (node.new_name, table.name)
            follow_in_views(session, table, *names)


def _rename_column(session: Session, table: Table, node: nodes.Rename) -> None:
    session.expect_transaction().lock_table(table.oid, LockMode.ACCESS_EXCLUSIVE)
    index = expect_column(table, node.old_name)
    if table.column_index(node.new_name) is not None:
        message = f'column "{node.new_name}" of relation "{table.name}" already exists'
        raise SqlError(errors.DUPLICATE_COLUMN, message)
    rename_in_texts(session, table, table.columns[index].name, node.new_name)
    columns = [
        replace(one, generated=renamed_text(one.generated, node.old_name, node.new_name))
        if one.generated is not None
        else one
        for one in table.columns
    ]
    columns[index] = replace(columns[index], name=node.new_name)
    table = put_columns(session, table, tuple(columns))
    if table.storage_oid:
        describe_anew(session, table)


def _rename_constraint(session: Session, table: Table, node: nodes.Rename) -> None:
    constraint = expect_constraint(session, table, node.old_name)
    session.lookup.view.put(replace(constraint, name=node.new_name))
    if constraint.kind in _OWNS_ITS_INDEX:
        index = session.lookup.view.state.get(constraint.index_oid)
        _rename_object(session, index, node.new_name)


def _rename_object(session: Session, found: object, new_name: str) -> None:
    view = session.lookup.view
    schema = view.state.get(getattr(found, "schema_oid", 0))
    if schema is not None and not isinstance(found, EnumType | CompositeType | DomainType):
        session.refuse_taken_name(schema, new_name)
    view.put(replace(found, name=new_name))
    heaps = session.engine.storage.heaps
    if isinstance(found, Table):
        session.expect_transaction().lock_table(found.oid, LockMode.ACCESS_EXCLUSIVE)
        row_type = view.state.get(found.row_type_oid)
        if row_type is not None:
            view.put(replace(row_type, name=new_name))
        follow_in_views(session, found, (schema.name, found.name), (schema.name, new_name))
        heap = heaps.get(found.storage_oid)
        if heap is not None:
            _rename_now(session, heap, new_name)
    elif isinstance(found, Index):
        table = view.state.get(found.table_oid)
        for index in session.engine.storage.heap(table.storage_oid).indexes:
            if index.oid == found.oid:
                _rename_now(session, index, new_name)
        for constraint in list(view.state.all(Constraint)):
            if constraint.index_oid == found.oid and constraint.kind in _OWNS_ITS_INDEX:
                view.put(replace(constraint, name=new_name))
    elif isinstance(found, Sequence):
        _rename_now(session, session.engine.storage.sequence(found.oid), new_name)


def _rename_now(session: Session, one: object, new_name: str) -> None:
    """The storage's own copy of a name, for its messages."""
    old_name = one.name
    one.name = new_name
    session.expect_transaction().on_undo(lambda: setattr(one, "name", old_name))


def set_schema(session: Session, node: nodes.SetSchema) -> Result:
    tag = f"ALTER {node.kind.value.upper()}"
    *schema, name = node.name
    lookup = session.lookup
    target = lookup.expect_schema(node.schema)
    if node.kind in (ObjectKind.TYPE, ObjectKind.DOMAIN):
        found = _type_named(session, node.name)
    else:
        found = lookup.relation(schema[0] if schema else None, name)
    if found is None:
        message = f'relation "{name}" does not exist'
        if not node.if_exists:
            raise SqlError(errors.UNDEFINED_TABLE, message)
        session.notice(f"{message}, skipping")
        return Result(tag)
    session.refuse_taken_name(target, name)
    view = lookup.view
    before = lookup.schema_name(found.schema_oid)
    view.put(replace(found, schema_oid=target.oid))
    if isinstance(found, Table):
        follow_in_views(session, found, (before, name), (target.name, name))
        for part in (
            *lookup.indexes_of(found),
            *lookup.constraints_of(found),
            *view.state.parts(found.oid, Sequence),
        ):
            view.put(replace(part, schema_oid=target.oid))
    return Result(tag)

"""ALTER TYPE of a composite type; and what becomes of values that are stored when it changes.

A value is a tuple of its fields, so each one that some column holds is written anew: what comes
gets NULL, what goes is left out. The same when a table whose rows are values elsewhere gets or
loses a column. Another type for an attribute is refused while any column holds such values.
# Real: find_composite_type_dependencies(); there a value keeps the attributes it was made with
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.sqldb import errors
from services.sqldb.catalog.definitions import (
    Column,
    CompositeType,
    DomainType,
    Table,
    TableKind,
)
from services.sqldb.catalog.state import CatalogState
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.commands.row_checks import rewrite_rows
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.values import Array, Row

Change = Callable[[Any], Any]


def alter_composite(session: Session, node: nodes.AlterComposite) -> Result:
    for action in node.actions:
        composite = expect_composite(session, node.name)
        match action:
            case nodes.AddColumn():
                changed = _with_attribute(session, composite, action)
            case nodes.DropColumn():
                changed = _without_attribute(session, composite, action)
            case nodes.SetColumnType():
                changed = _with_type(session, composite, action)
        if changed is not None:
            put_composite(session, composite, changed.columns)
    return Result("ALTER TYPE")


def expect_composite(session: Session, names: tuple[str, ...]) -> CompositeType:
    """Raises SqlError 42809, 42P01."""
    *schema, name = names
    found = session.lookup.type(schema[-1] if schema else None, name)
    composite = None if found is None else session.lookup.view.state.get(found.oid)
    if isinstance(composite, CompositeType):
        if composite.table_oid:
            message = f"{name} is the row type of another table"
            raise SqlError(errors.WRONG_OBJECT_TYPE, message)
        return composite
    if found is None:
        message = f'relation "{".".join(names)}" does not exist'
        raise SqlError(errors.UNDEFINED_TABLE, message)
    raise SqlError(errors.WRONG_OBJECT_TYPE, f'"{name}" is not a composite type')


def _place(composite: CompositeType, name: str) -> int | None:
    for index, column in enumerate(composite.columns):
        if column.name == name and not column.is_dropped:
            return index
    return None


def _expect_place(composite: CompositeType, name: str) -> int:
    place = _place(composite, name)
    if place is None:
        message = f'column "{name}" of relation "{composite.name}" does not exist'
        raise SqlError(errors.UNDEFINED_COLUMN, message)
    return place


def _with_attribute(
    session: Session, composite: CompositeType, action: nodes.AddColumn
) -> CompositeType:
    written = action.column
    if _place(composite, written.name) is not None:
        message = f'column "{written.name}" of relation "{composite.name}" already exists'
        raise SqlError(errors.DUPLICATE_COLUMN, message)
    type_, typmod = resolve_type(session.lookup, written.type_name)
    if type_.oid in (composite.oid, composite.array_oid):
        message = f"composite type {composite.name} cannot be made a member of itself"
        raise SqlError(errors.INVALID_TABLE_DEFINITION, message)
    added = Column(written.name, type_.oid, typmod)
    return replace(composite, columns=(*composite.columns, added))


def _without_attribute(
    session: Session, composite: CompositeType, action: nodes.DropColumn
) -> CompositeType | None:
    place = _place(composite, action.column)
    if place is None and action.if_exists:
        message = f'column "{action.column}" of relation "{composite.name}" does not exist'
        session.notice(f"{message}, skipping")
        return None
    place = _expect_place(composite, action.column)
    name = f"........pg.dropped.{place + 1}........"
    gone = replace(composite.columns[place], name=name, is_dropped=True)
    columns = (*composite.columns[:place], gone, *composite.columns[place + 1 :])
    return replace(composite, columns=columns)


def _with_type(
    session: Session, composite: CompositeType, action: nodes.SetColumnType
) -> CompositeType:
    place = _expect_place(composite, action.column)
    refuse_if_stored(session, composite, "type", composite.name)
    type_, typmod = resolve_type(session.lookup, action.type_name)
    changed = replace(composite.columns[place], type_oid=type_.oid, typmod=typmod)
    columns = (*composite.columns[:place], changed, *composite.columns[place + 1 :])
    return replace(composite, columns=columns)


def rename_attribute(session: Session, node: nodes.Rename) -> None:
    """Raises SqlError 42703, 42701."""
    composite = expect_composite(session, node.name)
    place = _expect_place(composite, node.old_name)
    if _place(composite, node.new_name) is not None:
        message = f'column "{node.new_name}" of relation "{composite.name}" already exists'
        raise SqlError(errors.DUPLICATE_COLUMN, message)
    changed = replace(composite.columns[place], name=node.new_name)
    columns = (*composite.columns[:place], changed, *composite.columns[place + 1 :])
    session.lookup.view.put(replace(composite, columns=columns))


# Values that are stored.


def put_composite(session: Session, composite: CompositeType, columns: tuple[Column, ...]) -> None:
    """Give the type other attributes, and all stored values with it."""
    session.lookup.view.put(replace(composite, columns=columns))
    change = _row_change(composite.columns, columns)
    if change is not None:
        _change_values(session, composite, change)


def _row_change(old: tuple[Column, ...], new: tuple[Column, ...]) -> Change | None:
    """From a value with the old attributes to one with the new ones; None: it is the same."""
    places = {}
    for index, column in enumerate(old):
        if not column.is_dropped:
            places[index] = len(places)
    kept = [places.get(index) for index, column in enumerate(new) if not column.is_dropped]
    if kept == list(range(len(places))):
        return None
    return lambda row: Row(None if at is None else row[at] for at in kept)


def change_of(
    state: CatalogState, type_oid: int, target: CompositeType, change: Change
) -> Change | None:
    """How values of any type change when those of a composite type do; None: they don't.

    They may hold it as an element, as a field of another row, or below a domain.
    """
    if type_oid == target.oid:
        return change
    if type_oid == target.array_oid:
        return _in_array(change)
    definition = state.get(type_oid)
    if isinstance(definition, DomainType):
        return change_of(state, definition.base_oid, target, change)
    if isinstance(definition, CompositeType):
        live = [column for column in definition.columns if not column.is_dropped]
        steps = [change_of(state, column.type_oid, target, change) for column in live]
        return _in_fields(steps) if any(steps) else None
    for kind in (CompositeType, DomainType):
        for one in state.all(kind):
            if one.array_oid == type_oid:
                inner = change_of(state, one.oid, target, change)
                return None if inner is None else _in_array(inner)
    return None


def _in_array(change: Change) -> Change:
    def changed(elements: tuple) -> tuple:
        return tuple(
            changed(one) if type(one) is tuple else one if one is None else change(one)
            for one in elements
        )

    return lambda array: Array(changed(array.elements), array.lower_bounds)


def _in_fields(steps: list[Change | None]) -> Change:
    return lambda row: Row(
        value if step is None or value is None else step(value)
        for step, value in zip(steps, row, strict=True)
    )


def _holders(
    session: Session, composite: CompositeType, change: Change
) -> list[tuple[Table, dict[int, Change]]]:
    """The tables with columns that hold such values, with what becomes of each."""
    state = session.lookup.view.state
    found = []
    for table in state.all(Table):
        if table.kind is TableKind.TABLE and table.oid != composite.table_oid:
            changes = {
                index: made
                for index, column in table.live_columns()
                if (made := change_of(state, column.type_oid, composite, change)) is not None
            }
            if changes:
                found.append((table, changes))
    return found


def refuse_if_stored(session: Session, composite: CompositeType, noun: str, name: str) -> None:
    """Raises SqlError 0A000 if a column holds values of the type."""
    for table, changes in _holders(session, composite, lambda value: value):
        column = table.columns[min(changes)].name
        uses = "uses it" if noun == "type" else "uses its row type"
        message = f'cannot alter {noun} "{name}" because column "{table.name}.{column}" {uses}'
        raise SqlError(errors.FEATURE_NOT_SUPPORTED, message)


def _change_values(session: Session, composite: CompositeType, change: Change) -> None:
    from services.sqldb.commands.alter_table import build_indexes, detach_indexes

    for table, changes in _holders(session, composite, change):
        session.expect_transaction().lock_table(table.oid, LockMode.ACCESS_EXCLUSIVE)
        indexes = [one for index in changes for one in detach_indexes(session, table, index)]

        def changed(values: tuple, changes: dict[int, Change] = changes) -> tuple:
            row = list(values)
            for index, step in changes.items():
                if row[index] is not None:
                    row[index] = step(row[index])
            return tuple(row)

        rewrite_rows(session, table, changed)
        build_indexes(session, table, list({one.oid: one for one in indexes}.values()))

"""CREATE TYPE … AS ENUM and AS (…), ALTER TYPE … ADD VALUE and RENAME VALUE."""

from __future__ import annotations

from dataclasses import replace

from services.sqldb import errors
from services.sqldb.catalog.definitions import Column, CompositeType, EnumType, Schema
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.commands.default_privileges import give_defaults
from services.sqldb.errors import SqlError
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes

_MAX_LABEL_BYTES = 63


def create_enum(session: Session, node: nodes.CreateEnum) -> Result:
    schema, name = _place(session, node.name, node.position)
    for index, label in enumerate(node.labels):
        _check_label(label)
        if label in node.labels[:index]:
            message = f'enum label "{label}" used more than once'
            raise SqlError(errors.DUPLICATE_OBJECT, message)
    view = session.lookup.view
    labels = tuple((float(place), label) for place, label in enumerate(node.labels, 1))
    made = EnumType(view.new_oid(), view.new_oid(), schema.oid, name, labels, session.role.oid)
    view.put(made)
    give_defaults(session, made)
    return Result("CREATE TYPE")


def _place(session: Session, names: tuple[str, ...], position: int) -> tuple[Schema, str]:
    """Where a new type goes. Raises SqlError where its name is taken."""
    *schema_name, name = names
    lookup = session.lookup
    schema = lookup.creation_schema(schema_name[0] if schema_name else None, position)
    if lookup.view.state.find("type", schema.oid, name) is not None:
        raise SqlError(errors.DUPLICATE_OBJECT, f'type "{name}" already exists')
    return schema, name


def _check_label(label: str) -> None:
    if len(label.encode()) > _MAX_LABEL_BYTES:
        raise SqlError(
            errors.INVALID_NAME,
            f'invalid enum label "{label}"',
            detail="Labels must be 63 bytes or less.",
        )


def create_composite(session: Session, node: nodes.CreateComposite) -> Result:
    schema, name = _place(session, node.name, node.position)
    columns = []
    for written in node.columns:
        type_, typmod = resolve_type(session.lookup, written.type_name)
        columns.append(Column(written.name, type_.oid, typmod))
    view = session.lookup.view
    made = CompositeType(
        view.new_oid(),
        view.new_oid(),
        schema.oid,
        name,
        tuple(columns),
        owner=session.role.oid,
    )
    view.put(made)
    give_defaults(session, made)
    return Result("CREATE TYPE")


def _expect_enum(session: Session, names: tuple[str, ...]) -> EnumType:
    *schema, name = names
    found = session.lookup.type(schema[0] if schema else None, name)
    definition = None if found is None else session.lookup.view.state.get(found.oid)
    full = ".".join(names)
    if found is None:
        raise SqlError(errors.UNDEFINED_OBJECT, f'type "{full}" does not exist')
    if not isinstance(definition, EnumType):
        raise SqlError(errors.WRONG_OBJECT_TYPE, f"{full} is not an enum")
    return definition


def add_enum_label(session: Session, node: nodes.AddEnumLabel) -> Result:
    enum = _expect_enum(session, node.name)
    _check_label(node.label)
    known = [label for _, label in enum.labels]
    if node.label in known:
        message = f'enum label "{node.label}" already exists'
        if not node.if_not_exists:
            raise SqlError(errors.DUPLICATE_OBJECT, message)
        session.notice(f"{message}, skipping", errors.DUPLICATE_OBJECT)
        return Result("ALTER TYPE")
    order = _order_beside(enum, node)
    labels = tuple(sorted((*enum.labels, (order, node.label))))
    session.lookup.view.put(replace(enum, labels=labels))
    return Result("ALTER TYPE")


def _order_beside(enum: EnumType, node: nodes.AddEnumLabel) -> float:
    """A number between the neighbours of the new label."""
    orders = [order for order, _ in enum.labels]
    if node.neighbour is None:
        return (orders[-1] if orders else 0.0) + 1.0
    known = [label for _, label in enum.labels]
    if node.neighbour not in known:
        message = f'"{node.neighbour}" is not an existing enum label'
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    place = known.index(node.neighbour) + node.is_after
    before = orders[place - 1] if place else orders[0] - 2.0
    behind = orders[place] if place < len(orders) else orders[-1] + 2.0
    return (before + behind) / 2


def rename_enum_label(session: Session, node: nodes.RenameEnumLabel) -> Result:
    enum = _expect_enum(session, node.name)
    known = [label for _, label in enum.labels]
    if node.old_label not in known:
        message = f'"{node.old_label}" is not an existing enum label'
        raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    if node.new_label in known:
        message = f'enum label "{node.new_label}" already exists'
        raise SqlError(errors.DUPLICATE_OBJECT, message)
    _check_label(node.new_label)
    labels = tuple(
        (order, node.new_label if label == node.old_label else label)
        for order, label in enum.labels
    )
    session.lookup.view.put(replace(enum, labels=labels))
    return Result("ALTER TYPE")

"""Definitions as plain values, for the log: a class name and pairs of field and value.

    Schema(2200, "public")  ⇄  ("Schema", (("oid", 2200), ("name", "public"), ("owner", 10)))

The names of the fields are written with every value, so that a field that comes later is at its
default in what was written before it came, and one that is gone is passed over.
"""

from dataclasses import fields, is_dataclass
from enum import Enum

from services.sqldb.catalog.definitions import (
    AccessList,
    Column,
    Comment,
    CompositeType,
    Constraint,
    ConstraintKind,
    DefaultAccess,
    Definition,
    DomainCheck,
    DomainType,
    EnumType,
    ForeignKeyAction,
    Index,
    IndexKey,
    Role,
    RoutineArgument,
    Schema,
    Sequence,
    SqlRoutine,
    Statistics,
    Table,
    TableKind,
)

_CLASSES = {
    one.__name__: one
    for one in (
        AccessList,
        Comment,
        CompositeType,
        Constraint,
        DefaultAccess,
        DomainType,
        EnumType,
        Index,
        Role,
        Schema,
        Sequence,
        SqlRoutine,
        Statistics,
        Table,
    )
}
_PARTS = {"columns": Column, "keys": IndexKey, "checks": DomainCheck,
          "arguments": RoutineArgument}  # fmt: skip
_ENUMS = {
    (Table, "kind"): TableKind,
    (Constraint, "kind"): ConstraintKind,
    (Constraint, "on_update"): ForeignKeyAction,
    (Constraint, "on_delete"): ForeignKeyAction,
}


def to_record(definition: Definition) -> tuple:
    return type(definition).__name__, _pairs(definition)


def _pairs(value: object) -> tuple:
    return tuple((field.name, _plain(getattr(value, field.name))) for field in fields(value))


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    # The parts of a definition only; a value of a column may be a tuple as well.
    if type(value) is tuple and value and is_dataclass(value[0]):
        return tuple(_pairs(item) for item in value)
    return value


def from_record(record: tuple) -> Definition:
    name, pairs = record
    return _made(_CLASSES[name], pairs)


def _made(made: type, pairs: tuple) -> Definition:
    known = {field.name for field in fields(made)}
    values = {name: _restored(made, name, value) for name, value in pairs if name in known}
    return made(**values)


def _restored(made: type, name: str, value: object) -> object:
    if (made, name) in _ENUMS:
        return _ENUMS[made, name](value)
    # Constraint.columns are plain numbers.
    if name in _PARTS and made is not Constraint:
        return tuple(_made(_PARTS[name], item) for item in value)
    return value

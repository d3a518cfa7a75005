"""All definitions at one moment, found by oid, by name, and by the table they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from services.sqldb.catalog.definitions import (
    AccessList,
    Comment,
    CompositeType,
    Constraint,
    Definition,
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

Kind = TypeVar("Kind")

# Objects of the same space must have different names: an index and a table of one schema, too.
SPACES: dict[type, str] = {
    Table: "relation",
    Index: "relation",
    Sequence: "relation",
    EnumType: "type",
    CompositeType: "type",
    DomainType: "type",
    SqlRoutine: "routine",
    Schema: "schema",
    Role: "role",
}

Name = tuple[str, int, str]
"""Space, oid of the schema (0 where there is none), name."""


def name_of(definition: Definition) -> Name | None:
    space = SPACES.get(type(definition))
    if space is None:
        return None
    name = definition.key if isinstance(definition, SqlRoutine) else definition.name
    return space, getattr(definition, "schema_oid", 0), name


def belongs_to(definition: Definition) -> tuple[int, ...]:
    """The tables with which the object is found, and with which it goes."""
    match definition:
        case Constraint():
            return tuple({definition.table_oid, definition.foreign_table_oid} - {0})
        case Index() | Statistics():
            return (definition.table_oid,)
        case Sequence() if definition.owner_table_oid:
            return (definition.owner_table_oid,)
        case CompositeType() if definition.table_oid:
            return (definition.table_oid,)
        case Comment() | AccessList():
            return (definition.object_oid,)
    return ()


class CatalogState:
    """Definitions with the dictionaries to find them; `put` and `remove` keep all of them right."""

    def __init__(self) -> None:
        self._definitions: dict[int, Definition] = {}
        self._names: dict[Name, int] = {}
        self._parts: dict[int, dict[int, None]] = {}

    def copy(self) -> CatalogState:
        twin = CatalogState()
        twin._definitions = self._definitions.copy()
        twin._names = self._names.copy()
        twin._parts = {oid: parts.copy() for oid, parts in self._parts.items()}
        return twin

    def get(self, oid: int) -> Definition | None:
        return self._definitions.get(oid)

    def find(self, space: str, schema_oid: int, name: str) -> Definition | None:
        oid = self._names.get((space, schema_oid, name))
        return None if oid is None else self._definitions[oid]

    def all(self, kind: type[Kind]) -> Iterator[Kind]:
        """All of a kind, in the order of their making."""
        return (one for one in self._definitions.values() if isinstance(one, kind))

    def parts(self, oid: int, kind: type[Kind]) -> list[Kind]:
        """What belongs to a table (or, for comments, to any object)."""
        found = (self._definitions[part] for part in self._parts.get(oid, ()))
        return [one for one in found if isinstance(one, kind)]

    def put(self, definition: Definition) -> None:
        """Add a definition, or put it in the place of the one with its oid."""
        self.remove(definition.oid, keeps_place=True)
        self._definitions[definition.oid] = definition
        name = name_of(definition)
        if name is not None:
            self._names[name] = definition.oid
        for owner in belongs_to(definition):
            self._parts.setdefault(owner, {})[definition.oid] = None

    def remove(self, oid: int, *, keeps_place: bool = False) -> None:
        old = self._definitions.get(oid)
        if old is None:
            return
        if not keeps_place:
            del self._definitions[oid]
        name = name_of(old)
        if name is not None and self._names.get(name) == oid:
            del self._names[name]
        for owner in belongs_to(old):
            parts = self._parts[owner]
            parts.pop(oid, None)
            if not parts:
                del self._parts[owner]

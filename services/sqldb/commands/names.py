"""Names that nobody has written: t_pkey, t_a_key, t_a_fkey, t_a_check, t_a_idx, t_a_seq.

Too long ones are cut, the longer part first, and one that is taken gets a number: t_a_key1.
# Real: makeObjectName(), ChooseRelationName() in indexcmds.c
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from services.sqldb.catalog.definitions import Constraint
from services.sqldb.catalog.lookup import Lookup

MAX_NAME_BYTES = 63


def object_name(table: str, columns: str, label: str) -> str:
    overhead = len(label.encode()) + 1 + (1 if columns else 0)
    room = MAX_NAME_BYTES - overhead
    first, second = table.encode(), columns.encode()
    while len(first) + len(second) > room:
        if len(first) > len(second):
            first = first[:-1]
        else:
            second = second[:-1]
    parts = [first.decode(errors="ignore"), second.decode(errors="ignore"), label]
    return "_".join(part for part in parts if part)


def _first_free(table: str, columns: str, label: str, is_taken: Callable[[str], bool]) -> str:
    number = 0
    while True:
        name = object_name(table, columns, f"{label}{number or ''}")
        if not is_taken(name):
            return name
        number += 1


def relation_name(
    lookup: Lookup, schema_oid: int, table: str, columns: Iterable[str], label: str
) -> str:
    """A free name for an index or sequence."""

    def is_taken(name: str) -> bool:
        return lookup.view.state.find("relation", schema_oid, name) is not None

    return _first_free(table, "_".join(columns), label, is_taken)


def constraint_name(
    lookup: Lookup, schema_oid: int, table: str, columns: Iterable[str], label: str
) -> str:
    """A name that no constraint of the schema has."""
    taken = {one.name for one in lookup.view.state.all(Constraint) if one.schema_oid == schema_oid}
    return _first_free(table, "_".join(columns), label, taken.__contains__)

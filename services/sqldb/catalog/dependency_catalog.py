"""pg_depend, pg_rewrite, pg_init_privs: what needs what, so that pg_dump writes it in that order.

Only what a dump or a client asks for is told: sequences of columns, defaults that use sequences,
views and what they read, columns and their types, indexes of constraints.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import (
    FIRST_USER_OID,
    AccessList,
    CompositeType,
    Constraint,
    DomainType,
    EnumType,
    Index,
    Sequence,
    SqlRoutine,
    Table,
    TableKind,
)
from services.sqldb.catalog.privileges import (
    FUNCTION_CLASS,
    SCHEMA_CLASS,
    TABLE_CLASS,
    TYPE_CLASS,
    item_text,
    system_items,
)
from services.sqldb.catalog.state import CatalogState
from services.sqldb.catalog.system_catalog import acl, define, text_array

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

_CONSTRAINT_CLASS, _DEFAULT_CLASS, _REWRITE_CLASS = 2606, 2604, 2618
_FIRST_RULE_OID = 1 << 30
"""The rule of a view has the view's oid and this; no counter comes so far."""

Row = tuple[int, int, int, int, int, int, str]


@define("pg_rewrite", "oid oid, rulename name, ev_class oid, ev_type char, ev_enabled char, "
        "is_instead bool, ev_qual text, ev_action text", 2618)  # fmt: skip
def pg_rewrite(session: Session) -> Iterator[tuple]:
    """Each view is a rule by the name of _RETURN."""
    for view in session.lookup.view.state.all(Table):
        if view.kind is TableKind.VIEW:
            oid = _FIRST_RULE_OID + view.oid
            yield oid, "_RETURN", view.oid, "1", "O", True, "<>", view.definition


@define(
    "pg_depend",
    "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, "
    "deptype char",
    2608,
)
def pg_depend(session: Session) -> Iterator[tuple]:
    state = session.lookup.view.state
    types = _element_oids(state)
    for sequence in state.all(Sequence):
        yield from _of_sequence(sequence)
    for constraint in state.all(Constraint):
        yield from _of_constraint(constraint)
    for index in state.all(Index):
        for key in index.keys:
            if key.column >= 0:
                yield TABLE_CLASS, index.oid, 0, TABLE_CLASS, index.table_oid, key.column + 1, "a"
    for table in state.all(Table):
        yield from _of_table(table, types)
    for composite in state.all(CompositeType):
        if composite.table_oid:
            yield TYPE_CLASS, composite.oid, 0, TABLE_CLASS, composite.table_oid, 0, "i"
        else:
            yield TABLE_CLASS, composite.oid, 0, TYPE_CLASS, composite.oid, 0, "i"
            for number, column in enumerate(composite.columns, 1):
                yield from _on_type((TABLE_CLASS, composite.oid, number), column.type_oid, types)
    for domain in state.all(DomainType):
        yield from _on_type((TYPE_CLASS, domain.oid, 0), domain.base_oid, types)
    for routine in state.all(SqlRoutine):
        for oid in dict.fromkeys(routine.type_oids):
            yield from _on_type((FUNCTION_CLASS, routine.oid, 0), oid, types)


def _element_oids(state: CatalogState) -> dict[int, int]:
    """The types of users by their own oids and those of their arrays."""
    found = {}
    for kind in (EnumType, CompositeType, DomainType):
        for one in state.all(kind):
            found[one.oid] = found[one.array_oid] = one.oid
    return found


def _on_type(place: tuple[int, int, int], oid: int, types: dict[int, int]) -> Iterator[Row]:
    if oid in types:
        yield (*place, TYPE_CLASS, types[oid], 0, "n")


def _of_sequence(sequence: Sequence) -> Iterator[Row]:
    if sequence.owner_table_oid:
        kind = "i" if sequence.is_identity else "a"
        column = sequence.owner_column + 1
        yield TABLE_CLASS, sequence.oid, 0, TABLE_CLASS, sequence.owner_table_oid, column, kind


def _of_constraint(constraint: Constraint) -> Iterator[Row]:
    if constraint.index_oid and not constraint.foreign_table_oid:
        yield TABLE_CLASS, constraint.index_oid, 0, _CONSTRAINT_CLASS, constraint.oid, 0, "i"
    elif constraint.foreign_table_oid:
        place = _CONSTRAINT_CLASS, constraint.oid, 0
        yield (*place, TABLE_CLASS, constraint.foreign_table_oid, 0, "n")
        yield (*place, TABLE_CLASS, constraint.index_oid, 0, "n")
    for column in constraint.columns:
        place = _CONSTRAINT_CLASS, constraint.oid, 0
        yield (*place, TABLE_CLASS, constraint.table_oid, column + 1, "a")


def _of_table(table: Table, types: dict[int, int]) -> Iterator[Row]:
    if table.kind is TableKind.VIEW:
        rule = _REWRITE_CLASS, _FIRST_RULE_OID + table.oid, 0
        yield (*rule, TABLE_CLASS, table.oid, 0, "i")
        yield (*rule, TABLE_CLASS, table.oid, 0, "n")
        for oid in table.references:
            yield (*rule, TABLE_CLASS, oid, 0, "n")
    for index, column in table.live_columns():
        yield from _on_type((TABLE_CLASS, table.oid, index + 1), column.type_oid, types)
        if column.default or column.generated or column.sequence_oid:
            default = _DEFAULT_CLASS, table.oid * 2000 + index, 0
            if not column.identity:
                yield (*default, TABLE_CLASS, table.oid, index + 1, "a")
            if column.sequence_oid and not column.identity:
                yield (*default, TABLE_CLASS, column.sequence_oid, 0, "n")


@define("pg_init_privs", "objoid oid, classoid oid, objsubid int4, privtype char, "
        "initprivs _aclitem", 3394)  # fmt: skip
def pg_init_privs(session: Session) -> Iterator[tuple]:
    """The access lists that are there from the beginning, which a dump leaves out."""
    state = session.lookup.view.state
    for system in session.engine.system_tables.by_oid.values():
        if system.table.name.startswith("pg_"):
            texts = [item_text(state, item) for item in system_items(system.table.name)]
            yield system.table.oid, TABLE_CLASS, 0, "i", text_array(texts)
    for one in state.all(AccessList):
        if one.class_oid == SCHEMA_CLASS and one.oid < FIRST_USER_OID:
            yield one.object_oid, SCHEMA_CLASS, 0, "i", acl(session, SCHEMA_CLASS, one.object_oid)

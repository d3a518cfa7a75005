"""What leans on a column of its table by an expression or a key, when it goes or changes its type.

Expressions are kept as text; which columns a text uses, its binding tells. # Real: pg_depend
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb import errors
from services.sqldb.binder.clauses import Clause
from services.sqldb.catalog.definitions import Column, Constraint, ConstraintKind, Index, Table
from services.sqldb.commands.constraints import expect_comparable
from services.sqldb.commands.row_checks import (
    check_constraint_of_rows,
    check_foreign_key_of_rows,
)
from services.sqldb.commands.row_expressions import (
    bind_over_row,
    check_default,
    constraint_condition,
    expression_text,
    parsed_expression,
    view_uses_column,
)
from services.sqldb.errors import SqlError
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.analysis import walk
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.types import SqlType


def column_dependents(session: Session, table: Table, index: int) -> list[tuple[str, str]]:
    """What only CASCADE drops with the column: each, and what of the table it depends on."""
    found = []
    me = column_words(table, index)
    for number in generated_from(session, table, index):
        other = column_words(table, number)
        found.append((other, me))
        found += [(f"view {view.name}", other) for view in views_of_column(session, table, number)]
    for constraint in session.lookup.references_to(table):
        if index in constraint.foreign_columns:
            on = session.lookup.view.state.get(constraint.table_oid)
            found.append((f"constraint {constraint.name} on table {on.name}", me))
    found += [(f"view {view.name}", me) for view in views_of_column(session, table, index)]
    return found


def column_words(table: Table, index: int) -> str:
    return f"column {table.columns[index].name} of table {table.name}"


def views_of_column(session: Session, table: Table, index: int) -> list[Table]:
    views = [one for one in session.lookup.view.state.all(Table) if table.oid in one.references]
    return [view for view in views if view_uses_column(session, view, table, index)]


def generated_from(session: Session, table: Table, index: int) -> list[int]:
    """The generated columns whose expressions use this one."""
    return [
        number
        for number, column in enumerate(table.columns)
        if column.generated is not None
        and _uses(session, table, column.generated, Clause.GENERATED, index)
    ]


def indexes_using(session: Session, table: Table, index: int) -> list[Index]:
    """Those that have it as a key or beside the key, or use it in an expression or predicate."""
    return [
        one
        for one in session.lookup.indexes_of(table)
        if index in one.included
        or any(_key_uses(session, table, key, index) for key in one.keys)
        or (one.predicate and _uses(session, table, one.predicate, Clause.INDEX_PREDICATE, index))
    ]


def _key_uses(session: Session, table: Table, key: object, index: int) -> bool:
    if key.column >= 0:
        return key.column == index
    return _uses(session, table, key.expression, Clause.INDEX_EXPRESSION, index)


def _uses(session: Session, table: Table, text: str, clause: Clause, index: int) -> bool:
    node = parsed_expression(text)
    bound = bind_over_row(session, session.lookup, table, node, clause)
    return any(isinstance(part, ex.Column) and part.index == index for part in walk(bound))


# A column gets another type.


def refuse_generated(session: Session, table: Table, index: int) -> None:
    """Raises SqlError 0A000 where a generated column is made from this one."""
    for number in generated_from(session, table, index):
        raise SqlError(
            errors.FEATURE_NOT_SUPPORTED,
            "cannot alter type of a column used by a generated column",
            detail=f'Column "{table.columns[index].name}" is used by generated column '
            f'"{table.columns[number].name}".',
        )


def default_as(session: Session, table: Table, column: Column, type_: SqlType) -> str | None:
    """The column's default once it is of another type. Raises SqlError 42804.

    A text of no type was read as the old type, and goes on to be: DEFAULT 'now' stays a time.
    """
    if column.default is None:
        return None
    node = parsed_expression(column.default)
    if isinstance(node, nodes.Literal) and node.kind is nodes.LiteralKind.STRING:
        old = session.lookup.types.by_oid(column.type_oid)
        name = nodes.TypeName((old.schema or "pg_catalog", old.name))
        node = nodes.Cast(node, name)
    try:
        check_default(session, table, replace(column, type_oid=type_.oid, typmod=-1), node)
    except SqlError as error:
        if error.sqlstate != errors.DATATYPE_MISMATCH:
            raise
        message = f'default for column "{column.name}" cannot be cast automatically to type {type_}'
        raise SqlError(errors.DATATYPE_MISMATCH, message) from None
    return expression_text(session, node)


def expect_fit(session: Session, changed: Table, index: int) -> None:
    """Checks and foreign keys have to make sense for the table as it will be. Raises SqlError."""
    for constraint, table, other in _constraints_with(session, changed, index):
        if constraint.kind is ConstraintKind.CHECK:
            try:
                constraint_condition(session, table, constraint)
            except SqlError as error:
                error.position = -1  # It would tell of a text that the client has not sent.
                raise
        else:
            columns, foreign = constraint.columns, constraint.foreign_columns
            expect_comparable(session, table, columns, other, foreign, constraint.name)


def recheck_rows(session: Session, changed: Table, index: int) -> None:
    """What held of the old values may not hold of the new ones. Raises SqlError."""
    for constraint, table, _ in _constraints_with(session, changed, index):
        if constraint.is_validated:
            is_check = constraint.kind is ConstraintKind.CHECK
            check = check_constraint_of_rows if is_check else check_foreign_key_of_rows
            check(session, table, constraint)


def _constraints_with(
    session: Session, changed: Table, index: int
) -> list[tuple[Constraint, Table, Table | None]]:
    """Checks and foreign keys over the column: each with its table, and the one it refers to."""
    lookup = session.lookup

    def table_of(oid: int) -> Table | None:
        return changed if oid == changed.oid else lookup.view.state.get(oid)

    found = {}
    for one in lookup.constraints_of(changed):
        if one.kind in (ConstraintKind.CHECK, ConstraintKind.FOREIGN_KEY) and index in one.columns:
            found[one.oid] = one
    for one in lookup.references_to(changed):
        if index in one.foreign_columns:
            found[one.oid] = one
    return [
        (one, table_of(one.table_oid), table_of(one.foreign_table_oid)) for one in found.values()
    ]

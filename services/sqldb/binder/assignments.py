"""Values on their way into columns: SET a = …, VALUES (…), and the rules of DEFAULT and identity.

# Real: transformAssignedExpr(), transformUpdateTargetList(), rewriteTargetListIU()
"""

from __future__ import annotations

from collections.abc import Sequence

from services.sqldb.binder import definitions, expressions
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.conversion import convert
from services.sqldb.binder.part_assignments import assign_part
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import Scope
from services.sqldb.binder.statement import Statement
from services.sqldb.binder.tables import find_table, table_column
from services.sqldb.catalog.definitions import Sequence as SequenceDefinition
from services.sqldb.catalog.definitions import Table, TableKind
from services.sqldb.errors import (
    DATATYPE_MISMATCH,
    FEATURE_NOT_SUPPORTED,
    GENERATED_ALWAYS,
    SYNTAX_ERROR,
    UNDEFINED_COLUMN,
    WRONG_OBJECT_TYPE,
    SqlError,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.types import SqlType, format_type


def target_table(statement: Statement, relation: nodes.RelationName, verb: str) -> Table:
    """The table or view that a statement changes; verb: "insert into", "update" …"""
    try:
        table = find_table(statement, relation)
    except SqlError as error:
        found = statement.lookup.relation(relation.schema, relation.name)
        if isinstance(found, SequenceDefinition) and verb != "merge into":
            raise SqlError(error.sqlstate, f'cannot change sequence "{found.name}"') from None
        raise
    if table.kind is TableKind.SYSTEM:
        message = f'permission denied: "{table.name}" is a system catalog'
        raise SqlError("42501", message)
    if table.kind is TableKind.VIEW and verb == "merge into":
        raise SqlError(
            WRONG_OBJECT_TYPE,
            f'cannot execute MERGE on relation "{table.name}"',
            detail="This operation is not supported for views.",
        )
    statement.changes_data = True
    statement.lock(table, "RowExclusiveLock")
    return table


def target_index(table: Table, target: nodes.AssignmentTarget) -> int:
    """The index of the column that is assigned to."""
    index = table.column_index(target.column)
    if index is None:
        message = f'column "{target.column}" of relation "{table.name}" does not exist'
        raise SqlError(UNDEFINED_COLUMN, message, position=target.position)
    return index


def assign(
    statement: Statement, table: Table, index: int, value: ex.Expression, position: int
) -> ex.Expression:
    """The value as one of the column's type; 42804 if it cannot be."""
    column = table.columns[index]
    type_ = definitions.column_type(statement, column)
    converted = convert(statement, value, type_, column.typmod, "a", position)
    if converted is None:
        raise SqlError(
            DATATYPE_MISMATCH,
            f'column "{column.name}" is of type {format_type(type_)} but expression is of type '
            f"{value.type}",
            hint="You will need to rewrite or cast the expression.",
            position=position,
        )
    return converted


def column_types(statement: Statement, table: Table, indexes: Sequence[int]) -> list[SqlType]:
    return [definitions.column_type(statement, table.columns[index]) for index in indexes]


def refuse_generated(table: Table, index: int, verb: str) -> None:
    """A generated column takes nothing but DEFAULT; verb: "insert" or "update"."""
    column = table.columns[index]
    if column.generated is None:
        return
    detail = f'Column "{column.name}" is a generated column.'
    if verb == "insert":
        message = f'cannot insert a non-DEFAULT value into column "{column.name}"'
    else:
        message = f'column "{column.name}" can only be updated to DEFAULT'
    raise SqlError(GENERATED_ALWAYS, message, detail=detail)


def refuse_identity_update(table: Table, index: int) -> None:
    column = table.columns[index]
    if column.identity == "a":
        raise SqlError(
            GENERATED_ALWAYS,
            f'column "{column.name}" can only be updated to DEFAULT',
            detail=f'Column "{column.name}" is an identity column defined as GENERATED ALWAYS.',
        )


# SET.


def bind_assignments(
    scope: Scope, table: Table, assignments: tuple[nodes.Assignment, ...]
) -> tuple[tuple[int, ex.Expression], ...]:
    """SET a = 1, (b, c) = (2, 3): the columns with their new values."""
    found: dict[int, ex.Expression] = {}
    parts: set[int] = set()
    with scope.with_clause(Clause.UPDATE):
        for assignment in assignments:
            for target, value, place in _pairs(scope, table, assignment):
                index = target_index(table, target)
                if target.steps and (index not in found or index in parts):
                    parts.add(index)
                    old = found.get(index) or _old_value(scope, table, index)
                    found[index] = _new_part(scope, table, index, old, target, value)
                    continue
                if index in found:
                    message = f'multiple assignments to same column "{target.column}"'
                    raise SqlError(SYNTAX_ERROR, message)
                found[index] = _new_value(scope, table, index, value, place)
    return tuple(sorted(found.items()))


def _old_value(scope: Scope, table: Table, index: int) -> ex.Expression:
    """The column of the row that is changed: the first item of the scope."""
    for column in scope.items[0].columns:
        expression = column.expression
        if isinstance(expression, ex.Column) and expression.index == index:
            return expression
    return table_column(scope.statement, table, index, scope.items[0].relation)


def _new_part(
    scope: Scope,
    table: Table,
    index: int,
    old: ex.Expression,
    target: nodes.AssignmentTarget,
    value: object,
) -> ex.Expression:
    """The column with one part of it changed."""
    if isinstance(value, nodes.Default):
        is_element = isinstance(target.steps[-1], nodes.SubscriptStep)
        what = "an array element" if is_element else "a subfield"
        message = f"cannot set {what} to DEFAULT"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=target.position)
    refuse_generated(table, index, "update")
    return assign_part(scope, old, target, value)


def _new_value(scope: Scope, table: Table, index: int, value: object, place: int) -> ex.Expression:
    statement = scope.statement
    if isinstance(value, nodes.Default):
        return definitions.default_of(statement, table, index)
    refuse_generated(table, index, "update")
    refuse_identity_update(table, index)
    if not isinstance(value, ex.Expression):
        value = expressions.bind(scope, value)
    return assign(statement, table, index, value, place)


def _pairs(
    scope: Scope, table: Table, assignment: nodes.Assignment
) -> list[tuple[nodes.AssignmentTarget, object, int]]:
    """Each target with its value: syntax, or an expression that is bound already."""
    value = assignment.value
    if not assignment.is_multiple:
        return [(assignment.targets[0], value, leftmost(value))]
    width = len(assignment.targets)
    if isinstance(value, nodes.RowConstructor):
        if len(value.items) != width:
            raise _wrong_count(value.position)
        return [
            (target, item, leftmost(item))
            for target, item in zip(assignment.targets, value.items, strict=True)
        ]
    if isinstance(value, nodes.Subquery) and value.kind is nodes.SubqueryKind.SCALAR:
        return _from_subquery(scope, assignment, value)
    if width == 1:
        return [(assignment.targets[0], value, leftmost(value))]
    message = "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression"
    raise SqlError(FEATURE_NOT_SUPPORTED, message, position=leftmost(value))


def _wrong_count(position: int) -> SqlError:
    message = "number of columns does not match number of values"
    return SqlError(SYNTAX_ERROR, message, position=position)


def _from_subquery(
    scope: Scope, assignment: nodes.Assignment, value: nodes.Subquery
) -> list[tuple[nodes.AssignmentTarget, object, int]]:
    """(a, b) = (SELECT …): the fields of its row, which is one value."""
    from services.sqldb.binder.subqueries import row_of_subquery

    row, fields = row_of_subquery(scope, value)
    if len(fields) != len(assignment.targets):
        raise _wrong_count(value.position)
    return [
        (target, ex.Field(type_, row, number, name, typmod), value.position)
        for number, (target, (name, type_, typmod)) in enumerate(
            zip(assignment.targets, fields, strict=True)
        )
    ]

"""UNION, INTERSECT, EXCEPT: two queries whose columns get the types that they have in common.

# Real: transformSetOperationTree()
"""

from __future__ import annotations

from services.sqldb.binder import queries
from services.sqldb.binder.conversion import common_type_at, convert_type, typmod_of
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.queries import BoundQuery
from services.sqldb.binder.scope import Scope, ScopeColumn
from services.sqldb.binder.statement import Statement
from services.sqldb.errors import FEATURE_NOT_SUPPORTED, SYNTAX_ERROR, UNDEFINED_FUNCTION, SqlError
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes
from services.sqldb.types import SqlType

KINDS = {
    nodes.SetOperator.UNION: plan.SetKind.UNION,
    nodes.SetOperator.INTERSECT: plan.SetKind.INTERSECT,
    nodes.SetOperator.EXCEPT: plan.SetKind.EXCEPT,
}


def bind_set_operation(scope: Scope, query: nodes.Query, body: nodes.SetOperation) -> BoundQuery:
    left = bind_side(scope, body.left)
    right = bind_side(scope, body.right)
    bound = combine(scope, body, left, right)
    if query.locking:
        strength = query.locking[0].strength.value
        message = f"{strength} is not allowed with UNION/INTERSECT/EXCEPT"
        raise SqlError(FEATURE_NOT_SUPPORTED, message)
    return queries.with_order_and_limit(scope, query, bound, "UNION")


def bind_side(scope: Scope, query: nodes.Query) -> BoundQuery:
    """One side, in a scope of its own; literals of open type wait for the other side."""
    return queries.bind_query(scope.child(), query, resolves_unknown=False)


def combine(
    scope: Scope, body: nodes.SetOperation, left: BoundQuery, right: BoundQuery
) -> BoundQuery:
    """The operation over both sides, with their columns converted to common types."""
    word = body.operator.value
    if len(left.columns) != len(right.columns):
        message = f"each {word} query must have the same number of columns"
        raise SqlError(SYNTAX_ERROR, message, position=column_position(body.right, 0))
    types = [
        common_type_at(
            scope.statement,
            [mine.expression.type, other.expression.type],
            word,
            [column_position(body.left, index), column_position(body.right, index)],
        )
        for index, (mine, other) in enumerate(zip(left.columns, right.columns, strict=True))
    ]
    if not body.is_all:
        for index, type_ in enumerate(types):
            if not type_.is_comparable:
                message = f"could not identify an equality operator for type {type_}"
                place = column_position(body.left, index)
                raise SqlError(UNDEFINED_FUNCTION, message, position=place)
    left_plan, left_columns = as_types(scope.statement, left, types)
    right_plan, right_columns = as_types(scope.statement, right, types)
    number = scope.statement.new_relation()
    names = tuple(column.name for column in left.columns)
    made = plan.SetOperation(
        KINDS[body.operator],
        body.is_all,
        left_plan,
        right_plan,
        number,
        left_columns,
        right_columns,
        names,
    )
    return BoundQuery(made, output_columns(number, names, types, left_columns, right_columns))


def output_columns(
    number: int,
    names: tuple[str, ...],
    types: list[SqlType],
    left: tuple[ex.Column, ...],
    right: tuple[ex.Column, ...],
) -> tuple[ScopeColumn, ...]:
    found = []
    for index, (name, type_) in enumerate(zip(names, types, strict=True)):
        typmod = typmod_of(left[index])
        if typmod != typmod_of(right[index]):
            typmod = -1
        found.append(ScopeColumn(name, ex.Column(type_, number, index, name, typmod)))
    return tuple(found)


def as_types(
    statement: Statement, bound: BoundQuery, types: list[SqlType]
) -> tuple[plan.Plan, tuple[ex.Column, ...]]:
    """The side with columns of these types; a projection where a conversion is needed."""
    bound = queries.convert_columns(statement, bound, types)
    columns = tuple(column.expression for column in bound.columns)
    if all(column.type.oid == type_.oid for column, type_ in zip(columns, types, strict=True)):
        return bound.plan, columns
    converted = tuple(
        convert_type(statement, column, type_) for column, type_ in zip(columns, types, strict=True)
    )
    number = statement.new_relation()
    names = tuple(column.name for column in bound.columns)
    made = plan.Project(bound.plan, number, converted, names)
    return made, tuple(
        ex.Column(value.type, number, index, names[index], typmod_of(value))
        for index, value in enumerate(converted)
    )


def column_position(query: nodes.Query, index: int) -> int:
    """Where an error about a column of a side points: at its expression in the first SELECT."""
    body = query.body
    while isinstance(body, nodes.SetOperation):
        body = body.left.body
    if isinstance(body, nodes.Values):
        row = body.rows[0]
        return leftmost(row[index]) if index < len(row) else -1
    if index < len(body.targets):
        return leftmost(body.targets[index].expression)
    return -1

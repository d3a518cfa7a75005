"""Queries inside expressions: (SELECT …), EXISTS, IN, op ANY, op ALL, ARRAY(SELECT …).

# Real: transformSubLink()
"""

from __future__ import annotations

from services.sqldb.binder import expressions, operators
from services.sqldb.binder.clauses import check_subquery
from services.sqldb.binder.scope import Scope
from services.sqldb.binder.trees import outer_columns
from services.sqldb.errors import DATATYPE_MISMATCH, SYNTAX_ERROR, UNDEFINED_OBJECT, SqlError
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import SubqueryKind
from services.sqldb.types import BOOL

_PLAN_KINDS = {
    SubqueryKind.SCALAR: ex.SubqueryKind.SCALAR,
    SubqueryKind.EXISTS: ex.SubqueryKind.EXISTS,
    SubqueryKind.ANY: ex.SubqueryKind.ANY,
    SubqueryKind.ALL: ex.SubqueryKind.ALL,
    SubqueryKind.ARRAY: ex.SubqueryKind.ARRAY,
}


def subquery(scope: Scope, node: nodes.Subquery) -> ex.Expression:
    check_subquery(scope.clause, node.position)
    match node.kind:
        case SubqueryKind.EXISTS:
            inner = _bind_inner(scope, node.query)
            return _made(ex.SubqueryKind.EXISTS, BOOL, inner.plan)
        case SubqueryKind.SCALAR | SubqueryKind.ARRAY:
            return _single_column(scope, node)
    return _quantified(scope, node)


def _bind_inner(scope: Scope, query: nodes.Query) -> object:
    from services.sqldb.binder.queries import bind_query

    return bind_query(scope.child(), query)


def _made(kind: ex.SubqueryKind, type_: object, inner: plan.Plan, **more: object) -> ex.Subquery:
    return ex.Subquery(type_, kind, inner, outer_columns(inner), **more)


def _single_column(scope: Scope, node: nodes.Subquery) -> ex.Expression:
    inner = _bind_inner(scope, node.query)
    if len(inner.columns) != 1:
        message = "subquery must return only one column"
        raise SqlError(SYNTAX_ERROR, message, position=node.position)
    column = inner.columns[0].expression
    typmod = getattr(column, "typmod", -1)
    result = _only_column(scope, inner)
    if node.kind is SubqueryKind.SCALAR:
        return _made(ex.SubqueryKind.SCALAR, column.type, result, typmod=typmod)
    if column.type.is_pseudo and column.type.name != "record":
        message = f"could not find array type for data type {column.type}"
        raise SqlError(UNDEFINED_OBJECT, message, position=node.position)
    type_ = scope.statement.lookup.types.array_of(column.type)
    return _made(ex.SubqueryKind.ARRAY, type_, result, typmod=typmod)


def _only_column(scope: Scope, inner: object) -> plan.Plan:
    """The plan with exactly the columns of the query, in order."""
    from services.sqldb.binder.queries import exact_columns

    return exact_columns(scope.statement, inner)


def _quantified(scope: Scope, node: nodes.Subquery) -> ex.Expression:
    """left IN (SELECT …), left < ALL (SELECT …), (a, b) = ANY (SELECT …)"""
    left = _left_items(scope, node.left)
    comparison = _comparison(scope, node.kind, left, node.operator, node.query, node.position)
    return ex.Not(BOOL, comparison) if node.is_negated else comparison


def row_comparison(scope: Scope, node: nodes.OperatorCall, right: nodes.Subquery) -> ex.Expression:
    """(a, b) = (SELECT c, d …), a query of one row."""
    check_subquery(scope.clause, right.position)
    left = _left_items(scope, node.left)
    return _comparison(scope, None, left, node.name, right.query, node.position)


def _left_items(scope: Scope, node: nodes.Expression) -> list[ex.Expression]:
    if isinstance(node, nodes.RowConstructor):
        return expressions.expand_row_items(scope, node.items)
    return [expressions.bind(scope, node)]


def _comparison(
    scope: Scope,
    kind: SubqueryKind | None,
    left: list[ex.Expression],
    name: tuple[str, ...],
    query: nodes.Query,
    position: int,
) -> ex.Expression:
    inner = _bind_inner(scope, query)
    if len(left) != len(inner.columns):
        which = "few" if len(inner.columns) < len(left) else "many"
        message = f"subquery has too {which} columns"
        raise SqlError(SYNTAX_ERROR, message, position=position)
    rights = [column.expression for column in inner.columns]
    calls = [
        operators.call_operator(scope, name, one, other, position, position, position)
        for one, other in zip(left, rights, strict=True)
    ]
    for call in calls:
        if call.type.oid != BOOL.oid:
            message = f"operator {name[-1]} must return type boolean, not type {call.type}"
            raise SqlError(DATATYPE_MISMATCH, message, position=position)
    lefts = tuple(call.arguments[0] for call in calls)
    converted = tuple(call.arguments[1] for call in calls)
    from services.sqldb.binder.queries import project_columns

    return _made(
        ex.SubqueryKind.ROW if kind is None else _PLAN_KINDS[kind],
        BOOL,
        project_columns(scope.statement, inner, converted),
        left=lefts,
        comparisons=tuple(call.function for call in calls),
        equals=operators.equalities(scope, lefts, converted) if len(calls) > 1 else (),
        spelling=name[-1],
    )


def row_of_subquery(
    scope: Scope, node: nodes.Subquery
) -> tuple[ex.Expression, tuple[tuple[str, object, int], ...]]:
    """A subquery of one row and several columns as one composite value, and its fields."""
    from services.sqldb.binder.queries import BoundQuery

    check_subquery(scope.clause, node.position)
    inner: BoundQuery = _bind_inner(scope, node.query)
    items = tuple(column.expression for column in inner.columns)
    row = expressions.row_value(items)
    number = scope.statement.new_relation()
    made = plan.Project(inner.plan, number, (row,), ("row",))
    return _made(ex.SubqueryKind.SCALAR, row.type, made), row.type.fields

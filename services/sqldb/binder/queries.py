"""Whole queries: WITH, then a SELECT, VALUES or set operation with ORDER BY and LIMIT.

# Real: transformSelectStmt(), transformValuesClause() in analyze.c
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.sqldb.binder import expressions
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.conversion import (
    as_type,
    convert_type,
    is_unknown,
    resolve_unknown,
    typmod_of,
    unify,
)
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import Scope, ScopeColumn
from services.sqldb.binder.statement import Statement
from services.sqldb.binder.trees import columns_in, replace_down
from services.sqldb.errors import (
    FEATURE_NOT_SUPPORTED,
    INVALID_COLUMN_REFERENCE,
    INVALID_ROW_COUNT_IN_LIMIT,
    SYNTAX_ERROR,
    SqlError,
)
from services.sqldb.interruption import paced
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes
from services.sqldb.types import INT8, SqlType


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A plan and the columns of it that are the query's, in order; each is a Column."""

    plan: plan.Plan
    columns: tuple[ScopeColumn, ...]


def bind_query(scope: Scope, query: nodes.Query, *, resolves_unknown: bool = True) -> BoundQuery:
    """A query in a scope of its own. Literals of open type become text, unless told otherwise."""
    from services.sqldb.binder import select, set_operations, with_queries

    definitions = with_queries.Definitions(scope)
    if query.with_clause is not None:
        definitions.bind(query.with_clause)
    match query.body:
        case nodes.Select():
            bound = select.bind_select(scope, query, query.body, resolves_unknown)
        case nodes.Values():
            bound = _bind_values(scope, query, query.body, resolves_unknown)
        case nodes.SetOperation():
            bound = set_operations.bind_set_operation(scope, query, query.body)
    if query.with_clause is None:
        return bound
    return BoundQuery(definitions.around(bound.plan), bound.columns)


# VALUES.


def _bind_values(
    scope: Scope, query: nodes.Query, body: nodes.Values, resolves_unknown: bool
) -> BoundQuery:
    statement = scope.statement
    width = len(body.rows[0])
    rows = []
    with scope.with_clause(Clause.VALUES):
        for row in paced(body.rows):
            check_row_width(row, width)
            rows.append([_value(scope, node) for node in row])
    for index in range(width):
        column = [row[index] for row in rows]
        if not resolves_unknown and all(map(is_unknown, column)):
            continue
        places = [leftmost(row[index]) for row in paced(body.rows)]
        converted, _ = unify(statement, column, "VALUES", places)
        for row, value in zip(paced(rows), converted, strict=True):
            row[index] = value
    number = statement.new_relation()
    names = tuple(f"column{index}" for index in range(1, width + 1))
    made = plan.Values(number, tuple(tuple(row) for row in paced(rows)), names)
    columns = tuple(
        ScopeColumn(
            name,
            ex.Column(
                rows[0][index].type, number, index, name, _typmod([row[index] for row in rows])
            ),
        )
        for index, name in enumerate(names)
    )
    if query.locking:
        strength = query.locking[0].strength.value
        message = f"{strength} cannot be applied to VALUES"
        raise SqlError(FEATURE_NOT_SUPPORTED, message)
    return with_order_and_limit(scope, query, BoundQuery(made, columns), "VALUES")


def _typmod(values: list[ex.Expression]) -> int:
    typmods = {typmod_of(value) for value in values}
    return typmods.pop() if len(typmods) == 1 else -1


def check_row_width(row: tuple[nodes.Expression, ...], width: int) -> None:
    if len(row) != width:
        message = "VALUES lists must all be the same length"
        raise SqlError(SYNTAX_ERROR, message, position=leftmost(row[0]))


def _value(scope: Scope, node: nodes.Expression) -> ex.Expression:
    if isinstance(node, nodes.Default):
        message = "DEFAULT is not allowed in this context"
        raise SqlError(SYNTAX_ERROR, message, position=node.position)
    return expressions.bind(scope, node)


# ORDER BY and LIMIT of what has only output columns: VALUES and set operations.


def with_order_and_limit(
    scope: Scope, query: nodes.Query, bound: BoundQuery, what: str
) -> BoundQuery:
    from services.sqldb.binder.windows import sort_key

    keys = tuple(
        sort_key(scope, _output_column(scope, bound, item.expression, what), item)
        for item in query.order_by
    )
    made = plan.Sort(bound.plan, keys) if keys else bound.plan
    return BoundQuery(with_limit(scope, query, made, keys), bound.columns)


def _output_column(
    scope: Scope, bound: BoundQuery, node: nodes.Expression, what: str
) -> ex.Expression:
    """ORDER BY a name or number of an output column; VALUES allows expressions of them as well."""
    if isinstance(node, nodes.ColumnReference) and len(node.names) == 1:
        found = [column for column in bound.columns if column.name == node.names[0]]
        if len(found) > 1:
            raise ambiguous("ORDER BY", node)
        if found:
            return found[0].expression
    index = position_in_list(node, len(bound.columns), "ORDER BY")
    if index is not None:
        return bound.columns[index].expression
    if what == "VALUES":
        return expressions.bind(scope, node)
    inner = Scope(scope.statement, scope)
    from services.sqldb.binder.scope import Item

    inner.add(Item("", list(bound.columns)))
    expressions.bind(inner, node)
    raise SqlError(
        FEATURE_NOT_SUPPORTED,
        "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
        detail="Only result column names can be used, not expressions or functions.",
        hint="Add the expression/function to every SELECT, or move the UNION into a FROM clause.",
        position=leftmost(node),
    )


def ambiguous(clause: str, node: nodes.ColumnReference) -> SqlError:
    message = f'{clause} "{node.names[0]}" is ambiguous'
    return SqlError("42702", message, position=node.position)


def position_in_list(node: nodes.Expression, width: int, clause: str) -> int | None:
    """The index that ORDER BY 2 means; None if the item is no constant."""
    if not isinstance(node, nodes.Literal) or node.kind is nodes.LiteralKind.NULL:
        return None
    if node.kind is not nodes.LiteralKind.INTEGER:
        message = f"non-integer constant in {clause}"
        raise SqlError(SYNTAX_ERROR, message, position=node.position)
    if not 1 <= node.value <= width:
        message = f"{clause} position {node.value} is not in select list"
        raise SqlError(INVALID_COLUMN_REFERENCE, message, position=node.position)
    return node.value - 1


def with_limit(
    scope: Scope, query: nodes.Query, made: plan.Plan, keys: tuple[ex.SortKey, ...]
) -> plan.Plan:
    """LIMIT and OFFSET above the plan, if the query has them."""
    offset = _count(scope, query.offset, Clause.OFFSET)
    limit = _count(scope, query.limit, Clause.LIMIT)
    if query.with_ties and isinstance(limit, ex.Constant) and limit.value is None:
        message = "row count cannot be null in FETCH FIRST ... WITH TIES clause"
        raise SqlError(INVALID_ROW_COUNT_IN_LIMIT, message)
    if isinstance(limit, ex.Constant) and limit.value is None:
        limit = None
    if limit is None and offset is None:
        return made
    return plan.Limit(made, limit, offset, keys if query.with_ties else ())


def _count(scope: Scope, node: nodes.Expression | None, clause: Clause) -> ex.Expression | None:
    if node is None:
        return None
    position = leftmost(node)
    with scope.with_clause(clause):
        value = expressions.bind(scope, node)
    count = as_type(scope.statement, value, INT8, clause.value, position)
    if any(getattr(column, "relation", 0) in scope.relations for column in columns_in(count)):
        message = f"argument of {clause.value} must not contain variables"
        raise SqlError(INVALID_COLUMN_REFERENCE, message, position=position)
    return count


# Columns of a bound query in another shape.


def exact_columns(statement: Statement, bound: BoundQuery) -> plan.Plan:
    """The plan with just the columns of the query, in order and from the first on."""
    wanted = tuple(column.expression for column in bound.columns)
    made = bound.plan
    inner = made.input if isinstance(made, plan.With) else made
    while isinstance(inner, plan.Sort | plan.Limit | plan.Distinct | plan.Filter | plan.With):
        inner = inner.input
    if isinstance(inner, plan.Project | plan.ProjectSet | plan.SetOperation | plan.Values):
        width = len(getattr(inner, "expressions", None) or inner.names)
        addresses = [(column.relation, column.index) for column in wanted]
        if addresses == [(inner.relation, index) for index in range(width)]:
            return made
    return project_columns(statement, bound, wanted)


def project_columns(
    statement: Statement, bound: BoundQuery, wanted: tuple[ex.Expression, ...]
) -> plan.Plan:
    """A projection of expressions over the query's columns; none if they are these very columns."""
    made = bound.plan
    if isinstance(made, plan.Project) and wanted == tuple(
        ex.Column(one.type, made.relation, index, name, typmod_of(one))
        for index, (one, name) in enumerate(zip(made.expressions, made.names, strict=True))
    ):
        return made
    names = tuple(column.name for column in bound.columns)
    return plan.Project(made, statement.new_relation(), wanted, names)


def convert_columns(statement: Statement, bound: BoundQuery, types: list[SqlType]) -> BoundQuery:
    """The query with literals of open type in its select list read as these types.

    Other columns are left as they are: conversions of them belong above the query.
    """
    changed = [
        (column.expression, type_)
        for column, type_ in zip(bound.columns, types, strict=True)
        if is_unknown(column.expression)
    ]
    if not changed:
        return bound
    targets = {(column.relation, column.index): type_ for column, type_ in changed}
    made = _retype(statement, bound.plan, targets)
    columns = tuple(
        replace(column, expression=_retyped(column.expression, targets)) for column in bound.columns
    )
    return BoundQuery(made, columns)


def _retyped(column: ex.Column, targets: dict[tuple[int, int], SqlType]) -> ex.Column:
    type_ = targets.get((column.relation, column.index))
    return column if type_ is None else replace(column, type=type_)


def _retype(
    statement: Statement, made: plan.Plan, targets: dict[tuple[int, int], SqlType]
) -> plan.Plan:
    """The plan with the expressions of those columns converted, and the columns of that type."""

    def change(expression: ex.Expression) -> ex.Expression | None:
        if isinstance(expression, ex.Column):
            return _retyped(expression, targets)
        return None

    match made:
        case plan.Project() | plan.ProjectSet():
            values = tuple(
                _read(statement, value, targets.get((made.relation, index)))
                for index, value in enumerate(made.expressions)
            )
            return replace(made, expressions=values)
        case plan.Values():
            rows = tuple(
                tuple(
                    _read(statement, value, targets.get((made.relation, index)))
                    for index, value in enumerate(row)
                )
                for row in made.rows
            )
            return replace(made, rows=rows)
        case plan.Sort() | plan.Limit() | plan.Distinct() | plan.Filter() | plan.With():
            inner = _retype(statement, made.input, targets)
            return replace_down(replace(made, input=inner), change)
    return made


def _read(statement: Statement, value: ex.Expression, type_: SqlType | None) -> ex.Expression:
    if type_ is None or not is_unknown(value):
        return value
    return convert_type(statement, value, type_) or resolve_unknown(statement, value)

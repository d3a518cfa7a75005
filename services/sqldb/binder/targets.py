"""The select list and RETURNING: stars expanded, columns named.

# Real: transformTargetList(), FigureColname()
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.sqldb.binder import expressions
from services.sqldb.binder.conversion import is_unknown, resolve_unknown
from services.sqldb.binder.scope import (
    Item,
    Scope,
    ScopeColumn,
    column_of,
    find_column,
    note_all,
    note_column,
)
from services.sqldb.errors import SYNTAX_ERROR, TOO_MANY_COLUMNS, SqlError
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import SubqueryKind


@dataclass(frozen=True, slots=True)
class BoundTarget:
    """One output column; `table_oid` and `attribute` when it is a column of a table as it is."""

    expression: ex.Expression
    name: str
    node: nodes.Expression
    table_oid: int = 0
    attribute: int = 0


def bind_targets(
    scope: Scope, targets: tuple[nodes.Target, ...], *, resolves_unknown: bool = True
) -> list[BoundTarget]:
    """The columns of a select list, in order."""
    found: list[BoundTarget] = []
    for target in targets:
        if isinstance(target.expression, nodes.Star):
            found.extend(_star(scope, target.expression))
        elif isinstance(target.expression, nodes.RowExpansion):
            node = target.expression
            fields = expressions.row_fields(scope, node)
            found.extend(BoundTarget(value, name, node) for name, value in fields)
        else:
            found.append(_single(scope, target))
    if len(found) > expressions.MOST_COLUMNS:
        message = f"target lists can have at most {expressions.MOST_COLUMNS} entries"
        raise SqlError(TOO_MANY_COLUMNS, message)
    return [resolved(scope, target) for target in found] if resolves_unknown else found


def resolved(scope: Scope, target: BoundTarget) -> BoundTarget:
    """The target as text, if nothing has given it a type."""
    if not is_unknown(target.expression):
        return target
    return replace(target, expression=resolve_unknown(scope.statement, target.expression))


def _single(scope: Scope, target: nodes.Target) -> BoundTarget:
    node = target.expression
    name = target.alias if target.alias is not None else column_name(node)
    if isinstance(node, nodes.ColumnReference):
        origin = _origin(scope, node)
        if origin is not None:
            attribute = max(origin.attribute, 0)
            return BoundTarget(origin.expression, name, node, origin.table_oid, attribute)
    return BoundTarget(expressions.bind(scope, node), name, node)


def _origin(scope: Scope, node: nodes.ColumnReference) -> object | None:
    """The column of a table that a plain reference names; None if it is something else."""
    *qualifier, name = node.names
    if not qualifier:
        found = find_column(scope, name, node.position)
    else:
        item = expressions.qualified_item(scope, tuple(qualifier), node.position)
        found = column_of(item, name, node.position)
    if found is not None:
        note_column(scope, node, found)
    return found


def _star(scope: Scope, node: nodes.Star) -> list[BoundTarget]:
    if node.qualifier:
        items = [expressions.qualified_item(scope, node.qualifier, node.position)]
    else:
        items = [item for item in scope.items if item.are_columns_visible]
        if not items:
            message = "SELECT * with no tables specified is not valid"
            raise SqlError(SYNTAX_ERROR, message, position=node.position)
    found = [target for item in items for target in _columns_of(item, node)]
    scope.statement.meanings[id(node)] = tuple(
        nodes.Target(target.node, None, node.position) for target in found
    )
    return found


def _columns_of(item: Item, node: nodes.Star) -> list[BoundTarget]:
    note_all(item.columns)
    return [
        BoundTarget(
            column.expression,
            column.name,
            nodes.ColumnReference(_names(item, column), node.position),
            column.table_oid,
            column.attribute,
        )
        for column in item.columns
    ]


def _names(item: Item, column: ScopeColumn) -> tuple[str, ...]:
    alias = item.alias or column.alias
    return (alias, column.name) if alias else (column.name,)


UNNAMED = "?column?"

_FIXED_NAMES = {
    nodes.ArrayConstructor: "array",
    nodes.RowConstructor: "row",
    nodes.Coalesce: "coalesce",
    nodes.NullIf: "nullif",
    nodes.Grouping: "grouping",
}


def column_name(node: nodes.Expression) -> str:
    """How a column is called that the statement gives no name."""
    name, _ = _figure(node)
    return name or UNNAMED


def _figure(node: nodes.Expression | None) -> tuple[str, int]:
    """A name and how good it is: 2 from a column or function, 1 from a type or CASE, 0 none."""
    match node:
        case nodes.ColumnReference():
            return node.names[-1], 2
        case nodes.Star() if node.qualifier:
            return node.qualifier[-1], 2
        case nodes.FieldSelection():
            return node.field, 2
        case nodes.Subscript() | nodes.Collate():
            return _figure(node.operand)
        case nodes.FunctionCall():
            return node.name[-1], 2
        case nodes.Cast():
            name, quality = _figure(node.operand)
            return (name, quality) if quality > 1 else (node.type_name.names[-1], 1)
        case nodes.Case():
            name, quality = _figure(node.default)
            return (name, quality) if quality > 1 else ("case", 1)
        case nodes.MinMax():
            return "greatest" if node.is_greatest else "least", 2
        case nodes.CurrentValue():
            return node.kind.value, 2
        case nodes.Subquery():
            return _figure_subquery(node)
        case nodes.NamedArgument():
            return _figure(node.value)
    return _FIXED_NAMES.get(type(node), ""), 2 if type(node) in _FIXED_NAMES else 0


def _figure_subquery(node: nodes.Subquery) -> tuple[str, int]:
    match node.kind:
        case SubqueryKind.EXISTS:
            return "exists", 2
        case SubqueryKind.ARRAY:
            return "array", 2
        case SubqueryKind.SCALAR:
            body = node.query.body
            while isinstance(body, nodes.SetOperation):
                body = body.left.body
            if isinstance(body, nodes.Values):
                return "column1", 2
            if body.targets:
                first = body.targets[0]
                return first.alias or column_name(first.expression), 2
    return "", 0

"""FROM: tables, views, subqueries, functions and joins become plans, and items of the scope.

# Real: transformFromClause() in parse_clause.c
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.binder import expressions, tables
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.conversion import common_type_at, common_typmod, convert_type
from services.sqldb.binder.operators import call_operator
from services.sqldb.binder.scope import Item, Scope, ScopeColumn, check_new_alias, note_all
from services.sqldb.binder.trees import made_relations, outer_columns
from services.sqldb.errors import (
    AMBIGUOUS_COLUMN,
    DUPLICATE_COLUMN,
    INVALID_COLUMN_REFERENCE,
    UNDEFINED_COLUMN,
    SqlError,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import JoinKind
from services.sqldb.types import BOOL

_KINDS = {
    JoinKind.INNER: plan.JoinKind.INNER,
    JoinKind.CROSS: plan.JoinKind.INNER,
    JoinKind.LEFT: plan.JoinKind.LEFT,
    JoinKind.RIGHT: plan.JoinKind.RIGHT,
    JoinKind.FULL: plan.JoinKind.FULL,
}


def bind_from(scope: Scope, from_items: tuple[nodes.FromItem, ...]) -> plan.Plan:
    """The product of all items, which are in the scope afterwards."""
    result: plan.Plan | None = None
    for node in from_items:
        made, items = _bind_item(scope, node)
        for item in items:
            check_new_alias(scope.items, item)
            item.is_lateral_only = True
            scope.add(item)
        result = made if result is None else _product(result, made)
    for item in scope.items:
        item.is_lateral_only = False
        item.is_lateral_ok = True
    return plan.OneRow() if result is None else result


def _product(left: plan.Plan, right: plan.Plan) -> plan.Plan:
    return plan.Join(plan.JoinKind.INNER, left, right, None, _uses(right, left))


def _uses(right: plan.Plan, left: plan.Plan) -> bool:
    """Whether the right side uses columns of the left: then it is LATERAL."""
    outer = {column.relation for column in outer_columns(right)}
    return bool(outer) and bool(outer & made_relations(left))


def _bind_item(scope: Scope, node: nodes.FromItem) -> tuple[plan.Plan, list[Item]]:
    match node:
        case nodes.TableReference():
            made, item = tables.bind_table(scope, node)
        case nodes.SubqueryReference():
            made, item = _bind_subquery(scope, node)
        case nodes.FunctionReference():
            from services.sqldb.binder.table_functions import bind_function_reference

            with scope.with_clause(Clause.FROM_FUNCTION):
                made, item = bind_function_reference(scope, node)
        case nodes.Join():
            return _bind_join(scope, node)
    return made, [item]


def _bind_subquery(scope: Scope, node: nodes.SubqueryReference) -> tuple[plan.Plan, Item]:
    from services.sqldb.binder.queries import bind_query

    child = scope.child()
    if not node.is_lateral:
        child.skips_parent = True
        child.hidden = list(scope.items)
    with scope.with_clause(Clause.FROM_SUBQUERY):
        inner = bind_query(child, node.query)
    columns = rename_columns(list(inner.columns), node.alias)
    item = Item(node.alias.name, columns)
    scope.relations.update(column.expression.relation for column in columns)
    return inner.plan, item


def rename_columns(columns: list[ScopeColumn], alias: nodes.Alias | None) -> list[ScopeColumn]:
    """The columns under the names of AS t(a, b), as far as there are any."""
    if alias is None or not alias.columns:
        return columns
    if len(alias.columns) > len(columns):
        message = (
            f'table "{alias.name}" has {len(columns)} columns available but '
            f"{len(alias.columns)} columns specified"
        )
        raise SqlError(INVALID_COLUMN_REFERENCE, message)
    renamed = [
        replace(column, name=name) for column, name in zip(columns, alias.columns, strict=False)
    ]
    return renamed + columns[len(renamed) :]


# Joins.


def _bind_join(scope: Scope, node: nodes.Join) -> tuple[plan.Plan, list[Item]]:
    around = list(scope.items)
    left, left_items = _bind_item(scope, node.left)
    is_lateral_ok = node.kind in (JoinKind.INNER, JoinKind.LEFT, JoinKind.CROSS)
    for item in left_items:
        item.is_lateral_only, item.is_lateral_ok = True, is_lateral_ok
        scope.add(item)
    right, right_items = _bind_item(scope, node.right)
    for item in right_items:
        check_new_alias(left_items, item)
        if item.relation:
            scope.relations.add(item.relation)
    for item in left_items:
        item.is_lateral_only, item.is_lateral_ok = False, True
    names = _using_names(node, left_items, right_items)
    merged: list[ScopeColumn] = []
    condition: ex.Expression | None = None
    if names:
        merged, condition = _merge(scope, node, names, left_items, right_items)
    elif node.on is not None:
        scope.items, scope.hidden = left_items + right_items, around
        with scope.with_clause(Clause.JOIN_ON):
            condition = expressions.bind_condition(scope, node.on, "JOIN/ON")
        scope.hidden = []
    scope.items = around
    is_lateral = _uses(right, left)
    made = plan.Join(_KINDS[node.kind], left, right, condition, is_lateral)
    return made, _joined_items(node, left_items, right_items, merged, set(names))


def _using_names(node: nodes.Join, left: list[Item], right: list[Item]) -> tuple[str, ...]:
    """The columns of USING; for NATURAL those that both sides have, in the order of the left."""
    if not node.is_natural:
        return node.using or ()
    right_names = {column.name for column in _visible(right)}
    names = [column.name for column in _visible(left) if column.name in right_names]
    return tuple(dict.fromkeys(names))


def _visible(items: list[Item]) -> list[ScopeColumn]:
    return [
        replace(column, alias=item.alias) if item.alias else column
        for item in items
        if item.are_columns_visible
        for column in item.columns
    ]


def _merge(
    scope: Scope, node: nodes.Join, names: tuple[str, ...], left: list[Item], right: list[Item]
) -> tuple[list[ScopeColumn], ex.Expression]:
    """The merged columns, and the condition that each pair is equal."""
    merged, conditions = [], []
    for number, name in enumerate(names):
        if name in names[:number]:
            message = f'column name "{name}" appears more than once in USING clause'
            raise SqlError(DUPLICATE_COLUMN, message)
        mine = _side_column(left, name, "left")
        other = _side_column(right, name, "right")
        note_all((mine, other))
        conditions.append(
            call_operator(scope, ("=",), mine.expression, other.expression, node.position)
        )
        merged.append(_merged_column(scope, node, mine, other))
    return merged, conditions[0] if len(conditions) == 1 else ex.And(BOOL, tuple(conditions))


def _side_column(items: list[Item], name: str, side: str) -> ScopeColumn:
    found = [column for column in _visible(items) if column.name == name]
    if not found:
        message = f'column "{name}" specified in USING clause does not exist in {side} table'
        raise SqlError(UNDEFINED_COLUMN, message)
    if len(found) > 1:
        message = f'common column name "{name}" appears more than once in {side} table'
        raise SqlError(AMBIGUOUS_COLUMN, message)
    return found[0]


def _merged_column(
    scope: Scope, node: nodes.Join, left: ScopeColumn, right: ScopeColumn
) -> ScopeColumn:
    """The left value, or the right one where the join may leave the left out; FULL: either."""
    types = [left.expression.type, right.expression.type]
    common = common_type_at(scope.statement, types, "JOIN/USING", [node.position] * 2)
    left_value = convert_type(scope.statement, left.expression, common)
    right_value = convert_type(scope.statement, right.expression, common)
    if node.kind is JoinKind.FULL:
        typmod = common_typmod([left_value, right_value])
        return ScopeColumn(left.name, ex.Coalesce(common, (left_value, right_value), typmod))
    chosen, value = (right, right_value) if node.kind is JoinKind.RIGHT else (left, left_value)
    if value is chosen.expression:
        return chosen
    return ScopeColumn(left.name, value)


def _joined_items(
    node: nodes.Join,
    left: list[Item],
    right: list[Item],
    merged: list[ScopeColumn],
    names: set[str],
) -> list[Item]:
    """What the join makes visible: its sides, or one item in place of their columns."""
    items = left + right
    if not merged and node.alias is None:
        return items
    rest = [column for column in _visible(items) if column.name not in names]
    columns = merged + rest
    if node.alias is not None:
        renamed = rename_columns(columns, node.alias)
        return [Item(node.alias.name, renamed)]
    for item in items:
        item.are_columns_visible = False
    joined = Item("", columns, is_relation_visible=False)
    if node.using_alias is None:
        return [*items, joined]
    named = Item(node.using_alias.name, merged, are_columns_visible=False)
    return [*items, joined, named]

"""INSERT, UPDATE, DELETE, MERGE: the plan that finds or makes the rows, and the change on top.

    UPDATE staff SET pay = pay * 2 WHERE id = 7 RETURNING name

    Update staff #1  SET 2 = #1.2 * 2    new row #2    RETURNING #2.1
      Filter #1.0 = 7
        Scan #1 staff

Checks, generated columns and RETURNING see the new row under a number of its own.
# Real: transformInsertStmt(), transformUpdateStmt(), transformDeleteStmt()
"""

from __future__ import annotations

from collections.abc import Sequence

from services.sqldb.binder import expressions
from services.sqldb.binder.assignments import bind_assignments, target_table
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.definitions import checks_of, generated_columns
from services.sqldb.binder.from_items import bind_from
from services.sqldb.binder.queries import BoundQuery
from services.sqldb.binder.scope import Item, Scope, ScopeColumn, check_new_alias
from services.sqldb.binder.tables import table_item
from services.sqldb.binder.targets import bind_targets
from services.sqldb.binder.with_queries import Definitions
from services.sqldb.errors import not_supported
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes


def bind_change(scope: Scope, node: object) -> BoundQuery:
    """A statement that changes data; its columns are those of RETURNING."""
    from services.sqldb.binder.insert import bind_insert
    from services.sqldb.binder.merge import bind_merge

    definitions = Definitions(scope)
    if node.with_clause is not None:
        definitions.bind(node.with_clause)
    match node:
        case nodes.Insert():
            bound = bind_insert(scope, node)
        case nodes.Update():
            bound = _bind_update(scope, node)
        case nodes.Delete():
            bound = _bind_delete(scope, node)
        case nodes.Merge():
            bound = bind_merge(scope, node)
    if node.with_clause is None:
        return bound
    return BoundQuery(definitions.around(bound.plan), bound.columns)


def bind_target(scope: Scope, node: nodes.TableReference, verb: str) -> tuple[plan.Scan, Item]:
    """The table of UPDATE, DELETE and MERGE: a scan whose rows are the ones to change."""
    statement = scope.statement
    table = target_table(statement, node.relation, verb)
    number = statement.new_relation()
    item = table_item(statement, table, number)
    if node.alias is not None:
        item.alias, item.hidden_name = node.alias.name, table.name
    scope.add(item)
    return plan.Scan(number, table, item.alias), item


def _with_more_tables(
    scope: Scope, target: plan.Plan, item: Item, more: tuple[nodes.FromItem, ...]
) -> plan.Plan:
    """The target joined with the items of FROM or USING."""
    if not more:
        return target
    scope.items = []
    others = bind_from(scope, more)
    for other in scope.items:
        check_new_alias([item], other.alias)
    scope.items.insert(0, item)
    return plan.Join(plan.JoinKind.INNER, target, others)


def _where(scope: Scope, input_: plan.Plan, node: nodes.Expression | None) -> plan.Plan:
    if node is None:
        return input_
    if isinstance(node, nodes.CurrentOf):
        raise not_supported("WHERE CURRENT OF", node.position)
    with scope.with_clause(Clause.WHERE):
        return plan.Filter(input_, expressions.bind_condition(scope, node, "WHERE"))


def _bind_update(scope: Scope, node: nodes.Update) -> BoundQuery:
    statement = scope.statement
    target, item = bind_target(scope, node.table, "update")
    input_ = _with_more_tables(scope, target, item, node.from_items)
    input_ = _where(scope, input_, node.where)
    table = target.table
    assignments = bind_assignments(scope, table, node.assignments)
    new = statement.new_relation()
    returning = bind_returning(scope, node.returning, item, new)
    made = plan.Update(
        input_,
        table,
        target.relation,
        assignments,
        new,
        generated_columns(statement, table, new),
        checks_of(statement, table, new),
        returning.expressions,
        returning.relation,
    )
    return BoundQuery(made, returning.columns)


def _bind_delete(scope: Scope, node: nodes.Delete) -> BoundQuery:
    target, item = bind_target(scope, node.table, "delete from")
    input_ = _with_more_tables(scope, target, item, node.using)
    input_ = _where(scope, input_, node.where)
    returning = bind_returning(scope, node.returning, item, target.relation)
    made = plan.Delete(
        input_, target.table, target.relation, returning.expressions, returning.relation
    )
    return BoundQuery(made, returning.columns)


# RETURNING.


class Returning:
    """The expressions of RETURNING (None: there is none), and the columns that they make."""

    __slots__ = ("columns", "expressions", "relation")

    def __init__(
        self,
        values: tuple[ex.Expression, ...] | None,
        relation: int,
        columns: Sequence[ScopeColumn],
    ):
        self.expressions = values
        self.relation = relation
        self.columns = tuple(columns)


def bind_returning(
    scope: Scope, targets: tuple[nodes.Target, ...], item: Item, new_relation: int
) -> Returning:
    """RETURNING over the stored row, which has a number of its own, and the other tables."""
    if not targets:
        return Returning(None, 0, ())
    statement = scope.statement
    new_item = table_item(statement, item.table, new_relation)
    new_item.alias, new_item.hidden_name = item.alias, item.hidden_name
    scope.items = [new_item if one is item else one for one in scope.items]
    scope.relations.add(new_relation)
    with scope.with_clause(Clause.RETURNING):
        bound = bind_targets(scope, targets)
    relation = statement.new_relation()
    columns = [
        ScopeColumn(
            target.name,
            ex.Column(
                target.expression.type,
                relation,
                index,
                target.name,
                getattr(target.expression, "typmod", -1),
            ),
            target.table_oid,
            target.attribute,
        )
        for index, target in enumerate(bound)
    ]
    return Returning(tuple(target.expression for target in bound), relation, columns)

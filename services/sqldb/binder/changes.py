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
from dataclasses import dataclass

from services.sqldb.binder import expressions
from services.sqldb.binder.assignments import bind_assignments, target_table
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.cursor_rows import current_of
from services.sqldb.binder.definitions import checks_of, generated_columns
from services.sqldb.binder.from_items import bind_from
from services.sqldb.binder.queries import BoundQuery
from services.sqldb.binder.scope import Item, Scope, ScopeColumn, check_new_alias
from services.sqldb.binder.statement import Statement
from services.sqldb.binder.tables import table_item
from services.sqldb.binder.targets import bind_targets
from services.sqldb.binder.updatable_views import (
    ViewRows,
    base_assignments,
    check_options,
    view_rows,
)
from services.sqldb.binder.with_queries import Definitions
from services.sqldb.catalog.definitions import Table, TableKind
from services.sqldb.errors import FEATURE_NOT_SUPPORTED, SqlError
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.plan.accesses import Access
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


@dataclass(frozen=True, slots=True)
class Target:
    """What UPDATE, DELETE and MERGE change: a scan whose rows are the ones, and their names."""

    scan: plan.Scan
    item: Item
    # Of a view: its rows. They are those of the scan that meet its conditions.
    rows: ViewRows | None = None

    @property
    def input(self) -> plan.Plan:
        found: plan.Plan = self.scan
        for condition in self.rows.conditions if self.rows is not None else ():
            found = plan.Filter(found, condition)
        return found


# The rights that a change needs; MERGE those of its actions.
_LETTERS = {"update": "w", "delete from": "d", "merge into": ""}


def bind_target(scope: Scope, node: nodes.TableReference, verb: str) -> Target:
    statement = scope.statement
    named = table = target_table(statement, node.relation, verb)
    number = statement.new_relation()
    access = statement.access(table, _LETTERS[verb])
    rows = None
    if table.kind is TableKind.VIEW:
        rows = view_rows(statement, table, number, verb, access)
        item, table = rows.item, rows.table
        statement.lock(table, "RowExclusiveLock")
    else:
        item = table_item(statement, table, number, access)
    if node.alias is not None:
        item.alias, item.hidden_name = node.alias.name, named.name
    scope.add(item)
    return Target(plan.Scan(number, table, item.alias), item, rows)


def target_item(
    statement: Statement, table: Table, number: int, access: Access | None = None
) -> tuple[Item, ViewRows | None]:
    """The names of a table or view over the relation of a number: a new row, or an old one."""
    if table.kind is not TableKind.VIEW:
        return table_item(statement, table, number, access), None
    rows = view_rows(statement, table, number, "update", access)
    return rows.item, rows


def _with_more_tables(
    scope: Scope, target: plan.Plan, item: Item, more: tuple[nodes.FromItem, ...]
) -> plan.Plan:
    """The target joined with the items of FROM or USING."""
    if not more:
        return target
    scope.items = []
    others = bind_from(scope, more)
    for other in scope.items:
        check_new_alias([item], other)
    scope.items.insert(0, item)
    return plan.Join(plan.JoinKind.INNER, target, others)


def _where(
    scope: Scope, input_: plan.Plan, node: nodes.Expression | None, target: Target
) -> plan.Plan:
    if node is None:
        return input_
    if isinstance(node, nodes.CurrentOf):
        if target.rows is not None:
            message = "WHERE CURRENT OF on a view is not implemented"
            raise SqlError(FEATURE_NOT_SUPPORTED, message)
        return plan.Filter(input_, current_of(scope.statement, target.scan, node.cursor))
    with scope.with_clause(Clause.WHERE):
        return plan.Filter(input_, expressions.bind_condition(scope, node, "WHERE"))


def _bind_update(scope: Scope, node: nodes.Update) -> BoundQuery:
    statement = scope.statement
    target = bind_target(scope, node.table, "update")
    item, table, scan = target.item, target.scan.table, target.scan
    input_ = _with_more_tables(scope, target.input, item, node.from_items)
    input_ = _where(scope, input_, node.where, target)
    written = node.assignments
    if target.rows is not None:
        written = base_assignments(target.rows, written)
    assignments = bind_assignments(scope, table, written)
    item.access.note_updated(index for index, _ in assignments)
    new = statement.new_relation()
    checks = checks_of(statement, table, new)
    if target.rows is not None:
        _, new_rows = target_item(statement, target.rows.view, new)
        checks = (*checks, *check_options(statement, new_rows))
    returning = bind_returning(scope, node.returning, item, new)
    made = plan.Update(
        input_,
        table,
        scan.relation,
        assignments,
        new,
        generated_columns(statement, table, new),
        checks,
        returning.expressions,
        returning.relation,
    )
    return BoundQuery(made, returning.columns)


def _bind_delete(scope: Scope, node: nodes.Delete) -> BoundQuery:
    target = bind_target(scope, node.table, "delete from")
    scan = target.scan
    input_ = _with_more_tables(scope, target.input, target.item, node.using)
    input_ = _where(scope, input_, node.where, target)
    returning = bind_returning(scope, node.returning, target.item, scan.relation)
    made = plan.Delete(input_, scan.table, scan.relation, returning.expressions, returning.relation)
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
    new_item, _ = target_item(statement, item.table, new_relation, item.access)
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

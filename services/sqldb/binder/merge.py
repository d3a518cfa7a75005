"""MERGE: each row of the source with the target row that matches, or without one.

# Real: transformMergeStmt() in parse_merge.c
"""

from __future__ import annotations

from services.sqldb.binder import definitions, expressions
from services.sqldb.binder.assignments import assign, bind_assignments, target_index
from services.sqldb.binder.changes import bind_target
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.from_items import bind_from
from services.sqldb.binder.insert import check_given
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.queries import BoundQuery
from services.sqldb.binder.scope import Item, Scope
from services.sqldb.catalog.definitions import Table
from services.sqldb.errors import DUPLICATE_ALIAS, SYNTAX_ERROR, SqlError
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes

_ACTIONS = {
    nodes.MergeAction.INSERT: plan.MergeAction.INSERT,
    nodes.MergeAction.UPDATE: plan.MergeAction.UPDATE,
    nodes.MergeAction.DELETE: plan.MergeAction.DELETE,
    nodes.MergeAction.DO_NOTHING: plan.MergeAction.NOTHING,
}


def bind_merge(scope: Scope, node: nodes.Merge) -> BoundQuery:
    statement = scope.statement
    _check_order(node)
    bound = bind_target(scope, node.table, "merge into")
    target, item = bound.scan, bound.item
    scope.items = []
    source = bind_from(scope, (node.source,))
    sources = list(scope.items)
    if any(one.alias == item.alias and one.is_relation_visible for one in sources):
        raise SqlError(
            DUPLICATE_ALIAS,
            f'name "{item.alias}" specified more than once',
            detail="The name is used both as MERGE target table and data source.",
        )
    scope.items = [item, *sources]
    with scope.with_clause(Clause.JOIN_ON):
        condition = expressions.bind_condition(scope, node.on, "JOIN/ON")
    joined = plan.Join(plan.JoinKind.LEFT, source, target, condition)
    whens = tuple(_bind_when(scope, when, target.table, item, sources) for when in node.whens)
    new = statement.new_relation()
    made = plan.Merge(
        joined,
        target.table,
        target.relation,
        whens,
        new,
        definitions.generated_columns(statement, target.table, new),
        definitions.checks_of(statement, target.table, new),
    )
    return BoundQuery(made, ())


def _check_order(node: nodes.Merge) -> None:
    """Behind a WHEN without condition, no other of its kind can ever be reached."""
    finished: set[bool] = set()
    for when in node.whens:
        if when.is_matched in finished:
            message = "unreachable WHEN clause specified after unconditional WHEN clause"
            raise SqlError(SYNTAX_ERROR, message)
        if when.condition is None:
            finished.add(when.is_matched)


def _bind_when(
    scope: Scope, when: nodes.MergeWhen, table: Table, item: Item, sources: list[Item]
) -> plan.MergeWhen:
    """What is not matched sees the source alone."""
    scope.items = [item, *sources] if when.is_matched else sources
    scope.hidden = [] if when.is_matched else [item]
    condition = None
    if when.condition is not None:
        with scope.with_clause(Clause.MERGE_WHEN):
            condition = expressions.bind_condition(scope, when.condition, "WHEN")
    assignments: tuple[tuple[int, ex.Expression], ...] = ()
    if when.action is nodes.MergeAction.UPDATE:
        assignments = bind_assignments(scope, table, when.assignments)
        item.access.note_updated(index for index, _ in assignments)
    elif when.action is nodes.MergeAction.INSERT:
        assignments = _bind_insert(scope, when, table, item)
    elif when.action is nodes.MergeAction.DELETE:
        item.access.letters.add("d")
    return plan.MergeWhen(when.is_matched, condition, _ACTIONS[when.action], assignments)


def _bind_insert(
    scope: Scope, when: nodes.MergeWhen, table: Table, item: Item
) -> tuple[tuple[int, ex.Expression], ...]:
    """A value for each column of the table."""
    statement = scope.statement
    indexes = [target_index(table, target) for target in when.columns]
    if not indexes:
        indexes = [index for index, _ in table.live_columns()]
    item.access.note_inserted(indexes)
    values = when.values or ()
    if len(values) > len(indexes):
        message = "INSERT has more expressions than target columns"
        raise SqlError(SYNTAX_ERROR, message, position=leftmost(values[len(indexes)]))
    if when.columns and len(values) < len(indexes):
        message = "INSERT has more target columns than expressions"
        raise SqlError(SYNTAX_ERROR, message, position=when.columns[len(values)].position)
    given: dict[int, ex.Expression] = {}
    with scope.with_clause(Clause.VALUES):
        for index, value in zip(indexes, values, strict=False):
            if isinstance(value, nodes.Default):
                continue
            check_given(when, table, index)
            bound = expressions.bind(scope, value)
            given[index] = assign(statement, table, index, bound, leftmost(value))
    return tuple(
        (
            index,
            given[index] if index in given else definitions.default_of(statement, table, index),
        )
        for index in range(len(table.columns))
    )

"""FOR UPDATE and FOR SHARE: which rows a query locks, and with which queries it cannot stand.

# Real: transformLockingClause(), CheckSelectLocking()
"""

from __future__ import annotations

from services.sqldb.binder.scope import Item, Scope
from services.sqldb.errors import FEATURE_NOT_SUPPORTED, UNDEFINED_TABLE, SqlError
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import LockStrength, LockWait

_MODES = {
    LockStrength.KEY_SHARE: plan.RowLockMode.KEY_SHARE,
    LockStrength.SHARE: plan.RowLockMode.SHARE,
    LockStrength.NO_KEY_UPDATE: plan.RowLockMode.NO_KEY_UPDATE,
    LockStrength.UPDATE: plan.RowLockMode.UPDATE,
}
_WAITS = {
    LockWait.BLOCK: plan.LockWait.BLOCK,
    LockWait.NOWAIT: plan.LockWait.NOWAIT,
    LockWait.SKIP_LOCKED: plan.LockWait.SKIP_LOCKED,
}
Lock = tuple[tuple[int, ...], plan.RowLockMode, plan.LockWait]


def lock_rows(
    scope: Scope, query: nodes.Query, select: nodes.Select, input_: plan.Plan
) -> list[Lock]:
    """For each clause the relations whose rows it locks."""
    found: list[Lock] = []
    for clause in query.locking:
        _check_query(scope, select, clause)
        items = _items(scope, clause)
        nullable = _nullable_relations(input_)
        for item in items:
            if item.relation in nullable:
                strength = clause.strength.value
                message = f"{strength} cannot be applied to the nullable side of an outer join"
                raise SqlError(FEATURE_NOT_SUPPORTED, message)
            scope.statement.lock(item.table, "RowShareLock")
            if item.access is not None:
                item.access.letters.add("w")
        scope.statement.locks_rows = True
        relations = tuple(item.relation for item in items)
        if relations:
            found.append((relations, _MODES[clause.strength], _WAITS[clause.wait]))
    return found


def _check_query(scope: Scope, select: nodes.Select, clause: nodes.Locking) -> None:
    reason = ""
    if select.distinct is not None:
        reason = "DISTINCT clause"
    elif select.group_by:
        reason = "GROUP BY clause"
    elif select.having is not None:
        reason = "HAVING clause"
    elif scope.has_aggregates:
        reason = "aggregate functions"
    elif scope.has_windows:
        reason = "window functions"
    elif scope.has_sets:
        reason = "set-returning functions in the target list"
    if reason:
        message = f"{clause.strength.value} is not allowed with {reason}"
        raise SqlError(FEATURE_NOT_SUPPORTED, message)


def _items(scope: Scope, clause: nodes.Locking) -> list[Item]:
    tables = [item for item in scope.items if item.table is not None and item.relation]
    if not clause.tables:
        return tables
    found = []
    for name in clause.tables:
        named = [item for item in scope.items if item.alias == name.name]
        if not named or name.schema is not None:
            message = (
                f'relation "{name.name}" in {clause.strength.value} clause not found in FROM clause'
            )
            raise SqlError(UNDEFINED_TABLE, message, position=name.position)
        if named[0].table is None and not named[0].is_relation_visible:
            message = f"{clause.strength.value} cannot be applied to a join"
            raise SqlError(FEATURE_NOT_SUPPORTED, message, position=name.position)
        found.extend(item for item in named if item.table is not None)
    return found


def _nullable_relations(input_: plan.Plan) -> set[int]:
    """The relations that an outer join may give no row of."""
    from services.sqldb.binder.trees import made_relations

    found: set[int] = set()
    stack = [input_]
    while stack:
        one = stack.pop()
        if isinstance(one, plan.Join):
            if one.kind in (plan.JoinKind.LEFT, plan.JoinKind.FULL):
                found |= made_relations(one.right)
            if one.kind in (plan.JoinKind.RIGHT, plan.JoinKind.FULL):
                found |= made_relations(one.left)
        stack.extend(one.inputs())
    return found

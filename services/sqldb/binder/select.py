"""SELECT: its clauses in the order in which they are bound, and the plan that they make.

Written:   SELECT DISTINCT targets FROM … WHERE … GROUP BY … HAVING … ORDER BY … LIMIT …
Bound:     FROM, targets, WHERE, HAVING, ORDER BY, GROUP BY, DISTINCT, LIMIT
Computed:  FROM, WHERE, GROUP BY, HAVING, windows, targets, DISTINCT, ORDER BY, LIMIT

Where a query is ordered by columns that its targets are made of, the order comes before the
projection: so that an index can give it, only the rows that LIMIT leaves are computed, and FOR
UPDATE locks no others.
# Real: transformSelectStmt()
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.binder import expressions, queries
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.conversion import resolve_unknown, typmod_of
from services.sqldb.binder.from_items import bind_from
from services.sqldb.binder.grouping import Aggregation, Grouping, bind_group_by
from services.sqldb.binder.locking import lock_rows
from services.sqldb.binder.pending import PendingWindow
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.queries import BoundQuery
from services.sqldb.binder.scope import Scope, ScopeColumn
from services.sqldb.binder.sets import sets_below
from services.sqldb.binder.targets import BoundTarget, bind_targets
from services.sqldb.binder.trees import contains, find, fingerprint, replace_down
from services.sqldb.binder.windows import check_names, require_ordering, sort_key
from services.sqldb.errors import (
    INVALID_COLUMN_REFERENCE,
    SYNTAX_ERROR,
    UNDEFINED_FUNCTION,
    SqlError,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.plan.analysis import parts
from services.sqldb.syntax import nodes


def bind_select(
    scope: Scope, query: nodes.Query, select: nodes.Select, resolves_unknown: bool = True
) -> BoundQuery:
    return _SelectBinder(scope, query, select).bind(resolves_unknown)


class _SelectBinder:
    """The clauses of one SELECT while they are on their way from syntax to a plan."""

    def __init__(self, scope: Scope, query: nodes.Query, select: nodes.Select):
        self.scope = scope
        self.query = query
        self.select = select
        self.targets: list[BoundTarget] = []
        self.having: ex.Expression | None = None
        self.keys: list[ex.SortKey] = []
        self.distinct_on: list[ex.Expression] = []
        self.plan: plan.Plan = plan.OneRow()
        self.orders_first = False

    def bind(self, resolves_unknown: bool) -> BoundQuery:
        select, scope = self.select, self.scope
        if select.into is not None:
            message = "SELECT ... INTO is not allowed here"
            raise SqlError(SYNTAX_ERROR, message, position=select.into.relation.position)
        check_names(select.windows)
        scope.windows = list(select.windows)
        self.plan = bind_from(scope, select.from_items)
        scope.clause = Clause.SELECT
        self.targets = bind_targets(scope, select.targets, resolves_unknown=resolves_unknown)
        if select.where is not None:
            with scope.with_clause(Clause.WHERE):
                condition = expressions.bind_condition(scope, select.where, "WHERE")
            self.plan = plan.Filter(self.plan, condition)
        if select.having is not None:
            with scope.with_clause(Clause.HAVING):
                self.having = expressions.bind_condition(scope, select.having, "HAVING")
        self._bind_order_by()
        with scope.with_clause(Clause.GROUP_BY):
            grouping = bind_group_by(scope, select, self.targets)
        self._bind_distinct()
        lock_modes = lock_rows(scope, self.query, select, self.plan)
        self._aggregate(grouping)
        self._add_windows()
        return self._finish(lock_modes)

    # ORDER BY and DISTINCT.

    def _bind_order_by(self) -> None:
        with self.scope.with_clause(Clause.ORDER_BY):
            for item in self.query.order_by:
                expression = self._list_item(item.expression, "ORDER BY")
                self.keys.append(sort_key(self.scope, expression, item))

    def _list_item(self, node: nodes.Expression, clause: str) -> ex.Expression:
        """An output name or number, else any expression over FROM."""
        if isinstance(node, nodes.ColumnReference) and len(node.names) == 1:
            found = [one.expression for one in self.targets if one.name == node.names[0]]
            if len({fingerprint(one) for one in found}) > 1:
                raise queries.ambiguous(clause, node)
            if found:
                return found[0]
        index = queries.position_in_list(node, len(self.targets), clause)
        if index is not None:
            return self.targets[index].expression
        return resolve_unknown(self.scope.statement, expressions.bind(self.scope, node))

    def _bind_distinct(self) -> None:
        distinct = self.select.distinct
        if distinct is None:
            return
        with self.scope.with_clause(Clause.DISTINCT_ON):
            self.distinct_on = [self._list_item(node, "DISTINCT ON") for node in distinct]
        for one in self.distinct_on or [target.expression for target in self.targets]:
            if not one.type.is_comparable:
                message = f"could not identify an equality operator for type {one.type}"
                place = leftmost(self.targets[0].node) if self.targets else -1
                place = next((leftmost(t.node) for t in self.targets if t.expression is one), place)
                raise SqlError(UNDEFINED_FUNCTION, message, position=place)
        if distinct:
            self._check_distinct_on()
        else:
            self._check_plain_distinct()

    def _check_plain_distinct(self) -> None:
        known = {fingerprint(target.expression) for target in self.targets}
        for key, item in zip(self.keys, self.query.order_by, strict=True):
            if fingerprint(key.expression) not in known:
                message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list"
                place = leftmost(item.expression)
                raise SqlError(INVALID_COLUMN_REFERENCE, message, position=place)

    def _check_distinct_on(self) -> None:
        """The first ORDER BY items are those of DISTINCT ON, in any order."""
        wanted = {fingerprint(one) for one in self.distinct_on}
        missing = set(wanted)
        for key in self.keys:
            if not missing:
                return
            mark = fingerprint(key.expression)
            if mark not in wanted:
                message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions"
                place = self._distinct_place(missing)
                raise SqlError(INVALID_COLUMN_REFERENCE, message, position=place)
            missing.discard(mark)
        for one in self.distinct_on:
            if fingerprint(one) in missing:
                require_ordering(one.type, -1)
                self.keys.append(ex.SortKey(one))
                missing.discard(fingerprint(one))

    def _distinct_place(self, missing: set) -> int:
        for node, one in zip(self.select.distinct or (), self.distinct_on, strict=True):
            if fingerprint(one) in missing:
                return leftmost(node)
        return -1

    # Groups and windows.

    def _aggregate(self, grouping: Grouping) -> None:
        scope, select = self.scope, self.select
        if not (scope.has_aggregates or select.group_by or select.having is not None):
            return
        aggregation = Aggregation(scope, grouping, select, self.query)
        self._change_all(aggregation.rewrite)
        having = None if self.having is None else aggregation.rewrite(self.having)
        self.plan = aggregation.build(self.plan)
        self._change_all(aggregation.renumber)
        if having is not None:
            self.plan = plan.Filter(self.plan, aggregation.renumber(having))

    def _change_all(self, change: object) -> None:
        """Everything above the point that the plan has reached, with the change in it."""
        self.targets = [
            replace(target, expression=change(target.expression)) for target in self.targets
        ]
        self.keys = [replace(key, expression=change(key.expression)) for key in self.keys]
        self.distinct_on = [change(one) for one in self.distinct_on]

    def _add_windows(self) -> None:
        """One Window operator for all calls over the same partition and order."""
        if not self.scope.has_windows:
            return
        upper = [target.expression for target in self.targets]
        upper += [key.expression for key in self.keys] + self.distinct_on
        by_window: dict[object, list[PendingWindow]] = {}
        for expression in upper:
            for pending in find(expression, PendingWindow):
                mark = fingerprint((pending.partition_by, pending.order_by))
                by_window.setdefault(mark, []).append(pending)
        windows = [(one.partition_by, one.order_by) for ones in by_window.values() for one in ones]
        if contains(tuple(windows), ex.SetReturningCall):
            self._compute_sets()
            self._add_windows()
            return
        columns: dict[object, ex.Column] = {}
        for pendings in by_window.values():
            self._add_window(pendings, columns)

        def change(expression: ex.Expression) -> ex.Expression | None:
            return (
                columns[fingerprint(expression)] if isinstance(expression, PendingWindow) else None
            )

        self._change_all(lambda expression: replace_down(expression, change))

    def _compute_sets(self) -> None:
        """Functions of many rows before the windows that are made of them."""
        targets = tuple(target.expression for target in self.targets)
        upper = (targets, tuple(self.keys), tuple(self.distinct_on))
        self.plan, (targets, keys, on) = sets_below(self.scope, self.plan, upper)
        self.targets = [
            replace(target, expression=expression)
            for target, expression in zip(self.targets, targets, strict=True)
        ]
        self.keys, self.distinct_on = list(keys), list(on)

    def _add_window(self, pendings: list[PendingWindow], columns: dict[object, ex.Column]) -> None:
        relation = self.scope.statement.new_relation()
        calls: list[ex.WindowCall] = []
        for pending in pendings:
            mark = fingerprint(pending)
            if mark not in columns:
                columns[mark] = ex.Column(pending.type, relation, len(calls))
                calls.append(pending.call)
        first = pendings[0]
        self.plan = plan.Window(
            self.plan, relation, first.partition_by, first.order_by, tuple(calls)
        )

    # Targets, DISTINCT, ORDER BY, LIMIT.

    def _finish(self, locks: list[tuple]) -> BoundQuery:
        self.orders_first = bool(locks) or self._can_order_first()
        if self.orders_first:
            self._sort()
            for relations, mode, wait in locks:
                self.plan = plan.LockRows(self.plan, relations, mode, wait)
            self.plan = queries.with_limit(self.scope, self.query, self.plan, tuple(self.keys))
            self._project()
            return self._result()
        self._project()
        if self.select.distinct == ():
            self._distinct([column.expression for column in self._result().columns], False)
            self._sort()
        else:
            self._sort()
            if self.distinct_on:
                self._distinct(self.distinct_on, True)
        self.plan = queries.with_limit(self.scope, self.query, self.plan, tuple(self.keys))
        return self._result()

    def _can_order_first(self) -> bool:
        if self.select.distinct is not None or self.scope.has_sets:
            return False
        computed = {
            fingerprint(target.expression)
            for target in self.targets
            if not isinstance(target.expression, ex.Column | ex.Constant)
        }
        return not any(fingerprint(key.expression) in computed for key in self.keys)

    def _sort(self) -> None:
        if self.keys:
            self.plan = plan.Sort(self.plan, tuple(self.keys))

    def _distinct(self, on: list[ex.Expression], is_ordered: bool) -> None:
        self.plan = plan.Distinct(self.plan, tuple(on), is_ordered)

    def _project(self) -> None:
        """The targets as columns, with more of them for keys that are no targets.

        Above it, keys and DISTINCT ON name columns of the projection.
        """
        relation = self.scope.statement.new_relation()
        values = [target.expression for target in self.targets]
        names = [target.name for target in self.targets]
        numbers = {fingerprint(value): index for index, value in reversed(list(enumerate(values)))}

        def column(expression: ex.Expression) -> ex.Column:
            number = numbers.setdefault(fingerprint(expression), len(values))
            if number == len(values):
                values.append(expression)
                names.append("")
            return ex.Column(
                expression.type, relation, number, names[number], typmod_of(expression)
            )

        if not self.orders_first:
            self.keys = [replace(key, expression=column(key.expression)) for key in self.keys]
            self.distinct_on = [column(one) for one in self.distinct_on]
        self.plan = project(self.scope, self.plan, relation, tuple(values), tuple(names))
        self.targets = [
            replace(
                target,
                expression=ex.Column(value.type, relation, index, target.name, typmod_of(value)),
            )
            for index, (target, value) in enumerate(zip(self.targets, values, strict=False))
        ]

    def _result(self) -> BoundQuery:
        columns = tuple(
            ScopeColumn(target.name, target.expression, target.table_oid, target.attribute)
            for target in self.targets
        )
        return BoundQuery(self.plan, columns)


def project(
    scope: Scope,
    input_: plan.Plan,
    relation: int,
    values: tuple[ex.Expression, ...],
    names: tuple[str, ...],
) -> plan.Plan:
    """Project, or ProjectSet where functions of many rows stand in the expressions.

    Such a function inside of an expression is computed first, in an operator of its own.
    # Real: split_pathtarget_at_srfs()
    """
    if not scope.has_sets or not contains(values, ex.SetReturningCall):
        return plan.Project(input_, relation, values, names)
    if not any(contains(tuple(parts(value)), ex.SetReturningCall) for value in values):
        return plan.ProjectSet(input_, relation, values, names)
    below, above = sets_below(scope, input_, values)
    return plan.Project(below, relation, above, names)

"""GROUP BY and aggregates: what is computed per group, and what may still be used above.

    SELECT dept, count(*) + 1 FROM staff GROUP BY dept HAVING max(pay) > 10

    Project #3 (#2.0, #2.1 + 1)
      Filter #2.2 > 10
        Aggregate #2 groups (#1.0)  calls (count(*), max(#1.1))
          Scan #1 staff

First all clauses are bound over the columns of FROM, with the aggregates standing in them as
pending calls. Then everything above the aggregation is rewritten from the top down: an expression
that is a group becomes its column, a pending call the column of its result, and a column of FROM
that is neither is an error, unless the primary key of its table is grouped: then it has one value
per group all the same.
# Real: parseCheckAggregates() in parse_agg.c
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from itertools import product

from services.sqldb.binder import expressions
from services.sqldb.binder.conversion import resolve_unknown
from services.sqldb.binder.pending import PendingAggregate, PendingGrouping, PendingWindow
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import Item, Scope, find_column
from services.sqldb.binder.sets import sets_below
from services.sqldb.binder.targets import BoundTarget
from services.sqldb.binder.trees import find, fingerprint, pending_of, replace_down
from services.sqldb.catalog.definitions import ConstraintKind
from services.sqldb.errors import GROUPING_ERROR, UNDEFINED_FUNCTION, WINDOWING_ERROR, SqlError
from services.sqldb.functions import Aggregate, builtin_library
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import GroupingSetKind

# Columns of an Aggregate are numbered through: groups, calls, groupings. Until all are known, calls
# and groupings begin at these.
_CALLS = 1_000_000
_GROUPINGS = 2_000_000
_MOST_GROUPING_SETS = 4096


@dataclass(slots=True)
class Grouping:
    """The groups of a query; `sets` None: one set of all of them."""

    groups: list[ex.Expression] = field(default_factory=list)
    sets: list[tuple[int, ...]] | None = None
    _numbers: dict[Hashable, int] = field(default_factory=dict)

    def add(self, expression: ex.Expression) -> int:
        """The index of the group, a new one if there is none like it."""
        key = fingerprint(expression)
        number = self._numbers.setdefault(key, len(self.groups))
        if number == len(self.groups):
            self.groups.append(expression)
        return number

    def find(self, expression: ex.Expression) -> int | None:
        return self._numbers.get(fingerprint(expression)) if self._numbers else None


def bind_group_by(scope: Scope, select: nodes.Select, targets: list[BoundTarget]) -> Grouping:
    """The groups, and for ROLLUP and its like the sets of them."""
    grouping = Grouping()
    binder = _GroupBinder(scope, targets, grouping)
    alternatives = [binder.item(item) for item in select.group_by]
    if not any(isinstance(item, nodes.GroupingSet) for item in select.group_by):
        return grouping
    count = 1
    for sets in alternatives:
        count *= len(sets)
        if count > _MOST_GROUPING_SETS:
            raise SqlError(
                "54001", f"too many grouping sets present (maximum {_MOST_GROUPING_SETS})"
            )
    combined = [
        tuple(dict.fromkeys(number for part in parts for number in part))
        for parts in product(*alternatives)
    ]
    if select.is_group_distinct:
        combined = list({frozenset(one): one for one in reversed(combined)}.values())[::-1]
    grouping.sets = combined
    return grouping


@dataclass(slots=True)
class _GroupBinder:
    scope: Scope
    targets: list[BoundTarget]
    grouping: Grouping

    def item(self, node: nodes.Expression | nodes.GroupingSet) -> list[tuple[int, ...]]:
        """The sets that an item of GROUP BY stands for; an expression is one set of one."""
        if not isinstance(node, nodes.GroupingSet):
            return [self.columns(node)]
        match node.kind:
            case GroupingSetKind.EMPTY:
                return [()]
            case GroupingSetKind.SETS:
                return [one for item in node.items for one in self.item(item)]
            case GroupingSetKind.ROLLUP:
                parts = [self.columns(item) for item in node.items]
                return [_joined(parts[:count]) for count in range(len(parts), -1, -1)]
        parts = [self.columns(item) for item in node.items]
        masks = range(2 ** len(parts) - 1, -1, -1)
        return [
            _joined([part for bit, part in enumerate(reversed(parts)) if mask >> bit & 1][::-1])
            for mask in masks
        ]

    def columns(self, node: nodes.Expression) -> tuple[int, ...]:
        """The numbers of one expression, or of all in a list (a, b)."""
        if isinstance(node, nodes.RowConstructor) and not node.is_explicit:
            return _joined([self.columns(item) for item in node.items])
        return (self.grouping.add(self.expression(node)),)

    def expression(self, node: nodes.Expression) -> ex.Expression:
        """A column of FROM before an output name, a number, or any expression."""
        from services.sqldb.binder.queries import position_in_list

        found = self.output(node)
        if found is None:
            index = position_in_list(node, len(self.targets), "GROUP BY")
            found = None if index is None else self.targets[index].expression
        if found is None:
            found = expressions.bind(self.scope, node)
        found = resolve_unknown(self.scope.statement, found)
        for inner in pending_of(found, self.scope):
            message = "aggregate functions are not allowed in GROUP BY"
            raise SqlError(GROUPING_ERROR, message, position=inner.position)
        for inner in find(found, PendingWindow):
            message = "window functions are not allowed in GROUP BY"
            raise SqlError(WINDOWING_ERROR, message, position=inner.position)
        if not found.type.is_comparable:
            message = f"could not identify an equality operator for type {found.type}"
            raise SqlError(UNDEFINED_FUNCTION, message, position=leftmost(node))
        return found

    def output(self, node: nodes.Expression) -> ex.Expression | None:
        from services.sqldb.binder.queries import ambiguous

        if not isinstance(node, nodes.ColumnReference) or len(node.names) != 1:
            return None
        name = node.names[0]
        if find_column(self.scope, name, node.position) is not None:
            return None
        found = [target.expression for target in self.targets if target.name == name]
        if len({fingerprint(one) for one in found}) > 1:
            raise ambiguous("GROUP BY", node)
        return found[0] if found else None


def _joined(parts: list[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for part in parts for number in part))


class Aggregation:
    """Rewrites what stands above the groups of one query, and builds the Aggregate operator."""

    def __init__(self, scope: Scope, grouping: Grouping, select: nodes.Select, query: nodes.Query):
        self._scope = scope
        self._grouping = grouping
        self._syntax = (select, query)
        self._relation = scope.statement.new_relation()
        self._calls: list[ex.AggregateCall] = []
        self._call_numbers: dict[Hashable, int] = {}
        self._groupings: list[tuple[int, ...]] = []
        self._is_direct = False

    def rewrite(self, expression: ex.Expression) -> ex.Expression:
        """The expression over groups and results; their final numbers come with `renumber`."""
        return replace_down(expression, self._change)

    def _change(self, expression: ex.Expression) -> ex.Expression | None:
        scope = self._scope
        number = self._grouping.find(expression)
        if number is not None:
            return self._column(expression, number)
        match expression:
            case PendingAggregate() if expression.owner is scope:
                return self._column(expression, _CALLS + self._call_number(expression.call))
            case PendingGrouping() if expression.owner is scope:
                return self._grouping_column(expression)
            case ex.Column() if expression.relation in scope.relations:
                return self._ungrouped(expression)
            case ex.SystemColumn() if expression.relation in scope.relations:
                raise self._not_grouped(expression)
            case ex.WholeRow() if expression.relation in scope.relations or _is_own(
                expression, scope
            ):
                items = tuple(self.rewrite(column) for column in expression.columns)
                return ex.RowValue(expression.type, items, expression.names)
        return None

    def _column(self, expression: ex.Expression, index: int) -> ex.Column:
        name = getattr(expression, "name", "")
        typmod = getattr(expression, "typmod", -1)
        return ex.Column(expression.type, self._relation, index, name, typmod)

    def _call_number(self, call: ex.AggregateCall) -> int:
        key = fingerprint(call)
        number = self._call_numbers.setdefault(key, len(self._calls))
        if number == len(self._calls):
            self._calls.append(self._with_grouped(call))
        return number

    def _with_grouped(self, call: ex.AggregateCall) -> ex.AggregateCall:
        """Direct arguments are computed once for each group, from what is grouped."""
        if not call.direct_arguments:
            return call
        self._is_direct = True
        direct = tuple(self.rewrite(argument) for argument in call.direct_arguments)
        self._is_direct = False
        return replace(call, direct_arguments=direct)

    def _grouping_column(self, pending: PendingGrouping) -> ex.Column:
        numbers = []
        for argument in pending.arguments:
            number = self._grouping.find(argument)
            if number is None:
                message = (
                    "arguments to GROUPING must be grouping expressions of the associated "
                    "query level"
                )
                raise SqlError(GROUPING_ERROR, message, position=pending.position)
            numbers.append(number)
        self._groupings.append(tuple(numbers))
        return self._column(pending, _GROUPINGS + len(self._groupings) - 1)

    # Columns that are not grouped.

    def _ungrouped(self, column: ex.Column) -> ex.Column:
        """A column that depends on a grouped primary key is grouped along with it."""
        item = self._item_of(column)
        if item is None or not self._depends_on_key(item, column.relation):
            raise self._not_grouped(column)
        number = self._grouping.add(column)
        if self._grouping.sets is not None:
            self._grouping.sets = [(*one, number) for one in self._grouping.sets]
        return self._column(column, number)

    def _item_of(self, column: ex.Expression) -> Item | None:
        for item in self._scope.items:
            if item.relation == column.relation and item.table is not None:
                return item
        return None

    def _depends_on_key(self, item: Item, relation: int) -> bool:
        lookup = self._scope.statement.lookup
        grouped = {
            (group.relation, group.index): number
            for number, group in enumerate(self._grouping.groups)
            if isinstance(group, ex.Column)
        }
        for constraint in lookup.constraints_of(item.table):
            if constraint.kind is not ConstraintKind.PRIMARY_KEY or constraint.is_deferrable:
                continue
            numbers = [grouped.get((relation, index)) for index in constraint.columns]
            sets = self._grouping.sets
            return None not in numbers and (
                sets is None or all(set(numbers) <= set(one) for one in sets)
            )
        return False

    def _not_grouped(self, column: ex.Expression) -> SqlError:
        alias, name, place = _named(self._scope, self._syntax, column)
        message = (
            f'column "{alias}.{name}" must appear in the GROUP BY clause or be used in an '
            "aggregate function"
        )
        if self._is_direct:
            detail = "Direct arguments of an ordered-set aggregate must use only grouped columns."
            place = _anywhere(self._syntax, name)
            return SqlError(GROUPING_ERROR, message, detail=detail, position=place)
        if place < 0:
            message = f'subquery uses ungrouped column "{alias}.{name}" from outer query'
            place = _anywhere(self._syntax, name)
        return SqlError(GROUPING_ERROR, message, position=place)

    # The operator.

    def build(self, input_: plan.Plan) -> plan.Aggregate:
        sets = self._grouping.sets
        groups, calls = tuple(self._grouping.groups), tuple(self._calls)
        if self._scope.has_sets:
            input_, (groups, calls) = sets_below(self._scope, input_, (groups, calls))
        return plan.Aggregate(
            input_,
            self._relation,
            groups,
            calls,
            None if sets is None else tuple(sets),
            tuple(self._groupings),
        )

    def renumber(self, value: object) -> object:
        """Calls and groupings behind the groups, now that it is known how many there are."""
        groups, calls = len(self._grouping.groups), len(self._calls)

        def change(expression: ex.Expression) -> ex.Expression | None:
            if not isinstance(expression, ex.Column) or expression.relation != self._relation:
                return None
            index = expression.index
            if index >= _GROUPINGS:
                index += groups + calls - _GROUPINGS
            elif index >= _CALLS:
                index += groups - _CALLS
            return ex.Column(
                expression.type, self._relation, index, expression.name, expression.typmod
            )

        return replace_down(value, change)


def _is_own(row: ex.WholeRow, scope: Scope) -> bool:
    return any(getattr(column, "relation", 0) in scope.relations for column in row.columns)


def _named(scope: Scope, syntax: tuple, column: ex.Expression) -> tuple[str, str, int]:
    """How the statement calls a column, and where it uses it outside of aggregates."""
    alias = name = "?"
    for item in scope.items:
        for one in item.columns:
            if one.expression == column:
                alias, name = item.alias or alias, one.name
                break
    if isinstance(column, ex.SystemColumn):
        name = column.name
        alias = next(item.alias for item in scope.items if item.relation == column.relation)
    select, query = syntax
    clauses = (*select.targets, select.having, *query.order_by)
    for node in references(clauses):
        if node.names[-1] == name and (len(node.names) == 1 or node.names[-2] == alias):
            return alias, name, node.position
    for node in stars(select.targets):
        if not node.qualifier or node.qualifier[-1] == alias:
            return alias, name, node.position
    return alias, name, -1


def _anywhere(syntax: tuple, name: str) -> int:
    for node in references(syntax, into_queries=True):
        if node.names[-1] == name:
            return node.position
    return -1


def references(value: object, into_queries: bool = False) -> list[nodes.ColumnReference]:
    """The column references in syntax, in order; not those in calls that may be aggregates."""
    found: list[nodes.ColumnReference] = []
    _collect(value, found, into_queries)
    return found


def _collect(value: object, found: list, into_queries: bool) -> None:
    if isinstance(value, nodes.ColumnReference):
        found.append(value)
    elif isinstance(value, tuple):
        for item in value:
            _collect(item, found, into_queries)
    elif not into_queries and (isinstance(value, nodes.Query) or _is_aggregate(value)):
        return
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            _collect(getattr(value, name), found, into_queries)


def stars(targets: tuple[nodes.Target, ...]) -> list[nodes.Star]:
    return [one.expression for one in targets if isinstance(one.expression, nodes.Star)]


def _is_aggregate(node: object) -> bool:
    """Whether a call may be an aggregate, by its name."""
    if not isinstance(node, nodes.FunctionCall) or node.over is not None:
        return False
    named = builtin_library().named(node.name[-1])
    return any(isinstance(one, Aggregate) for one in named)

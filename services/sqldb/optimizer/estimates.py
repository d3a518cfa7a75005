"""How many rows, how wide, how costly: guesses on which all choices rest.

`Estimator.of(plan)` answers for any operator, from the estimates of what is below it. The figures
are made in four files, by the kind of operator; here is what they share: which relation is which
table, and what is known of its columns.

    costs               units and settings
    selectivity         the share of rows that a condition lets through
    scan_estimates      tables and indexes
    join_estimates      joins
    row_estimates       everything else
# Real: costsize.c, selfuncs.c
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from services.sqldb.catalog.definitions import Index, Statistics, Table
from services.sqldb.optimizer import join_estimates, row_estimates, scan_estimates
from services.sqldb.optimizer.conditions import unlabelled
from services.sqldb.optimizer.costs import (
    DEFAULT_WIDTH,
    ROW_HEADER_BYTES,
    USABLE_PAGE_BYTES,
    WIDTHS,
    Costs,
    Estimate,
)
from services.sqldb.optimizer.index_forms import IndexForm
from services.sqldb.optimizer.selectivity import selectivity
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import (
    expressions_of,
    free_keys,
    inputs_of,
    made_relations,
    needs_of_all,
    walk_plan,
)
from services.sqldb.types import BUILTIN_TYPES

DEFAULT_DISTINCT = 200.0
NEW_PAGES = 10


class PlannerCatalog(Protocol):
    """What the optimizer asks the catalog, the storage and the session."""

    costs: Costs

    def indexes_of(self, table: Table) -> Sequence[Index]: ...

    def form_of(self, table: Table, index: Index) -> IndexForm: ...

    def row_count(self, table: Table) -> float:
        """How many rows there are about now."""

    def statistics_of(self, table: Table) -> Sequence[Statistics]:
        """What ANALYZE found, if it has been."""


class Estimator:
    """Estimates for the plans of one statement."""

    def __init__(self, catalog: PlannerCatalog):
        self.catalog = catalog
        # Called now and then by passes that take their time: it may raise what interrupts them.
        self.check: Callable[[], None] = lambda: None
        self.costs = catalog.costs
        self._plans: dict[int, tuple[n.Plan, Estimate]] = {}
        self._tables: dict[int, Table] = {}
        self._made: dict[int, tuple[ex.Expression, ...]] = {}
        self._statistics: dict[int, dict[int, Statistics]] = {}
        self._cte_rows: dict[int, float] = {}
        self._rows: dict[int, float] = {}
        self._requests: dict[int, tuple[n.Scan, list[ex.Expression]]] = {}
        self._joins: dict[int, tuple[n.Plan, list[ex.Expression]]] = {}
        self._distinct: dict[tuple[int, int], float] = {}
        self._relations: dict[int, tuple[n.Plan, frozenset[int]]] = {}
        self._free: dict[int, tuple[n.Plan, frozenset[int]]] = {}
        self._forms: dict[tuple[int, int], IndexForm] = {}
        self._used: dict[int, set[int] | None] = {}
        self._used_of: n.Plan | None = None

    # Which columns the statement uses: whether an index has them all.

    def set_statement(self, plan: n.Plan) -> None:
        """The plan whose uses `used_columns` tells of."""
        self._used_of, self._used = plan, {}

    def used_columns(self, relation: int) -> set[int] | None:
        """The columns of a table that anything but the conditions on itself uses.

        None: perhaps all, or the row itself.
        """
        if not self._used and self._used_of is not None:
            self._used = _used_columns(self._used_of)
        return self._used.get(relation, set()) if self._used else None

    # Tables and columns.

    def learn(self, plan: n.Plan) -> None:
        """Remember which relation is which table, and of what the columns of others are made."""
        if isinstance(plan, n.Scan | n.IndexScan | n.BitmapScan):
            self._tables[plan.relation] = plan.table
        elif isinstance(plan, n.Project):
            self._made[plan.relation] = plan.expressions
        elif isinstance(plan, n.Aggregate | n.HashAggregate | n.SortedAggregate):
            self._made[plan.relation] = plan.groups

    def bare(self, expression: ex.Expression) -> ex.Expression:
        """Without casts and projections: the column of a table, if it comes to that."""
        expression = unlabelled(expression)
        while isinstance(expression, ex.Column):
            made = self._made.get(expression.relation, ())
            if expression.index >= len(made):
                return expression
            expression = unlabelled(made[expression.index])
        return expression

    def statistics_of(self, table: Table) -> dict[int, Statistics]:
        """By the index of the column."""
        known = self._statistics.get(table.oid)
        if known is None:
            known = {one.column: one for one in self.catalog.statistics_of(table)}
            self._statistics[table.oid] = known
        return known

    def _table_of(self, expression: ex.Expression) -> Table | None:
        if not isinstance(expression, ex.Column):
            return None
        return self._tables.get(expression.relation)

    def column_statistics(self, expression: ex.Expression) -> Statistics | None:
        expression = self.bare(expression)
        table = self._table_of(expression)
        return None if table is None else self.statistics_of(table).get(expression.index)

    def table_rows(self, expression: ex.Expression) -> float:
        """The rows of the table whose column it is; those of an unknown one are taken for 1000."""
        table = self._table_of(self.bare(expression))
        return 1000.0 if table is None else self.rows_of(table)

    def rows_of(self, table: Table) -> float:
        """How many rows a table has, or may soon have.

        One that has never been analyzed is taken for ten pages at least: plans are kept, and it
        may be about to be filled. # Real: estimate_rel_size()
        """
        rows = self._rows.get(table.oid)
        if rows is None:
            rows = self.catalog.row_count(table)
            if not self.statistics_of(table):
                width = self.row_width(table)
                rows = max(rows, float(USABLE_PAGE_BYTES // (width + ROW_HEADER_BYTES) * NEW_PAGES))
            self._rows[table.oid] = rows
        return rows

    def is_not_null(self, expression: ex.Expression) -> bool:
        expression = self.bare(expression)
        table = self._table_of(expression)
        return table is not None and table.columns[expression.index].is_not_null

    def is_unique(self, expression: ex.Expression) -> bool:
        """Whether a unique index has this column alone."""
        expression = self.bare(expression)
        table = self._table_of(expression)
        return table is not None and any(
            index.is_unique
            and len(index.keys) == 1
            and index.keys[0].column == expression.index
            and not index.predicate
            for index in self.catalog.indexes_of(table)
        )

    def distinct_count(self, expression: ex.Expression) -> float:
        """How many different values it has in its table. # Real: get_variable_numdistinct()"""
        expression = self.bare(expression)
        if not isinstance(expression, ex.Column):
            return self._distinct_count(expression)
        key = expression.relation, expression.index
        known = self._distinct.get(key)
        if known is None:
            known = self._distinct_count(expression)
            if expression.relation in self._tables:
                self._distinct[key] = known
        return known

    def _distinct_count(self, expression: ex.Expression) -> float:
        rows = max(self.table_rows(expression), 1.0)
        if self.is_unique(expression):
            return rows
        statistics = self.column_statistics(expression)
        if statistics is not None and statistics.distinct:
            count = statistics.distinct
            return max(1.0, min(-count * rows if count < 0 else count, rows))
        if expression.type.name == "bool":
            return min(2.0, rows)
        return min(DEFAULT_DISTINCT, rows)

    def selectivity(self, condition: ex.Expression | None) -> float:
        return 1.0 if condition is None else selectivity(self, condition)

    def index_form(self, relation: int, table: Table, index: Index) -> IndexForm:
        """What an index is over, in the columns of a relation."""
        known = self._forms.get((relation, index.oid))
        if known is None:
            known = self.catalog.form_of(table, index).over(relation)
            self._forms[relation, index.oid] = known
        return known

    # Plans.

    def of(self, plan: n.Plan) -> Estimate:
        known = self._plans.get(id(plan))
        if known is None:
            self.learn(plan)
            known = plan, _ESTIMATES.get(type(plan), row_estimates.like_input)(self, plan)
            self._plans[id(plan)] = known
        return known[1]

    def know(self, plan: n.Plan, estimate: Estimate) -> None:
        """What `of` is to answer for a plan: what it costs depends on where it stands."""
        self._plans[id(plan)] = plan, estimate

    def looped(self, plan: n.IndexScan, loops: float) -> Estimate:
        """Of an index scan that is started so often, each time with another value."""
        estimate = scan_estimates.index_scan(self, plan, loops)
        self.know(plan, estimate)
        return estimate

    # Questions about plans that are asked again for each of a thousand joins.

    def relations(self, plan: n.Plan) -> frozenset[int]:
        """`analysis.relations_in`."""
        known = self._relations.get(id(plan))
        if known is None:
            made = made_relations(plan).union(*map(self.relations, inputs_of(plan)))
            known = self._relations[id(plan)] = plan, frozenset(made)
        return known[1]

    def is_dependent(self, left: n.Plan, right: n.Plan) -> bool:
        """Whether the right side uses columns of the left."""
        known = self._free.get(id(right))
        if known is None:
            known = self._free[id(right)] = right, frozenset(key[0] for key in free_keys(right))
        return bool(known[1]) and not known[1].isdisjoint(self.relations(left))

    # What choices were made of, for those that choose again.

    def note_request(self, scan: n.Scan, parts: list[ex.Expression]) -> None:
        self._requests[scan.relation] = scan, parts

    def request(self, relation: int) -> tuple[n.Scan, list[ex.Expression]]:
        """The scan of the whole table and the conditions on it, whatever has become of them."""
        return self._requests[relation]

    def note_join(self, plan: n.Plan, parts: list[ex.Expression]) -> None:
        self._joins[id(plan)] = plan, parts

    def join_parts(self, plan: n.Plan) -> list[ex.Expression] | None:
        """The conditions of a join that `note_join` was told of."""
        known = self._joins.get(id(plan))
        return None if known is None else known[1]

    def rows(self, plan: n.Plan) -> float:
        return self.of(plan).rows

    def set_cte_rows(self, cte: int, rows: float) -> None:
        self._cte_rows[cte] = rows

    def cte_rows(self, cte: int) -> float:
        return self._cte_rows.get(cte, 100.0)

    # Widths.

    def column_width(self, table: Table, index: int) -> int:
        known = type_width(table.columns[index].type_oid)
        if known is not None:
            return known
        statistics = self.statistics_of(table).get(index)
        return statistics.width if statistics is not None and statistics.width else DEFAULT_WIDTH

    def row_width(self, table: Table) -> int:
        return sum(self.column_width(table, at) for at, _ in table.live_columns()) or 1

    def width(self, expression: ex.Expression) -> int:
        known = WIDTHS.get(expression.type.name)
        if known is not None:
            return known
        expression = self.bare(expression)
        table = self._table_of(expression)
        return DEFAULT_WIDTH if table is None else self.column_width(table, expression.index)


def type_width(oid: int) -> int | None:
    known = BUILTIN_TYPES.get(oid)
    return None if known is None else WIDTHS.get(known.name)


_BARRIERS = (n.Project, n.Aggregate, n.SetOperation, n.ProjectSet)
_ROW_USERS = (n.Update, n.Delete, n.Merge, n.Insert, n.LockRows)


def _used_columns(plan: n.Plan) -> dict[int, set[int] | None]:
    """By relation. Below a projection nothing is used that no expression names."""
    top = plan
    while isinstance(top, n.Limit | n.Sort | n.Filter | n.Distinct | n.With):
        top = top.input
    used: dict[int, set[int] | None] = {}
    if isinstance(top, _BARRIERS):
        keys = set()
        everything: set[int] = set()
        for item in walk_plan(plan):
            uses = needs_of_all(expressions_of(item))
            if isinstance(item, n.Filter) and isinstance(item.input, n.Scan):
                # Of other tables it may use columns too: LATERAL.
                uses = {key for key in uses if key[0] != item.input.relation}
            keys |= uses
            if isinstance(item, _ROW_USERS):
                everything |= {one.relation for one in walk_plan(item) if hasattr(one, "relation")}
        for relation, index in keys:
            used.setdefault(relation, set()).add(index)
        used |= dict.fromkeys(everything)
    # Something, so that it is known to have been looked at.
    used.setdefault(0, set())
    if not isinstance(top, _BARRIERS):
        used |= {one.relation: None for one in walk_plan(plan) if hasattr(one, "relation")}
    return used


_ESTIMATES = {
    **scan_estimates.ESTIMATES,
    **join_estimates.ESTIMATES,
    **row_estimates.ESTIMATES,
}

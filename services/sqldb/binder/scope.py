"""Which names mean which columns: the scopes of a statement, one inside the other.

Each query has a `Scope`: the items of its FROM clause with the names that they give, and a way to
the query around it. A column is looked for in the innermost scope first; what is found further out
makes the subquery a correlated one, and nothing more has to be done about it, because a column's
address (relation, index) is unique in the statement.

    SELECT o.id, (SELECT max(i.price) FROM items i WHERE i.order_id = o.id)  FROM orders o

    Scope(items i) ──parent──► Scope(orders o)          o.id found one level up

While FROM is being read, an item sees the ones before it only through LATERAL: such an item stands
in the scope with `is_lateral_only`, and using it without LATERAL is an error with a hint.
# Real: ParseState and ParseNamespaceItem
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.statement import Statement
from services.sqldb.catalog.definitions import Table, TableKind
from services.sqldb.errors import (
    AMBIGUOUS_ALIAS,
    AMBIGUOUS_COLUMN,
    DUPLICATE_ALIAS,
    INVALID_COLUMN_REFERENCE,
    UNDEFINED_COLUMN,
    UNDEFINED_TABLE,
    SqlError,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.plan.accesses import Access
from services.sqldb.syntax import nodes
from services.sqldb.types import CID, OID, TID, XID, SqlType

SYSTEM_COLUMNS: dict[str, SqlType] = {
    "ctid": TID,
    "xmin": XID,
    "cmin": CID,
    "xmax": XID,
    "cmax": CID,
    "tableoid": OID,
}


@dataclass(frozen=True, slots=True)
class ScopeColumn:
    """A column by its name; where it comes from, if it is a table's own, for RowDescription."""

    name: str
    expression: ex.Expression
    table_oid: int = 0
    attribute: int = 0
    # In a join, which has no name of its own: the item that the column came from.
    alias: str = ""
    # Of a table's or view's own column: where its use is noted.
    access: Access | None = None


@dataclass(slots=True)
class Item:
    """A table, subquery, function or join as the names of FROM make it visible."""

    alias: str
    columns: list[ScopeColumn]
    relation: int = 0
    table: Table | None = None
    schema: str = ""
    # The table's own name, when an alias hides it.
    hidden_name: str = ""
    row_type: SqlType | None = None
    # t.x finds it; x finds it. A join without alias has only columns, a merged table only its name.
    is_relation_visible: bool = True
    are_columns_visible: bool = True
    is_lateral_only: bool = False
    is_lateral_ok: bool = True
    # A function that gives one plain value: its name as a whole row is the value.
    is_scalar_function: bool = False
    access: Access | None = None


@dataclass(slots=True)
class Scope:
    """The names of one query level."""

    statement: Statement
    parent: Scope | None = None
    items: list[Item] = field(default_factory=list)
    clause: Clause = Clause.SELECT
    # All relations made in FROM: how aggregates find the level that they belong to.
    relations: set[int] = field(default_factory=set)
    # WITH queries by name; see with_queries.
    ctes: dict[str, object] = field(default_factory=dict)
    # Names of WITH queries that come later in the list, for a hint.
    later_ctes: set[str] = field(default_factory=set)
    windows: list[nodes.WindowDefinition] = field(default_factory=list)
    has_aggregates: bool = False
    has_windows: bool = False
    has_sets: bool = False
    # Items that are there but cannot be seen from here: for a hint.
    hidden: list[Item] = field(default_factory=list)
    # A subquery in FROM without LATERAL does not see its neighbours, only what is around the query.
    skips_parent: bool = False

    def child(self) -> Scope:
        return Scope(self.statement, self)

    def levels(self) -> Iterator[Scope]:
        """The scopes whose columns can be seen, from the inside outward."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            around = scope.parent
            scope = around.parent if scope.skips_parent and around is not None else around

    def find_cte(self, name: str) -> object | None:
        """The WITH query of this name, the innermost one."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.ctes:
                return scope.ctes[name]
            scope = scope.parent
        return None

    def is_later_cte(self, name: str) -> bool:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.later_ctes:
                return True
            scope = scope.parent
        return False

    def add(self, item: Item) -> None:
        self.items.append(item)
        if item.relation:
            self.relations.add(item.relation)

    def with_clause(self, clause: Clause) -> _ClauseGuard:
        """`with scope.with_clause(Clause.WHERE):` what is bound inside stands in that clause."""
        return _ClauseGuard(self, clause)


class _ClauseGuard:
    __slots__ = ("_clause", "_old", "_scope")

    def __init__(self, scope: Scope, clause: Clause):
        self._scope = scope
        self._clause = clause

    def __enter__(self) -> None:
        self._old = self._scope.clause
        self._scope.clause = self._clause

    def __exit__(self, *exception: object) -> None:
        self._scope.clause = self._old


# Looking up.


def find_column(scope: Scope, name: str, position: int) -> ScopeColumn | None:
    """The column of this bare name in the nearest scope that has one; 42702 if it has two."""
    for level in scope.levels():
        found: ScopeColumn | None = None
        for item in level.items:
            if not item.are_columns_visible:
                continue
            column = column_of(item, name, position)
            if column is None:
                continue
            if found is not None:
                message = f'column reference "{name}" is ambiguous'
                raise SqlError(AMBIGUOUS_COLUMN, message, position=position)
            check_lateral(item, position)
            found = column
        if found is not None:
            return found
    return None


def column_of(item: Item, name: str, position: int) -> ScopeColumn | None:
    """The item's column of this name, a system column as the last resort."""
    found: ScopeColumn | None = None
    for column in item.columns:
        if column.name == name:
            if found is not None:
                message = f'column reference "{name}" is ambiguous'
                raise SqlError(AMBIGUOUS_COLUMN, message, position=position)
            found = column
    if found is None and item.table is not None and name in SYSTEM_COLUMNS:
        type_ = SYSTEM_COLUMNS[name]
        if item.table.kind is TableKind.SYSTEM:
            # Its rows are no versions: only the table itself is known of them.
            value = {"tableoid": item.table.oid, "ctid": (0, 0)}.get(name, 0)
            return ScopeColumn(name, ex.Constant(type_, value), item.table.oid)
        expression = ex.SystemColumn(type_, item.relation, name)
        return ScopeColumn(name, expression, item.table.oid, -1, access=item.access)
    return found


def check_lateral(item: Item, position: int) -> None:
    if item.is_lateral_only and not item.is_lateral_ok:
        raise SqlError(
            INVALID_COLUMN_REFERENCE,
            f'invalid reference to FROM-clause entry for table "{item.alias}"',
            detail="The combining JOIN type must be INNER or LEFT for a LATERAL reference.",
            position=position,
        )


def note_column(scope: Scope, node: nodes.ColumnReference, column: ScopeColumn) -> None:
    """Remember what a reference names: for permissions, and if somebody wants to know."""
    if column.access is not None:
        column.access.selected.add(column.attribute)
    named = scope.statement.named_columns
    if named is not None and isinstance(column.expression, ex.Column):
        named[id(node)] = column.expression.relation, column.expression.index


def note_all(columns: Iterable[ScopeColumn]) -> None:
    """All of these are read: by a star, a whole row, USING."""
    for column in columns:
        if column.access is not None:
            column.access.selected.add(column.attribute)


def find_item(scope: Scope, name: str, schema: str | None, position: int) -> Item | None:
    """The item that a qualifier names; 42P09 if there are two of the name."""
    for level in scope.levels():
        found: Item | None = None
        for item in level.items:
            if not item.is_relation_visible or item.alias != name:
                continue
            if schema is not None and (item.schema != schema or item.hidden_name):
                continue
            if found is not None:
                message = f'table reference "{name}" is ambiguous'
                raise SqlError(AMBIGUOUS_ALIAS, message, position=position)
            check_lateral(item, position)
            found = item
        if found is not None:
            return found
    return None


def check_new_alias(items: list[Item], new: Item) -> None:
    """No two items of a FROM clause may have the same name, but tables of two schemas."""
    for item in items:
        if item.is_relation_visible and item.alias == new.alias:
            if _is_bare(item) and _is_bare(new) and item.schema != new.schema:
                continue
            message = f'table name "{new.alias}" specified more than once'
            raise SqlError(DUPLICATE_ALIAS, message)


def _is_bare(item: Item) -> bool:
    """A table or view that has no other name than its own."""
    return bool(item.schema) and not item.hidden_name


# Errors with the hints that PostgreSQL gives.


def missing_item(scope: Scope, name: str, position: int) -> SqlError:
    """Nothing in FROM has this name: perhaps an alias hides it, or it stands elsewhere."""
    for level in scope.levels():
        for item in level.items:
            if item.hidden_name == name:
                return SqlError(
                    UNDEFINED_TABLE,
                    f'invalid reference to FROM-clause entry for table "{name}"',
                    hint=f'Perhaps you meant to reference the table alias "{item.alias}".',
                    position=position,
                )
    for level in scope.levels():
        for item in level.hidden:
            if item.alias == name or item.hidden_name == name:
                return SqlError(
                    UNDEFINED_TABLE,
                    f'invalid reference to FROM-clause entry for table "{name}"',
                    hint=f'There is an entry for table "{name}", but it cannot be referenced from '
                    "this part of the query.",
                    position=position,
                )
    message = f'missing FROM-clause entry for table "{name}"'
    return SqlError(UNDEFINED_TABLE, message, position=position)


def missing_column(scope: Scope, name: str, position: int, item: Item | None = None) -> SqlError:
    """No such column; with a hint if one is spelled nearly so."""
    shown = f"{item.alias}.{name}" if item is not None else f'"{name}"'
    hint = _nearest(scope, name, item)
    message = f"column {shown} does not exist"
    return SqlError(UNDEFINED_COLUMN, message, hint=hint, position=position)


def _nearest(scope: Scope, name: str, only: Item | None) -> str:
    """# Real: searchRangeTableForCol() and errorMissingColumn()"""
    limit = len(name) // 2
    best: list[tuple[str, str]] = []
    distance = limit + 1
    for level in scope.levels():
        for item in level.items:
            penalty = 0 if only is None or item.alias == only.alias else _penalty(item, only)
            for column in item.columns:
                cost = edit_distance(name, column.name, distance) + penalty
                if cost < distance:
                    distance, best = cost, [(item.alias, column.name)]
                elif cost == distance and cost <= limit:
                    best.append((item.alias, column.name))
    if not best or distance > limit or len(best) > 2:
        return ""
    names = " or the column ".join(f'"{alias}.{column}"' for alias, column in best)
    return f"Perhaps you meant to reference the column {names}."


def _penalty(item: Item, only: Item) -> int:
    """A column of another table than the one that was named has to be that much nearer."""
    return edit_distance(only.alias, item.alias, 64)


def edit_distance(left: str, right: str, limit: int) -> int:
    """How many letters to add, drop or change; all beyond the limit count the same."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    row = list(range(len(right) + 1))
    for index, letter in enumerate(left, 1):
        previous, row[0] = row[0], index
        for column, other in enumerate(right, 1):
            cost = min(row[column] + 1, row[column - 1] + 1, previous + (letter != other))
            previous, row[column] = row[column], cost
    return row[-1]

"""The operators that the binder writes: what a statement means, not yet how it is done.

`Plan.inputs()` are the plans below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING

from services.sqldb.plan.expressions import (
    AggregateCall,
    Column,
    Expression,
    SetReturningCall,
    SortKey,
    WindowCall,
)

if TYPE_CHECKING:
    from services.sqldb.catalog.definitions import Table


@dataclass(frozen=True, slots=True)
class Plan:
    def inputs(self) -> Iterator[Plan]:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Plan):
                yield value
            elif isinstance(value, tuple):
                yield from (item for item in value if isinstance(item, Plan))


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """One column as the client sees it: RowDescription is made of these."""

    name: str
    expression: Expression
    # Where it comes from, if it is a column of a table: for RowDescription.
    table_oid: int = 0
    attribute: int = 0


# --- Rows from nothing, or from storage


@dataclass(frozen=True, slots=True)
class OneRow(Plan):
    """A single row without columns: SELECT 1."""


@dataclass(frozen=True, slots=True)
class NoRows(Plan):
    """What the optimizer puts for a condition that is never true; `relation`s below are empty."""

    relation: int
    types: tuple = ()


@dataclass(frozen=True, slots=True)
class Scan(Plan):
    """All visible rows of a table: columns in the order of the table, dropped ones included."""

    relation: int
    table: Table
    alias: str = ""


@dataclass(frozen=True, slots=True)
class SystemScan(Plan):
    """The rows of a virtual table of the catalog (pg_class …), made when asked for."""

    relation: int
    table: Table
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Values(Plan):
    """VALUES (1, 'a'), (2, 'b')"""

    relation: int
    rows: tuple[tuple[Expression, ...], ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionScan(Plan):
    """Functions in FROM, side by side (ROWS FROM); each gives `widths[i]` columns.

    The calls may use columns of what stands left of them (always LATERAL).
    """

    relation: int
    calls: tuple[SetReturningCall | Expression, ...]
    widths: tuple[int, ...]
    names: tuple[str, ...]
    with_ordinality: bool = False
    alias: str = ""


@dataclass(frozen=True, slots=True)
class CteScan(Plan):
    """The rows of a WITH query that is computed once: `cte` is its number in the statement."""

    relation: int
    cte: int
    types: tuple
    names: tuple[str, ...]
    alias: str = ""


@dataclass(frozen=True, slots=True)
class WorkTableScan(Plan):
    """Inside a recursive query: the rows that the last round found."""

    relation: int
    cte: int
    types: tuple
    names: tuple[str, ...]


# --- Rows from rows


@dataclass(frozen=True, slots=True)
class Filter(Plan):
    input: Plan
    condition: Expression


@dataclass(frozen=True, slots=True)
class Project(Plan):
    """New columns (relation, 0…) computed from each row; the columns below are gone."""

    input: Plan
    relation: int
    expressions: tuple[Expression, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProjectSet(Plan):
    """Like Project, but some expressions are SetReturningCalls: as many rows as the longest has."""

    input: Plan
    relation: int
    expressions: tuple[Expression, ...]
    names: tuple[str, ...]


class JoinKind(Enum):
    INNER = "Inner"
    LEFT = "Left"
    RIGHT = "Right"
    FULL = "Full"
    SEMI = "Semi"  # EXISTS and IN, when the optimizer made a join of them; left columns only
    ANTI = "Anti"  # NOT EXISTS
    # One more column (mark_relation, 0): true, false or NULL, for IN where it isn't a condition.
    MARK = "Mark"


@dataclass(frozen=True, slots=True)
class Join(Plan):
    """`is_lateral`: the right side uses columns of the left, so it is run once per left row."""

    kind: JoinKind
    left: Plan
    right: Plan
    condition: Expression | None = None
    is_lateral: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate(Plan):
    """Groups: columns (relation, 0 … len(groups)-1), then the calls, then one per `groupings`.

    `grouping_sets`: each a tuple of indexes into `groups`; None = one set of all. Without groups
    there is one row, even of no input.
    """

    input: Plan
    relation: int
    groups: tuple[Expression, ...]
    calls: tuple[AggregateCall, ...]
    grouping_sets: tuple[tuple[int, ...], ...] | None = None
    groupings: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Window(Plan):
    """Adds columns (relation, 0…), one for each call over the same partition and order."""

    input: Plan
    relation: int
    partition_by: tuple[Expression, ...]
    order_by: tuple[SortKey, ...]
    calls: tuple[WindowCall, ...]


@dataclass(frozen=True, slots=True)
class Sort(Plan):
    input: Plan
    keys: tuple[SortKey, ...]


@dataclass(frozen=True, slots=True)
class Limit(Plan):
    """`with_ties`: FETCH FIRST n ROWS WITH TIES, by the keys."""

    input: Plan
    limit: Expression | None
    offset: Expression | None
    with_ties: tuple[SortKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Distinct(Plan):
    """The first row of those with equal `on` (the input is sorted by them for DISTINCT ON)."""

    input: Plan
    on: tuple[Expression, ...]
    is_ordered: bool = False


class SetKind(Enum):
    UNION = "union"
    INTERSECT = "intersect"
    EXCEPT = "except"


@dataclass(frozen=True, slots=True)
class SetOperation(Plan):
    """Both sides have the same types; `left_columns` and `right_columns` name them."""

    kind: SetKind
    is_all: bool
    left: Plan
    right: Plan
    relation: int
    left_columns: tuple[Column, ...]
    right_columns: tuple[Column, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecursiveUnion(Plan):
    """WITH RECURSIVE: `first` once, then `again` over the rows of the round before."""

    cte: int
    relation: int
    is_all: bool
    first: Plan
    again: Plan
    first_columns: tuple[Column, ...]
    again_columns: tuple[Column, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CteDefinition(Plan):
    """One WITH query. `columns` are those of `plan` that the CteScans see, in order."""

    cte: int
    name: str
    plan: Plan
    columns: tuple[Column, ...]
    # None: the optimizer decides (inline if used once and free of side effects).
    materialized: bool | None = None
    references: int = 0


@dataclass(frozen=True, slots=True)
class With(Plan):
    """Definitions that change data run to their end, whether or not anybody reads them."""

    definitions: tuple[CteDefinition, ...]
    input: Plan


class RowLockMode(Enum):
    KEY_SHARE = "FOR KEY SHARE"
    SHARE = "FOR SHARE"
    NO_KEY_UPDATE = "FOR NO KEY UPDATE"
    UPDATE = "FOR UPDATE"


class LockWait(Enum):
    BLOCK = ""
    NOWAIT = "NOWAIT"
    SKIP_LOCKED = "SKIP LOCKED"


@dataclass(frozen=True, slots=True)
class LockRows(Plan):
    """Locks the rows of these relations, and looks again at what has changed meanwhile."""

    input: Plan
    relations: tuple[int, ...]
    mode: RowLockMode
    wait: LockWait


# --- Statements that change data. Without RETURNING they give no row, only a count.


@dataclass(frozen=True, slots=True)
class ConflictClause:
    """ON CONFLICT. `indexes` decide (none: any unique one).

    DO UPDATE: `assignments` (column index → expression); in them Column(target_relation, n) is the
    row that is there and Column(excluded_relation, n) the one that was to be inserted.
    """

    indexes: tuple[int, ...]  # oids
    assignments: tuple[tuple[int, Expression], ...] | None  # None: DO NOTHING
    condition: Expression | None
    target_relation: int
    excluded_relation: int


@dataclass(frozen=True, slots=True)
class Insert(Plan):
    """`input` gives rows that have a value for each column of the table, in its order.

    Columns `generated` are computed from the new row: (column index, expression over
    Column(relation, n)). `checks`: (constraint name, condition over Column(relation, n)).
    `returning` is computed over Column(relation, n) of the row that was stored.
    """

    input: Plan
    table: Table
    relation: int
    source: tuple[Column, ...]
    generated: tuple[tuple[int, Expression], ...] = ()
    checks: tuple[tuple[str, Expression], ...] = ()
    conflict: ConflictClause | None = None
    returning: tuple[Expression, ...] | None = None
    returning_relation: int = 0


@dataclass(frozen=True, slots=True)
class Update(Plan):
    """`input` has a Scan of `relation` in it, whose row is the target; Column(relation, n) in
    assignments, checks and generated: checks and generated see the new row.

    Of several matches for one target row the first counts.
    """

    input: Plan
    table: Table
    relation: int
    assignments: tuple[tuple[int, Expression], ...]
    # The number under which checks, generated and returning see the new row.
    new_relation: int = 0
    generated: tuple[tuple[int, Expression], ...] = ()
    checks: tuple[tuple[str, Expression], ...] = ()
    returning: tuple[Expression, ...] | None = None
    returning_relation: int = 0


@dataclass(frozen=True, slots=True)
class Delete(Plan):
    input: Plan
    table: Table
    relation: int
    returning: tuple[Expression, ...] | None = None
    returning_relation: int = 0


class MergeAction(Enum):
    UPDATE = "update"
    DELETE = "delete"
    INSERT = "insert"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class MergeWhen:
    is_matched: bool
    condition: Expression | None
    action: MergeAction
    # UPDATE: column index → expression. INSERT: a value for each column of the table.
    assignments: tuple[tuple[int, Expression], ...] = ()


@dataclass(frozen=True, slots=True)
class Merge(Plan):
    """`input` is source LEFT JOIN target; a row without target is not matched."""

    input: Plan
    table: Table
    relation: int
    whens: tuple[MergeWhen, ...]
    new_relation: int = 0
    generated: tuple[tuple[int, Expression], ...] = ()
    checks: tuple[tuple[str, Expression], ...] = ()

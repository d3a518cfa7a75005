"""The operators that the optimizer puts in the place of others: how it is done.

A logical operator without a physical form of its own (Filter, Project, Limit) is done as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.sqldb.plan.expressions import AggregateCall, Expression, SortKey
from services.sqldb.plan.logical import JoinKind, Plan

if TYPE_CHECKING:
    from services.sqldb.catalog.definitions import Index, Table


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Bounds on a prefix of an index's columns; values are computed when the scan begins.

    `equal` for the leading columns, then at most one range on the next. A NULL among the values
    finds nothing, but where `nulls` says so.

        a = 5 AND b IN (1, 2) AND c IS NULL AND d >= 3
        equal (5, ARRAY[1, 2], NULL), arrays (1,), nulls (2,), lower 3
    """

    equal: tuple[Expression, ...] = ()
    lower: Expression | None = None
    lower_inclusive: bool = True
    upper: Expression | None = None
    upper_inclusive: bool = True
    # Places in `equal` where the value is an array, each element of which is looked up once, in
    # the order of the index (x = ANY (array)).
    arrays: tuple[int, ...] = ()
    # Places in `equal` that are asked to be NULL; a Constant NULL stands there.
    nulls: tuple[int, ...] = ()
    # Without bounds: the column behind `equal` is not NULL.
    is_not_null: bool = False


@dataclass(frozen=True, slots=True)
class IndexScan(Plan):
    """Rows of a table by an index, in its order (or backward). `filter` is what the index leaves.

    `is_only`: all columns that are needed stand in the entries (`Index.keys` with a column), so
    the values are taken from there; the stored row is looked at for its visibility alone.
    """

    relation: int
    table: Table
    index: Index
    range: KeyRange
    filter: Expression | None = None
    is_backward: bool = False
    is_only: bool = False
    alias: str = ""
    # What `range` says, as conditions: shown by EXPLAIN, and asked again of a row that was locked.
    condition: Expression | None = None
    # Conditions that the predicate of a partial index answers: asked only of a row that was locked.
    implied: Expression | None = None


@dataclass(frozen=True, slots=True)
class BitmapPart:
    """One look into one index for a BitmapScan; `condition` is what `range` says."""

    index: Index
    range: KeyRange
    condition: Expression


@dataclass(frozen=True, slots=True)
class BitmapScan(Plan):
    """Rows that any of the parts finds, each once, in the order of the table.

    WHERE a = 5 OR b = 7, with an index on each: the places of the rows are put into one set.
    `condition` is the OR of the parts', `filter` is asked of each row as well.
    # Real: Bitmap Heap Scan above BitmapOr
    """

    relation: int
    table: Table
    parts: tuple[BitmapPart, ...]
    condition: Expression
    filter: Expression | None = None
    alias: str = ""


@dataclass(frozen=True, slots=True)
class VersionScan(Plan):
    """The one version of a row that the run is looking at again. # Real: EvalPlanQual()"""

    relation: int
    table: Table


@dataclass(frozen=True, slots=True)
class HashJoin(Plan):
    """A table in memory of the right side, by `right_keys`; the left side looks its rows up."""

    kind: JoinKind
    left: Plan
    right: Plan
    left_keys: tuple[Expression, ...]
    right_keys: tuple[Expression, ...]
    condition: Expression | None = None


@dataclass(frozen=True, slots=True)
class MergeJoin(Plan):
    """Both sides come ordered by their keys, and are walked in step; all kinds but MARK.

    A pair of keys has the same direction and the same place for NULLs on both sides; rows with a
    NULL in a key are in the input but match nothing. `condition` is asked of each pair besides.
    The rows come out in the order of the left keys (but those of RIGHT and FULL).
    """

    kind: JoinKind
    left: Plan
    right: Plan
    left_keys: tuple[SortKey, ...]
    right_keys: tuple[SortKey, ...]
    condition: Expression | None = None


@dataclass(frozen=True, slots=True)
class NestedLoop(Plan):
    """The right side once per left row, or, where it depends on nothing, kept after the first time.

    The right side may use columns of the left (an IndexScan by a left column, or LATERAL).
    """

    kind: JoinKind
    left: Plan
    right: Plan
    condition: Expression | None = None
    is_materialized: bool = False


@dataclass(frozen=True, slots=True)
class HashAggregate(Plan):
    input: Plan
    relation: int
    groups: tuple[Expression, ...]
    calls: tuple[AggregateCall, ...]
    grouping_sets: tuple[tuple[int, ...], ...] | None = None
    groupings: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class SortedAggregate(Plan):
    """The input comes ordered by the groups, so that only one group is held at a time."""

    input: Plan
    relation: int
    groups: tuple[Expression, ...]
    calls: tuple[AggregateCall, ...]


@dataclass(frozen=True, slots=True)
class TopN(Plan):
    """Sort and Limit in one: a heap of the best n."""

    input: Plan
    keys: tuple[SortKey, ...]
    limit: Expression
    offset: Expression | None = None

"""Typed expressions: what the binder makes of names, literals and operators.

Each has `type` (a SqlType) and `typmod` (-1: none) of its result. Conversions that the statement
did not write are there as calls, so that nobody below the binder knows a rule of coercion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.sqldb.functions import Aggregate, Function, WindowFunction
    from services.sqldb.plan.nodes import Plan
    from services.sqldb.types import SqlType


@dataclass(frozen=True, slots=True)
class Expression:
    """What every expression has; some know their `position` in the statement, for errors."""

    type: SqlType


@dataclass(frozen=True, slots=True)
class Constant(Expression):
    value: object  # None is NULL
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Parameter(Expression):
    """$number of a prepared statement; numbers begin with 1."""

    number: int
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Column(Expression):
    relation: int
    index: int
    name: str = field(default="", compare=False)
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class SystemColumn(Expression):
    """ctid, xmin, xmax, cmin, cmax or tableoid of a scanned row."""

    relation: int
    name: str
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class WholeRow(Expression):
    """The row of a relation as one composite value: `SELECT t FROM t`, `row_to_json(t)`."""

    relation: int
    columns: tuple[Expression, ...]
    names: tuple[str, ...]
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A function, an operator or a cast: all three are functions. NULL in, NULL out if strict."""

    function: Function
    arguments: tuple[Expression, ...]
    typmod: int = -1
    # How the statement wrote it, for EXPLAIN and errors: "+", "lower", "::".
    spelling: str = field(default="", compare=False)
    position: int = field(default=-1, compare=False)


@dataclass(frozen=True, slots=True)
class Relabel(Expression):
    """The same value under another type that is held in the same way: varchar as text."""

    argument: Expression
    typmod: int = -1
    is_implicit: bool = True


@dataclass(frozen=True, slots=True)
class And(Expression):
    arguments: tuple[Expression, ...]
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Or(Expression):
    arguments: tuple[Expression, ...]
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Not(Expression):
    argument: Expression
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class IsNull(Expression):
    """IS [NOT] NULL; of a row: all of its fields are (not) null."""

    argument: Expression
    is_negated: bool = False
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class BooleanTest(Expression):
    """IS [NOT] TRUE, FALSE or UNKNOWN (`wanted` None)."""

    argument: Expression
    wanted: bool | None
    is_negated: bool = False
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class IsDistinct(Expression):
    """IS [NOT] DISTINCT FROM: `equals` is the function of = for both."""

    left: Expression
    right: Expression
    equals: Function
    is_negated: bool = False
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """Searched CASE: conditions in turn. The simple form is bound as comparisons."""

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Coalesce(Expression):
    arguments: tuple[Expression, ...]
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class NullIf(Expression):
    left: Expression
    right: Expression
    equals: Function
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Extreme(Expression):
    """GREATEST and LEAST: NULLs do not count; `less` is the function of <."""

    arguments: tuple[Expression, ...]
    is_greatest: bool
    less: Function
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Quantified(Expression):
    """x = ANY (array), x < ALL (array); IN with a list of values is the same with an array of them.

    `comparison` takes (left, element).
    """

    left: Expression
    array: Expression
    comparison: Function
    is_all: bool
    typmod: int = -1
    spelling: str = "="


@dataclass(frozen=True, slots=True)
class RowValue(Expression):
    """ROW(a, b): a composite of no named type, unless `type` says which."""

    items: tuple[Expression, ...]
    names: tuple[str, ...] = ()
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class RowComparison(Expression):
    """(a, b) < (c, d): item by item. `comparisons` and `equals` are functions for each pair.

    spelling is one of = <> < <= > >=.
    """

    spelling: str
    left: tuple[Expression, ...]
    right: tuple[Expression, ...]
    comparisons: tuple[Function, ...]
    equals: tuple[Function, ...]
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class ArrayValue(Expression):
    """ARRAY[a, b]; `is_nested`: the items are arrays themselves and make one more dimension."""

    items: tuple[Expression, ...]
    is_nested: bool = False
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Subscript(Expression):
    """a[i], a[i][j] or, where any `uppers` is not None or `is_slice`, a slice a[i:j]."""

    base: Expression
    lowers: tuple[Expression | None, ...]
    uppers: tuple[Expression | None, ...] = ()
    is_slice: bool = False
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class Field(Expression):
    """(row).name"""

    base: Expression
    index: int
    name: str
    typmod: int = -1


class SubqueryKind(Enum):
    SCALAR = "scalar"  # its only value; NULL if it has no row; 21000 if more than one
    EXISTS = "exists"
    ANY = "any"  # left <op> ANY (subquery); IN is = ANY
    ALL = "all"
    ARRAY = "array"  # ARRAY(subquery)
    ROW = "row"  # (a, b) <op> (subquery) of one row


@dataclass(frozen=True, slots=True)
class Subquery(Expression):
    """A query inside an expression. `outer` are the columns of queries around it that it uses.

    ANY, ALL and ROW compare `left` with the columns of a row by `comparisons`, a function each
    (`spelling` says which operator), with three-valued logic; where order is asked of several
    columns, `equals` says for each pair whether the next one decides.
    """

    kind: SubqueryKind
    plan: Plan
    outer: tuple[Column, ...] = ()
    left: tuple[Expression, ...] = ()
    comparisons: tuple[Function, ...] = ()
    equals: tuple[Function, ...] = ()
    spelling: str = ""
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class SortKey:
    """One item of ORDER BY. NULLs come last when ascending and first when descending by default."""

    expression: Expression
    is_descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class AggregateCall(Expression):
    """Stands in `Aggregate.calls` only; above, its result is a Column."""

    function: Aggregate
    arguments: tuple[Expression, ...]
    is_distinct: bool = False
    order_by: tuple[SortKey, ...] = ()
    filter: Expression | None = None
    # percentile_cont(0.5) WITHIN GROUP (ORDER BY x): direct arguments, order_by has the others.
    direct_arguments: tuple[Expression, ...] = ()
    is_star: bool = False
    typmod: int = -1


class FrameMode(Enum):
    ROWS = "ROWS"
    RANGE = "RANGE"
    GROUPS = "GROUPS"


class FrameBound(Enum):
    UNBOUNDED_PRECEDING = "UNBOUNDED PRECEDING"
    PRECEDING = "PRECEDING"
    CURRENT_ROW = "CURRENT ROW"
    FOLLOWING = "FOLLOWING"
    UNBOUNDED_FOLLOWING = "UNBOUNDED FOLLOWING"


class FrameExclusion(Enum):
    NO_OTHERS = "NO OTHERS"
    CURRENT_ROW = "CURRENT ROW"
    GROUP = "GROUP"
    TIES = "TIES"


@dataclass(frozen=True, slots=True)
class Frame:
    """ROWS BETWEEN start AND end. Offsets are expressions without columns.

    `range_start` and `range_end` (RANGE with an offset): functions (value, offset) → the bound,
    in the direction of the order.
    """

    mode: FrameMode = FrameMode.RANGE
    start: FrameBound = FrameBound.UNBOUNDED_PRECEDING
    end: FrameBound = FrameBound.CURRENT_ROW
    start_offset: Expression | None = None
    end_offset: Expression | None = None
    exclusion: FrameExclusion = FrameExclusion.NO_OTHERS
    range_start: Function | None = None
    range_end: Function | None = None


@dataclass(frozen=True, slots=True)
class WindowCall(Expression):
    """Stands in `Window.calls` only. `function` may be an aggregate."""

    function: WindowFunction | Aggregate
    arguments: tuple[Expression, ...]
    frame: Frame
    filter: Expression | None = None
    is_star: bool = False
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class GroupingCall(Expression):
    """GROUPING(a, b): bit by bit, whether a group-by expression is not part of the grouping set."""

    groups: tuple[int, ...]  # Indexes into Aggregate.groups
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class SetReturningCall(Expression):
    """A function of many rows in a select list; stands in `ProjectSet.expressions` only."""

    function: Function
    arguments: tuple[Expression, ...]
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class CurrentRowOf(Expression):
    """excluded.x or the target's column in ON CONFLICT, and the columns of MERGE: by relation."""

    relation: int
    index: int
    typmod: int = -1


@dataclass(frozen=True, slots=True)
class NextValue(Expression):
    """nextval of a sequence that belongs to a column (serial, identity): known by its oid."""

    sequence_oid: int
    typmod: int = -1


def children(expression: Expression) -> Iterator[Expression]:
    """The expressions directly below, without those inside the plan of a subquery."""
    for one in fields(expression):
        yield from _expressions_in(getattr(expression, one.name))


def _expressions_in(value: object) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, SortKey):
        yield value.expression
    elif isinstance(value, Frame):
        yield from (bound for bound in (value.start_offset, value.end_offset) if bound)
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions_in(item)


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and all below it; not into the plans of subqueries, but their `outer`."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def rewrite(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The expression with `change` applied to each part, from the leaves upward."""
    changes = {}
    for one in fields(expression):
        old = getattr(expression, one.name)
        new = _rewritten(old, change)
        if new is not old:
            changes[one.name] = new
    return change(replace(expression, **changes) if changes else expression)


def _rewritten(value: object, change: Callable[[Expression], Expression]) -> object:
    if isinstance(value, Expression):
        return rewrite(value, change)
    if isinstance(value, SortKey):
        expression = rewrite(value.expression, change)
        return value if expression is value.expression else replace(value, expression=expression)
    if isinstance(value, tuple):
        items = tuple(_rewritten(item, change) for item in value)
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    return value


def columns_of(expression: Expression) -> set[tuple[int, int]]:
    """The addresses of all columns that the expression needs, also those of its subqueries."""
    return {(part.relation, part.index) for part in walk(expression) if isinstance(part, Column)}


def relations_of(expression: Expression) -> set[int]:
    return {part.relation for part in walk(expression) if isinstance(part, Column | SystemColumn)}

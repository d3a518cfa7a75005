"""Syntax nodes of queries: SELECT, VALUES, set operations, and what stands in their clauses.

A `Query` is a body (one SELECT, a VALUES list, or two queries and a set operation) with the clauses
that apply to the whole of it: WITH before, ORDER BY, LIMIT and FOR UPDATE behind.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from services.sqldb.syntax.nodes.expressions import Expression, TypeName

if TYPE_CHECKING:
    from services.sqldb.syntax.nodes.changes import Delete, Insert, Update


@dataclass(frozen=True, slots=True)
class RelationName:
    """A table, view, index or sequence as written; schema and catalog None when not written."""

    name: str
    schema: str | None = None
    catalog: str | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Alias:
    name: str
    columns: tuple[str, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class Target:
    """One item of a select list or of RETURNING; alias None when there is no AS."""

    expression: Expression
    alias: str | None = None
    position: int = -1


class SortDirection(Enum):
    DEFAULT = ""
    ASCENDING = "ASC"
    DESCENDING = "DESC"
    USING = "USING"


class NullsOrder(Enum):
    DEFAULT = ""
    FIRST = "NULLS FIRST"
    LAST = "NULLS LAST"


@dataclass(frozen=True, slots=True)
class SortItem:
    expression: Expression
    direction: SortDirection = SortDirection.DEFAULT
    nulls: NullsOrder = NullsOrder.DEFAULT
    using_operator: tuple[str, ...] = ()
    position: int = -1


class FrameMode(Enum):
    ROWS = "ROWS"
    RANGE = "RANGE"
    GROUPS = "GROUPS"


class BoundKind(Enum):
    UNBOUNDED_PRECEDING = "UNBOUNDED PRECEDING"
    PRECEDING = "PRECEDING"
    CURRENT_ROW = "CURRENT ROW"
    FOLLOWING = "FOLLOWING"
    UNBOUNDED_FOLLOWING = "UNBOUNDED FOLLOWING"


class FrameExclusion(Enum):
    NO_OTHERS = ""
    CURRENT_ROW = "EXCLUDE CURRENT ROW"
    GROUP = "EXCLUDE GROUP"
    TIES = "EXCLUDE TIES"


@dataclass(frozen=True, slots=True)
class FrameBound:
    kind: BoundKind
    offset: Expression | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    mode: FrameMode
    start: FrameBound
    end: FrameBound
    exclusion: FrameExclusion = FrameExclusion.NO_OTHERS
    # False when only the start was written (then the end is CURRENT ROW).
    is_between: bool = True
    position: int = -1


@dataclass(frozen=True, slots=True)
class WindowDefinition:
    """OVER (base PARTITION BY … ORDER BY … frame), or with a name in the WINDOW clause."""

    name: str | None
    base: str | None
    partition_by: tuple[Expression, ...]
    order_by: tuple[SortItem, ...]
    frame: Frame | None
    position: int = -1


class GroupingSetKind(Enum):
    EMPTY = "()"
    ROLLUP = "ROLLUP"
    CUBE = "CUBE"
    SETS = "GROUPING SETS"


@dataclass(frozen=True, slots=True)
class GroupingSet:
    """An item of GROUP BY that is not an expression.

    items are expressions (a RowConstructor without ROW is a list of columns) or, in SETS,
    GroupingSets.
    """

    kind: GroupingSetKind
    items: tuple["Expression | GroupingSet", ...] = ()
    position: int = -1


class JoinKind(Enum):
    INNER = "JOIN"
    LEFT = "LEFT JOIN"
    RIGHT = "RIGHT JOIN"
    FULL = "FULL JOIN"
    CROSS = "CROSS JOIN"


@dataclass(frozen=True, slots=True)
class TableReference:
    relation: RelationName
    alias: Alias | None = None
    is_only: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class SubqueryReference:
    query: "Query"
    alias: Alias | None
    is_lateral: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class ColumnDefinitionItem:
    """A name and a type in AS t(a int, b text)."""

    name: str
    type_name: TypeName
    position: int = -1


@dataclass(frozen=True, slots=True)
class TableFunction:
    """One function of a FunctionReference, with its own column definitions inside ROWS FROM."""

    call: Expression
    columns: tuple[ColumnDefinitionItem, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A function (or ROWS FROM several) as a table."""

    functions: tuple[TableFunction, ...]
    alias: Alias | None
    columns: tuple[ColumnDefinitionItem, ...] = ()
    is_rows_from: bool = False
    with_ordinality: bool = False
    is_lateral: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class Join:
    """A join; the condition is `on`, or the columns of `using`, or natural, or none (CROSS)."""

    kind: JoinKind
    left: "FromItem"
    right: "FromItem"
    is_natural: bool = False
    using: tuple[str, ...] | None = None
    using_alias: Alias | None = None
    on: Expression | None = None
    alias: Alias | None = None
    position: int = -1


FromItem = TableReference | SubqueryReference | FunctionReference | Join


class LockStrength(Enum):
    """From the weakest to the strongest."""

    KEY_SHARE = "FOR KEY SHARE"
    SHARE = "FOR SHARE"
    NO_KEY_UPDATE = "FOR NO KEY UPDATE"
    UPDATE = "FOR UPDATE"


class LockWait(Enum):
    BLOCK = ""
    SKIP_LOCKED = "SKIP LOCKED"
    NOWAIT = "NOWAIT"


@dataclass(frozen=True, slots=True)
class Locking:
    strength: LockStrength
    tables: tuple[RelationName, ...] = ()
    wait: LockWait = LockWait.BLOCK
    position: int = -1


@dataclass(frozen=True, slots=True)
class SearchClause:
    """SEARCH DEPTH FIRST BY columns SET sequence"""

    columns: tuple[str, ...]
    is_breadth_first: bool
    sequence: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class CycleClause:
    """CYCLE columns SET mark TO value DEFAULT default USING path"""

    columns: tuple[str, ...]
    mark: str
    value: Expression
    default: Expression
    path: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class CommonTable:
    """name [(columns)] AS [[NOT] MATERIALIZED] (statement); is_materialized None: not said."""

    name: str
    columns: tuple[str, ...]
    statement: "Query | Insert | Update | Delete"
    is_materialized: bool | None = None
    position: int = -1
    search: SearchClause | None = None
    cycle: CycleClause | None = None


@dataclass(frozen=True, slots=True)
class With:
    tables: tuple[CommonTable, ...]
    is_recursive: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class IntoTable:
    """SELECT … INTO [TEMP | UNLOGGED] t: the same as CREATE TABLE t AS."""

    relation: RelationName
    is_temporary: bool = False
    is_unlogged: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """distinct: None, () for plain DISTINCT, or the expressions of DISTINCT ON."""

    targets: tuple[Target, ...]
    from_items: tuple[FromItem, ...] = ()
    where: Expression | None = None
    group_by: tuple[Expression | GroupingSet, ...] = ()
    having: Expression | None = None
    windows: tuple[WindowDefinition, ...] = ()
    distinct: tuple[Expression, ...] | None = None
    is_group_distinct: bool = False
    into: IntoTable | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Values:
    rows: tuple[tuple[Expression, ...], ...]
    position: int = -1


class SetOperator(Enum):
    UNION = "UNION"
    INTERSECT = "INTERSECT"
    EXCEPT = "EXCEPT"


@dataclass(frozen=True, slots=True)
class SetOperation:
    operator: SetOperator
    is_all: bool
    left: "Query"
    right: "Query"
    position: int = -1


@dataclass(frozen=True, slots=True)
class Query:
    body: Select | Values | SetOperation
    with_clause: With | None = None
    order_by: tuple[SortItem, ...] = ()
    limit: Expression | None = None
    offset: Expression | None = None
    # FETCH FIRST n ROWS WITH TIES
    with_ties: bool = False
    locking: tuple[Locking, ...] = ()
    position: int = -1

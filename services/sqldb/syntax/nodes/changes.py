"""Syntax nodes of the statements that change rows: INSERT, UPDATE, DELETE, MERGE, COPY."""

from dataclasses import dataclass
from enum import Enum

from services.sqldb.syntax.nodes.expressions import Expression
from services.sqldb.syntax.nodes.queries import (
    Alias,
    FromItem,
    NullsOrder,
    Query,
    RelationName,
    SortDirection,
    TableReference,
    Target,
    With,
)


@dataclass(frozen=True, slots=True)
class FieldStep:
    """.field in the target of an assignment: SET address.city = …"""

    field: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class SubscriptStep:
    """[i] or [i:j] in the target of an assignment: SET a[1] = …"""

    lower: Expression | None
    upper: Expression | None
    is_slice: bool
    position: int = -1


@dataclass(frozen=True, slots=True)
class AssignmentTarget:
    """A column that gets a value, in INSERT's list or left of SET's =."""

    column: str
    steps: tuple[FieldStep | SubscriptStep, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class Assignment:
    """SET a = x (one target), or SET (a, b) = source (is_multiple; a row or a subquery)."""

    targets: tuple[AssignmentTarget, ...]
    value: Expression
    is_multiple: bool = False
    position: int = -1


class Overriding(Enum):
    NONE = ""
    USER = "OVERRIDING USER VALUE"
    SYSTEM = "OVERRIDING SYSTEM VALUE"


@dataclass(frozen=True, slots=True)
class InferenceItem:
    """A column or expression by which ON CONFLICT (and CREATE INDEX) finds or makes an index.

    ON CONFLICT allows no direction and no NULLS order; the binder refuses them.
    """

    expression: Expression
    collation: tuple[str, ...] = ()
    operator_class: tuple[str, ...] = ()
    direction: SortDirection = SortDirection.DEFAULT
    nulls: NullsOrder = NullsOrder.DEFAULT
    position: int = -1


@dataclass(frozen=True, slots=True)
class OnConflict:
    """is_update false: DO NOTHING. constraint: ON CONFLICT ON CONSTRAINT name."""

    is_update: bool
    items: tuple[InferenceItem, ...] = ()
    index_where: Expression | None = None
    constraint: str | None = None
    assignments: tuple[Assignment, ...] = ()
    where: Expression | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Insert:
    """source None: DEFAULT VALUES. columns empty: all of them in order."""

    relation: RelationName
    alias: Alias | None
    columns: tuple[AssignmentTarget, ...]
    source: Query | None
    overriding: Overriding = Overriding.NONE
    on_conflict: OnConflict | None = None
    returning: tuple[Target, ...] = ()
    with_clause: With | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Update:
    table: TableReference
    assignments: tuple[Assignment, ...]
    from_items: tuple[FromItem, ...] = ()
    where: Expression | None = None
    returning: tuple[Target, ...] = ()
    with_clause: With | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Delete:
    table: TableReference
    using: tuple[FromItem, ...] = ()
    where: Expression | None = None
    returning: tuple[Target, ...] = ()
    with_clause: With | None = None
    position: int = -1


class MergeAction(Enum):
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    DO_NOTHING = "DO NOTHING"


@dataclass(frozen=True, slots=True)
class MergeWhen:
    """values None with INSERT: DEFAULT VALUES."""

    is_matched: bool
    condition: Expression | None
    action: MergeAction
    assignments: tuple[Assignment, ...] = ()
    columns: tuple[AssignmentTarget, ...] = ()
    values: tuple[Expression, ...] | None = None
    overriding: Overriding = Overriding.NONE
    position: int = -1


@dataclass(frozen=True, slots=True)
class Merge:
    table: TableReference
    source: FromItem
    on: Expression
    whens: tuple[MergeWhen, ...]
    with_clause: With | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Option:
    """name value, as in WITH (…), COPY, EXPLAIN and VACUUM options.

    value: None (just the name), True or False, an int, a str (numbers with a point, words and
    strings alike), or a tuple of str: a list, or ("*",) for a star.
    """

    name: str
    value: bool | int | str | tuple[str, ...] | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY relation or query; file None is STDIN or STDOUT. Old option forms come as options."""

    relation: RelationName | None
    query: "Query | Insert | Update | Delete | None"
    columns: tuple[str, ...]
    is_from: bool
    file: str | None = None
    is_program: bool = False
    options: tuple[Option, ...] = ()
    where: Expression | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Truncate:
    relations: tuple[TableReference, ...]
    restart_identity: bool = False
    cascade: bool = False
    position: int = -1

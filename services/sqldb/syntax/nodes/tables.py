"""Syntax nodes of tables: CREATE TABLE, its columns and constraints, the actions of ALTER TABLE."""

from dataclasses import dataclass
from enum import Enum

from services.sqldb.syntax.nodes.changes import Option
from services.sqldb.syntax.nodes.expressions import Expression, TypeName
from services.sqldb.syntax.nodes.queries import Query, RelationName


@dataclass(frozen=True, slots=True)
class SequenceOption:
    """name is one of: as, cache, cycle, increment, maxvalue, minvalue, owned_by, sequence_name,
    start, restart.

    value: int; bool for cycle; a TypeName for as; a tuple of names for owned_by (("none",) for
    NONE) and sequence_name; None for NO MAXVALUE, NO MINVALUE and a bare RESTART.
    """

    name: str
    value: int | bool | TypeName | tuple[str, ...] | None = None
    position: int = -1


class Persistence(Enum):
    PERMANENT = "p"
    UNLOGGED = "u"
    TEMPORARY = "t"


class OnCommit(Enum):
    PRESERVE_ROWS = "PRESERVE ROWS"
    DELETE_ROWS = "DELETE ROWS"
    DROP = "DROP"


@dataclass(frozen=True, slots=True)
class ConstraintTraits:
    """When a constraint is checked. None: not said (then NOT DEFERRABLE INITIALLY IMMEDIATE)."""

    is_deferrable: bool | None = None
    is_initially_deferred: bool | None = None
    is_not_valid: bool = False
    is_no_inherit: bool = False


NO_TRAITS = ConstraintTraits()


@dataclass(frozen=True, slots=True)
class NotNull:
    name: str | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Nullable:
    """The word NULL among the constraints of a column."""

    name: str | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class DefaultValue:
    expression: Expression
    name: str | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Identity:
    """GENERATED ALWAYS | BY DEFAULT AS IDENTITY (options of a sequence)."""

    is_always: bool
    options: tuple[SequenceOption, ...] = ()
    name: str | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class GeneratedStored:
    expression: Expression
    name: str | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Check:
    expression: Expression
    name: str | None = None
    traits: ConstraintTraits = NO_TRAITS
    position: int = -1


@dataclass(frozen=True, slots=True)
class Unique:
    """UNIQUE or PRIMARY KEY; columns is empty when written behind a column."""

    is_primary: bool
    columns: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    options: tuple[Option, ...] = ()
    using_index: str | None = None
    name: str | None = None
    traits: ConstraintTraits = NO_TRAITS
    position: int = -1


class ReferentialAction(Enum):
    """The letters are those of pg_constraint.confupdtype and confdeltype."""

    NO_ACTION = "a"
    RESTRICT = "r"
    CASCADE = "c"
    SET_NULL = "n"
    SET_DEFAULT = "d"


class MatchKind(Enum):
    SIMPLE = "s"
    FULL = "f"
    PARTIAL = "p"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """columns is empty when written behind a column, referenced_columns when not written."""

    relation: RelationName
    columns: tuple[str, ...] = ()
    referenced_columns: tuple[str, ...] = ()
    match: MatchKind = MatchKind.SIMPLE
    on_update: ReferentialAction = ReferentialAction.NO_ACTION
    on_delete: ReferentialAction = ReferentialAction.NO_ACTION
    # ON DELETE SET NULL (a, b): only these columns of the key.
    on_delete_columns: tuple[str, ...] = ()
    name: str | None = None
    traits: ConstraintTraits = NO_TRAITS
    position: int = -1


ColumnConstraint = (
    NotNull | Nullable | DefaultValue | Identity | GeneratedStored | Check | Unique | ForeignKey
)
TableConstraint = Check | Unique | ForeignKey


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """type_name None: the column list of CREATE TABLE … AS or of a view names columns alone."""

    name: str
    type_name: TypeName
    collation: tuple[str, ...] = ()
    constraints: tuple[ColumnConstraint, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class LikeTable:
    """LIKE source INCLUDING …; including holds the words in lower case, 'all' spelled out."""

    relation: RelationName
    including: frozenset[str] = frozenset()
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateTable:
    relation: RelationName
    elements: tuple[ColumnDefinition | TableConstraint | LikeTable, ...]
    persistence: Persistence = Persistence.PERMANENT
    if_not_exists: bool = False
    inherits: tuple[RelationName, ...] = ()
    options: tuple[Option, ...] = ()
    on_commit: OnCommit = OnCommit.PRESERVE_ROWS
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateTableAs:
    """CREATE TABLE … AS query or AS EXECUTE name(…); also CREATE MATERIALIZED VIEW."""

    relation: RelationName
    columns: tuple[str, ...]
    query: "Query | Execute"
    persistence: Persistence = Persistence.PERMANENT
    if_not_exists: bool = False
    with_data: bool = True
    is_materialized_view: bool = False
    options: tuple[Option, ...] = ()
    on_commit: OnCommit = OnCommit.PRESERVE_ROWS
    position: int = -1


@dataclass(frozen=True, slots=True)
class Execute:
    """EXECUTE name (arguments)"""

    name: str
    arguments: tuple[Expression, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class AddColumn:
    column: ColumnDefinition
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropColumn:
    column: str
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class SetColumnDefault:
    """expression None: DROP DEFAULT."""

    column: str
    expression: Expression | None


@dataclass(frozen=True, slots=True)
class SetColumnNotNull:
    column: str
    is_not_null: bool


@dataclass(frozen=True, slots=True)
class SetColumnType:
    column: str
    type_name: TypeName
    collation: tuple[str, ...] = ()
    using: Expression | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class AddIdentity:
    column: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class AlterIdentity:
    """SET GENERATED …, SET sequence option, RESTART; is_always None: not said."""

    column: str
    is_always: bool | None
    options: tuple[SequenceOption, ...] = ()


@dataclass(frozen=True, slots=True)
class DropIdentity:
    column: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropExpression:
    """A generated column becomes an ordinary one."""

    column: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class SetColumnStatistics:
    """SET STATISTICS, SET STORAGE, SET (…), SET COMPRESSION: accepted, without an effect here."""

    column: str
    what: str
    value: int | str | None = None


@dataclass(frozen=True, slots=True)
class AddConstraint:
    constraint: TableConstraint


@dataclass(frozen=True, slots=True)
class DropConstraint:
    constraint: str
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class ValidateConstraint:
    constraint: str


@dataclass(frozen=True, slots=True)
class AlterConstraint:
    constraint: str
    traits: ConstraintTraits


@dataclass(frozen=True, slots=True)
class ChangeOwner:
    """The name of a role, or CURRENT_USER, CURRENT_ROLE, SESSION_USER in capitals."""

    role: str


@dataclass(frozen=True, slots=True)
class SetTableOptions:
    """SET (fillfactor = 70) or RESET (fillfactor)."""

    options: tuple[Option, ...]
    is_reset: bool = False


@dataclass(frozen=True, slots=True)
class SetLogged:
    is_logged: bool


@dataclass(frozen=True, slots=True)
class OtherTableAction:
    """What PostgreSQL can and we refuse by name: triggers, rules, inheritance, row security …"""

    what: str
    position: int = -1


AlterTableAction = (
    AddColumn
    | DropColumn
    | SetColumnDefault
    | SetColumnNotNull
    | SetColumnType
    | AddIdentity
    | AlterIdentity
    | DropIdentity
    | DropExpression
    | SetColumnStatistics
    | AddConstraint
    | DropConstraint
    | ValidateConstraint
    | AlterConstraint
    | ChangeOwner
    | SetTableOptions
    | SetLogged
    | OtherTableAction
)

"""The objects of a database as immutable values, with PostgreSQL's letters where it has some.

Expressions (defaults, checks, index keys, views) are kept as SQL text in normal form, and bound
again when they are needed: text survives every change of our own classes. # Real: pg_node_tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# Oids below are PostgreSQL's own; those of users begin where PostgreSQL's begin.
FIRST_USER_OID = 16384
BOOTSTRAP_ROLE_OID = 10
DATABASE_OWNER_ROLE_OID = 6171  # pg_database_owner, whose one member owns the database
DATABASE_OID = 5
PG_CATALOG_OID = 11
PUBLIC_SCHEMA_OID = 2200
INFORMATION_SCHEMA_OID = 13000


@dataclass(frozen=True, slots=True)
class Schema:
    oid: int
    name: str
    owner: int = BOOTSTRAP_ROLE_OID


@dataclass(frozen=True, slots=True)
class Column:
    """One column. A dropped one keeps its place, so that the rows that are there stay right."""

    name: str
    type_oid: int
    typmod: int = -1
    is_not_null: bool = False
    default: str | None = None  # SQL text
    identity: str = ""  # 'a' GENERATED ALWAYS, 'd' BY DEFAULT
    generated: str | None = None  # SQL text of GENERATED ALWAYS AS (…) STORED
    # Of a serial or identity column: the sequence whose next number is its default.
    sequence_oid: int = 0
    is_dropped: bool = False
    collation: str = ""
    statistics_target: int = -1  # SET STATISTICS: kept and shown, without effect


class TableKind(Enum):
    TABLE = "r"
    VIEW = "v"
    # Virtual tables of the catalog: rows come from a function.
    SYSTEM = "s"


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view: what can stand in FROM. Its columns count from 0; `attnum` is one more."""

    oid: int
    schema_oid: int
    name: str
    columns: tuple[Column, ...]
    kind: TableKind = TableKind.TABLE
    owner: int = BOOTSTRAP_ROLE_OID
    definition: str = ""  # The query of a view
    references: tuple[int, ...] = ()  # The relations that a view reads, by oid
    # A temporary table belongs to a session and dies with it.
    is_temporary: bool = False
    on_commit: str = ""  # "delete" or "drop", of temporary tables
    options: tuple[str, ...] = ()  # fillfactor=100: kept and shown, without effect
    # The heap with its rows; TRUNCATE gives the table another.
    storage_oid: int = 0
    row_type_oid: int = 0

    def column_index(self, name: str) -> int | None:
        for index, column in enumerate(self.columns):
            if column.name == name and not column.is_dropped:
                return index
        return None

    def live_columns(self) -> list[tuple[int, Column]]:
        return [
            (index, column) for index, column in enumerate(self.columns) if not column.is_dropped
        ]


@dataclass(frozen=True, slots=True)
class IndexKey:
    """A column by its index, or (column -1) an expression in SQL text."""

    column: int
    expression: str = ""
    is_descending: bool = False
    nulls_first: bool = False
    operator_class: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    oid: int
    schema_oid: int
    name: str
    table_oid: int
    keys: tuple[IndexKey, ...]
    is_unique: bool = False
    is_primary: bool = False
    included: tuple[int, ...] = ()  # INCLUDE columns
    predicate: str = ""  # WHERE of a partial index, SQL text
    nulls_not_distinct: bool = False
    # Of a DEFERRABLE constraint: uniqueness is looked at when the statement or transaction ends.
    is_deferrable: bool = False
    initially_deferred: bool = False
    method: str = "btree"
    options: tuple[str, ...] = ()  # fillfactor=70: kept and shown, without effect

    @property
    def is_built(self) -> bool:
        """Others are declarations: see `commands.index_methods`."""
        return self.method == "btree"


class ConstraintKind(Enum):
    PRIMARY_KEY = "p"
    UNIQUE = "u"
    CHECK = "c"
    FOREIGN_KEY = "f"


class ForeignKeyAction(Enum):
    NO_ACTION = "a"
    RESTRICT = "r"
    CASCADE = "c"
    SET_NULL = "n"
    SET_DEFAULT = "d"


@dataclass(frozen=True, slots=True)
class Constraint:
    """`columns` are indexes into the table's columns (foreign: into those of the other table)."""

    oid: int
    schema_oid: int
    name: str
    kind: ConstraintKind
    table_oid: int
    columns: tuple[int, ...] = ()
    expression: str = ""  # CHECK, SQL text
    index_oid: int = 0  # PRIMARY KEY, UNIQUE: its index; FOREIGN KEY: the index on the other side
    foreign_table_oid: int = 0
    foreign_columns: tuple[int, ...] = ()
    on_update: ForeignKeyAction = ForeignKeyAction.NO_ACTION
    on_delete: ForeignKeyAction = ForeignKeyAction.NO_ACTION
    on_delete_columns: tuple[int, ...] = ()  # ON DELETE SET NULL (a, b)
    match_full: bool = False
    is_deferrable: bool = False
    initially_deferred: bool = False
    is_validated: bool = True


@dataclass(frozen=True, slots=True)
class Sequence:
    """What a sequence is; where it stands is a value of its own, outside of transactions."""

    oid: int
    schema_oid: int
    name: str
    type_oid: int
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int = 1
    cycles: bool = False
    owner_table_oid: int = 0  # OWNED BY: dropped together with the column
    owner_column: int = -1
    is_identity: bool = False
    owner: int = BOOTSTRAP_ROLE_OID
    is_temporary: bool = False


@dataclass(frozen=True, slots=True)
class EnumType:
    oid: int
    array_oid: int
    schema_oid: int
    name: str
    labels: tuple[tuple[float, str], ...]  # (order, label)
    owner: int = BOOTSTRAP_ROLE_OID


@dataclass(frozen=True, slots=True)
class CompositeType:
    """A row type: of CREATE TYPE … AS (…), and one for each table (then `table_oid`)."""

    oid: int
    array_oid: int
    schema_oid: int
    name: str
    columns: tuple[Column, ...]
    table_oid: int = 0
    owner: int = BOOTSTRAP_ROLE_OID


@dataclass(frozen=True, slots=True)
class DomainCheck:
    name: str
    expression: str  # SQL text; the value is called VALUE
    is_validated: bool = True


@dataclass(frozen=True, slots=True)
class DomainType:
    oid: int
    array_oid: int
    schema_oid: int
    name: str
    base_oid: int
    typmod: int = -1
    is_not_null: bool = False
    default: str | None = None  # SQL text
    checks: tuple[DomainCheck, ...] = ()
    owner: int = BOOTSTRAP_ROLE_OID


@dataclass(frozen=True, slots=True)
class RoutineArgument:
    """mode: i in, o out, b both, v variadic, t a column of RETURNS TABLE."""

    name: str
    type_oid: int
    mode: str = "i"
    default: str | None = None  # SQL text

    @property
    def is_input(self) -> bool:
        return self.mode in "ibv"

    @property
    def is_output(self) -> bool:
        return self.mode in "obt"


@dataclass(frozen=True, slots=True)
class SqlRoutine:
    """A function or procedure of SQL statements. Several of a name differ in their arguments."""

    oid: int
    schema_oid: int
    name: str
    arguments: tuple[RoutineArgument, ...]
    result_oid: int
    returns_set: bool = False
    body: str = ""
    volatility: str = "v"
    is_strict: bool = False
    is_procedure: bool = False
    is_standard: bool = False  # The body was RETURN … or BEGIN ATOMIC …
    owner: int = BOOTSTRAP_ROLE_OID
    is_security_definer: bool = False  # It runs with its owner's rights

    @property
    def input_oids(self) -> tuple[int, ...]:
        return tuple(one.type_oid for one in self.arguments if one.is_input)

    @property
    def type_oids(self) -> tuple[int, ...]:
        """All types that it needs."""
        return self.result_oid, *(one.type_oid for one in self.arguments)

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.arguments if one.is_input)

    @property
    def key(self) -> str:
        """Its name among others of the schema."""
        return f"{self.name}({','.join(map(str, self.input_oids))})"


@dataclass(frozen=True, slots=True)
class Role:
    oid: int
    name: str
    is_superuser: bool = False
    can_login: bool = True
    can_create_db: bool = False
    can_create_role: bool = False
    # "SCRAM-SHA-256$4096:salt$stored:server", as PostgreSQL keeps it.
    password: str = ""
    member_of: tuple[int, ...] = ()
    admin_of: tuple[int, ...] = ()  # Those of them that it may grant to others
    inherits: bool = True
    can_replicate: bool = False
    bypasses_row_security: bool = False
    connection_limit: int = -1
    valid_until: str = ""


@dataclass(frozen=True, slots=True)
class AccessList:
    """Who may do what with an object, where it is not what its kind begins with.

    `items`: (role, or 0 for PUBLIC; who granted it; letters of rights; those of them that may be
    granted on). See `privileges`. `column` 0 or an attnum.
    """

    oid: int
    class_oid: int
    object_oid: int
    column: int
    items: tuple[tuple[int, int, str, str], ...]


@dataclass(frozen=True, slots=True)
class DefaultAccess:
    """ALTER DEFAULT PRIVILEGES: the access list of objects that a role is going to make.

    `schema_oid` 0: in any schema. `kind`: r, S, f, T, n as in pg_default_acl.
    """

    oid: int
    role_oid: int
    schema_oid: int
    kind: str
    items: tuple[tuple[int, int, str, str], ...]


@dataclass(frozen=True, slots=True)
class Comment:
    """COMMENT ON: `class_oid` is the system table of the object, `column` 0 or its attnum."""

    oid: int
    class_oid: int
    object_oid: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """What ANALYZE found of one column; `column` -1: of the table (row_count only)."""

    oid: int
    table_oid: int
    column: int
    row_count: float
    null_fraction: float = 0.0
    # How many different values; negative: as a fraction of the rows, as PostgreSQL keeps it.
    distinct: float = 0.0
    most_common: tuple[tuple[object, float], ...] = ()
    histogram: tuple = ()
    width: int = 0
    # From -1 to 1: how far the rows lie in the order of the column.
    correlation: float = 0.0


Definition = (
    Schema
    | Table
    | Index
    | Constraint
    | Sequence
    | EnumType
    | CompositeType
    | DomainType
    | Role
    | SqlRoutine
    | AccessList
    | DefaultAccess
    | Comment
    | Statistics
)

"""Syntax nodes of the other definitions: indexes, views, sequences, types, roles, DROP, GRANT."""

from dataclasses import dataclass
from enum import Enum

from services.sqldb.syntax.nodes.changes import InferenceItem, Option
from services.sqldb.syntax.nodes.expressions import Expression, TypeName
from services.sqldb.syntax.nodes.queries import Query, RelationName, TableReference
from services.sqldb.syntax.nodes.tables import (
    AlterTableAction,
    ColumnConstraint,
    ColumnDefinition,
    Persistence,
    SequenceOption,
)


class ObjectKind(Enum):
    """What DROP, COMMENT, RENAME and GRANT speak of; the value is the words in messages."""

    TABLE = "table"
    INDEX = "index"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FOREIGN_TABLE = "foreign table"
    SEQUENCE = "sequence"
    SCHEMA = "schema"
    TYPE = "type"
    DOMAIN = "domain"
    COLUMN = "column"
    CONSTRAINT = "constraint"
    DOMAIN_CONSTRAINT = "domain constraint"
    ATTRIBUTE = "attribute"
    DATABASE = "database"
    ROLE = "role"
    EXTENSION = "extension"
    COLLATION = "collation"
    CONVERSION = "conversion"
    FUNCTION = "function"
    PROCEDURE = "procedure"
    ROUTINE = "routine"
    AGGREGATE = "aggregate"
    OPERATOR = "operator"
    OPERATOR_CLASS = "operator class"
    OPERATOR_FAMILY = "operator family"
    CAST = "cast"
    TRIGGER = "trigger"
    EVENT_TRIGGER = "event trigger"
    RULE = "rule"
    POLICY = "policy"
    PUBLICATION = "publication"
    SUBSCRIPTION = "subscription"
    STATISTICS = "statistics"
    TABLESPACE = "tablespace"
    LANGUAGE = "language"
    TRANSFORM = "transform"
    LARGE_OBJECT = "large object"
    ACCESS_METHOD = "access method"
    SERVER = "server"
    FOREIGN_DATA_WRAPPER = "foreign-data wrapper"
    USER_MAPPING = "user mapping"
    TEXT_SEARCH = "text search object"


@dataclass(frozen=True, slots=True)
class AlterTable:
    """ALTER TABLE, INDEX, VIEW, SEQUENCE … with actions of a table; kind says which was written."""

    kind: ObjectKind
    table: TableReference
    actions: tuple[AlterTableAction, ...]
    if_exists: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class Rename:
    """ALTER kind name RENAME [COLUMN old | CONSTRAINT old] TO new_name.

    For a column, attribute or constraint, `kind` is COLUMN, ATTRIBUTE or CONSTRAINT, and
    `relation_kind` what the statement began with; `old_name` is the part that is renamed.
    """

    kind: ObjectKind
    name: tuple[str, ...]
    new_name: str
    old_name: str | None = None
    relation_kind: ObjectKind | None = None
    if_exists: bool = False
    cascade: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class SetSchema:
    kind: ObjectKind
    name: tuple[str, ...]
    schema: str
    if_exists: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class AlterOwner:
    """ALTER SCHEMA / DATABASE / TYPE / … name OWNER TO role."""

    kind: ObjectKind
    name: tuple[str, ...]
    role: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class Drop:
    """names: one tuple for each object, as written."""

    kind: ObjectKind
    names: tuple[tuple[str, ...], ...]
    if_exists: bool = False
    cascade: bool = False
    is_concurrent: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateIndex:
    relation: RelationName
    items: tuple[InferenceItem, ...]
    name: str | None = None
    method: str = "btree"
    is_unique: bool = False
    is_concurrent: bool = False
    if_not_exists: bool = False
    is_only: bool = False
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    options: tuple[Option, ...] = ()
    where: Expression | None = None
    position: int = -1


class CheckOption(Enum):
    NONE = ""
    LOCAL = "LOCAL"
    CASCADED = "CASCADED"


@dataclass(frozen=True, slots=True)
class CreateView:
    """RECURSIVE comes already rewritten to the WITH RECURSIVE that it means."""

    relation: RelationName
    columns: tuple[str, ...]
    query: Query
    or_replace: bool = False
    is_temporary: bool = False
    check_option: CheckOption = CheckOption.NONE
    options: tuple[Option, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class RefreshMaterializedView:
    relation: RelationName
    is_concurrent: bool = False
    with_data: bool = True
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateSequence:
    relation: RelationName
    options: tuple[SequenceOption, ...] = ()
    persistence: Persistence = Persistence.PERMANENT
    if_not_exists: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class AlterSequence:
    relation: RelationName
    options: tuple[SequenceOption, ...]
    if_exists: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateSchema:
    """name None: CREATE SCHEMA AUTHORIZATION role (the role's name). elements are run inside it."""

    name: str | None
    role: str | None = None
    if_not_exists: bool = False
    elements: tuple[object, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateEnum:
    name: tuple[str, ...]
    labels: tuple[str, ...]
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateComposite:
    name: tuple[str, ...]
    columns: tuple[ColumnDefinition, ...]
    position: int = -1


@dataclass(frozen=True, slots=True)
class AlterComposite:
    """ALTER TYPE name ADD ATTRIBUTE …, with the actions of ALTER TABLE for columns."""

    name: tuple[str, ...]
    actions: tuple[object, ...]
    position: int = -1


@dataclass(frozen=True, slots=True)
class AddEnumLabel:
    """ALTER TYPE name ADD VALUE label [BEFORE | AFTER neighbour]; without a neighbour: last."""

    name: tuple[str, ...]
    label: str
    neighbour: str | None = None
    is_after: bool = True
    if_not_exists: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class RenameEnumLabel:
    name: tuple[str, ...]
    old_label: str
    new_label: str
    position: int = -1


class FunctionName(tuple):
    """The parts of a name; `arguments` are the types in parentheses behind it, None: none there."""

    arguments: "tuple[TypeName, ...] | None"

    def __new__(
        cls, parts: tuple[str, ...], arguments: "tuple[TypeName, ...] | None" = None
    ) -> "FunctionName":
        made = super().__new__(cls, parts)
        made.arguments = arguments
        return made


class ArgumentMode(Enum):
    """The letters of pg_proc.proargmodes."""

    IN = "i"
    OUT = "o"
    INOUT = "b"
    VARIADIC = "v"
    TABLE = "t"


@dataclass(frozen=True, slots=True)
class FunctionArgument:
    name: str
    type_name: TypeName
    mode: ArgumentMode = ArgumentMode.IN
    default: Expression | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateFunction:
    """CREATE FUNCTION, CREATE PROCEDURE. `columns` are those of RETURNS TABLE.

    is_standard: the body was RETURN … or BEGIN ATOMIC …, not a string.
    """

    name: tuple[str, ...]
    arguments: tuple[FunctionArgument, ...]
    result: TypeName | None
    columns: tuple[FunctionArgument, ...] = ()
    or_replace: bool = False
    is_procedure: bool = False
    language: str = ""
    body: str | None = None
    is_standard: bool = False
    volatility: str = "v"
    is_strict: bool = False
    is_security_definer: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class CallProcedure:
    """CALL f(1, 'a')"""

    call: Expression
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateDomain:
    name: tuple[str, ...]
    type_name: TypeName
    collation: tuple[str, ...] = ()
    constraints: tuple[ColumnConstraint, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class AlterDomain:
    """action: SetColumnDefault, SetColumnNotNull (column ""), AddConstraint, DropConstraint,
    ValidateConstraint."""

    name: tuple[str, ...]
    action: AlterTableAction
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateRole:
    """kind: role, user or group. options: superuser, createdb, createrole, inherit, login,
    replication, bypassrls, connection_limit, password (None: PASSWORD NULL), valid_until,
    in_role, role, admin (tuples of names), sysid."""

    kind: str
    name: str
    options: tuple[Option, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class AlterRole:
    name: str
    options: tuple[Option, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class AlterRoleSetting:
    """ALTER ROLE name | ALL [IN DATABASE db] SET …; ALTER DATABASE name SET … has role None."""

    role: str | None
    database: str | None
    setting: object
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    name: str
    options: tuple[Option, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class DropDatabase:
    name: str
    if_exists: bool = False
    is_forced: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class DropRole:
    names: tuple[str, ...]
    if_exists: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class CreateExtension:
    name: str
    if_not_exists: bool = False
    options: tuple[Option, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class Comment:
    """COMMENT ON kind name IS text; for a column the last name is the column's, for a constraint
    `name` is the table and `part` the constraint."""

    kind: ObjectKind
    name: tuple[str, ...]
    text: str | None
    part: str | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Privilege:
    """name in lower case, or "all"; columns in GRANT SELECT (a, b)."""

    name: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """GRANT or REVOKE (is_grant) privileges ON kind names TO roles.

    in_schema: ALL TABLES IN SCHEMA names (then names are schemas).
    """

    is_grant: bool
    privileges: tuple[Privilege, ...]
    kind: ObjectKind
    names: tuple[tuple[str, ...], ...]
    roles: tuple[str, ...]
    in_schema: bool = False
    with_grant_option: bool = False
    cascade: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class AlterDefaultPrivileges:
    """ALTER DEFAULT PRIVILEGES FOR ROLE … IN SCHEMA … GRANT … ON object_kind (tables …) TO …"""

    for_roles: tuple[str, ...]
    schemas: tuple[str, ...]
    is_grant: bool
    privileges: tuple[Privilege, ...]
    object_kind: str
    roles: tuple[str, ...]
    with_grant_option: bool = False
    cascade: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class OwnedBy:
    """DROP OWNED BY roles; REASSIGN OWNED BY roles TO new_owner."""

    roles: tuple[str, ...]
    new_owner: str | None = None
    cascade: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class GrantRole:
    is_grant: bool
    granted: tuple[str, ...]
    roles: tuple[str, ...]
    with_admin_option: bool = False
    cascade: bool = False
    position: int = -1
    is_alter_group: bool = False

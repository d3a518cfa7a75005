"""Syntax nodes of everything else: transactions, settings, cursors, prepared statements, upkeep."""

from dataclasses import dataclass
from enum import Enum

from services.sqldb.syntax.nodes.changes import Delete, Insert, Merge, Option, Update
from services.sqldb.syntax.nodes.expressions import TypeName
from services.sqldb.syntax.nodes.queries import Query, RelationName, TableReference
from services.sqldb.syntax.nodes.tables import CreateTableAs, Execute


@dataclass(frozen=True, slots=True)
class TransactionModes:
    """None: not said. isolation in lower case: "read committed"."""

    isolation: str | None = None
    read_only: bool | None = None
    deferrable: bool | None = None


NO_MODES = TransactionModes()


@dataclass(frozen=True, slots=True)
class Begin:
    """BEGIN or START TRANSACTION (is_start: the command tag differs)."""

    modes: TransactionModes = NO_MODES
    is_start: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class Commit:
    and_chain: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class Rollback:
    and_chain: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class Savepoint:
    name: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class ReleaseSavepoint:
    name: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class RollbackToSavepoint:
    name: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class PrepareTransaction:
    """PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED: verb is the first word."""

    verb: str
    identifier: str
    position: int = -1


class SetScope(Enum):
    SESSION = "session"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class SetSetting:
    """SET [LOCAL] name = values. values: None is DEFAULT, () is FROM CURRENT.

    Items are str, int, bool-less words as str; SET TIME ZONE LOCAL is None. TIME ZONE INTERVAL is
    the one case where an item is a Cast.
    """

    name: str
    values: tuple[object, ...] | None
    scope: SetScope = SetScope.SESSION
    from_current: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class ResetSetting:
    """name None: RESET ALL."""

    name: str | None
    position: int = -1


@dataclass(frozen=True, slots=True)
class ShowSetting:
    """name None: SHOW ALL."""

    name: str | None
    position: int = -1


@dataclass(frozen=True, slots=True)
class SetTransaction:
    """SET TRANSACTION …, or SET SESSION CHARACTERISTICS AS TRANSACTION … (is_session)."""

    modes: TransactionModes
    is_session: bool = False
    snapshot: str | None = None
    position: int = -1


@dataclass(frozen=True, slots=True)
class SetConstraints:
    """names empty: ALL."""

    names: tuple[tuple[str, ...], ...]
    is_deferred: bool
    position: int = -1


@dataclass(frozen=True, slots=True)
class Prepare:
    name: str
    types: tuple[TypeName, ...]
    statement: "Query | Insert | Update | Delete | Merge"
    position: int = -1


@dataclass(frozen=True, slots=True)
class Deallocate:
    """name None: ALL."""

    name: str | None
    position: int = -1


@dataclass(frozen=True, slots=True)
class DeclareCursor:
    """is_scroll and is_insensitive None: not said."""

    name: str
    query: Query
    is_binary: bool = False
    is_scroll: bool | None = None
    is_insensitive: bool | None = None
    is_held: bool = False
    position: int = -1


class FetchDirection(Enum):
    FORWARD = "forward"
    BACKWARD = "backward"
    ABSOLUTE = "absolute"
    RELATIVE = "relative"


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH or MOVE (is_move); count None is ALL.

    NEXT comes as FORWARD 1, FIRST as ABSOLUTE 1, LAST as ABSOLUTE -1.
    """

    cursor: str
    direction: FetchDirection
    count: int | None
    is_move: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class CloseCursor:
    """name None: ALL."""

    name: str | None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Explain:
    """The old forms EXPLAIN ANALYZE VERBOSE come as options."""

    statement: "Query | Insert | Update | Delete | Merge | CreateTableAs | Execute | DeclareCursor"
    options: tuple[Option, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class VacuumTarget:
    relation: RelationName
    columns: tuple[str, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class Vacuum:
    """VACUUM, or ANALYZE with is_vacuum false. VACUUM ANALYZE has the option analyze."""

    is_vacuum: bool
    targets: tuple[VacuumTarget, ...] = ()
    options: tuple[Option, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class Reindex:
    """kind: index, table, schema, database or system."""

    kind: str
    name: tuple[str, ...]
    is_concurrent: bool = False
    options: tuple[Option, ...] = ()
    position: int = -1


@dataclass(frozen=True, slots=True)
class Cluster:
    relation: RelationName | None = None
    index: str | None = None
    is_verbose: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    position: int = -1


@dataclass(frozen=True, slots=True)
class Listen:
    channel: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class Unlisten:
    """channel None: *"""

    channel: str | None
    position: int = -1


@dataclass(frozen=True, slots=True)
class Notify:
    channel: str
    payload: str = ""
    position: int = -1


@dataclass(frozen=True, slots=True)
class LockTable:
    """mode in the words of pg_locks: "AccessExclusiveLock"."""

    relations: tuple[TableReference, ...]
    mode: str = "AccessExclusiveLock"
    nowait: bool = False
    position: int = -1


@dataclass(frozen=True, slots=True)
class Discard:
    """what: all, plans, sequences or temp."""

    what: str
    position: int = -1


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A statement that PostgreSQL has and this server has not: what is "CREATE FUNCTION".

    Its words are read up to the semicolon and not checked.
    """

    what: str
    position: int = -1


Statement = Query | Insert | Update | Delete | Merge | object


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """One statement of a text, and where it stands there: text[start:end], blanks cut off."""

    statement: Statement
    start: int
    end: int

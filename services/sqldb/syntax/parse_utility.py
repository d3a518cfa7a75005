"""The grammar of transactions, prepared statements, cursors, EXPLAIN and upkeep."""

from collections.abc import Callable

from services.sqldb.errors import SYNTAX_ERROR, SqlError
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_changes as changes
from services.sqldb.syntax import parse_copy as options
from services.sqldb.syntax import parse_definitions as definitions
from services.sqldb.syntax import parse_from as from_clause
from services.sqldb.syntax import parse_queries as queries
from services.sqldb.syntax import parse_roles as roles
from services.sqldb.syntax import parse_routines as routines
from services.sqldb.syntax import parse_settings as settings
from services.sqldb.syntax import parse_tables as tables
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import COLUMN_NAMES, TYPE_FUNCTION_NAMES
from services.sqldb.syntax.nodes import (
    Begin,
    Checkpoint,
    CloseCursor,
    Cluster,
    Commit,
    CreateTableAs,
    Deallocate,
    DeclareCursor,
    Discard,
    Explain,
    Fetch,
    FetchDirection,
    Listen,
    LockTable,
    Notify,
    Option,
    Prepare,
    PrepareTransaction,
    RefreshMaterializedView,
    Reindex,
    ReleaseSavepoint,
    Rollback,
    RollbackToSavepoint,
    Savepoint,
    Statement,
    TableReference,
    TransactionModes,
    TypeName,
    Unlisten,
    Unsupported,
    Vacuum,
    VacuumTarget,
)

_NON_RESERVED = COLUMN_NAMES | TYPE_FUNCTION_NAMES


# Transactions.


def _begin(cursor: Cursor) -> Begin:
    position = cursor.position
    is_start = cursor.take() == "start"
    if is_start:
        cursor.expect("transaction")
    else:
        _work(cursor)
    modes = TransactionModes()
    if cursor.kind in settings.MODE_STARTS:
        modes = settings.transaction_modes(cursor)
    return Begin(modes, is_start, position)


def _work(cursor: Cursor) -> None:
    if cursor.kind in ("work", "transaction"):
        cursor.advance()


def _commit(cursor: Cursor) -> Statement:
    position = cursor.position
    is_commit = cursor.take() == "commit"
    if is_commit and cursor.accept("prepared"):
        return PrepareTransaction("COMMIT", cursor.string(), position)
    _work(cursor)
    return Commit(_chain(cursor), position)


def _chain(cursor: Cursor) -> bool:
    """AND [NO] CHAIN"""
    if not cursor.accept("and"):
        return False
    is_chained = not cursor.accept("no")
    cursor.expect("chain")
    return is_chained


def _rollback(cursor: Cursor) -> Statement:
    position = cursor.position
    is_rollback = cursor.take() == "rollback"
    if is_rollback and cursor.accept("prepared"):
        return PrepareTransaction("ROLLBACK", cursor.string(), position)
    _work(cursor)
    if is_rollback and cursor.accept("to"):
        cursor.accept("savepoint")
        return RollbackToSavepoint(cursor.column_name(), position)
    return Rollback(_chain(cursor), position)


def _savepoint(cursor: Cursor) -> Savepoint:
    position = cursor.position
    cursor.advance()
    return Savepoint(cursor.column_name(), position)


def _release(cursor: Cursor) -> ReleaseSavepoint:
    position = cursor.position
    cursor.advance()
    if cursor.peek() not in (";", lexer.END):
        cursor.accept("savepoint")
    return ReleaseSavepoint(cursor.column_name(), position)


# Prepared statements and cursors.


def _prepare(cursor: Cursor) -> Statement:
    position = cursor.position
    cursor.expect("prepare")
    if cursor.kind == "transaction" and cursor.peek() == lexer.STRING:
        cursor.advance()
        return PrepareTransaction("PREPARE", cursor.string(), position)
    name = cursor.column_name()
    parameter_types: tuple[TypeName, ...] = ()
    if cursor.kind == "(":
        parameter_types = cursor.in_parentheses(types.type_name)
    cursor.expect("as")
    return Prepare(name, parameter_types, changes.preparable_statement(cursor), position)


def _deallocate(cursor: Cursor) -> Deallocate:
    position = cursor.position
    cursor.expect("deallocate")
    if cursor.kind == "prepare" and cursor.peek() not in (";", lexer.END):
        cursor.advance()
    return Deallocate(None if cursor.accept("all") else cursor.column_name(), position)


def _declare(cursor: Cursor) -> DeclareCursor:
    position = cursor.position
    cursor.expect("declare")
    name = cursor.column_name()
    is_binary = False
    is_scroll: bool | None = None
    is_insensitive: bool | None = None
    while cursor.kind != "cursor":
        if cursor.accept("binary"):
            is_binary = True
        elif cursor.accept("insensitive"):
            is_insensitive = True
        elif cursor.accept("asensitive"):
            is_insensitive = False
        elif cursor.accept("scroll"):
            is_scroll = True
        else:
            cursor.expect("no", "scroll")
            is_scroll = False
    cursor.expect("cursor")
    is_held = False
    if cursor.kind in ("with", "without") and cursor.peek() == "hold":
        is_held = cursor.take() == "with"
        cursor.expect("hold")
    cursor.expect("for")
    query = queries.query(cursor)
    return DeclareCursor(name, query, is_binary, is_scroll, is_insensitive, is_held, position)


_SINGLE_STEPS = {
    "next": (FetchDirection.FORWARD, 1),
    "prior": (FetchDirection.BACKWARD, 1),
    "first": (FetchDirection.ABSOLUTE, 1),
    "last": (FetchDirection.ABSOLUTE, -1),
}
_COUNTED = {
    "absolute": FetchDirection.ABSOLUTE,
    "relative": FetchDirection.RELATIVE,
}
_DIRECTED = {"forward": FetchDirection.FORWARD, "backward": FetchDirection.BACKWARD}
_FROM_OR_IN = frozenset(("from", "in"))


def _fetch(cursor: Cursor) -> Fetch:
    """FETCH or MOVE [direction] [FROM | IN] cursor"""
    position = cursor.position
    is_move = cursor.take() == "move"
    direction, count = FetchDirection.FORWARD, 1
    is_name = cursor.peek() in (";", lexer.END) and cursor.kind in COLUMN_NAMES
    if not is_name and cursor.kind not in _FROM_OR_IN:
        direction, count = _direction(cursor)
    if cursor.kind in _FROM_OR_IN:
        cursor.advance()
    return Fetch(cursor.column_name(), direction, count, is_move, position)


def _direction(cursor: Cursor) -> tuple[FetchDirection, int | None]:
    kind = cursor.kind
    if kind in _SINGLE_STEPS:
        cursor.advance()
        return _SINGLE_STEPS[kind]
    if kind in _COUNTED:
        cursor.advance()
        return _COUNTED[kind], cursor.signed_integer()
    if kind == "all":
        cursor.advance()
        return FetchDirection.FORWARD, None
    if kind in _DIRECTED:
        cursor.advance()
        if cursor.accept("all"):
            return _DIRECTED[kind], None
        if cursor.kind in (lexer.INTEGER, "+", "-"):
            return _DIRECTED[kind], cursor.signed_integer()
        return _DIRECTED[kind], 1
    if kind in (lexer.INTEGER, "+", "-"):
        return FetchDirection.FORWARD, cursor.signed_integer()
    if kind in COLUMN_NAMES:
        return FetchDirection.FORWARD, 1
    return cursor.fail()


def _close(cursor: Cursor) -> CloseCursor:
    position = cursor.position
    cursor.expect("close")
    return CloseCursor(None if cursor.accept("all") else cursor.column_name(), position)


# EXPLAIN and upkeep.


def _explain(cursor: Cursor) -> Explain:
    position = cursor.position
    cursor.expect("explain")
    found: tuple[Option, ...] = ()
    if cursor.kind == "(" and cursor.peek() not in ("select", "values", "with", "table", "("):
        found = options.options_in_parentheses(cursor)
    else:
        for words, name in ((("analyze", "analyse"), "analyze"), (("verbose",), "verbose")):
            if cursor.kind in words:
                found += (Option(name, None, cursor.position),)
                cursor.advance()
    return Explain(_explainable(cursor), found, position)


def _explainable(cursor: Cursor) -> Statement:
    place = cursor.position
    match cursor.kind:
        case "declare":
            return _declare(cursor)
        case "execute":
            return tables.execute(cursor)
        case "create":
            created = definitions.create(cursor)
            if not isinstance(created, CreateTableAs):
                raise SqlError(SYNTAX_ERROR, "syntax error in EXPLAIN", position=place)
            return created
        case "refresh":
            return _refresh(cursor)
    return changes.preparable_statement(cursor)


_ANALYZE_WORDS = ("analyze", "analyse")


def _vacuum(cursor: Cursor) -> Vacuum:
    position = cursor.position
    cursor.expect("vacuum")
    found: tuple[Option, ...] = ()
    if cursor.kind == "(":
        found = options.options_in_parentheses(cursor)
    else:
        for words in (("full",), ("freeze",), ("verbose",), _ANALYZE_WORDS):
            if cursor.kind in words:
                found += (Option(words[0], None, cursor.position),)
                cursor.advance()
    return Vacuum(True, _vacuum_targets(cursor), found, position)


def _analyze(cursor: Cursor) -> Vacuum:
    position = cursor.position
    cursor.advance()
    found: tuple[Option, ...] = ()
    if cursor.kind == "(":
        found = options.options_in_parentheses(cursor)
    elif cursor.kind == "verbose":
        found = (Option("verbose", None, cursor.position),)
        cursor.advance()
    return Vacuum(False, _vacuum_targets(cursor), found, position)


def _vacuum_targets(cursor: Cursor) -> tuple[VacuumTarget, ...]:
    if cursor.kind in (";", lexer.END):
        return ()
    return cursor.list_of(_vacuum_target)


def _vacuum_target(cursor: Cursor) -> VacuumTarget:
    position = cursor.position
    relation = from_clause.relation_name(cursor)
    columns = cursor.names_in_parentheses() if cursor.kind == "(" else ()
    return VacuumTarget(relation, columns, position)


def _reindex(cursor: Cursor) -> Reindex:
    position = cursor.position
    cursor.expect("reindex")
    found = options.options_in_parentheses(cursor) if cursor.kind == "(" else ()
    kind = cursor.expect_one_of(("index", "table", "schema", "database", "system"))
    is_concurrent = cursor.accept("concurrently")
    if kind in ("index", "table"):
        name = roles.names_of(from_clause.relation_name(cursor))
    else:
        name = (cursor.column_name(),)
    return Reindex(kind, name, is_concurrent, found, position)


def _cluster(cursor: Cursor) -> Cluster:
    position = cursor.position
    cursor.expect("cluster")
    if cursor.kind == "(":
        found = options.options_in_parentheses(cursor)
        is_verbose = any(option.name == "verbose" for option in found)
    else:
        is_verbose = cursor.accept("verbose")
    if cursor.kind in (";", lexer.END):
        return Cluster(None, None, is_verbose, position)
    relation = from_clause.relation_name(cursor)
    index = cursor.column_name() if cursor.accept("using") else None
    return Cluster(relation, index, is_verbose, position)


def _refresh(cursor: Cursor) -> RefreshMaterializedView:
    position = cursor.position
    cursor.expect("refresh", "materialized", "view")
    is_concurrent = cursor.accept("concurrently")
    relation = from_clause.relation_name(cursor)
    return RefreshMaterializedView(relation, is_concurrent, tables.with_data(cursor), position)


def _checkpoint(cursor: Cursor) -> Checkpoint:
    position = cursor.position
    cursor.advance()
    return Checkpoint(position)


# Notifications, locks and the rest.


def _listen(cursor: Cursor) -> Listen:
    position = cursor.position
    cursor.advance()
    return Listen(cursor.column_name(), position)


def _unlisten(cursor: Cursor) -> Unlisten:
    position = cursor.position
    cursor.advance()
    return Unlisten(None if cursor.accept("*") else cursor.column_name(), position)


def _notify(cursor: Cursor) -> Notify:
    position = cursor.position
    cursor.advance()
    channel = cursor.column_name()
    return Notify(channel, cursor.string() if cursor.accept(",") else "", position)


_LOCK_MODES = (
    (("access", "share"), "AccessShareLock"),
    (("row", "share"), "RowShareLock"),
    (("row", "exclusive"), "RowExclusiveLock"),
    (("share", "update", "exclusive"), "ShareUpdateExclusiveLock"),
    (("share", "row", "exclusive"), "ShareRowExclusiveLock"),
    (("share",), "ShareLock"),
    (("exclusive",), "ExclusiveLock"),
    (("access", "exclusive"), "AccessExclusiveLock"),
)


def _lock(cursor: Cursor) -> LockTable:
    position = cursor.position
    cursor.expect("lock")
    cursor.accept("table")
    relations = cursor.list_of(_lock_target)
    mode = "AccessExclusiveLock"
    if cursor.accept("in"):
        mode = _lock_mode(cursor)
        cursor.expect("mode")
    return LockTable(relations, mode, cursor.accept("nowait"), position)


def _lock_target(cursor: Cursor) -> TableReference:
    position = cursor.position
    relation, _, is_only = from_clause.relation_expression(cursor)
    return TableReference(relation, None, is_only, position)


def _lock_mode(cursor: Cursor) -> str:
    for words, mode in _LOCK_MODES:
        if all(cursor.peek(distance) == word for distance, word in enumerate(words)):
            cursor.expect(*words)
            return mode
    if cursor.kind in ("access", "row"):
        cursor.advance()
    return cursor.fail()


def _discard(cursor: Cursor) -> Discard:
    position = cursor.position
    cursor.expect("discard")
    what = cursor.expect_one_of(("all", "plans", "sequences", "temp", "temporary"))
    return Discard("temp" if what == "temporary" else what, position)


def _unsupported(*what: str) -> Callable[[Cursor], Statement]:
    def parse(cursor: Cursor) -> Unsupported:
        position = cursor.position
        cursor.expect(*what)
        definitions.skip_statement(cursor)
        return Unsupported(" ".join(what).upper(), position)

    return parse


STATEMENTS: dict[str, Callable[[Cursor], Statement]] = {
    "begin": _begin,
    "start": _begin,
    "commit": _commit,
    "end": _commit,
    "rollback": _rollback,
    "abort": _rollback,
    "savepoint": _savepoint,
    "release": _release,
    "set": settings.set_statement,
    "reset": settings.reset,
    "show": settings.show,
    "prepare": _prepare,
    "execute": tables.execute,
    "deallocate": _deallocate,
    "declare": _declare,
    "fetch": _fetch,
    "move": _fetch,
    "close": _close,
    "explain": _explain,
    "vacuum": _vacuum,
    "analyze": _analyze,
    "analyse": _analyze,
    "reindex": _reindex,
    "cluster": _cluster,
    "refresh": _refresh,
    "checkpoint": _checkpoint,
    "listen": _listen,
    "unlisten": _unlisten,
    "notify": _notify,
    "lock": _lock,
    "discard": _discard,
    "do": _unsupported("do"),
    "call": routines.call,
    "load": _unsupported("load"),
    "import": _unsupported("import", "foreign", "schema"),
    "reassign": roles.reassign_owned,
    "security": _unsupported("security", "label"),
}

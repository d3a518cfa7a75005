"""The grammar of SET, RESET and SHOW, and of the modes of transactions."""

from services.sqldb.errors import FEATURE_NOT_SUPPORTED, SYNTAX_ERROR, SqlError
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import COLUMN_NAMES, TYPE_FUNCTION_NAMES
from services.sqldb.syntax.nodes import (
    Cast,
    Literal,
    LiteralKind,
    ResetSetting,
    SetConstraints,
    SetScope,
    SetSetting,
    SetTransaction,
    ShowSetting,
    Statement,
    TransactionModes,
    TypeName,
)

_NON_RESERVED = COLUMN_NAMES | TYPE_FUNCTION_NAMES

MODE_STARTS = frozenset(("isolation", "read", "deferrable", "not"))


def transaction_modes(cursor: Cursor) -> TransactionModes:
    """ISOLATION LEVEL …, READ ONLY, DEFERRABLE; commas between them may be left out."""
    isolation = read_only = deferrable = None
    while True:
        if cursor.accept("isolation"):
            cursor.expect("level")
            isolation = _isolation_level(cursor)
        elif cursor.accept("read"):
            read_only = cursor.expect_one_of(("only", "write")) == "only"
        elif cursor.accept("deferrable"):
            deferrable = True
        else:
            cursor.expect("not", "deferrable")
            deferrable = False
        if not cursor.accept(",") and cursor.kind not in MODE_STARTS:
            return TransactionModes(isolation, read_only, deferrable)


def _isolation_level(cursor: Cursor) -> str:
    if cursor.accept("serializable"):
        return "serializable"
    if cursor.accept("repeatable"):
        cursor.expect("read")
        return "repeatable read"
    cursor.expect("read")
    return "read " + cursor.expect_one_of(("committed", "uncommitted"))


def set_or_reset(cursor: Cursor) -> SetSetting | ResetSetting:
    """SET name TO value or RESET name, as ALTER ROLE has it."""
    if cursor.kind == "reset":
        return reset(cursor)
    position = cursor.position
    cursor.expect("set")
    return _assignment(cursor, SetScope.SESSION, position)


def set_statement(cursor: Cursor) -> Statement:
    position = cursor.position
    cursor.expect("set")
    if cursor.kind == "constraints":
        return _set_constraints(cursor, position)
    if cursor.accept_words("session", "characteristics"):
        cursor.expect("as", "transaction")
        return SetTransaction(transaction_modes(cursor), is_session=True, position=position)
    scope = SetScope.SESSION
    if cursor.kind in ("local", "session") and cursor.peek() not in _AFTER_SETTING_NAME:
        scope = SetScope.LOCAL if cursor.take() == "local" else SetScope.SESSION
    if cursor.kind == "transaction" and cursor.peek() not in ("=", "to", "."):
        return _set_transaction(cursor, position)
    return _assignment(cursor, scope, position)


_AFTER_SETTING_NAME = frozenset(("=", "to", ".", "from", "authorization"))


def _set_transaction(cursor: Cursor, position: int) -> SetTransaction:
    cursor.expect("transaction")
    if cursor.accept("snapshot"):
        return SetTransaction(TransactionModes(), snapshot=cursor.string(), position=position)
    return SetTransaction(transaction_modes(cursor), position=position)


def _set_constraints(cursor: Cursor, position: int) -> SetConstraints:
    cursor.expect("constraints")
    names: tuple[tuple[str, ...], ...] = ()
    if not cursor.accept("all"):
        names = cursor.list_of(Cursor.any_name)
    is_deferred = cursor.expect_one_of(("deferred", "immediate")) == "deferred"
    return SetConstraints(names, is_deferred, position)


def _assignment(cursor: Cursor, scope: SetScope, position: int) -> SetSetting:
    """name = value, …, and the few settings that have words of their own. # Real: set_rest"""
    if cursor.accept_words("time", "zone"):
        return SetSetting("timezone", _zone(cursor), scope, position=position)
    if cursor.kind == "catalog" and cursor.peek() == lexer.STRING:
        raise SqlError(
            FEATURE_NOT_SUPPORTED, "current database cannot be changed", position=cursor.position
        )
    if cursor.kind == "schema" and cursor.peek() == lexer.STRING:
        cursor.advance()
        return SetSetting("search_path", (cursor.string(),), scope, position=position)
    if cursor.kind == "names" and cursor.peek() not in ("=", "to", "."):
        cursor.advance()
        values = (cursor.string(),) if cursor.kind == lexer.STRING else None
        if values is None:
            cursor.accept("default")
        return SetSetting("client_encoding", values, scope, position=position)
    if cursor.kind == "role" and cursor.peek() not in ("=", "to", "."):
        cursor.advance()
        return SetSetting("role", (_word_or_string(cursor),), scope, position=position)
    if cursor.accept_words("session", "authorization"):
        values = None if cursor.accept("default") else (_word_or_string(cursor),)
        return SetSetting("session_authorization", values, scope, position=position)
    name = _setting_name(cursor)
    if cursor.accept_phrase("from", "current"):
        return SetSetting(name, (), scope, True, position)
    cursor.expect_one_of(("to", "="))
    if cursor.accept("default"):
        return SetSetting(name, None, scope, position=position)
    return SetSetting(name, cursor.list_of(_setting_value), scope, position=position)


def _setting_name(cursor: Cursor) -> str:
    """work_mem, or app.user: a name of two parts. # Real: var_name"""
    parts = [cursor.column_name()]
    while cursor.accept("."):
        parts.append(cursor.column_name())
    return ".".join(parts)


def _word_or_string(cursor: Cursor) -> str:
    if cursor.kind not in _NON_RESERVED and cursor.kind != lexer.STRING:
        cursor.fail()
    return cursor.take()


def _setting_value(cursor: Cursor) -> str | int:
    """# Real: var_value"""
    match cursor.kind:
        case "true" | "false" | "on":
            return cursor.take()
        case lexer.INTEGER | lexer.NUMBER:
            return cursor.take()
        case "+" | "-":
            sign = cursor.take()
            if cursor.kind not in (lexer.INTEGER, lexer.NUMBER):
                cursor.fail()
            value = cursor.take()
            if isinstance(value, int):
                return -value if sign == "-" else value
            return f"-{value}" if sign == "-" else value
    return _word_or_string(cursor)


def _zone(cursor: Cursor) -> tuple[object, ...] | None:
    """The value of SET TIME ZONE: a name, hours, an interval, or DEFAULT and LOCAL."""
    if cursor.kind in ("default", "local"):
        cursor.advance()
        return None
    if cursor.kind in (lexer.STRING, lexer.IDENTIFIER, lexer.INTEGER, lexer.NUMBER, "+", "-"):
        return (_setting_value(cursor),)
    position = cursor.position
    cursor.expect("interval")
    digits = types.precision(cursor)
    place = cursor.position
    literal = Literal(LiteralKind.STRING, cursor.string(), place)
    fields = ""
    if not digits:
        fields_position = cursor.position
        fields, digits = types.interval_fields(cursor)
        if fields not in ("", "hour", "hour to minute"):
            message = "time zone interval must be HOUR or HOUR TO MINUTE"
            raise SqlError(SYNTAX_ERROR, message, position=fields_position)
    type_name = TypeName(
        ("pg_catalog", "interval"), digits, interval_fields=fields, position=position
    )
    return (Cast(literal, type_name),)


def reset(cursor: Cursor) -> ResetSetting:
    position = cursor.position
    cursor.expect("reset")
    return ResetSetting(_name_or_all(cursor), position)


def show(cursor: Cursor) -> ShowSetting:
    position = cursor.position
    cursor.expect("show")
    return ShowSetting(_name_or_all(cursor), position)


def _name_or_all(cursor: Cursor) -> str | None:
    if cursor.accept("all"):
        return None
    if cursor.accept_words("time", "zone"):
        return "timezone"
    if cursor.accept_words("transaction", "isolation"):
        cursor.expect("level")
        return "transaction_isolation"
    if cursor.accept_words("session", "authorization"):
        return "session_authorization"
    return _setting_name(cursor)

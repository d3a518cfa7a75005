"""The grammar of COPY, and of options in parentheses, which several statements have alike."""

from services.sqldb.errors import SYNTAX_ERROR, SqlError
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_changes as changes
from services.sqldb.syntax import parse_from as from_clause
from services.sqldb.syntax import parse_queries as queries
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import COLUMN_NAMES, TYPE_FUNCTION_NAMES
from services.sqldb.syntax.nodes import Copy, Option


def copy(cursor: Cursor) -> Copy:
    """COPY table [(columns)] FROM | TO …, or COPY (query) TO …"""
    position = cursor.position
    cursor.expect("copy")
    if cursor.kind == "(":
        return _copy_query(cursor, position)
    options = []
    if cursor.kind == "binary":
        options.append(Option("format", "binary", cursor.position))
        cursor.advance()
    relation = from_clause.relation_name(cursor)
    columns = cursor.names_in_parentheses() if cursor.kind == "(" else ()
    is_from = cursor.expect_one_of(("from", "to")) == "from"
    is_program, file = _source(cursor)
    if cursor.kind in ("using", "delimiters"):
        options.append(_old_delimiter(cursor))
    options += _copy_options(cursor)
    where_position = cursor.position
    where = queries.where_clause(cursor)
    if where is not None and not is_from:
        message = "WHERE clause not allowed with COPY TO"
        raise SqlError(SYNTAX_ERROR, message, position=where_position)
    return Copy(relation, None, columns, is_from, file, is_program, tuple(options), where, position)


def _copy_query(cursor: Cursor, position: int) -> Copy:
    cursor.expect("(")
    statement = changes.preparable_statement(cursor)
    cursor.expect(")", "to")
    is_program, file = _source(cursor)
    options = _copy_options(cursor)
    return Copy(None, statement, (), False, file, is_program, tuple(options), position=position)


def _source(cursor: Cursor) -> tuple[bool, str | None]:
    """[PROGRAM] 'file', STDIN or STDOUT: whether it is a program, and its name."""
    position = cursor.position
    is_program = cursor.accept("program")
    if cursor.kind in ("stdin", "stdout"):
        cursor.advance()
        if is_program:
            message = "STDIN/STDOUT not allowed with PROGRAM"
            raise SqlError(SYNTAX_ERROR, message, position=position)
        return False, None
    return is_program, cursor.string()


def _old_delimiter(cursor: Cursor) -> Option:
    """[USING] DELIMITERS 'c'"""
    position = cursor.position
    cursor.accept("using")
    cursor.expect("delimiters")
    return Option("delimiter", cursor.string(), position)


def _copy_options(cursor: Cursor) -> list[Option]:
    has_with = cursor.accept("with")
    if cursor.kind == "(":
        return list(cursor.in_parentheses(_copy_option))
    options = []
    while cursor.kind in _OLD_OPTIONS:
        options.append(_old_option(cursor))
    if has_with and not options and cursor.kind not in (";", lexer.END, "where"):
        cursor.fail()
    return options


_OLD_OPTIONS = frozenset(
    (
        "binary",
        "freeze",
        "delimiter",
        "null",
        "csv",
        "header",
        "quote",
        "escape",
        "force",
        "encoding",
    )
)


def _old_option(cursor: Cursor) -> Option:
    """BINARY, CSV, HEADER, DELIMITER [AS] 'c', FORCE QUOTE a, b: the forms before version 9."""
    position, name = cursor.position, cursor.take()
    match name:
        case "binary" | "csv":
            return Option("format", name, position)
        case "freeze" | "header":
            return Option(name, True, position)
        case "force":
            return _force(cursor, position)
        case "encoding":
            return Option(name, cursor.string(), position)
    cursor.accept("as")
    return Option(name, cursor.string(), position)


def _force(cursor: Cursor, position: int) -> Option:
    if cursor.accept("quote"):
        if cursor.accept("*"):
            return Option("force_quote", ("*",), position)
        return Option("force_quote", cursor.list_of(Cursor.column_name), position)
    name = "force_null"
    if cursor.accept("not"):
        name = "force_not_null"
    cursor.expect("null")
    return Option(name, cursor.list_of(Cursor.column_name), position)


def _copy_option(cursor: Cursor) -> Option:
    """name [value | * | (list)]"""
    position, name = cursor.position, cursor.label()
    if cursor.accept("*"):
        return Option(name, ("*",), position)
    if cursor.kind == "(":
        return Option(name, cursor.in_parentheses(_word), position)
    return Option(name, option_value(cursor), position)


def _word(cursor: Cursor) -> str:
    value = option_value(cursor)
    if value is None:
        cursor.fail()
    return value if isinstance(value, str) else str(value).lower()


def option_value(cursor: Cursor) -> bool | int | str | None:
    """true, on, a word, a string or a number; None if nothing of that comes."""
    match cursor.kind:
        case "true" | "false":
            return cursor.take() == "true"
        case lexer.STRING | lexer.INTEGER | lexer.NUMBER:
            return cursor.take()
        case "+" | "-":
            sign = -1 if cursor.take() == "-" else 1
            if cursor.kind == lexer.NUMBER:
                return ("-" if sign < 0 else "") + cursor.take()
            return sign * cursor.integer()
        case "on":
            return cursor.take()
        case kind if kind in _OPTION_WORDS:
            return cursor.take()
    return None


# Real: NonReservedWord
_OPTION_WORDS = COLUMN_NAMES | TYPE_FUNCTION_NAMES


def options_in_parentheses(cursor: Cursor) -> tuple[Option, ...]:
    """(ANALYZE, FORMAT json, BUFFERS off) of EXPLAIN, VACUUM and REINDEX."""
    return cursor.in_parentheses(_named_option)


def _named_option(cursor: Cursor) -> Option:
    position = cursor.position
    if cursor.kind in ("analyze", "analyse"):
        cursor.advance()
        name = "analyze"
    else:
        name = cursor.label()
    return Option(name, option_value(cursor), position)


def storage_options(cursor: Cursor) -> tuple[Option, ...]:
    """(fillfactor = 70, toast.autovacuum_enabled = false). # Real: reloptions"""
    return cursor.in_parentheses(_storage_option)


def _storage_option(cursor: Cursor) -> Option:
    position, name = cursor.position, cursor.label()
    if cursor.accept("."):
        name = f"{name}.{cursor.label()}"
    if not cursor.accept("="):
        return Option(name, None, position)
    value = option_value(cursor)
    if value is None:
        cursor.fail()
    return Option(name, value, position)

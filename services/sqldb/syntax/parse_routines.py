"""The grammar of CREATE FUNCTION and CREATE PROCEDURE, CALL, and names with argument types.

    CREATE FUNCTION add(a int, b int = 1) RETURNS int LANGUAGE sql AS 'SELECT a + b'
    CREATE FUNCTION add(a int, b int) RETURNS int RETURN a + b

A body in quotes is a text of its own, read when the function is made; one of RETURN or BEGIN ATOMIC
is read here, and kept as the text that it was.
"""

from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_expressions as expressions
from services.sqldb.syntax import parse_primaries as primaries
from services.sqldb.syntax import parse_settings as settings
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.nodes import (
    ArgumentMode,
    CallProcedure,
    CreateFunction,
    FunctionArgument,
    FunctionName,
    TypeName,
)

_MODES = {
    "in": ArgumentMode.IN,
    "out": ArgumentMode.OUT,
    "inout": ArgumentMode.INOUT,
    "variadic": ArgumentMode.VARIADIC,
}
_VOLATILITIES = {"immutable": "i", "stable": "s", "volatile": "v"}


def create_routine(cursor: Cursor, position: int, *, or_replace: bool = False) -> CreateFunction:
    is_procedure = cursor.expect_one_of(("function", "procedure")) == "procedure"
    name = cursor.any_name()
    arguments = cursor_arguments(cursor)
    result, columns = None, ()
    if not is_procedure and cursor.accept("returns"):
        if cursor.accept("table"):
            columns = cursor.in_parentheses(_table_column)
        else:
            result = types.type_name(cursor)
    options = _options(cursor)
    return CreateFunction(
        name, arguments, result, columns, or_replace, is_procedure, position=position, **options
    )


def cursor_arguments(cursor: Cursor) -> tuple[FunctionArgument, ...]:
    cursor.expect("(")
    if cursor.accept(")"):
        return ()
    found = cursor.list_of(_argument)
    cursor.expect(")")
    return found


def _argument(cursor: Cursor) -> FunctionArgument:
    position = cursor.position
    mode, name = _mode(cursor), ""
    # A name stands before the type unless the first word is all there is.
    if cursor.peek() not in (",", ")", "default", "=", "(", "[", ".") and not _is_type_of_words(
        cursor
    ):
        name = cursor.type_function_name()
        if mode is None:
            mode = _mode(cursor)
    type_name = types.type_name(cursor)
    default = None
    if cursor.accept("default") or cursor.accept("="):
        default = expressions.expression(cursor)
    return FunctionArgument(name, type_name, mode or ArgumentMode.IN, default, position)


def _mode(cursor: Cursor) -> ArgumentMode | None:
    mode = _MODES.get(cursor.kind)
    if mode is not None:
        cursor.advance()
        if mode is ArgumentMode.IN and cursor.accept("out"):
            mode = ArgumentMode.INOUT
    return mode


def _is_type_of_words(cursor: Cursor) -> bool:
    """double precision, character varying, timestamp with time zone, setof …"""
    return cursor.kind in ("double", "character", "char", "nchar", "national", "bit", "setof",
                           "timestamp", "time", "interval", "array")  # fmt: skip


def _table_column(cursor: Cursor) -> FunctionArgument:
    position = cursor.position
    name = cursor.type_function_name()
    return FunctionArgument(name, types.type_name(cursor), ArgumentMode.TABLE, None, position)


def _options(cursor: Cursor) -> dict[str, object]:
    found: dict[str, object] = {}
    while cursor.kind not in (";", lexer.END):
        if cursor.kind in _VOLATILITIES:
            found["volatility"] = _VOLATILITIES[cursor.kind]
            cursor.advance()
        elif cursor.accept("strict") or cursor.accept_phrase(
            "returns", "null", "on", "null", "input"
        ):
            found["is_strict"] = True
        elif cursor.accept_phrase("called", "on", "null", "input"):
            found["is_strict"] = False
        elif cursor.accept("language"):
            language = cursor.string() if cursor.kind == lexer.STRING else cursor.label()
            found["language"] = language.lower()
        elif cursor.accept("as"):
            found["body"] = cursor.string()
            if cursor.accept(","):
                cursor.string()
                found.setdefault("language", "c")
        elif cursor.accept("return"):
            start = cursor.position
            expressions.expression(cursor)
            found["body"] = f"SELECT {cursor.text_between(start, cursor.previous_end)}"
            found["is_standard"] = True
        elif cursor.accept("external") or cursor.kind == "security":
            cursor.expect("security")
            found["is_security_definer"] = cursor.expect_one_of(("invoker", "definer")) == "definer"
        elif cursor.kind == "begin" and cursor.peek() == "atomic":
            found["body"] = _atomic(cursor)
            found["is_standard"] = True
        else:
            _ignored_option(cursor)
    return found


def _ignored_option(cursor: Cursor) -> None:
    """What is read and has no effect here: costs, parallel workers, settings."""
    if cursor.accept("window") or cursor.accept("leakproof"):
        return
    if cursor.accept_phrase("not", "leakproof"):
        return
    if cursor.accept("parallel"):
        cursor.label()
    elif cursor.accept("cost") or cursor.accept("rows"):
        cursor.accept("-")
        cursor.advance()
    elif cursor.accept("support"):
        cursor.any_name()
    elif cursor.kind == "set":
        settings.set_or_reset(cursor)
    else:
        cursor.fail()


def _atomic(cursor: Cursor) -> str:
    from services.sqldb.syntax.parser import statement_rule

    cursor.expect("begin", "atomic")
    start = cursor.position
    while cursor.kind != "end":
        if not cursor.accept(";"):
            if cursor.accept("return"):
                expressions.expression(cursor)
            else:
                statement_rule(cursor)
            if cursor.kind != "end":
                cursor.expect(";")
    text = cursor.text_between(start, cursor.previous_end)
    cursor.expect("end")
    return text


def call(cursor: Cursor) -> CallProcedure:
    position = cursor.position
    cursor.expect("call")
    return CallProcedure(primaries.primary(cursor), position)


def object_with_arguments(cursor: Cursor) -> FunctionName:
    """f, or f(integer, text): the types of the arguments that go in."""
    name = cursor.any_name()
    if cursor.kind != "(":
        return FunctionName(name)
    cursor.advance()
    found: list[TypeName] = []
    while not cursor.accept(")"):
        if found:
            cursor.expect(",")
        if cursor.accept("*"):
            continue
        argument = _argument(cursor)
        if argument.mode is not ArgumentMode.OUT:
            found.append(argument.type_name)
        if cursor.kind not in (",", ")"):
            cursor.fail()
        if cursor.kind == ",":
            continue
    return FunctionName(name, tuple(found))

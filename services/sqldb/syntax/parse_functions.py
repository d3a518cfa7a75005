"""The grammar of calls: f(a, b => c, VARIADIC d), aggregates, windows, and the standard's own forms
such as EXTRACT(year FROM x), which are calls of functions of pg_catalog in disguise.

# Real: func_application, func_expr, func_expr_common_subexpr
"""

from collections.abc import Callable

from services.sqldb.errors import SYNTAX_ERROR, SqlError, not_supported
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_expressions as expressions
from services.sqldb.syntax import parse_primaries as primaries
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax import parse_windows as windows
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import COLUMN_NAMES, IDENTIFIER, TYPE_FUNCTION_NAMES
from services.sqldb.syntax.nodes import (
    Cast,
    Coalesce,
    CurrentValue,
    CurrentValueKind,
    Expression,
    FunctionCall,
    Literal,
    LiteralKind,
    MinMax,
    NamedArgument,
    NullIf,
    SortItem,
    TypeName,
    WindowDefinition,
)


def system_call(name: str, arguments: tuple[Expression, ...], position: int) -> FunctionCall:
    """A call of a function of pg_catalog that was written in a form of the standard's."""
    return FunctionCall(("pg_catalog", name), arguments, has_sql_syntax=True, position=position)


def call(cursor: Cursor, name: tuple[str, ...], position: int) -> Expression:
    """name(…) with all that may follow it; the name has been read. # Real: func_expr"""
    plain = application(cursor, name, position)
    if cursor.kind == lexer.STRING and _could_be_type(plain):
        return _constant_of_type(cursor, plain)
    return _with_clauses(cursor, plain)


def application(cursor: Cursor, name: tuple[str, ...], position: int) -> FunctionCall:
    """name(…) without FILTER and OVER. # Real: func_application"""
    cursor.expect("(")
    if cursor.accept(")"):
        return FunctionCall(name, (), position=position)
    if cursor.accept("*"):
        cursor.expect(")")
        return FunctionCall(name, (), is_star=True, position=position)
    is_distinct = cursor.accept("distinct")
    if is_distinct or cursor.accept("all"):
        arguments, is_variadic = cursor.list_of(argument), False
    else:
        arguments, is_variadic = _arguments(cursor)
    order_by = windows.sort_clause(cursor)
    cursor.expect(")")
    return FunctionCall(
        name,
        arguments,
        is_distinct=is_distinct,
        is_variadic=is_variadic,
        order_by=order_by,
        position=position,
    )


def _arguments(cursor: Cursor) -> tuple[tuple[Expression, ...], bool]:
    """The arguments, and whether the last one is VARIADIC."""
    arguments = []
    while True:
        is_variadic = cursor.accept("variadic")
        arguments.append(argument(cursor))
        if is_variadic or not cursor.accept(","):
            return tuple(arguments), is_variadic


def argument(cursor: Cursor) -> Expression:
    """An expression, or name => expression. # Real: func_arg_expr"""
    if cursor.peek() in ("=>", ":=") and cursor.kind in TYPE_FUNCTION_NAMES:
        position, name = cursor.position, cursor.take()
        cursor.advance()
        return NamedArgument(name, expressions.expression(cursor), position)
    return expressions.expression(cursor)


def _could_be_type(plain: FunctionCall) -> bool:
    return not (plain.is_star or plain.is_distinct or plain.is_variadic) and plain.arguments != ()


def _constant_of_type(cursor: Cursor, plain: FunctionCall) -> Expression:
    """`name(3) 'text'`: what looked like a call is a type with modifiers."""
    for value in plain.arguments:
        if isinstance(value, NamedArgument):
            message = "type modifier cannot have parameter name"
            raise SqlError(SYNTAX_ERROR, message, position=value.position)
    if plain.order_by:
        message = "type modifier cannot have ORDER BY"
        raise SqlError(SYNTAX_ERROR, message, position=plain.position)
    type_name = TypeName(plain.name, plain.arguments, position=plain.position)
    literal = Literal(LiteralKind.STRING, cursor.value, cursor.position)
    cursor.advance()
    return Cast(literal, type_name)


def _with_clauses(cursor: Cursor, plain: FunctionCall) -> FunctionCall:
    """WITHIN GROUP (…) FILTER (…) OVER … behind a call."""
    if cursor.kind not in ("within", "filter", "over"):
        return plain
    order_by, is_within_group = _within_group(cursor, plain)
    condition = _filter(cursor)
    over = _over(cursor)
    return FunctionCall(
        plain.name,
        plain.arguments,
        plain.is_star,
        plain.is_distinct,
        plain.is_variadic,
        order_by,
        is_within_group,
        condition,
        over,
        position=plain.position,
    )


def _within_group(cursor: Cursor, plain: FunctionCall) -> tuple[tuple[SortItem, ...], bool]:
    position = cursor.position
    if not cursor.accept_phrase("within", "group", "("):
        return plain.order_by, False
    if cursor.kind != "order":
        cursor.fail()
    order_by = windows.sort_clause(cursor)
    cursor.expect(")")
    for is_wrong, message in (
        (plain.order_by, "cannot use multiple ORDER BY clauses with WITHIN GROUP"),
        (plain.is_distinct, "cannot use DISTINCT with WITHIN GROUP"),
        (plain.is_variadic, "cannot use VARIADIC with WITHIN GROUP"),
    ):
        if is_wrong:
            raise SqlError(SYNTAX_ERROR, message, position=position)
    return order_by, True


def _filter(cursor: Cursor) -> Expression | None:
    if not cursor.accept_phrase("filter", "(", "where"):
        return None
    condition = expressions.expression(cursor)
    cursor.expect(")")
    return condition


def _over(cursor: Cursor) -> WindowDefinition | None:
    """OVER (…), or OVER name, which is a definition of nothing but the name."""
    if not cursor.accept("over"):
        return None
    if cursor.kind == "(":
        return windows.specification(cursor, None)
    position = cursor.position
    return WindowDefinition(cursor.column_name(), None, (), (), None, position)


def windowless(cursor: Cursor) -> Expression:
    """A function where a table can stand. # Real: func_expr_windowless"""
    rule = RULES.get(cursor.kind)
    if rule is not None:
        return rule(cursor)
    position, kind = cursor.position, cursor.kind
    if kind not in COLUMN_NAMES and kind not in TYPE_FUNCTION_NAMES:
        cursor.fail()
    names = [cursor.take()]
    while cursor.accept("."):
        names.append(cursor.label())
    if len(names) == 1 and kind not in TYPE_FUNCTION_NAMES:
        cursor.fail()
    return application(cursor, tuple(names), position)


def starts_windowless(cursor: Cursor) -> bool:
    """Whether a function and no table comes next in FROM."""
    if cursor.kind in RULES and not (cursor.kind in COLUMN_NAMES and cursor.peek() != "("):
        return True
    distance = 1
    while cursor.peek(distance) == ".":
        distance += 2
    is_name = cursor.kind in COLUMN_NAMES or cursor.kind in TYPE_FUNCTION_NAMES
    return is_name and cursor.peek(distance) == "("


# The standard's own forms.


def _current_value(cursor: Cursor) -> Expression:
    position = cursor.position
    kind = CurrentValueKind(cursor.kind)
    cursor.advance()
    if kind is CurrentValueKind.CURRENT_SCHEMA and cursor.kind == "(":
        # current_schema is a function's name as well.
        return call(cursor, ("current_schema",), position)
    digits = types.precision(cursor) if kind.value in _TIMES else ()
    return CurrentValue(kind, digits[0].value if digits else None, position)


_TIMES = frozenset(("current_time", "current_timestamp", "localtime", "localtimestamp"))


def _cast(cursor: Cursor) -> Expression:
    position = cursor.position
    cursor.expect("cast", "(")
    operand = expressions.expression(cursor)
    cursor.expect("as")
    type_name = types.type_name(cursor)
    cursor.expect(")")
    return Cast(operand, type_name, position)


def _treat(cursor: Cursor) -> Expression:
    """TREAT(x AS t) calls the function that has the type's name."""
    position = cursor.position
    cursor.expect("treat", "(")
    operand = expressions.expression(cursor)
    cursor.expect("as")
    type_name = types.type_name(cursor)
    cursor.expect(")")
    return FunctionCall(("pg_catalog", type_name.names[-1]), (operand,), position=position)


_FIELDS = frozenset(("year", "month", "day", "hour", "minute", "second", IDENTIFIER, lexer.STRING))


def _extract(cursor: Cursor) -> Expression:
    position = cursor.position
    cursor.expect("extract", "(")
    if cursor.kind not in _FIELDS:
        cursor.fail()
    field = Literal(LiteralKind.STRING, cursor.value, cursor.position)
    cursor.advance()
    cursor.expect("from")
    source = expressions.expression(cursor)
    cursor.expect(")")
    return system_call("extract", (field, source), position)


def _normalize(cursor: Cursor) -> Expression:
    position = cursor.position
    cursor.expect("normalize", "(")
    arguments = [expressions.expression(cursor)]
    if cursor.accept(","):
        place = cursor.position
        form = cursor.expect_one_of(("nfc", "nfd", "nfkc", "nfkd"))
        arguments.append(Literal(LiteralKind.STRING, form.upper(), place))
    cursor.expect(")")
    return system_call("normalize", tuple(arguments), position)


def _position(cursor: Cursor) -> Expression:
    """POSITION(a IN b) is position(b, a)."""
    position = cursor.position
    cursor.expect("position", "(")
    needle = expressions.restricted_expression(cursor)
    cursor.expect("in")
    haystack = expressions.restricted_expression(cursor)
    cursor.expect(")")
    return system_call("position", (haystack, needle), position)


def _plain_arguments(cursor: Cursor, name: str, first: Expression, position: int) -> Expression:
    """substring(a, b) and overlay(a, b, c) written as any other function, but for the name."""
    arguments = [first]
    while cursor.accept(","):
        arguments.append(argument(cursor))
    cursor.expect(")")
    return FunctionCall((name,), tuple(arguments), position=position)


def _overlay(cursor: Cursor) -> Expression:
    position = cursor.position
    cursor.expect("overlay", "(")
    if cursor.accept(")"):
        return FunctionCall(("overlay",), (), position=position)
    arguments = [argument(cursor)]
    if not cursor.accept("placing"):
        return _plain_arguments(cursor, "overlay", arguments[0], position)
    arguments.append(expressions.expression(cursor))
    cursor.expect("from")
    arguments.append(expressions.expression(cursor))
    if cursor.accept("for"):
        arguments.append(expressions.expression(cursor))
    cursor.expect(")")
    return system_call("overlay", tuple(arguments), position)


def _substring(cursor: Cursor) -> Expression:
    """SUBSTRING(x FROM a FOR n), in either order, or SUBSTRING(x SIMILAR pattern ESCAPE c)."""
    position = cursor.position
    cursor.expect("substring", "(")
    if cursor.accept(")"):
        return FunctionCall(("substring",), (), position=position)
    text = argument(cursor)
    match cursor.kind:
        case "from":
            cursor.advance()
            arguments = [text, expressions.expression(cursor)]
            if cursor.accept("for"):
                arguments.append(expressions.expression(cursor))
        case "for":
            cursor.advance()
            length = expressions.expression(cursor)
            if cursor.accept("from"):
                arguments = [text, expressions.expression(cursor), length]
            else:
                # The length alone: the cast keeps it from being taken for a pattern.
                one = Literal(LiteralKind.INTEGER, 1)
                arguments = [text, one, Cast(length, TypeName(("pg_catalog", "int4")))]
        case "similar":
            cursor.advance()
            arguments = [text, expressions.expression(cursor)]
            cursor.expect("escape")
            arguments.append(expressions.expression(cursor))
        case _:
            return _plain_arguments(cursor, "substring", text, position)
    cursor.expect(")")
    return system_call("substring", tuple(arguments), position)


_TRIMS = {"both": "btrim", "leading": "ltrim", "trailing": "rtrim"}


def _trim(cursor: Cursor) -> Expression:
    """TRIM(BOTH c FROM x) is btrim(x, c)."""
    position = cursor.position
    cursor.expect("trim", "(")
    name = _TRIMS.get(cursor.kind, "btrim")
    if cursor.kind in _TRIMS:
        cursor.advance()
    characters: tuple[Expression, ...] = ()
    if not cursor.accept("from"):
        first = cursor.list_of(expressions.expression)
        if len(first) > 1 or not cursor.accept("from"):
            cursor.expect(")")
            return system_call(name, first, position)
        characters = first
    texts = cursor.list_of(expressions.expression)
    cursor.expect(")")
    return system_call(name, texts + characters, position)


def _nullif(cursor: Cursor) -> Expression:
    position = cursor.position
    cursor.expect("nullif", "(")
    left = expressions.expression(cursor)
    cursor.expect(",")
    right = expressions.expression(cursor)
    cursor.expect(")")
    return NullIf(left, right, position)


def _coalesce(cursor: Cursor) -> Expression:
    position = cursor.position
    cursor.advance()
    return Coalesce(cursor.in_parentheses(expressions.expression), position)


def _extreme(cursor: Cursor) -> Expression:
    position = cursor.position
    is_greatest = cursor.take() == "greatest"
    return MinMax(is_greatest, cursor.in_parentheses(expressions.expression), position)


def _collation_for(cursor: Cursor) -> Expression:
    if cursor.peek() != "for":
        return primaries.name(cursor)
    position = cursor.position
    cursor.expect("collation", "for", "(")
    operand = expressions.expression(cursor)
    cursor.expect(")")
    return system_call("pg_collation_for", (operand,), position)


def _xml(cursor: Cursor) -> Expression:
    raise not_supported("XML", cursor.position)


def _or_name(rule: Callable[[Cursor], Expression]) -> Callable[[Cursor], Expression]:
    """The rule where a parenthesis follows; else the word is a column's name, as any other."""

    def parse(cursor: Cursor) -> Expression:
        return rule(cursor) if cursor.peek() == "(" else primaries.name(cursor)

    return parse


# By the keyword that begins them.
RULES: dict[str, Callable[[Cursor], Expression]] = {
    **{kind.value: _current_value for kind in CurrentValueKind},
    "cast": _cast,
    "collation": _collation_for,
    "treat": _or_name(_treat),
    "extract": _or_name(_extract),
    "normalize": _or_name(_normalize),
    "position": _or_name(_position),
    "overlay": _or_name(_overlay),
    "substring": _or_name(_substring),
    "trim": _or_name(_trim),
    "nullif": _or_name(_nullif),
    "coalesce": _or_name(_coalesce),
    "greatest": _or_name(_extreme),
    "least": _or_name(_extreme),
    **dict.fromkeys(
        ("xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlparse", "xmlpi", "xmlroot"),
        _or_name(_xml),
    ),
}

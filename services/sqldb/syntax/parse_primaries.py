"""The grammar of what an expression is made of: literals, names, parentheses, CASE, ARRAY, ROW.

# Real: c_expr, columnref, AexprConst, indirection
"""

from collections.abc import Callable

from services.sqldb.errors import SYNTAX_ERROR, SqlError
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_expressions as expressions
from services.sqldb.syntax import parse_functions as functions
from services.sqldb.syntax import parse_queries as queries
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import COLUMN_NAMES, IDENTIFIER, TYPE_FUNCTION_NAMES
from services.sqldb.syntax.nodes import (
    ArrayConstructor,
    Case,
    CaseWhen,
    Cast,
    ColumnReference,
    Expression,
    FieldSelection,
    Grouping,
    Literal,
    LiteralKind,
    Parameter,
    Query,
    RowConstructor,
    RowExpansion,
    Star,
    Subquery,
    SubqueryKind,
    Subscript,
    TypeName,
)

_QUERY_STARTS = frozenset(("select", "values", "with", "table"))
# What can stand behind a query in parentheses so that it goes on as a query.
QUERY_TAILS = frozenset(
    ("union", "intersect", "except", "order", "limit", "offset", "fetch", "for")
)
_LARGEST_INT8 = 2**63 - 1
_INT8_DIGITS = 19


def primary(cursor: Cursor) -> Expression:
    """One operand without operators."""
    kind = cursor.kind
    if kind == IDENTIFIER:
        return name(cursor)
    rule = _RULES.get(kind) or functions.RULES.get(kind)
    return name(cursor) if rule is None else rule(cursor)


# Literals.


def _integer(cursor: Cursor) -> Expression:
    position = cursor.position
    return Literal(LiteralKind.INTEGER, cursor.take(), position)


def _number(cursor: Cursor) -> Expression:
    """Digits that fit a bigint stay an integer; everything else is numeric, kept as written."""
    position, digits = cursor.position, cursor.take()
    if len(digits) <= _INT8_DIGITS and digits.isdigit() and int(digits) <= _LARGEST_INT8:
        return Literal(LiteralKind.INTEGER, int(digits), position)
    return Literal(LiteralKind.NUMERIC, digits, position)


def _string(cursor: Cursor) -> Expression:
    position = cursor.position
    return Literal(LiteralKind.STRING, cursor.take(), position)


def _bits(cursor: Cursor) -> Expression:
    position = cursor.position
    return Literal(LiteralKind.BIT, cursor.take(), position)


def _word(cursor: Cursor) -> Expression:
    position = cursor.position
    match cursor.take():
        case "true":
            return Literal(LiteralKind.BOOLEAN, True, position)
        case "false":
            return Literal(LiteralKind.BOOLEAN, False, position)
    return Literal(LiteralKind.NULL, None, position)


def _parameter(cursor: Cursor) -> Expression:
    position = cursor.position
    return _indirection(cursor, Parameter(cursor.take(), position))


def _typed_constant(cursor: Cursor) -> Expression:
    """int '4', timestamp(3) '…', interval '1' day; or the word is only a column's name."""
    if not types.starts_typed_constant(cursor):
        return name(cursor)
    is_interval = cursor.kind == "interval"
    if is_interval:
        type_name = _interval_type(cursor)
    else:
        type_name = types.simple_type(cursor, is_constant=True)
    position = cursor.position
    operand = Literal(LiteralKind.STRING, cursor.string(), position)
    if is_interval and not type_name.modifiers:
        # The fields stand behind the string: interval '1-2' year to month.
        fields, precision = types.interval_fields(cursor)
        type_name = TypeName(
            type_name.names, precision, interval_fields=fields, position=type_name.position
        )
    return Cast(operand, type_name)


def _interval_type(cursor: Cursor) -> TypeName:
    position = cursor.position
    cursor.advance()
    return TypeName(("pg_catalog", "interval"), types.precision(cursor), position=position)


# Names: a column, a function, or a type before a literal.


def name(cursor: Cursor) -> Expression:
    kind, position = cursor.kind, cursor.position
    if kind not in COLUMN_NAMES:
        if kind not in TYPE_FUNCTION_NAMES:
            cursor.fail()
        return _function_word(cursor)
    names = [cursor.take()]
    while cursor.kind == ".":
        if cursor.peek() == "*":
            cursor.advance()
            return _star(cursor, tuple(names), position)
        cursor.advance()
        names.append(cursor.label())
    if cursor.kind == "(":
        if len(names) == 1 and kind not in TYPE_FUNCTION_NAMES:
            cursor.fail()
        return functions.call(cursor, tuple(names), position)
    if cursor.kind == lexer.STRING and (len(names) > 1 or kind in TYPE_FUNCTION_NAMES):
        return _literal_of_type(cursor, TypeName(tuple(names), position=position))
    column = ColumnReference(tuple(names), position)
    return _indirection(cursor, column) if cursor.kind == "[" else column


def column(cursor: Cursor) -> ColumnReference:
    """A single name that can only be a column's."""
    position = cursor.position
    return ColumnReference((cursor.column_name(),), position)


def _function_word(cursor: Cursor) -> Expression:
    """A keyword that may name a function or a type, but no column: left('abc', 1)."""
    position = cursor.position
    name = cursor.take()
    if cursor.kind == lexer.STRING:
        return _literal_of_type(cursor, TypeName((name,), position=position))
    if cursor.kind != "(":
        cursor.fail()
    return functions.call(cursor, (name,), position)


def _literal_of_type(cursor: Cursor, type_name: TypeName) -> Expression:
    literal = Literal(LiteralKind.STRING, cursor.value, cursor.position)
    cursor.advance()
    return Cast(literal, type_name)


def _star(cursor: Cursor, qualifier: tuple[str, ...], position: int) -> Expression:
    cursor.expect("*")
    _nothing_behind_star(cursor)
    return Star(qualifier, position)


def _nothing_behind_star(cursor: Cursor) -> None:
    """A star ends a name; what follows is read all the same, because its own errors come first."""
    is_improper = cursor.kind in (".", "[")
    while cursor.kind in (".", "["):
        if cursor.accept("["):
            subscript_bounds(cursor)
        else:
            cursor.advance()
            if not cursor.accept("*"):
                cursor.label()
    if is_improper:
        cursor.fail('improper use of "*"')


def _indirection(cursor: Cursor, operand: Expression) -> Expression:
    """.field, .*, [i] and [i:j] behind an operand that may have them."""
    position = operand.position
    continues = False
    while cursor.kind in (".", "["):
        if cursor.accept("["):
            operand = _subscript(cursor, operand, position, continues)
            continues = True
        elif cursor.peek() == "*":
            cursor.expect(".", "*")
            _nothing_behind_star(cursor)
            return RowExpansion(operand, position)
        else:
            cursor.advance()
            operand = FieldSelection(operand, cursor.label(), position)
            continues = False
    return operand


def _subscript(cursor: Cursor, operand: Expression, position: int, continues: bool) -> Expression:
    lower, upper, is_slice = subscript_bounds(cursor)
    return Subscript(operand, lower, upper, is_slice, position, continues)


def subscript_bounds(cursor: Cursor) -> tuple[Expression | None, Expression | None, bool]:
    """i], i:j], :j], i:] or :] behind the opening bracket."""
    lower = upper = None
    if cursor.kind != ":":
        lower = expressions.expression(cursor)
        if cursor.accept("]"):
            return lower, None, False
    cursor.expect(":")
    if cursor.kind != "]":
        upper = expressions.expression(cursor)
    cursor.expect("]")
    return lower, upper, True


# Parentheses.


def parenthesized(cursor: Cursor) -> Query | Expression:
    """What stands in parentheses: a whole query, its closing one taken; or the first expression
    of a list, with the comma or the closing parenthesis still to come.

    `((SELECT 1) UNION SELECT 2)` and `((SELECT 1) + 2)` begin alike; the token behind the inner
    parentheses tells them apart, so that nothing is read twice.
    """
    cursor.expect("(")
    if cursor.kind in _QUERY_STARTS:
        query = queries.query_without_parentheses(cursor)
        cursor.expect(")")
        return query
    if cursor.kind != "(":
        return expressions.expression(cursor)
    position = cursor.position
    inner = parenthesized(cursor)
    if not isinstance(inner, Query):
        operand = _close_list(cursor, inner, position)
        return expressions.continue_expression(cursor, operand)
    if cursor.kind in QUERY_TAILS:
        query = queries.continue_query(cursor, inner)
        cursor.expect(")")
        return query
    if cursor.accept(")"):
        return inner
    operand = _indirection(cursor, Subquery(SubqueryKind.SCALAR, inner, position=position))
    return expressions.continue_expression(cursor, operand)


def _parentheses(cursor: Cursor) -> Expression:
    position = cursor.position
    inner = parenthesized(cursor)
    if isinstance(inner, Query):
        return _indirection(cursor, Subquery(SubqueryKind.SCALAR, inner, position=position))
    return _close_list(cursor, inner, position)


def _close_list(cursor: Cursor, first: Expression, position: int) -> Expression:
    """The expression itself when the parentheses close, else a row of all that stand in them."""
    if cursor.accept(")"):
        return _indirection(cursor, first) if cursor.kind in (".", "[") else first
    if cursor.kind != ",":
        cursor.fail()
    items = [first]
    while cursor.accept(","):
        items.append(expressions.expression(cursor))
    cursor.expect(")")
    row = RowConstructor(tuple(items), False, position)
    if cursor.kind == "overlaps":
        return _overlaps(cursor, row)
    return row


def query_in_parentheses(cursor: Cursor) -> Query:
    """# Real: select_with_parens"""
    cursor.expect("(")
    if cursor.kind == "(":
        query = query_in_parentheses(cursor)
        if cursor.kind in QUERY_TAILS:
            query = queries.continue_query(cursor, query)
    else:
        query = queries.query_without_parentheses(cursor)
    cursor.expect(")")
    return query


# Rows.


def _row(cursor: Cursor) -> Expression:
    if cursor.peek() != "(":
        return name(cursor)
    position = cursor.position
    cursor.expect("row", "(")
    items: tuple[Expression, ...] = ()
    if cursor.kind != ")":
        items = cursor.list_of(expressions.expression)
    cursor.expect(")")
    row = RowConstructor(items, True, position)
    return _overlaps(cursor, row) if cursor.kind == "overlaps" else row


def _overlaps(cursor: Cursor, left: RowConstructor) -> Expression:
    """(a, b) OVERLAPS (c, d): a function of the four."""
    position = cursor.position
    cursor.advance()
    right_position = cursor.position
    if cursor.kind == "row" and cursor.peek() == "(":
        right = _row(cursor)
    elif cursor.kind == "(":
        right = _close_list(cursor, _first_of_row(cursor), right_position)
    else:
        cursor.fail()
    for row, side in ((left, "left"), (right, "right")):
        if len(row.items) != 2:
            raise SqlError(
                SYNTAX_ERROR,
                f"wrong number of parameters on {side} side of OVERLAPS expression",
                position=row.position,
            )
    return functions.system_call("overlaps", left.items + right.items, position)


def _first_of_row(cursor: Cursor) -> Expression:
    first = parenthesized(cursor)
    if isinstance(first, Query) or cursor.kind != ",":
        cursor.fail()
    return first


# Words with a grammar of their own.


def _case(cursor: Cursor) -> Expression:
    position = cursor.position
    cursor.advance()
    operand = None if cursor.kind == "when" else expressions.expression(cursor)
    whens = []
    while not whens or cursor.kind == "when":
        place = cursor.position
        cursor.expect("when")
        condition = expressions.expression(cursor)
        cursor.expect("then")
        whens.append(CaseWhen(condition, expressions.expression(cursor), place))
    default = expressions.expression(cursor) if cursor.accept("else") else None
    cursor.expect("end")
    return Case(operand, tuple(whens), default, position)


def _exists(cursor: Cursor) -> Expression:
    if cursor.peek() != "(":
        return name(cursor)
    position = cursor.position
    cursor.advance()
    return Subquery(SubqueryKind.EXISTS, query_in_parentheses(cursor), position=position)


def _array(cursor: Cursor) -> Expression:
    position = cursor.position
    cursor.advance()
    if cursor.kind == "(":
        return Subquery(SubqueryKind.ARRAY, query_in_parentheses(cursor), position=position)
    return _array_elements(cursor, position)


def _array_elements(cursor: Cursor, position: int) -> Expression:
    """[a, b] or [[a], [b]]: all elements are arrays, or none is."""
    cursor.expect("[")
    elements: tuple[Expression, ...] = ()
    if cursor.kind == "[":
        elements = cursor.list_of(lambda it: _array_elements(it, it.position))
    elif cursor.kind != "]":
        elements = cursor.list_of(expressions.expression)
    cursor.expect("]")
    return ArrayConstructor(elements, position)


def _grouping(cursor: Cursor) -> Expression:
    if cursor.peek() != "(":
        return name(cursor)
    position = cursor.position
    cursor.advance()
    return Grouping(cursor.in_parentheses(expressions.expression), position)


_TYPE_WORDS = (
    "int integer smallint bigint real boolean float double decimal dec numeric bit character char "
    "varchar national nchar timestamp time interval"
)
_RULES: dict[str, Callable[[Cursor], Expression]] = {
    lexer.INTEGER: _integer,
    lexer.NUMBER: _number,
    lexer.STRING: _string,
    lexer.BITS: _bits,
    lexer.PARAMETER: _parameter,
    "true": _word,
    "false": _word,
    "null": _word,
    "(": _parentheses,
    "case": _case,
    "exists": _exists,
    "array": _array,
    "row": _row,
    "grouping": _grouping,
    **dict.fromkeys(_TYPE_WORDS.split(), _typed_constant),
}

r"""The grammar of expressions, by precedence climbing.

The problem: `1 + 2 * 3 = 7 AND NOT a IS NULL` has no parentheses, yet only one meaning. A grammar
with a rule per precedence needs a function per level and calls all fifteen for every literal. With
precedence climbing there are two functions: `_operand` reads what can begin an expression (a
literal, a name, a prefix operator with its operand), and `_climb` goes on while an operator comes
that binds at least as tightly as asked for. It reads the operator's right side by asking for
tighter operators only, which is what makes 1 - 2 - 3 lean to the left:

    _climb(left = 1, minimum = 0)           1 + 2 * 3 = 7
      +  binds 9 ≥ 0: right side = operators of 10 and more
         _climb(left = 2, minimum = 10)         2 * 3 = 7
           *  binds 10 ≥ 10: right side = 3        (= binds 5 < 11: stop)
           =  binds 5 < 10: stop            → (2 * 3)
      → left = (1 + (2 * 3))
      =  binds 5 ≥ 0: right side = operators of 6 and more
      → left = ((1 + (2 * 3)) = 7)

                    =
                  /   \
                 +     7
                / \
               1   *
                  / \
                 2   3

A prefix operator reads its operand at its own level, wherever it stands: `NOT a = b` is
NOT (a = b), while `- a ^ b` is (- a) ^ b. Comparisons do not associate: `a < b < c` is an error at
the second sign, exactly where PostgreSQL's grammar has it.

`b_expr`, PostgreSQL's name for expressions without AND, NOT, LIKE, IN and the like, is the same
climb with a smaller table: BETWEEN needs it, because its own AND must not be taken for a logical
one.
"""

from collections.abc import Callable

from services.sqldb.errors import not_supported
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_functions as functions
from services.sqldb.syntax import parse_primaries as primaries
from services.sqldb.syntax import parse_types as types
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.nodes import (
    And,
    Between,
    Cast,
    Collate,
    Default,
    Expression,
    FunctionCall,
    InList,
    IsDistinct,
    IsNull,
    IsTruth,
    Like,
    LikeKind,
    Literal,
    LiteralKind,
    Not,
    OperatorCall,
    Or,
    QuantifiedArray,
    Query,
    Subquery,
    SubqueryKind,
)

# From loose to tight; the numbers only have to be in order.
OR_LEVEL = 1
AND_LEVEL = 2
NOT_LEVEL = 3
IS_LEVEL = 4
COMPARISON_LEVEL = 5
LIKE_LEVEL = 6
OPERATOR_LEVEL = 8
SUM_LEVEL = 9
PRODUCT_LEVEL = 10
POWER_LEVEL = 11
AT_LEVEL = 12
COLLATE_LEVEL = 13
SIGN_LEVEL = 14
CAST_LEVEL = 16

_COMPARISONS = frozenset(("<", ">", "=", "<=", ">=", "<>"))
_QUANTIFIERS = frozenset(("any", "some", "all"))
_SMALLEST_INT8_DIGITS = "9223372036854775808"

# A rule of the table: how tight it binds, and what reads it: (cursor, left, table) → expression.
Table = dict[str, tuple[int, Callable[[Cursor, Expression, "Table"], Expression]]]


def expression(cursor: Cursor) -> Expression:
    """Any expression. # Real: a_expr"""
    left = _operand(cursor, FULL)
    if cursor.kind in FULL:
        return _climb(cursor, left, 0, FULL)
    return left


def restricted_expression(cursor: Cursor) -> Expression:
    """An expression of arithmetic and comparisons alone. # Real: b_expr"""
    return _climb(cursor, _operand(cursor, RESTRICTED), 0, RESTRICTED)


def continue_expression(cursor: Cursor, left: Expression) -> Expression:
    """The rest of an expression whose first operand has been read already."""
    return _climb(cursor, left, 0, FULL)


def _at_level(cursor: Cursor, minimum: int, table: Table) -> Expression:
    return _climb(cursor, _operand(cursor, table), minimum, table)


def _climb(cursor: Cursor, left: Expression, minimum: int, table: Table) -> Expression:
    while (rule := table.get(cursor.kind)) is not None and rule[0] >= minimum:
        if cursor.kind in _TWO_WORDS and cursor.peek() not in _TWO_WORDS[cursor.kind]:
            break
        left = rule[1](cursor, left, table)
    return left


# Words that are operators only before these; else they begin something that is not ours: the label
# `operator`, NOT NULL behind a default, SUBSTRING(x SIMILAR pattern ESCAPE c).
_TWO_WORDS = {
    "not": frozenset(("between", "in", "like", "ilike", "similar")),
    "similar": frozenset(("to",)),
    "operator": frozenset(("(",)),
}


def _operand(cursor: Cursor, table: Table) -> Expression:
    """What an expression can begin with."""
    prefix = _PREFIXES.get(cursor.kind)
    if prefix is None or (prefix in _FULL_ONLY and table is RESTRICTED):
        return primaries.primary(cursor)
    if cursor.kind == "operator" and cursor.peek() != "(":
        return primaries.primary(cursor)
    return prefix(cursor, table)


# Prefix operators.


def _not(cursor: Cursor, table: Table) -> Expression:
    position = cursor.position
    cursor.advance()
    return Not(_at_level(cursor, NOT_LEVEL, table), position)


def _sign(cursor: Cursor, table: Table) -> Expression:
    """+x and -x; a minus before a number becomes part of it, so that -2147483648 is an integer."""
    position, sign = cursor.position, cursor.take()
    operand = _at_level(cursor, SIGN_LEVEL, table)
    if sign == "-" and isinstance(operand, Literal):
        if operand.kind is LiteralKind.INTEGER:
            return Literal(LiteralKind.INTEGER, -operand.value, position)
        if operand.kind is LiteralKind.NUMERIC:
            return _negated(operand.value, position)
    return OperatorCall((sign,), None, operand, position)


def _negated(digits: str, position: int) -> Literal:
    if digits == _SMALLEST_INT8_DIGITS:
        return Literal(LiteralKind.INTEGER, -int(digits), position)
    negated = digits[1:] if digits.startswith("-") else "-" + digits
    return Literal(LiteralKind.NUMERIC, negated, position)


def _prefix_operator(cursor: Cursor, table: Table) -> Expression:
    position = cursor.position
    name = operator_name(cursor)
    return OperatorCall(name, None, _at_level(cursor, OPERATOR_LEVEL + 1, table), position)


def _default(cursor: Cursor, table: Table) -> Expression:
    position = cursor.position
    cursor.advance()
    return Default(position)


def _unique(cursor: Cursor, table: Table) -> Expression:
    raise not_supported("UNIQUE predicate", cursor.position)


_PREFIXES = {
    "not": _not,
    "+": _sign,
    "-": _sign,
    lexer.OPERATOR: _prefix_operator,
    "operator": _prefix_operator,
    "default": _default,
    "unique": _unique,
}
_FULL_ONLY = frozenset((_not, _default, _unique))


# Operators by sign.


def operator_name(cursor: Cursor) -> tuple[str, ...]:
    """An operator's sign, or OPERATOR(schema.sign). # Real: qual_Op, qual_all_Op"""
    if cursor.accept("operator"):
        cursor.expect("(")
        name = any_operator(cursor)
        cursor.expect(")")
        return name
    return (_sign_of(cursor),)


def any_operator(cursor: Cursor) -> tuple[str, ...]:
    """schema.sign"""
    names = []
    while cursor.kind not in _SIGNS:
        names.append(cursor.column_name())
        cursor.expect(".")
    return (*names, _sign_of(cursor))


def _sign_of(cursor: Cursor) -> str:
    if cursor.kind not in _SIGNS:
        cursor.fail()
    return cursor.take()


_SIGNS = frozenset(("+", "-", "*", "/", "%", "^", lexer.OPERATOR)) | _COMPARISONS


def _binary(level: int) -> Callable[[Cursor, Expression, Table], Expression]:
    """A rule for operators of this level, which lean to the left."""

    def parse(cursor: Cursor, left: Expression, table: Table) -> Expression:
        position = cursor.position
        name = operator_name(cursor)
        if cursor.kind in _QUANTIFIERS and table is FULL:
            return _quantified(cursor, left, name, position)
        right = _operand(cursor, table)
        following = table.get(cursor.kind)
        if following is not None and following[0] > level:
            right = _climb(cursor, right, level + 1, table)
        return OperatorCall(name, left, right, position)

    return parse


def _comparison(cursor: Cursor, left: Expression, table: Table) -> Expression:
    compared = _compare(cursor, left, table)
    if isinstance(compared, OperatorCall):
        _no_chain(cursor, COMPARISON_LEVEL, table)
    return compared


_compare = _binary(COMPARISON_LEVEL)


def _no_chain(cursor: Cursor, level: int, table: Table) -> None:
    """Fails at a second operator of a level that does not associate."""
    following = table.get(cursor.kind)
    if following is not None and following[0] == level:
        if cursor.kind in _TWO_WORDS and cursor.peek() not in _TWO_WORDS[cursor.kind]:
            return
        cursor.fail()


def _quantified(
    cursor: Cursor, left: Expression, name: tuple[str, ...], position: int
) -> Expression:
    """left = ANY (query or array)"""
    is_all = cursor.take() == "all"
    inner = primaries.parenthesized(cursor)
    if isinstance(inner, Query):
        kind = SubqueryKind.ALL if is_all else SubqueryKind.ANY
        return Subquery(kind, inner, left, name, position=position)
    cursor.expect(")")
    return QuantifiedArray(left, name, inner, is_all, position)


# AND, OR: a chain is one node.


def _and(cursor: Cursor, left: Expression, table: Table) -> Expression:
    position = cursor.position
    operands = list(left.operands) if isinstance(left, And) else [left]
    while cursor.accept("and"):
        operands.append(_at_level(cursor, AND_LEVEL + 1, table))
    return And(tuple(operands), left.position if isinstance(left, And) else position)


def _or(cursor: Cursor, left: Expression, table: Table) -> Expression:
    position = cursor.position
    operands = list(left.operands) if isinstance(left, Or) else [left]
    while cursor.accept("or"):
        operands.append(_at_level(cursor, OR_LEVEL + 1, table))
    return Or(tuple(operands), left.position if isinstance(left, Or) else position)


# IS …


def _is(cursor: Cursor, left: Expression, table: Table) -> Expression:
    position = cursor.position
    cursor.advance()
    is_negated = cursor.accept("not")
    match cursor.kind:
        case "distinct":
            cursor.expect("distinct", "from")
            right = _at_level(cursor, IS_LEVEL + 1, table)
            _no_chain(cursor, IS_LEVEL, table)
            return IsDistinct(left, right, is_negated, position)
        case "document":
            raise not_supported("IS DOCUMENT", cursor.position)
        case _ if table is RESTRICTED:
            cursor.fail()
        case "null":
            cursor.advance()
            return IsNull(left, is_negated, position)
        case "true" | "false" | "unknown" as word:
            cursor.advance()
            truth = {"true": True, "false": False, "unknown": None}[word]
            return IsTruth(left, truth, is_negated, position)
        case "normalized" | "nfc" | "nfd" | "nfkc" | "nfkd":
            return _is_normalized(cursor, left, is_negated, position)
    return cursor.fail()


def _is_normalized(cursor: Cursor, left: Expression, is_negated: bool, position: int) -> Expression:
    arguments = (left,)
    if cursor.kind != "normalized":
        form = Literal(LiteralKind.STRING, cursor.value.upper(), cursor.position)
        cursor.advance()
        arguments = (left, form)
    cursor.expect("normalized")
    name = ("pg_catalog", "is_normalized")
    call = FunctionCall(name, arguments, has_sql_syntax=True, position=position)
    return Not(call, position) if is_negated else call


def _isnull(cursor: Cursor, left: Expression, table: Table) -> Expression:
    position = cursor.position
    return IsNull(left, cursor.take() == "notnull", position)


# BETWEEN, IN, LIKE, with or without NOT.


def _negated_rule(cursor: Cursor, left: Expression, table: Table) -> Expression:
    position = cursor.position
    cursor.advance()
    if cursor.kind == "between":
        return _between(cursor, left, table, position, is_negated=True)
    if cursor.kind == "in":
        return _in(cursor, left, table, position, is_negated=True)
    return _like(cursor, left, table, position, is_negated=True)


def _between(
    cursor: Cursor,
    left: Expression,
    table: Table,
    position: int = -1,
    is_negated: bool = False,
) -> Expression:
    position = position if is_negated else cursor.position
    cursor.expect("between")
    is_symmetric = cursor.accept("symmetric")
    if not is_symmetric:
        cursor.accept("asymmetric")
    low = restricted_expression(cursor)
    cursor.expect("and")
    high = _at_level(cursor, LIKE_LEVEL + 1, table)
    _no_chain(cursor, LIKE_LEVEL, table)
    return Between(left, low, high, is_symmetric, is_negated, position)


def _in(
    cursor: Cursor,
    left: Expression,
    table: Table,
    position: int = -1,
    is_negated: bool = False,
) -> Expression:
    position = position if is_negated else cursor.position
    cursor.expect("in")
    inner = primaries.parenthesized(cursor)
    if isinstance(inner, Query):
        return Subquery(
            SubqueryKind.ANY, inner, left, ("=",), is_negated, is_in=True, position=position
        )
    items = (inner, *cursor.list_of(expression)) if cursor.accept(",") else (inner,)
    cursor.expect(")")
    return InList(left, items, is_negated, position)


_LIKE_KINDS = {"like": LikeKind.LIKE, "ilike": LikeKind.ILIKE, "similar": LikeKind.SIMILAR}
_LIKE_OPERATORS = {
    (LikeKind.LIKE, False): "~~",
    (LikeKind.LIKE, True): "!~~",
    (LikeKind.ILIKE, False): "~~*",
    (LikeKind.ILIKE, True): "!~~*",
}


def _like(
    cursor: Cursor,
    left: Expression,
    table: Table,
    position: int = -1,
    is_negated: bool = False,
) -> Expression:
    position = position if is_negated else cursor.position
    kind = _LIKE_KINDS[cursor.take()]
    if kind is LikeKind.SIMILAR:
        cursor.expect("to")
    elif cursor.kind in _QUANTIFIERS:
        return _quantified(cursor, left, (_LIKE_OPERATORS[kind, is_negated],), position)
    pattern = _at_level(cursor, LIKE_LEVEL + 1, table)
    escape = None
    if cursor.accept("escape"):
        escape = _at_level(cursor, LIKE_LEVEL + 1, table)
    _no_chain(cursor, LIKE_LEVEL, table)
    return Like(kind, left, pattern, escape, is_negated, position)


# What stands behind an operand: ::, COLLATE, AT TIME ZONE.


def _cast(cursor: Cursor, left: Expression, table: Table) -> Expression:
    position = cursor.position
    cursor.advance()
    return Cast(left, types.type_name(cursor), position)


def _collate(cursor: Cursor, left: Expression, table: Table) -> Expression:
    position = cursor.position
    cursor.advance()
    return Collate(left, cursor.any_name(), position)


def _at_time_zone(cursor: Cursor, left: Expression, table: Table) -> Expression:
    position = cursor.position
    cursor.expect("at", "time", "zone")
    zone = _at_level(cursor, AT_LEVEL + 1, table)
    return functions.system_call("timezone", (zone, left), position)


_sum = _binary(SUM_LEVEL)
_product = _binary(PRODUCT_LEVEL)
_other_operator = _binary(OPERATOR_LEVEL)

RESTRICTED: Table = {
    "is": (IS_LEVEL, _is),
    **dict.fromkeys(_COMPARISONS, (COMPARISON_LEVEL, _comparison)),
    lexer.OPERATOR: (OPERATOR_LEVEL, _other_operator),
    "operator": (OPERATOR_LEVEL, _other_operator),
    "+": (SUM_LEVEL, _sum),
    "-": (SUM_LEVEL, _sum),
    "*": (PRODUCT_LEVEL, _product),
    "/": (PRODUCT_LEVEL, _product),
    "%": (PRODUCT_LEVEL, _product),
    "^": (POWER_LEVEL, _binary(POWER_LEVEL)),
    "::": (CAST_LEVEL, _cast),
}
FULL: Table = {
    **RESTRICTED,
    "or": (OR_LEVEL, _or),
    "and": (AND_LEVEL, _and),
    "isnull": (IS_LEVEL, _isnull),
    "notnull": (IS_LEVEL, _isnull),
    "between": (LIKE_LEVEL, _between),
    "in": (LIKE_LEVEL, _in),
    "like": (LIKE_LEVEL, _like),
    "ilike": (LIKE_LEVEL, _like),
    "similar": (LIKE_LEVEL, _like),
    "not": (LIKE_LEVEL, _negated_rule),
    "at": (AT_LEVEL, _at_time_zone),
    "collate": (COLLATE_LEVEL, _collate),
}

"""Operators: which one is meant, and the forms of the grammar that are made of operators.

    a BETWEEN b AND c     a >= b AND a <= c
    a IN (1, 2)           a = ANY (array of 1, 2)
    a NOT LIKE b          a !~~ b
    (a, b) < (c, d)       a RowComparison: item by item

# Real: make_op() in parse_oper.c, transformAExpr…() in parse_expr.c
"""

from __future__ import annotations

from services.sqldb.binder import expressions, subqueries
from services.sqldb.binder.conversion import (
    convert_type,
    is_unknown,
    resolve_unknown,
    to_common_type,
)
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import Scope
from services.sqldb.binder.statement import Statement, UnknownLiteral
from services.sqldb.binder.trees import columns_in
from services.sqldb.errors import (
    CANNOT_COERCE,
    DATATYPE_MISMATCH,
    FEATURE_NOT_SUPPORTED,
    SYNTAX_ERROR,
    UNDEFINED_FUNCTION,
    WRONG_OBJECT_TYPE,
    SqlError,
)
from services.sqldb.functions import Function, resolve_function, resolve_operator
from services.sqldb.functions.coercion import common_type_or_none
from services.sqldb.interruption import paced
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import LikeKind, SubqueryKind
from services.sqldb.types import BOOL, SqlType
from services.sqldb.values import Array

ROW_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


def operator_call(scope: Scope, node: nodes.OperatorCall) -> ex.Expression:
    if node.left is not None:
        rows = _row_operands(scope, node)
        if rows is not None:
            return rows
    left = None if node.left is None else expressions.bind(scope, node.left)
    right = expressions.bind(scope, node.right)
    return call_operator(scope, node.name, left, right, node.position, node.right, node.left)


def call_operator(
    scope: Scope,
    name: tuple[str, ...],
    left: ex.Expression | None,
    right: ex.Expression,
    position: int,
    right_place: nodes.Expression | int = -1,
    left_place: nodes.Expression | int | None = -1,
) -> ex.Call:
    """left name right with both sides converted to what the operator takes.

    The places of the two sides, for errors: their nodes or positions.
    """
    statement = scope.statement
    resolved = find_operator(scope, name, None if left is None else left.type, right.type, position)
    arguments = []
    if left is not None:
        arguments.append(_operand(statement, left, resolved.left, left_place))
    arguments.append(_operand(statement, right, resolved.right, right_place))
    function = resolved.function
    if function.returns_set:
        raise SqlError(FEATURE_NOT_SUPPORTED, "operators that return sets are not supported")
    return ex.Call(
        resolved.result_type, function, tuple(arguments), spelling=name[-1], position=position
    )


def _operand(
    statement: Statement, value: ex.Expression, wanted: SqlType, place: nodes.Expression | int
) -> ex.Expression | None:
    """A side converted to what the operator takes.

    Where a long chain begins is not looked for at each of its operators: mostly nothing is to be
    converted.
    """
    if value.type.oid == wanted.oid:
        return value
    position = place if isinstance(place, int) else leftmost(place)
    return convert_type(statement, value, wanted, "i", position)


def find_operator(
    scope: Scope, name: tuple[str, ...], left: SqlType | None, right: SqlType, position: int
) -> object:
    """The operator of the library, with an error at its place."""
    if len(name) > 1 and name[-2] != "pg_catalog":
        scope.statement.lookup.expect_schema(name[-2], position)
        raise _missing_operator(name, left, right, position)
    try:
        return resolve_operator(name[-1], left, right, library=scope.statement.library)
    except SqlError as error:
        raise error.at(position) from None


def _missing_operator(
    name: tuple[str, ...], left: SqlType | None, right: SqlType, position: int
) -> SqlError:
    shown = ".".join(name)
    operands = f"{shown} {right}" if left is None else f"{left} {shown} {right}"
    return SqlError(
        UNDEFINED_FUNCTION,
        f"operator does not exist: {operands}",
        hint="No operator matches the given name and argument types. You might need to add "
        "explicit type casts.",
        position=position,
    )


# Rows.


def _row_operands(scope: Scope, node: nodes.OperatorCall) -> ex.Expression | None:
    """(a, b) = (c, d) and (a, b) = (SELECT …); None when it is an operator like any other."""
    if not isinstance(node.left, nodes.RowConstructor):
        return None
    right = node.right
    if isinstance(right, nodes.Subquery) and right.kind is SubqueryKind.SCALAR:
        return subqueries.row_comparison(scope, node, right)
    if not isinstance(right, nodes.RowConstructor):
        return None
    left_items = _row_items(scope, node.left)
    right_items = _row_items(scope, right)
    return compare_rows(scope, node.name, left_items, right_items, node.position)


def _row_items(scope: Scope, node: nodes.RowConstructor) -> list[ex.Expression]:
    return expressions.expand_row_items(scope, node.items)


def compare_rows(
    scope: Scope,
    name: tuple[str, ...],
    left: list[ex.Expression],
    right: list[ex.Expression],
    position: int,
) -> ex.Expression:
    """Item by item; # Real: make_row_comparison_op()"""
    if len(left) != len(right):
        message = "unequal number of entries in row expressions"
        raise SqlError(SYNTAX_ERROR, message, position=position)
    if not left:
        message = "cannot compare rows of zero length"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)
    calls = [
        call_operator(scope, name, one, other, position)
        for one, other in zip(left, right, strict=True)
    ]
    for call in calls:
        if call.type.oid != BOOL.oid:
            message = f"row comparison operator must yield type boolean, not type {call.type}"
            raise SqlError(DATATYPE_MISMATCH, message, position=position)
    if len(calls) == 1:
        return calls[0]
    if name[-1] not in ROW_COMPARISONS:
        raise SqlError(
            FEATURE_NOT_SUPPORTED,
            f"could not determine interpretation of row comparison operator {name[-1]}",
            hint="Row comparison operators must be associated with btree operator families.",
            position=position,
        )
    lefts = tuple(call.arguments[0] for call in calls)
    rights = tuple(call.arguments[1] for call in calls)
    return ex.RowComparison(
        BOOL,
        name[-1],
        lefts,
        rights,
        tuple(call.function for call in calls),
        equalities(scope, lefts, rights),
    )


def equalities(
    scope: Scope, lefts: tuple[ex.Expression, ...], rights: tuple[ex.Expression, ...]
) -> tuple[Function, ...]:
    """The function behind = for each pair."""
    pairs = zip(lefts, rights, strict=True)
    return tuple(_equals(scope, one.type, other.type) for one, other in pairs)


def _equals(scope: Scope, left: SqlType, right: SqlType) -> Function:
    return resolve_operator("=", left, right, library=scope.statement.library).function


def is_distinct(scope: Scope, node: nodes.IsDistinct) -> ex.Expression:
    if isinstance(node.left, nodes.RowConstructor) and isinstance(node.right, nodes.RowConstructor):
        left, right = _row_items(scope, node.left), _row_items(scope, node.right)
        if len(left) != len(right):
            message = "unequal number of entries in row expressions"
            raise SqlError(SYNTAX_ERROR, message, position=node.position)
        parts = tuple(
            _distinct(scope, one, other, False, node.position)
            for one, other in zip(left, right, strict=True)
        )
        either = ex.Or(BOOL, parts)
        return ex.Not(BOOL, either) if node.is_negated else either
    left = expressions.bind(scope, node.left)
    right = expressions.bind(scope, node.right)
    return _distinct(scope, left, right, node.is_negated, node.position)


def _distinct(
    scope: Scope, left: ex.Expression, right: ex.Expression, is_negated: bool, position: int
) -> ex.Expression:
    for value, other in ((left, right), (right, left)):
        if isinstance(value, UnknownLiteral) and value.value is None:
            return ex.IsNull(BOOL, resolve_unknown(scope.statement, other), not is_negated)
    call = call_operator(scope, ("=",), left, right, position, position, position)
    one, other = call.arguments
    return ex.IsDistinct(BOOL, one, other, call.function, is_negated)


# BETWEEN and LIKE.


def between(scope: Scope, node: nodes.Between) -> ex.Expression:
    inside = _within(node, node.low, node.high)
    if node.is_symmetric:
        swapped = _within(node, node.high, node.low)
        kind = nodes.And if node.is_negated else nodes.Or
        inside = kind((inside, swapped), node.position)
    return expressions.bind(scope, inside)


def _within(node: nodes.Between, low: nodes.Expression, high: nodes.Expression) -> object:
    """a >= low AND a <= high, or a < low OR a > high."""
    first, second, kind = ("<", ">", nodes.Or) if node.is_negated else (">=", "<=", nodes.And)
    at = node.position
    return kind(
        (
            nodes.OperatorCall((first,), node.operand, low, at),
            nodes.OperatorCall((second,), node.operand, high, at),
        ),
        at,
    )


_LIKE_SIGNS = {LikeKind.LIKE: "~~", LikeKind.ILIKE: "~~*", LikeKind.SIMILAR: "~"}


def like(scope: Scope, node: nodes.Like) -> ex.Expression:
    sign = ("!" if node.is_negated else "") + _LIKE_SIGNS[node.kind]
    operand = expressions.bind(scope, node.operand)
    pattern = expressions.bind(scope, node.pattern)
    name = "similar_to_escape" if node.kind is LikeKind.SIMILAR else "like_escape"
    arguments = [pattern]
    if node.escape is not None:
        arguments.append(expressions.bind(scope, node.escape))
    if node.escape is not None or node.kind is LikeKind.SIMILAR:
        pattern = _call(scope, name, arguments, leftmost(node.pattern))
    return call_operator(
        scope,
        (sign,),
        operand,
        pattern,
        node.position,
        leftmost(node.pattern),
        leftmost(node.operand),
    )


def _call(scope: Scope, name: str, arguments: list[ex.Expression], position: int) -> ex.Expression:
    statement = scope.statement
    types = [argument.type for argument in arguments]
    try:
        resolved = resolve_function(name, types, library=statement.library)
    except SqlError as error:
        raise error.at(position) from None
    converted = tuple(
        convert_type(statement, argument, type_, "i", position)
        for argument, type_ in zip(arguments, resolved.argument_types, strict=True)
    )
    return ex.Call(resolved.result_type, resolved.function, converted, spelling=name)


# IN and ANY.


def in_list(scope: Scope, node: nodes.InList) -> ex.Expression:
    """Values without columns become one array to look in; the others are compared one by one.

    # Real: transformAExprIn()
    """
    operator = ("<>",) if node.is_negated else ("=",)
    if isinstance(node.operand, nodes.RowConstructor):
        return _in_rows(scope, node, operator)
    operand = expressions.bind(scope, node.operand)
    items = [expressions.bind(scope, item) for item in node.items]
    places = [leftmost(item) for item in paced(node.items)]
    fixed = [index for index, item in enumerate(paced(items)) if not _has_columns(item)]
    conditions: list[ex.Expression] = []
    if len(fixed) > 1:
        array = _array_to_look_in(
            scope, operand, [items[i] for i in fixed], [places[i] for i in fixed]
        )
        if array is not None:
            conditions.append(_look_in(scope, operator, operand, array, node))
            rest = sorted(set(range(len(items))).difference(fixed))
            items, places = [items[index] for index in rest], [places[index] for index in rest]
    for item, place in zip(items, places, strict=True):
        conditions.append(
            call_operator(
                scope, operator, operand, item, node.position, place, leftmost(node.operand)
            )
        )
    if len(conditions) == 1:
        return conditions[0]
    return (ex.And if node.is_negated else ex.Or)(BOOL, tuple(conditions))


def _has_columns(item: ex.Expression) -> bool:
    return next(columns_in(item), None) is not None


def _array_to_look_in(
    scope: Scope, operand: ex.Expression, items: list[ex.Expression], places: list[int]
) -> ex.Expression | None:
    """The values as an array of the type that they and the operand have in common, if any."""
    statement = scope.statement
    common = common_type_or_none([operand.type, *(item.type for item in items)], statement.library)
    if not isinstance(common, SqlType) or common.is_pseudo or common.is_array:
        return None
    values = [
        to_common_type(statement, item, common, "IN", place)
        for item, place in zip(paced(items), places, strict=True)
    ]
    type_ = statement.lookup.types.array_of(common)
    if all(isinstance(value, ex.Constant) for value in paced(values)):
        return ex.Constant(type_, Array(tuple([value.value for value in values]), (1,)))
    return ex.ArrayValue(type_, tuple(values))


def _look_in(
    scope: Scope,
    operator: tuple[str, ...],
    operand: ex.Expression,
    array: ex.Expression,
    node: nodes.InList,
) -> ex.Expression:
    resolved = find_operator(scope, operator, operand.type, array.type.element, node.position)
    operand = convert_type(scope.statement, operand, resolved.left, "i", leftmost(node.operand))
    if resolved.right.oid != array.type.element.oid:
        wanted = scope.statement.lookup.types.array_of(resolved.right)
        array = convert_type(scope.statement, array, wanted)
    return ex.Quantified(
        BOOL, operand, array, resolved.function, node.is_negated, spelling=operator[0]
    )


def _in_rows(scope: Scope, node: nodes.InList, operator: tuple[str, ...]) -> ex.Expression:
    conditions = []
    for item in node.items:
        call = nodes.OperatorCall(operator, node.operand, item, node.position)
        conditions.append(expressions.bind(scope, call))
    if len(conditions) == 1:
        return conditions[0]
    return (ex.And if node.is_negated else ex.Or)(BOOL, tuple(conditions))


def quantified_array(scope: Scope, node: nodes.QuantifiedArray) -> ex.Expression:
    """left op ANY (array). # Real: make_scalar_array_op()"""
    statement = scope.statement
    left = expressions.bind(scope, node.left)
    array = expressions.bind(scope, node.array)
    if is_unknown(array):
        element = array.type
    elif array.type.is_array:
        element = array.type.element
    else:
        message = "op ANY/ALL (array) requires array on right side"
        raise SqlError(WRONG_OBJECT_TYPE, message, position=node.position)
    resolved = find_operator(scope, node.operator, left.type, element, node.position)
    if resolved.result_type.oid != BOOL.oid:
        message = "op ANY/ALL (array) requires operator to yield boolean"
        raise SqlError(WRONG_OBJECT_TYPE, message, position=node.position)
    left = convert_type(statement, left, resolved.left, "i", leftmost(node.left))
    wanted = resolved.right
    if wanted.is_pseudo:
        wanted = left.type
    wanted_array = statement.lookup.types.array_of(wanted)
    converted = convert_type(statement, array, wanted_array, "i", leftmost(node.array))
    if converted is None:
        message = f"cannot cast type {array.type} to {wanted_array}"
        raise SqlError(CANNOT_COERCE, message, position=leftmost(node.array))
    return ex.Quantified(
        BOOL, left, converted, resolved.function, node.is_all, spelling=node.operator[-1]
    )

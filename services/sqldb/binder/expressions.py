"""Syntax of expressions → typed expressions: one function for each kind of node.

`bind(scope, node)` knows the names of the scope and gives an expression with its type; conversions
that the statement did not write are put in here. Literals and parameters may stay of unknown type;
who uses the result gives them one (see conversion).
# Real: transformExpr() in parse_expr.c
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.sqldb.binder import arrays, calls, current_values, operators, subqueries
from services.sqldb.binder.clauses import check_column
from services.sqldb.binder.conversion import (
    as_boolean,
    cast_explicitly,
    common_typmod,
    convert_type,
    read_literal,
    resolve_literal,
    resolve_unknown,
    unify,
)
from services.sqldb.binder.pending import PendingGrouping
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import (
    Item,
    Scope,
    column_of,
    find_column,
    find_item,
    missing_column,
    missing_item,
    note_all,
    note_column,
)
from services.sqldb.binder.statement import UnknownLiteral
from services.sqldb.binder.trees import contains
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.errors import (
    DATATYPE_MISMATCH,
    FEATURE_NOT_SUPPORTED,
    SYNTAX_ERROR,
    TOO_MANY_COLUMNS,
    UNDEFINED_COLUMN,
    UNDEFINED_OBJECT,
    WRONG_OBJECT_TYPE,
    SqlError,
    not_supported,
)
from services.sqldb.functions import resolve_operator
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import LiteralKind
from services.sqldb.types import (
    BIT,
    BOOL,
    INT4,
    INT8,
    NUMERIC,
    UNKNOWN,
    SqlType,
)
from services.sqldb.types.composites import make_record_type

INT4_LIMIT = 2**31
# Real: MaxTupleAttributeNumber
MOST_COLUMNS = 1664


def bind(scope: Scope, node: nodes.Expression) -> ex.Expression:
    """The typed expression of a node. Raises SqlError with the place of the mistake."""
    scope.statement.step()
    return _RULES[type(node)](scope, node)


def bind_as(
    scope: Scope, node: nodes.Expression, target: SqlType, context: str = "i"
) -> ex.Expression | None:
    """The expression converted to the target; None if there is no way."""
    return convert_type(scope.statement, bind(scope, node), target, context, leftmost(node))


def bind_condition(scope: Scope, node: nodes.Expression, construct: str) -> ex.Expression:
    """The boolean operand of WHERE, ON, HAVING, FILTER and their like."""
    return as_boolean(scope.statement, bind(scope, node), construct, leftmost(node))


# Literals and parameters.


def _literal(scope: Scope, node: nodes.Literal) -> ex.Expression:
    match node.kind:
        case LiteralKind.STRING:
            return UnknownLiteral(UNKNOWN, node.value, position=node.position)
        case LiteralKind.INTEGER:
            is_small = -INT4_LIMIT <= node.value < INT4_LIMIT
            return ex.Constant(INT4 if is_small else INT8, node.value)
        case LiteralKind.NULL:
            return UnknownLiteral(UNKNOWN, None, position=node.position)
        case LiteralKind.BOOLEAN:
            return ex.Constant(BOOL, node.value)
        case LiteralKind.NUMERIC:
            literal = UnknownLiteral(UNKNOWN, node.value, position=node.position)
            return read_literal(scope.statement, literal, NUMERIC)
    literal = UnknownLiteral(UNKNOWN, node.value, position=node.position)
    constant = read_literal(scope.statement, literal, BIT)
    return replace(constant, typmod=len(constant.value))


def _parameter(scope: Scope, node: nodes.Parameter) -> ex.Expression:
    return scope.statement.parameters.use(node.number, node.position)


# Names.


def _column_reference(scope: Scope, node: nodes.ColumnReference) -> ex.Expression:
    check_column(scope.clause, node.position)
    names, position = node.names, node.position
    if len(names) == 1:
        column = find_column(scope, names[0], position)
        if column is not None:
            note_column(scope, node, column)
            return column.expression
        item = find_item(scope, names[0], None, position)
        if item is not None:
            return whole_row(item)
        parameter = _named_parameter(scope, names, position)
        if parameter is not None:
            return parameter
        raise missing_column(scope, names[0], position)
    *qualifier, name = names
    parameter = _named_parameter(scope, names, position)
    if parameter is not None and find_item(scope, qualifier[-1], None, position) is None:
        return parameter
    item = qualified_item(scope, tuple(qualifier), position)
    column = column_of(item, name, position)
    if column is not None:
        note_column(scope, node, column)
        return column.expression
    called = calls.function_of_row(scope, name, whole_row(item), position)
    if called is not None:
        return called
    raise missing_column(scope, name, position, item)


def _named_parameter(scope: Scope, names: tuple[str, ...], position: int) -> ex.Expression | None:
    """In the body of a function, name or function.name may be one of its parameters."""
    known = scope.statement.parameter_names
    if known is None or len(names) > 2 or (len(names) == 2 and names[0] != known[0]):
        return None
    number = known[1].get(names[-1])
    return None if number is None else scope.statement.parameters.use(number, position)


def qualified_item(scope: Scope, qualifier: tuple[str, ...], position: int) -> Item:
    """The item of FROM that t, s.t or d.s.t names."""
    if len(qualifier) > 3:
        written = ".".join(qualifier)
        message = f"improper qualified name (too many dotted names): {written}"
        raise SqlError(SYNTAX_ERROR, message, position=position)
    schema = qualifier[-2] if len(qualifier) > 1 else None
    item = find_item(scope, qualifier[-1], schema, position)
    if item is None:
        raise missing_item(scope, qualifier[-1], position)
    return item


def whole_row(item: Item) -> ex.Expression:
    """The row of an item as one value."""
    if item.is_scalar_function:
        return item.columns[0].expression
    note_all(item.columns)
    columns = tuple(column.expression for column in item.columns)
    names = tuple(column.name for column in item.columns)
    type_ = item.row_type
    if type_ is None:
        type_ = record_type(columns, names)
    return ex.WholeRow(type_, item.relation, columns, names)


def record_type(items: tuple[ex.Expression, ...], names: tuple[str, ...]) -> SqlType:
    return make_record_type(
        tuple(
            (name, item.type, getattr(item, "typmod", -1))
            for name, item in zip(names, items, strict=True)
        )
    )


def _star(scope: Scope, node: nodes.Star) -> ex.Expression:
    """t.* where one value is wanted: the row; count(t.*)."""
    if not node.qualifier:
        raise SqlError(SYNTAX_ERROR, 'syntax error at or near "*"', position=node.position)
    return whole_row(qualified_item(scope, node.qualifier, node.position))


def _field(scope: Scope, node: nodes.FieldSelection) -> ex.Expression:
    base = bind(scope, node.operand)
    fields = base.type.fields or ()
    is_table = isinstance(base, ex.WholeRow) and isinstance(node.operand, nodes.ColumnReference)
    if is_table and node.field not in {name for name, _, _ in fields}:
        message = f"column {node.operand.names[-1]}.{node.field} does not exist"
        raise SqlError(UNDEFINED_COLUMN, message, position=leftmost(node))
    return select_field(scope, base, node.field, leftmost(node))


def select_field(scope: Scope, base: ex.Expression, name: str, position: int) -> ex.Expression:
    """(base).name"""
    fields = base.type.fields
    for index, (field, type_, typmod) in enumerate(fields or ()):
        if field == name:
            if isinstance(base, ex.WholeRow):
                return base.columns[index]
            if isinstance(base, ex.RowValue):
                return base.items[index]
            return ex.Field(type_, base, index, name, typmod)
    called = calls.function_of_row(scope, name, base, position)
    if called is not None:
        return called
    if fields is None:
        if base.type.name == "record":
            message = f'could not identify column "{name}" in record data type'
            raise SqlError(UNDEFINED_COLUMN, message, position=position)
        message = (
            f"column notation .{name} applied to type {base.type}, which is not a composite type"
        )
        raise SqlError(WRONG_OBJECT_TYPE, message, position=position)
    if base.type.kind == "c":
        message = f'column "{name}" not found in data type {base.type}'
    else:
        message = f'could not identify column "{name}" in record data type'
    raise SqlError(UNDEFINED_COLUMN, message, position=position)


def _row_expansion(scope: Scope, node: nodes.RowExpansion) -> ex.Expression:
    message = 'row expansion via "*" is not supported here'
    raise SqlError(FEATURE_NOT_SUPPORTED, message, position=node.position)


# Logic.


def _and(scope: Scope, node: nodes.And) -> ex.Expression:
    return ex.And(BOOL, _operands(scope, node.operands, "AND"))


def _or(scope: Scope, node: nodes.Or) -> ex.Expression:
    return ex.Or(BOOL, _operands(scope, node.operands, "OR"))


def _operands(
    scope: Scope, operands: tuple[nodes.Expression, ...], word: str
) -> tuple[ex.Expression, ...]:
    return tuple(bind_condition(scope, operand, word) for operand in operands)


def _not(scope: Scope, node: nodes.Not) -> ex.Expression:
    return ex.Not(BOOL, bind_condition(scope, node.operand, "NOT"))


def _is_null(scope: Scope, node: nodes.IsNull) -> ex.Expression:
    argument = resolve_literal(scope.statement, bind(scope, node.operand))
    return ex.IsNull(BOOL, argument, node.is_negated)


_TRUTH_WORDS = {True: "TRUE", False: "FALSE", None: "UNKNOWN"}


def _is_truth(scope: Scope, node: nodes.IsTruth) -> ex.Expression:
    word = f"IS {'NOT ' if node.is_negated else ''}{_TRUTH_WORDS[node.truth]}"
    argument = bind_condition(scope, node.operand, word)
    return ex.BooleanTest(BOOL, argument, node.truth, node.is_negated)


def _case(scope: Scope, node: nodes.Case) -> ex.Expression:
    """The branches, and as their type the one that all results have in common, default first."""
    statement = scope.statement
    conditions = [_case_condition(scope, node, when) for when in node.whens]
    results = [bind(scope, when.result) for when in node.whens]
    _refuse_sets(scope, [*conditions, *results], [when.result for when in node.whens], "CASE")
    default = UnknownLiteral(UNKNOWN, None) if node.default is None else bind(scope, node.default)
    positions = [-1 if node.default is None else leftmost(node.default)]
    positions += [leftmost(when.result) for when in node.whens]
    (default, *results), type_ = unify(statement, [default, *results], "CASE", positions)
    branches = tuple(zip(conditions, results, strict=True))
    return ex.Case(type_, branches, default, common_typmod([default, *results]))


def _case_condition(scope: Scope, node: nodes.Case, when: nodes.CaseWhen) -> ex.Expression:
    if node.operand is None:
        return bind_condition(scope, when.condition, "CASE/WHEN")
    operand = resolve_unknown(scope.statement, bind(scope, node.operand))
    value = bind(scope, when.condition)
    return operators.call_operator(
        scope, ("=",), operand, value, when.position, leftmost(when.condition)
    )


def _coalesce(scope: Scope, node: nodes.Coalesce) -> ex.Expression:
    items, type_ = bind_common(scope, node.arguments, "COALESCE")
    _refuse_sets(scope, items, list(node.arguments), "COALESCE")
    return ex.Coalesce(type_, tuple(items), common_typmod(items))


def _refuse_sets(
    scope: Scope, values: list[ex.Expression], written: list[nodes.Expression], construct: str
) -> None:
    """What is computed only at times cannot give many rows."""
    if scope.has_sets and any(contains(value, ex.SetReturningCall) for value in values):
        raise SqlError(
            FEATURE_NOT_SUPPORTED,
            f"set-returning functions are not allowed in {construct}",
            hint="You might be able to move the set-returning function into a LATERAL FROM item.",
            position=leftmost(written[0]),
        )


def bind_common(
    scope: Scope, arguments: tuple[nodes.Expression, ...], construct: str
) -> tuple[list[ex.Expression], SqlType]:
    """The arguments, all of their common type."""
    items = [bind(scope, argument) for argument in arguments]
    positions = [leftmost(argument) for argument in arguments]
    return unify(scope.statement, items, construct, positions)


def _null_if(scope: Scope, node: nodes.NullIf) -> ex.Expression:
    left, right = bind(scope, node.left), bind(scope, node.right)
    compared = operators.call_operator(scope, ("=",), left, right, node.position, node.position)
    if compared.type.oid != BOOL.oid:
        message = "NULLIF requires = operator to yield boolean"
        raise SqlError(DATATYPE_MISMATCH, message, position=node.position)
    first, second = compared.arguments
    return ex.NullIf(first.type, first, second, compared.function)


def _min_max(scope: Scope, node: nodes.MinMax) -> ex.Expression:
    items, type_ = bind_common(scope, node.arguments, "GREATEST" if node.is_greatest else "LEAST")
    try:
        less = resolve_operator("<", type_, type_, library=scope.statement.library)
    except SqlError:
        message = f"could not identify a comparison function for type {type_}"
        raise SqlError("42883", message, position=node.position) from None
    typmod = common_typmod(items)
    return ex.Extreme(type_, tuple(items), node.is_greatest, less.function, typmod)


# Casts.


def _cast(scope: Scope, node: nodes.Cast) -> ex.Expression:
    target, typmod = resolve_type(scope.statement.lookup, node.type_name)
    if isinstance(node.operand, nodes.ArrayConstructor) and target.plain.is_array:
        made = arrays.array(scope, node.operand, target.plain)
        if target.base is None:
            return made
        return cast_explicitly(scope.statement, made, target, typmod, node.position)
    position = node.position if node.position >= 0 else leftmost(node)
    operand = bind(scope, node.operand)
    return cast_explicitly(scope.statement, operand, target, typmod, position)


def _collate(scope: Scope, node: nodes.Collate) -> ex.Expression:
    """All text is compared by code points: the names of that collation are all there are."""
    operand = resolve_unknown(scope.statement, bind(scope, node.operand))
    if not (operand.type.is_collatable or operand.type.category == "S"):
        message = f"collations are not supported by type {operand.type}"
        raise SqlError(DATATYPE_MISMATCH, message, position=node.position)
    check_collation(node.collation, node.position)
    return operand


_COLLATIONS = frozenset(("C", "POSIX", "default", "ucs_basic"))


def check_collation(names: tuple[str, ...], position: int) -> None:
    if names[-1] not in _COLLATIONS or names[:-1] not in ((), ("pg_catalog",)):
        shown = ".".join(names)
        message = f'collation "{shown}" for encoding "UTF8" does not exist'
        raise SqlError(UNDEFINED_OBJECT, message, position=position)


# Words that are functions.


# Rows.


def _row(scope: Scope, node: nodes.RowConstructor) -> ex.Expression:
    items = expand_row_items(scope, node.items)
    if len(items) > MOST_COLUMNS:
        message = f"ROW expressions can have at most {MOST_COLUMNS} entries"
        raise SqlError(TOO_MANY_COLUMNS, message, position=node.position)
    return row_value(tuple(resolve_literal(scope.statement, item) for item in items))


def expand_row_items(scope: Scope, items: tuple[nodes.Expression, ...]) -> list[ex.Expression]:
    """The items of a row; t.* and (x).* in it are their columns."""
    found: list[ex.Expression] = []
    for item in items:
        if isinstance(item, nodes.Star) and item.qualifier:
            source = qualified_item(scope, item.qualifier, item.position)
            note_all(source.columns)
            found.extend(column.expression for column in source.columns)
        elif isinstance(item, nodes.RowExpansion):
            found.extend(value for _, value in row_fields(scope, item))
        else:
            found.append(bind(scope, item))
    return found


def row_fields(scope: Scope, node: nodes.RowExpansion) -> list[tuple[str, ex.Expression]]:
    """(x).*: the names and values of all fields."""
    base = bind(scope, node.operand)
    fields = base.type.fields
    if fields is None:
        if base.type.name == "record":
            message = "record type has not been registered"
            raise SqlError(WRONG_OBJECT_TYPE, message, position=node.position)
        message = f"type {base.type} is not composite"
        raise SqlError(WRONG_OBJECT_TYPE, message, position=node.position)
    return [(name, select_field(scope, base, name, node.position)) for name, _, _ in fields]


def row_value(items: tuple[ex.Expression, ...]) -> ex.RowValue:
    """ROW(…): its fields are called f1, f2, …"""
    names = tuple(f"f{number}" for number in range(1, len(items) + 1))
    return ex.RowValue(record_type(items, names), items, names)


def _grouping(scope: Scope, node: nodes.Grouping) -> ex.Expression:
    calls.check_grouping(scope, node.position)
    arguments = tuple(bind(scope, argument) for argument in node.arguments)
    scope.has_aggregates = True
    place = leftmost(node.arguments[0])
    return PendingGrouping(INT4, arguments, scope, place)


def _default(scope: Scope, node: nodes.Default) -> ex.Expression:
    message = "DEFAULT is not allowed in this context"
    raise SqlError(SYNTAX_ERROR, message, position=node.position)


def _current_of(scope: Scope, node: nodes.CurrentOf) -> ex.Expression:
    raise not_supported("WHERE CURRENT OF", node.position)


def _named_argument(scope: Scope, node: nodes.NamedArgument) -> ex.Expression:
    return bind(scope, node.value)


_RULES: dict[type, Callable[[Scope, object], ex.Expression]] = {
    nodes.Literal: _literal,
    nodes.Parameter: _parameter,
    nodes.ColumnReference: _column_reference,
    nodes.Star: _star,
    nodes.FieldSelection: _field,
    nodes.RowExpansion: _row_expansion,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Not: _not,
    nodes.IsNull: _is_null,
    nodes.IsTruth: _is_truth,
    nodes.Case: _case,
    nodes.Coalesce: _coalesce,
    nodes.NullIf: _null_if,
    nodes.MinMax: _min_max,
    nodes.Cast: _cast,
    nodes.Collate: _collate,
    nodes.CurrentValue: current_values.current_value,
    nodes.ArrayConstructor: arrays.array,
    nodes.RowConstructor: _row,
    nodes.Subscript: arrays.subscript,
    nodes.Grouping: _grouping,
    nodes.Default: _default,
    nodes.CurrentOf: _current_of,
    nodes.NamedArgument: _named_argument,
    nodes.OperatorCall: operators.operator_call,
    nodes.IsDistinct: operators.is_distinct,
    nodes.Like: operators.like,
    nodes.Between: operators.between,
    nodes.InList: operators.in_list,
    nodes.QuantifiedArray: operators.quantified_array,
    nodes.Subquery: subqueries.subquery,
    nodes.FunctionCall: calls.function_call,
}

"""Functions in FROM: generate_series(1, 3), ROWS FROM (f(), g()), WITH ORDINALITY.

# Real: transformRangeFunction(), addRangeTableEntryForFunction()
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from services.sqldb.binder import expressions
from services.sqldb.binder.from_items import rename_columns
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import Item, Scope, ScopeColumn
from services.sqldb.binder.targets import column_name
from services.sqldb.binder.trees import contains
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.errors import FEATURE_NOT_SUPPORTED, SYNTAX_ERROR, SqlError
from services.sqldb.functions import resolve_function
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.plan.analysis import parts
from services.sqldb.syntax import nodes
from services.sqldb.types import INT8, SqlType
from services.sqldb.types.composites import make_record_type

Fields = list[tuple[str, SqlType, int]]


@dataclass(frozen=True, slots=True)
class _BoundFunction:
    call: ex.Expression
    fields: Fields
    is_scalar: bool
    row_type: SqlType | None = None  # a named composite


def bind_function_reference(scope: Scope, node: nodes.FunctionReference) -> tuple[plan.Plan, Item]:
    functions = _spread_unnest(node)
    if node.columns and len(functions) > 1:
        message = "a column definition list is not allowed here"
        raise SqlError(SYNTAX_ERROR, message, position=node.columns[0].position)
    bound = [
        _bind_function(scope, one, one.columns or node.columns, node.alias) for one in functions
    ]
    fields = [field for one in bound for field in one.fields]
    if node.with_ordinality:
        fields.append(("ordinality", INT8, -1))
    number = scope.statement.new_relation()
    alias = node.alias.name if node.alias is not None else _function_name(functions[0].call)
    made = plan.FunctionScan(
        number,
        tuple(one.call for one in bound),
        tuple(len(one.fields) for one in bound),
        tuple(name for name, _, _ in fields),
        node.with_ordinality,
        alias,
    )
    columns = [
        ScopeColumn(name, ex.Column(type_, number, index, name, typmod))
        for index, (name, type_, typmod) in enumerate(fields)
    ]
    is_single = len(bound) == 1 and not node.with_ordinality
    item = Item(alias, rename_columns(columns, node.alias), number)
    if is_single and bound[0].is_scalar:
        item.is_scalar_function = True
    elif is_single and bound[0].row_type is not None:
        item.row_type = bound[0].row_type
    scope.relations.add(number)
    return made, item


def _spread_unnest(node: nodes.FunctionReference) -> tuple[nodes.TableFunction, ...]:
    """unnest(a, b) in FROM is ROWS FROM (unnest(a), unnest(b))."""
    spread: list[nodes.TableFunction] = []
    for one in node.functions:
        call = one.call
        is_unnest = isinstance(call, nodes.FunctionCall) and call.name[-1] == "unnest"
        if is_unnest and len(call.arguments) > 1 and not (one.columns or node.columns):
            spread.extend(
                nodes.TableFunction(
                    nodes.FunctionCall(call.name, (argument,), position=call.position)
                )
                for argument in call.arguments
            )
        else:
            spread.append(one)
    return tuple(spread)


def _function_name(call: nodes.Expression) -> str:
    return column_name(call)


def _bind_function(
    scope: Scope,
    function: nodes.TableFunction,
    definitions: tuple[nodes.ColumnDefinitionItem, ...],
    alias: nodes.Alias | None,
) -> _BoundFunction:
    call = expressions.bind(scope, function.call)
    position = leftmost(function.call)
    type_ = call.type
    if contains(tuple(parts(call)), ex.SetReturningCall):
        message = "set-returning functions must appear at top level of FROM"
        inner = next(_inner_sets(scope, function.call), position)
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=inner)
    if definitions:
        has_columns = bool(getattr(getattr(call, "function", None), "columns", ()))
        if type_.name != "record" or has_columns:
            message = 'a column definition list is only allowed for functions returning "record"'
            if has_columns:
                message = "a column definition list is redundant for a function with OUT parameters"
            elif type_.kind == "c":
                message = (
                    "a column definition list is redundant for a function returning a named "
                    "composite type"
                )
            raise SqlError(SYNTAX_ERROR, message, position=definitions[0].position)
        fields = [_defined(scope, item) for item in definitions]
        call = _as_record(scope, call, make_record_type(tuple(fields)))
        return _BoundFunction(_of_columns(call, fields), fields, False)
    if type_.fields is not None:
        fields = list(type_.fields)
        row_type = type_ if type_.kind == "c" else None
        return _BoundFunction(_of_columns(call, fields), fields, False, row_type)
    if type_.name == "record":
        message = 'a column definition list is required for functions returning "record"'
        raise SqlError(SYNTAX_ERROR, message, position=position)
    # A plain value: its only column is called as the table is.
    name = alias.name if alias is not None else column_name(function.call)
    if isinstance(function.call, nodes.FunctionCall):
        name = _RESULT_NAMES.get(function.call.name[-1], name)
    return _BoundFunction(call, [(name, type_, getattr(call, "typmod", -1))], True)


# Functions of one column that have a name for it.
_RESULT_NAMES = {
    "json_array_elements": "value",
    "json_array_elements_text": "value",
    "jsonb_array_elements": "value",
    "jsonb_array_elements_text": "value",
}


def _inner_sets(scope: Scope, node: object) -> Iterator[int]:
    """Where functions of many rows stand in the arguments of a call."""
    for argument in getattr(node, "arguments", ()):
        if isinstance(argument, nodes.FunctionCall):
            found = scope.statement.library.named(argument.name[-1])
            if any(getattr(one, "returns_set", False) for one in found):
                yield argument.position
        yield from _inner_sets(scope, argument)


def _defined(scope: Scope, item: nodes.ColumnDefinitionItem) -> tuple[str, SqlType, int]:
    type_, typmod = resolve_type(scope.statement.lookup, item.type_name)
    return item.name, type_, typmod


def _of_columns(call: ex.Expression, fields: Fields) -> ex.Expression:
    """A row of one field is that field's value: a scan of one column takes values, not rows."""
    if len(fields) != 1 or not isinstance(call, ex.Call | ex.SetReturningCall):
        return call
    inner = call.function.implementation
    if isinstance(call, ex.Call):

        def first(*arguments: object) -> object:
            row = inner(*arguments)
            return None if row is None else row[0]

    else:

        def first(*arguments: object) -> object:
            return (None if row is None else row[0] for row in inner(*arguments))

    type_ = fields[0][1]
    function = replace(call.function, result_type=type_, implementation=first, columns=())
    return replace(call, type=type_, function=function)


def _as_record(scope: Scope, call: ex.Expression, type_: SqlType) -> ex.Expression:
    """The call, made for the rows that the statement says."""
    if not isinstance(call, ex.Call | ex.SetReturningCall):
        return replace(call, type=type_)
    resolved = resolve_function(
        call.function.name,
        [argument.type for argument in call.arguments],
        library=scope.statement.library,
        types=scope.statement.lookup.types,
        record_type=type_,
    )
    return replace(call, type=type_, function=resolved.function)

"""Calls: plain functions, sets, aggregates and window functions.

Which kind a name is, resolution tells; each kind has its own rules about what may stand with it
(DISTINCT, FILTER, OVER) and where it may stand at all.
# Real: ParseFuncOrColumn() in parse_func.c, parse_agg.c
"""

from __future__ import annotations

from dataclasses import replace

from services.sqldb.binder import expressions, windows
from services.sqldb.binder.clauses import (
    Clause,
    check_aggregate,
    check_set_returning,
    check_window,
)
from services.sqldb.binder.conversion import (
    common_type_at,
    convert_type,
    is_unknown,
    to_common_type,
)
from services.sqldb.binder.pending import PendingAggregate, PendingWindow
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import Scope
from services.sqldb.binder.trees import columns_in, find, fingerprint, pending_of
from services.sqldb.errors import (
    DATATYPE_MISMATCH,
    FEATURE_NOT_SUPPORTED,
    GROUPING_ERROR,
    INVALID_COLUMN_REFERENCE,
    SYNTAX_ERROR,
    UNDEFINED_FUNCTION,
    WINDOWING_ERROR,
    WRONG_OBJECT_TYPE,
    SqlError,
)
from services.sqldb.functions import (
    Aggregate,
    Function,
    Library,
    ResolvedCall,
    WindowFunction,
    resolve_function,
)
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.types import SqlType
from services.sqldb.types.composites import make_record_type


def function_call(scope: Scope, node: nodes.FunctionCall) -> ex.Expression:
    names = _argument_names(node)
    arguments = [expressions.bind(scope, argument) for argument in node.arguments]
    within = node.order_by if node.is_within_group else ()
    ordered = [expressions.bind(scope, item.expression) for item in within]
    field = _field_of_row(scope, node, arguments)
    if field is not None:
        return field
    if within and _is_hypothetical(scope, node):
        arguments, ordered = _matched(scope, node, arguments, ordered)
    resolved = _resolve(scope, node, [*arguments, *ordered], names)
    places = [leftmost(argument) for argument in node.arguments]
    places += [leftmost(item.expression) for item in within]
    converted = tuple(
        convert_type(scope.statement, argument, type_, "i", place) or argument
        for argument, type_, place in zip(
            [*arguments, *ordered], resolved.argument_types, places, strict=True
        )
    )
    if resolved.function.oid:
        scope.statement.called.add(resolved.function.oid)
    match resolved.function:
        case Aggregate() if node.over is None:
            return _aggregate(scope, node, resolved, converted)
        case Aggregate() | WindowFunction():
            return _window(scope, node, resolved, converted)
    return _plain(scope, node, resolved, converted)


def _is_hypothetical(scope: Scope, node: nodes.FunctionCall) -> bool:
    named = scope.statement.library.named(node.name[-1])
    return any(isinstance(one, Aggregate) and one.kind == "h" for one in named)


def _matched(
    scope: Scope,
    node: nodes.FunctionCall,
    direct: list[ex.Expression],
    ordered: list[ex.Expression],
) -> tuple[list[ex.Expression], list[ex.Expression]]:
    """rank(3) WITHIN GROUP (ORDER BY x): each direct argument and its column get one type."""
    name = node.name[-1]
    if len(direct) != len(ordered):
        shown = ", ".join(str(one.type) for one in (*direct, *ordered))
        raise SqlError(
            UNDEFINED_FUNCTION,
            f"function {name}({shown}) does not exist",
            hint=f"To use the hypothetical-set aggregate {name}, the number of hypothetical "
            f"direct arguments (here {len(direct)}) must match the number of ordering columns "
            f"(here {len(ordered)}).",
            position=node.position,
        )
    pairs = []
    for mine, column, written, item in zip(
        direct, ordered, node.arguments, node.order_by, strict=True
    ):
        places = [leftmost(item.expression), leftmost(written)]
        common = common_type_at(scope.statement, [column.type, mine.type], "WITHIN GROUP", places)
        pairs.append(
            tuple(
                to_common_type(scope.statement, value, common, "WITHIN GROUP", place)
                for value, place in ((mine, places[1]), (column, places[0]))
            )
        )
    return [mine for mine, _ in pairs], [column for _, column in pairs]


def _argument_names(node: nodes.FunctionCall) -> tuple[str, ...]:
    """The names of named arguments, which must be the last ones."""
    names: list[str] = []
    for argument in node.arguments:
        if isinstance(argument, nodes.NamedArgument):
            if argument.name in names:
                message = f'argument name "{argument.name}" used more than once'
                raise SqlError(SYNTAX_ERROR, message, position=argument.position)
            names.append(argument.name)
        elif names:
            message = "positional argument cannot follow named argument"
            raise SqlError(SYNTAX_ERROR, message, position=leftmost(argument))
    return tuple(names)


def _field_of_row(
    scope: Scope, node: nodes.FunctionCall, arguments: list[ex.Expression]
) -> ex.Expression | None:
    """name(row) is row.name, if the row has such a field and there is no such function."""
    if len(arguments) != 1 or len(node.name) != 1 or node.over is not None or node.is_distinct:
        return None
    fields = arguments[0].type.fields
    name = node.name[0]
    if not fields or name not in {field for field, _, _ in fields}:
        return None
    if scope.statement.library.named(name):
        return None
    return expressions.select_field(scope, arguments[0], name, node.position)


def function_of_row(
    scope: Scope, name: str, row: ex.Expression, position: int
) -> ex.Expression | None:
    """row.name where name is a function that takes the row; None if there is none."""
    library = scope.statement.library
    if not library.named(name):
        return None
    try:
        resolved = resolve_function(name, (row.type,), library=library)
    except SqlError:
        return None
    if not isinstance(resolved.function, Function) or resolved.function.returns_set:
        return None
    argument = convert_type(scope.statement, row, resolved.argument_types[0])
    return ex.Call(
        resolved.result_type, resolved.function, (argument,), spelling=name, position=position
    )


def _resolve(
    scope: Scope, node: nodes.FunctionCall, arguments: list[ex.Expression], names: tuple[str, ...]
) -> ResolvedCall:
    statement = scope.statement
    *schema, name = node.name
    types = [argument.type for argument in arguments]
    try:
        library = statement.library
        if schema and schema[-1] != "pg_catalog":
            place = statement.lookup.expect_schema(schema[-1], node.position)
            statement.lookup.used_schema(place.name)
            library = statement.lookup.library(statement.session_library, place.name)
            _check_schema(library, place.name, name, types, node.position)
        resolved = resolve_function(
            name,
            types,
            library=library,
            argument_names=names,
            is_variadic_call=node.is_variadic,
            types=statement.lookup.types,
        )
    except SqlError as error:
        if schema:
            shown = ".".join(node.name)
            error.message = error.message.replace(f"function {name}(", f"function {shown}(")
        raise error.at(node.position) from None
    _check_kind(node, resolved.function)
    if node.is_variadic and not types[-1].plain.element and not is_unknown(arguments[-1]):
        message = "VARIADIC argument must be an array"
        raise SqlError(DATATYPE_MISMATCH, message, position=leftmost(node.arguments[-1]))
    return resolved


def _check_schema(
    library: Library, schema: str, name: str, types: list[SqlType], position: int
) -> None:
    """A function of another schema than pg_catalog: the library may have it under that schema."""
    if any(getattr(one, "schema", "") == schema for one in library.named(name)):
        return
    shown = ", ".join(str(type_) for type_ in types)
    raise SqlError(
        UNDEFINED_FUNCTION,
        f"function {name}({shown}) does not exist",
        hint="No function matches the given name and argument types. "
        "You might need to add explicit type casts.",
        position=position,
    )


def _check_kind(node: nodes.FunctionCall, function: object) -> None:
    """What was written with the call must fit the kind of function."""
    name = ".".join(node.name)
    is_aggregate = isinstance(function, Aggregate)
    message, sqlstate = "", WRONG_OBJECT_TYPE
    if not is_aggregate:
        if node.is_star:
            message = f"{name}(*) specified, but {name} is not an aggregate function"
        elif node.is_distinct:
            message = f"DISTINCT specified, but {name} is not an aggregate function"
        elif node.is_within_group:
            message = f"WITHIN GROUP specified, but {name} is not an aggregate function"
        elif node.order_by:
            message = f"ORDER BY specified, but {name} is not an aggregate function"
        elif node.filter is not None and isinstance(function, Function):
            message = f"FILTER specified, but {name} is not an aggregate function"
        elif node.over is not None and isinstance(function, Function):
            message = (
                f"OVER specified, but {name} is not a window function nor an aggregate function"
            )
    elif function.kind == "n" and node.is_within_group:
        message = f"{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP"
    elif function.kind != "n" and not node.is_within_group:
        message = f"WITHIN GROUP is required for ordered-set aggregate {name}"
    elif function.kind != "n" and node.over is not None:
        message = f"OVER is not supported for ordered-set aggregate {name}"
        sqlstate = FEATURE_NOT_SUPPORTED
    elif not (node.arguments or node.is_star or function.argument_types):
        message = f"{name}(*) must be used to call a parameterless aggregate function"
    if message:
        raise SqlError(sqlstate, message, position=node.position)


# Plain functions and sets.


def _plain(
    scope: Scope,
    node: nodes.FunctionCall,
    resolved: ResolvedCall,
    arguments: tuple[ex.Expression, ...],
) -> ex.Expression:
    function = resolved.function
    result = result_type(function, resolved.result_type)
    name = node.name[-1]
    if not function.returns_set:
        return ex.Call(result, function, arguments, spelling=name, position=node.position)
    check_set_returning(scope.clause, node.position)
    scope.has_sets = True
    return ex.SetReturningCall(result, function, arguments)


def result_type(function: Function, declared: SqlType) -> SqlType:
    """The type of the result; a row of named columns knows its fields."""
    if not function.columns:
        return declared
    return make_record_type(tuple((name, type_, -1) for name, type_ in function.columns))


# Aggregates.


def _aggregate(
    scope: Scope,
    node: nodes.FunctionCall,
    resolved: ResolvedCall,
    arguments: tuple[ex.Expression, ...],
) -> ex.Expression:
    function = resolved.function
    condition = None
    if node.filter is not None:
        with scope.with_clause(Clause.FILTER):
            condition = expressions.bind_condition(scope, node.filter, "FILTER")
    direct_count = len(function.direct_types)
    direct, taken = arguments[:direct_count], arguments[direct_count:]
    if node.is_within_group:
        order_by = tuple(
            windows.sort_key(scope, value, item)
            for value, item in zip(taken, node.order_by, strict=True)
        )
    else:
        order_by = windows.bind_sort_items(scope, node.order_by)
        if node.is_distinct:
            _check_distinct_order(taken, order_by, node)
    call = ex.AggregateCall(
        resolved.result_type,
        function,
        taken,
        node.is_distinct,
        order_by,
        condition,
        direct,
        node.is_star,
    )
    for argument, value in zip(node.arguments, arguments, strict=False):
        if next(find(value, ex.SetReturningCall), None) is not None:
            check_set_returning(Clause.AGGREGATE_ARGUMENT, leftmost(argument))
    place = leftmost(node.arguments[0]) if direct else node.position
    return pending_aggregate(scope, call, node.position, place)


def _check_distinct_order(
    arguments: tuple[ex.Expression, ...], keys: tuple[ex.SortKey, ...], node: nodes.FunctionCall
) -> None:
    for type_ in (argument.type for argument in arguments):
        if not type_.is_comparable:
            message = f"could not identify an equality operator for type {type_}"
            raise SqlError(UNDEFINED_FUNCTION, message, position=leftmost(node.arguments[0]))
    known = {fingerprint(argument) for argument in arguments}
    for key, item in zip(keys, node.order_by, strict=True):
        if fingerprint(key.expression) not in known:
            message = (
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list"
            )
            place = leftmost(item.expression)
            raise SqlError(INVALID_COLUMN_REFERENCE, message, position=place)


def pending_aggregate(
    scope: Scope, call: ex.AggregateCall, position: int, direct_position: int = -1
) -> PendingAggregate:
    """The call, given to the query that it belongs to.

    That is the innermost one whose columns it uses: `(SELECT sum(o.x) FROM i)` sums over the rows
    of o, in the query around. Without columns it belongs where it stands.
    """
    for inner in find(call, PendingWindow):
        message = "aggregate function calls cannot contain window function calls"
        raise SqlError(GROUPING_ERROR, message, position=inner.position)
    if call.filter is not None:
        for inner in find(call.filter, PendingAggregate):
            if inner.owner is scope:
                check_aggregate(Clause.FILTER, inner.position)
    owner = _owner(scope, call, direct_position)
    nested = next(pending_of(call, owner), None)
    if nested is not None:
        message = "aggregate function calls cannot be nested"
        raise SqlError(GROUPING_ERROR, message, position=nested.position)
    check_aggregate(owner.clause, position)
    owner.has_aggregates = True
    return PendingAggregate(call.type, call, owner, position)


def _owner(scope: Scope, call: ex.AggregateCall, position: int) -> Scope:
    direct = {column.relation for column in columns_in(call.direct_arguments)}
    rows = replace(call, direct_arguments=()) if direct else call
    used = {column.relation for column in columns_in(rows)}
    inner: set[int] = set()
    for level in scope.levels():
        if used & level.relations:
            if direct & inner:
                message = (
                    "outer-level aggregate cannot contain a lower-level variable in its direct "
                    "arguments"
                )
                raise SqlError(GROUPING_ERROR, message, position=position)
            return level
        inner |= level.relations
    return scope


def check_grouping(scope: Scope, position: int) -> None:
    check_aggregate(scope.clause, position, "grouping operations")


# Window functions.


def _window(
    scope: Scope,
    node: nodes.FunctionCall,
    resolved: ResolvedCall,
    arguments: tuple[ex.Expression, ...],
) -> ex.Expression:
    position, name = node.position, ".".join(node.name)
    function = resolved.function
    if node.over is None:
        message = f"window function {name} requires an OVER clause"
        raise SqlError(WRONG_OBJECT_TYPE, message, position=position)
    if node.is_distinct:
        message = "DISTINCT is not implemented for window functions"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)
    if node.order_by:
        message = "aggregate ORDER BY is not implemented for window functions"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)
    if node.filter is not None and isinstance(function, WindowFunction):
        message = "FILTER is not implemented for non-aggregate window functions"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)
    for inner in find(arguments, PendingWindow):
        message = "window function calls cannot be nested"
        raise SqlError(WINDOWING_ERROR, message, position=inner.position)
    if next(find(arguments, ex.SetReturningCall), None) is not None:
        message = "window function calls cannot contain set-returning function calls"
        raise SqlError(FEATURE_NOT_SUPPORTED, message, position=position)
    check_window(scope.clause, position)
    condition = None
    if node.filter is not None:
        with scope.with_clause(Clause.FILTER):
            condition = expressions.bind_condition(scope, node.filter, "FILTER")
    window = windows.bind_window(scope, node.over)
    call = ex.WindowCall(
        resolved.result_type, function, arguments, window.frame, condition, node.is_star
    )
    scope.has_windows = True
    return PendingWindow(
        resolved.result_type, call, window.partition_by, window.order_by, scope, position
    )

"""Walking along a jsonpath: `walk(path, value, …)` gives the values that it finds, one by one.

    $.items[*] ? (@.price > 10).name        over {"items": [{"name": "pen", "price": 12}, …]}

    Root ──▶ .items ──▶ each element ──▶ those with a price above 10 ──▶ .name ──▶ "pen"

Each step is a generator over what the rest of the chain finds for each of its values, so the walk
goes into depth first, and who wants one value takes no more.

Two modes. Lax (the default) forgives: a member that is missing is nothing, and arrays open up where
an object is expected, and values count as arrays of one. Strict raises. In conditions an error is
neither: it makes them unknown, the third truth value.

jsonb_path_query(…, silent) ends a walk at an error as if nothing more had been there; errors that
are the caller's mistake (an unknown variable) are raised all the same.
# Real: jsonpath_exec.c
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions import numeric_arithmetic as arithmetic
from services.sqldb.functions.json_access import kind_of
from services.sqldb.functions.jsonpath_dates import Moment, compare_moments, read_moment
from services.sqldb.functions.jsonpath_regex import compile_xquery_regex
from services.sqldb.types import jsonpath as jp
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import format_float8, parse_float8
from services.sqldb.types.numeric import decimal_from_text

SINGLETON_REQUIRED, NON_NUMERIC_ITEM = "22038", "22036"
ARRAY_NOT_FOUND, OBJECT_NOT_FOUND, NUMBER_NOT_FOUND = "22039", "2203C", "2203B"
MEMBER_NOT_FOUND, INVALID_SUBSCRIPT = "2203A", "22033"
_INT4_LIMIT = 2**31

Steps = tuple[jp.Step, ...]


class WalkError(SqlError):
    """An error that the data made: silence and conditions may pass over it."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What stays the same along the way, but for the few places that change a part of it."""

    root: Any
    variables: dict[str, Any]
    is_lax: bool
    context: SessionContext
    uses_zone: bool = False
    # Below .** what does not fit is passed over, in strict mode too.
    forgives: bool = False
    array_size: int = -1  # of the innermost array in whose subscripts we are: `last`


def walk(path: jp.Path, value: Any, variables: Any, context: SessionContext,
         *, uses_zone: bool) -> Iterator[Any]:  # fmt: skip
    """The values at the end of the path. Raises WalkError for what does not fit."""
    if not isinstance(variables, dict):
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            '"vars" argument is not an object',
            detail='Jsonpath parameters should be encoded as key-value pairs of "vars" object.',
        )
    state = Walk(value, variables, path.is_lax, context, uses_zone, forgives=path.is_lax)
    return _values(state, path.root, value)


def json_value(value: Any, context: SessionContext) -> Any:
    """What a walk found, as JSON."""
    return value.text(context) if isinstance(value, Moment) else value


def _values(state: Walk, node: jp.Expression, current: Any) -> Iterator[Any]:
    """What an expression gives for @."""
    match node:
        case jp.Start.ROOT:
            yield state.root
        case jp.Start.CURRENT:
            yield current
        case jp.Start.LAST:
            yield Decimal(state.array_size - 1)
        case jp.Literal():
            yield node.value
        case jp.Variable():
            if node.name not in state.variables:
                message = f'could not find jsonpath variable "{node.name}"'
                raise SqlError(errors.UNDEFINED_OBJECT, message)
            yield state.variables[node.name]
        case jp.Chain(start=start, steps=steps):
            for value in _values(state, start, current):
                yield from _follow(state, steps, value)
        case jp.Binary() if node.operator in jp.ARITHMETIC:
            yield _arithmetic(state, node, current)
        case jp.Unary() if node.operator != "!":
            yield from _signed(state, node, current)
        case _:
            yield _truth(state, node, current)


# Steps.


def _follow(state: Walk, steps: Steps, value: Any, *, unwraps: bool | None = None) -> Iterator[Any]:
    """What is at the end of the steps from here; `unwraps`: arrays open up (in lax mode, once)."""
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    opens = state.is_lax if unwraps is None else unwraps
    if opens and isinstance(value, tuple) and _takes_no_arrays(step):
        for element in value:
            yield from _follow(state, steps, element, unwraps=False)
        return
    match step:
        case jp.Descend():
            yield from _descend(state, step, rest, value)
        case jp.Subscripts():
            for element in _elements_at(state, step, value):
                yield from _follow(state, rest, element)
        case jp.Filter():
            if _truth(state, step.condition, value) is True:
                yield from _follow(state, rest, value)
        case _:
            for found in _step(state, step, value):
                yield from _follow(state, rest, found)


def _takes_no_arrays(step: jp.Step) -> bool:
    if isinstance(step, jp.Method):
        return step.name not in ("type", "size")
    return step is jp.Any.KEY or isinstance(step, jp.Key | jp.Filter)


def _step(state: Walk, step: jp.Step, value: Any) -> Iterable[Any]:
    match step:
        case jp.Key():
            return _member(state, step.name, value)
        case jp.Any.KEY:
            if isinstance(value, dict):
                return value.values()
            message = "jsonpath wildcard member accessor can only be applied to an object"
            return _misfit(state, OBJECT_NOT_FOUND, message)
        case jp.Any.ELEMENT:
            if isinstance(value, tuple):
                return value
            if state.is_lax:
                return (value,)
            message = "jsonpath wildcard array accessor can only be applied to an array"
            return _misfit(state, ARRAY_NOT_FOUND, message)
    return _METHODS[step.name](state, step, value)


def _misfit(state: Walk, sqlstate: str, message: str) -> Iterable[Any]:
    if state.forgives:
        return ()
    raise WalkError(sqlstate, message)


def _member(state: Walk, name: str, value: Any) -> Iterable[Any]:
    if not isinstance(value, dict):
        message = "jsonpath member accessor can only be applied to an object"
        return _misfit(state, MEMBER_NOT_FOUND, message)
    if name in value:
        return (value[name],)
    return _misfit(state, MEMBER_NOT_FOUND, f'JSON object does not contain key "{name}"')


def _descend(state: Walk, step: jp.Descend, rest: Steps, value: Any) -> Iterator[Any]:
    inner = replace(state, forgives=True)
    last = float("inf") if step.last is None else step.last
    if step.first == 0:
        yield from _follow(inner, rest, value)
    pending = [(1, iter(_children(value)))]
    while pending:
        level, children = pending[-1]
        child = next(children, pending)
        if child is pending or level > last:
            pending.pop()
            continue
        is_leaf = not isinstance(child, dict | tuple)
        if is_leaf if step.first is None else level >= step.first:
            yield from _follow(inner, rest, child)
        if not is_leaf:
            pending.append((level + 1, iter(_children(child))))


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, tuple) else ()


def _elements_at(state: Walk, step: jp.Subscripts, value: Any) -> Iterator[Any]:
    if not isinstance(value, tuple):
        if not state.is_lax:
            message = "jsonpath array accessor can only be applied to an array"
            yield from _misfit(state, ARRAY_NOT_FOUND, message)
            return
        value = (value,)
    inner = replace(state, array_size=len(value))
    for first_node, last_node in step.ranges:
        first = _subscript(inner, first_node, value)
        last = first if last_node is None else _subscript(inner, last_node, value)
        if not state.forgives and (first < 0 or first > last or last >= len(value)):
            raise WalkError(INVALID_SUBSCRIPT, "jsonpath array subscript is out of bounds")
        yield from value[max(first, 0) : max(last + 1, 0)]


def _subscript(state: Walk, node: jp.Expression, current: Any) -> int:
    found = list(_values(state, node, current))
    if len(found) != 1 or not _is_number(found[0]):
        message = "jsonpath array subscript is not a single numeric value"
        raise WalkError(INVALID_SUBSCRIPT, message)
    index = int(arithmetic.truncate_whole(found[0]))
    if not -_INT4_LIMIT <= index < _INT4_LIMIT:
        raise WalkError(INVALID_SUBSCRIPT, "jsonpath array subscript is out of integer range")
    return index


# Methods.


def _is_number(value: Any) -> bool:
    return isinstance(value, Decimal)


def _numeric_method(
    function: Callable[[Decimal], Decimal], state: Walk, step: jp.Method, value: Any
) -> Iterable[Any]:
    if not _is_number(value):
        message = f"jsonpath item method .{step.name}() can only be applied to a numeric value"
        raise WalkError(NON_NUMERIC_ITEM, message)
    return (function(value),)


def _type(state: Walk, step: jp.Method, value: Any) -> Iterable[Any]:
    return (str(value.type) if isinstance(value, Moment) else kind_of(value),)


def _size(state: Walk, step: jp.Method, value: Any) -> Iterable[Any]:
    if isinstance(value, tuple):
        return (Decimal(len(value)),)
    if state.is_lax:
        return (Decimal(1),)
    message = f"jsonpath item method .{step.name}() can only be applied to an array"
    return _misfit(state, ARRAY_NOT_FOUND, message)


def _double(state: Walk, step: jp.Method, value: Any) -> Iterable[Any]:
    method = f"jsonpath item method .{step.name}()"
    if not isinstance(value, str) and not _is_number(value):
        message = f"{method} can only be applied to a string or numeric value"
        raise WalkError(NON_NUMERIC_ITEM, message)
    try:
        number = parse_float8(str(value), -1, state.context)
    except SqlError:
        number = float("nan")
    if number - number != 0:
        kind = "string" if isinstance(value, str) else "numeric"
        message = (
            f"{kind} argument of {method} is not a valid representation of a "
            "double precision number"
        )
        raise WalkError(NON_NUMERIC_ITEM, message)
    return (decimal_from_text(format_float8(number)) if isinstance(value, str) else value,)


def _datetime(state: Walk, step: jp.Method, value: Any) -> Iterable[Any]:
    if not isinstance(value, str):
        message = f"jsonpath item method .{step.name}() can only be applied to a string"
        raise WalkError("22031", message)
    try:
        return (read_moment(value, step.argument),)
    except SqlError as error:
        raise WalkError(error.sqlstate, error.message, hint=error.hint) from None


def _keyvalue(state: Walk, step: jp.Method, value: Any) -> Iterable[Any]:
    if not isinstance(value, dict):
        message = f"jsonpath item method .{step.name}() can only be applied to an object"
        raise WalkError(OBJECT_NOT_FOUND, message)
    number = Decimal(_place(state.root, value))
    return ({"id": number, "key": key, "value": item} for key, item in value.items())


def _place(root: Any, wanted: dict) -> int:
    """A number that tells the objects of a document apart. # Real: its offset in bytes"""
    pending, count = [root], 0
    while pending:
        value = pending.pop()
        if value is wanted:
            return count
        count += 1
        pending.extend(_children(value))
    return count


_METHODS: dict[str, Callable[[Walk, jp.Method, Any], Iterable[Any]]] = {
    "abs": partial(_numeric_method, arithmetic.absolute),
    "floor": partial(_numeric_method, arithmetic.floor),
    "ceiling": partial(_numeric_method, arithmetic.ceiling),
    "type": _type,
    "size": _size,
    "double": _double,
    "datetime": _datetime,
    "keyvalue": _keyvalue,
}

# Arithmetic.

_OPERATIONS = {
    "+": arithmetic.add,
    "-": arithmetic.subtract,
    "*": arithmetic.multiply,
    "/": arithmetic.divide,
    "%": arithmetic.remainder,
}


def _unwrapped(state: Walk, node: jp.Expression, current: Any) -> list[Any]:
    """All values of an operand; in lax mode arrays are their elements."""
    found: list[Any] = []
    for value in _values(state, node, current):
        if state.is_lax and isinstance(value, tuple):
            found.extend(value)
        else:
            found.append(value)
    return found


def _arithmetic(state: Walk, node: jp.Binary, current: Any) -> Decimal:
    operands = [_unwrapped(state, one, current) for one in (node.left, node.right)]
    for side, found in zip(("left", "right"), operands, strict=True):
        if len(found) != 1 or not _is_number(found[0]):
            message = (
                f"{side} operand of jsonpath operator {node.operator} is not a single numeric value"
            )
            raise WalkError(SINGLETON_REQUIRED, message)
    try:
        return _OPERATIONS[node.operator](operands[0][0], operands[1][0])
    except SqlError as error:
        raise WalkError(error.sqlstate, error.message) from None


def _signed(state: Walk, node: jp.Unary, current: Any) -> Iterator[Any]:
    for value in _unwrapped(state, node.operand, current):
        if not _is_number(value):
            message = f"operand of unary jsonpath operator {node.operator} is not a numeric value"
            raise WalkError(NUMBER_NOT_FOUND, message)
        yield arithmetic.negative(value) if node.operator == "-" else value


# Conditions: True, False, or None for unknown.


def _truth(state: Walk, node: jp.Expression, current: Any) -> bool | None:
    match node:
        case jp.Binary(operator="&&" | "||"):
            decisive = node.operator == "||"
            left = _truth(state, node.left, current)
            if left is decisive:
                return decisive
            right = _truth(state, node.right, current)
            return right if right is decisive or left is not None else None
        case jp.Unary():
            inner = _truth(state, node.operand, current)
            return None if inner is None else not inner
        case jp.IsUnknown():
            return _truth(state, node.operand, current) is None
        case jp.Exists():
            return _exists(state, node.operand, current)
        case jp.LikeRegex():
            regex = compile_xquery_regex(node.pattern, node.flags)
            matches = lambda value, _: (  # noqa: E731
                regex.search(value) is not None if isinstance(value, str) else None
            )
            return _for_pairs(state, node.operand, None, current, matches)
        case jp.Binary(operator="starts with"):
            return _for_pairs(state, node.left, node.right, current, _starts_with)
    compare = partial(_compare, state, node.operator)
    return _for_pairs(state, node.left, node.right, current, compare)


def _exists(state: Walk, node: jp.Expression, current: Any) -> bool | None:
    try:
        values = _values(state, node, current)
        if state.is_lax:
            return next(values, values) is not values
        return bool(list(values))
    except WalkError:
        return None


def _for_pairs(
    state: Walk,
    left: jp.Expression,
    right: jp.Expression | None,
    current: Any,
    test: Callable[[Any, Any], bool | None],
) -> bool | None:
    """Whether the test holds for some pair of values; in strict mode one unknown spoils it."""
    try:
        lefts = _unwrapped(state, left, current)
        rights = [None] if right is None else _unwrapped(state, right, current)
    except WalkError:
        return None
    is_found = is_unknown = False
    for one in lefts:
        for other in rights:
            outcome = test(one, other)
            if outcome is None:
                if not state.is_lax:
                    return None
                is_unknown = True
            elif outcome:
                if state.is_lax:
                    return True
                is_found = True
    if is_found:
        return True
    return None if is_unknown else False


def _starts_with(value: Any, prefix: Any) -> bool | None:
    if isinstance(value, str) and isinstance(prefix, str):
        return value.startswith(prefix)
    return None


def _compare(state: Walk, operator: str, a: Any, b: Any) -> bool | None:
    order: int | None
    if isinstance(a, Moment) and isinstance(b, Moment):
        order = compare_moments(a, b, state.context, uses_zone=state.uses_zone)
    elif a is None or b is None:
        if (a is None) != (b is None):
            return operator == "!="
        order = 0
    elif type(a) is not type(b) and kind_of(a) != kind_of(b):
        return None
    elif isinstance(a, str):
        # As UTF-16 does, in which characters above U+FFFF are written with smaller units.
        order = _order(a, b) if a == b else _order(a.encode("utf-16-be"), b.encode("utf-16-be"))
    elif isinstance(a, bool | Decimal):
        order = _order(a, b)
    else:
        return None
    return None if order is None else _COMPARISONS[operator](order)


def _order(a: Any, b: Any) -> int:
    return (a > b) - (a < b)


_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "==": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}

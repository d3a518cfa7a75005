"""ARRAY[…], subscripts and slices; subscripts of jsonb.

# Real: transformArrayExpr(), transformContainerSubscripts()"""

from __future__ import annotations

from services.sqldb.binder import expressions, operators
from services.sqldb.binder.conversion import (
    cast_explicitly,
    convert_type,
    unify,
)
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import (
    Scope,
)
from services.sqldb.errors import (
    DATATYPE_MISMATCH,
    INDETERMINATE_DATATYPE,
    SqlError,
)
from services.sqldb.functions.definition import Function
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.types import CHAR, INT4, NAME, TEXT, SqlType
from services.sqldb.values import Array


def array(
    scope: Scope, node: nodes.ArrayConstructor, target: SqlType | None = None
) -> ex.Expression:
    """ARRAY[a, b]; `target`: the array type that a cast around it wants."""
    statement = scope.statement
    inner_target = target.element if target is not None else None
    items = [
        array(scope, element, target)
        if isinstance(element, nodes.ArrayConstructor)
        else expressions.bind(scope, element)
        for element in node.elements
    ]
    if not items:
        if target is None:
            raise SqlError(
                INDETERMINATE_DATATYPE,
                "cannot determine type of empty array",
                hint="Explicitly cast to the desired type, for example ARRAY[]::integer[].",
                position=node.position,
            )
        return ex.Constant(target, Array((), ()))
    positions = [leftmost(element) for element in node.elements]
    is_nested = any(item.type.is_array for item in items)
    if inner_target is not None:
        wanted = target if is_nested else inner_target
        items = [
            cast_explicitly(statement, item, wanted, -1, position)
            for item, position in zip(items, positions, strict=True)
        ]
        type_ = target
    else:
        items, common = unify(statement, items, "ARRAY", positions)
        if common.is_pseudo and common.name != "record":
            message = f"could not find array type for data type {common}"
            raise SqlError("42704", message, position=node.position)
        is_nested = common.is_array
        type_ = common if is_nested else statement.lookup.types.array_of(common)
    return ex.ArrayValue(type_, tuple(items), is_nested)


def _letter(name: str, place: int) -> str | None:
    """name[0] is its first letter: to PostgreSQL a name is a fixed array of them."""
    return name[place] if 0 <= place < len(name) else "" if 0 <= place < 64 else None


_LETTER_OF_NAME = Function("", (NAME, INT4), CHAR, _letter)


def subscript(scope: Scope, node: nodes.Subscript) -> ex.Expression:
    """a[1][2] is one expression of two subscripts; a slice anywhere makes all of them slices."""
    chain = [node]
    while chain[-1].continues:
        chain.append(chain[-1].operand)
    base_node = chain[-1].operand
    chain.reverse()
    base = expressions.bind(scope, base_node)
    if base.type.name == "jsonb":
        return _json_subscript(scope, base, chain)
    if base.type.name == "name" and len(chain) == 1 and not chain[0].is_slice:
        return ex.Call(CHAR, _LETTER_OF_NAME, (base, _index(scope, chain[0].lower)))
    if not base.type.is_array:
        message = f"cannot subscript type {base.type} because it does not support subscripting"
        raise SqlError(DATATYPE_MISMATCH, message, position=leftmost(base_node))
    is_slice = any(step.is_slice for step in chain)
    lowers, uppers = [], []
    for step in chain:
        lower, upper = step.lower, step.upper
        if is_slice and not step.is_slice:
            # A plain subscript among slices means [1:n].
            lowers.append(ex.Constant(INT4, 1))
            uppers.append(_index(scope, lower))
            continue
        lowers.append(None if lower is None else _index(scope, lower))
        if is_slice:
            uppers.append(None if upper is None else _index(scope, upper))
    type_ = base.type if is_slice else base.type.element
    typmod = getattr(base, "typmod", -1)
    return ex.Subscript(type_, base, tuple(lowers), tuple(uppers), is_slice, typmod)


def _index(scope: Scope, node: nodes.Expression) -> ex.Expression:
    index = expressions.bind_as(scope, node, INT4, "a")
    if index is None:
        message = "array subscript must have type integer"
        raise SqlError(DATATYPE_MISMATCH, message, position=leftmost(node))
    return index


def _json_subscript(
    scope: Scope, base: ex.Expression, chain: list[nodes.Subscript]
) -> ex.Expression:
    """j['a'][0] is j -> 'a' -> 0."""
    for step in chain:
        if step.is_slice:
            message = "jsonb subscript does not support slices"
            raise SqlError(DATATYPE_MISMATCH, message, position=leftmost(step.lower or step.upper))
        index = expressions.bind(scope, step.lower)
        wanted = INT4 if index.type.category == "N" else TEXT
        index = convert_type(scope.statement, index, wanted, "a", leftmost(step.lower))
        if index is None:
            message = "subscript type is not supported"
            raise SqlError(DATATYPE_MISMATCH, message, position=leftmost(step.lower))
        place = leftmost(step)
        base = operators.call_operator(scope, ("->",), base, index, place, place)
    return base

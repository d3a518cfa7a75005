"""Targets that are a part of a column: SET a[2] = 1, SET home.city = 'x', INSERT INTO t (a[1]).

    UPDATE t SET a[2] = 5             a := assign_element(a, 5, 2)
    UPDATE t SET home.city = 'x'      home := assign_field(home, 'x')
    SET rows[1].city = 'x'            rows := assign_element(rows, assign_field(rows[1], 'x'), 1)

Each step reads the old part, has the inner steps change it, and puts it back.
# Real: transformAssignmentIndirection()
"""

from __future__ import annotations

from itertools import takewhile

from services.sqldb.binder import expressions
from services.sqldb.binder.conversion import convert, convert_type
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.scope import Scope
from services.sqldb.errors import DATATYPE_MISMATCH, UNDEFINED_COLUMN, SqlError
from services.sqldb.functions import part_assignment
from services.sqldb.functions.definition import Function
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import FieldStep, SubscriptStep
from services.sqldb.types import INT4, TEXT, SqlType, format_type

Steps = tuple[FieldStep | SubscriptStep, ...]


def assign_part(
    scope: Scope, base: ex.Expression, target: nodes.AssignmentTarget, value: object
) -> ex.Expression:
    """The new value of the column whose old value is `base`; the value is syntax or bound."""
    return _assigned(scope, base, target.steps, value, target)


def _assigned(
    scope: Scope, base: ex.Expression, steps: Steps, value: object, target: nodes.AssignmentTarget
) -> ex.Expression:
    type_ = base.type
    if not steps:
        return _final(scope, type_, getattr(base, "typmod", -1), value, target)
    if type_.base is not None:
        # A domain: its base is changed, and goes past the checks again.
        changed = _assigned(scope, ex.Relabel(type_.base, base), steps, value, target)
        return convert_type(scope.statement, changed, type_, "a", target.position)
    first = steps[0]
    if isinstance(first, FieldStep):
        return _in_field(scope, base, steps, value, target)
    subscripts = tuple(takewhile(lambda step: isinstance(step, SubscriptStep), steps))
    rest = steps[len(subscripts) :]
    if type_.name == "jsonb":
        return _in_json(scope, base, subscripts, value, target)
    if not type_.is_array:
        message = f"cannot subscript type {type_} because it does not support subscripting"
        raise SqlError(DATATYPE_MISMATCH, message, position=target.position)
    if any(step.is_slice for step in subscripts):
        return _in_slice(scope, base, subscripts, value, target)
    indexes = tuple(_index(scope, step.lower) for step in subscripts)
    element = ex.Subscript(type_.element, base, indexes, (), False, getattr(base, "typmod", -1))
    new = _assigned(scope, element, rest, value, target)
    return _call(part_assignment.assign_element, base, new, *indexes)


def _final(
    scope: Scope, type_: SqlType, typmod: int, value: object, target: nodes.AssignmentTarget
) -> ex.Expression:
    place = target.position
    if not isinstance(value, ex.Expression):
        place = leftmost(value)
        value = expressions.bind(scope, value)
    converted = convert(scope.statement, value, type_, typmod, "a", place)
    if converted is None:
        what = "requires" if isinstance(target.steps[-1], SubscriptStep) else "is of"
        message = f'subscripted assignment to "{target.column}" requires type {format_type(type_)}'
        if what == "is of":
            message = f'subfield "{target.steps[-1].field}" is of type {format_type(type_)}'
        raise SqlError(
            DATATYPE_MISMATCH,
            f"{message} but expression is of type {value.type}",
            hint="You will need to rewrite or cast the expression.",
            position=place,
        )
    return converted


def _call(implementation: object, base: ex.Expression, *more: ex.Expression) -> ex.Call:
    arguments = (base, *more)
    types = tuple(argument.type for argument in arguments)
    function = Function("", types, base.type, implementation, is_strict=False)
    return ex.Call(base.type, function, arguments, getattr(base, "typmod", -1))


def _index(scope: Scope, node: nodes.Expression) -> ex.Expression:
    index = expressions.bind_as(scope, node, INT4, "a")
    if index is None:
        message = "array subscript must have type integer"
        raise SqlError(DATATYPE_MISMATCH, message, position=leftmost(node))
    return index


def _in_slice(
    scope: Scope,
    base: ex.Expression,
    steps: tuple[SubscriptStep, ...],
    value: object,
    target: nodes.AssignmentTarget,
) -> ex.Expression:
    lowers, uppers, given = [], [], []
    missing = ex.Constant(INT4, None)
    for step in steps:
        # A plain subscript among slices means [1:n].
        lower, upper = (step.lower, step.upper) if step.is_slice else (None, step.lower)
        has_lower = lower is not None or not step.is_slice
        given.append((has_lower, upper is not None))
        one = ex.Constant(INT4, 1) if not step.is_slice else missing
        lowers.append(one if lower is None else _index(scope, lower))
        uppers.append(missing if upper is None else _index(scope, upper))
    new = _final(scope, base.type, getattr(base, "typmod", -1), value, target)
    implementation = part_assignment.assign_slice(tuple(given))
    return _call(implementation, base, new, *lowers, *uppers)


def _in_json(
    scope: Scope,
    base: ex.Expression,
    steps: tuple[SubscriptStep, ...],
    value: object,
    target: nodes.AssignmentTarget,
) -> ex.Expression:
    path = []
    for step in steps:
        if step.is_slice:
            message = "jsonb subscript does not support slices"
            place = leftmost(step.lower or step.upper) if step.lower or step.upper else -1
            raise SqlError(DATATYPE_MISMATCH, message, position=place)
        index = expressions.bind(scope, step.lower)
        wanted = INT4 if index.type.category == "N" else TEXT
        converted = convert_type(scope.statement, index, wanted, "a", leftmost(step.lower))
        if converted is None:
            message = f"subscript type {index.type} is not supported"
            hint = "jsonb subscript must be coercible to either integer or text."
            place = leftmost(step.lower)
            raise SqlError(DATATYPE_MISMATCH, message, hint=hint, position=place)
        path.append(converted)
    new = _final(scope, base.type, -1, value, target)
    return _call(part_assignment.assign_json, base, new, *path)


def _in_field(
    scope: Scope, base: ex.Expression, steps: Steps, value: object, target: nodes.AssignmentTarget
) -> ex.Expression:
    step, fields = steps[0], base.type.fields
    if fields is None:
        message = (
            f'cannot assign to field "{step.field}" of column "{target.column}" because its type '
            f"{base.type} is not a composite type"
        )
        raise SqlError(DATATYPE_MISMATCH, message, position=target.position)
    for index, (name, type_, typmod) in enumerate(fields):
        if name == step.field:
            old = ex.Field(type_, base, index, name, typmod)
            new = _assigned(scope, old, steps[1:], value, target)
            return _call(part_assignment.assign_field(index, len(fields)), base, new)
    message = (
        f'cannot assign to field "{step.field}" of column "{target.column}" because there is no '
        f"such column in data type {base.type}"
    )
    raise SqlError(UNDEFINED_COLUMN, message, position=target.position)


def part_type(type_: SqlType, steps: Steps) -> SqlType:
    """The type of the part, as far as it is known before the subscripts are."""
    for step in steps:
        if isinstance(step, FieldStep):
            found = [one for name, one, _ in type_.fields or () if name == step.field]
            type_ = found[0] if found else type_
        elif type_.is_array and not step.is_slice:
            type_ = type_.element
    return type_

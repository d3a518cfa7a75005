"""Values of one type where another is wanted: literals read, casts put in, types unified.

    'abc' where text is wanted       Constant(text, 'abc')
    int4 column where int8 is        Call(int8(int4), column)
    varchar where text is            Relabel: the same value
    numeric into numeric(10,2)       Call(round to two places)

# Real: coerce_to_target_type() and coerce_type() in parse_coerce.c
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.sqldb.binder.statement import Statement, UnknownLiteral, UnknownParameter
from services.sqldb.errors import CANNOT_COERCE, DATATYPE_MISMATCH, SqlError
from services.sqldb.functions import EXPLICIT, IMPLICIT, find_cast, typmod_function
from services.sqldb.functions.coercion import common_type_or_none
from services.sqldb.functions.definition import Function
from services.sqldb.interruption import paced
from services.sqldb.plan import expressions as ex
from services.sqldb.types import BIT, BOOL, NO_TYPMOD, RECORD, TEXT, UNKNOWN, SqlType, format_type
from services.sqldb.types.bit_strings import bits_of_int


def is_unknown(expression: ex.Expression) -> bool:
    return expression.type.oid == UNKNOWN.oid


def typmod_of(expression: ex.Expression) -> int:
    return getattr(expression, "typmod", NO_TYPMOD)


def convert(
    statement: Statement,
    expression: ex.Expression,
    target: SqlType,
    typmod: int = NO_TYPMOD,
    context: str = IMPLICIT,
    position: int = -1,
) -> ex.Expression | None:
    """The expression as a value of the target type, in the shape of typmod; None: impossible."""
    if target.oid == BIT.oid and typmod > 0 and expression.type.name in ("int4", "int8"):
        return _low_bits(expression, typmod) if context == EXPLICIT else None
    converted = convert_type(statement, expression, target, context, position)
    if converted is None or typmod < 0:
        return converted
    return apply_typmod(converted, typmod, context == EXPLICIT)


def _low_bits(expression: ex.Expression, count: int) -> ex.Expression:
    """5::bit(3) has the lowest bits of the number, where other casts of bits keep the first."""
    function = Function("bit", (expression.type,), BIT, lambda value: bits_of_int(value, count))
    return ex.Call(BIT, function, (expression,), count, spelling="::")


def convert_type(
    statement: Statement,
    expression: ex.Expression,
    target: SqlType,
    context: str = IMPLICIT,
    position: int = -1,
) -> ex.Expression | None:
    """The expression as a value of the target type; None if the context has no way there."""
    source = expression.type
    if source.oid == target.oid:
        return expression
    if target.is_pseudo and target.oid != RECORD.oid and not is_unknown(expression):
        return expression
    if isinstance(expression, UnknownLiteral):
        if target.base is not None:
            value = convert(
                statement, expression, target.base, target.base_typmod, context, position
            )
            return convert_type(statement, value, target, context, position)
        return read_literal(statement, expression, target)
    if isinstance(expression, UnknownParameter):
        expression = statement.parameters.resolve(expression, target.plain)
        return convert_type(statement, expression, target, context, position)
    if isinstance(expression, ex.RowValue) and target.kind == "c":
        return _row_as(statement, expression, target, context, position)
    cast = find_cast(source, target, context, statement.library)
    if cast is None:
        return None
    if cast.function is None:
        return ex.Relabel(target, expression, is_implicit=context != EXPLICIT)
    return ex.Call(target, cast.function, (expression,), spelling="::", position=position)


def read_literal(
    statement: Statement, literal: UnknownLiteral, target: SqlType, typmod: int = NO_TYPMOD
) -> ex.Constant:
    """The literal read by the input of its type; what is wrong with it is at its place."""
    if target.is_pseudo:
        target = TEXT
    if literal.value is None:
        return ex.Constant(target, None)
    try:
        return ex.Constant(target, target.parse(literal.value, typmod, statement.session))
    except SqlError as error:
        raise error.at(literal.position) from None


def _row_as(
    statement: Statement, row: ex.RowValue, target: SqlType, context: str, position: int
) -> ex.Expression:
    """ROW(1, 'a') as a composite: field by field."""
    fields = target.fields or ()
    message = f"cannot cast type record to {format_type(target)}"
    if len(fields) != len(row.items):
        how = "many" if len(row.items) > len(fields) else "few"
        detail = f"Input has too {how} columns."
        raise SqlError(CANNOT_COERCE, message, detail=detail, position=position)
    items = []
    for number, (item, (_, type_, typmod)) in enumerate(zip(row.items, fields, strict=True), 1):
        converted = convert(statement, item, type_, typmod, context, position)
        if converted is None:
            detail = f"Cannot cast type {item.type} to {type_} in column {number}."
            raise SqlError(CANNOT_COERCE, message, detail=detail, position=position)
        items.append(converted)
    return ex.RowValue(target, tuple(items), tuple(name for name, _, _ in fields))


def apply_typmod(expression: ex.Expression, typmod: int, is_explicit: bool) -> ex.Expression:
    """The value in the shape of varchar(20), unless it is known to have it."""
    if typmod < 0 or typmod_of(expression) == typmod:
        return expression
    function = typmod_function(expression.type, typmod, is_explicit)
    if function is None:
        return expression
    if isinstance(expression, ex.Constant):
        if expression.value is None:
            return replace(expression, typmod=typmod)
        return ex.Constant(expression.type, function.implementation(expression.value), typmod)
    return ex.Call(expression.type, function, (expression,), typmod, spelling="::")


def cast_explicitly(
    statement: Statement,
    expression: ex.Expression,
    target: SqlType,
    typmod: int,
    position: int,
) -> ex.Expression:
    """CAST(x AS t); 42846 if there is no way."""
    if isinstance(expression, UnknownLiteral) and target.name == "interval":
        # The fields of INTERVAL '1' DAY decide how the text is read.
        return replace(read_literal(statement, expression, target, typmod), typmod=typmod)
    converted = convert(statement, expression, target, typmod, EXPLICIT, position)
    if converted is None:
        message = f"cannot cast type {expression.type} to {format_type(target)}"
        raise SqlError(CANNOT_COERCE, message, position=position)
    return converted


def as_boolean(
    statement: Statement, expression: ex.Expression, construct: str, position: int
) -> ex.Expression:
    """The operand of WHERE, AND, CASE WHEN: must be boolean."""
    return as_type(statement, expression, BOOL, construct, position)


def as_type(
    statement: Statement, expression: ex.Expression, target: SqlType, construct: str, position: int
) -> ex.Expression:
    """The operand of LIMIT and its like: of this type, or what goes to it in an assignment."""
    converted = convert_type(statement, expression, target, "a", position)
    if converted is None:
        message = f"argument of {construct} must be type {target}, not type {expression.type}"
        raise SqlError(DATATYPE_MISMATCH, message, position=position)
    return converted


def resolve_literal(statement: Statement, expression: ex.Expression) -> ex.Expression:
    """As below, but a parameter stays open: IS NULL says nothing of its type."""
    if isinstance(expression, UnknownLiteral):
        return read_literal(statement, expression, TEXT)
    return expression


def resolve_unknown(statement: Statement, expression: ex.Expression) -> ex.Expression:
    """A literal that nothing has given a type is text."""
    if not is_unknown(expression):
        return expression
    return convert_type(statement, expression, TEXT)


def unify(
    statement: Statement,
    expressions: Sequence[ex.Expression],
    construct: str,
    positions: Sequence[int],
) -> tuple[list[ex.Expression], SqlType]:
    """All of them as the type that they have in common; an error at the one that does not fit."""
    target = common_type_at(statement, [one.type for one in expressions], construct, positions)
    converted = [
        to_common_type(statement, expression, target, construct, position)
        for expression, position in zip(paced(expressions), positions, strict=True)
    ]
    return converted, target


def common_type_at(
    statement: Statement, types: Sequence[SqlType], construct: str, positions: Sequence[int]
) -> SqlType:
    found = common_type_or_none(types, statement.library)
    if isinstance(found, SqlType):
        return found
    first, second = found
    place = next(
        (at for type_, at in zip(types, positions, strict=True) if type_.oid == second.oid), -1
    )
    if first.category == second.category:
        message = f"{construct} could not convert type {second} to {first}"
        raise SqlError(CANNOT_COERCE, message, position=place)
    message = f"{construct} types {first} and {second} cannot be matched"
    raise SqlError(DATATYPE_MISMATCH, message, position=place)


def to_common_type(
    statement: Statement,
    expression: ex.Expression,
    target: SqlType,
    construct: str,
    position: int,
) -> ex.Expression:
    converted = convert_type(statement, expression, target, IMPLICIT, position)
    if converted is None:
        message = f"{construct} could not convert type {expression.type} to {target}"
        raise SqlError(CANNOT_COERCE, message, position=position)
    return converted


def common_typmod(expressions: Sequence[ex.Expression]) -> int:
    """The typmod that all have; -1 if they differ."""
    typmods = {typmod_of(expression) for expression in expressions}
    return typmods.pop() if len(typmods) == 1 else NO_TYPMOD

"""The grammar of type names: integer, varchar(20), timestamp(3) with time zone, my.type[], …

The standard's spellings have rules of their own and become the system's names here (integer is
pg_catalog.int4); every other name is looked up by the binder.
"""

from services.sqldb.errors import INVALID_PARAMETER_VALUE, SqlError
from services.sqldb.syntax import lexer
from services.sqldb.syntax import parse_expressions as expressions
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import TYPE_FUNCTION_NAMES
from services.sqldb.syntax.nodes import Expression, Literal, LiteralKind, TypeName

_PLAIN_NUMBERS = {
    "int": "int4",
    "integer": "int4",
    "smallint": "int2",
    "bigint": "int8",
    "real": "float4",
    "boolean": "bool",
}
_INTERVAL_FIELDS = {
    "year": ("month",),
    "month": (),
    "day": ("hour", "minute", "second"),
    "hour": ("minute", "second"),
    "minute": ("second",),
    "second": (),
}
_FLOAT4_BITS = 24
_FLOAT8_BITS = 53


def type_name(cursor: Cursor) -> TypeName:
    """A type where one is demanded, with its array bounds. # Real: Typename"""
    position = cursor.position
    is_setof = cursor.accept("setof")
    base = simple_type(cursor)
    bounds = _array_bounds(cursor)
    if not bounds and not is_setof:
        return base
    return TypeName(
        base.names,
        base.modifiers,
        bounds,
        is_setof,
        base.is_percent_type,
        base.interval_fields,
        base.position if not is_setof else position,
    )


def _array_bounds(cursor: Cursor) -> tuple[int, ...]:
    if cursor.accept("array"):
        if not cursor.accept("["):
            return (-1,)
        bound = cursor.integer()
        cursor.expect("]")
        return (bound,)
    bounds = []
    while cursor.accept("["):
        bounds.append(-1 if cursor.kind == "]" else cursor.integer())
        cursor.expect("]")
    return tuple(bounds)


def simple_type(cursor: Cursor, is_constant: bool = False) -> TypeName:
    """A type without array bounds; is_constant: before a literal, where char has no length 1.

    # Real: SimpleTypename, ConstTypename
    """
    kind, position = cursor.kind, cursor.position
    if kind in _PLAIN_NUMBERS:
        cursor.advance()
        return _system_type(_PLAIN_NUMBERS[kind], position)
    match kind:
        case "float":
            cursor.advance()
            return _float(cursor, position)
        case "double" if cursor.peek() == "precision":
            cursor.expect("double", "precision")
            return _system_type("float8", position)
        case "decimal" | "dec" | "numeric":
            cursor.advance()
            return _system_type("numeric", position, modifiers(cursor))
        case "bit":
            cursor.advance()
            return _bit(cursor, position, is_constant)
        case "character" | "char" | "varchar" | "national" | "nchar":
            return _character(cursor, position, is_constant)
        case "timestamp" | "time":
            cursor.advance()
            return _moment(cursor, kind, position)
        case "interval":
            cursor.advance()
            fields, digits = "", precision(cursor)
            if not digits:
                fields, digits = interval_fields(cursor)
            return TypeName(
                ("pg_catalog", "interval"),
                digits,
                interval_fields=fields,
                position=position,
            )
    return _other_type(cursor)


def _system_type(name: str, position: int, type_modifiers: tuple[Expression, ...] = ()) -> TypeName:
    return TypeName(("pg_catalog", name), type_modifiers, position=position)


def _other_type(cursor: Cursor) -> TypeName:
    """name, schema.name or table.column%TYPE, with modifiers. # Real: GenericType"""
    position = cursor.position
    if cursor.kind not in TYPE_FUNCTION_NAMES:
        cursor.fail()
    names = [cursor.take()]
    while cursor.accept("."):
        names.append(cursor.label())
    if cursor.kind == "%" and cursor.peek() == "type":
        cursor.expect("%", "type")
        return TypeName(tuple(names), is_percent_type=True, position=position)
    return TypeName(tuple(names), modifiers(cursor), position=position)


def modifiers(cursor: Cursor) -> tuple[Expression, ...]:
    """(10, 2) behind a type, if it is there."""
    if cursor.kind != "(":
        return ()
    return cursor.in_parentheses(expressions.expression)


def precision(cursor: Cursor) -> tuple[Expression, ...]:
    """(3), a plain integer."""
    if not cursor.accept("("):
        return ()
    position = cursor.position
    literal = Literal(LiteralKind.INTEGER, cursor.integer(), position)
    cursor.expect(")")
    return (literal,)


def _float(cursor: Cursor, position: int) -> TypeName:
    """float(1) to float(24) is real, up to float(53) double precision."""
    length = precision(cursor)
    bits = length[0].value if length else _FLOAT8_BITS
    if bits < 1:
        message = "precision for type float must be at least 1 bit"
        raise SqlError(INVALID_PARAMETER_VALUE, message, position=length[0].position)
    if bits > _FLOAT8_BITS:
        message = "precision for type float must be less than 54 bits"
        raise SqlError(INVALID_PARAMETER_VALUE, message, position=length[0].position)
    return _system_type("float4" if bits <= _FLOAT4_BITS else "float8", position)


def _bit(cursor: Cursor, position: int, is_constant: bool) -> TypeName:
    name = "varbit" if cursor.accept("varying") else "bit"
    length = modifiers(cursor)
    if name == "bit" and not length and not is_constant:
        length = (Literal(LiteralKind.INTEGER, 1),)
    return _system_type(name, position, length)


def _character(cursor: Cursor, position: int, is_constant: bool) -> TypeName:
    kind = cursor.expect_one_of(("character", "char", "varchar", "national", "nchar"))
    if kind == "national":
        cursor.expect_one_of(("character", "char"))
    is_varying = kind == "varchar" or cursor.accept("varying")
    length = precision(cursor)
    if not is_varying and not length and not is_constant:
        length = (Literal(LiteralKind.INTEGER, 1),)
    return _system_type("varchar" if is_varying else "bpchar", position, length)


def _moment(cursor: Cursor, kind: str, position: int) -> TypeName:
    """timestamp(3) with time zone"""
    digits = precision(cursor)
    if cursor.kind in ("with", "without") and cursor.peek() == "time":
        has_zone = cursor.take() == "with"
        cursor.expect("time", "zone")
        kind += "tz" if has_zone else ""
    return _system_type(kind, position, digits)


def interval_fields(cursor: Cursor) -> tuple[str, tuple[Expression, ...]]:
    """`day to second(3)` behind interval: the words, and the precision of the seconds."""
    first = cursor.kind
    if first not in _INTERVAL_FIELDS:
        return "", ()
    cursor.advance()
    last = first
    if _INTERVAL_FIELDS[first] and cursor.accept("to"):
        last = cursor.expect_one_of(_INTERVAL_FIELDS[first])
    digits = precision(cursor) if last == "second" else ()
    return first if first == last else f"{first} to {last}", digits


def starts_typed_constant(cursor: Cursor) -> bool:
    """Whether a type's keyword is followed by what only a type has: int '1', numeric(3) '1'."""
    following = cursor.peek()
    if following in (lexer.STRING, "("):
        return True
    match cursor.kind:
        case "timestamp" | "time":
            return following in ("with", "without") and cursor.peek(2) == "time"
        case "character" | "char" | "nchar" | "bit":
            return following == "varying"
        case "national":
            return following in ("character", "char")
        case "double":
            return following == "precision"
    return False

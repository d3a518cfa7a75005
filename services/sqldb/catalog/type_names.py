"""Types as written in SQL → types: varchar(20), numeric(10, 2), text[], interval day to second."""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.catalog.lookup import Lookup
from services.sqldb.errors import SqlError
from services.sqldb.syntax.nodes import Literal, TypeName
from services.sqldb.types import NO_TYPMOD, SqlType, format_type
from services.sqldb.types.intervals import FIELD_BITS, interval_typmod


def resolve_type(lookup: Lookup, written: TypeName) -> tuple[SqlType, int]:
    """The type and its typmod. Raises SqlError 42704, 22023, 3F000."""
    position = written.position
    if len(written.names) > 2:
        raise errors.not_supported("a type name with a database", position)
    *schema, name = written.names
    if schema and schema[0] != "pg_catalog":
        lookup.expect_schema(schema[0], position)
    found = lookup.type(schema[0] if schema else None, name)
    if found is None:
        full = ".".join(written.names)
        message = f'type "{full}" does not exist'
        raise SqlError(errors.UNDEFINED_OBJECT, message, position=position)
    typmod = _typmod(found, written)
    if written.array_bounds:
        found = lookup.types.array_of(found)
    return found, typmod


def _typmod(type_: SqlType, written: TypeName) -> int:
    if written.interval_fields:
        return _interval_typmod(written)
    if not written.modifiers:
        return NO_TYPMOD
    if type_.modifier is None:
        message = f'type modifier is not allowed for type "{format_type(type_)}"'
        raise SqlError(errors.SYNTAX_ERROR, message, position=written.position)
    numbers = []
    for modifier in written.modifiers:
        if not isinstance(modifier, Literal) or not isinstance(modifier.value, int):
            message = "type modifiers must be simple constants or identifiers"
            raise SqlError(errors.SYNTAX_ERROR, message, position=written.position)
        numbers.append(modifier.value)
    try:
        return type_.modifier.from_numbers(numbers)
    except SqlError as error:
        raise error.at(written.position) from None


def _interval_typmod(written: TypeName) -> int:
    """interval day to second(3): the fields from the first to the last, and the precision."""
    first, _, last = written.interval_fields.partition(" to ")
    names = list(FIELD_BITS)
    between = names[names.index(first) : names.index(last or first) + 1]
    precision = written.modifiers[0].value if written.modifiers else None
    return interval_typmod(sum(FIELD_BITS[name] for name in between), precision)

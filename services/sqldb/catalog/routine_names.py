"""Functions of users by name: for DROP and ALTER, for regproc, and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.catalog.definitions import Schema, SqlRoutine
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.errors import SqlError
from services.sqldb.types import format_type

if TYPE_CHECKING:
    from services.sqldb.session.session import Session


def find_routine(session: Session, names: tuple[str, ...]) -> SqlRoutine | None:
    """The function of a name, and of argument types where they are written. Raises SqlError."""
    *schema_name, name = names
    lookup = session.lookup
    found = [one for one in lookup.view.state.all(SqlRoutine) if one.name == name]
    if schema_name:
        schema = lookup.schema(schema_name[-1])
        found = [one for one in found if schema is not None and one.schema_oid == schema.oid]
    else:
        path = lookup.path_names(with_implicit=True)
        found = [one for one in found if lookup.schema_name(one.schema_oid) in path]
    written = getattr(names, "arguments", None)
    if written is not None:
        wanted = tuple(resolve_type(lookup, one)[0].oid for one in written)
        return next((one for one in found if one.input_oids == wanted), None)
    if len(found) > 1:
        message = f'function name "{name}" is not unique'
        hint = "Specify the argument list to select the function unambiguously."
        raise SqlError(errors.AMBIGUOUS_FUNCTION, message, hint=hint)
    return found[0] if found else None


def missing_routine(session: Session, kind: str, names: tuple[str, ...]) -> str:
    """What PostgreSQL says of a function that is not there."""
    full, written = ".".join(names), getattr(names, "arguments", None)
    if written is None:
        return f'could not find a {kind} named "{full}"'
    types = [format_type(resolve_type(session.lookup, one)[0]) for one in written]
    return f"{kind} {full}({', '.join(types)}) does not exist"


def routine_text(session: Session, routine: SqlRoutine) -> str:
    """name(integer, text)"""
    types = [format_type(session.lookup.types.by_oid(oid)) for oid in routine.input_oids]
    schema = session.lookup.view.state.get(routine.schema_oid)
    is_visible = isinstance(schema, Schema) and schema.name in session.lookup.path_names(
        with_implicit=True
    )
    prefix = "" if is_visible else f"{schema.name}."
    return f"{prefix}{routine.name}({','.join(types)})"

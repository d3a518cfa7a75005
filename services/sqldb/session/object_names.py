"""Names of objects that are values: 'public.t'::regclass, 'integer'::regtype, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import Index, Role, Schema, Sequence, SqlRoutine, Table
from services.sqldb.catalog.routine_names import find_routine, routine_text
from services.sqldb.catalog.texts import relation_text
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.errors import SqlError
from services.sqldb.functions.oids import builtin_oids, signature
from services.sqldb.session.session_settings import split_names
from services.sqldb.syntax.deparse import quote_identifier
from services.sqldb.types import format_type

if TYPE_CHECKING:
    from services.sqldb.session.session import Session


def object_oid(session: Session, kind: str, text: str) -> int | None:
    """The oid of the object that a name means; None: there is none."""
    lookup = session.lookup
    if kind == "regtype":
        return _type_oid(session, text)
    try:
        names = split_names(text.replace(".", ","))
    except ValueError:
        return None
    *schema, name = names
    match kind:
        case "regclass":
            found = lookup.relation(schema[-1] if schema else None, name)
            return None if found is None else found.oid
        case "regnamespace":
            found = lookup.schema(name)
            return None if found is None else found.oid
        case "regrole":
            found = lookup.view.state.find("role", 0, name)
            return None if found is None else found.oid
        case "regproc" | "regprocedure":
            return _routine_oid(session, schema, name, text)
    return None


def _routine_oid(session: Session, schema: list[str], name: str, text: str) -> int | None:
    """f as regproc, f(integer) as regprocedure; functions of users first."""
    from services.sqldb.syntax import parse
    from services.sqldb.syntax.nodes import FunctionName

    names = FunctionName((*schema, name))
    if "(" in text:
        try:
            (parsed,) = parse(f"DROP FUNCTION {text}")
            (names,) = parsed.statement.names
        except (SqlError, ValueError):
            return None
    routine = find_routine(session, names)
    if routine is not None:
        return routine.oid
    wanted = None
    if names.arguments is not None:
        wanted = tuple(resolve_type(session.lookup, one)[0] for one in names.arguments)
    numbers = builtin_oids()
    for function in session.library.named(names[-1]):
        if wanted is None or function.argument_types == wanted:
            return function.oid or numbers.get(signature(function)) or None
    return None


def _type_oid(session: Session, text: str) -> int | None:
    from services.sqldb.syntax import parse

    try:
        (parsed,) = parse(f"SELECT NULL::{text}")
        written = parsed.statement.body.targets[0].expression.type_name
        return resolve_type(session.lookup, written)[0].oid
    except (SqlError, AttributeError, ValueError):
        return None


def object_name(session: Session, kind: str, oid: int) -> str | None:
    lookup = session.lookup
    match kind:
        case "regclass":
            system = session.engine.system_tables.by_oid.get(oid)
            found = system.table if system is not None else lookup.view.state.get(oid)
            is_relation = isinstance(found, Table | Index | Sequence)
            return relation_text(lookup, found) if is_relation else None
        case "regtype":
            type_ = lookup.types.find(oid)
            return None if type_ is None else format_type(type_)
        case "regnamespace":
            found = lookup.view.state.get(oid)
            return quote_identifier(found.name) if isinstance(found, Schema) else None
        case "regrole":
            found = lookup.view.state.get(oid)
            return quote_identifier(found.name) if isinstance(found, Role) else None
        case "regproc" | "regprocedure":
            routine = lookup.view.state.get(oid)
            if isinstance(routine, SqlRoutine):
                return routine.name if kind == "regproc" else routine_text(session, routine)
            for function in session.library.all_callables():
                if function.oid == oid:
                    return function.name
    return None

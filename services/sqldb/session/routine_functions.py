"""pg_get_functiondef and its like: functions of users as text.

# Real: ruleutils.c
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.catalog.definitions import RoutineArgument, SqlRoutine
from services.sqldb.catalog.name_forms import shown_expression, type_text
from services.sqldb.errors import SqlError
from services.sqldb.functions import Definitions, Library
from services.sqldb.functions.definition import Function
from services.sqldb.functions.oids import builtin_oids, signature
from services.sqldb.syntax.deparse import quote_identifier
from services.sqldb.types import RECORD, format_type

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

define = Definitions()
_STABLE = {"context": True, "volatility": "s"}
_MODES = {"i": "", "o": "OUT ", "b": "INOUT ", "v": "VARIADIC ", "t": ""}
_VOLATILITIES = {"i": "IMMUTABLE", "s": "STABLE", "v": ""}


def _routine(session: Session, oid: int) -> SqlRoutine | None:
    found = session.lookup.view.state.get(oid)
    return found if isinstance(found, SqlRoutine) else None


@lru_cache(maxsize=2)
def _by_number(library: Library) -> dict[int, Function]:
    numbers = builtin_oids()
    return {
        getattr(one, "oid", 0) or numbers.get(signature(one), 0): one
        for one in library.all_callables()
    }


def _builtin(session: Session, oid: int) -> Function | None:
    return _by_number(session.library).get(oid)


def _type_text(session: Session, oid: int) -> str:
    return type_text(session.lookup, session.lookup.types.by_oid(oid))


def _argument_text(session: Session, one: RoutineArgument, *, with_default: bool) -> str:
    name = f"{quote_identifier(one.name)} " if one.name else ""
    text = f"{_MODES[one.mode]}{name}{_type_text(session, one.type_oid)}"
    if not with_default or one.default is None:
        return text
    return f"{text} DEFAULT {shown_expression(session.lookup, one.default)}"


def _arguments(session: Session, oid: int, *, with_default: bool) -> str | None:
    routine = _routine(session, oid)
    if routine is not None:
        listed = (one for one in routine.arguments if one.mode != "t")
        texts = [_argument_text(session, one, with_default=with_default) for one in listed]
        if routine.is_procedure:
            # Other than of a function, it is said that they go in.
            modes = [one.mode for one in routine.arguments if one.mode != "t"]
            texts = [
                f"IN {text}" if mode == "i" else text
                for text, mode in zip(texts, modes, strict=True)
            ]
        return ", ".join(texts)
    function = _builtin(session, oid)
    if function is None:
        return None
    names = getattr(function, "argument_names", ()) or ("",) * len(function.argument_types)
    variadic = "VARIADIC " if getattr(function, "is_variadic", False) else ""
    texts = [
        f"{name} {type_}".strip()
        for name, type_ in zip(names, function.argument_types, strict=True)
    ]
    if variadic and texts:
        texts[-1] = variadic + texts[-1]
    outputs = [f"OUT {name} {type_}" for name, type_ in getattr(function, "columns", ())]
    return ", ".join((*texts, *outputs))


@define.function("pg_get_function_arguments(oid) -> text", **_STABLE)
def pg_get_function_arguments(session: Session, oid: int) -> str | None:
    return _arguments(session, oid, with_default=True)


@define.function("pg_get_function_identity_arguments(oid) -> text", **_STABLE)
def pg_get_function_identity_arguments(session: Session, oid: int) -> str | None:
    return _arguments(session, oid, with_default=False)


@define.function("pg_get_function_result(oid) -> text", **_STABLE)
def pg_get_function_result(session: Session, oid: int) -> str | None:
    routine = _routine(session, oid)
    if routine is None:
        function = _builtin(session, oid)
        if function is None:
            return None
        prefix = "SETOF " if getattr(function, "returns_set", False) else ""
        return prefix + format_type(function.result_type)
    if routine.is_procedure:
        return None
    columns = [one for one in routine.arguments if one.mode == "t"]
    if columns:
        texts = [_argument_text(session, one, with_default=False) for one in columns]
        return f"TABLE({', '.join(texts)})"
    prefix = "SETOF " if routine.returns_set else ""
    is_record = routine.result_oid == RECORD.oid
    return prefix + ("record" if is_record else _type_text(session, routine.result_oid))


@define.function("pg_get_function_sqlbody(oid) -> text", **_STABLE)
def pg_get_function_sqlbody(session: Session, oid: int) -> str | None:
    routine = _routine(session, oid)
    return routine.body if routine is not None and routine.is_standard else None


@define.function("pg_get_functiondef(oid) -> text", **_STABLE)
def pg_get_functiondef(session: Session, oid: int) -> str | None:
    routine = _routine(session, oid)
    if routine is None:
        return None
    schema = session.lookup.schema_name(routine.schema_oid)
    name = f"{quote_identifier(schema)}.{quote_identifier(routine.name)}"
    kind = "PROCEDURE" if routine.is_procedure else "FUNCTION"
    lines = [f"CREATE OR REPLACE {kind} {name}({pg_get_function_arguments(session, oid)})"]
    result = pg_get_function_result(session, oid)
    if result is not None:
        lines.append(f" RETURNS {result}")
    lines.append(" LANGUAGE sql")
    words = [_VOLATILITIES[routine.volatility], "STRICT" if routine.is_strict else "",
             "SECURITY DEFINER" if routine.is_security_definer else ""]  # fmt: skip
    if any(words):
        lines.append(" " + " ".join(word for word in words if word))
    if routine.is_standard:
        lines.append(f"BEGIN ATOMIC\n {routine.body}\nEND")
    else:
        quote = f"${kind.lower()}$"
        lines.append(f"AS {quote}{routine.body}{quote}")
    return "\n".join(lines) + "\n"


@define.function("pg_function_is_visible(oid) -> bool", **_STABLE)
def pg_function_is_visible(session: Session, oid: int) -> bool:
    routine = _routine(session, oid)
    if routine is None:
        return True
    lookup = session.lookup
    for name in lookup.path_names(with_implicit=True):
        schema = lookup.schema(name)
        found = lookup.view.state.find("routine", schema.oid, routine.key)
        if found is not None:
            return found is routine
    return False


@define.function("pg_get_function_arg_default(oid, int4) -> text", **_STABLE)
def pg_get_function_arg_default(session: Session, oid: int, number: int) -> str | None:
    routine = _routine(session, oid)
    if routine is None or not 0 < number <= len(routine.arguments):
        return None
    return routine.arguments[number - 1].default


@define.function("to_regproc(text) -> regproc", **_STABLE)
def to_regproc(session: Session, text: str) -> int | None:
    try:
        return session.object_oid("regproc", text)
    except SqlError as error:
        if error.sqlstate == errors.AMBIGUOUS_FUNCTION:
            return None
        raise


@define.function("to_regprocedure(text) -> regprocedure", **_STABLE)
def to_regprocedure(session: Session, text: str) -> int | None:
    return session.object_oid("regprocedure", text)

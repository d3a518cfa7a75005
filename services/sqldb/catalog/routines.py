"""Functions of users, as the library of functions has them.

`library_of` gives the library that a statement sees: the built-in one, and before it what the
search path (or a schema that is named) has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.sqldb.catalog.definitions import SqlRoutine
from services.sqldb.functions.definition import Function
from services.sqldb.functions.library import Library
from services.sqldb.types import RECORD, SqlType

if TYPE_CHECKING:
    from services.sqldb.catalog.lookup import Lookup


def columns_of(lookup: Lookup, routine: SqlRoutine) -> tuple[tuple[str, SqlType, int], ...]:
    """The columns of RETURNS TABLE or of several OUT arguments; () for all other results."""
    outputs = [one for one in routine.arguments if one.is_output]
    if routine.result_oid != RECORD.oid or not outputs:
        return ()
    return tuple(
        (one.name or f"column{number}", lookup.types.by_oid(one.type_oid), -1)
        for number, one in enumerate(outputs, 1)
    )


def function_of(lookup: Lookup, routine: SqlRoutine) -> Function:
    # Late: a body is run by what stands above the catalog.
    from services.sqldb.commands.function_bodies import Default, implementation_of

    types = tuple(lookup.types.by_oid(oid) for oid in routine.input_oids)
    result = lookup.types.by_oid(routine.result_oid)
    columns = columns_of(lookup, routine)
    inputs = [one for one in routine.arguments if one.is_input]
    defaults = tuple(
        Default(one.default, type_)
        for one, type_ in zip(inputs, types, strict=True)
        if one.default is not None
    )

    def implementation(given: tuple[SqlType, ...], concrete: SqlType) -> Any:
        # Arguments that defaults stand in for are of their declared types.
        full = (*given, *types[len(given) :])
        fields = columns or (concrete.fields or () if concrete.oid == RECORD.oid else ())
        return implementation_of(routine, full, concrete, fields, defaults)

    names = routine.input_names
    return Function(
        routine.name,
        types,
        result,
        implementation,
        is_strict=routine.is_strict and not routine.returns_set and not defaults,
        volatility=routine.volatility,
        is_variadic=any(one.mode == "v" for one in routine.arguments),
        defaults=defaults,
        argument_names=names if any(names) else (),
        returns_set=routine.returns_set,
        columns=tuple((name, type_) for name, type_, _ in columns),
        needs_context=True,
        needs_types=True,
        schema=lookup.schema_name(routine.schema_oid),
        oid=routine.oid,
    )


def library_of(lookup: Lookup, base: Library, schema: str | None = None) -> Library:
    """The library with the functions that bare names mean, or those of one schema."""
    found: dict[str, list[Any]] = {}
    places = [schema] if schema is not None else lookup.path_names(with_implicit=True)
    for routine in lookup.view.state.all(SqlRoutine):
        is_whole = all(lookup.types.find(oid) is not None for oid in routine.type_oids)
        if is_whole and lookup.schema_name(routine.schema_oid) in places:
            found.setdefault(routine.name, []).append(function_of(lookup, routine))
    return base.with_callables(found) if found else base

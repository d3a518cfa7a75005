"""Which type goes where, and how: casts from the table, through text, element by element.

    find_cast(INT4, INT8, "i")       the entry of pg_cast
    find_cast(INT4, TEXT, "a")       output of integer as text: in assignments and explicitly
    find_cast(TEXT, INT4, "e")       input of integer: explicitly
    find_cast(INT4[], TEXT[], "a")   each element
    common_type([INT4, UNKNOWN, NUMERIC], "UNION")   numeric

A literal in quotes is of the type unknown and goes anywhere; the binder makes a constant of it by
the `parse` of its target. # Real: find_coercion_pathway(), select_common_type()
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.definition import STABLE, Cast, Function
from services.sqldb.functions.library import Library, builtin_library
from services.sqldb.types import (
    ANY,
    ANYARRAY,
    ANYCOMPATIBLE,
    ANYCOMPATIBLEARRAY,
    ANYCOMPATIBLENONARRAY,
    ANYELEMENT,
    ANYENUM,
    ANYNONARRAY,
    RECORD,
    TEXT,
    UNKNOWN,
    SqlType,
)
from services.sqldb.types.arrays import map_array
from services.sqldb.values import Array, Row

IMPLICIT, ASSIGNMENT, EXPLICIT = "i", "a", "e"
_CONTEXT_ORDER = {IMPLICIT: 0, ASSIGNMENT: 1, EXPLICIT: 2}

_OPEN_TYPES = frozenset(
    t.oid for t in (ANY, ANYELEMENT, ANYARRAY, ANYNONARRAY, ANYENUM,
                    ANYCOMPATIBLE, ANYCOMPATIBLEARRAY, ANYCOMPATIBLENONARRAY)
)  # fmt: skip


def find_cast(
    source: SqlType, target: SqlType, context: str = IMPLICIT, library: Library | None = None
) -> Cast | None:
    """The way from one type to another, if the context allows it; `function` None: only relabel."""
    if source.oid == target.oid:
        return Cast(source, target, IMPLICIT)
    library = library or builtin_library()
    if target.base is not None:
        return _cast_to_domain(source, target, context, library)
    if source.base is not None:
        return find_cast(source.plain, target, context, library)
    cast = library.casts.get((source.oid, target.oid))
    if cast is not None:
        return cast if _allowed(cast.context, context) else None
    if source.oid == UNKNOWN.oid:
        return Cast(source, target, IMPLICIT, _through_text(source, target))
    # Vectors of the catalogs are no goal of conversions, or they would compete with real arrays.
    if source.is_array and target.is_array and target.name.startswith("_"):
        return _cast_of_arrays(source, target, context, library)
    if source.kind == "c" and target.oid == RECORD.oid:
        return Cast(source, target, IMPLICIT)
    if source.oid == RECORD.oid and target.kind == "c":
        return _cast_of_rows(source, target, library)
    if target.category == "S" and target.kind != "p":
        # To any of the text types: by output; name, as PostgreSQL has it, is one of them.
        allowed = _allowed(ASSIGNMENT, context)
        return Cast(source, target, ASSIGNMENT, _through_text(source, target)) if allowed else None
    if source.category == "S" and context == EXPLICIT and target.kind != "p":
        return Cast(source, target, EXPLICIT, _through_text(source, target))
    return None


def _cast_to_domain(
    source: SqlType, target: SqlType, context: str, library: Library
) -> Cast | None:
    """To the type below, into its typmod, past the check, which sees NULL as well."""
    inner = find_cast(source, target.base, context, library)
    if inner is None:
        return None
    shape = typmod_function(target.base, target.base_typmod, context == EXPLICIT)
    steps, check = (inner.function, shape), target.check

    def convert(session: Any, value: Any) -> Any:
        return check(session, _convert_field(session, value, steps))

    function = Function(
        target.name,
        (source,),
        target,
        convert,
        is_strict=False,
        volatility=STABLE,
        needs_context=True,
    )
    return Cast(source, target, inner.context, function)


def _allowed(needed: str, context: str) -> bool:
    return _CONTEXT_ORDER[needed] <= _CONTEXT_ORDER[context]


def _through_text(source: SqlType, target: SqlType) -> Function:
    """Output of the one type, input of the other. # Real: CoerceViaIO"""
    plain = source.plain_format
    if target.oid == TEXT.oid and plain is not None:
        return Function(target.name, (source,), target, plain, template="plain_text({0})"
                        if plain is str else "", names={"plain_text": str})  # fmt: skip
    parse, format_ = target.parse, source.format

    def convert(context: Any, value: Any) -> Any:
        return parse(format_(value, context), -1, context)

    return Function(target.name, (source,), target, convert, volatility=STABLE, needs_context=True)


def _cast_of_arrays(
    source: SqlType, target: SqlType, context: str, library: Library
) -> Cast | None:
    inner = find_cast(source.element, target.element, context, library)
    if inner is None:
        return None
    if inner.function is None:
        return Cast(source, target, inner.context)
    convert = inner.function.implementation

    def with_context(session: Any, array: Array) -> Array:
        return map_array(array, lambda item: convert(session, item))

    def without_context(array: Array) -> Array:
        return map_array(array, convert)

    needs_context = inner.function.needs_context
    function = Function(
        target.name,
        (source,),
        target,
        with_context if needs_context else without_context,
        volatility=inner.function.volatility,
        needs_context=needs_context,
    )
    return Cast(source, target, inner.context, function)


def _cast_of_rows(source: SqlType, target: SqlType, library: Library) -> Cast | None:
    """ROW(1, 'a')::composite: each field as in an assignment."""
    if source.fields is None or len(source.fields) != len(target.fields):
        return None
    converters = []
    for (_, field_source, _), (_, field_target, typmod) in zip(
        source.fields, target.fields, strict=True
    ):
        cast = find_cast(field_source, field_target, EXPLICIT, library)
        if cast is None:
            return None
        converters.append((cast.function, typmod_function(field_target, typmod, True)))

    def convert(context: Any, row: Row) -> Row:
        return Row(
            _convert_field(context, value, steps)
            for value, steps in zip(row, converters, strict=True)
        )

    function = Function(
        target.name, (source,), target, convert, volatility=STABLE, needs_context=True
    )
    return Cast(source, target, IMPLICIT, function)


def _convert_field(context: Any, value: Any, steps: tuple[Function | None, ...]) -> Any:
    for step in steps:
        if step is not None and value is not None:
            arguments = (context, value) if step.needs_context else (value,)
            value = step.implementation(*arguments)
    return value


def require_cast(
    source: SqlType, target: SqlType, context: str = IMPLICIT, library: Library | None = None
) -> Cast:
    """The cast, or 42846."""
    cast = find_cast(source, target, context, library)
    if cast is None:
        raise SqlError(errors.CANNOT_COERCE, f"cannot cast type {source} to {target}")
    return cast


def typmod_function(type_: SqlType, typmod: int, is_explicit: bool) -> Function | None:
    """What brings a value into the shape of varchar(20); None if nothing has to be done."""
    if typmod < 0 or type_.modifier is None:
        return None
    coerce = type_.modifier.coerce
    return Function(type_.name, (type_,), type_, lambda value: coerce(value, typmod, is_explicit))


def can_coerce(
    sources: Sequence[SqlType],
    targets: Sequence[SqlType],
    context: str = IMPLICIT,
    library: Library | None = None,
) -> bool:
    """Whether a call with `sources` fits declared `targets`, polymorphic ones together."""
    has_polymorphic = False
    for source, target in zip(sources, targets, strict=True):
        if target.oid in _OPEN_TYPES:
            has_polymorphic = has_polymorphic or target.oid != ANY.oid
            continue
        if source.oid == target.oid or source.oid == UNKNOWN.oid:
            continue
        if find_cast(source, target, context, library) is None:
            return False
    if not has_polymorphic:
        return True
    from services.sqldb.functions.polymorphism import solve

    return solve(sources, targets, library) is not None


def common_type(
    types: Sequence[SqlType], construct: str = "UNION", library: Library | None = None
) -> SqlType:
    """The type that all of them become in UNION, CASE, VALUES, COALESCE, IN, ARRAY[…]; 42804."""
    found = common_type_or_none(types, library)
    if isinstance(found, SqlType):
        return found
    first, second = found
    if first.category == second.category:
        raise SqlError(
            errors.CANNOT_COERCE, f"{construct} could not convert type {second} to {first}"
        )
    raise SqlError(
        errors.DATATYPE_MISMATCH, f"{construct} types {first} and {second} cannot be matched"
    )


def common_type_or_none(
    types: Sequence[SqlType], library: Library | None = None
) -> SqlType | tuple[SqlType, SqlType]:
    """The common type, or the two types that have none."""
    first = types[0]
    if first.oid != UNKNOWN.oid and all(type_.oid == first.oid for type_ in types):
        return first
    types = [type_.plain for type_ in types]
    chosen: SqlType | None = None
    for type_ in types:
        if type_.oid == UNKNOWN.oid or (chosen is not None and type_.oid == chosen.oid):
            continue
        if chosen is None:
            chosen = type_
        elif type_.category != chosen.category:
            return chosen, type_
        elif (
            not chosen.is_preferred
            and find_cast(chosen, type_, IMPLICIT, library) is not None
            and find_cast(type_, chosen, IMPLICIT, library) is None
        ):
            chosen = type_
    if chosen is None:
        return TEXT
    for type_ in types:
        if type_.oid != UNKNOWN.oid and find_cast(type_, chosen, IMPLICIT, library) is None:
            return chosen, type_
    return chosen

"""Which function or operator is meant: overloads, and literals whose type is still open.

PostgreSQL's rules (chapter 10), here as one ladder for functions and operators:

    1. argument types that match one candidate exactly
    2. candidates that the arguments can be converted to without being asked
    3. of these, the ones with most exact matches
    4. of these, the ones that take most preferred types (float8, text, timestamptz …)
    5. for literals of unknown type: the category that all candidates agree on, text before all
    6. or the type of the other arguments

    '1' + 2       unknown + int4: the other side's type, int4 + int4
    1 + 2.5       int4 + numeric: no such operator; int4 goes to numeric without being asked
    abs('-1')     six candidates; the preferred number is float8

What comes out is concrete: a `Function` with real argument types, to which the binder converts the
arguments, and a result type. # Real: func_select_candidate() in parse_func.c
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.coercion import EXPLICIT, can_coerce, find_cast
from services.sqldb.functions.definition import Aggregate, Function, Operator, WindowFunction
from services.sqldb.functions.library import Library, builtin_library
from services.sqldb.functions.polymorphism import Solution, is_of_elements, is_polymorphic, solve
from services.sqldb.types import (
    ANY,
    RECORD,
    TEXT,
    UNKNOWN,
    SqlType,
    TypeRegistry,
    type_by_name,
)
from services.sqldb.types.registry import BUILTIN_REGISTRY


@dataclass(frozen=True, slots=True)
class ResolvedCall:
    """`function` with the types that each given argument has to be converted to."""

    function: Function | Aggregate | WindowFunction
    argument_types: tuple[SqlType, ...]
    result_type: SqlType


@dataclass(frozen=True, slots=True)
class ResolvedOperator:
    operator: Operator
    function: Function
    left: SqlType | None
    right: SqlType
    result_type: SqlType


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One overload, its declared types laid out for the arguments at hand."""

    target: Function | Aggregate | WindowFunction | Operator
    types: tuple[SqlType, ...]
    is_spread: bool = False  # A variadic function given its last arguments one by one
    # For named arguments: at which place of the function each given argument stands.
    places: tuple[int, ...] = ()


def resolve_function(
    name: str,
    argument_types: Sequence[SqlType],
    *,
    library: Library | None = None,
    argument_names: Sequence[str] = (),
    is_variadic_call: bool = False,
    types: TypeRegistry = BUILTIN_REGISTRY,
    record_type: SqlType | None = None,
) -> ResolvedCall:
    """The function, aggregate or window function of a call; 42883 or 42725.

    `argument_names` are those of the last arguments (make_interval(days => 1)); the call
    f(VARIADIC array) sets `is_variadic_call`. For ordered-set aggregates the direct arguments come
    first, then those of WITHIN GROUP. `record_type` is what the statement says of a result that
    is a record: AS x(a integer, b text).
    """
    library = library or builtin_library()
    # Functions know nothing of domains, but for the one that tells their names.
    given = tuple(argument_types)
    if name == "array_agg" and len(given) == 1 and given[0].base is not None:
        return _array_agg_of_domain(given[0], library, types)
    if name != "pg_typeof":
        given = tuple(type_.plain for type_ in given)
    if argument_names or is_variadic_call or record_type or not _is_cacheable(given):
        names = tuple(argument_names)
        return _find_function(name, given, names, is_variadic_call, library, types, record_type)
    key = (name, *(type_.oid for type_ in given))
    found = library.resolved.get(key)
    if found is None:
        found = _find_function(name, given, (), False, library, types)
        if found.result_type.oid < _FIRST_USER_OID:
            library.resolved[key] = found
    return found


def _array_agg_of_domain(domain: SqlType, library: Library, types: TypeRegistry) -> ResolvedCall:
    """An array of the domain, not of the type below: where a domain shows through a function."""
    found = _find_function("array_agg", (domain.plain,), (), False, library, types)
    if domain.is_array or not domain.array_oid:
        return found
    result = types.array_of(domain)
    function = replace(found.function, result_type=result)
    return replace(found, function=function, result_type=result)


_FIRST_USER_OID = 16384
_MOST_CACHED_ARGUMENTS = 4


def _is_cacheable(given: tuple[SqlType, ...]) -> bool:
    """Types of users may change under the same oid, and rows of any shape share one."""
    return len(given) <= _MOST_CACHED_ARGUMENTS and all(
        type_.oid < _FIRST_USER_OID and type_.fields is None for type_ in given
    )


def _find_function(
    name: str,
    given: tuple[SqlType, ...],
    names: tuple[str, ...],
    is_variadic_call: bool,
    library: Library,
    types: TypeRegistry,
    record_type: SqlType | None = None,
) -> ResolvedCall:
    candidates = [
        candidate
        for target in library.named(name)
        for candidate in _layouts(target, given, names, is_variadic_call)
    ]
    exact = [c for c in candidates if _equal(c.types, given)]
    if exact:
        return _concrete_call(min(exact, key=lambda c: c.is_spread), given, library, record_type)
    if len(given) == 1 and not names:
        conversion = _conversion_call(name, given[0], library, types)
        if conversion is not None:
            return conversion
    fitting = [c for c in candidates if can_coerce(given, c.types, library=library)]
    chosen = _select(given, fitting, library)
    if chosen is None:
        raise _no_function(name, given, bool(fitting), names)
    return _concrete_call(chosen, given, library, record_type)


def _equal(left: Sequence[SqlType], right: Sequence[SqlType]) -> bool:
    return all(a.oid == b.oid for a, b in zip(left, right, strict=True))


def _declared_types(target: Function | Aggregate | WindowFunction) -> tuple[SqlType, ...]:
    direct = target.direct_types if isinstance(target, Aggregate) else ()
    return (*direct, *target.argument_types)


def _layouts(
    target: Function | Aggregate | WindowFunction,
    given: tuple[SqlType, ...],
    names: tuple[str, ...],
    is_variadic_call: bool,
) -> list[_Candidate]:
    """The ways in which a function can take so many arguments. # Real: FuncnameGetCandidates()"""
    declared, count = _declared_types(target), len(given)
    if names:
        candidate = _named_layout(target, declared, count, names)
        return [candidate] if candidate is not None else []
    is_variadic = getattr(target, "is_variadic", False)
    if is_variadic_call:
        return [_Candidate(target, declared)] if is_variadic and len(declared) == count else []
    layouts = []
    if len(declared) == count and not (is_variadic and declared[-1].oid == ANY.oid):
        layouts.append(_Candidate(target, declared))
    elif not is_variadic and len(declared) > count >= len(declared) - _default_count(target):
        layouts.append(_Candidate(target, declared[:count]))
    if is_variadic and count >= len(declared):
        last = declared[-1]
        element = _spread_element(last)
        spread = (*declared[:-1], *(element,) * (count - len(declared) + 1))
        layouts.append(_Candidate(target, spread, is_spread=True))
    return layouts


def _default_count(target: object) -> int:
    return len(getattr(target, "defaults", ()))


def _spread_element(type_: SqlType) -> SqlType:
    """The type of one of the arguments that a variadic parameter collects."""
    if type_.oid == ANY.oid:
        return type_
    if type_.element is not None:
        return type_.element
    return type_by_name(
        {"anyarray": "anyelement", "anycompatiblearray": "anycompatible"}[type_.name]
    )


def _named_layout(
    target: Function | Aggregate | WindowFunction,
    declared: tuple[SqlType, ...],
    count: int,
    names: tuple[str, ...],
) -> _Candidate | None:
    known = getattr(target, "argument_names", ())
    first_named = count - len(names)
    if not known or any(name not in known for name in names) or count > len(declared):
        return None
    places = (*range(first_named), *(known.index(name) for name in names))
    required = range(len(declared) - _default_count(target))
    if len(set(places)) != count or not set(required) <= set(places):
        return None
    return _Candidate(target, tuple(declared[place] for place in places), places=places)


def _conversion_call(
    name: str, source: SqlType, library: Library, types: TypeRegistry
) -> ResolvedCall | None:
    """text(5), int4('7'): a type's name called like a function is a cast."""
    target = types.by_name(name)
    if target is None or target.is_pseudo or target.is_array:
        return None
    if source.oid == UNKNOWN.oid:
        # The binder reads the literal as the target at once.
        identity = Function(name, (target,), target, lambda value: value, template="({0})")
        return ResolvedCall(identity, (target,), target)
    cast = find_cast(source, target, EXPLICIT, library)
    if cast is None:
        return None
    function = cast.function or Function(
        name, (source,), target, lambda value: value, template="({0})"
    )
    return ResolvedCall(function, (source,), target)


def _select(
    given: tuple[SqlType, ...], candidates: list[_Candidate], library: Library
) -> _Candidate | None:
    """The best of the candidates that fit, None if there is none or no single one."""
    if len(candidates) <= 1:
        return candidates[0] if candidates else None
    known = [index for index, type_ in enumerate(given) if type_.oid != UNKNOWN.oid]
    unknown = [index for index, type_ in enumerate(given) if type_.oid == UNKNOWN.oid]
    best = _most(candidates, lambda c: sum(c.types[i].oid == given[i].oid for i in known))
    if len(best) == 1:
        return best[0]
    best = _most(best, lambda c: sum(_matches_or_preferred(c.types[i], given[i]) for i in known))
    if len(best) == 1:
        return best[0]
    if not unknown:
        return _prefer_fixed(best)
    best = _by_category_of_unknowns(best, unknown)
    if len(best) == 1:
        return best[0]
    known_types = {given[index] for index in known}
    if len(known_types) == 1:
        same = known_types.pop()
        fitting = [c for c in best if can_coerce((same,) * len(given), c.types, library=library)]
        if len(fitting) == 1:
            return fitting[0]
    return None


def _prefer_fixed(candidates: list[_Candidate]) -> _Candidate | None:
    """A function declared with so many arguments wins over a variadic one of equal types."""
    fixed = [candidate for candidate in candidates if not candidate.is_spread]
    return fixed[0] if len(fixed) == 1 else None


def _matches_or_preferred(declared: SqlType, given: SqlType) -> bool:
    if declared.oid == given.oid:
        return True
    return declared.is_preferred and declared.category == given.category


def _most(candidates: list[_Candidate], count) -> list[_Candidate]:
    counts = [count(candidate) for candidate in candidates]
    most = max(counts)
    return [c for c, number in zip(candidates, counts, strict=True) if number == most]


def _by_category_of_unknowns(candidates: list[_Candidate], unknown: list[int]) -> list[_Candidate]:
    """Let each unknown argument be of the category that the candidates agree on, text first."""
    wanted: dict[int, tuple[str, bool]] = {}
    for index in unknown:
        slot = [candidate.types[index] for candidate in candidates]
        categories = {type_.category for type_ in slot}
        if "S" in categories:
            category = "S"
        elif len(categories) == 1:
            category = categories.pop()
        else:
            return candidates
        has_preferred = any(t.is_preferred for t in slot if t.category == category)
        wanted[index] = (category, has_preferred)
    kept = [
        candidate
        for candidate in candidates
        if all(
            candidate.types[index].category == category
            and (candidate.types[index].is_preferred or not has_preferred)
            for index, (category, has_preferred) in wanted.items()
        )
    ]
    return kept or candidates


def _concrete_types(
    candidate: _Candidate, given: tuple[SqlType, ...], result: SqlType, library: Library
) -> tuple[tuple[SqlType, ...], SqlType]:
    """The types that the arguments become, and the type of the result."""
    needs_solution = is_polymorphic(result) or any(is_polymorphic(t) for t in candidate.types)
    solution = Solution(None, None)
    if needs_solution:
        solution = solve(given, candidate.types, library) or solution
        if solution.element is None and any(is_of_elements(t) for t in candidate.types):
            raise SqlError(
                errors.DATATYPE_MISMATCH,
                "could not determine polymorphic type because input has type unknown",
            )
    arguments = []
    for declared, actual in zip(candidate.types, given, strict=True):
        if declared.oid == ANY.oid or (is_polymorphic(declared) and needs_solution):
            concrete = solution.concrete(declared, actual)
            concrete = actual if concrete.oid == ANY.oid else concrete
            arguments.append(TEXT if concrete.oid == UNKNOWN.oid else concrete)
        elif declared.oid == actual.oid or (declared.oid == RECORD.oid and actual.fields):
            # A row knows its fields, where the declaration does not.
            arguments.append(actual)
        else:
            arguments.append(declared)
    return tuple(arguments), solution.concrete(result, result)


def _concrete_call(
    candidate: _Candidate,
    given: tuple[SqlType, ...],
    library: Library,
    record_type: SqlType | None,
) -> ResolvedCall:
    target = candidate.target
    arguments, result = _concrete_types(candidate, given, target.result_type, library)
    if record_type is not None and result.oid == record_type.oid:
        result = record_type
    if isinstance(target, Aggregate):
        return _concrete_aggregate(target, arguments, result)
    if isinstance(target, WindowFunction):
        return ResolvedCall(target.for_types(arguments, result), arguments, result)
    if candidate.places:
        return _with_named_arguments(target, candidate, arguments, result)
    if candidate.is_spread:
        return ResolvedCall(target.for_variadic_call(arguments, result), arguments, result)
    if target.is_variadic and target.argument_types[-1].oid == ANY.oid:
        return ResolvedCall(target.for_array_call(arguments, result), arguments, result)
    declared = (*arguments, *target.argument_types[len(arguments) :])
    return ResolvedCall(target.for_types(declared, result, len(given)), arguments, result)


def _concrete_aggregate(
    target: Aggregate, arguments: tuple[SqlType, ...], result: SqlType
) -> ResolvedCall:
    direct = len(target.direct_types)
    if target.kind == "h":
        direct = len(arguments) // 2
    concrete = target.for_types(arguments[direct:], result)
    concrete = replace(concrete, direct_types=arguments[:direct])
    return ResolvedCall(concrete, arguments, result)


def _with_named_arguments(
    target: Function, candidate: _Candidate, arguments: tuple[SqlType, ...], result: SqlType
) -> ResolvedCall:
    """Put the arguments in their places, and defaults where none was given."""
    total = len(target.argument_types)
    missing_defaults = (None,) * (total - len(target.defaults)) + target.defaults
    places = candidate.places
    implementation = target.implementation
    if target.needs_types:
        implementation = implementation(target.argument_types, result)
    leading = int(target.needs_context)

    def call(*values: object) -> object:
        ordered = list(missing_defaults)
        for place, value in zip(places, values[leading:], strict=True):
            ordered[place] = value
        return implementation(*values[:leading], *ordered)

    function = replace(
        target,
        argument_types=arguments,
        result_type=result,
        implementation=call,
        needs_types=False,
        defaults=(),
        template="",
    )
    return ResolvedCall(function, arguments, result)


def _type_list(types: Sequence[SqlType], names: tuple[str, ...] = ()) -> str:
    texts = [str(type_) for type_ in types]
    for offset, name in enumerate(names):
        index = len(texts) - len(names) + offset
        texts[index] = f"{name} => {texts[index]}"
    return ", ".join(texts)


def _no_function(
    name: str, given: tuple[SqlType, ...], is_ambiguous: bool, names: tuple[str, ...]
) -> SqlError:
    call = f"{name}({_type_list(given, names)})"
    if is_ambiguous:
        return SqlError(
            errors.AMBIGUOUS_FUNCTION,
            f"function {call} is not unique",
            hint="Could not choose a best candidate function. "
            "You might need to add explicit type casts.",
        )
    return SqlError(
        errors.UNDEFINED_FUNCTION,
        f"function {call} does not exist",
        hint="No function matches the given name and argument types. "
        "You might need to add explicit type casts.",
    )


def resolve_operator(
    name: str, left: SqlType | None, right: SqlType, *, library: Library | None = None
) -> ResolvedOperator:
    """The operator between two types (`left` None: a prefix operator); 42883 or 42725."""
    library = library or builtin_library()
    left, right = None if left is None else left.plain, right.plain
    given = (right,) if left is None else (left, right)
    if not _is_cacheable(given):
        return _find_operator(name, left, right, library)
    key = (name, None if left is None else left.oid, right.oid, "operator")
    found = library.resolved.get(key)
    if found is None:
        found = library.resolved[key] = _find_operator(name, left, right, library)
    return found


def _find_operator(
    name: str, left: SqlType | None, right: SqlType, library: Library
) -> ResolvedOperator:
    overloads = library.operators.get(name, [])
    given = (right,) if left is None else (left, right)
    candidates = [
        _Candidate(operator, operator.function.argument_types)
        for operator in overloads
        if (operator.left is None) == (left is None)
    ]
    chosen = _exact_operator(candidates, given)
    fitting: list[_Candidate] = []
    if chosen is None:
        fitting = [c for c in candidates if can_coerce(given, c.types, library=library)]
        chosen = _select(given, fitting, library)
    if chosen is None:
        raise _no_operator(name, left, right, bool(fitting))
    types, result = _concrete_types(chosen, given, chosen.target.result_type, library)
    function = chosen.target.function.for_types(types, result)
    return ResolvedOperator(
        chosen.target, function, types[0] if left is not None else None, types[-1], result
    )


def _exact_operator(candidates: list[_Candidate], given: tuple[SqlType, ...]) -> _Candidate | None:
    """The operator of just these types; a literal takes the type of the other side."""
    wanted = given
    if len(given) == 2 and UNKNOWN in given and given[0].oid != given[1].oid:
        known = given[0] if given[1].oid == UNKNOWN.oid else given[1]
        wanted = (known, known)
    for candidate in candidates:
        if _equal(candidate.types, wanted):
            return candidate
    return None


def _no_operator(name: str, left: SqlType | None, right: SqlType, is_ambiguous: bool) -> SqlError:
    call = f"{name} {right}" if left is None else f"{left} {name} {right}"
    if is_ambiguous:
        return SqlError(
            errors.AMBIGUOUS_FUNCTION,
            f"operator is not unique: {call}",
            hint="Could not choose a best candidate operator. "
            "You might need to add explicit type casts.",
        )
    return SqlError(
        errors.UNDEFINED_FUNCTION,
        f"operator does not exist: {call}",
        hint="No operator matches the given name and argument type"
        + ("." if left is None else "s.")
        + " You might need to add "
        + ("an explicit type cast." if left is None else "explicit type casts."),
    )

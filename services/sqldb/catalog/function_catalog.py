"""pg_proc, pg_operator, pg_cast and their like: the library of functions as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.sqldb.catalog.definitions import BOOTSTRAP_ROLE_OID, PG_CATALOG_OID, SqlRoutine
from services.sqldb.catalog.privileges import FUNCTION_CLASS
from services.sqldb.catalog.system_catalog import BTREE_OID, acl, define, text_array, vector
from services.sqldb.functions.definition import Aggregate, Function, WindowFunction
from services.sqldb.functions.oids import builtin_oids, signature
from services.sqldb.types import BUILTIN_TYPES
from services.sqldb.values import Array

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

_INTERNAL_LANGUAGE, _SQL_LANGUAGE = 12, 14
_FIRST_OPERATOR_OID, _FIRST_CAST_OID = 14_000, 15_500
_KINDS = {Function: "f", Aggregate: "a", WindowFunction: "w"}


@define(
    "pg_proc",
    "oid oid, proname name, pronamespace oid, proowner oid, prolang oid, procost float4, "
    "prorows float4, provariadic oid, prosupport regproc, prokind char, prosecdef bool, "
    "proleakproof bool, proisstrict bool, proretset bool, provolatile char, proparallel char, "
    "pronargs int2, pronargdefaults int2, prorettype oid, proargtypes oidvector, "
    "proallargtypes _oid, proargmodes _char, proargnames _text, proargdefaults text, "
    "protrftypes _oid, prosrc text, probin text, prosqlbody text, proconfig _text, proacl _aclitem",
    1255,
)
def pg_proc(session: Session) -> Iterator[tuple]:
    for oid, function in _builtin(session):
        types = [type_.oid for type_ in function.argument_types]
        names = getattr(function, "argument_names", ()) or None
        columns = getattr(function, "columns", ())
        all_types = modes = None
        if columns:
            all_types = text_array([*types, *(type_.oid for _, type_ in columns)])
            modes = text_array([*"i" * len(types), *"o" * len(columns)])
            names = (*(names or ("",) * len(types)), *(name for name, _ in columns))
        is_variadic = getattr(function, "is_variadic", False)
        element = function.argument_types[-1].element if is_variadic else None
        yield (
            *(oid, function.name, PG_CATALOG_OID, BOOTSTRAP_ROLE_OID, _INTERNAL_LANGUAGE, 1.0),
            *(1000.0 if getattr(function, "returns_set", False) else 0.0,),
            *((element or function.argument_types[-1]).oid if is_variadic else 0, 0),
            *(_KINDS[type(function)], False, False, getattr(function, "is_strict", False)),
            *(getattr(function, "returns_set", False), getattr(function, "volatility", "i"), "s"),
            *(len(types), len(getattr(function, "defaults", ())), function.result_type.oid),
            *(vector(types), all_types, modes, text_array(list(names)) if names else None, None),
            *(None, function.name, None, None, None, None),
        )
    for routine in session.lookup.view.state.all(SqlRoutine):
        yield _routine_row(routine, acl(session, FUNCTION_CLASS, routine.oid))


def _builtin(session: Session) -> Iterator[tuple[int, Function | Aggregate | WindowFunction]]:
    """All functions with their numbers, those of PostgreSQL where it has them."""
    known = builtin_oids()
    following = 16_000
    for function in session.library.all_callables():
        oid = function.oid if isinstance(function, Function) else 0
        oid = oid or known.get(signature(function), 0)
        if not oid:
            # Functions of the session: there are less than 384 of them.
            oid, following = following, following + 1
        yield oid, function


def _routine_row(one: SqlRoutine, access: Array | None) -> tuple:
    has_outputs = any(argument.mode != "i" for argument in one.arguments)
    names = [argument.name for argument in one.arguments]
    defaults = [argument.default for argument in one.arguments if argument.default is not None]
    return (
        *(one.oid, one.name, one.schema_oid, one.owner, _SQL_LANGUAGE, 100.0),
        *(1000.0 if one.returns_set else 0.0, 0, 0, "p" if one.is_procedure else "f"),
        one.is_security_definer,
        *(False, one.is_strict, one.returns_set, one.volatility, "u", len(one.input_oids)),
        *(len(defaults), one.result_oid, vector(list(one.input_oids))),
        text_array([argument.type_oid for argument in one.arguments]) if has_outputs else None,
        text_array([argument.mode for argument in one.arguments]) if has_outputs else None,
        text_array(names) if any(names) else None,
        *(", ".join(defaults) or None, None, "" if one.is_standard else one.body, None),
        *(one.body if one.is_standard else None, None, access),
    )


@define("pg_aggregate", "aggfnoid regproc, aggkind char, aggnumdirectargs int2, "
        "aggtransfn regproc, aggfinalfn regproc", 2600)  # fmt: skip
def pg_aggregate(session: Session) -> Iterator[tuple]:
    for oid, function in _builtin(session):
        if isinstance(function, Aggregate):
            yield oid, function.kind, len(function.direct_types), 0, 0


@define("pg_operator", "oid oid, oprname name, oprnamespace oid, oprowner oid, oprkind char, "
        "oprcanmerge bool, oprcanhash bool, oprleft oid, oprright oid, oprresult oid, oprcom oid, "
        "oprnegate oid, oprcode regproc, oprrest regproc, oprjoin regproc", 2617)  # fmt: skip
def pg_operator(session: Session) -> Iterator[tuple]:
    every = [one for overloads in session.library.operators.values() for one in overloads]
    for oid, one in enumerate(every, _FIRST_OPERATOR_OID):
        left = 0 if one.left is None else one.left.oid
        yield (
            *(oid, one.name, PG_CATALOG_OID, BOOTSTRAP_ROLE_OID, "b" if left else "l"),
            *(one.is_hashable, one.is_hashable, left, one.right.oid, one.result_type.oid, 0, 0),
            *(0, 0, 0),
        )


@define("pg_cast", "oid oid, castsource oid, casttarget oid, castfunc oid, castcontext char, "
        "castmethod char", 2605)  # fmt: skip
def pg_cast(session: Session) -> Iterator[tuple]:
    for oid, cast in enumerate(session.library.casts.values(), _FIRST_CAST_OID):
        method = "b" if cast.function is None else "f"
        yield oid, cast.source.oid, cast.target.oid, 0, cast.context, method


@define("pg_language", "oid oid, lanname name, lanowner oid, lanispl bool, lanpltrusted bool, "
        "lanplcallfoid oid, laninline oid, lanvalidator oid, lanacl _aclitem", 2612)  # fmt: skip
def pg_language(session: Session) -> Iterator[tuple]:
    yield 12, "internal", BOOTSTRAP_ROLE_OID, False, False, 0, 0, 0, None
    yield 14, "sql", BOOTSTRAP_ROLE_OID, False, True, 0, 0, 0, None


@define("pg_opclass", "oid oid, opcmethod oid, opcname name, opcnamespace oid, opcowner oid, "
        "opcfamily oid, opcintype oid, opcdefault bool, opckeytype oid", 2616)  # fmt: skip
def pg_opclass(session: Session) -> Iterator[tuple]:
    for number, type_ in enumerate(BUILTIN_TYPES.values()):
        if type_.is_comparable and not type_.is_pseudo and not type_.is_array:
            yield (
                *(10_000 + number, BTREE_OID, f"{type_.name}_ops", PG_CATALOG_OID),
                *(BOOTSTRAP_ROLE_OID, 0, type_.oid, True, 0),
            )

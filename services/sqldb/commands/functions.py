"""CREATE FUNCTION … LANGUAGE sql, CREATE PROCEDURE, CALL: functions that are statements.

A function is kept as its text. Calls find it as they find a built-in one (`catalog.routines` makes
a `functions.Function` of it); running it is `commands.function_bodies`.
Left out: other languages (0A000).
# Real: functioncmds.c
"""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.catalog.definitions import RoutineArgument, SqlRoutine
from services.sqldb.catalog.routine_names import routine_text
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.commands.default_privileges import give_defaults
from services.sqldb.commands.function_bodies import check_body
from services.sqldb.commands.row_expressions import expression_text
from services.sqldb.errors import SqlError
from services.sqldb.session.permissions import expect_owner
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import ArgumentMode
from services.sqldb.types import RECORD, VOID, SqlType, format_type

_INVALID_FUNCTION_DEFINITION = "42P13"
_OTHER_LANGUAGES = frozenset({"plpgsql", "c", "internal", "plpython3u", "plperl", "pltcl"})
_OUTPUTS = (ArgumentMode.OUT, ArgumentMode.INOUT, ArgumentMode.TABLE)


def _bad_definition(message: str, position: int = -1) -> SqlError:
    return SqlError(_INVALID_FUNCTION_DEFINITION, message, position=position)


def create_function(session: Session, node: nodes.CreateFunction) -> Result:
    tag = "CREATE PROCEDURE" if node.is_procedure else "CREATE FUNCTION"
    _check_language(node)
    lookup = session.lookup
    *schema_name, name = node.name
    schema = lookup.creation_schema(schema_name[0] if schema_name else None, node.position)
    arguments = tuple(_argument(session, one) for one in (*node.arguments, *node.columns))
    _check_arguments(arguments)
    result = _result_type(session, node, arguments)
    made = SqlRoutine(
        lookup.view.new_oid(),
        schema.oid,
        name,
        arguments,
        result.oid,
        returns_set=bool(node.columns) or (node.result is not None and node.result.is_setof),
        body=node.body or "",
        volatility=node.volatility,
        is_strict=node.is_strict,
        is_procedure=node.is_procedure,
        is_standard=node.is_standard,
        owner=session.role.oid,
        is_security_definer=node.is_security_definer,
    )
    old = lookup.view.state.find("routine", schema.oid, made.key)
    if old is not None:
        expect_owner(session, old, node.name)
        made = _replacing(session, node, old, made)
    # It may call itself; where it is wrong, the statement is undone.
    lookup.view.put(made)
    if old is None:
        give_defaults(session, made)
    if session.settings.flag("check_function_bodies"):
        check_body(session, made)
    return Result(tag)


def _check_language(node: nodes.CreateFunction) -> None:
    language = node.language or ("sql" if node.is_standard else "")
    if not language:
        raise _bad_definition("no language specified")
    if language in _OTHER_LANGUAGES:
        raise errors.not_supported(f"a function in the language {language}", node.position)
    if language != "sql":
        raise SqlError(errors.UNDEFINED_OBJECT, f'language "{language}" does not exist')
    if node.body is None:
        raise _bad_definition("no function body specified")


def _argument(session: Session, written: nodes.FunctionArgument) -> RoutineArgument:
    type_, _ = resolve_type(session.lookup, written.type_name)
    if written.mode is ArgumentMode.VARIADIC and not type_.plain.is_array and not type_.is_pseudo:
        raise _bad_definition("VARIADIC parameter must be an array", written.position)
    default = None if written.default is None else expression_text(session, written.default)
    return RoutineArgument(written.name, type_.oid, written.mode.value, default)


def _check_arguments(arguments: tuple[RoutineArgument, ...]) -> None:
    inputs = [one for one in arguments if one.is_input]
    has_default = False
    for one in inputs:
        if one.default is None and has_default:
            raise _bad_definition("input parameters after one with a default value must also "
                                  "have defaults")  # fmt: skip
        has_default = has_default or one.default is not None
    for group in (inputs, [one for one in arguments if one.is_output]):
        names = [one.name for one in group if one.name]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise _bad_definition(f'parameter name "{name}" used more than once')


def _result_type(
    session: Session, node: nodes.CreateFunction, arguments: tuple[RoutineArgument, ...]
) -> SqlType:
    outputs = [one for one in arguments if one.is_output]
    types = session.lookup.types
    implied = types.by_oid(outputs[0].type_oid) if len(outputs) == 1 else RECORD
    if node.is_procedure:
        return RECORD if outputs else VOID
    if node.result is None:
        if not outputs:
            raise _bad_definition("function result type must be specified")
        return implied
    declared, _ = resolve_type(session.lookup, node.result)
    if outputs and declared.oid != implied.oid:
        message = f"function result type must be {format_type(implied)} because of OUT parameters"
        raise _bad_definition(message)
    return declared


def _replacing(
    session: Session, node: nodes.CreateFunction, old: SqlRoutine, made: SqlRoutine
) -> SqlRoutine:
    """The new definition in the place of the one with the same arguments."""
    from dataclasses import replace

    if not node.or_replace:
        message = f'function "{made.name}" already exists with same argument types'
        raise SqlError(errors.DUPLICATE_FUNCTION, message)
    if old.is_procedure != made.is_procedure:
        kind = "procedure" if old.is_procedure else "function"
        detail = f'"{old.name}" is a {kind}.'
        message = "cannot change routine kind"
        raise SqlError(errors.WRONG_OBJECT_TYPE, message, detail=detail)
    if (old.result_oid, old.returns_set) != (made.result_oid, made.returns_set):
        kind = "procedure" if old.is_procedure else "function"
        raise SqlError(
            _INVALID_FUNCTION_DEFINITION,
            "cannot change return type of existing function"
            if kind == "function"
            else "cannot change whether a procedure has output parameters",
            hint=f"Use DROP {kind.upper()} {routine_text(session, old)} first.",
        )
    return replace(made, oid=old.oid)


def call_procedure(session: Session, node: nodes.CallProcedure) -> Result:
    """CALL runs it as a SELECT would; what it gives out is a row."""
    from services.sqldb.session.prepared import prepare

    name = node.call.name[-1]
    known = [one for one in session.lookup.view.state.all(SqlRoutine) if one.name == name]
    if known and not any(one.is_procedure for one in known):
        hint = "To call a function, use SELECT."
        message = f"{routine_text(session, known[0])} is not a procedure"
        place = node.call.position
        raise SqlError(errors.WRONG_OBJECT_TYPE, message, hint=hint, position=place)
    query = nodes.Query(nodes.Select(targets=(nodes.Target(node.call),)))
    parsed = nodes.ParsedStatement(query, 0, len(session.query))
    try:
        statement = prepare(session, "", session.query, parsed, ())
    except SqlError as error:
        error.message = error.message.replace("function ", "procedure ", 1)
        raise
    list(statement.run(session, ()).rows)
    return Result("CALL")

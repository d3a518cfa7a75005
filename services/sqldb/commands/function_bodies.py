"""Running a function of SQL: its statements one after the other, the last one gives the result.

Arguments are the parameters $1, $2 … of each statement; a name that no column has may be one of
them as well. What a volatile function has changed its next statement sees; a stable one looks
through the snapshot of the statement that calls it. # Real: fmgr_sql() in functions.c
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from services.sqldb import errors
from services.sqldb.catalog.definitions import SqlRoutine
from services.sqldb.errors import SqlError
from services.sqldb.functions import ASSIGNMENT, find_cast, typmod_function
from services.sqldb.session.permissions import run_as
from services.sqldb.session.prepared import PreparedStatement
from services.sqldb.syntax import nodes, parse
from services.sqldb.types import RECORD, VOID, SqlType, format_type
from services.sqldb.values import FieldedRow, Row

if TYPE_CHECKING:
    from services.sqldb.session.session import Session

_INVALID_FUNCTION_DEFINITION = "42P13"
Fields = tuple[tuple[str, SqlType, int], ...]
Converter = Callable[[Any, Any], Any]


class FunctionBody:
    """The statements of a function for certain argument types, prepared when first called."""

    def __init__(
        self, routine: SqlRoutine, types: tuple[SqlType, ...], result: SqlType, columns: Fields
    ):
        self._routine = routine
        self._types = types
        self._result = result
        # Of a result that is a row: its fields.
        self._fields = columns or result.plain.fields or ()
        self._statements: list[PreparedStatement] = []

    def rows(self, session: Session, values: tuple) -> list[Any]:
        """All results. Raises SqlError."""
        outcome: list[Any] = []
        for statement in self._prepared(session, values):
            if self._routine.volatility == "v":
                session.expect_transaction().next_command()
            with _Parameters(session, self._routine):
                statement.refresh(session)
            result = statement.run(session, values)
            outcome = list(result.rows or ())
            has_columns = statement.columns is not None
        if not self._statements or self._result.oid == VOID.oid:
            return [None]
        if not has_columns:
            return []
        convert = self._converter(session, self._statements[-1])
        return [convert(session, row) for row in outcome]

    def _prepared(self, session: Session, values: tuple) -> Iterator[PreparedStatement]:
        if self._statements:
            yield from self._statements
            return
        for parsed in parse(self._routine.body):
            statement = PreparedStatement("", self._routine.body, parsed, self._types)
            yield statement
            self._statements.append(statement)

    def check(self, session: Session) -> None:
        """Bind all of it, as CREATE FUNCTION does. Raises SqlError."""
        statements = parse(self._routine.body)
        last = None
        for parsed in statements:
            last = PreparedStatement("", self._routine.body, parsed, self._types)
            with _Parameters(session, self._routine):
                last.refresh(session)
        if self._result.oid == VOID.oid or self._routine.is_procedure:
            return
        if last is None or last.columns is None:
            raise self._mismatch(
                "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING."
            )
        self._converter(session, last)

    def _mismatch(self, detail: str) -> SqlError:
        message = f"return type mismatch in function declared to return {self._shown_result}"
        return SqlError(_INVALID_FUNCTION_DEFINITION, message, detail=detail)

    @property
    def _shown_result(self) -> str:
        return format_type(self._result)

    def _converter(self, session: Session, statement: PreparedStatement) -> Converter:
        """A function from a row of the last statement to a result."""
        found = [column.type for column in statement.columns]
        if not self._fields:
            if self._result.oid == RECORD.oid:
                own = tuple((one.name, one.type, -1) for one in statement.columns)
                return lambda context, row: with_fields(row, own)
            if len(found) != 1:
                raise self._mismatch("Final statement must return exactly one column.")
            only = self._conversion(session, found[0], self._result, 0)
            return lambda context, row: only(context, row[0])
        if len(found) == 1 and found[0].plain.oid == self._result.plain.oid != RECORD.oid:
            return lambda context, row: row[0]
        if len(found) != len(self._fields):
            which = "few" if len(found) < len(self._fields) else "many"
            raise self._mismatch(f"Final statement returns too {which} columns.")
        steps = [
            self._conversion(session, source, target, number)
            for number, (source, (_, target, _)) in enumerate(
                zip(found, self._fields, strict=True), 1
            )
        ]
        return lambda context, row: Row(
            step(context, value) for step, value in zip(steps, row, strict=True)
        )

    def _conversion(
        self, session: Session, source: SqlType, target: SqlType, number: int
    ) -> Converter:
        if source.oid == target.oid == RECORD.oid and source.fields:
            own = source.fields
            return lambda context, value: None if value is None else with_fields(value, own)
        if source.oid == target.oid or target.is_pseudo:
            return lambda context, value: value
        cast = find_cast(source, target, ASSIGNMENT, session.library)
        if cast is None:
            shown = format_type(source)
            if number:
                raise self._mismatch(
                    f"Final statement returns {shown} instead of {format_type(target)} "
                    f"at column {number}."
                )
            raise self._mismatch(f"Actual return type is {shown}.")
        function = cast.function
        if function is None:
            return lambda context, value: value

        def convert(context: Any, value: Any) -> Any:
            if value is None and function.is_strict:
                return None
            given = (context, value) if function.needs_context else (value,)
            return function.implementation(*given)

        return convert


def with_fields(row: tuple, fields: Fields) -> FieldedRow:
    """A record that says of itself what it consists of; so do those inside of it."""
    return FieldedRow(
        (
            with_fields(value, type_.fields)
            if isinstance(value, Row) and type_.oid == RECORD.oid and type_.fields
            else value
            for value, (_, type_, _) in zip(row, fields, strict=True)
        ),
        fields,
    )


class _Parameters:
    """While the body is bound, the names of the arguments are known."""

    def __init__(self, session: Session, routine: SqlRoutine):
        self._session = session
        self._names = {name: number for number, name in enumerate(routine.input_names, 1) if name}
        self._routine = routine.name

    def __enter__(self) -> None:
        self._before = self._session.function_parameters
        self._session.function_parameters = (self._routine, self._names)

    def __exit__(self, *_: object) -> None:
        self._session.function_parameters = self._before


def check_body(session: Session, routine: SqlRoutine) -> None:
    """Raises SqlError where a statement cannot be bound, or does not give the result."""
    lookup = session.lookup
    types = tuple(lookup.types.by_oid(oid) for oid in routine.input_oids)
    if any(type_.is_polymorphic for type_ in types):
        parse(routine.body)
        return
    if any(not isinstance(one.statement, _BINDABLE) for one in parse(routine.body)):
        return
    from services.sqldb.catalog.routines import columns_of

    result = lookup.types.by_oid(routine.result_oid)
    body = FunctionBody(routine, types, result, columns_of(lookup, routine))
    try:
        body.check(session)
    except SqlError as error:
        if error.sqlstate == _INVALID_FUNCTION_DEFINITION:
            error.context = f'SQL function "{routine.name}"'
        error.position = -1
        raise


_BINDABLE = (nodes.Query, nodes.Insert, nodes.Update, nodes.Delete, nodes.Merge)


def implementation_of(
    routine: SqlRoutine,
    types: tuple[SqlType, ...],
    result: SqlType,
    columns: Fields,
    defaults: tuple[Callable[[Any], Any] | None, ...],
) -> Callable[..., Any]:
    """The function behind a call: of the session and the arguments."""
    body = FunctionBody(routine, types, result, columns)

    def run(session: Session, given: tuple) -> list[Any]:
        values = tuple(value(session) if isinstance(value, Default) else value for value in given)
        if routine.is_strict and None in values:
            return []
        try:
            if routine.is_security_definer:
                return run_as(session, routine.owner, lambda: body.rows(session, values))
            return body.rows(session, values)
        except RecursionError:
            raise SqlError(errors.STATEMENT_TOO_COMPLEX, "stack depth limit exceeded") from None
        except SqlError as error:
            error.position = -1
            raise

    if routine.returns_set:
        return lambda session, *given: iter(run(session, given))

    def first(session: Session, *given: Any) -> Any:
        found = run(session, given)
        return found[0] if found else None

    return first


class Default:
    """A default of an argument: an expression, computed for each call that needs it."""

    __slots__ = ("_compute", "_text", "_type")

    def __init__(self, text: str, type_: SqlType):
        self._text = text
        self._type = type_
        self._compute = None

    def __call__(self, session: Session) -> Any:
        from services.sqldb.session.planning import constant_value
        from services.sqldb.syntax.parser import parse_expression

        value = constant_value(session, parse_expression(self._text), self._type)
        shape = typmod_function(self._type, -1, False)
        return value if shape is None else shape.implementation(value)

"""PREPARE, EXECUTE and DEALLOCATE: prepared statements from SQL."""

from __future__ import annotations

from services.sqldb import errors
from services.sqldb.catalog.type_names import resolve_type
from services.sqldb.errors import SqlError
from services.sqldb.session.planning import constant_value
from services.sqldb.session.prepared import PreparedStatement, prepare
from services.sqldb.session.results import Result
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes


def prepare_statement(session: Session, node: nodes.Prepare) -> Result:
    if node.name in session.prepared:
        message = f'prepared statement "{node.name}" already exists'
        raise SqlError(errors.DUPLICATE_PREPARED_STATEMENT, message)
    oids = tuple(resolve_type(session.lookup, written)[0].oid for written in node.types)
    parsed = nodes.ParsedStatement(node.statement, 0, 0)
    statement = prepare(session, node.name, session.query, parsed, oids)
    statement.is_from_sql = True
    session.prepared[node.name] = statement
    return Result("PREPARE")


def execute(session: Session, node: nodes.Execute) -> Result:
    statement, values = statement_and_values(session, node)
    return statement.run(session, values)


def statement_and_values(session: Session, node: nodes.Execute) -> tuple[PreparedStatement, tuple]:
    """What EXECUTE runs, and with which parameters. Raises SqlError."""
    statement = expect_prepared(session, node.name)
    types = statement.parameter_types
    if len(types) != len(node.arguments):
        raise SqlError(
            errors.SYNTAX_ERROR,
            f'wrong number of parameters for prepared statement "{node.name}"',
            detail=f"Expected {len(types)} parameters but got {len(node.arguments)}.",
        )
    values = tuple(
        constant_value(session, argument, type_)
        for argument, type_ in zip(node.arguments, types, strict=True)
    )
    statement.refresh(session)
    return statement, values


def expect_prepared(session: Session, name: str) -> PreparedStatement:
    found = session.prepared.get(name)
    if found is None:
        message = f'prepared statement "{name}" does not exist'
        raise SqlError(errors.INVALID_SQL_STATEMENT_NAME, message)
    return found


def deallocate(session: Session, node: nodes.Deallocate) -> Result:
    if node.name is None:
        session.prepared.clear()
        return Result("DEALLOCATE ALL")
    expect_prepared(session, node.name)
    del session.prepared[node.name]
    return Result("DEALLOCATE")

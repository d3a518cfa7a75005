"""CREATE VIEW, CREATE TABLE … AS, and TRUNCATE."""

from __future__ import annotations

from dataclasses import replace

from services.sqldb import errors
from services.sqldb.binder import normal_form
from services.sqldb.binder.updatable_views import why_not_updatable
from services.sqldb.catalog.definitions import Column, ConstraintKind, Sequence, Table, TableKind
from services.sqldb.commands.create_table import ON_COMMIT, make_table, put_columns
from services.sqldb.commands.prepared import statement_and_values
from services.sqldb.errors import SqlError
from services.sqldb.session.prepared import PreparedStatement, prepare
from services.sqldb.session.results import Result, ResultColumn
from services.sqldb.session.session import Session
from services.sqldb.syntax import nodes
from services.sqldb.syntax.deparse import deparse_query
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.types import TEXT, UNKNOWN, SqlType, format_type


def create_view(session: Session, node: nodes.CreateView) -> Result:
    statement = _prepared(session, node.query)
    names = _names(statement, node.columns, "CREATE VIEW")
    columns = _columns(names, statement)
    reads = tuple(oid for oid, _ in statement.bound.table_locks)
    if node.check_option is not nodes.CheckOption.NONE:
        problem = why_not_updatable(node.query)
        if problem:
            message = "WITH CHECK OPTION is supported only on automatically updatable views"
            raise SqlError(errors.FEATURE_NOT_SUPPORTED, message, hint=problem)
    is_temporary = node.is_temporary or _reads_temporary(session, reads)
    schema = session.creation_schema(node.relation, is_temporary=is_temporary)
    # As it was meant today: with the schemas of its tables, and its stars written out.
    text = deparse_query(normal_form(session, session.lookup, node.query))
    old = session.lookup.view.state.find("relation", schema.oid, node.relation.name)
    if old is not None and node.or_replace:
        old = replace(old, options=_options(session, node)) if _is_view(old) else old
        _replace_view(session, old, columns, text, reads)
        return Result("CREATE VIEW")
    session.refuse_taken_name(schema, node.relation.name)
    make_table(
        session,
        schema,
        node.relation.name,
        columns,
        is_temporary=is_temporary,
        kind=TableKind.VIEW,
        definition=text,
        references=reads,
        options=_options(session, node),
    )
    return Result("CREATE VIEW")


def _is_view(found: object) -> bool:
    return isinstance(found, Table) and found.kind is TableKind.VIEW


def _options(session: Session, node: nodes.CreateView) -> tuple[str, ...]:
    """WITH CHECK OPTION is kept as an option of the view, as PostgreSQL does."""
    written = tuple(f"{one.name}={_option_text(one.value)}" for one in node.options)
    if node.check_option is nodes.CheckOption.NONE:
        return written
    return (*written, f"check_option={node.check_option.value.lower()}")


def _option_text(value: object) -> str:
    return "true" if value is None else str(value).lower() if value in (True, False) else str(value)


def _stored_type(column: ResultColumn) -> SqlType:
    return TEXT if column.type == UNKNOWN else column.type


def _reads_temporary(session: Session, oids: tuple[int, ...]) -> bool:
    found = (session.lookup.view.state.get(oid) for oid in oids)
    return any(isinstance(one, Table) and one.is_temporary for one in found)


def _prepared(session: Session, query: nodes.Query) -> PreparedStatement:
    parsed = nodes.ParsedStatement(query, 0, len(session.query))
    return prepare(session, "", session.query, parsed, ())


def _columns(names: list[str], statement: PreparedStatement) -> tuple[Column, ...]:
    """Raises SqlError 42P16 for a value that no column can hold."""
    made = []
    for name, one in zip(names, statement.columns, strict=True):
        stored = _stored_type(one)
        element = stored.element if stored.is_array else stored
        if element is not None and element.is_pseudo:
            shown = f'column "{name}" has pseudo-type {format_type(stored)}'
            raise SqlError(errors.INVALID_TABLE_DEFINITION, shown)
        made.append(Column(name, stored.oid, one.typmod))
    return tuple(made)


def _names(statement: PreparedStatement, given: tuple[str, ...], what: str) -> list[str]:
    own = [column.name for column in statement.columns]
    if len(given) > len(own):
        message = f"{what} specifies more column names than columns"
        raise SqlError(errors.SYNTAX_ERROR, message)
    names = [*given, *own[len(given) :]]
    for index, name in enumerate(names):
        if name in names[:index]:
            message = f'column "{name}" specified more than once'
            raise SqlError(errors.DUPLICATE_COLUMN, message)
    return names


def _replace_view(
    session: Session,
    old: object,
    columns: tuple[Column, ...],
    text: str,
    reads: tuple[int, ...],
) -> None:
    if not isinstance(old, Table) or old.kind is not TableKind.VIEW:
        raise SqlError(errors.WRONG_OBJECT_TYPE, f'"{old.name}" is not a view')
    if len(columns) < len(old.columns):
        raise SqlError(errors.INVALID_TABLE_DEFINITION, "cannot drop columns from view")
    for before, after in zip(old.columns, columns, strict=False):
        if before.name != after.name:
            raise SqlError(
                errors.INVALID_TABLE_DEFINITION,
                f'cannot change name of view column "{before.name}" to "{after.name}"',
                hint="Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.",
            )
        if before.type_oid != after.type_oid:
            message = f'cannot change data type of view column "{before.name}"'
            raise SqlError(errors.INVALID_TABLE_DEFINITION, message)
    session.expect_transaction().lock_table(old.oid, LockMode.ACCESS_EXCLUSIVE)
    put_columns(session, replace(old, definition=text, references=reads), columns)


def create_table_as(session: Session, node: nodes.CreateTableAs) -> Result:
    if node.is_materialized_view:
        raise errors.not_supported("CREATE MATERIALIZED VIEW", node.position)
    is_temporary = node.persistence is nodes.Persistence.TEMPORARY
    schema = session.creation_schema(node.relation, is_temporary=is_temporary)
    if session.refuse_taken_name(schema, node.relation.name, if_not_exists=node.if_not_exists):
        return Result("CREATE TABLE AS")
    values: tuple = ()
    if isinstance(node.query, nodes.Execute):
        statement, values = statement_and_values(session, node.query)
        if statement.columns is None:
            raise SqlError(errors.WRONG_OBJECT_TYPE, "prepared statement is not a SELECT")
    else:
        statement = _prepared(session, node.query)
    names = _names(statement, node.columns, "CREATE TABLE AS")
    columns = _columns(names, statement)
    table = make_table(
        session,
        schema,
        node.relation.name,
        columns,
        is_temporary=is_temporary,
        on_commit=ON_COMMIT[node.on_commit],
    )
    if not node.with_data:
        return Result("CREATE TABLE AS")
    heap = session.engine.storage.heap(table.storage_oid)
    transaction = session.expect_transaction()
    count = 0
    for row in statement.run(session, values).rows:
        heap.insert(transaction, row)
        count += 1
    return Result(f"SELECT {count}")


def truncate(session: Session, node: nodes.Truncate) -> Result:
    lookup = session.lookup
    tables: dict[int, Table] = {}
    for reference in node.relations:
        written = reference.relation
        table = lookup.expect_table(written.schema, written.name)
        if table.kind is not TableKind.TABLE:
            raise SqlError(errors.WRONG_OBJECT_TYPE, f'"{table.name}" is not a table')
        tables[table.oid] = table
    _follow_references(session, tables, cascade=node.cascade)
    transaction = session.expect_transaction()
    for table in tables.values():
        transaction.lock_table(table.oid, LockMode.ACCESS_EXCLUSIVE)
        session.engine.storage.heap(table.storage_oid).truncate(transaction)
        if node.restart_identity:
            for sequence in lookup.view.state.parts(table.oid, Sequence):
                state = session.engine.storage.sequence(sequence.oid)
                state.restart(transaction, sequence.start)
    return Result("TRUNCATE TABLE")


def _follow_references(session: Session, tables: dict[int, Table], *, cascade: bool) -> None:
    """Tables that reference these must be truncated with them, or not exist."""
    queue = list(tables.values())
    while queue:
        table = queue.pop()
        for constraint in session.lookup.references_to(table):
            other = session.lookup.view.state.get(constraint.table_oid)
            if constraint.kind is not ConstraintKind.FOREIGN_KEY or other.oid in tables:
                continue
            if not cascade:
                raise SqlError(
                    errors.FEATURE_NOT_SUPPORTED,
                    "cannot truncate a table referenced in a foreign key constraint",
                    detail=f'Table "{other.name}" references "{table.name}".',
                    hint=f'Truncate table "{other.name}" at the same time, or use '
                    "TRUNCATE ... CASCADE.",
                )
            session.notice(f'truncate cascades to table "{other.name}"')
            tables[other.oid] = other
            queue.append(other)

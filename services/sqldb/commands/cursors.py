"""DECLARE, FETCH, MOVE and CLOSE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.session.portals import Portal
from services.sqldb.session.prepared import PreparedStatement, prepare
from services.sqldb.session.results import Result
from services.sqldb.session.session import BlockState, Session
from services.sqldb.syntax import nodes


def declare_cursor(session: Session, node: nodes.DeclareCursor) -> Result:
    return declare_with(session, node, (), ())


def declare_with(
    session: Session, node: nodes.DeclareCursor, types: tuple[int, ...], values: tuple
) -> Result:
    """`values`: the parameters, which a function of SQL has. Raises SqlError."""
    if not node.is_held and session.block is not BlockState.BLOCK:
        message = "DECLARE CURSOR can only be used in transaction blocks"
        raise SqlError(errors.NO_ACTIVE_SQL_TRANSACTION, message)
    if node.name in session.portals:
        message = f'cursor "{node.name}" already exists'
        raise SqlError(errors.DUPLICATE_CURSOR, message)
    statement, tables = _prepared(session, node.query, types)
    portal = Portal(
        statement,
        node.name,
        session.query,
        lambda portal: _started(session, portal, tables, values),
        statement.row_format(session, (1 if node.is_binary else 0,)),
        is_scrollable=node.is_scroll is not False,
        is_held=node.is_held,
        is_cursor=True,
    )
    # What it will see is what is there now, not when it is first read.
    portal.result()
    session.portals[node.name] = portal
    return Result("DECLARE CURSOR")


def _prepared(
    session: Session, query: nodes.Query, types: tuple[int, ...]
) -> tuple[PreparedStatement, list[int]]:
    """The query, with a column more for each table: the ctid of its row, for CURRENT OF.

    The oids of these tables come with it. A query whose rows are no rows of tables (of groups, for
    example) is prepared as it is.
    """
    body = query.body
    if isinstance(body, nodes.Select) and body.distinct is None and not body.group_by:
        tables = [
            one for item in body.from_items for one in _tables_in(item) if not one.relation.catalog
        ]
        oids = [
            getattr(session.lookup.table(one.relation.schema, one.relation.name), "oid", 0)
            for one in tables
        ]
        more = tuple(
            nodes.Target(nodes.ColumnReference(((one.alias or one.relation).name, "ctid")), None)
            for one in tables
        )
        wider = replace(query, body=replace(body, targets=(*body.targets, *more)))
        if tables and all(oids):
            try:
                parsed = nodes.ParsedStatement(wider, 0, 0)
                statement = prepare(session, "", session.query, parsed, types)
            except SqlError:
                pass  # A view, an aggregate: then without.
            else:
                statement.columns = statement.columns[: -len(tables)]
                return statement, oids
    parsed = nodes.ParsedStatement(query, 0, 0)
    return prepare(session, "", session.query, parsed, types), []


def _tables_in(item: object) -> Iterator[nodes.TableReference]:
    if isinstance(item, nodes.TableReference):
        yield item
    elif isinstance(item, nodes.Join):
        yield from _tables_in(item.left)
        yield from _tables_in(item.right)


def _started(session: Session, portal: Portal, tables: list[int], values: tuple) -> Result:
    result = portal.statement.run(session, values, is_cursor=True)
    if tables:
        portal.places = []
        result.columns = portal.statement.columns
        result.rows = _noting(portal, tables, result.rows)
    return result


def _noting(portal: Portal, tables: list[int], rows: Iterator[tuple]) -> Iterator[tuple]:
    """The rows as the client sees them; where they lie goes into `portal.places`."""
    places = portal.places
    width = len(tables)
    try:
        for row in rows:
            if not portal.is_scrollable:
                places.clear()
            places.append(dict(zip(tables, row[-width:], strict=True)))
            yield row[:-width]
    finally:
        close = getattr(rows, "close", None)
        if close is not None:
            close()


def _cursor(session: Session, name: str) -> Portal:
    portal = session.portals.get(name)
    if portal is None:
        raise SqlError(errors.INVALID_CURSOR_NAME, f'cursor "{name}" does not exist')
    return portal


def fetch(session: Session, node: nodes.Fetch) -> Result:
    portal = _cursor(session, node.cursor)
    rows = _rows(portal, node)
    if node.is_move:
        return Result(f"MOVE {sum(1 for _ in rows)}")
    return Result("FETCH", portal.result().columns, rows, counts_rows=True)


def _rows(portal: Portal, node: nodes.Fetch) -> Iterator[tuple]:
    count = node.count
    match node.direction:
        case nodes.FetchDirection.ABSOLUTE:
            return portal.fetch_absolute(count)
        case nodes.FetchDirection.RELATIVE:
            return portal.fetch_relative(count)
        case nodes.FetchDirection.FORWARD if count is not None and count < 0:
            return portal.fetch_backward(-count)
        case nodes.FetchDirection.BACKWARD if count is not None and count < 0:
            return portal.fetch(-count)
        case nodes.FetchDirection.FORWARD | nodes.FetchDirection.BACKWARD if count == 0:
            return portal.fetch_relative(0)
        case nodes.FetchDirection.BACKWARD:
            return portal.fetch_backward(count)
    return portal.fetch(count)


def close_cursor(session: Session, node: nodes.CloseCursor) -> Result:
    if node.name is None:
        for name, portal in list(session.portals.items()):
            if portal.is_cursor:
                portal.close()
                del session.portals[name]
        return Result("CLOSE CURSOR ALL")
    _cursor(session, node.name).close()
    del session.portals[node.name]
    return Result("CLOSE CURSOR")

"""DECLARE, FETCH, MOVE and CLOSE."""

from __future__ import annotations

from collections.abc import Iterator

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.session.portals import Portal
from services.sqldb.session.prepared import PreparedStatement, prepare
from services.sqldb.session.results import Result
from services.sqldb.session.session import BlockState, Session
from services.sqldb.syntax import nodes


def declare_cursor(session: Session, node: nodes.DeclareCursor) -> Result:
    if not node.is_held and session.block is not BlockState.BLOCK:
        message = "DECLARE CURSOR can only be used in transaction blocks"
        raise SqlError(errors.NO_ACTIVE_SQL_TRANSACTION, message)
    if node.name in session.portals:
        message = f'cursor "{node.name}" already exists'
        raise SqlError(errors.DUPLICATE_CURSOR, message)
    parsed = nodes.ParsedStatement(node.query, 0, 0)
    statement: PreparedStatement = prepare(session, "", session.query, parsed, ())
    portal = Portal(
        statement,
        node.name,
        session.query,
        lambda portal: statement.run(session, (), is_cursor=True),
        statement.row_format(session, (1 if node.is_binary else 0,)),
        is_scrollable=node.is_scroll is not False,
        is_held=node.is_held,
        is_cursor=True,
    )
    # What it will see is what is there now, not when it is first read.
    portal.result()
    session.portals[node.name] = portal
    return Result("DECLARE CURSOR")


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

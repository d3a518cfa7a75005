"""WHERE CURRENT OF cursor: the row that the cursor has given last, by the place where it lies.

    UPDATE t SET a = 1 WHERE CURRENT OF c       is     … WHERE t.ctid = (the cursor's current row)

The cursor is asked when the statement runs, since it may be prepared before it is opened.
# Real: execCurrentOf()
"""

from __future__ import annotations

from services.sqldb.binder.statement import Statement
from services.sqldb.errors import INVALID_CURSOR_NAME, INVALID_CURSOR_STATE, SqlError
from services.sqldb.functions import Function, resolve_operator
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as plan
from services.sqldb.types import BOOL, TID
from services.sqldb.types.context import SessionContext


def current_of(statement: Statement, scan: plan.Scan, cursor: str) -> ex.Expression:
    """The condition that a row of the scanned table is the one that the cursor stands on."""
    table = scan.table

    def place(session: SessionContext) -> tuple:
        portal = session.portals.get(cursor)
        if portal is None:
            message = f'cursor "{cursor}" does not exist'
            raise SqlError(INVALID_CURSOR_NAME, message)
        found = portal.current_place(table.oid)
        if found is None:
            message = f'cursor "{cursor}" is not a simply updatable scan of table "{table.name}"'
            raise SqlError(INVALID_CURSOR_STATE, message)
        return found

    asked = Function("current_of", (), TID, place, volatility="s", needs_context=True)
    equal = resolve_operator("=", TID, TID, library=statement.library).function
    row = ex.SystemColumn(TID, scan.relation, "ctid")
    return ex.Call(BOOL, equal, (row, ex.Call(TID, asked, (), spelling="current_of")), spelling="=")

"""The grammar of ORDER BY and of windows: PARTITION BY, ORDER BY, frames."""

from services.sqldb.errors import WINDOWING_ERROR, SqlError
from services.sqldb.syntax import parse_expressions as expressions
from services.sqldb.syntax.cursor import Cursor
from services.sqldb.syntax.keywords import COLUMN_NAMES
from services.sqldb.syntax.nodes import (
    BoundKind,
    Expression,
    Frame,
    FrameBound,
    FrameExclusion,
    FrameMode,
    NullsOrder,
    SortDirection,
    SortItem,
    WindowDefinition,
)

_MODES = {"rows": FrameMode.ROWS, "range": FrameMode.RANGE, "groups": FrameMode.GROUPS}
_EXCLUSIONS = {"group": FrameExclusion.GROUP, "ties": FrameExclusion.TIES}


def sort_clause(cursor: Cursor) -> tuple[SortItem, ...]:
    """ORDER BY …, if it is there."""
    if cursor.kind != "order":
        return ()
    cursor.expect("order", "by")
    return cursor.list_of(_sort_item)


def _sort_item(cursor: Cursor) -> SortItem:
    position = cursor.position
    expression = expressions.expression(cursor)
    using: tuple[str, ...] = ()
    if cursor.accept("using"):
        using = _using_operator(cursor)
        direction = SortDirection.USING
    else:
        direction = sort_direction(cursor)
    return SortItem(expression, direction, nulls_order(cursor), using, position)


def _using_operator(cursor: Cursor) -> tuple[str, ...]:
    return expressions.operator_name(cursor)


def sort_direction(cursor: Cursor) -> SortDirection:
    if cursor.accept("asc"):
        return SortDirection.ASCENDING
    if cursor.accept("desc"):
        return SortDirection.DESCENDING
    return SortDirection.DEFAULT


def nulls_order(cursor: Cursor) -> NullsOrder:
    if cursor.accept_words("nulls", "first"):
        return NullsOrder.FIRST
    if cursor.accept_words("nulls", "last"):
        return NullsOrder.LAST
    return NullsOrder.DEFAULT


def window_clause(cursor: Cursor) -> tuple[WindowDefinition, ...]:
    """WINDOW a AS (…), b AS (…), if it is there."""
    if not cursor.accept("window"):
        return ()
    return cursor.list_of(_named_window)


def _named_window(cursor: Cursor) -> WindowDefinition:
    name = cursor.column_name()
    cursor.expect("as")
    return specification(cursor, name)


def specification(cursor: Cursor, name: str | None) -> WindowDefinition:
    """(base PARTITION BY … ORDER BY … frame)"""
    position = cursor.position
    cursor.expect("(")
    base = None
    if cursor.kind in COLUMN_NAMES and cursor.kind not in _MODES and cursor.kind != "partition":
        base = cursor.take()
    partition_by: tuple[Expression, ...] = ()
    if cursor.accept("partition"):
        cursor.expect("by")
        partition_by = cursor.list_of(expressions.expression)
    order_by = sort_clause(cursor)
    frame = _frame(cursor) if cursor.kind in _MODES else None
    cursor.expect(")")
    return WindowDefinition(name, base, partition_by, order_by, frame, position)


def _frame(cursor: Cursor) -> Frame:
    position = cursor.position
    mode = _MODES[cursor.take()]
    is_between = cursor.accept("between")
    start_position = cursor.position
    start = _bound(cursor)
    if is_between:
        cursor.expect("and")
        end_position = cursor.position
        end = _bound(cursor)
    else:
        end_position = start_position
        end = FrameBound(BoundKind.CURRENT_ROW)
    _check_bounds(start, end, start_position, end_position)
    return Frame(mode, start, end, _exclusion(cursor), is_between, position)


def _bound(cursor: Cursor) -> FrameBound:
    if cursor.kind == "unbounded" and cursor.peek() in ("preceding", "following"):
        cursor.advance()
        if cursor.take() == "preceding":
            return FrameBound(BoundKind.UNBOUNDED_PRECEDING)
        return FrameBound(BoundKind.UNBOUNDED_FOLLOWING)
    if cursor.accept_words("current", "row"):
        return FrameBound(BoundKind.CURRENT_ROW)
    offset = expressions.expression(cursor)
    if cursor.expect_one_of(("preceding", "following")) == "preceding":
        return FrameBound(BoundKind.PRECEDING, offset)
    return FrameBound(BoundKind.FOLLOWING, offset)


def _check_bounds(
    start: FrameBound, end: FrameBound, start_position: int, end_position: int
) -> None:
    """A frame must not end before it begins, as far as the words tell."""
    message, position = "", start_position
    if start.kind is BoundKind.UNBOUNDED_FOLLOWING:
        message = "frame start cannot be UNBOUNDED FOLLOWING"
    elif end.kind is BoundKind.UNBOUNDED_PRECEDING:
        message, position = "frame end cannot be UNBOUNDED PRECEDING", end_position
    elif start.kind is BoundKind.CURRENT_ROW and end.kind is BoundKind.PRECEDING:
        message = "frame starting from current row cannot have preceding rows"
        position = end_position
    elif start.kind is BoundKind.FOLLOWING and end.kind is BoundKind.PRECEDING:
        message = "frame starting from following row cannot have preceding rows"
        position = end_position
    elif start.kind is BoundKind.FOLLOWING and end.kind is BoundKind.CURRENT_ROW:
        message = "frame starting from following row cannot end with current row"
        position = end_position
    if message:
        raise SqlError(WINDOWING_ERROR, message, position=position)


def _exclusion(cursor: Cursor) -> FrameExclusion:
    if not cursor.accept("exclude"):
        return FrameExclusion.NO_OTHERS
    if cursor.accept("no"):
        cursor.expect("others")
        return FrameExclusion.NO_OTHERS
    if cursor.accept("current"):
        cursor.expect("row")
        return FrameExclusion.CURRENT_ROW
    return _EXCLUSIONS[cursor.expect_one_of(("group", "ties"))]

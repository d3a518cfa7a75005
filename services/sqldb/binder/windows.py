"""ORDER BY items and window definitions: PARTITION BY, ORDER BY, frames.

# Real: transformWindowDefinitions(), transformFrameOffset(), addTargetToSortList()
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.sqldb.binder import expressions
from services.sqldb.binder.clauses import Clause
from services.sqldb.binder.conversion import as_type, resolve_unknown
from services.sqldb.binder.positions import leftmost
from services.sqldb.binder.range_frames import range_bound
from services.sqldb.binder.scope import Scope
from services.sqldb.binder.trees import columns_in
from services.sqldb.errors import (
    INVALID_COLUMN_REFERENCE,
    UNDEFINED_FUNCTION,
    UNDEFINED_OBJECT,
    WINDOWING_ERROR,
    WRONG_OBJECT_TYPE,
    SqlError,
)
from services.sqldb.functions import Function, resolve_operator
from services.sqldb.plan import expressions as ex
from services.sqldb.syntax import nodes
from services.sqldb.syntax.nodes import BoundKind, NullsOrder, SortDirection
from services.sqldb.types import INT8, SqlType


def bind_sort_items(scope: Scope, items: tuple[nodes.SortItem, ...]) -> tuple[ex.SortKey, ...]:
    """ORDER BY inside a call or a window: expressions only, no aliases or numbers."""
    return tuple(sort_key(scope, expressions.bind(scope, item.expression), item) for item in items)


def sort_key(scope: Scope, expression: ex.Expression, item: nodes.SortItem) -> ex.SortKey:
    """The expression with its direction; NULLs are the largest unless the item says otherwise."""
    expression = resolve_unknown(scope.statement, expression)
    require_ordering(expression.type, leftmost(item.expression))
    is_descending = item.direction is SortDirection.DESCENDING
    if item.direction is SortDirection.USING:
        is_descending = _using_descends(scope, expression.type, item)
    nulls_first = is_descending
    if item.nulls is not NullsOrder.DEFAULT:
        nulls_first = item.nulls is NullsOrder.FIRST
    return ex.SortKey(expression, is_descending, nulls_first)


def require_ordering(type_: SqlType, position: int) -> None:
    if not type_.is_comparable:
        raise SqlError(
            UNDEFINED_FUNCTION,
            f"could not identify an ordering operator for type {type_}",
            hint="Use an explicit ordering operator or modify the query.",
            position=position,
        )


def _using_descends(scope: Scope, type_: SqlType, item: nodes.SortItem) -> bool:
    """USING < is ascending, USING > descending; no other operator orders."""
    name = item.using_operator[-1]
    resolve_operator(name, type_, type_, library=scope.statement.library)
    if name not in ("<", ">"):
        raise SqlError(
            WRONG_OBJECT_TYPE,
            f"operator {name} is not a valid ordering operator",
            hint='Ordering operators must be "<" or ">" members of btree operator families.',
            position=leftmost(item.expression),
        )
    return name == ">"


@dataclass(frozen=True, slots=True)
class BoundWindow:
    partition_by: tuple[ex.Expression, ...]
    order_by: tuple[ex.SortKey, ...]
    frame: ex.Frame


def bind_window(scope: Scope, over: nodes.WindowDefinition) -> BoundWindow:
    """OVER name or OVER (…), where the definition may take over parts of a named one."""
    if over.name is not None:
        over = _named(scope, over.name, over.position)
    return _bind_definition(scope, _complete(scope, over))


def check_names(definitions: tuple[nodes.WindowDefinition, ...]) -> None:
    """The WINDOW clause: no name twice."""
    seen: set[str | None] = set()
    for definition in definitions:
        if definition.name in seen:
            message = f'window "{definition.name}" is already defined'
            raise SqlError(WINDOWING_ERROR, message, position=definition.position)
        seen.add(definition.name)


def _named(scope: Scope, name: str, position: int) -> nodes.WindowDefinition:
    for definition in scope.windows:
        if definition.name == name:
            return definition
    message = f'window "{name}" does not exist'
    raise SqlError(UNDEFINED_OBJECT, message, position=position)


def _complete(scope: Scope, definition: nodes.WindowDefinition) -> nodes.WindowDefinition:
    """The definition with what it takes over from the window that it names."""
    if definition.base is None:
        return definition
    at = definition.position
    base = _complete(scope, _named(scope, definition.base, at))
    message, hint = "", ""
    if definition.partition_by:
        message = f'cannot override PARTITION BY clause of window "{definition.base}"'
    elif definition.order_by and base.order_by:
        message = f'cannot override ORDER BY clause of window "{definition.base}"'
    elif base.frame is not None:
        message = f'cannot copy window "{definition.base}" because it has a frame clause'
        if not definition.order_by and definition.frame is None:
            hint = "Omit the parentheses in this OVER clause."
    if message:
        raise SqlError(WINDOWING_ERROR, message, hint=hint, position=at)
    return replace(
        definition,
        base=None,
        partition_by=base.partition_by,
        order_by=definition.order_by or base.order_by,
    )


def _bind_definition(scope: Scope, definition: nodes.WindowDefinition) -> BoundWindow:
    with scope.with_clause(Clause.WINDOW_PARTITION):
        partition_by = tuple(
            resolve_unknown(scope.statement, expressions.bind(scope, item))
            for item in definition.partition_by
        )
        for item, node in zip(partition_by, definition.partition_by, strict=True):
            if not item.type.is_comparable:
                message = f"could not identify an equality operator for type {item.type}"
                raise SqlError(UNDEFINED_FUNCTION, message, position=leftmost(node))
    with scope.with_clause(Clause.WINDOW_ORDER):
        order_by = bind_sort_items(scope, definition.order_by)
    with scope.with_clause(Clause.WINDOW_FRAME):
        frame = _bind_frame(scope, definition, order_by)
    return BoundWindow(partition_by, order_by, frame)


_OFFSETS = (BoundKind.PRECEDING, BoundKind.FOLLOWING)


def _bind_frame(
    scope: Scope, definition: nodes.WindowDefinition, order_by: tuple[ex.SortKey, ...]
) -> ex.Frame:
    written = definition.frame
    if written is None:
        return ex.Frame()
    mode = ex.FrameMode(written.mode.value)
    has_offset = written.start.kind in _OFFSETS or written.end.kind in _OFFSETS
    if mode is ex.FrameMode.RANGE and has_offset and len(order_by) != 1:
        message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column"
        raise SqlError(WINDOWING_ERROR, message, position=definition.position)
    if mode is ex.FrameMode.GROUPS and not order_by:
        message = "GROUPS mode requires an ORDER BY clause"
        raise SqlError(WINDOWING_ERROR, message, position=definition.position)
    start, range_start = _bind_offset(scope, mode, written.start, order_by, is_end=False)
    end, range_end = _bind_offset(scope, mode, written.end, order_by, is_end=True)
    exclusion = written.exclusion.value.removeprefix("EXCLUDE ") or "NO OTHERS"
    return ex.Frame(
        mode,
        ex.FrameBound(written.start.kind.value),
        ex.FrameBound(written.end.kind.value),
        start,
        end,
        ex.FrameExclusion(exclusion),
        range_start,
        range_end,
    )


def _bind_offset(
    scope: Scope,
    mode: ex.FrameMode,
    bound: nodes.FrameBound,
    order_by: tuple[ex.SortKey, ...],
    *,
    is_end: bool,
) -> tuple[ex.Expression | None, Function | None]:
    """The offset, and for RANGE the function that makes a bound of a value and the offset."""
    if bound.offset is None:
        return None, None
    offset = expressions.bind(scope, bound.offset)
    place = leftmost(bound.offset)
    if any(column.relation in scope.relations for column in columns_in(offset)):
        message = f"argument of {mode.value} must not contain variables"
        raise SqlError(INVALID_COLUMN_REFERENCE, message, position=place)
    if mode is not ex.FrameMode.RANGE:
        return as_type(scope.statement, offset, INT8, mode.value, place), None
    return range_bound(scope, bound, offset, order_by[0], place, is_end=is_end)

"""Window functions: each row gets a value computed from rows around it.

The rows are sorted by partition and order; then, partition by partition, every call gives a column.

    sum(x) OVER (PARTITION BY g ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)

    g  t   x   sum   frame
    a  1  10   10    [0, 1)
    a  2  20   30    [0, 2)
    a  3   5   25    [1, 3)
    b  1   7    7    [3, 4)

A frame has two ends, and as the current row goes down, both go down as well, or stay. If the start
stays at the first row, the aggregate's state goes on from row to row (the usual running total); if
it moves, `moving_frames` knows a way for the common aggregates; for others the frame is added up
again. A frame of all rows is computed once.
# Real: nodeWindowAgg.c
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.executor.kept_rows import KeptRows
from services.sqldb.executor.site import Code, Site
from services.sqldb.executor.sorting import Order, Part, sorted_rows
from services.sqldb.executor.window_partition import Partition
from services.sqldb.plan import expressions as ex
from services.sqldb.plan import nodes as n
from services.sqldb.plan.analysis import Key, needs_of_all

if TYPE_CHECKING:
    from services.sqldb.executor.compiler import Compiler, Consume

Bound = ex.FrameBound


@dataclass(slots=True)
class CallSpec:
    """One call: where its arguments stand in a row, and the frame with its offsets computed."""

    call: ex.WindowCall
    arguments: tuple[int, ...]
    filter: int | None
    start_offset: object = None
    end_offset: object = None


@dataclass(slots=True)
class WindowSpec:
    """What stands where in the packed rows."""

    partition: Order
    order: Order
    calls: list[CallSpec]
    range_place: int
    range_descending: bool
    range_nulls_first: bool


def window(
    compiler: Compiler, plan: n.Window, site: Site, needed: frozenset[Key], consume: Consume
) -> None:
    extra: list[ex.Expression] = [*plan.partition_by, *(key.expression for key in plan.order_by)]
    placed: list[tuple[tuple[int, ...], int | None]] = []
    for call in plan.calls:
        first = len(extra)
        extra += call.arguments
        places = tuple(range(first, len(extra)))
        if call.filter is not None:
            extra.append(call.filter)
        placed.append((places, len(extra) - 1 if call.filter is not None else None))
    below = frozenset(needed | needs_of_all(extra))
    rows, packed = compiler.generator(plan.input, site, below, tuple(extra))
    base = packed.width - len(extra)
    spec = _spec(plan, placed, base)
    offsets = [_offsets(site, call.frame) for call in plan.calls]
    helper, row = site.name(with_window_columns, "f"), compiler.module.fresh("r")
    texts = "".join(f"{text}, " for text in offsets)
    with site.function.loop(f"for {row} in {helper}(run, {rows}, {site.name(spec)}, ({texts})):"):
        columns = packed.columns(row)
        for place in range(len(plan.calls)):
            columns[plan.relation, place] = Code(f"{row}[{packed.width + place}]", True, True)
        consume(site.with_columns(columns))


def _spec(plan: n.Window, placed: list, base: int) -> WindowSpec:
    partition = Order(
        [
            Part(base + at, True, False, False, item.type.sort_key)
            for at, item in enumerate(plan.partition_by)
        ]
    )
    first = base + len(plan.partition_by)
    order = Order(
        [
            Part(first + at, True, k.is_descending, k.nulls_first, k.expression.type.sort_key)
            for at, k in enumerate(plan.order_by)
        ]
    )
    calls = [
        CallSpec(call, tuple(base + at for at in places), None if where is None else base + where)
        for call, (places, where) in zip(plan.calls, placed, strict=True)
    ]
    key = plan.order_by[0] if plan.order_by else None
    return WindowSpec(
        partition, order, calls, first, bool(key and key.is_descending),
        bool(key and key.nulls_first),
    )  # fmt: skip


def _offsets(site: Site, frame: ex.Frame) -> str:
    items = (frame.start_offset, frame.end_offset)
    texts = ["None" if item is None else site.value(item).text for item in items]
    return f"({texts[0]}, {texts[1]})"


def with_window_columns(
    run, rows: Iterable[tuple], spec: WindowSpec, offsets: tuple
) -> Iterator[tuple]:
    """The rows in the window's order, each with one more value per call."""
    order = Order([*spec.partition.parts, *spec.order.parts])
    for call, (start, end) in zip(spec.calls, offsets, strict=True):
        _check_offsets(call.call.frame, start, end)
    ordered = sorted_rows(run, rows, order)
    for _, members in groupby(run.paced(ordered), key=spec.partition.equal_key):
        kept = KeptRows(run, members)
        partition = Partition(run, kept, spec)
        columns = [
            partition.column(call, start, end)
            for call, (start, end) in zip(spec.calls, offsets, strict=True)
        ]
        try:
            for row, *values in zip(kept, *columns, strict=True):
                yield (*row, *values)
        finally:
            kept.close()


def _check_offsets(frame: ex.Frame, start: object, end: object) -> None:
    for bound, offset, name in ((frame.start, start, "starting"), (frame.end, end, "ending")):
        if bound not in (Bound.PRECEDING, Bound.FOLLOWING):
            continue
        if offset is None:
            raise SqlError(errors.NULL_VALUE_NOT_ALLOWED, f"frame {name} offset must not be null")
        if frame.mode is not ex.FrameMode.RANGE and offset < 0:
            raise SqlError(
                errors.INVALID_PRECEDING_OR_FOLLOWING_SIZE,
                f"frame {name} offset must not be negative",
            )


PRODUCERS = {n.Window: window}

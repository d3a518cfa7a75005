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

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.executor.moving_frames import Ranges, moving_column
from services.sqldb.executor.site import Code, Site
from services.sqldb.executor.sorting import Order, Part, sorted_rows
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
    for _, members in groupby(run.paced(ordered), key=spec.partition.merge_key):
        partition = list(members)
        run.check()
        view = Partition(run, partition, spec)
        columns = [
            view.column(call, start, end)
            for call, (start, end) in zip(spec.calls, offsets, strict=True)
        ]
        for row, *values in zip(partition, *columns, strict=True):
            yield (*row, *values)


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


class Partition:
    """The rows of one partition in order; the `WindowView` of the functions."""

    def __init__(self, run, rows: list[tuple], spec: WindowSpec):
        self._run = run
        self.context = run.context
        self.rows = rows
        self._spec = spec
        self.size = len(rows)
        self.position = 0
        self._call: CallSpec | None = None
        self._frame: Callable[[], Sequence[int]] | None = None
        # For each row: where its peers begin and end, and how many groups came before.
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.numbers: list[int] = []
        self._find_peers()

    def _find_peers(self) -> None:
        if not self._spec.order.parts:
            self.starts, self.ends = [0] * self.size, [self.size] * self.size
            self.numbers = [0] * self.size
            return
        at = 0
        rows = self._run.paced(self.rows)
        for number, (_, peers) in enumerate(groupby(rows, key=self._spec.order.merge_key)):
            count = sum(1 for _ in peers)
            self.starts += [at] * count
            self.ends += [at + count] * count
            self.numbers += [number] * count
            at += count

    # What window functions ask, see functions.windows.

    @property
    def peer_start(self) -> int:
        return self.starts[self.position]

    @property
    def peer_end(self) -> int:
        return self.ends[self.position]

    @property
    def peer_number(self) -> int:
        return self.numbers[self.position]

    def argument(self, index: int, position: int) -> object:
        return self.rows[position][self._call.arguments[index]]

    def frame(self) -> Sequence[int]:
        return self._frame()

    def column(self, call: CallSpec, start: object, end: object) -> list:
        """The values of one call for all rows."""
        frames = Frames(self, call.call.frame, self._spec, start, end)
        function = call.call.function
        if hasattr(function, "implementation"):
            self._call = call
            self._frame = lambda: frames.positions(self.position)
            values = []
            for position in range(self.size):
                if not position & 1023:
                    self._run.check()
                self.position = position
                values.append(function.implementation(self))
            return values
        frame = call.call.frame
        excludes = frame.exclusion is not ex.FrameExclusion.NO_OTHERS
        if frame.start is not Bound.UNBOUNDED_PRECEDING or excludes:
            values = self._argument_values(call)
            moved = moving_column(function, values, frames.ranges, self._run.check)
            if moved is not None:
                return moved
        return self._aggregated(call, frames)

    def _argument_values(self, call: CallSpec) -> list:
        """The (only) argument for each row; None where the row does not count."""
        places, condition = call.arguments, call.filter
        place = places[0] if places else None
        values = [True if place is None else row[place] for row in self.rows]
        if condition is None:
            return values
        return [
            value if row[condition] is True else None
            for value, row in zip(values, self.rows, strict=True)
        ]

    def _aggregated(self, call: CallSpec, frames: Frames) -> list:
        """An aggregate over the frames: going on where only the end has moved."""
        function = call.call.function
        context = (self._run.context,) if function.needs_context else ()
        excludes = call.call.frame.exclusion is not ex.FrameExclusion.NO_OTHERS
        values: list = []
        state, reached, begun, last = function.initial(), 0, 0, None
        has_last = False
        for position in self._run.paced(range(self.size)):
            if excludes:
                state = function.initial()
                state = self._added(function, context, state, call, frames.positions(position))
                values.append(function.final(*context, state))
                continue
            start, end = frames.bounds(position)
            if start != begun or end < reached:
                state, begun, reached, has_last = function.initial(), start, start, False
            if end > reached or not has_last:
                more = range(max(reached, start), end)
                state = self._added(function, context, state, call, more)
                reached = max(reached, end)
                last, has_last = function.final(*context, _copied(state)), True
            values.append(last)
        return values

    def _added(
        self, function, context: tuple, state: object, call: CallSpec, positions: Sequence[int]
    ) -> object:
        for at in self._run.paced(positions):
            state = self._stepped(function, context, state, call, at)
        return state

    def _stepped(self, function, context: tuple, state: object, call: CallSpec, at: int) -> object:
        row = self.rows[at]
        if call.filter is not None and row[call.filter] is not True:
            return state
        arguments = [row[place] for place in call.arguments]
        if function.is_strict and None in arguments:
            return state
        return function.step(*context, state, *arguments)


def _copied(state: object) -> object:
    """`final` may use the state up, and the next row goes on with it."""
    return list(state) if type(state) is list else state


class Frames:
    """Where the frame of each row begins and ends."""

    def __init__(
        self, partition: Partition, frame: ex.Frame, spec: WindowSpec, start: object, end: object
    ):
        self._partition = partition
        self._frame = frame
        self._spec = spec
        self._start_offset = start
        self._end_offset = end
        self._firsts: list[int] = []
        self._keys: list | None = None
        if frame.mode is ex.FrameMode.GROUPS:
            self._firsts = sorted(set(partition.starts))

    def bounds(self, position: int) -> tuple[int, int]:
        size = self._partition.size
        start = self._edge(position, self._frame.start, self._start_offset, is_end=False)
        end = self._edge(position, self._frame.end, self._end_offset, is_end=True)
        start, end = min(max(start, 0), size), min(max(end, 0), size)
        return start, max(start, end)

    def positions(self, position: int) -> Sequence[int]:
        """The rows of the frame without the excluded ones."""
        ranges = self.ranges(position)
        if len(ranges) == 1:
            return range(*ranges[0])
        return Stretches(ranges)

    def ranges(self, position: int) -> Ranges:
        """The same as stretches: at most three."""
        start, end = self.bounds(position)
        exclusion = self._frame.exclusion
        if exclusion is ex.FrameExclusion.NO_OTHERS:
            return [(start, end)] if start < end else []
        first, behind = position, position + 1
        if exclusion is not ex.FrameExclusion.CURRENT_ROW:
            first, behind = self._partition.starts[position], self._partition.ends[position]
        ranges = [(start, min(end, first)), (max(start, behind), end)]
        if exclusion is ex.FrameExclusion.TIES and start <= position < end:
            ranges.insert(1, (position, position + 1))
        return [(start, end) for start, end in ranges if start < end]

    def _edge(self, position: int, bound: Bound, offset: object, *, is_end: bool) -> int:
        partition, mode = self._partition, self._frame.mode
        if bound is Bound.UNBOUNDED_PRECEDING:
            return 0
        if bound is Bound.UNBOUNDED_FOLLOWING:
            return partition.size
        if bound is Bound.CURRENT_ROW:
            if mode is ex.FrameMode.ROWS:
                return position + is_end
            return (partition.ends if is_end else partition.starts)[position]
        direction = -1 if bound is Bound.PRECEDING else 1
        if mode is ex.FrameMode.ROWS:
            return position + direction * offset + is_end
        if mode is ex.FrameMode.GROUPS:
            number = partition.numbers[position] + direction * offset + is_end
            if number < 0:
                return 0
            return self._firsts[number] if number < len(self._firsts) else partition.size
        return self._range_edge(position, direction, offset, is_end=is_end)

    def _range_edge(self, position: int, direction: int, offset: object, *, is_end: bool) -> int:
        """RANGE with an offset: the first or last row whose value is within it; NULLs are peers."""
        partition, spec = self._partition, self._spec
        value = partition.rows[position][spec.range_place]
        if value is None:
            return (partition.ends if is_end else partition.starts)[position]
        function = self._frame.range_end if is_end else self._frame.range_start
        context = (partition.context,) if function.needs_context else ()
        wanted = self._key(function.implementation(*context, value, offset))
        if self._keys is None:
            self._keys = [
                self._key(row[spec.range_place])
                for row in partition.rows
                if row[spec.range_place] is not None
            ]
            if spec.range_descending:
                self._keys.reverse()
        keys = self._keys
        nulls = partition.size - len(keys) if spec.range_nulls_first else 0
        if spec.range_descending:
            # The keys stand the other way round here.
            at = bisect_left(keys, wanted) if is_end else bisect_right(keys, wanted)
            return nulls + len(keys) - at
        return nulls + (bisect_right(keys, wanted) if is_end else bisect_left(keys, wanted))

    def _key(self, value: object) -> object:
        sort_key = self._spec.order.parts[0].sort_key
        return value if sort_key is None else sort_key(value)


class Stretches(Sequence):
    """The positions of several ranges, one behind the other."""

    def __init__(self, ranges: Ranges):
        self._ranges = [range(*bounds) for bounds in ranges]

    def __len__(self) -> int:
        return sum(map(len, self._ranges))

    def __getitem__(self, index: int) -> int:
        if index < 0:
            index += len(self)
        for one in self._ranges:
            if index < len(one):
                return one[index]
            index -= len(one)
        raise IndexError(index)


PRODUCERS = {n.Window: window}

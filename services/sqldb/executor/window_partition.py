"""One partition of a window: its rows in order, its groups of peers, and the columns over it.

The rows are kept (`kept_rows`): a partition that is larger than work_mem is in a file. Each call
gives its column a value at a time, as the rows go out, so that only what the functions themselves
need stays in memory: where each group of peers begins (8 bytes), and of an aggregate whose frame's
start moves, the values.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from services.sqldb.executor.kept_rows import KeptRows
from services.sqldb.executor.moving_frames import moving_column
from services.sqldb.executor.window_frames import Frames
from services.sqldb.plan import expressions as ex

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution
    from services.sqldb.executor.windows import CallSpec, WindowSpec

Bound = ex.FrameBound


class Partition:
    """The rows of one partition in order."""

    def __init__(self, run: Execution, rows: KeptRows, spec: WindowSpec):
        self._run = run
        self.context = run.context
        self.rows = rows
        self.spec = spec
        self.size = len(rows)
        self._group = 0

    # Peers: rows that ORDER BY does not tell from each other.

    @cached_property
    def _firsts(self) -> array:
        """Where each group of peers begins, and behind them the end."""
        if not self.spec.order.parts:
            return array("q", (0, self.size))
        firsts, at = array("q", (0,)), 0
        for _, peers in groupby(self.rows, key=self.spec.order.equal_key):
            at += sum(1 for _ in peers)
            firsts.append(at)
        return firsts

    def group(self, position: int) -> int:
        """How many groups of peers came before that of this row."""
        firsts, group = self._firsts, self._group
        if firsts[group] <= position < firsts[group + 1]:
            return group
        if position == firsts[group + 1]:
            group += 1  # The next row.
        else:
            group = bisect_right(firsts, position) - 1
        self._group = group
        return group

    def group_start(self, number: int) -> int:
        """Where a group begins; of those that there are not, the end that is nearer."""
        return self._firsts[min(max(number, 0), len(self._firsts) - 1)]

    def peers(self, position: int) -> tuple[int, int]:
        """Where the peers of this row begin, and behind the last of them."""
        group = self.group(position)
        return self._firsts[group], self._firsts[group + 1]

    # Columns.

    def column(self, call: CallSpec, start: object, end: object) -> Iterator:
        """The values of one call for all rows."""
        frames = Frames(self, call.call.frame, self.spec, start, end)
        function = call.call.function
        if hasattr(function, "implementation"):
            return self._asked(call, frames, function.implementation)
        frame = call.call.frame
        excludes = frame.exclusion is not ex.FrameExclusion.NO_OTHERS
        if frame.start is not Bound.UNBOUNDED_PRECEDING or excludes:
            values = self._argument_values(call)
            moved = moving_column(function, values, frames.ranges, self._run.check)
            if moved is not None:
                return iter(moved)
        return self._aggregated(call, frames)

    def _asked(self, call: CallSpec, frames: Frames, function: Callable) -> Iterator:
        view = CallView(self, call, frames)
        for position in range(self.size):
            view.position = position
            yield function(view)

    def _argument_values(self, call: CallSpec) -> list:
        """The (only) argument for each row; None where the row does not count."""
        places, condition = call.arguments, call.filter
        place = places[0] if places else None
        return [
            (True if place is None else row[place])
            if condition is None or row[condition] is True
            else None
            for row in self.rows
        ]

    def _aggregated(self, call: CallSpec, frames: Frames) -> Iterator:
        """An aggregate over the frames: going on where only the end has moved."""
        function = call.call.function
        context = (self._run.context,) if function.needs_context else ()
        excludes = call.call.frame.exclusion is not ex.FrameExclusion.NO_OTHERS
        state, reached, begun, last = function.initial(), 0, 0, None
        has_last = False
        for position in range(self.size):
            if excludes:
                state = function.initial()
                state = self._added(function, context, state, call, frames.positions(position))
                yield function.final(*context, state)
                continue
            start, end = frames.bounds(position)
            if start != begun or end < reached:
                state, begun, reached, has_last = function.initial(), start, start, False
            if end > reached or not has_last:
                more = range(max(reached, start), end)
                state = self._added(function, context, state, call, more)
                reached = max(reached, end)
                last, has_last = function.final(*context, _copied(state)), True
            yield last

    def _added(
        self, function, context: tuple, state: object, call: CallSpec, positions: Sequence[int]
    ) -> object:
        for at in positions if len(positions) < 2 else self._run.paced(positions):
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


class CallView:
    """What one call sees of the partition while it stands at one row: `functions.windows`."""

    __slots__ = ("_arguments", "_frames", "_partition", "context", "position", "size")

    def __init__(self, partition: Partition, call: CallSpec, frames: Frames):
        self._partition = partition
        self._arguments = call.arguments
        self._frames = frames
        self.context = partition.context
        self.size = partition.size
        self.position = 0

    @property
    def peer_start(self) -> int:
        return self._partition.peers(self.position)[0]

    @property
    def peer_end(self) -> int:
        return self._partition.peers(self.position)[1]

    @property
    def peer_number(self) -> int:
        return self._partition.group(self.position)

    def argument(self, index: int, position: int) -> object:
        return self._partition.rows[position][self._arguments[index]]

    def frame(self) -> Sequence[int]:
        return self._frames.positions(self.position)

"""Where the frame of each row begins and ends.

A frame has two edges, each of them given in rows, in groups of peers, or in values of the ORDER BY
column (RANGE); and an EXCLUDE clause may take rows out of its middle. # Real: update_frameheadpos()
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.sqldb.executor.moving_frames import Ranges
from services.sqldb.plan import expressions as ex

if TYPE_CHECKING:
    from services.sqldb.executor.window_partition import Partition
    from services.sqldb.executor.windows import WindowSpec

Bound = ex.FrameBound


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
        self._keys: list | None = None

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
            first, behind = self._partition.peers(position)
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
            return partition.peers(position)[is_end]
        direction = -1 if bound is Bound.PRECEDING else 1
        if mode is ex.FrameMode.ROWS:
            return position + direction * offset + is_end
        if mode is ex.FrameMode.GROUPS:
            return partition.group_start(partition.group(position) + direction * offset + is_end)
        return self._range_edge(position, direction, offset, is_end=is_end)

    def _range_edge(self, position: int, direction: int, offset: object, *, is_end: bool) -> int:
        """RANGE with an offset: the first or last row whose value is within it; NULLs are peers."""
        partition, spec = self._partition, self._spec
        value = partition.rows[position][spec.range_place]
        if value is None:
            return partition.peers(position)[is_end]
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

"""Window functions: the value of a row within its partition.

The executor sorts a partition, and asks each function for the value of one row after the other. A
function sees the partition through a `WindowView`:

    row_number    position + 1                    lag, lead      another row's argument
    rank          first of the peers + 1          first_value    an argument within the frame
    ntile         position, size

Aggregates are window functions too; those the executor computes over the frame by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.definitions import Definitions

define = Definitions()


class WindowView(Protocol):
    """What the executor shows of the partition while it stands at one row."""

    size: int  # rows of the partition
    position: int  # of the current row, from 0
    peer_start: int  # position of the first row that ORDER BY does not tell from this one
    peer_end: int  # and behind the last of them
    peer_number: int  # how many groups of peers came before this one

    def argument(self, index: int, position: int) -> Any:
        """The value of an argument for the row at a position of the partition."""

    def frame(self) -> Sequence[int]:
        """The positions of the rows in the frame of the current row, exclusions left out."""


@define.window_function("row_number() -> int8")
def row_number(window: WindowView) -> int:
    return window.position + 1


@define.window_function("rank() -> int8")
def rank(window: WindowView) -> int:
    return window.peer_start + 1


@define.window_function("dense_rank() -> int8")
def dense_rank(window: WindowView) -> int:
    return window.peer_number + 1


@define.window_function("percent_rank() -> float8")
def percent_rank(window: WindowView) -> float:
    return window.peer_start / (window.size - 1) if window.size > 1 else 0.0


@define.window_function("cume_dist() -> float8")
def cumulative_distribution(window: WindowView) -> float:
    return window.peer_end / window.size


@define.window_function("ntile(int4) -> int4")
def ntile(window: WindowView) -> int | None:
    """Buckets as even as possible, the first ones one row larger."""
    buckets = window.argument(0, 0)
    if buckets is None:
        return None
    if buckets <= 0:
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_NTILE, "argument of ntile must be greater than zero"
        )
    size, larger = divmod(window.size, buckets)
    rows_of_larger = larger * (size + 1)
    if window.position < rows_of_larger:
        return window.position // (size + 1) + 1
    return larger + (window.position - rows_of_larger) // size + 1


def _shifted(window: WindowView, direction: int, *, has_offset: bool, has_default: bool) -> Any:
    offset = window.argument(1, window.position) if has_offset else 1
    if offset is None:
        return None
    target = window.position + direction * offset
    if 0 <= target < window.size:
        return window.argument(0, target)
    return window.argument(2, window.position) if has_default else None


@define.window_function("lag(anyelement) -> anyelement")
def lag(window: WindowView) -> Any:
    return _shifted(window, -1, has_offset=False, has_default=False)


@define.window_function("lag(anyelement, int4) -> anyelement")
def lag_by(window: WindowView) -> Any:
    return _shifted(window, -1, has_offset=True, has_default=False)


@define.window_function("lag(anycompatible, int4, anycompatible) -> anycompatible")
def lag_or_default(window: WindowView) -> Any:
    return _shifted(window, -1, has_offset=True, has_default=True)


@define.window_function("lead(anyelement) -> anyelement")
def lead(window: WindowView) -> Any:
    return _shifted(window, 1, has_offset=False, has_default=False)


@define.window_function("lead(anyelement, int4) -> anyelement")
def lead_by(window: WindowView) -> Any:
    return _shifted(window, 1, has_offset=True, has_default=False)


@define.window_function("lead(anycompatible, int4, anycompatible) -> anycompatible")
def lead_or_default(window: WindowView) -> Any:
    return _shifted(window, 1, has_offset=True, has_default=True)


@define.window_function("first_value(anyelement) -> anyelement", uses_frame=True)
def first_value(window: WindowView) -> Any:
    frame = window.frame()
    return window.argument(0, frame[0]) if frame else None


@define.window_function("last_value(anyelement) -> anyelement", uses_frame=True)
def last_value(window: WindowView) -> Any:
    frame = window.frame()
    return window.argument(0, frame[-1]) if frame else None


@define.window_function("nth_value(anyelement, int4) -> anyelement", uses_frame=True)
def nth_value(window: WindowView) -> Any:
    number = window.argument(1, window.position)
    if number is None:
        return None
    if number <= 0:
        raise SqlError(
            errors.INVALID_ARGUMENT_FOR_NTH_VALUE, "argument of nth_value must be greater than zero"
        )
    frame = window.frame()
    return window.argument(0, frame[number - 1]) if number <= len(frame) else None

"""Merge joins: two ordered sides are walked in step. What generated code calls for them.

    left   1  2  2  4        2 meets 2 (twice), 1 and 4 are alone on the left, 3 on the right
    right  2  3

Rows come in groups of equal keys; only the right group of the moment is held. A key with a NULL in
it is equal to nothing, though its rows stand together.
# Real: nodeMergejoin.c
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from services.sqldb.plan.nodes import JoinKind as Kind

if TYPE_CHECKING:
    from services.sqldb.executor.execution import Execution
    from services.sqldb.executor.sorting import Order

_KEEPS_LEFT = (Kind.LEFT, Kind.FULL, Kind.ANTI)
_KEEPS_RIGHT = (Kind.RIGHT, Kind.FULL)


def merged_rows(
    run: Execution, left: Iterable, right: Iterable, match: Callable | None, left_order: Order,
    right_order: Order, left_width: int, right_width: int, kind: Kind,
) -> Iterator[tuple[tuple, tuple]]:  # fmt: skip
    """Pairs (left row, right row), a row of NULLs in place of one that is missing."""
    no_left, no_right = (None,) * left_width, (None,) * right_width
    lefts = groupby(run.paced(left), key=left_order.merge_key)
    rights = groupby(run.paced(right), key=right_order.merge_key)
    places = [part.place for part in left_order.parts]
    ended = (None, ())
    left_key, left_rows = next(lefts, ended)
    right_key, right_rows = next(rights, ended)
    while left_key is not None or right_key is not None:
        takes_left = right_key is None or (left_key is not None and not right_key < left_key)
        takes_right = left_key is None or (right_key is not None and not left_key < right_key)
        if takes_left and takes_right:
            yield from _equal(kind, match, places, left_rows, list(right_rows), no_left, no_right)
        elif takes_left and kind in _KEEPS_LEFT:
            yield from ((row, no_right) for row in left_rows)
        elif takes_right and kind in _KEEPS_RIGHT:
            yield from ((no_left, row) for row in right_rows)
        if takes_left:
            left_key, left_rows = next(lefts, ended)
        if takes_right:
            right_key, right_rows = next(rights, ended)


def _equal(
    kind: Kind, match: Callable | None, places: list[int], left: Iterable, right: list,
    no_left: tuple, no_right: tuple,
) -> Iterator[tuple[tuple, tuple]]:  # fmt: skip
    """Two groups with the same key."""
    met = [False] * len(right)
    for row in left:
        if any(row[place] is None for place in places):
            found = []
        elif match is None:
            found = range(len(right))
        else:
            found = [at for at, other in enumerate(right) if match(row, other)]
        if kind in (Kind.SEMI, Kind.ANTI):
            if bool(found) is (kind is Kind.SEMI):
                yield row, no_right
            continue
        for at in found:
            met[at] = True
            yield row, right[at]
        if not found and kind in _KEEPS_LEFT:
            yield row, no_right
    if kind in _KEEPS_RIGHT:
        for other, is_met in zip(right, met, strict=True):
            if not is_met:
                yield no_left, other

"""What generated code calls for values made of values: arrays, rows, and quantified comparisons."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.interruption import paced
from services.sqldb.plan import expressions as ex
from services.sqldb.types.arrays import EMPTY, array_of_elements, dimensions, flat
from services.sqldb.values import Array, Row

__all__ = [
    "NOT_GIVEN",
    "SYSTEM_COLUMNS",
    "Row",
    "all_true",
    "any_true",
    "array_item",
    "array_of_elements",
    "array_slice",
    "is_row_not_null",
    "is_row_null",
    "known_set",
    "nested_array",
    "partial",
    "quantified",
    "without_nulls",
]

NOT_GIVEN = object()
"""A bound that a slice leaves out: a[:3]."""

ROWS_PER_BLOCK = 100


def _ctid(version: object) -> tuple[int, int]:
    """Rows have no place on pages here; the row id is shown as if a page had 100."""
    block, offset = divmod(version.row_id, ROWS_PER_BLOCK)
    return block, offset + 1


SYSTEM_COLUMNS: dict[str, Callable[[object], object]] = {
    "ctid": _ctid,
    "xmin": lambda version: version.xmin,
    "xmax": lambda version: version.xmax,
    "cmin": lambda version: version.cmin,
    "cmax": lambda version: version.cmax,
}


def without_nulls(values: tuple) -> list:
    """What GREATEST and LEAST choose from."""
    return [value for value in values if value is not None]


def is_row_null(value: object) -> bool:
    """A row IS NULL if all its fields are."""
    return value is None or (isinstance(value, Row) and all(item is None for item in value))


def is_row_not_null(value: object) -> bool:
    return value is not None and not (
        isinstance(value, Row) and any(item is None for item in value)
    )


def all_true(values: tuple) -> bool | None:
    """AND of truth values."""
    if False in values:
        return False
    return None if None in values else True


def any_true(values: tuple) -> bool | None:
    """OR of truth values."""
    if True in values:
        return True
    return None if None in values else False


def known_set(expression: ex.Quantified) -> tuple[frozenset, bool] | None:
    """The elements of a constant array and whether NULL is one, if `x = ANY (…)` is a look-up."""
    function = expression.comparison
    if expression.is_all or getattr(function, "comparison", "") != "=":
        return None
    types = function.argument_types
    if types[0] != types[1] or types[0].sort_key is not None:
        return None
    elements = list(flat(expression.array.value))
    return frozenset(item for item in paced(elements) if item is not None), None in elements


def quantified(left: object, array: Array | None, compare: Callable, decisive: bool) -> bool | None:
    """left <op> ANY (array), where `decisive` is True, or ALL."""
    if array is None:
        return None
    has_null = False
    for element in flat(array):
        result = compare(left, element)
        if result is decisive:
            return decisive
        has_null |= result is None
    return None if has_null else not decisive


def nested_array(items: tuple) -> Array:
    """ARRAY[a, b] of arrays: one more dimension; all must have the same shape."""
    arrays = [item for item in items if item is not None and item.elements]
    if not arrays:
        return EMPTY
    shape = dimensions(arrays[0])
    if len(arrays) != len(items) or any(dimensions(item) != shape for item in arrays):
        raise SqlError(
            errors.ARRAY_SUBSCRIPT_ERROR,
            "multidimensional arrays must have array expressions with matching dimensions",
        )
    return Array(tuple(item.elements for item in arrays), (1, *arrays[0].lower_bounds))


def array_item(array: Array | None, subscripts: tuple) -> object:
    """a[i][j]: NULL beyond the bounds and for fewer or more subscripts than dimensions."""
    if array is None or None in subscripts or len(subscripts) != len(array.lower_bounds):
        return None
    value: object = array.elements
    for subscript, lower in zip(subscripts, array.lower_bounds, strict=True):
        place = subscript - lower
        if not 0 <= place < len(value):
            return None
        value = value[place]
    return value


def array_slice(array: Array | None, lowers: tuple, uppers: tuple) -> Array | None:
    """a[i:j]: what lies within the bounds; the result counts from 1 again."""
    if array is None or None in lowers or None in uppers:
        return None
    if len(lowers) > len(array.lower_bounds):
        return EMPTY
    lengths = dimensions(array)
    ranges = []
    for depth, (first, length) in enumerate(zip(array.lower_bounds, lengths, strict=True)):
        lower = lowers[depth] if depth < len(lowers) else NOT_GIVEN
        upper = uppers[depth] if depth < len(uppers) else NOT_GIVEN
        start = 0 if lower is NOT_GIVEN else max(lower - first, 0)
        end = length if upper is NOT_GIVEN else min(upper - first + 1, length)
        if start >= end:
            return EMPTY
        ranges.append((start, end))
    return Array(_cut(array.elements, ranges), (1,) * len(ranges))


def _cut(elements: tuple, ranges: list[tuple[int, int]]) -> tuple:
    start, end = ranges[0]
    if len(ranges) == 1:
        return elements[start:end]
    return tuple(_cut(item, ranges[1:]) for item in elements[start:end])

"""Functions and operators of arrays, subscripts, and unnest.

anyarray and anyelement are concrete by the time a function is called: those that compare elements
get the types, for `key_of`. Elements that are NULL never equal anything in @> and &&, but
array_position and array_remove find them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from services.sqldb import errors, large_values
from services.sqldb.errors import SqlError
from services.sqldb.functions.definition import STABLE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.types import SqlType
from services.sqldb.types.arrays import (
    EMPTY,
    MAX_DIMENSIONS,
    array_of_elements,
    dimensions,
    flat,
    shaped,
)
from services.sqldb.types.context import SessionContext
from services.sqldb.values import Array

define = Definitions()

_WITH_TYPES = {"types": True, "strict": False}


@define.operators_for(
    "anycompatiblearray || anycompatiblearray -> anycompatiblearray", strict=False
)
@define.function(
    "array_cat(anycompatiblearray, anycompatiblearray) -> anycompatiblearray", strict=False
)
def array_cat(a: Array | None, b: Array | None) -> Array | None:
    """Side by side; an array of one dimension less is one more row of the other."""
    if a is None or b is None:
        return b if a is None else a
    if not a.lower_bounds or not b.lower_bounds:
        return a if not b.lower_bounds else b
    depth_a, depth_b = len(a.lower_bounds), len(b.lower_bounds)
    shape_a, shape_b = dimensions(a), dimensions(b)
    if depth_a == depth_b and shape_a[1:] == shape_b[1:]:
        return Array(a.elements + b.elements, a.lower_bounds)
    if depth_a == depth_b + 1 and shape_a[1:] == shape_b:
        return Array((*a.elements, b.elements), a.lower_bounds)
    if depth_b == depth_a + 1 and shape_b[1:] == shape_a:
        return Array((a.elements, *b.elements), (1, *b.lower_bounds[1:]))
    if abs(depth_a - depth_b) > 1:
        detail = (
            f"Arrays of {depth_a} and {depth_b} dimensions are not compatible for concatenation."
        )
    elif depth_a == depth_b:
        detail = "Arrays with differing element dimensions are not compatible for concatenation."
    else:
        detail = "Arrays with differing dimensions are not compatible for concatenation."
    raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, "cannot concatenate incompatible arrays",
                   detail=detail)  # fmt: skip


def _one_dimension(array: Array | None) -> Array:
    array = array or EMPTY
    if len(array.lower_bounds) > 1:
        raise SqlError(errors.DATA_EXCEPTION, "argument must be empty or one-dimensional array")
    return array


@define.operators_for("anycompatiblearray || anycompatible -> anycompatiblearray", strict=False)
@define.function(
    "array_append(anycompatiblearray, anycompatible) -> anycompatiblearray", strict=False
)
def array_append(array: Array | None, element: Any) -> Array:
    array = _one_dimension(array)
    return Array((*array.elements, element), array.lower_bounds or (1,))


@define.operators_for("anycompatible || anycompatiblearray -> anycompatiblearray", strict=False)
@define.function(
    "array_prepend(anycompatible, anycompatiblearray) -> anycompatiblearray", strict=False
)
def array_prepend(element: Any, array: Array | None) -> Array:
    array = _one_dimension(array)
    return Array((element, *array.elements), array.lower_bounds or (1,))


def _keys(array: Array, element: SqlType) -> list:
    return [element.key_of(item) for item in flat(array) if item is not None]


def _contains(types: tuple[SqlType, ...], result: SqlType) -> Callable[[Array, Array], bool]:
    element = types[0].element

    def contains(outer: Array, inner: Array) -> bool:
        wanted = list(flat(inner))
        if None in wanted:
            return False
        return {element.key_of(item) for item in wanted} <= set(_keys(outer, element))

    return contains


def _contained(types: tuple[SqlType, ...], result: SqlType) -> Callable[[Array, Array], bool]:
    contains = _contains(types, result)
    return lambda inner, outer: contains(outer, inner)


def _overlap(types: tuple[SqlType, ...], result: SqlType) -> Callable[[Array, Array], bool]:
    element = types[0].element
    return lambda a, b: not set(_keys(a, element)).isdisjoint(_keys(b, element))


define.operator("anyarray @> anyarray", _contains, types=True, function="arraycontains")
define.operator("anyarray <@ anyarray", _contained, types=True, function="arraycontained")
define.operator("anyarray && anyarray", _overlap, types=True, function="arrayoverlap")


@define.function("array_ndims(anyarray) -> int4")
def array_ndims(array: Array) -> int | None:
    return len(array.lower_bounds) or None


@define.function("array_dims(anyarray) -> text")
def array_dims(array: Array) -> str | None:
    sizes = zip(array.lower_bounds, dimensions(array), strict=True)
    return "".join(f"[{low}:{low + size - 1}]" for low, size in sizes) or None


@define.function("array_length(anyarray, int4) -> int4")
def array_length(array: Array, dimension: int) -> int | None:
    lengths = dimensions(array)
    return lengths[dimension - 1] if 1 <= dimension <= len(lengths) else None


@define.function("array_lower(anyarray, int4) -> int4")
def array_lower(array: Array, dimension: int) -> int | None:
    bounds = array.lower_bounds
    return bounds[dimension - 1] if 1 <= dimension <= len(bounds) else None


@define.function("array_upper(anyarray, int4) -> int4")
def array_upper(array: Array, dimension: int) -> int | None:
    low = array_lower(array, dimension)
    return None if low is None else low + array_length(array, dimension) - 1


@define.function("cardinality(anyarray) -> int4")
def cardinality(array: Array) -> int:
    return sum(1 for _ in flat(array))


@define.function("array_position(anycompatiblearray, anycompatible) -> int4", **_WITH_TYPES)
@define.function("array_position(anycompatiblearray, anycompatible, int4) -> int4", **_WITH_TYPES)
def array_position(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., int | None]:
    find = _finder(types[1])

    def call(array: Array | None, wanted: Any, start: int | None = 1) -> int | None:
        if array is None:
            return None
        if start is None:
            raise SqlError(errors.NULL_VALUE_NOT_ALLOWED, "initial position must not be null")
        low = array.lower_bounds[0] if array.lower_bounds else 1
        first = low if start == 1 else start
        return next((at for at in find(array, wanted) if at >= first), None)

    return call


@define.function("array_positions(anycompatiblearray, anycompatible) -> int4[]", **_WITH_TYPES)
def array_positions(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Array | None]:
    find = _finder(types[1])
    return lambda array, wanted: None if array is None else array_of_elements(find(array, wanted))


def _finder(element: SqlType) -> Callable[[Array, Any], Iterator[int]]:
    """A function that finds the subscripts of elements that are not distinct from a value."""

    def find(array: Array, wanted: Any) -> Iterator[int]:
        if len(array.lower_bounds) > 1:
            raise SqlError(
                errors.FEATURE_NOT_SUPPORTED,
                "searching for elements in multidimensional arrays is not supported",
            )
        key = element.key_of(wanted)
        low = array.lower_bounds[0] if array.lower_bounds else 1
        for at, item in enumerate(array.elements, low):
            if element.key_of(item) == key:
                yield at

    return find


@define.function(
    "array_remove(anycompatiblearray, anycompatible) -> anycompatiblearray", **_WITH_TYPES
)
def array_remove(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Array | None]:
    element = types[1]

    def call(array: Array | None, unwanted: Any) -> Array | None:
        if array is None:
            return None
        if len(array.lower_bounds) > 1:
            raise SqlError(
                errors.FEATURE_NOT_SUPPORTED,
                "removing elements from multidimensional arrays is not supported",
            )
        key = element.key_of(unwanted)
        kept = tuple(item for item in array.elements if element.key_of(item) != key)
        return Array(kept, array.lower_bounds) if kept else EMPTY

    return call


@define.function(
    "array_replace(anycompatiblearray, anycompatible, anycompatible) -> anycompatiblearray",
    **_WITH_TYPES,
)
def array_replace(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Array | None]:
    element = types[1]

    def call(array: Array | None, old: Any, new: Any) -> Array | None:
        if array is None:
            return None
        key = element.key_of(old)
        items = [new if element.key_of(item) == key else item for item in flat(array)]
        return shaped(items, dimensions(array), array.lower_bounds)

    return call


@define.function("array_fill(anyelement, int4[]) -> anyarray", strict=False)
@define.function("array_fill(anyelement, int4[], int4[]) -> anyarray", strict=False)
def array_fill(value: Any, sizes: Array | None, bounds: Array | None = None) -> Array:
    if sizes is None:
        raise SqlError(
            errors.NULL_VALUE_NOT_ALLOWED, "dimension array or low bound array cannot be null"
        )
    for given, what in ((sizes, "Dimension"), (bounds, "Low bound")):
        if given is not None and len(given.lower_bounds) > 1:
            raise SqlError(
                errors.ARRAY_SUBSCRIPT_ERROR,
                "wrong number of array subscripts",
                detail=f"{what} array must be one dimensional.",
            )
    lengths = tuple(sizes.elements)
    if None in lengths:
        raise SqlError(errors.NULL_VALUE_NOT_ALLOWED, "dimension values cannot be null")
    if len(lengths) > MAX_DIMENSIONS:
        raise SqlError(
            errors.PROGRAM_LIMIT_EXCEEDED,
            f"number of array dimensions ({len(lengths)}) exceeds the maximum allowed "
            f"({MAX_DIMENSIONS})",
        )
    lower_bounds = tuple(bounds.elements) if bounds is not None else (1,) * len(lengths)
    if len(lower_bounds) != len(lengths):
        raise SqlError(errors.ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts")
    total = 1 if lengths else 0
    for length in lengths:
        total *= length
    if total > 10_000_000 or min(lengths, default=0) < 0:
        raise SqlError(
            errors.PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (134217727)"
        )
    return shaped([value] * total, lengths, lower_bounds)


@define.function("trim_array(anyarray, int4) -> anyarray")
def trim_array(array: Array, count: int) -> Array:
    length = len(array.elements)
    if not 0 <= count <= length:
        raise SqlError(
            errors.ARRAY_SUBSCRIPT_ERROR,
            f"number of elements to trim must be between 0 and {length}",
        )
    kept = array.elements[: length - count]
    return Array(kept, (1,) * len(array.lower_bounds)) if kept else EMPTY


@define.function("array_to_string(anyarray, text) -> text",
                 types=True, context=True, volatility=STABLE)  # fmt: skip
@define.function("array_to_string(anyarray, text, text) -> text",
                 types=True, context=True, strict=False, volatility=STABLE)  # fmt: skip
def array_to_string(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., str | None]:
    element = types[0].element

    def call(
        context: SessionContext, array: Array | None, delimiter: str | None, null: str | None = None
    ) -> str | None:
        if array is None or delimiter is None:
            return None
        texts = (null if item is None else element.format(item, context) for item in flat(array))
        return delimiter.join(text for text in texts if text is not None)

    return call


@define.function("string_to_array(text, text) -> text[]", strict=False)
@define.function("string_to_array(text, text, text) -> text[]", strict=False)
def string_to_array(
    text: str | None, delimiter: str | None, null: str | None = None
) -> Array | None:
    if text is None:
        return None
    return array_of_elements(_split(text, delimiter, null))


@define.function("string_to_table(text, text) -> setof text", strict=False)
@define.function("string_to_table(text, text, text) -> setof text", strict=False)
def string_to_table(
    text: str | None, delimiter: str | None, null: str | None = None
) -> list[str | None]:
    return [] if text is None else _split(text, delimiter, null)


def _split(text: str, delimiter: str | None, null: str | None) -> list[str | None]:
    """NULL splits between all characters, an empty delimiter nowhere."""
    if not text:
        return []
    if not delimiter:
        parts = list(text) if delimiter is None else [text]
    else:
        parts = large_values.split(text, delimiter)
    return [None if part == null else part for part in parts] if null is not None else parts


define.function("unnest(anyarray) -> setof anyelement")(flat)


@define.function("generate_subscripts(anyarray, int4) -> setof int4")
@define.function("generate_subscripts(anyarray, int4, bool) -> setof int4")
def generate_subscripts(array: Array, dimension: int, is_reversed: bool = False) -> range:
    low, high = array_lower(array, dimension), array_upper(array, dimension)
    if low is None or high is None:
        return range(0)
    return range(high, low - 1, -1) if is_reversed else range(low, high + 1)


def element_at(array: Array | None, subscripts: list[int | None]) -> Any:
    """a[i], a[i][j]: NULL outside of the bounds, or with too few or too many subscripts."""
    if array is None or len(subscripts) != len(array.lower_bounds):
        return None
    level: Any = array.elements
    for subscript, low in zip(subscripts, array.lower_bounds, strict=True):
        if subscript is None or not 0 <= subscript - low < len(level):
            return None
        level = level[subscript - low]
    return level


def slice_of(
    array: Array | None, lowers: list[int | None], uppers: list[int | None],
    given: list[tuple[bool, bool]],
) -> Array | None:  # fmt: skip
    """a[i:j][k:l]; `given` says which bounds were written: a missing one is the array's own.

    A bound that was written and is NULL makes the whole NULL.
    """
    if array is None:
        return None
    for low, high, (has_lower, has_upper) in zip(lowers, uppers, given, strict=True):
        if (has_lower and low is None) or (has_upper and high is None):
            return None
    lengths = dimensions(array)
    depth = len(lengths)
    if len(lowers) > depth:
        return EMPTY
    ranges: list[tuple[int, int]] = []
    for at in range(depth):
        low, high = array.lower_bounds[at], array.lower_bounds[at] + lengths[at] - 1
        if at < len(lowers):
            has_lower, has_upper = given[at]
            first = max(lowers[at], low) if has_lower else low
            last = min(uppers[at], high) if has_upper else high
        else:
            first, last = low, high
        if first > last:
            return EMPTY
        ranges.append((first - low, last - low + 1))
    return Array(_sliced(array.elements, ranges), (1,) * depth)


def _sliced(elements: tuple, ranges: list[tuple[int, int]]) -> tuple:
    (first, last), rest = ranges[0], ranges[1:]
    part = elements[first:last]
    return tuple(_sliced(item, rest) for item in part) if rest else part


def array_from_arrays(items: list[Array | None]) -> Array:
    """ARRAY[[1,2],[3,4]], or of variables that are arrays: all of the same shape, or all empty."""
    arrays = [item or EMPTY for item in items]
    shapes = {dimensions(item) for item in arrays}
    if shapes == {()}:
        return EMPTY
    if len(shapes) > 1:
        raise SqlError(
            errors.ARRAY_SUBSCRIPT_ERROR,
            "multidimensional arrays must have array expressions with matching dimensions",
        )
    return Array(tuple(item.elements for item in arrays), (1, *arrays[0].lower_bounds))

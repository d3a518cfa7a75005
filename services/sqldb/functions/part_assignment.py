"""Values with one part changed: SET a[2] = x, a[1:3] = b, j['k'][0] = v, address.city = c.

The binder calls these by itself; they have no names in SQL. What is assigned to may be NULL: then
an array or a document begins with just this part. # Real: arraysubs.c, jsonbsubs.c
"""

from __future__ import annotations

from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types.arrays import EMPTY, dimensions, flat, shaped
from services.sqldb.types.json_values import normal
from services.sqldb.values import Array, Jsonb, Row


def _null_subscript(kind: str) -> SqlError:
    message = f"{kind} subscript in assignment must not be null"
    return SqlError(errors.NULL_VALUE_NOT_ALLOWED, message)


def _subscript_error(message: str) -> SqlError:
    return SqlError(errors.ARRAY_SUBSCRIPT_ERROR, message)


def assign_element(array: Array | None, value: Any, *subscripts: int | None) -> Array:
    """An array of one dimension grows where it has to, filled with NULLs."""
    if any(subscript is None for subscript in subscripts):
        raise _null_subscript("array")
    array = array or EMPTY
    if not array.lower_bounds:
        result: Any = value
        for _ in subscripts:
            result = (result,)
        return Array(result, tuple(subscripts))
    if len(subscripts) != len(array.lower_bounds):
        raise _subscript_error("wrong number of array subscripts")
    if len(subscripts) == 1:
        return _growing(array, subscripts[0], (value,))
    return Array(_nested(array.elements, subscripts, array.lower_bounds, value), array.lower_bounds)


def _growing(array: Array, first: int, values: tuple) -> Array:
    """The values from subscript `first` on."""
    low, items = array.lower_bounds[0], list(array.elements)
    if first < low:
        gap = max(0, low - first - len(values))
        items = [None] * (low - first - gap) + [None] * gap + items
        low = first
    at = first - low
    items += [None] * (at + len(values) - len(items))
    items[at : at + len(values)] = values
    return Array(tuple(items), (low,))


def _nested(level: tuple, subscripts: tuple[int, ...], bounds: tuple, value: Any) -> tuple:
    index = subscripts[0] - bounds[0]
    if not 0 <= index < len(level):
        raise _subscript_error("array subscript out of range")
    new = value
    if len(subscripts) > 1:
        new = _nested(level[index], subscripts[1:], bounds[1:], value)
    return (*level[:index], new, *level[index + 1 :])


def assign_slice(given: tuple[tuple[bool, bool], ...]) -> Any:
    """The function for a[i:j][k:l] = values; `given` says which bounds are written."""
    count = len(given)

    def assign(array: Array | None, values: Array | None, *bounds: int | None) -> Array | None:
        if values is None:
            return array
        lowers, uppers = bounds[:count], bounds[count:]
        old = array or EMPTY
        ranges = [
            _range(old, at, low, high, has)
            for at, (low, high, has) in enumerate(zip(lowers, uppers, given, strict=True))
        ]
        source = list(flat(values))
        wanted = 1
        for low, high in ranges:
            wanted *= high - low + 1
        if not old.lower_bounds:
            if len(source) < wanted:
                raise _subscript_error("source array too small")
            lengths = [high - low + 1 for low, high in ranges]
            return shaped(source[:wanted], tuple(lengths), tuple(low for low, _ in ranges))
        if len(ranges) > len(old.lower_bounds):
            raise _subscript_error("wrong number of array subscripts")
        if len(old.lower_bounds) == 1:
            if len(source) < wanted:
                raise _subscript_error("source array too small")
            return _growing(old, ranges[0][0], tuple(source[:wanted]))
        return _nested_slice(old, ranges, source)

    return assign


def _range(
    array: Array, at: int, low: int | None, high: int | None, given: tuple[bool, bool]
) -> tuple[int, int]:
    if (given[0] and low is None) or (given[1] and high is None):
        raise _null_subscript("array")
    if not all(given):
        if at >= len(array.lower_bounds):
            raise SqlError(
                errors.ARRAY_SUBSCRIPT_ERROR,
                "array slice subscript must provide both boundaries",
                detail="When assigning to a slice of an empty array value, slice boundaries must "
                "be fully specified.",
            )
        least = array.lower_bounds[at]
        low = low if given[0] else least
        high = high if given[1] else least + dimensions(array)[at] - 1
    if low > high:
        raise _subscript_error("upper bound cannot be less than lower bound")
    return low, high


def _nested_slice(array: Array, ranges: list[tuple[int, int]], source: list) -> Array:
    lengths = dimensions(array)
    for at in range(len(ranges), len(lengths)):
        ranges.append((array.lower_bounds[at], array.lower_bounds[at] + lengths[at] - 1))
    wanted = 1
    for (low, high), least, length in zip(ranges, array.lower_bounds, lengths, strict=True):
        if low < least or high >= least + length:
            raise _subscript_error("array subscript out of range")
        wanted *= high - low + 1
    if len(source) < wanted:
        raise _subscript_error("source array too small")
    taken = iter(source)

    def changed(level: tuple, depth: int) -> tuple:
        low, high = (bound - array.lower_bounds[depth] for bound in ranges[depth])
        middle = [
            changed(item, depth + 1) if depth + 1 < len(ranges) else next(taken)
            for item in level[low : high + 1]
        ]
        return (*level[:low], *middle, *level[high + 1 :])

    return Array(changed(array.elements, 0), array.lower_bounds)


def assign_json(document: Jsonb | None, value: Jsonb | None, *path: str | int | None) -> Jsonb:
    """Missing objects and arrays on the way are made, and gaps in arrays filled with null."""
    if any(step is None for step in path):
        raise _null_subscript("jsonb")
    new = None if value is None else value.value
    old: Any = _MISSING if document is None else document.value
    if old is not _MISSING and not isinstance(old, dict | tuple):
        raise _no_container(path[0])
    return Jsonb(normal(_with_member(old, path, new)))


_MISSING = object()


def _no_container(step: str | int) -> SqlError:
    return SqlError(
        errors.INVALID_PARAMETER_VALUE,
        "cannot replace existing key",
        detail="The path assumes key is a composite object, but it is a scalar value.",
    )


def _with_member(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    step, rest = path[0], path[1:]
    if value is _MISSING:
        value = () if isinstance(step, int) else {}
    if isinstance(value, dict):
        key = str(step)
        return {**value, key: _with_member(value.get(key, _MISSING), rest, new)}
    if not isinstance(value, tuple):
        raise _no_container(step)
    try:
        index = int(step)
    except ValueError:
        raise SqlError(
            errors.INVALID_TEXT_REPRESENTATION,
            f'path element at position 1 is not an integer: "{step}"',
        ) from None
    if index < 0:
        index += len(value)
        if index < 0:
            message = f"path element at position 1 is out of range: {index - len(value)}"
            raise SqlError(errors.INVALID_PARAMETER_VALUE, message)
    items = [*value, *(None,) * (index + 1 - len(value))]
    old = value[index] if index < len(value) else _MISSING
    items[index] = _with_member(old, rest, new)
    return tuple(items)


def assign_field(index: int, width: int) -> Any:
    """The function for row.field = value."""

    def assign(row: Row | None, value: Any) -> Row:
        items = list(row) if row is not None else [None] * width
        items[index] = value
        return Row(items)

    return assign

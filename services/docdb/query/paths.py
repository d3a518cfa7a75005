"""Paths: what `a.b.0.c` leads to in a document, where arrays are on the way.

A name steps into a document. At an array it steps into each element that is a document, and,
where it is a number, also into the element at that place:

    {a: [{b: 1}, {b: 2}, 5]}      "a.b"  leads to 1 and 2
                                  "a.0"  leads to {b: 1}
                                  "a.0.b"  leads to 1

A path of a query can so lead to many values. `values_at` gives them, with arrays at the end as
themselves; whether their elements count too is a matter of the operator (`matcher`).
`value_in` is what expressions see instead: "$a.b" is the array [1, 2], and numbers are names.
"""

from services.docdb.query.comparison import MISSING


def split(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def values_at(document: object, parts: tuple[str, ...], start: int = 0) -> list[object]:
    """All values that a path leads to; MISSING for each way that ends too early."""
    found: list[object] = []
    _collect(document, parts, start, found)
    return found


def _collect(value: object, parts: tuple[str, ...], index: int, found: list[object]) -> None:
    count = len(parts)
    while index < count:
        part = parts[index]
        if type(value) is dict:
            if part not in value:
                found.append(MISSING)
                return
            value = value[part]
            index += 1
        elif type(value) is list:
            _collect_in_array(value, parts, index, found)
            return
        else:
            found.append(MISSING)
            return
    found.append(value)


def _collect_in_array(array: list, parts: tuple[str, ...], index: int, found: list) -> None:
    part = parts[index]
    if part.isdigit():
        place = int(part)
        if place < len(array):
            _collect(array[place], parts, index + 1, found)
        # A document in the array may have a field of that name.
        for item in array:
            if type(item) is dict and part in item:
                _collect(item, parts, index, found)
        return
    for item in array:
        if type(item) is dict:
            _collect(item, parts, index, found)
    # An array without a document in it has no such field, but is no missing one either.


def value_in(document: object, parts: tuple[str, ...]) -> object:
    """What an expression sees at a path: arrays are mapped, names are only names."""
    value = document
    for index, part in enumerate(parts):
        if type(value) is dict:
            if part not in value:
                return MISSING
            value = value[part]
        elif type(value) is list:
            rest = parts[index:]
            found = (value_in(item, rest) for item in value if type(item) in (dict, list))
            return [item for item in found if item is not MISSING]
        else:
            return MISSING
    return value


def plain_value(document: object, parts: tuple[str, ...]) -> object:
    """The value at a path on which no array lies, or MISSING; numbers are places in arrays."""
    value = document
    for part in parts:
        if type(value) is dict:
            value = value.get(part, MISSING)
        elif type(value) is list and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value

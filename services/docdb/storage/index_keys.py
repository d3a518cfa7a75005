"""The keys of a document in an index: one, or several where an array lies on a path.

    index {a: 1}          {a: 5} ─▶ 5        {a: [1, 2]} ─▶ 1 and 2       {} ─▶ null
    index {a: 1, b: 1}    {a: [1, 2], b: 7} ─▶ (1, 7) and (2, 7)

Two arrays side by side would make the product of their elements: MongoDB refuses that, and so
do we. An empty array has a key of its own, before null.
"""

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.query.comparison import (
    MISSING,
    NULL_KEY,
    UNDEFINED_RANK,
    Descending,
    KeyMaker,
    SortKey,
)
from services.docdb.query.paths import values_at

EMPTY_ARRAY_KEY = (UNDEFINED_RANK, 0)


class KeyExtractor:
    """Makes the keys of documents for one key pattern."""

    __slots__ = ("_directions", "_key", "_names", "_parts")

    def __init__(self, fields: list[tuple[str, int]], key: KeyMaker):
        self._names = [path for path, _ in fields]
        self._parts = [tuple(path.split(".")) for path, _ in fields]
        # One field alone can be read in either direction as it is.
        self._directions = [d if len(fields) > 1 else 1 for _, d in fields]
        self._key = key

    def part(self, value_key: SortKey, place: int) -> object:
        """The key of one field as it stands in the index."""
        return value_key if self._directions[place] > 0 else Descending(value_key)

    def keys(self, document: Document) -> tuple[list[tuple], bool]:
        """The keys, and whether an array made them several. Raises MongoError."""
        if len(self._parts) == 1:
            name = self._names[0]
            value = document.get(name, None) if len(self._parts[0]) == 1 else _NOT_PLAIN
            if value is not _NOT_PLAIN and type(value) is not list:
                return [(self._key(value),)], False
        columns, is_multikey = [], False
        arrays = []
        for place, parts in enumerate(self._parts):
            found, is_array = self._column(document, parts)
            is_multikey = is_multikey or is_array
            if is_array:
                arrays.append(parts)
            columns.append([self.part(key, place) for key in found])
        if sum(len(column) > 1 for column in columns) > 1:
            return self._parallel(document, columns, arrays)
        return _product(columns), is_multikey

    def _column(self, document: Document, parts: tuple[str, ...]) -> tuple[list[SortKey], bool]:
        keys: dict[SortKey, None] = {}
        is_array = False
        values = values_at(document, parts)
        for value in values:
            if type(value) is list:
                is_array = True
                for item in value:
                    keys[self._key(item)] = None
                if not value:
                    keys[EMPTY_ARRAY_KEY] = None
            else:
                keys[NULL_KEY if value is MISSING else self._key(value)] = None
        if not keys:
            keys[NULL_KEY] = None
        return list(keys), is_array or len(values) != 1 or _has_array(document, parts)

    def _parallel(
        self, document: Document, columns: list[list], arrays: list[tuple[str, ...]]
    ) -> tuple[list[tuple], bool]:
        """Fields of the same array belong together; those of two are refused."""
        roots = {_array_root(document, parts) for parts in arrays}
        if len(roots) > 1:
            names = " ".join(f"[{'.'.join(parts)}]" for parts in arrays)
            raise MongoError(171, f"cannot index parallel arrays {names}")
        root = next(iter(roots))
        keys: dict[tuple, None] = {}
        for item in values_at(document, root)[0]:
            single = _with_element(document, root, item)
            for key in KeyExtractor.keys(self, single)[0]:
                keys[key] = None
        return list(keys), True


_NOT_PLAIN = object()


def _has_array(document: object, parts: tuple[str, ...]) -> bool:
    for part in parts:
        if type(document) is list:
            return True
        if type(document) is not dict:
            return False
        document = document.get(part)
    return type(document) is list


def _array_root(document: object, parts: tuple[str, ...]) -> tuple[str, ...]:
    """The path of the first array on a path."""
    for depth, part in enumerate(parts):
        if type(document) is list:
            return parts[:depth]
        document = document.get(part) if type(document) is dict else None
    return parts


def _with_element(document: Document, root: tuple[str, ...], item: object) -> Document:
    """The document as if one element were all of its array."""
    name, *rest = root
    if not rest:
        return {**document, name: item}
    return {**document, name: _with_element(document[name], tuple(rest), item)}


def _product(columns: list[list]) -> list[tuple]:
    keys: list[tuple] = [()]
    for column in columns:
        keys = [(*key, value) for key in keys for value in column]
    return keys

"""The keys of a document in an index: one, or several where an array lies on a path.

    index {a: 1}          {a: 5} ─▶ 5        {a: [1, 2]} ─▶ 1 and 2       {} ─▶ null
    index {a: 1, b: 1}    {a: [1, 2], b: 7} ─▶ (1, 7) and (2, 7)

Two arrays side by side would make the product of their elements: MongoDB refuses that, and so
do we. An empty array has a key of its own, before null.

Each field of an index is a column. Most hold the values at their path; that of a hashed field
their hashes; that of a geospatial field the cells that its shapes are in (`geo_column`).
"""

from abc import ABC, abstractmethod

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.query.comparison import (
    MISSING,
    UNDEFINED_RANK,
    Descending,
    KeyMaker,
    SortKey,
)
from services.docdb.query.paths import values_at

EMPTY_ARRAY_KEY = (UNDEFINED_RANK, 0)


class Column(ABC):
    """Makes the keys of one field of an index."""

    __slots__ = ("parts",)

    def __init__(self, path: str):
        self.parts = tuple(path.split("."))

    @abstractmethod
    def keys(self, document: Document) -> tuple[list[SortKey], bool]:
        """The keys, and whether an array made them several. Raises MongoError."""


class ValueColumn(Column):
    """The values at a path."""

    __slots__ = ("key",)

    def __init__(self, path: str, key: KeyMaker):
        super().__init__(path)
        self.key = key

    def keys(self, document: Document) -> tuple[list[SortKey], bool]:
        if len(self.parts) == 1:
            value = document.get(self.parts[0], MISSING)
            if type(value) is not list:
                return [self.key(None if value is MISSING else value)], False
        keys: dict[SortKey, None] = {}
        is_array = False
        values = values_at(document, self.parts)
        for value in values:
            if type(value) is list:
                is_array = True
                for item in value:
                    keys[self.key(item)] = None
                if not value:
                    keys[EMPTY_ARRAY_KEY] = None
            else:
                keys[self.key(None if value is MISSING else value)] = None
        if not keys:
            keys[self.key(None)] = None
        return list(keys), is_array or len(values) != 1 or _has_array(document, self.parts)


class HashedColumn(ValueColumn):
    """The hashes of the values at a path."""

    __slots__ = ()

    def keys(self, document: Document) -> tuple[list[SortKey], bool]:
        found, is_array = super().keys(document)
        if is_array:
            raise MongoError(16766, "hashed indexes do not currently support array values. Found "
                             f"array at path: {'.'.join(self.parts)}")  # fmt: skip
        return found, False


class KeyExtractor:
    """Makes the keys of documents for one key pattern."""

    __slots__ = ("_columns", "_directions", "_only")

    def __init__(self, columns: list[Column], directions: list[int]):
        self._columns = columns
        # One field alone can be read in either direction as it is.
        self._directions = directions if len(columns) > 1 else [1]
        self._only: ValueColumn | None = None
        if len(columns) == 1 and type(columns[0]) is ValueColumn and len(columns[0].parts) == 1:
            self._only = columns[0]

    def part(self, value_key: SortKey, place: int) -> object:
        """The key of one field as it stands in the index."""
        return value_key if self._directions[place] > 0 else Descending(value_key)

    def keys(self, document: Document) -> tuple[list[tuple], bool]:
        """The keys, and whether an array made them several. Raises MongoError."""
        if self._only is not None:
            value = document.get(self._only.parts[0])
            if type(value) is not list:
                return [(self._only.key(value),)], False
        columns, is_multikey = [], False
        arrays = []
        for place, column in enumerate(self._columns):
            found, is_array = column.keys(document)
            is_multikey = is_multikey or is_array
            if is_array:
                arrays.append(column.parts)
            columns.append([self.part(key, place) for key in found])
        if len(arrays) > 1:
            together = self._together(document, arrays)
            if together:
                return together, True
        return _product(columns), is_multikey

    def _together(self, document: Document, arrays: list[tuple[str, ...]]) -> list[tuple]:
        """The keys of fields of the same array, element by element; none of an empty one.

        Raises MongoError where they are of two arrays."""
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
        return list(keys)


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

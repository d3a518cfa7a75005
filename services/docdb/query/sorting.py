"""Sorting: `{city: 1, age: -1}` becomes keys by which Python sorts.

An array sorts by its smallest element upwards and by its largest downwards; an empty one comes
before null. Fields in the same direction make one key; where directions change, Python's sort,
which is stable, runs once for each run of fields, from the last to the first.

`{score: {$meta: "textScore"}}` sorts by what is known beside the document; among the fields of a
SortOrder it is the path "$textScore", which no field can have.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions.numbers import as_whole, is_number
from services.docdb.query.comparison import (
    MISSING,
    UNDEFINED_RANK,
    Descending,
    KeyMaker,
    SortKey,
    sort_key,
)
from services.docdb.query.metadata import DISTANCE, TEXT_SCORE, Metadata
from services.docdb.query.paths import values_at

_EMPTY_ARRAY_KEY = (UNDEFINED_RANK, 0)
KeyOf = Callable[[Document], SortKey]


@dataclass(frozen=True, slots=True)
class SortOrder:
    """The fields to sort by, with their directions (1 or -1)."""

    fields: tuple[tuple[str, int], ...]
    key: KeyMaker = sort_key
    metadata: Metadata | None = None

    def field_key(self, path: str, direction: int) -> KeyOf:
        """The key of one field, or of what is known beside the document."""
        if path.startswith("$"):
            name, metadata, key = path[1:], self.metadata, self.key
            return lambda document: key(metadata.get(document, name))
        return field_key(path, direction, self.key)

    def sort(self, documents: Iterable[object]) -> list:
        return self.sort_with(documents, lambda document: document)

    def sort_with(self, items: Iterable[object], document_of: Callable[[object], Document]) -> list:
        """`items` by the documents in them."""
        ordered = list(items)
        for path, direction in reversed(self.fields):
            key = self.field_key(path, direction)
            ordered.sort(key=lambda item, key=key: key(document_of(item)), reverse=direction < 0)
        return ordered

    def first(self, count: int, items: Iterable[object], document_of: Callable) -> list:
        """The first `count` of the sorted items, without sorting all: a heap of that size."""
        if len(self.fields) == 1:
            path, direction = self.fields[0]
            key = self.field_key(path, direction)
            if direction > 0:
                return heapq.nsmallest(count, items, key=lambda item: key(document_of(item)))
            return heapq.nlargest(count, items, key=lambda item: key(document_of(item)))
        full = self.full_key()
        return heapq.nsmallest(count, items, key=lambda item: full(document_of(item)))

    def full_key(self) -> KeyOf:
        """One key for all fields, where they have to be compared at once."""
        keys = [(self.field_key(path, direction), direction) for path, direction in self.fields]
        return lambda document: tuple(
            [
                key(document) if direction > 0 else Descending(key(document))
                for key, direction in keys
            ]
        )


def field_key(path: str, direction: int, key: KeyMaker) -> KeyOf:
    """The key of one field of a document."""
    pick = min if direction > 0 else max
    if "." not in path:

        def plain(document: Document) -> SortKey:
            value = document.get(path, MISSING) if type(document) is dict else MISSING
            if type(value) is list:
                return pick(map(key, value)) if value else _EMPTY_ARRAY_KEY
            return key(value)

        return plain
    parts = tuple(path.split("."))

    def dotted(document: Document) -> SortKey:
        keys = []
        for value in values_at(document, parts):
            if type(value) is list:
                keys += map(key, value) if value else [_EMPTY_ARRAY_KEY]
            else:
                keys.append(key(value))
        return pick(keys) if keys else key(None)

    return dotted


def parse_sort(
    spec: object, key: KeyMaker = sort_key, metadata: Metadata | None = None
) -> SortOrder:
    """Raises MongoError."""
    if type(spec) is not dict:
        raise MongoError(14, "Expected field sort to be of type object")
    if len(spec) > 32:
        raise MongoError(13103, "too many compound keys")
    fields = []
    for path, direction in spec.items():
        if not path or path.startswith("$") or "" in path.split("."):
            raise MongoError(
                15998 if path else 40352,
                "FieldPath field names may not be empty or start with '$'.",
            )
        if type(direction) is dict:
            fields.append(_parse_meta(path, direction, metadata))
            continue
        if not is_number(direction):
            raise MongoError(15974, f"Illegal key in $sort specification: {path}: {direction}")
        sign = as_whole(direction)
        if sign not in (1, -1):
            raise MongoError(
                15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)"
            )
        fields.append((path, sign))
    return SortOrder(tuple(fields), key, metadata)


def _parse_meta(path: str, direction: Document, metadata: Metadata | None) -> tuple[str, int]:
    if "$meta" not in direction:
        raise MongoError(
            17312, f"$meta is the only expression supported by $sort right now: {path}"
        )
    name = direction["$meta"]
    if name not in (TEXT_SCORE, DISTANCE):
        raise MongoError(31138, f"Illegal $meta sort: {path}: {direction}")
    if metadata is None or not metadata.is_kept:
        raise MongoError(40218, f"query requires {name} metadata, but it is not available")
    return f"${name}", -1 if name == TEXT_SCORE else 1

"""The keys of a wildcard index: one for each value in a document, with the path that leads to it.

    {$**: 1}      {a: 5, b: {c: "x", d: [1, 2]}}  ─▶  ("a", 5)  ("b.c", "x")  ("b.d", 1)  ("b.d", 2)

What is not there has no key. `a.$**` takes what is below one field, and `wildcardProjection`
says which fields `$**` takes; `_id` only where it says so.
"""

from collections.abc import Iterator

from services.docdb.bson.types import Document
from services.docdb.query.comparison import STRING_RANK, KeyMaker, SortKey
from services.docdb.query.projection import parse_projection
from services.docdb.storage.index_keys import EMPTY_ARRAY_KEY

WILDCARD = "$**"


def path_key(path: str) -> SortKey:
    return (STRING_RANK, path)


class WildcardKeyExtractor:
    """Makes the keys of documents for one wildcard index."""

    __slots__ = ("_key", "_project", "root")

    def __init__(self, path: str, key: KeyMaker, projection: Document | None):
        self.root = tuple(path.removesuffix(WILDCARD).split(".")[:-1])
        self._key = key
        wanted = {"_id": 0} if projection is None else {"_id": 0, **projection}
        self._project = None if self.root else parse_projection(wanted)

    def part(self, value_key: SortKey, place: int) -> object:
        return value_key

    def takes(self, path: str) -> bool:
        """Whether what is at a path is in the index."""
        parts = path.split(".")
        if any(part.isdigit() for part in parts):
            return False
        if self.root:
            return tuple(parts[: len(self.root)]) == self.root
        value: object = 1
        for part in reversed(parts):
            value = {part: value}
        value = self._project(value, {})
        for part in parts:
            if type(value) is not dict or part not in value:
                return False
            value = value[part]
        return True

    def keys(self, document: Document) -> tuple[list[tuple], bool]:
        keys: dict[tuple, None] = {}
        is_multikey = False
        for path, key, in_array in self._below(self._start(document), ""):
            keys[path_key(path), key] = None
            is_multikey = is_multikey or in_array
        return list(keys), is_multikey

    def _start(self, document: Document) -> Document:
        if self._project is not None:
            return self._project(document, {})
        kept: object = document
        for part in self.root:
            kept = kept.get(part) if type(kept) is dict else None
        for part in reversed(self.root):
            kept = {} if kept is None else {part: kept}
        return kept

    def _below(
        self, value: object, path: str, in_array: bool = False
    ) -> Iterator[tuple[str, SortKey, bool]]:
        if type(value) is dict and (value or not path):
            for name, item in value.items():
                yield from self._below(item, f"{path}.{name}" if path else name, in_array)
        elif type(value) is list:
            if not value:
                yield path, EMPTY_ARRAY_KEY, True
            for item in value:
                if type(item) is list:
                    yield path, self._key(item), True
                else:
                    yield from self._below(item, path, True)
        else:
            yield path, self._key(value), in_array

"""One index of a collection: the keys of its documents, in order, with the records they lead to.

    {name: "age_1_city_1", key: {age: 1, city: 1}, unique: …, sparse: …,
     partialFilterExpression: …, expireAfterSeconds: …, collation: …, hidden: …}

The entries are (key, record id) in `SortedBlocks`. `keys_of` says which keys a document has;
`check` refuses what would be there twice in a unique index; `add` and `remove` are the inverse
of each other. What a key is depends on the kind of the index:

    values      the values at each path; a "hashed" field has the hash of its value, so that it
                serves equality alone, and a "2d" or "2dsphere" field the cells it is in
    text        the terms of texts, with their scores        (`text_keys`)
    wildcard    every path there is, with its value          (`wildcard_keys`)
"""

import hashlib
from enum import Enum

from services.docdb.bson.types import Document, Int64, ObjectId
from services.docdb.errors import MongoError
from services.docdb.geo.cells import EARTH, Grid
from services.docdb.query.collation import Collation, key_of, parse_collation
from services.docdb.query.comparison import MISSING
from services.docdb.query.conditions import Condition, Predicate
from services.docdb.query.filters import parse_filter
from services.docdb.query.paths import plain_value, split, values_at
from services.docdb.storage.geo_column import FlatColumn, SphereColumn, flat_grid
from services.docdb.storage.index_keys import Column, HashedColumn, KeyExtractor, ValueColumn
from services.docdb.storage.sorted_blocks import SortedBlocks
from services.docdb.storage.text_keys import TextKeyExtractor, text_fields
from services.docdb.storage.wildcard_keys import WILDCARD, WildcardKeyExtractor

GEO_KINDS = ("2d", "2dsphere")


class IndexKind(Enum):
    VALUES = "values"
    TEXT = "text"
    WILDCARD = "wildcard"


def kind_of(pattern: Document) -> IndexKind:
    if "text" in pattern.values():
        return IndexKind.TEXT
    if any(path == WILDCARD or path.endswith("." + WILDCARD) for path in pattern):
        return IndexKind.WILDCARD
    return IndexKind.VALUES


class Index:
    """Built from its specification, which is what the client sees of it."""

    def __init__(self, spec: Document, namespace: str):
        self.spec = spec
        self.name: str = spec["name"]
        self.pattern: Document = spec["key"]
        self.fields = [(path, _direction(value)) for path, value in self.pattern.items()]
        self.kind = kind_of(self.pattern)
        self.hashed_paths = [path for path, how in self.pattern.items() if how == "hashed"]
        self.geo_paths = [path for path, how in self.pattern.items() if how in GEO_KINDS]
        self.is_unique = bool(spec.get("unique")) or self.name == "_id_"
        self.is_sparse = bool(spec.get("sparse"))
        self.is_hidden = bool(spec.get("hidden"))
        self.is_multikey = False
        self.collation: Collation | None = parse_collation(spec.get("collation"))
        self.partial: Predicate | None = None
        self.partial_condition: Condition | None = None
        if "partialFilterExpression" in spec:
            self.partial_condition = parse_filter(spec["partialFilterExpression"])
            self.partial = self.partial_condition.compile()
        self.entries = SortedBlocks()
        self.uses = 0
        """How often a plan has read it, since it was made or the server started."""
        self.made_at_ms = 0
        self._namespace = namespace
        self.key = key_of(self.collation)
        self.extractor = self._extractor()
        self._paths = [split(path) for path, _ in self.fields]
        self._geo_parts = [split(path) for path in self.geo_paths]

    def _extractor(self) -> KeyExtractor | TextKeyExtractor | WildcardKeyExtractor:
        match self.kind:
            case IndexKind.TEXT:
                paths = list(self.pattern)
                place = paths.index("_fts")
                before, after = paths[:place], paths[place + 2 :]
                return TextKeyExtractor(
                    [ValueColumn(path, self.key) for path in before],
                    [ValueColumn(path, self.key) for path in after],
                    text_fields(self.spec),
                )
            case IndexKind.WILDCARD:
                path, projection = self.fields[0][0], self.spec.get("wildcardProjection")
                return WildcardKeyExtractor(path, self.key, projection)
        columns = [self._column(path, how) for path, how in self.pattern.items()]
        return KeyExtractor(columns, [direction for _, direction in self.fields])

    def _column(self, path: str, how: object) -> Column:
        match how:
            case "hashed":
                return HashedColumn(path, self.hashed_key)
            case "2dsphere":
                return SphereColumn(path)
            case "2d":
                return FlatColumn(path, flat_grid(self.spec))
        return ValueColumn(path, self.key)

    @property
    def is_plain(self) -> bool:
        """Whether its keys are just the values of its fields, in their order."""
        return self.kind is IndexKind.VALUES and not self.geo_paths and not self.hashed_paths

    def grid_of(self, path: str) -> Grid:
        """The grid of a geospatial field."""
        return EARTH if self.pattern[path] == "2dsphere" else flat_grid(self.spec)

    def has_place(self, document: Document) -> bool:
        """Whether one of the geospatial fields is there: documents without are left out."""
        return any(
            value is not MISSING and value is not None
            for parts in self._geo_parts
            for value in values_at(document, parts)
        )

    def hashed_key(self, value: object) -> tuple:
        """The key of a value in a hashed index: a number of 64 bits."""
        digest = hashlib.md5(repr(self.key(value)).encode(), usedforsecurity=False).digest()
        return (10, Int64(int.from_bytes(digest[:8], "little", signed=True)))

    def rename_to(self, namespace: str) -> None:
        self._namespace = namespace

    def keys_of(self, document: Document) -> list[tuple]:
        """The keys of a document; none where the index leaves it out. Raises MongoError."""
        if self.partial is not None and not self.partial(document):
            return []
        if self.geo_paths and not self.has_place(document):
            return []
        keys, is_multikey = self.extractor.keys(document)
        if is_multikey:
            self.is_multikey = True
        if self.is_sparse and self._has_none_of(document):
            return []
        return keys

    def _has_none_of(self, document: Document) -> bool:
        return all(v is MISSING for parts in self._paths for v in values_at(document, parts))

    def check(self, keys: list[tuple], document: Document, own_id: int | None = None) -> None:
        """Raises MongoError 11000 where another record has one of the keys."""
        for key in keys:
            for record_id in self.record_ids(key):
                if record_id != own_id:
                    raise self._duplicate(document)

    def record_ids(self, key: tuple) -> list[int]:
        """The records of exactly this key."""
        found = self.entries.first_from((key, -1))
        if found is None or found[0] != key:
            return []
        if self.is_unique:
            return [found[1]]
        return [entry[1] for entry in self.entries.between((key, -1), (key, float("inf")))]

    def _duplicate(self, document: Document) -> MongoError:
        values = {path: _plain_or_null(document, path) for path in self.pattern}
        shown = ", ".join(f"{name}: {shown_value(value)}" for name, value in values.items())
        return MongoError(
            11000,
            f"E11000 duplicate key error collection: {self._namespace} index: {self.name} "
            f"dup key: {{ {shown} }}",
            extra={"keyPattern": dict(self.pattern), "keyValue": values},
        )

    def add(self, keys: list[tuple], record_id: int) -> None:
        for key in keys:
            self.entries.add((key, record_id))

    def remove(self, keys: list[tuple], record_id: int) -> None:
        for key in keys:
            self.entries.remove((key, record_id))


def _direction(value: object) -> int:
    return -1 if isinstance(value, int | float) and value < 0 else 1


def _plain_or_null(document: Document, path: str) -> object:
    value = plain_value(document, split(path))
    return None if value is MISSING else value


def shown_value(value: object) -> str:
    """A value as error messages show it."""
    if type(value) is str:
        return f'"{value}"'
    if value is None:
        return "null"
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is ObjectId:
        return f"ObjectId('{value}')"
    if isinstance(value, int):
        return str(int(value))
    return repr(value)

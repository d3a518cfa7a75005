"""A collection: its records in the order of insertion, and its indexes.

    records   record id ─▶ Record(document, its bytes)
    indexes   name ─▶ Index

Every change of a document goes through `insert`, `replace` and `delete`, which keep the indexes
in line and tell the journal. A change that an index refuses is refused before anything has
changed. Documents are never changed in place: who has read one keeps what was read.

A record has the bytes beside the document: a `find` sends them as they are, which saves half of
its time, and costs the memory of both forms.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from services.docdb.bson.encoder import RawDocument
from services.docdb.bson.types import Binary, Document
from services.docdb.errors import MongoError
from services.docdb.query.collation import Collation, parse_collation
from services.docdb.query.comparison import sort_key
from services.docdb.query.filters import compile_filter
from services.docdb.storage.index import Index

ID_INDEX = {"v": 2, "key": {"_id": 1}, "name": "_id_"}


class ChangeListener(Protocol):
    """Who is told of each change: the journal."""

    def inserted(self, namespace: str, raw: bytes) -> None: ...

    def replaced(self, namespace: str, raw: bytes) -> None: ...

    def deleted(self, namespace: str, document_id: object) -> None: ...


class Record:
    """One document and its bytes."""

    __slots__ = ("document", "id", "raw")

    def __init__(self, record_id: int, document: Document, raw: RawDocument):
        self.id = record_id
        self.document = document
        self.raw = raw


@dataclass(slots=True)
class Collection:
    """The records of one namespace, such as `test.people`."""

    database: str
    name: str
    listener: ChangeListener
    options: Document = field(default_factory=dict)
    uuid: Binary = field(default_factory=lambda: Binary(os.urandom(16), 4))
    records: dict[int, Record] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    size_bytes: int = 0
    changes: int = 0
    """Counts every change; who waits for new documents looks at it."""
    plan_cache: dict = field(default_factory=dict)
    validate: Callable[[Document], bool] | None = None
    collation: Collation | None = None
    is_dropped: bool = False
    _next_id: int = 1

    def __post_init__(self) -> None:
        id_spec = dict(ID_INDEX)
        clustered = self.options.get("clusteredIndex")
        if clustered:
            id_spec |= {"name": "_id_", "unique": True, "clustered": True}
        if self.options.get("collation"):
            self.collation = parse_collation(self.options["collation"])
            id_spec["collation"] = self.options["collation"]
        self.indexes["_id_"] = Index(id_spec, self.namespace)
        self.options_changed()

    def options_changed(self) -> None:
        """Bring in line what follows from the options."""
        validator = self.options.get("validator")
        self.validate = compile_filter(validator) if validator else None

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def id_index(self) -> Index:
        return self.indexes["_id_"]

    @property
    def is_capped(self) -> bool:
        return bool(self.options.get("capped"))

    def find_by_id(self, document_id: object) -> Record | None:
        key = (self.collation.key if self.collation else sort_key)(document_id)
        found = self.id_index.record_ids((key,))
        return self.records[found[0]] if found else None

    # Changes.

    def insert(self, document: Document, raw: RawDocument) -> Record:
        """Raises MongoError where an index refuses it."""
        found = []
        for index in self.indexes.values():
            keys = index.keys_of(document)
            if index.is_unique:
                index.check(keys, document)
            found.append((index, keys))
        record = Record(self._next_id, document, raw)
        self._next_id += 1
        for index, keys in found:
            index.add(keys, record.id)
        self.records[record.id] = record
        self.size_bytes += len(raw)
        self.changes += 1
        self.listener.inserted(self.namespace, raw)
        if self.is_capped:
            self._make_room()
        return record

    def _make_room(self) -> None:
        """A capped collection forgets its oldest documents."""
        most = self.options.get("max", 0)
        while self.size_bytes > self.options["size"] or (most and len(self.records) > most):
            if len(self.records) == 1:
                return
            self.delete(next(iter(self.records.values())))

    def replace(self, record: Record, document: Document, raw: RawDocument) -> Record:
        """Put a new document in the place of a record's. Raises MongoError."""
        found = []
        for index in self.indexes.values():
            keys, old_keys = index.keys_of(document), index.keys_of(record.document)
            if keys == old_keys:
                continue
            if index.is_unique:
                index.check(keys, document, record.id)
            found.append((index, keys, old_keys))
        for index, keys, old_keys in found:
            index.remove(old_keys, record.id)
            index.add(keys, record.id)
        # A new record under the old number: who iterates still has the old document.
        changed = Record(record.id, document, raw)
        self.records[record.id] = changed
        self.size_bytes += len(raw) - len(record.raw)
        self.changes += 1
        self.listener.replaced(self.namespace, raw)
        return changed

    def delete(self, record: Record) -> None:
        for index in self.indexes.values():
            index.remove(index.keys_of(record.document), record.id)
        del self.records[record.id]
        self.size_bytes -= len(record.raw)
        self.changes += 1
        self.listener.deleted(self.namespace, record.document.get("_id"))

    # Indexes.

    def build_index(self, spec: Document) -> Index:
        """Build an index of what is there. Raises MongoError, and then there is none."""
        index = Index(spec, self.namespace)
        for record in self.records.values():
            keys = index.keys_of(record.document)
            if index.is_unique:
                index.check(keys, record.document)
            index.add(keys, record.id)
        self.indexes[index.name] = index
        self.plan_cache.clear()
        return index

    def drop_index(self, name: str) -> None:
        if name == "_id_":
            raise MongoError(72, "cannot drop _id index")
        if name not in self.indexes:
            raise MongoError(27, f"index not found with name [{name}]")
        del self.indexes[name]
        self.plan_cache.clear()

    def rename(self, database: str, name: str) -> None:
        self.database, self.name = database, name
        for index in self.indexes.values():
            index.rename_to(self.namespace)

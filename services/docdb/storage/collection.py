"""A collection: its records in the order of insertion, and its indexes.

    records   record id ─▶ Record(document, its bytes)
    indexes   name ─▶ Index

Every change of a document goes through `change`, which keeps the indexes in line and tells the
journal. A change that an index refuses, or that an open transaction stands in the way of, is
refused before anything has changed. Documents are never changed in place: who has read one keeps
what was read, and a snapshot (`services.docdb.transactions`) is told what it has to keep.

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
from services.docdb.storage.claims import Claims
from services.docdb.storage.index import Index

ID_INDEX = {"v": 2, "key": {"_id": 1}, "name": "_id_"}


Move = tuple[Index, list[tuple], list[tuple]]
"""What a change does to an index: the keys before, and the keys after."""


class ChangeListener(Protocol):
    """Who is told of each change: the journal."""

    def changed(
        self,
        collection: "Collection",
        old: "Record | None",
        new: "Record | None",
        *,
        as_whole: bool,
    ) -> None: ...


class Observer(Protocol):
    """Who has to know of each change before it is made: an open snapshot."""

    def keep(
        self,
        collection: "Collection",
        old: "Record | None",
        new: "Record | None",
        moves: list[Move],
    ) -> None: ...


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
    observers: list[Observer] = field(default_factory=list)
    """The open snapshots; one list for all collections."""
    claims: Claims = field(default_factory=Claims)
    next_id: int = 1
    namespace: str = field(init=False)

    def __post_init__(self) -> None:
        self.namespace = f"{self.database}.{self.name}"
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
        record = Record(self.take_id(), document, raw)
        self.change(None, record)
        if self.is_capped:
            self._make_room()
        return record

    def take_id(self) -> int:
        number = self.next_id
        self.next_id += 1
        return number

    def _make_room(self) -> None:
        """A capped collection forgets its oldest documents."""
        most = self.options.get("max", 0)
        while self.size_bytes > self.options["size"] or (most and len(self.records) > most):
            if len(self.records) == 1:
                return
            self.delete(next(iter(self.records.values())))

    def replace(
        self, record: Record, document: Document, raw: RawDocument, *, as_whole: bool = False
    ) -> Record:
        """Put a new document in the place of a record's. Raises MongoError.

        `as_whole` says that the client has sent it, and not what is to change in it.
        """
        # A new record under the old number: who iterates still has the old document.
        changed = Record(record.id, document, raw)
        self.change(record, changed, as_whole=as_whole)
        return changed

    def delete(self, record: Record) -> None:
        """Raises MongoError where an open transaction has changed it."""
        self.change(record, None)

    def change(self, old: Record | None, new: Record | None, *, as_whole: bool = False) -> None:
        """Put `new` in the place of `old`; None is no record. Raises MongoError."""
        if self.claims.are_held and old is not None:
            self.claims.check_record(old.id)
        moves = self._moves(old, new)
        for observer in self.observers:
            observer.keep(self, old, new, moves)
        self._apply(old, new, moves)
        self.listener.changed(self, old, new, as_whole=as_whole)

    def check_free(self, records: list[Record]) -> None:
        """Raises MongoError where an open transaction has one of them, and nothing is changed."""
        if self.claims.are_held:
            for record in records:
                self.claims.check_record(record.id)

    def _moves(self, old: Record | None, new: Record | None) -> list[Move]:
        """What has to change in the indexes. Raises MongoError where one refuses it."""
        moves = []
        for index in self.indexes.values():
            before = index.keys_of(old.document) if old is not None else []
            after = index.keys_of(new.document) if new is not None else []
            if before != after:
                if index.is_unique and after:
                    self._check_unique(index, after, new)
                moves.append((index, before, after))
        return moves

    def _check_unique(self, index: Index, keys: list[tuple], new: Record) -> None:
        if self.claims.are_held:
            self.claims.check_keys(index, keys, new.id)
        index.check(keys, new.document, new.id)

    def _apply(self, old: Record | None, new: Record | None, moves: list[Move]) -> None:
        record_id = (new or old).id
        for index, before, after in moves:
            index.remove(before, record_id)
            index.add(after, record_id)
        if new is not None:
            self.records[record_id] = new
            self.size_bytes += len(new.raw)
        else:
            del self.records[record_id]
        if old is not None:
            self.size_bytes -= len(old.raw)
        self.changes += 1

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
        self.namespace = f"{database}.{name}"
        for index in self.indexes.values():
            index.rename_to(self.namespace)

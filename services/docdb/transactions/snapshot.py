"""Snapshots: all collections as they were at one time, while others go on writing.

A snapshot begins as nothing: at its time it sees what everybody sees. From then on each change
of a document is shown to it before it is made (`Collection.change`), and it keeps the version
that it is about to lose. What it keeps is an overlay on the collection (`overlay`), with which
a CollectionView looks just like the collection did, indexes included.

    time 7   open snapshot               views: —
    time 8   others: 2 becomes B         view of the collection: 2 is b; index: b, and not B
    time 9   others: insert 3            … and 3 is not there

The price is paid by who writes while snapshots are open, once for each. The catalog has no
versions: where a collection has been dropped, made or given an index since, the snapshot cannot
serve it any more, and says so. # Real: SnapshotUnavailable; WiredTiger's read timestamps.

A transaction writes into its views (`owner`): nobody else sees that before the commit.
"""

import copy
from typing import TYPE_CHECKING

from services.docdb.bson.types import Binary, Document, Timestamp
from services.docdb.errors import MongoError
from services.docdb.storage.catalog import Catalog, View
from services.docdb.storage.claims import write_conflict
from services.docdb.storage.collection import Collection, Move, Record
from services.docdb.storage.index import Index
from services.docdb.storage.journal import Journal
from services.docdb.transactions.overlay import OverlayEntries, OverlayRecords

if TYPE_CHECKING:
    from services.docdb.transactions.transaction import Transaction


class Snapshot:
    """What was there at a time. `close` it: an open one costs every writer."""

    def __init__(self, catalog: Catalog, time: Timestamp, owner: "Transaction | None" = None):
        self.time = time
        self.outdated: set[str] = set()
        self._catalog = catalog
        self._owner = owner
        self._views: dict[Binary, CollectionView] = {}
        catalog.snapshots.append(self)

    def view(self, collection: Collection) -> "CollectionView":
        found = self._views.get(collection.uuid)
        if found is None:
            found = self._views[collection.uuid] = CollectionView(collection, self._owner)
        return found

    def keep(
        self, collection: Collection, old: Record | None, new: Record | None, moves: list[Move]
    ) -> None:
        """Others are about to change a record."""
        self.view(collection).keep(old, new, moves)

    def close(self) -> None:
        if self in self._catalog.snapshots:
            self._catalog.snapshots.remove(self)
        for view in self._views.values():
            view.release()


class CollectionView(Collection):
    """A collection as a snapshot sees it, with the changes of the transaction that owns it."""

    def __init__(self, below: Collection, owner: "Transaction | None"):
        self.below = below
        self._owner = owner
        self._foreign: set[int] = set()
        """Records that others have changed since: to write them is a conflict."""
        self.database, self.name, self.uuid = below.database, below.name, below.uuid
        self.namespace = below.namespace
        self.options, self.collation = below.options, below.collation
        self.validate = below.validate
        self.listener = owner
        self.observers = []
        self.claims = below.claims
        self.plan_cache = below.plan_cache
        self.is_dropped = False
        self.size_bytes, self.changes = below.size_bytes, below.changes
        self.records = OverlayRecords(below.records)
        self.indexes = {name: _index_view(index) for name, index in below.indexes.items()}

    def take_id(self) -> int:
        return self.below.take_id()

    def keep(self, old: Record | None, new: Record | None, moves: list[Move]) -> None:
        """Others are about to change a record: hold on to what is seen here."""
        record_id = (new or old).id
        self._foreign.add(record_id)
        self.records.keep(record_id, old)
        for index, before, after in moves:
            own = self.indexes.get(index.name)
            if own is not None:
                own.add(before, record_id)
                own.remove(after, record_id)

    def change(self, old: Record | None, new: Record | None, *, as_whole: bool = False) -> None:
        """A change of the transaction's own. Raises MongoError."""
        if self.is_capped:
            raise MongoError(263, f"Collection '{self.namespace}' is a capped collection. Writes "
                             "in transactions are not allowed on capped collections.")  # fmt: skip
        if old is not None:
            if old.id in self._foreign:
                raise write_conflict()
            self.claims.check_record(old.id, self._owner)
        moves = self._moves(old, new)
        self.claims.take((new or old).id, self._owner)
        for index, _, after in moves:
            if index.is_unique:
                self.claims.take_keys(index, after, self._owner)
        self._apply(old, new, moves)
        self.listener.changed(self, old, new, as_whole=as_whole)

    def check_free(self, records: list[Record]) -> None:
        """A transaction that meets another one is aborted: what it has done till then is undone."""

    def _check_unique(self, index: Index, keys: list[tuple], new: Record) -> None:
        now = self.below.indexes.get(index.name)
        if now is not None:
            self.claims.check_keys(now, keys, new.id, self._owner)
        index.check(keys, new.document, new.id)
        # A document that has come since is not seen here, and has the key all the same.
        for key in keys if now is not None else ():
            if any(record_id in self._foreign for record_id in now.record_ids(key)):
                raise write_conflict()

    def release(self) -> None:
        if self._owner is not None and self.claims.are_held:
            self.claims.release(self._owner)


def _index_view(index: Index) -> Index:
    seen = copy.copy(index)
    seen.entries = OverlayEntries(index.entries)
    return seen


class SnapshotCatalog(Catalog):
    """The catalog within a snapshot. What a transaction makes is here alone until it commits."""

    def __init__(self, below: Catalog, snapshot: Snapshot, journal: Journal | None = None):
        super().__init__(journal)
        self._below = below
        self._snapshot = snapshot
        self.touched: set[str] = set()

    def find(self, database: str, name: str) -> Collection | None:
        """Raises MongoError where it is no more what it was when the snapshot was taken."""
        own = super().find(database, name)
        if own is not None:
            return own
        self._touch(f"{database}.{name}")
        found = self._below.find(database, name)
        return self._snapshot.view(found) if found is not None else None

    def find_view(self, database: str, name: str) -> View | None:
        return self._below.find_view(database, name)

    def create_index(self, collection: Collection, spec: Document) -> None:
        if type(collection) is CollectionView:
            raise MongoError(
                263,
                f"Cannot create new indexes on existing collection {collection.namespace} in a "
                "multi-document transaction.",
            )
        super().create_index(collection, spec)

    def _touch(self, namespace: str) -> None:
        self.touched.add(namespace)
        self.check()

    def check(self) -> None:
        """Raises MongoError where something that was looked at is no more what it was."""
        changed = self.touched & self._snapshot.outdated
        if changed:
            raise MongoError(246, "Unable to read from a snapshot due to pending collection "
                             f"catalog changes to {changed.pop()}; please retry the "
                             "operation.")  # fmt: skip

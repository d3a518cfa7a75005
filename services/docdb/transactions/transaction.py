"""A transaction: a snapshot to read, own writes on top of it, and a commit that is all or nothing.

    startTransaction     snapshot at time 7
    find, update, …      the handlers run with an engine whose catalog is the snapshot; what they
                         change is seen there alone, and is noted in `operations`
    commitTransaction    the operations are made again, now on the collections that everybody sees

The commit cannot fail half way. A record or unique key that a transaction has written is claimed
(`storage.claims`), so nobody can have come between; and one that somebody had written since the
snapshot was refused when it was tried, with a write conflict. All changes of a commit fall into
one turn of the loop, and so into one record of the journal, which is loaded whole or not at all.
# Real: WiredTiger's transactions; TransactionParticipant, and one applyOps entry in the oplog.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.docdb.bson.types import Binary, Document, Int64
from services.docdb.storage.catalog import Catalog
from services.docdb.storage.collection import Collection, Record
from services.docdb.storage.journal import SESSION
from services.docdb.transactions.sessions import LogicalSession, State
from services.docdb.transactions.snapshot import Snapshot, SnapshotCatalog

if TYPE_CHECKING:
    from services.docdb.engine import Engine


@dataclass(frozen=True, slots=True)
class Operation:
    """One change: of a document, or of the catalog."""

    namespace: str
    old: Record | None = None
    new: Record | None = None
    as_whole: bool = False
    catalog_change: Document | None = None

    def redo(self, catalog: Catalog) -> None:
        database, _, name = self.namespace.partition(".")
        change = self.catalog_change
        if change is not None and "create" in change:
            catalog.create(database, name, change["options"], change["uuid"])
            return
        collection = catalog.find(database, name)
        if change is not None:
            catalog.create_index(collection, change["spec"])
            return
        collection.change(self.old, self.new, as_whole=self.as_whole)
        if self.new is not None:
            collection.next_id = max(collection.next_id, self.new.id + 1)


class Transaction:
    """One open transaction. To its collections and its catalog it is the journal."""

    def __init__(self, engine: "Engine", session: LogicalSession):
        self._engine = engine
        self._session = session
        self.started_at_s = engine.now_s()
        self.operations: list[Operation] = []
        self.snapshot = Snapshot(engine.catalog, engine.journal.oplog.clock.last, self)
        self._catalog = SnapshotCatalog(engine.catalog, self.snapshot, self)
        self.engine = engine.inside(self._catalog, self.snapshot)

    # What collections and the catalog tell.

    def changed(
        self, collection: Collection, old: Record | None, new: Record | None, *, as_whole: bool
    ) -> None:
        self.operations.append(Operation(collection.namespace, old, new, as_whole))

    def changed_catalog(self, change: Document, uuid: Binary | None = None) -> None:
        namespace = next(iter(change.values()))
        self.operations.append(Operation(namespace, catalog_change=change))

    # The end.

    def check(self) -> None:
        """Raises MongoError where it can only be aborted."""
        self._catalog.check()

    def commit(self) -> None:
        """Raises MongoError, and then nothing has changed."""
        self.check()
        session, journal = self._session, self._engine.journal
        self._end(State.COMMITTED)
        if not self.operations:
            return
        name = {"lsid": {"id": Binary(session.id, 4)}, "txnNumber": Int64(session.number)}
        with journal.oplog.transaction(name):
            for operation in self.operations:
                operation.redo(self._engine.catalog)
        journal.note(SESSION, session.document())

    def abort(self) -> None:
        self._end(State.ABORTED)

    def _end(self, state: State) -> None:
        self._session.state, self._session.transaction = state, None
        self.snapshot.close()
        self._engine.cursors.kill_reading(self.snapshot)
        self._engine.transactions.wakes_waiting = True

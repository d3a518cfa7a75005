"""The catalog: definitions as transactions see and change them.

    shared state ───── what is committed; every transaction reads it
         │ copy, at the first change
         ▼
    private state ──── of a transaction that changes definitions; its changes stand in a list, too
         │
         ▼
    a heap like any ── each definition is a row: so it is logged, undone and recovered as rows are

When the transaction commits, its list is applied to the shared state, and to the private states
of all others that have one; when it is rolled back, to a savepoint or altogether, its changes are
taken back one by one (`Transaction.on_undo`).

Definitions are looked up without a snapshot: what another one has committed is seen at once. That
is safe because who uses a table holds a lock on it that excludes its change, and who takes a name
holds a lock on the name. # Real: catalog snapshots and invalidation messages, inval.c

`version` grows with every change that anybody can see: plans that were made under another number
are made again.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from services.sqldb.catalog.definitions import (
    BOOTSTRAP_ROLE_OID,
    DATABASE_OWNER_ROLE_OID,
    FIRST_USER_OID,
    INFORMATION_SCHEMA_OID,
    PG_CATALOG_OID,
    PUBLIC_SCHEMA_OID,
    Comment,
    Definition,
    Role,
    Schema,
)
from services.sqldb.catalog.privileges import predefined_definitions
from services.sqldb.catalog.records import from_record, to_record
from services.sqldb.catalog.state import CatalogState, Name, name_of
from services.sqldb.storage.heap import Heap
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.transactions.mvcc import FREE
from services.sqldb.transactions.transaction import Transaction

CATALOG_HEAP_OID = 1

Change = tuple[int, Definition | None]
"""An oid and its new definition; None: it is gone."""


class Catalog:
    """What is committed, and the private states of transactions that change definitions.

    All methods: holding the latch.
    """

    def __init__(self, heap: Heap):
        """`heap` keeps the definitions: rows of (oid, record). See `load`."""
        self.shared = CatalogState()
        self.version = 1
        self._heap = heap
        # Where in the heap the row of a definition is.
        self._places: dict[int, int] = {}
        self._views: dict[Transaction, CatalogView] = {}
        self._next_oid = FIRST_USER_OID
        # A private state gets a number at each change that no other has ever had.
        self.private_versions = count(1)
        # Definitions that no transaction made: they are not logged, and are the same everywhere.
        for definition in _BUILT_IN:
            self.shared.put(definition)

    def view(self, transaction: Transaction) -> CatalogView:
        """What this transaction sees: the same object throughout the transaction."""
        view = self._views.get(transaction)
        return view if view is not None else CatalogView(self, transaction)

    def new_oid(self) -> int:
        """An oid that nobody has. Gaps stay: oids are not taken back."""
        self._next_oid += 1
        return self._next_oid - 1

    def committed(self, view: CatalogView) -> None:
        self.apply(view.changes)
        for other in self._views.values():
            if other is not view:
                other.follow(view.changes)

    def apply(self, changes: Iterable[Change]) -> None:
        """Make changes that everybody sees: of a commit, or of the log when the server starts."""
        for oid, definition in changes:
            if definition is None:
                self.shared.remove(oid)
            else:
                self.shared.put(definition)
            self._next_oid = max(self._next_oid, _highest_oid(oid, definition) + 1)
        self.version += 1

    def load(self) -> None:
        """Read what recovery has put into the heap."""
        changes = []
        for version in self._heap.rows:
            if version is not FREE:
                oid, record = version.values
                self._places[oid] = version.row_id
                changes.append((oid, None if record is None else from_record(record)))
        self.apply(changes)

    # For CatalogView.

    def begin_changes(self, view: CatalogView) -> None:
        self._views[view.transaction] = view
        view.transaction.at_end(lambda is_committed: self._at_end(view, is_committed))

    def _at_end(self, view: CatalogView, is_committed: bool) -> None:
        self.end_changes(view)
        if is_committed:
            self.committed(view)

    def end_changes(self, view: CatalogView) -> None:
        self._views.pop(view.transaction, None)

    def write(self, transaction: Transaction, change: Change) -> None:
        """Keep a change in the heap. A built-in definition that is gone leaves a row behind."""
        oid, definition = change
        record = None if definition is None else to_record(definition)
        place = self._places.get(oid)
        if place is None:
            version = self._heap.insert(transaction, (oid, record))
            self._places[oid] = version.row_id
            transaction.on_undo(lambda: self._places.pop(oid))
            return
        head = self._heap.rows[place]
        if head.xmin != transaction.xid:
            # Another's version, perhaps not committed yet: claim what is, and so wait for its end.
            head = transaction.latest_snapshot().visible(head)
        newest = self._heap.claim(transaction, head)
        if definition is None and oid >= FIRST_USER_OID:
            self._heap.delete(transaction, newest)
            del self._places[oid]
            transaction.on_undo(lambda: self._places.__setitem__(oid, place))
        else:
            self._heap.update(transaction, newest, (oid, record))


class CatalogView:
    """Definitions as one transaction sees them. Reads go to `state`, see `CatalogState`."""

    __slots__ = ("_catalog", "_is_private", "_private_version", "changes", "state", "transaction")

    def __init__(self, catalog: Catalog, transaction: Transaction):
        self._catalog = catalog
        self.transaction = transaction
        self.state = catalog.shared
        self.changes: list[Change] = []
        self._is_private = False
        self._private_version = 0

    @property
    def version(self) -> tuple[int, int]:
        """Plans that were made under another one are to be made again."""
        return self._catalog.version, self._private_version

    def new_oid(self) -> int:
        return self._catalog.new_oid()

    def take_name(self, name: Name) -> None:
        """Wait for others who are making an object of this name; then look whether it is there."""
        self.transaction.lock(("object", *name), LockMode.EXCLUSIVE)

    def put(self, definition: Definition) -> None:
        """Add a definition, or put it in the place of the one with its oid."""
        name = name_of(definition)
        if name is not None:
            self.take_name(name)
        self._change((definition.oid, definition))

    def remove(self, oid: int) -> None:
        self._change((oid, None))

    def _change(self, change: Change) -> None:
        if not self._is_private:
            self._is_private = True
            self.state = self._catalog.shared.copy()
            self._catalog.begin_changes(self)
        oid, definition = change
        old = self.state.get(oid)
        self._put(oid, definition)
        self.changes.append(change)
        self._catalog.write(self.transaction, change)
        self.transaction.on_undo(lambda: self._take_back(oid, old))

    def _put(self, oid: int, definition: Definition | None) -> None:
        if definition is None:
            self.state.remove(oid)
        else:
            self.state.put(definition)
        self._private_version = next(self._catalog.private_versions)

    def _take_back(self, oid: int, old: Definition | None) -> None:
        self.changes.pop()
        if self.changes:
            self._put(oid, old)
        else:
            # Nothing is left of its own: back to what all see.
            self._is_private = False
            self._private_version = 0
            self.state = self._catalog.shared
            self._catalog.end_changes(self)

    def follow(self, changes: Iterable[Change]) -> None:
        """Another transaction has committed these."""
        for oid, definition in changes:
            self._put(oid, definition)


def _highest_oid(oid: int, definition: Definition | None) -> int:
    """A definition may have oids for its parts: an array type, the heap of a table."""
    others = ("array_oid", "storage_oid", "row_type_oid")
    return max(oid, *(getattr(definition, name, 0) for name in others))


_BUILT_IN = (
    Role(
        BOOTSTRAP_ROLE_OID, "postgres", is_superuser=True, can_create_db=True, can_create_role=True
    ),
    Schema(PG_CATALOG_OID, "pg_catalog"),
    Schema(INFORMATION_SCHEMA_OID, "information_schema"),
    Schema(PUBLIC_SCHEMA_OID, "public", DATABASE_OWNER_ROLE_OID),
    *predefined_definitions(),
    Comment(13_610, 2615, PUBLIC_SCHEMA_OID, 0, "standard public schema"),
)

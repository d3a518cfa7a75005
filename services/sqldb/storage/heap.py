"""A heap: the rows of one table, each a chain of versions, in no order but that of their places.

    rows[0] ──▶ version ──▶ older            a row id is a place in this list; it stays the same
    rows[1] ──▶ version                      for as long as anybody can see the row, and is given
    rows[2] ──▶ FREE                         to another row afterwards
    rows[3] ──▶ version ──▶ older ──▶ older

**Writing.** `insert`, `update` and `delete` put versions in, note it in the transaction's list of
writes (so that it can be undone and logged), and keep the indexes. An index isn't touched by an
update that changes none of its keys. # Real: HOT, heap-only tuples

**When two write the same row**, the second waits for the end of the first one's transaction:
`claim`. If that one is rolled back, nothing has happened. If it commits, then under READ COMMITTED
the newest version is the answer, and the caller has to look whether it still fulfils the
statement's condition (PostgreSQL: EvalPlanQual). Under the other levels it is an error, 40001.

    T1  UPDATE acct SET n = n + 1 WHERE id = 7      n is 50; makes the version 51
    T2  UPDATE acct SET n = n + 1 WHERE id = 7      sees 50, claims the row, waits
    T1  COMMIT
    T2                                              claim gives the version 51: id is still 7;
                                                    so it makes 52: nothing was lost

All methods: holding the latch; only `claim`, `lock_row` and what checks uniqueness may give it up.
# Real: heapam.c
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from services.sqldb.errors import (
    CARDINALITY_VIOLATION,
    LOCK_NOT_AVAILABLE,
    SERIALIZATION_FAILURE,
    SqlError,
)
from services.sqldb.storage.btree import BTree
from services.sqldb.storage.log_record import encode_truncate
from services.sqldb.transactions.mvcc import FREE, Snapshot, Version
from services.sqldb.transactions.row_locks import QUEUE_MODE, RowLock, WaitPolicy, excludes
from services.sqldb.transactions.transaction import Isolation, Transaction
from services.sqldb.transactions.undo import DELETE, INSERT, LOCK, UPDATE

if TYPE_CHECKING:
    from services.sqldb.storage.heap_index import HeapIndex

CONCURRENT_UPDATE = "could not serialize access due to concurrent update"
CONCURRENT_DELETE = "could not serialize access due to concurrent delete"
SECOND_TIME = "ON CONFLICT DO UPDATE command cannot affect row a second time"
SECOND_TIME_HINT = (
    "Ensure that no rows proposed for insertion within the same command have duplicate "
    "constrained values."
)


class Heap:
    """The rows of a table and its indexes. `name` and `schema` are for messages alone."""

    __slots__ = (
        "counts", "free", "indexes", "name", "oid", "pins", "row_locks", "rows", "schema",
    )  # fmt: skip

    def __init__(self, oid: int, name: str = "", schema: str = ""):
        self.oid = oid
        self.name = name
        self.schema = schema
        self.rows: list[Version] = []
        """The newest version of each row, FREE where there is none."""
        self.free: list[int] = []
        self.indexes: list[HeapIndex] = []
        self.row_locks: dict[int, dict[Transaction, RowLock]] = {}
        self.pins = 0
        """How many reasons there are for the vacuum to keep away: an index that is being built, or
        was taken off by a transaction that may be rolled back."""
        self.counts = TableCounts()

    # Reading.

    def scan(self, snapshot: Snapshot) -> Iterator[Version]:
        """The newest version of each row there is now, for the cheap test and `visible`.

        Rows that are added while it runs do not come. For SERIALIZABLE it counts as reading all
        of the table. 100,000 rows with the cheap test: 4 ms (Python 3.11).
        """
        serializable = snapshot.reader.serializable
        if serializable is not None:
            serializable.read_table(self.oid)
        return islice(self.rows, len(self.rows))

    def versions(self, snapshot: Snapshot) -> Iterator[Version]:
        """The versions that a snapshot sees: the plain form of what generated code does."""
        horizon, visible = snapshot.xmin, snapshot.visible
        for head in self.scan(snapshot):
            if head.xmax == 0 and head.xmin < horizon:
                yield head
            else:
                version = visible(head)
                if version is not None:
                    yield version

    def fetch(self, snapshot: Snapshot, row_id: int) -> Version | None:
        """One row by its place."""
        if not 0 <= row_id < len(self.rows):
            return None
        serializable = snapshot.reader.serializable
        if serializable is not None:
            serializable.read_row(self.oid, row_id)
        return snapshot.visible(self.rows[row_id])

    # Writing.

    def insert(self, transaction: Transaction, values: tuple) -> Version:
        """A new row. Raises SqlError where a unique index has its key already.

        It may wait for another transaction that has inserted the key and is still running.
        """
        if transaction.serializable is not None:
            transaction.serializable.wrote(self, values, None)
        # What may fail comes first: an expression of an index, or SSI.
        keys = [index.entry(values) for index in self.indexes]
        xid = transaction.xid or transaction.assign_xid()
        rows = self.rows
        if self.free:
            row_id = self.free.pop()
            version = rows[row_id] = Version(values, xid, transaction.command_id, row_id)
        else:
            row_id = len(rows)
            version = Version(values, xid, transaction.command_id, row_id)
            rows.append(version)
        transaction.writes.append((INSERT, self, version, None))
        # All entries first: while one index waits, the others show the row already.
        rivals = [
            index for index, key in zip(self.indexes, keys, strict=True) if index.add(key, row_id)
        ]
        for index in rivals:
            index.check_unique(transaction, version)
        return version

    def update(self, transaction: Transaction, version: Version, values: tuple) -> Version:
        """A new version of a row that `claim` has just given. Raises as `insert` does."""
        row_id, old_values = version.row_id, version.values
        changed = [index for index in self.indexes if index.differs(old_values, values)]
        if transaction.serializable is not None:
            transaction.serializable.wrote(self, old_values, row_id)
            transaction.serializable.wrote(self, values, row_id)
        xid = transaction.xid or transaction.assign_xid()
        command_id = transaction.command_id
        newest = Version(values, xid, command_id, row_id, version)
        version.xmax = xid
        version.cmax = command_id
        self.rows[row_id] = newest
        transaction.writes.append((UPDATE, self, newest, not changed))
        rivals = [index for index in changed if index.add(index.entry(values), row_id)]
        for index in rivals:
            index.check_unique(transaction, newest)
        return newest

    def delete(self, transaction: Transaction, version: Version) -> None:
        """Put an end to a row that `claim` has just given."""
        if transaction.serializable is not None:
            transaction.serializable.wrote(self, version.values, version.row_id)
        version.xmax = transaction.xid or transaction.assign_xid()
        version.cmax = transaction.command_id
        transaction.writes.append((DELETE, self, version, None))

    # Who may write.

    def claim(
        self, transaction: Transaction, version: Version, new_values: tuple | None = None
    ) -> Version | None:
        """The version to be updated to `new_values`, or deleted; call it just before doing so.

        `version` is one that a snapshot of this transaction sees, not a head as it comes.
        Waits for whoever is in the way. The answer is `version` itself; or, under READ COMMITTED, a
        newer one, whose condition and new values must be evaluated again and which must then be
        claimed again; or None: the row is gone, or this command has changed it already. Under the
        other levels a newer version raises SqlError 40001.
        """
        if not version.xmax and (not self.row_locks or version.row_id not in self.row_locks):
            return version
        strength = self.strength_of(version.values, new_values)
        doing = "deleting" if new_values is None else "updating"
        return self._await_turn(transaction, version, strength, WaitPolicy.BLOCK, doing)

    def lock_row(
        self,
        transaction: Transaction,
        version: Version,
        strength: RowLock,
        policy: WaitPolicy = WaitPolicy.BLOCK,
    ) -> Version | None:
        """SELECT FOR UPDATE and its like: as `claim`, and the lock stays until the end.

        None is also the answer of SKIP where somebody holds the row; NOWAIT raises 55P03.
        """
        newest = self._await_turn(transaction, version, strength, policy, "locking")
        if newest is not None:
            self._note_lock(transaction, version.row_id, strength)
        return newest

    def _note_lock(self, transaction: Transaction, row_id: int, strength: RowLock) -> None:
        transaction.assign_xid()  # Those who wait, wait for its end.
        holders = self.row_locks.setdefault(row_id, {})
        held = holders.get(transaction)
        if held is None or held < strength:
            holders[transaction] = strength
            transaction.writes.append((LOCK, self, row_id, (transaction, held)))

    def strength_of(self, old: tuple, new: tuple | None) -> RowLock:
        """How strong a lock an update is; None: a delete. See `row_locks`."""
        if new is None or any(i.identifies and i.differs(old, new) for i in self.indexes):
            return RowLock.UPDATE
        return RowLock.NO_KEY_UPDATE

    def _await_turn(
        self,
        transaction: Transaction,
        version: Version,
        strength: RowLock,
        policy: WaitPolicy,
        doing: str,
    ) -> Version | None:
        row_id = version.row_id
        queue = ("tuple", self.oid, row_id), QUEUE_MODE[strength]
        is_queued = False
        try:
            while blocker := self._blocker(transaction, row_id, strength):
                if policy is WaitPolicy.SKIP:
                    return None
                if policy is WaitPolicy.NOWAIT:
                    message = f'could not obtain lock on row in relation "{self.name}"'
                    raise SqlError(LOCK_NOT_AVAILABLE, message)
                if is_queued:
                    transaction.wait_for(blocker, f"while {doing} tuple {self._shown(row_id)}")
                else:
                    # One waits for the transaction, the others wait in line for the row.
                    is_queued = transaction.queue_for(*queue)
        finally:
            if is_queued:
                transaction.leave_queue(*queue)
        return self._newest_for(transaction, version)

    def _shown(self, row_id: int) -> str:
        """As PostgreSQL does, as if all rows were on one page."""
        return f'(0,{row_id + 1}) in relation "{self.name}"'

    def _blocker(self, transaction: Transaction, row_id: int, strength: RowLock) -> int:
        """The xid of a running transaction that excludes this lock; 0: none."""
        head = self.rows[row_id]
        writer = head.xmax or head.xmin
        if transaction.is_running(writer) and excludes(self._write_in_progress(head), strength):
            return writer
        for holder, held in self.row_locks.get(row_id, {}).items():
            if holder is not transaction and excludes(held, strength):
                return holder.xid
        return 0

    def _write_in_progress(self, head: Version) -> RowLock:
        """What the running transaction that has written a row last holds by that."""
        if head.xmax:
            return RowLock.UPDATE
        before = head.older
        while before is not None and before.xmin == head.xmin:
            before = before.older
        return RowLock.UPDATE if before is None else self.strength_of(before.values, head.values)

    def _newest_for(self, transaction: Transaction, version: Version) -> Version | None:
        """Nobody is in the way any more: what has become of the version?"""
        if not version.xmax or transaction.is_running(version.xmax):
            return version
        newest = self.rows[version.row_id]
        while transaction.is_running(newest.xmin):
            newest = newest.older
        if transaction.xid in (version.xmax, newest.xmin):
            return None
        is_gone = newest.xmax and not transaction.is_running(newest.xmax)
        if transaction.isolation is not Isolation.READ_COMMITTED:
            message = CONCURRENT_DELETE if is_gone else CONCURRENT_UPDATE
            raise SqlError(SERIALIZATION_FAILURE, message)
        return None if is_gone else newest

    # ON CONFLICT.

    def find_conflict(
        self,
        transaction: Transaction,
        values: tuple,
        indexes: "Sequence[HeapIndex]",
        *,
        is_to_be_updated: bool = False,
    ) -> Version | None:
        """The row that keeps `values` from being inserted, if any; waits until that is certain.

        After None nobody can come in between, if `insert` follows at once. A row that is to be
        updated must be claimed, and where that gives another version, all begins again. Raises
        SqlError: 40001 where the row is newer than the snapshot of a REPEATABLE READ transaction,
        21000 where this command is to update it and has made it.
        """
        at = 0
        while at < len(indexes):
            rival = indexes[at].rival(transaction, values, -1)
            if isinstance(rival, int):
                why = f'while checking uniqueness of a row in relation "{self.name}"'
                transaction.wait_for(rival, why)
                at = 0  # Whatever was certain may have changed meanwhile.
            elif rival is not None:
                self._check_conflict(transaction, rival, is_to_be_updated)
                return rival
            else:
                at += 1
        return None

    def _check_conflict(self, transaction: Transaction, rival: Version, is_update: bool) -> None:
        snapshot = transaction.snapshot
        is_own = rival.xmin == transaction.xid
        if is_own and is_update and rival.cmin >= snapshot.command_id:
            raise SqlError(CARDINALITY_VIOLATION, SECOND_TIME, hint=SECOND_TIME_HINT)
        keeps_snapshot = transaction.isolation is not Isolation.READ_COMMITTED
        if not is_own and keeps_snapshot and not snapshot.sees(rival.xmin):
            raise SqlError(SERIALIZATION_FAILURE, CONCURRENT_UPDATE)

    # The whole table.

    def truncate(self, transaction: Transaction) -> None:
        """Begin anew, empty; whoever calls this holds the table ACCESS EXCLUSIVE.

        As in PostgreSQL, older snapshots see the table empty too, once this is committed. A table
        is rewritten (ALTER TABLE) by reading it, truncating it, and inserting the new rows.
        """
        transaction.assign_xid()
        rows, free, counts = self.rows, self.free, self.counts
        trees = [(index, index.tree) for index in self.indexes]

        def take_back() -> None:
            self.rows, self.free, self.counts = rows, free, counts
            for index, tree in trees:
                index.tree = tree

        self.pin(transaction, take_back, encode_truncate(self.oid))
        self.rows, self.free, self.counts = [], [], TableCounts()
        for index in self.indexes:
            index.tree = BTree()

    def pin(
        self, transaction: Transaction, take_back: Callable[[], None], record: bytes | None = None
    ) -> None:
        """Something was put aside that `take_back` brings again: nothing is vacuumed meanwhile."""
        self.pins += 1

        def undone() -> None:
            self.pins -= 1
            take_back()

        def ended(is_committed: bool) -> None:
            self.pins -= is_committed

        transaction.on_undo(undone, record)
        transaction.at_end(ended)

    # Taking back, see transactions.undo.

    def undo_inserts(self, versions: list[Version]) -> None:
        rows, places = self.rows, [version.row_id for version in versions]
        for place in places:
            rows[place] = FREE
        self.free += places
        for index in self.indexes:
            for version in versions:
                index.forget(version, None)

    def undo_updates(self, updates: list[tuple[Version, bool]]) -> None:
        """Versions, each with whether no index has another key for it."""
        rows, indexes = self.rows, self.indexes
        for version, is_hot in updates:
            older = version.older
            rows[version.row_id] = older
            older.xmax = older.cmax = 0
            if not is_hot:
                for index in indexes:
                    index.forget(version, older)

    def undo_delete(self, version: Version) -> None:
        version.xmax = version.cmax = 0

    def undo_lock(self, row_id: int, transaction: Transaction, before: RowLock | None) -> None:
        if before is None:
            self.unlock(row_id, transaction)
        else:
            self.row_locks[row_id][transaction] = before

    def unlock(self, row_id: int, transaction: Transaction) -> None:
        holders = self.row_locks.get(row_id)
        if holders is not None:
            holders.pop(transaction, None)
            if not holders:
                del self.row_locks[row_id]

    # Cleaning up, see storage.vacuum.

    def clear(self, version: Version) -> None:
        """The row is gone for everybody: its place is free."""
        row_id = version.row_id
        self.rows[row_id] = FREE
        self.free.append(row_id)
        for index in self.indexes:
            index.forget(version, None)

    def cut(self, keeper: Version) -> None:
        """Nobody sees what is older than this version: let it go, with its index entries."""
        dead, keeper.older = keeper.older, None
        while dead is not None:
            for index in self.indexes:
                if index.differs(dead.values, keeper.values):
                    index.forget(dead, self.rows[keeper.row_id])
            dead = dead.older


class TableCounts:
    """What has happened to a table, for its statistics and for autovacuum.

    # Real: pg_stat_user_tables
    """

    __slots__ = ("dead", "deleted", "hot_updated", "inserted", "live", "modified", "updated")

    def __init__(self) -> None:
        self.live = self.dead = 0
        self.inserted = self.updated = self.deleted = self.hot_updated = 0
        self.modified = 0
        """Rows changed since ANALYZE has last set it to 0."""

"""Serializable snapshot isolation: transactions that are right alone are right together.

Under REPEATABLE READ each transaction works on its own picture of the data, taken at its beginning.
Two of them that write the same row are found out. But this goes unnoticed:

    At least one doctor must be on call. Alice and Bob are, and both want to leave.

        T1 (Alice)                                      T2 (Bob)
        SELECT count(*) FROM doctors WHERE on_call  ▶ 2
                                                        SELECT count(*) … WHERE on_call  ▶ 2
        UPDATE doctors SET on_call = false
          WHERE name = 'Alice'
                                                        UPDATE … WHERE name = 'Bob'
        COMMIT                                          COMMIT

    They have written different rows, and nobody is on call: **write skew**. One after the other,
    the second would have read 1 and stayed.

Look at who should have come first. T1 read Bob's row as it was before T2 changed it, so T1 must
come before T2 in any serial order: `T1 ──rw──▶ T2`, T1 has a conflict *out* to T2, which has one
*in*. And T2 read what T1 changed: `T2 ──rw──▶ T1`. A circle: there is no such order.

Looking for circles would cost too much. It is enough to know (Cahill, Röhm, Fekete 2008) that each
circle has two such edges in a row, through a **pivot**, and that of the three the last commits
first:

        T1 ──rw──▶ pivot ──rw──▶ T3        T3 has committed before the other two
                                           (T1 and T3 may be the same, as above)

Who would complete this structure is refused with 40001, though there may be no circle; the client
tries again, and then it works. Nobody waits for anybody.

**How an edge is seen.** A reader meets a version that another serializable transaction has made or
ended and that isn't over for him: an edge from him to the writer (`SerializableSnapshot`). The
other order, first read then written, needs a memory: each read leaves a mark, called SIREAD lock
though it blocks nobody, on a table, a row, a key or a range of keys of an index, so that a row that
is inserted into the range later is noticed too. A writer looks who has left marks where he writes
(`wrote`).

Marks and edges of a transaction stay after its commit, until those that ran beside it have ended.
# Real: predicate.c. Ports, Grittner: Serializable Snapshot Isolation in PostgreSQL (VLDB 2012).
# PostgreSQL marks pages of an index where we mark ranges of its keys.
"""

import math
from typing import TYPE_CHECKING

from services.sqldb.errors import SERIALIZATION_FAILURE, SqlError
from services.sqldb.transactions.mvcc import Snapshot, Version
from services.sqldb.transactions.procarray import ProcArray

if TYPE_CHECKING:
    from services.sqldb.storage.btree import Cut
    from services.sqldb.storage.heap import Heap
    from services.sqldb.storage.heap_index import HeapIndex
    from services.sqldb.transactions.transaction import Transaction

MARKS_PER_TABLE = 1000
"""Who has read more rows and keys of a table than this has read the table."""

DURING_READ = "Canceled on identification as a pivot, during conflict out checking."
DURING_CHECK = "Canceled on identification as a pivot, during conflict in checking."
DURING_WRITE = "Canceled on identification as a pivot, during write."
DURING_COMMIT = "Canceled on identification as a pivot, during commit attempt."
OUT_TO_PIVOT = "Canceled on conflict out to pivot {}, during read."
IN_FROM_PIVOT = "Canceled on commit attempt with conflict in from prepared pivot."


def _failure(reason: str) -> SqlError:
    return SqlError(
        SERIALIZATION_FAILURE,
        "could not serialize access due to read/write dependencies among transactions",
        detail=f"Reason code: {reason}",
        hint="The transaction might succeed if retried.",
    )


class SerializableSnapshot(Snapshot):
    """A snapshot that notices what it doesn't see."""

    __slots__ = ()

    def visible(self, version: Version | None) -> Version | None:
        seen = super().visible(version)
        own = self.reader.serializable
        if own is not None and not own.is_only_one:
            while version is not seen:
                if version.xmin != self.reader.xid and not self.sees(version.xmin):
                    own.read_before(version.xmin)
                version = version.older
            if seen is not None and seen.xmax and not self.sees(seen.xmax):
                own.read_before(seen.xmax)
        return seen


class SerializableXact:
    """What is known of one serializable transaction.  # Real: SERIALIZABLEXACT"""

    __slots__ = (
        "_all", "_marks", "_marks_of_table", "commit_number", "earliest_out", "ins", "is_doomed",
        "is_read_only", "outs", "prepare_number", "snapshot_number", "xid",
    )  # fmt: skip

    def __init__(self, everything: "SerializableTransactions", *, is_read_only: bool):
        self._all = everything
        self._marks: set[tuple] = set()
        self._marks_of_table: dict[int, int] = {}
        self.is_read_only = is_read_only
        self.xid = 0
        self.ins: set[SerializableXact] = set()
        """Those that read what this one has written since."""
        self.outs: set[SerializableXact] = set()
        """Those that have written what this one read before."""
        self.earliest_out: float = math.inf
        """When the first of `outs` that has committed did so."""
        self.is_doomed = False
        """It has to fail when it does the next thing, so that another one could commit."""
        self.snapshot_number = everything.last_number
        self.prepare_number: float = math.inf
        self.commit_number: float = math.inf

    @property
    def is_prepared(self) -> bool:
        return self.prepare_number != math.inf

    @property
    def is_committed(self) -> bool:
        return self.commit_number != math.inf

    @property
    def is_only_one(self) -> bool:
        return len(self._all.known) == 1

    # Reading.

    def read_table(self, oid: int) -> None:
        self._mark(oid, ("table", oid))

    def read_row(self, oid: int, row_id: int) -> None:
        self._mark(oid, ("row", oid, row_id))

    def read_key(self, index: "HeapIndex", key: object) -> None:
        self._mark(index.heap.oid, ("key", index.oid, key))

    def read_range(self, index: "HeapIndex", start: "Cut | None", end: "Cut | None") -> None:
        self._mark(index.heap.oid, ("range", index.oid, start, end))

    def _mark(self, oid: int, target: tuple) -> None:
        if self.is_doomed:
            raise _failure(DURING_READ)
        if target in self._marks or ("table", oid) in self._marks:
            return
        count = self._marks_of_table[oid] = self._marks_of_table.get(oid, 0) + 1
        if count > MARKS_PER_TABLE:
            target = ("table", oid)
        self._marks.add(target)
        self._all.marks.setdefault(_place_of(target), {}).setdefault(target, set()).add(self)

    def read_before(self, xid: int) -> None:
        """It has read a row as it was before this transaction wrote it. Raises SqlError."""
        writer = self._all.by_xid.get(xid)
        if writer is not None and not writer.is_doomed:
            self._all.found(reader=self, writer=writer, acting=self)

    # Writing.

    def wrote(self, heap: "Heap", values: tuple, row_id: int | None) -> None:
        """It has put a row with these values in, or changed or deleted it. Raises SqlError."""
        if self.is_doomed:
            raise _failure(DURING_CHECK)
        for reader in self._all.readers_of(heap, values, row_id):
            if reader is not self and not reader.is_doomed and self._is_concurrent(reader):
                self._all.found(reader=reader, writer=self, acting=self)

    def _is_concurrent(self, reader: "SerializableXact") -> bool:
        return reader.commit_number > self.snapshot_number

    def forget(self) -> None:
        """Nobody who runs now can form a structure with it."""
        marks = self._all.marks
        for target in self._marks:
            place = _place_of(target)
            readers = marks[place][target]
            readers.discard(self)
            if not readers:
                del marks[place][target]
                if not marks[place]:
                    del marks[place]
        self._marks.clear()
        for other in self.ins:
            other.outs.discard(self)
        for other in self.outs:
            other.ins.discard(self)
        self._all.by_xid.pop(self.xid, None)
        self._all.known.discard(self)


def _place_of(target: tuple) -> tuple:
    """Where a writer looks for it: tables and rows by the table, keys and ranges by the index."""
    return ("table", target[1]) if target[0] in ("table", "row") else (target[0], target[1])


class SerializableTransactions:
    """Those that run, and those that have committed beside them."""

    def __init__(self, procarray: ProcArray):
        self._procarray = procarray
        self.known: set[SerializableXact] = set()
        self.by_xid: dict[int, SerializableXact] = {}
        self.marks: dict[tuple, dict[tuple, set[SerializableXact]]] = {}
        """By place and target: who has read it."""
        self.last_number = 0
        """Counts preparations and commits, so that one can say what came first."""
        self._waiting: list[Transaction] = []

    def begin(self, transaction: "Transaction") -> Snapshot:
        """The snapshot of a serializable transaction. May wait where that was asked for."""
        if transaction.is_read_only:
            snapshot = self._begin_read_only(transaction)
            if snapshot is not None:
                return snapshot
        own = SerializableXact(self, is_read_only=transaction.is_read_only)
        self.known.add(own)
        transaction.serializable = own
        if transaction.xid:
            self.has_xid(own, transaction.xid)
        taken = self._procarray.snapshot(transaction)
        return SerializableSnapshot(
            transaction, taken.xmin, taken.xmax, taken.running, taken.command_id
        )

    def _begin_read_only(self, transaction: "Transaction") -> Snapshot | None:
        """A snapshot that is safe, so that nothing has to be remembered; None if there is none.

        It is, if no transaction that writes runs beside it, or if those that did have ended
        without an edge to one that had committed before the snapshot.
        """
        while True:
            beside = [each for each in self.known if not each.is_read_only and _runs(each)]
            snapshot, number = self._procarray.snapshot(transaction), self.last_number
            if not beside:
                return snapshot
            if not transaction.is_deferrable:
                return None
            transaction.hold(snapshot)
            self._waiting.append(transaction)
            try:
                while any(_runs(each) and each in self.known for each in beside):
                    transaction.backend.interrupts.wait()
            finally:
                self._waiting.remove(transaction)
                transaction.let_go(snapshot)
            if not any(each.is_committed and each.earliest_out <= number for each in beside):
                return snapshot

    def has_xid(self, own: SerializableXact, xid: int) -> None:
        own.xid = xid
        self.by_xid[xid] = own

    def readers_of(self, heap: "Heap", values: tuple, row_id: int | None) -> list[SerializableXact]:
        """Who has read the table, the row, or where it is in an index."""
        readers: list[SerializableXact] = []
        of_table = self.marks.get(("table", heap.oid))
        if of_table:
            readers += of_table.get(("table", heap.oid), ())
            readers += of_table.get(("row", heap.oid, row_id), ())
        for index in heap.indexes:
            of_keys = self.marks.get(("key", index.oid))
            of_ranges = self.marks.get(("range", index.oid))
            if of_keys or of_ranges:
                key = index.entry(values)
                readers += (of_keys or {}).get(("key", index.oid, key), ())
                for (_, _, start, end), those in (of_ranges or {}).items():
                    if index.is_in_range(key, start, end):
                        readers += those
        return readers

    def found(
        self, *, reader: SerializableXact, writer: SerializableXact, acting: SerializableXact
    ) -> None:
        """An edge from the reader to the writer. Raises SqlError if it must not be.

        # Real: OnConflict_CheckForSerializationFailure()
        """
        if reader is writer:
            return
        if self._is_dangerous(reader, writer):
            if acting is writer:
                raise _failure(DURING_WRITE)
            if writer.is_prepared:
                raise _failure(OUT_TO_PIVOT.format(writer.xid))
            writer.is_doomed = True
        reader.outs.add(writer)
        writer.ins.add(reader)
        if writer.is_prepared:
            reader.earliest_out = min(reader.earliest_out, writer.prepare_number)

    def _is_dangerous(self, reader: SerializableXact, writer: SerializableXact) -> bool:
        # reader ──▶ writer ──▶ T3: the writer is the pivot, and T3 was the first to commit.
        first = writer.earliest_out
        if (
            first != math.inf
            and first <= reader.commit_number
            and first <= writer.commit_number
            and (not reader.is_read_only or first <= reader.snapshot_number)
        ):
            return True
        # T1 ──▶ reader ──▶ writer: the reader is the pivot, and the writer was the first.
        if not writer.is_prepared or reader.is_read_only:
            return False
        return any(
            not each.is_doomed
            and each.commit_number >= writer.prepare_number
            and (not each.is_read_only or each.snapshot_number >= writer.prepare_number)
            for each in reader.ins
        )

    def before_commit(self, own: SerializableXact) -> None:
        """It wants to be the first of a structure to commit. Raises SqlError.

        # Real: PreCommit_CheckForSerializationFailure()
        """
        if own.is_doomed:
            raise _failure(DURING_COMMIT)
        for pivot in own.ins:
            if pivot.is_committed or pivot.is_doomed:
                continue
            if any(each is own or _threatens(each) for each in pivot.ins):
                if pivot.is_prepared:
                    raise _failure(IN_FROM_PIVOT)
                pivot.is_doomed = True
        self.last_number += 1
        own.prepare_number = self.last_number
        for reader in own.ins:
            reader.earliest_out = min(reader.earliest_out, own.prepare_number)

    def ended(self, own: SerializableXact, *, is_committed: bool) -> None:
        if is_committed:
            self.last_number += 1
            own.commit_number = self.last_number
        else:
            own.forget()
        # A committed one still matters to those whose snapshots are older than its commit.
        oldest = min((each.snapshot_number for each in self.known if _runs(each)), default=math.inf)
        for each in [each for each in self.known if each.commit_number <= oldest]:
            if each.is_committed:
                each.forget()
        for transaction in self._waiting:
            transaction.backend.interrupts.wake()


def _runs(each: SerializableXact) -> bool:
    return not each.is_committed


def _threatens(each: SerializableXact) -> bool:
    return not each.is_committed and not each.is_read_only and not each.is_doomed

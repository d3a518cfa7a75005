"""Which transactions there are: xids, snapshots, and the oldest thing that anybody can still see.

    xid 12   13   14   15   16   17
        ✓    runs ✓    runs ✓    (next)          a snapshot taken now: xmin 13, xmax 17,
             └────────┴── running                running {13, 15}

An xid is given out when a transaction first writes; most only read and never have one.
# Real: procarray.c: GetSnapshotData(), TransactionIdIsInProgress(), ComputeXidHorizons()
"""

from typing import TYPE_CHECKING

from services.sqldb.transactions.mvcc import FIRST_NORMAL_XID, Snapshot

if TYPE_CHECKING:
    from services.sqldb.transactions.transaction import Transaction


class ProcArray:
    """The transactions that are under way. All methods: holding the latch."""

    def __init__(self) -> None:
        self.next_xid = FIRST_NORMAL_XID
        self.running: dict[int, Transaction] = {}
        """By xid, in the order of xids: those that write."""
        self.active: dict[Transaction, None] = {}
        """Those that have begun, whether they write or not, the oldest first."""
        self._taken: tuple[int, int, frozenset[int]] | None = None

    def assign_xid(self, transaction: "Transaction") -> int:
        xid = self.next_xid
        self.next_xid = xid + 1
        self.running[xid] = transaction
        self._taken = None
        return xid

    def finished(self, transaction: "Transaction") -> None:
        """From here on new snapshots see what it has done, unless that was undone."""
        self.active.pop(transaction, None)
        if transaction.xid and self.running.pop(transaction.xid, None) is not None:
            self._taken = None

    def snapshot(self, transaction: "Transaction") -> Snapshot:
        """What is over now; the same three numbers until a transaction that writes ends."""
        if self._taken is None:
            xmin = next(iter(self.running), self.next_xid)
            self._taken = xmin, self.next_xid, frozenset(self.running)
        xmin, xmax, running = self._taken
        return Snapshot(transaction, xmin, xmax, running, transaction.command_id)

    def horizon(self) -> int:
        """What a transaction below it has put an end to, nobody sees any more, now or later."""
        horizon = next(iter(self.running), self.next_xid)
        for transaction in self.active:
            for snapshot in transaction.snapshots():
                if snapshot.xmin < horizon:
                    horizon = snapshot.xmin
        return horizon

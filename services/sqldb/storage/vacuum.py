"""The vacuum: versions that nobody can see any more are freed, and their index entries with them.

Each commit leaves behind what it has superseded: the old version of an update, the last one of a
delete. They go to the end of the history, and from its beginning they are freed, as soon as their
end (xmax) is below the horizon: the oldest snapshot that anybody holds (`ProcArray.horizon`).

    history    (acct, v₁ xmax 20)  (acct, v₂ xmax 31)  (log, v₃ xmax 33) …
                    └─ horizon 25: this one can go; the next not yet

    an update's old version: everything in its chain that is older than what all can see is cut off
    a delete's last version: its place in the heap becomes free for another row

Most commits do a little of this themselves, so that the rows that all write (a bank's branches)
never have long chains. What is left, because a snapshot was in the way, the autovacuum does in
slices. One long transaction keeps everything alive that was superseded since it began, as in
PostgreSQL. # Real: PostgreSQL looks through the pages of a table; InnoDB's purge follows its
history list."""

import math
from collections import deque
from collections.abc import Callable

from services.sqldb.storage.heap import Heap
from services.sqldb.transactions.mvcc import Version
from services.sqldb.transactions.procarray import ProcArray
from services.sqldb.transactions.transaction import Transaction
from services.sqldb.transactions.undo import DELETE, INSERT, LOCK, UPDATE, Write

FREED_PER_COMMIT = 64
SLICE = 256
"""How many versions are freed between two looks at the clock."""


class Vacuum:
    """Takes what commits leave behind, and frees it when it can. Holding the latch."""

    def __init__(self, procarray: ProcArray):
        self._procarray = procarray
        self.history: deque[tuple[Heap, Version]] = deque()
        self.freed_total = 0
        self._retiring = 0
        """How many transactions are being retired."""

    def retire(
        self,
        writes: list[Write],
        transaction: Transaction,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        """A transaction has committed: count what it did, unlock rows, note what is superseded.

        `breathe` lets others in now and then. Nothing is freed meanwhile: the chains must stay
        whole until all their superseded versions are noted. Who waits for one of these rows waits
        for the transaction, which ends after this.
        """
        self._retiring += 1
        try:
            self._retire(writes, transaction, breathe)
        finally:
            self._retiring -= 1
        if self.history:
            self.free(FREED_PER_COMMIT)

    def _retire(
        self, writes: list[Write], transaction: Transaction, breathe: Callable[[], None]
    ) -> None:
        history = self.history
        for number, (kind, heap, what, extra) in enumerate(writes):
            if number & 4095 == 4095:
                breathe()
            if kind == INSERT:
                counts = heap.counts
                counts.live += 1
                counts.inserted += 1
                counts.modified += 1
            elif kind == UPDATE:
                counts = heap.counts
                counts.updated += 1
                counts.hot_updated += extra
                counts.dead += 1
                counts.modified += 1
                history.append((heap, what.older))
            elif kind == DELETE:
                counts = heap.counts
                counts.live -= 1
                counts.deleted += 1
                counts.dead += 1
                counts.modified += 1
                history.append((heap, what))
            elif kind == LOCK:
                heap.unlock(what, transaction)

    def free(self, limit: float = math.inf) -> int:
        """Free what can be freed, at most so many; how many that were."""
        if self._retiring:
            return 0
        horizon = self._procarray.horizon()
        history, freed = self.history, 0
        for _ in range(len(history)):
            heap, dead = history[0]
            if dead.xmax >= horizon or freed >= limit:
                break
            history.popleft()
            if heap.pins:
                history.append((heap, dead))
            else:
                self._free_version(heap, dead, horizon)
                freed += 1
        self.freed_total += freed
        return freed

    def free_all(self, breathe: Callable[[], None]) -> int:
        """VACUUM: everything that can be freed now; `breathe` lets others in between."""
        total = 0
        while freed := self.free(SLICE):
            total += freed
            breathe()
        return total

    def _free_version(self, heap: Heap, dead: Version, horizon: int) -> None:
        heap.counts.dead = max(heap.counts.dead - 1, 0)
        if dead.row_id >= len(heap.rows):
            return  # The table was truncated since.
        keeper: Version | None = heap.rows[dead.row_id]
        if keeper is dead:
            if dead.older is not None:
                heap.cut(dead)
            heap.clear(dead)
            return
        while keeper is not None and keeper.xmin >= horizon:
            keeper = keeper.older
        if keeper is not None and keeper.older is not None:
            heap.cut(keeper)

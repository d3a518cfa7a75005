"""The four strengths in which a row is locked, and which exclude each other.

                         KEY SHARE   SHARE   NO KEY UPDATE   UPDATE
    FOR KEY SHARE            ·          ·         ·            ✗      a foreign key points here
    FOR SHARE                ·          ·         ✗            ✗
    FOR NO KEY UPDATE        ·          ✗         ✗            ✗      UPDATE of other columns
    FOR UPDATE               ✗          ✗         ✗            ✗      DELETE, UPDATE of a key

The weakest is there for foreign keys: who inserts an order holds its customer FOR KEY SHARE, and
the customer's address may be changed meanwhile, but not its number.

A lock that is held stands in `Heap.row_locks`, a write is its own lock (xmax). Who has to wait
takes the row's place in the queue, a lock on the tuple in the lock table, and then waits for the
end of the transaction that is in the way.
# Source: PostgreSQL 15, section 13.3.2. # Real: heapam.c, tupleLockExtraInfo; multixact.c
"""

from enum import IntEnum

from services.sqldb.transactions.lock_modes import LockMode


class RowLock(IntEnum):
    KEY_SHARE = 0
    SHARE = 1
    NO_KEY_UPDATE = 2
    UPDATE = 3


class WaitPolicy(IntEnum):
    BLOCK = 0
    NOWAIT = 1
    SKIP = 2


_EXCLUDES = {
    RowLock.KEY_SHARE: {RowLock.UPDATE},
    RowLock.SHARE: {RowLock.NO_KEY_UPDATE, RowLock.UPDATE},
    RowLock.NO_KEY_UPDATE: {RowLock.SHARE, RowLock.NO_KEY_UPDATE, RowLock.UPDATE},
    RowLock.UPDATE: set(RowLock),
}

QUEUE_MODE = {
    RowLock.KEY_SHARE: LockMode.ACCESS_SHARE,
    RowLock.SHARE: LockMode.ROW_SHARE,
    RowLock.NO_KEY_UPDATE: LockMode.EXCLUSIVE,
    RowLock.UPDATE: LockMode.ACCESS_EXCLUSIVE,
}
"""The mode of the tuple's lock in the lock table, in which those who must wait stand in line."""


def excludes(held: RowLock, wanted: RowLock) -> bool:
    return wanted in _EXCLUDES[held]

"""Advisory locks: numbers that mean something to the clients alone.

Taken for the session, they outlive transactions and are given back one by one, as often as they
were taken; taken for the transaction, they go with it. Both exclude those of other sessions only. #
Real: lockfuncs.c"""

from collections import Counter

from services.sqldb.transactions.backend import Backend
from services.sqldb.transactions.lock_modes import LockMode
from services.sqldb.transactions.lock_table import LockTable, Tag


def tag_of(key: int) -> Tag:
    """pg_advisory_lock(bigint)"""
    return ("advisory", key >> 32 & 0xFFFFFFFF, key & 0xFFFFFFFF, 1)


def tag_of_pair(high: int, low: int) -> Tag:
    """pg_advisory_lock(int, int)"""
    return ("advisory", high & 0xFFFFFFFF, low & 0xFFFFFFFF, 2)


class SessionLocks:
    """The advisory locks of one session. Holding the latch."""

    def __init__(self, locks: LockTable, backend: Backend):
        self._locks = locks
        self._backend = backend
        self._held: Counter[tuple[Tag, LockMode]] = Counter()

    def lock(self, tag: Tag, *, is_shared: bool = False, waits: bool = True) -> bool:
        """False where `waits` is and another session has it. Raises SqlError as all waits do."""
        mode = LockMode.SHARE if is_shared else LockMode.EXCLUSIVE
        if not self._locks.acquire(self._backend, tag, mode, waits=waits):
            return False
        self._held[tag, mode] += 1
        return True

    def unlock(self, tag: Tag, *, is_shared: bool = False) -> bool:
        """False where the session doesn't hold it (PostgreSQL adds a warning)."""
        mode = LockMode.SHARE if is_shared else LockMode.EXCLUSIVE
        if not self._held[tag, mode]:
            return False
        self._held[tag, mode] -= 1
        self._locks.release(self._backend, tag, mode)
        return True

    def unlock_all(self) -> None:
        """pg_advisory_unlock_all, and the end of the session."""
        for (tag, mode), count in self._held.items():
            for _ in range(count):
                self._locks.release(self._backend, tag, mode)
        self._held.clear()

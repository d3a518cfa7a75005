"""The lock table: who holds what, and who stands in line for it.

What is locked is named by a tag, a tuple whose first word says what it is:

    ("relation", oid)                  a table, in the eight modes of `lock_modes`
    ("transactionid", xid)             whoever waits for the end of a transaction stands here
    ("tuple", table oid, row id)       the first in line for a row that another transaction holds
    ("advisory", high, low, 1 or 2)    a number that the clients have agreed on

A request that excludes no lock of others, and passes nobody in line whom it would exclude, is
granted at once; the others wait in order. Locks are counted by backend and mode; who holds a lock
isn't stopped by it. A transaction gives all of its locks back at its end (`Transaction` keeps the
list), a session those that it took with `pg_advisory_lock`.

Whoever has waited for `deadlock_timeout` looks for a cycle (`deadlock`), and fails if it is in one.
# Real: lock.c, proc.c, lmgr.c
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.sqldb.errors import DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, SqlError
from services.sqldb.transactions.backend import Backend
from services.sqldb.transactions.deadlock import describe, find_cycle
from services.sqldb.transactions.lock_modes import CONFLICTS, EXCLUDED_FROM, LockMode

Tag = tuple

LOCK_TIMEOUT = "canceling statement due to lock timeout"


@dataclass(slots=True, eq=False)
class Request:
    """Somebody waits for a lock."""

    backend: Backend
    tag: Tag
    mode: LockMode
    lock: "Lock"
    is_granted: bool = False
    since_s: float = field(default_factory=time.time)


class Lock:
    """One tag: how often each backend holds it in each mode, and who waits."""

    __slots__ = ("granted", "mask", "totals", "waiting")

    def __init__(self) -> None:
        self.granted: dict[Backend, list[int]] = {}
        self.totals = [0] * 9
        """How often it is held in each mode, by all together."""
        self.mask = 0
        """The bits of the modes in which anybody holds it."""
        self.waiting: list[Request] = []

    def add(self, backend: Backend, mode: LockMode) -> None:
        counts = self.granted.get(backend)
        if counts is None:
            counts = self.granted[backend] = [0] * 9
        counts[mode] += 1
        self.totals[mode] += 1
        self.mask |= 1 << mode

    def remove(self, backend: Backend, mode: LockMode) -> None:
        counts = self.granted[backend]
        counts[mode] -= 1
        if not any(counts):
            del self.granted[backend]
        self.totals[mode] -= 1
        if not self.totals[mode]:
            self.mask &= ~(1 << mode)

    def holders_against(self, backend: Backend, mode: LockMode) -> list[Backend]:
        """The other backends whose locks exclude this one."""
        if not self.mask & CONFLICTS[mode]:
            return []
        excluding = EXCLUDED_FROM[mode]
        return [
            other
            for other, counts in self.granted.items()
            if other is not backend and any(counts[held] for held in excluding)
        ]

    def ahead_of(self, request: Request) -> list[Backend]:
        """The backends before it in line that it may not pass."""
        ahead = []
        for other in self.waiting:
            if other is request:
                break
            if other.backend is not request.backend and CONFLICTS[request.mode] >> other.mode & 1:
                ahead.append(other.backend)
        return ahead


class LockTable:
    """All locks but those of rows that nobody waits for. All methods: holding the latch."""

    def __init__(self, database_oid: int = 5):
        self._locks: dict[Tag, Lock] = {}
        self._database_oid = database_oid
        self.deadlocks_total = 0

    def acquire(
        self, backend: Backend, tag: Tag, mode: LockMode, *, waits: bool = True
    ) -> bool:  # fmt: skip
        """Take a lock once more, about 1 µs where nobody is in the way.

        Without `waits` the answer may be false. Raises SqlError for lock_timeout (55P03), a
        deadlock (40P01), and what interrupts a statement.
        """
        lock = self._locks.get(tag)
        if lock is None:
            lock = self._locks[tag] = Lock()
        if (lock.mask & CONFLICTS[mode] or lock.waiting) and self._must_wait(lock, backend, mode):
            if not waits:
                return False
            self._wait(Request(backend, tag, mode, lock))
        else:
            lock.add(backend, mode)
        return True

    def _must_wait(self, lock: Lock, backend: Backend, mode: LockMode) -> bool:
        if lock.holders_against(backend, mode):
            return True
        # Who holds it already passes the line: those in it wait for him.
        return backend not in lock.granted and any(
            CONFLICTS[mode] >> request.mode & 1 for request in lock.waiting
        )

    def release(self, backend: Backend, tag: Tag, mode: LockMode) -> None:
        """Give back what was taken once."""
        lock = self._locks[tag]
        lock.remove(backend, mode)
        if lock.waiting or not lock.granted:
            self._tidy(tag, lock)

    def _tidy(self, tag: Tag, lock: Lock) -> None:
        """Grant what is possible now; forget a lock that nobody holds or wants."""
        if lock.waiting:
            self._grant(lock)
        if not lock.granted and not lock.waiting:
            self._locks.pop(tag, None)

    def _grant(self, lock: Lock) -> None:
        still_waiting: list[Request] = []
        ahead = 0
        for request in lock.waiting:
            if ahead & CONFLICTS[request.mode] or lock.holders_against(
                request.backend, request.mode
            ):
                ahead |= 1 << request.mode
                still_waiting.append(request)
            else:
                lock.add(request.backend, request.mode)
                request.is_granted = True
                request.backend.interrupts.wake()
        lock.waiting = still_waiting

    # Waiting.

    def _wait(self, request: Request) -> None:
        backend = request.backend
        request.lock.waiting.append(request)
        backend.waits_for = request
        try:
            self._sleep(request)
        except SqlError:
            if request.is_granted:  # In the same moment: give it back.
                request.lock.remove(backend, request.mode)
            else:
                request.lock.waiting.remove(request)
            raise
        finally:
            backend.waits_for = None
            self._tidy(request.tag, request.lock)

    def _sleep(self, request: Request) -> None:
        backend = request.backend
        now_s = time.monotonic()
        fails_at_s = now_s + backend.lock_timeout_s if backend.lock_timeout_s else math.inf
        checks_at_s = now_s + backend.deadlock_timeout_s
        while not request.is_granted:
            if now_s >= checks_at_s:
                checks_at_s = math.inf
                self._check_deadlock(backend)
            if now_s >= fails_at_s:
                raise SqlError(LOCK_NOT_AVAILABLE, LOCK_TIMEOUT)
            backend.interrupts.wait(min(checks_at_s, fails_at_s))
            now_s = time.monotonic()

    def _check_deadlock(self, backend: Backend) -> None:
        cycle = find_cycle(backend)
        if cycle:
            self.deadlocks_total += 1
            raise SqlError(
                DEADLOCK_DETECTED,
                "deadlock detected",
                detail=describe(cycle, self._database_oid),
                hint="See server log for query details.",
            )

    # The ends of transactions.

    def wait_for_transaction(self, backend: Backend, xid: int, holder: Backend) -> None:
        """Wait for the end of a running transaction, or until it takes something back.

        So the caller looks again at what it wanted. Raises as `acquire` does.
        """
        tag = ("transactionid", xid)
        if tag not in self._locks:
            # Each transaction holds the lock on its own xid; it is written down when it matters.
            lock = self._locks[tag] = Lock()
            lock.add(holder, LockMode.EXCLUSIVE)
        self.acquire(backend, tag, LockMode.SHARE)
        self.release(backend, tag, LockMode.SHARE)

    def transaction_ended(self, xid: int, holder: Backend) -> None:
        tag = ("transactionid", xid)
        lock = self._locks.get(tag)
        if lock is not None:
            lock.remove(holder, LockMode.EXCLUSIVE)
            self._tidy(tag, lock)

    def transaction_undid(self, xid: int) -> None:
        """A savepoint was rolled back: those who wait for the transaction look again."""
        lock = self._locks.get(("transactionid", xid))
        if lock is not None:
            for request in lock.waiting:
                lock.add(request.backend, request.mode)
                request.is_granted = True
                request.backend.interrupts.wake()
            lock.waiting.clear()

    # For pg_locks and the dashboard.

    def listing(self) -> Iterator[tuple[Tag, LockMode, Backend, bool, float | None]]:
        """Tag, mode, who, whether granted, and since when it waits."""
        for tag, lock in self._locks.items():
            for backend, counts in lock.granted.items():
                for mode in LockMode:
                    if counts[mode]:
                        yield tag, mode, backend, True, None
            for request in lock.waiting:
                yield tag, request.mode, request.backend, False, request.since_s

    def blockers_of(self, backend: Backend) -> list[Backend]:
        """For pg_blocking_pids."""
        request = backend.waits_for
        if request is None:
            return []
        holders = request.lock.holders_against(backend, request.mode)
        return list(dict.fromkeys(holders + request.lock.ahead_of(request)))

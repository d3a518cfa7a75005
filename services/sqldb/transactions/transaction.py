"""A transaction: what it sees, what it has changed and locked, and how it ends.

    transaction = system.begin(backend, Isolation.READ_COMMITTED)
    with transaction.statement() as snapshot:           one statement: a snapshot, a command id
        for head in heap.scan(snapshot): ...            reading, see storage/__init__
        heap.insert(transaction, values)                writing
    transaction.commit()                                or rollback()

**Isolation.** READ COMMITTED takes a new snapshot for each statement, the other two keep the first
one. So under REPEATABLE READ a row that others have changed since can be read as it was, but not
changed: that is the error 40001, and the client begins again. SERIALIZABLE also finds the cases
where each transaction on its own reads and writes correctly and all of them together don't (`ssi`).

**Commands.** Each statement that writes has a number, and sees what was written under lower ones.

**Undo.** `writes` lists what was done (`undo`). A savepoint is a place in this list; rolling back
to it takes back what came later, and gives back the locks that were taken later. An error in a
statement does the same, back to the last savepoint or to the beginning: `fail`.

**Commit.** Deferred constraints are checked, SSI agrees, the log has it on the disk (the latch is
given up meanwhile, so that many commits share one fsync), and only then others see it, all at once:
it is taken from the list of the running ones.
# Real: xact.c
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from services.sqldb.errors import INVALID_SAVEPOINT_SPECIFICATION, SqlError
from services.sqldb.transactions.mvcc import Snapshot
from services.sqldb.transactions.undo import ACTION, undo

if TYPE_CHECKING:
    from services.sqldb.transactions.backend import Backend
    from services.sqldb.transactions.lock_modes import LockMode
    from services.sqldb.transactions.lock_table import Tag
    from services.sqldb.transactions.ssi import SerializableXact
    from services.sqldb.transactions.system import TransactionSystem
    from services.sqldb.transactions.undo import Write


class Isolation(IntEnum):
    """READ UNCOMMITTED is READ COMMITTED, as in PostgreSQL."""

    READ_COMMITTED = 1
    REPEATABLE_READ = 2
    SERIALIZABLE = 3


class State(Enum):
    ACTIVE = "active"
    FAILED = "failed"
    COMMITTED = "committed"
    ABORTED = "aborted"


class Constraint(Protocol):
    """What can be deferred. `name` is what SET CONSTRAINTS says."""

    oid: int
    is_deferrable: bool
    initially_deferred: bool


class Savepoint(NamedTuple):
    """A place to come back to: how long each list was."""

    name: str
    writes: int
    locks: int
    checks: int
    callbacks: int


class Transaction:
    """One transaction of one backend. All methods: holding the latch."""

    __slots__ = (
        "_callbacks", "_checks", "_first", "_held", "_lock_set", "_locks", "_modes",
        "_savepoints", "_statements", "_system", "backend", "command_id", "has_seen_data",
        "is_deferrable", "is_logged", "is_read_only", "isolation", "serializable", "snapshot",
        "state", "synchronous_commit", "writes", "xid",
    )  # fmt: skip

    def __init__(
        self,
        system: "TransactionSystem",
        backend: "Backend",
        isolation: Isolation,
        is_read_only: bool,
        is_deferrable: bool,
    ):
        self._system = system
        self.backend = backend
        self.isolation = isolation
        self.is_read_only = is_read_only
        self.is_deferrable = is_deferrable
        self.synchronous_commit = True
        """Whether `commit` waits for the disk."""
        self.state = State.ACTIVE
        self.xid = 0
        """0 until it first writes, see `assign_xid`."""
        self.command_id = 0
        self.has_seen_data = False
        """Whether a statement has run: it is too late for another isolation level."""
        self.snapshot: Snapshot | None = None
        """That of the statement."""
        self.serializable: SerializableXact | None = None
        self.writes: list[Write] = []
        self.is_logged = False
        """Its record is in the log, though nobody sees it yet."""
        self._first: Snapshot | None = None
        self._statements: list[Snapshot] = []
        self._held: list[Snapshot] = []
        self._locks: list[tuple[Tag, LockMode]] = []
        self._lock_set: set[tuple[Tag, LockMode]] = set()
        self._checks: list[tuple[Constraint, Callable[[], None]]] = []
        self._modes: dict[int | None, bool] = {}
        self._savepoints: list[Savepoint] = []
        self._callbacks: list[Callable[[bool], None]] = []

    # Statements.

    @contextmanager
    def statement(self) -> Iterator[Snapshot]:
        """`begin_statement` and `end_statement`; an error leaves the rest to `fail`."""
        snapshot = self.begin_statement()
        try:
            yield snapshot
        except BaseException:
            self._leave_statement(snapshot)
            raise
        self.end_statement()

    def begin_statement(self) -> Snapshot:
        """What this statement sees. Statements nest: functions run statements of their own."""
        if self.isolation is Isolation.READ_COMMITTED:
            snapshot = self._system.procarray.snapshot(self)
        else:
            first = self._first or self._take_first()
            # The same transactions, but later commands of its own.
            snapshot = type(first)(self, first.xmin, first.xmax, first.running, self.command_id)
        self._statements.append(snapshot)
        self.snapshot = snapshot
        self.has_seen_data = True
        return snapshot

    def _take_first(self) -> Snapshot:
        if self.isolation is Isolation.SERIALIZABLE:
            self._first = self._system.serializable.begin(self)
        else:
            self._first = self._system.procarray.snapshot(self)
        return self._first

    def end_statement(self) -> None:
        """Check what is due at the end of a statement. Raises SqlError."""
        if self._checks:
            self._run_checks(lambda constraint: not self.is_deferred(constraint))
        self._leave_statement(self._statements[-1])
        self.next_command()

    def _leave_statement(self, snapshot: Snapshot) -> None:
        while self._statements and self._statements.pop() is not snapshot:
            pass
        self.snapshot = self._statements[-1] if self._statements else None

    def next_command(self) -> None:
        """What was written so far is seen by snapshots that are taken from here on."""
        self.command_id += 1

    def latest_snapshot(self) -> Snapshot:
        """What is committed now, whatever the isolation level: for foreign keys and DDL.

        Within a statement, whose own snapshot is older and keeps the vacuum away.
        """
        return self._system.procarray.snapshot(self)

    def hold(self, snapshot: Snapshot) -> None:
        """Keep what a snapshot sees beyond the end of its statement, for a cursor."""
        self._held.append(snapshot)

    def let_go(self, snapshot: Snapshot) -> None:
        self._held.remove(snapshot)

    def snapshots(self) -> list[Snapshot]:
        """All snapshots that may still be looked through."""
        first = [self._first] if self._first is not None else []
        return [*first, *self._statements, *self._held]

    def assign_xid(self) -> int:
        """The number of a transaction that writes."""
        if not self.xid:
            self.xid = self._system.procarray.assign_xid(self)
            if self.serializable is not None:
                self._system.serializable.has_xid(self.serializable, self.xid)
        return self.xid

    # Locks.

    def lock(self, tag: "Tag", mode: "LockMode", *, waits: bool = True) -> bool:
        """Lock until the end of the transaction; false where `waits` is and it is taken.

        Raises SqlError as LockTable.acquire does.
        """
        key = (tag, mode)
        if key not in self._lock_set:
            if not self._system.locks.acquire(self.backend, tag, mode, waits=waits):
                return False
            self._lock_set.add(key)
            self._locks.append(key)
        return True

    def lock_all(self, locks: "tuple[tuple[Tag, LockMode], ...]") -> bool:
        """Lock these in their order; false: it has had all of them before. Raises SqlError."""
        if self._lock_set.issuperset(locks):
            return False
        for tag, mode in locks:
            self.lock(tag, mode)
        return True

    def lock_table(self, oid: int, mode: "LockMode", *, waits: bool = True) -> bool:
        return self.lock(("relation", oid), mode, waits=waits)

    def wait_for(self, xid: int, why: str) -> None:
        """Wait until another transaction has ended or taken something back; then look again.

        Raises SqlError with `why` as its context: "while updating tuple (0,1) in relation …".
        """
        other = self._system.procarray.running.get(xid)
        if other is not None:
            try:
                self._system.locks.wait_for_transaction(self.backend, xid, other.backend)
            except SqlError as error:
                error.context = error.context or why
                raise

    def is_running(self, xid: int) -> bool:
        """Whether it is another transaction that may still end either way."""
        return xid != self.xid and xid in self._system.procarray.running

    def queue_for(self, tag: "Tag", mode: "LockMode") -> bool:
        """Stand in line for a row; true where `leave_queue` is to be called."""
        return self._system.locks.acquire(self.backend, tag, mode)

    def leave_queue(self, tag: "Tag", mode: "LockMode") -> None:
        self._system.locks.release(self.backend, tag, mode)

    # Deferred constraints.

    def defer(self, constraint: Constraint, check: Callable[[], None]) -> None:
        """Check at the end of the statement, or of the transaction where it is deferred.

        `check` raises SqlError, and must bear that the row isn't there any more.
        """
        self._checks.append((constraint, check))

    def is_deferred(self, constraint: Constraint) -> bool:
        if not constraint.is_deferrable:
            return False
        default = self._modes.get(None, constraint.initially_deferred)
        return self._modes.get(constraint.oid, default)

    def set_constraints(self, oid: int | None, *, deferred: bool) -> None:
        """SET CONSTRAINTS; None is ALL. Making them immediate checks them now: raises SqlError."""
        if oid is None:
            self._modes.clear()
        self._modes[oid] = deferred
        if not deferred:
            self._run_checks(lambda constraint: not self.is_deferred(constraint))

    def _run_checks(self, is_due: Callable[[Constraint], bool]) -> None:
        due = [check for check in self._checks if is_due(check[0])]
        self._checks = [check for check in self._checks if not is_due(check[0])]
        for number, (_, check) in enumerate(due):
            if number & 63 == 63:
                self.backend.interrupts.check()
            check()

    # Undo.

    def on_undo(
        self, take_back: Callable[[], None], record: bytes | Callable[[], bytes] | None = None
    ) -> None:
        """Note something that isn't a row: what takes it back, and what the log says of it.

        The record may be made at the commit.
        """
        self.writes.append((ACTION, take_back, record, None))

    def at_end(self, callback: Callable[[bool], None]) -> None:
        """Have it called after the end, with whether that was a commit; not if it is undone."""
        self._callbacks.append(callback)

    def savepoint(self, name: str) -> None:
        counts = len(self.writes), len(self._locks), len(self._checks), len(self._callbacks)
        self._savepoints.append(Savepoint(name, *counts))

    def release(self, name: str) -> None:
        """Forget a savepoint and those after it; what was done stays. Raises SqlError."""
        del self._savepoints[self._find(name) :]

    def rollback_to(self, name: str) -> None:
        """Take back what was done since; the savepoint stays. Raises SqlError."""
        place = self._find(name)
        del self._savepoints[place + 1 :]
        self._undo_to(self._savepoints[place])
        self.state = State.ACTIVE

    def _find(self, name: str) -> int:
        for place in range(len(self._savepoints) - 1, -1, -1):
            if self._savepoints[place].name == name:
                return place
        raise SqlError(INVALID_SAVEPOINT_SPECIFICATION, f'savepoint "{name}" does not exist')

    @property
    def has_savepoint(self) -> bool:
        return bool(self._savepoints)

    def _undo_to(self, mark: Savepoint) -> None:
        self._statements.clear()
        self.snapshot = None
        if undo(self.writes, mark.writes, self._system.latch.breathe):
            # Others may have waited for what isn't there any more.
            self._system.locks.transaction_undid(self.xid)
        self._give_back_locks(mark.locks)
        del self._checks[mark.checks :]
        del self._callbacks[mark.callbacks :]
        self.next_command()

    def _give_back_locks(self, mark: int) -> None:
        release, backend = self._system.locks.release, self.backend
        while len(self._locks) > mark:
            key = self._locks.pop()
            self._lock_set.discard(key)
            release(backend, *key)

    # The end.

    def fail(self) -> None:
        """An error has ended a statement: undo back to the last savepoint, or everything.

        The client has still to say ROLLBACK, or ROLLBACK TO; locks are given back now.
        """
        if self.state is not State.ACTIVE:
            return
        if self._savepoints:
            self._undo_to(self._savepoints[-1])
            self.state = State.FAILED
        else:
            self._end(is_committed=False)

    def rollback(self) -> None:
        if self.state in (State.ACTIVE, State.FAILED):
            self._end(is_committed=False)

    def commit(self) -> None:
        """Raises SqlError, and is then rolled back. Gives up the latch while the disk works."""
        try:
            self._statements.clear()
            if self._checks:
                self._run_checks(lambda _: True)
            if self.serializable is not None:
                self._system.serializable.before_commit(self.serializable)
            if self.writes:
                self._system.log.commit(self)
        except BaseException:
            self._end(is_committed=False)
            raise
        self._end(is_committed=True)

    def _end(self, *, is_committed: bool) -> None:
        system = self._system
        if is_committed:
            system.commits_total += 1
        else:
            system.rollbacks_total += 1
            undo(self.writes, 0, system.latch.breathe)
        system.procarray.finished(self)
        self.state = State.COMMITTED if is_committed else State.ABORTED
        self._statements.clear()
        self._held.clear()
        self._first = self.snapshot = None
        if self.serializable is not None:
            system.serializable.ended(self.serializable, is_committed=is_committed)
        if is_committed and self.writes:
            system.retire(self.writes, self)
            self.writes = []
        self._give_back_locks(0)
        if self.xid:
            system.locks.transaction_ended(self.xid, self.backend)
        if self.backend.transaction is self:
            self.backend.transaction = None
        if self._callbacks:
            callbacks, self._callbacks = self._callbacks, []
            for callback in callbacks:
                callback(is_committed)

"""Sessions of a small database, stepped from a test: what runs, what waits, and for whom.

Each session has a thread. `do` runs a function there and returns when it is done; `begin_to`
returns when it is done or has to wait, and `result` brings what came of it later. No test sleeps.
"""

import threading
from collections.abc import Callable

from services.sqldb.storage.heap import Heap
from services.sqldb.storage.heap_index import HeapIndex
from services.sqldb.storage.index_key import IndexKey, KeyColumn, KeyRange
from services.sqldb.storage.vacuum import Vacuum
from services.sqldb.transactions.interrupts import Interrupts
from services.sqldb.transactions.row_locks import RowLock, WaitPolicy
from services.sqldb.transactions.system import TransactionSystem
from services.sqldb.transactions.transaction import Isolation, State

PATIENCE_S = 20


class WatchedInterrupts(Interrupts):
    """Tells when the session begins to wait."""

    def __init__(self, latch, tell):
        super().__init__(latch)
        self._tell = tell

    def wait(self, *arguments):
        self._tell("waits")
        super().wait(*arguments)


class Session:
    """One client, with statements on tables whose first column is the primary key."""

    def __init__(self, system: TransactionSystem, pid: int):
        self.system = system
        self.backend = system.backend(pid)
        self.backend.interrupts = WatchedInterrupts(system.latch, self._tell)
        self.backend.deadlock_timeout_s = 0
        self.transaction = None
        self._condition = threading.Condition()
        self._state = "idle"
        self._result = None
        self._error = None

    # Threads.

    def _tell(self, state: str) -> None:
        with self._condition:
            self._state = state
            self._condition.notify_all()

    def _run(self, function: Callable) -> None:
        try:
            self._result = function()
        except Exception as error:
            self._error = error
        self._tell("done")

    def begin_to(self, function: Callable, *arguments) -> "Session":
        self._state, self._result, self._error = "runs", None, None
        threading.Thread(
            target=self._run, args=(lambda: function(*arguments),), daemon=True
        ).start()
        with self._condition:
            assert self._condition.wait_for(lambda: self._state != "runs", PATIENCE_S)
        return self

    @property
    def waits(self) -> bool:
        return self._state == "waits"

    def result(self):
        with self._condition:
            assert self._condition.wait_for(lambda: self._state == "done", PATIENCE_S)
        if self._error is not None:
            raise self._error
        return self._result

    def do(self, function: Callable, *arguments):
        return self.begin_to(function, *arguments).result()

    # Transactions.

    def begin(self, isolation=Isolation.READ_COMMITTED, **options) -> "Session":
        with self.system.latch:
            self.transaction = self.system.begin(self.backend, isolation, **options)
        return self

    def commit(self):
        with self.system.latch:
            self.transaction.commit()

    def rollback(self):
        with self.system.latch:
            self.transaction.rollback()

    def _statement(self, body: Callable):
        with self.system.latch:
            is_alone = self.transaction is None or self.transaction.state is not State.ACTIVE
            if is_alone:
                self.transaction = self.system.begin(self.backend)
            try:
                with self.transaction.statement() as snapshot:
                    result = body(self.transaction, snapshot)
                if is_alone:
                    self.transaction.commit()
            except BaseException:
                self.transaction.fail()
                raise
            return result

    # Statements.

    def insert(self, heap: Heap, *rows: tuple):
        return self._statement(lambda t, _: [heap.insert(t, row) for row in rows] and len(rows))

    def select(self, heap: Heap, where=lambda row: True) -> list[tuple]:
        return self._statement(
            lambda _, s: sorted(v.values for v in heap.versions(s) if where(v.values))
        )

    def by_key(self, index: HeapIndex, key) -> list[tuple]:
        return self._statement(lambda _, s: [v.values for v in index.lookup(s, key)])

    def in_range(self, index: HeapIndex, asked: KeyRange, backward=False) -> list[tuple]:
        return self._statement(
            lambda _, s: [v.values for v in index.scan(s, asked, backward=backward)]
        )

    def update(self, heap: Heap, where, change) -> int:
        """`change` makes the new row of the old one; None deletes it."""

        def body(transaction, snapshot):
            count = 0
            for version in list(heap.versions(snapshot)):
                while version is not None and where(version.values):
                    new = change(version.values)
                    newest = heap.claim(transaction, version, new)
                    if newest is not version:
                        version = newest
                        continue
                    if new is None:
                        heap.delete(transaction, version)
                    else:
                        heap.update(transaction, version, new)
                    count += 1
                    break
            return count

        return self._statement(body)

    def delete(self, heap: Heap, where) -> int:
        return self.update(heap, where, lambda row: None)

    def lock(self, heap: Heap, where, strength=RowLock.UPDATE, policy=WaitPolicy.BLOCK):
        def body(transaction, snapshot):
            rows = []
            for version in list(heap.versions(snapshot)):
                if where(version.values):
                    newest = heap.lock_row(transaction, version, strength, policy)
                    if newest is not None and where(newest.values):
                        rows.append(newest.values)
            return rows

        return self._statement(body)

    def upsert(self, heap: Heap, indexes, row, change) -> str:
        def body(transaction, _):
            while True:
                rival = heap.find_conflict(transaction, row, indexes, is_to_be_updated=True)
                if rival is None:
                    heap.insert(transaction, row)
                    return "inserted"
                new = change(rival.values)
                if heap.claim(transaction, rival, new) is rival:
                    heap.update(transaction, rival, new)
                    return "updated"

        return self._statement(body)

    def savepoint(self, name: str):
        with self.system.latch:
            self.transaction.savepoint(name)

    def rollback_to(self, name: str):
        with self.system.latch:
            self.transaction.rollback_to(name)


def made_system() -> tuple[TransactionSystem, Vacuum]:
    """Transactions without a log, and what cleans up after them."""

    def retire(writes, transaction):
        vacuum.retire(writes, transaction)

    system = TransactionSystem(retire)
    vacuum = Vacuum(system.procarray)
    return system, vacuum


def table_with_key(oid: int = 16384, name: str = "test", **options) -> Heap:
    """A table whose first column is its primary key."""
    heap = Heap(oid, name, "public")
    key = IndexKey([KeyColumn(is_nullable=False)], positions=[0])
    describe = options.pop("describe", lambda row: f"(id)=({row[0]})")
    index = HeapIndex(
        heap, oid + 1, f"{name}_pkey", key,
        is_unique=True, identifies=True, describe=describe, **options,
    )  # fmt: skip
    heap.indexes.append(index)
    return heap

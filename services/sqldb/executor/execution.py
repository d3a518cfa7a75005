"""What belongs to one run of a compiled plan: parameters, snapshot, transaction, limits, counts.

The session makes one for each execution; the generated functions get it as `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from services.sqldb.executor.subqueries import MEMO_LIMIT, UNKNOWN

if TYPE_CHECKING:
    from services.sqldb.executor.instruments import Instruments
    from services.sqldb.storage.heap import Heap
    from services.sqldb.storage.heap_index import HeapIndex
    from services.sqldb.transactions.mvcc import Snapshot
    from services.sqldb.transactions.transaction import Transaction
    from services.sqldb.types import SqlType

DEFAULT_WORK_MEM_BYTES = 4 << 20
BATCH_ROWS = 1024
"""How many rows are handled between two looks at the interrupts: some 0.2 ms of a scan."""
CHANGED_ROWS = 256
"""The same, where each is written: some 5 ms of a table with a few indexes."""


class Database(Protocol):
    """What the executor asks of the engine; the catalog and the storage stand behind it."""

    def heap(self, table_oid: int) -> Heap:
        """The heap that holds a table's rows."""

    def index(self, table_oid: int, index_oid: int) -> HeapIndex:
        """One of the heap's indexes."""

    def system_rows(self, table_oid: int, context: Any) -> Iterable[tuple]:
        """The rows of a virtual table of the catalog."""

    def next_value(self, sequence_oid: int, context: Any) -> int:
        """nextval of a sequence."""

    def type_of(self, oid: int) -> SqlType:
        """A type by its oid, those of users included."""

    def row_changes(self, table_oid: int, run: Execution) -> RowChanges | None:
        """What watches the changes of a table: foreign keys, triggers. None: nothing does."""


class RowChanges(Protocol):
    """Hooks of one statement that changes one table.

    `before_…` may refuse (an SqlError); `after` is told of each row when it has been written:
    old None for INSERT, new None for DELETE; both are stored versions. `finish` comes once at the
    end of the statement: what is not deferred is checked there, cascades are carried out there.
    """

    def after(self, old: Any, new: Any) -> None: ...

    def finish(self) -> None: ...


class Execution:
    """One run. `affected` counts the rows that INSERT, UPDATE, DELETE or MERGE has changed."""

    __slots__ = (
        "_closers",
        "_watchers",
        "affected",
        "batch_rows",
        "check",
        "context",
        "database",
        "instruments",
        "parameters",
        "recheck_version",
        "slots",
        "snapshot",
        "transaction",
        "work_mem_bytes",
    )

    def __init__(
        self,
        database: Database,
        transaction: Transaction,
        snapshot: Snapshot,
        context: Any,
        parameters: tuple = (),
        check: Callable[[], None] = lambda: None,
        work_mem_bytes: int = DEFAULT_WORK_MEM_BYTES,
    ):
        self.database = database
        self.transaction = transaction
        self.snapshot = snapshot
        self.context = context
        self.parameters = parameters
        # interrupts.check of the backend: called every thousand rows or so.
        self.check = check
        self.work_mem_bytes = work_mem_bytes
        self.batch_rows = BATCH_ROWS
        self.affected = 0
        self.slots: list[Any] = []
        self.instruments: Instruments | None = None
        self.recheck_version: Any = None
        self._watchers: dict[int, RowChanges | None] = {}
        self._closers: list[Callable[[], None]] = []

    def begin(self, slot_count: int, batch_rows: int = BATCH_ROWS) -> None:
        self.slots = [UNKNOWN] * slot_count
        self.batch_rows = batch_rows
        self.affected = 0

    def at_end(self, close: Callable[[], None]) -> None:
        """Have it called when the statement ends, however it does."""
        self._closers.append(close)

    def until_end(self, rows: Iterator) -> Iterator:
        """The statement's own rows."""
        try:
            yield from rows
        finally:
            closers, self._closers = self._closers, []
            for close in closers:
                close()

    def nested(self, slot_count: int) -> Execution:
        """Another plan inside this run: the second look at a row that was changed meanwhile."""
        other = Execution(
            self.database,
            self.transaction,
            self.snapshot,
            self.context,
            self.parameters,
            self.check,
            self.work_mem_bytes,
        )
        other.begin(slot_count)
        return other

    @property
    def spill_directory(self) -> str | None:
        """Where temporary files go; None: where the system has them."""
        return getattr(self.database, "spill_directory", None)

    # For generated code.

    def heap(self, table_oid: int) -> Heap:
        return self.database.heap(table_oid)

    def index(self, table_oid: int, index_oid: int) -> HeapIndex:
        return self.database.index(table_oid, index_oid)

    def system_rows(self, table_oid: int) -> Iterable[tuple]:
        return self.database.system_rows(table_oid, self.context)

    def next_value(self, sequence_oid: int) -> int:
        return self.database.next_value(sequence_oid, self.context)

    def once(self, slot: int, compute: Callable[[Execution], Any]) -> Any:
        """The value of a query that depends on nothing, computed at first use."""
        value = self.slots[slot]
        if value is UNKNOWN:
            value = self.slots[slot] = compute(self)
        return value

    def memo(self, slot: int) -> dict:
        """The results of a correlated query, by the outer values."""
        memo = self.slots[slot]
        if memo is UNKNOWN:
            memo = self.slots[slot] = {}
        return memo

    def keep(self, memo: dict, key: object, value: object) -> object:
        if len(memo) >= MEMO_LIMIT:
            memo.clear()
        memo[key] = value
        return value

    def paced(self, rows: Iterable) -> Iterator:
        """The rows, with a look at the interrupts every thousand, or so."""
        rows, check, size = iter(rows), self.check, self.batch_rows
        while batch := tuple(islice(rows, size)):
            check()
            yield from batch

    def watcher(self, table_oid: int) -> RowChanges | None:
        if table_oid not in self._watchers:
            self._watchers[table_oid] = self.database.row_changes(table_oid, self)
        return self._watchers[table_oid]

"""The storage engine: tables, sequences, transactions, and what keeps them on the disk.

    engine = StorageEngine(log, data_dir="/var/lib/sqldb")
    engine.open(attach)         load what is there; `attach` makes the catalog's indexes
    …                           transactions, see storage/__init__
    engine.close()

Beside the sessions' threads one thread works in the background: it frees old versions, brings
asynchronous commits to the disk, and makes checkpoints.
# Real: autovacuum, walwriter and checkpointer, three kinds of processes
"""

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from services.common.health import Vitals
from services.common.logs import Log
from services.sqldb.errors import SqlError
from services.sqldb.storage.checkpoint import Checkpointer
from services.sqldb.storage.files import StartError, hold_directory, path_of
from services.sqldb.storage.heap import Heap
from services.sqldb.storage.heap_index import HeapIndex
from services.sqldb.storage.log_record import encode_drop
from services.sqldb.storage.recovery import Recovered, recover
from services.sqldb.storage.sequence import Sequence
from services.sqldb.storage.vacuum import SLICE, Vacuum
from services.sqldb.storage.wal import WriteAheadLog
from services.sqldb.transactions.system import TransactionSystem
from services.sqldb.transactions.transaction import Transaction

TICK_S = 0.2
"""How often the background thread looks.  # Real: wal_writer_delay"""
CHECKPOINT_TIMEOUT_S = 300
MAX_WAL_BYTES = 256 * 1024 * 1024


class StorageEngine:
    """All tables of a database. Methods: holding the latch, where nothing else is said."""

    def __init__(
        self, log: Log, vitals: Vitals, data_dir: str = "", *, syncs: bool = True
    ):  # fmt: skip
        """Without `data_dir` nothing outlives the process."""
        self.vitals = vitals
        self._log = log
        self._directory = Path(data_dir) if data_dir else None
        self._lock_file: BinaryIO | None = None
        self.heaps: dict[int, Heap] = {}
        self.sequences: dict[int, Sequence] = {}
        self.transactions = TransactionSystem(self._retire)
        self.latch = self.transactions.latch
        self.vacuum = Vacuum(self.transactions.procarray)
        self.wal = WriteAheadLog(self.latch, syncs=syncs)
        self.checkpointer: Checkpointer | None = None
        self.recovery = Recovered()
        self.checkpoint_timeout_s: float = CHECKPOINT_TIMEOUT_S
        self.max_wal_bytes = MAX_WAL_BYTES
        self._is_stopping = threading.Event()
        self._background: threading.Thread | None = None

    @property
    def spill_directory(self) -> str | None:
        """Where temporary files of queries go; None: where the system has them."""
        return None if self._directory is None else str(self._directory)

    def _retire(self, writes: list, transaction: Transaction) -> None:
        self.vacuum.retire(writes, transaction, self.latch.breathe)

    # Starting and stopping: without the latch.

    def open(self, attach: Callable[[], None] = lambda: None, *, repairs: bool = False) -> None:
        """Load the directory, have the indexes made, begin to work. Raises StartError."""
        if self._directory is not None:
            self._lock_file = hold_directory(self._directory)
            try:
                self._load(repairs=repairs)
            except OSError as error:
                self._lock_file.close()
                raise StartError(f"cannot use {self._directory}: {error.strerror}") from error
            except StartError:
                self._lock_file.close()
                raise
        with self.latch:
            attach()
        # Rows are no garbage: let the collector not look at those that are there already.
        gc.freeze()
        self._background = threading.Thread(target=self._work, name="storage", daemon=True)
        self._background.start()

    def _load(self, *, repairs: bool) -> None:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            found = recover(self, self._directory, self._log, repairs=repairs)
        finally:
            if was_enabled:
                gc.enable()
        self.recovery = found
        self.wal.open(path_of(self._directory, found.generation, "wal"), found.salt)
        self.checkpointer = Checkpointer(self, self._directory, found.generation, self._log)
        self.checkpointer.checkpoint_bytes = found.checkpoint_bytes
        self.transactions.log = self.wal

    def close(self) -> bool:
        """Bring everything to the disk; false where that failed. No transaction runs any more."""
        self._is_stopping.set()
        if self._background is not None:
            self._background.join()
        if self._directory is None:
            return True
        self.checkpointer.stop()
        try:
            for sequence in self.sequences.values():
                self.wal.append(sequence.exact_record())
            self.wal.close()
        except SqlError as error:
            self._log.error("the log could not be closed", reason=error.message)
            return False
        finally:
            self._lock_file.close()
        return True

    def _work(self) -> None:
        """The background thread."""
        while not self._is_stopping.wait(TICK_S):
            try:
                self.tick()
            except Exception:
                self._log.exception("the background work has failed")

    def tick(self) -> None:
        """One turn of the background work. Without the latch."""
        with self.latch:
            while self.vacuum.free(SLICE):
                self.latch.breathe()
        if self.checkpointer is not None:
            try:
                self.wal.flush()
                self.vitals.problems.pop("log", None)
            except SqlError as error:
                self.vitals.problems["log"] = error.message
            self.checkpointer.tick(self.checkpoint_timeout_s, self.max_wal_bytes)

    def checkpoint(self) -> bool:
        """CHECKPOINT: make one and wait for it; whether it stands. Gives up the latch, if held."""
        if self.checkpointer is None:
            return True
        if self.latch.is_mine:
            with self.latch.released():
                return self.checkpointer.run()
        return self.checkpointer.run()

    # Tables.

    def heap(self, oid: int) -> Heap:
        """The heap of a table; made, where recovery or the catalog asks for it first."""
        heap = self.heaps.get(oid)
        if heap is None:
            heap = self.heaps[oid] = Heap(oid)
        return heap

    def create_heap(
        self, transaction: Transaction, oid: int, name: str = "", schema: str = ""
    ) -> Heap:
        """CREATE TABLE; the catalog's row is what recovery knows it by."""
        heap = self.heaps[oid] = Heap(oid, name, schema)
        transaction.on_undo(lambda: self.heaps.pop(oid))
        return heap

    def drop_heap(self, transaction: Transaction, oid: int) -> None:
        """DROP TABLE, at the commit; whoever calls this holds the table ACCESS EXCLUSIVE."""
        transaction.assign_xid()
        transaction.on_undo(lambda: None, encode_drop(oid))
        transaction.at_end(lambda is_committed: is_committed and self.heaps.pop(oid, None))

    def create_index(self, transaction: Transaction, index: HeapIndex) -> None:
        """CREATE INDEX, from all rows there are; whoever calls this holds the table SHARE.

        Raises SqlError where a unique one can't be.
        """
        heap = index.heap
        heap.pins += 1
        try:
            index.build(transaction.backend.interrupts.check)
        finally:
            heap.pins -= 1
        heap.indexes.append(index)
        transaction.on_undo(lambda: heap.indexes.remove(index))

    def attach_index(self, index: HeapIndex) -> None:
        """An index that was there before the server started. For `open`'s `attach`."""
        index.build()
        index.heap.indexes.append(index)

    def drop_index(self, transaction: Transaction, index: HeapIndex) -> None:
        """DROP INDEX; whoever calls this holds the table ACCESS EXCLUSIVE."""
        index.heap.indexes.remove(index)
        index.heap.pin(transaction, lambda: index.heap.indexes.append(index))

    # Sequences.

    def sequence(self, oid: int) -> Sequence:
        sequence = self.sequences.get(oid)
        if sequence is None:
            sequence = self.sequences[oid] = Sequence(oid, 1, self._append)
        return sequence

    def create_sequence(
        self, transaction: Transaction, oid: int, start: int, name: str = ""
    ) -> Sequence:
        transaction.assign_xid()
        sequence = self.sequences[oid] = Sequence(oid, start, self._append, name)
        transaction.on_undo(lambda: self.sequences.pop(oid), sequence.record)
        return sequence

    def drop_sequence(self, transaction: Transaction, oid: int) -> None:
        transaction.assign_xid()
        transaction.on_undo(lambda: None, encode_drop(oid))
        transaction.at_end(lambda is_committed: is_committed and self.sequences.pop(oid, None))

    def _append(self, payload: bytes) -> None:
        if self.checkpointer is not None:
            self.wal.append(payload)

"""The write-ahead log: a commit counts when its changes are on the disk, in one record, in order.

Tables live in memory. What makes them durable is one file to whose end each commit is written
before its client hears of it; after a crash the file is read again, and the tables are where they
were.

    T1: UPDATE acct 7, INSERT log 12, COMMIT       T2: DELETE acct 3, COMMIT

    sqldb.4.wal   ┌────────────────────────────────────────┐┌─────────────────────────┐
        …         │ n xid 31 · p acct 7 (…) · p log 12 (…) ││ n xid 32 · d acct 3     │
                  └────────────────────────────────────────┘└─────────────────────────┘

**One record is one transaction**, with a checksum: after a crash it is there or it isn't, so
nothing has to be undone, and what isn't committed never reaches the disk. What a transaction wrote
twice, it logs once. (PostgreSQL logs each change as it is made, since its pages may be written
before the commit; so its recovery needs to know which transactions have committed.)

**Group commit.** An fsync takes as long as a hundred transactions. Who commits appends his record,
which costs a write to the kernel's memory, and then wants the file synced up to there. One syncs;
all who come meanwhile wait for the next sync, which serves them together:

    T1 append, sync ├──────────────────┤ done
    T2    append, wait ················├──────────────────┤ done
    T3         append, wait ···········│   (the same one)  │ done
    T4               append, wait ·····│                   │ done

All of it happens outside the latch: others run statements meanwhile. They don't see the transaction
yet, and wait where it has locked something. With `synchronous_commit = off` a commit is done once
its record is appended; a crash of the machine may lose the last moments, never a half.

**When the disk fails.** A full disk refuses the append: the transaction is rolled back (53100), and
the file ends where it did. A failed fsync is worse: nobody knows what is on the disk, and asking
again says that all is well (`append_only_log`). The commits that waited for it fail (58030), the
file is cut to what is known to be there, and no commit is taken until a new checkpoint has made it
superfluous.
# Real: xlog.c: XLogInsert(), XLogFlush(); PostgreSQL panics after a failed fsync.
"""

import contextlib
import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.common.append_only_log import AppendOnlyLog, SyncFailed, cut
from services.sqldb.errors import DISK_FULL, IO_ERROR, SqlError
from services.sqldb.storage.log_record import encode_delete, encode_next, encode_put
from services.sqldb.transactions.latch import Latch
from services.sqldb.transactions.transaction import Transaction
from services.sqldb.transactions.undo import ACTION, DELETE, INSERT, UPDATE

PURPOSE = b"sqldb changes"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class WriteAheadLog:
    """Appends commits to the file of the present generation, and brings them to the disk."""

    def __init__(self, latch: Latch, *, syncs: bool = True):
        """`syncs` false: leave it to the kernel when (# Real: fsync = off)."""
        self._latch = latch
        self._syncs = syncs
        self._file: AppendOnlyLog | None = None
        self._older: list[AppendOnlyLog] = []
        """Files of earlier generations that aren't synced to their end yet."""
        self._append_lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._written = self._flushed = 0
        """Bytes since the start, over all generations: up to where it is written and synced."""
        self._safe_place: tuple[AppendOnlyLog | None, int] = None, 0
        """The file that was synced last, and up to where."""
        self.is_distrusted = False
        self._is_being_replaced = False
        """The present file was begun after the distrust: the checkpoint before it ends that."""
        self.records_total = self.syncs_total = 0

    # Committing: see TransactionSystem.

    def commit(self, transaction: Transaction) -> None:
        """Write the changes down; returns when they are as safe as the transaction wants.

        Holding the latch, which is given up. Raises SqlError: nothing was committed.
        """
        payload = encode_commit(transaction, self._latch)
        if payload is None:
            return
        depth = self._latch.give_up()
        try:
            with self._append_lock:
                self._append(payload)
                transaction.is_logged = True
                end = self._written
            if transaction.synchronous_commit:
                self.flush(end)
        finally:
            self._latch.take_back(depth)

    def append(self, payload: bytes) -> None:
        """A record that belongs to no transaction; the next flush brings it to the disk."""
        with self._append_lock:
            self._append(payload)

    def _append(self, payload: bytes) -> None:
        if self.is_distrusted:
            raise SqlError(IO_ERROR, "the log takes no changes until a checkpoint has replaced it")
        size_bytes = self._file.size_bytes
        try:
            self._file.append(payload)
        except OSError as error:
            raise _refused(error) from error
        self._written += self._file.size_bytes - size_bytes
        self.records_total += 1

    def flush(self, end: int | None = None) -> None:
        """Return when all up to there is on the disk, all of it by default. Raises SqlError."""
        if not self._syncs:
            return
        if end is None:
            end = self._written
        if self._flushed >= end:
            return
        with self._sync_lock:
            if self._flushed < end:  # Else the one before has synced this too.
                self._sync()

    def _sync(self) -> None:
        with self._append_lock:
            files, self._older = [*self._older, self._file], []
            written, in_file = self._written, self._file.size_bytes
        if self.is_distrusted:
            raise _refused(OSError(errno.EIO, "an earlier fsync has failed"))
        try:
            for file in files:
                file.sync()
        except SyncFailed as error:
            self._distrust()
            raise _refused(error) from error
        for file in files[:-1]:
            file.close()
        self.syncs_total += 1
        self._flushed, self._safe_place = written, (files[-1], in_file)

    def _distrust(self) -> None:
        """Let nothing be read later of which nobody knows whether it is on the disk."""
        with self._append_lock:
            self.is_distrusted, self._is_being_replaced = True, False
            file, offset = self._safe_place
            if file is self._file:
                with contextlib.suppress(OSError):
                    cut(file.path, offset)

    # Generations: see Checkpointer.

    @property
    def size_bytes(self) -> int:
        """Of the present file."""
        return self._file.size_bytes if self._file else 0

    @property
    def bytes_total(self) -> int:
        return self._written

    def open(self, path: Path, salt: int | None = None) -> None:
        """Go on in a file after recovery. Raises OSError."""
        self._file = AppendOnlyLog(path, PURPOSE, "no", salt)
        self._safe_place = self._file, self._file.size_bytes

    def begin_file(self, path: Path) -> AppendOnlyLog:
        """Make the file of the next generation, without using it yet. Raises OSError."""
        return AppendOnlyLog(path, PURPOSE, "no")

    @contextmanager
    def quiescent(self) -> Iterator[None]:
        """Nothing is appended in the body: each transaction is logged, or is not."""
        with self._append_lock:
            yield

    def switch_to(self, file: AppendOnlyLog) -> None:
        """Append to the file of the next generation from now on. In `quiescent`."""
        if self.is_distrusted:
            self._file.close()  # No fsync of it means anything any more.
        else:
            self._older.append(self._file)
        self._is_being_replaced = self.is_distrusted
        self._file = file

    def replaced(self) -> None:
        """The checkpoint stands: it holds all that a distrusted file before it should have held."""
        with self._append_lock:
            if self._is_being_replaced:
                self.is_distrusted = self._is_being_replaced = False

    def close(self) -> None:
        """Raises SqlError where the end could not be brought to the disk."""
        if self._file is not None:
            try:
                self.flush()
            finally:
                self._file.close()
                self._file = None


def _refused(error: OSError) -> SqlError:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return SqlError(
            DISK_FULL,
            f"could not write to the log: {reason}",
            hint="Check free disk space.",
        )
    return SqlError(IO_ERROR, f"could not write to the log: {reason}")


def encode_commit(transaction: Transaction, latch: Latch) -> bytes | None:
    """The record of a transaction; None where it has changed nothing.

    A large one lets others in while it is made: what it has written, nobody else can change.
    """
    xid = transaction.xid
    parts = [encode_next(xid + 1)]
    for number, (kind, heap, what, _) in enumerate(transaction.writes):
        if kind in (INSERT, UPDATE):
            # What it has itself changed again is logged as it is at the end.
            if what.xmax != xid:
                parts.append(encode_put(heap.oid, what.row_id, what.values))
        elif kind == DELETE:
            parts.append(encode_delete(heap.oid, what.row_id))
        elif kind == ACTION and what is not None:
            parts.append(what if isinstance(what, bytes) else what())
        if number & 1023 == 1023:
            latch.breathe()
    return b"".join(parts) if len(parts) > 1 else None

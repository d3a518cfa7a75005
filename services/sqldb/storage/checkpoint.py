"""Checkpoints: everything is written anew, so that the log before it can be deleted.

A log that only grows would take ever longer to read. So now and then all tables are written to a
file, and the log begins anew. That takes seconds, and nobody shall wait for it: a forked child does
it (`common.forked_writer`).

    parent   … commit │ new log, fork │ commit  commit  commit … │ rename, delete the old │ …
                           └─ child: │ all committed rows → sqldb.8.new, fsync │ exit 0 ─┘

The pause is the fork alone, which copies the page tables: 11 ms with a million rows like those of
pgbench_accounts (0.35 GB), and the child takes 2.5 s. Beside it 25,000 updates a second went on,
the slowest of 200,000 in 11 ms: each page that the parent changes is copied once, by the kernel.

**What the child sees as committed.** A transaction whose record is in the old log but that isn't
visible yet (it waits for its fsync) must be in the checkpoint, since that log will be deleted; one
whose record will come in the new log must not. So nothing is appended in the moment of the fork,
and `Transaction.is_logged` tells the two apart.

If the machine dies before the rename, the old checkpoint, the old log and the new log are all still
there, and recovery reads them in this order.
# Real: PostgreSQL writes its changed pages, over minutes
"""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from services.common.append_only_log import AppendOnlyLog
from services.common.atomic_file import sync_directory
from services.common.forked_writer import ForkedWriter
from services.common.logs import Log
from services.sqldb.storage.files import files_in, path_of
from services.sqldb.storage.log_record import encode_end, encode_next, encode_put
from services.sqldb.transactions.mvcc import FREE, Snapshot

if TYPE_CHECKING:
    from services.sqldb.storage.engine import StorageEngine

PURPOSE = b"sqldb checkpoint"
RECORD_BYTES = 256 * 1024
RETRY_S = 5
WORTH_BYTES = 1024 * 1024
"""A log that is shorter isn't worth a checkpoint, however much time has passed."""


class Checkpointer:
    """Starts checkpoints, and sees to their ends. Its methods are called without the latch."""

    def __init__(self, engine: "StorageEngine", directory: Path, generation: int, log: Log):
        self._engine = engine
        self._directory = directory
        self._log = log
        self._pid = os.getpid()
        # The background thread and a session's CHECKPOINT take turns.
        self._busy = threading.Lock()
        self._child = ForkedWriter()
        self.generation = generation
        self._started_s = self._attempted_s = time.monotonic()
        self.last_error = ""
        self.last_duration_s = 0.0
        self.checkpoint_bytes = 0
        self.checkpoints_total = self.timed_total = 0
        self.duration_total_s = self.finished_at_s = 0.0
        self._is_timed = False

    @property
    def is_running(self) -> bool:
        return self._child.is_running

    @property
    def last_pause_s(self) -> float:
        return self._child.last_pause_s

    def tick(self, timeout_s: float, max_wal_bytes: int) -> None:
        """Called now and then: see to the child, or start one when it is time.

        It is, when the log is longer than allowed and than the last checkpoint, or when the time
        is over and the log is worth it.  # Real: max_wal_size, checkpoint_timeout
        """
        if self._busy.acquire(blocking=False):
            try:
                self._tick(timeout_s, max_wal_bytes)
            finally:
                self._busy.release()

    def _tick(self, timeout_s: float, max_wal_bytes: int) -> None:
        if self._child.is_running:
            self._reap()
            return
        since_s = time.monotonic() - self._attempted_s
        if since_s < RETRY_S and self.last_error:
            return
        wal = self._engine.wal
        size_bytes = wal.size_bytes
        if (
            wal.is_distrusted
            or size_bytes >= max(max_wal_bytes, self.checkpoint_bytes)
            or (since_s >= timeout_s and size_bytes >= WORTH_BYTES)
        ):
            self._is_timed = not wal.is_distrusted and since_s >= timeout_s
            self.start()

    def run(self) -> bool:
        """CHECKPOINT: make one and wait for it; whether it stands."""
        with self._busy:
            self.finish()
            self._is_timed = False
            self.start()
            self.finish()
            return not self.last_error

    def finish(self) -> None:
        """Wait for the one that is being written, if any."""
        self._reap(waits=True)

    def start(self) -> None:
        """Go on in a new log, and have a child write what came before."""
        self._started_s = self._attempted_s = time.monotonic()
        generation = self.generation + 1
        try:
            file = self._engine.wal.begin_file(path_of(self._directory, generation, "wal"))
            with self._engine.latch, self._engine.wal.quiescent():
                self._engine.wal.switch_to(file)
                self.generation = generation
                # The rows of a database are no garbage, and there are millions of them.
                self._child.start(self._write, keeps_frozen=True)
        except OSError as error:
            self._failed(error.strerror or str(error))

    @property
    def _new_path(self) -> Path:
        # With our number: the child of a server that was killed may still be writing its own.
        return self._directory / f"sqldb.{self.generation}.{self._pid}.new"

    def _write(self) -> None:
        write_checkpoint(self._new_path, self._engine)

    def _reap(self, *, waits: bool = False) -> None:
        reason = self._child.outcome(waits=waits)
        if reason is None:
            return
        if reason:
            self._failed(reason)
            return
        try:
            self._adopt()
        except OSError as error:
            self._failed(error.strerror or str(error))

    def _adopt(self) -> None:
        """The checkpoint stands; what came before it is superfluous. Raises OSError."""
        path = path_of(self._directory, self.generation, "checkpoint")
        os.replace(self._new_path, path)
        sync_directory(self._directory)
        self._engine.wal.replaced()
        for number, _, old in files_in(self._directory):
            if number < self.generation:
                old.unlink()
        self.checkpoint_bytes = path.stat().st_size
        self.checkpoints_total += 1
        self.timed_total += self._is_timed
        self.last_duration_s = time.monotonic() - self._started_s
        self.duration_total_s += self.last_duration_s
        self.finished_at_s = time.time()
        self.last_error = ""
        self._engine.vitals.problems.pop("checkpoint", None)
        self._log.info("checkpoint saved", file=path, seconds=self.last_duration_s,
                       pause_s=self.last_pause_s)  # fmt: skip

    def _failed(self, reason: str) -> None:
        self._new_path.unlink(missing_ok=True)
        self.last_error = reason
        self._engine.vitals.problems["checkpoint"] = reason
        self._log.error("checkpoint failed", reason=reason)

    def stop(self) -> None:
        """The server stops: what is being written is not needed."""
        with self._busy:
            self._stop()

    def _stop(self) -> None:
        if self._child.kill():
            self._new_path.unlink(missing_ok=True)


def write_checkpoint(path: Path, engine: "StorageEngine") -> None:
    """Write everything that is committed as changes from nothing. Raises OSError."""
    log = AppendOnlyLog(path, PURPOSE, "no")
    pending: list[bytes] = []
    size_bytes = rows = 0
    for change in _changes(engine):
        rows += 1
        pending.append(change)
        size_bytes += len(change)
        if size_bytes >= RECORD_BYTES:
            log.append(b"".join(pending))
            pending, size_bytes = [], 0
    pending.append(encode_end(rows))
    log.append(b"".join(pending))
    log.sync()
    log.close()


def _changes(engine: "StorageEngine") -> Iterator[bytes]:
    snapshot = committed_snapshot(engine)
    yield encode_next(snapshot.xmax)
    for sequence in engine.sequences.values():
        yield sequence.record()
    horizon, visible = snapshot.xmin, snapshot.visible
    for oid, heap in engine.heaps.items():
        for head in heap.rows:
            if head is FREE:
                continue
            version = head if head.xmax == 0 and head.xmin < horizon else visible(head)
            if version is not None:
                yield encode_put(oid, version.row_id, version.values)


class _Nobody:
    xid = 0
    serializable = None


def committed_snapshot(engine: "StorageEngine") -> Snapshot:
    """What is in the log: all that is visible, and what will be when its fsync is done."""
    procarray = engine.transactions.procarray
    running = frozenset(xid for xid, each in procarray.running.items() if not each.is_logged)
    next_xid = procarray.next_xid
    return Snapshot(_Nobody(), min(running, default=next_xid), next_xid, running, 0)

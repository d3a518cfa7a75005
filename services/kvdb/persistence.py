"""Persistence: when the data set goes to the disk and comes back.

    DATA_DIR/
      kvdb.snapshot      the last whole snapshot
      kvdb.7.aof         the writes since then, where the append-only file is on (`journal`)
      kvdb.lock          held while a process uses the directory

Every N seconds, if something has changed, a forked child writes everything to a new file while the
parent goes on serving (`common.forked_writer`). The parent sees its end at the next tick and
renames the file:

    parent   ──┬── serves ─────────────────┬─ reap, rename, fsync the directory ── serves ──▶
               └─ child: write, fsync ──▶ exit 0

So the pause of the clients is the fork itself. # Real: rdbSaveBackground() in Redis.

With the append-only file, a snapshot is also its rewriting: the file goes on under the next
number from the moment of the fork, and when the snapshot stands, the older ones are deleted. It
is begun as well when the file has grown past the snapshot that it follows.

A crash loses what neither has: without the append-only file, that is what changed since the
last snapshot. A save that fails (a full disk) leaves the last snapshot as it is, is logged,
shows as `degraded`, and is tried again.
"""

import fcntl
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from services.common.atomic_file import remove_stale_temporaries, replace_file, sync_directory
from services.common.forked_writer import ForkedWriter
from services.common.health import Vitals
from services.common.logs import Log
from services.common.resp import ReplyError
from services.kvdb import journal
from services.kvdb.journal import Journal
from services.kvdb.keyspace import Keyspace
from services.kvdb.recovery import Recovered, StartError, recover
from services.kvdb.settings import Settings
from services.kvdb.snapshot import encode_snapshot

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

FILE_NAME = "kvdb.snapshot"
LOCK_NAME = "kvdb.lock"
NO_DIRECTORY = "ERR this server keeps no data on disk (it has no --data-dir)"

RETRY_S = 5
"""After a failure the next attempt comes no sooner.  # Real: CONFIG_BGSAVE_RETRY_DELAY"""


class Persistence:
    """Snapshots of one keyspace, and the generations of the append-only file that follow them.

    Without a data directory it does nothing.
    """

    def __init__(
        self,
        keyspace: Keyspace,
        journal: Journal,
        settings: Settings,
        vitals: Vitals,
        log: Log,
    ):
        self._keyspace = keyspace
        self._journal = journal
        self._settings = settings
        self._vitals = vitals
        self._log = log
        self._directory = Path(settings.data_dir) if settings.data_dir else None
        self._lock_file: object = None
        self._child = ForkedWriter()
        self._child_path = Path()
        self._dirty_at_fork = 0
        self._generation = 0
        self._started_s = 0.0
        self._synced_at_s = 0.0
        self._base_bytes = 0
        self._last_attempt_s = time.monotonic()
        self.last_save_s = int(time.time())
        self.last_error = ""
        """Why the last save failed; empty where it did not."""
        self.last_duration_s = -1.0
        self.is_scheduled = False
        """Another snapshot is to follow the one that is being written."""
        self.saves_total = 0

    # Starting.

    def open(self, engine: "Engine", *, repairs: bool = False) -> None:
        """Take hold of the directory and load what is in it. Raises StartError.

        `repairs` cuts an append-only file off where it is damaged, instead of refusing it.
        """
        if self._directory is None:
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock()
            remove_stale_temporaries(self._path)
            for unfinished in self._directory.glob(f"{FILE_NAME}.*"):
                unfinished.unlink()
            recovered = recover(engine, self._directory, self._path, self._log, repairs=repairs)
            self.last_save_s = recovered.saved_at_s or self.last_save_s
            self._base_bytes = recovered.snapshot_bytes
            self._go_on(engine, recovered)
        except OSError as error:
            raise StartError(f"cannot use {self._directory}: {error.strerror}") from error

    def _go_on(self, engine: "Engine", recovered: Recovered) -> None:
        """Begin to write where recovery has ended, as the settings want it."""
        if not self._settings.append_only:
            if recovered.generation:
                self.save()  # A snapshot that stands alone, and the files are superfluous.
        elif recovered.generation:
            policy = self._settings.append_fsync
            self._journal.open(self._directory, recovered.generation, policy, recovered.salt)
            engine.dispatcher.keeps_journal = True
        else:
            # A snapshot first: the file would mean nothing without the one that it follows.
            self._open_journal(engine)
            self.save()

    def _open_journal(self, engine: "Engine") -> None:
        """Begin an append-only file that counts from the next snapshot on. Raises OSError."""
        older = journal.generations_in(self._directory)
        self._journal.open(self._directory, max(older, default=0) + 1, self._settings.append_fsync)
        engine.dispatcher.keeps_journal = True

    def set_append_only(self, engine: "Engine", wanted: bool) -> None:
        """CONFIG SET appendonly. Raises ReplyError."""
        is_started = self._lock_file is not None
        if not is_started or wanted == self._journal.is_open:
            return
        self._stop_child()
        try:
            if wanted:
                self._open_journal(engine)
            else:
                engine.dispatcher.keeps_journal = False
                self._journal.close()
        except OSError as error:
            raise ReplyError(f"ERR the append-only file: {error.strerror}") from error
        self.save_in_background()

    def reload(self, engine: "Engine") -> None:
        """DEBUG LOADAOF: forget everything, and load what is on the disk. Raises ReplyError."""
        if self._directory is None:
            raise ReplyError(NO_DIRECTORY)
        self._stop_child()
        try:
            if self._journal.is_open:
                self._journal.close()
            engine.dispatcher.keeps_journal = False
            self._keyspace.clear()
            recovered = recover(engine, self._directory, self._path, self._log, repairs=False)
            self._go_on(engine, recovered)
        except (StartError, OSError) as error:
            raise ReplyError(f"ERR {error}") from error

    @property
    def _path(self) -> Path:
        return self._directory / FILE_NAME

    def _lock(self) -> None:
        self._lock_file = open(self._directory / LOCK_NAME, "ab")  # noqa: SIM115
        try:
            # Not flock(): a child that has outlived its parent would hold that for a moment.
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"{self._directory} is in use by another process") from None

    # Saving.

    @property
    def is_saving(self) -> bool:
        """Whether a child is writing."""
        return self._child.is_running

    @property
    def forks_total(self) -> int:
        return self._child.forks_total

    @property
    def last_fork_s(self) -> float:
        """How long clients stood still for the last fork."""
        return self._child.last_pause_s

    def tick(self) -> None:
        """Called every now and then: see to the child, or start one when it is time."""
        now_s = time.monotonic()
        if now_s - self._synced_at_s >= 1:
            self._synced_at_s = now_s
            self._journal.tick()
        if self._child.is_running:
            self._reap()
        elif self._directory is not None and self._is_time_to_save(now_s):
            self._fork()

    def _is_time_to_save(self, now_s: float) -> bool:
        if self.is_scheduled:
            return True
        since_s = now_s - self._last_attempt_s
        if self.last_error and since_s < RETRY_S:
            return False
        if self._journal.is_distrusted:
            return True
        if self._has_outgrown():
            return True
        dirty = self._keyspace.dirty
        return any(
            since_s >= seconds and dirty >= max(changes, 1)
            for seconds, changes in self._settings.save_points
        )

    def _has_outgrown(self) -> bool:
        """Whether the append-only file is so much longer than the snapshot that it begins anew."""
        percent = self._settings.rewrite_growth_percent
        limit_bytes = max(self._base_bytes * percent // 100, self._settings.rewrite_min_bytes)
        return bool(percent) and self._journal.size_bytes >= limit_bytes

    def save_in_background(self, *, may_wait: bool = False) -> bool:
        """BGSAVE. With `may_wait` a save that is under way comes first; then it answers false.

        Raises ReplyError.
        """
        if may_wait and self.is_saving:
            self.is_scheduled = True
            return False
        self._check_can_save()
        self._fork()
        if self.last_error and not self._child.is_running:
            raise ReplyError(f"ERR {self.last_error}")
        return True

    def save(self) -> None:
        """SAVE: write here and now; nobody is served meanwhile. Raises ReplyError."""
        self._check_can_save()
        try:
            self._start()
            replace_file(self._path, self._chunks())
            self._succeeded()
        except OSError as error:
            self._failed(error.strerror or str(error))
            raise ReplyError(f"ERR {self.last_error}") from error

    def _check_can_save(self) -> None:
        if self._directory is None:
            raise ReplyError(NO_DIRECTORY)
        if self._child.is_running:
            raise ReplyError("ERR Background save already in progress")

    def _chunks(self) -> Iterator[bytes]:
        saved_at_ms = int(time.time() * 1000)
        return encode_snapshot(self._keyspace.databases, saved_at_ms, self._generation)

    def _start(self) -> None:
        """The moment of the snapshot. Raises OSError."""
        self._started_s = self._last_attempt_s = time.monotonic()
        self._generation = self._journal.begin_generation()
        self._dirty_at_fork = self._keyspace.dirty

    def _fork(self) -> None:
        self.is_scheduled = False
        try:
            self._start()
        except OSError as error:
            self._failed(error.strerror or str(error))
            return
        # Drawn by lot: a child that has outlived another server, which may have had the same
        # process number, cannot have put its old data there.
        self._child_path = self._path.with_name(f"{FILE_NAME}.{secrets.token_hex(8)}.new")
        try:
            self._child.start(self._write)
        except OSError as error:
            self._failed(f"cannot fork: {error.strerror}")

    def _write(self) -> None:
        replace_file(self._child_path, self._child.while_parent_lives(self._chunks()))

    def _reap(self) -> None:
        reason = self._child.outcome()
        if reason is None:
            return
        if reason:
            self._failed(reason)
            return
        try:
            os.replace(self._child_path, self._path)
            sync_directory(self._directory)
            self._succeeded()
        except OSError as error:
            self._failed(error.strerror or str(error))

    def _succeeded(self) -> None:
        """The snapshot stands; what it has made superfluous goes. Raises OSError."""
        self._journal.snapshot_stands(self._generation)
        journal.delete_before(self._directory, self._generation or sys.maxsize)
        self._base_bytes = self._path.stat().st_size
        self._keyspace.dirty -= self._dirty_at_fork
        self.last_save_s = int(time.time())
        self.saves_total += 1
        self.last_duration_s = time.monotonic() - self._started_s
        self.last_error = ""
        self._vitals.problems.pop("snapshot", None)
        self._log.info("snapshot saved", file=self._path, seconds=self.last_duration_s)

    def _failed(self, reason: str) -> None:
        self.last_error = f"snapshot failed: {reason}"
        self._vitals.problems["snapshot"] = reason
        self._log.error("snapshot failed", file=self._path, reason=reason)

    # Stopping.

    def close(self, *, saves: bool = True) -> bool:
        """Save what has changed and let go of the directory; false where saving failed."""
        if self._directory is None:
            return True
        self._stop_child()
        is_safe = True
        try:
            if self._journal.is_distrusted or (
                saves and self._keyspace.dirty and not self._journal.is_open
            ):
                self.save()
            self._journal.close()
        except (ReplyError, OSError):
            is_safe = False
        self._lock_file.close()
        return is_safe

    def _stop_child(self) -> None:
        """Its snapshot is older than what is going to be saved now."""
        if self._child.kill():
            remove_stale_temporaries(self._child_path)
            self._child_path.unlink(missing_ok=True)

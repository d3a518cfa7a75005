"""Persistence: when the data set goes to the disk and comes back. The one file that touches it.

    DATA_DIR/
      kvdb.snapshot      the last whole snapshot
      kvdb.lock          held while a process uses the directory

Every N seconds, if something has changed, the process forks. The child has, for nothing, a copy
of the whole memory at this moment, which no later command changes: the kernel copies a page
only when one of the two writes to it. It writes that to a new file while the parent goes on
serving, and ends. The parent sees its end at the next tick and renames the file:

    parent   ──┬── serves ─────────────────┬─ reap, rename, fsync the directory ── serves ──▶
               └─ child: write, fsync ──▶ exit 0

So the pause of the clients is the fork itself: copying the page tables, some milliseconds for
a gigabyte. It is the parent that renames, because a child that has outlived its parent (kill
-9) must not put its old data over what a new parent has saved since.
# Real: rdbSaveBackground() in Redis.

In Python the child's copy is dearer than in C: reading an object writes its reference count, so
the child ends up with a copy of most pages. Memory for twice the data must be there.

A crash loses what changed since the last snapshot, which is what the interval is for. A save
that fails (a full disk) leaves the last snapshot as it is, is logged, shows as `degraded`, and
is tried again.
"""

import contextlib
import fcntl
import gc
import os
import resource
import signal
import sys
import time
from pathlib import Path

from services.common.atomic_file import remove_stale_temporaries, replace_file, sync_directory
from services.common.health import Vitals
from services.common.logs import Log
from services.common.resp import ReplyError
from services.kvdb.keyspace import Keyspace
from services.kvdb.settings import Settings
from services.kvdb.snapshot import SnapshotError, decode_snapshot, encode_snapshot

FILE_NAME = "kvdb.snapshot"
LOCK_NAME = "kvdb.lock"
RETRY_S = 5
"""After a failure the next attempt comes no sooner.  # Real: CONFIG_BGSAVE_RETRY_DELAY"""


class StartError(Exception):
    """The data directory cannot be used; the text is one line for the operator."""


class Persistence:
    """Snapshots of one keyspace. Without a data directory it does nothing."""

    def __init__(self, keyspace: Keyspace, settings: Settings, vitals: Vitals, log: Log):
        self._keyspace = keyspace
        self._settings = settings
        self._vitals = vitals
        self._log = log
        self._directory = Path(settings.data_dir) if settings.data_dir else None
        self._lock_file: object = None
        self._child_pid = 0
        self._child_path = Path()
        self._dirty_at_fork = 0
        self._started_s = 0.0
        self._last_attempt_s = time.monotonic()
        self.last_save_s = int(time.time())
        self.last_error = ""
        """Why the last save failed; empty where it did not."""
        self.last_duration_s = -1.0

    # --- starting ----------------------------------------------------------------------

    def open(self) -> None:
        """Take hold of the directory and load what is in it. Raises StartError."""
        if self._directory is None:
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock()
            remove_stale_temporaries(self._path)
            for unfinished in self._directory.glob(f"{FILE_NAME}.*"):
                unfinished.unlink()
            self._load()
        except OSError as error:
            raise StartError(f"cannot use {self._directory}: {error.strerror}") from error

    @property
    def _path(self) -> Path:
        return self._directory / FILE_NAME

    def _lock(self) -> None:
        self._lock_file = open(self._directory / LOCK_NAME, "ab")  # noqa: SIM115
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"{self._directory} is in use by another process") from None

    def _load(self) -> None:
        started_s = time.monotonic()
        try:
            file = open(self._path, "rb")  # noqa: SIM115
        except FileNotFoundError:
            return
        with file:
            try:
                for entry in decode_snapshot(file):
                    database = self._keyspace.databases[entry.database]
                    database.set(entry.key, entry.value)
                    if entry.expires_at_ms is not None:
                        database.expire_at(entry.key, entry.expires_at_ms)
            except SnapshotError as error:
                raise StartError(f"{self._path} is damaged: {error}") from error
            self.last_save_s = int(os.fstat(file.fileno()).st_mtime)
        self._keyspace.dirty = 0
        keys = sum(map(len, self._keyspace.databases))
        seconds = time.monotonic() - started_s
        self._log.info("snapshot loaded", file=self._path, keys=keys, seconds=seconds)

    # --- saving ------------------------------------------------------------------------

    @property
    def is_saving(self) -> bool:
        """Whether a child is writing."""
        return self._child_pid != 0

    def tick(self) -> None:
        """Called every now and then: see to the child, or start one when it is time."""
        if self._child_pid:
            self._reap()
            return
        interval_s = self._settings.snapshot_interval_s
        if self._directory is None or not interval_s or not self._keyspace.dirty:
            return
        pause_s = RETRY_S if self.last_error else 0
        if time.monotonic() - self._last_attempt_s >= max(interval_s, pause_s):
            self._fork()

    def save_in_background(self) -> None:
        """BGSAVE. Raises ReplyError."""
        self._check_can_save()
        self._fork()
        if self.last_error and not self._child_pid:
            raise ReplyError(f"ERR {self.last_error}")

    def save(self) -> None:
        """SAVE: write here and now; nobody is served meanwhile. Raises ReplyError."""
        self._check_can_save()
        self._start()
        try:
            replace_file(self._path, self._chunks())
        except OSError as error:
            self._failed(error.strerror or str(error))
            raise ReplyError(f"ERR {self.last_error}") from error
        self._succeeded()

    def _check_can_save(self) -> None:
        if self._directory is None:
            raise ReplyError("ERR this server keeps no data on disk (it has no --data-dir)")
        if self._child_pid:
            raise ReplyError("ERR Background save already in progress")

    def _chunks(self):
        return encode_snapshot(self._keyspace.databases, int(time.time() * 1000))

    def _start(self) -> None:
        self._started_s = self._last_attempt_s = time.monotonic()
        self._dirty_at_fork = self._keyspace.dirty

    def _fork(self) -> None:
        self._start()
        self._child_path = self._path.with_name(f"{FILE_NAME}.{os.getpid()}.new")
        sys.stdout.flush()
        # Objects that the collector does not visit are objects that the child does not touch.
        gc.freeze()
        try:
            self._child_pid = os.fork()
        except OSError as error:
            self._failed(f"cannot fork: {error.strerror}")
            return
        finally:
            if self._child_pid:
                gc.unfreeze()
        if self._child_pid == 0:
            self._run_child()

    def _run_child(self) -> None:
        """Write the snapshot and end; the exit status is 0 or the errno."""
        status = 255
        try:
            gc.disable()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            # The port and the clients must be free as soon as the parent is gone.
            os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
            replace_file(self._child_path, self._chunks())
            status = 0
        except OSError as error:
            status = error.errno or status
        finally:
            os._exit(status)

    def _reap(self) -> None:
        pid, status = os.waitpid(self._child_pid, os.WNOHANG)
        if not pid:
            return
        self._child_pid = 0
        code = os.waitstatus_to_exitcode(status)
        try:
            if code == 0:
                os.replace(self._child_path, self._path)
                sync_directory(self._directory)
                self._succeeded()
                return
            reason = os.strerror(code) if 0 < code < 255 else f"the child ended with {code}"
        except OSError as error:
            reason = error.strerror or str(error)
        self._failed(reason)

    def _succeeded(self) -> None:
        self._keyspace.dirty -= self._dirty_at_fork
        self.last_save_s = int(time.time())
        self.last_duration_s = time.monotonic() - self._started_s
        self.last_error = ""
        self._vitals.problems.pop("snapshot", None)
        self._log.info("snapshot saved", file=self._path, seconds=self.last_duration_s)

    def _failed(self, reason: str) -> None:
        self.last_error = f"snapshot failed: {reason}"
        self._vitals.problems["snapshot"] = reason
        self._log.error("snapshot failed", file=self._path, reason=reason)

    # --- stopping ----------------------------------------------------------------------

    def close(self, *, saves: bool = True) -> bool:
        """Save what has changed and let go of the directory; false where saving failed."""
        if self._directory is None:
            return True
        self._stop_child()
        is_safe = True
        if saves and self._keyspace.dirty:
            try:
                self.save()
            except ReplyError:
                is_safe = False
        self._lock_file.close()
        return is_safe

    def _stop_child(self) -> None:
        """Its snapshot is older than what is going to be saved now."""
        if self._child_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child_pid, signal.SIGKILL)
            os.waitpid(self._child_pid, 0)
            self._child_pid = 0
            remove_stale_temporaries(self._child_path)
            self._child_path.unlink(missing_ok=True)

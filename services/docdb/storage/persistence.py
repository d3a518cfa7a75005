"""Persistence: when the data goes to the disk as a whole, and how it comes back.

    DATA_DIR/
      docdb.7.snapshot     everything as it was when journal 7 was begun
      docdb.7.journal      the changes since then …
      docdb.8.journal      … and those since a newer snapshot was begun, while it is not finished
      docdb.lock           held while a process uses the directory

Both kinds of files are append-only logs of changes (`journal`); in a snapshot nothing is taken
back, and its last record says how many documents it has, so that one that ends too early is
not believed.

A snapshot is written by a forked child (`common.forked_writer`), while the parent goes on in a new
journal. When the child has ended well, the parent renames its file and deletes what came before.
# Real: a checkpoint of WiredTiger
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from services.common.append_only_log import AppendOnlyLog
from services.common.atomic_file import sync_directory
from services.common.forked_writer import ForkedWriter
from services.common.health import Vitals
from services.common.logs import Log
from services.docdb.bson.encoder import encode_document
from services.docdb.replication.oplog import Oplog, entry_document
from services.docdb.settings import Settings
from services.docdb.storage.catalog import Catalog
from services.docdb.storage.journal import (
    CATALOG,
    INSERT,
    OPLOG,
    SESSION,
    FileJournal,
    encode_change,
)
from services.docdb.transactions.sessions import Sessions

SNAPSHOT_PURPOSE = b"docdb snapshot"
SNAPSHOT_RECORD_BYTES = 256 * 1024
WORTH_BYTES = 1024 * 1024
"""A journal that is shorter, or than half of the snapshot, is not worth a new one."""
REWRITE_BYTES = 64 * 1024 * 1024
"""From here on, and past the size of the snapshot, the interval is not waited for."""
RETRY_S = 5
_NAME = re.compile(r"docdb\.(\d+)\.(snapshot|journal)")


class StartError(Exception):
    """The data directory cannot be used; the text is one line for the operator."""


class Persistence:
    """Journals and snapshots of one catalog. Without a data directory it does nothing."""

    def __init__(
        self,
        catalog: Catalog,
        journal: FileJournal,
        sessions: Sessions,
        settings: Settings,
        vitals: Vitals,
        log: Log,
    ):
        self._catalog = catalog
        self._journal = journal
        self._sessions = sessions
        self._settings = settings
        self._vitals = vitals
        self._log = log
        self._directory = Path(settings.data_dir) if settings.data_dir else None
        self._lock_file: object = None
        self._child = ForkedWriter()
        self._child_generation = 0
        self._generation = 0
        self._base_bytes = 0
        self._attempted_at_s = time.monotonic()
        self._synced_at_s = 0.0
        self._started_s = 0.0

    # Starting.

    def open(self, *, repairs: bool = False) -> None:
        """Take hold of the directory and load what is in it. Raises StartError."""
        from services.docdb.storage.recovery import recover

        if self._directory is None:
            self._begin_oplog()
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock()
            for unfinished in self._directory.glob("*.new"):
                unfinished.unlink()
            found = recover(
                self._catalog,
                self._journal,
                self._sessions,
                self._directory,
                self._log,
                repairs=repairs,
            )
            self._generation = found.generation
            self._base_bytes = found.snapshot_bytes
            path = path_of(self._directory, self._generation, "journal")
            self._journal.open(path, found.salt)
            self._begin_oplog()
        except OSError as error:
            raise StartError(f"cannot use {self._directory}: {error.strerror}") from error

    def _begin_oplog(self) -> None:
        """An oplog that has nothing begins now: of what was before, it knows nothing."""
        begun = self._journal.oplog.begin() if self._journal.oplog is not None else None
        if begun is not None:
            self._journal.note(OPLOG, entry_document(begun))

    def _lock(self) -> None:
        self._lock_file = open(self._directory / "docdb.lock", "ab")  # noqa: SIM115
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"{self._directory} is in use by another process") from None

    # The journal.

    def flush(self) -> bool:
        """Write what the turn has changed; false where the disk refuses it."""
        try:
            self._journal.flush()
        except OSError as error:
            if "journal" not in self._vitals.problems:
                self._log.error("the journal takes no record", reason=error.strerror)
            self._vitals.problems["journal"] = error.strerror or str(error)
            return False
        if "journal" in self._vitals.problems and not self._journal.has_pending:
            del self._vitals.problems["journal"]
            self._log.info("the journal takes records again")
        return True

    @property
    def is_refusing(self) -> bool:
        return "journal" in self._vitals.problems

    def tick(self) -> None:
        """Called now and then: sync, see to the child, or start one when it is time."""
        if self._directory is None:
            return
        now_s = time.monotonic()
        if now_s - self._synced_at_s >= 1 and self._journal.file is not None:
            self._synced_at_s = now_s
            error = self._journal.file.sync_every_second()
            if error is not None:
                self._log.error("the journal could not be synced", reason=error.strerror)
                self._journal.needs_sync = True
        if self._child.is_running:
            self._reap()
        elif self._is_time(now_s):
            self.snapshot_in_background()

    def _is_time(self, now_s: float) -> bool:
        size_bytes = self._journal.file.size_bytes if self._journal.file else 0
        since_s = now_s - self._attempted_at_s
        if size_bytes >= max(self._base_bytes, REWRITE_BYTES):
            return since_s >= RETRY_S
        interval_s = self._settings.snapshot_interval_s
        enough_bytes = max(self._base_bytes // 2, WORTH_BYTES)
        return bool(interval_s) and since_s >= interval_s and size_bytes >= enough_bytes

    # Snapshots.

    def snapshot_in_background(self) -> None:
        """Go on in a new journal, and have a child write what came before."""
        self._attempted_at_s = self._started_s = time.monotonic()
        if not self.flush():
            return
        try:
            old = self._journal.file
            generation = self._generation + 1
            self._journal.open(path_of(self._directory, generation, "journal"))
            old.close_in_background()
            self._generation = generation
            self._child_generation = generation
            self._child.start(lambda: self._write(generation))
        except OSError as error:
            self._failed(error.strerror or str(error))

    def _write(self, generation: int) -> None:
        oplog = self._journal.oplog
        write_snapshot(self._new_path(generation), self._catalog, oplog, self._sessions)

    def _new_path(self, generation: int) -> Path:
        return path_of(self._directory, generation, "snapshot").with_suffix(".new")

    def _reap(self) -> None:
        reason = self._child.outcome()
        if reason is None:
            return
        if reason:
            self._failed(reason)
            return
        try:
            self._adopt(self._child_generation)
        except OSError as error:
            self._failed(error.strerror or str(error))

    def _adopt(self, generation: int) -> None:
        """The snapshot stands; what came before it is superfluous. Raises OSError."""
        path = path_of(self._directory, generation, "snapshot")
        os.replace(self._new_path(generation), path)
        sync_directory(self._directory)
        for number, _, old in files_in(self._directory):
            if number < generation:
                old.unlink()
        self._base_bytes = path.stat().st_size
        self._vitals.problems.pop("snapshot", None)
        seconds = time.monotonic() - self._started_s
        self._log.info("snapshot saved", file=path, seconds=seconds)

    def _failed(self, reason: str) -> None:
        self._vitals.problems["snapshot"] = reason
        self._log.error("snapshot failed", reason=reason)

    def close(self) -> bool:
        """Bring everything to the disk; false where that failed."""
        self._child.kill()
        try:
            self._journal.close()
        except OSError as error:
            self._log.error("the journal could not be closed", reason=error.strerror)
            return False
        return True


def path_of(directory: Path, generation: int, kind: str) -> Path:
    return directory / f"docdb.{generation}.{kind}"


def files_in(directory: Path) -> list[tuple[int, str, Path]]:
    """Generation, kind and path of each file, in order."""
    found = []
    for path in directory.iterdir():
        match = _NAME.fullmatch(path.name)
        if match:
            found.append((int(match[1]), match[2], path))
    return sorted(found)


def write_snapshot(path: Path, catalog: Catalog, oplog: Oplog | None, sessions: Sessions) -> None:
    """Write everything as changes from nothing. Raises OSError."""
    log = AppendOnlyLog(path, SNAPSHOT_PURPOSE, "no")
    pending: list[bytes] = []
    size = documents = 0
    for change in chain(_changes(catalog), _history(oplog, sessions)):
        documents += change[:1] == INSERT
        pending.append(change)
        size += len(change)
        if size >= SNAPSHOT_RECORD_BYTES:
            log.append(b"".join(pending))
            pending, size = [], 0
    pending.append(encode_change(CATALOG, "", encode_document({"end": documents})))
    log.append(b"".join(pending))
    log.sync()
    log.close()


def _history(oplog: Oplog | None, sessions: Sessions) -> Iterator[bytes]:
    """What a replica set remembers beside its documents."""
    for entry in oplog.entries if oplog is not None else ():
        yield encode_change(OPLOG, "", encode_document(entry_document(entry)))
    for session in sessions.documents():
        yield encode_change(SESSION, "", encode_document(session))


def _changes(catalog: Catalog) -> Iterator[bytes]:
    for collection in catalog.collections():
        namespace = collection.namespace
        created = {"create": namespace, "options": collection.options, "uuid": collection.uuid}
        yield encode_change(CATALOG, "", encode_document(created))
        for record in collection.records.values():
            yield encode_change(INSERT, namespace, record.raw)
        for index in collection.indexes.values():
            if index.name != "_id_":
                made = {"createIndex": namespace, "spec": index.spec}
                yield encode_change(CATALOG, "", encode_document(made))
    for database in catalog.databases.values():
        for view in database.views.values():
            made = {"createView": f"{view.database}.{view.name}", "options": view.options}
            yield encode_change(CATALOG, "", encode_document(made))

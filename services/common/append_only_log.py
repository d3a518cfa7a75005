"""The append-only log: what was acknowledged is on the disk, and a crash leaves no half of it.

A server that changes its state in memory writes each change to the end of one file first, and
after a crash it reads the file from the beginning and is where it was. Appending is the one
thing that a disk does well, and the one kind of write of which only the last can be torn.

    header   magic 8 bytes · version u32 · salt u32 · length of the purpose u32 · the purpose
    record   mark "\\xabrec" · length u32 · CRC-32 of length and payload u32 · payload
    record   …
    record   mark "\\xabrec" · length u32 · CRC-32 …  pay          ◀─ kill -9 came here

**A torn tail** is the normal end after a crash: a record of which only a part was written. It
was never acknowledged, so it is cut off, and the log says how much that was. **Damage in the
middle**, a bad record that good ones follow, is no crash but a broken disk or a stray editor:
to go on would silently lose what was acknowledged, so it is refused with file and offset, and
only a person may decide to cut there (`cut`). The marks are there to tell the two apart:
behind a bad record they show where the next one could begin. (Checksums begin with the file's
random salt, so that a client's value cannot pass for a record that follows.)

**When is it on the disk?** `write` hands records to the kernel, which survives the death of
the process; only `fsync` survives the death of the machine. One fsync takes as long as
thousands of writes, so there are three policies:

    always     fsync before anything is acknowledged; one for all that arrived together
               (group commit), so that many clients share its price
    everysec   a thread calls fsync once a second; a power cut loses the last second at most
    no         the kernel decides, within half a minute

**A write that fails can be tried again, an fsync cannot.** The kernel tells of a page that the
disk did not take once, and then may hold it for clean: the next fsync says that all is well. So
after a `SyncFailed` the file is not to be trusted any more, and whoever writes it begins another
one, with all that this one should have held.
# Real: PostgreSQL panics, since 2018, and reads its log again.

# Real: aof.c in Redis, xlog.c in PostgreSQL.
"""

import os
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from services.common.atomic_file import sync_directory

VERSION = 1
_MAGIC = b"GLASSLOG"
_HEADER = struct.Struct(">8sIII")
_MARK = b"\xabrec"
_HEAD = struct.Struct(">4sII")
_LENGTH = struct.Struct(">I")
_READ_BYTES = 1 << 20

POLICIES = ("always", "everysec", "no")


class LogDamaged(Exception):
    """The file cannot be trusted from `offset` on, and what is there is not a torn tail."""

    def __init__(self, path: Path, offset: int, reason: str):
        super().__init__(f"{path} is damaged at offset {offset}: {reason}")
        self.path = path
        self.offset = offset


class SyncFailed(OSError):
    """fsync has failed: nobody knows what of the file is on the disk."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record, and where in the file it begins and ends."""

    offset: int
    end: int
    payload: bytes


class LogReader:
    """Reads the records of a file in order; afterwards `torn_at` says where a torn tail begins."""

    def __init__(self, path: Path, purpose: bytes):
        self._path = path
        self._purpose = purpose
        self.salt = 0
        self.torn_at: int | None = None
        self.end = 0

    def records(self) -> Iterator[Record]:
        """The whole records. Raises LogDamaged or OSError."""
        with open(self._path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            position = self._read_header(file, size)
            while position < size and self.torn_at is None:
                record = self._read_record(file, position, size)
                if record is None:
                    self._judge(file, position)
                    break
                position = record.end
                yield record
            self.end = position

    def _read_header(self, file: BinaryIO, size: int) -> int:
        header = file.read(_HEADER.size)
        if size < _HEADER.size + len(self._purpose):
            # A crash in the very moment of its making; nothing can have been in it.
            self.torn_at = 0
            return 0
        magic, version, self.salt, length = _HEADER.unpack(header)
        if magic != _MAGIC or length > 64 or file.read(length) != self._purpose:
            raise LogDamaged(self._path, 0, f"not a log of {self._purpose.decode()}")
        if version != VERSION:
            raise LogDamaged(self._path, 8, f"version {version} is not known, only {VERSION}")
        return _HEADER.size + length

    def _read_record(self, file: BinaryIO, offset: int, size: int) -> Record | None:
        file.seek(offset)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        mark, length, checksum = _HEAD.unpack(head)
        end = offset + _HEAD.size + length
        if mark != _MARK or end > size:
            return None
        payload = file.read(length)
        if _checksum(payload, self.salt) != checksum:
            return None
        return Record(offset, end, payload)

    def _judge(self, file: BinaryIO, offset: int) -> None:
        """A record is bad: a torn tail, unless a good one follows. Raises LogDamaged."""
        if self._good_record_follows(file, offset + 1):
            raise LogDamaged(self._path, offset, "a record is damaged, and whole ones follow it")
        self.torn_at = offset

    def _good_record_follows(self, file: BinaryIO, position: int) -> bool:
        size = os.fstat(file.fileno()).st_size
        while position < size:
            file.seek(position)
            piece = file.read(_READ_BYTES)
            found = piece.find(_MARK)
            while found >= 0:
                if self._read_record(file, position + found, size) is not None:
                    return True
                found = piece.find(_MARK, found + 1)
            # A mark may lie across the edge of two pieces.
            position += max(len(piece) - len(_MARK) + 1, 1)
        return False


class AppendOnlyLog:
    """A log that is open for appending; for one thread, which is not the one that syncs."""

    def __init__(self, path: Path, purpose: bytes, policy: str, salt: int | None = None):
        """Go on with a file that was read to its end, with its salt, or make a new one.

        Raises OSError.
        """
        self.path = path
        self._salt = int.from_bytes(os.urandom(4)) if salt is None else salt
        self.policy = policy
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (open as long as the server runs)
        self._has_rest = False
        self.size_bytes = self._file.tell() if salt is not None else 0
        self._syncer = _Syncer(self._file.fileno())
        if self.size_bytes == 0:
            try:
                self._begin(purpose)
            except OSError:
                self._file.close()
                raise

    def _begin(self, purpose: bytes) -> None:
        # An attempt that failed may have left a header, with another salt.
        os.ftruncate(self._file.fileno(), 0)
        self._write(_HEADER.pack(_MAGIC, VERSION, self._salt, len(purpose)) + purpose)
        self.sync()
        sync_directory(self.path.parent)

    def append(self, payload: bytes) -> None:
        """Write one record, and under `always` have it on the disk. Raises OSError.

        After an error the file ends where it ended before: the record is not in it. A plain
        OSError can be tried again, a SyncFailed cannot.
        """
        start = self.size_bytes
        self._cut_rest()
        try:
            self._write(_HEAD.pack(_MARK, len(payload), _checksum(payload, self._salt)) + payload)
            if self.policy == "always":
                self.sync()
        except OSError:
            # A full disk takes a part. Cut it off, or the next record would follow damage.
            self.size_bytes = start
            self._has_rest = True
            self._cut_rest()
            raise
        self._syncer.has_work = True

    def _cut_rest(self) -> None:
        """Cut off what a refused record has left. Raises OSError, and is then tried again."""
        if self._has_rest:
            os.ftruncate(self._file.fileno(), self.size_bytes)
            self._has_rest = False

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self.size_bytes += len(data)

    def sync_every_second(self) -> SyncFailed | None:
        """Under `everysec`: have the thread sync what was written; called once a second.

        Answers the error of the sync before, if it failed.
        """
        return self._syncer.start() if self.policy == "everysec" else self._syncer.take_error()

    def sync(self) -> None:
        """Bring everything to the disk now. Raises SyncFailed."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise SyncFailed(error.errno, error.strerror) from error

    def close(self) -> None:
        self._syncer.wait()
        self._file.close()

    def close_in_background(self) -> None:
        """Sync and close in a thread, for a file that will not be written any more.

        `take_error` tells how that went.
        """
        self._syncer.has_work = True
        threading.Thread(target=self._sync_and_close, name="close log").start()

    def _sync_and_close(self) -> None:
        self._syncer.wait()
        self._syncer.sync()
        self._file.close()

    def take_error(self) -> SyncFailed | None:
        """Why the last sync in the background has failed, if it has; told once."""
        return self._syncer.take_error()


class _Syncer:
    """fsync in a thread of its own, one at a time: it may take a second on a busy disk."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor
        self._thread: threading.Thread | None = None
        self._error: SyncFailed | None = None
        self.has_work = False

    def start(self) -> SyncFailed | None:
        """Begin a sync, unless the last one still runs; answers the error of the last one."""
        if self._thread is not None and self._thread.is_alive():
            return None
        error = self.take_error()
        if self.has_work:
            self._thread = threading.Thread(target=self.sync, name="fsync", daemon=True)
            self._thread.start()
        return error

    def sync(self) -> None:
        """In this thread; an error is kept until somebody takes it."""
        self.has_work = False
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self._error = SyncFailed(error.errno, error.strerror)

    def take_error(self) -> SyncFailed | None:
        """The error of the last sync; told once."""
        error = self._error
        if error is not None:  # Else the thread may be about to set it.
            self._error = None
        return error

    def wait(self) -> None:
        if self._thread is not None:
            self._thread.join()


def cut(path: Path, offset: int) -> int:
    """Cut a file off at `offset`, for good; how many bytes that were. Raises OSError."""
    with open(path, "r+b") as file:
        removed_bytes = os.fstat(file.fileno()).st_size - offset
        file.truncate(offset)
        os.fsync(file.fileno())
    return removed_bytes


def _checksum(payload: bytes, salt: int) -> int:
    return zlib.crc32(payload, zlib.crc32(_LENGTH.pack(len(payload)), salt))

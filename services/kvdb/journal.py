"""The append-only file: every write, in order, so that a crash loses nothing that was acknowledged.

A snapshot loses what came after it. The append-only file keeps just that: the write commands
since the last snapshot. Together they are the data set:

    DATA_DIR/
      kvdb.snapshot     the data set at one moment, and the number of the file that goes on from it
      kvdb.7.aof        the commands since then …
      kvdb.8.aof        … and those since a newer snapshot was begun, while it is not finished

    time ──▶   ─── kvdb.7.aof ───┬──── kvdb.8.aof ─────────────┬── kvdb.8.aof ──▶
                                 │ fork: the child writes      │ rename: kvdb.snapshot says 8,
                                 │ a snapshot that says 8      │ and kvdb.7.aof is deleted

At every moment, also in the middle of that, the snapshot on the disk and the files from its
number on hold everything. Loading is: the snapshot, then each file in order.
# Real: the multi-part append-only file of Redis 7 (base, increments, manifest).

**One record a turn.** The loop serves many clients in a turn; all their commands become one
record, written once before the replies leave (and under `always` brought to the disk by one
fsync). A record is loaded whole or not at all, and a transaction runs within one turn, so half
a transaction never comes back.

    payload   the time as commands saw it, i64 (Unix ms)
              requests in RESP, as a client would send them, with a SELECT where it takes one,
              and a `TIME ms` where the clock went on within the turn

**Replay is deterministic.** A record begins with its time, and loading sets the clock to it:
`SET k v EX 10` then means the same moment as when it was first run, and what had expired then
has expired now. What else depends on more than data and time is written as its effect: SPOP as
the SREM of what it took, an eviction as DEL, a blocking pop that was served later as the pop.
# Real: Redis rewrites relative times into absolute ones instead.

When the disk refuses a record (it is full, it fails), the data in memory is ahead of the disk.
Then no further write is accepted (MISCONF), reads go on, and the record is tried again each
second until it is written. Under `always` the clients whose replies waited for that record are
disconnected: what cannot be promised is not acknowledged.

When an fsync fails, nobody knows what of the file is on the disk, and to try again would not
tell (see `services.common.append_only_log`). Then the file is *distrusted*: writes are refused,
too, and a snapshot is begun at once, which makes the file superfluous. When it stands, writes
are accepted again; if it fails, it is begun again.
"""

import contextlib
import errno
import os
import re
import struct
from pathlib import Path

from services.common.append_only_log import AppendOnlyLog, SyncFailed
from services.common.health import Vitals
from services.common.logs import Log
from services.common.resp import encode_words
from services.kvdb.clock import Clock
from services.kvdb.database import Database

PURPOSE = b"kvdb commands"
_NAME = re.compile(r"kvdb\.(\d+)\.aof")
_TIME = struct.Struct(">q")
CLOCK = b"TIME"
"""Sets the clock, where it stands in a record. (TIME as a command writes nothing.)"""


class Journal:
    """Collects the write commands of a turn and appends them; closed until `open`."""

    def __init__(self, clock: Clock, vitals: Vitals, log: Log):
        self._clock = clock
        self._vitals = vitals
        self._log = log
        self._file: AppendOnlyLog | None = None
        self._directory = Path()
        self._pending: list[bytes] = []
        self._database = 0
        self._time_ms = 0
        self.instead: list[bytes] | None = None
        """What is to be written for the command that runs now."""
        self.generation = 0
        """The number of the file that is being written."""
        self.is_refusing = False
        """The disk did not take the last record: no writes before it does."""
        self._distrusted = 0
        """The last file of which an fsync has failed; 0 where there is none since the snapshot."""
        self._closing: list[tuple[int, AppendOnlyLog]] = []
        """Older files, which a snapshot that is under way is to replace."""

    @property
    def is_open(self) -> bool:
        return self._file is not None

    @property
    def is_distrusted(self) -> bool:
        """Nobody knows what is on the disk: it takes a snapshot to tell."""
        return self._distrusted > 0

    @property
    def size_bytes(self) -> int:
        return self._file.size_bytes if self._file else 0

    @property
    def policy(self) -> str:
        return self._file.policy if self._file else "no"

    @policy.setter
    def policy(self, policy: str) -> None:
        if self._file:
            self._file.policy = policy

    # Writing.

    def open(self, directory: Path, generation: int, policy: str, salt: int | None = None) -> None:
        """Write to the file of a generation, new or read to its end before. Raises OSError."""
        path = path_of(directory, generation)
        self._file = AppendOnlyLog(path, PURPOSE, policy, salt)
        self._directory = directory
        self.generation = generation

    def note_instead(self, request: list[bytes]) -> None:
        """What stands for the command that runs now, which would do something else again."""
        if self._file is not None:
            self.instead = request

    def note(self, database: Database, request: list[bytes]) -> None:
        """A command has changed something in `database`; it goes into the record of this turn."""
        if self.instead is not None:
            request, self.instead = self.instead, None
        if self._file is not None:
            self.note_run(database, encode_words(request))

    def note_all(self, database: Database, requests: list[list[bytes]]) -> None:
        """Some of a run have been served, the last of them perhaps in another way."""
        if requests:
            self.note_run(database, b"".join(map(encode_words, requests[:-1])))
            self.note(database, requests[-1])

    def note_run(self, database: Database, run_bytes: bytes) -> None:
        """Commands in RESP, which have changed something in `database`; the file is open."""
        pending, now_ms = self._pending, self._clock.now_ms
        if not pending:
            pending.append(_TIME.pack(now_ms))
            self._time_ms, self._database = now_ms, 0
        if now_ms != self._time_ms:
            pending.append(encode_words([CLOCK, b"%d" % now_ms]))
            self._time_ms = now_ms
        if database.index != self._database:
            pending.append(encode_words([b"SELECT", b"%d" % database.index]))
            self._database = database.index
        pending.append(run_bytes)

    def flush(self) -> bool:
        """Append the record of this turn; false where the disk has just refused it.

        While it refuses, nothing is tried here (`tick` does), and nothing needs to be: writes
        are not accepted, and what is answered acknowledges none.
        """
        if not self._pending or self._file is None or self.is_refusing:
            return True
        return self._append_pending()

    def _append_pending(self) -> bool:
        try:
            self._file.append(b"".join(self._pending))
        except SyncFailed as error:
            self._distrust(self.generation, error)
            return False
        except OSError as error:
            self._refused(error.strerror or str(error))
            return False
        self._pending = []
        self._accept()
        return True

    def _accept(self) -> None:
        if self.is_refusing:
            self.is_refusing = False
            self._vitals.problems.pop("append-only file", None)
            self._log.info("the append-only file takes records again")

    def _refused(self, reason: str) -> None:
        # What is pending stays so, and is tried again. It cannot grow: writes are refused.
        self._pending = [b"".join(self._pending)] if self._pending else []
        self._database = self._time_ms = -1
        if not self.is_refusing:
            self.is_refusing = True
            self._vitals.problems["append-only file"] = reason
            self._log.error("the append-only file takes no record, writes refused", reason=reason)

    def _distrust(self, generation: int, error: SyncFailed) -> None:
        self._distrusted = max(self._distrusted, generation)
        self._refused(f"fsync failed: {error.strerror}")

    def tick(self) -> None:
        """Called once a second: sync in the background, or try again what was refused."""
        if self._file is None:
            return
        for generation, file in self._closing:
            if (error := file.take_error()) is not None:
                self._distrust(generation, error)
        if self.is_distrusted:
            return
        if self.is_refusing and not self._append_pending():
            return
        error = self._file.sync_every_second()
        if error is not None:
            self._distrust(self.generation, error)

    # Generations.

    def begin_generation(self) -> int:
        """Go on in a new file, for a snapshot that begins now; its number, 0 while closed.

        Raises OSError.
        """
        if self._file is None:
            return 0
        if self.is_distrusted:
            self._write_off()
        elif not self.flush() or self.is_refusing:
            raise OSError(errno.ENOSPC, "the append-only file takes no records")
        old, old_generation = self._file, self.generation
        self.open(self._directory, self.generation + 1, old.policy)
        self._closing.append((old_generation, old))
        old.close_in_background()
        return self.generation

    def _write_off(self) -> None:
        """The distrusted file gets what is pending, if it takes it: the snapshot will have it."""
        with contextlib.suppress(OSError):
            if self._pending:
                self._file.append(b"".join(self._pending))
        self._pending = []

    def snapshot_stands(self, generation: int) -> None:
        """The files before this one are superfluous, and what is wrong with them is, too."""
        self._closing = [(number, file) for number, file in self._closing if number >= generation]
        if 0 < self._distrusted < generation:
            self._distrusted = 0
            self._accept()

    def close(self) -> None:
        """Bring everything to the disk and let go of the file. Raises OSError."""
        if self._file is not None:
            file, self._file = self._file, None
            self._distrusted = 0
            self.is_refusing = False
            self._vitals.problems.pop("append-only file", None)
            try:
                if self._pending:
                    file.append(b"".join(self._pending))
                file.sync()
            finally:
                file.close()


# The files.


def path_of(directory: Path, generation: int) -> Path:
    return directory / f"kvdb.{generation}.aof"


def generations_in(directory: Path) -> list[int]:
    """The numbers of the files that are there, in order."""
    names = (_NAME.fullmatch(path.name) for path in directory.iterdir())
    return sorted(int(name[1]) for name in names if name)


def delete_before(directory: Path, generation: int) -> None:
    """Delete the files that the snapshot has made superfluous."""
    for old in generations_in(directory):
        if old < generation:
            os.unlink(path_of(directory, old))


def decode_record(payload: bytes) -> tuple[int, bytes]:
    """The time of a record (Unix ms) and its requests in RESP. Raises struct.error."""
    return _TIME.unpack_from(payload)[0], payload[_TIME.size :]

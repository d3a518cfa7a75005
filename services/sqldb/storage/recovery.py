"""Recovery: what a data directory holds becomes tables, when the server starts.

    the newest checkpoint, 7 ─▶ log 7 ─▶ log 8 ─▶ …
                                           └─ torn tail: cut, and a log line says how much

Replay puts rows at their places, nothing more; indexes are built afterwards, all at once, when the
catalog (whose own rows come back in the same way) has said which there are.

A torn tail of the last log is the normal end after a crash. Anything else that is wrong refuses to
start and names file and offset: to go on would lose what was acknowledged. With `repairs` a person
says that it shall be cut there.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.common.append_only_log import LogDamaged, LogReader, cut
from services.common.logs import Log
from services.sqldb.storage import checkpoint, log_record, wal
from services.sqldb.storage.files import StartError, files_in, path_of
from services.sqldb.storage.log_record import decode_changes
from services.sqldb.transactions.mvcc import FREE, FROZEN_XID, Version

if TYPE_CHECKING:
    from services.sqldb.storage.engine import StorageEngine


@dataclass(slots=True)
class Recovered:
    """Where the log goes on."""

    generation: int = 1
    salt: int | None = None
    checkpoint_bytes: int = 0
    records: int = 0
    """Of logs; each was a transaction."""
    changes: int = 0
    duration_s: float = 0.0


def recover(engine: "StorageEngine", directory: Path, log: Log, *, repairs: bool) -> Recovered:
    """Load everything into an empty engine. Raises StartError or OSError."""
    started_s = time.monotonic()
    files = files_in(directory)
    checkpoints = [(number, path) for number, kind, path in files if kind == "checkpoint"]
    found = Recovered()
    replay = _Replay(engine)
    if checkpoints:
        found.generation, path = checkpoints[-1]
        found.checkpoint_bytes = path.stat().st_size
        _load_checkpoint(replay, path, log)
    numbers = [n for n, kind, _ in files if kind == "wal" and n >= found.generation]
    for expected, number in enumerate(numbers, found.generation):
        if number != expected:
            raise StartError(f"{path_of(directory, expected, 'wal')} is missing")
    for number in numbers:
        path = path_of(directory, number, "wal")
        found.generation = number
        is_last = number == numbers[-1]
        found.salt, is_cut = _replay_log(replay, path, log, repairs=repairs, is_last=is_last)
        if is_cut:
            for later in numbers[numbers.index(number) + 1 :]:
                path_of(directory, later, "wal").unlink()
            break
    replay.finish()
    found.records, found.changes = replay.records, replay.changes
    found.duration_s = time.monotonic() - started_s
    return found


def _load_checkpoint(replay: "_Replay", path: Path, log: Log) -> None:
    started_s = time.monotonic()
    reader = LogReader(path, checkpoint.PURPOSE)
    try:
        for record in reader.records():
            replay.run(record.payload, path, record.offset)
    except LogDamaged as error:
        raise StartError(str(error)) from error
    if reader.torn_at is not None or not replay.is_complete:
        raise StartError(f"{path} is damaged at offset {reader.end}: it ends too early")
    log.info("checkpoint loaded", file=path, changes=replay.changes,
             seconds=time.monotonic() - started_s)  # fmt: skip


def _replay_log(
    replay: "_Replay", path: Path, log: Log, *, repairs: bool, is_last: bool
) -> tuple[int | None, bool]:
    """Replay one log; its salt, and whether its end was cut off."""
    started_s, records = time.monotonic(), 0
    reader = LogReader(path, wal.PURPOSE)
    try:
        for record in reader.records():
            replay.run(record.payload, path, record.offset)
            records += 1
        replay.records += records
        cut_at = reader.torn_at
        if cut_at is not None and not is_last and not repairs:
            raise LogDamaged(path, cut_at, "a record is torn, and another file follows")
    except LogDamaged as error:
        if not repairs:
            raise StartError(f"{error}; --repair yes cuts it off there") from error
        cut_at = error.offset
    log.info("log replayed", file=path, records=records, seconds=time.monotonic() - started_s)
    if cut_at is not None:
        log.warning("cut the end off", file=path, offset=cut_at, bytes=cut(path, cut_at))
    return (reader.salt if path.stat().st_size else None), cut_at is not None


class _Replay:
    """Makes changes again, in their order."""

    def __init__(self, engine: "StorageEngine"):
        self._engine = engine
        self.changes = self.records = 0
        self.is_complete = False
        """The end of the checkpoint was seen, and it had as many changes as it says."""

    def run(self, payload: bytes, path: Path, offset: int) -> None:
        """Raises StartError where the record isn't what was written."""
        try:
            for kind, oid, number, values in decode_changes(payload):
                self._make(kind, oid, number, values)
        except (ValueError, TypeError) as error:
            raise StartError(f"{path} at offset {offset}: cannot be replayed: {error}") from error

    def _make(self, kind: int, oid: int, number: int, values: tuple | None) -> None:
        engine = self._engine
        if kind == log_record.PUT:
            rows = engine.heap(oid).rows
            while len(rows) <= number:
                rows.append(FREE)
            rows[number] = Version(values, FROZEN_XID, 0, number)
        elif kind == log_record.DELETE:
            rows = engine.heap(oid).rows
            if number < len(rows):
                rows[number] = FREE
        elif kind == log_record.TRUNCATE:
            engine.heap(oid).rows.clear()
        elif kind == log_record.DROP:
            engine.heaps.pop(oid, None)
            engine.sequences.pop(oid, None)
        elif kind == log_record.SEQUENCE:
            last_value, is_called = values
            engine.sequence(oid).restore(last_value, is_called)
        elif kind == log_record.NEXT:
            procarray = engine.transactions.procarray
            procarray.next_xid = max(procarray.next_xid, number)
        else:
            self.is_complete = number == self.changes
            return
        self.changes += 1

    def finish(self) -> None:
        """Find the free places, and count."""
        for heap in self._engine.heaps.values():
            heap.free = [place for place, head in enumerate(heap.rows) if head is FREE]
            heap.free.reverse()  # The first place is used first.
            heap.counts.live = len(heap.rows) - len(heap.free)

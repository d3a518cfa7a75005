"""Recovery: what a data directory holds becomes the data set, when the server starts.

    kvdb.snapshot says 7 ─▶ kvdb.7.aof ─▶ kvdb.8.aof ─▶ …        each record at its own time
                                              └─ torn tail: cut, and the log says how much

A file is believed as far as its checksums carry. A torn tail of the last file is the normal end
after a crash. Anything else that is wrong refuses to start and names file and offset, because
to go on would lose what was acknowledged; `--repair yes` cuts there, when a person says so.
# Real: loadDataFromDisk() in Redis, redis-check-aof --fix.
"""

import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.common.append_only_log import LogDamaged, LogReader, Record, cut
from services.common.logs import Log
from services.common.resp import ReplyError, RespError, RespRequestDecoder
from services.kvdb import journal
from services.kvdb.clients import Client
from services.kvdb.snapshot import SnapshotError, decode_generation, decode_snapshot

if TYPE_CHECKING:
    from services.kvdb.engine import Engine


class StartError(Exception):
    """The data directory cannot be used; the text is one line for the operator."""


@dataclass(slots=True)
class Recovered:
    """What was found: where the append-only file goes on, and what the snapshot was."""

    generation: int = 0
    """The last append-only file; 0 where the snapshot stands alone, or nothing is there."""
    salt: int | None = None
    """Of that file; None where it has to be made."""
    saved_at_s: int = 0
    snapshot_bytes: int = 0


def recover(
    engine: "Engine", directory: Path, snapshot: Path, log: Log, *, repairs: bool
) -> Recovered:
    """Load everything into an empty engine. Raises StartError or OSError."""
    engine.dispatcher.has_memory_limit = False  # What was evicted then is evicted now.
    recovered = _load_snapshot(engine, snapshot, log)
    if recovered.generation:
        _replay_all(engine, directory, recovered, log, repairs)
        engine.clock.tick()
    engine.keyspace.dirty = 0
    return recovered


def _load_snapshot(engine: "Engine", path: Path, log: Log) -> Recovered:
    started_s = time.monotonic()
    try:
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        return Recovered()
    databases = engine.keyspace.databases
    with file:
        status = os.fstat(file.fileno())
        try:
            generation = decode_generation(file)
            for entry in decode_snapshot(file):
                database = databases[entry.database]
                database.set(entry.key, entry.value)
                if entry.expires_at_ms is not None:
                    database.expire_at(entry.key, entry.expires_at_ms)
        except SnapshotError as error:
            raise StartError(f"{path} is damaged: {error}") from error
    keys, seconds = sum(map(len, databases)), time.monotonic() - started_s
    log.info("snapshot loaded", file=path, keys=keys, seconds=seconds)
    return Recovered(generation, None, int(status.st_mtime), status.st_size)


# The append-only files.


def _replay_all(
    engine: "Engine", directory: Path, recovered: Recovered, log: Log, repairs: bool
) -> None:
    numbers = [n for n in journal.generations_in(directory) if n >= recovered.generation]
    for expected, number in enumerate(numbers or [-1], recovered.generation):
        if number != expected:
            raise StartError(f"{journal.path_of(directory, expected)} is missing")
    for number in numbers:
        path = journal.path_of(directory, number)
        reader = LogReader(path, journal.PURPOSE)
        is_cut = _replay(engine, reader, path, log, repairs, is_last=number == numbers[-1])
        recovered.generation = number
        recovered.salt = reader.salt if path.stat().st_size else None
        if is_cut and number != numbers[-1]:
            # What came after the cut cannot follow what came before it.
            for later in numbers[numbers.index(number) + 1 :]:
                journal.path_of(directory, later).unlink()
            return


def _replay(
    engine: "Engine", reader: LogReader, path: Path, log: Log, repairs: bool, *, is_last: bool
) -> bool:
    """Run one file; whether its end was cut off."""
    started_s, records = time.monotonic(), 0
    client = _replaying_client(engine)
    cut_at: int | None = None
    try:
        for record in reader.records():
            _run(engine, client, record, path)
            records += 1
        cut_at = reader.torn_at
        if cut_at is not None and not is_last and not repairs:
            raise LogDamaged(path, cut_at, "a record is torn, and another file follows")
    except LogDamaged as error:
        if not repairs:
            raise StartError(f"{error}; --repair yes cuts it off there") from error
        cut_at = error.offset
    finally:
        engine.clients.disconnect(client)
    seconds = time.monotonic() - started_s
    log.info("append-only file loaded", file=path, records=records, seconds=seconds)
    if cut_at is None:
        return False
    log.warning("cut the end off", file=path, offset=cut_at, bytes=cut(path, cut_at))
    return True


def _replaying_client(engine: "Engine") -> Client:
    """A client that may do anything, and never waits."""
    client = engine.clients.connect()
    client.user, client.is_executing = None, True
    client.update_guard()
    return client


def _run(engine: "Engine", client: Client, record: Record, path: Path) -> None:
    """Run the requests of a record at the time of the record."""
    try:
        engine.clock.now_ms, requests = journal.decode_record(record.payload)
        client.database = engine.keyspace.databases[0]
        for request in _decoded(requests):
            if request[0] == journal.CLOCK:
                engine.clock.now_ms = int(request[1])
                continue
            reply = engine.dispatcher.execute(client, request)
            if isinstance(reply, ReplyError):
                raise StartError(f"{path} at offset {record.offset}: {request[0]!r}: {reply}")
    except (struct.error, RespError) as error:
        raise LogDamaged(path, record.offset, str(error)) from error


def _decoded(requests: bytes) -> Iterator[list[bytes]]:
    decoder = RespRequestDecoder(max_request_bytes=len(requests))
    decoder.receive_data(requests)
    while (request := decoder.next_request()) is not None:
        yield request

"""Recovery: what a data directory holds becomes the catalog, when the server starts.

    the newest snapshot, 7 ─▶ journal 7 ─▶ journal 8 ─▶ …
                                              └─ torn tail: cut, and the log says how much

A torn tail of the last journal is the normal end after a crash. Anything else that is wrong
refuses to start and names file and offset: to go on would lose what was acknowledged.
`--repair yes` cuts there, when a person says so.
"""

import struct
import time
from dataclasses import dataclass
from pathlib import Path

from services.common.append_only_log import LogDamaged, LogReader, cut
from services.common.logs import Log
from services.docdb.bson.decoder import decode_document
from services.docdb.bson.encoder import RawDocument
from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.replication.oplog import Oplog, entry_from
from services.docdb.storage.catalog import Catalog, View
from services.docdb.storage.collection import Collection, Record
from services.docdb.storage.journal import (
    CATALOG,
    DELETE,
    INSERT,
    OPLOG,
    PURPOSE,
    SESSION,
    STAMP,
    FileJournal,
    decode_changes,
    read_catalog_change,
)
from services.docdb.storage.persistence import (
    SNAPSHOT_PURPOSE,
    StartError,
    files_in,
    path_of,
)
from services.docdb.transactions.sessions import Sessions


@dataclass(slots=True)
class Recovered:
    """Where the journal goes on, and how large the snapshot was."""

    generation: int = 1
    salt: int | None = None
    snapshot_bytes: int = 0


def recover(
    catalog: Catalog,
    journal: FileJournal,
    sessions: Sessions,
    directory: Path,
    log: Log,
    *,
    repairs: bool,
) -> Recovered:
    """Load everything into an empty catalog. Raises StartError or OSError."""
    files = files_in(directory)
    snapshots = [(number, path) for number, kind, path in files if kind == "snapshot"]
    found = Recovered()
    if journal.oplog is not None:
        journal.oplog.is_replaying = True
    replay = _Replay(catalog, journal.oplog, sessions)
    if snapshots:
        found.generation, path = snapshots[-1]
        _load_snapshot(replay, path, log)
        found.snapshot_bytes = path.stat().st_size
    numbers = [n for n, kind, _ in files if kind == "journal" and n >= found.generation]
    for expected, number in enumerate(numbers, found.generation):
        if number != expected:
            raise StartError(f"{path_of(directory, expected, 'journal')} is missing")
    for number in numbers:
        path = path_of(directory, number, "journal")
        found.generation = number
        found.salt, is_cut = _replay_journal(
            replay, path, log, repairs, is_last=number == numbers[-1]
        )
        if is_cut:
            for later in numbers[numbers.index(number) + 1 :]:
                path_of(directory, later, "journal").unlink()
            break
    if journal.oplog is not None:
        journal.oplog.is_replaying = False
    return found


def _load_snapshot(replay: "_Replay", path: Path, log: Log) -> None:
    started_s = time.monotonic()
    reader = LogReader(path, SNAPSHOT_PURPOSE)
    try:
        for record in reader.records():
            replay.run(record.payload, path, record.offset)
    except LogDamaged as error:
        raise StartError(str(error)) from error
    if reader.torn_at is not None or replay.documents_said != replay.documents:
        raise StartError(f"{path} is damaged at offset {reader.end}: it ends too early")
    log.info("snapshot loaded", file=path, documents=replay.documents,
             seconds=time.monotonic() - started_s)  # fmt: skip


def _replay_journal(
    replay: "_Replay", path: Path, log: Log, repairs: bool, *, is_last: bool
) -> tuple[int | None, bool]:
    """Run one journal; its salt, and whether its end was cut off."""
    started_s, records = time.monotonic(), 0
    reader = LogReader(path, PURPOSE)
    try:
        for record in reader.records():
            replay.run(record.payload, path, record.offset)
            records += 1
        cut_at = reader.torn_at
        if cut_at is not None and not is_last and not repairs:
            raise LogDamaged(path, cut_at, "a record is torn, and another file follows")
    except LogDamaged as error:
        if not repairs:
            raise StartError(f"{error}; --repair yes cuts it off there") from error
        cut_at = error.offset
    log.info("journal loaded", file=path, records=records, seconds=time.monotonic() - started_s)
    if cut_at is not None:
        log.warning("cut the end off", file=path, offset=cut_at, bytes=cut(path, cut_at))
    return (reader.salt if path.stat().st_size else None), cut_at is not None


_NO_DOCUMENTS = (CATALOG, STAMP, OPLOG, SESSION)


class _Replay:
    """Makes changes again, in their order."""

    def __init__(self, catalog: Catalog, oplog: Oplog | None, sessions: Sessions):
        self._catalog = catalog
        self._oplog = oplog
        self._sessions = sessions
        self.documents = 0
        self.documents_said = -1

    def run(self, payload: bytes, path: Path, offset: int) -> None:
        """Raises StartError where a change cannot be made."""
        try:
            for kind, namespace, raw in decode_changes(payload):
                if kind in _NO_DOCUMENTS:
                    self._run_other(kind, read_catalog_change(raw))
                else:
                    self._change_document(kind, namespace, raw)
        except (MongoError, BsonError, struct.error, KeyError, AttributeError) as error:
            raise StartError(f"{path} at offset {offset}: cannot be replayed: {error!r}") from error

    def _run_other(self, kind: bytes, what: Document) -> None:
        if kind == CATALOG:
            self._change_catalog(what)
        elif kind == SESSION:
            self._sessions.restore(what)
        elif self._oplog is not None and kind == STAMP:
            self._oplog.stamp = what
        elif self._oplog is not None:
            self._oplog.add(entry_from(what))

    def _collection(self, namespace: str) -> Collection:
        database, _, name = namespace.partition(".")
        return self._catalog.find(database, name) or self._catalog.create(database, name)

    def _change_document(self, kind: bytes, namespace: str, raw: bytes) -> None:
        collection = self._collection(namespace)
        document = decode_document(raw, max_depth=200)
        if kind == INSERT:
            # Not `insert`: what a capped collection had to forget is a change of its own.
            collection.change(None, Record(collection.take_id(), document, RawDocument(raw)))
            self.documents += 1
            return
        record = collection.find_by_id(document["_id"])
        if kind == DELETE:
            if record is not None:
                collection.delete(record)
        else:
            collection.replace(record, document, RawDocument(raw))

    def _change_catalog(self, change: Document) -> None:
        kind = next(iter(change))
        if kind == "end":
            self.documents_said = change["end"]
            return
        database, _, name = change[kind].partition(".")
        catalog = self._catalog
        match kind:
            case "create":
                catalog.create(database, name, change["options"], change["uuid"])
            case "dropDatabase":
                catalog.dropped_database(database)
            case "createView":
                options = change["options"]
                pipeline, collation = options["pipeline"], options.get("collation")
                catalog.put_view(View(database, name, options["viewOn"], pipeline, collation))
            case "drop":
                catalog.drop(database, name)
            case "rename":
                to_database, _, to_name = change["to"].partition(".")
                drops_target = "dropTarget" in change
                catalog.rename(
                    self._collection(change[kind]), to_database, to_name, drops_target=drops_target
                )
            case "createIndex":
                catalog.create_index(self._collection(change[kind]), change["spec"])
            case "dropIndex":
                catalog.drop_index(self._collection(change[kind]), change["name"])
            case "modify" if "index" in change:
                spec = change["index"]
                catalog.modify_index(self._collection(change[kind]), spec["name"], spec)
            case "modify":
                catalog.modify(self._collection(change[kind]), change["options"])

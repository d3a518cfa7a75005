"""The journal: every change, in order, in one file, so that a crash loses nothing acknowledged.

The loop serves many clients in a turn; all their changes become one record of the append-only
log (`services.common.append_only_log`), written before their replies leave. A record is loaded
whole or not at all. Where a client asked for `j: true` the record is also brought to the disk by
one fsync for all of the turn (group commit); the others share an fsync each second.
# Real: WiredTiger's journal, synced every 100 ms or when `j` asks for it.

    change    kind u8 · length of the namespace u16 · namespace · BSON

    i         insert: the document                 r   replace: the new document, found by _id
    d         delete: {_id: …}                     c   catalog: {create: …}, {drop: …}, …

and in a replica set, where operations have a time and statements a number:

    s         stamp of the next change: {ts: …, wall: …}
    o         an entry of the oplog as it is       n   what a session has done: {lsid: …, …}

What is written is the effect, not the command: an update is the document that came of it. So
replay needs no clock and evaluates nothing, and a snapshot is the same list of changes, only
that nothing in it is taken back. # Real: the oplog of a replica set.
"""

import struct
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from services.common.append_only_log import AppendOnlyLog
from services.docdb.bson.decoder import decode_document
from services.docdb.bson.encoder import encode_document
from services.docdb.bson.types import Binary, Document
from services.docdb.replication.oplog import Oplog

if TYPE_CHECKING:
    from services.docdb.storage.collection import Collection, Record

PURPOSE = b"docdb changes"
_HEAD = struct.Struct(">BH")

INSERT, REPLACE, DELETE, CATALOG = b"i", b"r", b"d", b"c"
STAMP, OPLOG, SESSION = b"s", b"o", b"n"


class Journal(Protocol):
    """Who is told of changes."""

    def changed(
        self,
        collection: "Collection",
        old: "Record | None",
        new: "Record | None",
        *,
        as_whole: bool,
    ) -> None: ...

    def changed_catalog(self, change: Document, uuid: Binary | None = None) -> None: ...


def encode_change(kind: bytes, namespace: str, raw: bytes) -> bytes:
    return _head(kind, namespace) + raw


@lru_cache(maxsize=1024)
def _head(kind: bytes, namespace: str) -> bytes:
    """What stands before the BSON: the same for all inserts into a collection."""
    name = namespace.encode()
    return _HEAD.pack(kind[0], len(name)) + name


def decode_changes(payload: bytes) -> list[tuple[bytes, str, bytes]]:
    """The changes of a record: kind, namespace, BSON. Raises struct.error."""
    changes, position = [], 0
    while position < len(payload):
        kind, length = _HEAD.unpack_from(payload, position)
        start = position + _HEAD.size + length
        namespace = payload[position + _HEAD.size : start].decode()
        end = start + struct.unpack_from("<i", payload, start)[0]
        changes.append((bytes([kind]), namespace, payload[start:end]))
        position = end
    return changes


class FileJournal:
    """Collects the changes of a turn and appends them; keeps nothing while it has no file."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self.file: AppendOnlyLog | None = None
        self.oplog: Oplog | None = None
        """Where the server is a replica set: it is told everything, and says what time it is."""
        self.needs_sync = False
        """A client waits for the disk; `flush` fulfils it."""

    # What collections, the catalog and sessions tell.

    def changed(
        self,
        collection: "Collection",
        old: "Record | None",
        new: "Record | None",
        *,
        as_whole: bool,
    ) -> None:
        namespace = collection.namespace
        if self.oplog is not None:
            options, uuid = collection.options, collection.uuid
            self._stamp(self.oplog.changed(namespace, options, uuid, old, new, as_whole))
        if self.file is None:
            return
        if new is None:
            raw = encode_document({"_id": old.document.get("_id")})
            self._pending.append(encode_change(DELETE, namespace, raw))
        else:
            kind = INSERT if old is None else REPLACE
            self._pending.append(encode_change(kind, namespace, new.raw))

    def changed_catalog(self, change: Document, uuid: Binary | None = None) -> None:
        if self.oplog is not None:
            self._stamp(self.oplog.changed_catalog(change, uuid))
        self.note(CATALOG, change)

    def _stamp(self, stamp: Document | None) -> None:
        if stamp is not None:
            self.note(STAMP, stamp)

    def note(self, kind: bytes, what: Document) -> None:
        """Write down something that is no document."""
        if self.file is not None:
            self._pending.append(encode_change(kind, "", encode_document(what)))

    # The file.

    def open(self, path: Path, salt: int | None = None) -> None:
        """Go on in a file. Raises OSError."""
        self.file = AppendOnlyLog(path, PURPOSE, "everysec", salt)

    @property
    def has_pending(self) -> bool:
        return bool(self._pending)

    def flush(self) -> None:
        """Append what this turn has changed. Raises OSError, and then it is still pending."""
        if self.file is None:
            return
        if self._pending:
            self.file.append(b"".join(self._pending))
            self._pending = []
        if self.needs_sync:
            self.file.sync()
            self.needs_sync = False

    def close(self) -> None:
        """Raises OSError."""
        if self.file is not None:
            self.flush()
            self.file.sync()
            self.file.close()
            self.file = None


def read_catalog_change(raw: bytes) -> Document:
    return decode_document(raw, max_depth=200)

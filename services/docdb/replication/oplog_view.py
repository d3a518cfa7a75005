"""`local.oplog.rs`: the oplog as a collection that one can query.

It is made anew for each look, and cannot be written. A tailable cursor follows it by positions.
An entry has its time as its `_id`; # Real: the oplog has no `_id`.
"""

from collections.abc import Callable

from services.docdb.bson.encoder import RawDocument, encode_document
from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.replication.oplog import Entry, Oplog, shown_entry
from services.docdb.storage.collection import Collection, Record

NAMESPACE = ("local", "oplog.rs")


class _Silent:
    """Nobody has to know of what is shown."""

    def changed(
        self, collection: Collection, old: Record | None, new: Record | None, *, as_whole: bool
    ) -> None: ...


class _Refusing:
    """What clients write is not kept."""

    def changed(
        self, collection: Collection, old: Record | None, new: Record | None, *, as_whole: bool
    ) -> None:
        raise MongoError(13, "the oplog is written by the server alone")


def oplog_collection(oplog: Oplog) -> Collection:
    """The entries of now."""
    shown = Collection(*NAMESPACE, _Silent())
    for entry in oplog.entries:
        document = _document(entry)
        shown.insert(document, RawDocument(encode_document(document)))
    shown.listener = _Refusing()
    return shown


def _document(entry: Entry) -> Document:
    document_id = {"ts": entry.time, "place": entry.place} if entry.place else entry.time
    return {"_id": document_id, **shown_entry(entry)}


class OplogTail:
    """What a tailable cursor on the oplog gives: the entries of now, and those that follow."""

    is_over = False

    def __init__(self, oplog: Oplog, holds: Callable[[Document], bool]):
        self._oplog = oplog
        self._holds = holds
        self._position = (oplog.begins_at, -1)

    def __iter__(self) -> "OplogTail":
        return self

    def __next__(self) -> Document:
        if self._position[0] < self._oplog.begins_at:
            raise MongoError(136, "CollectionScan died due to position in capped collection being "
                             "deleted.")  # fmt: skip
        while (entry := self._oplog.first_after(self._position)) is not None:
            self._position = entry.position
            document = _document(entry)
            if self._holds(document):
                return document
        raise StopIteration

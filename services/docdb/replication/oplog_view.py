"""`local.oplog.rs`: the oplog as a collection that one can query.

It is made anew for each look, and cannot be written or tailed: who wants to follow takes a
change stream. An entry has its time as its `_id`; # Real: the oplog has no `_id`.
"""

from collections import Counter

from services.docdb.bson.encoder import RawDocument, encode_document
from services.docdb.errors import MongoError
from services.docdb.replication.oplog import Oplog, shown_entry
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
    places: Counter = Counter()
    for entry in oplog.entries:
        place = places[entry.time]
        places[entry.time] += 1
        document_id = {"ts": entry.time, "place": place} if place else entry.time
        document = {"_id": document_id, **shown_entry(entry)}
        shown.insert(document, RawDocument(encode_document(document)))
    shown.listener = _Refusing()
    return shown

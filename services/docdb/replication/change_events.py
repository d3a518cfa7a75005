"""From an entry of the oplog to the event that a change stream shows.

    insert, update, replace, delete     of documents
    drop, rename, dropDatabase          of collections; they may end a stream: `ends_stream`
    create, createIndexes, dropIndexes, modify     with showExpandedEvents

# Real: ChangeStreamEventTransformation.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.docdb.bson.decoder import decode_document
from services.docdb.bson.encoder import RawDocument
from services.docdb.bson.types import Date, Document
from services.docdb.errors import MongoError
from services.docdb.replication.oplog import COMMAND, DELETE, INSERT, REPLACE, UPDATE, Entry
from services.docdb.replication.resume_token import ResumeToken, TokenKind
from services.docdb.replication.update_diff import describe

if TYPE_CHECKING:
    from services.docdb.engine import Engine

_TYPES = {INSERT: "insert", UPDATE: "update", REPLACE: "replace", DELETE: "delete"}
_EXPANDED = {"create": "create", "createView": "create", "createIndex": "createIndexes",
             "dropIndex": "dropIndexes", "modify": "modify"}  # fmt: skip
_OWN_DATABASES = ("admin", "config", "local")


@dataclass(frozen=True, slots=True)
class Watched:
    """What a stream follows: a collection, a database (no collection), or all (no database)."""

    database: str = ""
    collection: str = ""

    def concerns(self, entry: Entry) -> bool:
        """Whether an entry is of what is watched."""
        command = entry.command or {}
        names = [entry.namespace, command["to"]] if "rename" in command else [entry.namespace]
        return any(self._has(*_parts(name)) for name in names)

    def _has(self, database: str, collection: str) -> bool:
        if collection.startswith("system."):
            return False
        if not self.database:
            return database not in _OWN_DATABASES and bool(database)
        if database != self.database:
            return False
        return not self.collection or collection == self.collection

    def ends_with(self, entry: Entry) -> bool:
        """Whether there is nothing to follow after an entry."""
        command = entry.command or {}
        if self.collection:
            return "drop" in command or "rename" in command
        return bool(self.database) and "dropDatabase" in command


@dataclass(frozen=True, slots=True)
class EventOptions:
    """What the client wants to see of each event."""

    full_document: str = "default"
    before_change: str = "off"
    is_expanded: bool = False


def _parts(namespace: str) -> tuple[str, str]:
    database, _, name = namespace.partition(".")
    return database, name


def _shown_namespace(namespace: str) -> Document:
    database, name = _parts(namespace)
    return {"db": database, "coll": name} if name else {"db": database}


def event_of(entry: Entry, options: EventOptions, engine: "Engine") -> Document | None:
    """The event of an entry; None where it is not to be seen. Raises MongoError."""
    if entry.kind == COMMAND:
        return _of_command(entry, options)
    if entry.kind not in _TYPES:
        return None
    event = _begun(entry, _TYPES[entry.kind], options)
    document = decode_document(entry.after if entry.after is not None else entry.before)
    if entry.kind in (INSERT, REPLACE):
        event["fullDocument"] = RawDocument(entry.after)
    event["ns"] = _shown_namespace(entry.namespace)
    event["documentKey"] = {"_id": document.get("_id")}
    if entry.kind == UPDATE:
        description = describe(decode_document(entry.before), document)
        event["updateDescription"] = description.document(is_expanded=options.is_expanded)
        if options.full_document != "default":
            event["fullDocument"] = _after(entry, document, options, engine)
    if options.before_change != "off" and entry.kind != INSERT:
        event["fullDocumentBeforeChange"] = _before(entry, options)
    return event


def invalidate_event(entry: Entry) -> Document:
    """The last event of a stream."""
    return {
        "_id": ResumeToken(entry.position, TokenKind.INVALIDATE).document(),
        "operationType": "invalidate",
        "clusterTime": entry.time,
        "wallTime": Date(entry.wall_ms),
    }


def _begun(entry: Entry, kind: str, options: EventOptions) -> Document:
    event: Document = {
        "_id": ResumeToken(entry.position, TokenKind.EVENT).document(),
        "operationType": kind,
        "clusterTime": entry.time,
        "wallTime": Date(entry.wall_ms),
    }
    if options.is_expanded and entry.uuid is not None:
        event["collectionUUID"] = entry.uuid
    return event | (entry.session or {})


def _after(entry: Entry, document: Document, options: EventOptions, engine: "Engine") -> object:
    """The document after an update: as it is now, or as it was then."""
    if options.full_document == "updateLookup":
        collection = engine.catalog.find(*_parts(entry.namespace))
        if collection is None or collection.uuid != entry.uuid:
            return None
        record = collection.find_by_id(document.get("_id"))
        return record.raw if record is not None else None
    if entry.has_images:
        return RawDocument(entry.after)
    return _missing("post-image", "update", options.full_document)


def _before(entry: Entry, options: EventOptions) -> object:
    if entry.has_images:
        return RawDocument(entry.before)
    return _missing("pre-image", "update, delete and replace", options.before_change)


def _missing(image: str, events: str, wanted: str) -> None:
    if wanted == "required":
        raise MongoError(
            47,
            f"Change stream was configured to require a {image} for all {events} events, but the "
            f"{image} was not found",
            labels=("NonResumableChangeStreamError",),
        )


def _of_command(entry: Entry, options: EventOptions) -> Document | None:
    command = entry.command
    name = next(iter(command))
    namespace = _shown_namespace(entry.namespace)
    if name == "rename":
        event = _begun(entry, "rename", options)
        target = _shown_namespace(command["to"])
        event |= {"ns": namespace, "to": target}
        if options.is_expanded:
            details = {"dropTarget": command["dropTarget"]} if "dropTarget" in command else {}
            event["operationDescription"] = {"to": target, **details}
        return event
    if name == "dropDatabase" or (name == "drop" and entry.uuid is not None):
        return _begun(entry, name, options) | {"ns": namespace}
    if name not in _EXPANDED or not options.is_expanded:
        return None
    event = _begun(entry, _EXPANDED[name], options) | {"ns": namespace}
    return event | {"operationDescription": _description(name, command)}


def _description(name: str, command: Document) -> Document:
    if name in ("createIndex", "dropIndex"):
        return {"indexes": [command["spec"]]}
    if name == "modify":
        return {"index": command["index"]} if "index" in command else command["options"]
    return {"idIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_"}, **command["options"]}

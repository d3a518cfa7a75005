"""Storing documents: what has to be right with one before a collection gets it.

It has an `_id`, and has it first; it is no larger than 16 MiB and no deeper than 100 levels; the
collection's validator lets it through.
"""

from typing import TYPE_CHECKING

from services.docdb.bson.decoder import MAX_DEPTH
from services.docdb.bson.encoder import RawDocument, encode_document
from services.docdb.bson.types import UNDEFINED, Document, ObjectId, Regex
from services.docdb.errors import MongoError
from services.docdb.query.comparison import MISSING
from services.docdb.storage.collection import Collection, Record
from services.docdb.wire import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from services.docdb.engine import Engine

_PLAIN_IDS = frozenset({ObjectId, int, str})
MAX_STORED_DEPTH = MAX_DEPTH - 1
# Levels below the document itself. What is deeper could be written, and not read again.


def insert_document(
    engine: "Engine",
    collection: Collection,
    document: Document,
    raw: bytes | None = None,
    *,
    bypass: bool = False,
) -> Record:
    """Raises MongoError."""
    if next(iter(document), "") != "_id":
        document_id = document.get("_id", MISSING)
        if document_id is MISSING:
            document_id = engine.object_ids.next_id(engine.now_s())
        document = {"_id": document_id, **document}
        raw = None
    check_id(document["_id"])
    raw = encoded(document) if raw is None else RawDocument(raw)
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise too_large(len(raw))
    if collection.validate is not None and not bypass:
        check_valid(collection, document)
    return collection.insert(document, raw)


def replace_document(
    collection: Collection,
    record: Record,
    document: Document,
    *,
    bypass: bool = False,
    as_whole: bool = False,
) -> bool:
    """Store a changed document; false where nothing has changed. Raises MongoError."""
    raw = encoded(document)
    if raw == record.raw:
        return False
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise too_large(len(raw))
    if collection.validate is not None and not bypass:
        check_valid(collection, document, record.document)
    if collection.is_capped and len(raw) > len(record.raw):
        room = collection.options["size"] - collection.size_bytes
        if len(raw) - len(record.raw) > room:
            raise MongoError(10003, "Cannot change the size of a document in a capped collection")
    collection.replace(record, document, raw, as_whole=as_whole)
    return True


def encoded(document: Document) -> RawDocument:
    """The bytes of a document that came to be here. Raises BsonError where it is too deep."""
    return RawDocument(encode_document(document, MAX_STORED_DEPTH))


def too_large(size_bytes: int) -> MongoError:
    return MongoError(
        10334,
        f"BSONObj size: {size_bytes} (0x{size_bytes:X}) is invalid. Size must be between 0 and "
        f"{MAX_DOCUMENT_BYTES + 16 * 1024}(16MB)",
    )


def check_id(document_id: object) -> None:
    if type(document_id) in _PLAIN_IDS:
        return
    if type(document_id) is list:
        raise MongoError(53, "The '_id' value cannot be of type array")
    if type(document_id) is Regex:
        raise MongoError(53, "The '_id' value cannot be of type regex")
    if document_id is UNDEFINED:
        raise MongoError(53, "The '_id' value cannot be of type undefined")
    if type(document_id) is dict:
        for name in document_id:
            if name.startswith("$"):
                raise MongoError(52, f"_id fields may not contain '$'-prefixed fields: {name} is "
                                 "not valid for storage.")  # fmt: skip


def check_valid(collection: Collection, document: Document, old: Document | None = None) -> None:
    """Raises MongoError 121 where the validator does not let it through."""
    options = collection.options
    if options.get("validationLevel") == "off" or options.get("validationAction") == "warn":
        return
    if collection.validate(document):
        return
    is_moderate = options.get("validationLevel") == "moderate"
    if is_moderate and old is not None and not collection.validate(old):
        return
    details = {
        "failingDocumentId": document.get("_id"),
        "details": {
            "operatorName": next(iter(options["validator"]), ""),
            "schemaRulesNotSatisfied": [options["validator"]],
        },
    }
    raise MongoError(121, "Document failed validation", extra={"errInfo": details})

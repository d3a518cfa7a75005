"""What is there, in numbers: dbStats, collStats, validate."""

from typing import TYPE_CHECKING

from services.docdb.bson.decoder import decode_document
from services.docdb.bson.encoder import encode_document
from services.docdb.bson.types import Document, Int64
from services.docdb.command import Request
from services.docdb.errors import MongoError
from services.docdb.storage.catalog import check_database_name
from services.docdb.storage.collection import Collection

if TYPE_CHECKING:
    from services.docdb.engine import Engine


def db_stats(engine: "Engine", request: Request) -> Document:
    check_database_name(request.database)
    scale = request.whole_number("scale", 1) or 1
    database = engine.catalog.databases.get(request.database)
    collections = list(database.collections.values()) if database else []
    objects = sum(len(it.records) for it in collections)
    size = sum(it.size_bytes for it in collections)
    return {
        "db": request.database,
        "collections": len(collections),
        "views": len(database.views) if database else 0,
        "objects": Int64(objects),
        "avgObjSize": size / objects if objects else 0.0,
        "dataSize": float(size // scale),
        "storageSize": float(size // scale),
        "indexes": sum(len(it.indexes) for it in collections),
        "indexSize": float(sum(_index_bytes(it) for it in collections) // scale),
        "totalSize": float(size // scale),
        "scaleFactor": Int64(scale),
    }


def _index_bytes(collection: Collection) -> int:
    return sum(_entry_bytes(len(index.entries)) for index in collection.indexes.values())


def _entry_bytes(count: int) -> int:
    return count * 150  # A tuple of a tuple of a tuple, roughly.


def collection_stats(engine: "Engine", database: str, name: str, scale: int = 1) -> Document:
    collection = engine.catalog.find(database, name)
    namespace = f"{database}.{name}"
    if collection is None:
        return {"ns": namespace, "size": 0, "count": 0, "storageSize": 0, "totalSize": 0,
                "nindexes": 0, "totalIndexSize": 0, "indexDetails": {}, "indexSizes": {},
                "indexBuilds": [], "scaleFactor": scale}  # fmt: skip
    count, size = len(collection.records), collection.size_bytes
    stats: Document = {
        "ns": namespace,
        "size": size // scale,
        "count": count,
        "avgObjSize": size // count if count else 0,
        "storageSize": size // scale,
        "freeStorageSize": 0,
        "capped": collection.is_capped,
        "nindexes": len(collection.indexes),
        "indexBuilds": [],
        "totalIndexSize": _index_bytes(collection) // scale,
        "indexSizes": {n: _entry_bytes(len(i.entries)) for n, i in collection.indexes.items()},
        "totalSize": (size + _index_bytes(collection)) // scale,
        "scaleFactor": scale,
    }
    if collection.is_capped:
        stats |= {"maxSize": collection.options["size"], "max": collection.options.get("max", -1)}
    return stats


def coll_stats(engine: "Engine", request: Request) -> Document:
    scale = request.whole_number("scale", 1) or 1
    return collection_stats(engine, request.database, request.collection_name, scale)


def validate(engine: "Engine", request: Request) -> Document:
    """Whether indexes and documents say the same."""
    collection = engine.catalog.find(request.database, request.collection_name)
    if collection is None:
        if engine.catalog.find_view(request.database, request.collection_name):
            raise MongoError(166, "Cannot validate a view")
        raise MongoError(26, f"Collection '{request.namespace}' does not exist to validate.")
    errors: list[str] = []
    for record in collection.records.values():
        if encode_document(decode_document(record.raw)) != encode_document(record.document):
            errors.append(f"record {record.id} differs from its bytes")
    keys: Document = {}
    for name, index in collection.indexes.items():
        wanted = sum(len(index.keys_of(r.document)) for r in collection.records.values())
        keys[name] = Int64(len(index.entries))
        if wanted != len(index.entries):
            errors.append(f"index {name} has {len(index.entries)} keys instead of {wanted}")
    return {
        "ns": request.namespace,
        "nInvalidDocuments": 0,
        "nrecords": Int64(len(collection.records)),
        "nIndexes": len(collection.indexes),
        "keysPerIndex": keys,
        "indexDetails": {name: {"valid": True} for name in collection.indexes},
        "valid": not errors,
        "repaired": False,
        "warnings": [],
        "errors": errors,
        "extraIndexEntries": [],
        "missingIndexEntries": [],
        "corruptRecords": [],
    }

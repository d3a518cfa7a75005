"""Commands for the upkeep of collections: capping one, making its indexes anew, measuring it.

A capped copy is filled beside the original and then takes its name, so that what fails on the way
leaves the original as it was.
"""

from typing import TYPE_CHECKING

from services.docdb.bson.types import Document, Int64
from services.docdb.command import Request
from services.docdb.commands.storing import insert_document
from services.docdb.errors import MongoError, bad_value
from services.docdb.storage.collection import Collection
from services.docdb.users import ROLES

if TYPE_CHECKING:
    from services.docdb.engine import Engine


def convert_to_capped(engine: "Engine", request: Request) -> Document:
    """The newest documents that fit stay; of the indexes, that of `_id` alone."""
    collection = _existing(engine, request, request.collection_name)
    copy = _capped_copy(engine, request, collection, f"tmp.convertToCapped.{collection.name}")
    engine.cursors.kill_of(request.database, collection.name)
    engine.catalog.rename(copy, request.database, collection.name, drops_target=True)
    return {}


def clone_as_capped(engine: "Engine", request: Request) -> Document:
    """The same under another name; the original stays."""
    target = request.text("toCollection")
    if not target:
        raise MongoError(40414, "BSON field 'cloneCollectionAsCapped.toCollection' is missing but "
                         "a required field")  # fmt: skip
    collection = _existing(engine, request, request.collection_name)
    if engine.catalog.exists(request.database, target):
        raise MongoError(48, f"cloneCollectionAsCapped failed - destination collection "
                         f"{request.database}.{target} already exists.")  # fmt: skip
    _capped_copy(engine, request, collection, target)
    return {}


def _existing(engine: "Engine", request: Request, name: str) -> Collection:
    collection = engine.catalog.find(request.database, name)
    if collection is None:
        if engine.catalog.find_view(request.database, name):
            raise MongoError(166, f"Namespace {request.namespace} is a view, not a collection")
        raise MongoError(26, f"source collection {request.namespace} does not exist")
    return collection


def _capped_copy(
    engine: "Engine", request: Request, collection: Collection, name: str
) -> Collection:
    size = request.whole_number("size", 0)
    if size <= 0:
        raise bad_value("Capped collection size must be greater than zero")
    if engine.catalog.find(request.database, name):
        engine.catalog.drop(request.database, name)
    options = {"capped": True, "size": max(256, -(-size // 256) * 256)}
    copy = engine.catalog.create(request.database, name, options)
    for record in list(collection.records.values()):
        insert_document(engine, copy, record.document)
    return copy


def re_index(engine: "Engine", request: Request) -> Document:
    """All indexes are made anew from the documents, but that of `_id`."""
    if engine.replica_set is not None:
        raise MongoError(20, "reIndex is only allowed on a standalone mongod instance.")
    collection = _existing(engine, request, request.collection_name)
    specs = [index.spec for index in collection.indexes.values()]
    for spec in specs:
        if spec["name"] != "_id_":
            engine.catalog.drop_index(collection, spec["name"])
            engine.catalog.create_index(collection, spec)
    return {"nIndexesWas": len(specs), "nIndexes": len(specs), "indexes": specs}


def data_size(engine: "Engine", request: Request) -> Document:
    """Real: it can also measure what lies between two keys."""
    database, _, name = str(request.target).partition(".")
    collection = engine.catalog.find(database, name)
    if collection is None:
        return {"size": Int64(0), "numObjects": Int64(0), "millis": Int64(0)}
    return {
        "estimate": False,
        "size": Int64(collection.size_bytes),
        "numObjects": Int64(len(collection.records)),
        "millis": Int64(0),
    }


def roles_info(engine: "Engine", request: Request) -> Document:
    """The roles that there are: none are made by users."""
    if request.target == 1:
        names = list(ROLES) if request.flag("showBuiltinRoles") else []
    else:
        wanted = request.target if type(request.target) is list else [request.target]
        given = [it.get("role") if type(it) is dict else it for it in wanted]
        names = [name for name in given if name in ROLES]
    shown = [
        {"role": name, "db": request.database, "isBuiltin": True, "roles": [], "inheritedRoles": []}
        for name in names
    ]
    return {"roles": shown}

"""createIndexes, listIndexes, dropIndexes."""

from typing import TYPE_CHECKING

from services.docdb.bson.types import Document
from services.docdb.command import Request
from services.docdb.commands.collections import shown_index
from services.docdb.commands.index_specs import parse_spec, takes_collation
from services.docdb.errors import MongoError, bad_value
from services.docdb.storage.collection import Collection
from services.docdb.storage.cursors import first_batch_reply
from services.docdb.storage.index import IndexKind

if TYPE_CHECKING:
    from services.docdb.engine import Engine

MAX_INDEXES = 64
_SAME = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression", "collation",
         "weights", "default_language", "wildcardProjection")  # fmt: skip


def plan_cache_clear(engine: "Engine", request: Request) -> Document:
    """Let the planner race its candidates again."""
    collection = engine.catalog.find(request.database, request.collection_name)
    if collection is not None:
        collection.plan_cache.clear()
    return {}


def create_indexes(engine: "Engine", request: Request) -> Document:
    specs = request.array("indexes")
    if not specs:
        raise bad_value("Must specify at least one index to create")
    parsed = [parse_spec(spec) for spec in specs]
    existed = engine.catalog.find(request.database, request.collection_name) is not None
    collection = engine.catalog.get_or_create(request.database, request.collection_name)
    before = len(collection.indexes)
    made = 0
    for spec in parsed:
        if _is_there(collection, spec):
            continue
        if len(collection.indexes) >= MAX_INDEXES:
            raise MongoError(67, "add index fails, too many indexes for "
                             f"{collection.namespace} key:{spec['key']}")  # fmt: skip
        if "collation" not in spec and collection.collation and takes_collation(spec["key"]):
            spec["collation"] = collection.collation.document
        _check_only_text(collection, spec)
        engine.catalog.create_index(collection, spec)
        collection.indexes[spec["name"]].made_at_ms = engine.now_ms
        made += 1
    reply: Document = {
        "numIndexesBefore": before,
        "numIndexesAfter": len(collection.indexes),
        "createdCollectionAutomatically": not existed,
    }
    return reply if made else reply | {"note": "all indexes already exist"}


def _check_only_text(collection: Collection, spec: Document) -> None:
    """A `$text` names no index: there can be only one. Raises MongoError."""
    if "text" in spec["key"].values():
        for index in collection.indexes.values():
            if index.kind is IndexKind.TEXT:
                raise MongoError(67, "only one text index per collection allowed, found existing "
                                 f'text index "{index.name}"')  # fmt: skip


def _is_there(collection: Collection, spec: Document) -> bool:
    """Whether just this index exists. Raises MongoError where it nearly does."""
    for index in collection.indexes.values():
        same_key = list(index.pattern.items()) == list(spec["key"].items())
        same_options = all(index.spec.get(name) == spec.get(name) for name in _SAME)
        if same_key and spec["key"] == {"_id": 1}:
            return True
        if index.name == spec["name"]:
            if same_key and same_options:
                return True
            raise MongoError(86 if not same_key else 85, "An existing index has the same name as "
                             "the requested index. When index names are not specified, they are "
                             f"auto generated and can cause conflicts. Requested index: {spec}, "
                             f"existing index: {index.spec}")  # fmt: skip
        if same_key and same_options:
            raise MongoError(85, f"Index already exists with a different name: {index.name}")
    return False


def list_indexes(engine: "Engine", request: Request) -> Document:
    collection = engine.catalog.find(request.database, request.collection_name)
    if collection is None:
        if engine.catalog.find_view(request.database, request.collection_name):
            raise MongoError(166, f"Namespace {request.namespace} is a view, not a collection")
        raise MongoError(26, f"ns does not exist: {request.namespace}")
    shown = [shown_index(index.spec) for index in collection.indexes.values()]
    if "clusteredIndex" in collection.options:
        shown[0]["name"] = collection.options["clusteredIndex"]["name"]
    cursor = engine.cursors.make(request.namespace, iter(shown))
    return first_batch_reply(engine.cursors, cursor, request.batch_size())


def drop_indexes(engine: "Engine", request: Request) -> Document:
    collection = engine.catalog.find(request.database, request.collection_name)
    if collection is None:
        raise MongoError(26, f"ns not found {request.namespace}")
    wanted, before = request.get("index"), len(collection.indexes)
    if wanted == "*":
        names = [name for name in collection.indexes if name != "_id_"]
        reply: Document = {"msg": "non-_id indexes dropped for collection"}
    elif type(wanted) is dict:
        names = [i.name for i in collection.indexes.values() if i.pattern == wanted]
        reply = {}
        if not names:
            raise MongoError(27, f"can't find index with key: {wanted}")
    else:
        names, reply = wanted if type(wanted) is list else [wanted], {}
    for name in names:
        engine.catalog.drop_index(collection, name)
    return {"nIndexesWas": before, **reply}

"""createIndexes, listIndexes, dropIndexes."""

from typing import TYPE_CHECKING

from services.docdb.bson.types import Document
from services.docdb.command import Request
from services.docdb.commands.collections import shown_index
from services.docdb.errors import MongoError, bad_value
from services.docdb.query.collation import parse_collation
from services.docdb.query.filters import compile_filter
from services.docdb.storage.collection import Collection
from services.docdb.storage.cursors import first_batch_reply

if TYPE_CHECKING:
    from services.docdb.engine import Engine

MAX_INDEXES = 64
_KINDS = {"hashed"}
_NOT_YET = {"text", "2d", "2dsphere", "geoHaystack"}
_OPTIONS = frozenset(
    [
        "v",
        "key",
        "name",
        "unique",
        "sparse",
        "background",
        "expireAfterSeconds",
        "partialFilterExpression",
        "collation",
        "hidden",
        "ns",
        "storageEngine",
        "dropDups",
        "prepareUnique",
        "clustered",
        "weights",
        "default_language",
        "language_override",
        "textIndexVersion",
        "2dsphereIndexVersion",
        "bits",
        "min",
        "max",
        "wildcardProjection",
        "bucketSize",
    ]
)
_SAME = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression", "collation")


def create_indexes(engine: "Engine", request: Request) -> Document:
    specs = request.array("indexes")
    if not specs:
        raise bad_value("Must specify at least one index to create")
    parsed = [_parse(spec) for spec in specs]
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
        if "collation" not in spec and collection.collation:
            spec["collation"] = collection.collation.document
        engine.catalog.create_index(collection, spec)
        made += 1
    reply: Document = {
        "numIndexesBefore": before,
        "numIndexesAfter": len(collection.indexes),
        "createdCollectionAutomatically": not existed,
    }
    return reply if made else reply | {"note": "all indexes already exist"}


def _parse(spec: object) -> Document:
    """A specification as it is stored. Raises MongoError."""
    if type(spec) is not dict:
        raise MongoError(14, "The elements of the 'indexes' array must be objects")
    for name in spec:
        if name not in _OPTIONS:
            raise MongoError(197, f"Error in specification {spec} :: caused by :: The field "
                             f"'{name}' is not valid for an index specification.")  # fmt: skip
    pattern = spec.get("key")
    if type(pattern) is not dict:
        raise MongoError(9, "The 'key' field is a required property of an index specification")
    if not pattern:
        raise MongoError(67, "Index keys cannot be an empty object")
    if "name" not in spec or type(spec["name"]) is not str:
        raise MongoError(9, "The 'name' field is a required property of an index specification")
    if not spec["name"] or spec["name"] == "*":
        raise MongoError(67, f"The index name '{spec['name']}' is not valid.")
    for path, kind in pattern.items():
        _check_part(path, kind)
    _check_options(spec)
    stored = {"v": 2, "key": pattern, "name": spec["name"]}
    for name, value in spec.items():
        if name in ("v", "key", "name", "ns", "dropDups"):
            continue
        if name in ("unique", "sparse", "hidden"):
            if value:
                stored[name] = True
        elif name == "collation":
            collation = parse_collation(value)
            if collation:
                stored[name] = collation.document
        else:
            stored[name] = value
    return stored


def _check_part(path: str, kind: object) -> None:
    if not path:
        raise MongoError(67, "Index keys cannot be an empty field.")
    if "" in path.split(".") or (path.startswith("$") and path != "$**"):
        raise MongoError(67, f"Index key contains an illegal field name: '{path}'")
    if path == "$**" or path.endswith(".$**"):
        raise MongoError(238, "wildcard indexes are not implemented by this server")
    if type(kind) is str:
        if kind in _NOT_YET:
            raise MongoError(
                238, f"indexes of the kind '{kind}' are not implemented by this server"
            )
        if kind not in _KINDS:
            raise MongoError(67, f"Unknown index plugin '{kind}'")
    elif isinstance(kind, bool) or not isinstance(kind, int | float) or kind == 0 or kind != kind:
        raise MongoError(67, "Values in v:2 index key pattern cannot be of type "
                         f"{type(kind).__name__}. Only numbers > 0, numbers < 0, and strings are "
                         "allowed.")  # fmt: skip


def _check_options(spec: Document) -> None:
    seconds = spec.get("expireAfterSeconds")
    if seconds is not None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise MongoError(67, "TTL index 'expireAfterSeconds' option must be numeric")
        if seconds < 0 or seconds > 2**31 - 1:
            raise MongoError(67, "TTL index 'expireAfterSeconds' option must be within an "
                             "acceptable range")  # fmt: skip
        if len(spec["key"]) > 1:
            raise MongoError(67, "TTL indexes are single-field indexes, compound indexes do not "
                             "support TTL.")  # fmt: skip
    if "partialFilterExpression" in spec:
        compile_filter(spec["partialFilterExpression"])
        if spec.get("sparse"):
            raise MongoError(67, 'cannot mix "partialFilterExpression" and "sparse" options')
    if "hashed" in spec["key"].values() and spec.get("unique"):
        raise MongoError(67, "Currently hashed indexes cannot guarantee uniqueness. Use a regular "
                         "index.")  # fmt: skip
    if spec["key"] == {"_id": 1} and spec.get("sparse"):
        raise MongoError(197, "_id index cannot be sparse")


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

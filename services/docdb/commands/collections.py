"""Collections, views and databases: made, listed, changed, renamed, dropped."""

from typing import TYPE_CHECKING

from services.docdb.bson.types import Document, Int64
from services.docdb.command import Request
from services.docdb.errors import MongoError, bad_value
from services.docdb.query.collation import parse_collation
from services.docdb.query.filters import compile_filter, compile_validator
from services.docdb.storage.catalog import View
from services.docdb.storage.collection import Collection
from services.docdb.storage.cursors import first_batch_reply

if TYPE_CHECKING:
    from services.docdb.engine import Engine

CREATE_FIELDS = frozenset(
    [
        "capped",
        "autoIndexId",
        "size",
        "max",
        "storageEngine",
        "validator",
        "validationLevel",
        "validationAction",
        "indexOptionDefaults",
        "viewOn",
        "pipeline",
        "collation",
        "timeseries",
        "expireAfterSeconds",
        "clusteredIndex",
        "changeStreamPreAndPostImages",
        "encryptedFields",
        "temp",
        "flags",
        "idIndex",
        "recordPreImages",
    ]
)


COLL_MOD_FIELDS = frozenset(
    [
        "index",
        "validator",
        "validationLevel",
        "validationAction",
        "viewOn",
        "pipeline",
        "expireAfterSeconds",
        "changeStreamPreAndPostImages",
        "cappedSize",
        "cappedMax",
        "recordPreImages",
        "timeseries",
        "dryRun",
    ]
)


def create(engine: "Engine", request: Request) -> Document:
    name = request.collection_name
    if request.get("timeseries") is not None:
        raise MongoError(238, "time series collections are not implemented by this server")
    if request.get("viewOn") is not None:
        return _create_view(engine, request, name)
    if request.get("pipeline") is not None:
        raise MongoError(72, "'pipeline' requires 'viewOn' to also be specified")
    if engine.catalog.find_view(request.database, name):
        raise MongoError(48, f"namespace {request.namespace} already exists, but is a view")
    options = _collection_options(request)
    existing = engine.catalog.find(request.database, name)
    if existing is not None:
        if existing.options == options and not request.is_in_transaction:
            return {}
        raise MongoError(48, f"namespace {request.namespace} already exists, but with different "
                         f"options: {existing.options}")  # fmt: skip
    engine.catalog.create(request.database, name, options)
    return {}


def _collection_options(request: Request) -> Document:
    options: Document = {}
    if request.flag("capped"):
        size = request.whole_number("size")
        if not size:
            raise MongoError(72, "the 'size' field is required when 'capped' is true")
        options |= {"capped": True, "size": max(256, -(-size // 256) * 256)}
        if request.whole_number("max"):
            options["max"] = request.whole_number("max")
    elif {"size", "max"} & set(request.body) and request.get("capped") is not False:
        raise MongoError(72, "the 'capped' field needs to be true when either the 'size' or "
                             "'max' fields are present")  # fmt: skip
    if request.document("validator"):
        compile_validator(request.get("validator"))
        options["validator"] = request.get("validator")
    _read_validation(request, options)
    collation = parse_collation(request.document("collation"))
    if collation:
        options["collation"] = collation.document
    for name in ("changeStreamPreAndPostImages", "clusteredIndex", "expireAfterSeconds",
                 "storageEngine", "indexOptionDefaults", "encryptedFields"):  # fmt: skip
        if request.get(name) is not None:
            options[name] = request.get(name)
    if request.get("clusteredIndex") is not None:
        options["clusteredIndex"] = _clustered(request.document("clusteredIndex"))
    return options


def _clustered(spec: Document) -> Document:
    """Records here always lie in the order of insertion; the setting is kept, and shown."""
    if spec.get("key") != {"_id": 1} or spec.get("unique") is not True:
        raise MongoError(197, "The clusteredIndex option supports only {_id: 1}, unique")
    return {"v": 2, "key": {"_id": 1}, "name": spec.get("name", "_id_"), "unique": True}


def _read_validation(request: Request, options: Document) -> None:
    choices = {
        "validationLevel": ("off", "strict", "moderate"),
        "validationAction": ("error", "warn"),
    }
    for name, allowed in choices.items():
        value = request.text(name)
        if value is not None:
            if value not in allowed:
                raise bad_value(f"Enumeration value '{value}' for field 'create.{name}' is not a "
                                "valid value.")  # fmt: skip
            options[name] = value


def _create_view(engine: "Engine", request: Request, name: str) -> Document:
    from services.docdb.pipeline.running import check_pipeline

    source, pipeline = request.text("viewOn"), request.get("pipeline", [])
    if type(pipeline) is not list:
        raise MongoError(
            14, "BSON field 'create.pipeline' is the wrong type, expected type 'array'"
        )
    if request.get("capped"):
        raise MongoError(72, "Cannot specify 'capped' with 'viewOn'")
    check_pipeline(engine, request.database, pipeline, in_view=True)
    collation = parse_collation(request.document("collation"))
    view = View(request.database, name, source, pipeline, collation.document if collation else None)
    _check_no_cycle(engine, view)
    engine.catalog.create_view(view)
    return {}


def _check_no_cycle(engine: "Engine", view: View) -> None:
    """A view may not lie over itself, not by way of other views either. Raises MongoError."""
    below: View | None = view
    while below is not None:
        if below.source == view.name:
            raise MongoError(5, f"View cycle detected: {view.database}.{view.name}")
        below = engine.catalog.find_view(view.database, below.source)


def drop(engine: "Engine", request: Request) -> Document:
    name = request.collection_name
    collection = engine.catalog.find(request.database, name)
    if collection is None and not engine.catalog.find_view(request.database, name):
        return {}
    reply: Document = {"ns": request.namespace}
    if collection is not None:
        reply = {"nIndexesWas": len(collection.indexes), **reply}
    engine.catalog.drop(request.database, name)
    engine.cursors.kill_of(request.database, name)
    return reply


def drop_database(engine: "Engine", request: Request) -> Document:
    existed = request.database in engine.catalog.databases
    engine.catalog.drop_database(request.database)
    engine.cursors.kill_of(request.database)
    return {"dropped": request.database} if existed else {}


def rename_collection(engine: "Engine", request: Request) -> Document:
    source, target = request.text("renameCollection"), request.text("to")
    if not source or not target or "." not in source or "." not in target:
        raise MongoError(73, f"Invalid namespace specified '{target or source}'")
    database, _, name = source.partition(".")
    to_database, _, to_name = target.partition(".")
    collection = engine.catalog.find(database, name)
    if collection is None:
        if engine.catalog.find_view(database, name):
            raise MongoError(166, f"cannot rename view: {source}")
        raise MongoError(26, f"Source collection {source} does not exist")
    if source == target:
        raise MongoError(20, "Can't rename a collection to itself")
    if engine.catalog.exists(to_database, to_name):
        if not request.get("dropTarget"):
            raise MongoError(48, "target namespace exists")
        if engine.catalog.find_view(to_database, to_name):
            engine.catalog.drop(to_database, to_name)
    engine.catalog.rename(collection, to_database, to_name, drops_target=True)
    engine.cursors.kill_of(database, name)
    return {}


def coll_mod(engine: "Engine", request: Request) -> Document:
    name = request.collection_name
    view = engine.catalog.find_view(request.database, name)
    if view is not None:
        source = request.text("viewOn", view.source)
        pipeline = request.get("pipeline", view.pipeline)
        changed = View(request.database, name, source, pipeline, view.collation)
        _check_no_cycle(engine, changed)
        engine.catalog.put_view(changed)
        return {}
    collection = engine.catalog.find(request.database, name)
    if collection is None:
        raise MongoError(26, f"ns does not exist: {request.namespace}")
    reply: Document = {}
    if request.document("index"):
        reply = _modify_index(engine, collection, request.get("index"))
    options = dict(collection.options)
    if request.document("validator") is not None:
        compile_validator(request.get("validator"))
        options["validator"] = request.get("validator")
    _read_validation(request, options)
    for field in ("changeStreamPreAndPostImages", "expireAfterSeconds"):
        if request.get(field) is not None:
            options[field] = request.get(field)
    if request.get("cappedSize") is not None:
        options["size"] = request.whole_number("cappedSize")
    if options != collection.options or not reply:
        engine.catalog.modify(collection, options)
    return reply


def _modify_index(engine: "Engine", collection: Collection, change: Document) -> Document:
    wanted = change.get("name")
    found = [
        index
        for index in collection.indexes.values()
        if index.name == wanted or index.pattern == change.get("keyPattern")
    ]
    if not found:
        raise MongoError(27, f"cannot find index {wanted or change.get('keyPattern')} for ns "
                         f"{collection.namespace}")  # fmt: skip
    spec, reply = dict(found[0].spec), {}
    for field in ("expireAfterSeconds", "hidden", "unique"):
        if field in change:
            if field in spec:
                reply[f"{field}_old"] = spec[field]
            spec[field] = change[field]
            reply[f"{field}_new"] = change[field]
    engine.catalog.modify_index(collection, found[0].name, spec)
    return reply


# Lists.


def list_collections(engine: "Engine", request: Request) -> Document:
    holds = compile_filter(request.document("filter") or {})
    name_only = request.flag("nameOnly")
    database = engine.catalog.databases.get(request.database)
    entries: list[Document] = []
    if database is not None:
        entries += [_collection_entry(it) for it in database.collections.values()]
        entries += [
            {"name": view.name, "type": "view", "options": view.options, "info": {"readOnly": True}}
            for view in database.views.values()
        ]
        if database.views:
            entries.append({"name": "system.views", "type": "collection", "options": {},
                            "info": {"readOnly": False}})  # fmt: skip
    found = [entry for entry in entries if holds(entry)]
    if name_only:
        found = [{"name": entry["name"], "type": entry["type"]} for entry in found]
    cursor = engine.cursors.make(f"{request.database}.$cmd.listCollections", iter(found))
    return first_batch_reply(engine.cursors, cursor, request.batch_size())


def _collection_entry(collection: Collection) -> Document:
    entry = {
        "name": collection.name,
        "type": "collection",
        "options": collection.options,
        "info": {"readOnly": False, "uuid": collection.uuid},
    }
    if "clusteredIndex" not in collection.options:
        entry["idIndex"] = shown_index(collection.id_index.spec)
    return entry


def shown_index(spec: Document) -> Document:
    return {"v": 2, **{name: value for name, value in spec.items() if name != "ns"}}


def list_databases(engine: "Engine", request: Request) -> Document:
    holds = compile_filter(request.document("filter") or {})
    found = []
    for database in sorted(engine.catalog.databases.values(), key=lambda it: it.name):
        size = sum(c.size_bytes for c in database.collections.values())
        is_empty = all(not c.records for c in database.collections.values())
        entry = {"name": database.name, "sizeOnDisk": Int64(size or 4096), "empty": is_empty}
        if holds(entry):
            found.append({"name": database.name} if request.flag("nameOnly") else entry)
    reply: Document = {"databases": found}
    if not request.flag("nameOnly"):
        total = sum(entry["sizeOnDisk"] for entry in found)
        reply |= {"totalSize": Int64(total), "totalSizeMb": Int64(total // 1048576)}
    return reply

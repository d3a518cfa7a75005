"""Stages that begin a pipeline with something else than documents of a collection."""

from collections.abc import Iterator

from services.docdb.bson.types import Binary, Date, Document, Int64
from services.docdb.errors import MongoError
from services.docdb.expressions.compiler import compile_expression
from services.docdb.pipeline.stage import (
    CompileStage,
    PipelineContext,
    Stage,
    need_fields,
    need_object,
)


def documents(operand: object, context: PipelineContext) -> Stage:
    evaluate = compile_expression(operand, context.scope)

    def run(nothing: Iterator[Document]) -> Iterator[Document]:
        found = evaluate({}, context.variables)
        if type(found) is not list or any(type(item) is not dict for item in found):
            raise MongoError(5858203, "an array is expected, of documents")
        return iter(found)

    return run


_STATISTICS = {"latencyStats", "storageStats", "count", "queryExecStats"}


def coll_stats(operand: object, context: PipelineContext) -> Stage:
    from services.docdb.commands.statistics import collection_stats

    spec = need_object("$collStats", operand, 5447000)
    need_fields("$collStats", spec, set(), _STATISTICS)
    for name in ("storageStats", "latencyStats", "count"):
        if type(spec.get(name, {})) is not dict:
            raise MongoError(14, f"BSON field '$collStats.{name}' is the wrong type, expected type "
                             "'object'")  # fmt: skip

    def run(nothing: Iterator[Document]) -> Iterator[Document]:
        collection = context.engine.catalog.find(context.database, context.collection)
        if collection is None:
            raise MongoError(26, f"Collection [{context.database}.{context.collection}] not found.")
        shown: Document = {
            "ns": collection.namespace,
            "host": context.engine.vitals.address,
            "localTime": Date(context.engine.now_ms),
        }
        if "storageStats" in spec:
            scale = spec["storageStats"].get("scale", 1)
            shown["storageStats"] = collection_stats(
                context.engine, context.database, context.collection, int(scale)
            )
        if "count" in spec:
            shown["count"] = len(collection.records)
        yield shown

    return run


def index_stats(operand: object, context: PipelineContext) -> Stage:
    if operand != {}:
        raise MongoError(28803, "The $indexStats stage specification must be an empty object")

    def run(nothing: Iterator[Document]) -> Iterator[Document]:
        collection = context.engine.catalog.find(context.database, context.collection)
        started_ms = context.engine.now_ms - int(context.engine.vitals.uptime_s * 1000)
        for index in collection.indexes.values() if collection else ():
            yield {
                "name": index.name,
                "key": dict(index.pattern),
                "host": context.engine.vitals.address,
                "accesses": {
                    "ops": Int64(index.uses),
                    "since": Date(max(index.made_at_ms, started_ms)),
                },
                "spec": index.spec,
            }

    return run


def plan_cache_stats(operand: object, context: PipelineContext) -> Stage:
    """Which plan is remembered for which shape of query."""
    if operand != {}:
        raise MongoError(40414, "$planCacheStats takes no options on a server without shards")

    def run(nothing: Iterator[Document]) -> Iterator[Document]:
        collection = context.engine.catalog.find(context.database, context.collection)
        for (fields, sort, collation), plan in (
            collection.plan_cache if collection else {}
        ).items():
            yield {
                "isActive": True,
                "createdFromQuery": {
                    "query": dict(fields),
                    "sort": dict(sort),
                    "projection": {},
                    **({"collation": dict(collation)} if collation else {}),
                },
                "cachedPlan": {"indexName": plan},
            }

    return run


def current_op(operand: object, context: PipelineContext) -> Stage:
    from services.docdb.commands.operations import operations

    return lambda nothing: operations(context.engine)


def list_sessions(operand: object, context: PipelineContext) -> Stage:
    return lambda nothing: iter(
        [
            {"_id": {"id": Binary(it.id, 4)}, "lastUse": Date(int(it.used_at_s * 1000))}
            for it in context.engine.sessions
        ]
    )


STAGES: dict[str, CompileStage] = {
    "$documents": documents,
    "$collStats": coll_stats,
    "$indexStats": index_stats,
    "$currentOp": current_op,
    "$planCacheStats": plan_cache_stats,
    "$listLocalSessions": list_sessions,
    "$listSessions": list_sessions,
}

"""Stages that begin a pipeline with something else than documents of a collection."""

import os
from collections.abc import Iterator

from services.docdb.bson.types import Binary, Date, Document, Int64
from services.docdb.errors import MongoError
from services.docdb.expressions.compiler import compile_expression
from services.docdb.pipeline.stage import CompileStage, PipelineContext, Stage, need_object


def documents(operand: object, context: PipelineContext) -> Stage:
    evaluate = compile_expression(operand, context.scope)

    def run(nothing: Iterator[Document]) -> Iterator[Document]:
        found = evaluate({}, context.variables)
        if type(found) is not list or any(type(item) is not dict for item in found):
            raise MongoError(5858203, "an array is expected, of documents")
        return iter(found)

    return run


def coll_stats(operand: object, context: PipelineContext) -> Stage:
    from services.docdb.commands.collections import collection_stats

    spec = need_object("$collStats", operand, 5447000)

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
    def run(nothing: Iterator[Document]) -> Iterator[Document]:
        collection = context.engine.catalog.find(context.database, context.collection)
        for index in collection.indexes.values() if collection else ():
            yield {
                "name": index.name,
                "key": dict(index.pattern),
                "host": context.engine.vitals.address,
                "accesses": {"ops": Int64(index.uses), "since": Date(0)},
                "spec": index.spec,
            }

    return run


def current_op(operand: object, context: PipelineContext) -> Stage:
    def run(nothing: Iterator[Document]) -> Iterator[Document]:
        for client in context.engine.clients.values():
            yield {
                "type": "op",
                "host": context.engine.vitals.address,
                "client": client.address,
                "connectionId": client.id,
                "active": False,
                "desc": f"conn{client.id}",
                "pid": os.getpid(),
            }

    return run


def list_sessions(operand: object, context: PipelineContext) -> Stage:
    sessions = context.engine.sessions
    return lambda nothing: iter(
        [
            {"_id": {"id": Binary(session, 4)}, "lastUse": Date(int(at_s * 1000))}
            for session, at_s in sessions.items()
        ]
    )


STAGES: dict[str, CompileStage] = {
    "$documents": documents,
    "$collStats": coll_stats,
    "$indexStats": index_stats,
    "$currentOp": current_op,
    "$listLocalSessions": list_sessions,
    "$listSessions": list_sessions,
}

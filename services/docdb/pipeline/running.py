"""A pipeline from its source to its documents.

The first `$match`, and a `$sort` right behind it, are asked of the collection as a query, so
that an index can answer them. A view is its own pipeline in front of the one that is asked for.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from services.docdb.bson.types import Date, Document
from services.docdb.command import Request
from services.docdb.commands.query_context import QueryContext, read_context
from services.docdb.errors import MongoError
from services.docdb.expressions.compiler import Scope
from services.docdb.pipeline.memory import limit_of
from services.docdb.pipeline.near import nearest
from services.docdb.pipeline.stage import (
    ONLY_LAST,
    Documents,
    PipelineContext,
    chained,
    compile_pipeline,
)
from services.docdb.query.conditions import And
from services.docdb.query.filters import has_near, parse_filter
from services.docdb.query.planner import Query, choose
from services.docdb.query.sorting import parse_sort
from services.docdb.query.text_condition import parse_text
from services.docdb.storage.catalog import View
from services.docdb.storage.collection import Collection

if TYPE_CHECKING:
    from services.docdb.engine import Engine

COLLECTIONLESS = frozenset({"$documents", "$currentOp", "$listLocalSessions", "$changeStream"})
MAX_VIEW_DEPTH = 20


def run_aggregate(engine: "Engine", request: Request, pipeline: list) -> tuple[Documents, str]:
    """The documents of an aggregate command, and the namespace of its cursor."""
    target = request.target
    has_collection = type(target) is str
    if not has_collection:
        first = next(iter(pipeline[0]), "") if pipeline and type(pipeline[0]) is dict else ""
        if first not in COLLECTIONLESS:
            raise MongoError(73, "{aggregate: 1} is not valid for "
                             f"'{first}'; a collection is required.")  # fmt: skip
    elif _begins_without_collection(pipeline):
        raise MongoError(73, f"'{next(iter(pipeline[0]))}' can only be run with {{aggregate: 1}}")
    name = target if has_collection else "$cmd.aggregate"
    collection = engine.catalog.find(request.database, name) if has_collection else None
    view = engine.catalog.find_view(request.database, name)
    query = read_context(engine, collection, _collation(request, view), request.get("let"))
    context = _pipeline_context(engine, request.database, name, query)
    context = replace(context, memory_limit_bytes=limit_of(engine, request))
    namespace = f"{request.database}.{name}"
    hint = request.get("hint") or None
    documents = run_pipeline(pipeline, context, hint)
    if pipeline and next(iter(pipeline[-1])) in ONLY_LAST:
        documents = iter(list(documents))
    return documents, namespace


def _begins_without_collection(pipeline: list) -> bool:
    first = pipeline[0] if pipeline else None
    return type(first) is dict and bool(first.keys() & (COLLECTIONLESS - {"$changeStream"}))


def _collation(request: Request, view: View | None) -> object:
    given = request.document("collation")
    if given is None and view is not None:
        return view.collation
    return given


def _pipeline_context(
    engine: "Engine", database: str, collection: str, query: QueryContext
) -> PipelineContext:
    return PipelineContext(
        engine, database, collection, query.scope, query.variables, query.collation
    )


def run_pipeline(pipeline: list, context: PipelineContext, hint: object = None) -> Documents:
    """The documents that come of a pipeline on the context's collection. Raises MongoError."""
    catalog = context.engine.catalog
    view = catalog.find_view(context.database, context.collection)
    depth = 0
    while view is not None:
        depth += 1
        if depth > MAX_VIEW_DEPTH:
            raise MongoError(165, "View depth too deep or cyclic")
        pipeline = [*view.pipeline, *pipeline]
        context = replace(context, collection=view.source)
        view = catalog.find_view(context.database, view.source)
    collection = catalog.find(context.database, context.collection)
    first = pipeline[0] if pipeline and type(pipeline[0]) is dict else {}
    if "$geoNear" in first:
        documents = nearest(collection, first["$geoNear"], context)
        return chained(compile_pipeline(pipeline, context), documents)
    condition = _first_condition(first, collection, context)
    # After the condition: a later stage may ask for what that makes known of documents.
    stages = compile_pipeline(pipeline, context, first_is_query="$match" in first)
    if first.keys() & (COLLECTIONLESS | {"$collStats", "$indexStats", "$planCacheStats"}):
        return chained(stages, iter(()))
    documents, used = _source(collection, pipeline, condition, context, hint)
    return chained(stages[used:], documents)


def _first_condition(
    first: Document, collection: Collection | None, context: PipelineContext
) -> And:
    """What a `$match` in front of a pipeline asks of the collection. Raises MongoError."""
    if "$match" not in first:
        return And([])
    if type(first["$match"]) is not dict:
        raise MongoError(15959, "the match filter must be an expression in an object")
    searching = replace(
        context, search=lambda operand: parse_text(operand, collection, context.metadata)
    )
    condition = parse_filter(first["$match"], searching.filters)
    if has_near(condition):
        raise MongoError(
            5626500, "$geoNear, $near, and $nearSphere are not allowed in this context"
        )
    return condition


def _source(
    collection: Collection | None,
    pipeline: list,
    condition: And,
    context: PipelineContext,
    hint: object,
) -> tuple[Documents, int]:
    """What flows into a pipeline, and how many of its stages that has done already."""
    used, sort = int(bool(pipeline) and "$match" in pipeline[0]), None
    if len(pipeline) > used and "$sort" in pipeline[used]:
        sort = parse_sort(pipeline[used]["$sort"], context.scope.key, context.metadata)
    query = Query(condition, sort, context.collation, hint, metadata=context.metadata)
    choice = choose(collection, query)
    if sort is not None and choice.plan.sorts:
        used += 1
    return (record.document for record in choice.execution.records()), used


def run_view(engine: "Engine", view: View, query: QueryContext) -> Documents:
    """All documents of a view."""
    return run_pipeline([], _pipeline_context(engine, view.database, view.name, query))


def run_on_documents(
    engine: "Engine", pipeline: list, documents: list[Document], query: QueryContext
) -> Iterator[Document]:
    """A pipeline on given documents, as an update runs it."""
    context = _pipeline_context(engine, "", "", query)
    return chained(compile_pipeline(pipeline, context), iter(documents))


def check_pipeline(
    engine: "Engine", database: str, pipeline: list, *, in_view: bool = False
) -> None:
    """Compile a pipeline for the sake of its errors. Raises MongoError."""
    context = PipelineContext(engine, database, "", Scope(), {"NOW": Date(engine.now_ms)})
    if in_view:
        for stage in pipeline:
            if type(stage) is dict and next(iter(stage), "") in ONLY_LAST:
                raise MongoError(167, f"{next(iter(stage))} cannot be used in a view definition")
    compile_pipeline(pipeline, context)

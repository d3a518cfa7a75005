"""Stages that read other collections: $lookup, $graphLookup, $unionWith."""

from collections import deque
from collections.abc import Callable

from services.docdb.bson.types import Document, Int64, Regex
from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.expressions.compiler import compile_expression
from services.docdb.expressions.logic import check_variable
from services.docdb.expressions.numbers import as_int
from services.docdb.pipeline.shaping import with_value
from services.docdb.pipeline.stage import (
    CompileStage,
    Documents,
    PipelineContext,
    Stage,
    compile_pipeline,
    need_object,
)
from services.docdb.query.comparison import MISSING
from services.docdb.query.filters import compile_filter
from services.docdb.query.paths import split, values_at


def _source_documents(pipeline: list, context: PipelineContext) -> Documents:
    from services.docdb.pipeline.running import run_pipeline

    return run_pipeline(pipeline, context)


def lookup(operand: object, context: PipelineContext) -> Stage:
    """Beside each document, those of another collection that belong to it."""
    spec = need_object("$lookup", operand, 9)
    known = ("from", "localField", "foreignField", "let", "pipeline", "as")
    for name in spec:
        if name not in known:
            raise failed_to_parse(f"unknown argument to $lookup: {name}")
    target = spec.get("as")
    if type(target) is not str:
        raise failed_to_parse("must specify 'as' field for a $lookup")
    has_fields = "localField" in spec or "foreignField" in spec
    if has_fields and not ("localField" in spec and "foreignField" in spec):
        raise failed_to_parse("$lookup requires both or neither of 'localField' and 'foreignField'")
    for name in ("localField", "foreignField"):
        if name in spec and type(spec[name]) is not str:
            raise failed_to_parse(f"$lookup argument '{name}' must be a string")
    if type(spec.get("let", {})) is not dict:
        raise failed_to_parse("$lookup argument 'let' must be an object")
    pipeline = spec.get("pipeline")
    if pipeline is None and not has_fields:
        raise failed_to_parse("$lookup requires either 'pipeline' or both 'localField' and "
                              "'foreignField' to be specified")  # fmt: skip
    source = _source_name(spec, pipeline)
    inner = context.inside(source)
    find = _finder(spec, pipeline or [], inner, has_fields)
    parts = split(target)

    def run(documents: Documents) -> Documents:
        for document in documents:
            yield with_value(document, parts, find(document))

    return run


def _source_name(spec: Document, pipeline: list | None) -> str:
    source = spec.get("from")
    if source is None and pipeline and "$documents" in pipeline[0]:
        return ""
    if type(source) is not str:
        raise failed_to_parse("missing 'from' option to $lookup stage specification")
    return source


def _finder(
    spec: Document, pipeline: list, inner: PipelineContext, has_fields: bool
) -> Callable[[Document], list[Document]]:
    """A function from a document to those that belong to it."""
    let = spec.get("let", {})
    for name in let:
        check_variable(name)
    bound = {name: compile_expression(value, inner.scope) for name, value in let.items()}
    names = dict.fromkeys(bound)
    # Once for its errors; with variables it is compiled anew for each document.
    compile_pipeline(pipeline, inner.with_variables(names))
    local = split(spec["localField"]) if has_fields else ()

    def find(document: Document) -> list[Document]:
        values = {name: value(document, inner.variables) for name, value in bound.items()}
        prefix = []
        if has_fields:
            prefix = [{"$match": {spec["foreignField"]: {"$in": _local_values(document, local)}}}]
        return list(_source_documents([*prefix, *pipeline], inner.with_variables(values)))

    if pipeline or not has_fields:
        return find
    return _hash_join(spec, inner, local, find)


def _local_values(document: Document, parts: tuple[str, ...]) -> list[object]:
    values: list[object] = []
    for value in values_at(document, parts):
        if type(value) is list:
            values += value
        else:
            values.append(None if value is MISSING else value)
    return [value for value in values if type(value) is not Regex]


def _hash_join(
    spec: Document, inner: PipelineContext, local: tuple[str, ...], find: Callable
) -> Callable[[Document], list[Document]]:
    """Without an index on the foreign field, read that collection once into a table."""
    collection = inner.engine.catalog.find(inner.database, inner.collection)
    foreign, key = spec["foreignField"], inner.scope.key
    if collection is None or any(
        index.fields[0][0] == foreign for index in collection.indexes.values()
    ):
        return find
    parts = split(foreign)
    table: dict[tuple, list[tuple[int, Document]]] = {}

    def fill() -> None:
        for place, record in enumerate(collection.records.values()):
            seen = set()
            for value in values_at(record.document, parts):
                items = [*value, value] if type(value) is list else [value]
                seen |= {key(item) for item in items}
            for item_key in seen:
                table.setdefault(item_key, []).append((place, record.document))

    def look_up(document: Document) -> list[Document]:
        if not table:
            fill()
        keys = {key(value) for value in _local_values(document, local)}
        found = {place: doc for k in keys for place, doc in table.get(k, ())}
        return [found[place] for place in sorted(found)]

    return look_up


def graph_lookup(operand: object, context: PipelineContext) -> Stage:
    """What can be reached from a document by following one field to another."""
    spec = need_object("$graphLookup", operand, 9)
    for name in ("from", "startWith", "connectFromField", "connectToField", "as"):
        if name not in spec:
            raise MongoError(40105, f"$graphLookup requires '{name}' to be specified")
        if name != "startWith" and type(spec[name]) is not str:
            raise MongoError(40103, f"expected string as argument for {name}")
    most = as_int(spec["maxDepth"]) if "maxDepth" in spec else None
    if "maxDepth" in spec and (most is None or most < 0):
        raise MongoError(40101, "maxDepth requires a nonnegative argument")
    inner = context.inside(spec["from"])
    start = compile_expression(spec["startWith"], context.scope)
    restrict = compile_filter(spec.get("restrictSearchWithMatch", {}), context.filters)
    from_parts, to_path = split(spec["connectFromField"]), spec["connectToField"]
    target, depth_field, key = split(spec["as"]), spec.get("depthField"), context.scope.key

    def reach(document: Document) -> list[Document]:
        first = start(document, context.variables)
        queue = deque([(value, 0) for value in (first if type(first) is list else [first])])
        asked: set[tuple] = set()
        found: dict[tuple, Document] = {}
        while queue:
            value, depth = queue.popleft()
            if value is MISSING or key(value) in asked or (most is not None and depth > most):
                continue
            asked.add(key(value))
            for other in _source_documents([{"$match": {to_path: {"$eq": value}}}], inner):
                other_key = key(other.get("_id"))
                if other_key in found or not restrict(other):
                    continue
                shown = {**other, depth_field: Int64(depth)} if depth_field else other
                found[other_key] = shown
                queue.extend((v, depth + 1) for v in _local_values(other, from_parts))
        return list(found.values())

    return lambda documents: (with_value(d, target, reach(d)) for d in documents)


def union_with(operand: object, context: PipelineContext) -> Stage:
    """The documents of another collection behind these."""
    spec = {"coll": operand} if type(operand) is str else need_object("$unionWith", operand, 9)
    pipeline = spec.get("pipeline", [])
    inner = context.inside(spec.get("coll", ""))
    compile_pipeline(pipeline, inner)

    def run(documents: Documents) -> Documents:
        yield from documents
        yield from _source_documents(pipeline, inner)

    return run


STAGES: dict[str, CompileStage] = {
    "$lookup": lookup,
    "$graphLookup": graph_lookup,
    "$unionWith": union_with,
}

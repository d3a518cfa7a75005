"""Stages that read other collections: $lookup, $graphLookup, $unionWith."""

from collections import deque
from collections.abc import Callable

from services.docdb.bson.types import Document, Int64, Regex
from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.expressions.compiler import check_path, compile_expression
from services.docdb.expressions.logic import check_variable
from services.docdb.expressions.numbers import as_int, is_number
from services.docdb.pipeline.shaping import with_value
from services.docdb.pipeline.stage import (
    ONLY_LAST,
    CompileStage,
    Documents,
    PipelineContext,
    Stage,
    compile_pipeline,
    need_fields,
    need_object,
)
from services.docdb.query.comparison import MISSING
from services.docdb.query.filters import compile_filter
from services.docdb.query.paths import split, values_at
from services.docdb.query.type_names import type_name


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
    parts = check_path(target)

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


_GRAPH_NAMES = ("from", "as", "connectFromField", "connectToField")


def _check_graph(spec: Document) -> int | None:
    """The greatest depth, where one is asked for. Raises MongoError."""
    known = (*_GRAPH_NAMES, "startWith", "maxDepth", "depthField", "restrictSearchWithMatch")
    for name, value in spec.items():
        if name not in known:
            raise MongoError(40104, f"Unknown argument to $graphLookup: {name}")
        if name in (*_GRAPH_NAMES, "depthField") and type(value) is not str:
            raise MongoError(
                40103, f"expected string as argument for {name}, found: {type_name(value)}"
            )
    if type(spec.get("restrictSearchWithMatch", {})) is not dict:
        raise MongoError(40185, "restrictSearchWithMatch must be an object")
    most = None
    if "maxDepth" in spec:
        if not is_number(spec["maxDepth"]):
            raise MongoError(40100, "maxDepth requires numeric argument, found: "
                             f"{type_name(spec['maxDepth'])}")  # fmt: skip
        most = as_int(spec["maxDepth"])
        if spec["maxDepth"] < 0:
            raise MongoError(40101, f"maxDepth requires a nonnegative argument, found: {most}")
        if most is None:
            raise MongoError(40102, "maxDepth could not be represented as a long long: "
                             f"{spec['maxDepth']}")  # fmt: skip
    for name in (*_GRAPH_NAMES, "startWith"):
        if name not in spec:
            raise MongoError(40105, f"$graphLookup requires '{name}' to be specified")
    return most


def graph_lookup(operand: object, context: PipelineContext) -> Stage:
    """What can be reached from a document by following one field to another."""
    spec = need_object("$graphLookup", operand, 40327)
    most = _check_graph(spec)
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
    need_fields("$unionWith", spec, set(), {"coll", "pipeline"})
    pipeline = spec.get("pipeline", [])
    if type(spec.get("coll", "")) is not str or type(pipeline) is not list:
        raise MongoError(14, "BSON field '$unionWith.coll' or '$unionWith.pipeline' is the wrong "
                         "type, expected types 'string' and 'array'")  # fmt: skip
    if "coll" not in spec and not (pipeline and "$documents" in pipeline[0]):
        raise failed_to_parse("$unionWith stage without explicit collection must have a pipeline "
                              "with $documents as first stage")  # fmt: skip
    for stage in pipeline:
        if type(stage) is dict and stage.keys() & ONLY_LAST:
            raise MongoError(31441, f"{next(iter(stage))} is not allowed within a $unionWith's "
                             "sub-pipeline")  # fmt: skip
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

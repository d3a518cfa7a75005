"""$densify adds the documents that are missing in a row, $fill the values that are."""

from itertools import groupby

from services.docdb.bson.types import Date, Document
from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.expressions.compiler import compile_expression
from services.docdb.expressions.dates_and_zones import add_units, parse_zone
from services.docdb.expressions.numbers import is_number
from services.docdb.pipeline.shaping import with_value
from services.docdb.pipeline.stage import (
    CompileStage,
    Documents,
    PipelineContext,
    Stage,
    chained,
    compile_pipeline,
    need_fields,
    need_object,
)
from services.docdb.query.comparison import MISSING
from services.docdb.query.paths import value_in

MAX_GENERATED = 500_000


def densify(operand: object, context: PipelineContext) -> Stage:
    spec = need_object("$densify", operand, 5733200)
    need_fields("$densify", spec, {"field", "range"}, {"partitionByFields"})
    path, bounds = spec["field"], need_object("range", spec["range"])
    step, unit = bounds.get("step"), bounds.get("unit")
    if not is_number(step) or step <= 0:
        raise MongoError(5733401, "the step parameter in a range statement must be a strictly "
                         "positive numeric value")  # fmt: skip
    limits = bounds.get("bounds")
    if type(path) is not str:
        raise MongoError(14, "BSON field '$densify.field' is the wrong type, expected 'string'")
    if limits not in ("full", "partition") and not (type(limits) is list and len(limits) == 2):
        raise MongoError(5733402, "bounds have to be 'full', 'partition', or an array of two")
    parts = tuple(path.split("."))
    partition_paths = [tuple(p.split(".")) for p in spec.get("partitionByFields", [])]
    key = context.scope.key

    def after(value: object) -> object:
        if type(value) is Date:
            return Date(add_units(value.ms, unit or "millisecond", int(step), parse_zone("UTC")))
        return value + step

    def partition_of(document: Document) -> tuple:
        return tuple(key(value_in(document, p)) for p in partition_paths)

    def run(documents: Documents) -> Documents:
        held = list(documents)
        valued = [d for d in held if value_in(d, parts) not in (MISSING, None)]
        yield from (d for d in held if value_in(d, parts) in (MISSING, None))
        valued.sort(key=lambda d: (partition_of(d), key(value_in(d, parts))))
        everything = [value_in(d, parts) for d in valued]
        for _, group in groupby(valued, key=partition_of):
            yield from _densified(list(group), everything)

    def _densified(group: list[Document], everything: list[object]) -> Documents:
        first = value_in(group[0], parts)
        last = value_in(group[-1], parts)
        if limits == "full":
            first, last = min(everything, key=key), max(everything, key=key)
        elif type(limits) is list:
            first, last = limits
        same = {}
        for path_parts in partition_paths:
            same[path_parts] = value_in(group[0], path_parts)
        expected, made = first, 0
        for document in group:
            value = value_in(document, parts)
            while key(expected) < key(value) and not _is_past(expected, last):
                yield _made(same, expected)
                expected, made = after(expected), made + 1
                if made > MAX_GENERATED:
                    raise MongoError(5897900, "Generated too many documents in $densify")
            if key(expected) == key(value):
                expected = after(expected)
            yield document
        while not _is_past(expected, last):
            yield _made(same, expected)
            expected, made = after(expected), made + 1
            if made > MAX_GENERATED:
                raise MongoError(5897900, "Generated too many documents in $densify")

    def _is_past(value: object, last: object) -> bool:
        # Bounds that are written out do not include their end.
        return key(value) >= key(last) if type(limits) is list else key(value) > key(last)

    def _made(same: dict[tuple[str, ...], object], value: object) -> Document:
        document: Document = {}
        for path_parts, partition_value in same.items():
            if partition_value is not MISSING:
                document = with_value(document, path_parts, partition_value)
        return with_value(document, parts, value)

    return run


def fill(operand: object, context: PipelineContext) -> Stage:
    spec = need_object("$fill", operand)
    need_fields("$fill", spec, {"output"}, {"partitionBy", "partitionByFields", "sortBy"})
    partition: object = spec.get("partitionBy")
    if "partitionByFields" in spec:
        partition = [f"${path}" for path in spec["partitionByFields"]]
    constants: Document = {}
    moving: Document = {}
    for path, how in need_object("output", spec["output"]).items():
        if type(how) is not dict:
            raise failed_to_parse("an output of $fill has to be an object")
        if "value" in how:
            constants[path] = {"$ifNull": [f"${path}", how["value"]]}
        elif how.get("method") in ("linear", "locf"):
            operator = "$linearFill" if how["method"] == "linear" else "$locf"
            moving[path] = {operator: f"${path}"}
        else:
            raise failed_to_parse("Method must be either locf or linear")
    pipeline: list[Document] = []
    if moving:
        inner: Document = {"output": moving, "partitionBy": partition}
        if "sortBy" not in spec:
            raise failed_to_parse("$fill by a method needs a sortBy")
        pipeline.append({"$setWindowFields": inner | {"sortBy": spec["sortBy"]}})
    elif spec.get("sortBy"):
        pipeline.append({"$sort": spec["sortBy"]})
    if constants:
        compile_expression(constants, context.scope)
        pipeline.append({"$set": constants})
    stages = compile_pipeline(pipeline, context)
    return lambda documents: chained(stages, documents)


STAGES: dict[str, CompileStage] = {"$densify": densify, "$fill": fill}

"""Stages that bring documents together: $group, $bucket, $bucketAuto, $sortByCount, $facet."""

from bisect import bisect_right
from itertools import islice, pairwise, tee

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.expressions.accumulators import Accumulate, compile_accumulator
from services.docdb.expressions.compiler import (
    Evaluate,
    Scope,
    check_path,
    compile_expression,
)
from services.docdb.expressions.numbers import fits_int32, is_number
from services.docdb.pipeline.preferred_numbers import check_numbers, series_of
from services.docdb.pipeline.stage import (
    CompileStage,
    Documents,
    PipelineContext,
    Stage,
    chained,
    compile_pipeline,
    need_object,
)
from services.docdb.query.comparison import MISSING
from services.docdb.query.type_names import type_name

BATCH = 512
Outputs = list[tuple[str, Evaluate, Accumulate]]


def _outputs(spec: Document, scope: Scope) -> Outputs:
    """The computed fields of a group."""
    outputs = []
    for name, accumulator in spec.items():
        if "." in name:
            raise MongoError(40235, f"The field name '{name}' cannot contain '.'")
        if name.startswith("$"):
            raise MongoError(40236, f"The field name '{name}' cannot be an operator name")
        if type(accumulator) is not dict:
            raise MongoError(40234, f"The field '{name}' must be an accumulator object")
        if len(accumulator) != 1:
            raise MongoError(40238, f"The field '{name}' must specify one accumulator")
        operator, operand = next(iter(accumulator.items()))
        outputs.append((name, *compile_accumulator(operator, operand, scope)))
    return outputs


def group(operand: object, context: PipelineContext) -> Stage:
    """Documents with the same `_id` become one, with what is accumulated of them."""
    spec = need_object("$group", operand, 15947)
    if "_id" not in spec:
        raise MongoError(15955, "a group specification must include an _id")
    by = compile_expression(spec["_id"], context.scope)
    outputs = _outputs({k: v for k, v in spec.items() if k != "_id"}, context.scope)
    return _grouped(by, outputs, context)


def _grouped(by: Evaluate, outputs: Outputs, context: PipelineContext) -> Stage:
    variables, key = context.variables, context.scope.key
    takes = [take for _, take, _ in outputs]

    def run(documents: Documents) -> Documents:
        # Each group keeps a row of values for each document; what becomes of a column is seen
        # at the end, in one call for all of it. Documents are looked at some hundred at a time,
        # column by column, which nearly halves the time.
        groups: dict[tuple, tuple[object, list[tuple]]] = {}
        documents = iter(documents)
        memory = context.memory_of("$group")
        while batch := list(islice(documents, BATCH)):
            values = [by(document, variables) for document in batch]
            columns = [[take(document, variables) for document in batch] for take in takes]
            rows = zip(*columns, strict=True) if columns else [()] * len(batch)
            for value, row in zip(values, rows, strict=True):
                group_key = key(value)
                found = groups.get(group_key)
                if found is None:
                    found = groups[group_key] = (value, [])
                memory.add(row)
                found[1].append(row)
        for value, rows in groups.values():
            grouped: Document = {"_id": None if value is MISSING else value}
            columns = zip(*rows, strict=True)
            group = value if type(value) is dict else {}
            for (name, _, result), values in zip(outputs, columns, strict=True):
                grouped[name] = result(list(values), group)
            yield grouped

    return run


def sort_by_count(operand: object, context: PipelineContext) -> Stage:
    if type(operand) not in (str, dict):
        raise MongoError(40149, "the sortByCount field must be specified as a string or as an "
                         "object")  # fmt: skip
    if not _is_path_or_expression(operand):
        code = 40148 if type(operand) is str else 40147
        raise MongoError(code, "the sortByCount field must be defined as a $-prefixed path or an "
                         "expression inside an object")  # fmt: skip
    pipeline = [{"$group": {"_id": operand, "count": {"$sum": 1}}}, {"$sort": {"count": -1}}]
    stages = compile_pipeline(pipeline, context)
    return lambda documents: chained(stages, documents)


def _is_path_or_expression(operand: object) -> bool:
    if type(operand) is str:
        return operand.startswith("$")
    return type(operand) is dict and next(iter(operand), "").startswith("$")


_COUNT = {"count": {"$sum": 1}}


def bucket(operand: object, context: PipelineContext) -> Stage:
    """Groups by ranges: `boundaries` says where one ends and the next begins."""
    spec = need_object("$bucket", operand, 40201)
    if "groupBy" not in spec or "boundaries" not in spec:
        raise MongoError(40198, "$bucket requires 'groupBy' and 'boundaries' to be specified.")
    for name in spec:
        if name not in ("groupBy", "boundaries", "default", "output"):
            raise MongoError(40197, f"Unrecognized option to $bucket: {name}.")
    key = context.scope.key
    if not _is_path_or_expression(spec["groupBy"]):
        raise MongoError(40202, "The $bucket 'groupBy' field must be defined as a $-prefixed path "
                         f"or an expression, but found: {spec['groupBy']}.")  # fmt: skip
    boundaries = _boundaries(spec["boundaries"], context)
    keys = [key(boundary) for boundary in boundaries]
    others = _default(spec, keys, context)
    by = compile_expression(spec["groupBy"], context.scope)
    outputs = _bucket_outputs("$bucket", 40196, spec, context)

    def bucket_of(document: Document, variables: dict) -> object:
        value = by(document, variables)
        place = bisect_right(keys, key(value)) - 1
        if 0 <= place < len(keys) - 1 and value is not MISSING:
            return boundaries[place]
        if others is MISSING:
            raise MongoError(40066, "$switch could not find a matching branch for an input, and no "
                             "default was specified.")  # fmt: skip
        return others

    grouped = _grouped(bucket_of, outputs, context)
    return lambda documents: iter(sorted(grouped(documents), key=lambda it: key(it["_id"])))


def _constant(spec: object, code: int, what: str, context: PipelineContext) -> object:
    """A value that is written down, or an expression that needs no document to have one."""
    if type(spec) is str and spec.startswith("$"):
        raise MongoError(code, f"The $bucket {what} must be a constant, but found: {spec}.")
    return compile_expression(spec, context.scope)({}, context.variables)


def _boundaries(spec: object, context: PipelineContext) -> list[object]:
    """Where the buckets begin and end, in order."""
    if type(spec) is not list:
        raise MongoError(40200, "The $bucket 'boundaries' field must be an array, but found type: "
                         f"{type_name(spec)}.")  # fmt: skip
    boundaries = [_constant(item, 40191, "'boundaries' field", context) for item in spec]
    if len(boundaries) < 2:
        raise MongoError(40192, "The $bucket 'boundaries' field must have at least 2 values, but "
                         f"found {len(boundaries)} value(s).")  # fmt: skip
    keys = list(map(context.scope.key, boundaries))
    for low, high in pairwise(keys):
        if low[0] != high[0]:
            raise MongoError(40193, "All values in the the 'boundaries' option to $bucket must "
                             "have the same type.")  # fmt: skip
        if low >= high:
            raise MongoError(40194, "The 'boundaries' option to $bucket must be sorted, in "
                             "ascending order")  # fmt: skip
    return boundaries


def _default(spec: Document, keys: list[tuple], context: PipelineContext) -> object:
    """The bucket of what is outside of the boundaries; MISSING where there is none."""
    if "default" not in spec:
        return MISSING
    default = _constant(spec["default"], 40195, "'default' field", context)
    if keys[0] <= context.scope.key(default) < keys[-1]:
        raise MongoError(40199, "The $bucket 'default' field must be less than the lowest boundary "
                         "or greater than or equal to the highest boundary.")  # fmt: skip
    return default


def _bucket_outputs(name: str, code: int, spec: Document, context: PipelineContext) -> Outputs:
    output = spec.get("output", _COUNT)
    if type(output) is not dict:
        raise MongoError(code, f"The {name} 'output' field must be an object, but found type: "
                         f"{type_name(output)}.")  # fmt: skip
    return _outputs(output, context.scope)


def _bucket_number(spec: object) -> int:
    if not is_number(spec):
        raise MongoError(40241, "The $bucketAuto 'buckets' field must be a numeric value, but "
                         f"found type: {type_name(spec)}.")  # fmt: skip
    if not fits_int32(spec):
        raise MongoError(40242, "The $bucketAuto 'buckets' field must be representable as a 32-bit "
                         f"integer, but found {spec}.")  # fmt: skip
    if spec <= 0:
        raise MongoError(40243, "The $bucketAuto 'buckets' field must be greater than 0, but found"
                         f": {spec}.")  # fmt: skip
    return int(spec)


def bucket_auto(operand: object, context: PipelineContext) -> Stage:
    """Groups of about the same size."""
    spec = need_object("$bucketAuto", operand, 40240)
    if "groupBy" not in spec or "buckets" not in spec:
        raise MongoError(40246, "$bucketAuto requires 'groupBy' and 'buckets' to be specified")
    for name in spec:
        if name not in ("groupBy", "buckets", "granularity", "output"):
            raise MongoError(40245, f"Unrecognized option to $bucketAuto: {name}.")
    if not _is_path_or_expression(spec["groupBy"]):
        raise MongoError(40239, "The $bucketAuto 'groupBy' field must be defined as a $-prefixed "
                         f"path or an expression object, but found: {spec['groupBy']}")  # fmt: skip
    wanted = _bucket_number(spec["buckets"])
    rounder = series_of(spec["granularity"]) if "granularity" in spec else None
    by, key = compile_expression(spec["groupBy"], context.scope), context.scope.key
    outputs = _bucket_outputs("$bucketAuto", 40244, spec, context)
    variables = context.variables

    def run(documents: Documents) -> Documents:
        held = context.memory_of("$bucketAuto").of(documents)
        pairs = [(by(document, variables), document) for document in held]
        if rounder is not None:
            check_numbers(value for value, _ in pairs)
        pairs.sort(key=lambda pair: key(pair[0]))
        if rounder is not None:
            yield from _rounded(pairs)
            return
        size = max(1, round(len(pairs) / wanted))
        start = 0
        made = 0
        while start < len(pairs):
            end = len(pairs) if made == wanted - 1 else min(start + size, len(pairs))
            while end < len(pairs) and key(pairs[end][0]) == key(pairs[end - 1][0]):
                end += 1
            above = pairs[end][0] if end < len(pairs) else pairs[-1][0]
            yield _bucket([d for _, d in pairs[start:end]], pairs[start][0], above)
            start, made = end, made + 1

    def _rounded(pairs: list[tuple]) -> Documents:
        """Bounds that are numbers of a series: a bucket takes what is below its upper one."""
        size = max(1, round(len(pairs) / wanted))
        low, start = rounder.down(pairs[0][0]) if pairs else 0.0, 0
        while start < len(pairs):
            high = rounder.up(pairs[min(start + size, len(pairs)) - 1][0])
            end = start
            while end < len(pairs) and (pairs[end][0] < high or pairs[end][0] == high == 0):
                end += 1
            yield _bucket([d for _, d in pairs[start:end]], low, high)
            low, start = high, end

    def _bucket(documents: list[Document], low: object, high: object) -> Document:
        bounds = {"min": None if low is MISSING else low, "max": None if high is MISSING else high}
        made: Document = {"_id": bounds}
        for name, take, result in outputs:
            made[name] = result([take(document, variables) for document in documents], bounds)
        return made

    return run


NOT_IN_FACET = frozenset({"$facet", "$out", "$merge", "$collStats", "$indexStats", "$geoNear",
                          "$changeStream", "$currentOp", "$listSessions", "$listLocalSessions",
                          "$planCacheStats"})  # fmt: skip


def facet(operand: object, context: PipelineContext) -> Stage:
    """Several pipelines over the same documents; one document with all their results."""
    spec = need_object("$facet", operand, 40169)
    if not spec:
        raise MongoError(40169, "the $facet specification must be a non-empty object")
    inner = context.inside(context.collection)
    pipelines = {}
    for name, pipeline in spec.items():
        check_path(name)
        if "." in name:
            raise MongoError(16412, f"FieldPath field names may not contain '.': {name}")
        if type(pipeline) is not list:
            raise MongoError(40170, f"arguments to $facet must be arrays, {name} is not")
        for stage in pipeline:
            if type(stage) is dict and next(iter(stage), "") in NOT_IN_FACET:
                raise MongoError(
                    40600, f"{next(iter(stage))} is not allowed to be used within a $facet stage"
                )
        pipelines[name] = compile_pipeline(pipeline, inner)

    def run(documents: Documents) -> Documents:
        sources = tee(documents, len(pipelines))
        yield {
            name: list(chained(stages, source))
            for (name, stages), source in zip(pipelines.items(), sources, strict=True)
        }

    return run


STAGES: dict[str, CompileStage] = {
    "$group": group,
    "$sortByCount": sort_by_count,
    "$bucket": bucket,
    "$bucketAuto": bucket_auto,
    "$facet": facet,
}

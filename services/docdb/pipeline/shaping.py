"""Stages that look at one document after the other, and those that put them in order."""

import random
from itertools import islice

from services.docdb.bson.types import Document, Int64
from services.docdb.errors import MongoError
from services.docdb.expressions.compiler import REDACT_VARIABLES, check_path, compile_expression
from services.docdb.expressions.numbers import as_int, as_whole, is_number
from services.docdb.pipeline.stage import (
    CompileStage,
    Documents,
    PipelineContext,
    Stage,
    need_fields,
    need_object,
)
from services.docdb.query.comparison import MISSING
from services.docdb.query.filters import compile_filter
from services.docdb.query.projection import (
    ProjectionContext,
    parse_added_fields,
    parse_projection,
    parse_unset,
)
from services.docdb.query.sorting import parse_sort
from services.docdb.query.type_names import type_name


def match(operand: object, context: PipelineContext) -> Stage:
    if type(operand) is not dict:
        raise MongoError(15959, "the match filter must be an expression in an object")
    predicate = compile_filter(operand, context.filters)
    return lambda documents: filter(predicate, documents)


def project(operand: object, context: PipelineContext) -> Stage:
    if type(operand) is not dict:
        raise MongoError(15969, "$project specification must be an object")
    if not operand:
        raise MongoError(51272, "Invalid $project :: caused by :: projection specification must "
                         "have at least one field")  # fmt: skip
    variables = context.variables
    parsed = parse_projection(operand, ProjectionContext(context.scope, is_find=False))
    return lambda documents: (parsed(document, variables) for document in documents)


def add_fields(operand: object, context: PipelineContext) -> Stage:
    variables = context.variables
    change = parse_added_fields(operand, context.scope)
    return lambda documents: (change(document, variables) for document in documents)


def unset(operand: object, context: PipelineContext) -> Stage:
    if type(operand) not in (str, list):
        raise MongoError(31002, "$unset specification must be a string or an array")
    paths = operand if type(operand) is list else [operand]
    if not paths:
        raise MongoError(31119, "$unset specification must be a string or an array with at least "
                         "one field")  # fmt: skip
    if any(type(path) is not str for path in paths):
        raise MongoError(31120, "$unset specification must be a string or an array containing only "
                         "string values")  # fmt: skip
    change = parse_unset(paths)
    return lambda documents: (change(document, {}) for document in documents)


def replace_root(operand: object, context: PipelineContext) -> Stage:
    spec = need_object("$replaceRoot", operand, 40229)
    need_fields("$replaceRoot", spec, {"newRoot"}, set())
    return replace_with(spec["newRoot"], context)


def replace_with(operand: object, context: PipelineContext) -> Stage:
    evaluate, variables = compile_expression(operand, context.scope), context.variables

    def run(documents: Documents) -> Documents:
        for document in documents:
            value = evaluate(document, variables)
            if type(value) is not dict:
                raise MongoError(40228, "'newRoot' expression must evaluate to an object, but "
                                 f"resulting value was: {value!r}. Type of resulting value: "
                                 f"'{type_name(value)}'.")  # fmt: skip
            yield value

    return run


def redact(operand: object, context: PipelineContext) -> Stage:
    """Keep, prune, or look further into each document within a document."""
    scope = context.scope.with_names(*REDACT_VARIABLES)
    decide = compile_expression(operand, scope)
    variables = context.variables | REDACT_VARIABLES

    def redacted(document: Document) -> object:
        decision = decide(document, variables)
        if decision == "$$KEEP":
            return document
        if decision == "$$PRUNE":
            return MISSING
        if decision != "$$DESCEND":
            raise MongoError(17053, "$redact's expression should not return anything aside from "
                             "the variables $$KEEP, $$DESCEND, and $$PRUNE")  # fmt: skip
        kept = {name: inside(value) for name, value in document.items()}
        return {name: value for name, value in kept.items() if value is not MISSING}

    def inside(value: object) -> object:
        if type(value) is dict:
            return redacted(value)
        if type(value) is list:
            found = map(inside, value)
            return [item for item in found if item is not MISSING]
        return value

    def run(documents: Documents) -> Documents:
        return (kept for kept in map(redacted, documents) if kept is not MISSING)

    return run


def _unwind_options(spec: Document) -> tuple[str, str | None, bool]:
    """The path, where the index goes, and whether what is empty stays. Raises MongoError."""
    path = spec.get("path", "")
    if type(path) is not str:
        raise MongoError(28808, "expected a string as the path for $unwind stage, got "
                         f"{type_name(path)}")  # fmt: skip
    preserves = spec.get("preserveNullAndEmptyArrays", False)
    if type(preserves) is not bool:
        raise MongoError(28809, "expected a boolean for the preserveNullAndEmptyArrays option to "
                         f"$unwind stage, got {type_name(preserves)}")  # fmt: skip
    index_path = spec.get("includeArrayIndex")
    if "includeArrayIndex" in spec and (type(index_path) is not str or not index_path):
        raise MongoError(28810, "expected a non-empty string for the includeArrayIndex option to "
                         f"$unwind stage, got {type_name(index_path)}")  # fmt: skip
    if not path:
        raise MongoError(28812, "no path specified to $unwind stage")
    if not path.startswith("$"):
        raise MongoError(
            28818, f"path option to $unwind stage should be prefixed with a '$': {path}"
        )
    if index_path is not None and index_path.startswith("$"):
        raise MongoError(28822, "includeArrayIndex option to $unwind stage should not be prefixed "
                         f"with a '$': {index_path}")  # fmt: skip
    return path[1:], index_path, preserves


def unwind(operand: object, context: PipelineContext) -> Stage:
    """One document for each element of an array."""
    spec = {"path": operand} if type(operand) is str else need_object("$unwind", operand, 15981)
    for name in spec:
        if name not in ("path", "includeArrayIndex", "preserveNullAndEmptyArrays"):
            raise MongoError(28811, f"unrecognized option to $unwind stage: {name}")
    path, index_path, preserves = _unwind_options(spec)
    parts = check_path(path)

    def run(documents: Documents) -> Documents:
        for document in documents:
            value = _at(document, parts)
            if type(value) is not list:
                if preserves or (value is not MISSING and value is not None):
                    yield _with_index(document, index_path, None)
            elif value:
                for place, item in enumerate(value):
                    changed = with_value(document, parts, item)
                    yield _with_index(changed, index_path, Int64(place))
            elif preserves:
                yield _with_index(with_value(document, parts, MISSING), index_path, None)

    return run


def _at(document: object, parts: tuple[str, ...]) -> object:
    for part in parts:
        if type(document) is not dict:
            return MISSING
        document = document.get(part, MISSING)
    return document


def with_value(document: Document, parts: tuple[str, ...], value: object) -> Document:
    """A copy with another value at a path; MISSING takes it out."""
    name, *rest = parts
    changed = dict(document)
    if rest:
        inner = document.get(name)
        value = with_value(inner if type(inner) is dict else {}, tuple(rest), value)
    if value is MISSING:
        changed.pop(name, None)
    else:
        changed[name] = value
    return changed


def _with_index(document: Document, path: str | None, index: object) -> Document:
    return document if path is None else with_value(document, tuple(path.split(".")), index)


# Order and number.


def sort(operand: object, context: PipelineContext) -> Stage:
    if type(operand) is not dict:
        raise MongoError(15973, "the $sort key specification must be an object")
    if not operand:
        raise MongoError(15976, "$sort stage must have at least one sort key")
    order = parse_sort(operand, context.scope.key, context.metadata)

    def run(documents: Documents) -> Documents:
        held = list(context.memory_of("Sort").of(documents))
        return iter(order.sort(held))

    return run


def _count_operand(name: str, operand: object, code: int, least: int) -> int:
    number = as_int(operand)
    if number is None:
        raise MongoError(
            code, f"invalid argument to {name} stage: Expected an integer: {operand!r}"
        )
    if number < 0:
        raise MongoError(code, f"invalid argument to {name} stage: Expected a non-negative number")
    if number < least:
        raise MongoError(15958, "the limit must be positive")
    return number


def limit(operand: object, context: PipelineContext) -> Stage:
    count = _count_operand("$limit", operand, 5107201, 1)
    return lambda documents: islice(documents, count)


def skip(operand: object, context: PipelineContext) -> Stage:
    count = _count_operand("$skip", operand, 5107200, 0)
    return lambda documents: islice(documents, count, None)


def count(operand: object, context: PipelineContext) -> Stage:
    if type(operand) is not str:
        raise MongoError(40156, "the count field must be a non-empty string")
    for is_wrong, code, text in (
        (not operand, 40157, "must be a non-empty string"),
        (operand.startswith("$"), 40158, "cannot be a $-prefixed path"),
        ("\0" in operand, 40159, "cannot contain a null byte"),
        ("." in operand, 40160, "cannot contain '.'"),
    ):
        if is_wrong:
            raise MongoError(code, f"the count field {text}")

    def run(documents: Documents) -> Documents:
        total = sum(1 for _ in documents)
        if total:
            yield {operand: total}

    return run


def sample(operand: object, context: PipelineContext) -> Stage:
    spec = need_object("$sample", operand, 28745)
    for name in spec:
        if name != "size":
            raise MongoError(28748, f"unrecognized option to $sample: {name}")
    if "size" not in spec:
        raise MongoError(28749, "$sample stage must specify a size")
    if not is_number(spec["size"]):
        raise MongoError(28746, "size argument to $sample must be a number")
    size = as_whole(spec["size"])
    if size < 0:
        raise MongoError(28747, "size argument to $sample must not be negative")

    def run(documents: Documents) -> Documents:
        held = list(documents)
        return iter(random.sample(held, min(size, len(held))))

    return run


STAGES: dict[str, CompileStage] = {
    "$match": match,
    "$project": project,
    "$addFields": add_fields,
    "$set": add_fields,
    "$unset": unset,
    "$replaceRoot": replace_root,
    "$replaceWith": replace_with,
    "$redact": redact,
    "$unwind": unwind,
    "$sort": sort,
    "$limit": limit,
    "$skip": skip,
    "$count": count,
    "$sample": sample,
}

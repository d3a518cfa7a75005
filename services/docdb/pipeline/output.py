"""Stages that write: $out puts a collection in the place of another, $merge works into one."""

from collections.abc import Iterator

from services.docdb.bson.types import Document
from services.docdb.commands.query_context import QueryContext
from services.docdb.commands.storing import encoded, insert_document, replace_document
from services.docdb.errors import MongoError, bad_value
from services.docdb.pipeline.stage import (
    CompileStage,
    Documents,
    PipelineContext,
    Stage,
    need_fields,
)
from services.docdb.query.comparison import MISSING, equal
from services.docdb.query.filters import compile_filter
from services.docdb.query.paths import plain_value, split
from services.docdb.query.type_names import type_name
from services.docdb.storage.catalog import check_names
from services.docdb.storage.collection import Collection, Record


def out(operand: object, context: PipelineContext) -> Stage:
    database, name = _target("$out", operand, context)
    check_names(database, name)
    engine = context.engine
    if engine.catalog.find_view(database, name):
        raise MongoError(
            17152, f"namespace '{database}.{name}' is a view and cannot be used as $out"
        )

    def run(documents: Documents) -> Iterator[Document]:
        found = list(documents)
        old = engine.catalog.find(database, name)
        if old is not None and old.is_capped:
            raise MongoError(17152, f"namespace '{database}.{name}' is capped so it can't be used "
                             "for $out")  # fmt: skip
        options, specs = (
            (dict(old.options), [i.spec for i in old.indexes.values()]) if old else ({}, [])
        )
        # All of it in a collection of its own first: what fails leaves the old one as it was.
        temporary = f"tmp.agg_out.{name}"
        if engine.catalog.find(database, temporary):
            engine.catalog.drop(database, temporary)
        made = engine.catalog.create(database, temporary, options)
        try:
            for spec in specs:
                if spec["name"] != "_id_":
                    engine.catalog.create_index(made, spec)
            for document in found:
                insert_document(engine, made, document)
        except MongoError:
            engine.catalog.drop(database, temporary)
            raise
        engine.catalog.rename(made, database, name, drops_target=True)
        return iter(())

    return run


def _target(stage: str, operand: object, context: PipelineContext) -> tuple[str, str]:
    if type(operand) is str:
        return context.database, operand
    if type(operand) is not dict or type(operand.get("coll")) is not str:
        raise MongoError(16990, f"{stage} only supports a string or object argument")
    return operand.get("db", context.database), operand["coll"]


MATCHED = ("replace", "keepExisting", "merge", "fail")
NOT_MATCHED = ("insert", "discard", "fail")


def _merge_target(into: object, context: PipelineContext) -> tuple[str, str]:
    if type(into) not in (str, dict):
        raise MongoError(51178, "$merge 'into' field  must be either a string or an object, but "
                         f"found {type_name(into)}")  # fmt: skip
    if into == "":
        raise MongoError(5786800, "$merge 'into' field cannot be an empty string")
    if type(into) is dict and not into.get("coll"):
        raise MongoError(5786801, "$merge 'into' field must specify a 'coll' that is not empty, "
                         "null or undefined")  # fmt: skip
    return _target("$merge", into, context)


def _join_fields(on: object) -> list[str]:
    """By which fields documents belong together. Raises MongoError."""
    if type(on) not in (str, list):
        raise MongoError(51186, "$merge 'on' field  must be either a string or an array of "
                         f"strings, but found {type_name(on)}")  # fmt: skip
    fields = on if type(on) is list else [on]
    for place, name in enumerate(fields):
        if type(name) is not str:
            raise MongoError(51134, "$merge 'on' array elements must be strings, but found "
                             f"{type_name(name)}")  # fmt: skip
        if name in fields[:place]:
            raise MongoError(31465, f"Found a duplicate field '{name}'")
    if not fields:
        raise MongoError(
            51187, "If explicitly specifying $merge 'on', must include at least one field"
        )
    return fields


def _modes(spec: Document) -> tuple[object, str]:
    """What is done where there is such a document, and where there is none. Raises MongoError."""
    matched, not_matched = spec.get("whenMatched", "merge"), spec.get("whenNotMatched", "insert")
    if type(matched) not in (str, list):
        raise MongoError(51191, "$merge 'whenMatched' field  must be either a string or an array, "
                         f"but found {type_name(matched)}")  # fmt: skip
    if type(matched) is str and matched not in MATCHED:
        raise bad_value(
            f"Enumeration value '{matched}' for field 'whenMatched' is not a valid value."
        )
    if not_matched not in NOT_MATCHED:
        raise bad_value(
            f"Enumeration value '{not_matched}' for field 'whenNotMatched' is not a valid value."
        )
    if "let" in spec and type(matched) is str:
        raise MongoError(51199, "Cannot use 'let' variables with 'whenMatched: "
                         f"{matched}' mode")  # fmt: skip
    return matched, not_matched


def merge(operand: object, context: PipelineContext) -> Stage:
    spec = {"into": operand} if type(operand) is str else operand
    if type(spec) is not dict:
        raise MongoError(14, "$merge requires a string or object argument, but found "
                         f"{type_name(operand)}")  # fmt: skip
    need_fields("$merge", spec, {"into"}, {"on", "let", "whenMatched", "whenNotMatched"})
    database, name = _merge_target(spec["into"], context)
    check_names(database, name)
    fields = _join_fields(spec.get("on", "_id"))
    matched, not_matched = _modes(spec)
    engine = context.engine
    collection = engine.catalog.find(database, name)
    _check_unique(collection, fields)

    def run(documents: Documents) -> Iterator[Document]:
        target = engine.catalog.get_or_create(database, name)
        for document in list(documents):
            _merge_one(target, document)
        return iter(())

    def _merge_one(target: Collection, document: Document) -> None:
        if "_id" not in document:
            document = {"_id": engine.object_ids.next_id(engine.now_s()), **document}
        record = _find(target, document, fields)
        if record is None:
            if not_matched == "fail":
                raise MongoError(13113, "$merge could not find a matching document in the target "
                                 "collection for at least one document in the source "
                                 "collection")  # fmt: skip
            if not_matched == "insert":
                insert_document(engine, target, document)
        elif matched == "fail":
            # As the insert of it would be refused.
            target.id_index.check(target.id_index.keys_of(document), document)
            raise MongoError(11000, "E11000 duplicate key error")
        elif matched != "keepExisting":
            changed = _combined(record.document, document)
            if not equal(changed.get("_id"), record.document.get("_id")):
                raise MongoError(66, "$merge failed to update the matching document, did you "
                                 "attempt to modify the _id or the shard key?")  # fmt: skip
            encoded(changed)
            replace_document(target, record, changed, as_whole=matched == "replace")

    def _combined(old: Document, new: Document) -> Document:
        if matched == "replace":
            return new
        if matched == "merge":
            return {**old, **new}
        from services.docdb.pipeline.running import run_on_documents

        let = spec.get("let", {"new": "$$ROOT"})
        from services.docdb.expressions.compiler import compile_expression

        values = {
            k: compile_expression(v, context.scope)(new, context.variables) for k, v in let.items()
        }
        values.setdefault("new", new)
        inner = context.with_variables(values)
        query = QueryContext(inner.collation, inner.scope, inner.variables)
        return next(run_on_documents(engine, matched, [old], query))

    return run


def _check_unique(collection: Collection | None, fields: list[str]) -> None:
    if fields == ["_id"]:
        return
    for index in collection.indexes.values() if collection else ():
        if index.is_unique and set(index.pattern) == set(fields) and index.partial is None:
            return
    raise MongoError(51183, "Cannot find index to verify that join fields will be unique")


def _find(collection: Collection, document: Document, fields: list[str]) -> Record | None:
    if fields == ["_id"]:
        return collection.find_by_id(document["_id"])
    wanted = {}
    for path in fields:
        value = plain_value(document, split(path))
        if value is MISSING or value is None or type(value) is list:
            raise MongoError(51132, f"$merge write error: 'on' field '{path}' cannot be "
                                    "missing, null, "
                             "undefined or an array")  # fmt: skip
        wanted[path] = {"$eq": value}
    holds = compile_filter(wanted)
    return next((r for r in collection.records.values() if holds(r.document)), None)


STAGES: dict[str, CompileStage] = {"$out": out, "$merge": merge}

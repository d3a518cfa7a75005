"""One update statement: which documents it finds, what becomes of them, or what is upserted.

Used by `update` and `findAndModify`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from services.docdb.bson.types import Document, Timestamp
from services.docdb.commands.query_context import QueryContext, read_context
from services.docdb.commands.storing import insert_document, replace_document
from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.query.comparison import MISSING, equal, is_identical
from services.docdb.query.conditions import And
from services.docdb.query.filters import equalities, parse_filter
from services.docdb.query.planner import Query, choose
from services.docdb.query.sorting import SortOrder
from services.docdb.query.update import Change, Update, is_replacement, parse_update
from services.docdb.query.update_operators import UpdateContext
from services.docdb.storage.collection import Collection, Record

if TYPE_CHECKING:
    from services.docdb.engine import Engine

Transform = Callable[[Document, Callable[[], int | None], bool], Document]
"""A document, which element has matched, and whether it is new, to the changed document."""


@dataclass(slots=True)
class Statement:
    """An update that is ready to run."""

    condition: And
    transform: Transform
    context: QueryContext
    is_multi: bool = False
    is_upsert: bool = False
    is_replacement: bool = False
    hint: object = None
    bypass: bool = False
    sort: SortOrder | None = None


@dataclass(slots=True)
class Outcome:
    """What a statement did."""

    matched: int = 0
    modified: int = 0
    upserted_id: object = MISSING
    before: Document | None = None
    after: Document | None = None


def parse_statement(
    engine: "Engine",
    collection: Collection | None,
    spec: Document,
    let: object = None,
    *,
    bypass: bool = False,
) -> Statement:
    """A statement with q, u, multi, upsert, collation, arrayFilters, hint. Raises MongoError."""
    context = read_context(engine, collection, spec.get("collation"), let)
    condition = parse_filter(spec["q"], context.filters)
    change, is_multi = spec["u"], bool(spec.get("multi"))
    replaces = False
    if type(change) is list:
        if spec.get("arrayFilters") is not None:
            raise failed_to_parse("arrayFilters may not be specified for pipeline-style updates")
        transform = _pipeline_transform(engine, change, context)
    elif type(change) is not dict:
        raise failed_to_parse("Update argument must be either an object or an array")
    elif is_replacement(change):
        if is_multi:
            raise failed_to_parse("multi update is not supported for replacement-style update")
        if spec.get("arrayFilters"):
            raise failed_to_parse("arrayFilters may not be specified for replacement-style updates")
        replaces = True
        transform = _replacement_transform(change)
    else:
        update = parse_update(change, spec.get("arrayFilters"), context.filters)
        transform = _operator_transform(engine, update, context)
    return Statement(
        condition,
        transform,
        context,
        is_multi,
        bool(spec.get("upsert")),
        replaces,
        spec.get("hint") or None,
        bypass,
    )


def _operator_transform(engine: "Engine", update: Update, context: QueryContext) -> Transform:
    now_ms = engine.now_ms
    inner = UpdateContext(now_ms, context.scope.key, Timestamp(now_ms // 1000, 1))
    return lambda document, position, is_insert: update.apply(
        document, inner, position, is_insert=is_insert
    )


def _replacement_transform(replacement: Document) -> Transform:
    for name in replacement:
        if name.startswith("$"):
            raise MongoError(52, f"The dollar ($) prefixed field '{name}' is not allowed in the "
                             "context of an update's replacement document.")  # fmt: skip

    def transform(document: Document, position: Callable, is_insert: bool) -> Document:
        if "_id" in replacement or "_id" not in document:
            return dict(replacement)
        return {"_id": document["_id"], **replacement}

    return transform


UPDATE_STAGES = {"$addFields", "$set", "$project", "$unset", "$replaceRoot", "$replaceWith"}


def _pipeline_transform(engine: "Engine", pipeline: list, context: QueryContext) -> Transform:
    from services.docdb.pipeline.running import run_on_documents

    for stage in pipeline:
        name = next(iter(stage), "") if type(stage) is dict else ""
        if name not in UPDATE_STAGES:
            raise MongoError(72, f"{name} is not allowed to be used within an update")

    def transform(document: Document, position: Callable, is_insert: bool) -> Document:
        changed = next(run_on_documents(engine, pipeline, [document], context))
        # A pipeline may lose the _id; the document keeps it all the same.
        if "_id" in document and "_id" not in changed:
            changed = {"_id": document["_id"], **changed}
        return changed

    run_on_documents(engine, pipeline, [], context)
    return transform


def run_statement(engine: "Engine", database: str, name: str, statement: Statement) -> Outcome:
    """Find, change, and store; or upsert. Raises MongoError."""
    collection = engine.catalog.find(database, name)
    outcome = Outcome()
    query = Query(
        statement.condition,
        statement.sort,
        statement.context.collation,
        statement.hint,
        metadata=statement.context.metadata,
    )
    choice = choose(collection, query)
    records = choice.execution.records()
    if statement.sort is not None and not choice.plan.sorts:
        records = iter(statement.sort.sort_with(records, lambda record: record.document))
    if statement.is_multi:
        # All are found before the first is changed, so that none is found twice.
        found = list(records)
        if found:
            collection.check_free(found)
        for record in found:
            current = collection.records.get(record.id)
            if current is not None:
                _change(collection, current, statement, outcome)
    else:
        record = next(records, None)
        if record is not None:
            _change(collection, record, statement, outcome)
    if not outcome.matched and statement.is_upsert:
        _upsert(engine, database, name, statement, outcome)
    return outcome


def _change(collection: Collection, record: Record, statement: Statement, outcome: Outcome) -> None:
    old = record.document
    changed = statement.transform(old, lambda: statement.condition.matched_index(old), False)
    if changed is not old:
        changed = with_own_id(old, changed)
        if replace_document(
            collection,
            record,
            changed,
            bypass=statement.bypass,
            as_whole=statement.is_replacement,
        ):
            outcome.modified += 1
    outcome.matched += 1
    outcome.before, outcome.after = old, changed


def with_own_id(old: Document, changed: Document) -> Document:
    """The changed document, with the `_id` in front that must not have changed."""
    document_id = old.get("_id", MISSING)
    new_id = changed.get("_id", MISSING)
    if new_id is MISSING and document_id is not MISSING:
        raise immutable_id()
    if not is_identical(document_id, new_id) and not equal(document_id, new_id):
        raise immutable_id()
    if next(iter(changed), "") != "_id":
        rest = {name: value for name, value in changed.items() if name != "_id"}
        return {"_id": document_id, **rest}
    return changed


def immutable_id() -> MongoError:
    return MongoError(
        66,
        "Performing an update on the path '_id' would modify the immutable field '_id'",
    )


def _upsert(
    engine: "Engine", database: str, name: str, statement: Statement, outcome: Outcome
) -> None:
    fixed = equalities(statement.condition.children)
    if statement.is_replacement:
        base = {"_id": fixed["_id"]} if "_id" in fixed else {}
    else:
        base = _built_from(fixed)
    document = statement.transform(base, lambda: None, True)
    if "_id" in base and "_id" in document and not equal(base["_id"], document["_id"]):
        raise immutable_id()
    collection = engine.catalog.get_or_create(database, name)
    record = insert_document(engine, collection, document, bypass=statement.bypass)
    outcome.upserted_id = record.document["_id"]
    outcome.after = record.document


def _built_from(fixed: Document) -> Document:
    """The document that the equalities of a filter describe."""
    paths = sorted(fixed)
    for first, second in pairwise(paths):
        if second.startswith(first + "."):
            raise MongoError(54, "cannot infer query fields to set, both paths '"
                             f"{first}' and '{second}' are matched")  # fmt: skip
    changes = [Change("$set", tuple(path.split(".")), value) for path, value in fixed.items()]
    return Update(changes).apply({}, UpdateContext())

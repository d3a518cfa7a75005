"""insert, update, delete, findAndModify: documents in.

The first three take lists of documents or statements (`batches`). In a replica set each of
these commands can be tried again, where it changes one document at a time.
"""

from typing import TYPE_CHECKING

from services.docdb.bson.types import Document
from services.docdb.command import Pending, Request
from services.docdb.commands.batches import (
    Batch,
    check_batch,
    refuse_view,
    run_batch,
    until_free,
    with_retried,
)
from services.docdb.commands.query_context import plain_query, read_context
from services.docdb.commands.storing import insert_document
from services.docdb.commands.updating import Outcome, Statement, parse_statement, run_statement
from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.query.comparison import MISSING
from services.docdb.query.filters import parse_filter
from services.docdb.query.planner import Query, choose
from services.docdb.query.projection import ProjectionContext, parse_projection
from services.docdb.query.sorting import parse_sort
from services.docdb.storage.catalog import check_names
from services.docdb.storage.collection import Collection
from services.docdb.transactions.retryable import refuse_many

if TYPE_CHECKING:
    from services.docdb.engine import Engine


def insert(engine: "Engine", request: Request) -> Document | Pending:
    documents = request.array("documents")
    check_batch(request, documents)
    _check_target(engine, request)
    raws = request.raws.get("documents")
    bypass = request.flag("bypassDocumentValidation")
    collection: Collection | None = None

    def run(place: int, document: Document) -> Document:
        nonlocal collection
        if collection is None or collection.is_dropped:
            collection = engine.catalog.get_or_create(request.database, request.collection_name)
        raw = raws[place] if raws else None
        insert_document(engine, collection, document, raw, bypass=bypass)
        return _INSERTED

    batch = Batch(request, documents, run, request.flag("ordered", True))
    return run_batch(batch, lambda: {"n": len(batch.outcomes)})


_INSERTED: Document = {"n": 1}


def _check_target(engine: "Engine", request: Request) -> None:
    check_names(request.database, request.collection_name)
    refuse_view(engine, request)


def update(engine: "Engine", request: Request) -> Document | Pending:
    statements = request.array("updates")
    check_batch(request, statements)
    for spec in statements:
        _check_statement(spec, "update", {"q", "u"}, UPDATE_STATEMENT)
        if request.retry is not None:
            refuse_many(bool(spec.get("multi")), "multi=true")
    _check_target(engine, request)
    bypass, let = request.flag("bypassDocumentValidation"), request.get("let")

    def run(place: int, spec: Document) -> Document:
        collection = engine.catalog.find(request.database, request.collection_name)
        statement = parse_statement(engine, collection, spec, let, bypass=bypass)
        found = run_statement(engine, request.database, request.collection_name, statement)
        outcome: Document = {"n": found.matched, "nModified": found.modified}
        if found.upserted_id is not MISSING:
            outcome |= {"n": found.matched + 1, "upserted": found.upserted_id}
        return outcome

    batch = Batch(request, statements, run, request.flag("ordered", True))

    def reply() -> Document:
        totals: Document = {"n": batch.total("n"), "nModified": batch.total("nModified")}
        upserted = [
            {"index": place, "_id": outcome["upserted"]}
            for place, outcome in batch.outcomes
            if "upserted" in outcome
        ]
        return totals | ({"upserted": upserted} if upserted else {})

    return run_batch(batch, reply)


UPDATE_STATEMENT = frozenset({"q", "u", "c", "multi", "upsert", "collation", "arrayFilters", "hint",
                              "sampleId", "upsertSupplied"})  # fmt: skip
DELETE_STATEMENT = frozenset({"q", "limit", "collation", "hint", "sampleId"})


def _check_statement(spec: Document, kind: str, needed: set[str], known: frozenset[str]) -> None:
    for name in spec:
        if name not in known:
            raise MongoError(40415, f"BSON field '{kind}.{kind}s.{name}' is an unknown field.")
    for name in needed:
        if name not in spec:
            raise MongoError(
                40414, f"BSON field '{kind}.{kind}s.{name}' is missing but a required field"
            )


def delete(engine: "Engine", request: Request) -> Document | Pending:
    statements = request.array("deletes")
    check_batch(request, statements)
    for spec in statements:
        _check_statement(spec, "delete", {"q", "limit"}, DELETE_STATEMENT)
        if request.retry is not None:
            refuse_many(spec["limit"] == 0, "limit=0")
    _check_target(engine, request)

    def run(place: int, spec: Document) -> Document:
        if spec["limit"] not in (0, 1):
            raise failed_to_parse(
                f"The limit field in delete objects must be 0 or 1. Got {spec['limit']}"
            )
        collection = engine.catalog.find(request.database, request.collection_name)
        context = read_context(engine, collection, spec.get("collation"), request.get("let"))
        query = plain_query(spec["q"], context, spec.get("hint") or None)
        found = choose(collection, query).execution.records()
        records = (
            [record for record in [next(found, None)] if record] if spec["limit"] else list(found)
        )
        if records:
            collection.check_free(records)
        for record in records:
            collection.delete(record)
        return {"n": len(records)}

    batch = Batch(request, statements, run, request.flag("ordered", True))
    return run_batch(batch, lambda: {"n": batch.total("n")})


# FindAndModify.


def find_and_modify(engine: "Engine", request: Request) -> Document | Pending:
    _check_target(engine, request)
    _check_choice(request)
    retry = request.retry

    def attempt() -> Document:
        known = retry.known_outcome(0) if retry is not None else None
        if known is not None:
            return with_retried(request, dict(known))
        reply = _find_and_modify(engine, request)
        if retry is not None:
            retry.done(0, dict(reply))
            retry.close()
        return reply

    return until_free(request, attempt)


def _check_choice(request: Request) -> None:
    removes, change = request.flag("remove"), request.get("update")
    if removes and change is not None:
        raise failed_to_parse("Cannot specify both an update and remove=true")
    if not removes and change is None:
        raise failed_to_parse("Either an update or remove=true must be specified")
    if removes and request.flag("upsert"):
        raise failed_to_parse("Cannot specify both upsert=true and remove=true ")
    if removes and request.flag("new"):
        raise failed_to_parse("Cannot specify both new=true and remove=true; 'remove' always "
                              "returns the deleted document")  # fmt: skip


def _find_and_modify(engine: "Engine", request: Request) -> Document:
    collection = engine.catalog.find(request.database, request.collection_name)
    context = read_context(engine, collection, request.document("collation"), request.get("let"))
    sort = request.document("sort")
    order = parse_sort(sort, context.scope.key, context.metadata) if sort else None
    condition = parse_filter(request.document("query") or {}, context.filters)
    project = None
    fields = request.document("fields")
    if fields:
        project = parse_projection(
            fields, ProjectionContext(context.scope, condition, context.filters)
        )

    def shown(document: Document | None) -> Document | None:
        if document is None or project is None:
            return document
        return project(document, context.variables)

    if request.flag("remove"):
        hint = request.get("hint") or None
        query = Query(condition, order, context.collation, hint, metadata=context.metadata)
        removed = _remove_first(collection, query)
        return {"lastErrorObject": {"n": int(removed is not None)}, "value": shown(removed)}
    spec = {"q": request.document("query") or {}, "u": request.get("update")}
    for name in ("collation", "arrayFilters", "hint", "upsert"):
        if request.get(name) is not None:
            spec[name] = request.get(name)
    bypass = request.flag("bypassDocumentValidation")
    statement: Statement = parse_statement(
        engine, collection, spec, request.get("let"), bypass=bypass
    )
    statement.sort = order
    outcome = run_statement(engine, request.database, request.collection_name, statement)
    value = outcome.after if request.flag("new") else outcome.before
    return {"lastErrorObject": _last_error(outcome), "value": shown(value)}


def _last_error(outcome: Outcome) -> Document:
    is_upsert = outcome.upserted_id is not MISSING
    last: Document = {
        "n": 1 if is_upsert else outcome.matched,
        "updatedExisting": bool(outcome.matched),
    }
    return last | ({"upserted": outcome.upserted_id} if is_upsert else {})


def _remove_first(collection: Collection | None, query: Query) -> Document | None:
    choice = choose(collection, query)
    records = choice.execution.records()
    if query.sort is not None and not choice.plan.sorts:
        records = iter(query.sort.sort_with(records, lambda record: record.document))
    record = next(records, None)
    if record is None:
        return None
    collection.delete(record)
    return record.document


INSERT_FIELDS = frozenset(["documents", "ordered", "bypassDocumentValidation", "stmtIds"])
UPDATE_FIELDS = frozenset(["updates", "ordered", "bypassDocumentValidation", "let", "stmtIds"])
DELETE_FIELDS = frozenset(["deletes", "ordered", "let", "stmtIds"])
FIND_AND_MODIFY_FIELDS = frozenset(
    [
        "query",
        "sort",
        "remove",
        "update",
        "new",
        "fields",
        "upsert",
        "bypassDocumentValidation",
        "collation",
        "arrayFilters",
        "hint",
        "let",
        "stmtId",
    ]
)

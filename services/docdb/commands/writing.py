"""insert, update, delete, findAndModify: documents in.

The first three take lists of documents or statements. Each is done for itself; one that fails
becomes a write error with its place in the list, and, where the list is `ordered`, ends it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import Document
from services.docdb.command import Request
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

if TYPE_CHECKING:
    from services.docdb.engine import Engine

MAX_BATCH = 100_000


def _check_batch(request: Request, items: list) -> None:
    if not 1 <= len(items) <= MAX_BATCH:
        raise MongoError(
            16, f"Write batch sizes must be between 1 and {MAX_BATCH}. Got {len(items)} operations."
        )
    if any(type(item) is not dict for item in items):
        raise MongoError(14, f"BSON field '{request.name}' has items of the wrong type, expected "
                         "type 'object'")  # fmt: skip


def _refuse_view(engine: "Engine", request: Request) -> None:
    check_names(request.database, request.collection_name)
    if engine.catalog.find_view(request.database, request.collection_name):
        raise MongoError(166, f"Namespace {request.namespace} is a view, not a collection")
    if engine.persistence.is_refusing:
        raise MongoError(8, "the disk takes no writes at the moment")


def _one_by_one(
    items: list, is_ordered: bool, run: Callable[[int, object], None]
) -> list[Document]:
    """Do each, and give the errors of those that failed."""
    errors: list[Document] = []
    for place, item in enumerate(items):
        try:
            run(place, item)
        except (MongoError, BsonError) as problem:
            error = problem if isinstance(problem, MongoError) else MongoError(2, str(problem))
            errors.append(
                {"index": place, "code": error.code, **error.extra, "errmsg": error.message}
            )
            if is_ordered:
                break
    return errors


def insert(engine: "Engine", request: Request) -> Document:
    documents = request.array("documents")
    _check_batch(request, documents)
    _refuse_view(engine, request)
    collection = engine.catalog.get_or_create(request.database, request.collection_name)
    raws = request.raws.get("documents")
    bypass = request.flag("bypassDocumentValidation")
    inserted = 0

    def run(place: int, document: Document) -> None:
        nonlocal inserted
        raw = raws[place] if raws else None
        insert_document(engine, collection, document, raw, bypass=bypass)
        inserted += 1

    errors = _one_by_one(documents, request.flag("ordered", True), run)
    return {"n": inserted} | ({"writeErrors": errors} if errors else {})


def update(engine: "Engine", request: Request) -> Document:
    statements = request.array("updates")
    _check_batch(request, statements)
    for spec in statements:
        _check_statement(spec, "update", {"q", "u"}, UPDATE_STATEMENT)
    _refuse_view(engine, request)
    bypass, let = request.flag("bypassDocumentValidation"), request.get("let")
    totals = {"n": 0, "nModified": 0}
    upserted: list[Document] = []

    def run(place: int, spec: Document) -> None:
        collection = engine.catalog.find(request.database, request.collection_name)
        statement = parse_statement(engine, collection, spec, let, bypass=bypass)
        outcome = run_statement(engine, request.database, request.collection_name, statement)
        totals["n"] += outcome.matched
        totals["nModified"] += outcome.modified
        if outcome.upserted_id is not MISSING:
            totals["n"] += 1
            upserted.append({"index": place, "_id": outcome.upserted_id})

    errors = _one_by_one(statements, request.flag("ordered", True), run)
    reply: Document = dict(totals)
    if upserted:
        reply["upserted"] = upserted
    return reply | ({"writeErrors": errors} if errors else {})


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


def delete(engine: "Engine", request: Request) -> Document:
    statements = request.array("deletes")
    _check_batch(request, statements)
    for spec in statements:
        _check_statement(spec, "delete", {"q", "limit"}, DELETE_STATEMENT)
    _refuse_view(engine, request)
    removed = 0

    def run(place: int, spec: Document) -> None:
        nonlocal removed
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
        for record in records:
            collection.delete(record)
            removed += 1

    errors = _one_by_one(statements, request.flag("ordered", True), run)
    return {"n": removed} | ({"writeErrors": errors} if errors else {})


# FindAndModify.


def find_and_modify(engine: "Engine", request: Request) -> Document:
    _refuse_view(engine, request)
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
    collection = engine.catalog.find(request.database, request.collection_name)
    context = read_context(engine, collection, request.document("collation"), request.get("let"))
    sort = request.document("sort")
    order = parse_sort(sort, context.scope.key) if sort else None
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

    if removes:
        query = Query(condition, order, context.collation, request.get("hint") or None)
        removed = _remove_first(collection, query)
        return {"lastErrorObject": {"n": int(removed is not None)}, "value": shown(removed)}
    spec = {"q": request.document("query") or {}, "u": change}
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

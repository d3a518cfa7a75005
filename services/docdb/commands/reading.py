"""find, count, distinct: documents out.

    request ─▶ filter, sort, projection ─▶ planner ─▶ records ─▶ cursor ─▶ first batch

A view is read by running its pipeline, with what the command asks for behind it.
"""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from services.docdb.bson.types import Document, Int64
from services.docdb.command import Request
from services.docdb.commands.aggregating import aggregate, opened_cursor
from services.docdb.commands.query_context import QueryContext, plain_query, read_context
from services.docdb.commands.tailing import Tail
from services.docdb.errors import MongoError, bad_value, failed_to_parse
from services.docdb.expressions.numbers import is_number
from services.docdb.pipeline.memory import limit_of, too_much
from services.docdb.query.comparison import MISSING
from services.docdb.query.distinct_scan import distinct_scan
from services.docdb.query.filters import parse_filter
from services.docdb.query.paths import split, values_at
from services.docdb.query.planner import Choice, Query, choose
from services.docdb.query.plans import Execution
from services.docdb.query.projection import (
    Project,
    ProjectionContext,
    parse_projection,
    shown_paths,
)
from services.docdb.query.sorting import SortOrder, parse_sort
from services.docdb.replication.oplog_view import NAMESPACE as OPLOG
from services.docdb.replication.oplog_view import OplogTail
from services.docdb.storage.collection import Collection, Record
from services.docdb.storage.cursors import Cursor, first_batch_reply

if TYPE_CHECKING:
    from services.docdb.engine import Engine


NO_PATHS: frozenset[str] = frozenset()
"""Who counts looks at no field, but at those of the filter."""


class Find:
    """One parsed `find`; `only_counts` where nobody looks at the documents."""

    def __init__(
        self,
        engine: "Engine",
        request: Request,
        collection: Collection | None,
        *,
        only_counts: bool = False,
    ):
        self.collection = collection
        self.context = read_context(
            engine, collection, request.document("collation"), request.get("let")
        )
        filters = request.document("filter") or {}
        self.condition = parse_filter(filters, self.context.filters)
        sort = request.document("sort")
        self.natural = sort.get("$natural") if sort else None
        self.order: SortOrder | None = None
        if sort and self.natural is None:
            self.order = parse_sort(sort, self.context.scope.key, self.context.metadata)
        self.memory_limit_bytes = limit_of(engine, request)
        self.skip = request.whole_number("skip", 0)
        self.limit = request.whole_number("limit", 0)
        self.projection = request.document("projection") or {}
        self.project = _projection(self)
        hint = request.get("hint")
        if self.natural is not None:
            hint = {"$natural": self.natural}
        if request.get("hint") in ("", {}):
            hint = None
        wanted = None if request.flag("returnKey") else shown_paths(self.projection)
        self.query = Query(
            self.condition,
            self.order,
            self.context.collation,
            hint,
            NO_PATHS if only_counts else wanted,
            request.document("min") or None,
            request.document("max") or None,
            self.context.metadata,
        )
        self.choice: Choice = choose(collection, self.query)
        request.executions.append(self.choice.execution)

    def records(self) -> Iterator[Record]:
        """The records in their order, without those that are skipped or too many."""
        found = self.choice.execution.records()
        if self.order is not None and not self.choice.plan.sorts:
            wanted = self.skip + self.limit if self.limit else 0
            if 0 < wanted <= 1000:
                found = iter(self.order.first(wanted, found, lambda record: record.document))
            else:
                held = _within(self.memory_limit_bytes, found)
                found = iter(self.order.sort_with(held, lambda record: record.document))
        if self.skip:
            found = islice(found, self.skip, None)
        return islice(found, self.limit) if self.limit else found


def _within(limit_bytes: int, records: Iterator[Record]) -> Iterator[Record]:
    """Records on their way into a sort. Raises MongoError where they are too many bytes."""
    size_bytes = 0
    for record in records:
        size_bytes += len(record.raw)
        if size_bytes > limit_bytes:
            raise too_much("Sort", limit_bytes)
        yield record


def _projection(find: Find) -> Project | None:
    if not find.projection:
        return None
    context = ProjectionContext(find.context.scope, find.condition, find.context.filters)
    return parse_projection(find.projection, context)


def find(engine: "Engine", request: Request) -> Document:
    """Real: FindCmd."""
    if "$_internal" in request.body:
        raise failed_to_parse("unknown option")
    view = engine.catalog.find_view(request.database, request.collection_name)
    if view is not None:
        return _find_in_view(engine, request)
    collection = engine.catalog.find(request.database, request.collection_name)
    parsed = Find(engine, request, collection)
    limit, batch_size = request.whole_number("limit", 0), request.whole_number("batchSize")
    single = request.flag("singleBatch") or (limit == 1 and batch_size in (None, 1))
    if request.flag("tailable"):
        return _tail(engine, request, parsed, batch_size)
    if request.flag("awaitData"):
        raise failed_to_parse("Cannot set 'awaitData' without also setting 'tailable'")
    documents = _documents(parsed, request)
    cursor = _cursor(engine, request, documents)
    sorts = parsed.order is not None and not parsed.choice.plan.sorts
    cursor.peeks = bool(limit) or sorts
    if single and batch_size is None and limit:
        batch_size = limit
    return first_batch_reply(engine.cursors, cursor, batch_size, single=single)


def _cursor(engine: "Engine", request: Request, documents: Iterator[object]) -> Cursor:
    cursor = opened_cursor(engine, request, request.namespace, documents)
    cursor.has_timeout = not request.flag("noCursorTimeout")
    return cursor


def _documents(parsed: Find, request: Request) -> Iterator[object]:
    records = parsed.records()
    if request.flag("returnKey"):
        return _keys(parsed, records)
    if request.flag("showRecordId"):
        project = parsed.project or (lambda document, variables: document)
        variables = parsed.context.variables
        return ({**project(r.document, variables), "$recordId": Int64(r.id)} for r in records)
    return shown(records, parsed.project, parsed.context)


def shown(
    records: Iterator[Record], project: Project | None, context: QueryContext
) -> Iterator[object]:
    """What the client sees of records: their own bytes, where nothing is projected."""
    if project is None:
        return (record.raw for record in records)
    variables = context.variables
    return (project(record.document, variables) for record in records)


def _keys(parsed: Find, records: Iterator[Record]) -> Iterator[Document]:
    """`returnKey`: the fields of the index that was used, and nothing else."""
    index = getattr(parsed.choice.plan, "index", None)
    for record in records:
        paths = list(index.pattern) if index else []
        found = {path: values_at(record.document, split(path)) for path in paths}
        yield {path: values[0] for path, values in found.items() if values[:1] != [MISSING]}


def _find_in_view(engine: "Engine", request: Request) -> Document:
    pipeline: list[Document] = []
    for stage, name in (("$match", "filter"), ("$sort", "sort"), ("$skip", "skip"),
                        ("$limit", "limit"), ("$project", "projection")):  # fmt: skip
        value = request.get(name)
        if value:
            pipeline.append({stage: value})
    if request.get("sort") and "$natural" in request.get("sort"):
        raise MongoError(167, "$natural sort cannot be set to a value other than -1 or 1.")
    cursor: Document = {}
    if request.get("batchSize") is not None:
        cursor["batchSize"] = request.get("batchSize")
    body = {"aggregate": request.target, "pipeline": pipeline, "cursor": cursor}
    for name in ("collation", "let", "lsid", "hint"):
        if request.get(name) is not None:
            body[name] = request.get(name)
    inner = Request("aggregate", request.database, body, request.client)
    return aggregate(engine, inner)


# Tailable cursors.


def _tail(engine: "Engine", request: Request, parsed: Find, batch_size: int | None) -> Document:
    """A cursor that stays at the end of a capped collection and gets what is added."""
    collection = parsed.collection
    if collection is None:
        cursor = _cursor(engine, request, iter(()))
        return first_batch_reply(engine.cursors, cursor, batch_size, single=True)
    oplog = engine.journal.oplog
    if oplog is not None and (collection.database, collection.name) == OPLOG:
        source: Iterator[object] = OplogTail(oplog, parsed.condition.compile())
    elif collection.is_capped:
        source = Tail(parsed)
    else:
        raise bad_value(
            "error processing query: tailable cursor requested on non capped collection"
        )
    cursor = _cursor(engine, request, source)
    cursor.is_tailable = True
    cursor.awaits_data = request.flag("awaitData")
    return first_batch_reply(engine.cursors, cursor, batch_size)


# Count and distinct.


def distinct_choice(
    collection: Collection | None,
    filters: Document,
    context: QueryContext,
    path: str,
    request: Request,
) -> Choice:
    """How the values of a path are found."""
    query = plain_query(filters, context, request.get("hint"))
    plan = distinct_scan(collection, query, path)
    if plan is not None:
        return Choice(Execution(plan, collection, query.condition.compile()), [])
    return choose(collection, query)


def count(engine: "Engine", request: Request) -> Document:
    limit, skip = request.get("limit", 0), request.whole_number("skip", 0)
    if limit is not None and not is_number(limit):
        raise MongoError(14, "BSON field 'count.limit' is the wrong type, expected type 'long'")
    filters = request.document("query") or {}
    if engine.catalog.find_view(request.database, request.collection_name):
        return _count_view(engine, request, filters, skip, abs(limit or 0))
    collection = engine.catalog.find(request.database, request.collection_name)
    if collection is not None and not filters and request.get("hint") is None:
        found = len(collection.records)
    else:
        context = read_context(engine, collection, request.document("collation"))
        query = plain_query(filters, context, request.get("hint"), NO_PATHS)
        execution = choose(collection, query).execution
        request.executions.append(execution)
        found = sum(1 for _ in execution.records())
    found = max(found - skip, 0)
    return {"n": min(found, abs(int(limit))) if limit else found}


def _count_view(
    engine: "Engine", request: Request, filters: Document, skip: int, limit: int
) -> Document:
    pipeline: list[Document] = [{"$match": filters}]
    pipeline += [{"$skip": skip}] if skip else []
    pipeline += [{"$limit": limit}] if limit else []
    body = {"aggregate": request.target, "pipeline": [*pipeline, {"$count": "n"}], "cursor": {}}
    reply = aggregate(engine, Request("aggregate", request.database, body, request.client))
    batch = reply["cursor"]["firstBatch"]
    from services.docdb.bson.decoder import decode_document

    return {"n": decode_document(batch[0])["n"] if batch else 0}


def distinct(engine: "Engine", request: Request) -> Document:
    path = request.text("key")
    if path is None:
        raise MongoError(40414, "BSON field 'distinct.key' is missing but a required field")
    filters = request.document("query") or {}
    collection = engine.catalog.find(request.database, request.collection_name)
    context = read_context(engine, collection, request.document("collation"))
    view = engine.catalog.find_view(request.database, request.collection_name)
    if view is not None:
        from services.docdb.pipeline.running import run_view

        predicate = parse_filter(filters, context.filters).compile()
        documents = (d for d in run_view(engine, view, context) if predicate(d))
    else:
        execution = distinct_choice(collection, filters, context, path, request).execution
        request.executions.append(execution)
        documents = (record.document for record in execution.records())
    parts, key = split(path), context.scope.key
    found: dict[tuple, object] = {}
    for document in documents:
        for value in values_at(document, parts):
            if value is MISSING:
                continue
            for item in value if type(value) is list else [value]:
                found.setdefault(key(item), item)
    return {"values": [found[k] for k in sorted(found)]}


FIND_FIELDS = frozenset(
    [
        "filter",
        "sort",
        "projection",
        "hint",
        "skip",
        "limit",
        "batchSize",
        "singleBatch",
        "max",
        "min",
        "returnKey",
        "showRecordId",
        "tailable",
        "oplogReplay",
        "noCursorTimeout",
        "awaitData",
        "allowPartialResults",
        "collation",
        "allowDiskUse",
        "let",
        "snapshot",
        "ntoreturn",
    ]
)
COUNT_FIELDS = frozenset(["query", "limit", "skip", "hint", "collation", "fields"])
DISTINCT_FIELDS = frozenset(["key", "query", "collation", "hint"])

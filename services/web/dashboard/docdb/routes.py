"""The page of docdb and its API; every request is a few commands of MongoDB's protocol.

    GET    /api/docdb/collections                     every database with its collections
    PUT    /api/docdb/collection?db=shop&collection=people      create; DELETE: drop
    GET    /api/docdb/documents?db=…&collection=…     &filter=…&sort=…&skip=20: a page of documents
    POST   /api/docdb/documents?db=…&collection=…     {"document": "…"}: insert
    PUT    /api/docdb/documents?db=…&collection=…     {"before": "…", "document": "…"}: replace
    DELETE /api/docdb/documents?db=…&collection=…     {"before": "…"}: delete it, by its _id
    GET    /api/docdb/indexes?db=…&collection=…       POST makes one, DELETE …&name= drops one
    POST   /api/docdb/query                           {"kind": "find" or "aggregate", …}
    POST   /api/docdb/explain                         the same, and the plan as a tree
    GET    /api/docdb/slow                            operations that took long
    GET    /api/docdb/profile?db=…                    PUT {"level": 1, "slow_ms": 50}

Documents, filters and keys are extended JSON. A change says what was there before, so that nobody
overwrites what somebody else has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from services.docdb.client import CommandError, DocumentClient
from services.web.dashboard.docdb import queries, schemas
from services.web.dashboard.docdb.documents import (
    MAX_PAGE,
    PAGE,
    Place,
    list_collections,
    parse_object,
)
from services.web.dashboard.docdb.server import ServerFigures
from services.web.dashboard.fields import json_object, text_field
from services.web.dashboard.live import Poll
from services.web.dashboard.shell import Dashboard
from services.web.errors import HTTPError, error_response
from services.web.openapi import documented
from services.web.requests import Request
from services.web.responses import Response
from services.web.routing import Router

TIMEOUT_S = 6.0
MAX_SKIP = 2**31 - 1
_STATISTICS_INTERVAL_S = 2.0
_STATISTICS_IDLE_INTERVAL_S = 6.0

_PLACE: Mapping[str, type] = MappingProxyType({"db": str, "collection": str})
_PAGE: Mapping[str, type] = MappingProxyType(
    {**_PLACE, "filter": str, "sort": str, "skip": int, "limit": int}
)


def install(dashboard: Dashboard) -> None:
    """Add the page, the API, the `docdb` topic and the probe of docdb."""
    url = dashboard.settings.docdb_url
    client = DocumentClient(url, timeout_s=TIMEOUT_S)
    figures = ServerFigures(client)
    dashboard.on_stop(client.close)
    dashboard.add_probe("docdb", "docdb", url.address, lambda: [figures.vital_signs(url.address)])
    dashboard.add_poll(
        Poll(
            "docdb",
            figures.statistics,
            dashboard.log,
            interval_s=_STATISTICS_INTERVAL_S,
            # Who opens the page finds the last minutes on its charts.
            idle_interval_s=_STATISTICS_IDLE_INTERVAL_S,
        )
    )
    dashboard.add_routes(_collection_routes(client))
    dashboard.add_routes(_document_routes(client))
    dashboard.add_routes(_index_routes(client))
    dashboard.add_routes(_query_routes(client, figures))

    @dashboard.app.error_handler(CommandError)
    def refused(request: Request, error: CommandError) -> Response:
        name = error.code_name or f"error {error.code}"
        return error_response(HTTPError(400, f"{error} ({name})"), request)


def _collection_routes(client: DocumentClient) -> Router:
    router = Router()

    @router.get("/api/docdb/collections")
    @documented(result=schemas.Databases)
    def docdb_collections(request: Request) -> dict[str, object]:
        """Every database with its collections and views."""
        return list_collections(client)

    @router.put("/api/docdb/collection")
    @documented(query=_PLACE, body=schemas.NewCollection, result=None, status=204)
    def create_docdb_collection(request: Request) -> Response:
        """Make a collection, with options such as {"capped": true, "size": 4096}."""
        options = str(json_object(request).get("options") or "")
        _place(client, request).create(parse_object(options, "options"))
        return Response(status=204)

    @router.delete("/api/docdb/collection")
    @documented(query=_PLACE, result=None, status=204)
    def drop_docdb_collection(request: Request) -> Response:
        """Drop a collection with all that is in it."""
        _place(client, request).drop()
        return Response(status=204)

    return router


def _document_routes(client: DocumentClient) -> Router:
    router = Router()

    @router.get("/api/docdb/documents")
    @documented(query=_PAGE, result=schemas.DocumentPage)
    def docdb_documents(request: Request) -> dict[str, object]:
        """Documents that match a filter, some at a time."""
        query = request.query
        return _place(client, request).page(
            parse_object(query.get("filter") or "", "the filter"),
            parse_object(query.get("sort") or "", "the sort"),
            query.get_int("skip", 0, minimum=0, maximum=MAX_SKIP),
            query.get_int("limit", PAGE, minimum=1, maximum=MAX_PAGE),
        )

    @router.post("/api/docdb/documents")
    @documented(query=_PLACE, body=schemas.NewDocument, result=None, status=204)
    def insert_docdb_document(request: Request) -> Response:
        """Insert a document."""
        document = parse_object(text_field(json_object(request), "document"), "the document")
        _place(client, request).insert(document)
        return Response(status=204)

    @router.put("/api/docdb/documents")
    @documented(query=_PLACE, body=schemas.ChangedDocument, result=None, status=204)
    def replace_docdb_document(request: Request) -> Response:
        """Put a document in the place of the one that was shown."""
        body = json_object(request)
        before = parse_object(text_field(body, "before"), "the document before")
        after = parse_object(text_field(body, "document"), "the document")
        _place(client, request).replace(before, after)
        return Response(status=204)

    @router.delete("/api/docdb/documents")
    @documented(query=_PLACE, body=schemas.OldDocument, result=None, status=204)
    def delete_docdb_document(request: Request) -> Response:
        """Delete a document, named by its _id."""
        before = parse_object(text_field(json_object(request), "before"), "the document")
        _place(client, request).delete(before)
        return Response(status=204)

    return router


def _index_routes(client: DocumentClient) -> Router:
    router = Router()

    @router.get("/api/docdb/indexes")
    @documented(query=_PLACE, result=schemas.Indexes)
    def docdb_indexes(request: Request) -> dict[str, object]:
        """The indexes of a collection and how often they are used."""
        return {"indexes": _place(client, request).indexes()}

    @router.post("/api/docdb/indexes")
    @documented(query=_PLACE, body=schemas.NewIndex, result=None, status=204)
    def create_docdb_index(request: Request) -> Response:
        """Make an index."""
        body = json_object(request)
        key = parse_object(text_field(body, "key"), "the key")
        options = parse_object(str(body.get("options") or ""), "options")
        _place(client, request).create_index(key, options)
        return Response(status=204)

    @router.delete("/api/docdb/indexes")
    @documented(query={**_PLACE, "name": str}, result=None, status=204)
    def drop_docdb_index(request: Request) -> Response:
        """Drop an index: ?name=city_1"""
        _place(client, request).drop_index(_named(request, "name"))
        return Response(status=204)

    return router


def _query_routes(client: DocumentClient, figures: ServerFigures) -> Router:
    router = Router()

    @router.post("/api/docdb/query")
    @documented(body=schemas.Query, result=schemas.QueryResult)
    def docdb_query(request: Request) -> dict[str, object]:
        """Run a find or an aggregation; one that writes has to be confirmed."""
        body = json_object(request)
        return queries.run(client, text_field(body, "db"), body)

    @router.post("/api/docdb/explain")
    @documented(body=schemas.Query, result=schemas.Plan)
    def docdb_explain(request: Request) -> dict[str, object]:
        """How the server would run it, and what that costs."""
        body = json_object(request)
        return queries.explain(client, text_field(body, "db"), body)

    @router.get("/api/docdb/slow")
    @documented(result=schemas.SlowOperations)
    def docdb_slow(request: Request) -> dict[str, object]:
        """The operations that took long."""
        return figures.slow_operations()

    @router.get("/api/docdb/profile")
    @documented(query={"db": str}, result=schemas.Profile)
    def docdb_profile(request: Request) -> dict[str, object]:
        """From when on an operation of a database is slow, and what is noted of it."""
        return figures.profile(_named(request, "db"))

    @router.put("/api/docdb/profile")
    @documented(query={"db": str}, body=schemas.Profile, result=None, status=204)
    def set_docdb_profile(request: Request) -> Response:
        """Change that."""
        body = json_object(request)
        level, slow_ms = (_whole(body, name) for name in ("level", "slow_ms"))
        figures.set_profile(_named(request, "db"), level, slow_ms)
        return Response(status=204)

    return router


def _place(client: DocumentClient, request: Request) -> Place:
    return Place(client, _named(request, "db"), _named(request, "collection"))


def _named(request: Request, name: str) -> str:
    value = request.query.get(name)
    if not value:
        raise HTTPError(400, f"the query names no {name}: ?{name}=…")
    return value


def _whole(body: Mapping[str, object], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise HTTPError(400, f"{name} must be a whole number, not below 0")
    return value

"""The page of kvdb and its API; every request is a few commands over RESP.

    GET    /api/kvdb/keys?pattern=user:*&cursor=0    SCAN, then what is known of each key;
                                                     `also=NAME` lists that key if it exists,
                                                     wherever SCAN would come to it
    GET    /api/kvdb/key?key=user:1&start=200        one key: type, TTL, a page of its value
    PUT    /api/kvdb/key?key=user:1                  {"value": "…", "ttl_s": 60}: SET; with `type`
                                                     and `elements`, a new key of any type
    PATCH  /api/kvdb/key?key=user:1                  {"ttl_s": 60}: PEXPIRE; null: PERSIST
                                                     {"name": "…"}: RENAMENX
    POST   /api/kvdb/key?key=user:1                  {"action": …}: change a part of it (`editing`)
    DELETE /api/kvdb/key?key=user:1                  DEL
    POST   /api/kvdb/console                         {"line": "GET a", "db": 0}
    GET    /api/kvdb/slowlog, /api/kvdb/clients      DELETE resets the one, closes one of the other

A key is bytes. It stands in the query, because percent-encoding carries any byte (`%FF`), and each
key that is listed comes with the `href` that names it. `db=3` in a query is another database.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl

from services.web.dashboard.fields import json_object, seconds_field, text_field, utf8
from services.web.dashboard.kvdb import console, editing, schemas
from services.web.dashboard.kvdb.keyspace import DATABASES, Databases, Keyspace
from services.web.dashboard.kvdb.server import ServerFigures
from services.web.dashboard.live import Poll
from services.web.dashboard.shell import Dashboard
from services.web.errors import HTTPError
from services.web.openapi import documented
from services.web.requests import Request
from services.web.responses import Response
from services.web.routing import Router

MAX_KEYS = 500
MAX_TTL_S = 10 * 365 * 86400
_STATISTICS_INTERVAL_S = 2.0
_STATISTICS_IDLE_INTERVAL_S = 6.0

# The parameters of the query, as the OpenAPI document tells of them.
_KEY: Mapping[str, type] = MappingProxyType({"key": str, "db": int})
_KEYS: Mapping[str, type] = MappingProxyType(
    {"pattern": str, "cursor": str, "limit": int, "also": str, "db": int}
)


def install(dashboard: Dashboard) -> None:
    """Add the page, the API, the `kvdb` topic and the probe of kvdb."""
    url = dashboard.settings.kvdb_url
    databases = Databases(url)
    figures = ServerFigures(databases.default.kv)
    dashboard.on_stop(databases.close)
    dashboard.add_probe("kvdb", "kvdb", url.address, lambda: [figures.vital_signs(url.address)])
    dashboard.add_poll(
        Poll(
            "kvdb",
            figures.statistics,
            dashboard.log,
            interval_s=_STATISTICS_INTERVAL_S,
            # Who opens the page finds the last minutes on its charts.
            idle_interval_s=_STATISTICS_IDLE_INTERVAL_S,
        )
    )
    dashboard.add_routes(_key_routes(databases))
    dashboard.add_routes(_server_routes(databases, figures))


def _key_routes(databases: Databases) -> Router:
    router = Router()

    @router.get("/api/kvdb/keys")
    @documented(query=_KEYS, result=schemas.KeyPage)
    def kvdb_keys(request: Request) -> dict[str, object]:
        """Keys that match a glob pattern, some at a time."""
        cursor = request.query.get("cursor", "0")
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 20):
            raise HTTPError(400, "cursor must be the cursor of an earlier answer")
        limit = request.query.get_int("limit", MAX_KEYS, minimum=1, maximum=MAX_KEYS)
        pattern, also = request.query.get("pattern") or "*", request.query.get("also")
        return _keyspace(databases, request).list(pattern, int(cursor), limit, also)

    @router.get("/api/kvdb/key")
    @documented(query={**_KEY, "start": str}, result=schemas.Key)
    def kvdb_key(request: Request) -> dict[str, object]:
        """One key with its value, or the next page of it."""
        return _keyspace(databases, request).read(_key(request), _parameter(request, "start"))

    @router.put("/api/kvdb/key")
    @documented(query=_KEY, body=schemas.NewKey, result=schemas.NamedKey)
    def set_kvdb_key(request: Request) -> dict[str, object]:
        """Set a string, or make a key of another type, with a time to live or none."""
        body = json_object(request)
        key, keyspace = _key(request), _keyspace(databases, request)
        ttl_s = seconds_field(body, "ttl_s", maximum_s=MAX_TTL_S)
        if body.get("type", "string") == "string":
            keyspace.set(key, text_field(body, "value"), ttl_s)
        else:
            editing.create(keyspace, key, body, ttl_s)
        return keyspace.named(key)

    @router.patch("/api/kvdb/key")
    @documented(query=_KEY, body=schemas.KeyChange, result=schemas.NamedKey)
    def patch_kvdb_key(request: Request) -> dict[str, object]:
        """Change a key's time to live, null lets it live for ever; or its name."""
        body = json_object(request)
        key, keyspace = _key(request), _keyspace(databases, request)
        if "name" in body:
            new = utf8(text_field(body, "name"))
            keyspace.rename(key, new)
            return keyspace.named(new)
        if "ttl_s" not in body:
            raise HTTPError(400, "ttl_s or name is missing")
        keyspace.expire(key, seconds_field(body, "ttl_s", maximum_s=MAX_TTL_S))
        return keyspace.named(key)

    @router.post("/api/kvdb/key")
    @documented(query=_KEY, body=schemas.ValueChange, result=schemas.NamedKey)
    def change_kvdb_key(request: Request) -> dict[str, object]:
        """Change a part of the value of a key that is there."""
        key, keyspace = _key(request), _keyspace(databases, request)
        editing.change(keyspace, key, json_object(request))
        return keyspace.named(key)

    @router.delete("/api/kvdb/key")
    @documented(query=_KEY, result=None, status=204)
    def delete_kvdb_key(request: Request) -> Response:
        """Delete a key; it is no error where there is none."""
        _keyspace(databases, request).delete(_key(request))
        return Response(status=204)

    return router


def _server_routes(databases: Databases, figures: ServerFigures) -> Router:
    router = Router()

    @router.post("/api/kvdb/console")
    @documented(body=schemas.ConsoleLine, result=console.Outcome)
    def kvdb_console(request: Request) -> dict[str, object]:
        """Run one command line: its reply, a refusal, or the question whether it is meant."""
        body = json_object(request)
        line, db = text_field(body, "line"), body.get("db", databases.url.db)
        if isinstance(db, bool) or not isinstance(db, int) or not 0 <= db < DATABASES:
            raise HTTPError(400, f"db must be from 0 to {DATABASES - 1}")
        is_confirmed = body.get("is_confirmed") is True
        return console.run(databases.url, line, db, is_confirmed=is_confirmed).as_json()

    @router.get("/api/kvdb/slowlog")
    @documented(result=schemas.SlowLog)
    def kvdb_slow_log(request: Request) -> dict[str, object]:
        """The commands that took long."""
        return figures.slow_log()

    @router.delete("/api/kvdb/slowlog")
    @documented(result=None, status=204)
    def reset_kvdb_slow_log(request: Request) -> Response:
        """Forget them."""
        figures.reset_slow_log()
        return Response(status=204)

    @router.get("/api/kvdb/clients")
    @documented(result=schemas.Clients)
    def kvdb_clients(request: Request) -> dict[str, object]:
        """Who is connected."""
        return figures.clients()

    @router.delete("/api/kvdb/clients")
    @documented(query={"id": int}, result=None, status=204)
    def kill_kvdb_client(request: Request) -> Response:
        """Close a connection: ?id=7"""
        figures.kill_client(request.query.get_int("id", 0, minimum=1, maximum=2**62))
        return Response(status=204)

    return router


def _keyspace(databases: Databases, request: Request) -> Keyspace:
    """That of the database that the query names."""
    text = _parameter(request, "db")
    if text is None:
        return databases.default
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) < DATABASES):
        raise HTTPError(400, f"db must be from 0 to {DATABASES - 1}")
    return databases[int(text)]


def _key(request: Request) -> bytes:
    """The key that the query names, as the bytes that it is."""
    key = _parameter(request, "key")
    if key is None:
        raise HTTPError(400, "the query names no key: ?key=…")
    return key.encode("latin-1")


def _parameter(request: Request, name: str) -> str | None:
    """A parameter of the query, each byte of it as one character: a key need not be text."""
    pairs = parse_qsl(request.query_string, keep_blank_values=True, encoding="latin-1")
    return next((value for one, value in pairs if one == name), None)

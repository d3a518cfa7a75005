"""The page of kvdb and its API; every request is a few commands over RESP.

    GET    /api/kvdb/keys?pattern=user:*&cursor=0    SCAN, then TYPE and PTTL of each key;
                                                     `also=NAME` lists that key if it exists,
                                                     wherever SCAN would come to it
    GET    /api/kvdb/key?key=user:1                  one key: its type, time to live, value
    PUT    /api/kvdb/key?key=user:1                  {"value": "…", "ttl_s": 60}: SET
    PATCH  /api/kvdb/key?key=user:1                  {"ttl_s": 60}: PEXPIRE; null: PERSIST
    DELETE /api/kvdb/key?key=user:1                  DEL

A key is bytes. It stands in the query, because percent-encoding carries any byte (`%FF`), and each
key that is listed comes with the `href` that names it.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote

from services.common.resp import ReplyError
from services.kvdb.client import KVClient
from services.web.dashboard.fields import json_object, seconds_field, text_field, utf8
from services.web.dashboard.kvdb.values import name_of, read_value
from services.web.dashboard.live import Poll
from services.web.dashboard.shell import Dashboard
from services.web.dashboard.vital_signs import VitalSigns, from_info, parse_info, whole_number
from services.web.errors import HTTPError
from services.web.requests import Request
from services.web.responses import Response
from services.web.routing import Router

MAX_KEYS = 500
MAX_TTL_S = 10 * 365 * 86400
# A pattern that matches little may need the whole key space: so many SCANs make one answer.
_MAX_SCANS = 20
_SCAN_COUNT = 500
_TIMEOUT_S = 2.0
_STATISTICS_INTERVAL_S = 2.0


def install(dashboard: Dashboard) -> None:
    """Add the page, the API, the `kvdb` topic and the probe of kvdb."""
    url = dashboard.settings.kvdb_url
    keyspace = Keyspace(KVClient(url, timeout_s=_TIMEOUT_S))
    dashboard.on_stop(keyspace.close)
    dashboard.add_probe("kvdb", "kvdb", url.address, lambda: [keyspace.vital_signs(url.address)])
    dashboard.add_poll(
        Poll("kvdb", keyspace.statistics, dashboard.log, interval_s=_STATISTICS_INTERVAL_S)
    )
    dashboard.add_routes(_routes(keyspace))


def _routes(keyspace: Keyspace) -> Router:
    router = Router()

    @router.get("/api/kvdb/keys")
    def kvdb_keys(request: Request) -> dict[str, object]:
        """Keys that match a glob pattern, some at a time."""
        cursor = request.query.get("cursor", "0")
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 20):
            raise HTTPError(400, "cursor must be the cursor of an earlier answer")
        limit = request.query.get_int("limit", MAX_KEYS, minimum=1, maximum=MAX_KEYS)
        pattern, also = request.query.get("pattern") or "*", request.query.get("also")
        return keyspace.list(pattern, int(cursor), limit, also)

    @router.get("/api/kvdb/key")
    def kvdb_key(request: Request) -> dict[str, object]:
        """One key with its value."""
        return keyspace.read(_key(request))

    @router.put("/api/kvdb/key")
    def set_kvdb_key(request: Request) -> dict[str, object]:
        """Set a string, with the time to live that is given or none."""
        body = json_object(request)
        value = text_field(body, "value")
        ttl_s = seconds_field(body, "ttl_s", maximum_s=MAX_TTL_S)
        key = _key(request)
        keyspace.set(key, value, ttl_s)
        return _named(key)

    @router.patch("/api/kvdb/key")
    def expire_kvdb_key(request: Request) -> dict[str, object]:
        """Change a key's time to live; null lets it live for ever."""
        body = json_object(request)
        if "ttl_s" not in body:
            raise HTTPError(400, "ttl_s is missing")
        key = _key(request)
        keyspace.expire(key, seconds_field(body, "ttl_s", maximum_s=MAX_TTL_S))
        return _named(key)

    @router.delete("/api/kvdb/key")
    def delete_kvdb_key(request: Request) -> Response:
        """Delete a key; it is no error where there is none."""
        keyspace.delete(_key(request))
        return Response(status=204)

    return router


class Keyspace:
    """The commands behind the routes; each method may be called by any thread."""

    def __init__(self, kv: KVClient) -> None:
        self._kv = kv

    def close(self) -> None:
        self._kv.close()

    def list(
        self, pattern: str, cursor: int, limit: int, also: str | None = None
    ) -> dict[str, object]:
        """At most about `limit` keys from `cursor` on, and the cursor to go on from, or None."""
        found: dict[bytes, None] = {utf8(also): None} if also else {}
        for _ in range(_MAX_SCANS):
            next_cursor, keys = self._kv.execute(
                "SCAN", cursor, "MATCH", utf8(pattern), "COUNT", min(_SCAN_COUNT, limit)
            )
            found.update(dict.fromkeys(keys))
            cursor = int(next_cursor)
            if not cursor or len(found) >= limit:
                break
        kinds = self._kv.pipeline(*(("TYPE", key) for key in found)) if found else []
        ttls = self._kv.pipeline(*(("PTTL", key) for key in found)) if found else []
        return {
            "keys": [
                {**_named(key), "type": str(kind), "ttl_ms": _ttl(ttl)}
                for key, kind, ttl in zip(found, kinds, ttls, strict=True)
                if kind != "none"  # It has expired meanwhile, or `also` never was.
            ],
            "cursor": str(cursor) if cursor else None,
        }

    def read(self, key: bytes) -> dict[str, object]:
        kind = str(self._kv.execute("TYPE", key))
        if kind == "none":
            raise HTTPError(404, f"there is no key {name_of(key)[:200]!r}")
        ttl_ms = _ttl(self._kv.execute("PTTL", key))
        return {**_named(key), "type": kind, "ttl_ms": ttl_ms, **read_value(self._kv, key, kind)}

    def set(self, key: bytes, value: str, ttl_s: float | None) -> None:
        expiry = () if ttl_s is None else ("PX", _milliseconds(ttl_s))
        self._kv.execute("SET", key, utf8(value), *expiry)

    def expire(self, key: bytes, ttl_s: float | None) -> None:
        command = ("PERSIST", key) if ttl_s is None else ("PEXPIRE", key, _milliseconds(ttl_s))
        changed = self._kv.execute(*command)
        # PERSIST answers 0 as well where the key had no time to live, which is what was wanted.
        if not changed and not self._kv.execute("EXISTS", key):
            raise HTTPError(404, f"there is no key {name_of(key)[:200]!r}")

    def delete(self, key: bytes) -> None:
        self._kv.execute("DEL", key)

    def vital_signs(self, address: str) -> VitalSigns:
        return from_info("kvdb", self._info(), address=address)

    def statistics(self) -> dict[str, object]:
        """The figures above the list of keys, or the reason why there are none."""
        try:
            info = self._info()
            keys = self._kv.execute("DBSIZE")
        except (ConnectionError, ReplyError) as error:
            return {"error": str(error)}
        return {
            "keys": keys,
            "memory_bytes": whole_number(info.get("used_memory")),
            "max_memory_bytes": whole_number(info.get("maxmemory")),
            "clients": whole_number(info.get("connected_clients")),
            "hits": whole_number(info.get("keyspace_hits")),
            "misses": whole_number(info.get("keyspace_misses")),
            "expired": whole_number(info.get("expired_keys")),
            "evicted": whole_number(info.get("evicted_keys")),
        }

    def _info(self) -> dict[str, str]:
        return parse_info(self._kv.execute("INFO"))


def _key(request: Request) -> bytes:
    """The key that the query names, as the bytes that it is."""
    for name, value in parse_qsl(request.query_string, keep_blank_values=True, encoding="latin-1"):
        if name == "key":
            return value.encode("latin-1")
    raise HTTPError(400, "the query names no key: ?key=…")


def _named(key: bytes) -> dict[str, object]:
    """How the page shows a key and asks for it; `is_exact` where what it shows is the key."""
    name = name_of(key)
    return {
        "key": name,
        "href": f"/api/kvdb/key?key={quote(key, safe='')}",
        "is_exact": name.encode() == key,
    }


def _ttl(reply: object) -> int | None:
    """PTTL answers -1 for a key without a time to live, -2 for none."""
    return reply if isinstance(reply, int) and reply >= 0 else None


def _milliseconds(ttl_s: float) -> int:
    return max(1, round(ttl_s * 1000))

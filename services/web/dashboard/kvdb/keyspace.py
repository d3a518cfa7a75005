"""The keys of one database, as the routes ask for them: each method is a few commands over RESP.

`Databases` has one `Keyspace` for each database that a page has looked at; the connections of a
client choose their database when they are made, so each keyspace has a client of its own.
"""

from __future__ import annotations

import dataclasses
import threading
from urllib.parse import quote

from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.kvdb.client import KVClient
from services.web.dashboard.fields import utf8
from services.web.dashboard.kvdb.values import name_of, read_value
from services.web.errors import HTTPError

DATABASES = 16
TIMEOUT_S = 2.0
SCAN_COUNT = 500
MAX_SCANS = 20
"""A pattern that matches little may need the whole key space: so many SCANs make one answer."""


class Databases:
    """The keyspaces of one server, by number."""

    def __init__(self, url: RedisURL) -> None:
        self.url = url
        self._keyspaces: dict[int, Keyspace] = {}
        self._lock = threading.Lock()

    def __getitem__(self, number: int) -> Keyspace:
        with self._lock:
            if number not in self._keyspaces:
                url = dataclasses.replace(self.url, db=number)
                kv = KVClient(url, timeout_s=TIMEOUT_S)
                self._keyspaces[number] = Keyspace(kv, "" if number == self.url.db else number)
            return self._keyspaces[number]

    @property
    def default(self) -> Keyspace:
        """The one that the address names."""
        return self[self.url.db]

    def close(self) -> None:
        with self._lock:
            for keyspace in self._keyspaces.values():
                keyspace.close()


class Keyspace:
    """The commands behind the routes; each method may be called by any thread."""

    def __init__(self, kv: KVClient, suffix: int | str) -> None:
        self.kv = kv
        self._suffix = "" if suffix == "" else f"&db={suffix}"

    def close(self) -> None:
        self.kv.close()

    def list(
        self, pattern: str, cursor: int, limit: int, also: str | None = None
    ) -> dict[str, object]:
        """At most about `limit` keys from `cursor` on, and the cursor to go on from, or None."""
        found: dict[bytes, None] = {utf8(also): None} if also else {}
        for _ in range(MAX_SCANS):
            next_cursor, keys = self.kv.execute(
                "SCAN", cursor, "MATCH", utf8(pattern), "COUNT", min(SCAN_COUNT, limit)
            )
            found.update(dict.fromkeys(keys))
            cursor = int(next_cursor)
            if not cursor or len(found) >= limit:
                break
        kinds, ttls, sizes = (
            self.kv.pipeline(*((*command, key) for key in found)) if found else []
            for command in (("TYPE",), ("PTTL",), ("MEMORY", "USAGE"))
        )
        return {
            "keys": [
                {
                    **self.named(key),
                    "type": str(kind),
                    "ttl_ms": _ttl(ttl),
                    "memory_bytes": size if isinstance(size, int) else None,
                }
                for key, kind, ttl, size in zip(found, kinds, ttls, sizes, strict=True)
                if kind != "none"  # It has expired meanwhile, or `also` never was.
            ],
            "cursor": str(cursor) if cursor else None,
        }

    def read(self, key: bytes, start: str | None = None) -> dict[str, object]:
        """One key: what is known of it, and its value or a page of it."""
        kind = str(self.kv.execute("TYPE", key))
        if kind == "none":
            raise missing(key)
        ttl, size, encoding = self.kv.pipeline(
            ("PTTL", key), ("MEMORY", "USAGE", key), ("OBJECT", "ENCODING", key)
        )
        return {
            **self.named(key),
            "type": kind,
            "ttl_ms": _ttl(ttl),
            "memory_bytes": size if isinstance(size, int) else None,
            "encoding": encoding.decode() if isinstance(encoding, bytes) else None,
            **read_value(self.kv, key, kind, start),
        }

    def set(self, key: bytes, value: str, ttl_s: float | None) -> None:
        expiry = () if ttl_s is None else ("PX", milliseconds(ttl_s))
        self.kv.execute("SET", key, utf8(value), *expiry)

    def expire(self, key: bytes, ttl_s: float | None) -> None:
        command = ("PERSIST", key) if ttl_s is None else ("PEXPIRE", key, milliseconds(ttl_s))
        changed = self.kv.execute(*command)
        # PERSIST answers 0 as well where the key had no time to live, which is what was wanted.
        if not changed and not self.kv.execute("EXISTS", key):
            raise missing(key)

    def rename(self, key: bytes, new: bytes) -> None:
        """Give a key another name, if no key has it."""
        try:
            is_done = new == key or self.kv.execute("RENAMENX", key, new)
        except ReplyError as error:
            if "no such key" in str(error):
                raise missing(key) from None
            raise
        if not is_done:
            raise taken(new)

    def delete(self, key: bytes) -> None:
        self.kv.execute("DEL", key)

    def named(self, key: bytes) -> dict[str, object]:
        """How the page shows a key and asks for it; `is_exact` where what it shows is the key."""
        name = name_of(key)
        return {
            "key": name,
            "href": f"/api/kvdb/key?key={quote(key, safe='')}{self._suffix}",
            "is_exact": name.encode() == key,
        }


def missing(key: bytes) -> HTTPError:
    return HTTPError(404, f"there is no key {name_of(key)[:200]!r}")


def taken(key: bytes) -> HTTPError:
    return HTTPError(409, f"there is a key {name_of(key)[:200]!r} already")


def milliseconds(ttl_s: float) -> int:
    return max(1, round(ttl_s * 1000))


def _ttl(reply: object) -> int | None:
    """PTTL answers -1 for a key without a time to live, -2 for none."""
    return reply if isinstance(reply, int) and reply >= 0 else None

"""The server as a whole: figures over time, the slow log, and who is connected."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable

from services.common.resp import ReplyError
from services.kvdb.client import KVClient
from services.web.dashboard.kvdb.values import name_of
from services.web.dashboard.vital_signs import VitalSigns, from_info, parse_info, whole_number
from services.web.errors import HTTPError

HISTORY_S = 180.0
HISTORY_POINTS = 120
MIN_INTERVAL_S = 0.5
SLOW_ENTRIES = 128
MAX_SHOWN_WORDS = 32
MAX_WORD_BYTES = 200
MAX_CLIENTS = 500

_COUNTERS = {
    "commands": "total_commands_processed",
    "hits": "keyspace_hits",
    "misses": "keyspace_misses",
    "expired": "expired_keys",
    "evicted": "evicted_keys",
}

Point = list[float | None]


class ServerFigures:
    """Questions about the server; each method may be called by any thread."""

    def __init__(self, kv: KVClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._kv = kv
        self._history = History(clock)

    def vital_signs(self, address: str) -> VitalSigns:
        return from_info("kvdb", self._info(), address=address)

    def statistics(self) -> dict[str, object]:
        """The figures above the page and their course, or the reason why there are none."""
        try:
            info = self._info()
            keys = self._kv.execute("DBSIZE")
        except (ConnectionError, ReplyError) as error:
            self._history.note_absence()
            return {"error": str(error)}
        totals = {name: whole_number(info.get(field)) for name, field in _COUNTERS.items()}
        memory_bytes = whole_number(info.get("used_memory"))
        self._history.note(totals, memory_bytes)
        return {
            "keys": keys,
            "keys_by_db": _keys_by_database(info),
            "memory_bytes": memory_bytes,
            "resident_bytes": whole_number(info.get("used_memory_rss")),
            "max_memory_bytes": whole_number(info.get("maxmemory")),
            "clients": whole_number(info.get("connected_clients")),
            **{name: totals[name] for name in ("hits", "misses", "expired", "evicted")},
            "history_s": HISTORY_S,
            "history": self._history.as_json(),
        }

    def slow_log(self) -> dict[str, object]:
        """The commands that took long, the latest first; from when on a command is slow."""
        setting = self._kv.execute("CONFIG", "GET", "slowlog-log-slower-than")
        entries = self._kv.execute("SLOWLOG", "GET", SLOW_ENTRIES)
        return {
            "slower_than_us": whole_number(setting[1].decode()) if len(setting) == 2 else None,
            "entries": [_slow_entry(entry) for entry in entries],
        }

    def reset_slow_log(self) -> None:
        self._kv.execute("SLOWLOG", "RESET")

    def clients(self) -> dict[str, object]:
        lines = self._kv.execute("CLIENT", "LIST").decode("utf-8", "replace").splitlines()
        return {
            "count": len(lines),
            "clients": [_client(line) for line in lines[:MAX_CLIENTS]],
        }

    def kill_client(self, client_id: int) -> None:
        if not self._kv.execute("CLIENT", "KILL", "ID", client_id):
            raise HTTPError(404, f"there is no client {client_id}, or it is the dashboard itself")

    def _info(self) -> dict[str, str]:
        return parse_info(self._kv.execute("INFO"))


class History:
    """How the figures have moved: the growth of counters, each second, between two looks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[float, dict[str, int | None]] | None = None
        self._points: collections.deque[tuple[float, Point]] = collections.deque(
            maxlen=HISTORY_POINTS
        )

    def note(self, totals: dict[str, int | None], memory_bytes: int | None) -> None:
        """The counters as they stand now."""
        now_s = self._clock()
        with self._lock:
            last = self._last
            if last is not None and now_s - last[0] < MIN_INTERVAL_S:
                return
            self._last = (now_s, totals)
            if last is not None:
                self._points.append((now_s, _rates(last, now_s, totals, memory_bytes)))

    def note_absence(self) -> None:
        """No figures: what comes next is not compared with what was before."""
        with self._lock:
            self._last = None

    def as_json(self) -> list[list[object]]:
        """[seconds ago, commands a second, hit rate, memory, expired and evicted a second]."""
        with self._lock:
            now_s = self._clock()
            return [
                [round(now_s - at_s, 1), *point]
                for at_s, point in self._points
                if now_s - at_s <= HISTORY_S
            ]


def _rates(
    last: tuple[float, dict[str, int | None]],
    now_s: float,
    totals: dict[str, int | None],
    memory_bytes: int | None,
) -> Point:
    elapsed_s = now_s - last[0]
    grown = {
        # A counter that is smaller than before belongs to a server that was started again.
        name: max(0, total - (last[1][name] or 0)) if total is not None else None
        for name, total in totals.items()
    }
    lookups = (grown["hits"] or 0) + (grown["misses"] or 0)

    def per_second(name: str) -> float | None:
        return None if grown[name] is None else round(grown[name] / elapsed_s, 2)

    return [
        per_second("commands"),
        round((grown["hits"] or 0) / lookups, 4) if lookups else None,
        memory_bytes,
        per_second("expired"),
        per_second("evicted"),
    ]


def _keys_by_database(info: dict[str, str]) -> dict[str, int]:
    """`db0:keys=5,expires=0,…`: the databases that hold something."""
    found = {}
    for name, value in info.items():
        if name.startswith("db") and name[2:].isdigit() and value.startswith("keys="):
            found[name[2:]] = int(value[len("keys=") :].partition(",")[0])
    return found


def _slow_entry(entry: list[object]) -> dict[str, object]:
    """[id, Unix time, microseconds, words, address, name]"""
    number, at_s, duration_us, words, *client = entry
    address, name = ([*client, b"", b""])[:2]
    shown = [name_of(word[:MAX_WORD_BYTES]) for word in words[:MAX_SHOWN_WORDS]]
    return {
        "id": number,
        "at_ms": at_s * 1000,
        "duration_us": duration_us,
        "words": shown,
        "client": name_of(name) or name_of(address),
    }


def _client(line: str) -> dict[str, object]:
    fields = dict(part.partition("=")[::2] for part in line.split(" "))
    return {
        "id": whole_number(fields.get("id")),
        "address": fields.get("addr", ""),
        "name": fields.get("name", ""),
        "library": " ".join(filter(None, (fields.get("lib-name"), fields.get("lib-ver")))),
        "user": fields.get("user", ""),
        "db": whole_number(fields.get("db")),
        "age_s": whole_number(fields.get("age")),
        "idle_s": whole_number(fields.get("idle")),
        "flags": fields.get("flags", ""),
        "command": fields.get("cmd", ""),
        "memory_bytes": whole_number(fields.get("tot-mem")),
    }

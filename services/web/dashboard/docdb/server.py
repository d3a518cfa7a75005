"""The server as a whole: figures over time, storage by database, and what was slow."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

from services.docdb.client import CommandError, DocumentClient, to_json
from services.web.dashboard.history import HISTORY_S, History
from services.web.dashboard.vital_signs import State, VitalSigns, from_report

MAX_DATABASES = 100
MAX_SLOW = 200


class ServerFigures:
    """Questions about the server; each method may be called by any thread."""

    def __init__(
        self, client: DocumentClient, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._history = History(clock)

    def vital_signs(self, address: str) -> VitalSigns:
        status = self._client.run("admin", {"serverStatus": 1})
        if isinstance(status.get("glassbox"), Mapping):
            return from_report("docdb", status["glassbox"], address=address)
        return VitalSigns(
            "docdb",
            "docdb",
            State.OK,
            address=address,
            software="MongoDB",
            version=str(status.get("version", "")),
            uptime_s=float(status.get("uptime", 0)),
            memory_bytes=_resident_bytes(status),
            requests_total=sum(_operations(status).values()),
        )

    def statistics(self) -> dict[str, object]:
        """The figures above the page and their course, or the reason why there are none."""
        try:
            status = self._client.run("admin", {"serverStatus": 1})
            databases = self._databases()
        except (ConnectionError, CommandError) as error:
            self._history.note_absence()
            return {"error": str(error)}
        operations = _operations(status)
        data_bytes = sum(database["data_bytes"] for database in databases)
        self._history.note(sum(operations.values()), data_bytes)
        return {
            "version": str(status.get("version", "")),
            "operations": operations,
            "connections": _at(status, "connections", "current"),
            "cursors": _at(status, "metrics", "cursor", "open", "total"),
            "resident_bytes": _resident_bytes(status),
            "databases": databases,
            "history_s": HISTORY_S,
            "history": self._history.as_json(),
        }

    def _databases(self) -> list[dict[str, object]]:
        listed = self._client.run("admin", {"listDatabases": 1, "nameOnly": True})["databases"]
        return [self._database(str(entry["name"])) for entry in listed[:MAX_DATABASES]]

    def _database(self, name: str) -> dict[str, object]:
        stats = self._client.run(name, {"dbStats": 1})
        return {
            "name": name,
            "collections": int(stats.get("collections", 0)),
            "views": int(stats.get("views", 0)),
            "documents": int(stats.get("objects", 0)),
            "data_bytes": int(stats.get("dataSize", 0)),
            "index_bytes": int(stats.get("indexSize", 0)),
            "indexes": int(stats.get("indexes", 0)),
        }

    def slow_operations(self) -> dict[str, object]:
        """The latest first, as the server's log tells of them."""
        lines = self._client.run("admin", {"getLog": "global"}).get("log", [])
        found = [entry for line in lines if (entry := _slow_operation(str(line)))]
        return {"operations": found[-MAX_SLOW:][::-1]}

    def profile(self, database: str) -> dict[str, object]:
        reply = self._client.run(database, {"profile": -1})
        return {"level": int(reply["was"]), "slow_ms": int(reply["slowms"])}

    def set_profile(self, database: str, level: int, slow_ms: int) -> None:
        self._client.run(database, {"profile": level, "slowms": slow_ms})


def _operations(status: Mapping) -> dict[str, int]:
    counters = status.get("opcounters")
    counters = counters if isinstance(counters, Mapping) else {}
    return {str(kind): int(n) for kind, n in counters.items() if isinstance(n, int)}


def _resident_bytes(status: Mapping) -> int | None:
    megabytes = _at(status, "mem", "resident")
    return None if megabytes is None else megabytes * 1024 * 1024


def _at(status: Mapping, *names: str) -> int | None:
    value: object = status
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return int(value) if isinstance(value, int | float) else None


def _slow_operation(line: str) -> dict[str, object] | None:
    """A "Slow query" line of the log; None for any other."""
    try:
        entry = json.loads(line)
        facts = entry["attr"] if entry.get("msg") == "Slow query" else None
        if facts is None:
            return None
        return {
            "at": str(entry["t"]["$date"]),
            "kind": str(facts.get("type", "")),
            "namespace": str(facts.get("ns", "")),
            "millis": int(facts["durationMillis"]),
            "plan": str(facts.get("planSummary", "")),
            "keys": facts.get("keysExamined"),
            "documents": facts.get("docsExamined"),
            "returned": facts.get("nreturned"),
            "command": _shown_command(facts.get("command")),
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _shown_command(command: object) -> str:
    if isinstance(command, Mapping):
        command = {k: v for k, v in command.items() if not k.startswith("$") or k == "$truncated"}
    return json.dumps(to_json(command, relaxed=True))

"""The profiler: which operations were slow, and why.

    profile: 0      slow operations are remembered here, the last 200 of them (`getLog` shows them)
    profile: 1      … and are also written to the database's own `system.profile`
    profile: 2      all operations are written there

Of an operation it says how long it took, which plan it had, how many keys and documents it
looked at, and how many it gave: one that reads 100,000 documents to give one asks for an index.
# Real: the database profiler, and the "Slow query" lines of mongod's log.
"""

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.docdb.bson import extended_json
from services.docdb.bson.types import Date, Document
from services.docdb.command import Pending, Request
from services.docdb.commands.storing import insert_document
from services.docdb.errors import bad_value
from services.docdb.query.distinct_scan import DistinctScan
from services.docdb.query.near_plan import NearScan
from services.docdb.query.plans import Execution, IndexScan, OrPlan, Plan
from services.docdb.query.text_plan import TextScan

if TYPE_CHECKING:
    from services.docdb.engine import Engine

COLLECTION = "system.profile"
COLLECTION_BYTES = 1024 * 1024
KEPT = 200
MAX_SHOWN_CHARACTERS = 4000
_OPERATIONS = {"find": "query", "insert": "insert", "update": "update", "delete": "remove",
               "getMore": "getmore"}  # fmt: skip
_NOT_SHOWN = frozenset({"lsid", "$clusterTime", "documents", "$readPreference"})
_WAITING = frozenset({"hello", "isMaster", "ismaster"})
"""These take their time because they wait for something to happen."""


@dataclass(slots=True)
class Profile:
    """What is noted of one database."""

    level: int = 0
    slow_ms: int = 100


class Profiler:
    def __init__(self) -> None:
        self.profiles: dict[str, Profile] = {}
        self.slow: deque[Document] = deque(maxlen=KEPT)
        self._default = Profile()

    def of(self, database: str) -> Profile:
        return self.profiles.get(database, self._default)

    def note(
        self, engine: "Engine", request: Request, reply: Document | Pending, seconds: float
    ) -> None:
        """An operation has ended."""
        millis = int(seconds * 1000)
        profile = self.of(request.database)
        is_slow = millis >= profile.slow_ms
        if not is_slow and profile.level < 2:
            return
        target = request.target
        if type(reply) is Pending or target == COLLECTION or request.name in _WAITING:
            return
        entry = _entry(engine, request, reply, millis)
        if is_slow:
            self.slow.append(entry)
        if profile.level and engine.snapshot is None and request.name != "profile":
            collection = engine.catalog.find(request.database, COLLECTION)
            if collection is None:
                options = {"capped": True, "size": COLLECTION_BYTES}
                collection = engine.catalog.create(request.database, COLLECTION, options)
            insert_document(engine, collection, entry)


def _entry(engine: "Engine", request: Request, reply: Document, millis: int) -> Document:
    name = request.name
    target = request.body.get("collection") if name == "getMore" else request.target
    entry: Document = {
        "op": _OPERATIONS.get(name, "command"),
        "ns": f"{request.database}.{target if type(target) is str else '$cmd'}",
        "command": _shown(request.body),
    }
    for execution in request.executions[:1]:
        entry |= {
            "keysExamined": execution.counters.keys,
            "docsExamined": execution.counters.documents,
            "planSummary": plan_summary(execution),
        }
    batch = reply.get("cursor")
    if type(batch) is dict:
        entry["nreturned"] = len(batch.get("firstBatch", batch.get("nextBatch", ())))
    elif "n" in reply:
        entry["nreturned"] = reply["n"]
    return entry | {
        "millis": millis,
        "ts": Date(engine.now_ms),
        "client": request.client.address,
        "ok": reply.get("ok", 1.0),
    }


def plan_summary(execution: Execution) -> str:
    """The stages that read, by MongoDB's names: `IXSCAN {"city": 1}`."""
    return _summary(execution.plan)


def _summary(plan: Plan) -> str:
    match plan:
        case IndexScan(is_by_id=True):
            return "IDHACK"
        case OrPlan():
            return ", ".join(dict.fromkeys(map(_summary, plan.plans)))
        case IndexScan() | TextScan():
            name = "IXSCAN"
        case DistinctScan():
            name = "DISTINCT_SCAN"
        case NearScan():
            name = plan.stage
        case _:
            return plan.name()
    return f"{name} {json.dumps(dict(plan.index.pattern))}"


def _shown(body: Document) -> Document:
    shown = {name: value for name, value in body.items() if name not in _NOT_SHOWN}
    text = extended_json.dump(shown, relaxed=True)
    if len(text) > MAX_SHOWN_CHARACTERS:
        return {"$truncated": text[:MAX_SHOWN_CHARACTERS]}
    return shown


def profile(engine: "Engine", request: Request) -> Document:
    """The command: what it was before, and what it shall be."""
    level, now = request.target, engine.profiler.of(request.database)
    if isinstance(level, bool) or not isinstance(level, int | float) or level not in (-1, 0, 1, 2):
        raise bad_value("profile takes a level from 0 to 2, or -1 to ask for it")
    slow_ms = request.get("slowms", now.slow_ms)
    if isinstance(slow_ms, bool) or not isinstance(slow_ms, int | float) or slow_ms != slow_ms:
        raise bad_value("slowms has to be a number")
    if level >= 0:
        slow_ms = max(-1, min(int(slow_ms), 1 << 31))
        engine.profiler.profiles[request.database] = Profile(int(level), slow_ms)
    return {"was": now.level, "slowms": now.slow_ms, "sampleRate": 1.0}


def slow_lines(engine: "Engine") -> list[str]:
    """The slow operations in the manner of a log, for `getLog`."""
    return [
        extended_json.dump(
            {
                "t": entry["ts"],
                "s": "I",
                "c": "COMMAND",
                "msg": "Slow query",
                "attr": {
                    "type": entry["op"],
                    "durationMillis": entry["millis"],
                    **{k: v for k, v in entry.items() if k not in ("op", "millis", "ts", "ok")},
                },
            },
            relaxed=True,
        )
        for entry in engine.profiler.slow
    ]

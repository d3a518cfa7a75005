"""The console: a find or an aggregation, run or explained.

What a person may write with a pipeline ($out, $merge) is run only when it is meant; reading is
bounded in time and in what is shown.
"""

from __future__ import annotations

import time

from services.docdb.client import DocumentClient, to_json
from services.web.dashboard.docdb.documents import MAX_TIME_MS, Json, parse_object, parse_value
from services.web.dashboard.docdb.plans import drawn
from services.web.dashboard.fields import Body, text_field
from services.web.errors import HTTPError

MAX_SHOWN = 100
_WRITING = ("$out", "$merge")


def command_of(body: Body) -> dict:
    """The command that a form of the console describes. Raises HTTPError."""
    collection, kind = text_field(body, "collection"), text_field(body, "kind")
    if kind == "aggregate":
        pipeline = parse_value(text_field(body, "pipeline").strip() or "[]", "the pipeline")
        if type(pipeline) is not list:
            raise HTTPError(400, "the pipeline must be a JSON array of stages")
        return {"aggregate": collection, "pipeline": pipeline, "cursor": {"batchSize": MAX_SHOWN},
                "maxTimeMS": MAX_TIME_MS}  # fmt: skip
    if kind != "find":
        raise HTTPError(400, "kind must be find or aggregate")
    command: dict = {"find": collection, "limit": _limit(body), "batchSize": MAX_SHOWN,
                     "maxTimeMS": MAX_TIME_MS}  # fmt: skip
    for name in ("filter", "projection", "sort"):
        command[name] = parse_object(str(body.get(name) or ""), name)
    return command


def _limit(body: Body) -> int:
    limit = body.get("limit", 20)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_SHOWN:
        raise HTTPError(400, f"limit must be from 1 to {MAX_SHOWN}")
    return limit


def writes_into(command: dict) -> str:
    """What the pipeline of a command would change, as a sentence; empty: nothing."""
    pipeline = command.get("pipeline") or [{}]
    last = pipeline[-1] if type(pipeline[-1]) is dict else {}
    for name in _WRITING:
        if name in last:
            verb = "replaces a collection" if name == "$out" else "writes into a collection"
            return f"{name} {verb}."
    return ""


def run(client: DocumentClient, database: str, body: Body) -> Json:
    """Documents, or the question whether it is meant. Raises HTTPError or CommandError."""
    command = command_of(body)
    effect = writes_into(command)
    if effect and body.get("is_confirmed") is not True:
        return {"asks": effect}
    started_s = time.perf_counter()
    cursor = client.run(database, command)["cursor"]
    elapsed_ms = (time.perf_counter() - started_s) * 1000
    if cursor["id"]:
        name = cursor["ns"].partition(".")[2]
        client.run(database, {"killCursors": name, "cursors": [cursor["id"]]})
    return {
        "documents": [to_json(document) for document in cursor["firstBatch"]],
        "has_more": bool(cursor["id"]),
        "elapsed_ms": elapsed_ms,
    }


def explain(client: DocumentClient, database: str, body: Body) -> Json:
    """The plan, drawn. Raises HTTPError or CommandError."""
    command = {k: v for k, v in command_of(body).items() if k not in ("maxTimeMS", "batchSize")}
    if writes_into(command):
        command["pipeline"] = command["pipeline"][:-1]
    return drawn(client.run(database, {"explain": command, "verbosity": "executionStats"}))

"""aggregate: a pipeline, or a change stream, and the cursor that gives what comes of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.docdb.bson.types import Document
from services.docdb.command import Request
from services.docdb.errors import MongoError, failed_to_parse
from services.docdb.storage.cursors import Cursor, first_batch_reply

if TYPE_CHECKING:
    from services.docdb.engine import Engine


def opened_cursor(
    engine: "Engine", request: Request, namespace: str, documents: Iterator[object]
) -> Cursor:
    """A cursor that belongs to the request's session, and ends with what it reads."""
    cursor = engine.cursors.make(namespace, documents)
    session = request.get("lsid")
    cursor.session = session["id"].data if session else b""
    cursor.snapshot = engine.snapshot
    return cursor


def aggregate(engine: "Engine", request: Request) -> Document:
    """Real: PipelineCommand."""
    from services.docdb.pipeline.running import run_aggregate
    from services.docdb.replication.change_stream import is_change_stream

    pipeline = request.array("pipeline")
    cursor_options = request.get("cursor")
    if cursor_options is None and not request.flag("explain"):
        raise failed_to_parse("The 'cursor' option is required, except for aggregate with the "
                              "explain argument")  # fmt: skip
    if request.get("explain"):
        from services.docdb.commands.explaining import explain_aggregate

        return explain_aggregate(engine, request, "queryPlanner")
    if type(cursor_options) is not dict:
        raise MongoError(14, "BSON field 'cursor' is the wrong type, expected type 'object'")
    batch_size = request.batch_size()
    _check_linearizable(request, pipeline)
    if is_change_stream(pipeline):
        return _watch(engine, request, pipeline, batch_size)
    documents, namespace = run_aggregate(engine, request, pipeline)
    cursor = opened_cursor(engine, request, namespace, documents)
    return first_batch_reply(engine.cursors, cursor, batch_size)


def _check_linearizable(request: Request, pipeline: list) -> None:
    level = (request.document("readConcern") or {}).get("level")
    last = pipeline[-1] if pipeline else None
    if level == "linearizable" and type(last) is dict and ("$out" in last or "$merge" in last):
        raise MongoError(72, f"{next(iter(last))} cannot be used with a 'linearizable' read "
                         "concern level")  # fmt: skip


def _watch(engine: "Engine", request: Request, pipeline: list, batch_size: int | None) -> Document:
    """An aggregation that begins with $changeStream: its cursor has no end."""
    from services.docdb.replication.change_stream import open_change_stream

    stream = open_change_stream(engine, request, pipeline)
    name = request.target if type(request.target) is str else "$cmd.aggregate"
    cursor = opened_cursor(engine, request, f"{request.database}.{name}", stream)
    cursor.is_tailable = cursor.awaits_data = True
    cursor.resume_token = lambda: stream.token
    return first_batch_reply(engine.cursors, cursor, batch_size)


AGGREGATE_FIELDS = frozenset(
    [
        "pipeline",
        "cursor",
        "explain",
        "allowDiskUse",
        "bypassDocumentValidation",
        "collation",
        "hint",
        "let",
        "fromMongos",
        "needsMerge",
        "exchange",
        "isMapReduceCommand",
        "collectionUUID",
    ]
)

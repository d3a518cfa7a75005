"""getMore and killCursors: a cursor that has been opened goes on, or ends."""

import time
from typing import TYPE_CHECKING

from services.docdb.bson.encoder import RawDocument
from services.docdb.bson.types import Document, Int64
from services.docdb.command import Pending, Request
from services.docdb.errors import MongoError
from services.docdb.fail_points import ALWAYS_TIME_OUT
from services.docdb.query.type_names import type_name
from services.docdb.storage.cursors import Cursor, token_behind
from services.docdb.time_limit import TimeLimitExceeded, exceeded, time_limit

if TYPE_CHECKING:
    from services.docdb.engine import Engine

AWAIT_S = 1.0


def get_more(engine: "Engine", request: Request) -> Document | Pending:
    number = request.target
    if type(number) is not Int64:
        raise MongoError(14, "BSON field 'getMore.getMore' is the wrong type "
                         f"'{type_name(number)}', expected type 'long'")  # fmt: skip
    name = request.text("collection")
    if name is None:
        raise MongoError(40414, "BSON field 'getMore.collection' is missing but a required field")
    if not name:
        raise MongoError(73, "Collection names cannot be empty")
    cursor = engine.cursors.get(number)
    if cursor.namespace != f"{request.database}.{name}":
        raise MongoError(13, f"Requested getMore on namespace '{request.database}.{name}', but "
                         f"cursor belongs to a different namespace {cursor.namespace}")  # fmt: skip
    batch_size = request.whole_number("batchSize") or None
    wait_ms = request.whole_number("maxTimeMS")
    if wait_ms is not None and not cursor.awaits_data:
        wait_ms = None
    reply = _next(engine, cursor, batch_size)
    if reply["cursor"]["nextBatch"] or not cursor.awaits_data:
        return reply

    def retry(is_over: bool) -> Document | None:
        found = _next(engine, cursor, batch_size)
        return found if is_over or found["cursor"]["nextBatch"] else None

    return Pending(retry, AWAIT_S if wait_ms is None else wait_ms / 1000)


def _next(engine: "Engine", cursor: Cursor, batch_size: int | None) -> Document:
    try:
        batch = _limited_batch(engine, cursor, batch_size)
    except MongoError:
        engine.cursors.kill(cursor.id)
        raise
    stays = cursor.may_go_on()
    if not stays:
        engine.cursors.kill(cursor.id)
    inner: Document = {
        "nextBatch": batch,
        "id": Int64(cursor.id if stays else 0),
        "ns": cursor.namespace,
    }
    if cursor.resume_token:
        inner["postBatchResumeToken"] = token_behind(cursor, batch)
    return {"cursor": inner}


def _limited_batch(engine: "Engine", cursor: Cursor, batch_size: int | None) -> list[RawDocument]:
    """A batch, within what maxTimeMS has left. Raises MongoError."""
    if cursor.time_left_s is None:
        return cursor.next_batch(batch_size)
    if ALWAYS_TIME_OUT in engine.fail_points.points:
        raise exceeded()
    started_s = time.monotonic()
    try:
        with time_limit(cursor.time_left_s):
            batch = cursor.next_batch(batch_size)
    except TimeLimitExceeded:
        raise exceeded() from None
    cursor.time_left_s -= time.monotonic() - started_s
    return batch


def kill_cursors(engine: "Engine", request: Request) -> Document:
    numbers = request.array("cursors")
    killed, unknown = [], []
    for number in numbers:
        if not isinstance(number, int):
            raise MongoError(14, "killCursors: cursors have to be numbers of 64 bits")
        (killed if engine.cursors.kill(number) else unknown).append(number)
    return {
        "cursorsKilled": killed,
        "cursorsNotFound": unknown,
        "cursorsAlive": [],
        "cursorsUnknown": [],
    }

"""Cursors: what a client reads batch by batch.

A cursor is an iterator that has been begun, with a number by which the client comes back. It is
killed when it is exhausted, when the client says so, when its session ends, or after ten
minutes in which nobody asked.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.docdb.bson.decoder import decode_document
from services.docdb.bson.encoder import RawDocument, encode_document
from services.docdb.bson.types import Int64
from services.docdb.errors import MongoError

MAX_BATCH_BYTES = 16 * 1024 * 1024
MAX_RESULT_BYTES = MAX_BATCH_BYTES + 16 * 1024
# Real: BSONObjMaxInternalSize. A stage may make a document larger than one that can be stored.
FIRST_BATCH = 101
TIMEOUT_S = 600


@dataclass(slots=True)
class Cursor:
    """An iteration of a client; `held` is what was read and did not fit into a batch."""

    id: int
    namespace: str
    documents: Iterator[object]
    now: Callable[[], float]
    used_at_s: float = 0.0
    held: RawDocument | None = None
    has_timeout: bool = True
    is_tailable: bool = False
    awaits_data: bool = False
    user: str = ""
    session: bytes = b""
    is_done: bool = False
    peeks: bool = False
    """It can say without further work whether a full batch was the last one."""
    resume_token: Callable[[], object] | None = None
    """Of a change stream: from where to go on behind what has been read."""
    snapshot: object = None
    """What it reads, where that is not what is there now."""
    time_left_s: float | None = None
    """How long it may still work: what is left of maxTimeMS."""

    def next_batch(self, batch_size: int | None) -> list[RawDocument]:
        """Up to so many documents, and no more than a message can take. Raises MongoError."""
        self.used_at_s = self.now()
        batch: list[RawDocument] = []
        size = 0
        while batch_size is None or len(batch) < batch_size:
            raw = self._next()
            if raw is None:
                break
            size += len(raw)
            if size > MAX_BATCH_BYTES and batch:
                self.held = raw
                break
            batch.append(raw)
        return batch

    def _next(self) -> RawDocument | None:
        if self.held is not None:
            raw, self.held = self.held, None
            return raw
        item = next(self.documents, None)
        if item is None:
            self.is_done = not self.is_tailable
            return None
        if type(item) is RawDocument:
            return item
        raw = RawDocument(encode_document(item))
        if len(raw) > MAX_RESULT_BYTES:
            raise MongoError(10334, f"BSONObj size: {len(raw)} is invalid. Size must be between 0 "
                             f"and {MAX_RESULT_BYTES} (16MB)")  # fmt: skip
        return raw

    def may_go_on(self) -> bool:
        """Whether there may be more. Where only a further look would tell, the client has to.

        # Real: PlanExecutor::isEOF(), which is true of a full LIMIT or SORT, not of a scan.
        """
        if self.is_tailable:
            return not self.documents.is_over
        if self.is_done or not self.peeks:
            return not self.is_done
        if self.held is None:
            self.held = self._next()
        return self.held is not None


class Cursors:
    """The open cursors of a server."""

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self._cursors: dict[int, Cursor] = {}

    def __len__(self) -> int:
        return len(self._cursors)

    def make(self, namespace: str, documents: Iterator[object]) -> Cursor:
        number = random.getrandbits(62) | 1
        return Cursor(number, namespace, documents, self._now, self._now())

    def keep(self, cursor: Cursor) -> None:
        self._cursors[cursor.id] = cursor

    def get(self, number: int) -> Cursor:
        """Raises MongoError."""
        cursor = self._cursors.get(number)
        if cursor is None:
            raise MongoError(43, f"cursor id {int(number)} not found")
        return cursor

    def kill(self, number: int) -> bool:
        return self._cursors.pop(number, None) is not None

    def kill_of(self, database: str, collection: str | None = None) -> None:
        """The cursors of what has been dropped; a change stream still has that to tell."""
        for cursor in list(self._cursors.values()):
            owner, _, name = cursor.namespace.partition(".")
            is_of = owner == database and collection in (None, name)
            if is_of and cursor.resume_token is None:
                self.kill(cursor.id)

    def end_session(self, session: bytes) -> None:
        for cursor in list(self._cursors.values()):
            if cursor.session == session and session:
                self.kill(cursor.id)

    def kill_reading(self, snapshot: object) -> None:
        """Those that read a snapshot that is closed."""
        for cursor in list(self._cursors.values()):
            if cursor.snapshot is snapshot:
                self.kill(cursor.id)

    def are_reading(self, snapshot: object) -> bool:
        return any(cursor.snapshot is snapshot for cursor in self._cursors.values())

    def expire(self) -> None:
        """Called now and then."""
        limit_s = self._now() - TIMEOUT_S
        for cursor in list(self._cursors.values()):
            if cursor.has_timeout and cursor.used_at_s < limit_s:
                self.kill(cursor.id)


def first_batch_reply(
    cursors: Cursors, cursor: Cursor, batch_size: int | None, *, single: bool = False
) -> dict[str, object]:
    """The reply to find and aggregate: the first documents, and a number for the rest."""
    batch = cursor.next_batch(FIRST_BATCH if batch_size is None else batch_size)
    stays = not single and cursor.may_go_on()
    if batch_size == 0 and not single:
        stays = True
    if stays:
        cursors.keep(cursor)
    reply: dict[str, object] = {
        "firstBatch": batch,
        "id": Int64(cursor.id if stays else 0),
        "ns": cursor.namespace,
    }
    if cursor.resume_token is not None:
        reply["postBatchResumeToken"] = token_behind(cursor, batch)
    return {"cursor": reply}


def token_behind(cursor: Cursor, batch: list[RawDocument]) -> object:
    """From where a change stream goes on behind a batch."""
    if cursor.held is not None and batch:
        return decode_document(batch[-1])["_id"]
    return cursor.resume_token()

"""A list of statements in one command: each done for itself, and what came of each.

One that fails becomes a write error with its place in the list, and, where the list is
`ordered`, ends it. Two things may keep a statement from being run: its outcome is known, because
the command has come before (`transactions.retryable`); or an open transaction has the document
that it wants to write. Then all that are left wait, and go on from there when it has ended.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import Document
from services.docdb.command import Pending, Request
from services.docdb.errors import MongoError
from services.docdb.storage.claims import WRITE_CONFLICT
from services.docdb.time_limit import TIME_IS_OVER, exceeded, read_limit_s

if TYPE_CHECKING:
    from services.docdb.engine import Engine

MAX_BATCH = 100_000
LONGEST_WAIT_S = 24 * 3600.0


@dataclass(slots=True)
class Batch:
    """The statements of one command, as far as they have come."""

    request: Request
    items: list
    run: Callable[[int, object], Document]
    is_ordered: bool
    outcomes: list[tuple[int, Document]] = field(default_factory=list)
    errors: list[Document] = field(default_factory=list)
    _place: int = 0

    def advance(self) -> None:
        """Do what is left to do. Raises MongoError 112 where a statement cannot be run yet."""
        retry, limit_s = self.request.retry, read_limit_s(self.request.body)
        while self._place < len(self.items):
            place = self._place
            outcome = retry.known_outcome(place) if retry is not None else None
            if outcome is None and not self._run(place, limit_s):
                return
            if outcome is not None:
                self.outcomes.append((place, outcome))
            self._place += 1

    def _run(self, place: int, limit_s: float | None) -> bool:
        """Whether to go on."""
        try:
            if limit_s and time.monotonic() - self.request.received_at_s > limit_s:
                raise exceeded()
            outcome = self.run(place, self.items[place])
        except (MongoError, BsonError) as problem:
            error = problem if isinstance(problem, MongoError) else MongoError(2, str(problem))
            if error.code == WRITE_CONFLICT:
                raise
            self.errors.append(
                {"index": place, "code": error.code, **error.extra, "errmsg": error.message}
            )
            return not self.is_ordered and error.code != TIME_IS_OVER
        self.outcomes.append((place, outcome))
        if self.request.retry is not None:
            self.request.retry.done(place, outcome)
        return True

    def reply(self, totals: Document) -> Document:
        """The reply, where `totals` is what the statements have done together."""
        if self.errors:
            totals["writeErrors"] = self.errors
        return totals

    def total(self, name: str) -> int:
        return sum(outcome[name] for _, outcome in self.outcomes)


def check_batch(request: Request, items: list) -> None:
    if not 1 <= len(items) <= MAX_BATCH:
        raise MongoError(
            16, f"Write batch sizes must be between 1 and {MAX_BATCH}. Got {len(items)} operations."
        )
    if any(type(item) is not dict for item in items):
        raise MongoError(14, f"BSON field '{request.name}' has items of the wrong type, expected "
                         "type 'object'")  # fmt: skip


def run_batch(batch: Batch, reply: Callable[[], Document]) -> Document | Pending:
    """Run all statements, now or when they can be run."""

    def attempt() -> Document:
        try:
            batch.advance()
        finally:
            if batch.request.retry is not None:
                batch.request.retry.close()
        return with_retried(batch.request, batch.reply(reply()))

    return until_free(batch.request, attempt)


def with_retried(request: Request, reply: Document) -> Document:
    """The reply, with the numbers of the statements that had come before."""
    if request.retry is not None and request.retry.retried:
        reply["retriedStmtIds"] = request.retry.retried
    return reply


def until_free(request: Request, attempt: Callable[[], Document]) -> Document | Pending:
    """Try something that may meet a document of an open transaction, until that has ended.

    A statement of a transaction does not wait: it has lost. # Real: writeConflictRetry()
    """
    try:
        return attempt()
    except MongoError as error:
        if error.code != WRITE_CONFLICT or request.is_in_transaction:
            raise

    def retry(is_over: bool) -> Document | None:
        try:
            return attempt()
        except MongoError as error:
            if error.code != WRITE_CONFLICT:
                raise
            if is_over:
                raise exceeded() from None
            return None

    limit_ms = request.whole_number("maxTimeMS")
    return Pending(retry, limit_ms / 1000 if limit_ms else LONGEST_WAIT_S)


def refuse_view(engine: "Engine", request: Request) -> None:
    """Raises MongoError where nothing can be written."""
    if engine.catalog.find_view(request.database, request.collection_name):
        raise MongoError(166, f"Namespace {request.namespace} is a view, not a collection")
    if engine.persistence.is_refusing:
        raise MongoError(8, "the disk takes no writes at the moment")

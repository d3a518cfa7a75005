"""Logical sessions: clients name them, nobody opens them, and they end when nobody uses them.

A session does one thing at a time, counted by `txnNumber`: a transaction, or a retryable write.
A higher number ends what went before; a lower one comes too late (TransactionTooOld). What a
session did last is in the journal, so that the answer to a repeated command is the same after
a restart. # Real: config.transactions, one document for each session.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from services.docdb.bson.types import Binary, Document, Int64
from services.docdb.errors import MongoError

if TYPE_CHECKING:
    from services.docdb.transactions.transaction import Transaction

SESSION_S = 30 * 60
LOOK_S = 60


class State(Enum):
    """What a session is doing, or has done, under its present number."""

    NOTHING = "nothing"
    RETRYABLE_WRITE = "retryable write"
    IN_TRANSACTION = "in transaction"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(slots=True)
class LogicalSession:
    """One session; `statements` has the outcomes of retryable writes by their numbers."""

    id: bytes
    used_at_s: float = 0.0
    number: int = -1
    state: State = State.NOTHING
    statements: dict[int, Document] = field(default_factory=dict)
    transaction: "Transaction | None" = None

    def move_to(self, number: int, state: State) -> None:
        """Begin something new. Raises MongoError 225 where something newer has begun."""
        self.check_number(number)
        if self.transaction is not None:
            self.transaction.abort()
        self.number, self.state = number, state
        self.statements = {}

    def check_number(self, number: int) -> None:
        if number < self.number:
            raise MongoError(
                225,
                f"Cannot start transaction {number} on session {self.id.hex()} because a newer "
                f"transaction {self.number} has already started",
            )

    def document(self) -> Document:
        """What is kept of it."""
        kept: Document = {"lsid": Binary(self.id, 4), "number": Int64(self.number)}
        kept["at"] = self.used_at_s
        if self.state is State.RETRYABLE_WRITE:
            kept["statements"] = {str(n): outcome for n, outcome in self.statements.items()}
        return kept


class Sessions:
    """All sessions that are in use."""

    def __init__(self, now_s: Callable[[], float] = time.time):
        self._now_s = now_s
        self._sessions: dict[bytes, LogicalSession] = {}
        self._next_look_s = 0.0

    def __iter__(self) -> Iterator[LogicalSession]:
        return iter(list(self._sessions.values()))

    def use(self, session_id: bytes) -> LogicalSession:
        """The session of this id; it is there as soon as it is used."""
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = LogicalSession(session_id)
        session.used_at_s = self._now_s()
        return session

    def end(self, session_id: bytes) -> None:
        session = self._sessions.pop(session_id, None)
        if session is not None and session.transaction is not None:
            session.transaction.abort()

    def end_all(self) -> None:
        for session in self:
            self.end(session.id)

    def expire(self) -> list[bytes]:
        """Called now and then; the sessions that nobody has used for half an hour."""
        now_s = self._now_s()
        if now_s < self._next_look_s:
            return []
        self._next_look_s = now_s + LOOK_S
        old = [it.id for it in self if it.used_at_s < now_s - SESSION_S]
        for session_id in old:
            self.end(session_id)
        return old

    # What the journal keeps.

    def restore(self, kept: Document) -> None:
        """Take in what a session has done, as `LogicalSession.document` said it."""
        session = self._sessions.setdefault(kept["lsid"].data, LogicalSession(kept["lsid"].data))
        session.number, session.used_at_s = kept["number"], kept["at"]
        if "statements" in kept:
            session.state = State.RETRYABLE_WRITE
            session.statements = {int(n): it for n, it in kept["statements"].items()}
        else:
            session.state = State.COMMITTED

    def documents(self) -> Iterator[Document]:
        """What a snapshot has to keep of them."""
        for session in self:
            if session.state in (State.RETRYABLE_WRITE, State.COMMITTED):
                yield session.document()

"""Retryable writes: a write whose answer was lost is sent again, and must not happen twice.

A driver numbers its writes (`txnNumber`), and the statements of one command are counted
(`stmtIds`, or from 0). The outcome of each statement is remembered with the session: when it
comes again it is not run, and the answer is the same. A higher number forgets what went before,
so a session keeps one command at the most. In the journal the outcomes are in the same record
as the changes themselves: they are there together after a crash, or not at all.
# Real: the oplog has lsid, txnNumber and stmtId in each entry, from which the answer is rebuilt.
"""

from services.docdb.bson.types import Document
from services.docdb.errors import MongoError
from services.docdb.storage.journal import SESSION, FileJournal
from services.docdb.transactions.sessions import LogicalSession, State


class RetryableWrite:
    """One command that may come again."""

    def __init__(self, session: LogicalSession, number: int, body: Document, journal: FileJournal):
        """Raises MongoError where the session has gone on, or is in a transaction."""
        numbers, first = body.get("stmtIds", []), body.get("stmtId", 0)
        if type(numbers) is not list or not all(isinstance(n, int) for n in [*numbers, first]):
            raise MongoError(14, "BSON field 'stmtIds' has to be an array of numbers")
        if number != session.number:
            session.move_to(number, State.RETRYABLE_WRITE)
        elif session.state is not State.RETRYABLE_WRITE:
            raise MongoError(256, f"Transaction {number} has been committed or is in progress; "
                             "its number cannot be used for a retryable write")  # fmt: skip
        self._session = session
        self._journal = journal
        self._is_new = False
        self._numbers = numbers
        self._first = first
        self.retried: list[int] = []

    @property
    def has_come_before(self) -> bool:
        """Whether something of this command is done already."""
        return bool(self._session.statements)

    def count_of(self, body: Document) -> int:
        """How many statements a command has."""
        lists = (body.get(name) for name in ("documents", "updates", "deletes"))
        return next((len(items) for items in lists if type(items) is list), 1)

    def _number(self, place: int) -> int:
        return self._numbers[place] if place < len(self._numbers) else self._first + place

    def known_outcome(self, place: int) -> Document | None:
        """What a statement of this command did when it came for the first time."""
        number = self._number(place)
        outcome = self._session.statements.get(number)
        if outcome is not None:
            self.retried.append(number)
        return outcome

    def done(self, place: int, outcome: Document) -> None:
        self._session.statements[self._number(place)] = outcome
        self._is_new = True

    def close(self) -> None:
        """All statements are through: write down what they did."""
        if self._is_new:
            self._journal.note(SESSION, self._session.document())


def refuse_many(is_many: bool, kind: str) -> None:
    """Who changes many documents cannot be asked again. Raises MongoError."""
    if is_many:
        raise MongoError(72, f"Cannot use retryable writes with {kind}")

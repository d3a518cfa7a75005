"""Transactions as commands see them: begun, continued, committed, aborted; and what errors say.

    startTransaction ─▶ IN_TRANSACTION ─▶ statements ─┬─ commitTransaction ─▶ COMMITTED
                                                      ├─ abortTransaction  ─▶ ABORTED
                                                      └─ any error, a minute ─▶ ABORTED

To commit what is committed is answered as before. Any error in a statement aborts. Errors after
which the whole transaction may be tried again carry the label TransientTransactionError, by
which drivers know. A client that vanishes leaves its transaction behind, since a transaction
belongs to a session and not to a connection: it is aborted when its time is over.
# Real: TransactionParticipant; transactionLifetimeLimitSeconds.

Reads with the read concern `snapshot` outside of transactions are here too: each opens a
snapshot, or finds the one of its time again.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.docdb.bson.types import Document, Timestamp
from services.docdb.command import Command, Request
from services.docdb.errors import MongoError
from services.docdb.time_limit import run_limited
from services.docdb.transactions.session_fields import SessionFields
from services.docdb.transactions.sessions import LogicalSession, State
from services.docdb.transactions.snapshot import Snapshot, SnapshotCatalog
from services.docdb.transactions.transaction import Transaction

if TYPE_CHECKING:
    from services.docdb.engine import Engine

HISTORY_S = 300
MANY_SNAPSHOTS = 1000


@dataclass(slots=True)
class _OpenSnapshot:
    snapshot: Snapshot
    engine: "Engine"
    used_at_s: float


class Transactions:
    """All that is open of one server."""

    def __init__(self, engine: "Engine"):
        self._engine = engine
        self._snapshots: dict[Timestamp, _OpenSnapshot] = {}
        self.lifetime_s = engine.settings.transaction_lifetime_s
        self.wakes_waiting = False
        """One has ended: who waits for a record of it may try again."""

    # Transactions.

    def run(self, command: Command, request: Request, fields: SessionFields) -> Document:
        """One statement of a transaction. Raises MongoError, and then it is aborted."""
        session = self._engine.sessions.use(fields.session)
        if fields.starts:
            transaction = self._begin(session, fields.number)
        else:
            transaction = self._open(session, fields.number)
        request.is_in_transaction = True
        try:
            transaction.check()
            reply = run_limited(command, transaction.engine, request)
        except Exception:
            transaction.abort()
            raise
        if "writeErrors" in reply:
            transaction.abort()
        return reply

    def _begin(self, session: LogicalSession, number: int) -> Transaction:
        if number == session.number:
            raise MongoError(50911, f"Cannot start a transaction at given transaction number "
                             f"{number} a transaction with the same number is in state "
                             f"{session.state.value}")  # fmt: skip
        session.move_to(number, State.IN_TRANSACTION)
        session.transaction = Transaction(self._engine, session)
        return session.transaction

    def _open(self, session: LogicalSession, number: int) -> Transaction:
        """The transaction that a session is in. Raises MongoError."""
        session.check_number(number)
        if number == session.number:
            if session.transaction is not None:
                return session.transaction
            if session.state is State.COMMITTED:
                raise MongoError(256, f"Transaction {number} has been committed.")
            if session.state is State.ABORTED:
                raise MongoError(
                    251, f"Transaction with {{ txnNumber: {number} }} has been aborted."
                )
        raise MongoError(
            251,
            f"Given transaction number {number} does not match any in-progress transactions. The "
            f"active transaction number is {session.number}",
        )

    def commit(self, fields: SessionFields) -> None:
        """Raises MongoError."""
        session = self._engine.sessions.use(fields.session)
        if session.state is State.COMMITTED and session.number == fields.number:
            return
        transaction = self._open(session, fields.number)
        try:
            transaction.commit()
        except MongoError:
            transaction.abort()
            raise

    def abort(self, fields: SessionFields) -> None:
        """Raises MongoError."""
        self._open(self._engine.sessions.use(fields.session), fields.number).abort()

    def expire(self) -> None:
        """Called now and then: what has taken too long is aborted."""
        now_s = self._engine.now_s()
        for session in self._engine.sessions:
            transaction = session.transaction
            if transaction is not None and now_s - transaction.started_at_s >= self.lifetime_s:
                self._engine.log.warning("transaction took too long", session=session.id.hex(),
                                         number=session.number)  # fmt: skip
                transaction.abort()
        for time, found in list(self._snapshots.items()):
            is_old = now_s - found.used_at_s >= HISTORY_S
            if is_old and not self._engine.cursors.are_reading(found.snapshot):
                self._close(time)

    # Snapshot reads outside of transactions.

    def read(self, command: Command, request: Request, concern: Document) -> Document:
        """A find, aggregate or distinct with the read concern `snapshot`. Raises MongoError."""
        if command.name not in ("find", "aggregate", "distinct"):
            raise MongoError(72, "readConcern level snapshot is not supported for "
                             f"{command.name} outside of transactions")  # fmt: skip
        found = self._snapshot_at(concern.get("atClusterTime"))
        found.used_at_s = self._engine.now_s()
        reply = run_limited(command, found.engine, request)
        shown = reply.get("cursor", reply)
        shown["atClusterTime"] = found.snapshot.time
        return reply

    def _snapshot_at(self, time: object) -> _OpenSnapshot:
        now = self._engine.journal.oplog.clock.last
        if time is not None and type(time) is not Timestamp:
            raise MongoError(14, "BSON field 'readConcern.atClusterTime' is the wrong type, "
                             "expected type 'timestamp'")  # fmt: skip
        time = now if time is None else time
        if time not in self._snapshots:
            if time != now:
                raise MongoError(239, f"Read timestamp {time} is older than the oldest available "
                                 "timestamp.")  # fmt: skip
            if len(self._snapshots) >= MANY_SNAPSHOTS:
                self._close(next(iter(self._snapshots)))
            catalog = self._engine.catalog
            snapshot = Snapshot(catalog, time)
            inside = self._engine.inside(SnapshotCatalog(catalog, snapshot), snapshot)
            self._snapshots[time] = _OpenSnapshot(snapshot, inside, 0.0)
        return self._snapshots[time]

    def _close(self, time: Timestamp) -> None:
        snapshot = self._snapshots.pop(time).snapshot
        snapshot.close()
        self._engine.cursors.kill_reading(snapshot)

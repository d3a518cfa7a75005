"""What all transactions of a database share: the latch, the running ones, the locks, the log.

# Real: trx_sys in InnoDB; PostgreSQL's shared memory
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from services.sqldb.transactions.backend import Backend
from services.sqldb.transactions.latch import Latch
from services.sqldb.transactions.lock_table import LockTable
from services.sqldb.transactions.procarray import ProcArray
from services.sqldb.transactions.ssi import SerializableTransactions
from services.sqldb.transactions.transaction import Isolation, Transaction

if TYPE_CHECKING:
    from services.sqldb.transactions.undo import Write


class CommitLog(Protocol):
    """Where a commit is written down before it counts."""

    def commit(self, transaction: Transaction) -> None:
        """Bring the changes to the disk; gives up the latch. Raises SqlError."""


class NoLog:
    """A database without a directory: nothing outlives the process."""

    def commit(self, transaction: Transaction) -> None:
        pass


class TransactionSystem:
    """Begins transactions, and ends those that want to commit."""

    def __init__(self, retire: "Callable[[list[Write], Transaction], None]"):
        """`retire` takes what a commit has left over: the versions that it has superseded."""
        self.latch = Latch()
        self.procarray = ProcArray()
        self.locks = LockTable()
        self.serializable = SerializableTransactions(self.procarray)
        self.log: CommitLog = NoLog()
        self.retire = retire
        self.commits_total = self.rollbacks_total = 0

    def backend(self, pid: int) -> Backend:
        """A new session's entry. Without the latch."""
        return Backend(pid, self.latch)

    def begin(
        self,
        backend: Backend,
        isolation: Isolation = Isolation.READ_COMMITTED,
        *,
        is_read_only: bool = False,
        is_deferrable: bool = False,
    ) -> Transaction:
        """Begin a transaction. Holding the latch."""
        transaction = Transaction(self, backend, isolation, is_read_only, is_deferrable)
        self.procarray.active[transaction] = None
        backend.transaction = transaction
        return transaction

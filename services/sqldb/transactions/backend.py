"""A backend: one session, as transactions and locks know it.

# Real: PGPROC, the entry of a server process in shared memory
"""

from typing import TYPE_CHECKING

from services.sqldb.transactions.interrupts import Interrupts
from services.sqldb.transactions.latch import Latch

if TYPE_CHECKING:
    from services.sqldb.transactions.lock_table import Request
    from services.sqldb.transactions.transaction import Transaction


class Backend:
    """Who holds locks and waits for them; made with the session, closed with it.

    The session sets `lock_timeout_s` and `deadlock_timeout_s` from its settings.
    """

    __slots__ = (
        "deadlock_timeout_s",
        "interrupts",
        "lock_timeout_s",
        "pid",
        "transaction",
        "waits_for",
    )

    def __init__(self, pid: int, latch: Latch):
        self.pid = pid
        self.interrupts = Interrupts(latch)
        self.transaction: Transaction | None = None
        self.lock_timeout_s = 0.0
        """0: wait for ever."""
        self.deadlock_timeout_s = 1.0
        """How long a wait lasts before it is worth looking for a deadlock."""
        self.waits_for: Request | None = None

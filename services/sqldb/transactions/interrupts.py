"""What may come between a statement and its end: a cancel request, a timeout, another thread.

A statement that runs calls `check` every now and then (an executor's loop, every thousand rows or
so), and one that waits does so in `wait`. Both are the only places where the latch changes hands,
and the only ones where a statement is cancelled: from outside (CancelRequest, pg_cancel_backend),
by `statement_timeout`, or because the server stops.
# Real: CHECK_FOR_INTERRUPTS() and the process's latch, miscadmin.h and latch.c
"""

import contextlib
import math
import threading
import time

from services.sqldb.errors import ADMIN_SHUTDOWN, QUERY_CANCELED, SqlError
from services.sqldb.transactions.latch import SLICE_S, Latch

USER_REQUEST = "canceling statement due to user request"
STATEMENT_TIMEOUT = "canceling statement due to statement timeout"
TERMINATED = "terminating connection due to administrator command"


class Interrupts:
    """The interrupts of one session. `cancel` and `terminate` come from any thread."""

    def __init__(self, latch: Latch):
        self.latch = latch
        self.is_cancelled = False
        self.is_terminated = False
        self.deadline_s = math.inf
        """When `statement_timeout` ends the statement, on time.monotonic()'s clock."""
        # Locked; whoever unlocks it wakes the session. An Event takes ten times as long.
        self._sleep = threading.Lock()
        self._sleep.acquire()

    def forget_cancel(self) -> None:
        """It came too late for the statement before."""
        self.is_cancelled = False

    def start_clock(self, timeout_s: float) -> None:
        """A statement begins, if none has yet: it may take this long; 0 is no timeout."""
        if timeout_s and self.deadline_s == math.inf:
            self.deadline_s = time.monotonic() + timeout_s

    def stop_clock(self) -> None:
        """The statement has ended."""
        self.deadline_s = math.inf

    def cancel(self) -> None:
        self.is_cancelled = True
        self._wake()

    def terminate(self) -> None:
        self.is_terminated = True
        self._wake()

    def wake(self) -> None:
        """End the `wait` of this session, because what it waits for may have come.

        Holding the latch: the session goes on when that is free.
        """
        self.latch.when_free(self._wake)

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # It is awake already.
            self._sleep.release()

    def check(self) -> None:
        """Raise what interrupts the statement; let others in, when its slice is used up.

        Holding the latch. Other transactions may commit meanwhile: whoever calls this between
        reading and writing must look again.
        """
        now_s = time.monotonic()
        if self.is_cancelled or self.is_terminated or now_s >= self.deadline_s:
            self._raise()
        if now_s - self.latch.held_since_s >= SLICE_S:
            self.latch.hand_over()

    def raise_pending(self) -> None:
        """Raise what interrupts the statement; without the latch too."""
        if self.is_cancelled or self.is_terminated or time.monotonic() >= self.deadline_s:
            self._raise()

    def wait(self, until_s: float = math.inf) -> None:
        """Give up the latch until `wake`, or until a time; raise what interrupts the statement.

        It may return early: the caller looks whether what it waits for has come.
        """
        end_s = min(until_s, self.deadline_s)
        timeout_s = -1 if end_s == math.inf else max(0.0, end_s - time.monotonic())
        depth = self.latch.give_up()
        try:
            self._sleep.acquire(timeout=timeout_s)
        finally:
            self.latch.take_back(depth)
        self.check()

    def _raise(self) -> None:
        if self.is_terminated:
            raise SqlError(ADMIN_SHUTDOWN, TERMINATED, severity="FATAL")
        if self.is_cancelled:
            self.is_cancelled = False
            raise SqlError(QUERY_CANCELED, USER_REQUEST)
        self.deadline_s = math.inf
        raise SqlError(QUERY_CANCELED, STATEMENT_TIMEOUT)

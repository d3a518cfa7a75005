"""The follower: keeps a ledger equal to what the list says, and notices when the list changed.

    list      m0  m1  m2  m3  m4  m5  m6
                               ▲   ▲
                 applied ──────┘   └── the next read begins one message *before* the news:
                 index = 5             m4 must come again as it was applied

A list that only grows needs no such care. But it lives in a server that may come back from a
crash with its end missing, or be emptied, or written to in the middle. The follower trusts
what it has applied only as long as the list still shows it:

- each read repeats the last message that was applied (a shorter list shows nothing there);
- after each lost connection, and after starting from a snapshot, the last one or two thousand
  messages are read and hashed again (the anchors of `list_digest`);
- where a peer at the same index has another digest, the whole list is (`audit`).

Whatever does not fit has one answer: the ledger is built anew, from the list's beginning. The
list is the truth, and the ledger only what follows from it.
# Real: log matching in Raft, whose followers also throw away what the leader does not have;
# chain reorganisation in Bitcoin, which undoes blocks back to the fork instead of all.
"""

import threading
from collections.abc import Callable

from services.common.logs import Log
from services.ledger.hiponet import Hiponet
from services.ledger.ledger import Ledger
from services.ledger.list_digest import GENESIS, Anchor, extend


class Follower:
    """One ledger and the list that it follows. One thread follows; any may read.

    `changed` guards `ledger`: readers hold it while they read, and whoever waits for a message
    waits on it; it is notified after each batch.
    """

    def __init__(
        self,
        hiponet: Hiponet,
        log: Log,
        *,
        ledger: Ledger | None = None,
        stop_at_round: int | None = None,
    ):
        self.ledger = ledger or Ledger()
        self.changed = threading.Condition()
        self.is_caught_up = False
        self.rebuilds_total = 0
        self._hiponet = hiponet
        self._log = log
        self._stop_at_round = stop_at_round
        self._last_message: bytes | None = None
        self._check_from: Anchor | None = None
        self._has_said_balances = False
        self.distrust()

    @property
    def has_stopped(self) -> bool:
        """Whether the round has come after which nothing more is applied."""
        return self.ledger.round == self._stop_at_round

    def distrust(self) -> None:
        """Compare the latest messages with the list before the next read."""
        if self._check_from is None:
            self._check_from = self.ledger.list_digest.anchors[0]

    def audit(self) -> None:
        """Compare every message with the list before the next read."""
        self._check_from = GENESIS

    def catch_up(self, *, is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Apply all that the list has. Raises ConnectionLost or ReplyError, with nothing lost."""
        if self._check_from is not None:
            if not self._fits_list(self._check_from):
                self._rebuild()
            self._check_from = None
        is_end = False
        while not (is_end or self.has_stopped or is_stopping()):
            is_end = self._apply_next()
        self.is_caught_up = True
        if self.has_stopped and not self._has_said_balances:
            self._say_balances()

    def _say_balances(self) -> None:
        """The proof that the challenge asks of a node: these are the same at every other one."""
        balances = " ".join(f"{name}={each}" for name, each in sorted(self.ledger.balances.items()))
        self._log.info("stopped after the round", round=self.ledger.round, balances=balances)
        self._has_said_balances = True

    def _apply_next(self) -> bool:
        """Apply one batch; whether the list ended with it."""
        index = self.ledger.index
        if index == 0:
            messages, is_end = self._hiponet.read(0)
        else:
            messages, is_end = self._hiponet.read(index - 1)
            if not messages or messages[0] != self._last_message:
                self._rebuild()
                return False
            del messages[0]
        if messages:
            with self.changed:
                self.ledger.replay(messages, stop_at_round=self._stop_at_round)
                self.changed.notify_all()
            self._last_message = messages[self.ledger.index - index - 1]
        return is_end

    def _fits_list(self, anchor: Anchor) -> bool:
        """Whether the list, read on from `anchor`, leads to the digest of this ledger."""
        head, end = anchor, self.ledger.list_digest.head
        while head.index < end.index:
            messages, _ = self._hiponet.read(head.index, stop=end.index)
            if not messages:
                return False
            head = extend(head, messages)
            self._last_message = messages[-1]
        return head == end

    def _rebuild(self) -> None:
        self._log.warning(
            "the list is not what was applied; building the ledger anew from the list",
            index=self.ledger.index,
            round=self.ledger.round,
        )
        with self.changed:
            self.ledger = Ledger()
            self.changed.notify_all()
        self.rebuilds_total += 1
        self.is_caught_up = False
        self._last_message = None
        self._has_said_balances = False

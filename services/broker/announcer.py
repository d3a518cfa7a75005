"""The announcer: publishes for threads that must not wait for it.

    caller ── send, where the socket takes it at once ──▶ pubsub
       └──── else: a list ──▶ the announcer's thread ───▶ pubsub

While all is well, whoever has something to tell writes it into the socket itself: that takes 15 µs,
where waking a thread to do it took 100 before the first byte left. The replies are of no interest,
and are taken in with the next message. When there is no connection, or its buffer is full, or
pub/sub refuses, the thread takes over: it connects, again and again, and sends what was kept; the
newest messages, for nobody wants to hear of a thousand steps of an hour ago.
"""

import contextlib
import threading
from collections.abc import Iterable, Mapping

from services.broker import keys
from services.broker.events import (
    ORDER_TO_LOOK,
    Message,
    encode_cancel,
    encode_wake,
    encode_workflow_event,
    messages_of,
)
from services.broker.task_record import TaskRecord
from services.common.backoff import Backoff
from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError, encode_request
from services.common.resp_client import ConnectionLost, RespConnection

MAX_PENDING = 10_000


class Outlet:
    """One connection to pub/sub, which publishes without waiting for the answers.

    For one thread at a time. Everything raises ConnectionLost, or ReplyError where pub/sub refuses
    what was published (it may ask for a password).
    """

    def __init__(self, url: RedisURL):
        self._connection = RespConnection(url)
        self._owed = 0

    def has_sent(self, messages: list[Message]) -> bool:
        """Whether the socket took them at once; false where it took nothing."""
        if not self._connection.send_at_once(_encoded(messages)):
            return False
        self._owed += len(messages)
        return True

    def send(self, messages: list[Message]) -> None:
        """Send, and wait for all answers."""
        self._connection.send(_encoded(messages))
        self._owed += len(messages)
        self._await_replies()

    def look(self) -> bool:
        """Notice a connection that is gone, and a refusal; whether there was an answer without."""
        if not self._connection.receive(0):
            return False
        self._check_replies()
        return True

    def close(self) -> None:
        """What was sent is to arrive: closing a socket with unread replies might cut it off."""
        with contextlib.suppress(ConnectionLost, ReplyError):
            self._await_replies()
        self._connection.close()

    def abandon(self) -> None:
        """Close it at once: it is of no use."""
        self._connection.close()

    def _await_replies(self) -> None:
        while self._owed:
            if not self._connection.receive(self._connection.timeout_s):
                raise ConnectionLost("timed out")
            self._check_replies()

    def _check_replies(self) -> None:
        for reply in self._connection.take_replies():
            self._owed -= 1
            if isinstance(reply, ReplyError):
                raise reply


class Announcer:
    """For any thread. Nothing raises, and nothing waits."""

    def __init__(self, url: RedisURL, vitals: Vitals, log: Log):
        self._url = url
        self._trouble = Trouble(url, vitals, log)
        self._changed = threading.Condition()
        # These belong to whoever holds the lock; the outlet to the thread, while that is sending.
        self._messages: list[Message] = []
        self._outlet: Outlet | None = None
        self._is_thread_sending = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Publish what is left and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def announce(self, steps: Iterable[TaskRecord]) -> None:
        """Tell of the last step of each record, and wake the workers for those that are queued."""
        self._tell(messages_of(list(steps)))

    def order_cancel(self, task_id: str) -> None:
        """Tell the workers that one of them is to stop this task."""
        self._tell([(keys.ORDERS_CHANNEL, encode_cancel(task_id))])

    def order_look(self, queued: Mapping[str, int]) -> None:
        """Tell the workers to read the settings of queues, and what waits in these lists."""
        wakes = [(keys.WAKE_CHANNEL, encode_wake(name, count)) for name, count in queued.items()]
        self._tell([(keys.ORDERS_CHANNEL, ORDER_TO_LOOK), *wakes])

    def announce_workflow(self, workflow_id: str, state: str, at_ms: int) -> None:
        """Tell that a workflow has started, or ended."""
        self._tell([(keys.WORKFLOWS_CHANNEL, encode_workflow_event(workflow_id, state, at_ms))])

    def _tell(self, messages: list[Message]) -> None:
        if not messages:
            return
        with self._changed:
            if self._has_sent(messages):
                return
            self._messages += messages
            del self._messages[:-MAX_PENDING]
            self._changed.notify()

    def _has_sent(self, messages: list[Message]) -> bool:
        """Whether the caller could send them itself, and behind all that was told before."""
        if self._outlet is None or self._messages or self._is_thread_sending or self._stopping:
            return False
        try:
            has_sent = self._outlet.has_sent(messages)
            # Now, and not before, to lose no time. Where the connection is found to be gone, they
            # are sent once more: to be told twice harms nobody.
            self._outlet.look()
            return has_sent
        except (ConnectionLost, ReplyError) as error:
            self._drop_outlet(str(error))
            return False

    # The thread.

    def _run(self) -> None:
        backoff = Backoff(limit_s=2.0)
        while (messages := self._next_messages()) is not None:
            try:
                self._outlet = self._outlet or Outlet(self._url)
                self._outlet.send(messages)
                self._trouble.is_over()
                backoff.reset()
            except (ConnectionLost, ReplyError) as error:
                self._drop_outlet(str(error))
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, backoff.next_delay_s())
            self._is_thread_sending = False
        if self._outlet is not None:
            self._outlet.close()

    def _next_messages(self) -> list[Message] | None:
        """Everything that waits; waits for something; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._stopping)
            messages, self._messages = self._messages, []
            self._is_thread_sending = bool(messages)
        return messages or None

    def _drop_outlet(self, reason: str) -> None:
        if self._outlet is not None:
            self._outlet.abandon()
        self._outlet = None
        self._trouble.begins(reason)


class Trouble:
    """That pub/sub is away: said once, and shown in the health until it is over."""

    def __init__(self, url: RedisURL, vitals: Vitals, log: Log):
        self._url = url
        self._vitals = vitals
        self._log = log

    def begins(self, reason: str) -> None:
        if "announcements" not in self._vitals.problems:
            self._log.warning("cannot announce", address=self._url.address, reason=reason)
        self._vitals.problems["announcements"] = reason

    def is_over(self) -> None:
        if self._vitals.problems.pop("announcements", None) is not None:
            self._log.info("announcing again", address=self._url.address)


def _encoded(messages: list[Message]) -> bytes:
    return b"".join(encode_request(["PUBLISH", *message]) for message in messages)

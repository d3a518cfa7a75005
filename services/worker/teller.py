"""The worker's voice: it announces over pub/sub what has become of tasks, from the event loop.

What ends a task is told at once, for somebody may wait for it; but the ends of one millisecond go
out together. That a task has begun is told a moment later, with its end where that has come by
then: only people look at it. Each message that is saved like this need not wake pub/sub and
everybody who listens, which with short tasks costs more than the message.

Nobody waits for pub/sub. What it does not take is kept and sent later, the newest steps of it.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from services.broker.client import (
    MAX_PENDING,
    Message,
    Outlet,
    Progress,
    State,
    TaskRecord,
    Trouble,
    message_of_progress,
    messages_of,
)
from services.common.backoff import Backoff
from services.common.event_loop import EventLoop, Timer
from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.worker.coroutines import Promise, in_thread, sleep, spawn

BEGINNING_TOLD_AFTER_S = 0.01
ENDS_TOLD_WITHIN_S = 0.001
LOOK_INTERVAL_S = 1.0


class Teller:
    """Announces; every method is called in the event loop's thread."""

    def __init__(self, loop: EventLoop, url: RedisURL, vitals: Vitals, log: Log):
        self._loop = loop
        self._url = url
        self._trouble = Trouble(url, vitals, log)
        self._steps: list[TaskRecord] = []
        self._messages: list[Message] = []
        self._outlet: Outlet | None = None
        self._is_outlet_lost: Promise[None] = Promise()
        self._timer: Timer | None = None
        self._flushed_at_s = 0.0
        self._end: Callable[[], None] = lambda: None

    def start(self) -> None:
        self._end = spawn(self._keep_connected())
        self._loop.call_every(LOOK_INTERVAL_S, self._flush)

    def stop(self) -> None:
        """After the loop has ended: tell what is left."""
        self._end()
        if self._outlet is None:
            return
        try:
            self._outlet.send(self._take())
            self._outlet.close()
        except (ConnectionLost, ReplyError) as error:
            self._drop_outlet(str(error))

    def announce(self, steps: Sequence[TaskRecord]) -> None:
        """Tell of the last step of each record, and wake workers for those that are queued."""
        self._steps += steps
        if any(record.state is not State.RUNNING for record in steps):
            self._flush_within(self._flushed_at_s + ENDS_TOLD_WITHIN_S - time.monotonic())
        elif steps and self._timer is None:
            self._flush_within(BEGINNING_TOLD_AFTER_S)

    def announce_progress(self, reports: Mapping[str, Progress]) -> None:
        """Tell how far tasks have come."""
        self._messages.append(message_of_progress(reports))
        self._flush()

    def _flush_within(self, delay_s: float) -> None:
        if delay_s <= 0:
            self._flush()
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._flush)

    def _flush(self) -> None:
        """Send what is there to be told, and look whether the connection still stands."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._outlet is None:
            del self._steps[:-MAX_PENDING], self._messages[:-MAX_PENDING]
            return
        messages = self._take()
        try:
            if messages and not self._outlet.has_sent(messages):
                # Its buffer is full. It may have room when we look again.
                self._messages = messages[-MAX_PENDING:]
            if self._outlet.look():
                self._trouble.is_over()
        except (ConnectionLost, ReplyError) as error:
            # To be told twice harms nobody.
            self._messages = messages
            self._drop_outlet(str(error))
        self._flushed_at_s = time.monotonic()

    def _take(self) -> list[Message]:
        messages = messages_of(self._steps, self._messages)
        self._steps, self._messages = [], []
        return messages

    def _drop_outlet(self, reason: str) -> None:
        self._outlet.abandon()
        self._outlet = None
        self._trouble.begins(reason)
        self._is_outlet_lost.keep()

    async def _keep_connected(self) -> None:
        backoff = Backoff(limit_s=2.0)
        while True:
            try:
                self._outlet = await in_thread(self._loop, lambda: Outlet(self._url))
            except (ConnectionLost, ReplyError) as error:
                self._trouble.begins(str(error))
            else:
                backoff.reset()
                self._is_outlet_lost = Promise()
                self._flush()
                await self._is_outlet_lost
            await sleep(self._loop, backoff.next_delay_s())

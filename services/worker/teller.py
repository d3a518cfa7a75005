"""The worker's voice: it announces over pub/sub what has become of tasks, from the event loop.

What others act upon (a task that is handed back, one that waits for its next attempt) is told at
once. Those who watch each step hear of it a moment later, with all others of that moment: they are
people. Each message that is saved like this need not wake pub/sub and everybody who listens, which
with short tasks costs more than the message. The end of a task is not told here but by kvdb, to
those who wait for it.

Nobody waits for pub/sub. What it does not take is kept and sent later, the newest steps of it.
"""

from collections.abc import Callable, Mapping, Sequence

from services.broker.client import (
    MAX_PENDING,
    Message,
    Outlet,
    Progress,
    TaskRecord,
    Trouble,
    message_of_progress,
    messages_to_act_upon,
    messages_to_watch,
)
from services.common.backoff import Backoff
from services.common.event_loop import EventLoop, Timer
from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.worker.coroutines import Promise, in_thread, sleep, spawn

WATCHERS_TOLD_AFTER_S = 0.01
LOOK_INTERVAL_S = 1.0


class Teller:
    """Announces; every method is called in the event loop's thread."""

    def __init__(self, loop: EventLoop, url: RedisURL, vitals: Vitals, log: Log):
        self._loop = loop
        self._url = url
        self._trouble = Trouble(url, vitals, log)
        # What those who watch have not been told.
        self._steps: list[TaskRecord] = []
        self._messages: list[Message] = []
        self._outlet: Outlet | None = None
        self._is_outlet_lost: Promise[None] = Promise()
        self._timer: Timer | None = None
        self._end: Callable[[], None] = lambda: None

    def start(self) -> None:
        self._end = spawn(self._keep_connected())
        self._loop.call_every(LOOK_INTERVAL_S, self._flush_all)

    def stop(self) -> None:
        """After the loop has ended: tell what is left."""
        self._end()
        if self._outlet is None:
            return
        try:
            self._outlet.send(self._messages + messages_to_watch(self._steps))
            self._outlet.close()
        except (ConnectionLost, ReplyError) as error:
            self._drop_outlet(str(error))

    def announce(self, steps: Sequence[TaskRecord]) -> None:
        """Tell of the last step of each record, and wake workers for those that are queued."""
        self._steps += steps
        self._messages += messages_to_act_upon(steps)
        if self._messages:
            self._flush()
        if self._steps and self._timer is None:
            self._timer = self._loop.call_later(WATCHERS_TOLD_AFTER_S, self._flush_all)

    def announce_progress(self, reports: Mapping[str, Progress]) -> None:
        """Tell how far tasks have come."""
        self._messages.append(message_of_progress(reports))
        self._flush_all()

    def _flush_all(self) -> None:
        """Tell everybody everything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._outlet is not None:
            self._messages += messages_to_watch(self._steps)
            self._steps = []
        self._flush()

    def _flush(self) -> None:
        """Send what is there to be told, and look whether the connection still stands."""
        if self._outlet is None:
            del self._steps[:-MAX_PENDING], self._messages[:-MAX_PENDING]
            return
        messages, self._messages = self._messages, []
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
                self._flush_all()
                await self._is_outlet_lost
            await sleep(self._loop, backoff.next_delay_s())

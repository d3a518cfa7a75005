"""Ends: a broker hears how tasks end, as long as somebody waits for one.

Each end is told to everybody who listens, with its record. To be woken for it costs a broker more
than it costs the worker to tell it, so a broker for which nobody waits does not listen: it begins
with the first wait, and ends some seconds after the last one.

    nobody waits ──first wait──▶ connecting ──▶ listening ──an end comes, and nobody has
         ▲                                          │       waited for a while
         └──────────────────────────────────────────┘

Between a wait and the moment in which the subscription stands, an end may be missed. So whoever
waits looks then (`on_change`), as after any other time in which nothing was heard.
"""

import threading
import time
from collections.abc import Callable

from services.broker import keys
from services.broker.events import Event, decode_events
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.pubsub.client import Subscriber

LINGER_S = 10.0


class Ends:
    """For any thread. The callbacks come from the thread that listens."""

    def __init__(
        self,
        url: RedisURL,
        log: Log,
        on_end: Callable[[Event], None],
        on_change: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        """`on_change`: from now on ends are heard, or are not heard any more (`is_listening`)."""
        self._url = url
        self._log = log
        self._on_end = on_end
        self._on_change = on_change
        self._clock = clock
        self._lock = threading.Lock()
        self._subscriber: Subscriber | None = None
        self._waiting = 0
        self._waited_at_s = 0.0
        self.is_listening = False

    def wait(self, woken: threading.Event, timeout_s: float) -> None:
        """Wait, and see that ends are heard meanwhile."""
        with self._lock:
            self._waiting += 1
            if self._subscriber is None:
                self._subscriber = self._started()
        try:
            woken.wait(timeout_s)
        finally:
            with self._lock:
                self._waiting -= 1
                self._waited_at_s = self._clock()

    def stop(self) -> None:
        with self._lock:
            self._end()

    def _started(self) -> Subscriber:
        subscriber = Subscriber(
            self._url,
            self._on_message,
            self._log,
            channels=[keys.ENDS_CHANNEL],
            on_connected=lambda: self._change(subscriber, is_listening=True),
            on_lost=lambda reason: self._change(subscriber, is_listening=False),
        )
        subscriber.start()
        return subscriber

    def _change(self, subscriber: Subscriber, *, is_listening: bool) -> None:
        with self._lock:
            if subscriber is not self._subscriber:
                return  # It has just been told to end.
            self.is_listening = is_listening
        self._on_change()

    def _on_message(self, channel: str, message: bytes) -> None:
        with self._lock:
            if not self._waiting and self._clock() > self._waited_at_s + LINGER_S:
                self._end()
        if not self.is_listening:
            self._on_change()
            return
        for event in decode_events(message):
            self._on_end(event)

    def _end(self) -> None:
        if self._subscriber is not None:
            self._subscriber.stop()
        self._subscriber = None
        self.is_listening = False

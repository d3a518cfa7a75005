"""Subscriptions for browsers: one at the pub/sub service for each channel, however many watch it.

    browser A ─┐
    browser B ─┼─▶ channel:news ──▶ one Subscriber thread ──SUBSCRIBE news──▶ pubsub
    browser C ───▶ pattern:n*   ──▶ one Subscriber thread ──PSUBSCRIBE n*──▶ pubsub

The thread begins with the first one who watches and ends with the last. A message carries a number
that only grows, also over restarts of this process. A page that wants one more channel opens a new
stream before it closes the old one, and knows by the number what it has seen already: nothing is
missed in between and nothing is shown twice.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.pubsub.client import Subscriber
from services.web.errors import HTTPError
from services.web.event_stream import Broadcast, Event, Listener

MAX_SUBSCRIPTIONS = 64
MAX_NAME_BYTES = 512
MAX_SHOWN_BYTES = 16 * 1024


@dataclass(slots=True)
class Subscription:
    """One channel or pattern that at least one browser watches."""

    subscriber: Subscriber
    state: dict[str, object]
    watchers: Broadcast = field(default_factory=Broadcast)


class Subscriptions:
    """All of them, by their source: `channel:NAME` or `pattern:GLOB`."""

    def __init__(self, url: RedisURL, log: Log, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._log = log
        self._clock = clock
        self._active: dict[str, Subscription] = {}
        # Held while a message is numbered and sent: a stream sees numbers in their order.
        self._lock = threading.RLock()
        self._numbers = itertools.count(int(clock() * 1_000_000))

    def topic(self, source: str) -> ChannelTopic:
        """The topic of one source. Raises HTTPError for a bad name, and when there are too many."""
        name = source.partition(":")[2]
        if not 0 < len(name.encode()) <= MAX_NAME_BYTES:
            raise HTTPError(400, f"a channel's name has 1 to {MAX_NAME_BYTES} bytes")
        with self._lock:
            if source not in self._active and len(self._active) >= MAX_SUBSCRIPTIONS:
                raise HTTPError(429, f"{MAX_SUBSCRIPTIONS} channels are being watched already")
        return ChannelTopic(self, source)

    def watch(self, source: str, listener: Listener) -> None:
        """Send `listener` what comes from `source`; the first one begins the subscription."""
        with self._lock:
            subscription = self._active.get(source)
            if subscription is None:
                subscription = self._active[source] = self._subscribe(source)
            subscription.watchers.add(listener)

    def unwatch(self, source: str, listener: Listener) -> None:
        """The listener has gone; the last one ends the subscription."""
        with self._lock:
            subscription = self._active.get(source)
            if subscription is None:
                return
            subscription.watchers.remove(listener)
            if not subscription.watchers:
                del self._active[source]
                subscription.subscriber.stop()

    def state(self, source: str) -> dict[str, object]:
        """Whether messages come: `connecting`, `live`, or `lost` with the reason."""
        with self._lock:
            subscription = self._active.get(source)
            return subscription.state if subscription else _state(source, "connecting")

    def close(self) -> None:
        with self._lock:
            active, self._active = self._active, {}
        for subscription in active.values():
            subscription.subscriber.stop()

    def _subscribe(self, source: str) -> Subscription:
        kind, _, name = source.partition(":")
        subscriber = Subscriber(
            self._url,
            lambda channel, payload: self._deliver(source, channel, payload),
            self._log,
            channels=[name] if kind == "channel" else [],
            patterns=[name] if kind == "pattern" else [],
            on_connected=lambda: self._change(subscription, _state(source, "live")),
            on_lost=lambda reason: self._change(subscription, _state(source, "lost", reason)),
        )
        subscription = Subscription(subscriber, _state(source, "connecting"))
        subscriber.start()
        return subscription

    def _change(self, subscription: Subscription, state: dict[str, object]) -> None:
        with self._lock:
            subscription.state = state
            subscription.watchers.publish("subscription", state)

    def _deliver(self, source: str, channel: str, payload: bytes) -> None:
        with self._lock:
            subscription = self._active.get(source)
            if subscription is None:
                return
            message = {
                "number": next(self._numbers),
                "source": source,
                "channel": channel,
                "at_ms": int(self._clock() * 1000),
                "size": len(payload),
                "is_cut": len(payload) > MAX_SHOWN_BYTES,
                "text": payload[:MAX_SHOWN_BYTES].decode("utf-8", "backslashreplace"),
            }
            subscription.watchers.publish("message", message)


@dataclass(frozen=True, slots=True)
class ChannelTopic:
    """One source as a topic of the stream."""

    subscriptions: Subscriptions
    source: str

    def add(self, listener: Listener) -> None:
        self.subscriptions.watch(self.source, listener)

    def remove(self, listener: Listener) -> None:
        self.subscriptions.unwatch(self.source, listener)

    def initial(self) -> list[Event]:
        return [("subscription", self.subscriptions.state(self.source))]


def _state(source: str, state: str, reason: str = "") -> dict[str, object]:
    return {"source": source, "state": state, "reason": reason}

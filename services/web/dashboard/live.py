"""Live data: topics that browsers watch over one stream of server-sent events.

A page opens one stream and names what it wants to see on it; each topic is fed by a thread of its
own, and only while somebody watches:

    GET /api/stream?topic=services&topic=tasks&topic=channel:news
                         │               │             │
                       Poll            Poll      a subscription of the pub/sub panel
                         └───────┬───────┴─────────────┘
                              Stream ──▶ one EventStreamResponse ──▶ one EventSource in the browser

One stream and not one for each topic, because a browser opens at most six connections to one host
over HTTP/1.1, and every tab keeps one of them.

A topic has what `Broadcast` has, `add` and `remove` of listeners, and what it tells a new listener
at once, `initial`. That is all that a `Stream` knows of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from services.common.logs import Log
from services.web.event_stream import Broadcast, Event, Listener

_MIN_PAUSE_S = 0.1


class Topic(Protocol):
    """What a page can watch. Every method may be called by any thread and never blocks."""

    def add(self, listener: Listener) -> None: ...

    def remove(self, listener: Listener) -> None: ...

    def initial(self) -> Sequence[Event]: ...


class Stream:
    """Several topics as one source of events for one browser."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._topics = topics

    def add(self, listener: Listener) -> None:
        for topic in self._topics:
            topic.add(listener)

    def remove(self, listener: Listener) -> None:
        for topic in self._topics:
            topic.remove(listener)

    def initial(self) -> list[Event]:
        return [event for topic in self._topics for event in topic.initial()]


class Poll:
    """A topic whose thread asks for the whole state again and again, and publishes what changed.

    `fetch` is called each `interval_s` while somebody watches, otherwise each `idle_interval_s`
    (None: not at all). What it returns is sent as the event's data, unless it equals what was
    sent before. It reports a dependency that is down in its result; an exception is a bug of
    ours, which is logged and ends nothing.
    """

    def __init__(
        self,
        event: str,
        fetch: Callable[[], object],
        log: Log,
        *,
        interval_s: float,
        idle_interval_s: float | None = None,
    ) -> None:
        self.event = event
        self._fetch = fetch
        self._log = log
        self._interval_s = interval_s
        self._idle_interval_s = idle_interval_s
        self._broadcast = Broadcast()
        self._changed = threading.Condition()
        self._is_wanted_now = False
        self._is_stopping = False
        self._latest: object = None
        self._thread = threading.Thread(target=self._run, name=f"poll {event}", daemon=True)

    def add(self, listener: Listener) -> None:
        self._broadcast.add(listener)
        self.wake()

    def remove(self, listener: Listener) -> None:
        self._broadcast.remove(listener)

    def initial(self) -> list[Event]:
        latest = self._latest
        return [] if latest is None else [(self.event, latest)]

    def state(self) -> object:
        """The state now: the latest one while it is kept up to date, otherwise asked for."""
        latest = self._latest
        return latest if self._broadcast and latest is not None else self.poll()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after the poll that is under way."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()

    def wake(self) -> None:
        """Something has changed, or somebody has come: poll now, if anybody watches."""
        with self._changed:
            self._is_wanted_now = bool(self._broadcast)
            self._changed.notify()

    def poll(self) -> object:
        """Ask once, and tell whoever watches; returns the state."""
        state = self._fetch()
        if state != self._latest:
            self._latest = state
            self._broadcast.publish(self.event, state)
        return state

    def _run(self) -> None:
        while self._wait():
            try:
                self.poll()
            except Exception:
                self._log.exception("a poll failed", topic=self.event)

    def _wait(self) -> bool:
        """Sleep until the next poll is due; false when the thread is to end."""
        with self._changed:
            # However often it is woken, it asks no more often than this.
            self._changed.wait_for(lambda: self._is_stopping, timeout=_MIN_PAUSE_S)
            if not self._broadcast and self._idle_interval_s is None:
                self._latest = None  # It grows old unseen; the next watcher gets a fresh one.
            self._changed.wait_for(
                lambda: self._is_wanted_now or self._is_stopping,
                timeout=self._interval_s if self._broadcast else self._idle_interval_s,
            )
            self._is_wanted_now = False
            return not self._is_stopping

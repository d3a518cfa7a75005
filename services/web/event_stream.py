"""Server-sent events: one publisher, any number of browsers listening.

The format (WHATWG HTML, section 9.2) is text that never ends: `event: name`, `data: line`, a blank
line after each event, and lines that begin with a colon as comments, which keep the connection and
the proxies in between awake.

    publisher thread            Broadcast                    each listener
    publish("tick", {...}) ──▶  encode once ──▶ push(bytes) ──▶ its own queue ──▶ socket

A listener is anything with a `push`. Our server gives each connection one that queues for the event
loop, so that no thread waits; under other WSGI servers `Subscription` itself is a listener with a
bounded queue and a blocking iterator. A listener that does not keep up is dropped, never waited
for: an event stream is resumed by the browser itself, with a fresh `initial`.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

Event = tuple[str, object]
InitialEvents = Sequence[Event] | Callable[[], Sequence[Event]]

PING = b": ping\n\n"
_PING_INTERVAL_S = 15.0
_MAX_QUEUED_EVENTS = 1000


class Listener(Protocol):
    """Whatever receives the encoded events. `push` is called from any thread and never blocks."""

    def push(self, chunk: bytes) -> None: ...

    def end(self) -> None: ...


def encode_event(event: str, data: object) -> bytes:
    """One event as bytes; `data` is sent as text when it is text, otherwise as JSON."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    if "\n" in event or "\r" in event:
        raise ValueError(f"the name of an event is one line: {event!r}")
    # Each line of the data is a field of its own; CR alone ends a line too in this format.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    fields = [f"event: {event}"] if event else []
    fields.extend(f"data: {line}" for line in lines)
    return ("\n".join(fields) + "\n\n").encode("utf-8", "replace")


class Broadcast:
    """Sends each published event to every listener; every method may be called by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()
        self._closed = False

    def publish(self, event: str, data: object = "") -> int:
        """Send an event to whoever listens now; returns how many that were."""
        # The tuple is replaced, never changed, so this snapshot needs no lock.
        listeners = self._listeners
        if listeners:
            chunk = encode_event(event, data)
            for listener in listeners:
                listener.push(chunk)
        return len(listeners)

    def add(self, listener: Listener) -> None:
        """Let `listener` receive every event from now on."""
        with self._lock:
            closed = self._closed
            if not closed:
                self._listeners = (*self._listeners, listener)
        if closed:
            listener.end()

    def remove(self, listener: Listener) -> None:
        """Send no more to `listener`; unknown ones are ignored, it may have gone by itself."""
        with self._lock:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

    def close(self) -> None:
        """End every stream, and every later one at once: the service stops."""
        with self._lock:
            self._closed = True
            listeners, self._listeners = self._listeners, ()
        for listener in listeners:
            listener.end()

    def __len__(self) -> int:
        return len(self._listeners)


class Subscription:
    """One response's interest in a broadcast: attached to a listener, or iterated over.

    Our server calls `attach(listener)` and `detach(listener)`. Any other iterates, which blocks a
    thread of that server until the next event or the next ping.
    """

    def __init__(
        self,
        events: Broadcast,
        initial: InitialEvents = (),
        *,
        ping_interval_s: float = _PING_INTERVAL_S,
        max_queued_events: int = _MAX_QUEUED_EVENTS,
    ) -> None:
        self.events = events
        self.initial = initial
        self.ping_interval_s = ping_interval_s
        self._max_queued_events = max_queued_events
        self._own: _QueueListener | None = None

    def attach(self, listener: Listener) -> bytes:
        """Subscribe `listener` and return what it sends first."""
        self.events.add(listener)
        try:
            initial = self.initial() if callable(self.initial) else self.initial
        except Exception:
            self.events.remove(listener)
            raise
        # An empty comment makes the first byte arrive at once: the browser knows it is connected.
        return b":\n\n" + b"".join(encode_event(event, data) for event, data in initial)

    def detach(self, listener: Listener) -> None:
        """The listener's client went away."""
        self.events.remove(listener)

    def __iter__(self) -> Iterator[bytes]:
        self._own = listener = _QueueListener(self._max_queued_events)
        yield self.attach(listener)
        while (chunk := listener.next_chunk(self.ping_interval_s)) is not None:
            yield chunk

    def close(self) -> None:
        """The server is done with the iteration (PEP 3333 calls this in every case)."""
        if self._own is not None:
            self.events.remove(self._own)


class _QueueListener:
    """A bounded queue between the publishers and one blocking iteration."""

    def __init__(self, max_queued_events: int) -> None:
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._max_queued_events = max_queued_events

    def push(self, chunk: bytes) -> None:
        if self._queue.qsize() >= self._max_queued_events:
            self.end()
        else:
            self._queue.put(chunk)

    def end(self) -> None:
        self._queue.put(None)

    def next_chunk(self, ping_interval_s: float) -> bytes | None:
        """The next event, a ping when there was none for a while, None at the end."""
        try:
            return self._queue.get(timeout=ping_interval_s)
        except queue.Empty:
            return PING

"""A connection to kvdb or pubsub that is awaited in the event loop.

The worker has one thread. While it waits for kvdb, its children may end, and their time limits
may run out, so it must not wait in `recv`: it writes its requests, and goes on when the socket is
readable. Only the making of a connection, which may wait for a name server, is left to a thread.
"""

import contextlib
from collections import deque

from services.common.event_loop import EventLoop
from services.common.redis_url import RedisURL
from services.common.resp import encode_requests
from services.common.resp_client import ConnectionLost, RespConnection
from services.kvdb.client import Command
from services.worker.coroutines import Deadline, Promise, in_thread


class LoopConnection:
    """One connection, for one coroutine; every coroutine of it raises ConnectionLost."""

    def __init__(self, loop: EventLoop, connection: RespConnection):
        self._loop = loop
        self._connection = connection
        self._timeout_s = connection.timeout_s
        # Kept for `unwatch`: a socket that is closed does not know its number any more.
        self._number = connection.fileno()
        self._unsent = b""
        self._replies: deque[object] = deque()
        self._arrival: Promise[bool] | None = None
        self._deadline = Deadline(loop, lambda: self._arrival.keep(False))
        self._lost: ConnectionLost | None = None
        loop.watch(self, self._on_readable)

    @classmethod
    async def made(cls, loop: EventLoop, url: RedisURL, timeout_s: float = 5.0) -> "LoopConnection":
        """A new connection. Raises ConnectionLost, or ReplyError where a password is refused."""
        return cls(loop, await in_thread(loop, lambda: RespConnection(url, timeout_s=timeout_s)))

    def fileno(self) -> int:
        return self._number

    def close(self) -> None:
        self._lose(ConnectionLost("closed"))

    async def pipeline(self, requests: list[Command]) -> list[object]:
        """Several requests in one write; their replies in order, errors among them as values."""
        self.send(*requests)
        while len(self._replies) < len(requests):
            if not await self.arrival(self._timeout_s):
                self._lose(ConnectionLost("timed out"))
        return [self._replies.popleft() for _ in requests]

    def send(self, *requests: Command) -> None:
        """Send what the socket takes now, and the rest as soon as it does."""
        if self._lost is not None:
            raise self._lost
        self._unsent += encode_requests(requests)
        self._send_unsent()
        if self._unsent:
            self._loop.watch(self, self._on_readable, self._on_writable)

    def next_reply(self) -> object | None:
        """A reply or a message that is there; None where there is none."""
        return self._replies.popleft() if self._replies else None

    async def arrival(self, timeout_s: float) -> bool:
        """Wait until something has arrived; false where nothing has within `timeout_s`."""
        if self._lost is not None:
            raise self._lost
        self._arrival = Promise()
        self._deadline.set(timeout_s)
        try:
            return await self._arrival
        finally:
            self._arrival = None
            self._deadline.clear()

    # The loop's callbacks.

    def _on_readable(self) -> None:
        try:
            if not self._connection.receive(0):
                return
        except ConnectionLost as error:
            self._lose(error)
            return
        self._replies += self._connection.take_replies()
        if self._replies and self._arrival is not None:
            self._arrival.keep(True)

    def _on_writable(self) -> None:
        try:
            self._send_unsent()
        except ConnectionLost as error:
            self._lose(error)
            return
        if not self._unsent:
            self._loop.watch(self, self._on_readable)

    def _send_unsent(self) -> None:
        self._unsent = self._unsent[self._connection.send_some(self._unsent) :]

    def _lose(self, error: ConnectionLost) -> None:
        if self._lost is not None:
            return
        self._lost = error
        with contextlib.suppress(OSError):
            # Where it failed, it is closed by now, and the poller has forgotten it.
            self._loop.unwatch(self)
        self._connection.close()
        if self._arrival is not None:
            self._arrival.fail(error)

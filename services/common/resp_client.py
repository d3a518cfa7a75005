"""A blocking Redis client: how our services talk to kvdb and pubsub, or to a real Redis.

`RespConnection` is one socket, for one thread at a time: requests out, replies in.
`RespPool` lends connections to threads (`connection_pool`). `services.kvdb.client` and
`services.pubsub.client` build on them what their users need. RESP2 is spoken, which every server
of the family knows.
"""

import collections
import socket
from collections.abc import Callable

from services.common.connection_pool import ConnectionPool
from services.common.redis_url import RedisURL
from services.common.resp import (
    NEED_MORE,
    ReplyError,
    RespError,
    encode_request,
    encode_requests,
)
from services.common.resp_replies import RespReplyDecoder

RECV_BYTES = 64 * 1024

Argument = bytes | str | int | float


class ConnectionLost(ConnectionError):
    """The server cannot be reached, or went away before it answered.

    Whether a request that was under way has been carried out is not known.
    """


class RespConnection:
    """One connection. Every method raises ConnectionLost when the socket fails."""

    def __init__(self, url: RedisURL, *, timeout_s: float = 5.0):
        self._decoder = RespReplyDecoder()
        self._replies: collections.deque[object] = collections.deque()
        self.timeout_s = self._set_timeout_s = timeout_s
        try:
            self._sock = socket.create_connection((url.host, url.port), timeout=timeout_s)
        except OSError as error:
            raise ConnectionLost(f"{url.address}: {error.strerror or error}") from error
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._log_in(url)
        except BaseException:
            self.close()
            raise

    def _log_in(self, url: RedisURL) -> None:
        if url.password:
            self.execute("AUTH", *([url.user] if url.user else []), url.password)
        if url.db:
            self.execute("SELECT", url.db)

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def execute(self, *arguments: Argument, timeout_s: float | None = None) -> object:
        """One request and its reply; an error reply is raised as ReplyError.

        `timeout_s` replaces the connection's own, for a command that blocks on purpose.
        """
        self.send(encode_request(list(arguments)))
        reply = self.read_reply(timeout_s)
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def pipeline(
        self,
        requests: list[tuple[Argument, ...]],
        meanwhile: Callable[[], None] | None = None,
    ) -> list[object]:
        """Several requests in one write; their replies in order, errors among them as values.

        `meanwhile` is called in between.
        """
        self.send(encode_requests(requests))
        if meanwhile is not None:
            meanwhile()
        return [self.read_reply() for _ in requests]

    def send(self, data: bytes) -> None:
        try:
            self._set_timeout(self.timeout_s)
            self._sock.sendall(data)
        except OSError as error:
            self.close()
            raise ConnectionLost(str(error)) from error

    def send_at_once(self, data: bytes) -> bool:
        """Send what does not have to wait; false where nothing could be sent.

        Where only a part could, the connection is closed, and raises ConnectionLost: a request that
        is cut off is none.
        """
        sent = self.send_some(data)
        if 0 < sent < len(data):
            self.close()
            raise ConnectionLost("the server does not read")
        return sent > 0

    def send_some(self, data: bytes) -> int:
        """Send as much as the socket takes without waiting; how many bytes that were."""
        try:
            self._set_timeout(0)
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.close()
            raise ConnectionLost(str(error)) from error

    def read_reply(self, timeout_s: float | None = None) -> object:
        """The next reply or pushed message; waits for it.

        A timeout closes the connection: the reply would else be taken for that of the next request.
        """
        while True:
            if self._replies:
                return self._replies.popleft()
            if not self.receive(self.timeout_s if timeout_s is None else timeout_s):
                self.close()
                raise ConnectionLost("timed out")

    def receive(self, timeout_s: float) -> bool:
        """Wait for bytes and decode them; false where none came within `timeout_s`."""
        try:
            self._set_timeout(timeout_s)
            data = self._sock.recv(RECV_BYTES)
        except (TimeoutError, BlockingIOError):
            return False
        except OSError as error:
            self.close()
            raise ConnectionLost(str(error)) from error
        if not data:
            self.close()
            raise ConnectionLost("the server closed the connection")
        try:
            self._decoder.receive_data(data)
            while (reply := self._decoder.next_reply()) is not NEED_MORE:
                self._replies.append(reply)
        except RespError as error:
            self.close()
            raise ConnectionLost(f"the server does not speak RESP: {error}") from error
        return True

    def _set_timeout(self, timeout_s: float) -> None:
        # A system call, and a chance for other threads to take the interpreter: only where needed.
        if timeout_s != self._set_timeout_s:
            self._sock.settimeout(timeout_s)
            self._set_timeout_s = timeout_s

    def take_replies(self) -> list[object]:
        """What has been decoded and not been read yet; does not wait."""
        replies = list(self._replies)
        self._replies.clear()
        return replies


class RespPool(ConnectionPool[RespConnection]):
    """Connections to one server, lent to one thread at a time; for use from any thread."""

    def __init__(self, url: RedisURL, *, timeout_s: float = 5.0, max_idle: int = 16):
        self.url = url
        super().__init__(
            lambda: RespConnection(url, timeout_s=timeout_s),
            harmless=ReplyError,
            max_idle=max_idle,
        )

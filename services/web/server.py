"""The HTTP server: an event loop for waiting, a small pool of threads for working.

What an HTTP server does most is wait: for clients that are slow to send, slow to read, or keep a
connection open for their next request. What it must not do is wait in the wrong place. This one has
two places, after gunicorn's `gthread` worker and waitress:

    accept ─▶ ┌───────────── event loop, one thread ────────────┐
              │ thousands of connections: idle, receiving a     │   request complete
              │ head or a body, sending a file or leftovers,    │ ─────────────────▶ deque
              │ streaming events, timing out                    │                      │
              └───────▲─────────────────────────────────────────┘                      ▼
                      │                                                      ┌── threads ──┐
                      └───────────────────── done ─────────────────────────  │ WSGI app    │
                                                                             └─────────────┘

A thread gets a connection when a whole request has arrived, body included, and gives it back when
the response is on its way; so `threads` bounds how many requests *run*, not how many clients there
are. See `connection` for how ownership passes, `http_decoder` for what is a request, `wsgi` for how
the application is called.

Several processes may share one listener (`workers`).
"""

from __future__ import annotations

import socket
import ssl
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from operator import methodcaller
from typing import BinaryIO

from services.common.accepting import Acceptor
from services.common.event_loop import EventLoop, Timer
from services.common.logs import Log
from services.web.access_log import AccessLog
from services.web.connection import Connection
from services.web.http_decoder import Limits
from services.web.http_encoder import encode_simple_response
from services.web.thread_pool import ThreadPool
from services.web.tls import TLSSocket
from services.web.websocket import WebSocket
from services.web.wsgi import Application, EnvironBuilder

# A client whose connection is idle may just be sending its next request.
_IDLE_GRACE_S = 0.5


@dataclass(frozen=True, slots=True)
class Settings:
    """The limits of a server; every one protects it from a client or from itself."""

    threads: int = 8
    max_connections: int = 10_000
    limits: Limits = field(default_factory=Limits)
    body_memory_bytes: int = 1024 * 1024
    """Larger bodies go to a temporary file."""
    head_timeout_s: float = 10.0
    body_timeout_s: float = 20.0
    min_body_bytes_per_s: int = 1024
    """A body gets one more second for each so many bytes that have arrived."""
    keep_alive_timeout_s: float = 30.0
    send_timeout_s: float = 30.0
    """How long a client may not read at all."""
    max_requests_per_connection: int = 10_000
    max_stream_bytes: int = 1024 * 1024
    """What may wait for one reader of an event stream."""
    max_socket_bytes: int = 8 * 1024 * 1024
    """What may wait for one reader of a WebSocket."""
    ping_interval_s: float = 15.0
    sweep_interval_s: float = 1.0
    """How often timeouts are looked at, and so how exact they are."""
    access_log: str = "no"
    """One of `access_log.FORMS`."""
    tls: ssl.SSLContext | None = None
    proxy_protocol: bool = False
    """Each connection begins with a PROXY header, which says whose it is."""


class HTTPServer:
    """Serves one WSGI application on one listening socket, on a loop that the caller runs."""

    def __init__(
        self,
        application: Application,
        listener: socket.socket,
        loop: EventLoop,
        log: Log,
        settings: Settings | None = None,
    ) -> None:
        self.application = application
        self.loop = loop
        self.log = log
        self.settings = settings or Settings()
        self.is_stopping = False
        self.date = formatdate(usegmt=True)
        self.connections: set[Connection] = set()
        host, port = listener.getsockname()[:2]
        self.environs = EnvironBuilder(
            log, host, port, scheme="https" if self.settings.tls else "http"
        )
        self.access_log = AccessLog(self.settings.access_log, log)
        self.pool: ThreadPool[Connection | WebSocket] = ThreadPool(
            "http", self.settings.threads, methodcaller("serve")
        )
        self._finished_requests = 0
        self._streams_to_flush: deque[Connection] = deque()
        self._is_flush_due = False
        self._on_stopped: Callable[[], None] | None = None
        self._idle_deadline_s = float("inf")
        self._timers: list[Timer] = [
            loop.call_every(self.settings.sweep_interval_s, self._sweep),
            loop.call_every(self.settings.ping_interval_s, self._ping_streams),
        ]
        self._acceptor = Acceptor(loop, listener, self._take, log)
        loop.before_sleep(self.pool.dispatch)

    @property
    def requests_total(self) -> int:
        """Requests handed to the application so far."""
        # Each connection counts for itself, in whichever thread it is: no lock, no lost count.
        return self._finished_requests + sum(
            connection.requests_total for connection in list(self.connections)
        )

    def stop(self, grace_s: float, on_stopped: Callable[[], None]) -> None:
        """Accept no more, finish what runs, then call `on_stopped`; after `grace_s` in any case.

        Called in the loop's thread.
        """
        if self.is_stopping:
            return
        self.is_stopping = True
        self._on_stopped = on_stopped
        # Clients in the kernel's queue were accepted as far as they can know: take them in first.
        self._acceptor.accept_all()
        self._acceptor.close()
        self._idle_deadline_s = self.loop.now_s + min(_IDLE_GRACE_S, grace_s)
        self._hasten()
        self._timers.append(self.loop.call_every(0.05, self._sweep))
        self._timers.append(self.loop.call_later(grace_s, self._finish_stop))
        self._check_stopped()

    def forget(self, connection: Connection, sock: socket.socket) -> None:
        """A connection closes."""
        self.loop.unwatch(sock)
        self.connections.discard(connection)
        self._finished_requests += connection.requests_total
        self._check_stopped()

    def flush_stream_soon(self, connection: Connection) -> None:
        """Have the loop send what waits on an event stream; called from any thread.

        One wake-up serves a whole fan-out: however many streams and events, one turn sends them.
        """
        self._streams_to_flush.append(connection)
        if not self._is_flush_due:
            self._is_flush_due = True
            self.loop.call_from_thread(self._flush_streams)

    def open_body(self) -> BinaryIO:
        """Where a request's body is kept until it is whole."""
        return tempfile.SpooledTemporaryFile(self.settings.body_memory_bytes)

    def secured(self, sock: socket.socket) -> socket.socket | TLSSocket:
        """The socket, with TLS around it if this server speaks TLS."""
        return TLSSocket(sock, self.settings.tls) if self.settings.tls else sock

    def _take(self, sock: socket.socket, address: tuple) -> None:
        sock.setblocking(False)
        if len(self.connections) >= self.settings.max_connections:
            _refuse(sock, self.date)
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self, sock, address)
        self.connections.add(connection)
        connection.begin()

    def _sweep(self) -> None:
        """The date for responses, and whoever has run out of time.

        One pass over all connections is cheaper than a timer for each of them and each request.
        """
        self.date = formatdate(usegmt=True)
        now_s = self.loop.now_s
        if self.is_stopping:
            self._hasten()
        for connection in [one for one in self.connections if one.deadline_s <= now_s]:
            connection.check_deadline(now_s)

    def _hasten(self) -> None:
        # Again in each sweep: a thread may have given a connection back as idle meanwhile.
        for connection in list(self.connections):
            connection.begin_stop(self._idle_deadline_s)

    def _ping_streams(self) -> None:
        for connection in list(self.connections):
            connection.ping()

    def _flush_streams(self) -> None:
        # The mark first: whoever publishes from here on asks for another turn.
        self._is_flush_due = False
        for _ in range(len(self._streams_to_flush)):
            self._streams_to_flush.popleft().flush_stream()

    def _check_stopped(self) -> None:
        if self.is_stopping and not self.connections:
            self._finish_stop()

    def _finish_stop(self) -> None:
        on_stopped, self._on_stopped = self._on_stopped, None
        if on_stopped is None:
            return
        if self.connections:
            self.log.warning("stopped with connections open", count=len(self.connections))
        for timer in self._timers:
            timer.cancel()
        self.pool.close()
        on_stopped()


def _refuse(sock: socket.socket, date: str) -> None:
    """One client too many: say so, as far as it can be said without waiting."""
    detail = "too many connections are open"
    try:
        sock.send(encode_simple_response("GET", "503 Service Unavailable", detail, date))
    except OSError:
        pass
    sock.close()

"""Buffered TCP connections on the event loop: the part of kvdb and pubsub that touches sockets.

    socket ─ recv ─▶ Session.data_received ─▶ … codec, command, state … ─▶ Connection.send
    socket ◀─ one send per turn ─ Connection.flush ◀─ the loop's before-sleep hook

`StreamServer` accepts clients and keeps them; a `Connection` is one client's socket with the
output that is waiting for it; a `Session` (written by each service) is what the bytes mean.

Back-pressure has two limits, because there are two ways to be slow:

- A client that *asks* faster than it reads (a long pipeline of large GETs): when `PAUSE_BYTES`
  of replies wait, `Connection.is_blocked` turns true, the session stops taking requests, and
  the socket is no longer read, so the kernel's window fills and the client has to wait. When
  the output has drained, `Session.process` is called to go on. Queued with `send`.
- A client that is *told* more than it reads (a subscriber): nothing can be paused, because
  the messages come from others. At `max_output_bytes` it is dropped. Queued with `push`.
  # Real: client-output-buffer-limit pubsub in Redis.
"""

import socket
from collections.abc import Callable
from typing import Protocol

from services.common.accepting import Acceptor
from services.common.event_loop import EventLoop, Timer
from services.common.logs import Log

RECV_BYTES = 64 * 1024
PAUSE_BYTES = 1024 * 1024
LINGER_S = 2.0
KEEPALIVE_S = 300
"""After so much silence the kernel asks whether the client is still there, as in Redis."""


class Session(Protocol):
    """What one client's bytes mean; made by a service for each connection."""

    def data_received(self, data: bytes) -> None:
        """Bytes arrived: decode them and serve the requests that are complete."""

    def process(self) -> None:
        """Go on with requests that were left because the output was blocked."""

    def connection_lost(self) -> None:
        """The connection is closed, by either side; forget this client. Called once."""


class Connection:
    """One client's socket and the output that waits for it."""

    __slots__ = (
        "_closing",
        "_is_too_slow",
        "_is_writing",
        "_output",
        "_server",
        "_sock",
        "closed",
        "is_reading_paused",
        "keeps_reading",
        "last_active_s",
        "may_be_idle",
        "output_bytes",
        "session",
    )

    def __init__(self, server: "StreamServer", sock: socket.socket):
        self._server = server
        self._sock = sock
        self._output: list[bytes | memoryview] = []
        self._is_too_slow = False
        self._is_writing = False
        self._closing = False
        self.session: Session | None = None
        self.output_bytes = 0
        self.last_active_s = server.loop.now_s
        self.is_reading_paused = False
        # Set by the session of a client that waits by right, such as a subscriber: the idle
        # timeout does not hold for it.  # Real: clientsCronHandleTimeout() in Redis.
        self.may_be_idle = False
        # Set for a peer that is a server, too: two that write to each other, and each stop to
        # read while the other does not, would wait for ever.
        self.keeps_reading = False
        self.closed = False

    @property
    def peer(self) -> str:
        """The client's address as `host:port`; asked of the socket, because few need it."""
        return _host_port(self._sock.getpeername)

    @property
    def local(self) -> str:
        """The address that the client has connected to."""
        return _host_port(self._sock.getsockname)

    def fileno(self) -> int:
        """The descriptor of the socket; -1 when it is closed."""
        return self._sock.fileno()

    @property
    def idle_s(self) -> float:
        """For how long the client has sent nothing."""
        return self._server.loop.now_s - self.last_active_s

    @property
    def is_blocked(self) -> bool:
        """True while the session should take no further requests of this client."""
        is_full = self.output_bytes >= PAUSE_BYTES and not self.keeps_reading
        return is_full or self._closing or self.closed

    def send(self, data: bytes) -> None:
        """Queue a reply; it leaves at the end of the turn, in one send with all others."""
        if self._closing or self.closed:
            return
        if not self._output and not self._is_writing:
            self._server.to_flush.append(self)
        self._output.append(data)
        self.output_bytes += len(data)

    def push(self, data: bytes, max_output_bytes: int | None = None) -> None:
        """Queue a message that the client did not just ask for; the output limit holds.

        The limit is the server's, unless there is another for this client (0: none). Over it
        the client is dropped, but only when the turn ends: the caller may be in the middle of a
        fan-out over its subscribers.
        """
        if self._closing or self.closed:
            return
        # The same as `send`, spelled out: a fan-out does this for each of its subscribers.
        server, output = self._server, self._output
        if not output and not self._is_writing:
            server.to_flush.append(self)
        output.append(data)
        self.output_bytes += len(data)
        limit = server.max_output_bytes if max_output_bytes is None else max_output_bytes
        if limit and self.output_bytes > limit:
            self.drop()

    def drop(self) -> None:
        """Close at the end of the turn, without sending what is queued."""
        if not self.closed:
            self._is_too_slow = self._closing = True
            # Its socket has no room: no event of its own would bring it to `flush` again.
            self._server.to_flush.append(self)

    def close_after_flush(self) -> None:
        """Take no more requests, send what is queued, say that it is the end, then close."""
        if not self._closing and not self.closed:
            self._closing = True
            if not self._output and not self._is_writing:
                self._server.to_flush.append(self)

    def pause_reading(self) -> None:
        """Leave the client's bytes in the kernel until `resume_reading`."""
        self.is_reading_paused = True
        self._watch()

    def resume_reading(self) -> None:
        self.is_reading_paused = False
        self._watch()

    def on_readable(self) -> None:
        try:
            data = self._sock.recv(RECV_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self.last_active_s = self._server.loop.now_s
        if not self._closing:
            self.session.data_received(data)

    def _on_writable(self) -> None:
        # With all others at the end of the turn: what was queued in this turn must not leave
        # before the hooks that come before the sending (a log) have run.
        self._server.to_flush.append(self)

    def flush(self) -> None:
        """Send what is queued; called at the end of a turn."""
        if self.closed:
            return
        if self._is_too_slow:
            self._server.drop_slow_reader(self)
            return
        was_blocked = self._is_writing or self.output_bytes >= PAUSE_BYTES
        try:
            self._send_queued()
        except OSError:
            self.close()
            return
        if self._output:
            self._start_writing()
        elif self._closing:
            self._linger()
        elif was_blocked:
            self._is_writing = False
            self._watch()
            self._server.loop.call_soon(self.session.process)

    def has_sent_at_once(self) -> bool:
        """The usual case: one small reply, and the kernel takes all of it. Where it does not,

        `flush` does what has to be done.
        """
        output = self._output
        if len(output) != 1 or self._is_writing or self._closing:
            return False
        data = output[0]
        if len(data) >= PAUSE_BYTES:
            return False
        try:
            sent = self._sock.send(data)
        except OSError:
            return False  # It will be raised again.
        if sent < len(data):
            output[0] = memoryview(data)[sent:]
            self.output_bytes -= sent
            return False
        output.clear()
        self.output_bytes = 0
        return True

    def _send_queued(self) -> None:
        """Give the kernel as much as it takes; what is left stays in `_output`."""
        output = self._output
        while output:
            if len(output) > 1:
                self._join_first()
            data = output[0]
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                return
            self.output_bytes -= sent
            if sent < len(data):
                # A view: cutting the rest off a large value at every send would be quadratic.
                output[0] = memoryview(data)[sent:]
                return
            del output[0]

    def _join_first(self) -> None:
        """Make one buffer of the first queued ones, of about `PAUSE_BYTES` at the most."""
        output = self._output
        if self.output_bytes <= PAUSE_BYTES:
            output[:] = [b"".join(output)]
            return
        size = count = 0
        while count < len(output) and size < PAUSE_BYTES:
            size += len(output[count])
            count += 1
        if count > 1:
            output[:count] = [b"".join(output[:count])]

    def _start_writing(self) -> None:
        if not self._is_writing:
            self._is_writing = True
            self._watch()

    def _watch(self) -> None:
        if self.closed:
            return
        reading = not self.is_reading_paused and (self.keeps_reading or not self._is_writing)
        self._server.loop.watch(
            self._sock,
            self.on_readable if reading else None,
            self._on_writable if self._is_writing else None,
        )

    def _linger(self) -> None:
        """Half-close, and read on for a moment without looking at what comes.

        To close while bytes of the client are unread would reset the connection, and a reset
        can overtake the error reply that we have just sent.  # Real: lingering_close in nginx.
        """
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        self._is_writing = self.is_reading_paused = False
        self._watch()
        self._server.loop.call_later(LINGER_S, self.close)

    def close(self) -> None:
        """Close at once and tell the session; harmless when closed already."""
        if self.closed:
            return
        self.closed = True
        self._output = []
        self._server.forget(self, self._sock)
        self._sock.close()
        if self.session is not None:
            self.session.connection_lost()


class StreamServer:
    """Accepts connections and gives each a session; sends queued output once per turn."""

    def __init__(
        self,
        loop: EventLoop,
        listener: socket.socket,
        new_session: Callable[[Connection], Session],
        log: Log,
        *,
        max_connections: int,
        max_output_bytes: int,
        idle_timeout_s: float = 0,
        refusal: bytes = b"",
    ):
        """`refusal`: what a client over `max_connections` gets; `idle_timeout_s`: 0 for never."""
        self.loop = loop
        self.log = log
        self.max_output_bytes = max_output_bytes
        self.connections: set[Connection] = set()
        self.accepted_total = 0
        self.refused_total = 0
        self._new_session = new_session
        self.max_connections = max_connections
        self._refusal = refusal
        self.to_flush: list[Connection] = []
        self._acceptor = Acceptor(loop, listener, self._take, log)
        loop.before_sleep(self._flush_all)
        self.keepalive_s = KEEPALIVE_S
        self._idle_timer: Timer | None = None
        self.set_idle_timeout(idle_timeout_s)

    def set_idle_timeout(self, idle_timeout_s: float) -> None:
        """Close clients that are silent for so long; 0 for never."""
        if self._idle_timer:
            self._idle_timer.cancel()
            self._idle_timer = None
        if idle_timeout_s > 0:
            period_s = min(max(idle_timeout_s / 4, 0.05), 5)
            self._idle_timer = self.loop.call_every(
                period_s, lambda: self._close_idle(idle_timeout_s)
            )

    def listen_on(self, listener: socket.socket) -> None:
        """Accept there, and no longer at the socket before; clients that are connected stay."""
        self.stop_accepting()
        self._acceptor = Acceptor(self.loop, listener, self._take, self.log)

    def _take(self, sock: socket.socket, address: tuple) -> None:
        if len(self.connections) >= self.max_connections:
            self.refused_total += 1
            sock.setblocking(False)
            _refuse(sock, self._refusal)
            return
        self.accepted_total += 1
        self.adopt(sock, self._new_session)

    def adopt(self, sock: socket.socket, new_session: Callable[[Connection], Session]) -> None:
        """Serve a connected socket, also one that we connected ourselves."""
        sock.setblocking(False)
        _configure(sock, self.keepalive_s)
        connection = Connection(self, sock)
        connection.session = new_session(connection)
        self.connections.add(connection)
        self.loop.watch(sock, connection.on_readable)

    def _flush_all(self) -> None:
        batch, self.to_flush = self.to_flush, []
        # Whoever hears a message has waited for it, and comes before who has published it.
        # Real: clients_pending_write in Redis, which is taken from the same end.
        for connection in reversed(batch):
            try:
                if not connection.has_sent_at_once():
                    connection.flush()
            except Exception:
                self.log.exception("a session failed when its connection closed")

    def drop_unsent(self) -> None:
        """Close the clients that something was queued for in this turn, without sending it."""
        batch, self.to_flush = self.to_flush, []
        for connection in batch:
            connection.close()

    def drop_slow_reader(self, connection: Connection) -> None:
        self.log.warning(
            "dropped a client that does not read",
            client=connection.peer,
            output_bytes=connection.output_bytes,
        )
        connection.close()

    def forget(self, connection: Connection, sock: socket.socket) -> None:
        self.loop.unwatch(sock)
        self.connections.discard(connection)

    def _close_idle(self, idle_timeout_s: float) -> None:
        deadline_s = self.loop.now_s - idle_timeout_s
        for connection in list(self.connections):
            if connection.last_active_s < deadline_s and not connection.may_be_idle:
                connection.close()

    def pause_accepting(self) -> None:
        """Leave those who want to connect waiting, until `accept_again`."""
        self._acceptor.pause()

    def accept_again(self) -> None:
        """Go on accepting, where that has been paused."""
        self._acceptor.resume()

    def stop_accepting(self) -> None:
        """Close the listening socket; clients that are connected stay."""
        self._acceptor.close()

    def close_all(self) -> None:
        """Send what is queued, as far as the kernel takes it at once, and close every client."""
        if self._idle_timer:
            self._idle_timer.cancel()
        self._flush_all()
        for connection in list(self.connections):
            connection.close()


def _configure(sock: socket.socket, keepalive_s: int) -> None:
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not keepalive_s:
        return
    # A subscriber may be silent for days; one whose machine lost its power must not stay.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keepalive_s)


def _host_port(ask: Callable[[], tuple]) -> str:
    try:
        host, port = ask()[:2]
    except OSError:
        return "?"
    return f"{host}:{port}"


def _refuse(sock: socket.socket, refusal: bytes) -> None:
    try:
        sock.send(refusal)
    except OSError:
        pass
    sock.close()

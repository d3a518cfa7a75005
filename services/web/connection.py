"""One client's connection, and who may touch it.

A connection belongs at any moment to exactly one of two: the event loop, or one thread of the pool.
Whoever owns it reads, writes and parses without a lock; nobody else touches it.

                 bytes arrive            request complete
    ┌── LOOP ──┐ ──────────▶ decoder ───────────────────────▶ ┌── THREAD ─────────────┐
    │ idle, or │                                              │ runs the application, │
    │ receiving│ ◀─────────────────────────────────────────── │ sends the response    │
    └──────────┘   response sent   (give back)                └───────────────────────┘
         ▲                                                                │
         └──── output left over · a file · an event stream · close ◀──────┘

So a client that is slow to send is waited for by the loop, which waits for thousands at the price
of one; so is one that is slow to read, except where an application produces its body piece by
piece: then its thread waits, up to `send_timeout_s`.

Giving back is the hot path, and it costs no system call. The loop leaves the socket watched while a
thread owns the connection. If bytes arrive meanwhile (a pipelined request, or the client's end),
the loop pauses watching, notes it in `_is_paused`, and then looks again whether the thread is still
at it; the thread gives up ownership first and then looks at `_is_paused`. Whoever comes second sees
the other's mark, so the bytes are never forgotten.
"""

from __future__ import annotations

import enum
import select
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, BinaryIO

from services.web.access_log import access_of
from services.web.errors import reason
from services.web.event_stream import PING, Subscription
from services.web.http_decoder import HTTPRequest, ProtocolError, RequestDecoder
from services.web.http_encoder import ResponseEncoder, encode_simple_response
from services.web.output import Output
from services.web.proxy_protocol import ProxyProtocolError, parse_proxy_header
from services.web.websocket import WebSocket
from services.web.websocket_codec import CloseCode
from services.web.wsgi import ClientGone, Exchange

if TYPE_CHECKING:
    from services.web.server import HTTPServer

_RECV_BYTES = 64 * 1024
# How long a refused client may go on sending what nobody reads, so that it gets to see why.
_LINGER_S = 2.0


class _Phase(enum.Enum):
    """What the loop waits for, and so which timeout holds; SERVED is a thread's, and has none."""

    SERVED = enum.auto()
    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    WRITING = enum.auto()
    STREAMING = enum.auto()
    LINGERING = enum.auto()


class Connection:
    """A socket, its decoder, and the output that the loop still has to send."""

    __slots__ = (
        "_decoder",
        "_is_behind_proxy",
        "_is_closing",
        "_is_gone",
        "_is_paused",
        "_is_reading_paused",
        "_is_stream_over",
        "_output",
        "_pending",
        "_phase",
        "_phase_began_s",
        "_proxy_header",
        "_request",
        "_server",
        "_sock",
        "_subscription",
        "_websocket",
        "client_host",
        "client_port",
        "closed",
        "deadline_s",
        "requests_total",
    )

    def __init__(self, server: HTTPServer, sock: socket.socket, address: tuple) -> None:
        self._server = server
        self._is_behind_proxy = server.settings.proxy_protocol
        self._proxy_header = b""
        self._sock = sock if self._is_behind_proxy else server.secured(sock)
        self._decoder = RequestDecoder(server.settings.limits, server.open_body)
        self._output = Output()
        self._request: HTTPRequest | None = None
        self._is_paused = False
        self._is_reading_paused = False
        self._is_closing = False
        self._is_gone = False
        # A client that connects and says nothing has the time of a head, not of an idle one.
        self._phase = _Phase.HEAD
        self._phase_began_s = server.loop.now_s
        self._subscription: Subscription | None = None
        self._websocket: WebSocket | None = None
        self._is_stream_over = False
        self._pending: deque[bytes] = deque()
        self.client_host = str(address[0]) if address else ""
        self.client_port = str(address[1]) if address else ""
        self.closed = False
        self.deadline_s = self._phase_began_s + server.settings.head_timeout_s
        self.requests_total = 0

    # What the loop does.

    def begin(self) -> None:
        """Wait for the first request."""
        self._watch_readable()

    def on_readable(self) -> None:
        """Read what is there; a whole request goes to the pool."""
        if self._phase is _Phase.SERVED:
            self._pause()
            return
        if self._is_behind_proxy and not self._read_proxy_header():
            return
        try:
            data = self._sock.recv(_RECV_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.close()
        elif self._websocket is not None:
            self._websocket.receive_data(data)
        elif self._phase is not _Phase.LINGERING and self._subscription is None:
            self._decoder.receive_data(data)
            self._advance()

    def _read_proxy_header(self) -> bool:
        """Learn from the proxy in front whose connection this is; False: not yet."""
        try:
            # Of what follows the header nothing may be taken: it may be TLS.
            seen = self._sock.recv(_RECV_BYTES, socket.MSG_PEEK)
            header = parse_proxy_header(self._proxy_header + seen) if seen else None
            if header is None:
                self._proxy_header += self._sock.recv(len(seen)) if seen else b""
            else:
                self._sock.recv(header.header_bytes - len(self._proxy_header))
        except (BlockingIOError, InterruptedError):
            return False
        except (OSError, ProxyProtocolError) as error:
            self._server.log.warning("no PROXY header", client=self.client_host, reason=error)
            self.close()
            return False
        if header is None:
            if not seen:
                self.close()
            return False
        self._is_behind_proxy = False
        self._sock = self._server.secured(self._sock)
        if header.host is not None:
            self.client_host, self.client_port = header.host, str(header.port)
        return True

    def take_back(self) -> None:
        """Own the connection again: send what is left over, or go on reading.

        Asked for by the thread that owns it until here.
        """
        if not self.closed:
            self._is_paused = False
            self._enter(_Phase.IDLE, self._server.settings.keep_alive_timeout_s)
            self._continue()
            if self._pending:
                self.flush_stream()

    def _resume(self) -> None:
        """Watch a connection again that is ours already. Both sides may ask for it, and the second
        one finds nothing to do: perhaps another thread owns the connection by then."""
        if self._is_paused and self._phase is not _Phase.SERVED and not self.closed:
            self._is_paused = False
            self._continue()

    def check_deadline(self, now_s: float) -> None:
        """Close the connection if what it waits for has not come in time."""
        if self._phase is _Phase.SERVED or now_s < self.deadline_s:
            return
        if self._phase in (_Phase.HEAD, _Phase.BODY) and self._decoder.has_begun:
            self._refuse(408, "the request did not arrive in time")
        else:
            self.close()

    def begin_stop(self, deadline_s: float) -> None:
        """The server stops: streams end now, idle clients soon, requests under way finish."""
        if self._phase is _Phase.SERVED:
            return
        if self._subscription is not None:
            self.close()
        elif self._websocket is not None:
            self._websocket.close(CloseCode.GOING_AWAY, "the server stops")
        elif not self._decoder.has_begun and not self._output:
            self.deadline_s = min(self.deadline_s, deadline_s)

    def ping(self) -> None:
        """Keep an event stream awake with a comment, and see whether a WebSocket still is."""
        if self._subscription is not None:
            self.push(PING)
        elif self._websocket is not None and not self._websocket.ping():
            self.close()

    def flush_stream(self) -> None:
        """Send what was published, in one piece; drop a reader that lets too much pile up.

        One message may be larger than what may wait: only what was left of earlier ones counts.
        """
        if self._phase is _Phase.SERVED or self.closed:
            return
        waiting_bytes = self._output.waiting_bytes
        chunk = b"".join(self._pending.popleft() for _ in range(len(self._pending)))
        if chunk:
            self._output.append(chunk)
        settings = self._server.settings
        is_stream = self._websocket is None
        limit_bytes = settings.max_stream_bytes if is_stream else settings.max_socket_bytes
        if chunk and waiting_bytes > limit_bytes:
            self._server.log.warning("dropped a slow reader", client=self.client_host)
            self.close()
        else:
            self._write()

    def close(self) -> None:
        """Close at once; harmless when closed already."""
        if self.closed:
            return
        self.closed = True
        if self._subscription is not None:
            self._subscription.detach(self)
        if self._websocket is not None:
            self._websocket.detach()
        self._output.discard()
        self._server.forget(self, self._sock)
        self._sock.close()

    def _advance(self) -> None:
        """Take a request from the decoder, or note what is waited for."""
        try:
            request = self._decoder.next_request()
        except ProtocolError as error:
            self._refuse(error.status, error.detail)
            return
        except OSError as error:
            self._server.log.error("cannot store a request body", reason=error.strerror)
            self._refuse(507, "the body could not be stored")
            return
        if request is not None:
            self._request = request
            self._phase = _Phase.SERVED
            self._server.pool.submit(self)
            return
        interim = self._decoder.take_interim()
        if interim:
            self._output.append(interim)
            self._write()
        else:
            self._note_phase()

    def _note_phase(self) -> None:
        """The deadline of what is under way. Each phase has one from its beginning: a client that
        sends a byte now and then moves nothing (slow loris), only a body earns time by arriving.
        # Real: mod_reqtimeout in Apache.
        """
        settings, decoder = self._server.settings, self._decoder
        if decoder.is_in_body:
            self._enter(_Phase.BODY, settings.body_timeout_s)
            self.deadline_s += decoder.received_body_bytes / settings.min_body_bytes_per_s
        elif decoder.has_begun:
            self._enter(_Phase.HEAD, settings.head_timeout_s)
        else:
            self._enter(_Phase.IDLE, settings.keep_alive_timeout_s)

    def _enter(self, phase: _Phase, timeout_s: float, *, anew: bool = False) -> None:
        if anew or phase is not self._phase:
            self._phase = phase
            self._phase_began_s = self._server.loop.now_s
        self.deadline_s = self._phase_began_s + timeout_s

    def _continue(self) -> None:
        """After a response, or a part of it: what comes next?"""
        if self._is_gone:
            self.close()
        elif self._output:
            self._write()
        elif self._is_streaming and (self._pending or not self._is_stream_over):
            # What was published last is sent first: each `push` has asked for a flush.
            self._enter(_Phase.STREAMING, float("inf"))
            self._watch_stream()
        elif self._is_closing:
            self._finish_closing()
        else:
            self._watch_readable()
            self._advance()

    def _write(self) -> None:
        """Send of the output what the kernel takes now; the rest when it takes more."""
        try:
            sent_bytes = self._output.send(self._sock)
        except OSError:
            self.close()
            return
        if self._output:
            # A client that reads, however slowly, has its time begin anew.
            timeout_s = self._server.settings.send_timeout_s
            self._enter(_Phase.WRITING, timeout_s, anew=sent_bytes > 0)
            self._server.loop.watch(self._sock, None, self._write)
        else:
            self._continue()

    def _pause(self) -> None:
        """A thread owns the connection and bytes arrive: leave them in the kernel."""
        self._server.loop.unwatch(self._sock)
        self._is_paused = True
        if self._phase is not _Phase.SERVED:
            # The thread gave it back between the two lines above, and may not have seen the mark.
            self._resume()

    @property
    def _is_streaming(self) -> bool:
        """Whether requests are over, and an event stream or a WebSocket has the connection."""
        return self._subscription is not None or self._websocket is not None

    def _watch_stream(self) -> None:
        if self._is_reading_paused:
            self._server.loop.unwatch(self._sock)
        else:
            self._watch_readable()

    def _watch_readable(self) -> None:
        self._server.loop.watch(self._sock, self.on_readable)

    def _refuse(self, status: int, detail: str) -> None:
        """Answer what is no request, and close."""
        self._is_closing = True
        line = f"{status} {reason(status)}"
        response = encode_simple_response("GET", line, detail, self._server.date)
        self._output.append(response)
        self._write()

    def _finish_closing(self) -> None:
        """Close after the last byte was sent. Where the client may still be sending, closing now
        would reset the connection and take the answer from it (RFC 9112, section 9.6): say that
        nothing more comes, and read on for a moment."""
        if self._phase is not _Phase.LINGERING:
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError:
                self.close()
                return
        self._enter(_Phase.LINGERING, _LINGER_S)
        self._watch_readable()

    # What a thread does, while it owns the connection.

    def serve(self) -> None:
        """Answer the request that the loop handed over, and those pipelined behind it."""
        request = self._request
        self._request = None
        while request is not None:
            self._respond(request)
            if self._is_closing or self._output or self._is_streaming:
                break
            if not self._decoder.has_begun:
                self._give_back()
                return
            try:
                request = self._decoder.next_request()
            except (ProtocolError, OSError):
                # The decoder repeats its verdict to the loop, which answers it.
                break
        self._server.loop.call_from_thread(self.take_back)

    def _give_back(self) -> None:
        """Back to the loop, which only has to wait. See the module's docstring for the order."""
        server = self._server
        self._phase_began_s = server.loop.now_s
        self.deadline_s = self._phase_began_s + server.settings.keep_alive_timeout_s
        self._phase = _Phase.IDLE
        if self._is_paused:
            server.loop.call_from_thread(self._resume)

    def _respond(self, request: HTTPRequest) -> None:
        server = self._server
        self.requests_total += 1
        keep_alive = (
            request.keep_alive
            and self.requests_total < server.settings.max_requests_per_connection
            and not server.is_stopping
        )
        encoder = ResponseEncoder(request.method, request.minor_version, keep_alive=keep_alive)
        environ = server.environs.build(request, self.client_host, self.client_port)
        exchange = Exchange(encoder, self, server.date, server.log)
        began_s = time.monotonic() if server.access_log.is_on else 0.0
        exchange.run(server.application, environ)
        if request.body is not None:
            request.body.close()
        if not exchange.keep_alive:
            self._is_closing = True
        if server.access_log.is_on:
            duration_s = time.monotonic() - began_s
            access = access_of(environ, exchange.status, exchange.body_bytes, duration_s)
            server.access_log.write(access)

    def send(self, data: bytes) -> None:
        """Send all of it, waiting for the client to read. Errors: ClientGone."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except (BlockingIOError, InterruptedError):
                self._wait_until_writable()
            except OSError as error:
                self._is_gone = True
                raise ClientGone from error

    def send_last(self, data: bytes) -> None:
        """Send what the kernel takes, and leave the rest to the loop."""
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._is_gone = self._is_closing = True
            return
        if sent < len(data):
            self._output.append(memoryview(data)[sent:])

    def send_file(self, head: bytes, file: BinaryIO, size: int) -> None:
        """Leave a file to the loop, head first."""
        self._output.append(head)
        self._output.append_file(file, size)

    def send_stream(self, head: bytes, subscription: Subscription) -> None:
        """Leave an event stream to the loop. What is published from here on waits in `_pending`
        until the loop has the connection back."""
        first = subscription.attach(self)
        self._subscription = subscription
        self._output.append(head + first)

    def send_websocket(self, head: bytes, socket: WebSocket) -> None:
        """Leave the connection to a WebSocket, which answers from here on through `push`."""
        self._output.append(head)
        self._websocket = socket
        socket.attach(self, self._decoder.take_rest())

    def _wait_until_writable(self) -> None:
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        if not poll.poll(self._server.settings.send_timeout_s * 1000):
            self._is_gone = True
            raise ClientGone

    # What publishers and sockets do, from any thread: the connection as a listener of a broadcast
    # and as the link of a WebSocket.

    def push(self, chunk: bytes) -> None:
        """Queue an event; the loop sends everything that is queued in one go."""
        self._pending.append(chunk)
        self._server.flush_stream_soon(self)

    def end(self) -> None:
        """The broadcast is over: send what is queued, then close."""
        self._is_stream_over = True
        self._server.flush_stream_soon(self)

    def run(self, job: WebSocket) -> None:
        """Have a thread of the pool serve a WebSocket."""
        self._server.loop.call_from_thread(lambda: self._server.pool.submit(job))

    def pause_reading(self) -> None:
        """Leave what the client sends in the kernel, until the handler has caught up."""
        self._server.loop.call_from_thread(lambda: self._read_stream(is_paused=True))

    def resume_reading(self) -> None:
        """Read again."""
        self._server.loop.call_from_thread(lambda: self._read_stream(is_paused=False))

    def _read_stream(self, *, is_paused: bool) -> None:
        self._is_reading_paused = is_paused
        if self._phase is _Phase.STREAMING and not self.closed:
            self._watch_stream()

"""WebSocket: a connection that both sides talk on whenever they like.

    class Echo(WebSocketHandler):
        def on_message(self, socket, message):
            socket.send(message)

    @app.get("/echo")
    def echo(request):
        return WebSocketResponse(request, Echo())

The request is an ordinary GET that goes through hooks and routing; the response is `101`, and from
there on the connection carries frames (`websocket_codec`). Who does what:

    bytes ─▶ loop: decode, answer pings ─▶ inbox ─▶ a thread of the pool: on_message(…)
    any thread: socket.send(…) ─▶ encode ─▶ queue of the connection ─▶ loop: one send a turn

So ten thousand silent sockets hold no thread, and the messages of one socket are handled one after
the other, in their order. A client that sends faster than the handler works is not read for a
while; one that does not read is dropped, like the slow reader of an event stream.

A page of a foreign site can open a WebSocket to here, and the browser sends our cookies along. So
the `Origin` must be ours, or be named in `origins`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from services.common.logs import Log
from services.web.errors import HTTPError
from services.web.requests import Request
from services.web.responses import Environ, Response, StartResponse
from services.web.websocket_codec import (
    MAX_MESSAGE_BYTES,
    Close,
    CloseCode,
    Event,
    Message,
    Opcode,
    Ping,
    WebSocketDecoder,
    WebSocketError,
    encode_close,
    encode_frame,
)
from services.web.websocket_deflate import (
    MIN_BYTES,
    DeflateParameters,
    MessageDeflater,
    MessageInflater,
    negotiate,
)

# What a client has to see hashed, so that no other kind of server accepts by accident.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# The handler is this far behind: the client is not read until it has caught up.
_MAX_WAITING_MESSAGES = 64

log = Log("web.websocket")


class WebSocketHandler:
    """What an application does with a socket; the three methods of one socket never overlap."""

    def on_open(self, socket: WebSocket) -> None:
        """The socket is open: it can be sent to."""

    def on_message(self, socket: WebSocket, message: str | bytes) -> None:
        """A message has come, as text or as bytes."""

    def on_close(self, socket: WebSocket, code: int, reason: str) -> None:
        """The socket is closed, by whichever side; 1006: the connection was lost."""


class Link(Protocol):
    """The connection, as a socket needs it. Each method may be called by any thread."""

    def push(self, chunk: bytes) -> None:
        """Queue bytes; the loop sends them."""

    def end(self) -> None:
        """Close the connection when what is queued has been sent."""

    def run(self, job: WebSocket) -> None:
        """Have a thread of the pool call `job.serve()`."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class WebSocket:
    """One open connection. `send` and `close` may be called by any thread, at any time.

    `request` is the one that opened it; `subprotocol` what both sides agreed on, or None.
    """

    def __init__(
        self,
        request: Request,
        handler: WebSocketHandler,
        *,
        subprotocol: str | None = None,
        deflate: DeflateParameters | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self.request = request
        self.subprotocol = subprotocol
        self._handler = handler
        self._deflater = MessageDeflater(deflate) if deflate else None
        self._decoder = WebSocketDecoder(
            max_message_bytes=max_message_bytes,
            inflater=MessageInflater(deflate) if deflate else None,
        )
        self._link: Link | None = None
        # Held to send, so that nothing follows a close frame.
        self._lock = threading.Lock()
        self._is_closing = False
        self._is_deaf = False
        self._close_event: Close | None = None
        self._inbox: deque[Callable[[], None]] = deque()
        self._is_served = False
        self._is_paused = False
        self._unanswered_pings = 0

    @property
    def is_open(self) -> bool:
        """Whether a message can still be sent."""
        return self._link is not None and not self._is_closing

    def send(self, message: str | bytes) -> bool:
        """Send text or bytes; False if the socket is closed (there is nobody to blame)."""
        opcode = Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
        payload = message.encode() if isinstance(message, str) else bytes(message)
        is_compressed = self._deflater is not None and len(payload) >= MIN_BYTES
        if is_compressed:
            payload = self._deflater.deflate(payload)
        return self._push(encode_frame(opcode, payload, is_compressed=is_compressed))

    def close(self, code: int = CloseCode.NORMAL, reason: str = "") -> None:
        """Say goodbye; what was sent before still arrives. Later calls do nothing."""
        frame = encode_close(code, reason)
        self._finish(frame, Close(code, reason))

    # What the connection asks for, in the loop's thread.

    def attach(self, link: Link, early: bytes) -> None:
        """The connection is this socket's; `early` is what came behind the request."""
        self._link = link
        self._queue(lambda: self._handler.on_open(self))
        self.receive_data(early)

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the connection; nothing counts behind a close frame or an error."""
        if self._is_deaf:
            return
        self._decoder.receive_data(data)
        try:
            while not self._is_deaf and (event := self._decoder.next_event()) is not None:
                self._take(event)
        except WebSocketError as error:
            log.info("closed a websocket", reason=error.reason, code=int(error.code))
            failed = Close(error.code, error.reason)
            self._end_with(encode_close(error.code, error.reason), failed)

    def ping(self) -> bool:
        """Ask for a sign of life; False if the last two were not answered."""
        if self._unanswered_pings >= 2:
            return False
        self._unanswered_pings += 1
        self._push(encode_frame(Opcode.PING, b""))
        return True

    def detach(self) -> None:
        """The connection is closed."""
        closed = self._close_event or Close(CloseCode.ABNORMAL, "")
        self._is_closing = True
        self._queue(lambda: self._handler.on_close(self, closed.code, closed.reason))

    def _take(self, event: Event) -> None:
        # Whatever the client says, it is alive.
        self._unanswered_pings = 0
        match event:
            case Message(data) if not self._is_closing:
                self._queue(lambda: self._handler.on_message(self, data))
            case Ping(payload):
                self._push(encode_frame(Opcode.PONG, payload))
            case Close(code, _):
                self._end_with(encode_close(code), event)

    def _end_with(self, frame: bytes, closed: Close) -> None:
        # Behind the messages that came before: their answers still go out.
        self._is_deaf = True
        self._close_event = self._close_event or closed
        self._queue(lambda: self._finish(frame, closed))

    def _push(self, frame: bytes) -> bool:
        with self._lock:
            if not self.is_open:
                return False
            self._link.push(frame)
            return True

    def _finish(self, frame: bytes, closed: Close) -> None:
        with self._lock:
            if not self.is_open:
                return
            self._is_closing = True
            self._close_event = closed
            self._link.push(frame)
        self._link.end()

    # The inbox: whoever finds the socket unserved has it served.

    def _queue(self, call: Callable[[], None]) -> None:
        with self._lock:
            self._inbox.append(call)
            must_run = not self._is_served
            self._is_served = True
            must_pause = len(self._inbox) > _MAX_WAITING_MESSAGES and not self._is_paused
            self._is_paused |= must_pause
        if must_pause:
            self._link.pause_reading()
        if must_run:
            self._link.run(self)

    def serve(self) -> None:
        """Handle what is in the inbox; called in a thread of the pool, one at a time."""
        while True:
            with self._lock:
                if not self._inbox:
                    self._is_served = False
                    must_resume, self._is_paused = self._is_paused, False
                    break
                call = self._inbox.popleft()
            try:
                call()
            except Exception:
                # Our bug, not the client's: it learns the fact, the log gets everything.
                log.exception("a websocket handler failed", path=self.request.path)
                self.close(CloseCode.INTERNAL_ERROR, "the server failed")
        if must_resume:
            self._link.resume_reading()


class WebSocketBody:
    """`glassbox.websocket`: the body of a 101, which the server takes the connection over with."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket

    def __iter__(self) -> Iterable[bytes]:
        return iter(())


class WebSocketResponse(Response):
    """Opens a WebSocket, if the request asks for one in the right way (RFC 6455, section 4.2).

    Errors, as `HTTPError`: 400 for a malformed handshake, 403 for a foreign page, 426 where no
    WebSocket was asked for, 501 under a server that cannot do it.
    """

    def __init__(
        self,
        request: Request,
        handler: WebSocketHandler,
        *,
        subprotocols: Sequence[str] = (),
        origins: Iterable[str] = (),
        compress: bool = True,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        super().__init__(status=101)
        del self.headers["Content-Type"]
        key = check_handshake(request, origins)
        self._body = request.environ.get("glassbox.websocket")
        if self._body is None:
            raise HTTPError(501, "this server cannot open WebSockets")
        offered = _words(request, "sec-websocket-protocol")
        subprotocol = next((one for one in offered if one in subprotocols), None)
        deflate = negotiate(request.headers.get("sec-websocket-extensions", ""))
        if not compress:
            deflate = None
        self.headers["Sec-WebSocket-Accept"] = accept_value(key)
        if subprotocol is not None:
            self.headers["Sec-WebSocket-Protocol"] = subprotocol
        if deflate is not None:
            self.headers["Sec-WebSocket-Extensions"] = deflate.encode()
        self.socket = WebSocket(
            request,
            handler,
            subprotocol=subprotocol,
            deflate=deflate,
            max_message_bytes=max_message_bytes,
        )

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("101 Switching Protocols", self.headers.items())
        return self._body(self.socket)


def check_handshake(request: Request, origins: Iterable[str]) -> str:
    """The client's key, if everything about the handshake is right. Errors: see above."""
    if "websocket" not in [word.lower() for word in _words(request, "upgrade")]:
        raise HTTPError(426, "this is a WebSocket", headers={"Upgrade": "websocket"})
    if request.method != "GET" or request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        raise HTTPError(400, "a WebSocket is opened by GET in HTTP/1.1")
    if "upgrade" not in [word.lower() for word in _words(request, "connection")]:
        raise HTTPError(400, "Connection: Upgrade is missing")
    if request.headers.get("sec-websocket-version") != "13":
        raise HTTPError(426, "the version must be 13", headers={"Sec-WebSocket-Version": "13"})
    key = request.headers.get("sec-websocket-key", "")
    try:
        is_key = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        is_key = False
    if not is_key:
        raise HTTPError(400, "Sec-WebSocket-Key must be 16 bytes in base64")
    origin = request.headers.get("origin")
    if origin is not None and origin not in origins and not request.is_origin_ours(origin):
        raise HTTPError(403, f"pages of {origin[:100]!r} may open no WebSocket here")
    return key


def accept_value(key: str) -> str:
    """What proves to the client that its key was understood."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()  # noqa: S324


def _words(request: Request, name: str) -> list[str]:
    return [word.strip() for word in request.headers.get(name, "").split(",") if word.strip()]

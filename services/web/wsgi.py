"""WSGI, the server's side (PEP 3333): an HTTP request becomes an environ, an application's answer
becomes bytes.

    HTTPRequest ─▶ environ ─▶ application(environ, start_response) ─▶ iterable ─▶ Transport

The order of events is the delicate part. `start_response` may be called early, late (inside a
generator), or twice (to replace the answer by an error page, as long as nothing has been sent);
the head leaves with the first byte of the body and not before; `close` is called in every case.

Three kinds of body are recognized and leave the thread at once: a file in `wsgi.file_wrapper`, a
subscription in `glassbox.stream`, a socket in `glassbox.websocket`. The event loop has them from
there on, so that a slow reader or a silent stream holds no thread.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote_to_bytes

from services.common.logs import Log
from services.web.event_stream import Subscription
from services.web.http_decoder import HTTPRequest
from services.web.http_encoder import Framing, ResponseEncoder, encode_simple_response
from services.web.websocket import WebSocket, WebSocketBody

Environ = dict[str, Any]
Application = Callable[..., Iterable[bytes]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=\-]{1,128}")
_FAILURE = "the server failed to answer this request"


class ClientGone(Exception):
    """The client closed the connection, or reads too slowly; nobody is there to answer."""


class Transport(Protocol):
    """Where an exchange sends its bytes: the connection, while a thread owns it."""

    def send(self, data: bytes) -> None:
        """Send, waiting for a slow reader. Errors: ClientGone."""

    def send_last(self, data: bytes) -> None:
        """Send what ends the response, without waiting; the event loop sends what is left."""

    def send_file(self, head: bytes, file: BinaryIO, size: int) -> None:
        """Have the event loop send `head` and `size` bytes of a file, then close it."""

    def send_stream(self, head: bytes, subscription: Subscription) -> None:
        """Have the event loop send events until one of the two sides goes away."""

    def send_websocket(self, head: bytes, socket: WebSocket) -> None:
        """Give the connection to a WebSocket, head first."""


class FileBody:
    """`wsgi.file_wrapper`: a file as a body. An application may also iterate over it."""

    def __init__(self, file: BinaryIO, block_bytes: int = 64 * 1024) -> None:
        self._file: BinaryIO | None = file
        self._block_bytes = block_bytes

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._file.read(self._block_bytes), b"")

    def take_regular_file(self) -> BinaryIO | None:
        """The file, to be read and closed by somebody else; None if reading it could block."""
        try:
            is_regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        except (AttributeError, OSError):
            return None
        if not is_regular:
            return None
        file, self._file = self._file, None
        return file

    def close(self) -> None:
        # PEP 3333 asks for no `close` of a file-like object; where there is one, it is called.
        close = getattr(self._file, "close", None)
        if close is not None:
            close()


class StreamBody:
    """`glassbox.stream`: a subscription as a body, which the event loop sends."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription

    def __iter__(self) -> Iterator[bytes]:
        # Some middleware iterates itself; then the stream works as under any other server.
        return iter(self.subscription)

    def close(self) -> None:
        self.subscription.close()


class ErrorStream(io.TextIOBase):
    """`wsgi.errors`: each line an application writes becomes a line of the log."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if line.strip():
                self._log.error("application", said=line)
        return len(text)


class EnvironBuilder:
    """Makes the environ of each request out of what is the same for all and what is not."""

    def __init__(
        self, log: Log, server_host: str, server_port: int, *, scheme: str = "http"
    ) -> None:
        self._request_ids = request_ids()
        self._base: Environ = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": server_host,
            "SERVER_PORT": str(server_port),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme,
            "wsgi.errors": ErrorStream(log),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileBody,
            # A chunked body arrives here unchunked, and reading it ends at its end.
            "wsgi.input_terminated": True,
            "glassbox.stream": StreamBody,
            "glassbox.websocket": WebSocketBody,
        }

    def build(self, request: HTTPRequest, client_host: str, client_port: str) -> Environ:
        """The environ of one request; the body is a file positioned at its beginning."""
        environ = self._base.copy()
        path = request.path
        environ["REQUEST_METHOD"] = request.method
        environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1") if "%" in path else path
        environ["RAW_PATH"] = path
        environ["QUERY_STRING"] = request.query
        environ["SERVER_PROTOCOL"] = "HTTP/1.1" if request.minor_version else "HTTP/1.0"
        environ["REMOTE_ADDR"] = client_host
        environ["REMOTE_PORT"] = client_port
        for name, value in request.headers.items():
            key = environ_key(name)
            if key is not None:
                environ[key] = value
        # The id of the client, or of a proxy in front, names the request in every log on its way.
        sent_id = environ.get("HTTP_X_REQUEST_ID")
        if sent_id is None or not _REQUEST_ID.fullmatch(sent_id):
            environ["HTTP_X_REQUEST_ID"] = next(self._request_ids)
        if request.body is None:
            environ["wsgi.input"] = io.BytesIO()
        else:
            environ["wsgi.input"] = request.body
            # The length is known by now, also of a body that came in chunks.
            environ["CONTENT_LENGTH"] = str(request.body_bytes)
            environ.pop("HTTP_TRANSFER_ENCODING", None)
            environ["glassbox.trailers"] = request.trailers
        return environ


def request_ids() -> Iterator[str]:
    """Names for requests, different in each process and for each request."""
    process = secrets.token_hex(6)
    return (f"{process}-{number:x}" for number in itertools.count(1))


@lru_cache(maxsize=1024)
def environ_key(name: str) -> str | None:
    """`user-agent` → `HTTP_USER_AGENT`. A name with an underscore has none: it could pretend to be
    one with a hyphen, which a proxy in front may have set or checked."""
    if "_" in name:
        return None
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


class Exchange:
    """One request's answer: runs the application and sends what it gives.

    Afterwards `keep_alive` says whether the connection can carry another request, `status` and
    `body_bytes` what was sent, for the access log.
    """

    __slots__ = (
        "_date",
        "_encoder",
        "_fields",
        "_is_head_sent",
        "_log",
        "_request_id",
        "_status_line",
        "_transport",
        "body_bytes",
    )

    def __init__(self, encoder: ResponseEncoder, transport: Transport, date: str, log: Log) -> None:
        self._encoder = encoder
        self._transport = transport
        self._log = log
        self._status_line: str | None = None
        self._fields: list[tuple[str, str]] = []
        self._is_head_sent = False
        self._date = date
        self._request_id = ""
        self.body_bytes = 0

    @property
    def status(self) -> int:
        """The status code; 0 if there was no answer at all."""
        return int(self._status_line[:3]) if self._status_line else 0

    @property
    def keep_alive(self) -> bool:
        return self._encoder.keep_alive

    def run(self, application: Application, environ: Environ) -> None:
        """Answer the request. Whatever the application does, this raises nothing."""
        body: Iterable[bytes] = ()
        self._request_id = environ.get("HTTP_X_REQUEST_ID", "")
        try:
            body = application(environ, self._start_response)
            self._send_body(body)
        except ClientGone:
            self._encoder.keep_alive = False
        except Exception as error:
            self._fail(environ, error)
        finally:
            self._close(body)

    def _start_response(
        self, status: str, fields: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._is_head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # breaks the cycle between frame and traceback
        elif self._status_line is not None:
            raise AssertionError("start_response was called twice without exc_info")
        self._status_line = status
        self._fields = list(fields)
        return self._write

    def _send_body(self, body: Iterable[bytes]) -> None:
        if isinstance(body, (list, tuple)):
            self._send_whole(body[0] if len(body) == 1 else b"".join(body))
        elif isinstance(body, StreamBody):
            self._send_stream(body)
        elif isinstance(body, WebSocketBody):
            self._send_websocket(body)
        elif not (isinstance(body, FileBody) and self._send_file(body)):
            self._send_pieces(body)

    def _send_whole(self, data: bytes) -> None:
        """The usual case: everything is known, and leaves in one piece."""
        message = self._head_if_due(body_bytes=len(data)) + self._encode(data)
        message += self._encoder.encode_end()
        self._is_head_sent = True
        self._transport.send_last(message)

    def _send_pieces(self, body: Iterable[bytes]) -> None:
        for data in body:
            if data:
                self._write(data)
                if self._encoder.framing is Framing.NONE:
                    return
        message = self._head_if_due(body_bytes=0) + self._encoder.encode_end()
        self._is_head_sent = True
        self._transport.send_last(message)

    def _write(self, data: bytes) -> None:
        """Send a piece now; also what `start_response` returns for old applications."""
        message = self._head_if_due() + self._encode(data)
        self._is_head_sent = True
        self._transport.send(message)

    def _send_file(self, body: FileBody) -> bool:
        """Leave a file to the event loop, if its length was announced and it cannot block."""
        lengths = [value for name, value in self._fields if name.lower() == "content-length"]
        if self._is_head_sent or len(lengths) != 1:
            return False
        file = body.take_regular_file()
        if file is None:
            return False
        head = self._head_if_due()
        self._is_head_sent = True
        if self._encoder.framing is Framing.LENGTH:
            self.body_bytes = int(lengths[0])
            self._transport.send_file(head, file, self.body_bytes)
        else:
            file.close()
            self._transport.send_last(head)
        return True

    def _send_stream(self, body: StreamBody) -> None:
        # A stream has no end, so the connection ends with it, and no chunks are needed.
        head = self._head_if_due(until_close=True)
        if self._encoder.framing is Framing.CLOSE:
            self._transport.send_stream(head, body.subscription)
        else:
            self._transport.send_last(head)
        self._is_head_sent = True

    def _send_websocket(self, body: WebSocketBody) -> None:
        fields = [*self._fields, ("X-Request-ID", self._request_id)]
        head = self._encoder.encode_upgrade("websocket", fields, self._date)
        self._is_head_sent = True
        self._transport.send_websocket(head, body.socket)

    def _encode(self, data: bytes) -> bytes:
        encoded = self._encoder.encode_data(data)
        if encoded:
            self.body_bytes += len(data)
        return encoded

    def _head_if_due(self, *, body_bytes: int | None = None, until_close: bool = False) -> bytes:
        """The head, unless it has been sent. Until it is, a failure can still become a 500."""
        if self._is_head_sent:
            return b""
        if self._status_line is None:
            raise AssertionError("the application sent a body before start_response")
        return self._encoder.encode_head(
            self._status_line,
            self._fields,
            self._date,
            body_bytes=body_bytes,
            until_close=until_close,
            request_id=self._request_id,
        )

    def _fail(self, environ: Environ, error: Exception) -> None:
        """Our bug: log it and answer 500. After the head nothing can be said any more: the
        connection ends, and so the client sees that the body is not whole."""
        self._encoder.keep_alive = False
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        self._log.exception(
            "the application failed", request=request, error=repr(error), id=self._request_id
        )
        if not self._is_head_sent:
            self._status_line = "500 Internal Server Error"
            self._is_head_sent = True
            self._transport.send_last(
                encode_simple_response(
                    environ["REQUEST_METHOD"], self._status_line, _FAILURE, self._date
                )
            )

    def _close(self, body: Iterable[bytes]) -> None:
        close = getattr(body, "close", None)
        if close is not None:
            try:
                close()
            except Exception:
                self._log.exception("closing a response failed")

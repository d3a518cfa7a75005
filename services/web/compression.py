"""Compression: gzip around any WSGI application, for clients that ask for it.

    application = GzipMiddleware(app)

Text becomes a quarter to a tenth. What is small, compressed already (images, archives), a part of
something (206) or an event stream passes as it is. A body that is known is compressed in one piece
and keeps a length; one that comes piece by piece is compressed piece by piece, and each leaves as
soon as it came. The entity tag becomes a weak one: these are other bytes of the same content.

Pages that show a secret beside text of the client's choosing should mask the secret (see `csrf`):
the compressed length tells how alike the two are.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from services.web.headers import Headers
from services.web.requests import quality
from services.web.responses import Environ, StartResponse, close_body

MIN_BYTES = 500
_LEVEL = 6
# Flags of zlib: the largest window, and 16 for gzip's header and checksum.
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_TEXTUAL = ("text/", "application/json", "application/javascript", "application/xml")
_TEXTUAL_ENDINGS = ("+json", "+xml")

WSGIApplication = Callable[[Environ, StartResponse], Iterable[bytes]]


class GzipMiddleware:
    """Compresses what `application` answers. `min_bytes`: shorter bodies gain nothing."""

    def __init__(
        self, application: WSGIApplication, *, min_bytes: int = MIN_BYTES, level: int = _LEVEL
    ) -> None:
        self._application = application
        self._min_bytes = min_bytes
        self._level = level

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        accepted = quality(environ.get("HTTP_ACCEPT_ENCODING", ""), "gzip") > 0
        answer = _Answer(start_response, self._min_bytes, is_wanted=accepted)
        body = self._application(environ, answer.start)
        if isinstance(body, (list, tuple)):
            return self._whole(answer, b"".join(body))
        pieces = _Pieces(body, answer, self._level)
        if answer.is_started:
            pieces.begin()
            if not pieces.is_compressed:
                # A file, an event stream: the server may know better than to iterate over it.
                return body
        return pieces

    def _whole(self, answer: _Answer, data: bytes) -> list[bytes]:
        if answer.is_compressible(len(data)):
            compress = zlib.compressobj(self._level, zlib.DEFLATED, _GZIP_WINDOW)
            data = compress.compress(data) + compress.flush()
            answer.mark_compressed(len(data))
        answer.send_head()
        return [data]


class _Answer:
    """The head of a response, held back until it is decided whether the body is compressed."""

    def __init__(self, start_response: StartResponse, min_bytes: int, *, is_wanted: bool) -> None:
        self._start_response = start_response
        self._min_bytes = min_bytes
        self._is_wanted = is_wanted
        self._status = ""
        self._exc_info: tuple[Any, ...] = ()
        self._headers = Headers()
        self._is_sent = False
        self._server_write: Callable[[bytes], object] = start_response

    @property
    def is_started(self) -> bool:
        return bool(self._status)

    def start(
        self, status: str, fields: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """What the application calls as `start_response`."""
        self._status = status
        self._exc_info = (exc_info,) if exc_info is not None else ()
        if self._is_sent:
            # Only the server can say that it is too late.
            return self._start_response(status, fields, *self._exc_info)
        self._headers = Headers(fields)
        return self._write

    def is_compressible(self, size: int | None) -> bool:
        """Whether a body of `size` bytes (None: unknown) gains by it, and the client asked."""
        if self._status[:3] == "304":
            self._headers.add_vary("Accept-Encoding")  # As the answer that the client has.
        if self._is_sent or self._status[:3] in ("204", "206", "304"):
            return False
        if not is_textual(self._headers.get("Content-Type", "")):
            return False
        if "Content-Encoding" in self._headers or "Content-Range" in self._headers:
            return False
        if size is None:
            announced = self._headers.get("Content-Length", "")
            size = int(announced) if announced.isdigit() else self._min_bytes
        if size < self._min_bytes:
            return False
        # Caches must know, also of the answer that is sent as it is.
        self._headers.add_vary("Accept-Encoding")
        return self._is_wanted

    def mark_compressed(self, size: int | None) -> None:
        """Say in the head that the body is compressed, to `size` bytes."""
        self._headers["Content-Encoding"] = "gzip"
        if "Content-Length" in self._headers:
            del self._headers["Content-Length"]
        if size is not None:
            self._headers["Content-Length"] = str(size)
        # A part of compressed bytes is no part of the content.
        if "Accept-Ranges" in self._headers:
            del self._headers["Accept-Ranges"]
        tag = self._headers.get("ETag", "")
        if tag.startswith('"'):
            self._headers["ETag"] = f"W/{tag}"

    def send_head(self) -> None:
        """Start the response with the server, once."""
        if not self._is_sent and self._status:
            self._is_sent = True
            self._server_write = self._start_response(
                self._status, self._headers.items(), *self._exc_info
            )

    def _write(self, data: bytes) -> None:
        """PEP 3333's old way to send a body: it passes as it is."""
        self.send_head()
        self._server_write(data)


class _Pieces:
    """A body that comes piece by piece, compressed if the head allows it.

    An application may say the head as late as with its first piece (PEP 3333).
    """

    def __init__(self, body: Iterable[bytes], answer: _Answer, level: int) -> None:
        self._body = body
        self._answer = answer
        self._level = level
        self._is_begun = False
        self._compress: Any = None

    def begin(self) -> None:
        """Decide, and send the head."""
        self._is_begun = True
        if self._answer.is_compressible(None):
            self._compress = zlib.compressobj(self._level, zlib.DEFLATED, _GZIP_WINDOW)
            self._answer.mark_compressed(None)
        self._answer.send_head()

    @property
    def is_compressed(self) -> bool:
        return self._compress is not None

    def __iter__(self) -> Iterator[bytes]:
        for data in self._body:
            if not self._is_begun:
                self.begin()
            if self._compress is None:
                yield data
            elif data:
                yield self._compress.compress(data) + self._compress.flush(zlib.Z_SYNC_FLUSH)
        if not self._is_begun:
            self.begin()
        if self._compress is not None:
            yield self._compress.flush()

    def close(self) -> None:
        close_body(self._body)


def is_textual(content_type: str) -> bool:
    """Whether the media type is one that compresses well."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "text/event-stream":
        return False
    return media_type.startswith(_TEXTUAL) or media_type.endswith(_TEXTUAL_ENDINGS)

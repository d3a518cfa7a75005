"""HTTP/1.1 requests out of bytes; no socket is known here.

    decoder.receive_data(b"GET /tasks/7 HT")
    decoder.next_request()  ─▶ None                      need more
    decoder.receive_data(b"TP/1.1\\r\\nHost: x\\r\\n\\r\\nGET /")
    decoder.next_request()  ─▶ HTTPRequest(method="GET", path="/tasks/7", …)
    decoder.next_request()  ─▶ None                      the next one has begun

One connection carries requests one behind the other, so where a request ends decides where the
next one begins. If two programs on the way disagree about that, one client's body becomes another
client's request (request smuggling). Hence this codec has one rule: whatever can be read in two
ways is refused, even where other servers guess.

    line ──▶ header block ─┬─ no body ──────────────────────────────▶ request
                           ├─ Content-Length: n ──▶ n bytes ────────▶ request
                           └─ chunked ──▶ ┌ size ▶ data ▶ CRLF ┐ ──▶ trailers ──▶ request
                                          └─────────◀──────────┘
    anything else: ProtocolError with a status; the connection has lost its place and is closed

The rules are those of RFC 9112 (messages) and RFC 9110 (meaning); sections are named beside them.
Responses are written by `http_encoder`. After an upgrade (WebSocket) the connection is another
protocol's, and what came early is handed on. Left out: CONNECT, which is for proxies.
"""

from __future__ import annotations

import enum
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, NamedTuple

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_MAX_CHUNK_LINE_BYTES = 256
# A length of more digits than these fits no disk and no integer of most other programs.
_MAX_LENGTH_DIGITS = 18

_REQUEST_LINE = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HOST = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_ABSOLUTE_FORM = re.compile(r"https?://([^/?#]*)(/[^?#]*)?(?:\?([^#]*))?", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
# All control characters but the tab. In a head each of them must be half of a CRLF.
CONTROLS = bytes([*range(9), *range(10, 32), 127])
_CONTROLS_BUT_CRLF = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n")


class ProtocolError(Exception):
    """What the client sent is no HTTP/1.1, or beyond a limit; answer `status` and close."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each a client may send."""

    request_line_bytes: int = 8 * 1024
    header_block_bytes: int = 32 * 1024
    header_count: int = 100
    body_bytes: int = 16 * 1024 * 1024


class HTTPRequest(NamedTuple):
    """One request. Header names are in lower case, repeated fields joined with commas.

    A tuple, because one is made for each request: building a frozen dataclass takes three times
    as long.
    """

    method: str
    path: str
    """Percent-encoded as sent; `*` for `OPTIONS *`."""
    query: str
    minor_version: int
    headers: dict[str, str]
    body: BinaryIO | None
    """The whole body, at its beginning; None if the request has none."""
    body_bytes: int
    keep_alive: bool
    trailers: dict[str, str]
    """Fields that came behind a chunked body, kept apart from the headers (RFC 9110, section 6.5):
    whoever has read those must not find others in their place afterwards."""


class _State(enum.Enum):
    """What the next bytes are."""

    HEAD = enum.auto()
    FIXED_BODY = enum.auto()
    CHUNK_SIZE = enum.auto()
    CHUNK_DATA = enum.auto()
    CHUNK_END = enum.auto()
    TRAILERS = enum.auto()
    COMPLETE = enum.auto()


class RequestDecoder:
    """The requests of one connection. `open_body` makes the file that a body is written to."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_buffer",
        "_continue_due",
        "_failure",
        "_limits",
        "_open_body",
        "_remaining",
        "_request",
        "_scanned",
        "_state",
        "_trailer_lines",
    )

    def __init__(
        self, limits: Limits = Limits(), open_body: Callable[[], BinaryIO] = io.BytesIO
    ) -> None:
        self._limits = limits
        self._open_body = open_body
        self._buffer = bytearray()
        self._scanned = 0
        self._state = _State.HEAD
        self._request: HTTPRequest | None = None
        self._body: BinaryIO | None = None
        self._body_bytes = 0
        self._remaining = 0
        self._continue_due = False
        self._trailer_lines: list[str] = []
        self._failure: ProtocolError | OSError | None = None

    @property
    def has_begun(self) -> bool:
        """Whether anything of a further request is there."""
        return bool(self._buffer) or self._state is not _State.HEAD

    @property
    def is_in_body(self) -> bool:
        """Whether a head is complete and its body still to come."""
        return self._state is not _State.HEAD

    @property
    def received_body_bytes(self) -> int:
        """How much of the current body is there."""
        return self._body_bytes

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the connection, in whatever pieces they come."""
        self._buffer += data

    def next_request(self) -> HTTPRequest | None:
        """The next whole request, or None for "need more".

        Errors: ProtocolError, and OSError from the body's file; each is final, and every later
        call raises it again, because where the next request begins is not known any more.
        """
        if self._failure is not None:
            raise self._failure
        try:
            return self._next_request()
        except (ProtocolError, OSError) as error:
            self._failure = error
            raise

    def _next_request(self) -> HTTPRequest | None:
        if self._state is _State.HEAD:
            request = self._read_head()
            if request is None or self._state is _State.HEAD:
                return request
            self._request = request
        while self._state is not _State.COMPLETE:
            if not _STEPS[self._state](self):
                return None
        return self._finish()

    def take_rest(self) -> bytes:
        """What came behind the last request, for the protocol that the connection changes to."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def take_interim(self) -> bytes:
        """The `100 Continue` that the client waits for before it sends its body; else empty."""
        if not self._continue_due:
            return b""
        self._continue_due = False
        return CONTINUE

    # The steps: each takes its part from the buffer and sets the next state, or says False.

    def _read_head(self) -> HTTPRequest | None:
        buffer = self._buffer
        # An empty line before the request is a courtesy to old clients (RFC 9112, section 2.2).
        while buffer[:2] == b"\r\n":
            del buffer[:2]
            self._scanned = 0
        end = buffer.find(b"\r\n\r\n", max(0, self._scanned - 3))
        if end < 0:
            self._check_unfinished_head()
            self._scanned = len(buffer)
            return None
        head = bytes(buffer[:end])
        del buffer[: end + 4]
        self._scanned = 0
        return self._begin(_parse_head(head, self._limits))

    def _begin(self, request: HTTPRequest) -> HTTPRequest:
        """Look at the head alone and decide which body follows (RFC 9112, section 6.3)."""
        headers = request.headers
        coding, length = headers.get("transfer-encoding"), headers.get("content-length")
        if coding is not None:
            _check_chunked(coding, length, request.minor_version)
            self._state = _State.CHUNK_SIZE
        elif length is not None and (size := _parse_length(length, self._limits)):
            self._state = _State.FIXED_BODY
            self._remaining = size
        else:
            return request
        self._body = self._open_body()
        self._body_bytes = 0
        if (expect := headers.get("expect")) is not None:
            if expect.lower() != "100-continue":
                raise ProtocolError(417, "the only known expectation is 100-continue")
            # A client that has begun to send its body waits for nothing.
            self._continue_due = request.minor_version > 0 and not self._buffer
        return request

    def _check_unfinished_head(self) -> None:
        buffer, limits = self._buffer, self._limits
        # Found early, so that garbage and TLS handshakes are answered now, not by the timeout.
        if _CONTROLS_BUT_CRLF.search(buffer, max(0, self._scanned - 1)):
            raise ProtocolError(400, "a control character or a bare LF in the head")
        line_end = buffer.find(b"\r\n", 0, limits.request_line_bytes + 2)
        if line_end < 0 and len(buffer) > limits.request_line_bytes:
            raise _line_too_long(limits)
        if line_end >= 0 and len(buffer) - line_end - 2 > limits.header_block_bytes:
            raise _headers_too_long(limits)

    def _read_fixed_body(self) -> bool:
        self._take_body()
        if self._remaining:
            return False
        self._state = _State.COMPLETE
        return True

    def _read_chunk_size(self) -> bool:
        line = self._take_line(_MAX_CHUNK_LINE_BYTES)
        if line is None:
            return False
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise ProtocolError(400, "malformed chunk size")
        self._remaining = int(size[1], 16)
        if self._body_bytes + self._remaining > self._limits.body_bytes:
            raise _body_too_large(self._limits)
        self._state = _State.CHUNK_DATA if self._remaining else _State.TRAILERS
        return True

    def _read_chunk_data(self) -> bool:
        self._take_body()
        if self._remaining:
            return False
        self._state = _State.CHUNK_END
        return True

    def _read_chunk_end(self) -> bool:
        if not b"\r\n".startswith(self._buffer[:2]):
            raise ProtocolError(400, "a chunk is longer than its size")
        if len(self._buffer) < 2:
            return False
        del self._buffer[:2]
        self._state = _State.CHUNK_SIZE
        return True

    def _read_trailers(self) -> bool:
        while (line := self._take_line(self._limits.header_block_bytes)) is not None:
            if not line:
                self._state = _State.COMPLETE
                return True
            name, colon, _ = line.partition(b":")
            if not colon or line.translate(None, CONTROLS) != line:
                raise ProtocolError(400, "malformed trailer")
            _field_name(name.decode("latin-1"))
            self._trailer_lines.append(line.decode("latin-1"))
            if len(self._trailer_lines) > self._limits.header_count:
                raise _headers_too_long(self._limits)
            # Trailers count as received, so that they cannot go on for ever.
            self._body_bytes += len(line)
            if self._body_bytes > self._limits.body_bytes + self._limits.header_block_bytes:
                raise _headers_too_long(self._limits)
        return False

    def _take_body(self) -> None:
        """Move what is there of the current body, or chunk, to the body's file."""
        piece = self._buffer[: self._remaining]
        if piece:
            self._body.write(piece)
            del self._buffer[: len(piece)]
            self._remaining -= len(piece)
            self._body_bytes += len(piece)
            self._continue_due = False

    def _take_line(self, max_bytes: int) -> bytes | None:
        end = self._buffer.find(b"\n", 0, max_bytes + 2)
        if end < 0:
            if len(self._buffer) > max_bytes + 1:
                raise ProtocolError(400, "a line in a chunked body is too long")
            return None
        if self._buffer[end - 1 : end] != b"\r":
            raise ProtocolError(400, "bare LF in a chunked body")
        line = bytes(self._buffer[: end - 1])
        del self._buffer[: end + 1]
        return line

    def _finish(self) -> HTTPRequest:
        request, body = self._request, self._body
        size = body.tell()
        body.seek(0)
        self._request = self._body = None
        self._state = _State.HEAD
        self._continue_due = False
        if not self._trailer_lines:
            return request._replace(body=body, body_bytes=size)
        lines, self._trailer_lines = self._trailer_lines, []
        return request._replace(body=body, body_bytes=size, trailers=_parse_fields(lines))


_STEPS: dict[_State, Callable[[RequestDecoder], bool]] = {
    _State.FIXED_BODY: RequestDecoder._read_fixed_body,
    _State.CHUNK_SIZE: RequestDecoder._read_chunk_size,
    _State.CHUNK_DATA: RequestDecoder._read_chunk_data,
    _State.CHUNK_END: RequestDecoder._read_chunk_end,
    _State.TRAILERS: RequestDecoder._read_trailers,
}


def _parse_head(head: bytes, limits: Limits) -> HTTPRequest:
    """The request line and the header block, without the empty line that ends them."""
    line, *field_lines = head.decode("latin-1").split("\r\n")
    if len(line) > limits.request_line_bytes:
        raise _line_too_long(limits)
    if len(head) - len(line) > limits.header_block_bytes or len(field_lines) > limits.header_count:
        raise _headers_too_long(limits)
    # One look at the whole head finds NUL, bare CR and bare LF wherever they hide.
    if len(head) - len(head.translate(None, CONTROLS)) != 2 * len(field_lines):
        raise ProtocolError(400, "a control character, a bare CR or a bare LF in the head")
    parts = _REQUEST_LINE.fullmatch(line)
    if parts is None:
        raise ProtocolError(400, "malformed request line")
    method, target, major, minor = parts.groups()
    if major != "1":
        raise ProtocolError(505, "this server speaks HTTP/1.1 and HTTP/1.0")
    # A higher minor version is read as the highest that we know (RFC 9110, section 2.5).
    minor_version = 0 if minor == "0" else 1
    headers = _parse_fields(field_lines)
    path, query, host = _parse_target(method, target)
    _check_host(headers, minor_version)
    if host is not None:
        # A proxy's absolute form wins over Host (RFC 9112, section 3.2.2).
        headers["host"] = host
    keep_alive = _wants_keep_alive(headers.get("connection"), minor_version)
    return HTTPRequest(method, path, query, minor_version, headers, None, 0, keep_alive, {})


def _parse_fields(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        # A folded line begins with a space, and a space may stand before the colon: in both the
        # name is no token and is refused (RFC 9112, sections 5.1 and 5.2).
        name, colon, value = line.partition(":")
        name = _field_name(name)
        if not colon:
            raise ProtocolError(400, "a header line without a colon")
        value = value.strip(" \t")
        if name in headers:
            value = _join_fields(name, headers[name], value)
        headers[name] = value
    return headers


@lru_cache(maxsize=1024)
def _field_name(name: str) -> str:
    """The name in lower case. Cached: all clients together send a few dozen names."""
    if not TOKEN.fullmatch(name):
        raise ProtocolError(400, "malformed header name")
    return name.lower()


def _join_fields(name: str, first: str, second: str) -> str:
    """Two fields of one name as one (RFC 9110, section 5.3); where two would be a trick, refuse."""
    if name in ("host", "content-length"):
        raise ProtocolError(400, f"{name} comes twice")
    return f"{first}{'; ' if name == 'cookie' else ', '}{second}"


def _parse_target(method: str, target: str) -> tuple[str, str, str | None]:
    """Path, query, and the host if the target names one (RFC 9112, section 3.2)."""
    if target[0] == "/":
        path, _, query = target.partition("?")
        if "#" in target:
            raise ProtocolError(400, "a fragment in the request target")
        return path, query, None
    if method == "CONNECT":
        raise ProtocolError(501, "CONNECT is for proxies, and this is none")
    if target == "*" and method == "OPTIONS":
        return "*", "", None
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None or not _is_host(absolute[1]):
        raise ProtocolError(400, "malformed request target")
    return absolute[2] or "/", absolute[3] or "", absolute[1]


def _check_host(headers: dict[str, str], minor_version: int) -> None:
    """Exactly one Host in HTTP/1.1, and one that is a host (RFC 9112, section 3.2)."""
    host = headers.get("host")
    if host is None:
        if minor_version > 0:
            raise ProtocolError(400, "Host is missing")
    elif not _is_host(host):
        raise ProtocolError(400, "malformed Host")


@lru_cache(maxsize=256)
def _is_host(text: str) -> bool:
    return _HOST.fullmatch(text) is not None


def _wants_keep_alive(connection: str | None, minor_version: int) -> bool:
    if connection is None:
        return minor_version > 0
    options = {option.strip().lower() for option in connection.split(",")}
    return "close" not in options and (minor_version > 0 or "keep-alive" in options)


def _parse_length(text: str, limits: Limits) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ProtocolError(400, "malformed Content-Length")
    if len(text) > _MAX_LENGTH_DIGITS or int(text) > limits.body_bytes:
        raise _body_too_large(limits)
    return int(text)


def _check_chunked(coding: str, length: str | None, minor_version: int) -> None:
    if length is not None:
        raise ProtocolError(400, "both Transfer-Encoding and Content-Length")
    if minor_version == 0:
        raise ProtocolError(400, "Transfer-Encoding in HTTP/1.0")
    codings = [one.strip().lower() for one in coding.split(",")]
    if codings[-1] != "chunked" or codings.count("chunked") > 1:
        raise ProtocolError(400, "the last and only the last transfer coding must be chunked")
    if len(codings) > 1:
        raise ProtocolError(501, "the only known transfer coding is chunked")


def _line_too_long(limits: Limits) -> ProtocolError:
    return ProtocolError(414, f"the request line is longer than {limits.request_line_bytes} bytes")


def _headers_too_long(limits: Limits) -> ProtocolError:
    return ProtocolError(
        431,
        f"more than {limits.header_block_bytes} bytes or {limits.header_count} fields of headers",
    )


def _body_too_large(limits: Limits) -> ProtocolError:
    return ProtocolError(413, f"the body is larger than {limits.body_bytes} bytes")

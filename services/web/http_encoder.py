"""HTTP/1.1 responses into bytes: the head, and how its body is told to end.

There are four ways to say where a body ends (RFC 9112, section 6.3), and this module chooses:

    NONE     to HEAD, and with 1xx, 204 and 304, nothing follows the head
    LENGTH   the length is known: Content-Length, and exactly that many bytes
    CHUNKED  the length is unknown and the client speaks HTTP/1.1: chunks, then an empty one
    CLOSE    the length is unknown and the client speaks HTTP/1.0: the connection ends with it

Only the last one costs the connection. An application that sets Content-Length and then sends
more or less would shift every later response of the connection; it is stopped with an error.
"""

from __future__ import annotations

import enum
import json
from functools import lru_cache

from services.web.http_decoder import CONTROLS, TOKEN

LAST_CHUNK = b"0\r\n\r\n"

# Fields about this connection are the server's to set, not the application's (PEP 3333).
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_HANDLED = _HOP_BY_HOP | {"content-length", "date", "x-request-id"}


class ResponseError(Exception):
    """The application's response cannot be sent: our side's mistake, not the client's."""


class Framing(enum.Enum):
    """How the client sees where the body ends."""

    NONE = enum.auto()
    LENGTH = enum.auto()
    CHUNKED = enum.auto()
    CLOSE = enum.auto()


class ResponseEncoder:
    """Writes one response. `keep_alive` says afterwards whether the connection may go on."""

    __slots__ = ("_is_head", "_minor_version", "_remaining", "framing", "keep_alive")

    def __init__(self, method: str, minor_version: int, *, keep_alive: bool) -> None:
        self._is_head = method == "HEAD"
        self._minor_version = minor_version
        self._remaining = 0
        self.framing = Framing.NONE
        self.keep_alive = keep_alive

    def encode_head(
        self,
        status: str,
        fields: list[tuple[str, str]],
        date: str,
        *,
        body_bytes: int | None = None,
        until_close: bool = False,
        request_id: str = "",
    ) -> bytes:
        """Status line and fields, up to the empty line. `status` is `200 OK`; `body_bytes` is the
        length of the body if it is known, `until_close` asks for Framing.CLOSE."""
        lines = [f"HTTP/1.1 {status}"]
        content_length = None
        has_date = False
        for name, value in fields:
            lower = _lower_name(name)
            # One look for the many fields that are sent as they are.
            if lower in _HANDLED:
                match lower:
                    case "content-length":
                        content_length = value
                        continue
                    case "connection" if "close" in value.lower():
                        self.keep_alive = False
                        continue
                    case "date":
                        has_date = True
                    case "x-request-id":
                        request_id = ""  # The application has named the request itself.
                    case _:
                        continue
            lines.append(f"{name}: {value}")
        if not has_date:
            lines.append(f"Date: {date}")
        if request_id:
            lines.append(f"X-Request-ID: {request_id}")
        lines.extend(self._framing_fields(status, content_length, body_bytes, until_close))
        lines.append("\r\n")
        return _encode_lines(lines)

    def encode_upgrade(self, protocol: str, fields: list[tuple[str, str]], date: str) -> bytes:
        """The head of a 101: from here on the connection speaks `protocol`."""
        lines = ["HTTP/1.1 101 Switching Protocols", f"Upgrade: {protocol}", "Connection: Upgrade"]
        lines += [
            f"{name}: {value}" for name, value in fields if _lower_name(name) not in _HOP_BY_HOP
        ]
        self.keep_alive = False
        return _encode_lines([*lines, f"Date: {date}", "\r\n"])

    def encode_data(self, data: bytes) -> bytes:
        """A piece of the body as it goes over the wire; nothing where no body may follow."""
        match self.framing:
            case Framing.LENGTH:
                self._remaining -= len(data)
                if self._remaining < 0:
                    raise ResponseError("the body is longer than its Content-Length")
                return data
            case Framing.CHUNKED:
                return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            case Framing.CLOSE:
                return data
        return b""

    def encode_end(self) -> bytes:
        """What ends the body. Errors: ResponseError if bytes are missing."""
        if self.framing is Framing.CHUNKED:
            return LAST_CHUNK
        if self.framing is Framing.LENGTH and self._remaining:
            raise ResponseError(f"the body lacks {self._remaining} bytes of its Content-Length")
        return b""

    def _framing_fields(
        self, status: str, content_length: str | None, body_bytes: int | None, until_close: bool
    ) -> list[str]:
        """Decide the framing and return the fields that announce it."""
        fields = []
        is_bodiless = self._is_head or status[0] == "1" or status[:3] in ("204", "304")
        if until_close:
            self.framing = Framing.NONE if is_bodiless else Framing.CLOSE
            self.keep_alive = False
        elif is_bodiless:
            # HEAD and 304 may tell the length of what they leave out, 204 must not.
            if content_length is not None and status[:3] != "204":
                fields.append(f"Content-Length: {content_length}")
        elif content_length is not None or body_bytes is not None:
            self.framing = Framing.LENGTH
            self._remaining = _length(content_length, body_bytes)
            fields.append(f"Content-Length: {self._remaining}")
        elif self._minor_version > 0:
            self.framing = Framing.CHUNKED
            fields.append("Transfer-Encoding: chunked")
        else:
            self.framing = Framing.CLOSE
            self.keep_alive = False
        if not self.keep_alive:
            fields.append("Connection: close")
        elif self._minor_version == 0:
            fields.append("Connection: keep-alive")
        return fields


def encode_simple_response(method: str, status: str, detail: str, date: str) -> bytes:
    """A whole response that ends the connection: what the server says on its own behalf, as a
    problem document (RFC 9457)."""
    code, _, title = status.partition(" ")
    problem = {"title": title, "status": int(code), "detail": detail}
    body = json.dumps(problem, separators=(",", ":")).encode()
    encoder = ResponseEncoder(method, 1, keep_alive=False)
    fields = [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body)))]
    return encoder.encode_head(status, fields, date) + (b"" if method == "HEAD" else body)


def _length(content_length: str | None, body_bytes: int | None) -> int:
    if content_length is None:
        return body_bytes or 0
    if not (content_length.isascii() and content_length.isdigit()):
        raise ResponseError(f"Content-Length is {content_length!r}")
    return int(content_length)


def _encode_lines(lines: list[str]) -> bytes:
    text = "\r\n".join(lines)
    try:
        head = text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ResponseError(f"not Latin-1: {text[error.start : error.start + 20]!r}") from error
    # Every control character must be half of a line's end: a CR or LF inside a value would let
    # whoever supplied the value write a header, or a second response, of their own.
    if len(head) - len(head.translate(None, CONTROLS)) != 2 * len(lines):
        raise ResponseError("a header holds a control character")
    return head


@lru_cache(maxsize=1024)
def _lower_name(name: str) -> str:
    if not TOKEN.fullmatch(name):
        raise ResponseError(f"not a header name: {name!r}")
    return name.lower()

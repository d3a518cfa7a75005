"""Responses: what a handler gives back. Each one is a WSGI application in itself.

A response is a status, header fields and a body. The body is bytes (the usual case: its length is
known), an iterable of bytes (sent as it comes), an event stream, or a file (`file_response`).
Calling the response with `environ` and `start_response` hands all of it to whichever WSGI server
runs underneath.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from services.web.conditional import has_conditions, precondition_status
from services.web.event_stream import Broadcast, InitialEvents, Subscription
from services.web.headers import TOKEN, Headers, HeaderSource

StartResponse = Callable[..., Callable[[bytes], object]]
Environ = dict[str, Any]

_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
# RFC 9110, section 6.4.1: these never have content.
_BODILESS = frozenset({204, 304})
# What describes a body that a 304 or a 412 does not have.
_OF_THE_BODY = frozenset({"content-type", "content-length", "content-encoding"})
_SAME_SITE = frozenset({"Strict", "Lax", "None"})
# Made once: json.dumps makes an encoder for each call that does not want its defaults.
_COMPACT_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def status_line(status: int) -> str:
    """`404` → `404 Not Found`, as `start_response` wants it."""
    return _STATUS_LINES.get(status) or f"{status} Unknown"


class Response:
    """A status, header fields and a body of bytes, text (sent as UTF-8) or an iterable of bytes."""

    content_type = "application/octet-stream"

    def __init__(
        self,
        body: bytes | str | Iterable[bytes] = b"",
        status: int = 200,
        headers: HeaderSource = None,
        content_type: str | None = None,
    ) -> None:
        self.status = status
        self.headers = Headers(headers)
        if isinstance(body, str):
            body = body.encode()
            content_type = content_type or _textual(self.content_type)
        self.body: bytes | Iterable[bytes] = body
        if status not in _BODILESS:
            self.headers.setdefault("Content-Type", content_type or self.content_type)

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age_s: int | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        http_only: bool = True,
        same_site: str = "Lax",
    ) -> None:
        """Ask the browser to keep a cookie; the defaults hide it from scripts and other sites.

        `secure` is off by default only because the stack speaks plain HTTP on localhost.
        """
        if same_site not in _SAME_SITE or (same_site == "None" and not secure):
            raise ValueError("same_site is Strict, Lax, or None together with secure")
        # The value is percent-encoded, so that no separator of the header can be part of it; the
        # path and domain are the application's own words and are only checked.
        if not TOKEN.fullmatch(name):
            raise ValueError(f"not a name of a cookie: {name!r}")
        for word in (path, domain or ""):
            if any(character in word for character in ";, \t"):
                raise ValueError(f"not allowed in a cookie: {word!r}")
        attributes = [f"{name}={quote(value, safe='')}", f"Path={path}"]
        if max_age_s is not None:
            attributes.append(f"Max-Age={max_age_s}")
        if domain:
            attributes.append(f"Domain={domain}")
        if secure:
            attributes.append("Secure")
        if http_only:
            attributes.append("HttpOnly")
        attributes.append(f"SameSite={same_site}")
        self.headers.add("Set-Cookie", "; ".join(attributes))

    def delete_cookie(self, name: str, *, path: str = "/", domain: str | None = None) -> None:
        """Ask the browser to forget a cookie (its age is set to nothing)."""
        self.set_cookie(name, "", max_age_s=0, path=path, domain=domain)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        fields = self.headers.items()
        body, status = self.body, self.status
        if status == 200 and has_conditions(environ):
            status = precondition_status(environ, self.headers) or 200
            if status != 200:
                close_body(body)
                body = b""
                fields = [field for field in fields if field[0].lower() not in _OF_THE_BODY]
        if isinstance(body, bytes):
            if status in _BODILESS:
                body = b""
            elif status != self.status or "Content-Length" not in self.headers:
                fields.append(("Content-Length", str(len(body))))
            body = [body] if body and environ["REQUEST_METHOD"] != "HEAD" else []
        start_response(status_line(status), fields)
        return body

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.status}, {self.headers!r})"


class TextResponse(Response):
    """Plain text in UTF-8."""

    content_type = "text/plain; charset=utf-8"


class HTMLResponse(Response):
    """A page of HTML in UTF-8."""

    content_type = "text/html; charset=utf-8"


class JSONResponse(Response):
    """Any JSON value. NaN and infinities are no JSON and raise ValueError."""

    content_type = "application/json"

    def __init__(
        self,
        content: object,
        status: int = 200,
        headers: HeaderSource = None,
        content_type: str | None = None,
    ) -> None:
        super().__init__(encode_json(content), status, headers, content_type)


class RedirectResponse(Response):
    """Send the client elsewhere: 303 after a form, 307/308 to keep the method."""

    content_type = TextResponse.content_type

    def __init__(self, location: str, status: int = 303, headers: HeaderSource = None) -> None:
        super().__init__(b"", status, headers)
        # What is no URI (spaces, other alphabets) is escaped; escapes stay as they are.
        self.headers["Location"] = quote(location, safe="/:?#[]@!$&'()*+,;=%~")


class EventStreamResponse(Response):
    """Server-sent events: first `initial`, then whatever is published on `events`.

    `initial` is a list of (event, data), or a function that returns one; it is asked after the
    subscription began, so that nothing falls between the two.
    """

    content_type = "text/event-stream"

    def __init__(
        self, events: Broadcast, initial: InitialEvents = (), headers: HeaderSource = None
    ) -> None:
        super().__init__(b"", 200, headers, self.content_type)
        # `X-Accel-Buffering` keeps nginx, where it stands in between, from collecting the events.
        self.headers.setdefault("Cache-Control", "no-store")
        self.headers.setdefault("X-Accel-Buffering", "no")
        self.events = events
        self.initial = initial

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status_line(self.status), self.headers.items())
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        subscription = Subscription(self.events, self.initial)
        # Our own server takes the stream over, so that no thread waits for events. Under any
        # other the subscription is a blocking iterator like every other WSGI body.
        hand_over = environ.get("glassbox.stream")
        return hand_over(subscription) if hand_over else subscription


def close_body(body: bytes | Iterable[bytes]) -> None:
    """Close a body that is not going to be sent, as a server closes one that was (PEP 3333)."""
    close = getattr(body, "close", None)
    if close is not None:
        close()


def encode_json(content: object) -> bytes:
    """Compact JSON in UTF-8; a lone surrogate, which has no UTF-8, is written as an escape."""
    try:
        return _COMPACT_JSON.encode(content).encode()
    except UnicodeEncodeError:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def _textual(content_type: str) -> str:
    """A body given as text is text, unless the class says what it is."""
    return TextResponse.content_type if content_type == Response.content_type else content_type

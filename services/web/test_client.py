"""A client for tests: calls a WSGI application directly, without a socket or a thread.

    client = app.test_client()
    reply = client.post("/tasks", json={"task": "echo"})
    assert reply.status == 201 and reply.json()["id"]
    client.post("/photos", files={"photo": ("a.png", png_bytes, "image/png")}, form={"title": "A"})

It keeps cookies between requests and checks the few rules of WSGI that are easily broken. An event
stream is read with `stream=True`, which leaves the body unread: `next(reply.chunks)`.
"""

from __future__ import annotations

import io
import json as json_module
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

from services.web.headers import Headers

if TYPE_CHECKING:
    from services.web.application import WSGIApplication

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
# What `files` takes for each name: a file name, the content, and perhaps the media type.
Upload = tuple[str, bytes] | tuple[str, bytes, str]
_UNSET = object()


class TestClient:
    """Sends requests to one application; cookies live as long as the client."""

    __test__ = False  # pytest collects classes named Test… unless told not to

    def __init__(self, application: WSGIApplication, *, host: str = "localhost") -> None:
        self.application = application
        self.host = host
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Any) -> TestResponse:
        return self.request("HEAD", path, **options)

    def options(self, path: str, **options: Any) -> TestResponse:
        return self.request("OPTIONS", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> TestResponse:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> TestResponse:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.request("DELETE", path, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = _UNSET,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, Upload] | None = None,
        body: bytes = b"",
        stream: bool = False,
    ) -> TestResponse:
        """Send one request; `json`, `form` and `files` become a body with its content type."""
        content_type = None
        if json is not _UNSET:
            body, content_type = json_module.dumps(json).encode(), JSON_TYPE
        elif files is not None:
            body, content_type = _encode_multipart(form or {}, files)
        elif form is not None:
            body, content_type = urlencode(form).encode(), FORM_TYPE
        environ = self._environ(method, path, query, body, content_type, headers or {})
        reply = TestResponse(self.application, environ, stream=stream)
        self._keep_cookies(reply.headers.get_all("set-cookie"))
        return reply

    def _environ(
        self,
        method: str,
        target: str,
        query: Mapping[str, str] | None,
        body: bytes,
        content_type: str | None,
        headers: Mapping[str, str],
    ) -> dict[str, Any]:
        path, _, query_string = target.partition("?")
        if query:
            query_string = "&".join(filter(None, [query_string, urlencode(query)]))
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1") if path.isascii() else _wsgi_text(path),
            "QUERY_STRING": quote(query_string, safe="/:?@!$&'()*+,;=~%-._[]"),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": self.host,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        if body:
            environ["CONTENT_LENGTH"] = str(len(body))
        if content_type:
            environ["CONTENT_TYPE"] = content_type
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            bare = key in ("CONTENT_TYPE", "CONTENT_LENGTH")
            environ[key if bare else f"HTTP_{key}"] = value
        return environ

    def _keep_cookies(self, fields: Iterable[str]) -> None:
        for field in fields:
            pair, *attributes = (part.strip() for part in field.split(";"))
            name, _, value = pair.partition("=")
            if any(attribute.lower() == "max-age=0" for attribute in attributes):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


class TestResponse:
    """What the application answered."""

    __test__ = False

    def __init__(
        self, application: WSGIApplication, environ: dict[str, Any], *, stream: bool
    ) -> None:
        self._started: tuple[str, list[tuple[str, str]]] | None = None
        self._written: list[bytes] = []
        self._iterable = application(environ, self._start_response)
        self.chunks: Iterator[bytes] = iter(self._iterable)
        self.body = b""
        if not stream:
            try:
                rest = b"".join(self.chunks)
            finally:
                self.close()
            self.body = b"".join(self._written) + rest
        if self._started is None:
            raise AssertionError("the application did not call start_response")
        status_line, fields = self._started
        self.status = int(status_line.split(" ", 1)[0])
        self.headers = Headers(fields)

    def close(self) -> None:
        """End a streamed response, as a server does when the client goes away."""
        close = getattr(self._iterable, "close", None)
        if close is not None:
            close()

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json_module.loads(self.body)

    def _start_response(
        self, status: str, fields: list[tuple[str, str]], exc_info: Any = None
    ) -> Any:
        if self._started is not None and exc_info is None:
            raise AssertionError("start_response was called twice")
        self._started = (status, fields)
        return self._written.append

    def __repr__(self) -> str:
        return f"<TestResponse {self.status} {self.body[:60]!r}>"


def _encode_multipart(form: Mapping[str, str], files: Mapping[str, Upload]) -> tuple[bytes, str]:
    """A form with files as a browser sends it (RFC 7578), and its content type."""
    boundary = secrets.token_hex(16)
    parts = [(f'name="{_escape(name)}"', value.encode()) for name, value in form.items()]
    for name, (filename, content, *media_type) in files.items():
        head = f'name="{_escape(name)}"; filename="{_escape(filename)}"'
        media = media_type[0] if media_type else "application/octet-stream"
        parts.append((f"{head}\r\nContent-Type: {media}", content))
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for head, content in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _escape(name: str) -> str:
    """What cannot stand in a quoted name, as browsers escape it (WHATWG HTML)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _wsgi_text(path: str) -> str:
    """Text as WSGI has it: one character for each byte of its UTF-8."""
    return unquote(path).encode().decode("latin-1")

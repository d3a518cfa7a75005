"""A small blocking client for HTTP/JSON services: health checks, the dashboard, other services.

    broker = HTTPClient("http://127.0.0.1:4246", timeout_s=5)
    reply = broker.post("/tasks", json={"task": "echo"})
    reply.status, reply.json()

It keeps one connection open and may be shared by threads, which then take turns. Whatever keeps an
answer from coming (refused, timed out, cut off, no HTTP) is one exception, `HTTPClientError`, with
the address in its text. A status of 400 and above is an answer, not an exception; `check` makes one
of it for callers that cannot go on.
"""

from __future__ import annotations

import http.client
import json as json_module
import select
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

_MAX_REPLY_BYTES = 64 * 1024 * 1024
# Sending these twice is the same as once (RFC 9110, section 9.2.2), so they may be tried again.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_UNSET = object()


class HTTPClientError(Exception):
    """No usable answer. `status` is the answer's, where there was one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, header fields with lower-case names, and the whole body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Errors: HTTPClientError."""
        try:
            return json_module.loads(self.body)
        except ValueError as error:
            raise HTTPClientError(f"{self.url}: the answer is not JSON", self.status) from error

    def check(self) -> Reply:
        """This reply, if it is a success. Errors: HTTPClientError with the problem's detail."""
        if self.status < 400:
            return self
        detail = self.text[:200]
        if self.headers.get("content-type", "").startswith("application/problem+json"):
            detail = self.json().get("detail") or detail
        raise HTTPClientError(f"{self.url}: {self.status} {detail}", self.status)


class HTTPClient:
    """Requests to one server, one at a time, over one kept connection."""

    def __init__(self, base_url: str, *, timeout_s: float = 5.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"not an http:// address: {base_url!r}")
        self.base_url = base_url.rstrip("/")
        self._host = parts.hostname
        self._port = parts.port or 80
        self._prefix = parts.path.rstrip("/")
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str, *, query: Mapping[str, object] | None = None) -> Reply:
        return self.request("GET", path, query=query)

    def post(self, path: str, *, json: object = None) -> Reply:
        return self.request("POST", path, json=json)

    def delete(self, path: str) -> Reply:
        return self.request("DELETE", path)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        json: object = _UNSET,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and read its whole answer. Errors: HTTPClientError."""
        target = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        fields = {"Accept": "application/json", **(headers or {})}
        body = None
        if json is not _UNSET:
            body = json_module.dumps(json).encode()
            fields["Content-Type"] = "application/json"
        with self._lock:
            return self._request(method, target, body, fields)

    def close(self) -> None:
        """Close the kept connection; the next request opens another."""
        with self._lock:
            self._drop()

    def __enter__(self) -> HTTPClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _request(
        self, method: str, target: str, body: bytes | None, fields: dict[str, str]
    ) -> Reply:
        is_reused = self._has_live_connection()
        try:
            return self._exchange(method, target, body, fields)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            # A server may close a kept connection at any moment; then the next one will do.
            self._drop()
            if not (is_reused and method in _IDEMPOTENT):
                raise self._error(method, target, error) from error
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise self._error(method, target, error) from error
        try:
            return self._exchange(method, target, body, fields)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise self._error(method, target, error) from error

    def _exchange(
        self, method: str, target: str, body: bytes | None, fields: dict[str, str]
    ) -> Reply:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                self._host, self._port, timeout=self._timeout_s
            )
        self._connection.request(method, target, body, fields)
        response = self._connection.getresponse()
        content = response.read(_MAX_REPLY_BYTES + 1)
        if len(content) > _MAX_REPLY_BYTES:
            raise http.client.HTTPException(f"the answer is larger than {_MAX_REPLY_BYTES} bytes")
        if response.length:
            # A limited read does not say itself that the connection ended too early.
            raise http.client.IncompleteRead(content, response.length)
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(self.base_url + target, response.status, headers, content)

    def _has_live_connection(self) -> bool:
        """Whether a connection is kept that the server has not closed: nothing is to be read."""
        sock = self._connection.sock if self._connection else None
        if sock is None:
            return False
        readable, _, _ = select.select([sock], [], [], 0)
        if readable:
            self._drop()
        return not readable

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _error(self, method: str, target: str, error: Exception) -> HTTPClientError:
        reason = "timed out" if isinstance(error, TimeoutError) else str(error) or repr(error)
        return HTTPClientError(f"{method} {self.base_url}{target}: {reason}")

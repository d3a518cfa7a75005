"""The HTTP services behind the dashboard, broker and ledger nodes, asked with short timeouts.

    broker = Upstream("http://127.0.0.1:4246")
    broker.get("/tasks", limit=50)                   ─▶ what the JSON says
    broker.post("/tasks", {"task": "echo", …})

Each call is one connection: the dashboard asks rarely, and a call to a service that hangs must not
hold up the next one. A service that does not answer raises `Unreachable`, one that answers with an
error raises `Refused`, with the problem document (RFC 9457) that it sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from services.web.client import HTTPClient, HTTPClientError, Reply

# JavaScript's numbers are exact up to 2**53; a longer integer travels to the page as text.
_EXACT_DIGITS = 15


class Unreachable(Exception):
    """The service gave no answer that can be used; the text says why."""


class Refused(Exception):
    """The service answered with an error status."""

    def __init__(self, status: int, problem: Mapping[str, object]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"status {status}"))
        self.status = status
        self.problem = problem


class Upstream:
    """One HTTP/JSON service; may be used from any thread."""

    def __init__(self, url: str, *, timeout_s: float = 2.0) -> None:
        self.url = url
        self._timeout_s = timeout_s

    @property
    def address(self) -> str:
        return urlsplit(self.url).netloc

    def get(self, path: str, **query: object) -> object:
        with HTTPClient(self.url, timeout_s=self._timeout_s) as client:
            return self._content(lambda: client.get(path, query=query))

    def post(self, path: str, content: object) -> object:
        with HTTPClient(self.url, timeout_s=self._timeout_s) as client:
            return self._content(lambda: client.post(path, json=content))

    def put(self, path: str, content: object) -> object:
        with HTTPClient(self.url, timeout_s=self._timeout_s) as client:
            return self._content(lambda: client.request("PUT", path, json=content))

    def delete(self, path: str) -> None:
        """For services that answer with nothing."""
        with HTTPClient(self.url, timeout_s=self._timeout_s) as client:
            self._content(lambda: client.delete(path))

    def _content(self, ask: Callable[[], Reply]) -> object:
        try:
            reply = ask()
        except HTTPClientError as error:
            raise Unreachable(f"{self.address}: {_reason(error)}") from error
        if reply.status == 204:
            return None
        try:
            content = json.loads(reply.body, parse_int=exact_integer)
        except (ValueError, RecursionError) as error:
            raise Unreachable(f"{self.address}: the answer is not JSON") from error
        if reply.status >= 400:
            raise Refused(reply.status, content if isinstance(content, dict) else {})
        return content


def exact_integer(text: str) -> int | str:
    """An integer of JSON; as text where a browser could not hold it exactly."""
    return int(text) if len(text) <= _EXACT_DIGITS else text


def parse_http_url(url: str) -> str:
    """Raises ValueError with the reason; fits `Option.parse`."""
    url = url.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("is not of the form http://host:port")
    _ = parts.port  # Raises ValueError where it is no port.
    return url


def parse_http_urls(urls: str) -> tuple[str, ...]:
    """Several addresses, separated by commas; fits `Option.parse`."""
    return tuple(parse_http_url(url) for url in urls.split(",") if url.strip())


def _reason(error: HTTPClientError) -> str:
    """What the system said; the client's own text repeats the whole URL before it."""
    match error.__cause__:
        case TimeoutError():
            return "timed out"
        case OSError(strerror=str(reason)):
            return reason
    return str(error)

"""The audit log: who changed what through the dashboard, from where, and how that ended.

    2026-11-23T09:30:00.125Z INFO web audit user=ada client=127.0.0.1
        change="PUT /api/kvdb/key?key=a" body="value=5 characters ttl_s=60" status=200 id=5b0c…-1f

Each request that may change something is one line on stderr, the refused ones too: a line that says
403 tells of somebody who tried. The last ones are also kept in memory, for a page of the dashboard.
What a value holds is nobody's business here: a log outlives what it tells of. So a text that may be
long or secret is told by its size, a command by its name and key, and a password not at all.
# Real: Kubernetes' audit log at the level "Metadata"; auditd.
"""

from __future__ import annotations

import collections
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from services.common.logs import Log
from services.web.errors import HTTPError
from services.web.requests import Request
from services.web.responses import Response

MAX_ENTRIES = 500
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# Fields that tell what was meant; all others are told by their size.
_TOLD_FIELDS = frozenset(
    {"action", "channel", "db", "is_confirmed", "name", "node", "queue", "state", "task", "ttl_s"}
    | {"type", "field", "member", "index", "paused", "weight"}
)
# A name or a value may come third; comments before the words are told by their size.
_FIRST_WORDS = re.compile(r"(?:CREATE|ALTER|DROP)\s+[A-Z]+\b|[A-Z]+\b", re.IGNORECASE)
_MAX_TOLD_CHARACTERS = 80
_MAX_CHANGE_CHARACTERS = 200
_MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, or the attempt at one; `number` only grows."""

    number: int
    at_s: float
    user: str
    """The name that was given at the login, which proves nothing but who knew the password."""
    client: str
    change: str
    body: str
    status: int
    request_id: str


class AuditLog:
    """Writes the lines and keeps the last ones; an `after_request` hook, for any thread.

    `on_entry` hears of each new one.
    """

    def __init__(
        self,
        log: Log,
        *,
        clock_s: Callable[[], float] = time.time,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        self._log = log
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._entries: collections.deque[Entry] = collections.deque(maxlen=max_entries)
        self.on_entry: Callable[[], None] = lambda: None

    def note(self, request: Request, response: Response) -> None:
        """Note the request if it is one that may change something."""
        if request.method in _SAFE_METHODS:
            return
        with self._lock:
            entry = self._entry(request, response)
            self._entries.append(entry)
        self._log.info(
            "audit",
            user=entry.user or "-",
            client=entry.client,
            change=entry.change,
            body=entry.body or "-",
            status=entry.status,
            id=entry.request_id or "-",
        )
        self.on_entry()

    def entries(self) -> list[dict[str, object]]:
        """The last ones as JSON, the newest first."""
        with self._lock:
            return [asdict(entry) for entry in reversed(self._entries)]

    def _entry(self, request: Request, response: Response) -> Entry:
        return Entry(
            number=next(self._numbers),
            at_s=round(self._clock_s(), 3),
            user=str(request.state.get("user", "")),
            client=request.client_address,
            change=shortened(f"{request.method} {request.url_path}", _MAX_CHANGE_CHARACTERS),
            body=told_body(request),
            status=response.status,
            request_id=request.id,
        )


def told_body(request: Request) -> str:
    """What the log may tell of a body: the names of its fields, and the values of a few."""
    length = request.headers.get("content-length", "0")
    if request.content_type != "application/json" or not length.isdigit() or length == "0":
        return ""
    if int(length) > _MAX_BODY_BYTES:
        return f"{length} bytes"
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError, HTTPError):
        return "no JSON"
    if not isinstance(body, Mapping):
        return told_size(body)
    told = (f"{name}={_told_value(str(name), value)}" for name, value in body.items())
    return shortened(" ".join(told), _MAX_CHANGE_CHARACTERS)


def _told_value(name: str, value: object) -> str:
    if name == "line" and isinstance(value, str):
        return told_command(value)
    if name == "sql" and isinstance(value, str):
        return told_statements(value)
    if name in _TOLD_FIELDS and not isinstance(value, (dict, list)):
        return shortened(str(value), _MAX_TOLD_CHARACTERS)
    return told_size(value)


def told_command(line: str) -> str:
    """The command of the console and its first argument: `SET user:1 …`, but `AUTH …`."""
    words = line.split()
    count = 1 if words and words[0].upper() in ("AUTH", "HELLO") else 2
    told = " ".join(words[:count])
    return shortened(told + " …" if len(words) > count else told, _MAX_TOLD_CHARACTERS)


def told_statements(sql: str) -> str:
    """What SQL begins with, if these are words: `DROP TABLE … (23 characters)`."""
    words = _FIRST_WORDS.match(sql)
    size = told_size(sql)
    return f"{words.group().upper()} … ({size})" if words else size


def told_size(value: object) -> str:
    """How large a value is: `12 characters`, `3 elements`; a number says no more than itself."""
    match value:
        case str():
            return f"{len(value)} characters"
        case list() | dict():
            return f"{len(value)} elements"
        case _:
            return shortened(json.dumps(value), _MAX_TOLD_CHARACTERS)


def shortened(text: str, max_characters: int) -> str:
    return text if len(text) <= max_characters else f"{text[: max_characters - 1]}…"

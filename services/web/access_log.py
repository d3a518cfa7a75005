"""The access log: one line for each request, in one of three forms.

    fields      2026-11-23T09:30:00.125Z INFO web request client=127.0.0.1 method=GET path=/ …
    combined    127.0.0.1 - - [23/Nov/2026:09:30:00 +0000] "GET / HTTP/1.1" 200 12 "-" "curl/8"
    json        {"time":"2026-11-23T09:30:00.125Z","client":"127.0.0.1","method":"GET",…}

`fields` is this house's own form and goes through its log; `combined` is Apache's, which every tool
reads; `json` is for collectors. All of them go to stderr, and nothing that a client sent can begin
a line of its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from services.common.logs import Log

FORMS = ("no", "fields", "combined", "json")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True, slots=True)
class Access:
    """One request and its answer."""

    client: str
    method: str
    target: str
    """Path and query as the client sent them."""
    protocol: str
    status: int
    body_bytes: int
    duration_s: float
    referer: str
    user_agent: str
    request_id: str


def access_of(
    environ: Mapping[str, Any], status: int, body_bytes: int, duration_s: float
) -> Access:
    """Of a request by its environ: what middleware has found out about the client counts."""
    query = environ["QUERY_STRING"]
    return Access(
        client=environ["REMOTE_ADDR"],
        method=environ["REQUEST_METHOD"],
        target=environ["RAW_PATH"] + (f"?{query}" if query else ""),
        protocol=environ["SERVER_PROTOCOL"],
        status=status,
        body_bytes=body_bytes,
        duration_s=duration_s,
        referer=environ.get("HTTP_REFERER", ""),
        user_agent=environ.get("HTTP_USER_AGENT", ""),
        request_id=environ["HTTP_X_REQUEST_ID"],
    )


class AccessLog:
    """Writes accesses in one of `FORMS`; called by any thread."""

    def __init__(self, form: str, log: Log, stream: TextIO | None = None) -> None:
        if form not in FORMS:
            raise ValueError(f"the access log is one of {', '.join(FORMS)}")
        self.is_on = form != "no"
        self._form = form
        self._log = log
        self._stream = stream

    def write(self, access: Access, now_s: float | None = None) -> None:
        """Write one line."""
        if self._form == "fields":
            self._log.info(
                "request",
                client=access.client,
                method=access.method,
                # Without its query, which may hold what no log should.
                path=access.target.partition("?")[0],
                status=access.status,
                bytes=access.body_bytes,
                ms=round(access.duration_s * 1000, 2),
                id=access.request_id,
            )
            return
        now = datetime.fromtimestamp(time.time() if now_s is None else now_s, UTC)
        line = _combined(access, now) if self._form == "combined" else _json(access, now)
        # One write for a line: threads may mix lines, never parts of them.
        (self._stream or sys.stderr).write(line + "\n")


def _combined(access: Access, now: datetime) -> str:
    stamp = now.strftime(f"%d/{_MONTHS[now.month - 1]}/%Y:%H:%M:%S +0000")
    request = _quoted(f"{access.method} {access.target} {access.protocol}")
    return (
        f"{access.client or '-'} - - [{stamp}] {request} {access.status} "
        f"{access.body_bytes or '-'} {_quoted(access.referer)} {_quoted(access.user_agent)}"
    )


def _json(access: Access, now: datetime) -> str:
    fields = {
        "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "client": access.client,
        "method": access.method,
        "target": access.target,
        "protocol": access.protocol,
        "status": access.status,
        "bytes": access.body_bytes,
        "ms": round(access.duration_s * 1000, 2),
        "referer": access.referer,
        "user_agent": access.user_agent,
        "request_id": access.request_id,
    }
    return json.dumps(fields, separators=(",", ":"))


def _quoted(text: str) -> str:
    """As Apache quotes: `"`, backslash and whatever is not printable ASCII become escapes."""
    if not text:
        return '"-"'
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    escaped = [
        f"\\{c}" if c in '"\\' else c if c.isascii() and c.isprintable() else f"\\x{ord(c):02x}"
        for c in text
    ]
    return '"' + "".join(escaped) + '"'

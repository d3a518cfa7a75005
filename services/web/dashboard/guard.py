"""The guard: what a request must be before any route sees it, and what every response says.

The dashboard changes things, and it listens where every page in the same browser can send requests
to. What each check is for:

- A foreign page lets its own name resolve to 127.0.0.1 (DNS rebinding): the `Host` of every
  request must be a name that is ours.
- A foreign page sends a form or a fetch here (CSRF): whatever changes something must have our
  `Origin` and the token.
- A foreign page shows ours in an invisible frame (clickjacking): `frame-ancestors 'none'`.
- A key or a message holds markup (XSS): templates escape, our modules only ever set text, and the
  policy allows no inline script, no other host, and no text to become one (Trusted Types).

The CSRF token is an HMAC of the session's id under a key that is made at the start of the process.
The id is a cookie that no script reads; the token stands in the page, which no other origin can
read. Nothing is stored. After a restart the page fetches a new token from `GET /api/session`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from services.web.errors import HTTPError
from services.web.requests import Request
from services.web.responses import Response

SESSION_COOKIE = "glassbox_session"
TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 (the name of a header, no secret)
TOKEN_FIELD = "csrf_token"  # noqa: S105 (as above, in a form)
FORM_TYPE = "application/x-www-form-urlencoded"
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)

_SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SESSION_ID = re.compile(r"[0-9a-f]{32}")


class Guard:
    """The checks, as `before_request` and `after_request` hooks of the application.

    `check_host` comes before all else, `check_change` behind the login: who is not logged in is to
    hear of that first.
    """

    def __init__(self, allowed_hosts: Iterable[str] = (), key: bytes | None = None) -> None:
        self._allowed_hosts = LOCAL_NAMES | {name.lower() for name in allowed_hosts}
        self._key = key or secrets.token_bytes(32)

    def check_change(self, request: Request) -> None:
        """Raises HTTPError where a change is not one that our own page could have sent."""
        if request.method not in _SAFE_METHODS:
            _check_origin(request)
            self._check_token(request)

    def finish(self, request: Request, response: Response) -> None:
        """Add the security headers, and the session's cookie where the session is new."""
        for name, value in _SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        session_id = request.state.get("new_session_id")
        if session_id is not None:
            response.set_cookie(SESSION_COOKIE, session_id, same_site="Strict")

    def token(self, request: Request) -> str:
        """The CSRF token for the page that answers `request`; begins a session where none is."""
        session_id = _session_id(request)
        if session_id is None:
            session_id = request.state["new_session_id"] = secrets.token_hex(16)
        return self._sign(session_id)

    def _sign(self, session_id: str) -> str:
        return hmac.new(self._key, session_id.encode(), hashlib.sha256).hexdigest()

    def check_host(self, request: Request) -> None:
        """Raises HTTPError where the request is for another name than ours."""
        name = host_name(request.host)
        if name not in self._allowed_hosts:
            raise HTTPError(
                421,
                f"this is not {request.host[:100]!r}; --allowed-hosts names the hosts that it is",
            )

    def _check_token(self, request: Request) -> None:
        sent = _sent_token(request)
        session_id = _session_id(request)
        # Compared as bytes: a header may hold what compare_digest refuses as text.
        if session_id is None or not hmac.compare_digest(
            self._sign(session_id).encode(), sent.encode()
        ):
            raise HTTPError(
                403,
                f"{TOKEN_HEADER} is missing or out of date; GET /api/session gives one",
                code="csrf",
            )


def host_name(host: str) -> str | None:
    """The name in a Host header, without port and brackets, or None where it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # Raises ValueError where it is no port.
    except ValueError:
        return None
    # Whatever else an authority may hold (user@) is no part of a Host.
    return parts.hostname if parts.netloc == host and "@" not in host else None


def _check_origin(request: Request) -> None:
    """A browser says where a request comes from; a program says nothing and needs the token."""
    origin = request.headers.get("origin")
    if origin is not None and not request.is_origin_ours(origin):
        raise HTTPError(403, f"requests from {origin[:100]!r} may change nothing here")
    site = request.headers.get("sec-fetch-site", "none")
    if site not in ("same-origin", "none"):
        raise HTTPError(403, f"a {site[:20]} request may change nothing here")


def _sent_token(request: Request) -> str:
    """From the header, as our modules send it, or from the button of a plain form."""
    sent = request.headers.get(TOKEN_HEADER)
    if sent is None and request.content_type == FORM_TYPE:
        sent = request.form.get(TOKEN_FIELD)
    return sent or ""


def _session_id(request: Request) -> str | None:
    sent = request.cookies.get(SESSION_COOKIE, "")
    return sent if _SESSION_ID.fullmatch(sent) else None

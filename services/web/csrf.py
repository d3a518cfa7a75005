"""CSRF: only our own pages may make a browser change something here.

A browser sends the cookies of this site with every request to it, also with one that a foreign page
made it send. So a request that changes something has to prove that its page is ours:

    CSRF().install(app)                     after Sessions([key]).install(app)
    {{ csrf_token }} = csrf_token(request)  in a hidden field named csrf_token, or sent by a
                                            script as X-CSRF-Token

The token is a secret of the session, which a foreign page can neither read nor guess. It is masked
anew for each page, because a page that is compressed leaks what stays the same in it (BREACH).
Browsers also say where a request comes from (`Sec-Fetch-Site`, `Origin`), and what they say is
looked at first. A program that sends no cookies has nothing that could be misused: a request
without a session and without `Origin` passes.
# Real: django.middleware.csrf, Flask-WTF's CSRFProtect.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING

from services.web.errors import HTTPError
from services.web.requests import Request

if TYPE_CHECKING:
    from services.web.application import Application

FIELD, HEADER = "csrf_token", "X-CSRF-Token"
_SECRET = "_csrf"  # noqa: S105 (the name of a value in the session)
_SECRET_BYTES = 16
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


class CSRF:
    """The check, as a hook. `exempt` names paths, or beginnings that end in `/`, which need none:
    webhooks, which prove themselves in another way. `trusted_origins` may post here, too."""

    def __init__(self, *, exempt: Iterable[str] = (), trusted_origins: Iterable[str] = ()) -> None:
        self._exempt = tuple(exempt)
        self._trusted_origins = frozenset(trusted_origins)

    def install(self, app: Application) -> None:
        """Add the hook; sessions must have been installed before."""
        app.before_request(self.check)

    def check(self, request: Request) -> None:
        """Raises 403 where a foreign page could have made the browser send this."""
        if request.method in _SAFE_METHODS or self._is_exempt(request.path):
            return
        if self._comes_from_elsewhere(request):
            raise HTTPError(403, "another site's page may change nothing here", code="csrf")
        secret = request.session.get(_SECRET)
        if secret is None and not request.session and "origin" not in request.headers:
            return
        if secret is None or not hmac.compare_digest(
            _unmask(_sent_token(request)), secret.encode()
        ):
            raise HTTPError(403, "the page is out of date: load it again", code="csrf")

    def _is_exempt(self, path: str) -> bool:
        return any(
            path == one or (one.endswith("/") and path.startswith(one)) for one in self._exempt
        )

    def _comes_from_elsewhere(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        if origin in self._trusted_origins:
            return False
        if request.headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
            return True
        return origin is not None and not request.is_origin_ours(origin)


def csrf_token(request: Request) -> str:
    """The token for a page that answers `request`; different each time, valid for the session."""
    secret = request.session.get(_SECRET)
    if secret is None:
        secret = request.session[_SECRET] = secrets.token_hex(_SECRET_BYTES)
    mask = secrets.token_bytes(_SECRET_BYTES)
    return (mask + _xor(bytes.fromhex(secret), mask)).hex()


def _sent_token(request: Request) -> str:
    token = request.headers.get(HEADER, "")
    if not token and request.content_type in _FORMS:
        token = request.form.get(FIELD, "")
    return token


def _unmask(token: str) -> bytes:
    try:
        data = bytes.fromhex(token)
    except ValueError:
        return b""
    mask, masked = data[:_SECRET_BYTES], data[_SECRET_BYTES:]
    return _xor(masked, mask).hex().encode() if len(masked) == len(mask) else b""


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))

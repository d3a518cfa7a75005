"""The login: one password for the whole dashboard, asked for where one is set.

    GET  /login      the page                 open to everybody, as are /healthz and the styles
    POST /login      password, name           303 to where one wanted to go, or the page again
    POST /logout                              303 to /login

Who is logged in has a session in a signed cookie (`sessions`), with the name that was given for the
audit log. A signed cookie cannot be taken back, so a log-out puts the session on a list until it
would have aged. The key is made at the start: a restart logs everybody out.

Programs send the password with each request (`curl -u name:password`, Prometheus' `basic_auth`).
Wrong passwords are counted by address: after a few, the answer is 429 until the minute is over, and
that without a look at the password. A page without a login is led to `/login`; everything else, the
event stream too, is refused with 401.
# Real: Flask-Login over Flask's sessions, django-axes for the attempts.
"""

from __future__ import annotations

import base64
import binascii
import collections
import hmac
import math
import secrets
import threading
import time
from collections.abc import Callable
from urllib.parse import quote

from services.common.logs import Log
from services.web.application import Application
from services.web.errors import HTTPError
from services.web.headers import Headers
from services.web.requests import Request
from services.web.responses import RedirectResponse, Response
from services.web.sessions import Sessions

SESSION_AGE_S = 12 * 3600
MAX_FAILURES = 5
FAILURE_WINDOW_S = 60.0
MAX_NAME_CHARACTERS = 40
_MAX_ADDRESSES = 1000
_OPEN_PATHS = frozenset({"/login", "/logout", "/healthz", "/favicon.ico"})
# The styles of the login page, and the same modules for everybody: nothing in them is secret.
_OPEN_PREFIX = "/static/"

RenderPage = Callable[[Request, int, str], Response]


class Login:
    """The check, as a `before_request` hook, and the routes; without a password it checks nothing.

    `render` gives the login page: request, status, and what went wrong before.
    """

    def __init__(
        self,
        password: str,
        render: RenderPage,
        log: Log,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_wanted = bool(password)
        self._password = password.encode()
        self._render = render
        self._log = log
        self._clock = clock
        self._failures = Failures(clock)
        self._ended: dict[str, float] = {}
        self._lock = threading.Lock()

    def install(self, app: Application) -> None:
        """Add the hooks and the routes, if there is a password to ask for."""
        if not self.is_wanted:
            return
        key = secrets.token_bytes(32)
        Sessions([key], cookie="glassbox_login", max_age_s=SESSION_AGE_S).install(app)
        app.before_request(self.check)
        app.get("/login", in_schema=False)(self._show)
        app.post("/login", in_schema=False)(self._log_in)
        app.post("/logout", in_schema=False)(self._log_out)

    def check(self, request: Request) -> Response | None:
        """Let pass who is logged in; raises 401 (429), or leads a page's reader to the login."""
        path = request.path
        if path in _OPEN_PATHS or path.startswith(_OPEN_PREFIX) or self._is_logged_in(request):
            return None
        if request.method in ("GET", "HEAD") and request.prefers_html():
            return RedirectResponse(f"/login?next={quoted_path(request)}", status=303)
        raise _refusal("this dashboard asks for a password: log in")

    def _is_logged_in(self, request: Request) -> bool:
        credentials = request.headers.get("authorization")
        if credentials is not None:
            name, password = basic_credentials(credentials)
            self._check_password(request, password, name)
            request.state["user"] = name
            return True
        session_id = request.session.get("id")
        if session_id is None or session_id in self._ended:
            return False
        request.state["user"] = request.session.get("name", "")
        return True

    def _check_password(self, request: Request, password: str, name: str) -> None:
        """Raises 429 after too many wrong ones from this address, and 401 for a wrong one."""
        address = request.client_address
        wait_s = self._failures.wait_s(address)
        if wait_s:
            headers = {"Retry-After": str(math.ceil(wait_s))}
            raise HTTPError(429, "too many wrong passwords: wait a minute", headers=headers)
        if not hmac.compare_digest(self._password, password.encode("utf-8", "replace")):
            self._failures.note(address)
            self._log.warning("a wrong password", client=address, user=name, id=request.id)
            raise _refusal("the password is wrong")

    def _show(self, request: Request) -> Response:
        if self._is_logged_in(request):
            return RedirectResponse(next_path(request), status=303)
        return self._render(request, 200, "")

    def _log_in(self, request: Request) -> Response:
        name = cleaned_name(request.form.get("name", ""))
        request.state["user"] = name
        try:
            self._check_password(request, request.form.get("password", ""), name)
        except HTTPError as error:
            response = self._render(request, error.status, error.detail)
            for field, value in Headers(error.headers).items():
                response.headers[field] = value
            return response
        request.session.update(id=secrets.token_hex(16), name=name)
        return RedirectResponse(next_path(request), status=303)

    def _log_out(self, request: Request) -> Response:
        session_id = request.session.get("id")
        if session_id is not None:
            request.state["user"] = request.session.get("name", "")
            self._end(session_id)
        request.session.clear()
        return RedirectResponse("/login", status=303)

    def _end(self, session_id: str) -> None:
        now_s = self._clock()
        with self._lock:
            self._ended[session_id] = now_s
            # Whatever has aged is refused by the cookie's own stamp.
            self._ended = {
                one: at_s for one, at_s in self._ended.items() if now_s - at_s < SESSION_AGE_S
            }


class Failures:
    """Wrong passwords of the last minute, by address; of so many addresses as fit."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._at_s: dict[str, collections.deque[float]] = {}

    def note(self, address: str) -> None:
        """One more from there."""
        with self._lock:
            times = self._at_s.pop(address, None) or collections.deque(maxlen=MAX_FAILURES)
            times.append(self._clock())
            self._at_s[address] = times  # Put behind all others: the first is the oldest.
            if len(self._at_s) > _MAX_ADDRESSES:
                del self._at_s[next(iter(self._at_s))]

    def wait_s(self, address: str) -> float:
        """How long that address has to wait before it may try again; 0 where it need not."""
        with self._lock:
            times = self._at_s.get(address, ())
            if len(times) < MAX_FAILURES:
                return 0.0
            return max(0.0, times[0] + FAILURE_WINDOW_S - self._clock())


def _refusal(detail: str) -> HTTPError:
    # A 401 names a scheme (RFC 9110, section 11.6.1). Not Basic, for which a browser would ask by a
    # window of its own.
    headers = {"WWW-Authenticate": 'Cookie realm="dashboard"'}
    return HTTPError(401, detail, headers=headers, code="login")


def basic_credentials(field: str) -> tuple[str, str]:
    """Name and password of `Authorization: Basic …` (RFC 7617). Errors: 401 for anything else."""
    scheme, _, encoded = field.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (ValueError, binascii.Error):
        text = ""
    name, colon, password = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise _refusal("Authorization must be Basic, with name:password")
    return cleaned_name(name), password


def cleaned_name(text: str) -> str:
    """A name as the audit log can show it: on one line, and short."""
    printable = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(printable.split())[:MAX_NAME_CHARACTERS]


def quoted_path(request: Request) -> str:
    """Where the request wanted to go, as a value for a query."""
    return quote(request.url_path, safe="/")


def next_path(request: Request) -> str:
    """Where to go after the login: a page of ours, whatever the link says."""
    path = request.query.get("next", "/")
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\", "/login", "/logout"))
    return path if is_ours and path.isprintable() and path.isascii() else "/"

"""CORS: which other sites' pages may read what this application answers.

A browser lets a page of another origin send simple requests, but not read the answers, and asks
first (a *preflight*: OPTIONS) before it sends anything else. This application says yes or no:

    CORS(["https://app.example"], credentials=True).install(app)

Every origin is named in full. `*` lets all pages read, and then browsers send no cookies: the two
together would hand each user's data to any page that asks, and are refused here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from services.web.requests import Request
from services.web.responses import Response

if TYPE_CHECKING:
    from services.web.application import Application

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class CORS:
    """The rules, as two hooks.

    `headers` are the request headers that a page may send beyond the simple ones (None: those it
    asks for); `expose` the response headers that it may read; a browser remembers the answer to a
    preflight for `max_age_s`.
    """

    def __init__(
        self,
        origins: Iterable[str],
        *,
        methods: Iterable[str] = _METHODS,
        headers: Iterable[str] | None = None,
        expose: Iterable[str] = (),
        credentials: bool = False,
        max_age_s: int = 600,
    ) -> None:
        self._origins = frozenset(origins)
        self._is_public = "*" in self._origins
        if self._is_public and credentials:
            raise ValueError("credentials need origins by name, not *")
        self._methods = ", ".join(method.upper() for method in methods)
        self._headers = None if headers is None else ", ".join(headers)
        self._expose = ", ".join(expose)
        self._credentials = credentials
        self._max_age_s = max_age_s

    def install(self, app: Application) -> None:
        """Add the hooks to an application."""
        app.before_request(self.answer_preflight)
        app.after_request(self.allow)

    def answer_preflight(self, request: Request) -> Response | None:
        """204 for a preflight, with what is allowed; None for every other request."""
        asked_method = request.headers.get("access-control-request-method")
        if request.method != "OPTIONS" or asked_method is None or "origin" not in request.headers:
            return None
        response = Response(status=204)
        response.headers.add_vary("Access-Control-Request-Headers")
        if self._is_allowed(request):
            response.headers["Access-Control-Allow-Methods"] = self._methods
            asked = request.headers.get("access-control-request-headers", "")
            headers = asked if self._headers is None else self._headers
            if headers:
                response.headers["Access-Control-Allow-Headers"] = headers
            response.headers["Access-Control-Max-Age"] = str(self._max_age_s)
        return response

    def allow(self, request: Request, response: Response) -> None:
        """Let the page read the response, if its origin is one of ours."""
        if not self._is_public:
            response.headers.add_vary("Origin")
        if not self._is_allowed(request):
            return
        origin = "*" if self._is_public else request.headers["origin"]
        response.headers["Access-Control-Allow-Origin"] = origin
        if self._credentials:
            response.headers["Access-Control-Allow-Credentials"] = "true"
        if self._expose and request.method != "OPTIONS":
            response.headers["Access-Control-Expose-Headers"] = self._expose

    def _is_allowed(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        return origin is not None and (self._is_public or origin in self._origins)

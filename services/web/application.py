"""The application: routes, hooks and error handlers behind one WSGI callable.

    environ ─▶ Request ─▶ before hooks ─▶ route ─▶ handler ─▶ after hooks ─▶ Response ─▶ server
                  │            │            │         │
                  └────────────┴─ HTTPError ┴─────────┴─▶ error handler ─▶ after hooks ─▶ …

An application runs under any WSGI server, ours included, and is one itself for whoever mounts it.
A handler takes the request and the placeholders of its rule, and returns a `Response`, a dict or a
list (sent as JSON) or a str (sent as HTML). Routes are added before serving starts: the tables are
read by many threads and guarded by none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from services.common.logs import Log
from services.web.debug_page import debug_response
from services.web.errors import HTTPError, error_response
from services.web.requests import MAX_BODY_BYTES, Request
from services.web.responses import (
    Environ,
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StartResponse,
)
from services.web.routing import Handler, MatchKind, Route, Router

if TYPE_CHECKING:
    from services.web.test_client import TestClient

WSGIApplication = Callable[[Environ, StartResponse], Iterable[bytes]]
BeforeHook = Callable[[Request], Response | None]
AfterHook = Callable[[Request, Response], Response | None]

log = Log("web.application")


class Application(Router):
    """A WSGI application made of routes. `title` and `version` appear in its OpenAPI document;
    `debug` shows failures with source and values, and belongs on no machine but one's own."""

    def __init__(
        self,
        title: str = "application",
        *,
        version: str = "0.1.0",
        description: str = "",
        max_body_bytes: int = MAX_BODY_BYTES,
        debug: bool = False,
    ) -> None:
        super().__init__()
        self.debug = debug
        self.title = title
        self.version = version
        self.description = description
        self.max_body_bytes = max_body_bytes
        self._before: list[BeforeHook] = []
        self._after: list[AfterHook] = []
        self._error_handlers: dict[type[Exception] | int, Handler] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ, max_body_bytes=self.max_body_bytes)
        return self.handle(request)(environ, start_response)

    def handle(self, request: Request) -> Response:
        """Answer one request; whatever goes wrong, there is a response."""
        try:
            response = self._run_before_hooks(request) or self._dispatch(request)
        except Exception as error:
            response = self._respond_to_error(request, error)
        try:
            for hook in self._after:
                response = hook(request, response) or response
        except Exception as error:
            response = self._respond_to_error(request, error)
        return response

    def before_request(self, hook: BeforeHook) -> BeforeHook:
        """Decorator: run before routing; a response returned here is the answer."""
        self._before.append(hook)
        return hook

    def after_request(self, hook: AfterHook) -> AfterHook:
        """Decorator: see each response, change it or return another one."""
        self._after.append(hook)
        return hook

    def error_handler(self, kind: type[Exception] | int) -> Callable[[Handler], Handler]:
        """Decorator: answer an exception class, or an HTTPError of one status.

        The handler takes the request and the exception, and returns what any handler may.
        """

        def add(handler: Handler) -> Handler:
            self._error_handlers[kind] = handler
            return handler

        return add

    def mount(self, prefix: str, application: WSGIApplication) -> None:
        """Let another WSGI application answer everything below `prefix`, with its own errors.

        The hooks of this application run around it. Mounted at `/` it answers whatever no route
        that was added before does.
        """
        prefix = prefix.strip("/")
        prefix = f"/{prefix}" if prefix else ""

        def mounted(request: Request, rest: str = "") -> Response:
            return MountedResponse(application, prefix)

        # The prefix itself is asked without a slash or with one, and means the same.
        for rule in filter(None, (prefix, prefix + "/", f"{prefix}/<path:rest>")):
            self.add_route(Route(rule, None, mounted, prefix or "/", in_schema=False))

    def test_client(self) -> TestClient:
        """A client that calls this application without a socket."""
        from services.web.test_client import TestClient

        return TestClient(self)

    def _run_before_hooks(self, request: Request) -> Response | None:
        for hook in self._before:
            response = hook(request)
            if response is not None:
                return response
        return None

    def _dispatch(self, request: Request) -> Response:
        if request.path == "*":  # `OPTIONS *`: about the server, not about a resource.
            return Response(status=204, headers={"Allow": "GET, HEAD, POST, OPTIONS"})
        match = self.match(request.method, request.path)
        if match.kind is MatchKind.FULL:
            return as_response(match.route.handler(request, **match.arguments))
        if match.kind is MatchKind.PARTIAL:
            allow = {"Allow": ", ".join(sorted(match.allowed))}
            if request.method == "OPTIONS":
                return Response(status=204, headers=allow)
            detail = f"{request.method} is not allowed here; allowed: {allow['Allow']}"
            raise HTTPError(405, detail, headers=allow)
        return self._redirect_to_other_slash(request)

    def _redirect_to_other_slash(self, request: Request) -> Response:
        """`/tasks/` for `/tasks` and the reverse: 308 keeps the method and the body."""
        other = self.path_with_other_slash(request.method, request.path)
        if other is None:
            raise HTTPError(404, f"nothing is found at {request.path}")
        request.path = other
        return RedirectResponse(request.url_path, status=308)

    def _respond_to_error(self, request: Request, error: Exception) -> Response:
        """Called while `error` is being handled."""
        try:
            handler = self._find_error_handler(error)
            if handler is not None:
                return as_response(handler(request, error))
        except Exception as error_of_handler:
            return self._respond_plainly(request, error_of_handler)
        return self._respond_plainly(request, error)

    def _respond_plainly(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPError):
            # Our bug, not the client's: the log gets everything, the client only the fact.
            path = request.environ.get("PATH_INFO")
            log.exception("a handler failed", method=request.method, path=path, id=request.id)
            if self.debug:
                return debug_response(request, error)
            error = HTTPError(500, "the server failed to answer this request")
        return error_response(error, request)

    def _find_error_handler(self, error: Exception) -> Handler | None:
        if isinstance(error, HTTPError) and error.status in self._error_handlers:
            return self._error_handlers[error.status]
        for kind in type(error).__mro__:
            if kind in self._error_handlers:
                return self._error_handlers[kind]
        return None


class MountedResponse(Response):
    """The response of a mounted WSGI application, with the fields that our hooks added."""

    def __init__(self, application: WSGIApplication, prefix: str) -> None:
        super().__init__()
        self._application = application
        # As WSGI has it: one character for each byte.
        self._prefix = prefix.encode().decode("latin-1")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        # The prefix moves from the path to the script name, so that the application sees only
        # its own part and still can build whole URLs (PEP 3333).
        inner = dict(environ)
        inner["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + self._prefix
        inner["PATH_INFO"] = environ.get("PATH_INFO", "")[len(self._prefix) :]
        added = self.headers.items()

        def start_with_our_fields(
            status: str, fields: list[tuple[str, str]], *exc_info: Any
        ) -> Callable[[bytes], object]:
            theirs = {name.lower() for name, _ in fields}
            ours = [field for field in added if field[0].lower() not in theirs]
            return start_response(status, fields + ours, *exc_info)

        return self._application(inner, start_with_our_fields)


def as_response(result: object) -> Response:
    """What a handler returned, as a response."""
    if isinstance(result, Response):
        return result
    if isinstance(result, (dict, list)):
        return JSONResponse(result)
    if isinstance(result, str):
        return HTMLResponse(result)
    kind = "nothing" if result is None else f"a {type(result).__name__}"
    raise TypeError(f"a handler returns a Response, dict, list or str; this one returned {kind}")

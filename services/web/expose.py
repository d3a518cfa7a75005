"""Functions as endpoints: a typed Python function is all there is to write.

    @expose(app)
    def add(a: int, b: int = 1) -> int:
        \"\"\"Add two numbers.\"\"\"
        return a + b

    $ curl localhost:8000/add -d '{"a": 2}'
    3
    $ curl localhost:8000/add -d '{"a": "two"}'
    {"title":"Unprocessable Entity","status":422,"detail":"a: must be a whole number","field":"a"}

The annotations are the contract: they check what comes in (`typed_values`), and describe the
endpoint in `/openapi.json` with the docstring. `safe=True` says that a call changes nothing: then
it may also be a GET with its arguments in the query. A parameter named `request` gets the request
and is no part of the contract. `add_try_page` adds a page on which every endpoint can be tried.
# Real: Pico's @expose, FastAPI's endpoints.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from services.web.application import Application
from services.web.errors import HTTPError
from services.web.openapi import add_openapi
from services.web.requests import Request
from services.web.responses import HTMLResponse, JSONResponse, Response
from services.web.routing import Route, Router
from services.web.static import StaticFiles
from services.web.typed_values import (
    InvalidValue,
    Shape,
    encodable,
    members_reader,
    object_schema,
    shape_of,
)

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
_ASSETS = Path(__file__).parent / "try_page"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Endpoint:
    """A function with its contract; the handler of a route."""

    def __init__(self, function: Callable[..., Any], *, safe: bool) -> None:
        self.function = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        hints = typing.get_type_hints(function)
        self.shapes: dict[str, Shape] = {}
        self.required: set[str] = set()
        self._wants_request = False
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(f"{function.__name__}: *{name} says nothing of what it takes")
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise TypeError(f"{function.__name__}: {name} must have a name for callers")
            if name == "request":
                self._wants_request = True
                continue
            self.shapes[name] = shape_of(hints.get(name, Any))
            if parameter.default is parameter.empty:
                self.required.add(name)
        self._read = members_reader(self.shapes, self.required)
        unreadable = [name for name, shape in self.shapes.items() if safe and not shape.parse]
        if unreadable:
            raise TypeError(f"{function.__name__}: a query cannot carry {', '.join(unreadable)}")
        self.result = shape_of(hints["return"]).schema if "return" in hints else {}

    def __call__(self, request: Request) -> Response:
        try:
            if request.method == "POST":
                arguments = self._from_body(request)
            else:
                arguments = self._from_query(request)
        except InvalidValue as error:
            detail = f"{error.field}: {error.problem}"
            raise HTTPError(422, detail, field=error.field) from None
        if self._wants_request:
            arguments["request"] = request
        result = self.function(**arguments)
        return result if isinstance(result, Response) else JSONResponse(encodable(result))

    def describe(self, method: str) -> dict[str, Any]:
        """The endpoint's part of an OpenAPI operation."""
        answer = {"description": "The result", "content": _json(self.result)}
        described: dict[str, Any] = {"responses": {"200": answer}}
        if method == "POST":
            schema = object_schema(self.shapes, self.required)
            described["requestBody"] = {"content": _json(schema), "required": bool(self.required)}
        else:
            described["parameters"] = [
                {
                    "name": name,
                    "in": "query",
                    "required": name in self.required,
                    "schema": shape.schema,
                }
                for name, shape in self.shapes.items()
            ]
        return described

    def _from_body(self, request: Request) -> dict[str, Any]:
        body = request.json() if request.body.strip() else {}
        if not isinstance(body, dict):
            raise HTTPError(422, 'the arguments must be an object: {"name": value}')
        return self._read(body, "")

    def _from_query(self, request: Request) -> dict[str, Any]:
        arguments = {}
        for name, text in request.query.items():
            shape = self.shapes.get(name)
            if shape is None:
                raise InvalidValue(name, "is unknown")
            arguments[name] = shape.parse(text, name)
        for name in self.shapes:
            if name in self.required and name not in arguments:
                raise InvalidValue(name, "is missing")
        return arguments


def expose(
    router: Router, rule: str | None = None, *, safe: bool = False
) -> Callable[[FunctionT], FunctionT]:
    """Decorator: let clients call a function at `rule` (by default `/` and its name).

    Errors: TypeError for annotations that JSON cannot carry, when the function is defined.
    """

    def add(function: FunctionT) -> FunctionT:
        endpoint = Endpoint(function, safe=safe)
        methods = ("GET", "POST") if safe else ("POST",)
        path = rule or f"/{function.__name__}"
        router.add_route(Route(path, methods, endpoint, function.__name__))
        return function

    return add


def add_try_page(application: Application, path: str = "/try") -> None:
    """Add `/openapi.json` and a page that lists every endpoint and lets one call it."""
    add_openapi(application)
    # Its references are relative, so that they hold wherever the application is mounted.
    name = path.rpartition("/")[2]
    page = (_ASSETS / "page.html").read_text(encoding="utf-8")
    page = page.replace("try/assets", f"{name}/assets")

    def try_page(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})

    application.get(path, in_schema=False)(try_page)
    application.mount(f"{path}/assets", StaticFiles(_ASSETS))


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}

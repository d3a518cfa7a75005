"""An OpenAPI 3.1 document out of an application's own routes: nothing is written twice.

The path and its parameters come from the rule and its converters, the summary and the description
from the handler's docstring. A function that was exposed (`expose`) tells its arguments and its
result by their types. What any other handler reads and returns stands nowhere but in its code; it
may be told beside it, in the same types, and a test that believes the document (schemathesis) finds
out where it is not so:

    @app.get("/balances")
    @documented(query={"round": int}, result=Balances)
    def get_balances(request): ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from services.web.application import Application
from services.web.requests import Request
from services.web.routing import Handler, Route
from services.web.typed_values import shape_of

_AUTOMATIC = frozenset({"HEAD", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_PROBLEM = {
    "description": "What went wrong (RFC 9457)",
    "content": {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
    },
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["title", "status"],
}


_UNTOLD: Any = object()


def documented(
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = _UNTOLD,
    result: Any = _UNTOLD,
    status: int | str = 200,
    content_type: str = "application/json",
) -> Callable[[Handler], Handler]:
    """Decorator: what the handler reads from the query and the body, and what it returns.

    Each is a type that `typed_values` knows; the parameters of the query may all be left out.
    `status` may be a range, `"2XX"`, where the same comes with several; `result=None` is an answer
    without a body. Nothing is checked by this: the handler does that.
    """
    answer: dict[str, Any] = {"description": "Success"}
    if result is not _UNTOLD and result is not None:
        answer["content"] = {content_type: {"schema": shape_of(result).schema}}
    described: dict[str, Any] = {"responses": {str(status): answer}}
    if query:
        described["parameters"] = [
            {"name": name, "in": "query", "schema": shape_of(hint).schema}
            for name, hint in query.items()
        ]
    if body is not _UNTOLD:
        content = {"application/json": {"schema": shape_of(body).schema}}
        described["requestBody"] = {"content": content, "required": True}

    def add(handler: Handler) -> Handler:
        # A copy for each question: the document's maker takes it apart.
        handler.describe = lambda method: dict(described)
        return handler

    return add


def add_openapi(application: Application, path: str = "/openapi.json") -> None:
    """Let the application answer `path` with its own description."""

    def openapi(request: Request) -> dict[str, Any]:
        return describe(application)

    application.get(path, in_schema=False)(openapi)


def describe(application: Application) -> dict[str, Any]:
    """The OpenAPI document of an application, as JSON values."""
    paths: dict[str, dict[str, Any]] = {}
    taken: set[str] = set()
    for route in application.routes():
        if not route.in_schema or route.methods is None:
            continue
        path = route.rule.template
        for method in sorted(route.methods - _AUTOMATIC):
            operation = _describe_operation(route, method)
            operation["operationId"] = _unique(route.name, method, taken)
            paths.setdefault(path, {}).setdefault(method.lower(), operation)
    info = {"title": application.title, "version": application.version}
    if application.description:
        info["description"] = application.description
    return {
        "openapi": "3.1.0",
        "info": info,
        "paths": paths,
        "components": {"schemas": {"Problem": _PROBLEM_SCHEMA}},
    }


def _describe_operation(route: Route, method: str) -> dict[str, Any]:
    summary, description = docstring_parts(route.handler)
    operation: dict[str, Any] = {"summary": summary or route.name}
    if description:
        operation["description"] = description
    if route.rule.converters:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": dict(converter.schema)}
            for name, converter in route.rule.converters.items()
        ]
    responses: dict[str, Any] = {"2XX": {"description": "Success"}}
    # A handler that knows its own contract tells it (`expose`).
    describe_own = getattr(route.handler, "describe", None)
    if describe_own is not None:
        own = describe_own(method)
        responses = own.pop("responses")
        operation.setdefault("parameters", []).extend(own.pop("parameters", ()))
        operation.update(own)
    elif method in _WITH_BODY:
        operation["requestBody"] = {"content": {"application/json": {}}}
    operation["responses"] = {**responses, "default": _PROBLEM}
    return operation


def docstring_parts(handler: Handler) -> tuple[str, str]:
    """The first paragraph of a handler's docstring on one line, and the rest."""
    summary, _, description = (inspect.getdoc(handler) or "").partition("\n\n")
    return " ".join(summary.split()), description.strip()


def _unique(name: str, method: str, taken: set[str]) -> str:
    """An operationId: the route's name, with the method where several would share it."""
    for candidate in (name, f"{name}_{method.lower()}"):
        if candidate not in taken:
            taken.add(candidate)
            return candidate
    count = 2
    while f"{name}_{count}" in taken:
        count += 1
    taken.add(f"{name}_{count}")
    return f"{name}_{count}"

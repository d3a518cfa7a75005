"""What the handlers read from the query of a request. Raises SubmissionError, which names it.

A parameter that a handler does not read is a mistake: `?stat=dead` would else give tasks of every
state, and nobody would notice. What a handler reads, its documentation says.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from services.broker.listing import MAX_LIMIT, Filter, Position, parse_cursor
from services.broker.states import State
from services.broker.submission import SubmissionError
from services.web.errors import HTTPError
from services.web.requests import Request
from services.web.routing import Router

MAX_WAIT_S = 60.0
DEFAULT_WAIT_S = 30.0
DEFAULT_LIMIT = 50

# The parameters by what reads them, as the OpenAPI document tells of them.
PAGE: Mapping[str, type] = MappingProxyType({"limit": int, "cursor": str})
WAIT: Mapping[str, type] = MappingProxyType({"timeout": float})
FILTER: Mapping[str, type] = MappingProxyType({"state": str, "queue": str, "task": str})


def refuse_unknown(router: Router) -> Router:
    """The same routes, which answer 400 where the query has a parameter that they do not know."""
    for route in router.routes():
        route.handler = _with_known_parameters(route.handler)
    return router


def _with_known_parameters(handler: Callable[..., object]) -> Callable[..., object]:
    parameters = handler.describe("").get("parameters", ())
    known = [one["name"] for one in parameters if one["in"] == "query"]

    @functools.wraps(handler)
    def checked(request: Request, **arguments: object) -> object:
        for name in request.query:
            if name not in known:
                there_are = f"there are {', '.join(known)}" if known else "there is none"
                raise HTTPError(400, f"{name}: no such parameter; {there_are}", field=name)
        return handler(request, **arguments)

    return checked


def limit(request: Request) -> int:
    number = _number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    if number != int(number):
        raise SubmissionError("limit", "must be a whole number")
    return int(number)


def timeout_s(request: Request) -> float:
    return _number(request, "timeout", DEFAULT_WAIT_S, 0, MAX_WAIT_S)


def cursor(request: Request) -> Position | None:
    text = request.query.get("cursor")
    try:
        return parse_cursor(text) if text else None
    except ValueError as reason:
        raise SubmissionError("cursor", str(reason)) from None


def task_filter(request: Request) -> Filter:
    return Filter(
        states=_states(request.query.get("state") or ""),
        queue=request.query.get("queue") or None,
        task=request.query.get("task") or None,
    )


def _states(text: str) -> frozenset[State]:
    names: Iterable[str] = filter(None, text.split(","))
    try:
        return frozenset(map(State, names)) or frozenset(State)
    except ValueError:
        choices = ", ".join(state.value for state in State)
        raise SubmissionError("state", f"there are {choices}") from None


def _number(request: Request, name: str, default: float, minimum: float, maximum: float) -> float:
    text = request.query.get(name)
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not minimum <= value <= maximum:
        raise SubmissionError(name, f"must be a number from {minimum:g} to {maximum:g}")
    return value

"""Routing: which handler answers a method and a path.

A rule is a path with placeholders, `/tasks/<int:id>`. Matching one route gives one of three
answers, and with them every special case of HTTP becomes an ordinary one:

    FULL     path and method fit                    → call the handler
    PARTIAL  the path fits, the method does not     → 405 with Allow; OPTIONS answers itself
    NONE     the path does not fit                  → the next route, in the end 404

    GET /tasks/7      rule /tasks/<int:id>  GET     FULL     {"id": 7}
    POST /tasks/7     rule /tasks/<int:id>  GET     PARTIAL  allowed: GET, HEAD, OPTIONS
    GET /tasks/x      rule /tasks/<int:id>  GET     NONE     `x` is no int

Rules without placeholders are found by one dict lookup and win over the others; those with
placeholders are tried in the order in which they were added.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote

from services.web.converters import CONVERTERS, Converter

Handler = Callable[..., Any]
HandlerT = TypeVar("HandlerT", bound=Handler)

_PLACEHOLDER = re.compile(r"<(?:([a-z]+):)?([A-Za-z_][A-Za-z0-9_]*)>")
# What a path may hold as it is (RFC 3986, section 3.3); a `%` is none of it.
_PATH_SAFE = "/:@!$&'()*+,;=~"

NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})


class MatchKind(enum.Enum):
    """How well a route fits a request."""

    NONE = 0
    PARTIAL = 1
    FULL = 2


class Match(NamedTuple):
    """The outcome of routing: the route and its arguments if FULL, the methods if PARTIAL."""

    kind: MatchKind
    route: Route | None = None
    arguments: Mapping[str, Any] = NO_ARGUMENTS
    allowed: frozenset[str] = frozenset()


NO_MATCH = Match(MatchKind.NONE)


class Rule:
    """A path with placeholders, compiled once: `match` reads one path, `build` writes one."""

    def __init__(self, text: str) -> None:
        if not text.startswith("/"):
            raise ValueError(f"a rule begins with a slash: {text!r}")
        self.text = text
        self.converters: dict[str, Converter] = {}
        # The rule as alternating literals and placeholder names: "/tasks/", "id", "/log".
        self._literals: list[str] = []
        self._pattern = re.compile(self._compile())

    @property
    def is_static(self) -> bool:
        """Whether the rule has no placeholder, so that equality is matching."""
        return not self.converters

    @property
    def template(self) -> str:
        """The rule as OpenAPI writes it: `/tasks/{id}`."""
        return _PLACEHOLDER.sub(r"{\2}", self.text)

    def match(self, path: str) -> dict[str, Any] | None:
        """The values of the placeholders, or None if the path does not fit."""
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        return {name: converter.parse(found[name]) for name, converter in self.converters.items()}

    def build(self, values: dict[str, Any]) -> str:
        """The path with these values in it, percent-encoded.

        Errors: ValueError for missing values, and for those that would lead to another route: the
        path is decoded before it is matched, so that no segment can hold a slash or be empty, and
        clients resolve `.` and `..` themselves.
        """
        if values.keys() != self.converters.keys():
            raise ValueError(f"{self.text} needs {sorted(self.converters)}, not {sorted(values)}")
        parts = [quote(self._literals[0], safe=_PATH_SAFE)]
        for literal, (name, converter) in zip(
            self._literals[1:], self.converters.items(), strict=True
        ):
            text = converter.format(values[name])
            if not re.fullmatch(converter.pattern, unquote(text)):
                raise ValueError(f"{self.text}: {values[name]!r} is no {name}")
            parts += [text, quote(literal, safe=_PATH_SAFE)]
        path = "".join(parts)
        if not {".", ".."}.isdisjoint(path.split("/")):
            raise ValueError(f"{path} would be resolved to another path")
        return path

    def _compile(self) -> str:
        pattern, end = "", 0
        for placeholder in _PLACEHOLDER.finditer(self.text):
            kind, name = placeholder[1] or "str", placeholder[2]
            if kind not in CONVERTERS:
                raise ValueError(f"{self.text}: no converter is named {kind!r}")
            if name in self.converters:
                raise ValueError(f"{self.text}: {name!r} comes twice")
            self.converters[name] = CONVERTERS[kind]
            self._literals.append(self.text[end : placeholder.start()])
            pattern += re.escape(self._literals[-1]) + f"(?P<{name}>{CONVERTERS[kind].pattern})"
            end = placeholder.end()
        self._literals.append(self.text[end:])
        if any(character in literal for literal in self._literals for character in "<>"):
            raise ValueError(f"{self.text}: a placeholder is <name> or <converter:name>")
        return pattern + re.escape(self._literals[-1])


class Route:
    """A rule, the methods it answers (None: every method) and the handler."""

    def __init__(
        self,
        rule: str,
        methods: Iterable[str] | None,
        handler: Handler,
        name: str,
        *,
        in_schema: bool = True,
    ) -> None:
        self.rule = Rule(rule)
        self.methods = None if methods is None else _with_automatic_methods(methods)
        self.handler = handler
        self.name = name
        self.in_schema = in_schema

    def match(self, method: str, path: str) -> Match:
        """How this route fits; see the module's table."""
        if self.rule.is_static:
            if path != self.rule.text:
                return NO_MATCH
            arguments: Mapping[str, Any] | None = NO_ARGUMENTS
        else:
            arguments = self.rule.match(path)
            if arguments is None:
                return NO_MATCH
        if self.methods is None or (method in self.methods and method != "OPTIONS"):
            return Match(MatchKind.FULL, self, arguments)
        return Match(MatchKind.PARTIAL, allowed=self.methods)


class Router:
    """An ordered set of routes. An application is one; `include` adds a group of routes to it."""

    def __init__(self) -> None:
        self._static: dict[str, list[Route]] = {}
        self._dynamic: list[Route] = []
        self._by_name: dict[str, Route] = {}

    def add_route(self, route: Route) -> None:
        """Add a route; the first of a name is the one that `url_for` builds."""
        if route.rule.is_static:
            self._static.setdefault(route.rule.text, []).append(route)
        else:
            self._dynamic.append(route)
        self._by_name.setdefault(route.name, route)

    def routes(self) -> Iterator[Route]:
        """Every route, those without placeholders first."""
        for routes in self._static.values():
            yield from routes
        yield from self._dynamic

    def match(self, method: str, path: str) -> Match:
        """The first FULL match, else one PARTIAL match of all methods that the path knows."""
        allowed: set[str] = set()
        for routes in (self._static.get(path, ()), self._dynamic):
            for route in routes:
                match = route.match(method, path)
                if match.kind is MatchKind.FULL:
                    return match
                allowed |= match.allowed
        return Match(MatchKind.PARTIAL, allowed=frozenset(allowed)) if allowed else NO_MATCH

    def path_with_other_slash(self, method: str, path: str) -> str | None:
        """The path with its trailing slash added or removed, if a route fits that one."""
        other = path[:-1] if path.endswith("/") else path + "/"
        if other and self.match(method, other).kind is not MatchKind.NONE:
            return other
        return None

    def url_for(self, name: str, /, **values: Any) -> str:
        """The path of the route named `name` (by default its handler's name)."""
        route = self._by_name.get(name)
        if route is None:
            raise ValueError(f"no route is named {name!r}")
        return route.rule.build(values)

    def route(
        self,
        rule: str,
        methods: Iterable[str] | None = ("GET",),
        *,
        name: str | None = None,
        in_schema: bool = True,
    ) -> Callable[[HandlerT], HandlerT]:
        """Decorator: let a function answer `rule`. `name` is for `url_for`; `in_schema=False`
        keeps the route out of the OpenAPI document."""

        def add(handler: HandlerT) -> HandlerT:
            self.add_route(
                Route(rule, methods, handler, name or handler.__name__, in_schema=in_schema)
            )
            return handler

        return add

    def get(self, rule: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Decorator: answer GET and HEAD."""
        return self.route(rule, ("GET",), **options)

    def post(self, rule: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Decorator: answer POST."""
        return self.route(rule, ("POST",), **options)

    def put(self, rule: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Decorator: answer PUT."""
        return self.route(rule, ("PUT",), **options)

    def patch(self, rule: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Decorator: answer PATCH."""
        return self.route(rule, ("PATCH",), **options)

    def delete(self, rule: str, **options: Any) -> Callable[[HandlerT], HandlerT]:
        """Decorator: answer DELETE."""
        return self.route(rule, ("DELETE",), **options)

    def include(self, prefix: str, router: Router, *, name: str = "") -> None:
        """Add every route of `router` below `prefix`; names become `name.route` if `name` is given.

        # Real: Flask's blueprints, FastAPI's include_router().
        """
        for route in router.routes():
            self.add_route(
                Route(
                    prefix.rstrip("/") + route.rule.text,
                    route.methods,
                    route.handler,
                    f"{name}.{route.name}" if name else route.name,
                    in_schema=route.in_schema,
                )
            )


def _with_automatic_methods(methods: Iterable[str]) -> frozenset[str]:
    """Whoever answers GET answers HEAD, and everybody answers OPTIONS."""
    known = {method.upper() for method in methods}
    if "GET" in known:
        known.add("HEAD")
    return frozenset(known | {"OPTIONS"})

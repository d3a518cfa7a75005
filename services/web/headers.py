"""Header fields: a case-insensitive multi-mapping for responses, a read-only view for requests.

A header value never contains CR, LF or NUL: whoever could smuggle one in could end the header
block early and write a second response (response splitting). The check stands here, where values
enter, and once more in the HTTP codec, for applications that do not use this framework.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Visible characters, space, tab and obs-text (RFC 9110, section 5.5).
FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

HeaderSource = Mapping[str, str] | Iterable[tuple[str, str]] | None


class Headers:
    """The header fields of a response, in order; names compare without regard to case."""

    __slots__ = ("_fields",)

    def __init__(self, source: HeaderSource = None) -> None:
        self._fields: list[tuple[str, str]] = []
        if source is not None:
            for name, value in source.items() if isinstance(source, Mapping) else source:
                self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Append a field, keeping earlier ones of the same name (`Set-Cookie`, `Vary`)."""
        if not TOKEN.fullmatch(name):
            raise ValueError(f"not a header name: {name!r}")
        if not FIELD_VALUE.fullmatch(value):
            raise ValueError(f"header {name} holds a control or non-Latin-1 character: {value!r}")
        self._fields.append((name, value))

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of `name`."""
        wanted = name.lower()
        for field, value in self._fields:
            if field.lower() == wanted:
                return value
        return default

    def get_all(self, name: str) -> list[str]:
        """Every value of `name`, in order."""
        wanted = name.lower()
        return [value for field, value in self._fields if field.lower() == wanted]

    def setdefault(self, name: str, value: str) -> None:
        """Add the field unless one of that name is there."""
        if name not in self:
            self.add(name, value)

    def add_vary(self, name: str) -> None:
        """Tell caches that the response depends on the request's field `name` as well."""
        known = ",".join(self.get_all("Vary")).lower().split(",")
        if name.lower() not in (one.strip() for one in known):
            self.add("Vary", name)

    def items(self) -> list[tuple[str, str]]:
        """The fields as WSGI's `start_response` wants them: a list of pairs of str."""
        return list(self._fields)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        """Replace every field of that name by one."""
        if name in self:
            del self[name]
        self.add(name, value)

    def __delitem__(self, name: str) -> None:
        wanted = name.lower()
        self._fields = [field for field in self._fields if field[0].lower() != wanted]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"


class RequestHeaders(Mapping[str, str]):
    """The header fields of a request, read out of the WSGI environ, names in lower case.

    WSGI has joined repeated fields with commas and lost the case of the names; nothing is copied.
    """

    __slots__ = ("_environ",)

    # CGI gave these two names without the HTTP_ prefix, and WSGI kept them.
    _WITHOUT_PREFIX = ("CONTENT_TYPE", "CONTENT_LENGTH")

    def __init__(self, environ: Mapping[str, object]) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        key = name.upper().replace("-", "_")
        if key in self._WITHOUT_PREFIX:
            value = self._environ.get(key)
            # wsgiref sets both to "" when the client sent none.
            if not value:
                raise KeyError(name)
            return str(value)
        return str(self._environ[f"HTTP_{key}"])

    def __iter__(self) -> Iterator[str]:
        for key in self._environ:
            if key.startswith("HTTP_"):
                yield key[5:].lower().replace("_", "-")
            elif key in self._WITHOUT_PREFIX and self._environ[key]:
                yield key.lower().replace("_", "-")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"RequestHeaders({dict(self)!r})"

"""The filters of the template language: `{{ value | name(x) }}` writes `name(value, x)`.

Those that return `Markup` promise that what they return is safe HTML.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from services.web.markup import JSONMarkup, Markup, escape

Filter = Callable[..., Any]

_SIZE_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
# Inside <script type="application/json"> only these could end the element or open another.
_JSON_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def _join(values: Iterable[object], separator: str = ", ") -> str:
    # Escaping is left to the writer, so a Markup among the values is escaped too: the safe side.
    return separator.join(str(value) for value in values)


def _json(value: object) -> JSONMarkup:
    """JSON for a data block or an attribute."""
    return JSONMarkup(json.dumps(value, ensure_ascii=False).translate(_JSON_ESCAPES))


def _size(size_bytes: float) -> str:
    """1536 → `1.5 KiB`."""
    amount = float(size_bytes)
    for unit in _SIZE_UNITS:
        if amount < 1024 or unit == _SIZE_UNITS[-1]:
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"


def _duration(duration_s: float) -> str:
    """93784 → `1 d 2 h`; the two largest units that are not nothing."""
    rest = int(duration_s)
    parts = []
    for unit, length_s in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length_s)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _datetime(at_s: float) -> str:
    """Seconds since 1970 → `2026-11-23 09:30:00 UTC`."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _ago(at_s: float) -> str:
    return f"{_duration(max(0.0, time.time() - at_s))} ago"


def _truncate(text: object, length: int = 80) -> str:
    text = str(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def _items(mapping: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return list(mapping.items())


FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "ago": _ago,
        "capitalize": lambda text: str(text).capitalize(),
        "datetime": _datetime,
        "duration": _duration,
        "escape": lambda value: Markup(escape(value)),
        "first": lambda values: next(iter(values)),
        "float": float,
        "int": int,
        "items": _items,
        "join": _join,
        "json": _json,
        "length": len,
        "list": list,
        "lower": lambda text: str(text).lower(),
        "replace": lambda text, old, new: str(text).replace(old, new),
        "reverse": lambda values: list(values)[::-1],
        "round": round,
        "safe": Markup,
        "size": _size,
        "sort": lambda values, reverse=False: sorted(values, reverse=reverse),
        "string": str,
        "thousands": lambda number: f"{number:,}",
        "title": lambda text: str(text).title(),
        "trim": lambda text: str(text).strip(),
        "truncate": _truncate,
        "upper": lambda text: str(text).upper(),
        "urlencode": lambda text: Markup(quote(str(text), safe="")),
    }
)

"""Converters: what a placeholder of a route accepts, and what the handler receives.

`/tasks/<int:id>` asks the converter named `int`. Each one is a pattern for the text in the path,
a function from that text to a value, one back (for `url_for`), and a JSON Schema (for OpenAPI).
"""

from __future__ import annotations

import operator
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Converter:
    """One kind of placeholder. `pattern` has no groups; `parse` is given text that matched it."""

    pattern: str
    parse: Callable[[str], Any]
    format: Callable[[Any], str]
    """Percent-encoded. `routing.Rule.build` refuses what `pattern` would not match again."""
    schema: Mapping[str, object]


def _segment(value: object) -> str:
    return quote(str(value), safe="")


def _natural_number(value: int) -> str:
    return str(operator.index(value))


def _decimal(value: float) -> str:
    """All digits that the number has, without an exponent."""
    return f"{Decimal(repr(float(value))):f}"


CONVERTERS: Mapping[str, Converter] = MappingProxyType(
    {
        "str": Converter(r"[^/]+", str, _segment, {"type": "string"}),
        # At most 18 digits: a number that every database and JSON reader can hold.
        "int": Converter(r"[0-9]{1,18}", int, _natural_number, {"type": "integer", "minimum": 0}),
        "float": Converter(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?", float, _decimal, {"type": "number"}),
        # The rest of the path with its slashes; it ends the rule.
        "path": Converter(
            r"(?s:.+)", str, lambda text: quote(str(text), safe="/"), {"type": "string"}
        ),
        "uuid": Converter(
            r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
            uuid.UUID,
            lambda value: str(uuid.UUID(str(value))),
            {"type": "string", "format": "uuid"},
        ),
    }
)

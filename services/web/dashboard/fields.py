"""Reading the fields of a JSON body; each raises HTTPError with a sentence that names the field."""

from __future__ import annotations

import math
from collections.abc import Mapping

from services.web.errors import HTTPError
from services.web.requests import Request

Body = Mapping[str, object]


def json_object(request: Request) -> Body:
    """The body of a request, which must be an object."""
    body = request.json()
    if not isinstance(body, dict):
        raise HTTPError(400, "the body must be a JSON object")
    return body


def text_field(body: Body, name: str) -> str:
    """A field that must be there and be a string."""
    value = body.get(name)
    if not isinstance(value, str):
        raise HTTPError(400, f"{name} must be a string")
    return value


def seconds_field(body: Body, name: str, *, maximum_s: float) -> float | None:
    """A duration above 0; None where the field is missing or null."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise HTTPError(400, f"{name} must be a number of seconds, or null")
    if not 0 < value <= maximum_s:
        raise HTTPError(400, f"{name} must be above 0 and at most {maximum_s:g} seconds")
    return float(value)


def utf8(text: str) -> bytes:
    """The text as bytes. JSON can carry half of a surrogate pair, which UTF-8 cannot."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise HTTPError(400, "the text holds half of a surrogate pair") from None

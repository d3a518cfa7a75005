"""Text that is HTML already, and text that is not yet.

A template escapes every value that it writes, except a `Markup`, which says of itself that it is
safe. Adding plain text to a Markup escapes the text, so the promise survives.
"""

from __future__ import annotations

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


class Markup(str):
    """A str that may stand in a page as it is."""

    __slots__ = ()

    def __add__(self, other: str) -> Markup:
        return Markup(str.__add__(self, escape(other)))

    def __radd__(self, other: str) -> Markup:
        return Markup(escape(other) + str(self))

    def __repr__(self) -> str:
        return f"Markup({str.__repr__(self)})"


class JSONMarkup(Markup):
    """JSON that is safe as HTML and inside a script: nothing in it can end the element."""

    __slots__ = ()


def escape(value: object) -> str:
    """The value as text for HTML, between tags or inside a quoted attribute."""
    if isinstance(value, Markup):
        return value
    return str(value).translate(_ESCAPES)

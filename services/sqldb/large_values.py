"""Work on texts and bytes of many megabytes, a piece at a time, with a look at the interrupts.

What Python does in one call can't be interrupted, and nobody else is served meanwhile: splitting
ten megabytes is 100 ms. Small values go through in one piece, at no cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from services.sqldb.interruption import check_for_interrupts

Value = TypeVar("Value", str, bytes)

PIECE = 3 << 18
"""Characters or bytes: some milliseconds of most things. Whole groups of three, for base64."""


def pieces(value: Value) -> Iterable[Value]:
    """Value by value as long as `PIECE`; together they are the whole."""
    return (value,) if len(value) <= PIECE else _pieces(value)


def _pieces(value: Value) -> Iterator[Value]:
    for start in range(0, len(value), PIECE):
        check_for_interrupts()
        yield value[start : start + PIECE]


def split(text: str, delimiter: str) -> list[str]:
    """`text.split(delimiter)`."""
    if len(text) <= PIECE:
        return text.split(delimiter)
    parts: list[str] = []
    for some in _split(text, delimiter):
        parts += some
    return parts


def replace(text: str, old: str, new: str) -> str:
    """`text.replace(old, new)`, of an `old` that isn't empty."""
    if len(text) <= PIECE:
        return text.replace(old, new)
    done: list[str] = []
    for some in _split(text, old):
        done += (new, new.join(some)) if done else (new.join(some),)
    return "".join(done)


def _split(text: str, delimiter: str) -> Iterator[list[str]]:
    """The parts, some at a time."""
    start = 0
    while len(text) - start > PIECE:
        check_for_interrupts()
        first = text.find(delimiter, start)
        if first < 0:
            break
        found = text[start : max(start + PIECE, first + len(delimiter))]
        *whole, rest = found.split(delimiter)
        yield whole
        # Behind the last delimiter, where the piece may have cut one in two.
        start += len(found) - len(rest)
    yield text[start:].split(delimiter)

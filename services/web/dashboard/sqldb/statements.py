"""Where one statement of a text ends and the next begins, so that each is sent by itself.

    SELECT ';' -- one; or two?
    FROM a;  SELECT 2           →  [0:35] and [38:46]

A semicolon ends a statement, unless it stands in a string, a quoted name, a dollar quote or a
comment. More has not to be known of SQL for that; what is wrong in a statement the server says,
with a position in it, to which the statement's own place is added.
# Real: psqlscan.l, with which psql does the same
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+ | --[^\n]*)
    | (?P<comment>/\*)
    | (?P<semicolon>;)
    | [eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)
    | '[^']*(?:'|\Z)
    | "[^"]*(?:"|\Z)
    | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
    | [\w$]+
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Statement:
    """`text` stands at `start` of the whole."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def first_word(self) -> str:
        return re.match(r"\w*", self.text).group().upper()


def split(text: str) -> list[Statement]:
    """The statements without their semicolons, and without what is blank or comment around them."""
    found: list[Statement] = []
    start = end = position = 0
    is_open = False
    while position < len(text):
        token = _TOKEN.match(text, position)
        position = token.end()
        if token["semicolon"]:
            if is_open:
                found.append(Statement(text[start:end], start))
            is_open = False
        elif token["comment"]:
            position = _comment_end(text, position)
        elif not token["blank"]:
            if not is_open:
                start, is_open = token.start(), True
            end = position
    if is_open:
        found.append(Statement(text[start:end], start))
    return found


def _comment_end(text: str, position: int) -> int:
    """Comments may stand in comments."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, position)
        if edge is None:
            return len(text)
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position


def statement_at(statements: list[Statement], position: int) -> Statement | None:
    """The one that the caret stands in, or behind; the first where it stands before all."""
    before = [one for one in statements if one.start <= position]
    return (before or statements or [None])[-1 if before else 0]

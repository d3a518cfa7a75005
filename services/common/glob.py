"""Glob patterns as Redis matches them: KEYS, SCAN MATCH, PSUBSCRIBE.

    *        any run of bytes, also none        h[ae]llo   one of a set
    ?        one byte                           h[^e]llo   none of a set
    \\x       the byte x itself                  h[a-b]llo  a range

A pattern becomes a compiled regular expression over bytes. Each part after a `*` is matched
at its first place and never tried again (an atomic group): for a glob that loses no match,
and it keeps a pattern such as `a*a*a*a*b` from exploring every way to share the text out.
# Real: stringmatchlen() in Redis's util.c, which backtracks.
"""

import functools
import re
from collections.abc import Callable

REMEMBERED_BYTES = 1024
"""Longer patterns are compiled each time: what a stranger sends must not fill the memory."""


def matcher(pattern: bytes) -> Callable[[bytes], object]:
    """A function that tells whether a whole text matches `pattern`."""
    if len(pattern) <= REMEMBERED_BYTES:
        return remembered_matcher(pattern)
    compiled = re.compile(_regex(pattern), re.DOTALL)
    re.purge()  # The module remembers expressions, too.
    return compiled.fullmatch


@functools.lru_cache(maxsize=1024)
def remembered_matcher(pattern: bytes) -> Callable[[bytes], object]:
    """The same, for patterns that are worth it."""
    return re.compile(_regex(pattern), re.DOTALL).fullmatch


def _regex(pattern: bytes) -> bytes:
    first, *rest = _parts(pattern)
    if not rest:
        return first
    *middle, last = rest
    return first + b"".join(b"(?>.*?" + part + b")" for part in middle if part) + b".*" + last


def _parts(pattern: bytes) -> list[bytes]:
    """The pattern cut at its stars, each part as a regular expression."""
    parts, part, position = [], bytearray(), 0
    while position < len(pattern):
        byte = pattern[position : position + 1]
        position += 1
        if byte == b"*":
            parts.append(bytes(part))
            part = bytearray()
        elif byte == b"?":
            part += b"."
        elif byte == b"[":
            regex, position = _set(pattern, position)
            part += regex
        else:
            if byte == b"\\" and position < len(pattern):
                byte = pattern[position : position + 1]
                position += 1
            part += re.escape(byte)
    parts.append(bytes(part))
    return parts


def _set(pattern: bytes, position: int) -> tuple[bytes, int]:
    """The set that opens before `position`, and where it ends; an unclosed one ends the pattern."""
    negated = pattern[position : position + 1] == b"^"
    position += negated
    members = []
    while position < len(pattern) and pattern[position] != ord("]"):
        if pattern[position] == ord("\\") and position + 1 < len(pattern):
            members.append(b"\\x%02x" % pattern[position + 1])
            position += 2
        elif pattern[position + 1 : position + 2] == b"-" and position + 2 < len(pattern):
            low, high = sorted((pattern[position], pattern[position + 2]))
            members.append(b"\\x%02x-\\x%02x" % (low, high))
            position += 3
        else:
            members.append(b"\\x%02x" % pattern[position])
            position += 1
    if not members:  # Nothing is one of none, and anything is none of none.
        return b"." if negated else b"(?!)", position + 1
    return b"[%b%b]" % (b"^" if negated else b"", b"".join(members)), position + 1

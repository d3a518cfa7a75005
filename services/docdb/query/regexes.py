"""Regular expressions: MongoDB's are PCRE, ours are Python's. Most patterns mean the same.

What is written differently is rewritten: `\\z`, `\\h`, POSIX classes, options in the middle of a
pattern. What Python cannot say is refused as an invalid regular expression.
"""

import re
from functools import lru_cache

from services.docdb.errors import MongoError

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "u": 0}
_REWRITTEN = [
    (re.compile(r"(?<!\\)((?:\\\\)*)\\z"), r"\1\\Z"),
    (re.compile(r"(?<!\\)((?:\\\\)*)\\h"), r"\1[ \\t]"),
    (re.compile(r"\[:alpha:\]"), r"a-zA-Z"),
    (re.compile(r"\[:digit:\]"), r"0-9"),
    (re.compile(r"\[:alnum:\]"), r"a-zA-Z0-9"),
    (re.compile(r"\[:upper:\]"), r"A-Z"),
    (re.compile(r"\[:lower:\]"), r"a-z"),
    (re.compile(r"\[:space:\]"), r"\\s"),
    (re.compile(r"\[:punct:\]"), r"!-/:-@\\[-`{-~"),
]
_LEADING_OPTIONS = re.compile(r"^\(\?([imsx]+)\)")
_INNER_OPTIONS = re.compile(r"(?<!\\)\(\?([imsx]+)\)")
MAX_PATTERN = 32764


@lru_cache(maxsize=512)
def compile_regex(pattern: str, options: str) -> re.Pattern[str]:
    """Raises MongoError where the pattern or an option is wrong."""
    flags = 0
    for option in options:
        if option not in _FLAGS:
            raise MongoError(51108, f"invalid flag in regex options: {option}")
        flags |= _FLAGS[option]
    if len(pattern) > MAX_PATTERN:
        raise MongoError(51091, "Regular expression is invalid: pattern string is too long")
    if "\0" in pattern:
        raise MongoError(51091, "Regular expression cannot contain an embedded null byte")
    for old, new in _REWRITTEN:
        pattern = old.sub(new, pattern)
    leading = _LEADING_OPTIONS.match(pattern)
    if leading is None:
        pattern = _INNER_OPTIONS.sub("", _moved_to_front(pattern))
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise MongoError(51091, f"Regular expression is invalid: {error}") from None


def _moved_to_front(pattern: str) -> str:
    """Python takes options for the whole pattern at its beginning only."""
    found = "".join(dict.fromkeys("".join(_INNER_OPTIONS.findall(pattern))))
    return f"(?{found}:{_INNER_OPTIONS.sub('', pattern)})" if found else pattern


def literal_prefix(pattern: str, options: str) -> tuple[str, bool]:
    """With which text a match begins, and whether that is all; empty where none is sure."""
    if "i" in options or "x" in options or "m" in options or "|" in pattern:
        return "", False
    anchored = pattern.removeprefix("^") if pattern.startswith("^") else None
    if anchored is None:
        anchored = pattern.removeprefix("\\A") if pattern.startswith("\\A") else None
    if anchored is None:
        return "", False
    prefix = re.match(r"[^\\^$.\[\]|()?*+{}]*", anchored)[0]
    rest = anchored[len(prefix) :]
    if rest[:1] in ("?", "*", "{"):
        return prefix[:-1], False
    return prefix, rest in ("", ".*")

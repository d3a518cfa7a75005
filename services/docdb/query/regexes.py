"""Regular expressions: MongoDB's are PCRE, ours are Python's. Most patterns mean the same.

What is written differently is rewritten: `\\z`, `\\h`, `\\Q…\\E`, POSIX classes, options in the
middle of a pattern; `\\d`, `\\w` and `\\s` mean characters of ASCII. What Python cannot say is
refused as an invalid regular expression.
"""

import re
from functools import lru_cache

from services.docdb.errors import MongoError

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "u": 0}
_CLASSES = {
    "d": "0-9",
    "w": "A-Za-z0-9_",
    "s": r" \t\n\r\f\v",
    "h": r" \t",
}
"""In PCRE these are characters of ASCII; what stands between the brackets of a class."""
_POSIX = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r" \t\n\r\f\v",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "word": "A-Za-z0-9_",
}
_ESCAPES = {
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "R": r"(?:\r\n|[\n\v\f\r\x85\u2028\u2029])",
    "e": r"\x1b",
}
_LEADING_OPTIONS = re.compile(r"^\(\?([imsx]+)\)")
_POSIX_NAME = re.compile(r"\[:(\w+):\]")
_CLASS_OPENING = re.compile(r"\[\^?\]?")
_INNER_OPTIONS = re.compile(r"(?<!\\)\(\?([imsx]+)\)")
MAX_PATTERN = 32764
INVALID_PATTERN = 51091


@lru_cache(maxsize=512)
def compile_regex(pattern: str, options: str) -> re.Pattern[str]:
    """Raises MongoError where the pattern or an option is wrong."""
    flags = 0
    for option in options:
        if option not in _FLAGS:
            raise MongoError(51108, f"invalid flag in regex options: {option}")
        flags |= _FLAGS[option]
    if len(pattern) > MAX_PATTERN:
        raise MongoError(
            INVALID_PATTERN, "Regular expression is invalid: pattern string is too long"
        )
    if "\0" in pattern:
        raise MongoError(INVALID_PATTERN, "Regular expression cannot contain an embedded null byte")
    pattern = _in_pythons_words(pattern)
    leading = _LEADING_OPTIONS.match(pattern)
    if leading is None:
        pattern = _INNER_OPTIONS.sub("", _moved_to_front(pattern))
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise MongoError(INVALID_PATTERN, f"Regular expression is invalid: {error}") from None


def _in_pythons_words(pattern: str) -> str:
    """The pattern with what PCRE writes otherwise, or means otherwise, written out."""
    pieces: list[str] = []
    place, in_class = 0, False
    while place < len(pattern):
        char, following = pattern[place], pattern[place + 1 : place + 2]
        if char == "\\":
            if following == "Q":
                end = pattern.find("\\E", place + 2)
                end = len(pattern) if end < 0 else end
                pieces.append(re.escape(pattern[place + 2 : end]))
                place = end + 2
                continue
            pieces.append(_escape(following, in_class))
            place += 2
        elif in_class:
            named = _POSIX_NAME.match(pattern, place)
            if named and named[1] in _POSIX:
                pieces.append(_POSIX[named[1]])
                place = named.end()
                continue
            in_class = char != "]"
            pieces.append("\\[" if char == "[" else char)
            place += 1
        elif char == "[":
            # A bracket right at the beginning of a class is one of its characters.
            opening = _CLASS_OPENING.match(pattern, place)[0]
            pieces.append(opening.replace("]", "\\]"))
            place, in_class = place + len(opening), True
        else:
            pieces.append(char)
            place += 1
    return "".join(pieces)


def _escape(letter: str, in_class: bool) -> str:
    if letter in _CLASSES:
        return _CLASSES[letter] if in_class else f"[{_CLASSES[letter]}]"
    if letter.lower() in _CLASSES and not in_class:
        return f"[^{_CLASSES[letter.lower()]}]"
    if letter in _ESCAPES and not in_class:
        return _ESCAPES[letter]
    return "\\" + letter


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

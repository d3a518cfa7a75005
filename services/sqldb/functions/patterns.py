"""LIKE, ILIKE, SIMILAR TO, the operators ~ and ~*, and the functions regexp_….

A LIKE pattern becomes a function of one text, made once and kept: of the frequent forms 'abc%',
'%abc' and '%abc%' a plain method of `str`, of all others a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.definitions import Definitions
from services.sqldb.functions.regex_translation import compile_regex, read_flags
from services.sqldb.functions.strings import ascii_lower
from services.sqldb.interruption import check_for_interrupts, paced_stream
from services.sqldb.types.arrays import array_of_elements
from services.sqldb.values import Array

define = Definitions()

LOOK_CHARACTERS = 4096
"""How much of a text is searched between two looks at the interrupts: 2 ms, if all of it fits."""


@lru_cache(maxsize=512)
def like_matcher(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a text is LIKE the pattern (with backslash to escape)."""
    if "\\" not in pattern and "_" not in pattern:
        inner = pattern.strip("%")
        if "%" not in inner:
            return _plain_matcher(pattern, inner)
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        return _matcher_without_end(pattern[:-1])
    matches = re.compile(_like_regex(pattern), re.DOTALL).fullmatch
    return lambda text: matches(text) is not None


def _matcher_without_end(pattern: str) -> Callable[[str], bool]:
    """A pattern that ends with its escape character is wrong once a text gets that far."""
    gets_there = re.compile(_like_regex(pattern) + ".", re.DOTALL).match

    def matcher(text: str) -> bool:
        if gets_there(text):
            raise SqlError(
                errors.INVALID_ESCAPE_SEQUENCE, "LIKE pattern must not end with escape character"
            )
        return False

    return matcher


def _plain_matcher(pattern: str, inner: str) -> Callable[[str], bool]:
    if not inner and pattern:
        return lambda text: True
    match pattern[:1] == "%", pattern[-1:] == "%":
        case True, True:
            return lambda text: inner in text
        case True, False:
            return lambda text: text.endswith(inner)
        case False, True:
            return lambda text: text.startswith(inner)
    return lambda text: text == pattern


def _like_regex(pattern: str) -> str:
    """Each part between two % is looked for once, at its first place, and never again.

    An atomic group (?>…) says so: the first place leaves most to those behind it. Without it a
    pattern of many % would try all combinations of places, and hold the whole server meanwhile.
    """
    *parts, last = _like_parts(pattern)
    if not parts:
        return last
    first, *inner = parts
    return first + "".join(f"(?>.*?{part})" for part in inner if part) + ".*" + last


def _like_parts(pattern: str) -> list[str]:
    """What stands between the %, as regular expressions."""
    found, parts, at = [], [], 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "%":
            found.append("".join(parts))
            parts = []
        elif character == "_":
            parts.append(".")
        elif character == "\\":
            parts.append(re.escape(pattern[at]))
            at += 1
        else:
            parts.append(re.escape(character))
    return [*found, "".join(parts)]


def like(text: str, pattern: str) -> bool:
    return like_matcher(pattern)(text)


def not_like(text: str, pattern: str) -> bool:
    return not like_matcher(pattern)(text)


def ilike(text: str, pattern: str) -> bool:
    return like_matcher(ascii_lower(pattern))(ascii_lower(text))


def _bytes_like(value: bytes, pattern: bytes) -> bool:
    # Latin-1 gives each byte a character of its own.
    return like(value.decode("latin-1"), pattern.decode("latin-1"))


for _left in ("text", "name", "bpchar"):
    define.operator(f"{_left} ~~ text", like, function="like")
    define.operator(f"{_left} !~~ text", not_like, function="notlike")
    define.operator(f"{_left} ~~* text", ilike, function="texticlike")
    define.operator(f"{_left} !~~* text", lambda text, pattern: not ilike(text, pattern))
define.operator("bytea ~~ bytea", _bytes_like)
define.operator("bytea !~~ bytea", lambda value, pattern: not _bytes_like(value, pattern))
define.function("like(text, text) -> bool")(like)
define.function("notlike(text, text) -> bool")(not_like)


@define.function("like_escape(text, text) -> text")
def like_escape(pattern: str, escape: str) -> str:
    """The pattern of LIKE … ESCAPE '#', written with backslashes."""
    if len(escape) > 1:
        raise _bad_escape()
    if escape == "\\":
        return pattern
    parts, at = [], 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == escape and escape:
            parts.append("\\" + pattern[at : at + 1])
            at += 1
        else:
            parts.append("\\\\" if character == "\\" else character)
    return "".join(parts)


def _bad_escape() -> SqlError:
    return SqlError(
        errors.INVALID_ESCAPE_SEQUENCE,
        "invalid escape string",
        hint="Escape string must be empty or one character.",
    )


@define.function("similar_to_escape(text, text) -> text")
@define.function("similar_escape(text, text) -> text")
def similar_to_escape(pattern: str, escape: str = "\\") -> str:
    """The regular expression of a SIMILAR TO pattern. # Real: similar_escape_internal()"""
    if len(escape) > 1:
        raise _bad_escape()
    parts = ["^(?:"]
    at, in_bracket, separators = 0, False, 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if escape and character == escape:
            following = pattern[at : at + 1]
            at += 1
            if following == '"' and not in_bracket:
                separators += 1
                # Between the separators stands what substring() gives back.
                parts.append({1: "){1,1}?(", 2: "){1,1}(?:"}.get(separators, ""))
                if separators > 2:
                    raise SqlError(
                        "2200C",
                        "SQL regular expression may not contain more than two "
                        "escape-double-quote separators",
                    )
            else:
                parts.append("\\" + following)
        elif in_bracket:
            in_bracket = character != "]"
            parts.append("\\\\" if character == "\\" else character)
        else:
            in_bracket = character == "["
            parts.append(_similar_character(character))
    parts.append(")$")
    return "".join(parts)


def _similar_character(character: str) -> str:
    match character:
        case "%":
            return ".*"
        case "_":
            return "."
        case "(":
            return "(?:"
        case "\\" | "." | "^" | "$":
            return "\\" + character
    return character


define.function("similar_to_escape(text) -> text")(similar_to_escape)


@define.function("substring(text, text, text) -> text")
def substring_similar(text: str, pattern: str, escape: str) -> str | None:
    """substring(text SIMILAR pattern ESCAPE escape)"""
    parts = re.split(re.escape(escape) + '"', pattern) if escape else [pattern]
    if len(parts) == 3:
        before, wanted, after = (similar_to_escape(part, escape)[1:-1] for part in parts)
        # The first part matches as little as it can. # Real: ^(?:…){1,1}?(…){1,1}(?:…)$
        regex = compile_regex(f"^{_reluctant(before)}({wanted}){after}$")
    else:
        regex = compile_regex(similar_to_escape(pattern, escape))
    match = regex.search(text)
    if match is None:
        return None
    return match[1] if match.re.groups else match[0]


def _reluctant(regex: str) -> str:
    return regex.replace(".*", ".*?")


def matches_regex(text: str, pattern: str) -> bool:
    return compile_regex(pattern).search(text) is not None


def matches_regex_ignoring_case(text: str, pattern: str) -> bool:
    return compile_regex(pattern, "i").search(text) is not None


for _left in ("text", "name", "bpchar"):
    define.operator(f"{_left} ~ text", matches_regex, function="textregexeq")
    define.operator(f"{_left} !~ text", lambda text, pattern: not matches_regex(text, pattern))
    define.operator(f"{_left} ~* text", matches_regex_ignoring_case, function="texticregexeq")
    define.operator(
        f"{_left} !~* text", lambda text, pattern: not matches_regex_ignoring_case(text, pattern)
    )


@define.function("substring(text, text) -> text")
def substring_regex(text: str, pattern: str) -> str | None:
    """What the first parenthesis matches, or the whole match where there is none."""
    match = compile_regex(pattern).search(text)
    if match is None:
        return None
    return match[1] if match.re.groups else match[0]


def _compiled(pattern: str, flags: str, function: str) -> re.Pattern[str]:
    kept, is_global = read_flags(flags)
    if is_global:
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            f'{function}() does not support the "global" option',
            hint="Use the regexp_matches function instead." if function == "regexp_match" else "",
        )
    return compile_regex(pattern, kept)


def _groups(match: re.Match[str]) -> Array:
    return array_of_elements(match.groups() if match.re.groups else (match[0],))


@define.function("regexp_match(text, text) -> text[]")
def regexp_match(text: str, pattern: str, flags: str = "") -> Array | None:
    match = _compiled(pattern, flags, "regexp_match").search(text)
    return None if match is None else _groups(match)


define.function("regexp_match(text, text, text) -> text[]")(regexp_match)


@define.function("regexp_matches(text, text) -> setof text[]")
def regexp_matches(text: str, pattern: str, flags: str = "") -> Iterator[Array]:
    kept, is_global = read_flags(flags)
    regex = compile_regex(pattern, kept)
    if is_global:
        return (_groups(match) for match in paced_stream(regex.finditer(text)))
    match = regex.search(text)
    return iter(()) if match is None else iter((_groups(match),))


define.function("regexp_matches(text, text, text) -> setof text[]")(regexp_matches)


@lru_cache(maxsize=256)
def _replacer(replacement: str) -> Callable[[re.Match[str]], str] | str:
    r"""\1 to \9 are groups, \& the match, \\ a backslash; everything else means itself."""
    if "\\" not in replacement:
        return lambda match: replacement
    pieces = re.findall(r"\\[1-9&\\]|\\|[^\\]+", replacement)

    def replace(match: re.Match[str]) -> str:
        parts = []
        for piece in pieces:
            if len(piece) == 2 and piece[0] == "\\":
                if piece[1] == "&":
                    parts.append(match[0])
                elif piece[1] == "\\":
                    parts.append("\\")
                elif int(piece[1]) <= match.re.groups:
                    parts.append(match[int(piece[1])] or "")
            else:
                parts.append(piece)
        return "".join(parts)

    return replace


@define.function("regexp_replace(text, text, text) -> text")
def regexp_replace(text: str, pattern: str, replacement: str, flags: str = "") -> str:
    if flags[:1].isdigit():
        raise SqlError(
            errors.INVALID_PARAMETER_VALUE,
            f'invalid regular expression option: "{flags[0]}"',
            hint="If you meant to use regexp_replace() with a start parameter, "
            "cast the fourth argument to integer explicitly.",
        )
    kept, is_global = read_flags(flags)
    return _replace_from(text, compile_regex(pattern, kept), replacement, 0, 0 if is_global else 1)


define.function("regexp_replace(text, text, text, text) -> text")(regexp_replace)


@define.function("regexp_replace(text, text, text, int4, int4, text) -> text")
def regexp_replace_nth(
    text: str, pattern: str, replacement: str, start: int, number: int, flags: str = ""
) -> str:
    _check_start(start)
    _check_not_negative("n", number)
    kept, _ = read_flags(flags)
    return _replace_from(text, compile_regex(pattern, kept), replacement, start - 1, number)


define.function("regexp_replace(text, text, text, int4, int4) -> text")(regexp_replace_nth)


@define.function("regexp_replace(text, text, text, int4) -> text")
def regexp_replace_one(text: str, pattern: str, replacement: str, start: int) -> str:
    return regexp_replace_nth(text, pattern, replacement, start, 1)


def _replace_from(
    text: str, regex: re.Pattern[str], replacement: str, start: int, number: int
) -> str:
    """Replace the n-th match from `start` on, all of them if `number` is 0."""
    replace = _replacer(replacement)
    parts, at = [], 0
    for index, match in enumerate(_all_matches(regex, text, start), 1):
        if number in (0, index):
            parts += [text[at : match.start()], replace(match)]
            at = match.end()
        if index == number:
            break
    parts.append(text[at:])
    return "".join(parts)


def _all_matches(regex: re.Pattern[str], text: str, start: int = 0) -> Iterator[re.Match[str]]:
    """Matches from left to right; behind an empty one the search goes on a character later."""
    at, next_look = start, start
    while at <= len(text):
        if at >= next_look:
            # Between two looks lie few matches, and no long way that is searched in vain.
            check_for_interrupts()
            next_look = at + LOOK_CHARACTERS
        match = regex.search(text, at)
        if match is None:
            return
        yield match
        at = match.end() if match.end() > match.start() else match.end() + 1


def _split(text: str, pattern: str, flags: str, function: str) -> Iterator[str]:
    """Empty matches split between characters, but not at the ends."""
    regex = _compiled(pattern, flags, function)
    at = 0
    for match in _all_matches(regex, text):
        is_empty = match.start() == match.end()
        if is_empty and (match.start() in (0, at) or match.start() >= len(text)):
            continue
        yield text[at : match.start()]
        at = match.end()
    yield text[at:]


@define.function("regexp_split_to_table(text, text) -> setof text")
def regexp_split_to_table(text: str, pattern: str, flags: str = "") -> Iterator[str]:
    return _split(text, pattern, flags, "regexp_split_to_table")


define.function("regexp_split_to_table(text, text, text) -> setof text")(regexp_split_to_table)


@define.function("regexp_split_to_array(text, text) -> text[]")
def regexp_split_to_array(text: str, pattern: str, flags: str = "") -> Array:
    return array_of_elements(_split(text, pattern, flags, "regexp_split_to_array"))


define.function("regexp_split_to_array(text, text, text) -> text[]")(regexp_split_to_array)


@define.function("regexp_like(text, text) -> bool")
def regexp_like(text: str, pattern: str, flags: str = "") -> bool:
    return _compiled(pattern, flags, "regexp_like").search(text) is not None


define.function("regexp_like(text, text, text) -> bool")(regexp_like)


def _check_start(start: int) -> None:
    if start <= 0:
        raise _bad_parameter("start", start)


def _check_not_negative(name: str, value: int) -> None:
    if value < 0:
        raise _bad_parameter(name, value)


def _bad_parameter(name: str, value: Any) -> SqlError:
    return SqlError(
        errors.INVALID_PARAMETER_VALUE, f'invalid value for parameter "{name}": {value}'
    )


@define.function("regexp_count(text, text, int4, text) -> int4")
def regexp_count(text: str, pattern: str, start: int = 1, flags: str = "") -> int:
    _check_start(start)
    regex = _compiled(pattern, flags, "regexp_count")
    return sum(1 for _ in _all_matches(regex, text, start - 1))


define.function("regexp_count(text, text, int4) -> int4")(regexp_count)
define.function("regexp_count(text, text) -> int4")(regexp_count)


def _nth_match(text: str, regex: re.Pattern[str], start: int, number: int) -> re.Match[str] | None:
    _check_start(start)
    if number <= 0:
        raise _bad_parameter("n", number)
    for index, match in enumerate(_all_matches(regex, text, start - 1), 1):
        if index == number:
            return match
    return None


@define.function("regexp_instr(text, text, int4, int4, int4, text, int4) -> int4")
def regexp_instr(
    text: str,
    pattern: str,
    start: int = 1,
    number: int = 1,
    end_option: int = 0,
    flags: str = "",
    group: int = 0,
) -> int:
    """The place of the n-th match, or the one behind it."""
    if end_option not in (0, 1):
        raise _bad_parameter("endoption", end_option)
    _check_not_negative("subexpr", group)
    match = _nth_match(text, _compiled(pattern, flags, "regexp_instr"), start, number)
    if match is None or group > match.re.groups or match.start(group) < 0:
        return 0
    return (match.end(group) if end_option else match.start(group)) + 1


@define.function("regexp_substr(text, text, int4, int4, text, int4) -> text")
def regexp_substr(
    text: str, pattern: str, start: int = 1, number: int = 1, flags: str = "", group: int = 0
) -> str | None:
    _check_not_negative("subexpr", group)
    match = _nth_match(text, _compiled(pattern, flags, "regexp_substr"), start, number)
    return None if match is None or group > match.re.groups else match[group]


_ARGUMENTS_OF_INSTR = ("text", "text", "int4", "int4", "int4", "text")
_ARGUMENTS_OF_SUBSTR = ("text", "text", "int4", "int4", "text")
for _count in range(2, 7):
    define.function(f"regexp_instr({', '.join(_ARGUMENTS_OF_INSTR[:_count])}) -> int4")(
        regexp_instr
    )
for _count in range(2, 6):
    define.function(f"regexp_substr({', '.join(_ARGUMENTS_OF_SUBSTR[:_count])}) -> text")(
        regexp_substr
    )

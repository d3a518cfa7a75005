"""PostgreSQL's regular expressions in the words of Python's `re`.

Both descend from the same ancestor, so most of a pattern stays as it is. Different are the anchors
(^ and $ mean the ends of the whole text), the words' borders (\\m \\M \\y), classes in brackets
([[:alpha:]]), options at the beginning ((?i), ***=) and that a dot matches a newline. Letters and
digits are those of ASCII, as everywhere in the collation C.

Left out: where alternatives could match at the same place, POSIX takes the longest, Python the
first; and of mixed greediness PostgreSQL lets the first quantifier decide for the whole.
# Real: regcomp.c by Henry Spencer
"""

from __future__ import annotations

import re
from functools import lru_cache

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.regex_machine import BoundedRegex, bounded

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z",
    "space": r"\s", "blank": r" \t", "punct": r"!-/:-@\[-`{-~", "cntrl": r"\x00-\x1f\x7f",
    "print": " -~", "graph": "!-~", "xdigit": "0-9A-Fa-f", "word": r"\w",
}  # fmt: skip
_ESCAPES = {
    "m": r"\b(?=\w)", "M": r"\b(?<=\w)", "y": r"\b", "Y": r"\B", "A": r"\A", "Z": r"\Z",
    "d": r"\d", "D": r"\D", "w": r"\w", "W": r"\W", "s": r"\s", "S": r"\S",
    "a": r"\a", "b": r"\x08", "B": r"\\", "e": r"\x1b", "f": r"\f", "n": r"\n", "r": r"\r",
    "t": r"\t", "v": r"\v", "0": r"\x00",
}  # fmt: skip
_HEX_ESCAPES = {"u": 4, "U": 8}


def invalid_regex(reason: str) -> SqlError:
    return SqlError(errors.INVALID_REGULAR_EXPRESSION, f"invalid regular expression: {reason}")


def read_flags(flags: str) -> tuple[str, bool]:
    """The options of regexp_replace(…, 'gi') that concern the pattern, and whether g was there."""
    is_global = False
    kept = []
    for flag in flags:
        if flag == "g":
            is_global = True
        elif flag in "bceimnpqstwx":
            kept.append(flag)
        else:
            raise SqlError(
                errors.INVALID_PARAMETER_VALUE, f'invalid regular expression option: "{flag}"'
            )
    return "".join(kept), is_global


@lru_cache(maxsize=512)
def compile_regex(pattern: str, flags: str = "") -> re.Pattern[str] | BoundedRegex:
    """The compiled pattern, which never takes long; 2201B if it is none."""
    ignore_case = newline = expanded = False
    is_literal = False
    if pattern.startswith("***="):
        pattern, is_literal = pattern[4:], True
    elif pattern.startswith("***:"):
        pattern = pattern[4:]
    embedded = re.match(r"\(\?([a-z]+)\)", pattern)
    if embedded and not is_literal:
        flags, pattern = flags + embedded[1], pattern[embedded.end() :]
    for flag in flags:
        match flag:
            case "i":
                ignore_case = True
            case "c":
                ignore_case = False
            case "n" | "m":
                newline = True
            case "s":
                newline = False
            case "x":
                expanded = True
            case "t":
                expanded = False
            case "q":
                is_literal = True
    translated = (
        re.escape(pattern) if is_literal else _Translation(pattern, newline, expanded).run()
    )
    options = re.ASCII | (re.IGNORECASE if ignore_case else 0) | (0 if newline else re.DOTALL)
    try:
        return bounded(re.compile(translated, options))
    except (re.error, OverflowError, RecursionError) as error:
        raise invalid_regex(_reason(str(error))) from None


_REASONS = (
    ("unterminated character set", "brackets [] not balanced"),
    ("unterminated subpattern", "parentheses () not balanced"),
    ("missing )", "parentheses () not balanced"),
    ("unbalanced parenthesis", "parentheses () not balanced"),
    ("nothing to repeat", "quantifier operand invalid"),
    ("multiple repeat", "quantifier operand invalid"),
    ("min repeat greater", "invalid repetition count(s)"),
    ("bad character range", "invalid character range"),
    ("invalid group reference", "invalid backreference number"),
    ("bad escape", "invalid escape \\ sequence"),
)


def _reason(message: str) -> str:
    for python, postgres in _REASONS:
        if message.startswith(python):
            return postgres
    return message


class _Translation:
    """One way over a pattern, from left to right."""

    def __init__(self, pattern: str, newline: bool, expanded: bool):
        self.pattern = pattern
        self.newline = newline
        self.expanded = expanded
        self.at = 0

    def run(self) -> str:
        parts: list[str] = []
        while self.at < len(self.pattern):
            parts.append(self._next())
        return "".join(parts)

    def _next(self) -> str:
        character = self.pattern[self.at]
        self.at += 1
        match character:
            case "\\":
                return self._escape()
            case "[":
                return self._bracket()
            case "^":
                return "(?m:^)" if self.newline else r"\A"
            case "$":
                return "(?m:$)" if self.newline else r"\Z"
            case "(" if self.pattern.startswith("?", self.at):
                return self._group()
            case "{":
                return self._repetition()
            case "+" if self.pattern[self.at - 2 : self.at - 1] in ("*", "+", "?", "}"):
                raise invalid_regex("quantifier operand invalid")
            case "#" if self.expanded:
                end = self.pattern.find("\n", self.at)
                self.at = len(self.pattern) if end < 0 else end
                return ""
            case _ if self.expanded and character.isspace():
                return ""
        return character

    def _group(self) -> str:
        """(?:…), (?=…), (?!…), (?<=…), (?<!…), and (?#comment)."""
        if self.pattern.startswith("?#", self.at):
            end = self.pattern.find(")", self.at)
            if end < 0:
                raise invalid_regex("parentheses () not balanced")
            self.at = end + 1
            return ""
        for opening in ("?:", "?=", "?!", "?<=", "?<!"):
            if self.pattern.startswith(opening, self.at):
                self.at += len(opening)
                return "(" + opening
        raise invalid_regex("quantifier operand invalid")

    def _repetition(self) -> str:
        match = re.compile(r"([0-9]+)(,[0-9]*)?\}").match(self.pattern, self.at)
        if match is None:
            if self.pattern[self.at : self.at + 1].isdigit():
                raise invalid_regex("braces {} not balanced")
            return r"\{"
        self.at = match.end()
        if int(match[1]) > 255 or (match[2] and match[2][1:] and int(match[2][1:]) > 255):
            raise invalid_regex("invalid repetition count(s)")
        return "{" + match[0]

    def _escape(self) -> str:
        if self.at >= len(self.pattern):
            raise invalid_regex("invalid escape \\ sequence")
        character = self.pattern[self.at]
        self.at += 1
        if character in _HEX_ESCAPES or character == "x":
            return re.escape(self._coded(character))
        if character.isdigit() and character != "0":
            digits = re.compile("[0-9]*").match(self.pattern, self.at - 1)[0][:2]
            self.at += len(digits) - 1
            return f"(?:\\{digits})"
        if character == "c":
            self.at += 1
            return re.escape(chr(ord(self.pattern[self.at - 1 : self.at] or "@") & 31))
        if character.isalnum():
            if character not in _ESCAPES:
                raise invalid_regex("invalid escape \\ sequence")
            return _ESCAPES[character]
        return "\\" + character

    def _coded(self, kind: str) -> str:
        length = _HEX_ESCAPES.get(kind, 8)
        match = re.compile(f"[0-9A-Fa-f]{{1,{length}}}").match(self.pattern, self.at)
        if match is None or (kind != "x" and len(match[0]) < length):
            raise invalid_regex("invalid escape \\ sequence")
        self.at = match.end()
        code = int(match[0], 16)
        if code > 0x10FFFF:
            raise invalid_regex("invalid escape \\ sequence")
        return chr(code)

    def _bracket(self) -> str:
        """[…]: members may be classes, equivalents, escapes and ranges."""
        for text, translated in (("[:<:]]", r"\b(?=\w)"), ("[:>:]]", r"\b(?<=\w)")):
            if self.pattern.startswith(text, self.at):
                self.at += len(text)
                return translated
        parts = ["["]
        is_negated = self.pattern.startswith("^", self.at)
        if is_negated:
            self.at += 1
            parts.append("^\n" if self.newline else "^")
        is_first = True
        while True:
            character = self.pattern[self.at : self.at + 1]
            if not character:
                raise invalid_regex("brackets [] not balanced")
            self.at += 1
            if character == "]" and not is_first:
                parts.append("]")
                return "".join(parts)
            is_first = False
            if character == "-":
                # A dash is a range only between two members; Python reads it the same way.
                parts.append(self._dash(parts))
            else:
                parts.append(self._member(character))

    def _dash(self, parts: list[str]) -> str:
        at_edge = (
            len(parts) == 1
            or parts[-1].startswith("^")
            or self.pattern[self.at : self.at + 1] == "]"
        )
        return r"\-" if at_edge else "-"

    def _member(self, character: str) -> str:
        if character == "[" and self.pattern[self.at : self.at + 1] in (":", ".", "="):
            kind = self.pattern[self.at]
            end = self.pattern.find(kind + "]", self.at + 1)
            if end < 0:
                raise invalid_regex("brackets [] not balanced")
            name = self.pattern[self.at + 1 : end]
            self.at = end + 2
            if kind != ":":
                return re.escape(name)
            if name not in _CLASSES:
                raise invalid_regex("invalid character class")
            return _CLASSES[name]
        if character == "\\":
            escaped = self._escape()
            return {r"\b": r"\x08"}.get(escaped, escaped)
        return "\\" + character if character in r"[]\^&~|" else character

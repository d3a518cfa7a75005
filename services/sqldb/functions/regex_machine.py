"""Regular expressions in bounded time: no pattern of a client may hold the server up.

Python's `re` tries one way after the other and forgets what it has tried. On '(a+)+b' and thirty
a's it tries a billion ways, and nothing can interrupt it: it holds Python's own lock. Here a
pattern is compiled into a small program, and the program runs in the same order, but remembers each
pair (instruction, place in the text) that it has been at. Whoever comes there a second time would
fail again, so no pair is tried twice: the time is at most the length of the pattern times that of
the text. What matches, and what its parts are, is the same as with `re`.

    (a*)*b     0 save 0        on "aac": 4 takes both a's, and neither 4 nor 8 takes the c. Now
               1 split 2, 8    the inner repetition ends after one a, and the outer one begins
               2 save 2        anew at place 1 with 1 and 2; then it comes to (3, 1), where it has
               3 split 4, 6    been, and gives up. `re` would go all that way again, and for each
               4 a             further a twice as often.
               5 jump 3
               6 save 3        save n       note the place: where part n / 2 begins or ends
               7 jump 1        split n, m   go on at n; if that fails, at m
               8 b
               9 save 1
              10 found

An instruction costs a microsecond, a hundred times that of `re`. So `bounded` gives the pattern to
`re` as long as it can't take long: texts that are short for how the pattern repeats.
# Real: PostgreSQL makes an automaton (regexec.c); RE2 has this very machine as its BitState

Left out: back references, (a+)\\1, with which no such bound is known. They stay with `re`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from re import _constants as sre
from re import _parser
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError

MAX_INSTRUCTIONS = 10_000
MAX_PAIRS = 1 << 27
"""Bytes of memory for what was tried."""
STEPS_OF_RE = 10**8
"""What `re` may need at worst, some tenths of a second."""
SHORT_TEXT = 20
"""Texts for which even a pattern that explodes is no more than a million steps."""
_LONG = 8
"""Repetitions that count as if they had no limit, and choices that are too many."""

_DIGITS, _SPACES = frozenset("0123456789"), frozenset(" \t\n\r\f\v")
_WORD = frozenset("0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CATEGORIES = {
    sre.CATEGORY_DIGIT: (_DIGITS, True),
    sre.CATEGORY_NOT_DIGIT: (_DIGITS, False),
    sre.CATEGORY_SPACE: (_SPACES, True),
    sre.CATEGORY_NOT_SPACE: (_SPACES, False),
    sre.CATEGORY_WORD: (_WORD, True),
    sre.CATEGORY_NOT_WORD: (_WORD, False),
}
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT)

_CHARACTER, _SPLIT, _JUMP, _SAVE, _AT, _LOOK, _FOUND = range(7)


def too_complex() -> SqlError:
    message = "invalid regular expression: regular expression is too complex"
    return SqlError(errors.INVALID_REGULAR_EXPRESSION, message)


def bounded(pattern: re.Pattern[str]) -> re.Pattern[str] | BoundedRegex:
    """The pattern itself, if it can't take long on any text that we hold."""
    tree = _parser.parse(pattern.pattern, pattern.flags)
    shape = _Shape()
    shape.look_at(tree, 0)
    if shape.has_back_reference:
        return pattern
    limit = SHORT_TEXT
    if not shape.explodes:
        degree = shape.repeats + 1
        if shape.repeats and tree.data[0] == (sre.AT, sre.AT_BEGINNING_STRING):
            degree -= 1  # It is tried at one place only.
        if shape.repeats and tree.data[-1][0] in _REPEATS:
            degree -= 1  # Nothing behind it can fail.
        if degree <= 1:
            return pattern
        limit = int(STEPS_OF_RE ** (1 / degree))
    return BoundedRegex(pattern, limit)


class _Shape:
    """How a pattern repeats: each repetition without limit multiplies the time by the length of
    the text; one around something that may have several lengths doubles it with each letter."""

    def __init__(self) -> None:
        self.repeats = 0
        self.explodes = False
        self._choices = 0
        self.has_back_reference = False

    def look_at(self, tree: Any, depth: int) -> None:
        for operation, argument in tree:
            if operation in _REPEATS:
                low, high, body = argument
                is_variable, is_long = low != high, high >= _LONG
                self.repeats += is_variable and is_long
                self._choices += is_variable and not is_long
                self.explodes |= is_variable and (depth > 0 or self._choices > _LONG)
                self.look_at(body, depth + is_long)
            elif operation is sre.BRANCH:
                self.explodes |= depth > 0
                for branch in argument[1]:
                    self.look_at(branch, depth)
            elif operation is sre.SUBPATTERN:
                self.look_at(argument[3], depth)
            elif operation in (sre.ASSERT, sre.ASSERT_NOT):
                self.look_at(argument[1], depth)
            elif operation in (sre.GROUPREF, sre.GROUPREF_EXISTS):
                self.has_back_reference = True


class BoundedMatch:
    """What of re.Match is used here."""

    __slots__ = ("_places", "_text", "re")

    def __init__(self, regex: BoundedRegex, text: str, places: tuple[int, ...]):
        self.re = regex
        self._text = text
        self._places = places

    def start(self, group: int = 0) -> int:
        return self._places[2 * group]

    def end(self, group: int = 0) -> int:
        return self._places[2 * group + 1]

    def __getitem__(self, group: int) -> str | None:
        start, end = self._places[2 * group : 2 * group + 2]
        return None if min(start, end) < 0 else self._text[start:end]

    def groups(self) -> tuple[str | None, ...]:
        return tuple(self[group] for group in range(1, self.re.groups + 1))


class BoundedRegex:
    """What of re.Pattern is used here; texts up to `limit` are left to `re`."""

    def __init__(self, pattern: re.Pattern[str], limit: int):
        self.pattern = pattern
        self.groups = pattern.groups
        self._limit = limit

    def with_flags(self, flags: int) -> BoundedRegex:
        return BoundedRegex(re.compile(self.pattern.pattern, flags), self._limit)

    @cached_property
    def _program(self) -> _Program:
        tree = _parser.parse(self.pattern.pattern, self.pattern.flags)
        return _Program(tree, self.pattern.flags)

    def search(self, text: str, at: int = 0) -> re.Match[str] | BoundedMatch | None:
        if len(text) <= self._limit:
            return self.pattern.search(text, at)
        nowhere = (-1,) * (2 * self.groups + 2)
        places = self._program.search(text, at, nowhere)
        return None if places is None else BoundedMatch(self, text, places)

    def finditer(self, text: str) -> Iterator[re.Match[str] | BoundedMatch]:
        if len(text) <= self._limit:
            yield from self.pattern.finditer(text)
            return
        at = 0
        while at <= len(text) and (match := self.search(text, at)) is not None:
            yield match
            at = match.end() + (match.end() == match.start())


class _Letters(dict):
    """Whether a letter belongs to a set; each is decided once."""

    def __init__(self, decide: Callable[[str], bool]):
        self._decide = decide

    def __missing__(self, letter: str) -> bool:
        found = self[letter] = self._decide(letter)
        return found


class _Program:
    """A pattern as instructions (kind, argument, argument)."""

    def __init__(self, tree: Any, flags: int):
        self._code: list[tuple] = []
        self._add(_SAVE, 0)
        self._compile(tree, flags)
        self._add(_SAVE, 1)
        self._add(_FOUND)

    def _add(self, kind: int, first: Any = None, second: Any = None) -> int:
        if len(self._code) >= MAX_INSTRUCTIONS:
            raise too_complex()
        self._code.append((kind, first, second))
        return len(self._code) - 1

    # Compiling.

    def _compile(self, tree: Any, flags: int) -> None:
        for operation, argument in tree:
            if operation in _REPEATS:
                self._repeat(*argument, flags, is_greedy=operation is sre.MAX_REPEAT)
            elif operation is sre.BRANCH:
                self._branch(argument[1], flags)
            elif operation is sre.SUBPATTERN:
                group, added, taken, body = argument
                if group is not None:
                    self._add(_SAVE, 2 * group)
                self._compile(body, (flags | added) & ~taken)
                if group is not None:
                    self._add(_SAVE, 2 * group + 1)
            elif operation in (sre.ASSERT, sre.ASSERT_NOT):
                direction, body = argument
                back = body.getwidth()[0] if direction < 0 else 0
                self._add(_LOOK, (_Program(body, flags), back), operation is sre.ASSERT)
            elif operation is sre.AT:
                self._add(_AT, _place_test(argument, flags))
            else:
                self._add(_CHARACTER, _Letters(_letter_test(operation, argument, flags)))

    def _repeat(self, low: int, high: int, body: Any, flags: int, *, is_greedy: bool) -> None:
        for _ in range(low):
            self._compile(body, flags)
        if high is sre.MAXREPEAT:
            split = self._add(_SPLIT)
            self._compile(body, flags)
            self._add(_JUMP, split)
            self._aim(split, is_greedy)
            return
        splits = []
        for _ in range(high - low):
            splits.append(self._add(_SPLIT))
            self._compile(body, flags)
        for split in splits:
            self._aim(split, is_greedy)

    def _aim(self, split: int, is_greedy: bool) -> None:
        """On with what follows the split, or behind all there is; the first is tried first."""
        ways = (split + 1, len(self._code))
        self._code[split] = (_SPLIT, *(ways if is_greedy else reversed(ways)))

    def _branch(self, branches: list, flags: int) -> None:
        jumps = []
        for branch in branches[:-1]:
            split = self._add(_SPLIT)
            self._compile(branch, flags)
            jumps.append(self._add(_JUMP))
            self._code[split] = (_SPLIT, split + 1, len(self._code))
        self._compile(branches[-1], flags)
        for jump in jumps:
            self._code[jump] = (_JUMP, len(self._code), None)

    # Running.

    def search(self, text: str, at: int, nowhere: tuple[int, ...]) -> tuple[int, ...] | None:
        if len(self._code) * (len(text) + 1 - at) > MAX_PAIRS:
            raise too_complex()
        tried = bytearray(len(self._code) * (len(text) + 1 - at))
        for start in range(at, len(text) + 1):
            # What has failed before the start fails behind it as well: it is remembered.
            places = self._run(text, start, at, tried, nowhere)
            if places is not None:
                return places
        return None

    def _run(
        self, text: str, start: int, base: int, tried: bytearray, nowhere: tuple[int, ...]
    ) -> tuple[int, ...] | None:
        code, size, end = self._code, len(self._code), len(text)
        ways = [(0, start, nowhere)]
        while ways:
            step, at, places = ways.pop()
            while not tried[pair := (at - base) * size + step]:
                tried[pair] = 1
                kind, first, second = code[step]
                if kind == _CHARACTER:
                    if at == end or not first[text[at]]:
                        break
                    at += 1
                elif kind == _SPLIT:
                    ways.append((second, at, places))
                    step = first
                    continue
                elif kind == _JUMP:
                    step = first
                    continue
                elif kind == _SAVE:
                    if places:
                        places = (*places[:first], at, *places[first + 1 :])
                elif kind == _AT:
                    if not first(text, at):
                        break
                elif kind == _LOOK:
                    if first[0].stands_at(text, at - first[1]) is not second:
                        break
                else:
                    return places
                step += 1
        return None

    def stands_at(self, text: str, at: int) -> bool:
        """For (?=…) and its like, whose parts nobody asks for."""
        if at < 0:
            return False
        tried = bytearray(len(self._code) * (len(text) + 1 - at))
        return self._run(text, at, at, tried, ()) is not None


def _letter_test(operation: Any, argument: Any, flags: int) -> Callable[[str], bool]:
    if operation is sre.ANY:
        return lambda letter: bool(flags & re.DOTALL) or letter != "\n"
    if operation is sre.IN:
        is_negated = argument[0][0] is sre.NEGATE
        tests = [_member_test(*item) for item in argument[is_negated:]]
    else:
        is_negated = operation is sre.NOT_LITERAL
        tests = [_member_test(sre.LITERAL, argument)]

    def test(letter: str) -> bool:
        forms = (
            {letter, letter.swapcase()} if flags & re.IGNORECASE and letter.isascii() else letter
        )
        return any(member(form) for form in forms for member in tests) is not is_negated

    return test


def _member_test(operation: Any, argument: Any) -> Callable[[str], bool]:
    match operation:
        case sre.LITERAL:
            return lambda letter: ord(letter) == argument
        case sre.RANGE:
            return lambda letter: argument[0] <= ord(letter) <= argument[1]
    letters, is_wanted = _CATEGORIES[argument]
    return lambda letter: (letter in letters) is is_wanted


def _place_test(place: Any, flags: int) -> Callable[[str, int], bool]:
    """^ $ \\A \\Z \\b \\B"""
    in_lines = bool(flags & re.MULTILINE)
    match place:
        case sre.AT_BEGINNING if in_lines:
            return lambda text, at: at == 0 or text[at - 1] == "\n"
        case sre.AT_END if in_lines:
            return lambda text, at: at == len(text) or text[at] == "\n"
        case sre.AT_BEGINNING | sre.AT_BEGINNING_STRING:
            return lambda text, at: at == 0
        case sre.AT_END:
            return lambda text, at: at == len(text) or text[at:] == "\n"
        case sre.AT_END_STRING:
            return lambda text, at: at == len(text)
    wanted = place is sre.AT_BOUNDARY

    def is_border(text: str, at: int) -> bool:
        before = at > 0 and text[at - 1] in _WORD
        return (before is not (at < len(text) and text[at] in _WORD)) is wanted

    return is_border

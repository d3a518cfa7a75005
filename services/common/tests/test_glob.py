"""Glob patterns against a plain recursive matcher that tries every way."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.glob import matcher


def matches(pattern: bytes, text: bytes) -> bool:
    return bool(matcher(pattern)(text))


def oracle(pattern: bytes, text: bytes) -> bool:
    """What Redis's manual and its stringmatchlen() say, without any thought of speed."""
    if not pattern:
        return not text
    first = pattern[:1]
    if first == b"*":
        return any(oracle(pattern[1:], text[start:]) for start in range(len(text) + 1))
    if not text:
        return False
    if first == b"?":
        return oracle(pattern[1:], text[1:])
    if first == b"[":
        is_member, rest = oracle_set(pattern[1:], text[0])
        return is_member and oracle(rest, text[1:])
    if first == b"\\" and len(pattern) > 1:
        pattern = pattern[1:]
    return pattern[0] == text[0] and oracle(pattern[1:], text[1:])


def oracle_set(pattern: bytes, byte: int) -> tuple[bool, bytes]:
    """Whether `byte` is in the set whose inside `pattern` begins with, and what follows it."""
    negated = pattern[:1] == b"^"
    pattern = pattern[1:] if negated else pattern
    found = False
    while pattern and pattern[:1] != b"]":
        if pattern[:1] == b"\\" and len(pattern) > 1:
            found |= pattern[1] == byte
            pattern = pattern[2:]
        elif len(pattern) >= 3 and pattern[1:2] == b"-":
            low, high = sorted((pattern[0], pattern[2]))
            found |= low <= byte <= high
            pattern = pattern[3:]
        else:
            found |= pattern[0] == byte
            pattern = pattern[1:]
    return found != negated, pattern[1:]


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (b"news", [b"news"], [b"", b"new", b"newss", b"News"]),
        (b"*", [b"", b"a", b"\n", b"\xff\x00"], []),
        (b"h?llo", [b"hello", b"h\nllo"], [b"hllo", b"heello"]),
        (b"h*llo", [b"hllo", b"heeello"], [b"hll"]),
        (b"h[ae]llo", [b"hallo", b"hello"], [b"hillo", b"hllo"]),
        (b"h[^e]llo", [b"hallo", b"h^llo"], [b"hello", b"hllo"]),
        (b"h[a-c]llo", [b"hallo", b"hbllo", b"hcllo"], [b"hdllo", b"h-llo"]),
        (b"h[c-a]llo", [b"hbllo"], [b"hdllo"]),
        (b"a\\*b", [b"a*b"], [b"aab", b"a\\*b"]),
        (b"a[\\]]b", [b"a]b"], [b"a\\b"]),
        (b"a[]b", [], [b"ab", b"a]b", b"aab"]),
        (b"a[^]b", [b"axb"], [b"ab"]),
        (b"a[bc", [b"ab", b"ac"], [b"a", b"a[bc"]),
        (b"a\\", [b"a\\"], [b"a"]),
        (b"a.b|c", [b"a.b|c"], [b"axb", b"c"]),
        (b"*ab*ab", [b"abab", b"xababxab"], [b"ab", b"abx"]),
        (b"[^\n]", [b"a"], [b"\n"]),
    ],
)
def test_examples(pattern: bytes, yes: list[bytes], no: list[bytes]) -> None:
    for text in yes:
        assert matches(pattern, text), text
        assert oracle(pattern, text), text
    for text in no:
        assert not matches(pattern, text), text
        assert not oracle(pattern, text), text


# Few letters, so that patterns and texts often meet.
PATTERNS = st.text(alphabet="ab*?[]^-\\", max_size=9).map(str.encode)
TEXTS = st.text(alphabet="ab]^-\\*", max_size=7).map(str.encode)


@settings(max_examples=2000)
@given(PATTERNS, TEXTS)
def test_the_same_as_the_oracle(pattern: bytes, text: bytes) -> None:
    assert matches(pattern, text) == oracle(pattern, text)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_any_bytes_are_a_pattern(pattern: bytes, text: bytes) -> None:
    assert matches(pattern, text) == oracle(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (b"a*" * 40 + b"b", b"a" * 2000),
        (b"*a" * 40 + b"b", b"a" * 2000),
        (b"*?" * 40 + b"b", b"a" * 2000),
        (b"*[ab]*" * 40 + b"c", b"ab" * 1000),
        (b"*" * 1000 + b"b", b"a" * 2000),
    ],
)
def test_patterns_that_could_take_for_ever_do_not(pattern: bytes, text: bytes) -> None:
    """Every way to share the text out among forty stars: more than the age of the universe."""
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(matches(pattern, text)), daemon=True)
    thread.start()
    thread.join(30)
    assert outcome == [False]

"""The bounded machine finds what `re` finds, and quickly what `re` would never find."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sqldb.functions.patterns import matches_regex, regexp_replace
from services.sqldb.functions.regex_machine import BoundedRegex, bounded

_ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "[ab]",
        "[^a]",
        ".",
        "\\w",
        "\\b",
        "^",
        "$",
        "\\Z",
        "(?=a)",
        "(?<!b)",
        "é",
        "\\s",
        "-",
    ]
)


def _grown(inner):
    quantifiers = st.sampled_from(["*", "+", "?", "*?", "+?", "{2}", "{1,3}", "{0,9}", "{2,}?"])
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        inner.map(lambda one: f"({one})"),
        st.tuples(inner, quantifiers).map(lambda two: f"(?:{two[0]}){two[1]}"),
    )


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    st.recursive(_ATOMS, _grown, max_leaves=6),
    st.text("abB-é \n", max_size=8),
    st.sampled_from([0, re.IGNORECASE, re.DOTALL, re.MULTILINE]),
)
def test_it_finds_what_re_finds(pattern, text, flags):
    plain = re.compile(pattern, flags | re.ASCII)
    mine, its = BoundedRegex(plain, -1).search(text), plain.search(text)
    assert (mine is None) == (its is None), (pattern, text)
    if its is not None:
        assert (mine.start(), mine[0]) == (its.start(), its[0]), (pattern, text)
        spans = [match[0] for match in BoundedRegex(plain, -1).finditer(text)]
        assert spans[0] == its[0]


@pytest.mark.parametrize(
    ("pattern", "text", "groups"),
    [
        (r"(\w+)@(\w+)\.(com|org)", "to: ada@example.org", ("ada", "example", "org")),
        (r"(a)|(b)", "b", (None, "b")),
        (r"^(.*?),(.*)$", "a,b,c", ("a", "b,c")),
        (r"(?i)(straSSe)", "Strasse", ("Strasse",)),
    ],
)
def test_parts(pattern, text, groups):
    match = BoundedRegex(re.compile(pattern, re.ASCII), -1).search(text)
    assert match.groups() == groups


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+b", "(a*)*b", "(a|aa)+b", "(a|a)*b", "(.*)(.*)(.*)b", "^(a?){50}a{50}b"],
)
def test_what_explodes_does_not(pattern):
    assert not matches_regex("a" * 3000, pattern)
    assert regexp_replace("a" * 3000, pattern, "x") == "a" * 3000


@pytest.mark.parametrize("pattern", ["abc", "a+", "^a*b", "[a-z]+", "a{2,5}b"])
def test_what_is_quick_is_left_to_re(pattern):
    translated = re.compile(pattern.replace("^", r"\A"))
    assert bounded(translated) is translated

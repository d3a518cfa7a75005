"""What PCRE means by a pattern, said in Python's words."""

import pytest

from services.docdb.errors import MongoError
from services.docdb.query.regexes import compile_regex


@pytest.mark.parametrize(
    ("pattern", "options", "found", "not_found"),
    [
        (r"^\d+$", "", "12", "1٢"),
        (r"^\w+$", "", "ab_1", "é"),
        (r"^[\w-]+$", "", "a-b", "é"),
        (r"^\W$", "", "é", "a"),
        (r"a\sb", "", "a b", "a\u00a0b"),
        (r"^\Qa.b*\E$", "", "a.b*", "axb"),
        (r"\Q[x", "", "[x", "x"),
        (r"^a\z", "", "a", "a\n"),
        (r"^a\Z", "", "a\n", "a\n\n"),
        (r"^a\Rb$", "", "a\r\nb", "a b"),
        (r"^[[:alpha:][:digit:]]+$", "", "a1", "a-"),
        (r"^[]a]+$", "", "]a", "b"),
        (r"^[^]a]$", "", "b", "]"),
        (r"^[a[]+$", "", "[a", "b"),
        (r"^ÄB$", "i", "äb", "ab"),
        (r"b(?i)c", "", "BC", "d"),
        (r"a . b", "x", "axb", "a . b"),
        (r"^b", "m", "a\nb", "ab"),
        (r"a.b", "s", "a\nb", "ab"),
        (r"\\d", "", r"\d", "1"),
    ],
)
def test_a_pattern(pattern: str, options: str, found: str, not_found: str) -> None:
    search = compile_regex(pattern, options).search
    assert search(found) is not None
    assert search(not_found) is None


@pytest.mark.parametrize("pattern", ["(", "[a", r"a\K", r"\p{L}", "a" * 40_000, "a\0"])
def test_what_cannot_be_said_is_refused(pattern: str) -> None:
    with pytest.raises(MongoError) as caught:
        compile_regex(pattern, "")
    assert caught.value.code == 51091

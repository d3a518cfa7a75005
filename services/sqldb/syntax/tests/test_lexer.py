"""Tokens: kinds, values and places, and the errors of the scanner."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sqldb.errors import SqlError
from services.sqldb.syntax import lexer
from services.sqldb.syntax.lexer import tokenize


def tokens(text: str) -> list[tuple[str, object]]:
    found = tokenize(text)
    return list(zip(found.kinds, found.values, strict=True))[:-1]


def kinds(text: str) -> list[str]:
    return [kind for kind, _ in tokens(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT", ("select", "select")),
        ("Total", (lexer.IDENTIFIER, "total")),
        ("ÄrgerÄ", (lexer.IDENTIFIER, "ÄrgerÄ")),
        ('"Total ""x"""', (lexer.IDENTIFIER, 'Total "x"')),
        ('"select"', (lexer.IDENTIFIER, "select")),
        ("a$1_b", (lexer.IDENTIFIER, "a$1_b")),
        ('U&"d\\0061t\\+000061"', (lexer.IDENTIFIER, "data")),
        ("U&\"!0041\" UESCAPE '!'", (lexer.IDENTIFIER, "A")),
        ("'it''s'", (lexer.STRING, "it's")),
        ("'a'\n  'b'", (lexer.STRING, "ab")),
        ("'a' -- why\n 'b'", (lexer.STRING, "ab")),
        (r"E'\n\x41\101é\\\'\q'", (lexer.STRING, "\nAAé\\'q")),
        (r"E'\ud83d\ude00'", (lexer.STRING, "😀")),
        ("U&'\\0041\\\\'", (lexer.STRING, "A\\")),
        ("$$it's$$", (lexer.STRING, "it's")),
        ("$a$ $$ $b$ $a$", (lexer.STRING, " $$ $b$ ")),
        ("B'101'", (lexer.BITS, "b101")),
        ("x'1F'", (lexer.BITS, "x1F")),
        ("42", (lexer.INTEGER, 42)),
        ("2147483648", (lexer.NUMBER, "2147483648")),
        ("1.5e-3", (lexer.NUMBER, "1.5e-3")),
        (".5", (lexer.NUMBER, ".5")),
        ("5.", (lexer.NUMBER, "5.")),
        ("$7", (lexer.PARAMETER, 7)),
        ("!=", ("<>", "<>")),
        ("=>", ("=>", "=>")),
        ("::", ("::", "::")),
        ("@-", (lexer.OPERATOR, "@-")),
    ],
)
def test_one_token(text, expected):
    assert tokens(text) == [expected]
    assert tokens(f"({text})") == [("(", "("), expected, (")", ")")]
    assert tokens(f" /* /* */ */ {text} -- end\n") == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=-1", [lexer.IDENTIFIER, "=", "-", lexer.INTEGER]),
        ("a<--b\nc", [lexer.IDENTIFIER, "<", lexer.IDENTIFIER]),
        ("a*/*b*/c", [lexer.IDENTIFIER, "*", lexer.IDENTIFIER]),
        ("1..2", [lexer.INTEGER, "..", lexer.INTEGER]),
        ("a.5", [lexer.IDENTIFIER, lexer.NUMBER]),
        ("a[1:2]", [lexer.IDENTIFIER, "[", lexer.INTEGER, ":", lexer.INTEGER, "]"]),
        ("n'x'", ["nchar", lexer.STRING]),
        ("'a' 'b'", [lexer.STRING, lexer.STRING]),
        ("$a", ["$", lexer.IDENTIFIER]),
    ],
)
def test_several_tokens(text, expected):
    assert kinds(text) == expected


def test_names_are_cut_to_63_bytes_between_characters():
    assert tokens("x" * 100) == [(lexer.IDENTIFIER, "x" * 63)]
    assert tokens("é" * 40) == [(lexer.IDENTIFIER, "é" * 31)]


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("'abc", 'unterminated quoted string at or near "\'abc"', 0),
        ("a 'abc", 'unterminated quoted string at or near "\'abc"', 2),
        ('"abc', 'unterminated quoted identifier at or near ""abc"', 0),
        ('""', 'zero-length delimited identifier at or near """"', 0),
        ("$a$x", 'unterminated dollar-quoted string at or near "$a$x"', 0),
        ("1 /* /* */", 'unterminated /* comment at or near "/* /* */"', 2),
        ("b'1", 'unterminated bit string literal at or near "b\'1"', 0),
        ("1a", 'trailing junk after numeric literal at or near "1a"', 0),
        ("$1a", 'trailing junk after parameter at or near "$1a"', 0),
    ],
)
def test_an_error_is_the_last_token(text, message, position):
    found = tokenize(text)
    assert found.kinds[-2] == lexer.ERROR
    error = found.values[-2]
    assert (error.message, error.position) == (message, position)


@given(st.text(alphabet="aE'\"\\$u0041x-/*+ \n.1eé(", max_size=40))
def test_no_text_raises_and_tokens_are_in_order(text):
    found = tokenize(text)
    assert found.kinds[-1] == lexer.END
    assert found.starts == sorted(found.starts)
    for start, end in zip(found.starts, found.ends, strict=True):
        assert 0 <= start <= end <= len(text)


@given(st.text(max_size=30).filter(lambda text: "\0" not in text))
def test_quoted_text_comes_back(text):
    assert tokens("'" + text.replace("'", "''") + "'") == [(lexer.STRING, text)]


def test_bytes_in_escapes_must_be_text():
    error = tokenize(r"E'\xff'").values[-2]
    assert isinstance(error, SqlError)
    assert error.sqlstate == "22021"

r"""Text to tokens, by the rules of PostgreSQL's scanner (scan.l).

`tokenize` reads the whole text at once, with one compiled regular expression that knows the common
tokens; what needs more than a look (nested comments, strings with escapes, dollar quotes, operators
that end in a sign) has a function of its own. A token is four things at one index of four lists:

    SELECT "Total" FROM t WHERE price >= 1e3 -- dear ones

    kinds   select  IDENTIFIER  from  IDENTIFIER  where  IDENTIFIER  >=   NUMBER  END
    values  select  Total       from  t           where  price       >=   1e3     None
    starts  0       7           15    20          22     28          34   37      53

The kind of a keyword is the keyword, the kind of a sign is the sign, and the others have names in
capitals; so the parser reads like the grammar: `if cursor.kind == "where"`. The value of a keyword
or identifier is folded to lower case and cut to 63 bytes, that of a string is what it stands for.

An error of the scanner becomes the last token: the parser raises it when it gets there, because an
error of the grammar before it counts first.
"""

import re
from collections.abc import Callable

from services.sqldb.errors import SYNTAX_ERROR, SqlError
from services.sqldb.syntax.escapes import scan_error, unescape, unescape_unicode
from services.sqldb.syntax.keywords import IDENTIFIER, KEYWORDS

INTEGER = "INTEGER"  # value: int that fits 31 bits
NUMBER = "NUMBER"  # value: str, any other number
STRING = "STRING"
BITS = "BITS"  # value: 'b101' or 'x1F'
PARAMETER = "PARAMETER"
OPERATOR = "OPERATOR"  # an operator that the grammar has no rule of its own for
ERROR = "ERROR"  # value: the SqlError
END = "END"

# Real: NAMEDATALEN - 1
NAME_LENGTH_BYTES = 63
LARGEST_INTEGER = 2**31 - 1

_KEYWORD_KINDS = {word: word for word in KEYWORDS}

_START = r"[A-Za-z_\x80-\U0010ffff]"
_REST = r"[A-Za-z0-9_$\x80-\U0010ffff]"
_OPERATOR_SIGNS = r"[~!@#^&|`?+\-*/%<>=]"

_SLICE_CHARACTERS = 1 << 14
_TOKEN = re.compile(
    rf"""
    (?:[ \t\n\r\f]++|--[^\n\r]*+)*+
    (?:
      (?P<prefixed>[bBeEnNxX]'|[uU]&['"])
    | (?P<word>{_START}{_REST}*+)
    | (?P<sign>[,();\[\]]|\.(?![.0-9]))
    | (?P<integer>[0-9]++)(?![.0-9A-Za-z_\x80-\U0010ffff])
    | '(?P<string>[^']*+)'(?![ \t\f]*+['\n\r\-])
    | (?P<comment>/\*)
    | (?P<operator>{_OPERATOR_SIGNS}++)
    | (?P<number>(?:[0-9]++(?:\.(?!\.)[0-9]*+)?+|\.[0-9]++)(?:[eE](?:[+-]?[0-9]++)?+)?+)
    | (?P<quote>'|"|\$(?:{_START}[A-Za-z0-9_\x80-\U0010ffff]*+)?\$)
    | \$(?P<parameter>[0-9]++)
    | (?P<punctuation>::|:=|\.\.|.)
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_GROUPS = _TOKEN.groupindex
_PREFIXED = _GROUPS["prefixed"]
_WORD = _GROUPS["word"]
_SIGN = _GROUPS["sign"]
_INTEGER = _GROUPS["integer"]
_STRING = _GROUPS["string"]
_COMMENT = _GROUPS["comment"]
_OPERATOR = _GROUPS["operator"]
_NUMBER = _GROUPS["number"]
_QUOTE = _GROUPS["quote"]
_PARAMETER = _GROUPS["parameter"]
_PUNCTUATION = _GROUPS["punctuation"]

# Operators that need no second look, with their kinds; != is only another spelling of <>.
_GRAMMAR_OPERATORS = ("+", "-", "*", "/", "%", "^", "<", ">", "=", "=>", "<=", ">=", "<>")
_PLAIN_OPERATORS = {sign: (sign, sign) for sign in _GRAMMAR_OPERATORS} | {
    "!=": ("<>", "<>"),
    "||": (OPERATOR, "||"),
    "~": (OPERATOR, "~"),
    "->": (OPERATOR, "->"),
    "->>": (OPERATOR, "->>"),
}

_BLANKS_WITH_NEWLINE = re.compile(
    r"(?:[ \t\f]|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f]++|--[^\n\r]*+[\n\r])*+'"
)
_PLAIN_STRING_BODY = re.compile(r"(?:[^']++|'')*+'")
_ESCAPE_STRING_BODY = re.compile(r"(?:[^'\\]++|''|\\.)*+'", re.DOTALL)
_QUOTED_NAME_BODY = re.compile(r'(?:[^"]++|"")*+"')
_JUNK = re.compile(rf"{_START}")
_COMMENT_EDGE = re.compile(r"/\*|\*/")

_TO_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(65, 91)})


class Tokens:
    """The tokens of a text, as parallel lists; the last is END."""

    __slots__ = ("ends", "kinds", "starts", "text", "values")

    def __init__(self, text: str):
        self.text = text
        self.kinds: list[str] = []
        self.values: list[object] = []
        self.starts: list[int] = []
        self.ends: list[int] = []

    def append(self, kind: str, value: object, start: int, end: int) -> int:
        """Adds a token and says where the next one may begin."""
        self.kinds.append(kind)
        self.values.append(value)
        self.starts.append(start)
        self.ends.append(end)
        return end


def tokenize(text: str, check: Callable[[], None] = lambda: None) -> Tokens:
    """All tokens of the text. An error is a token; only `check`, called now and then, may raise."""
    tokens = Tokens(text)
    position = 0
    while position < len(text):
        try:
            position = _scan(text, tokens, position)
        except SqlError as error:
            tokens.append(ERROR, error, error.position, len(text))
            break
        check()
    tokens.append(END, None, len(text), len(text))
    return tokens


def _scan(text: str, tokens: Tokens, position: int) -> int:
    """The tokens of some milliseconds; where the next may begin."""
    # One turn costs about 0.6 µs; the order of the tests is that of frequency in real statements.
    match = _TOKEN.match
    add_kind, add_value = tokens.kinds.append, tokens.values.append
    add_start, add_end = tokens.starts.append, tokens.ends.append
    stop = position + _SLICE_CHARACTERS
    while position < stop:
        found = match(text, position)
        group = found.lastindex
        if group == _WORD:
            word = found[_WORD]
            value = word.lower() if word.isascii() else fold(word)
            kind = _KEYWORD_KINDS.get(value, IDENTIFIER)
            if len(value) > 15:
                value = truncate(value)
        elif group == _SIGN:
            kind = value = found[_SIGN]
        elif group == _INTEGER:
            kind, value = _number(found[_INTEGER])
        elif group == _STRING:
            position = tokens.append(STRING, found[_STRING], found.start(group) - 1, found.end())
            continue
        elif group == _OPERATOR and (plain := _PLAIN_OPERATORS.get(found[_OPERATOR])):
            kind, value = plain
        elif group == _GROUPS["end"]:
            return len(text)
        else:
            position = _scan_rare(text, group, found, tokens)
            continue
        position = found.end()
        add_kind(kind)
        add_value(value)
        add_start(found.start(group))
        add_end(position)
    return position


def _scan_rare(text: str, group: int, found: re.Match, tokens: Tokens) -> int:
    """A token that needs more than the regular expression; gives where the next may begin."""
    start = found.start(group)
    if group == _OPERATOR:
        return _scan_operator(text, start, found.end(), tokens)
    if group == _NUMBER:
        return _scan_number(text, start, found[_NUMBER], found.end(), tokens)
    if group == _QUOTE:
        return _scan_quoted(text, start, found[_QUOTE], tokens)
    if group == _PREFIXED:
        return _scan_prefixed(text, start, found[_PREFIXED], tokens)
    if group == _COMMENT:
        return _skip_comment(text, start)
    if group == _PARAMETER:
        return _scan_parameter(text, start - 1, found.end(), tokens)
    sign = found[_PUNCTUATION]
    return tokens.append(sign, sign, start, found.end())


def fold(word: str) -> str:
    """Lower case for ASCII letters alone, as PostgreSQL does in a multi-byte encoding."""
    return word.translate(_TO_LOWER)


def truncate(name: str) -> str:
    """A name cut to 63 bytes, never in the middle of a character."""
    if len(name) * 4 <= NAME_LENGTH_BYTES:
        return name
    encoded = name.encode("utf-8", "surrogatepass")
    if len(encoded) <= NAME_LENGTH_BYTES:
        return name
    return encoded[:NAME_LENGTH_BYTES].decode("utf-8", "ignore")


def _skip_comment(text: str, start: int) -> int:
    """Past a comment /* … */; comments nest."""
    depth, position = 1, start + 2
    while depth:
        edge = _COMMENT_EDGE.search(text, position)
        if edge is None:
            raise scan_error(text, "unterminated /* comment", start)
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position


def _scan_operator(text: str, start: int, end: int, tokens: Tokens) -> int:
    """An operator is as long as it can be, but for two rules.

    A comment begins where -- or /* stands in it. And it may end in + or - only if it holds a sign
    that the standard's operators have not: so `a=-1` is a = -1, while `@-` is one operator.
    """
    sign = text[start:end]
    for comment in ("--", "/*"):
        if (cut := sign.find(comment)) > 0:
            sign = sign[:cut]
    while len(sign) > 1 and sign[-1] in "+-" and not any(mark in sign for mark in "~!@#^&|`?%"):
        sign = sign[:-1]
    end = start + len(sign)
    if len(sign) > NAME_LENGTH_BYTES:
        raise SqlError(SYNTAX_ERROR, "operator too long", position=start)
    kind, value = _PLAIN_OPERATORS.get(sign, (OPERATOR, sign))
    return tokens.append(kind, value, start, end)


def _number(digits: str) -> tuple[str, object]:
    if len(digits) <= 10 and (value := int(digits)) <= LARGEST_INTEGER:
        return INTEGER, value
    return NUMBER, digits


def _scan_number(text: str, start: int, digits: str, end: int, tokens: Tokens) -> int:
    """1.5, .5, 5., 1e5; a letter directly behind a number is an error since version 15."""
    if digits[-1] in "eE":
        if text[end : end + 1] in ("+", "-"):
            raise scan_error(text, "trailing junk after numeric literal", start, end + 1)
        raise scan_error(text, "trailing junk after numeric literal", start, end)
    if _JUNK.match(text, end):
        raise scan_error(text, "trailing junk after numeric literal", start, end + 1)
    kind, value = _number(digits) if digits.isdigit() else (NUMBER, digits)
    return tokens.append(kind, value, start, end)


def _scan_parameter(text: str, start: int, end: int, tokens: Tokens) -> int:
    if _JUNK.match(text, end):
        raise scan_error(text, "trailing junk after parameter", start, end + 1)
    digits = text[start + 1 : end]
    # Real: atol() cuts what does not fit; nobody means it.
    number = int(digits) if len(digits) <= 10 else LARGEST_INTEGER
    return tokens.append(PARAMETER, number, start, end)


def _scan_quoted(text: str, start: int, quote: str, tokens: Tokens) -> int:
    """'string', "name" or $tag$string$tag$."""
    if quote == "'":
        value, end = _string_body(text, start, start + 1, _PLAIN_STRING_BODY, "quoted string")
        return tokens.append(STRING, value.replace("''", "'"), start, end)
    if quote == '"':
        name, end = _quoted_name(text, start, start + 1)
        return tokens.append(IDENTIFIER, truncate(name), start, end)
    begin = start + len(quote)
    close = text.find(quote, begin)
    if close < 0:
        raise scan_error(text, "unterminated dollar-quoted string", start)
    return tokens.append(STRING, text[begin:close], start, close + len(quote))


def _quoted_name(text: str, start: int, begin: int) -> tuple[str, int]:
    body = _QUOTED_NAME_BODY.match(text, begin)
    if body is None:
        raise scan_error(text, "unterminated quoted identifier", start)
    if body.end() == begin + 1:
        raise scan_error(text, "zero-length delimited identifier", start, body.end())
    return body[0][:-1].replace('""', '"'), body.end()


def _string_body(
    text: str, start: int, begin: int, pattern: re.Pattern, what: str
) -> tuple[str, int]:
    """What stands between the quotes, and where it ends; pieces over several lines are one."""
    pieces = []
    while True:
        body = pattern.match(text, begin)
        if body is None:
            raise scan_error(text, f"unterminated {what}", start)
        pieces.append(body[0][:-1])
        more = _BLANKS_WITH_NEWLINE.match(text, body.end())
        if more is None:
            return "".join(pieces), body.end()
        begin = more.end()


def _scan_prefixed(text: str, start: int, prefix: str, tokens: Tokens) -> int:
    """B'101', X'1F', E'a\\n', N'text', U&'\\0041' and U&"\\0041"."""
    begin = start + len(prefix)
    match prefix.lower():
        case "b'" | "x'" as letter:
            what = "bit string literal" if letter == "b'" else "hexadecimal string literal"
            value, end = _string_body(text, start, begin, _PLAIN_STRING_BODY, what)
            return tokens.append(BITS, letter[0] + value.replace("''", "'"), start, end)
        case "n'":
            # N'x' is the keyword NCHAR and then a string.
            return tokens.append("nchar", "nchar", start, start + 1)
        case "e'":
            value, end = _string_body(text, start, begin, _ESCAPE_STRING_BODY, "quoted string")
            return tokens.append(STRING, unescape(text, start, begin, value), start, end)
        case "u&'":
            value, end = _string_body(text, start, begin, _PLAIN_STRING_BODY, "quoted string")
            value, end = unescape_unicode(text, begin, value, "'", end)
            return tokens.append(STRING, value, start, end)
    _, end = _quoted_name(text, start, begin)
    name, end = unescape_unicode(text, begin, text[begin : end - 1], '"', end)
    return tokens.append(IDENTIFIER, truncate(name), start, end)

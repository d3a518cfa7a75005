"""The text of a jsonpath to its tree: a lexer of one regular expression, and precedence climbing.

    text → _tokens → _Parser.path → Path

Conditions and values are different things in this grammar (`$.a == 1` is no operand of +); each
rule checks that its operands are of the kind it needs. # Real: jsonpath_scan.l, jsonpath_gram.y
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.types import jsonpath as jp
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import invalid_binary
from services.sqldb.types.numeric import decimal_from_text
from services.sqldb.types.text import receive_text

_NUMBER = r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)"
_TOKENS = re.compile(
    r"""(?P<blank>[ \t\n\r\f]+|/\*.*?\*/)
    |(?P<number>NUMBER(?:[eE][+-]?[0-9]+)?)
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<variable>\$(?:"(?:[^"\\]|\\.)*"|(?:[^SPECIAL\\"\s]|ESCAPED)+))
    |(?P<word>(?:[^SPECIAL\\"\s]|ESCAPED)+)
    |(?P<symbol>&&|\|\||==|!=|<>|<=|>=|\*\*|[SPECIAL])""".replace("NUMBER", _NUMBER)
    .replace("SPECIAL", r"?%$.\[\]{}()|&!=<>@#,*:\-+/")
    .replace("ESCAPED", r"\\u\{[0-9a-fA-F]{1,6}\}|\\."),
    re.VERBOSE | re.DOTALL,
)
_BAD_TAIL = re.compile(r"""[eE][+-]|(?:[^?%$.\[\]{}()|&!=<>@#,*:\-+/\\"\s])""")
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_KEYWORDS = frozenset(
    (
        *("is", "to", "abs", "lax", "flag", "last", "size", "type", "with", "floor", "double"),
        *("exists", "starts", "strict", "ceiling", "datetime", "keyvalue", "unknown"),
        "like_regex",
    )
)
_LITERALS = {"null": None, "true": True, "false": False}
_METHODS = frozenset({"abs", "size", "type", "floor", "double", "ceiling", "keyvalue"})
_COMPARISONS = frozenset({"==", "!=", "<>", "<", "<=", ">", ">="})
_FLAGS = "ismxq"
_JSONPATH_VERSION = 1

Token = tuple[str, str]  # kind, text; the kind of a symbol or keyword is the text itself
_END: Token = ("end", "")


def parse_jsonpath(text: str, typmod: int, context: SessionContext) -> jp.Path:
    try:
        return _Parser(_tokens(text)).path()
    except RecursionError:
        raise SqlError(errors.STATEMENT_TOO_COMPLEX, "stack depth limit exceeded") from None


def receive_jsonpath(data: bytes) -> jp.Path:
    if not data or data[0] != _JSONPATH_VERSION:
        raise invalid_binary(f"unsupported jsonpath version number: {data[0] if data else 0}")
    return _Parser(_tokens(receive_text(data[1:]))).path()


def send_jsonpath(path: jp.Path) -> bytes:
    return bytes([_JSONPATH_VERSION]) + str(path).encode()


def _error(message: str, near: str = "", detail: str = "") -> SqlError:
    place = f' at or near "{near}" of jsonpath input' if near else " at end of jsonpath input"
    return SqlError(errors.SYNTAX_ERROR, message + place, detail=detail)


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            is_string = text[at] == '"' or text.startswith('$"', at)
            raise _error("unterminated quoted string" if is_string else "syntax error", text[at:])
        at = match.end()
        if match.lastgroup != "blank":
            if match.lastgroup == "number" and (tail := _BAD_TAIL.match(text, at)) is not None:
                raise _error("trailing junk after numeric literal", match[0] + tail[0])
            found.append(_token(match.lastgroup or "", match[0]))
    return found


def _token(kind: str, text: str) -> Token:
    if kind == "symbol":
        return text, text
    if kind == "string":
        return kind, _unescaped(text[1:-1])
    if kind == "variable":
        name = text[2:-1] if text[1] == '"' else text[1:]
        return kind, _unescaped(name)
    if kind == "word":
        if text.lower() in _KEYWORDS:
            return text.lower(), text
        return (text if text in _LITERALS else kind), _unescaped(text)
    return kind, text


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    units = _ESCAPE.sub(_character, text)
    try:
        # Two escapes may be the halves of one character.
        return units.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise SqlError(
            errors.INVALID_TEXT_REPRESENTATION,
            "invalid input syntax for type jsonpath",
            detail="Unicode low surrogate must follow a high surrogate.",
        ) from None


def _character(match: re.Match[str]) -> str:
    escape = match[1]
    if len(escape) == 1:
        if escape in "ux":
            raise _error("invalid Unicode escape sequence" if escape == "u" else
                         "invalid hexadecimal character sequence", match[0])  # fmt: skip
        return _ESCAPES.get(escape, escape)
    code = int(escape.strip("ux{}"), 16)
    if not code:
        raise SqlError(
            errors.UNTRANSLATABLE_CHARACTER,
            "unsupported Unicode escape sequence",
            detail="\\u0000 cannot be converted to text.",
        )
    return chr(code)


class _Parser:
    """Reads tokens from left to right; one method for each rule."""

    def __init__(self, tokens: list[Token]):
        self._tokens = tokens
        self._at = 0
        # How many filters are open (where @ means something), and whether `last` does.
        self._filters = 0
        self._subscripts = 0

    def path(self) -> jp.Path:
        if not self._tokens:
            raise SqlError(
                errors.INVALID_TEXT_REPRESENTATION, 'invalid input syntax for type jsonpath: ""'
            )
        is_lax = not self._accept("strict")
        if is_lax:
            self._accept("lax")
        root = self._or()
        if self._kind != "end":
            raise self._unexpected()
        return jp.Path(is_lax, root)

    @property
    def _kind(self) -> str:
        return self._token[0]

    @property
    def _token(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _next(self) -> Token:
        token = self._token
        self._at += 1
        return token

    def _accept(self, kind: str) -> bool:
        if self._kind != kind:
            return False
        self._at += 1
        return True

    def _expect(self, kind: str) -> str:
        if self._kind != kind:
            raise self._unexpected()
        return self._next()[1]

    def _unexpected(self) -> SqlError:
        return _error("syntax error", self._token[1])

    def _condition(self, node: jp.Expression) -> jp.Expression:
        if not jp.is_condition(node):
            raise self._unexpected()
        return node

    def _value(self, node: jp.Expression) -> jp.Expression:
        if jp.is_condition(node):
            raise self._unexpected()
        return node

    # From what binds least to what binds most.

    def _or(self) -> jp.Expression:
        return self._logical("||", lambda: self._logical("&&", self._not))

    def _logical(self, operator: str, operand: Callable[[], jp.Expression]) -> jp.Expression:
        left = operand()
        while self._kind == operator:
            self._condition(left)
            self._at += 1
            left = jp.Binary(operator, left, self._condition(operand()))
        return left

    def _not(self) -> jp.Expression:
        if not self._accept("!"):
            return self._comparison()
        if self._kind == "exists":
            return jp.Unary("!", self._primary())
        self._expect("(")
        inner = self._condition(self._or())
        self._expect(")")
        return jp.Unary("!", inner)

    def _comparison(self) -> jp.Expression:
        left = self._sum()
        kind = self._kind
        if kind in _COMPARISONS:
            self._value(left)
            self._at += 1
            return jp.Binary("!=" if kind == "<>" else kind, left, self._value(self._sum()))
        if kind == "starts":
            self._value(left)
            self._at += 1
            self._expect("with")
            if self._kind not in ("string", "variable"):
                raise self._unexpected()
            return jp.Binary("starts with", left, self._scalar())
        if kind == "like_regex":
            self._value(left)
            self._at += 1
            return self._like_regex(left)
        return left

    def _like_regex(self, left: jp.Expression) -> jp.Expression:
        # Late: the library of functions needs the types first.
        from services.sqldb.functions.jsonpath_regex import compile_xquery_regex

        pattern = self._expect("string")
        given = self._expect("string") if self._accept("flag") else ""
        for flag in given:
            if flag not in _FLAGS:
                raise SqlError(
                    errors.SYNTAX_ERROR,
                    "invalid input syntax for type jsonpath",
                    detail=f'Unrecognized flag character "{flag}" in LIKE_REGEX predicate.',
                )
        flags = "".join(flag for flag in _FLAGS if flag in given)
        compile_xquery_regex(pattern, flags)
        return jp.LikeRegex(left, pattern, flags)

    def _sum(self) -> jp.Expression:
        return self._arithmetic("+-", lambda: self._arithmetic("*/%", self._signed))

    def _arithmetic(self, operators: str, operand: Callable[[], jp.Expression]) -> jp.Expression:
        left = operand()
        while len(self._kind) == 1 and self._kind in operators:
            self._value(left)
            operator = self._next()[0]
            left = jp.Binary(operator, left, self._value(operand()))
        return left

    def _signed(self) -> jp.Expression:
        if self._kind not in ("+", "-"):
            return self._primary()
        operator = self._next()[0]
        operand = self._value(self._signed())
        if isinstance(operand, jp.Literal) and isinstance(operand.value, Decimal):
            return operand if operator == "+" else jp.Literal(-operand.value)
        return jp.Unary(operator, operand)

    # Chains.

    def _primary(self) -> jp.Expression:
        if self._accept("exists"):
            self._expect("(")
            inner = self._value(self._or())
            self._expect(")")
            return jp.Exists(inner)
        if not self._accept("("):
            return self._with_steps(self._start())
        inner = self._or()
        self._expect(")")
        if self._kind == "is":
            self._condition(inner)
            self._at += 1
            self._expect("unknown")
            return jp.IsUnknown(inner)
        return self._with_steps(inner)

    def _start(self) -> jp.Expression:
        kind = self._kind
        if kind == "$":
            self._at += 1
            return jp.Start.ROOT
        if kind == "@":
            if not self._filters:
                raise SqlError(errors.SYNTAX_ERROR, "@ is not allowed in root expressions")
            self._at += 1
            return jp.Start.CURRENT
        if kind == "last":
            if not self._subscripts:
                raise SqlError(errors.SYNTAX_ERROR, "LAST is allowed only in array subscripts")
            self._at += 1
            return jp.Start.LAST
        return self._scalar()

    def _scalar(self) -> jp.Expression:
        kind, text = self._token
        if kind == "string":
            value = jp.Literal(text)
        elif kind == "number":
            value = jp.Literal(decimal_from_text(text))
        elif kind == "variable":
            value = jp.Variable(text)
        elif kind in _LITERALS:
            value = jp.Literal(_LITERALS[kind])
        else:
            raise self._unexpected()
        self._at += 1
        return value

    def _with_steps(self, start: jp.Expression) -> jp.Expression:
        steps: list[jp.Step] = []
        while self._kind in (".", "[", "?"):
            match self._next()[0]:
                case ".":
                    steps.append(self._member())
                case "[":
                    steps.append(self._subscript())
                case "?":
                    steps.append(self._filter())
        if not steps:
            return start
        if isinstance(start, jp.Chain):
            return jp.Chain(start.start, (*start.steps, *steps))
        return jp.Chain(start, tuple(steps))

    def _member(self) -> jp.Step:
        if self._accept("*"):
            return jp.Any.KEY
        if self._accept("**"):
            return self._descend()
        kind, text = self._next()
        is_name = kind in ("word", "string") or kind in _KEYWORDS or kind in _LITERALS
        if kind in _METHODS and self._kind == "(":
            self._at += 1
            self._expect(")")
            return jp.Method(kind)
        if kind == "datetime" and self._kind == "(":
            self._at += 1
            template = self._next()[1] if self._kind == "string" else None
            self._expect(")")
            return jp.Method(kind, template)
        if not is_name:
            self._at -= 1
            raise self._unexpected()
        return jp.Key(text)

    def _descend(self) -> jp.Descend:
        if not self._accept("{"):
            return jp.Descend(0, None)
        first = self._level()
        last = self._level() if self._accept("to") else first
        self._expect("}")
        return jp.Descend(first, last)

    def _level(self) -> int | None:
        if self._accept("last"):
            return None
        text = self._expect("number")
        if not text.isdecimal():
            raise self._unexpected()
        return int(text)

    def _subscript(self) -> jp.Step:
        if self._kind == "*":
            self._at += 1
            self._expect("]")
            return jp.Any.ELEMENT
        self._subscripts += 1
        ranges = [self._range()]
        while self._accept(","):
            ranges.append(self._range())
        self._subscripts -= 1
        self._expect("]")
        return jp.Subscripts(tuple(ranges))

    def _range(self) -> tuple[jp.Expression, jp.Expression | None]:
        first = self._value(self._sum())
        return first, self._value(self._sum()) if self._accept("to") else None

    def _filter(self) -> jp.Filter:
        self._expect("(")
        self._filters += 1
        condition = self._condition(self._or())
        self._filters -= 1
        self._expect(")")
        return jp.Filter(condition)

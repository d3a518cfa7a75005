"""Expressions of the template language, compiled into closures.

    task.attempts + 1 > limit  ─tokens─▶  ─precedence climbing─▶  a function of the variables

Each rule of the grammar returns a function from the variables to a value, built out of the
functions of its parts; nothing is ever given to `eval`. From the loosest to the tightest:

    a if c else b
    or   and   not
    == != < <= > >= in, not in
    + - ~               (~ joins as text)
    * / // %
    unary -
    x | filter(…)   x.name   x["key"]   f(…)

`x.name` is the item `name` of a mapping, else the attribute. A name that begins with an underscore
is refused when the template is compiled, and so are the few other attributes from which a program
could be reached; nothing else in this language reaches attributes.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Variables = dict[str, Any]
Evaluate = Callable[[Variables], Any]
Filters = Mapping[str, Callable[..., Any]]

# `str.format` reads attributes by their names in the text; the others lead to frames and code.
_UNSAFE_ATTRIBUTES = re.compile(r"_.*|format|format_map|mro|(?:gi|cr|ag|tb|f|co)_.*")
_MAX_NESTING = 50
_MAX_REPEATED = 1_000_000

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[0-9]+(?:\.[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>==|!=|<=|>=|//|[<>+\-*/%~|().,\[\]=:{}])
      | (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)
_STRING_ESCAPES = {"n": "\n", "t": "\t"}
_WORDS = frozenset({"if", "else", "or", "and", "not", "in", "is"})
_CONSTANTS = MappingProxyType(
    {"true": True, "false": False, "none": None, "True": True, "False": False, "None": None}
)
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "in": lambda item, container: item in container,
        "not in": lambda item, container: item not in container,
    }
)
_SUMS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"+": operator.add, "-": operator.sub, "~": lambda a, b: f"{a}{b}"}
)


def _times(left: Any, right: Any) -> Any:
    """A product; what is repeated stays of a size that a page can have."""
    for value, count in ((left, right), (right, left)):
        is_repeated = isinstance(value, Sized) and isinstance(count, int)
        if is_repeated and len(value) * count > _MAX_REPEATED:
            raise OverflowError(f"repeated to more than {_MAX_REPEATED}")
    return left * right


_PRODUCTS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"*": _times, "/": operator.truediv, "//": operator.floordiv, "%": operator.mod}
)


class ExpressionError(Exception):
    """An expression that cannot be read; the template adds file and line."""


class UndefinedError(Exception):
    """A name, item or attribute that is not there."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of an expression; `kind` is a group of the token pattern."""

    kind: str
    text: str


def compile_expression(source: str, filters: Filters) -> Evaluate:
    """The function that evaluates `source`. Errors: ExpressionError."""
    parser = ExpressionParser(source, filters)
    evaluate = parser.expression()
    parser.expect_end()
    return evaluate


class ExpressionParser:
    """Recursive descent over the tokens of one expression, or of one tag."""

    def __init__(self, source: str, filters: Filters) -> None:
        self._source = source
        self._filters = filters
        self._tokens = _tokenize(source)
        self._at = 0
        self._nesting = 0

    def expression(self) -> Evaluate:
        """`a if c else b`, or anything that binds tighter."""
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise ExpressionError(f"nested deeper than {_MAX_NESTING}: {self._source[:60]!r}")
        value = self._or()
        if self.take("if"):
            condition = self._or()
            self.expect("else")
            otherwise = self.expression()
            then = value

            def value(variables: Variables) -> Any:
                return then(variables) if condition(variables) else otherwise(variables)

        self._nesting -= 1
        return value

    def take(self, text: str) -> bool:
        """Pass over the next token if it is the operator or word `text`."""
        token = self._tokens[self._at]
        if token.text == text and token.kind in ("operator", "name"):
            self._at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise self._error(f"{text!r} is missing")

    def expect_name(self) -> str:
        """A name that may be assigned to."""
        token = self._tokens[self._at]
        if token.kind != "name" or token.text in _WORDS or token.text in _CONSTANTS:
            raise self._error("a name is missing")
        self._at += 1
        return token.text

    def expect_end(self) -> None:
        if self._tokens[self._at].kind != "end":
            raise self._error(f"unexpected {self._tokens[self._at].text!r}")

    def _error(self, reason: str) -> ExpressionError:
        return ExpressionError(f"{reason} in {self._source.strip()!r}")

    def _or(self) -> Evaluate:
        left = self._and()
        while self.take("or"):
            left = _either(left, self._and())
        return left

    def _and(self) -> Evaluate:
        left = self._not()
        while self.take("and"):
            left = _both(left, self._not())
        return left

    def _not(self) -> Evaluate:
        count = 0
        while self.take("not"):
            count += 1
        value = self._comparison()
        if not count:
            return value
        return (lambda v: not value(v)) if count % 2 else (lambda v: bool(value(v)))

    def _comparison(self) -> Evaluate:
        left = self._binary(_SUMS, lambda: self._binary(_PRODUCTS, self._unary))
        name = self._take_comparison()
        if name is None:
            return left
        right = self._binary(_SUMS, lambda: self._binary(_PRODUCTS, self._unary))
        if self._take_comparison() is not None:
            raise self._error("comparisons cannot be chained")
        return _apply(_COMPARISONS[name], left, right)

    def _take_comparison(self) -> str | None:
        if self._tokens[self._at].text == "not" and self._tokens[self._at + 1].text == "in":
            self._at += 2
            return "not in"
        for name in _COMPARISONS:
            if self.take(name):
                return name
        return None

    def _binary(
        self, operators: Mapping[str, Callable[[Any, Any], Any]], operand: Callable[[], Evaluate]
    ) -> Evaluate:
        """Operands of one level of precedence, grouped from the left."""
        left = operand()
        while (token := self._tokens[self._at]).kind == "operator" and token.text in operators:
            self._at += 1
            left = _apply(operators[token.text], left, operand())
        return left

    def _unary(self) -> Evaluate:
        if self.take("-"):
            value = self._postfix()
            return lambda v: -value(v)
        return self._postfix()

    def _postfix(self) -> Evaluate:
        value = self._primary()
        while True:
            if self.take("."):
                value = _attribute(value, self._attribute_name())
            elif self.take("["):
                value = _item(value, self.expression())
                self.expect("]")
            elif self.take("("):
                value = _call(value, *self._arguments())
            elif self.take("|"):
                value = self._filter(value)
            else:
                return value

    def _attribute_name(self) -> str:
        token = self._tokens[self._at]
        if token.kind != "name":
            raise self._error("a name is missing after the dot")
        if _UNSAFE_ATTRIBUTES.fullmatch(token.text):
            raise self._error(f"the attribute {token.text!r} is out of reach")
        self._at += 1
        return token.text

    def _filter(self, value: Evaluate) -> Evaluate:
        name = self._tokens[self._at].text
        self._at += 1
        positional, named = self._arguments() if self.take("(") else ([], {})
        if name == "default":
            if len(positional) != 1 or named:
                raise self._error("default takes one argument")
            return _default(value, positional[0])
        if name not in self._filters:
            raise self._error(f"no filter is named {name!r}")
        function = self._filters[name]
        return _call(lambda v: function, [value, *positional], named)

    def _arguments(self) -> tuple[list[Evaluate], dict[str, Evaluate]]:
        """What stands between `(`, which was taken, and `)`."""
        positional: list[Evaluate] = []
        named: dict[str, Evaluate] = {}
        while not self.take(")"):
            if positional or named:
                self.expect(",")
            token, after = self._tokens[self._at], self._tokens[self._at + 1]
            if token.kind == "name" and after.text == "=":
                self._at += 2
                named[token.text] = self.expression()
            else:
                positional.append(self.expression())
        return positional, named

    def _primary(self) -> Evaluate:
        token = self._tokens[self._at]
        self._at += 1
        match token.kind:
            case "number":
                return _constant(float(token.text) if "." in token.text else int(token.text))
            case "string":
                return _constant(_unquote(token.text))
            case "name" if token.text in _CONSTANTS:
                return _constant(_CONSTANTS[token.text])
            case "name" if token.text not in _WORDS:
                return _variable(token.text)
            case "operator" if token.text == "(":
                value = self.expression()
                self.expect(")")
                return value
            case "operator" if token.text == "[":
                return self._list()
        raise self._error("a value is missing")

    def _list(self) -> Evaluate:
        items: list[Evaluate] = []
        while not self.take("]"):
            if items:
                self.expect(",")
            items.append(self.expression())
        return lambda v: [item(v) for item in items]


def _tokenize(source: str) -> list[Token]:
    tokens, at = [], 0
    while True:
        found = _TOKEN.match(source, at)
        if found is None:
            raise ExpressionError(f"unreadable: {source[at:].strip()[:40]!r}")
        tokens.append(Token(found.lastgroup, found[found.lastgroup]))
        at = found.end()
        if found.lastgroup == "end":
            # One more, so that looking one token ahead needs no test.
            tokens.append(tokens[-1])
            return tokens


def _unquote(literal: str) -> str:
    def unescape(found: re.Match[str]) -> str:
        return _STRING_ESCAPES.get(found[1], found[1])

    return re.sub(r"\\(.)", unescape, literal[1:-1], flags=re.DOTALL)


# The closures.


def _constant(value: Any) -> Evaluate:
    return lambda variables: value


def _variable(name: str) -> Evaluate:
    def evaluate(variables: Variables) -> Any:
        try:
            return variables[name]
        except KeyError:
            raise UndefinedError(f"{name!r} is not defined") from None

    return evaluate


def _either(left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda variables: left(variables) or right(variables)


def _both(left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda variables: left(variables) and right(variables)


def _apply(function: Callable[[Any, Any], Any], left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda variables: function(left(variables), right(variables))


def _attribute(value: Evaluate, name: str) -> Evaluate:
    def evaluate(variables: Variables) -> Any:
        whole = value(variables)
        if isinstance(whole, Mapping) and name in whole:
            return whole[name]
        try:
            return getattr(whole, name)
        except AttributeError:
            raise UndefinedError(f"{type(whole).__name__} has no {name!r}") from None

    return evaluate


def _item(value: Evaluate, key: Evaluate) -> Evaluate:
    def evaluate(variables: Variables) -> Any:
        whole, wanted = value(variables), key(variables)
        try:
            return whole[wanted]
        except LookupError:
            raise UndefinedError(f"{type(whole).__name__} has no item {wanted!r}") from None

    return evaluate


def _call(function: Evaluate, positional: list[Evaluate], named: dict[str, Evaluate]) -> Evaluate:
    def evaluate(variables: Variables) -> Any:
        return function(variables)(
            *[argument(variables) for argument in positional],
            **{name: argument(variables) for name, argument in named.items()},
        )

    return evaluate


def _default(value: Evaluate, otherwise: Evaluate) -> Evaluate:
    def evaluate(variables: Variables) -> Any:
        try:
            found = value(variables)
        except UndefinedError:
            return otherwise(variables)
        return otherwise(variables) if found is None else found

    return evaluate

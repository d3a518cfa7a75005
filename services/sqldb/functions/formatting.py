"""concat(), format() and their kin: text made of values of any type, by their output functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.functions.coercion import EXPLICIT, find_cast
from services.sqldb.functions.definition import STABLE
from services.sqldb.functions.definitions import Definitions
from services.sqldb.functions.strings import quote_ident, quote_literal
from services.sqldb.types import TEXT, SqlType

define = Definitions()

_DIRECTIVE = re.compile(
    r"%(?:(?P<position>[0-9]+)\$)?(?P<minus>-*)"
    r"(?:(?P<width>[0-9]+)|(?P<star>\*)(?:(?P<star_position>[0-9]+)\$)?)?(?P<type>.)?",
    re.DOTALL,
)

_PERCENT_HINT = 'For a single "%" use "%%".'
_ANY_ARGUMENTS = {"types": True, "context": True, "strict": False, "volatility": STABLE}


@define.function("concat(variadic any) -> text", **_ANY_ARGUMENTS)
def concat(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., str]:
    def call(context: Any, *values: Any) -> str:
        return "".join(
            type_.format(value, context)
            for type_, value in zip(types, values, strict=True)
            if value is not None
        )

    return call


@define.function("concat_ws(text, variadic any) -> text", **_ANY_ARGUMENTS)
def concat_with_separator(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Any]:
    def call(context: Any, separator: str | None, *values: Any) -> str | None:
        if separator is None:
            return None
        return separator.join(
            type_.format(value, context)
            for type_, value in zip(types[1:], values, strict=True)
            if value is not None
        )

    return call


def _as_text(type_: SqlType) -> Callable[[Any, Any], str]:
    """x::text, as a function of (context, value)."""
    cast = find_cast(type_, TEXT, EXPLICIT)
    if cast is None or cast.function is None:
        return lambda context, value: value
    convert = cast.function.implementation
    return convert if cast.function.needs_context else lambda context, value: convert(value)


def _text_of_any(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., str]:
    """text || anything."""
    left, right = (_as_text(type_) for type_ in types)
    return lambda context, a, b: left(context, a) + right(context, b)


for _signature in ("text || anynonarray -> text", "anynonarray || text -> text"):
    define.operator(_signature, _text_of_any, types=True, context=True, volatility=STABLE)


@define.function("quote_literal(anyelement) -> text", types=True, context=True, volatility=STABLE)
def quote_any_literal(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., str]:
    return lambda context, value: quote_literal(types[0].format(value, context))


@define.function("quote_nullable(anyelement) -> text", **_ANY_ARGUMENTS)
def quote_any_nullable(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., str]:
    def call(context: Any, value: Any) -> str:
        return "NULL" if value is None else quote_literal(types[0].format(value, context))

    return call


@define.function("format(text) -> text", **_ANY_ARGUMENTS)
@define.function("format(text, variadic any) -> text", **_ANY_ARGUMENTS)
def format_(types: tuple[SqlType, ...], result: SqlType) -> Callable[..., Any]:
    """%s text, %I identifier, %L literal; %2$s the second argument, %-10s padded to the right."""

    def call(context: Any, template: str | None, *values: Any) -> str | None:
        if template is None:
            return None
        return _Formatting(context, types[1:], values).apply(template)

    return call


class _Formatting:
    """One call of format(): which argument comes next."""

    def __init__(self, context: Any, types: tuple[SqlType, ...], values: tuple):
        self.context = context
        self.types = types
        self.values = values
        self.next = 0

    def apply(self, template: str) -> str:
        return _DIRECTIVE.sub(self._directive, template)

    def _take(self, position: str | None) -> int:
        if position is not None:
            if int(position) == 0:
                raise _bad_format("format specifies argument 0, but arguments are numbered from 1")
            self.next = int(position)
        else:
            self.next += 1
        if self.next > len(self.values):
            raise _bad_format("too few arguments for format()")
        return self.next - 1

    def _directive(self, match: re.Match[str]) -> str:
        kind = match["type"]
        if kind is None:
            raise _bad_format("unterminated format() type specifier", _PERCENT_HINT)
        if kind == "%" and match[0] == "%%":
            return "%"
        width = int(match["width"]) if match["width"] else 0
        if match["star"]:
            at = self._take(match["star_position"])
            width = int(self.values[at] or 0)
        if kind not in "sIL":
            raise SqlError(
                errors.INVALID_PARAMETER_VALUE,
                f'unrecognized format() type specifier "{kind}"',
                hint=_PERCENT_HINT,
            )
        text = self._text(kind, self._take(match["position"]))
        if match["minus"] or width < 0:
            return text.ljust(abs(width))
        return text.rjust(width)

    def _text(self, kind: str, at: int) -> str:
        value = self.values[at]
        if value is None:
            if kind == "I":
                raise SqlError(
                    errors.NULL_VALUE_NOT_ALLOWED,
                    "null values cannot be formatted as an SQL identifier",
                )
            return "NULL" if kind == "L" else ""
        text = self.types[at].format(value, self.context)
        if kind == "I":
            return quote_ident(text)
        return quote_literal(text) if kind == "L" else text


def _bad_format(message: str, hint: str = "") -> SqlError:
    return SqlError(errors.INVALID_PARAMETER_VALUE, message, hint=hint)

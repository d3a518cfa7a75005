"""jsonpath: '$.items[*] ? (@.price > 10).name' as a tree, and back to its text.

    Path(is_lax, root)
      Chain(Root, Key "items", AnyElement, Filter(Compare ">" …), Key "name")

A chain is where an expression begins and the steps from there; everything else is operators over
chains. Here stands what a path consists of and how it shows; `jsonpath_syntax` reads its text, and
`functions.jsonpath` walks along it through a value.
# Real: jsonpath.c; there it is one flat piece of memory
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from services.sqldb.types.json_values import quoted
from services.sqldb.types.numeric import format_numeric


class Start(Enum):
    """Where a chain without a value of its own begins."""

    ROOT = "$"
    CURRENT = "@"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


@dataclass(frozen=True, slots=True)
class Key:
    name: str


class Any(Enum):
    """Steps to all members, all elements."""

    KEY = ".*"
    ELEMENT = "[*]"


@dataclass(frozen=True, slots=True)
class Descend:
    """.**{first to last}: values at these depths; None is "last", the leaves."""

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Subscripts:
    """[0, 2 to last]: pairs of expressions, the second None where there is no "to"."""

    ranges: tuple[tuple[Expression, Expression | None], ...]


@dataclass(frozen=True, slots=True)
class Filter:
    condition: Expression


@dataclass(frozen=True, slots=True)
class Method:
    """.size(), .datetime("template")"""

    name: str
    argument: str | None = None


Step = Key | Any | Descend | Subscripts | Filter | Method


@dataclass(frozen=True, slots=True)
class Chain:
    start: Expression
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, comparisons, && and ||, starts with."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Unary:
    """+ and - before a number; ! before a condition."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Exists:
    operand: Expression


@dataclass(frozen=True, slots=True)
class IsUnknown:
    operand: Expression


@dataclass(frozen=True, slots=True)
class LikeRegex:
    operand: Expression
    pattern: str
    flags: str


Expression = Start | Literal | Variable | Chain | Binary | Unary | Exists | IsUnknown | LikeRegex
ARITHMETIC = frozenset("+-*/%")


@dataclass(frozen=True, slots=True)
class Path:
    is_lax: bool
    root: Expression

    def __str__(self) -> str:
        return ("" if self.is_lax else "strict ") + _text(self.root, has_brackets=True)


def is_condition(node: Expression) -> bool:
    """true, false or unknown, rather than a sequence of values."""
    if isinstance(node, Binary):
        return node.operator not in ARITHMETIC
    return isinstance(node, Exists | IsUnknown | LikeRegex) or (
        isinstance(node, Unary) and node.operator == "!"
    )


_PRIORITIES = {"||": 0, "&&": 1, "+": 3, "-": 3, "*": 4, "/": 4, "%": 4}
_COMPARISON_PRIORITY = 2
_UNARY_PRIORITY, _HIGHEST_PRIORITY = 5, 6


def _priority(node: Expression) -> int:
    if isinstance(node, Binary):
        return _PRIORITIES.get(node.operator, _COMPARISON_PRIORITY)
    if isinstance(node, Unary) and node.operator != "!":
        return _UNARY_PRIORITY
    return _HIGHEST_PRIORITY


def _text(node: Expression, *, has_brackets: bool) -> str:
    """Every operator stands in brackets, unless the one around it binds less tightly."""

    def operand(inner: Expression) -> str:
        return _text(inner, has_brackets=_priority(inner) <= _priority(node))

    match node:
        case Start():
            return node.value
        case Literal():
            return _literal_text(node.value)
        case Variable():
            return f"${quoted(node.name)}"
        case Chain(start=start):
            return _chain_text(start, node.steps)
        case Exists():
            return f"exists ({_text(node.operand, has_brackets=False)})"
        case IsUnknown():
            return f"({_text(node.operand, has_brackets=False)}) is unknown"
        case Unary(operator="!"):
            return f"!({_text(node.operand, has_brackets=False)})"
        case Unary():
            text = node.operator + operand(node.operand)
        case Binary():
            text = f"{operand(node.left)} {node.operator} {operand(node.right)}"
        case LikeRegex():
            flags = f' flag "{node.flags}"' if node.flags else ""
            text = f"{operand(node.operand)} like_regex {quoted(node.pattern)}{flags}"
    return f"({text})" if has_brackets else text


def _literal_text(value: str | Decimal | bool | None) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format_numeric(value)
    return quoted(value)


def _chain_text(start: Expression, steps: tuple[Step, ...]) -> str:
    text = _text(start, has_brackets=True)
    if isinstance(start, Literal) and isinstance(start.value, Decimal):
        text = f"({text})"
    return text + "".join(_step_text(step) for step in steps)


def _step_text(step: Step) -> str:
    match step:
        case Key():
            return f".{quoted(step.name)}"
        case Any():
            return step.value
        case Descend():
            return f".**{_levels_text(step)}"
        case Subscripts():
            return f"[{','.join(_range_text(*one) for one in step.ranges)}]"
        case Filter():
            return f"?({_text(step.condition, has_brackets=False)})"
    argument = "" if step.argument is None else quoted(step.argument)
    return f".{step.name}({argument})"


def _levels_text(step: Descend) -> str:
    if (step.first, step.last) == (0, None):
        return ""
    first = "last" if step.first is None else str(step.first)
    last = "last" if step.last is None else str(step.last)
    return f"{{{first}}}" if first == last else f"{{{first} to {last}}}"


def _range_text(first: Expression, last: Expression | None) -> str:
    text = _text(first, has_brackets=False)
    return text if last is None else f"{text} to {_text(last, has_brackets=False)}"

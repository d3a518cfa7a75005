"""json and jsonb.

json keeps its text as it came, checked only. jsonb is taken apart: of equal keys the last one
counts, keys stand in the order of their length and then their bytes, numbers are numeric, and the
text is made anew on output: {"a": 1, "bb": [true, null]}.

A jsonb value is `Jsonb(value)` where value is dict, tuple, str, Decimal, bool or None, so that the
JSON null is not SQL's NULL. # Real: jsonb_util.c, jsonapi.c
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable
from decimal import Decimal
from itertools import count
from json.encoder import encode_basestring

from services.sqldb import errors
from services.sqldb.errors import SqlError
from services.sqldb.interruption import check_for_interrupts, paced
from services.sqldb.types.context import SessionContext
from services.sqldb.types.numbers import invalid_binary
from services.sqldb.types.numeric import decimal_from_text, format_numeric
from services.sqldb.types.text import receive_text
from services.sqldb.values import Jsonb

# The JSON text of a string, with its quotes: only quotes, backslashes and control characters are
# escaped, as PostgreSQL does it.
quoted: Callable[[str], str] = encode_basestring

_BLANKS = " \t\n\r"
_SURROGATE = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[A-Za-z0-9_+\-.]+|.', re.DOTALL)
_JSONB_VERSION = 1
_LONG_TEXT = 1 << 16


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _decoder(number: Callable[[str], object], pairs: Callable | None) -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_float=number,
        parse_int=number,
        parse_constant=_reject_constant,
        object_pairs_hook=pairs,
    )


# Python's scanner knows JSON, and is told what to make of numbers; the lists become tuples later.
_JSONB_HOOKS = decimal_from_text, None
_CHECKING_HOOKS = str, bool
_PAIRS_HOOKS = str, list
_DECODERS = {hooks: _decoder(*hooks) for hooks in (_JSONB_HOOKS, _CHECKING_HOOKS, _PAIRS_HOOKS)}


def _looking_decoder(number: Callable[[str], object], pairs: Callable | None) -> json.JSONDecoder:
    """The same with a look at the interrupts at every thousandth number or object.

    It has no other places for that: a megabyte of texts is scanned in one go, in 5 ms.
    """
    numbers, objects = count(), count()

    def number_of(text: str) -> object:
        if not next(numbers) & 1023:
            check_for_interrupts()
        return number(text)

    def object_of(found: list[tuple[str, object]]) -> object:
        if not next(objects) & 1023:
            check_for_interrupts()
        return dict(found) if pairs is None else pairs(found)

    return _decoder(number_of, object_of)


_EXPECTED = {
    "Expecting ':' delimiter": '":"',
    "Expecting value": "JSON value",
    "Extra data": "end of input",
}
_LEXEME = re.compile(
    r'"(?:[^"\\]|\\.)*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?'
    r"|true|false|null|[\[\]{}:,]",
    re.DOTALL,
)
_EXCERPT_LENGTH = 50


def _invalid_json(text: str, position: int, problem: str) -> SqlError:
    """What PostgreSQL would say of the token at or around a position of the text."""
    brackets: list[str] = []
    before = ""
    start, end = len(text), len(text)
    for match in _TOKEN.finditer(text):
        lexeme = match[0]
        if lexeme.isspace():
            continue
        if match.end() > position:
            start, end = match.span()
            break
        if lexeme in "{[":
            brackets.append(lexeme)
        elif lexeme in "}]" and brackets:
            brackets.pop()
        before = lexeme
    found = text[start:end]
    if not found:
        detail = "The input string ended unexpectedly."
    elif _LEXEME.fullmatch(found) is None:
        detail = f'Token "{found}" is invalid.'
    else:
        expected = _EXPECTED.get(problem)
        if problem.startswith("Expecting property name"):
            expected = 'string or "}"' if before == "{" else "string"
        elif expected is None:
            expected = '"," or "]"' if brackets[-1:] == ["["] else '"," or "}"'
        detail = f'Expected {expected}, but found "{found}".'
    return SqlError(
        errors.INVALID_TEXT_REPRESENTATION,
        "invalid input syntax for type json",
        detail=detail,
        context=_excerpt(text, end),
    )


def _excerpt(text: str, end: int) -> str:
    """The line up to the token, cut at both ends. # Real: report_json_context()"""
    line = text.rfind("\n", 0, end) + 1
    start = max(line, end - _EXCERPT_LENGTH + 1)
    if start - line <= 3:
        start = line
    dots_before = "..." if start > line else ""
    dots_behind = "..." if text[end : end + 1] not in ("", "\n", "\r") else ""
    number = text.count("\n", 0, end) + 1
    return f"JSON data, line {number}: {dots_before}{text[start:end]}{dots_behind}"


def _scan(hooks: tuple, text: str) -> object:
    decoder = _DECODERS[hooks] if len(text) <= _LONG_TEXT else _looking_decoder(*hooks)
    stripped = text.lstrip(_BLANKS)
    skipped = len(text) - len(stripped)
    try:
        value, end = decoder.raw_decode(stripped)
    except json.JSONDecodeError as error:
        raise _invalid_json(text, error.pos + skipped, error.msg) from None
    except ValueError as error:
        # The scanner took a word for a number that JSON does not have.
        word = text.find(str(error).partition(" ")[0])
        raise _invalid_json(text, max(word, 0), "") from None
    except RecursionError:
        raise SqlError(errors.STATEMENT_TOO_COMPLEX, "stack depth limit exceeded") from None
    if stripped[end:].strip(_BLANKS):
        blanks = len(stripped[end:]) - len(stripped[end:].lstrip(_BLANKS))
        raise _invalid_json(text, skipped + end + blanks, "Extra data")
    return value


def check_json(text: str) -> str:
    _scan(_CHECKING_HOOKS, text)
    return text


def parse_json(text: str, typmod: int, context: SessionContext) -> str:
    return check_json(text)


def receive_json(data: bytes) -> str:
    return check_json(receive_text(data))


def decode_jsonb(text: str) -> Jsonb:
    value = _scan(_JSONB_HOOKS, text)
    if "\\u" in text:
        _check_characters(value)
    return Jsonb(normal(value))


def _check_characters(value: object) -> None:
    """Escapes can write what no text of the database can hold."""
    if isinstance(value, str):
        if "\0" in value:
            raise SqlError(
                errors.UNTRANSLATABLE_CHARACTER,
                "unsupported Unicode escape sequence",
                detail="\\u0000 cannot be converted to text.",
            )
        if _SURROGATE.search(value):
            raise SqlError(
                errors.INVALID_TEXT_REPRESENTATION,
                "invalid input syntax for type json",
                detail="Unicode low surrogate must follow a high surrogate.",
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_characters(key)
            _check_characters(item)
    elif isinstance(value, list):
        for item in paced(value):
            _check_characters(item)


def key_order(key: str) -> tuple[int, bytes]:
    """The order of keys in an object: the shorter one first. # Real: lengthCompareJsonbString()"""
    data = key.encode("utf-8")
    return len(data), data


def normal(value: object) -> object:
    """The value with lists as tuples and keys in their order."""
    if isinstance(value, dict):
        if len(value) > 1:
            return {key: normal(value[key]) for key in sorted(value, key=key_order)}
        return {key: normal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple([normal(item) for item in paced(value)])
    return value


def parse_jsonb(text: str, typmod: int, context: SessionContext) -> Jsonb:
    return decode_jsonb(text)


def receive_jsonb(data: bytes) -> Jsonb:
    if not data or data[0] != _JSONB_VERSION:
        version = data[0] if data else 0
        raise invalid_binary(f"unsupported jsonb version number {version}")
    return decode_jsonb(receive_text(data[1:]))


def send_jsonb(value: Jsonb) -> bytes:
    return bytes([_JSONB_VERSION]) + format_jsonb(value).encode("utf-8")


def format_jsonb(value: Jsonb) -> str:
    return json_text(value.value)


def json_text(value: object) -> str:
    """A JSON value as jsonb shows it: a blank after each comma and colon."""
    match value:
        case None:
            return "null"
        case str():
            return quoted(value)
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format_numeric(value)
        case dict():
            items = [f"{quoted(key)}: {json_text(item)}" for key, item in paced(value.items())]
            return "{" + ", ".join(items) + "}"
    return "[" + ", ".join([json_text(item) for item in paced(value)]) + "]"


def pretty_text(value: object, indent: str = "") -> str:
    """jsonb_pretty(): four blanks for each level."""
    inner = indent + "    "
    if isinstance(value, dict):
        items = [f"{inner}{quoted(key)}: {pretty_text(v, inner)}" for key, v in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, tuple):
        items = [inner + pretty_text(item, inner) for item in value]
        opening, closing = "[", "]"
    else:
        return json_text(value)
    if not items:
        return f"{opening}\n{indent}{closing}"
    return f"{opening}\n" + ",\n".join(items) + f"\n{indent}{closing}"


def jsonb_key(value: Jsonb) -> Hashable:
    """Null < string < number < boolean < array < object; then fewer elements first.

    The empty array alone stands below all else, an accident that is kept for old indexes.
    # Real: compareJsonbContainers()
    """
    if value.value == ():
        return (-1,)
    return _key(value.value)


def _key(value: object) -> Hashable:
    match value:
        case None:
            return (0,)
        case str():
            return (1, value)
        case bool():
            return (3, value)
        case Decimal():
            return (2, value)
        case tuple():
            return (4, len(value), *(_key(item) for item in value))
    pairs = [part for key, item in value.items() for part in (key, _key(item))]
    return (5, len(value), *pairs)


def decode_pairs(text: str) -> object:
    """A json text with objects as lists of pairs: keys may repeat, and their order counts.

    Numbers stay as they were written, as `str`; so strings and numbers cannot be told apart here.
    """
    return _scan(_PAIRS_HOOKS, text)

"""Functions of text: chapter 9.4 of the manual, but for patterns (`patterns`) and format().

Lengths count characters. In the collation C, upper and lower case are a matter of ASCII letters
alone: lower('Ä') stays 'Ä'.
"""

from __future__ import annotations

import re
import string
import unicodedata

from services.sqldb import errors, large_values
from services.sqldb.errors import SqlError
from services.sqldb.functions.definitions import Definitions
from services.sqldb.interruption import paced_stream
from services.sqldb.syntax.keywords import KEYWORDS, KeywordClass
from services.sqldb.values import Array

define = Definitions()

_MAX_BYTES = 0x3FFF_FFFF
_HEADER_BYTES = 4
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_TO_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)


def concatenated(first: str, second: str) -> str:
    """Both as one; XX000 above a gigabyte, as PostgreSQL has it."""
    size = len(first) + len(second)
    if size > _MAX_BYTES:
        message = f"invalid memory alloc request size {size + _HEADER_BYTES}"
        raise SqlError(errors.INTERNAL_ERROR, message)
    return first + second


define.operator("text || text -> text", concatenated)
define.function("textcat(text, text) -> text")(concatenated)

define.function(
    "length(text) -> int4", "char_length(text) -> int4", "character_length(text) -> int4",
    template="len({0})",
)(len)  # fmt: skip
define.function(
    "length(bpchar) -> int4", "char_length(bpchar) -> int4", "character_length(bpchar) -> int4"
)(lambda value: len(value.rstrip(" ")))
define.function("length(name) -> int4")(len)
define.function("octet_length(text) -> int4", "octet_length(bpchar) -> int4")(
    lambda value: len(value.encode())
)
define.function("bit_length(text) -> int4")(lambda value: 8 * len(value.encode()))


@define.function("lower(text) -> text")
def ascii_lower(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_TO_LOWER)


@define.function("upper(text) -> text")
def ascii_upper(text: str) -> str:
    return text.upper() if text.isascii() else text.translate(_TO_UPPER)


@define.function("initcap(text) -> text")
def initcap(text: str) -> str:
    """Capital letters at the beginnings of words, small ones elsewhere."""
    parts, end = [], 0
    for match in paced_stream(re.finditer("[A-Za-z0-9]+", text)):
        word = match[0]
        parts.append(f"{text[end : match.start()]}{word[0].upper()}{ascii_lower(word[1:])}")
        end = match.end()
    return "".join([*parts, text[end:]])


def _too_large() -> SqlError:
    return SqlError(errors.PROGRAM_LIMIT_EXCEEDED, "requested length too large")


@define.function("repeat(text, int4) -> text")
def repeat(text: str, count: int) -> str:
    if count > 0 and len(text) * count > _MAX_BYTES:
        raise _too_large()
    return text * max(count, 0)


@define.function("lpad(text, int4, text) -> text")
def lpad(text: str, length: int, fill: str) -> str:
    return _padding(text, length, fill) + text[: max(length, 0)]


@define.function("rpad(text, int4, text) -> text")
def rpad(text: str, length: int, fill: str) -> str:
    return text[: max(length, 0)] + _padding(text, length, fill)


define.function("lpad(text, int4) -> text")(lambda text, length: lpad(text, length, " "))
define.function("rpad(text, int4) -> text")(lambda text, length: rpad(text, length, " "))


def _padding(text: str, length: int, fill: str) -> str:
    missing = length - len(text)
    if missing <= 0 or not fill:
        return ""
    if length > _MAX_BYTES:
        raise _too_large()
    return (fill * (missing // len(fill) + 1))[:missing]


define.function("btrim(text, text) -> text")(str.strip)
define.function("ltrim(text, text) -> text")(str.lstrip)
define.function("rtrim(text, text) -> text")(str.rstrip)
define.function("btrim(text) -> text")(lambda text: text.strip(" "))
define.function("ltrim(text) -> text")(lambda text: text.lstrip(" "))
define.function("rtrim(text) -> text")(lambda text: text.rstrip(" "))


@define.function("strpos(text, text) -> int4", "position(text, text) -> int4")
def strpos(text: str, part: str) -> int:
    """position(part IN text) as the parser turns it around: the place, from 1, or 0."""
    return text.find(part) + 1


def _negative_length() -> SqlError:
    return SqlError(errors.SUBSTRING_ERROR, "negative substring length not allowed")


@define.function("substr(text, int4) -> text", "substring(text, int4) -> text")
def substring_from(text: str, start: int) -> str:
    return text[max(start - 1, 0) :]


@define.function("substr(text, int4, int4) -> text", "substring(text, int4, int4) -> text")
def substring(text: str, start: int, length: int) -> str:
    """Places before the first count, though nothing stands there."""
    if length < 0:
        raise _negative_length()
    return text[max(start - 1, 0) : max(start - 1 + length, 0)]


@define.function("overlay(text, text, int4, int4) -> text")
def overlay(text: str, new: str, start: int, length: int) -> str:
    if start <= 0:
        raise _negative_length()
    return substring(text, 1, start - 1) + new + substring_from(text, start + length)


@define.function("overlay(text, text, int4) -> text")
def overlay_its_length(text: str, new: str, start: int) -> str:
    return overlay(text, new, start, len(new))


@define.function("left(text, int4) -> text")
def left(text: str, count: int) -> str:
    """All but the last n characters, if n is negative."""
    return text[:count]


@define.function("right(text, int4) -> text")
def right(text: str, count: int) -> str:
    if count >= 0:
        return text[max(len(text) - count, 0) :]
    return text[-count:]


@define.function("reverse(text) -> text")
def reverse(text: str) -> str:
    return text[::-1]


@define.function("replace(text, text, text) -> text")
def replace(text: str, old: str, new: str) -> str:
    return large_values.replace(text, old, new) if old else text


@define.function("translate(text, text, text) -> text")
def translate(text: str, old: str, new: str) -> str:
    """Character by character; those without a counterpart are dropped."""
    table: dict[int, str | None] = {}
    for index, character in enumerate(old):
        table.setdefault(ord(character), new[index] if index < len(new) else None)
    return text.translate(table)


@define.function("split_part(text, text, int4) -> text")
def split_part(text: str, delimiter: str, number: int) -> str:
    if number == 0:
        raise SqlError(errors.INVALID_PARAMETER_VALUE, "field position must not be zero")
    parts = large_values.split(text, delimiter) if delimiter else [text]
    index = number - 1 if number > 0 else len(parts) + number
    return parts[index] if 0 <= index < len(parts) else ""


@define.operators_for("text ^@ text -> bool")
@define.function("starts_with(text, text) -> bool")
def starts_with(text: str, prefix: str) -> bool:
    return text.startswith(prefix)


@define.function("ascii(text) -> int4")
def code_point(text: str) -> int:
    return ord(text[0]) if text else 0


@define.function("chr(int4) -> text")
def character(code: int) -> str:
    if code == 0:
        raise SqlError(errors.PROGRAM_LIMIT_EXCEEDED, "null character not permitted")
    if code < 0:
        raise SqlError(errors.INVALID_PARAMETER_VALUE, "character number must be positive")
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        problem = "requested character not valid for encoding"
        if code > 0x10FFFF:
            problem = "requested character too large for encoding"
        raise SqlError(errors.PROGRAM_LIMIT_EXCEEDED, f"{problem}: {code}")
    return chr(code)


@define.function("to_hex(int4) -> text")
def hex_of_int4(value: int) -> str:
    return f"{value & 0xFFFF_FFFF:x}"


@define.function("to_hex(int8) -> text")
def hex_of_int8(value: int) -> str:
    return f"{value & 0xFFFF_FFFF_FFFF_FFFF:x}"


@define.function("unistr(text) -> text")
def unistr(text: str) -> str:
    """\\XXXX, \\+XXXXXX, \\uXXXX, \\UXXXXXXXX and \\\\."""

    def unescape(match: re.Match[str]) -> str:
        code = next((group for group in match.groups() if group), None)
        if code is None:
            return "\\"
        try:
            return chr(int(code, 16))
        except (ValueError, OverflowError):
            raise SqlError(errors.SYNTAX_ERROR, "invalid Unicode code point") from None

    pattern = r"\\(?:\\|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4}))"
    if re.search(r"\\", re.sub(pattern, "", text)):
        raise SqlError(errors.SYNTAX_ERROR, "invalid Unicode escape")
    try:
        # Two escapes may be the halves of one character.
        units = re.sub(pattern, unescape, text).encode("utf-16", "surrogatepass")
        return units.decode("utf-16")
    except UnicodeDecodeError:
        raise SqlError(errors.SYNTAX_ERROR, "invalid Unicode surrogate pair") from None


@define.function("normalize(text, text = NFC) -> text")
def normalize(text: str, form: str) -> str:
    if form.upper() not in ("NFC", "NFD", "NFKC", "NFKD"):
        raise SqlError(errors.INVALID_PARAMETER_VALUE, f"invalid normalization form: {form}")
    return unicodedata.normalize(form.upper(), text)


@define.function("is_normalized(text, text = NFC) -> bool")
def is_normalized(text: str, form: str) -> bool:
    return normalize(text, form) == text


# Other keywords could not be read back as names.
_NEEDS_NO_QUOTES = (None, KeywordClass.UNRESERVED)
_PLAIN_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*\Z")


@define.function("quote_ident(text) -> text")
def quote_ident(name: str) -> str:
    if _PLAIN_IDENTIFIER.match(name) and KEYWORDS.get(name) in _NEEDS_NO_QUOTES:
        return name
    return '"' + name.replace('"', '""') + '"'


@define.function("quote_literal(text) -> text")
def quote_literal(text: str) -> str:
    prefix = "E" if "\\" in text else ""
    return f"{prefix}'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@define.function("quote_nullable(text) -> text", strict=False)
def quote_nullable(text: str | None) -> str:
    return "NULL" if text is None else quote_literal(text)


define.function("pg_client_encoding() -> name", volatility="s")(lambda: "UTF8")


_IDENTIFIER = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([A-Za-z_\x80-\U0010ffff][\w$]*))\s*')


@define.function("parse_ident(str text, strict bool = true) -> text[]")
def parse_ident(text: str, is_strict: bool) -> Array:
    """'Schema."Table"' → {schema,Table}; if not strict, anything may follow the names."""
    names: list[str] = []
    at = 0
    while True:
        match = _IDENTIFIER.match(text, at)
        if match is None or match[1] == "":
            raise _no_identifier(text, text[at:].lstrip(), has_names=bool(names), match=match)
        quoted, plain = match.groups()
        names.append(ascii_lower(plain) if quoted is None else quoted.replace('""', '"'))
        at = match.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    if is_strict and at < len(text):
        raise _no_identifier(text, text[at:], has_names=False, match=None)
    return Array(tuple(names), (1,))


def _no_identifier(
    text: str, rest: str, *, has_names: bool, match: re.Match[str] | None
) -> SqlError:
    detail = ""
    if match is not None:
        detail = "Quoted identifier must not be empty."
    elif rest.startswith('"'):
        detail = "String has unclosed double quotes."
    elif rest.startswith("."):
        detail = 'No valid identifier before ".".'
    elif has_names:
        detail = 'No valid identifier after ".".'
    message = f'string is not a valid identifier: "{text}"'
    return SqlError(errors.INVALID_PARAMETER_VALUE, message, detail=detail)

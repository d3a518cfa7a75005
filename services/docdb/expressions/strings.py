"""Text: `$concat` to `$trim`, and regular expressions."""

import re
from collections.abc import Callable

from services.docdb.bson.types import Date, Regex, Symbol, Timestamp
from services.docdb.errors import MongoError
from services.docdb.expressions.arguments import Compile, function, is_nullish, named, strict
from services.docdb.expressions.dates_and_zones import iso_text
from services.docdb.expressions.numbers import as_int, fits_int32, is_number
from services.docdb.query.comparison import MISSING
from services.docdb.query.regexes import INVALID_PATTERN, compile_regex
from services.docdb.query.type_names import type_name

_WHITESPACE = "\0 \t\n\v\f\r\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))


def _text(name: str, value: object, code: int) -> str:
    if type(value) is not str:
        raise MongoError(code, f"{name} requires a string, found: {type_name(value)}")
    return value


def coerce_text(value: object) -> str:
    """What the older operators accept as text: also numbers and dates."""
    if is_nullish(value):
        return ""
    if type(value) is str:
        return value
    if type(value) is Symbol:
        return value.text
    if is_number(value):
        return str(int(value)) if isinstance(value, int) else f"{value:g}"
    if type(value) is Date:
        return iso_text(value.ms)
    if type(value) is Timestamp:
        return str(value)
    raise MongoError(16007, f"can't convert from BSON type {type_name(value)} to String")


def _concat(*values: object) -> object:
    if any(map(is_nullish, values)):
        return None
    for value in values:
        if type(value) is not str:
            raise MongoError(16702, f"$concat only supports strings, not {type_name(value)}")
    return "".join(values)


def _substr_bytes(value: object, start: object, length: object) -> object:
    data = coerce_text(value).encode()
    if not is_number(start):
        raise MongoError(
            16034, f"$substrBytes: starting index must be a numeric type (is {type_name(start)})"
        )
    if not is_number(length):
        raise MongoError(
            16035, f"$substrBytes: length must be a numeric type (is {type_name(length)})"
        )
    start, length = int(start), int(length)
    if start < 0:
        raise MongoError(50752, "$substrBytes: starting index must be non-negative")
    end = len(data) if length < 0 else start + length
    if _is_continuation(data, start):
        raise MongoError(
            28656, "$substrBytes: Invalid range, starting index is a UTF-8 continuation byte."
        )
    if _is_continuation(data, end):
        raise MongoError(
            28657,
            "$substrBytes: Invalid range, ending index is in the middle of a UTF-8 character.",
        )
    return data[start:end].decode()


def _is_continuation(data: bytes, place: int) -> bool:
    """Whether a character of several bytes has begun before `place`."""
    return place < len(data) and data[place] & 0xC0 == 0x80


def _substr_cp(value: object, start: object, length: object) -> object:
    text = coerce_text(value)
    for what, number, code in (("starting index", start, 34450), ("length", length, 34452)):
        if not is_number(number):
            raise MongoError(code, f"$substrCP: {what} must be a numeric type (is BSON type "
                             f"{type_name(number)})")  # fmt: skip
        if not fits_int32(number):
            raise MongoError(code + 1, f"$substrCP: {what} cannot be represented as a 32-bit "
                             f"integral value: {number}")  # fmt: skip
    first, count = int(start), int(length)
    if count < 0:
        raise MongoError(34454, "$substrCP: length must be a nonnegative integer.")
    if first < 0:
        raise MongoError(34455, "$substrCP: the starting index must be nonnegative integer.")
    return text[first : first + count]


def _split(value: object, delimiter: object) -> object:
    if type(value) is Regex or type(delimiter) is Regex:
        raise MongoError(40085, "$split requires strings")
    text, by = _text("$split", value, 40085), _text("$split", delimiter, 40086)
    if not by:
        raise MongoError(40087, "$split requires a non-empty separator")
    return text.split(by)


def _upper(value: object) -> str:
    """In capitals, where the letters are ASCII: the others stay, as MongoDB has it."""
    return coerce_text(value).encode().upper().decode()


def _lower(value: object) -> str:
    return coerce_text(value).encode().lower().decode()


def _compare_ignoring_case(left: object, right: object) -> int:
    a, b = _upper(left), _upper(right)
    return (a > b) - (a < b)


def _trim(strip: Callable[[str, str], str]) -> Compile:
    def evaluate(value: object, chars: object) -> object:
        if is_nullish(value) or chars is None:
            return None
        characters = _WHITESPACE if chars is MISSING else _text("$trim", chars, 50700)
        return strip(_text("$trim", value, 50699), characters)

    return named("input", "chars", evaluate)


def _index_of(name: str, in_bytes: bool) -> Compile:
    def evaluate(value: object, wanted: object, start: object = 0, end: object = None) -> object:
        if is_nullish(value):
            return None
        code = 40091 if in_bytes else 40093
        text, part = _text(name, value, code), _text(name, wanted, code + 1)
        first = as_int(start)
        last = len(text.encode()) if end is None else as_int(end)
        if first is None or last is None:
            raise MongoError(40096, f"{name} requires an integral starting index")
        if first < 0 or last < 0:
            raise MongoError(40097, f"{name} requires a nonnegative starting index")
        if in_bytes:
            return text.encode().find(part.encode(), first, last)
        return text.find(part, first, last)

    return function(2, 4, evaluate)


def _replace(name: str, count: int) -> Compile:
    def evaluate(value: object, find: object, replacement: object) -> object:
        if is_nullish(value) or is_nullish(find) or is_nullish(replacement):
            return None
        text, old = _text(name, value, 51746), _text(name, find, 51745)
        return text.replace(old, _text(name, replacement, 51744), count)

    return named("input find replacement", "", evaluate)


# Regular expressions.


def _pattern(regex: object, options: object) -> re.Pattern[str] | None:
    if is_nullish(regex):
        return None
    extra = "" if is_nullish(options) else options
    if type(extra) is not str:
        raise MongoError(51106, "options of a regular expression have to be a string")
    if "\0" in extra:
        raise MongoError(51110, "options of a regular expression cannot contain a null byte")
    if type(regex) is Regex:
        if extra and regex.options:
            raise MongoError(51107, "found regex options specified in both 'regex' and 'options'")
        return _compiled(regex.pattern, extra or regex.options)
    if type(regex) is not str:
        raise MongoError(51105, "'regex' must be of type string or regex")
    if "\0" in regex:
        raise MongoError(51109, "regular expression cannot contain an embedded null byte")
    return _compiled(regex, extra)


def _compiled(pattern: str, options: str) -> re.Pattern[str]:
    try:
        return compile_regex(pattern, options)
    except MongoError as error:
        if error.code != INVALID_PATTERN:
            raise
        raise MongoError(51111, error.message) from None


def _searched(name: str, value: object) -> str | None:
    if is_nullish(value):
        return None
    return _text(name, value, 51104)


def _found(match: re.Match[str]) -> dict[str, object]:
    return {"match": match[0], "idx": match.start(), "captures": list(match.groups())}


def _regex_match(value: object, regex: object, options: object) -> bool:
    text, pattern = _searched("$regexMatch", value), _pattern(regex, options)
    return text is not None and pattern is not None and pattern.search(text) is not None


def _regex_find(value: object, regex: object, options: object) -> object:
    text, pattern = _searched("$regexFind", value), _pattern(regex, options)
    match = pattern.search(text) if text is not None and pattern else None
    return _found(match) if match else None


def _regex_find_all(value: object, regex: object, options: object) -> list:
    text, pattern = _searched("$regexFindAll", value), _pattern(regex, options)
    if text is None or pattern is None:
        return []
    return [_found(match) for match in pattern.finditer(text)]


OPERATORS: dict[str, Compile] = {
    "$concat": function(0, None, _concat),
    "$substr": function(3, 3, _substr_bytes),
    "$substrBytes": function(3, 3, _substr_bytes),
    "$substrCP": function(3, 3, _substr_cp),
    "$toUpper": function(1, 1, _upper),
    "$toLower": function(1, 1, _lower),
    "$split": strict(2, 2, _split),
    "$strcasecmp": function(2, 2, _compare_ignoring_case),
    "$strLenBytes": function(1, 1, lambda v: len(_text("$strLenBytes", v, 34473).encode())),
    "$strLenCP": function(1, 1, lambda value: len(_text("$strLenCP", value, 34471))),
    "$trim": _trim(str.strip),
    "$ltrim": _trim(str.lstrip),
    "$rtrim": _trim(str.rstrip),
    "$indexOfBytes": _index_of("$indexOfBytes", in_bytes=True),
    "$indexOfCP": _index_of("$indexOfCP", in_bytes=False),
    "$replaceOne": _replace("$replaceOne", 1),
    "$replaceAll": _replace("$replaceAll", -1),
    "$regexMatch": named("input regex", "options", _regex_match),
    "$regexFind": named("input regex", "options", _regex_find),
    "$regexFindAll": named("input regex", "options", _regex_find_all),
}

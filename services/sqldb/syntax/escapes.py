r"""What the backslashes in E'…' and U&'…' stand for.

E'\n' has the escapes of C and two for Unicode, U&'\0041' those of Unicode alone, with an escape
character of one's own (UESCAPE '!'). Characters beyond the 16 bits of \uXXXX may come as a pair of
surrogates, which only together are a character.
"""

import re

from services.sqldb.errors import (
    CHARACTER_NOT_IN_REPERTOIRE,
    INVALID_ESCAPE_SEQUENCE,
    SYNTAX_ERROR,
    SqlError,
)


def scan_error(text: str, message: str, start: int, end: int | None = None) -> SqlError:
    """`message at or near "what stands from start to end"`; end None: to the end of the text."""
    near = text[start:end]
    message = f'{message} at or near "{near}"' if near else f"{message} at end of input"
    return SqlError(SYNTAX_ERROR, message, position=start)


_SIMPLE_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(
    r"''|\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL
)


def unescape(text: str, start: int, begin: int, body: str) -> str:
    r"""The value of E'…': \n, \101, \x41, é, \U0001F600; any other character is itself.

    \101 and \x41 give bytes, which together must be UTF-8.
    """
    pieces: list[bytes] = []
    position = 0
    high = 0
    for escape in _ESCAPE.finditer(body):
        plain = body[position : escape.start()]
        place = begin + escape.start()
        digits = escape[3] or escape[4]
        code = int(digits, 16) if digits else -1
        if high:
            if plain or not 0xDC00 <= code <= 0xDFFF:
                raise _bad_surrogate(text, start, begin + position, place)
            code = 0x10000 + ((high & 0x3FF) << 10) + (code & 0x3FF)
        elif 0xDC00 <= code <= 0xDFFF:
            raise scan_error(text, "invalid Unicode surrogate pair", place, begin + escape.end())
        position = escape.end()
        pieces.append(plain.encode("utf-8", "surrogatepass"))
        high = code if 0xD800 <= code <= 0xDBFF else 0
        if not high:
            pieces.append(_escaped(text, place, position - escape.start(), code, escape))
    if high:
        raise _bad_surrogate(text, start, begin + position, begin + len(body))
    pieces.append(body[position:].encode("utf-8", "surrogatepass"))
    return _decoded(b"".join(pieces))


def _bad_surrogate(text: str, start: int, place: int, end: int) -> SqlError:
    return scan_error(text, "invalid Unicode surrogate pair", place, max(end, place + 1))


def _escaped(text: str, place: int, length: int, code: int, escape: re.Match) -> bytes:
    octal, hexadecimal, _short, _long, other = escape.groups()
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    if hexadecimal:
        return bytes([int(hexadecimal, 16)])
    if code >= 0:
        if code == 0 or code > 0x10FFFF:
            raise scan_error(text, "invalid Unicode escape value", place, place + length)
        return chr(code).encode()
    if other is None:
        return b"'"
    if other in "uU":
        raise SqlError(
            INVALID_ESCAPE_SEQUENCE,
            "invalid Unicode escape",
            hint="Unicode escapes must be \\uXXXX or \\UXXXXXXXX.",
            position=place,
        )
    return _SIMPLE_ESCAPES.get(other, other).encode("utf-8", "surrogatepass")


def _decoded(value: bytes) -> str:
    """Bytes from escapes must make valid UTF-8 without a NUL."""
    try:
        decoded = value.decode("utf-8")
    except UnicodeDecodeError as problem:
        bad = value[problem.start : problem.end]
        raise _invalid_utf8(bad) from None
    if "\0" in decoded:
        raise _invalid_utf8(b"\0")
    return decoded


def _invalid_utf8(sequence: bytes) -> SqlError:
    shown = " ".join(f"0x{byte:02x}" for byte in sequence)
    message = f'invalid byte sequence for encoding "UTF8": {shown}'
    return SqlError(CHARACTER_NOT_IN_REPERTOIRE, message)


_BLANKS = r"(?:[ \t\n\r\f]++|--[^\n\r]*+)*+"
_UESCAPE = re.compile(rf"{_BLANKS}[uU][eE][sS][cC][aA][pP][eE](?![\w$]){_BLANKS}")
_UESCAPE_STRING = re.compile(r"'((?:[^']|'')*+)'")
_FORBIDDEN_ESCAPE = re.compile(r"[0-9A-Fa-f+'\" \t\n\r\f]")


def unescape_unicode(text: str, begin: int, body: str, quote: str, end: int) -> tuple[str, int]:
    r"""The value of a U& string or name whose body begins at `begin`, and where it ends.

    A UESCAPE clause behind it belongs to it.
    """
    escape, end = _escape_character(text, end)
    mark = re.escape(escape)
    pattern = re.compile(
        rf"{mark}(?:({mark})|([0-9A-Fa-f]{{4}})|\+([0-9A-Fa-f]{{6}})|())|({quote}{quote})"
    )
    pieces: list[str] = []
    position = high = 0
    for found in pattern.finditer(body):
        plain, place = body[position : found.start()], begin + found.start()
        code = int(found[2] or found[3], 16) if found[2] or found[3] else -1
        if found[4] is not None:
            raise SqlError(
                SYNTAX_ERROR,
                "invalid Unicode escape",
                hint=f"Unicode escapes must be {escape}XXXX or {escape}+XXXXXX.",
                position=place,
            )
        if bool(high) != (0xDC00 <= code <= 0xDFFF) or (high and plain):
            raise SqlError(SYNTAX_ERROR, "invalid Unicode surrogate pair", position=place)
        if code == 0 or code > 0x10FFFF:
            raise SqlError(SYNTAX_ERROR, "invalid Unicode escape value", position=place)
        if high:
            code = 0x10000 + ((high & 0x3FF) << 10) + (code & 0x3FF)
        pieces.append(plain)
        high = code if 0xD800 <= code <= 0xDBFF else 0
        if code >= 0 and not high:
            pieces.append(chr(code))
        elif code < 0:
            pieces.append(escape if found[1] else quote)
        position = found.end()
    if high:
        raise SqlError(SYNTAX_ERROR, "invalid Unicode surrogate pair", position=begin + len(body))
    return "".join(pieces) + body[position:], end


def _escape_character(text: str, end: int) -> tuple[str, int]:
    r"""The character of UESCAPE 'c', or the backslash, and the end of the clause."""
    clause = _UESCAPE.match(text, end)
    if clause is None:
        return "\\", end
    string = _UESCAPE_STRING.match(text, clause.end())
    if string is None:
        raise SqlError(
            SYNTAX_ERROR,
            "UESCAPE must be followed by a simple string literal",
            position=clause.end(),
        )
    if len(string[1]) != 1 or _FORBIDDEN_ESCAPE.match(string[1]):
        raise scan_error(text, "invalid Unicode escape character", clause.end(), string.end())
    return string[1], string.end()

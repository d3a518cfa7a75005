"""The JSON-line codec: one JSON object per line in, one per line out.

The agreed protocol of the key-value challenge and of the pub/sub challenge. Sans-IO: bytes
come in with `receive_data` in any pieces, whole requests come out of `next_request`.

    decoder.receive_data(b'{"command": "GET", "ar')
    decoder.next_request()  ─▶ None                       need more
    decoder.receive_data(b'gs": {"key": "a"}}\\n')
    decoder.next_request()  ─▶ {"command": "GET", "args": {"key": "a"}}

Numbers keep the text they were sent as (`JsonNumber`): `1.0`, `1e3` and a number of five
thousand digits are stored as the client wrote them, and nothing is rounded on the way.
"""

import json
import re


class JsonLineError(Exception):
    """A line that is no request. `is_fatal`: the stream has lost its place and must be closed."""

    def __init__(self, message: str, *, is_fatal: bool = False):
        super().__init__(message)
        self.is_fatal = is_fatal


class JsonNumber(str):
    """A JSON number as its own text."""

    __slots__ = ()


class JsonLineDecoder:
    """Bytes in, JSON objects out; at most `max_line_bytes` a line, `max_depth` levels deep."""

    __slots__ = ("_buffer", "_max_depth", "_offset", "_scanned", "max_line_bytes")

    def __init__(self, *, max_line_bytes: int, max_depth: int = 64):
        self._buffer = bytearray()
        self._offset = 0
        self._scanned = 0
        self.max_line_bytes = max_line_bytes
        self._max_depth = max_depth

    @property
    def buffered_bytes(self) -> int:
        """How much has been received and not yet been taken as a request."""
        return len(self._buffer) - self._offset

    def receive_data(self, data: bytes) -> None:
        if self._offset:
            del self._buffer[: self._offset]
            self._scanned -= self._offset
            self._offset = 0
        self._buffer += data

    def next_request(self) -> dict[str, object] | None:
        """The next object, or None where no whole line is there; empty lines are passed over.

        Raises JsonLineError; after one that is not fatal the next call goes on with the
        line behind the bad one.
        """
        while True:
            end = self._buffer.find(b"\n", max(self._scanned, self._offset))
            if end < 0:
                self._scanned = len(self._buffer)
                if self.buffered_bytes > self.max_line_bytes:
                    raise self._too_long()
                return None
            if end - self._offset > self.max_line_bytes:
                raise self._too_long()
            line = bytes(self._buffer[self._offset : end])
            self._offset = end + 1
            if line and not line.isspace():
                return decode_object(line, self._max_depth)

    def _too_long(self) -> JsonLineError:
        return JsonLineError(
            f"Line is longer than {self.max_line_bytes} bytes; closing the connection",
            is_fatal=True,
        )


def decode_object(line: bytes, max_depth: int) -> dict[str, object]:
    """The JSON object that one line holds. Raises JsonLineError, never fatal."""
    if not _is_shallow(line, max_depth):
        raise JsonLineError(f"JSON is nested deeper than {max_depth} levels")
    try:
        value = json.loads(
            line.decode("utf-8"),
            parse_int=JsonNumber,
            parse_float=JsonNumber,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError:
        raise JsonLineError("Line is not valid UTF-8") from None
    except ValueError as error:
        raise JsonLineError(f"Line is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise JsonLineError("Request must be a JSON object")
    return value


# Made once: json.dumps would make one for each line, which takes half as long again.
_encode_text = json.JSONEncoder(ensure_ascii=False).encode
_encode_ascii = json.JSONEncoder().encode


def encode_line(value: dict[str, object]) -> bytes:
    """One reply or message, with the newline that ends it."""
    try:
        return _encode_text(value).encode() + b"\n"
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8, but JSON can spell it: \\ud800.
        return _encode_ascii(value).encode() + b"\n"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# The closing quote is optional, or an open string would be scanned again from each of its quotes.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def _is_shallow(line: bytes, max_depth: int) -> bool:
    """Whether no more than `max_depth` brackets are open at once outside strings."""
    if line.count(b"{") + line.count(b"[") <= max_depth:
        return True
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(line):
        match token[0]:
            case b"{" | b"[":
                depth += 1
                if depth > max_depth:
                    return False
            case b"}" | b"]":
                depth -= 1
    return True

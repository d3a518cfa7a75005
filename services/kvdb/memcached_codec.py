"""The memcached text protocol, sans-IO: command lines and data blocks in, requests out.

    set greeting 0 60 5\\r\\n        a line of words; those of a storage command say how many
    hello\\r\\n                      bytes of data follow it
    get greeting other\\r\\n

A decoder has to understand as much of a line as it takes to find the next one: the numbers of the
storage commands. All else about the words is for the commands to say. A line that is wrong takes
no data with it, as in memcached: what follows is read as the next line.

What is too large is announced at once, and its bytes are dropped as they come, so that neither
the connection nor our memory suffers.

Left out: the binary protocol (memcached itself has declared it obsolete) and UDP.
# Real: try_read_command_ascii(), process_update_command() and conn_swallow in memcached.
"""

import base64
import binascii
import re
from dataclasses import dataclass

VERSION = "1.6.18"
"""The version of memcached whose commands and texts are followed."""

MAX_KEY_BYTES = 250
MAX_LINE_BYTES = 2048
"""Of a line that names no keys to fetch; those may be as long as any request."""

ERROR = b"ERROR"
BAD_LINE = b"CLIENT_ERROR bad command line format"
BAD_CHUNK = b"CLIENT_ERROR bad data chunk"
BAD_KEY_ENCODING = b"CLIENT_ERROR error decoding key"
TOO_LARGE = b"SERVER_ERROR object too large for cache"
LINE_TOO_LONG = b"CLIENT_ERROR line too long"

MAX_FLAGS = (1 << 32) - 1
MAX_64 = (1 << 64) - 1

_FETCHES = (b"get ", b"gets ", b"gat ", b"gats ")
_STORES = {b"set": 5, b"add": 5, b"replace": 5, b"append": 5, b"prepend": 5, b"cas": 6}
"""How many words a storage command has, without `noreply`."""

_UNFIT_FOR_KEY = re.compile(rb"[\x00-\x20\x7f]")
_UNSIGNED = re.compile(rb"\+?[0-9]{1,20}")
_SIGNED = re.compile(rb"[+-]?[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Request:
    """One command: the words of its line, and the data that came with it."""

    words: list[bytes]
    data: bytes | None = None
    is_silent: bool = False
    """It ends in `noreply`: nothing is answered, not even an error."""
    is_too_large: bool = False
    """Its data is more than may be stored, and has been dropped."""


class MemcachedError(Exception):
    """A request that makes no sense, or cannot be served; `reply` is the line that says so."""

    def __init__(self, reply: bytes, *, is_fatal: bool = False):
        super().__init__(reply.decode())
        self.reply = reply
        self.is_fatal = is_fatal
        """Where the next line begins is not known: the connection has to be closed."""


class MemcachedDecoder:
    """Makes requests of what `receive_data` is given."""

    def __init__(self, *, max_value_bytes: int, max_line_bytes: int):
        self._max_value_bytes = max_value_bytes
        self._max_line_bytes = max_line_bytes
        self._buffer = bytearray()
        self._position = 0
        self._scanned = 0
        """Up to here there is no end of a line."""
        self._skip_bytes = 0
        self._head: tuple[list[bytes], int, bool] | None = None
        """A storage command whose data is not complete: words, length, whether it is silent."""

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer) - self._position

    def receive_data(self, data: bytes) -> None:
        """Take what has come."""
        if self._position:
            del self._buffer[: self._position]
            self._scanned = max(self._scanned - self._position, 0)
            self._position = 0
        self._buffer += data

    def next_request(self) -> Request | None:
        """The next request; None for "need more". Raises MemcachedError, and can go on after it."""
        if self._skip_bytes:
            skipped = min(self._skip_bytes, self.buffered_bytes)
            self._position += skipped
            self._skip_bytes -= skipped
            if self._skip_bytes:
                return None
        if self._head is not None:
            return self._take_data()
        line = self._take_line()
        return None if line is None else self._begin(line)

    # Lines.

    def _take_line(self) -> bytes | None:
        buffer, start = self._buffer, self._position
        end = buffer.find(b"\n", max(self._scanned, start))
        if end < 0:
            self._scanned = len(buffer)
            self._check_unfinished_line()
            return None
        self._position = end + 1
        return bytes(buffer[start:end]).removesuffix(b"\r")

    def _check_unfinished_line(self) -> None:
        """A line must not grow without end; one that fetches many keys may be long."""
        size = self.buffered_bytes
        if size <= MAX_LINE_BYTES:
            return
        begin = bytes(self._buffer[self._position : self._position + 100]).lstrip(b" ")
        if size > self._max_line_bytes or not begin.startswith(_FETCHES):
            self._position = len(self._buffer)
            raise MemcachedError(LINE_TOO_LONG, is_fatal=True)

    def _begin(self, line: bytes) -> Request | None:
        """A request that is its line; or the first part of one with data."""
        words = [word for word in line.split(b" ") if word]
        if not words:
            raise MemcachedError(ERROR)
        command = words[0]
        if command in _STORES:
            is_silent = words[-1] == b"noreply"
            size = _size_of_store(words)
        elif command == b"ms":
            is_silent = False
            size = _size_of_meta_set(words)
        else:
            return Request(words, None, words[-1] == b"noreply" and len(words) > 1)
        if size > self._max_value_bytes:
            self._skip_bytes = size + 2
            return Request(words, None, is_silent, is_too_large=True)
        self._head = words, size, is_silent
        return self._take_data()

    # Data.

    def _take_data(self) -> Request | None:
        words, size, is_silent = self._head
        start, end = self._position, self._position + size
        if len(self._buffer) < end + 2:
            return None
        self._head = None
        self._position = end + 2
        if self._buffer[end : end + 2] != b"\r\n":
            raise MemcachedError(b"" if is_silent else BAD_CHUNK)
        return Request(words, bytes(self._buffer[start:end]), is_silent)


def _size_of_store(words: list[bytes]) -> int:
    """`set KEY FLAGS EXPTIME BYTES [noreply]`, and `cas` with a number before `noreply`."""
    expected = _STORES[words[0]]
    if len(words) not in (expected, expected + 1):
        raise MemcachedError(ERROR)
    flags, size = unsigned(words[2], MAX_FLAGS), unsigned(words[4], MAX_FLAGS)
    is_fit = is_key(words[1]) and flags is not None and signed(words[3]) is not None
    if words[0] == b"cas":
        is_fit = is_fit and unsigned(words[5]) is not None
    if not is_fit or size is None:
        raise MemcachedError(BAD_LINE)
    return size


def _size_of_meta_set(words: list[bytes]) -> int:
    """`ms KEY BYTES FLAG …`"""
    if len(words) < 2:
        raise MemcachedError(ERROR)
    size = unsigned(words[2], MAX_FLAGS) if len(words) > 2 else None
    if size is None or len(words[1]) > MAX_KEY_BYTES:
        raise MemcachedError(BAD_LINE)
    return size


# Words.


def is_key(word: bytes) -> bool:
    """Whether a word can be a key: not too long, and without control characters.

    memcached lets control characters pass, though its protocol forbids them.
    """
    return 0 < len(word) <= MAX_KEY_BYTES and not _UNFIT_FOR_KEY.search(word)


def decode_key(word: bytes) -> bytes:
    """The key that a meta command names in base64. Raises MemcachedError."""
    try:
        key = base64.b64decode(word, validate=True)
    except binascii.Error:
        raise MemcachedError(BAD_KEY_ENCODING) from None
    if not 0 < len(key) <= MAX_KEY_BYTES:
        raise MemcachedError(BAD_KEY_ENCODING)
    return key


def unsigned(word: bytes, maximum: int = MAX_64) -> int | None:
    """A number that is not negative; None where it is none, or too large."""
    if not _UNSIGNED.fullmatch(word):
        return None
    number = int(word)
    return number if number <= maximum else None


def signed(word: bytes) -> int | None:
    """A number of seconds; None where it is none."""
    return int(word) if _SIGNED.fullmatch(word) else None


# Replies.


def encode_value(key: bytes, flags: int, content: bytes, cas: int | None = None) -> bytes:
    """One item of the reply to `get` or `gets`."""
    number = b"" if cas is None else b" %d" % cas
    return b"VALUE %b %d %d%b\r\n%b\r\n" % (key, flags, len(content), number, content)


def encode_meta_value(content: bytes, flags: bytes) -> bytes:
    """The reply to a meta command that was asked for the value; `flags` begins with a space."""
    return b"VA %d%b\r\n%b\r\n" % (len(content), flags, content)


def encode_statistics(fields: dict[str, object]) -> bytes:
    lines = [f"STAT {name} {value}\r\n" for name, value in fields.items()]
    return "".join(lines).encode() + b"END\r\n"

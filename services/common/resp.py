"""RESP, the protocol of Redis: requests in, replies out, and the same for a client.

A request is an array of binary-safe strings, each announced with its length, so that a value
may hold anything, newlines included:

    *2\\r\\n            two strings
    $3\\r\\nGET\\r\\n     the first, 3 bytes
    $1\\r\\na\\r\\n       the second, 1 byte

or, for people with telnet, an *inline command*: `GET a\\r\\n`, with quotes where needed.

Replies are Python values, and each type has one form on the wire, by protocol version:

    value                         RESP2            RESP3
    bytes                         $3\\r\\nabc\\r\\n    the same
    int                           :7\\r\\n          the same
    None                          $-1\\r\\n         _\\r\\n
    Simple("OK")                  +OK\\r\\n         the same
    ReplyError("ERR …")           -ERR …\\r\\n      the same
    list                          *2\\r\\n…         the same
    NIL_ARRAY                     *-1\\r\\n         _\\r\\n
    float                         $3\\r\\n1.5\\r\\n    ,1.5\\r\\n
    bool                          :1\\r\\n          #t\\r\\n
    dict                          *2n, flat        %n\\r\\n…
    Pairs([(a, b), …])            *2n, flat        *n, each *2\\r\\n…
    PairMap([(a, b), …])          *n, each *2\\r\\n…  %n\\r\\n…
    set, SetReply([…])            *n\\r\\n…         ~n\\r\\n…
    Push([…])                     *n\\r\\n…         >n\\r\\n…
    Verbatim(b"…")                $n\\r\\n…         =n+4\\r\\ntxt:…
    BigNumber(…)                  $n\\r\\n123…       (123…\\r\\n
    Digits(b"1.50")               $4\\r\\n1.50\\r\\n   ,1.50\\r\\n
    Attributed(value, {…})        the value        |n\\r\\n… and the value
    Several([…])                  each of them, one after the other

Source: the RESP specification (redis.io, "Redis serialization protocol"); error texts and
limits as in Redis's networking.c.
"""

import functools
from collections.abc import Callable, Iterable, Sequence

from services.common.resp_runs import MIN_RUN, SIZES, Run, Shape, run_of

MAX_INLINE_BYTES = 64 * 1024
"""Real: PROTO_INLINE_MAX_SIZE in Redis."""

MAX_ARGUMENTS = 1024 * 1024
MAX_ARGUMENTS_OF_STRANGER = 10
MAX_BYTES_OF_STRANGER = 16 * 1024


class RespError(Exception):
    """The stream is not RESP; answer with the text and close. # Real: setProtocolError()"""


class ReplyError(Exception):
    """An error reply, such as `WRONGTYPE Operation against a key …`; the first word is its code."""

    @property
    def code(self) -> str:
        return str(self).partition(" ")[0]


class Simple(str):
    """A reply of one short line, such as OK or PONG."""

    __slots__ = ()


class Verbatim(bytes):
    """Text for people (INFO, CLIENT LIST); RESP3 clients are told that it is text."""


class SetReply(list):
    """The members of a set, in an order of their own."""


class Pairs(list):
    """Pairs that RESP2 runs together, and RESP3 keeps apart: members with their scores."""


class PairMap(list):
    """Pairs that RESP2 keeps apart, and of which RESP3 makes a map: streams with their entries."""


class Push(list):
    """A message that is no reply: what a subscriber gets."""


class Digits(bytes):
    """A number with more digits than a double has, or other ones than it would be written with."""


class BigNumber(int):
    """A whole number beyond 64 bits."""


class Attributed:
    """A reply with remarks on it, which RESP2 clients do not get."""

    __slots__ = ("attributes", "value")

    def __init__(self, value: object, attributes: dict):
        self.value = value
        self.attributes = attributes


class Several(list):
    """More than one reply to one request: SUBSCRIBE acknowledges each channel by itself."""


class NilArray:
    """The array that is not there: what EXEC and BLPOP answer when nothing happened."""


NIL_ARRAY = NilArray()
OK = Simple("OK")
NEED_MORE = object()
"""What `RespReplyDecoder.next_reply` answers instead of a reply; None is a reply."""

# Lengths on the wire are small almost always: a lookup is faster than int() and stricter
# than it, which would take " 1", "+1" and "1_0".
_SMALL_NUMBERS = {b"%d" % number: number for number in range(-1, 1024)}

# For splitting: the lines that a request takes, by its first.
_LINES_OF_REQUEST = {b"*%d" % count: 1 + 2 * count for count in range(1, 256)}


def parse_number(text: bytes) -> int:
    """A decimal integer as RESP writes it; raises ValueError."""
    number = _SMALL_NUMBERS.get(text)
    if number is not None:
        return number
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or len(digits) > 20 or digits[:1] == b"0":  # "01" and "-0" are none.
        raise ValueError("not a number")
    return int(text)


class _Buffer:
    """Received bytes with a read position; large values are collected in pieces.

    `want(n)` says that nothing can be done before n bytes are there: until then `append`
    only keeps the pieces, because appending each to one buffer would copy it all again and
    again (quadratic for a large value).
    """

    __slots__ = ("_pieces", "_pieces_bytes", "_wanted_bytes", "data", "position")

    def __init__(self) -> None:
        self.data = b""
        self.position = 0
        self._pieces: list[bytes] | None = None
        self._pieces_bytes = 0
        self._wanted_bytes = 0

    def append(self, data: bytes) -> None:
        if self._pieces is not None:
            self._pieces.append(data)
            self._pieces_bytes += len(data)
            if self._pieces_bytes < self._wanted_bytes:
                return
            data, self._pieces = b"".join(self._pieces), None
            self.data = data
        elif self.position < len(self.data):
            self.data = self.data[self.position :] + data
        else:
            self.data = data
        self.position = 0

    def want(self, count: int) -> None:
        """Hold further data back until `count` bytes are there from the read position on."""
        self._pieces = [self.data[self.position :]]
        self._pieces_bytes = len(self.data) - self.position
        self._wanted_bytes = count
        self.data, self.position = b"", 0

    @property
    def unread_bytes(self) -> int:
        return len(self.data) - self.position + (self._pieces_bytes if self._pieces else 0)


# What is cut at once: so many lines are a run of a hundred or two of the usual requests.
_MAX_LINES = 1024

# Shared by all decoders that are in the middle of none: an idle client need not have a list.
_NO_ARGUMENTS: list[bytes] = []


class RespRequestDecoder:
    """The server's side: bytes in, requests (lists of byte strings) out.

    There are two ways through the bytes. Clients send small requests, many at a time when they
    pipeline: `_split` cuts what has arrived at its line ends, all at once in C, and takes the
    requests whose pieces have the lengths that were announced. Where it cannot go on (a part
    is missing, a value is long or holds a line end, a line is no RESP), the other way, from
    length to length, goes on from there; it alone knows limits and errors. Splitting takes a
    third of the time that the other way does for requests such as GET and SET.

    A pipeline is mostly a *run* (see `resp_runs`), which is found in half of the time again. Who
    can serve a run faster than its requests one by one looks at `run` before each `next_request`.
    """

    __slots__ = (
        "_arguments",
        "_buffer",
        "_is_empty",
        "_is_stranger",
        "_is_unsplit",
        "_max_request_bytes",
        "_missing",
        "_ready",
        "_shape",
        "_size",
        "run",
    )

    def __init__(self, *, max_request_bytes: int, is_stranger: Callable[[], bool] = lambda: False):
        """From a stranger, who has not logged in yet, only small requests are taken."""
        self._max_request_bytes = max_request_bytes
        self._is_stranger = is_stranger
        # Requests that are whole and have not been asked for yet, the next one last: an empty
        # list takes a tenth of the memory of an empty deque, and most clients are idle.
        self._ready: list[list[bytes]] = []
        self.run: Run | None = None
        """Where all that are ready are one run: that, instead of its requests."""
        # That of the last run that was even: the next one is often like it.
        self._shape: Shape | None = None
        # What is left behind them. It need not be looked at while it is empty, and not be split
        # again unless there may be more whole requests in it.
        self._buffer = _Buffer()
        self._is_empty = True
        self._is_unsplit = False
        # A request of which only a part has arrived: its arguments so far, and how many
        # are still missing.
        self._arguments: list[bytes] = _NO_ARGUMENTS
        self._missing = 0
        self._size = 0

    @property
    def buffered_bytes(self) -> int:
        """How much has been received and not yet been taken as a request."""
        ready_bytes = sum(len(argument) for request in self._ready for argument in request)
        ready_bytes += len(self.run.data) if self.run else 0
        return self._buffer.unread_bytes + self._size + ready_bytes

    def receive_data(self, data: bytes) -> None:
        if self._is_empty:
            taken = self._split(data)
            if taken == len(data):
                return
            self._is_empty = False
            self._buffer.append(data[taken:] if taken else data)
        else:
            self._buffer.append(data)
            if self._missing or self._ready or self.run:
                self._is_unsplit = True
            else:
                self._split_buffer()

    def next_run(self) -> Run:
        """The run that comes next, where there is one."""
        run, self.run = self.run, None
        if self._is_unsplit:
            self._split_buffer()
        return run

    def give_back(self, requests: list[list[bytes]]) -> None:
        """Those of a run that could not be served as one; they come from `next_request` now."""
        if self.run:
            self._unfold_run()
        self._ready += reversed(requests)

    def _unfold_run(self) -> None:
        """Have the requests of the run taken one by one."""
        self._ready += reversed(self.run.requests())
        self.run = None

    def next_request(self) -> list[bytes] | None:
        """The next request, or None for "need more"; empty requests are passed over.

        Raises RespError when the bytes are not RESP or a limit is exceeded.
        """
        if self._ready:
            return self._ready.pop()
        if self.run:
            self._unfold_run()
            return self._ready.pop()
        if self._is_empty:
            return None
        buffer = self._buffer
        if self._is_unsplit and not self._missing:
            self._split_buffer()
            if self.run:
                self._unfold_run()
            if self._ready:
                return self._ready.pop()
        while not self._missing:
            data, position = buffer.data, buffer.position
            if position >= len(data):
                self._is_empty = True
                return None
            if data[position] != 42:  # '*'
                request = self._next_inline()
                if request is None or request:
                    return request
                continue
            if not self._take_count(data, position):
                return None
        request = self._take_arguments()
        if self._is_unsplit and not self._missing:
            self._split_buffer()  # A run may follow.
        return request

    def _split_buffer(self) -> None:
        buffer = self._buffer
        self._is_unsplit = False
        buffer.position += self._split(buffer.data[buffer.position :])

    def _split(self, data: bytes) -> int:
        """Take the requests at the beginning that are whole, small and regular; their size."""
        if len(data) > self._max_request_bytes:
            return 0  # One of them might be too large.
        if self.run:
            self._unfold_run()
        run = self._shape.cut(data) if self._shape and not self._ready else None
        if run is None:
            lines = data.split(b"\r\n", _MAX_LINES)
            width = _LINES_OF_REQUEST.get(lines[0], _MAX_LINES)
            if len(lines) <= MIN_RUN * width or (run := run_of(lines, width, data)) is None:
                return self._take_whole(lines, data)
            self._shape = run.shape(self._shape) or self._shape
        self._is_unsplit = len(run.data) < len(data)
        if self._ready:
            self._ready[:0] = reversed(run.requests())
        else:
            self.run = run
        return len(run.data)

    def _take_whole(self, lines: list[bytes], data: bytes) -> int:
        """`_split` without runs, with `data` cut at its line ends."""
        behind = len(lines) - 1  # The last one has no line end, or is all the rest.
        at, requests = 0, []
        try:
            while at < behind:
                end = at + _LINES_OF_REQUEST[lines[at]]
                if end > behind:
                    break
                head = at + 1
                while head < end and SIZES[lines[head]] == len(lines[head + 1]):
                    head += 2
                if head < end:
                    break
                requests.append(lines[at + 2 : end : 2])
                at = end
        except KeyError:
            pass  # A count or a size that is not small, or none at all.
        if at == behind:
            taken = len(data) - len(lines[behind])
        else:
            taken = sum(map(len, lines[:at])) + 2 * at
        if behind == _MAX_LINES:
            self._is_unsplit = 0 < taken < len(data)
        requests.reverse()
        self._ready[:0] = requests
        return taken

    def _take_count(self, data: bytes, position: int) -> bool:
        """Read how many arguments the next request has; false where the line has not ended."""
        end = data.find(b"\r\n", position)
        if end < 0:
            if len(data) - position > MAX_INLINE_BYTES:
                raise RespError("Protocol error: too big mbulk count string")
            return False
        try:
            count = parse_number(data[position + 1 : end])
        except ValueError:
            raise RespError("Protocol error: invalid multibulk length") from None
        if count > MAX_ARGUMENTS:
            raise RespError("Protocol error: invalid multibulk length")
        if count > MAX_ARGUMENTS_OF_STRANGER and self._is_stranger():
            raise RespError("Protocol error: unauthenticated multibulk length")
        self._buffer.position = end + 2
        self._missing = max(count, 0)
        self._arguments = []
        self._size = 0
        return True

    def _take_arguments(self) -> list[bytes] | None:
        """The bulk strings that are still missing of the current request."""
        buffer = self._buffer
        data, position = buffer.data, buffer.position
        arguments = self._arguments
        available = len(data)
        for missing in range(self._missing, 0, -1):
            end = data.find(b"\r\n", position)
            if end < 0:
                self._pause(missing, position)
                if available - position > MAX_INLINE_BYTES:
                    raise RespError("Protocol error: too big bulk count string")
                return None
            if data[position] != 36:  # '$'
                raise RespError(f"Protocol error: expected '$', got '{chr(data[position])}'")
            length = _SMALL_NUMBERS.get(data[position + 1 : end], -1)
            if length < 0:
                length = self._large_length(data[position + 1 : end])
            start = end + 2
            if start + length + 2 > available:
                self._pause(missing, position)
                buffer.want(start - position + length + 2)
                return None
            arguments.append(data[start : start + length])
            self._size += length
            position = start + length + 2
        if self._size > self._max_request_bytes:
            raise RespError("Protocol error: request is too large")
        self._missing = self._size = 0
        buffer.position = position
        return arguments

    def _pause(self, missing: int, position: int) -> None:
        self._missing = missing
        self._buffer.position = position
        if self._size > self._max_request_bytes:
            raise RespError("Protocol error: request is too large")

    def _large_length(self, text: bytes) -> int:
        try:
            length = parse_number(text)
        except ValueError:
            length = -1
        if length > MAX_BYTES_OF_STRANGER and self._is_stranger():
            raise RespError("Protocol error: unauthenticated bulk length")
        if not 0 <= length <= self._max_request_bytes:
            raise RespError("Protocol error: invalid bulk length")
        return length

    def _next_inline(self) -> list[bytes] | None:
        """A command typed by hand: words, quotes where they hold spaces."""
        buffer = self._buffer
        end = buffer.data.find(b"\n", buffer.position)
        if (end if end >= 0 else len(buffer.data)) - buffer.position > MAX_INLINE_BYTES:
            raise RespError("Protocol error: too big inline request")
        if end < 0:
            return None
        line = buffer.data[buffer.position : end]
        buffer.position = end + 1
        words = split_words(line)
        if words is None:
            raise RespError("Protocol error: unbalanced quotes in request")
        return words


_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
_HEX = frozenset(b"0123456789abcdefABCDEF")


def split_words(line: bytes) -> list[bytes] | None:
    """Split an inline command into its words; None where a quote is not closed.

    `"a\\x41\\n"` knows escapes, `'it\\'s'` only the escaped quote; a closing quote must be
    followed by a space or the end.  # Real: sdssplitargs()
    """
    line = line.partition(b"\0")[0]  # Redis reads it as a C string.
    words, position = [], 0
    while True:
        while position < len(line) and line[position : position + 1].isspace():
            position += 1
        if position >= len(line):
            return words
        word, position = _word(line, position)
        if word is None:
            return None
        words.append(word)


def _word(line: bytes, position: int) -> tuple[bytes | None, int]:
    word = bytearray()
    while position < len(line):
        byte = line[position : position + 1]
        if byte.isspace():
            break
        if byte in (b'"', b"'"):
            text, position = _quoted(line, position + 1, byte)
            if text is None:
                return None, position
            return bytes(word + text), position
        word += byte
        position += 1
    return bytes(word), position


def _quoted(line: bytes, position: int, quote: bytes) -> tuple[bytearray | None, int]:
    text = bytearray()
    while position < len(line):
        byte, following = line[position : position + 1], line[position + 1 : position + 2]
        if byte == quote:
            if following and not following.isspace():
                return None, position
            return text, position + 1
        if byte == b"\\" and quote == b'"' and following:
            digits = line[position + 2 : position + 4]
            if following == b"x" and len(digits) == 2 and _HEX.issuperset(digits):
                text.append(int(digits, 16))
                position += 4
                continue
            text += _ESCAPES.get(following, following)
            position += 2
        elif byte == b"\\" and following == quote:
            text += quote
            position += 2
        else:
            text += byte
            position += 1
    return None, position


# Encoding.


def encode_request(arguments: Sequence[bytes | str | int | float]) -> bytes:
    """A request as a client sends it; text is encoded as UTF-8, numbers in decimal."""
    return encode_requests((arguments,))


def encode_requests(requests: Iterable[Sequence[bytes | str | int | float]]) -> bytes:
    """Several requests, one after the other."""
    parts: list[bytes] = []
    add = parts.append
    for arguments in requests:
        add(b"*%d" % len(arguments))
        for argument in arguments:
            if not isinstance(argument, bytes):
                argument = (argument if isinstance(argument, str) else repr(argument)).encode()
            size = len(argument)
            add(_NEXT_HEADS[size] if size < 1024 else b"\r\n$%d\r\n" % size)
            add(argument)
        add(b"\r\n")
    return b"".join(parts)


def encode_words(words: list[bytes]) -> bytes:
    """The same of byte strings alone, in a third of the time: for the append-only file."""
    parts = [b"*%d" % len(words)]
    for word in words:
        size = len(word)
        parts.append(_NEXT_HEADS[size] if size < 1024 else b"\r\n$%d\r\n" % size)
        parts.append(word)
    parts.append(b"\r\n")
    return b"".join(parts)


def format_double(value: float) -> bytes:
    """A double as Redis 7.0 writes it: 17 digits, of which none is lost.

    From 7.2 on Redis writes the shortest text that reads back as the same number.
    """
    return b"%.17g" % value


def encode_reply(value: object, version: int = 2) -> bytes:
    """Any reply value as bytes of the protocol version (2 or 3)."""
    try:
        return _ENCODERS[version][type(value)](value)
    except KeyError:
        raise TypeError(f"no RESP form for {type(value).__name__}") from None


# Putting three strings together takes half as long as formatting one.
_BULK_HEADS = [b"$%d\r\n" % size for size in range(1024)]
_NEXT_HEADS = [b"\r\n" + head for head in _BULK_HEADS]


def encode_bulk(value: bytes) -> bytes:
    """A string, in both versions."""
    size = len(value)
    if size < 1024:
        return _BULK_HEADS[size] + value + b"\r\n"
    return b"$%d\r\n%b\r\n" % (size, value)


def encode_replies(values: list[object], version: int = 2) -> bytes:
    """Replies one after the other; those of a run are mostly of one type."""
    count = len(values)
    kinds = set(map(type, values))
    if kinds == _INTEGERS:
        return b":%d\r\n" * count % tuple(values)
    if kinds == _STRINGS and len(lengths := set(map(len, values))) == 1:
        # IDs, or values of one form: a third less time than one by one.
        return b"$%d\r\n%%b\r\n" % lengths.pop() * count % tuple(values)
    if kinds == _STATUSES and values.count(OK) == count:
        return b"+OK\r\n" * count
    if kinds == _NOTHING:
        return encode_reply(None, version) * count
    return _elements(values, version)


_INTEGERS, _STRINGS, _STATUSES, _NOTHING = {int}, {bytes}, {Simple}, {type(None)}


def _integer(value: int) -> bytes:
    return b":%d\r\n" % value


@functools.lru_cache(maxsize=256)
def _simple(value: str) -> bytes:
    return b"+%b\r\n" % value.encode()


def _error(value: ReplyError) -> bytes:
    # A line break inside would end the reply early, and let text pose as a reply.
    text = str(value).replace("\r", " ").replace("\n", " ")
    return b"-%b\r\n" % text.encode("utf-8", "surrogateescape")


def _elements(values: object, version: int) -> bytes:
    encoders = _ENCODERS[version]
    return b"".join([encoders[type(value)](value) for value in values])


def _array(mark: bytes, version: int) -> Callable[[object], bytes]:
    return lambda values: b"%b%d\r\n%b" % (mark, len(values), _elements(values, version))


def _pairs(values: dict) -> list:
    return [part for pair in values.items() for part in pair]


_COMMON_ENCODERS: dict[type, Callable] = {
    bytes: encode_bulk,
    int: _integer,
    Simple: _simple,
    ReplyError: _error,
    str: lambda value: encode_bulk(value.encode()),
}

_ENCODERS: dict[int, dict[type, Callable]] = {
    2: _COMMON_ENCODERS
    | {
        type(None): lambda _: b"$-1\r\n",
        NilArray: lambda _: b"*-1\r\n",
        float: lambda value: encode_bulk(format_double(value)),
        bool: lambda value: b":1\r\n" if value else b":0\r\n",
        list: _array(b"*", 2),
        tuple: _array(b"*", 2),
        set: _array(b"*", 2),
        SetReply: _array(b"*", 2),
        Pairs: lambda pairs: _ENCODERS[2][list]([part for pair in pairs for part in pair]),
        PairMap: _array(b"*", 2),
        Push: _array(b"*", 2),
        BigNumber: lambda value: encode_bulk(b"%d" % value),
        Digits: encode_bulk,
        Attributed: lambda it: encode_reply(it.value, 2),
        Several: lambda values: _elements(values, 2),
        dict: lambda values: _ENCODERS[2][list](_pairs(values)),
        Verbatim: encode_bulk,
    },
    3: _COMMON_ENCODERS
    | {
        type(None): lambda _: b"_\r\n",
        NilArray: lambda _: b"_\r\n",
        float: lambda value: b",%b\r\n" % format_double(value),
        bool: lambda value: b"#t\r\n" if value else b"#f\r\n",
        list: _array(b"*", 3),
        tuple: _array(b"*", 3),
        set: _array(b"~", 3),
        SetReply: _array(b"~", 3),
        Pairs: _array(b"*", 3),
        PairMap: lambda pairs: (
            b"%%%d\r\n%b"
            % (
                len(pairs),
                _elements([part for pair in pairs for part in pair], 3),
            )
        ),
        Push: _array(b">", 3),
        BigNumber: lambda value: b"(%d\r\n" % value,
        Digits: lambda value: b",%b\r\n" % value,
        Attributed: lambda it: (
            b"|%d\r\n%b" % (len(it.attributes), _elements([*_pairs(it.attributes), it.value], 3))
        ),
        Several: lambda values: _elements(values, 3),
        dict: lambda values: b"%%%d\r\n%b" % (len(values), _elements(_pairs(values), 3)),
        Verbatim: lambda value: b"=%d\r\ntxt:%b\r\n" % (len(value) + 4, value),
    },
}

"""What a client says: bytes → messages.

    decoder = FrontendDecoder()
    decoder.receive_data(data)
    while (message := decoder.next_message()) is not None: …

The first messages have no letter (SSLRequest, GSSENCRequest, CancelRequest, StartupMessage); after
a StartupMessage every message has one. A `ProtocolError` ends the connection, because nobody knows
where the next message would begin; what is wrong inside one message is an error of that message
alone (`SqlError` 08P01), and the stream goes on behind it.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from services.sqldb.errors import PROTOCOL_VIOLATION, SqlError

PROTOCOL_3 = 196608
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102

MAX_STARTUP_BYTES = 10_000
# Letters whose messages may be long; all others are at most as long as a startup packet.
# Real: PQ_LARGE_MESSAGE_LIMIT and PQ_SMALL_MESSAGE_LIMIT in libpq.h.
_LARGE = frozenset(b"QPBdFp")
MAX_SMALL_BYTES = 10_000

# Messages without data of their own, which drivers send again and again in the same bytes, mostly
# three of them behind a Bind: Describe, Execute, Sync.
_REPEATED = frozenset(b"DESCH")
_MAX_KEPT_BYTES = 64
_MAX_KEPT = 128

_LENGTH = struct.Struct(">I")
_HEAD = struct.Struct(">BI")
_SHORT = struct.Struct(">H")

_BIND = ord("B")
_NULL_LENGTH = 0xFFFFFFFF


class ProtocolError(SqlError):
    """The stream of messages cannot be followed any more: FATAL."""

    def __init__(self, message: str):
        super().__init__(PROTOCOL_VIOLATION, message, severity="FATAL")


@dataclass(frozen=True, slots=True)
class SslRequest:
    pass


@dataclass(frozen=True, slots=True)
class GssEncRequest:
    pass


@dataclass(frozen=True, slots=True)
class CancelRequest:
    process_id: int
    secret_key: int


@dataclass(frozen=True, slots=True)
class Startup:
    """`options`: protocol options (_pq_.…) that we do not know, to be refused by name."""

    minor_version: int
    parameters: dict[str, str]
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Password:
    """PasswordMessage, SASLInitialResponse and SASLResponse share a letter."""

    body: bytes

    def sasl_initial(self) -> tuple[str, bytes]:
        """The body read as SASLInitialResponse: mechanism and its first message."""
        name, zero, rest = self.body.partition(b"\0")
        if not zero or len(rest) < 4:
            raise ProtocolError("malformed SASL initial response")
        return name.decode("utf-8", "replace"), rest[4:]


@dataclass(frozen=True, slots=True)
class Query:
    sql: str


@dataclass(frozen=True, slots=True)
class Parse:
    name: str
    sql: str
    type_oids: tuple[int, ...]


@dataclass(slots=True)
class Bind:
    """Formats: none at all (all text), one for all, or one each; 0 is text and 1 binary.

    Not frozen, because one is made for each statement: 0.5 µs instead of 1.6 (Python 3.11).
    """

    portal: str
    statement: str
    parameter_formats: tuple[int, ...]
    parameters: tuple[bytes | None, ...]
    result_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Describe:
    kind: str  # "S" a prepared statement, "P" a portal
    name: str


@dataclass(frozen=True, slots=True)
class Execute:
    portal: str
    max_rows: int  # 0: all


@dataclass(frozen=True, slots=True)
class Close:
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Flush:
    pass


@dataclass(frozen=True, slots=True)
class Sync:
    pass


@dataclass(frozen=True, slots=True)
class Terminate:
    pass


@dataclass(frozen=True, slots=True)
class CopyData:
    data: bytes


@dataclass(frozen=True, slots=True)
class CopyDone:
    pass


@dataclass(frozen=True, slots=True)
class CopyFail:
    reason: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The fast-path call of libpq's PQfn: long out of use, refused."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message whose frame is right and whose body is not; `letter` says which it was to be."""

    letter: str
    error: SqlError


Message = (
    SslRequest
    | GssEncRequest
    | CancelRequest
    | Startup
    | Password
    | Query
    | Parse
    | Bind
    | Describe
    | Execute
    | Close
    | Flush
    | Sync
    | Terminate
    | CopyData
    | CopyDone
    | CopyFail
    | FunctionCall
    | Malformed
)


class FrontendDecoder:
    """Cuts a stream of bytes into messages."""

    def __init__(self, max_message_bytes: int = 1 << 30) -> None:
        self._max_message_bytes = max_message_bytes
        self._buffer: bytes | bytearray = b""
        self._offset = 0
        self._is_started = False
        # What messages these bytes are, the last one first: 0.3 µs instead of 6 (Python 3.11).
        self._kept: dict[bytes, tuple[Message, ...]] = {}
        self._ready: list[Message] = []

    def receive_data(self, data: bytes) -> None:
        if self._offset == len(self._buffer):
            # Nearly always: messages come whole, and what has come is read to its end.
            self._buffer = data
        else:
            if self._offset or isinstance(self._buffer, bytes):
                self._buffer = bytearray(memoryview(self._buffer)[self._offset :])
            self._buffer += data
        self._offset = 0

    def next_message(self) -> Message | None:
        """The next whole message, or None: more data is needed. Raises ProtocolError."""
        if self._ready:
            return self._ready.pop()
        if not self._is_started:
            return self._next_untyped()
        buffer, start = self._buffer, self._offset
        left = len(buffer) - start
        if left < 5:
            return None
        letter, length = _HEAD.unpack_from(buffer, start)
        end = start + 1 + length
        if letter in _REPEATED and length < _MAX_KEPT_BYTES and self._repeat(start, end):
            return self._ready.pop()
        if letter not in _READERS:
            raise ProtocolError(f"invalid frontend message type {letter}")
        limit = self._max_message_bytes if letter in _LARGE else MAX_SMALL_BYTES
        if length < 4 or length > limit:
            raise ProtocolError("invalid message length")
        if len(buffer) < end:
            return None
        self._offset = end
        return _message_of(letter, bytes(buffer[start + 5 : end]))

    def _repeat(self, start: int, end: int) -> bool:
        """Whether the message, or all to the end of the buffer, are `_ready`, being repeated."""
        buffer = self._buffer
        if len(buffer) - start <= _MAX_KEPT_BYTES:
            end = len(buffer)
        data = bytes(buffer[start:end])
        known = self._kept.get(data)
        if known is None:
            known = tuple(reversed(_repeated_messages(data)))
            if known and len(self._kept) < _MAX_KEPT:
                self._kept[data] = known
        if known:
            self._offset = end
            self._ready.extend(known)
        return bool(known)

    def _next_untyped(self) -> Message | None:
        buffer, start = self._buffer, self._offset
        if len(buffer) - start < 4:
            return None
        (length,) = _LENGTH.unpack_from(buffer, start)
        if length < 8 or length > MAX_STARTUP_BYTES:
            raise ProtocolError("invalid length of startup packet")
        end = start + length
        if len(buffer) < end:
            return None
        self._offset = end
        body = _Body(bytes(memoryview(buffer)[start + 4 : end]))
        code = body.uint32()
        match code:
            case _ if code == SSL_REQUEST:
                return SslRequest()
            case _ if code == GSSENC_REQUEST:
                return GssEncRequest()
            case _ if code == CANCEL_REQUEST and length == 16:
                return CancelRequest(body.uint32(), body.uint32())
        message = _startup(code, body)
        self._is_started = True
        return message

    @property
    def has_unread_data(self) -> bool:
        """Bytes came that no message was made of: behind an SSLRequest a sign of an attack."""
        return bool(self._ready) or len(self._buffer) > self._offset


def _repeated_messages(data: bytes) -> list[Message]:
    """The messages that these bytes are; none, if they aren't whole ones of the repeated kinds."""
    messages: list[Message] = []
    start = 0
    while len(data) - start >= _HEAD.size and data[start] in _REPEATED:
        letter, length = _HEAD.unpack_from(data, start)
        end = start + 1 + length
        if length < 4 or end > len(data):
            break
        messages.append(_message_of(letter, data[start + 5 : end]))
        start = end
    is_all = start == len(data)
    return messages if is_all and not any(isinstance(m, Malformed) for m in messages) else []


def _message_of(letter: int, data: bytes) -> Message:
    if letter == _BIND:
        try:
            return _bind(data)
        except (ValueError, struct.error):
            pass  # Read it once more, slowly, to say what is wrong with it.
    body = _Body(data)
    try:
        message = _READERS[letter](body)
        body.expect_end()
    except SqlError as error:
        return Malformed(chr(letter), error)
    return message


class _Body:
    """The bytes of one message, read from the front."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes):
        self._data = data
        self._position = 0

    def take(self, count: int) -> bytes:
        start, end = self._position, self._position + count
        if count < 0 or end > len(self._data):
            raise SqlError(PROTOCOL_VIOLATION, "insufficient data left in message")
        self._position = end
        return self._data[start:end]

    def uint32(self) -> int:
        return _LENGTH.unpack(self.take(4))[0]

    def shorts(self) -> tuple[int, ...]:
        """A count and as many 16-bit numbers: format codes."""
        count = _SHORT.unpack(self.take(2))[0]
        return struct.unpack(f">{count}H", self.take(2 * count))

    def text(self) -> str:
        end = self._data.find(b"\0", self._position)
        if end < 0:
            raise SqlError(PROTOCOL_VIOLATION, "invalid string in message")
        data = self._data[self._position : end]
        self._position = end + 1
        return decode_text(data)

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._position)

    @property
    def is_at_end(self) -> bool:
        return self._position >= len(self._data)

    def expect_end(self) -> None:
        if not self.is_at_end:
            raise SqlError(PROTOCOL_VIOLATION, "invalid message format")


def decode_text(data: bytes) -> str:
    """UTF-8 from a client. Raises SqlError 22021 naming the first bad bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        shown = " ".join(f"0x{byte:02x}" for byte in data[error.start : error.end])
        raise SqlError("22021", f'invalid byte sequence for encoding "UTF8": {shown}') from None


def _startup(code: int, body: _Body) -> Startup:
    major, minor = code >> 16, code & 0xFFFF
    if major != 3:
        raise SqlError(
            "0A000",
            f"unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0",
            severity="FATAL",
        )
    parameters, options = {}, []
    try:
        while name := body.text():
            value = body.text()
            if name.startswith("_pq_."):
                options.append(name)
            else:
                parameters[name] = value
        body.expect_end()
    except SqlError:
        message = "invalid startup packet layout: expected terminator as last byte"
        raise ProtocolError(message) from None
    return Startup(minor, parameters, tuple(options))


def _parse(body: _Body) -> Parse:
    name, sql = body.text(), body.text()
    count = _SHORT.unpack(body.take(2))[0]
    return Parse(name, sql, struct.unpack(f">{count}I", body.take(4 * count)))


def _bind_slowly(body: _Body) -> Bind:
    """A Bind, part by part: the plain form of `_bind`."""
    portal, statement = body.text(), body.text()
    formats = body.shorts()
    count = _SHORT.unpack(body.take(2))[0]
    parameters = []
    for _ in range(count):
        length = body.uint32()
        parameters.append(None if length == _NULL_LENGTH else body.take(length))
    return Bind(portal, statement, formats, tuple(parameters), body.shorts())


def _bind(data: bytes) -> Bind:
    """A Bind in a third of the time. Raises ValueError or struct.error where it is malformed."""
    at = data.index(0)
    portal = data[:at].decode()
    end = data.index(0, at + 1)
    statement = data[at + 1 : end].decode()
    formats, at = _shorts_at(data, end + 1)
    count = _SHORT.unpack_from(data, at)[0]
    at += 2
    parameters: list[bytes | None] = []
    for _ in range(count):
        length = _LENGTH.unpack_from(data, at)[0]
        at += 4
        if length == _NULL_LENGTH:
            parameters.append(None)
            continue
        parameters.append(data[at : at + length])
        at += length
    result_formats, at = _shorts_at(data, at)
    if at != len(data):
        raise ValueError("bytes behind the end")
    return Bind(portal, statement, formats, tuple(parameters), result_formats)


def _shorts_at(data: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """A count and as many 16-bit numbers; and where they end."""
    count = _SHORT.unpack_from(data, at)[0]
    if count == 0:
        return (), at + 2
    return struct.unpack_from(f">{count}H", data, at + 2), at + 2 + 2 * count


def _kind_and_name(body: _Body, make: Callable[[str, str], Describe | Close]) -> Describe | Close:
    kind = body.take(1).decode("latin-1")
    if kind not in ("S", "P"):
        word = make.__name__.upper()
        raise SqlError(PROTOCOL_VIOLATION, f"invalid {word} message subtype {ord(kind)}")
    return make(kind, body.text())


def _function_call(body: _Body) -> FunctionCall:
    body.rest()
    return FunctionCall()


_READERS: dict[int, Callable[[_Body], Message]] = {
    ord("Q"): lambda body: Query(body.text()),
    ord("P"): _parse,
    _BIND: _bind_slowly,
    ord("D"): lambda body: _kind_and_name(body, Describe),
    ord("E"): lambda body: Execute(body.text(), body.uint32()),
    ord("C"): lambda body: _kind_and_name(body, Close),
    ord("H"): lambda body: Flush(),
    ord("S"): lambda body: Sync(),
    ord("X"): lambda body: Terminate(),
    ord("d"): lambda body: CopyData(body.rest()),
    ord("c"): lambda body: CopyDone(),
    ord("f"): lambda body: CopyFail(body.text()),
    ord("F"): _function_call,
    ord("p"): lambda body: Password(body.rest()),
}

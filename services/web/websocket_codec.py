"""WebSocket frames (RFC 6455) out of bytes and into bytes; no socket is known here.

      0               1               2
     +-+-+-+-+-------+-+-------------+----------------+------------- - - -
     |F|R|R|R| opcode|M| length 0-125| 16 or 64 more  | mask (4), payload
     |I|S|S|S|       |A| 126, 127: ─▶| bits of length |
     |N|1|2|3|       |S|             |                |
     +-+-+-+-+-------+-+-------------+----------------+------------- - - -

    decoder.receive_data(...)
    decoder.next_event()  ─▶ Message("hi") · Ping(b"…") · Pong(b"…") · Close(1000, "bye") · None

A message may come in fragments, with pings and pongs between them; the decoder puts it together.
A client masks what it sends, so that what it says cannot look like HTTP to a proxy on the way; a
server does not. RSV1 marks a message that is compressed (`websocket_deflate`).

Every mistake of the peer is a `WebSocketError` with the close code that tells it which: 1002 for
frames that are malformed, 1007 for text that is not UTF-8, 1009 for what is too large.
"""

from __future__ import annotations

import codecs
import enum
import struct
from dataclasses import dataclass
from typing import Protocol

MAX_MESSAGE_BYTES = 1024 * 1024
_MAX_CONTROL_BYTES = 125


class Opcode(enum.IntEnum):
    """What a frame is; those from 8 on are control frames, small and whole."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class CloseCode(enum.IntEnum):
    """Why a connection ends (section 7.4)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS = 1005
    """Never sent: what a close frame without a code means."""
    ABNORMAL = 1006
    """Never sent: the connection ended without a close frame."""
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013


# 1004 to 1006 and 1015 are reserved for saying something without a frame.
_SENDABLE_CODES = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})


class WebSocketError(Exception):
    """What the peer sent is no WebSocket, or beyond a limit; close with `code`."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message: str if it was sent as text."""

    data: str | bytes


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered by a pong with the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping, or a sign of life unasked for."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The peer says goodbye; nothing of it follows."""

    code: int
    reason: str


Event = Message | Ping | Pong | Close


class Inflater(Protocol):
    """Decompresses messages; see `websocket_deflate`."""

    def inflate(self, data: bytes, *, is_last: bool, max_bytes: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Header:
    is_final: bool
    is_compressed: bool
    opcode: Opcode
    mask: bytes
    length: int
    header_bytes: int


class WebSocketDecoder:
    """The events of one direction of a connection.

    A server expects masked frames, a client expects none. Errors are final: after a
    `WebSocketError` where the next frame begins is not known.
    """

    def __init__(
        self,
        *,
        expects_mask: bool = True,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        inflater: Inflater | None = None,
    ) -> None:
        self._expects_mask = expects_mask
        self._max_message_bytes = max_message_bytes
        self._inflater = inflater
        self._buffer = bytearray()
        self._is_over = False
        # The message under way: its kind, whether it is compressed, what is there of it.
        self._opcode: Opcode | None = None
        self._is_compressed = False
        self._text = codecs.getincrementaldecoder("utf-8")()
        self._parts: list[str] | list[bytes] = []
        self._message_bytes = 0

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the connection, in whatever pieces they come."""
        if not self._is_over:  # What follows a close frame means nothing.
            self._buffer += data

    def next_event(self) -> Event | None:
        """The next event, or None: need more. Errors: WebSocketError."""
        while (header := self._read_header()) is not None:
            end = header.header_bytes + header.length
            if len(self._buffer) < end:
                return None
            payload = bytes(self._buffer[header.header_bytes : end])
            del self._buffer[:end]
            if header.mask:
                payload = apply_mask(payload, header.mask)
            if header.opcode >= Opcode.CLOSE:
                return self._control(header.opcode, payload)
            message = self._data(header, payload)
            if message is not None:
                return message
        return None

    def _read_header(self) -> _Header | None:
        """The frame's header, checked as soon as it is there and before its payload is waited
        for: nobody can announce more than is allowed."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        opcode = self._check_first_byte(first)
        is_masked, length = bool(second & 0x80), second & 0x7F
        if is_masked is not self._expects_mask:
            verb = "is not" if self._expects_mask else "is"
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, f"a frame {verb} masked")
        if opcode >= Opcode.CLOSE and length > _MAX_CONTROL_BYTES:
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, "a control frame is too long")
        at = 2
        if length > 125:
            at, form, smallest = (4, "!H", 126) if length == 126 else (10, "!Q", 65536)
            if len(buffer) < at:
                return None
            (length,) = struct.unpack_from(form, buffer, 2)
            if length < smallest or length >= 1 << 63:
                raise WebSocketError(CloseCode.PROTOCOL_ERROR, "a length is not in its short form")
        if opcode < Opcode.CLOSE and self._message_bytes + length > self._max_message_bytes:
            raise self._too_big()
        mask_bytes = 4 if is_masked else 0
        if len(buffer) < at + mask_bytes:
            return None
        mask = bytes(buffer[at : at + mask_bytes])
        return _Header(
            bool(first & 0x80), bool(first & 0x40), opcode, mask, length, at + mask_bytes
        )

    def _check_first_byte(self, first: int) -> Opcode:
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, "an unknown opcode") from None
        is_final, is_compressed = first & 0x80, first & 0x40
        begins_message = opcode in (Opcode.TEXT, Opcode.BINARY)
        if first & 0x30 or (is_compressed and not (self._inflater and begins_message)):
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, "a reserved bit is set")
        if opcode >= Opcode.CLOSE:
            if not is_final:
                raise WebSocketError(CloseCode.PROTOCOL_ERROR, "a control frame is fragmented")
        elif begins_message is (self._opcode is not None):
            problem = "a message begins inside another" if begins_message else "nothing to continue"
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, problem)
        return opcode

    def _control(self, opcode: Opcode, payload: bytes) -> Event:
        if opcode is Opcode.PING:
            return Ping(payload)
        if opcode is Opcode.PONG:
            return Pong(payload)
        self._is_over = True
        self._buffer.clear()
        if not payload:
            return Close(CloseCode.NO_STATUS, "")
        code = int.from_bytes(payload[:2], "big")
        if len(payload) == 1 or code not in _SENDABLE_CODES:
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, "a close code that may not be sent")
        try:
            return Close(code, payload[2:].decode())
        except UnicodeDecodeError:
            raise WebSocketError(CloseCode.INVALID_DATA, "a reason is not UTF-8") from None

    def _data(self, header: _Header, payload: bytes) -> Message | None:
        if header.opcode is not Opcode.CONTINUATION:
            self._opcode = header.opcode
            self._is_compressed = header.is_compressed
            self._parts, self._message_bytes = [], 0
            self._text.reset()
        if self._is_compressed:
            payload = self._inflater.inflate(
                payload,
                is_last=header.is_final,
                max_bytes=self._max_message_bytes - self._message_bytes,
            )
        self._message_bytes += len(payload)
        if self._message_bytes > self._max_message_bytes:
            raise self._too_big()
        self._parts.append(self._decoded(payload, is_last=header.is_final))
        if not header.is_final:
            return None
        empty = "" if self._opcode is Opcode.TEXT else b""
        self._opcode, self._message_bytes = None, 0
        return Message(empty.join(self._parts))

    def _decoded(self, payload: bytes, *, is_last: bool) -> str | bytes:
        """Text is checked fragment by fragment, so that what is wrong is refused at once."""
        if self._opcode is Opcode.BINARY:
            return payload
        try:
            return self._text.decode(payload, is_last)
        except UnicodeDecodeError:
            raise WebSocketError(CloseCode.INVALID_DATA, "a text is not UTF-8") from None

    def _too_big(self) -> WebSocketError:
        return WebSocketError(
            CloseCode.TOO_BIG, f"a message has more than {self._max_message_bytes} bytes"
        )


def encode_frame(
    opcode: Opcode,
    payload: bytes,
    *,
    is_final: bool = True,
    is_compressed: bool = False,
    mask: bytes = b"",
) -> bytes:
    """One frame. `mask`: four random bytes in a client's frame, none in a server's."""
    first = opcode | (0x80 if is_final else 0) | (0x40 if is_compressed else 0)
    masked = 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, masked | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, masked | 126, size)
    else:
        head = struct.pack("!BBQ", first, masked | 127, size)
    return head + mask + (apply_mask(payload, mask) if mask else payload)


def encode_close(code: int, reason: str = "", *, mask: bytes = b"") -> bytes:
    """A close frame; the reason is cut to what fits. Errors: ValueError for a reserved code."""
    if code == CloseCode.NO_STATUS:
        return encode_frame(Opcode.CLOSE, b"", mask=mask)
    if code not in _SENDABLE_CODES:
        raise ValueError(f"{code} is no close code that may be sent")
    text = reason.encode()[: _MAX_CONTROL_BYTES - 2].decode(errors="ignore")
    return encode_frame(Opcode.CLOSE, code.to_bytes(2, "big") + text.encode(), mask=mask)


def apply_mask(data: bytes, mask: bytes) -> bytes:
    """XOR with the mask, over and over, as one large integer: a loop over bytes takes a hundred
    times as long."""
    size = len(data)
    pattern = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(data, "little") ^ int.from_bytes(pattern, "little")
    return masked.to_bytes(size, "little")

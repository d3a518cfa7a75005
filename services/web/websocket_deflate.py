"""permessage-deflate (RFC 7692): WebSocket messages compressed with DEFLATE.

Client and server agree in the handshake:

    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits     the client offers
    Sec-WebSocket-Extensions: permessage-deflate; …                          the server accepts

A message is one DEFLATE block that ends in an empty one (`00 00 ff ff`), and these four bytes are
left away. Each side's window may live on from message to message, so that the second one refers
to the first; *no context takeover* gives that up for memory. We keep the window of what we receive
if the client wants it so, and never one of what we send: 30 messages a second on one connection
gain by it, 10,000 connections at 256 KiB each do not.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from services.web.websocket_codec import CloseCode, WebSocketError

_NAME = "permessage-deflate"
_TAIL = b"\x00\x00\xff\xff"
# Shorter messages grow by being compressed.
MIN_BYTES = 64
_KNOWN = {
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
}


@dataclass(frozen=True, slots=True)
class DeflateParameters:
    """What both sides have agreed on."""

    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15

    def encode(self) -> str:
        """As the handshake's answer says it."""
        parts = [_NAME, "server_no_context_takeover"]
        if self.client_no_context_takeover:
            parts.append("client_no_context_takeover")
        if self.server_max_window_bits != 15:
            parts.append(f"server_max_window_bits={self.server_max_window_bits}")
        return "; ".join(parts)


def negotiate(offers: str) -> DeflateParameters | None:
    """The first offer that we can take; None: no compression."""
    for offer in offers.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name == _NAME:
            accepted = _accept(parameters)
            if accepted is not None:
                return accepted
    return None


def _accept(parameters: list[str]) -> DeflateParameters | None:
    values: dict[str, str] = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        name = name.strip()
        if name not in _KNOWN or name in values:
            return None
        values[name] = value.strip().strip('"')
    for name in ("server_no_context_takeover", "client_no_context_takeover"):
        if values.get(name):
            return None
    if not _is_window(values.get("client_max_window_bits") or "15"):
        return None
    bits = values.get("server_max_window_bits", "15")
    # zlib has no window of 2**8 for raw DEFLATE: such an offer we cannot keep.
    if not _is_window(bits) or bits == "8":
        return None
    return DeflateParameters("client_no_context_takeover" in values, int(bits))


def _is_window(text: str) -> bool:
    return text.isascii() and text.isdigit() and not text.startswith("0") and 8 <= int(text) <= 15


class MessageInflater:
    """Decompresses what the client sends, message by message."""

    def __init__(self, parameters: DeflateParameters) -> None:
        self._forgets = parameters.client_no_context_takeover
        self._zlib = zlib.decompressobj(-15)

    def inflate(self, data: bytes, *, is_last: bool, max_bytes: int) -> bytes:
        """The next piece of a message. Errors: WebSocketError for what is no DEFLATE, or more
        than `max_bytes` (a small message can be a very large one)."""
        if is_last:
            data += _TAIL
        try:
            inflated = self._zlib.decompress(data, max_bytes + 1)
        except zlib.error:
            raise WebSocketError(CloseCode.INVALID_DATA, "a message is no DEFLATE data") from None
        if len(inflated) > max_bytes:
            raise WebSocketError(CloseCode.TOO_BIG, "a compressed message is too large")
        # A final block ends the stream; what would refer to it begins anew (section 7.2.3.4).
        if (is_last and self._forgets) or self._zlib.eof:
            self._zlib = zlib.decompressobj(-15)
        return inflated


class MessageDeflater:
    """Compresses what the server sends, each message for itself."""

    def __init__(self, parameters: DeflateParameters) -> None:
        self._bits = parameters.server_max_window_bits

    def deflate(self, data: bytes) -> bytes:
        """A whole message, without the four bytes that each one ends with."""
        compress = zlib.compressobj(wbits=-self._bits)
        return (compress.compress(data) + compress.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)

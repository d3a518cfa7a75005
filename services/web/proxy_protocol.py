"""The PROXY protocol: a proxy says, before the first byte, whose connection it passes on.

    PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\\r\\n        version 1, a line of text
    0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A | 21 11 | length    version 2, binary

A proxy that passes bytes on without reading them (TLS ends here, not there) cannot add a header
field, so it tells the address in this way. Who turns it on expects it on every connection: one that
begins otherwise is refused, because its sender could claim any address.
# Real: HAProxy's proxy-protocol.txt, whose sections are named below.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from typing import NamedTuple

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_MAX_LINE_BYTES = 107  # Section 2.1
_MAX_HEADER_BYTES = 4096
_LINE = re.compile(rb"PROXY (TCP4|TCP6) (\S+) (\S+) ([0-9]{1,5}) ([0-9]{1,5})")


class ProxyProtocolError(Exception):
    """The connection does not begin as a proxy begins it."""


class ProxyHeader(NamedTuple):
    """What the header says, and how many bytes it took. No host: the proxy speaks for itself."""

    host: str | None
    port: int
    header_bytes: int


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header at the beginning of `data`; None: need more. Errors: ProxyProtocolError."""
    if data.startswith(_SIGNATURE):
        return _parse_binary(data)
    if data.startswith(b"PROXY"):
        return _parse_line(data)
    if _SIGNATURE.startswith(data) or b"PROXY".startswith(data):
        return None
    raise ProxyProtocolError("no PROXY header")


def _parse_line(data: bytes) -> ProxyHeader | None:
    line, end, _ = data[: _MAX_LINE_BYTES + 2].partition(b"\r\n")
    if not end:
        if len(data) > _MAX_LINE_BYTES:
            raise ProxyProtocolError("a PROXY line that does not end")
        return None
    size = len(line) + 2
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return ProxyHeader(None, 0, size)
    found = _LINE.fullmatch(line)
    if found is None:
        raise ProxyProtocolError("a malformed PROXY line")
    family, source, _, port, _ = found.groups()
    try:
        address = ipaddress.ip_address(source.decode("ascii"))
    except ValueError:
        raise ProxyProtocolError("a PROXY line without an address") from None
    if address.version != int(family[-1:]) or int(port) > 65535:
        raise ProxyProtocolError("a PROXY line whose parts do not fit together")
    return ProxyHeader(str(address), int(port), size)


def _parse_binary(data: bytes) -> ProxyHeader | None:
    """Section 2.2: signature, version and command, family, length, addresses, extensions."""
    if len(data) < 16:
        return None
    version_and_command, family, length = struct.unpack_from("!BBH", data, 12)
    size = 16 + length
    if version_and_command not in (0x20, 0x21) or size > _MAX_HEADER_BYTES:
        raise ProxyProtocolError("a malformed PROXY header")
    if len(data) < size:
        return None
    if version_and_command == 0x20 or family not in (0x11, 0x21):
        return ProxyHeader(None, 0, size)
    address_bytes = 4 if family == 0x11 else 16
    if length < 2 * address_bytes + 4:
        raise ProxyProtocolError("a PROXY header without addresses")
    address = ipaddress.ip_address(data[16 : 16 + address_bytes])
    (port,) = struct.unpack_from("!H", data, 16 + 2 * address_bytes)
    return ProxyHeader(str(address), port, size)

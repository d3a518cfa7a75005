"""Which protocol a client speaks: JSON lines or RESP, told apart by its first bytes.

kvdb and pubsub serve both on one port. The first byte decides almost always:

    {  [  "  a digit …      JSON lines (or an attempt at them, which gets a JSON error)
    *                       RESP, the arrays that every Redis client sends
    $                       RESP that has lost its place, which gets a protocol error
    a letter                a first line typed by hand: an inline RESP command where the line
                            ends in CR LF or its first word is a command; else a JSON error
    a control character     neither: a JSON error at the end of the line, or where the line
                            does not end, a RESP one

The last rule serves both kinds of people with a terminal: `PING` typed into netcat gets
`+PONG`, and a JSON client that sent `garbage` gets an answer that it can read.
"""

import enum
from collections.abc import Callable

from services.common.resp import MAX_INLINE_BYTES


class Dialect(enum.Enum):
    JSON = enum.auto()
    RESP = enum.auto()


def detect(data: bytes, is_command: Callable[[bytes], object]) -> Dialect | None:
    """The dialect of a connection that begins with `data`; None for "need more".

    `is_command` tells whether an upper-case word is a RESP command of this server.
    """
    data = data.lstrip(b"\r\n ")
    if not data:
        return None
    if data[:1] in (b"*", b"$"):
        return Dialect.RESP
    is_control = data[0] < 32 and data[:1] != b"\t"
    if not (data[:1].isalpha() or is_control):
        return Dialect.JSON
    line, newline, _ = data.partition(b"\n")
    if not newline:
        return Dialect.RESP if len(data) > MAX_INLINE_BYTES else None
    if is_control:
        return Dialect.JSON
    if line.endswith(b"\r") or is_command(line.split()[0].upper()):
        return Dialect.RESP
    return Dialect.JSON

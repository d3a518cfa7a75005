"""The client's side of RESP: bytes in, replies out.

Used by our services as clients of kvdb and pubsub, or of a real Redis in their place. The
replies are the values that `services.common.resp` encodes: bytes, int, None, Simple, list,
dict, set, float, bool, Push; an error reply is a `ReplyError` *value*, not raised, because
it may stand inside the array that EXEC answers.
"""

from services.common.resp import NEED_MORE, Push, ReplyError, RespError, Simple, parse_number

MAX_DEPTH = 64
_AGGREGATES = {b"*": list, b"~": set, b">": Push, b"%": dict}


class RespReplyDecoder:
    """Bytes in, replies out, RESP2 and RESP3."""

    def __init__(self, *, max_reply_bytes: int = 1 << 30):
        self._buffer = bytearray()
        self._max_reply_bytes = max_reply_bytes
        # What `next_reply` found missing: parsing is not tried again before it is there.
        self._wanted_bytes = 0

    def receive_data(self, data: bytes) -> None:
        self._buffer += data

    def next_reply(self) -> object:
        """The next reply, or NEED_MORE. Raises RespError."""
        if len(self._buffer) < self._wanted_bytes:
            return NEED_MORE
        try:
            value, end = self._value(0, 0)
        except _Incomplete as incomplete:
            self._wanted_bytes = incomplete.wanted_bytes
            if max(self._wanted_bytes, len(self._buffer)) > self._max_reply_bytes:
                raise RespError("reply is too large") from None
            return NEED_MORE
        del self._buffer[:end]
        self._wanted_bytes = 1
        return value

    def _value(self, position: int, depth: int) -> tuple[object, int]:
        """The value that starts at `position`, and where it ends."""
        end = self._buffer.find(b"\r\n", position)
        if end < 0:
            raise _Incomplete(len(self._buffer) + 1)
        mark, text = bytes(self._buffer[position : position + 1]), self._buffer[position + 1 : end]
        text, end = bytes(text), end + 2
        try:
            match mark:
                case b"+":
                    return Simple(text.decode()), end
                case b"-":
                    return ReplyError(text.decode("utf-8", "surrogateescape")), end
                case b":":
                    return parse_number(text), end
                case b"$" | b"=":
                    return self._bulk(mark, parse_number(text), end)
                case b"*" | b"~" | b">" | b"%":
                    return self._aggregate(mark, parse_number(text), end, depth + 1)
                case b"_":
                    return None, end
                case b",":
                    return float(text), end
                case b"#":
                    return text == b"t", end
                case b"(":
                    return int(text), end
        except ValueError:
            raise RespError(f"bad reply: {mark + text!r}") from None
        raise RespError(f"bad reply: {mark + text!r}")

    def _bulk(self, mark: bytes, length: int, start: int) -> tuple[bytes | None, int]:
        if length < 0:
            return None, start
        if len(self._buffer) < start + length + 2:
            raise _Incomplete(start + length + 2)
        if mark == b"=":  # A verbatim string begins with its form: `txt:`.
            start, length = start + 4, length - 4
        return bytes(self._buffer[start : start + length]), start + length + 2

    def _aggregate(self, mark: bytes, count: int, end: int, depth: int) -> tuple[object, int]:
        if depth > MAX_DEPTH:
            raise RespError("reply is nested too deep")
        if count < 0:
            return None, end
        values = []
        for _ in range(count * 2 if mark == b"%" else count):
            value, end = self._value(end, depth)
            values.append(value)
        if mark == b"%":
            return dict(zip(map(_hashable, values[::2]), values[1::2], strict=True)), end
        if mark == b"~":
            return {_hashable(value) for value in values}, end
        return _AGGREGATES[mark](values), end


def _hashable(value: object) -> object:
    match value:
        case list():
            return tuple(map(_hashable, value))
        case dict() | set():
            return repr(value)
    return value


class _Incomplete(Exception):
    """The reply goes on behind what has arrived; at least so many bytes are needed."""

    def __init__(self, wanted_bytes: int):
        self.wanted_bytes = wanted_bytes

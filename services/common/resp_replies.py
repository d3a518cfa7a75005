"""The client's side of RESP: bytes in, replies out.

Used by our services as clients of kvdb and pubsub, or of a real Redis in their place. The
replies are the values that `services.common.resp` encodes: bytes, int, None, Simple, list,
dict, set, float, bool, Push; an error reply is a `ReplyError` *value*, not raised, because
it may stand inside the array that EXEC answers.

A reply may be a large array that arrives in hundreds of pieces. What has been read of it stays
on a stack of aggregates that are still open, so that each byte is looked at once:

    *2 *1 :1        stack: [array of 2: []] [array of 1: [1]]   the inner one is complete
                    stack: [array of 2: [[1]]]                  and moves into the outer one
"""

from dataclasses import dataclass, field

from services.common.resp import NEED_MORE, Push, ReplyError, RespError, Simple, parse_number

MAX_DEPTH = 64

_STATUS, _INTEGER, _BULK = b"+:$"
_QUEUED, _QUEUED_LINE = Simple("QUEUED"), b"+QUEUED\r\n"
_STATUSES = {b"OK": Simple("OK"), b"QUEUED": _QUEUED}
_MAX_DIGITS = 15

_OPENED = object()
"""What `_next_part` answers when it has opened an aggregate instead of reading a value."""


class RespReplyDecoder:
    """Bytes in, replies out, RESP2 and RESP3."""

    def __init__(self, *, max_reply_bytes: int = 1 << 30):
        self._buffer = bytearray()
        self._position = 0
        self._open: list[_Aggregate] = []
        self._max_reply_bytes = max_reply_bytes
        self._reply_bytes = 0
        # Up to where the next part reaches: until that is there, nothing is tried.
        self._wanted_bytes = 1

    def receive_data(self, data: bytes) -> None:
        if self._position:
            del self._buffer[: self._position]
            self._wanted_bytes -= self._position
            self._position = 0
        self._buffer += data

    def next_reply(self) -> object:
        """The next reply, or NEED_MORE. Raises RespError."""
        if self._wanted_bytes == self._position + 1 and not self._open:
            reply = self._whole_reply()
            if reply is not NEED_MORE:
                return reply
        while len(self._buffer) >= self._wanted_bytes:
            start = self._position
            value = self._next_part()
            if value is NEED_MORE:
                break
            self._reply_bytes += self._position - start
            self._wanted_bytes = self._position + 1
            if value is not _OPENED and (value := self._put_away(value)) is not NEED_MORE:
                self._reply_bytes = 0
                return value
        if self._reply_bytes + self._wanted_bytes - self._position > self._max_reply_bytes:
            raise RespError("reply is too large")
        return NEED_MORE

    def _whole_reply(self) -> object:
        """A reply that has arrived whole and is one value, or an array of such; NEED_MORE if not.

        Nearly all replies are: this way costs a third of the general one below, which is taken for
        all others, and begins anew.
        """
        buffer, position = self._buffer, self._position
        if buffer.startswith(_QUEUED_LINE, position):
            # A transaction is answered by one of these for each of its commands.
            self._position, self._wanted_bytes = position + 9, position + 10
            return _QUEUED
        if buffer[position : position + 1] != b"*":
            value, position = _plain_value(buffer, position)
        else:
            end = buffer.find(b"\r\n", position)
            count = buffer[position + 1 : end]
            if end < 0 or not count.isdigit() or len(count) > _MAX_DIGITS:
                return NEED_MORE
            value, position = [], end + 2
            for _ in range(int(count)):
                one, position = _plain_value(buffer, position)
                if one is NEED_MORE:
                    return NEED_MORE
                value.append(one)
        if value is not NEED_MORE:
            self._position, self._wanted_bytes = position, position + 1
        return value

    def _put_away(self, value: object) -> object:
        """Add a value to the innermost open aggregate, close what is complete by that.

        Answers the whole reply, or NEED_MORE while an aggregate is open.
        """
        while self._open:
            aggregate = self._open[-1]
            aggregate.values.append(value)
            if len(aggregate.values) < aggregate.size:
                return NEED_MORE
            self._open.pop()
            value = aggregate.closed()
        return value

    def _next_part(self) -> object:
        """A value without parts, `_OPENED`, or NEED_MORE."""
        buffer, position = self._buffer, self._position
        end = buffer.find(b"\r\n", position)
        if end < 0:
            self._wanted_bytes = len(buffer) + 1
            return NEED_MORE
        mark, text = bytes(buffer[position : position + 1]), bytes(buffer[position + 1 : end])
        try:
            match mark:
                case b"$" | b"=":
                    return self._bulk(mark, parse_number(text), end + 2)
                case b"*" | b"~" | b">" | b"%":
                    value = self._opened(mark, parse_number(text))
                case _:
                    value = _simple_value(mark, text)
        except ValueError:
            raise RespError(f"bad reply: {mark + text!r}") from None
        self._position = end + 2
        return value

    def _bulk(self, mark: bytes, length: int, start: int) -> object:
        if length < 0:
            self._position = start
            return None
        end = start + length
        if len(self._buffer) < end + 2:
            self._wanted_bytes = end + 2
            return NEED_MORE
        self._position = end + 2
        if mark == b"=":  # A verbatim string begins with its form: `txt:`.
            start += 4
        return bytes(self._buffer[start:end])

    def _opened(self, mark: bytes, count: int) -> object:
        if count < 0:
            return None
        aggregate = _Aggregate(mark, count * 2 if mark == b"%" else count)
        if count == 0:
            return aggregate.closed()
        if len(self._open) == MAX_DEPTH:
            raise RespError("reply is nested too deep")
        self._open.append(aggregate)
        return _OPENED


def _plain_value(buffer: bytearray, position: int) -> tuple[object, int]:
    """A status, an integer or a bulk string with its end; NEED_MORE for what else is there."""
    end = buffer.find(b"\r\n", position)
    if end < 0:
        return NEED_MORE, position
    mark, text = buffer[position], buffer[position + 1 : end]
    if mark == _STATUS and text.isascii():
        return _STATUSES.get(bytes(text)) or Simple(text.decode()), end + 2
    if text.isdigit() and len(text) <= _MAX_DIGITS:
        number = int(text)
        if mark == _INTEGER:
            return number, end + 2
        start, stop = end + 2, end + 2 + number
        if mark == _BULK and len(buffer) >= stop + 2:
            return bytes(buffer[start:stop]), stop + 2
    if mark == _BULK and text == b"-1":
        return None, end + 2
    return NEED_MORE, position


def _simple_value(mark: bytes, text: bytes) -> object:
    """A value that is one line. Raises ValueError."""
    match mark:
        case b"+":
            return Simple(text.decode())
        case b"-":
            return ReplyError(text.decode("utf-8", "surrogateescape"))
        case b":":
            return parse_number(text)
        case b"_":
            return None
        case b",":
            return float(text)
        case b"#":
            return text == b"t"
        case b"(":
            return int(text)
    raise ValueError("no such mark")


@dataclass(slots=True)
class _Aggregate:
    """An array, set, map or push of which some values have been read."""

    mark: bytes
    size: int
    values: list[object] = field(default_factory=list)

    def closed(self) -> object:
        """The value that it is, now that it is complete."""
        values = self.values
        match self.mark:
            case b"%":
                return dict(zip(map(_hashable, values[::2]), values[1::2], strict=True))
            case b"~":
                return {_hashable(value) for value in values}
            case b">":
                return Push(values)
        return values


def _hashable(value: object) -> object:
    match value:
        case list():
            return tuple(map(_hashable, value))
        case dict() | set():
            return repr(value)
    return value

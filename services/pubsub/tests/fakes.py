"""Sessions without sockets: a connection that only remembers what was sent."""

from collections.abc import Callable

from services.common.health import Vitals
from services.common.json_lines import JsonLineDecoder
from services.common.resp import NEED_MORE
from services.common.resp_replies import RespReplyDecoder
from services.common.tests.test_event_loop import RecordingLog
from services.pubsub.broker import Broker, Limits
from services.pubsub.session import ClientSession


class FakeConnection:
    """What a session needs of `services.common.stream_server.Connection`."""

    def __init__(self) -> None:
        self.sent = b""
        self.peer = "127.0.0.1:50000"
        self.closed = False
        self.is_closing = False
        self.is_full = False
        self.may_be_idle = False
        self.keeps_reading = False
        self.output_bytes = 0
        self.last_active_s = 0.0
        self.on_close: Callable[[], None] = lambda: None

    @property
    def is_blocked(self) -> bool:
        return self.is_full or self.is_closing or self.closed

    def send(self, data: bytes) -> None:
        if not (self.is_closing or self.closed):
            self.sent += data

    push = send

    def close_after_flush(self) -> None:
        self.is_closing = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.on_close()

    def take(self) -> bytes:
        sent, self.sent = self.sent, b""
        return sent


class FakeClient:
    """A client of a broker in this process: says bytes, reads what its session answered."""

    def __init__(self, broker: Broker):
        self.broker = broker
        self.connection = FakeConnection()
        self.log = RecordingLog()
        self.session = ClientSession(self.connection, broker, self.log)
        self.connection.on_close = self.session.connection_lost

    def raw(self, *pieces: bytes) -> bytes:
        """The bytes that came back, also for earlier messages."""
        for piece in pieces:
            if not self.connection.is_blocked:
                self.session.data_received(piece)
        return self.take()

    def take(self) -> bytes:
        self.broker.outbox.flush()
        return self.connection.take()

    def resp(self, line: str = "") -> list[object]:
        """Say an inline command; the replies and messages that have come."""
        return self.resp_of(line.encode() + b"\r\n") if line else replies_in(self.take())

    def resp_of(self, request: bytes) -> list[object]:
        return replies_in(self.raw(request))

    def json(self, line: str = "") -> list[dict]:
        """Say a JSON line; the lines that have come."""
        return lines_in(self.raw(line.encode() + b"\n") if line else self.take())


def new_broker(password: str = "", broker_id: str = "broker-1", **limits: int) -> Broker:
    vitals = Vitals("pubsub", address="127.0.0.1:4243", clock=lambda: 1000.0)
    return Broker(broker_id, vitals, Limits(**limits), password=password, clock=lambda: 7.0)


def replies_in(data: bytes) -> list[object]:
    decoder, found = RespReplyDecoder(), []
    decoder.receive_data(data)
    while (reply := decoder.next_reply()) is not NEED_MORE:
        found.append(reply)
    return found


def lines_in(data: bytes) -> list[dict]:
    decoder, found = JsonLineDecoder(max_line_bytes=1 << 26), []
    decoder.receive_data(data)
    while (line := decoder.next_request()) is not None:
        found.append(line)
    assert decoder.buffered_bytes == 0
    return found

"""Brokers as clients of brokers: no loops, nothing twice, in order; on paper and on sockets."""

import collections
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.json_lines import JsonLineDecoder
from services.pubsub.deliveries import Delivery, Message
from services.pubsub.hub import (
    LINE_GROWTH,
    PING_INTERVAL_S,
    Origins,
    Upstream,
    decode_forward,
    encode_forward,
)
from services.pubsub.outcomes import PubSubError
from services.pubsub.tests.fakes import FakeClient, FakeConnection, lines_in, new_broker

# Naming messages.


def test_a_message_is_news_once() -> None:
    origins = Origins("me")
    assert origins.is_news("a", 1)
    assert not origins.is_news("a", 1)
    assert origins.is_news("b", 1)
    assert origins.is_news("a", 5)
    assert not origins.is_news("a", 4)
    assert not origins.is_news("me", 1)


def test_the_memory_of_origins_has_a_limit_and_keeps_the_lively_ones() -> None:
    origins = Origins("me", capacity=3)
    for name in ("a", "b", "c"):
        origins.is_news(name, 1)
    assert origins.is_news("a", 2)
    assert origins.is_news("d", 1)  # Now "b" is forgotten, the one that was silent the longest.
    assert not origins.is_news("a", 2)
    assert origins.is_news("b", 1)


def arguments_of(line: bytes) -> dict:
    decoder = JsonLineDecoder(max_line_bytes=len(line))
    decoder.receive_data(line)
    return decoder.next_request()["args"]


@given(st.binary(max_size=50), st.binary(max_size=50), st.integers(1, 10**17))
def test_any_bytes_come_out_of_a_link_unchanged(
    channel: bytes, payload: bytes, sequence: int
) -> None:
    message = Message(channel, payload, "origin-1", sequence)
    line = encode_forward(Delivery(message, ()))
    assert decode_forward(arguments_of(line)) == message
    assert len(line) <= LINE_GROWTH * (len(channel) + len(payload)) + 200


def test_text_stays_readable_on_a_link() -> None:
    line = encode_forward(Delivery(Message(b"news", "é".encode(), "b1", 7), ()))
    assert line.decode() == (
        '{"command": "FORWARD", "args": {"origin": "b1", "sequence": 7, "channel": "news",'
        ' "message": "é"}}\n'
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": ""},
        {"origin": "x" * 65},
        {"sequence": "7"},
        {"sequence": -1},
        {"sequence": 1.5},
        {"sequence": 10**18},
        {"sequence": None},
        {"channel": ["news"]},
        {"message": None},
        {"encoding": "base64", "message": "?"},
        {"encoding": "base64", "message": "é"},
        {"encoding": "base64", "message": "YQ"},
    ],
)
def test_a_bad_forward_is_an_error(changed: dict) -> None:
    good = {"origin": "b1", "sequence": 7, "channel": "bmV3cw==", "message": "bQ=="}
    line = json.dumps({"args": good | changed}).encode() + b"\n"
    with pytest.raises(PubSubError):
        decode_forward(arguments_of(line))


# The side that is connected to.


def test_a_link_gets_every_message_and_passes_its_own_on() -> None:
    broker = new_broker(broker_id="me")
    link, client = FakeClient(broker), FakeClient(broker)
    assert link.json('{"command": "LINK"}') == [{"type": "LINK", "broker": "me"}]
    client.resp("SUBSCRIBE a")
    FakeClient(broker).resp("PUBLISH other x")
    (forwarded,) = link.json()
    assert forwarded["args"] == {
        "origin": "me",
        "sequence": "1",
        "channel": "other",
        "message": "x",
    }
    for sequence, text in ((1, b"one"), (1, b"one again"), (2, b"two"), (1, b"late")):
        line = encode_forward(Delivery(Message(b"a", text, "you", sequence), ()))
        assert link.raw(line) == b""
    assert [message[2] for message in client.resp()] == [b"one", b"two"]


def test_publish_counts_our_own_subscribers_and_not_the_links() -> None:
    broker = new_broker()
    link, client = FakeClient(broker), FakeClient(broker)
    link.json('{"command": "LINK"}')
    client.resp("SUBSCRIBE a")
    assert FakeClient(broker).resp("PUBLISH a x") == [1]
    assert broker.counters.messages_out == 1


def test_a_link_only_forwards_and_a_subscriber_cannot_become_one() -> None:
    broker = new_broker()
    link, subscriber = FakeClient(broker), FakeClient(broker)
    link.json('{"command": "LINK"}')
    (error,) = link.json('{"command": "SUBSCRIBE", "channel": "a"}')
    assert error == {"type": "ERROR", "message": "A linked broker only forwards"}
    assert link.json('{"command": "PING"}') == [{"type": "PONG"}]
    subscriber.json('{"command": "SUBSCRIBE", "channel": "a"}')
    (error,) = subscriber.json('{"command": "LINK"}')
    assert error == {"type": "ERROR", "message": "A subscriber cannot become a link"}


def test_a_link_takes_lines_that_are_longer_than_a_client_s() -> None:
    broker = new_broker(max_request_bytes=1000)
    link, client = FakeClient(broker), FakeClient(broker)
    link.json('{"command": "LINK"}')
    client.resp("SUBSCRIBE a")
    line = encode_forward(Delivery(Message(b"a", b"\x00" * 900, "you", 1), ()))
    assert len(line) > 5000
    assert link.raw(line) == b""
    assert client.resp() == [[b"message", b"a", b"\x00" * 900]]


def test_a_link_is_read_whatever_waits_for_it() -> None:
    """Two brokers that stop to read each other would wait for ever."""
    broker = new_broker()
    link = FakeClient(broker)
    link.json('{"command": "LINK"}')
    assert link.connection.keeps_reading
    assert link.connection.may_be_idle


# The side that connects.


class Timers:
    """The part of the event loop that an Upstream uses, with the time in the test's hands."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.later: list = []
        self.beat = None

    def call_later(self, delay_s: float, callback: object) -> None:
        self.later.append(callback)

    def call_every(self, interval_s: float, callback: object) -> "Timers":
        assert interval_s == PING_INTERVAL_S
        self.beat = callback
        return self

    def cancel(self) -> None:
        self.beat = None


class UpstreamSide:
    """An Upstream whose connections the test makes and breaks."""

    def __init__(self, password: str = "") -> None:
        self.broker = new_broker(password=password, broker_id="me")
        self.timers = Timers()
        self.attempts = 0
        self.log = FakeClient(self.broker).log
        self.upstream = Upstream(("hub", 4243), self.broker, self.timers, self._attempt, self.log)
        self.upstream.start()

    def _attempt(self, upstream: Upstream) -> None:
        self.attempts += 1

    def connect(self) -> FakeConnection:
        connection = FakeConnection()
        self.session = self.upstream.connected(connection)
        connection.on_close = self.session.connection_lost
        return connection

    def link(self) -> FakeConnection:
        connection = self.connect()
        self.session.data_received(b'{"type": "LINK", "broker": "hub-1"}\n')
        connection.take()
        return connection

    @property
    def problem(self) -> str | None:
        return self.broker.vitals.problems.get("upstream hub:4243")


def test_an_upstream_is_a_problem_until_it_is_linked() -> None:
    side = UpstreamSide()
    assert side.attempts == 1
    assert side.problem == "not linked yet"
    connection = side.connect()
    assert lines_in(connection.take()) == [{"command": "LINK"}]
    assert not side.broker.links
    side.session.data_received(b'{"type": "LINK", "broker": "hub-1"}\n')
    assert list(side.broker.links) == [side.session]
    assert side.problem is None
    assert side.log.lines == ["linked with an upstream"]


def test_the_password_comes_first() -> None:
    connection = UpstreamSide(password="s3cret").connect()
    assert lines_in(connection.sent)[0] == {"command": "AUTH", "args": {"password": "s3cret"}}


def test_messages_go_both_ways() -> None:
    side = UpstreamSide()
    connection = side.link()
    client = FakeClient(side.broker)
    client.resp("SUBSCRIBE a")
    side.broker.outbox.add(side.broker.publish(b"a", b"up").deliveries)
    side.broker.outbox.flush()
    assert lines_in(connection.take())[0]["args"]["message"] == "up"
    side.session.data_received(encode_forward(Delivery(Message(b"a", b"down", "far", 9), ())) * 2)
    assert [message[2] for message in client.resp()] == [b"up", b"down"]
    assert connection.take() == b""  # Split horizon: not back to where it came from.


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"type": "LINK", "broker": "me"}', "the upstream is this broker itself"),
        (b'{"type": "ERROR", "message": "Unknown command"}', "the upstream says: Unknown command"),
        (b"HTTP/1.1 400 Bad Request", "the upstream does not speak our protocol"),
        (b'{"command": "FORWARD", "args": {}}', "the upstream does not speak our protocol"),
    ],
)
def test_an_upstream_that_is_none(line: bytes, reason: str) -> None:
    side = UpstreamSide()
    connection = side.connect()
    side.session.data_received(line + b"\n")
    assert connection.closed
    assert side.problem.startswith(reason)
    assert len(side.timers.later) == 1


def test_a_lost_upstream_is_tried_again_and_said_once() -> None:
    side = UpstreamSide()
    for _ in range(5):
        side.upstream.lost("Connection refused")
        side.timers.later.pop()()
    assert side.attempts == 6
    assert side.log.lines == ["no link with an upstream"]
    assert side.problem == "Connection refused"
    side.link().close()
    assert side.problem == "the upstream closed the connection"
    assert not side.broker.links
    assert side.log.lines[1:] == ["linked with an upstream", "no link with an upstream"]


def test_a_silent_upstream_is_lost() -> None:
    side = UpstreamSide()
    side.timers.beat()  # Not connected yet: nothing to ask.
    connection = side.link()
    side.timers.now_s = 2 * PING_INTERVAL_S
    side.timers.beat()
    assert lines_in(connection.take()) == [{"command": "PING"}]
    side.timers.now_s += 1
    side.timers.beat()
    assert connection.closed
    assert side.problem == "the upstream is silent"


def test_after_stop_nothing_is_tried_again() -> None:
    side = UpstreamSide()
    connection = side.link()
    side.upstream.lost("for a start")
    side.upstream.stop()
    connection.close()
    for callback in side.timers.later:
        callback()
    assert side.attempts == 1
    assert side.timers.beat is None


# Whole hubs, on paper.


class Wire:
    """One end of a link in memory: what is pushed here waits for the other end's broker."""

    encode_message = staticmethod(encode_forward)

    def __init__(self) -> None:
        self.connection = self
        self.lines: collections.deque[bytes] = collections.deque()

    def push(self, data: bytes) -> None:
        self.lines += data.splitlines(keepends=True)


class PaperHub:
    """Brokers and links without sockets; links deliver in whatever order the test draws."""

    def __init__(self, size: int, edges: set[tuple[int, int]], chance: random.Random):
        self.brokers = [new_broker(broker_id=f"b{number}") for number in range(size)]
        self.clients = [FakeClient(broker) for broker in self.brokers]
        self.chance = chance
        self.directions: list[tuple[Wire, int, Wire]] = []
        self.crossings = 0
        for client in self.clients:
            client.resp("SUBSCRIBE a")
        for left, right in edges:
            here, there = Wire(), Wire()
            self.brokers[left].links[here] = None
            self.brokers[right].links[there] = None
            self.directions += [(here, right, there), (there, left, here)]

    def publish(self, number: int, text: str) -> None:
        broker = self.brokers[number]
        broker.outbox.add(broker.publish(b"a", text.encode()).deliveries)
        broker.outbox.flush()

    def carry_one(self) -> bool:
        """Carry one line over one link; false where all is quiet."""
        busy = [direction for direction in self.directions if direction[0].lines]
        if not busy:
            return False
        wire, target, back = self.chance.choice(busy)
        self.crossings += 1
        broker = self.brokers[target]
        published = broker.publish_forwarded(
            decode_forward(arguments_of(wire.lines.popleft())), back
        )
        if published:
            broker.outbox.add(published.deliveries)
            broker.outbox.flush()
        return True


@settings(max_examples=150)
@given(st.data(), st.integers(2, 6), st.integers(0, 2**32))
def test_in_any_topology_everybody_gets_everything_once_and_in_order(
    data: st.DataObject, size: int, seed: int
) -> None:
    pairs = [(left, right) for right in range(size) for left in range(right)]
    # A tree, so that all are connected, and any cycles on top of it, double links included.
    edges = [(data.draw(st.integers(0, right - 1)), right) for right in range(1, size)]
    edges += data.draw(st.lists(st.sampled_from(pairs), max_size=8))
    chance = random.Random(seed)
    hub = PaperHub(size, edges, chance)
    published = [f"b{chance.randrange(size)} {number}" for number in range(20)]
    for text in published:
        hub.publish(int(text[1 : text.index(" ")]), text)
        for _ in range(chance.randrange(4)):
            hub.carry_one()
    while hub.carry_one():
        # Each message crosses each link at most once in each direction: that is no loop.
        assert hub.crossings <= len(published) * 2 * len(edges)
    for client in hub.clients:
        received = [message[2].decode() for message in client.resp()]
        assert sorted(received) == sorted(published)
        for number in range(size):
            mine = f"b{number} "
            assert [text for text in received if text.startswith(mine)] == [
                text for text in published if text.startswith(mine)
            ]

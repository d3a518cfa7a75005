"""The hub: brokers that are clients of other brokers, in any topology, cycles included.

A broker that is started with `--upstream HOST:PORT` connects there as a client of the agreed
protocol and asks to become a *link*. From then on both ends pass every message on that their
own clients publish, and every message that reaches them over another link:

      clients        clients          b ── upstream ──▶ a
         │              │             c ── upstream ──▶ a
    ┌────┴───┐      ┌───┴────┐        c ── upstream ──▶ b
    │broker a│◀────▶│broker b│
    └────┬───┘      └───┬────┘        A cycle, and so every message could go round for ever,
         │  ┌────────┐  │             and reach each broker by two ways. Two rules forbid both.
         └─▶│broker c│◀─┘
            └────┬───┘
              clients

**Each message has a name.** The broker where it was published stamps it with its own id (made
anew at each start) and the next number of its sequence. Every broker remembers the highest
number that it has seen of each origin, and takes a message only when its number is higher. So
the second copy dies where it meets the first, a message that comes home dies at home, and no
client gets anything twice.

**Split horizon.** A message is not sent back over the link on which it came. That saves half
of the copies; the first rule alone would already be enough.

Why the highest number is enough, and no set of all numbers seen is needed: a link is one TCP
connection, which keeps order, and every broker passes messages on in the order in which it
took them. So the numbers of one origin rise on every link without a gap, and whoever has seen
message 8, over whichever link, has seen message 7 before. The memory is one number for each
origin, and the messages of one publisher stay in order across the whole hub.

The price is paid when a link comes or goes. While it is down, messages that had no other way
are lost, as they are for any subscriber that is away (at most once). And in the moment when a
new, shorter way appears, a message still under way on the longer one may be overtaken by a
later one, and is dropped then: late or out of order, it would break the promise of order.
# Real: OSPF floods link states by the same two rules; RabbitMQ's federation counts hops.
# A cluster of Redis sends each message to every node directly, which needs no rules and a
# connection between every two nodes.

The lines on a link, an extension of the agreed protocol:

    b ─▶ a  {"command": "LINK"}
    a ─▶ b  {"type": "LINK", "broker": ID}
    either  {"command": "FORWARD",
             "args": {"origin": ID, "sequence": 7, "channel": C, "message": M}}

with `"encoding": "base64"` where channel or message is not UTF-8. A RESP publisher may send
any bytes, and they must come out of the other end unchanged.

Everything here is sans-IO except that it asks for connections: `server` opens them.
"""

import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from services.common.backoff import Backoff
from services.common.event_loop import EventLoop, Timer
from services.common.json_lines import (
    JsonLineDecoder,
    JsonLineError,
    JsonNumber,
    encode_line,
)
from services.common.logs import Log
from services.common.stream_server import Connection
from services.pubsub.deliveries import Delivery, Message, bytes_of
from services.pubsub.outcomes import PubSubError

if TYPE_CHECKING:
    from services.pubsub.broker import Broker

PING_INTERVAL_S = 5.0
"""How often an upstream is asked for a sign of life; after two silent intervals it is lost."""

LINE_GROWTH = 8
"""How much longer a message may become as a FORWARD line: JSON writes a control byte as six."""

MAX_ORIGINS = 10_000


class Origins:
    """The highest sequence number seen of each broker, for as many brokers as are remembered."""

    def __init__(self, own_id: str, capacity: int = MAX_ORIGINS):
        self._own_id = own_id
        self._capacity = capacity
        self._highest: OrderedDict[str, int] = OrderedDict()

    def is_news(self, origin: str, sequence: int) -> bool:
        """Whether a message is seen for the first time; it is remembered by that."""
        if origin == self._own_id or sequence <= self._highest.get(origin, 0):
            return False
        self._highest[origin] = sequence
        self._highest.move_to_end(origin)
        if len(self._highest) > self._capacity:
            self._highest.popitem(last=False)  # The one that has been silent the longest.
        return True


# Lines.


def encode_forward(delivery: Delivery) -> bytes:
    """A message as a line for another broker."""
    message = delivery.message
    arguments: dict[str, object] = {"origin": message.origin, "sequence": message.sequence}
    try:
        arguments["channel"] = message.channel.decode()
        arguments["message"] = message.payload.decode()
    except UnicodeDecodeError:
        arguments["channel"] = base64.b64encode(message.channel).decode()
        arguments["message"] = base64.b64encode(message.payload).decode()
        arguments["encoding"] = "base64"
    return encode_line({"command": "FORWARD", "args": arguments})


def decode_forward(arguments: Mapping[str, object]) -> Message:
    """The message that another broker passed on. Raises PubSubError."""
    match arguments:
        case {
            "origin": str(origin),
            "sequence": JsonNumber() as sequence,
            "channel": str(channel),
            "message": str(payload),
        } if origin and len(origin) <= 64 and sequence.isdecimal() and len(sequence) <= 18:
            decode = _decode_base64 if arguments.get("encoding") == "base64" else bytes_of
            return Message(decode(channel), decode(payload), origin, int(sequence))
    raise PubSubError("FORWARD needs 'origin', 'sequence', 'channel' and 'message'")


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PubSubError("FORWARD with bad base64") from None


# The side that connects.


class Upstream:
    """One broker that we are a client of: keeps the link to it, through every restart."""

    def __init__(
        self,
        address: tuple[str, int],
        broker: "Broker",
        loop: EventLoop,
        connect: Callable[["Upstream"], None],
        log: Log,
    ):
        """`connect(upstream)` opens a connection, and then calls `connected` or `lost`."""
        self.address = address
        self._shown_address = f"{address[0]}:{address[1]}"
        self.broker = broker
        self._loop = loop
        self._connect = connect
        self._log = log
        self._backoff = Backoff()
        self._session: UpstreamSession | None = None
        self._is_stopping = False
        self._heartbeat: Timer | None = None

    def start(self) -> None:
        self._heartbeat = self._loop.call_every(PING_INTERVAL_S, self._beat)
        self._problem("not linked yet")
        self._connect(self)

    def stop(self) -> None:
        """Do not connect again; the connection itself closes with all others."""
        self._is_stopping = True
        if self._heartbeat:
            self._heartbeat.cancel()

    def connected(self, connection: Connection) -> "UpstreamSession":
        """A connection is open: the session that makes a link of it."""
        self._session = UpstreamSession(connection, self)
        return self._session

    def linked(self, broker_id: str) -> None:
        self._backoff.reset()
        self.broker.vitals.problems.pop(self._problem_name, None)
        self._log.info("linked with an upstream", upstream=self._shown_address, broker=broker_id)

    def lost(self, reason: str) -> None:
        """The connection is gone, or could not be made: try again after a while."""
        self._session = None
        if self._is_stopping:
            return
        if self.broker.vitals.problems.get(self._problem_name) != reason:
            self._problem(reason)
            self._log.warning(
                "no link with an upstream", upstream=self._shown_address, reason=reason
            )
        self._loop.call_later(self._backoff.next_delay_s(), self._try_again)

    def _try_again(self) -> None:
        if not self._is_stopping:
            self._connect(self)

    def _beat(self) -> None:
        if self._session is not None:
            self._session.beat(self._loop.now_s)

    @property
    def _problem_name(self) -> str:
        return f"upstream {self._shown_address}"

    def _problem(self, reason: str) -> None:
        self.broker.vitals.problems[self._problem_name] = reason


class UpstreamSession:
    """The connection that an upstream has been reached on; `LINK` makes a link of it."""

    def __init__(self, connection: Connection, upstream: Upstream):
        self.connection = connection
        self.encode_message: Callable[[Delivery], bytes] = encode_forward
        self._upstream = upstream
        self._broker = upstream.broker
        limits = self._broker.limits
        self._decoder = JsonLineDecoder(max_line_bytes=limits.max_request_bytes * LINE_GROWTH)
        self._lost_because = "the upstream closed the connection"
        connection.may_be_idle = connection.keeps_reading = True
        if self._broker.password:
            self._say({"command": "AUTH", "args": {"password": self._broker.password}})
        self._say({"command": "LINK"})

    def _say(self, line: dict[str, object]) -> None:
        self.connection.send(encode_line(line))

    def data_received(self, data: bytes) -> None:
        self._decoder.receive_data(data)
        self.process()

    def process(self) -> None:
        while not self.connection.closed:
            try:
                line = self._decoder.next_request()
                if line is None:
                    return
                self._take(line)
            except (JsonLineError, PubSubError) as error:
                self._give_up(f"the upstream does not speak our protocol: {error}")

    def _take(self, line: dict[str, object]) -> None:
        match line:
            case {"command": "FORWARD", "args": dict(arguments)}:
                published = self._broker.publish_forwarded(decode_forward(arguments), self)
                if published:
                    self._broker.outbox.add(published.deliveries)
            case {"type": "LINK", "broker": self._broker.id}:
                self._give_up("the upstream is this broker itself")
            case {"type": "LINK", "broker": str(broker_id)}:
                self._broker.links[self] = None
                self._upstream.linked(broker_id)
            case {"type": "ERROR", "message": str(message)}:
                self._give_up(f"the upstream says: {message}")

    def beat(self, now_s: float) -> None:
        """Ask for a sign of life; without any since two intervals, the upstream is gone."""
        if now_s - self.connection.last_active_s > 2 * PING_INTERVAL_S:
            self._give_up("the upstream is silent")
        else:
            self._say({"command": "PING"})

    def _give_up(self, reason: str) -> None:
        self._lost_because = reason
        self.connection.close()

    def connection_lost(self) -> None:
        self._broker.links.pop(self, None)
        self._upstream.lost(self._lost_because)

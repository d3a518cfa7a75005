"""Deliveries: one message, for some receivers, in whatever dialect each of them speaks.

The broker's state sends nothing. `Broker.publish` answers with deliveries; they wait in the
outbox for the end of the loop's turn, and fan out from there:

                                          ┌─ encode_json   ─▶ JSON subscribers
    Delivery(message, pattern, receivers) ┼─ encode_resp2  ─▶ RESP2 subscribers
                                          ├─ encode_resp3  ─▶ RESP3 subscribers
                                          └─ encode_forward ▶ other brokers (`hub`)

A message is encoded at the first receiver of a form and the bytes are shared by all others:
for a hundred subscribers it is encoded once, not a hundred times, and a hundred output queues
hold references to the same bytes. Nothing is sent here, either: the bytes are queued on each
connection, and leave in one send per client at the end of the turn.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.common.json_lines import encode_line
from services.common.stream_server import Connection


@dataclass(frozen=True, slots=True)
class Message:
    """What was published. `origin` and `sequence` name it among all brokers of a hub."""

    channel: bytes
    payload: bytes
    origin: str = ""
    sequence: int = 0
    kind: bytes = b"message"
    """`message`, or `smessage` on a shard channel: the word that RESP subscribers see."""


class Receiver(Protocol):
    """A session that gets messages, each written by the encoder of its own dialect."""

    connection: Connection
    encode_message: Callable[["Delivery"], bytes]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message and who gets it; `pattern` where they get it for a pattern of theirs."""

    message: Message
    receivers: Sequence[Receiver]
    pattern: bytes | None = None


class Outbox:
    """What has been published in this turn of the loop and is not yet queued for its receivers.

    Deliveries wait here because a publisher that pipelines sends many messages to one channel
    in one turn, and neighbours with the same receivers are handed over as one piece: a queue
    operation for each subscriber, instead of one for each subscriber and message. (With 100
    subscribers and 16 messages at a time, the server's CPU time for a message halves.)

    What a client gets stays in order, because whoever answers a client that could be a
    receiver flushes first; and the server flushes at the end of each turn, before it sends.
    """

    def __init__(self) -> None:
        self._waiting: list[Delivery] = []

    def add(self, deliveries: Sequence[Delivery]) -> None:
        self._waiting += deliveries

    def flush(self) -> None:
        """Queue everything on the connections of its receivers."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for _, run in itertools.groupby(waiting, key=lambda delivery: id(delivery.receivers)):
            _fan_out(list(run))


def _fan_out(run: list[Delivery]) -> None:
    """Queue a run of messages for the receivers that they have in common."""
    encoded: dict[Callable[[Delivery], bytes], bytes] = {}
    for receiver in run[0].receivers:
        encode = receiver.encode_message
        data = encoded.get(encode)
        if data is None:
            data = encoded[encode] = b"".join(map(encode, run))
        receiver.connection.push(data)


def encode_json(delivery: Delivery) -> bytes:
    """The agreed protocol's line."""
    message = delivery.message
    return encode_line(
        {
            "type": "MESSAGE",
            "channel": text_of(message.channel),
            "message": text_of(message.payload),
        }
    )


def encode_resp2(delivery: Delivery) -> bytes:
    """An array that stands for itself, because RESP2 knows no pushes."""
    return _encode_resp(b"*", delivery)


def encode_resp3(delivery: Delivery) -> bytes:
    """A push, which a client can tell from the reply that it waits for."""
    return _encode_resp(b">", delivery)


def _encode_resp(mark: bytes, delivery: Delivery) -> bytes:
    # The same bytes as encode_reply(Push([…])) in a third of the time.
    message, pattern = delivery.message, delivery.pattern
    channel, payload = message.channel, message.payload
    tail = b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(channel), channel, len(payload), payload)
    if pattern is not None:
        return b"%b4\r\n$8\r\npmessage\r\n$%d\r\n%b\r\n%b" % (mark, len(pattern), pattern, tail)
    return b"%b3\r\n$%d\r\n%b\r\n%b" % (mark, len(message.kind), message.kind, tail)


def text_of(data: bytes) -> str:
    """Bytes of a RESP client as text for a JSON client.

    What is no UTF-8 becomes U+FFFD, since JSON has no bytes. Lone surrogates pass: JSON can
    write them, and a JSON subscriber gets them as the JSON publisher sent them.
    """
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def bytes_of(text: str) -> bytes:
    """Text of a JSON client as the bytes that a RESP client gets."""
    return text.encode("utf-8", "surrogatepass")

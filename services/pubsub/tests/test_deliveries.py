"""Messages in every dialect, encoded once, and in order."""

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from services.common.resp import Push, encode_reply
from services.pubsub.deliveries import (
    Delivery,
    Message,
    Outbox,
    bytes_of,
    encode_json,
    encode_resp2,
    encode_resp3,
    text_of,
)
from services.pubsub.tests.fakes import FakeConnection, lines_in


class Listener:
    """A receiver with an encoder of its own choice."""

    def __init__(self, encode: Callable[[Delivery], bytes] = encode_resp2):
        self.connection = FakeConnection()
        self.encode_message = encode


def delivery(payload: bytes, receivers: tuple = (), pattern: bytes | None = None) -> Delivery:
    return Delivery(Message(b"a", payload), receivers, pattern)


@given(
    st.binary(), st.binary(), st.none() | st.binary(), st.sampled_from([b"message", b"smessage"])
)
def test_resp_messages_are_what_the_general_encoder_makes(
    channel: bytes, payload: bytes, pattern: bytes | None, kind: bytes
) -> None:
    one = Delivery(Message(channel, payload, kind=kind), (), pattern)
    parts = (
        [kind, channel, payload] if pattern is None else [b"pmessage", pattern, channel, payload]
    )
    assert encode_resp2(one) == encode_reply(Push(parts), 2)
    assert encode_resp3(one) == encode_reply(Push(parts), 3)


@given(st.binary(), st.binary())
def test_a_json_message_is_one_line_of_utf8_whatever_the_bytes(
    channel: bytes, payload: bytes
) -> None:
    data = encode_json(Delivery(Message(channel, payload), ()))
    assert data.count(b"\n") == 1
    data.decode("utf-8")
    (line,) = lines_in(data)
    # A high and a low surrogate side by side are one character, once JSON has spelled them.
    expected = {"channel": text_of(channel), "message": text_of(payload)}
    assert line == {"type": "MESSAGE"} | json.loads(json.dumps(expected))


@given(st.text(st.characters(exclude_categories=[])))
def test_text_comes_back_from_bytes_lone_surrogates_included(text: str) -> None:
    assert text_of(bytes_of(text)) == text


def test_a_message_is_encoded_once_for_each_form() -> None:
    calls = []

    def counted(form: Callable[[Delivery], bytes]) -> Callable[[Delivery], bytes]:
        def encode(one: Delivery) -> bytes:
            calls.append(form)
            return form(one)

        return encode

    two, lines = counted(encode_resp2), counted(encode_json)
    receivers = tuple(Listener(form) for form in [two, lines] * 50)
    outbox = Outbox()
    outbox.add([delivery(b"m", receivers)])
    outbox.flush()
    assert calls == [encode_resp2, encode_json]
    assert receivers[98].connection.sent == encode_resp2(delivery(b"m"))
    assert receivers[99].connection.sent == encode_json(delivery(b"m"))


def test_a_run_for_the_same_receivers_is_pushed_as_one_piece() -> None:
    listener = Listener()
    pushed = []
    listener.connection.push = pushed.append
    receivers = (listener,)
    outbox = Outbox()
    for number in range(3):
        outbox.add([delivery(b"%d" % number, receivers)])
    outbox.add([delivery(b"p", (listener,), b"a*")])
    outbox.flush()
    outbox.flush()
    run = b"".join(encode_resp2(delivery(b"%d" % number)) for number in range(3))
    assert pushed == [run, encode_resp2(delivery(b"p", pattern=b"a*"))]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30))
def test_each_receiver_gets_its_messages_in_the_order_of_publication(
    published: list[tuple[int, bool]],
) -> None:
    listeners = [Listener() for _ in range(3)]
    groups = [(), tuple(listeners[:2]), tuple(listeners[1:]), tuple(listeners)]
    outbox, expected = Outbox(), dict.fromkeys(listeners, b"")
    for number, (group, flushes) in enumerate(published):
        one = delivery(b"%d" % number, groups[group])
        outbox.add([one])
        for listener in groups[group]:
            expected[listener] += encode_resp2(one)
        if flushes:
            outbox.flush()
    outbox.flush()
    assert {listener: listener.connection.sent for listener in listeners} == expected

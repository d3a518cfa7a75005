"""Pub/sub on kvdb: acknowledgements, messages, subscriber mode, silence, MULTI, RESET."""

import pytest

from services.common.resp import OK, Push, Several, Simple, encode_reply
from services.kvdb.clients import Client
from services.kvdb.pubsub import Message
from services.kvdb.tests.support import Console


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def other(console: Console) -> Console:
    return Console(console.engine)


def messages(console: Console) -> list[tuple[Client, list]]:
    """What is on its way, and to whom; it counts as sent."""
    deliveries = console.engine.dispatcher.deliveries
    sent = [(client, list(it.push)) for client, it in deliveries if type(it) is Message]
    deliveries.clear()
    return sent


def test_each_name_is_acknowledged_with_the_count(console: Console) -> None:
    assert console("SUBSCRIBE", "a", "b", "a") == [
        [b"subscribe", b"a", 1],
        [b"subscribe", b"b", 2],
        [b"subscribe", b"a", 2],
    ]
    assert console("PSUBSCRIBE", "x*") == [[b"psubscribe", b"x*", 3]]
    assert console("SSUBSCRIBE", "s") == [[b"ssubscribe", b"s", 1]]
    assert console("UNSUBSCRIBE") == [[b"unsubscribe", b"a", 2], [b"unsubscribe", b"b", 1]]
    assert console("UNSUBSCRIBE") == [[b"unsubscribe", None, 1]]
    assert console("PUNSUBSCRIBE", "never") == [[b"punsubscribe", b"never", 1]]


def test_acknowledgements_follow_one_another_on_the_wire() -> None:
    reply = Several([Push([b"subscribe", b"a", 1]), Push([b"subscribe", b"b", 2])])
    assert encode_reply(reply, 2) == (
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
    )
    assert encode_reply(reply, 3).count(b">3\r\n") == 2


def test_a_message_reaches_channels_and_patterns(console: Console, other: Console) -> None:
    console("SUBSCRIBE", "news")
    console("PSUBSCRIBE", "n*", "x*")
    assert other("PUBLISH", "news", "hello") == 2
    assert messages(console) == [
        (console.client, [b"message", b"news", b"hello"]),
        (console.client, [b"pmessage", b"n*", b"news", b"hello"]),
    ]
    assert other("SPUBLISH", "news", "hello") == 0


def test_shard_channels_are_apart(console: Console, other: Console) -> None:
    console("SSUBSCRIBE", "news")
    assert other("PUBLISH", "news", "hello") == 0
    assert other("SPUBLISH", "news", "hello") == 1
    assert messages(console) == [(console.client, [b"smessage", b"news", b"hello"])]
    assert other("PUBSUB", "SHARDCHANNELS") == [b"news"]
    assert other("PUBSUB", "SHARDNUMSUB", "news", "x") == [b"news", 1, b"x", 0]
    assert other("PUBSUB", "CHANNELS") == []


def test_a_message_is_encoded_once_for_each_protocol() -> None:
    message = Message(Push([b"message", b"a", b"b"]))
    assert message.encode(2) is message.encode(2)
    assert message.encode(2)[:1] == b"*"
    assert message.encode(3)[:1] == b">"


def test_a_resp2_subscriber_may_do_little(console: Console) -> None:
    console("SUBSCRIBE", "a")
    assert console("GET", "k") == (
        "ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET"
        " are allowed in this context"
    )
    assert console("PING") == [b"pong", b""]
    assert console("PING", "x") == [b"pong", b"x"]
    console("UNSUBSCRIBE")
    assert console("PING") == Simple("PONG")
    assert console("SET", "k", "v") is OK


def test_a_resp3_subscriber_may_do_anything(console: Console) -> None:
    console("HELLO", 3)
    console("SUBSCRIBE", "a")
    assert console("SET", "k", "v") is OK
    assert console("PING") == Simple("PONG")


def test_going_back_to_resp2_makes_a_subscriber_of_few_words(console: Console) -> None:
    console("HELLO", 3)
    console("SUBSCRIBE", "a")
    console("HELLO", 2)
    assert console("GET", "k").startswith("ERR Can't execute 'get'")


def test_silence_does_not_concern_acknowledgements(console: Console) -> None:
    console("CLIENT", "REPLY", "OFF")
    assert console("SUBSCRIBE", "a") == [[b"subscribe", b"a", 1]]


def test_subscribing_inside_a_transaction(console: Console, other: Console) -> None:
    console("MULTI")
    console("SUBSCRIBE", "a")
    assert console("EXEC") == [[[b"subscribe", b"a", 1]]]
    assert other("PUBLISH", "a", "x") == 1


@pytest.mark.parametrize("end", ["RESET", "disconnect"])
def test_subscriptions_end_with_reset_and_with_the_client(
    console: Console, other: Console, end: str
) -> None:
    console("SUBSCRIBE", "a")
    console("PSUBSCRIBE", "*")
    console("SSUBSCRIBE", "a")
    if end == "RESET":
        assert console("RESET") == Simple("RESET")
        assert not console.client.is_subscriber
    else:
        console.engine.clients.disconnect(console.client)
    assert other("PUBLISH", "a", "x") == other("SPUBLISH", "a", "x") == 0


def test_pubsub_tells_who_is_subscribed(console: Console, other: Console) -> None:
    console("SUBSCRIBE", "abc", "xyz")
    console("PSUBSCRIBE", "a*")
    assert other("PUBSUB", "CHANNELS") == [b"abc", b"xyz"]
    assert other("PUBSUB", "CHANNELS", "a*") == [b"abc"]
    assert other("PUBSUB", "NUMSUB", "abc", "none") == [b"abc", 1, b"none", 0]
    assert other("PUBSUB", "NUMPAT") == 1
    assert other("PUBSUB", "HELP")[0].startswith("PUBSUB <subcommand>")
    assert other("PUBSUB", "CHANNELS", "a", "b") == (
        "ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP."
    )
    assert " flags=P " in other("CLIENT", "LIST").decode()
    assert " sub=2 psub=1 ssub=0 " in other("CLIENT", "LIST").decode()

"""The server on real sockets: both dialects, order, slow readers, limits, and the end."""

import threading
from collections.abc import Callable

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.pubsub.broker import Limits
from services.pubsub.tests.serving import JsonClient, RespClient, Serving, wait_until

MB = 1024 * 1024


def test_a_message_reaches_both_dialects(serving: Serving, connect: Callable) -> None:
    lines, replies = connect(JsonClient, serving), connect(RespClient, serving)
    assert lines.say("SUBSCRIBE", channel="foo")["count"] == "1"
    assert replies.say("SUBSCRIBE", "foo") == [b"subscribe", b"foo", 1]
    lines.tell("PUBLISH", channel="foo", message="hello world")
    assert lines.read() == {"type": "MESSAGE", "channel": "foo", "message": "hello world"}
    assert replies.read() == [b"message", b"foo", b"hello world"]


def test_a_client_that_comes_back_has_to_subscribe_again(
    serving: Serving, connect: Callable
) -> None:
    first, publisher = connect(JsonClient, serving), connect(RespClient, serving)
    first.say("SUBSCRIBE", channel="foo")
    first.close()
    wait_until(lambda: publisher.say("PUBLISH", "foo", "lost") == 0)
    second = connect(JsonClient, serving)
    second.say("SUBSCRIBE", channel="bar")
    assert publisher.say("PUBLISH", "foo", "still lost") == 0
    second.say("SUBSCRIBE", channel="foo")
    assert publisher.say("PUBLISH", "foo", "seen") == 1
    assert second.read()["message"] == "seen"


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(protocol: int, serving: Serving) -> None:
    client = redis.Redis(port=serving.port, protocol=protocol, socket_timeout=20)
    listener = client.pubsub()
    listener.subscribe("news", **{"handled": lambda message: handled.append(message["data"])})
    listener.psubscribe("n*")
    listener.ssubscribe("shard")
    handled: list[bytes] = []
    kinds = [listener.get_message(timeout=20)["type"] for _ in range(4)]
    assert kinds == ["subscribe", "subscribe", "psubscribe", "ssubscribe"]
    assert client.publish("news", b"\xff\x00") == 2
    assert client.publish("handled", "x") == 1
    assert client.spublish("shard", "s") == 1
    messages = [listener.get_message(timeout=20) for _ in range(2)]
    assert [(message["type"], message["data"]) for message in messages] == [
        ("message", b"\xff\x00"),
        ("pmessage", b"\xff\x00"),
    ]
    assert listener.get_message(timeout=20) is None
    assert handled == [b"x"]
    assert listener.get_sharded_message(timeout=20)["data"] == b"s"
    listener.ping()
    assert listener.get_message(timeout=20)["type"] == "pong"
    assert client.pubsub_channels("n*") == [b"news"]
    assert client.pubsub_numsub("news") == [(b"news", 1)]
    assert client.pubsub_numpat() == 1
    listener.unsubscribe()
    listener.punsubscribe()
    kinds = [listener.get_message(timeout=20)["type"] for _ in range(3)]
    assert kinds == ["unsubscribe", "unsubscribe", "punsubscribe"]
    assert client.ping()
    assert client.echo("hi") == b"hi"
    assert client.client_setname("ann")
    assert {row["name"] for row in client.client_list()} >= {"ann"}
    assert client.info("glassbox")["status"] == "ok"
    listener.close()
    client.close()


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_in_a_thread(protocol: int, serving: Serving) -> None:
    received, both = [], threading.Event()

    def on_message(message: dict) -> None:
        received.append(message["data"])
        if len(received) == 2:
            both.set()

    client = redis.Redis(port=serving.port, protocol=protocol, decode_responses=True)
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(news=on_message)
    thread = listener.run_in_thread(sleep_time=0.1)
    wait_until(lambda: client.publish("news", "é"))
    client.publish("news", "two")
    assert both.wait(20)
    assert received[:2] == ["é", "two"]
    thread.stop()
    thread.join()
    client.close()


def test_messages_of_each_publisher_stay_in_order(serving: Serving, connect: Callable) -> None:
    count = 2000
    listeners = [connect(RespClient, serving) for _ in range(3)]
    for listener in listeners:
        listener.say("SUBSCRIBE", "a")
    publishers = [connect(JsonClient, serving) for _ in range(3)]

    def publish(name: str, client: JsonClient) -> None:
        for number in range(count):
            client.tell("PUBLISH", channel="a", message=f"{name} {number}")

    threads = [
        threading.Thread(target=publish, args=(str(number), client))
        for number, client in enumerate(publishers)
    ]
    for thread in threads:
        thread.start()
    for listener in listeners:
        received = [listener.read()[2].decode() for _ in range(3 * count)]
        for number in range(3):
            mine = [text for text in received if text.startswith(f"{number} ")]
            assert mine == [f"{number} {at}" for at in range(count)]
    for thread in threads:
        thread.join()


# Slow readers.


@pytest.mark.parametrize("kind", [JsonClient, RespClient])
def test_a_slow_reader_is_dropped_and_the_others_do_not_notice(
    kind: type, start: Callable, connect: Callable
) -> None:
    serving = start(limits=Limits(max_output_bytes=MB))
    sleeper = connect(kind, serving, receive_buffer_bytes=4096)
    if kind is JsonClient:
        sleeper.say("SUBSCRIBE", channel="a")
    else:
        sleeper.say("SUBSCRIBE", "a")
    reader, publisher = connect(RespClient, serving), connect(RespClient, serving)
    reader.say("SUBSCRIBE", "a")
    text, receivers, published = b"m" * 100_000, 2, 0
    while receivers == 2:
        assert published < 1000, "the sleeper was never dropped"
        receivers = publisher.say("PUBLISH", "a", text)
        assert reader.read() == [b"message", b"a", text]
        published += 1
        sessions = serving.in_loop(lambda: list(serving.broker.clients.values()))
        assert max(session.connection.output_bytes for session in sessions) <= MB + 200_000
    assert "dropped a client that does not read" in serving.log.lines
    assert publisher.say("PUBLISH", "a", "after") == 1
    assert reader.read() == [b"message", b"a", b"after"]
    assert len(publisher.say("CLIENT", "LIST").splitlines()) == 2


def test_a_reader_that_pauses_gets_everything_that_fits_into_its_buffer(
    start: Callable, connect: Callable
) -> None:
    serving = start(limits=Limits(max_output_bytes=32 * MB))
    listener = connect(RespClient, serving, receive_buffer_bytes=4096)
    publisher = connect(RespClient, serving)
    listener.say("SUBSCRIBE", "a")
    texts = [b"%d" % number + b"m" * 50_000 for number in range(200)]
    for text in texts:
        assert publisher.say("PUBLISH", "a", text) == 1
    assert [listener.read()[2] for _ in texts] == texts


# Strangers.


def test_limits_hold_on_the_wire(start: Callable, connect: Callable) -> None:
    serving = start(limits=Limits(max_connections=3, max_request_bytes=1000, max_depth=5))
    lines, replies = connect(JsonClient, serving), connect(RespClient, serving)
    assert replies.say("PING") == "PONG"
    lines.send(b"[" * 6 + b"\n")
    assert "deeper than 5" in lines.read()["message"]
    lines.send(b"x" * 2_000_000)
    assert "longer than 1000 bytes" in lines.read()["message"]
    assert lines.is_ended()
    lines.close()
    wait_until(lambda: len(replies.say("CLIENT", "LIST").splitlines()) == 1)
    replies.send(b"*2\r\n$7\r\nPUBLISH\r\n$2000\r\n" + b"x" * 2_000_000)
    assert str(replies.read()) == "ERR Protocol error: invalid bulk length"
    assert replies.is_ended()


def test_clients_over_the_limit_are_told(start: Callable, connect: Callable) -> None:
    serving = start(limits=Limits(max_connections=2))
    clients = [connect(RespClient, serving) for _ in range(2)]
    assert [client.say("PING") for client in clients] == ["PONG", "PONG"]
    third = connect(RespClient, serving)
    assert str(third.read()) == "ERR max number of clients reached"
    assert third.is_ended()


def test_an_idle_client_is_closed_and_a_subscriber_is_not(
    start: Callable, connect: Callable
) -> None:
    serving = start(limits=Limits(idle_timeout_s=0.2))
    subscriber, idle = connect(JsonClient, serving), connect(RespClient, serving)
    subscriber.say("SUBSCRIBE", channel="a")
    assert idle.say("PING") == "PONG"
    assert idle.is_ended()
    assert connect(RespClient, serving).say("PUBLISH", "a", "x") == 1
    assert subscriber.read()["message"] == "x"


def test_a_client_that_vanishes_in_the_middle_of_a_request(
    serving: Serving, connect: Callable
) -> None:
    other = connect(RespClient, serving)
    other.say("SUBSCRIBE", "a")
    for said in (b'{"command": "SUBSCRI', b"*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$5\r\nhe", b"SUBS"):
        client = connect(RespClient, serving)
        client.send(said)
        client.close()
    publisher = connect(RespClient, serving)
    wait_until(lambda: len(publisher.say("CLIENT", "LIST").splitlines()) == 2)
    assert publisher.say("PUBLISH", "a", "alive") == 1
    assert other.read() == [b"message", b"a", b"alive"]
    assert serving.log.lines == []


def test_a_password_is_asked_for(start: Callable, connect: Callable) -> None:
    serving = start(password="s3cret")
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis(port=serving.port, retry=Retry(NoBackoff(), 0)).ping()
    with redis.Redis(port=serving.port, password="s3cret") as client:
        assert client.ping()
    lines = connect(JsonClient, serving)
    assert lines.say("SUBSCRIBE", channel="a")["message"] == "Authentication required"
    assert lines.say("AUTH", password="s3cret") == {"type": "AUTH"}
    assert lines.say("SUBSCRIBE", channel="a")["type"] == "SUBSCRIBE"


# The end.


def test_stopping_sends_what_is_queued_and_closes(serving: Serving, connect: Callable) -> None:
    listener = connect(RespClient, serving, receive_buffer_bytes=4096)
    publisher = connect(RespClient, serving)
    listener.say("SUBSCRIBE", "a")
    text = b"m" * 900_000
    for _ in range(10):
        publisher.say("PUBLISH", "a", text)
    serving.server.stop()
    assert [listener.read()[2] for _ in range(10)] == [text] * 10
    assert listener.is_ended()
    with pytest.raises(ConnectionRefusedError):
        RespClient(serving.port)


def test_stopping_waits_no_longer_than_the_grace(start: Callable, connect: Callable) -> None:
    serving = start(grace_s=0.1)
    sleeper, publisher = connect(RespClient, serving, receive_buffer_bytes=4096), None
    sleeper.say("SUBSCRIBE", "a")
    publisher = connect(RespClient, serving)
    for _ in range(10):
        publisher.say("PUBLISH", "a", b"m" * 900_000)
    serving.close()
    assert publisher.is_ended()


def test_rates_are_sampled(serving: Serving, connect: Callable, monkeypatch) -> None:
    client = connect(RespClient, serving)
    for _ in range(100):
        client.say("PING")
    serving.in_loop(serving.server._sample)
    assert serving.broker.commands_per_s > 0
    serving.in_loop(serving.server._sample)
    assert serving.broker.commands_per_s == 0

"""Three brokers in a ring of real connections: nothing twice, nothing round and round, restarts."""

import itertools
import threading
from collections.abc import Callable

from services.pubsub.broker import Broker
from services.pubsub.tests.serving import JsonClient, RespClient, Serving, wait_until

HERE = "127.0.0.1"


def wait_until_linked(*brokers: Serving) -> None:
    """Each broker names the number of its links in INFO."""
    for serving, wanted in zip(brokers[::2], brokers[1::2], strict=True):
        client = RespClient(serving.port)
        field = f"linked_brokers:{wanted}\r\n".encode()
        wait_until(lambda client=client, field=field: field in client.say("INFO", "glassbox"))
        client.close()


def ring(start: Callable[..., Serving]) -> tuple[Serving, Serving, Serving]:
    a = start()
    b = start(upstreams=[(HERE, a.port)])
    c = start(upstreams=[(HERE, a.port), (HERE, b.port)])
    wait_until_linked(a, 2, b, 2, c, 2)
    return a, b, c


def messages_until(listener: JsonClient, last: str) -> list[str]:
    texts = iter(lambda: listener.read()["message"], None)
    return list(itertools.takewhile(lambda text: text != last, texts))


def test_in_a_ring_everybody_gets_everything_once_and_in_order(
    start: Callable, connect: Callable
) -> None:
    brokers = ring(start)
    listeners = [connect(JsonClient, broker) for broker in brokers]
    publishers = [connect(JsonClient, broker) for broker in brokers]
    for listener in listeners:
        listener.say("SUBSCRIBE", channel="x")
    for number in range(600):
        publishers[number % 3].tell("PUBLISH", channel="x", message=f"{number % 3} {number}")
    # One last word of each publisher comes behind all that it has said before.
    for number, publisher in enumerate(publishers):
        publisher.tell("PUBLISH", channel="x", message=f"{number} end")
    for listener in listeners:
        received = [listener.read()["message"] for _ in range(603)]
        for number in range(3):
            mine = [text for text in received if text.startswith(f"{number} ")]
            expected = [f"{number} {at}" for at in range(number, 600, 3)]
            assert mine == [*expected, f"{number} end"]
    # And nothing goes round behind it: the next that comes is the next that is said.
    publishers[0].tell("PUBLISH", channel="x", message="quiet?")
    assert [listener.read()["message"] for listener in listeners] == ["quiet?"] * 3


def test_bytes_and_patterns_cross_the_hub(start: Callable, connect: Callable) -> None:
    a, _, c = ring(start)
    listener, publisher = connect(RespClient, a), connect(RespClient, c)
    listener.say("PSUBSCRIBE", b"\xff*")
    assert publisher.say("PUBLISH", b"\xff\x00", bytes(range(256))) == 0
    assert listener.read() == [b"pmessage", b"\xff*", b"\xff\x00", bytes(range(256))]


def test_the_ring_survives_the_restart_of_one_of_its_brokers(
    start: Callable, connect: Callable
) -> None:
    a, b, c = ring(start)
    listener, publisher = connect(JsonClient, c), connect(RespClient, b)
    listener.say("SUBSCRIBE", channel="x")
    a.close()
    wait_until_linked(b, 1, c, 1)
    assert b.broker.vitals.status == "degraded"
    publisher.say("PUBLISH", "x", "without a")
    assert listener.read()["message"] == "without a"

    again = start(port=a.port)
    wait_until_linked(again, 2, b, 2, c, 2)
    assert b.broker.vitals.status == "ok"
    newcomer = connect(RespClient, again)
    # A new broker counts from one again, and is another origin: its messages are news.
    newcomer.say("PUBLISH", "x", "from the new a")
    assert listener.read()["message"] == "from the new a"
    listener.tell("PUBLISH", channel="x", message="end")
    assert messages_until(listener, "end") == []


def test_a_broker_that_starts_before_its_upstream_finds_it_later(
    start: Callable, connect: Callable
) -> None:
    upstream = start()
    upstream.close()
    early = start(upstreams=[(HERE, upstream.port)])
    wait_until(lambda: "no link with an upstream" in early.log.lines)
    assert early.broker.vitals.status == "degraded"
    assert connect(RespClient, early).say("PING") == "PONG"
    late = start(port=upstream.port)
    wait_until_linked(early, 1, late, 1)
    assert early.log.lines.count("no link with an upstream") == 1


def test_a_broker_that_is_its_own_upstream_says_so(start: Callable) -> None:
    first = start()
    port = first.port
    first.close()
    own = start(port=port, upstreams=[(HERE, port)])
    problems, name = own.broker.vitals.problems, f"upstream {HERE}:{port}"
    wait_until(lambda: problems.get(name) == "the upstream is this broker itself")
    client = JsonClient(own.port)
    client.say("SUBSCRIBE", channel="x")
    client.tell("PUBLISH", channel="x", message="once")
    client.tell("PUBLISH", channel="x", message="end")
    assert messages_until(client, "end") == ["once"]
    client.close()


def test_brokers_of_a_hub_share_a_password(start: Callable, connect: Callable) -> None:
    a = start(password="s3cret")
    b = start(password="s3cret", upstreams=[(HERE, a.port)])
    stranger = start(password="other", upstreams=[(HERE, a.port)])
    problems, name = stranger.broker.vitals.problems, f"upstream {HERE}:{a.port}"
    wait_until(lambda: problems[name] == "the upstream says: Wrong password")
    listener, publisher = connect(JsonClient, a), connect(JsonClient, b)
    listener.say("AUTH", password="s3cret")
    publisher.say("AUTH", password="s3cret")
    listener.say("SUBSCRIBE", channel="x")
    wait_until(lambda: b.broker.vitals.status == "ok")
    publisher.tell("PUBLISH", channel="x", message="m")
    assert listener.read()["message"] == "m"


def test_much_traffic_both_ways_does_not_lock_two_brokers(
    start: Callable, connect: Callable
) -> None:
    """Each has megabytes for the other at once: both must go on reading while they write."""
    a = start()
    b = start(upstreams=[(HERE, a.port)])
    wait_until_linked(a, 1, b, 1)
    listeners = [connect(JsonClient, broker) for broker in (a, b)]
    for listener in listeners:
        listener.say("SUBSCRIBE", channel="end")
    at_once = threading.Barrier(2)

    def publish(broker: Broker) -> None:
        at_once.wait()
        for channel, payload in [(b"x", b"m" * 500_000)] * 40 + [(b"end", b"")]:
            broker.outbox.add(broker.publish(channel, payload).deliveries)

    for serving in (a, b):
        serving.server.loop.call_from_thread(lambda serving=serving: publish(serving.broker))
    for listener in listeners:
        assert [listener.read()["channel"], listener.read()["channel"]] == ["end", "end"]

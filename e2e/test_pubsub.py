"""The pub/sub service: the challenge's own clients, and redis-py, on one port."""

import socket
import subprocess
import sys
import time

import redis

from e2e.stack import ROOT, Stack


def test_acknowledgements_and_deliveries(pubsub_client):
    reader, writer = pubsub_client(), pubsub_client()
    reader.send("SUBSCRIBE", channel="e2e:foo")
    assert reader.read() == {"type": "SUBSCRIBE", "channel": "e2e:foo", "count": 1}
    reader.send_beside("SUBSCRIBE", channel="e2e:bar")
    assert reader.read() == {"type": "SUBSCRIBE", "channel": "e2e:bar", "count": 2}
    writer.send("PUBLISH", channel="e2e:foo", message="hello world")
    writer.send_beside("PUBLISH", channel="e2e:bar", message="merhaba dünya")
    assert reader.read() == {"type": "MESSAGE", "channel": "e2e:foo", "message": "hello world"}
    assert reader.read() == {"type": "MESSAGE", "channel": "e2e:bar", "message": "merhaba dünya"}
    reader.send("UNSUBSCRIBE", channel="e2e:foo")
    assert reader.read() == {"type": "UNSUBSCRIBE", "channel": "e2e:foo", "count": 1}


def test_order_once_and_own_messages(pubsub_client):
    client = pubsub_client()
    for _ in range(2):
        client.send("SUBSCRIBE", channel="e2e:own")
        assert client.read()["count"] == 1
    for number in range(500):
        client.send("PUBLISH", channel="e2e:own", message=str(number))
    assert [client.read()["message"] for _ in range(500)] == [str(n) for n in range(500)]


def test_bad_input_gets_an_error_line(pubsub_client):
    client = pubsub_client()
    bad = [
        b"{nonsense\n",
        b"[]\n",
        b'{"command": "FLY"}\n',
        b'{"command": "SUBSCRIBE"}\n',
        b'{"command": "SUBSCRIBE", "args": {"channel": 7}}\n',
        b'{"command": "PUBLISH", "args": {"channel": "c"}}\n',
        b'{"command": ' + b"[" * 5000 + b"\n",
    ]
    for line in bad:
        client.send_raw(line)
        error = client.read()
        assert error["type"] == "ERROR"
        assert error["message"]
    client.send("SUBSCRIBE", channel="e2e:still-usable")
    assert client.read()["type"] == "SUBSCRIBE"


def test_redis_py_subscribes_and_publishes(pubsub: redis.Redis):
    with pubsub.pubsub() as subscription:
        subscription.subscribe("e2e:news")
        subscription.psubscribe("e2e:n*")
        assert _next(subscription)["type"] == "subscribe"
        assert _next(subscription)["type"] == "psubscribe"
        assert pubsub.publish("e2e:news", "one") == 2
        assert _next(subscription)["data"] == "one"
        message = _next(subscription)
        assert (message["type"], message["pattern"], message["data"]) == (
            "pmessage",
            "e2e:n*",
            "one",
        )
        subscription.unsubscribe("e2e:news")
        assert _next(subscription)["type"] == "unsubscribe"


def test_the_protocols_meet_on_a_channel(pubsub: redis.Redis, pubsub_client):
    reader = pubsub_client()
    reader.send("SUBSCRIBE", channel="e2e:mixed")
    reader.read()
    assert pubsub.publish("e2e:mixed", "from RESP") == 1
    assert reader.read()["message"] == "from RESP"
    with pubsub.pubsub() as subscription:
        subscription.subscribe("e2e:mixed")
        _next(subscription)
        reader.send("PUBLISH", channel="e2e:mixed", message="from JSON")
        assert _next(subscription)["data"] == "from JSON"


def test_a_reader_that_never_reads_does_not_hold_up_the_others(stack: Stack, pubsub_client):
    with socket.create_connection(stack.address("pubsub"), timeout=10) as lazy:
        lazy.sendall(b'{"command": "SUBSCRIBE", "args": {"channel": "e2e:flood"}}\n')
        assert lazy.recv(1024)
        reader, writer = pubsub_client(), pubsub_client()
        reader.send("SUBSCRIBE", channel="e2e:flood")
        reader.read()
        message = "x" * 100_000
        for _ in range(200):
            writer.send("PUBLISH", channel="e2e:flood", message=message)
            assert reader.read()["message"] == message


def test_chat_talks_both_ways(stack: Stack, pubsub_client):
    host, port = stack.address("pubsub")
    command = [sys.executable, "-m", "services.pubsub.chat", "--host", host, "--port", str(port)]
    listener = pubsub_client()
    listener.send("SUBSCRIBE", channel="e2e-chat")
    listener.read()
    chat = subprocess.Popen(
        [*command, "--channel", "e2e-chat", "--name", "ada"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        chat.stdin.write("good morning\n")
        chat.stdin.flush()
        assert "good morning" in listener.read()["message"]
        listener.send("PUBLISH", channel="e2e-chat", message="and to you")
        while "and to you" not in (line := chat.stdout.readline()):
            assert line, "the chat ended early"
    finally:
        chat.stdin.close()
        chat.wait(10)
        chat.stdout.close()


def _next(subscription: redis.client.PubSub) -> dict:
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        if message := subscription.get_message(timeout=10):
            return message
    raise AssertionError("no message")

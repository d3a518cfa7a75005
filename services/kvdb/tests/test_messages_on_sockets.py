"""What clients get without having asked, over real sockets: messages, lines, pushes; and pauses."""

import json
import socket
from collections.abc import Iterator

import pytest

from services.common.resp import encode_request
from services.kvdb.tests.serving import Running, receive_all, receive_exactly, serving


@pytest.fixture
def server() -> Iterator[Running]:
    with serving() as running:
        yield running


def ask(sock: socket.socket, line: str, reply: bytes) -> None:
    """Send a command, and expect exactly this."""
    sock.sendall(encode_request(line.split()))
    assert receive_exactly(sock, len(reply)) == reply


def expect(sock: socket.socket, data: bytes) -> None:
    assert receive_exactly(sock, len(data)) == data


def hello(sock: socket.socket) -> None:
    """Speak RESP3, and read on behind its long reply."""
    sock.sendall(b"HELLO 3\r\n*2\r\n$4\r\nECHO\r\n$3\r\nend\r\n")
    received = b""
    while not received.endswith(b"$3\r\nend\r\n"):
        received += sock.recv(65536)


MESSAGE = b"3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"


def test_a_message_reaches_both_protocol_versions(server: Running) -> None:
    with server.connect() as two, server.connect() as three, server.connect() as publisher:
        ask(two, "SUBSCRIBE a", b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
        hello(three)
        ask(three, "SUBSCRIBE a", b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
        ask(publisher, "PUBLISH a x", b":2\r\n")
        expect(two, b"*" + MESSAGE)
        expect(three, b">" + MESSAGE)


def test_a_message_to_oneself_comes_before_the_reply(server: Running) -> None:
    with server.connect() as sock:
        hello(sock)
        ask(sock, "SUBSCRIBE a", b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
        sock.sendall(b"ECHO 1\r\nPUBLISH a x\r\nECHO 2\r\n")
        expect(sock, b"$1\r\n1\r\n>" + MESSAGE + b":1\r\n$1\r\n2\r\n")


def test_a_subscriber_that_quits_gets_its_reply(server: Running) -> None:
    with server.connect() as sock:
        hello(sock)
        ask(sock, "SUBSCRIBE a", b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
        sock.sendall(b"QUIT\r\n")
        assert receive_all(sock) == b"+OK\r\n"
    server.wait_until(lambda: not server.engine.pubsub.channels.channels.by_name)


def test_a_message_does_not_end_the_timeout_of_one_who_waits(server: Running) -> None:
    with server.connect() as sock, server.connect() as publisher:
        hello(sock)
        ask(sock, "SUBSCRIBE a", b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
        sock.sendall(encode_request(["BLPOP", "list", "0.2"]))
        server.wait_until(lambda: server.engine.blocking.waits)
        ask(publisher, "PUBLISH a x", b":1\r\n")
        expect(sock, b">" + MESSAGE)
        expect(sock, b"_\r\n")


def test_invalidation_follows_the_reply_of_a_pop_that_was_waited_for(server: Running) -> None:
    with server.connect() as sock, server.connect() as other:
        hello(sock)
        ask(sock, "CLIENT TRACKING ON", b"+OK\r\n")
        ask(sock, "LRANGE target 0 -1", b"*0\r\n")
        sock.sendall(encode_request(["BLMOVE", "source", "target", "LEFT", "LEFT", "0"]))
        server.wait_until(lambda: server.engine.blocking.waits)
        ask(other, "RPUSH source x", b":1\r\n")
        expect(sock, b"$1\r\nx\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$6\r\ntarget\r\n")


def test_a_paused_client_goes_on_in_order(server: Running) -> None:
    with server.connect() as admin, server.connect() as writer:
        ask(admin, "CLIENT PAUSE 60000 WRITE", b"+OK\r\n")
        writer.sendall(b"SET a 1\r\nINCR a\r\nGET a\r\n")
        server.wait_until(lambda: server.engine.pause.postponed)
        ask(admin, "GET a", b"$-1\r\n")
        ask(admin, "CLIENT UNPAUSE", b"+OK\r\n")
        expect(writer, b"+OK\r\n:2\r\n$1\r\n2\r\n")


def test_a_pause_ends_by_itself(server: Running) -> None:
    with server.connect() as sock:
        ask(sock, "CLIENT PAUSE 50", b"+OK\r\n")
        ask(sock, "PING", b"+PONG\r\n")


def test_a_json_client_is_paused_too(server: Running) -> None:
    with server.connect() as admin, server.connect() as sock:
        ask(admin, "CLIENT PAUSE 60000 WRITE", b"+OK\r\n")
        sock.sendall(b'{"command": "INCR", "args": {"key": "n"}}\n{"command": "PING"}\n')
        server.wait_until(lambda: server.engine.pause.postponed)
        ask(admin, "CLIENT UNPAUSE", b"+OK\r\n")
        lines = sock.makefile()
        assert json.loads(lines.readline()) == {"status": "OK", "result": "1"}
        assert json.loads(lines.readline()) == {"status": "OK", "result": "PONG"}


def test_a_slow_monitor_is_dropped() -> None:
    with serving(max_output_bytes=1 << 20) as small, small.connect() as monitor:
        ask(monitor, "MONITOR", b"+OK\r\n")
        with small.connect() as writer:
            request = encode_request(["SET", "a", "x" * 60_000])
            while small.engine.monitors.clients:
                writer.sendall(request)
                expect(writer, b"+OK\r\n")

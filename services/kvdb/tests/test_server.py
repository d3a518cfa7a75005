"""The server over real sockets: pieces, pipelines, slow and vanishing clients, waiting ones."""

import json
import socket
import struct
from collections.abc import Iterator

import pytest

from services.common.resp import ReplyError, encode_request
from services.common.stream_server import PAUSE_BYTES
from services.kvdb.tests.serving import Running, receive_all, receive_exactly, serving

PING = b'{"command": "PING"}\n'
PONG = b'{"status": "OK", "result": "PONG"}\n'


@pytest.fixture
def server() -> Iterator[Running]:
    with serving() as running:
        yield running


def ask(sock: socket.socket, request: bytes, reply: bytes) -> None:
    """Send, and expect exactly this."""
    sock.sendall(request)
    assert receive_exactly(sock, len(reply)) == reply


# Two protocols on one port.


def test_both_protocols_are_told_apart_by_the_first_byte(server: Running) -> None:
    with server.connect() as sock:
        ask(sock, PING, PONG)
    with server.connect() as sock:
        ask(sock, b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n")
    with server.connect() as sock:
        ask(sock, b"PING\r\n", b"+PONG\r\n")


def test_the_client_of_the_challenge_opens_asks_reads_and_closes(server: Running) -> None:
    for value in ("1", "2"):
        with server.connect() as sock:
            line = {"command": "SET", "args": {"key": "a", "value": value}}
            sock.sendall(json.dumps(line).encode() + b"\n")
            assert json.loads(sock.makefile().readline()) == {"status": "OK"}
    assert server.client().execute("GET", "a") == b"2"


@pytest.mark.parametrize(
    ("request_bytes", "reply"),
    [
        (PING * 3, PONG * 3),
        (b"*2\r\n$4\r\nECHO\r\n$5\r\na\r\nb\n\r\nPING\r\n", b"$5\r\na\r\nb\n\r\n+PONG\r\n"),
    ],
)
def test_a_request_may_come_in_any_pieces(
    server: Running, request_bytes: bytes, reply: bytes
) -> None:
    with server.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(len(request_bytes)):
            sock.sendall(request_bytes[position : position + 1])
        assert receive_exactly(sock, len(reply)) == reply


def test_replies_to_a_pipeline_come_in_order(server: Running) -> None:
    count = 5000
    with server.connect() as sock:
        sock.sendall(b"".join(encode_request(["ECHO", number]) for number in range(count)))
        expected = b"".join(b"$%d\r\n%d\r\n" % (len(str(n)), n) for n in range(count))
        assert receive_exactly(sock, len(expected)) == expected
    with server.connect() as sock:
        lines = [
            b'{"command": "INCR", "args": {"key": "n"}}\n',
            b'{"command": "GET", "args": {"key": "n"}}\n',
        ]
        sock.sendall(b"".join(lines) * count)
        replies = sock.makefile()
        for number in range(1, count + 1):
            for _ in lines:
                assert json.loads(replies.readline())["result"] == str(number)


# Mistakes.


def test_a_json_mistake_leaves_the_connection_usable(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(b"{garbage\n\xff\xfe\n{}\n" + b'{"a": ' * 100 + b"\n" + PING)
        replies = sock.makefile()
        errors = [json.loads(replies.readline()) for _ in range(4)]
        assert all(error["status"] == "ERROR" for error in errors)
        assert "nested deeper" in errors[3]["message"]
        assert json.loads(replies.readline())["result"] == "PONG"


@pytest.mark.parametrize("ends", [True, False])
def test_an_over_long_line_is_answered_and_the_connection_closed(ends: bool) -> None:
    with serving(max_request_bytes=1000) as server, server.connect() as sock:
        line = b'{"command": "SET", "args": {"key": "a", "value": "' + b"x" * 2000
        sock.sendall(line + (b'"}}\n' if ends else b"") + PING * ends)
        reply = json.loads(receive_all(sock))
        assert reply["status"] == "ERROR"
        assert "longer than 1000 bytes" in reply["message"]
        assert server.client().execute("DBSIZE") == 0


@pytest.mark.parametrize(
    ("request_bytes", "error"),
    [
        (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\nPING\r\n", b"-ERR Protocol error: expected '$', got 'P'\r\n"),
        (b"*1\r\n$x\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$999999999\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b'PING "a\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    ],
)
def test_a_broken_resp_stream_is_answered_and_closed(
    server: Running, request_bytes: bytes, error: bytes
) -> None:
    with server.connect() as sock:
        sock.sendall(b"*1\r\n$4\r\nPING\r\n" + request_bytes + b"SET a 1\r\n")
        assert receive_all(sock) == b"+PONG\r\n" + error
    assert server.client().execute("DBSIZE") == 0


def test_an_error_of_ours_is_answered_and_hurts_nobody(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = server.engine.dispatcher.commands[b"ECHO"]

    def fails(client: object, request: object) -> object:
        raise RuntimeError("a bug")

    monkeypatch.setattr(command, "handler", fails)
    client = server.client()
    with pytest.raises(ReplyError, match="ERR internal error"):
        client.execute("ECHO", "x")
    assert client.execute("PING") == "PONG"


def test_too_many_clients_are_refused_with_a_word() -> None:
    with serving(max_connections=2) as server:
        first, second = server.client(), server.client()
        assert first.execute("PING") == second.execute("PING") == "PONG"
        with server.connect() as third:
            assert receive_all(third) == b"-ERR max number of clients reached\r\n"
        first.close()
        server.wait_until(lambda: len(server.engine.clients) == 1)
        assert server.client().execute("PING") == "PONG"


def test_a_silent_client_is_closed_and_one_that_waits_is_not() -> None:
    with serving(idle_timeout_s=0.2) as server:
        waiting = server.client()
        waiting.send(encode_request(["BLPOP", "q", "0"]))
        with server.connect() as silent:
            assert receive_all(silent) == b""
        server.client().execute("RPUSH", "q", "x")
        assert waiting.read_reply() == [b"q", b"x"]


# Clients that vanish or are slow.


def test_a_client_that_vanishes_in_the_middle_changes_nothing(server: Running) -> None:
    whole = encode_request(["SET", "a", "x" * 100])
    for cut in (1, 10, len(whole) - 1):
        with server.connect() as sock:
            sock.sendall(whole[:cut])
    with server.connect() as sock:
        sock.sendall(b'{"command": "SET", "args": {"key": "a", "val')
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.wait_until(lambda: len(server.engine.clients) == 0)
    assert server.client().execute("DBSIZE") == 0


def test_a_client_that_asks_faster_than_it_reads_is_not_read_from(server: Running) -> None:
    """It gets every reply in the end; meanwhile others are served and memory stays small."""
    value = b"v" * 100_000
    server.client().execute("SET", "large", value)
    request, count = encode_request(["GET", "large"]), 300
    with server.connect() as sock:
        sock.sendall(request * count)
        connections = server.server._streams.connections
        server.wait_until(lambda: any(it.output_bytes for it in connections))
        assert server.client().execute("PING") == "PONG"
        assert max(it.output_bytes for it in list(connections)) < PAUSE_BYTES + 2 * len(value)
        reply = b"$%d\r\n%b\r\n" % (len(value), value)
        for _ in range(count):
            assert receive_exactly(sock, len(reply)) == reply


def test_a_large_value_in_and_out(server: Running) -> None:
    client, value = server.client(), bytes(range(256)) * 40_000
    assert client.execute("SET", "large", value) == "OK"
    assert client.execute("GET", "large") == value


# Waiting.


def waiting_clients(server: Running, count: int, *command: object) -> list:
    """Clients that have begun to wait, in this order."""
    clients = []
    for number in range(1, count + 1):
        client = server.client()
        client.send(encode_request(list(command)))
        server.wait_until(lambda number=number: len(server.engine.blocking.waits) == number)
        clients.append(client)
    return clients


def test_who_waits_first_is_served_first(server: Running) -> None:
    clients = waiting_clients(server, 5, "BLPOP", "q", "0")
    server.client().execute("RPUSH", "q", *range(5))
    assert [client.read_reply() for client in clients] == [[b"q", b"%d" % n] for n in range(5)]
    assert server.client().execute("EXISTS", "q") == 0


def test_a_timeout_is_answered_and_forgotten(server: Running) -> None:
    client = server.client()
    assert client.execute("BLPOP", "q", "0.05") is None
    assert client.execute("BZPOPMIN", "z", "0.01") is None
    assert client.execute("BLMOVE", "a", "b", "LEFT", "LEFT", "0.01") is None
    assert not server.engine.keyspace.databases[0].waiting
    assert client.execute("RPUSH", "q", "kept") == 1
    assert client.execute("LLEN", "q") == 1


def test_a_client_that_leaves_while_it_waits_takes_nothing(server: Running) -> None:
    first, second = waiting_clients(server, 2, "BLPOP", "q", "other", "10")
    first.close()
    server.wait_until(lambda: len(server.engine.blocking.waits) == 1)
    server.client().execute("RPUSH", "q", "x")
    assert second.read_reply() == [b"q", b"x"]
    assert not server.engine.keyspace.databases[0].waiting


def test_what_is_sent_while_waiting_runs_afterwards_in_order(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(b"BLPOP q 0\r\nSET after 1\r\nPING\r\n")
        server.wait_until(lambda: len(server.engine.blocking.waits) == 1)
        other = server.client()
        assert other.execute("EXISTS", "after") == 0
        other.execute("RPUSH", "q", "x")
        reply = b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n+OK\r\n+PONG\r\n"
        assert receive_exactly(sock, len(reply)) == reply


def test_a_waiting_client_that_sends_without_end_is_not_read_from(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(b"BLPOP q 0\r\n")
        server.wait_until(lambda: len(server.engine.blocking.waits) == 1)
        (connection,) = server.server._streams.connections
        filler, count = encode_request(["ECHO", "x" * 1000]), 4000
        sock.setblocking(False)
        sent, data = 0, filler * count
        while not connection.is_reading_paused:
            try:
                sent += sock.send(data[sent : sent + 65536])
            except BlockingIOError:
                pass
        sock.settimeout(20)
        server.client().execute("RPUSH", "q", "x")
        head = b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n"
        assert receive_exactly(sock, len(head)) == head
        echoes = sent // len(filler)
        reply = b"$1000\r\n" + b"x" * 1000 + b"\r\n"
        assert receive_exactly(sock, len(reply) * echoes) == reply * echoes


def test_a_chain_of_moves_is_served_in_one_go(server: Running) -> None:
    (mover,) = waiting_clients(server, 1, "BLMOVE", "a", "b", "LEFT", "RIGHT", "0")
    last = server.client()
    last.send(encode_request(["BLPOP", "b", "0"]))
    server.wait_until(lambda: len(server.engine.blocking.waits) == 2)
    server.client().execute("RPUSH", "a", "x")
    assert mover.read_reply() == b"x"
    assert last.read_reply() == [b"b", b"x"]


# Passwords, and the end.


def test_a_password_is_asked_for_in_both_protocols() -> None:
    with serving(password="secret") as server:
        client = server.client()
        with pytest.raises(ReplyError, match="NOAUTH"):
            client.execute("GET", "a")
        with pytest.raises(ReplyError, match="WRONGPASS"):
            client.execute("AUTH", "wrong")
        with pytest.raises(ReplyError, match="NOAUTH HELLO"):
            client.execute("HELLO", "3")
        assert client.execute("HELLO", "2", "AUTH", "default", "secret")
        assert client.execute("GET", "a") is None
        with server.connect() as sock:
            sock.sendall(PING)
            assert "NOAUTH" in json.loads(sock.makefile().readline())["message"]


def test_stopping_sends_what_has_been_answered(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(b"PING\r\n" * 1000)
        assert receive_exactly(sock, 7) == b"+PONG\r\n"
        server.server.loop.call_from_thread(server.server.stop)
        assert receive_all(sock) == b"+PONG\r\n" * 999


def test_a_page_that_posts_commands_gets_nothing_done(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\r\nSET pwned 1\r\n"
        )
        assert sock.makefile("rb").read().startswith(b"-ERR this port does not speak HTTP")
    assert server.client().execute("EXISTS", "pwned") == 0

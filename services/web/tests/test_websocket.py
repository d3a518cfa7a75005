"""WebSockets on our server, with a real client."""

import base64
import queue
import socket as sockets
import threading

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from services.web.application import Application
from services.web.test_client import TestClient
from services.web.tests.serving import WAIT_S, get, read_response
from services.web.websocket import WebSocketHandler, WebSocketResponse, accept_value
from services.web.websocket_codec import Opcode, encode_close, encode_frame

KEY = base64.b64encode(b"0123456789abcdef").decode()
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


class Echo(WebSocketHandler):
    def __init__(self):
        self.events = queue.Queue()

    def on_open(self, socket):
        self.events.put("open")

    def on_message(self, socket, message):
        if message == "fail":
            raise RuntimeError("the handler's bug")
        if message == "close":
            socket.close(4000, "as you wish")
            assert not socket.send("too late")
        else:
            socket.send(message)

    def on_close(self, socket, code, reason):
        self.events.put((code, reason))


@pytest.fixture
def echo():
    return Echo()


@pytest.fixture
def app(echo):
    app = Application()

    @app.get("/echo")
    def open_echo(request):
        return WebSocketResponse(
            request, echo, subprotocols=("v2", "v1"), origins=["https://friend.example"]
        )

    return app


@pytest.fixture
def running(app, serve):
    return serve(app)


def url(running, path="/echo"):
    return f"ws://127.0.0.1:{running.port}{path}"


def test_text_bytes_and_large_messages_come_back(running, echo):
    with connect(url(running), max_size=None) as client:
        assert echo.events.get(timeout=WAIT_S) == "open"
        for message in ("hé", b"\x00\xff", "", "x" * 65_536, b"\x07" * 1_000_000, ["a", "b", "c"]):
            client.send(message)
            received = client.recv(WAIT_S)
            assert received == ("".join(message) if isinstance(message, list) else message)
        assert client.ping(b"ping").wait(WAIT_S)
    assert echo.events.get(timeout=WAIT_S) == (1000, "")


@pytest.mark.parametrize("compression", ["deflate", None])
def test_with_and_without_compression(running, compression):
    with connect(url(running), compression=compression) as client:
        assert bool(client.protocol.extensions) is (compression is not None)
        for _ in range(3):
            client.send("again and " * 1000)
            assert client.recv(WAIT_S) == "again and " * 1000


def test_messages_are_handled_in_their_order(running):
    with connect(url(running)) as client:
        sent = [str(number) for number in range(1000)]
        sender = threading.Thread(target=lambda: [client.send(one) for one in sent])
        sender.start()
        assert [client.recv(WAIT_S) for _ in sent] == sent
        sender.join()


def test_the_handler_closes(running, echo):
    with connect(url(running)) as client:
        client.send("close")
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(WAIT_S)
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4000, "as you wish")
    assert [echo.events.get(timeout=WAIT_S) for _ in range(2)] == ["open", (4000, "as you wish")]


def test_a_bug_of_the_handler_closes_the_socket_and_nothing_else(running):
    with connect(url(running)) as other, connect(url(running)) as client:
        client.send("fail")
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(WAIT_S)
        assert caught.value.rcvd.code == 1011
        other.send("still here")
        assert other.recv(WAIT_S) == "still here"


def test_a_client_that_vanishes(running, echo):
    with running.connect() as sock:
        sock.sendall(get("/echo", *(f"{n}: {v}".encode() for n, v in HANDSHAKE.items())))
        assert echo.events.get(timeout=WAIT_S) == "open"
    assert echo.events.get(timeout=WAIT_S) == (1006, "")
    running.wait_until(lambda: not running.server.connections)


def test_what_is_malformed_is_told_by_the_code(running):
    with connect(url(running)) as client:
        client.socket.sendall(encode_frame(Opcode.TEXT, b"unmasked"))
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(WAIT_S)
        assert caught.value.rcvd.code == 1002


def test_frames_right_behind_the_request(running):
    early = encode_frame(Opcode.TEXT, b"early", mask=b"abcd")
    request = get("/echo", *(f"{n}: {v}".encode() for n, v in HANDSHAKE.items()))
    with running.connect() as sock:
        sock.sendall(request + early)
        file = sock.makefile("rb")
        assert file.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
        fields = dict(line.rstrip().split(b": ", 1) for line in iter(file.readline, b"\r\n"))
        assert fields[b"Upgrade"] == b"websocket"
        assert fields[b"Connection"] == b"Upgrade"
        # The example of RFC 6455, section 1.3, is in the test below.
        assert fields[b"Sec-WebSocket-Accept"].decode() == accept_value(KEY)
        assert file.read(7) == encode_frame(Opcode.TEXT, b"early")


def test_one_message_may_be_larger_than_what_may_wait(serve):
    app = Application()

    @app.get("/echo")
    def open_echo(request):
        return WebSocketResponse(request, Echo(), compress=False, max_message_bytes=1 << 25)

    running = serve(app, max_socket_bytes=100_000)
    with connect(url(running), max_size=None, compression=None) as client:
        client.send(b"x" * 20_000_000)
        assert len(client.recv(WAIT_S)) == 20_000_000


@pytest.mark.parametrize(
    ("last", "goodbye"),
    [
        (encode_close(1000, "", mask=b"abcd"), encode_close(1000)),
        (encode_frame(Opcode.TEXT, b"unmasked"), None),
    ],
    ids=["close", "error"],
)
def test_what_came_before_the_end_is_answered(running, echo, last, goodbye):
    before = encode_frame(Opcode.TEXT, b"before", mask=b"abcd")
    behind = encode_frame(Opcode.TEXT, b"behind", mask=b"abcd")
    request = get("/echo", *(f"{n}: {v}".encode() for n, v in HANDSHAKE.items()))
    with running.connect() as sock:
        sock.sendall(request + before + last + behind)
        answer = sock.makefile("rb").read().partition(b"\r\n\r\n")[2]
    echoed = encode_frame(Opcode.TEXT, b"before")
    assert answer.startswith(echoed)
    close = answer.removeprefix(echoed)
    assert close == goodbye if goodbye else close[2:4] == (1002).to_bytes(2, "big")
    assert echo.events.get(timeout=WAIT_S) == "open"
    assert echo.events.get(timeout=WAIT_S)[0] == int.from_bytes(close[2:4], "big")


def test_the_accept_value_of_the_standard():
    assert accept_value("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_subprotocols(running):
    with connect(url(running), subprotocols=["v0", "v1", "v2"]) as client:
        assert client.subprotocol == "v1"


def test_origins(running):
    for origin, is_allowed in [
        (f"http://127.0.0.1:{running.port}", True),
        ("https://friend.example", True),
        ("https://evil.example", False),
        ("null", False),
        ("http://[", False),
    ]:
        if is_allowed:
            with connect(url(running), origin=origin):
                pass
            continue
        with pytest.raises(InvalidStatus) as caught:
            connect(url(running), origin=origin)
        assert caught.value.response.status_code == 403


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Upgrade": "h2c"}, 426),
        ({"Connection": "keep-alive"}, 400),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Sec-WebSocket-Key": "!" * 24}, 400),
    ],
)
def test_handshakes_that_are_refused(running, changed, status):
    fields = [f"{n}: {v}".encode() for n, v in (HANDSHAKE | changed).items()]
    with running.connect() as sock:
        sock.sendall(get("/echo", *fields))
        assert read_response(sock.makefile("rb"))[0] == status
        # The connection is still HTTP.
        sock.sendall(get("/none"))
        assert read_response(sock.makefile("rb"))[0] == 404


def test_another_server_says_that_it_cannot(app):
    assert TestClient(app).get("/echo", headers=HANDSHAKE).status == 501


def test_a_stop_says_goodbye(running, echo):
    with connect(url(running)) as client:
        assert echo.events.get(timeout=WAIT_S) == "open"
        running.stop()
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(WAIT_S)
        assert caught.value.rcvd.code == 1001
    assert running.stopped.wait(WAIT_S)


def test_a_silent_peer_is_noticed(app, serve, echo):
    running = serve(app, ping_interval_s=0.05)
    with connect(url(running)) as client:
        # The real client answers pings by itself.
        client.send("a")
        assert client.recv(WAIT_S) == "a"
        assert echo.events.get(timeout=WAIT_S) == "open"
        with running.connect() as sock:
            sock.sendall(get("/echo", *(f"{n}: {v}".encode() for n, v in HANDSHAKE.items())))
            assert echo.events.get(timeout=WAIT_S) == "open"
            assert echo.events.get(timeout=WAIT_S) == (1006, "")
        client.send("b")
        assert client.recv(WAIT_S) == "b"


def test_a_client_that_sends_faster_than_the_handler_works_is_not_read(serve):
    may_go_on = threading.Event()
    seen = []

    class Slow(WebSocketHandler):
        def on_message(self, socket, message):
            may_go_on.wait(WAIT_S)
            seen.append(message)

    app = Application()
    app.get("/slow")(lambda request: WebSocketResponse(request, Slow()))
    running = serve(app)
    with connect(url(running, "/slow"), compression=None, ping_interval=None) as client:
        sock = client.socket
        sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, 4096)
        count, message = 2000, "x" * 10_000
        sender = threading.Thread(target=lambda: [client.send(message) for _ in range(count)])
        sender.start()
        [connection] = running.in_loop(lambda: list(running.server.connections))
        running.wait_until(lambda: connection._is_reading_paused)
        may_go_on.set()
        sender.join(WAIT_S)
        client.send("last")
        running.wait_until(lambda: seen[-1:] == ["last"])
    assert seen == [message] * count + ["last"]

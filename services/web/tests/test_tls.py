"""HTTPS: real handshakes with real certificates."""

import http.client
import ssl
import threading

import pytest
import trustme
from websockets.sync.client import connect

from services.web.application import Application
from services.web.responses import Response
from services.web.tests.serving import WAIT_S, get, read_response, read_to_the_end
from services.web.tls import server_context
from services.web.websocket import WebSocketHandler, WebSocketResponse


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def trust(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="module")
def tls(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        path
    )
    return server_context(path)


@pytest.fixture
def app():
    app = Application(max_body_bytes=20_000_000)

    @app.get("/scheme")
    def scheme(request):
        return {"scheme": request.scheme}

    @app.post("/echo")
    def echo(request):
        return Response(request.body)

    return app


def test_requests_over_tls(app, serve, tls, trust):
    running = serve(app, tls=tls)
    client = http.client.HTTPSConnection("localhost", running.port, context=trust, timeout=WAIT_S)
    for _ in range(3):
        client.request("GET", "/scheme")
        assert client.getresponse().read() == b'{"scheme":"https"}'
    assert client.sock.selected_alpn_protocol() is None
    client.close()


def test_large_bodies_both_ways(app, serve, tls, trust):
    running = serve(app, tls=tls)
    body = bytes(range(256)) * 40_000
    client = http.client.HTTPSConnection("localhost", running.port, context=trust, timeout=WAIT_S)
    client.request("POST", "/echo", body)
    assert client.getresponse().read() == body
    client.close()


def test_a_slow_handshake_holds_up_nobody(app, serve, tls, trust):
    running = serve(app, tls=tls)
    with running.connect() as silent, running.connect() as talker:
        silent.sendall(b"\x16\x03\x01")
        with trust.wrap_socket(talker, server_hostname="localhost") as secure:
            secure.sendall(get("/scheme"))
            assert read_response(secure.makefile("rb"))[0] == 200


def test_plain_http_and_garbage_are_turned_away(app, serve, tls, trust):
    running = serve(app, tls=tls)
    for data in (get("/scheme"), b"\x00" * 100):
        with running.connect() as sock:
            sock.sendall(data)
            assert not read_to_the_end(sock).startswith(b"HTTP")
    running.wait_until(lambda: not running.server.connections)


def test_many_clients_at_once(app, serve, tls, trust):
    running = serve(app, tls=tls)
    seen = []

    def ask():
        client = http.client.HTTPSConnection(
            "localhost", running.port, context=trust, timeout=WAIT_S
        )
        client.request("GET", "/scheme")
        seen.append(client.getresponse().status)
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert seen == [200] * 20


def test_behind_a_proxy_that_passes_tls_on(app, serve, tls, trust):
    app.get("/who")(lambda request: [request.client_address])
    running = serve(app, tls=tls, proxy_protocol=True)
    with running.connect() as sock:
        sock.sendall(b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n")
        with trust.wrap_socket(sock, server_hostname="localhost") as secure:
            secure.sendall(get("/who"))
            assert read_response(secure.makefile("rb"))[2] == b'["203.0.113.7"]'


def test_websockets_over_tls(app, serve, tls, trust):
    class Echo(WebSocketHandler):
        def on_message(self, socket, message):
            socket.send(message)

    app.get("/ws")(lambda request: WebSocketResponse(request, Echo()))
    running = serve(app, tls=tls)
    with connect(f"wss://localhost:{running.port}/ws", ssl=trust) as client:
        client.send("x" * 100_000)
        assert client.recv(WAIT_S) == "x" * 100_000


def test_certificates_that_cannot_be_used(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        server_context(tmp_path / "none.pem")
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        server_context(tmp_path / "bad.pem")

"""The HTTP client against our own server, and against servers that misbehave."""

import socket
import threading

import pytest

from services.common.event_loop import EventLoop
from services.common.logs import Log
from services.web.application import Application
from services.web.client import HTTPClient, HTTPClientError
from services.web.errors import HTTPError
from services.web.server import HTTPServer

WAIT_S = 10


@pytest.fixture
def server():
    app = Application()

    @app.post("/echo")
    def echo(request):
        return {"json": request.json(), "query": dict(request.query)}

    @app.get("/tasks/<int:id>")
    def show(request, id):
        if id == 0:
            raise HTTPError(404, "no such task")
        return {"id": id, "port": request.environ["REMOTE_PORT"]}

    @app.get("/text")
    def text(request):
        return "text"

    @app.delete("/tasks/<int:id>")
    def remove(request, id):
        return {"removed": id}

    log = Log("test")
    loop = EventLoop(log)
    listener = socket.create_server(("127.0.0.1", 0))
    HTTPServer(app, listener, loop, log)
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    loop.stop()
    thread.join(WAIT_S)
    listener.close()


def test_requests_over_one_connection(server):
    with HTTPClient(server) as client:
        first = client.get("/tasks/7").check().json()
        second = client.get("/tasks/8", query={"x": "a b"}).json()
        assert (first["id"], second["id"]) == (7, 8)
        assert first["port"] == second["port"]
        reply = client.request("POST", "/echo", json={"a": None}, query={"q": "1 2"})
        assert reply.json() == {"json": {"a": None}, "query": {"q": "1 2"}}
        assert client.post("/echo", json=[1]).json()["json"] == [1]
        assert client.delete("/tasks/3").json() == {"removed": 3}
        assert reply.headers["content-type"] == "application/json"


def test_a_prefix_in_the_address(server):
    with HTTPClient(server + "/tasks/") as client:
        assert client.get("/7").json()["id"] == 7


def test_a_problem_is_an_answer_until_it_is_checked(server):
    with HTTPClient(server) as client:
        reply = client.get("/tasks/0")
        assert reply.status == 404
        with pytest.raises(HTTPClientError, match="404 no such task") as caught:
            reply.check()
        assert caught.value.status == 404


def test_text_is_no_json(server):
    with HTTPClient(server) as client, pytest.raises(HTTPClientError, match="not JSON"):
        client.get("/text").json()


def test_threads_may_share_a_client(server):
    client, seen = HTTPClient(server), []

    def work(n):
        for _ in range(20):
            seen.append(client.get(f"/tasks/{n}").json()["id"] == n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    client.close()
    assert seen == [True] * 80


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(HTTPClientError, match=f"GET http://127.0.0.1:{port}/x: .*refused"):
        HTTPClient(f"http://127.0.0.1:{port}").get("/x")


class Scripted:
    """A server that answers each connection as the script says, then closes it."""

    def __init__(self, *answers):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.requests = []
        self.thread = threading.Thread(target=self._run, args=(answers,), daemon=True)
        self.thread.start()

    def _run(self, answers):
        for answer in answers:
            sock, _ = self.listener.accept()
            with sock:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += sock.recv(1000)
                self.requests.append(request.split(b" ")[0])
                if answer is None:
                    sock.settimeout(WAIT_S)
                    sock.recv(1)
                else:
                    sock.sendall(answer)
        self.listener.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "without response|reset"),
        (b"SSH-2.0\r\n", "SSH"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi", "IncompleteRead|more expected"),
        (None, "timed out"),
    ],
)
def test_servers_that_misbehave(answer, reason):
    server = Scripted(answer)
    client = HTTPClient(server.url, timeout_s=0.2)
    with pytest.raises(HTTPClientError, match=reason):
        client.get("/")
    client.close()


def test_a_connection_that_was_closed_meanwhile_is_replaced_even_for_post():
    server = Scripted(OK, OK)
    with HTTPClient(server.url) as client:
        client.get("/")
        # The end of the connection has arrived when the kept socket is readable.
        kept = client._connection.sock
        kept.settimeout(WAIT_S)
        assert kept.recv(1, socket.MSG_PEEK) == b""
        assert client.post("/").status == 200
    server.thread.join(WAIT_S)
    assert server.requests == [b"GET", b"POST"]


@pytest.mark.parametrize("url", ["https://a", "127.0.0.1:80", "http://", "redis://a"])
def test_addresses_that_are_refused(url):
    with pytest.raises(ValueError, match="http://"):
        HTTPClient(url)

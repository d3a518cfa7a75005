"""What the server tests share: a running server, and a client that sees every byte."""

import contextlib
import http.client
import socket
import threading
import time

from services.common.event_loop import EventLoop
from services.common.logs import Log
from services.web.application import Application
from services.web.event_stream import Broadcast
from services.web.responses import EventStreamResponse, Response, TextResponse
from services.web.server import HTTPServer, Settings

WAIT_S = 10


class Running:
    """A server on a thread of its own, and what the tests ask of it."""

    def __init__(self, application, **options):
        log = Log("test")
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.loop = EventLoop(log)
        options = {"sweep_interval_s": 0.05, **options}
        self.server = HTTPServer(application, listener, self.loop, log, Settings(**options))
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        self.loop.run()
        self.stopped.set()

    def stop(self, grace_s=WAIT_S):
        self.loop.call_from_thread(lambda: self.server.stop(grace_s, self.loop.stop))

    def in_loop(self, ask):
        """What `ask()` says in the loop's thread."""
        answer, done = [], threading.Event()
        self.loop.call_from_thread(lambda: (answer.append(ask()), done.set()))
        assert done.wait(WAIT_S)
        return answer[0]

    def wait_until(self, condition):
        """Wait until `condition()` is true in the loop's thread."""
        deadline = time.monotonic() + WAIT_S
        while not self.in_loop(condition):
            assert time.monotonic() < deadline, "this did not happen in time"
            time.sleep(0.005)

    def connect(self):
        return contextlib.closing(self.socket())

    def socket(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)

    def client(self):
        return contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        )


def get(path="/", *fields, method=b"GET"):
    lines = [method + b" " + path.encode() + b" HTTP/1.1", b"Host: a", *fields, b"", b""]
    return b"\r\n".join(lines)


def read_response(file, *, is_head=False):
    """Status, fields and body of one response."""
    status = int(file.readline().split()[1])
    fields = {}
    while (line := file.readline()) != b"\r\n":
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()
    if is_head or status in (100, 204, 304):
        return status, fields, b""
    if fields.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(file.readline(), 16):
            body += file.read(size)
            assert file.readline() == b"\r\n"
        assert file.readline() == b"\r\n"
        return status, fields, body
    if "content-length" in fields:
        return status, fields, file.read(int(fields["content-length"]))
    return status, fields, file.read()


def read_to_the_end(sock):
    """What arrives until the other side closes, in whichever way it does."""
    received = b""
    try:
        while data := sock.recv(4096):
            received += data
    except ConnectionResetError:
        pass  # It closed with bytes of ours unread.
    return received


def ask(running, raw):
    """The one response to `raw`, on a connection of its own."""
    with running.connect() as sock:
        sock.sendall(raw)
        return read_response(sock.makefile("rb"))


def make_application():
    app = Application()

    @app.get("/hello")
    def hello(request):
        return TextResponse("hello")

    @app.get("/name/<name>")
    def name(request, name):
        return TextResponse(name)

    @app.post("/echo")
    def echo(request):
        return Response(request.body)

    @app.get("/pieces")
    def pieces(request):
        return Response(piece for piece in (b"one", b"", b"two"))

    return app


def stream_application():
    app = make_application()
    events = Broadcast()
    app.get("/events")(lambda request: EventStreamResponse(events, [("hello", {"a": 1})]))
    return app, events


def open_stream(sock):
    sock.sendall(get("/events"))
    file = sock.makefile("rb")
    assert file.readline().startswith(b"HTTP/1.1 200 ")
    fields = b""
    while (line := file.readline()) != b"\r\n":
        fields += line.lower()
    assert b"content-type: text/event-stream\r\n" in fields
    assert file.read(3) == b":\n\n"
    return file


def read_event(file):
    lines = []
    while (line := file.readline()) != b"\n":
        if not line:
            return None
        lines.append(line)
    return b"".join(lines) + b"\n"

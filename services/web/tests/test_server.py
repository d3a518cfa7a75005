"""The server over real sockets: what a codec test cannot show."""

import contextlib
import http.client
import io
import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.event_loop import EventLoop
from services.common.logs import Log
from services.web.application import Application
from services.web.event_stream import Broadcast, encode_event
from services.web.http_decoder import Limits
from services.web.responses import EventStreamResponse, FileResponse, Response, TextResponse
from services.web.server import HTTPServer, Settings
from services.web.static import StaticFiles

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


@pytest.fixture
def serve():
    """Start servers; they are stopped when the test ends."""
    started = []

    def start(application, **options):
        running = Running(application, **options)
        started.append(running)
        return running

    yield start
    for running in started:
        if not running.stopped.is_set():
            running.stop(grace_s=0)
            assert running.stopped.wait(WAIT_S)


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


def test_many_requests_on_one_connection(serve):
    running = serve(make_application())
    with running.connect() as sock:
        file = sock.makefile("rb")
        for n in range(20):
            sock.sendall(get(f"/name/{n}"))
            status, fields, body = read_response(file)
            assert (status, body) == (200, b"%d" % n)
            assert "connection" not in fields
        assert running.in_loop(lambda: len(running.server.connections)) == 1
    assert running.server.requests_total == 20


def test_pipelined_requests_are_answered_in_order(serve):
    running = serve(make_application())
    requests = [get(f"/name/{n}") for n in range(200)]
    with running.connect() as sock:
        sock.sendall(b"".join(requests))
        file = sock.makefile("rb")
        assert [read_response(file)[2] for _ in requests] == [b"%d" % n for n in range(200)]


def test_a_request_in_one_byte_pieces(serve):
    running = serve(make_application())
    raw = get("/echo", b"Content-Length: 5", method=b"POST") + b"hello"
    with running.connect() as sock:
        for n in range(len(raw)):
            sock.sendall(raw[n : n + 1])
        assert read_response(sock.makefile("rb"))[2] == b"hello"


def test_keep_alive_by_version_and_by_wish(serve):
    running = serve(make_application())
    for raw, connection, stays in [
        (get("/hello"), None, True),
        (get("/hello", b"Connection: close"), "close", False),
        (b"GET /hello HTTP/1.0\r\n\r\n", "close", False),
        (b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", True),
    ]:
        with running.connect() as sock:
            sock.sendall(raw)
            file = sock.makefile("rb")
            status, fields, body = read_response(file)
            assert (status, body, fields.get("connection")) == (200, b"hello", connection)
            if stays:
                sock.sendall(raw)
                assert read_response(file)[0] == 200
            else:
                assert file.read() == b""


def test_a_connection_ends_after_its_number_of_requests(serve):
    running = serve(make_application(), max_requests_per_connection=3)
    with running.connect() as sock:
        sock.sendall(get("/hello") * 5)
        file = sock.makefile("rb")
        seen = [read_response(file)[1].get("connection") for _ in range(3)]
        assert seen == [None, None, "close"]
        assert file.read() == b""


def test_bodies_in_both_ways(serve):
    running = serve(make_application())
    body = bytes(range(256)) * 2000
    with running.client() as client:
        client.request("POST", "/echo", body)
        assert client.getresponse().read() == body
        client.request(
            "POST",
            "/echo",
            iter([b"one", b"two"]),
            encode_chunked=True,
            headers={"Transfer-Encoding": "chunked"},
        )
        assert client.getresponse().read() == b"onetwo"
        client.request("GET", "/pieces")
        response = client.getresponse()
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert response.read() == b"onetwo"
        client.request("HEAD", "/pieces")
        assert client.getresponse().read() == b""
        client.request("GET", "/hello")
        assert client.getresponse().read() == b"hello"


def test_a_large_body_waits_in_a_file_not_in_memory(serve):
    kinds = []

    def application(environ, start_response):
        kinds.append(environ["wsgi.input"]._rolled)
        size = len(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [b"%d" % size]

    running = serve(application, body_memory_bytes=1000)
    for size in (999, 5000):
        raw = get("/", b"Content-Length: %d" % size, method=b"POST") + b"x" * size
        assert ask(running, raw)[2] == b"%d" % size
    assert kinds == [False, True]


def test_expect_100_continue(serve):
    running = serve(make_application())
    head = get("/echo", b"Content-Length: 5", b"Expect: 100-continue", method=b"POST")
    with running.connect() as sock:
        file = sock.makefile("rb")
        for _ in range(2):
            sock.sendall(head)
            assert read_response(file)[0] == 100
            sock.sendall(b"hello")
            assert read_response(file)[2] == b"hello"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (get("/hello", b"X: " + b"a" * 1000), 431),
        (get("/hello", *[b"X: a"] * 20), 431),
        (get("/" + "a" * 500), 414),
        (get("/echo", b"Content-Length: 1001", method=b"POST"), 413),
        (get("/echo", b"Transfer-Encoding: chunked", method=b"POST") + b"400\r\n", 413),
        (get("/echo", b"Expect: 100-continue", b"Content-Length: 2000", method=b"POST"), 413),
    ],
)
def test_what_is_refused_is_told_and_closed(serve, raw, status):
    limits = Limits(
        request_line_bytes=200, header_block_bytes=500, header_count=10, body_bytes=1000
    )
    running = serve(make_application(), limits=limits)
    # Also when it is pipelined behind a good one: the good one is answered first.
    for before in (b"", get("/hello")):
        with running.connect() as sock:
            sock.sendall(before + raw)
            file = sock.makefile("rb")
            if before:
                assert read_response(file)[0] == 200
            seen, fields, body = read_response(file)
            assert seen == status
            assert fields["connection"] == "close"
            assert fields["content-type"] == "application/problem+json"
            assert b'"detail"' in body
            assert file.read() == b""
    assert ask(running, get("/hello"))[0] == 200


def test_a_refused_client_that_goes_on_sending_still_sees_why(serve):
    running = serve(make_application(), limits=Limits(body_bytes=1000))
    with running.connect() as sock:
        head = get("/echo", b"Content-Length: 30000000", method=b"POST")
        sock.sendall(head + b"x" * 5_000_000)
        file = sock.makefile("rb")
        assert read_response(file)[0] == 413
        assert file.read() == b""


def test_slow_and_silent_clients_hold_nobody(serve):
    running = serve(make_application(), threads=1)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(running.connect()) for _ in range(50)]
        for n, sock in enumerate(slow):
            # Nothing, half a head, or half a body.
            raw = get("/echo", b"Content-Length: 5", method=b"POST") + b"hello"
            sock.sendall(raw[: n * len(raw) // 50])
        running.wait_until(lambda: len(running.server.connections) == 50)
        assert ask(running, get("/hello"))[2] == b"hello"


def test_a_slow_loris_is_closed_with_408(serve):
    running = serve(make_application(), head_timeout_s=0.2, body_timeout_s=0.2)
    raw = get("/echo", b"Content-Length: 5", method=b"POST") + b"hel"
    for part in (raw[:1], raw[:30], raw):
        with running.connect() as sock:
            sock.sendall(part)
            file = sock.makefile("rb")
            assert read_response(file)[0] == 408
            assert file.read() == b""


def test_bytes_now_and_then_buy_no_time_for_a_head(serve):
    running = serve(make_application(), head_timeout_s=0.2)
    with running.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        sock.settimeout(0.02)
        received = b""
        with contextlib.suppress(ConnectionError):
            while True:
                try:
                    sock.sendall(b"X: y\r\n")
                    data = sock.recv(1000)
                    received += data
                    if not data:
                        break
                except TimeoutError:
                    continue
        assert received.startswith(b"HTTP/1.1 408 ")


def test_silent_and_idle_connections_are_closed_without_a_word(serve):
    running = serve(make_application(), head_timeout_s=0.2, keep_alive_timeout_s=0.2)
    with running.connect() as silent:
        assert silent.makefile("rb").read() == b""
    with running.connect() as idle:
        idle.sendall(get("/hello"))
        file = idle.makefile("rb")
        assert read_response(file)[0] == 200
        assert file.read() == b""


def test_a_slow_handler_holds_only_its_own_client(serve):
    release = threading.Event()
    app = make_application()
    app.get("/slow")(lambda request: TextResponse(str(release.wait(WAIT_S))))
    running = serve(app, threads=2)
    with running.connect() as slow:
        slow.sendall(get("/slow"))
        for _ in range(20):
            assert ask(running, get("/hello"))[2] == b"hello"
        release.set()
        assert read_response(slow.makefile("rb"))[2] == b"True"


def test_a_request_that_arrives_while_another_runs_is_not_forgotten(serve):
    started, release = threading.Event(), threading.Event()
    app = make_application()

    @app.get("/slow")
    def slow(request):
        started.set()
        release.wait(WAIT_S)
        return TextResponse("slow")

    running = serve(app)
    with running.connect() as sock:
        file = sock.makefile("rb")
        sock.sendall(get("/slow"))
        assert started.wait(WAIT_S)
        sock.sendall(get("/hello"))
        # Let the loop notice the bytes while the thread is still at work.
        running.wait_until(lambda: all(one._is_paused for one in running.server.connections))
        release.set()
        assert read_response(file)[2] == b"slow"
        assert read_response(file)[2] == b"hello"


def test_a_client_that_shuts_its_side_still_gets_its_answer(serve):
    running = serve(make_application())
    with running.connect() as sock:
        sock.sendall(get("/hello"))
        sock.shutdown(socket.SHUT_WR)
        assert read_response(sock.makefile("rb"))[2] == b"hello"


def test_a_client_that_vanishes_leaves_nothing_behind(serve):
    app = make_application()
    started = threading.Event()

    @app.get("/endless")
    def endless(request):
        def pieces():
            while True:
                started.set()
                yield b"x" * 10_000

        return Response(pieces())

    running = serve(app, threads=1)
    for raw in (
        b"",
        b"GET / HT",
        get("/echo", b"Content-Length: 9", method=b"POST"),
        get("/hello"),
    ):
        with running.connect() as sock:
            sock.sendall(raw)
    with running.connect() as sock:
        sock.sendall(get("/endless"))
        assert started.wait(WAIT_S)
    running.wait_until(lambda: not running.server.connections)
    assert ask(running, get("/hello"))[0] == 200


def test_large_answers_to_slow_readers_hold_no_thread(serve, tmp_path):
    (tmp_path / "big.bin").write_bytes(bytes(range(256)) * 40_000)
    app = make_application()
    app.get("/big")(lambda request: Response(bytes(range(256)) * 40_000))
    app.get("/file")(lambda request: FileResponse(tmp_path / "big.bin"))
    running = serve(app, threads=1)
    with contextlib.ExitStack() as stack:
        slow = []
        for path in ("/big", "/file") * 3:
            sock = stack.enter_context(running.connect())
            sock.sendall(get(path) + get("/hello"))
            slow.append(sock)
        # Nobody has read a byte yet, and the only thread is free.
        assert ask(running, get("/hello"))[2] == b"hello"
        for sock in slow:
            file = sock.makefile("rb")
            assert read_response(file)[2] == bytes(range(256)) * 40_000
            assert read_response(file)[2] == b"hello"


def test_a_reader_that_stops_is_given_up(serve):
    app = make_application()
    finished = threading.Event()

    @app.get("/pieces-without-end")
    def endless(request):
        def pieces():
            try:
                while True:
                    yield b"x" * 100_000
            finally:
                finished.set()

        return Response(pieces())

    app.get("/big")(lambda request: Response(b"x" * 30_000_000))
    running = serve(app, send_timeout_s=0.2)
    with running.connect() as pieces, running.connect() as whole:
        pieces.sendall(get("/pieces-without-end"))
        whole.sendall(get("/big"))
        assert finished.wait(WAIT_S)
        running.wait_until(lambda: not running.server.connections)


def test_a_file_that_shrinks_breaks_the_connection_off(serve, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10_000_000)
    running = serve(FileResponse(path))
    with running.connect() as sock:
        sock.sendall(get("/"))
        file = sock.makefile("rb")
        file.readline()
        with path.open("r+b") as writable:
            writable.truncate(100)
        assert len(file.read()) < 10_000_000


def test_one_client_too_many_is_told(serve):
    running = serve(make_application(), max_connections=2)
    with running.connect(), running.connect():
        running.wait_until(lambda: len(running.server.connections) == 2)
        with running.connect() as third:
            assert read_response(third.makefile("rb"))[0] == 503
    running.wait_until(lambda: not running.server.connections)
    assert ask(running, get("/hello"))[0] == 200


def test_a_failing_application_is_500_and_the_server_goes_on(serve, caplog):
    def application(environ, start_response):
        if environ["PATH_INFO"] == "/fail":
            raise RuntimeError("bug")
        start_response("200 OK", [])
        return [b"fine"]

    running = serve(application)
    assert ask(running, get("/fail"))[0] == 500
    assert ask(running, get("/"))[2] == b"fine"
    assert "bug" in caplog.text


def test_the_access_log(serve, caplog):
    caplog.set_level("INFO", logger="services.test")
    running = serve(make_application(), access_log=True)
    assert ask(running, get("/name/a%20b?q=secret"))[0] == 200
    running.wait_until(lambda: "request client=127.0.0.1 method=GET" in caplog.text)
    assert "path=/name/a%20b status=200 bytes=3" in caplog.text


def test_static_files_over_the_wire(serve, tmp_path):
    (tmp_path / "a.txt").write_text("text")
    app = Application()
    app.mount("/static", StaticFiles(tmp_path))
    running = serve(app)
    with running.connect() as sock:
        file = sock.makefile("rb")
        sock.sendall(get("/static/a.txt"))
        status, fields, body = read_response(file)
        assert (status, body) == (200, b"text")
        sock.sendall(get("/static/a.txt", b"If-None-Match: " + fields["etag"].encode()))
        assert read_response(file)[0] == 304
        sock.sendall(get("/static/a.txt", method=b"HEAD"))
        assert read_response(file, is_head=True)[1]["content-length"] == "4"
        sock.sendall(get("/static/../test_server.py"))
        assert read_response(file)[0] == 404


# Event streams.


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


def test_many_streams_need_no_thread(serve):
    app, events = stream_application()
    running = serve(app, threads=2)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(running.connect()) for _ in range(60)]
        files = [stack.enter_context(open_stream(sock)) for sock in sockets]
        assert len(events) == 60
        for n in range(5):
            assert events.publish("tick", n) == 60
        for file in files:
            assert read_event(file) == encode_event("hello", {"a": 1})
            for n in range(5):
                assert read_event(file) == encode_event("tick", n)
        assert ask(running, get("/hello"))[2] == b"hello"
    running.wait_until(lambda: not running.server.connections)
    assert len(events) == 0


def test_a_stream_is_pinged(serve):
    app, _ = stream_application()
    running = serve(app, ping_interval_s=0.05)
    with running.connect() as sock:
        file = open_stream(sock)
        assert read_event(file) == encode_event("hello", {"a": 1})
        assert read_event(file) == b": ping\n\n"


def test_a_slow_reader_of_a_stream_is_dropped_and_holds_up_nobody(serve, caplog):
    app, events = stream_application()
    running = serve(app, max_stream_bytes=100_000)
    with running.connect() as slow, running.connect() as quick:
        open_stream(slow)
        file = open_stream(quick)
        assert read_event(file) == encode_event("hello", {"a": 1})
        chunk = "x" * 50_000
        published = 0
        while len(events) == 2:
            events.publish("big", chunk)
            published += 1
            assert read_event(file) == encode_event("big", chunk)
            assert published < 2000
        assert "dropped a slow event stream" in caplog.text
        events.publish("after", 1)
        assert read_event(file) == encode_event("after", 1)


def test_closing_the_broadcast_ends_the_streams(serve):
    app, events = stream_application()
    running = serve(app)
    with running.connect() as sock:
        file = open_stream(sock)
        assert read_event(file) == encode_event("hello", {"a": 1})
        events.close()
        assert read_event(file) is None


def test_initial_events_that_fail_are_500(serve, caplog):
    app = Application()
    events = Broadcast()
    app.get("/events")(lambda request: EventStreamResponse(events, lambda: 1 / 0))
    running = serve(app)
    assert ask(running, get("/events"))[0] == 500
    assert len(events) == 0


def test_publishing_while_streams_come_and_go_loses_nothing(serve):
    app, events = stream_application()
    running = serve(app)
    stop = threading.Event()

    def publish():
        n = 0
        while not stop.is_set():
            events.publish("n", n)
            n += 1
            time.sleep(0.0005)

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        for _ in range(20):
            with running.connect() as sock:
                file = open_stream(sock)
                assert read_event(file) == encode_event("hello", {"a": 1})
                numbers = [int(read_event(file).split(b"data: ")[1]) for _ in range(20)]
                assert numbers == list(range(numbers[0], numbers[0] + 20))
    finally:
        stop.set()
        publisher.join()


# Stopping.


def test_a_graceful_stop_finishes_what_runs(serve, caplog):
    started, release = threading.Event(), threading.Event()
    app = make_application()

    @app.get("/slow")
    def slow(request):
        started.set()
        release.wait(WAIT_S)
        return TextResponse("done")

    running = serve(app)
    with running.connect() as busy, running.connect() as idle, running.connect() as half:
        busy.sendall(get("/slow"))
        half.sendall(get("/hello")[:20])
        idle.sendall(get("/hello"))
        assert read_response(idle.makefile("rb"))[0] == 200
        assert started.wait(WAIT_S)
        running.wait_until(
            lambda: any(one._decoder.has_begun for one in running.server.connections)
        )
        running.stop()
        running.wait_until(lambda: running.server.is_stopping)
        with pytest.raises(ConnectionError):
            running.socket()
        # The idle one is closed, the half-sent request may still be finished, the running one is.
        assert idle.recv(1) == b""
        half.sendall(get("/hello")[20:])
        status, fields, _ = read_response(half.makefile("rb"))
        assert (status, fields["connection"]) == (200, "close")
        assert not running.stopped.is_set()
        release.set()
        assert read_response(busy.makefile("rb"))[2] == b"done"
        assert running.stopped.wait(WAIT_S)
    assert "connections open" not in caplog.text


def test_a_stop_is_bounded_by_its_grace(serve, caplog):
    started, release = threading.Event(), threading.Event()
    app = make_application()
    app.get("/stuck")(lambda request: (started.set(), release.wait(60), TextResponse("x"))[2])
    running = serve(app)
    with running.connect() as sock:
        sock.sendall(get("/stuck"))
        assert started.wait(WAIT_S)
        running.stop(grace_s=0.1)
        assert running.stopped.wait(WAIT_S)
        assert "connections open" in caplog.text
        release.set()


def test_a_stop_ends_streams_and_accepts_who_was_in_the_queue(serve):
    app, _ = stream_application()
    running = serve(app)
    with running.connect() as sock, running.connect() as queued:
        file = open_stream(sock)

        def connect_and_stop():
            # The loop is busy here, so this client waits in the kernel's queue.
            waiting = running.socket()
            waiting.sendall(get("/hello"))
            running.server.stop(WAIT_S, running.loop.stop)
            return waiting

        waiting = running.in_loop(connect_and_stop)
        assert read_event(file) == encode_event("hello", {"a": 1})
        assert read_event(file) is None
        with contextlib.closing(waiting):
            assert read_response(waiting.makefile("rb"))[2] == b"hello"
        assert queued.recv(1) == b""
        assert running.stopped.wait(WAIT_S)


# Fuzz.


@pytest.fixture(scope="module")
def fuzzed():
    running = Running(make_application(), head_timeout_s=WAIT_S)
    yield running
    running.stop(grace_s=0)
    assert running.stopped.wait(WAIT_S)


parts = st.lists(
    st.one_of(
        st.sampled_from(
            [
                get("/hello"),
                get("/hello", b"Connection: close"),
                get("/echo", b"Content-Length: 5", method=b"POST"),
                get("/echo", b"Transfer-Encoding: chunked", method=b"POST"),
                b"hello",
                b"5\r\nhello\r\n",
                b"0\r\n\r\n",
                b"\r\n",
                b"\n",
            ]
        ),
        st.binary(max_size=30),
    ),
    max_size=8,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts)
def test_no_input_hurts_the_server(fuzzed, parts):
    with fuzzed.connect() as sock, contextlib.suppress(ConnectionError):
        for part in parts:
            sock.sendall(part)
        sock.shutdown(socket.SHUT_WR)
        answer = sock.makefile("rb").read()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
        assert b" 500 " not in answer
    assert ask(fuzzed, get("/hello"))[2] == b"hello"
    fuzzed.wait_until(lambda: not fuzzed.server.connections)


def test_reading_helper_reads_chunks():
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nrest"
    file = io.BytesIO(raw)
    assert read_response(file) == (200, {"transfer-encoding": "chunked"}, b"abc")
    assert file.read() == b"rest"

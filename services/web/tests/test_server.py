"""The server over real sockets: what a codec test cannot show."""

import contextlib
import io
import random
import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.web.application import Application
from services.web.file_response import FileResponse
from services.web.http_decoder import Limits
from services.web.responses import Response, TextResponse
from services.web.static import StaticFiles
from services.web.tests.serving import WAIT_S, Running, ask, get, make_application, read_response


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


@pytest.mark.parametrize("threads", [1, 4])
def test_overlapping_requests_keep_their_order_whatever_the_timing(serve, threads):
    running = serve(make_application(), threads=threads)
    failures = []

    def talk(seed):
        chance = random.Random(seed)
        with running.connect() as sock:
            file = sock.makefile("rb")
            sent = received = 0
            while received < 100:
                # Up to three requests under way, cut anywhere, so that bytes arrive before,
                # while and after a thread owns the connection.
                while sent < 100 and (sent == received or sent - received < chance.randrange(4)):
                    raw = get(f"/name/{sent}")
                    cut = chance.randrange(len(raw))
                    sock.sendall(raw[:cut])
                    sock.sendall(raw[cut:])
                    sent += 1
                if read_response(file)[2] != b"%d" % received:
                    failures.append((seed, received))
                received += 1

    talkers = [threading.Thread(target=talk, args=(seed,)) for seed in range(4)]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join(WAIT_S)
        assert not talker.is_alive()
    assert not failures


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
    running = serve(make_application(), access_log="fields")
    assert ask(running, get("/name/a%20b?q=secret"))[0] == 200
    running.wait_until(lambda: "request client=127.0.0.1 method=GET" in caplog.text)
    assert "path=/name/a%20b status=200 bytes=3" in caplog.text


def test_an_answer_to_a_long_idle_client_has_its_full_time(serve):
    release = threading.Event()
    app = make_application()
    app.get("/big")(lambda request: (release.wait(WAIT_S), Response(b"x" * 20_000_000))[1])
    running = serve(app, keep_alive_timeout_s=0.3, head_timeout_s=0.3, send_timeout_s=WAIT_S)
    with running.connect() as sock:
        sock.sendall(get("/big"))
        # Longer than the connection may be idle: its clock must not count against the answer.
        time.sleep(0.5)
        release.set()
        running.wait_until(lambda: any(one._output for one in running.server.connections))
        time.sleep(0.5)
        assert len(read_response(sock.makefile("rb"))[2]) == 20_000_000


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

"""Stopping: what runs is finished, what idles is closed, and it ends in time."""

import contextlib
import threading

import pytest

from services.web.event_stream import encode_event
from services.web.responses import TextResponse
from services.web.tests.serving import (
    WAIT_S,
    get,
    make_application,
    open_stream,
    read_event,
    read_response,
    stream_application,
)


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

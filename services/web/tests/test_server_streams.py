"""Event streams over real sockets: many listeners, few threads, slow readers."""

import contextlib
import threading

from services.web.application import Application
from services.web.event_stream import Broadcast, encode_event
from services.web.responses import EventStreamResponse
from services.web.tests.serving import ask, get, open_stream, read_event, stream_application


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
        assert "dropped a slow reader" in caplog.text
        events.publish("after", 1)
        assert read_event(file) == encode_event("after", 1)


def test_closing_the_broadcast_ends_the_streams(serve):
    app, events = stream_application()
    running = serve(app)
    with running.connect() as sock:
        file = open_stream(sock)
        assert read_event(file) == encode_event("hello", {"a": 1})
        events.publish("last", 1)
        events.close()
        assert read_event(file) == encode_event("last", 1)
        assert read_event(file) is None
        # Whoever comes later gets the state, and the end.
        late = ask(running, get("/events"))
        assert late[2] == b":\n\n" + encode_event("hello", {"a": 1})


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
        while not stop.wait(0.0005):
            events.publish("n", n)
            n += 1

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

"""Server-sent events: the format, the fan-out, and the fallback to a blocking iterator."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.application import Application
from services.web.event_stream import PING, Broadcast, Subscription, encode_event
from services.web.responses import EventStreamResponse


class Listener:
    def __init__(self):
        self.chunks = []
        self.ended = False

    def push(self, chunk):
        self.chunks.append(chunk)

    def end(self):
        self.ended = True


@pytest.mark.parametrize(
    ("event", "data", "encoded"),
    [
        ("tick", {"n": 1}, b'event: tick\ndata: {"n":1}\n\n'),
        ("", "plain", b"data: plain\n\n"),
        ("x", "", b"event: x\ndata: \n\n"),
        ("x", "two\nlines", b"event: x\ndata: two\ndata: lines\n\n"),
        ("x", "a\rb\r\nc", b"event: x\ndata: a\ndata: b\ndata: c\n\n"),
        ("x", "a\n\nevent: forged", b"event: x\ndata: a\ndata: \ndata: event: forged\n\n"),
        ("é", "ü", "event: é\ndata: ü\n\n".encode()),
    ],
)
def test_the_format(event, data, encoded):
    assert encode_event(event, data) == encoded


def test_a_name_of_two_lines_is_refused():
    with pytest.raises(ValueError):
        encode_event("a\nb", "")


@given(st.text())
def test_no_data_can_forge_an_event(data):
    encoded = encode_event("x", data)
    assert encoded.count(b"\n\n") == 1
    assert encoded.endswith(b"\n\n")
    assert b"\r" not in encoded
    for line in encoded.rstrip(b"\n").split(b"\n")[1:]:
        assert line.startswith(b"data: ") or line == b"data:"


def test_everybody_receives_what_is_published_while_they_listen():
    events, first, second = Broadcast(), Listener(), Listener()
    assert events.publish("nobody", 0) == 0
    events.add(first)
    assert events.publish("one", 1) == 1
    events.add(second)
    assert events.publish("two", 2) == 2
    events.remove(first)
    events.remove(first)
    assert events.publish("three", 3) == 1
    assert first.chunks == [encode_event("one", 1), encode_event("two", 2)]
    assert second.chunks == [encode_event("two", 2), encode_event("three", 3)]


def test_close_ends_all_and_whoever_comes_later():
    events, first, late = Broadcast(), Listener(), Listener()
    events.add(first)
    events.close()
    events.add(late)
    assert (first.ended, late.ended, len(events)) == (True, True, 0)
    assert events.publish("x") == 0


def test_nothing_is_lost_between_the_initial_events_and_the_first_published():
    events, listener = Broadcast(), Listener()

    def initial():
        # Somebody publishes while the state is being collected.
        events.publish("meanwhile", 1)
        return [("state", 0)]

    first = Subscription(events, initial).attach(listener)
    assert first == b":\n\n" + encode_event("state", 0)
    assert listener.chunks == [encode_event("meanwhile", 1)]


def test_initial_events_that_fail_leave_no_listener_behind():
    events = Broadcast()

    def initial():
        raise KeyError("state")

    with pytest.raises(KeyError):
        Subscription(events, initial).attach(Listener())
    assert len(events) == 0


def test_under_another_server_it_is_an_iterator_that_ends_when_closed():
    events = Broadcast()
    app = Application()
    app.get("/events")(lambda request: EventStreamResponse(events, [("hello", 1)]))
    reply = app.test_client().get("/events", stream=True)
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.headers["cache-control"] == "no-store"
    assert next(reply.chunks) == b":\n\n" + encode_event("hello", 1)
    events.publish("tick", 2)
    assert next(reply.chunks) == encode_event("tick", 2)
    reply.close()
    assert len(events) == 0
    assert app.test_client().head("/events").body == b""
    assert len(events) == 0


def test_the_iterator_pings_when_nothing_happens():
    chunks = iter(Subscription(Broadcast(), ping_interval_s=0.01))
    next(chunks)
    assert next(chunks) == PING


def test_the_iterator_of_a_slow_reader_ends():
    events = Broadcast()
    chunks = iter(Subscription(events, max_queued_events=3))
    next(chunks)
    for n in range(10):
        events.publish("x", n)
    assert list(chunks) == [encode_event("x", n) for n in range(3)]


def test_many_threads_publish_and_listen():
    events, listener = Broadcast(), Listener()
    events.add(listener)

    def work(n):
        for _ in range(50):
            other = Listener()
            events.add(other)
            events.publish("x", n)
            events.remove(other)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(listener.chunks) == 200
    assert len(events) == 1

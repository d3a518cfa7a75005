"""Topics: who watches is told, nobody is asked for who does not watch."""

import threading

import pytest

from services.web.dashboard.live import Poll, Stream
from services.web.dashboard.tests.fakes import LOG, WAIT_S, Recorder, make_dashboard

NEVER_S = 3600.0


class Source:
    """Something to poll: counts how often, and can be made to fail."""

    def __init__(self):
        self.asked = 0
        self.answers = ["a"]
        self.was_asked = threading.Semaphore(0)

    def fetch(self):
        self.asked += 1
        self.was_asked.release()
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def wait_asked(self):
        assert self.was_asked.acquire(timeout=WAIT_S)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def poll(source):
    poll = Poll("thing", source.fetch, LOG, interval_s=NEVER_S)
    poll.start()
    yield poll
    poll.stop()


def test_nobody_watches_and_nothing_is_asked(poll, source):
    poll.wake()
    poll.wake()
    watcher = Recorder()
    poll.add(watcher)
    watcher.wait_for(b"event: thing\ndata: a\n\n")
    assert source.asked == 1


def test_a_change_is_sent_once(poll, source):
    source.answers = ["a", "a", "b"]
    watcher = Recorder()
    poll.add(watcher)
    for _ in range(2):
        source.wait_asked()
        poll.wake()
    assert watcher.wait_for(b"data: b").count(b"data: a") == 1


def test_who_comes_later_gets_the_state_at_once(poll, source):
    first, second = Recorder(), Recorder()
    poll.add(first)
    first.wait_for(b"data: a")
    poll.add(second)
    assert poll.initial() == [("thing", "a")]


def test_who_has_gone_is_sent_nothing(poll, source):
    source.answers = ["a", "b"]
    gone, staying = Recorder(), Recorder()
    poll.add(staying)
    poll.add(gone)
    staying.wait_for(b"data: a")
    poll.remove(gone)
    poll.wake()
    staying.wait_for(b"data: b")
    assert b"data: b" not in b"".join(gone.chunks)


def test_a_bug_in_a_poll_does_not_end_it(poll, source, caplog):
    source.answers = [RuntimeError("our bug"), "fine"]
    watcher = Recorder()
    poll.add(watcher)
    source.wait_asked()
    poll.wake()
    watcher.wait_for(b"data: fine")
    assert "our bug" in caplog.text


def test_it_is_polled_at_its_interval(source):
    poll = Poll("thing", source.fetch, LOG, interval_s=0.01)
    poll.start()
    poll.add(Recorder())
    for _ in range(3):
        source.wait_asked()
    poll.stop()


def test_an_idle_interval_polls_without_watchers(source):
    poll = Poll("thing", source.fetch, LOG, interval_s=NEVER_S, idle_interval_s=0.01)
    poll.start()
    for _ in range(2):
        source.wait_asked()
    poll.stop()


def test_the_state_is_asked_for_when_nobody_keeps_it_up_to_date(source):
    source.answers = ["a", "b", "c"]
    poll = Poll("thing", source.fetch, LOG, interval_s=NEVER_S)
    assert [poll.state(), poll.state()] == ["a", "b"]
    poll.add(Recorder())
    assert [poll.state(), poll.state()] == ["b", "b"]


class FixedTopic:
    def __init__(self, name):
        self.name = name
        self.listeners = []

    def add(self, listener):
        self.listeners.append(listener)

    def remove(self, listener):
        self.listeners.remove(listener)

    def initial(self):
        return [(self.name, 1)]


def test_a_stream_is_all_its_topics():
    one, two = FixedTopic("one"), FixedTopic("two")
    stream = Stream([one, two])
    watcher = Recorder()
    stream.add(watcher)
    assert stream.initial() == [("one", 1), ("two", 1)]
    assert one.listeners == two.listeners == [watcher]
    stream.remove(watcher)
    assert one.listeners == two.listeners == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "topic=",
        "topic=nothing",
        "topic=services&topic=nothing",
        "topic=services:x",
        "topic=channel:",
        "topic=channel:" + "x" * 513,
        "&".join(f"topic=channel:{number}" for number in range(41)),
    ],
)
def test_a_stream_of_no_topic_of_ours_is_refused(query):
    answer = make_dashboard().app.test_client().get(f"/api/stream?{query}")
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_stream_begins_with_what_is_known():
    dashboard = make_dashboard()
    client = dashboard.app.test_client()
    client.get("/api/services")
    stream = client.get("/api/stream?topic=services&topic=services", stream=True)
    assert stream.headers["Content-Type"] == "text/event-stream"
    first = next(stream.chunks)
    assert first.count(b"event: services\n") == 1
    assert b'"name":"kvdb"' in first
    stream.close()

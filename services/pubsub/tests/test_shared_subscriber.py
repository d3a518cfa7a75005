"""Those who wait for a message listen themselves, one for all, and nobody is forgotten."""

import threading
from collections.abc import Callable, Iterator

import pytest

from services.common.tests.test_event_loop import RecordingLog
from services.pubsub.client import Publisher, SharedSubscriber
from services.pubsub.tests.serving import Serving, wait_until

PATIENCE_S = 20.0


class _Noting(SharedSubscriber):
    """Notes who reads."""

    def __init__(self, readers: list[str], *arguments: object, **options: object):
        super().__init__(*arguments, **options)
        self._readers = readers

    def _hear(self, *arguments: object) -> None:
        self._readers.append(threading.current_thread().name)
        super()._hear(*arguments)


class Waiters:
    """Threads that each wait for one message, on one subscriber; who delivered it is noted."""

    def __init__(self, serving: Serving):
        self.delivered_by: dict[str, str] = {}
        self.connects: list[bool] = []
        self.log = RecordingLog()
        self._events: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []
        self.heard: set[str] = set()
        self.readers: list[str] = []
        self.subscriber = _Noting(
            self.readers,
            serving.url,
            self._on_message,
            self.log,
            channels=["ends"],
            on_connected=self._on_connected,
        )
        self.subscriber.start()

    def _on_message(self, channel: str, message: bytes) -> None:
        name = message.decode()
        self.delivered_by[name] = threading.current_thread().name
        self.heard.add(name)
        if name in self._events:
            self._events[name].set()

    def _on_connected(self) -> None:
        self.connects.append(True)
        for event in list(self._events.values()):
            event.set()

    def start(self, name: str) -> None:
        """A thread that waits until its message was heard, as `Waiting` in the broker does."""
        woken = self._events[name] = threading.Event()

        def wait() -> None:
            while True:
                woken.clear()
                if name in self.heard:
                    return
                self.subscriber.listen_until(woken, PATIENCE_S)

        self._threads.append(threading.Thread(target=wait, name=name, daemon=True))
        self._threads[-1].start()

    def until_one_reads(self) -> None:
        """Until it is not the subscriber's own thread that reads, but one of these."""
        wait_until(lambda: set(self.readers) & self._events.keys())

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), f"{thread.name} waits for ever"

    def close(self) -> None:
        self.subscriber.stop()
        self.subscriber.join(PATIENCE_S)


@pytest.fixture
def wait_on() -> Iterator[Callable[[Serving], Waiters]]:
    started = []

    def start(serving: Serving) -> Waiters:
        started.append(Waiters(serving))
        wait_until(lambda: started[-1].connects)
        return started[-1]

    yield start
    for waiters in started:
        waiters.close()


@pytest.fixture
def waiters(serving: Serving, wait_on: Callable[[Serving], Waiters]) -> Waiters:
    return wait_on(serving)


@pytest.fixture
def publish(serving: Serving) -> Iterator[Callable[[str], int]]:
    publisher = Publisher(serving.url)
    yield lambda name: publisher.publish("ends", name)
    publisher.close()


def test_whoever_waits_hears_it_in_his_own_thread(waiters: Waiters, publish: Callable):
    waiters.start("a")
    # The subscriber's thread stands back as soon as it sees that somebody waits.
    waiters.until_one_reads()
    publish("a")
    waiters.join()
    assert waiters.delivered_by["a"] == "a"


def test_one_reads_for_all_and_hands_over(waiters: Waiters, publish: Callable):
    names = [f"w{number}" for number in range(8)]
    for name in names:
        waiters.start(name)
    waiters.until_one_reads()
    for name in reversed(names):
        assert publish(name) == 1
    waiters.join()
    assert waiters.heard == set(names)


def test_what_nobody_waits_for_is_heard_by_the_thread(waiters: Waiters, publish: Callable):
    publish("a")
    wait_until(lambda: "a" in waiters.heard)
    assert waiters.delivered_by["a"] == "subscriber"


def test_a_wait_ends_in_time(waiters: Waiters):
    woken = threading.Event()
    waiters.subscriber.listen_until(woken, 0.01)
    assert not woken.is_set()


def test_a_server_that_restarts_is_found_by_those_who_wait(
    start: Callable, wait_on: Callable[[Serving], Waiters]
):
    first = start()
    waiters = wait_on(first)
    for name in ("a", "b"):
        waiters.start(name)
    waiters.until_one_reads()
    first.close()
    second = start(port=first.port)
    wait_until(lambda: len(waiters.connects) == 2)
    publisher = Publisher(second.url)
    for name in ("a", "b"):
        assert publisher.publish("ends", name) == 1
    waiters.join()
    publisher.close()
    assert "subscribed again" in waiters.log.lines

"""The client that other services use: publishing, listening, living through restarts."""

import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.common.tests.test_event_loop import RecordingLog
from services.pubsub import client as client_module
from services.pubsub.client import Publisher, Subscriber
from services.pubsub.tests.serving import Serving, wait_until


class Listening:
    """A Subscriber whose callbacks go into queues."""

    def __init__(self, url: RedisURL, **options: object):
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.connects: queue.Queue[bool] = queue.Queue()
        self.losses: queue.Queue[str] = queue.Queue()
        self.log = RecordingLog()
        self.subscriber = Subscriber(
            url,
            lambda channel, message: self.messages.put((channel, message)),
            self.log,
            on_connected=lambda: self.connects.put(True),
            on_lost=self.losses.put,
            **options,
        )
        self.subscriber.start()

    def close(self) -> None:
        self.subscriber.stop()
        self.subscriber.join(20)


@pytest.fixture
def listen() -> Iterator[Callable[..., Listening]]:
    started = []

    def listen(url: RedisURL, **options: object) -> Listening:
        started.append(Listening(url, **options))
        return started[-1]

    yield listen
    for listening in started:
        listening.close()


@pytest.fixture
def publisher(serving: Serving) -> Iterator[Publisher]:
    publisher = Publisher(serving.url)
    yield publisher
    publisher.close()


def test_channels_and_patterns(serving: Serving, publisher: Publisher, listen: Callable) -> None:
    listening = listen(serving.url, channels=["a", "b"], patterns=["task.*"])
    assert listening.connects.get(timeout=20)
    assert publisher.publish("a", "one") == 1
    assert publisher.publish("task.7", b"\xff") == 1
    assert publisher.publish("c", "unheard") == 0
    assert listening.messages.get(timeout=20) == ("a", b"one")
    assert listening.messages.get(timeout=20) == ("task.7", b"\xff")
    assert listening.messages.empty()


def test_it_finds_a_restarted_server_again_and_says_so(start: Callable, listen: Callable) -> None:
    serving = start()
    listening = listen(serving.url, channels=["a"])
    assert listening.connects.get(timeout=20)
    serving.close()
    listening.losses.get(timeout=20)
    again = start(port=serving.port)
    assert listening.connects.get(timeout=20)
    publisher = Publisher(again.url)
    assert publisher.publish("a", "after") == 1
    assert listening.messages.get(timeout=20) == ("a", b"after")
    assert listening.losses.empty()  # Once for the whole time that it was away.
    assert listening.log.lines == ["lost the pub/sub service", "subscribed again"]
    publisher.close()


def test_a_server_that_comes_later_is_found(start: Callable, listen: Callable) -> None:
    serving = start()
    serving.close()
    listening = listen(serving.url, channels=["a"])
    assert "Connection refused" in listening.losses.get(timeout=20)
    start(port=serving.port)
    assert listening.connects.get(timeout=20)


def test_a_wrong_password_is_a_loss_and_no_traceback(start: Callable, listen: Callable) -> None:
    serving = start(password="s3cret")
    listening = listen(RedisURL("127.0.0.1", serving.port, password="no"), channels=["a"])
    assert "WRONGPASS" in listening.losses.get(timeout=20)
    assert listening.log.lines == ["lost the pub/sub service"]
    with pytest.raises(ReplyError, match="NOAUTH"):
        Publisher(serving.url).publish("a", "x")


def test_a_callback_that_fails_does_not_end_the_subscriber(
    serving: Serving, publisher: Publisher
) -> None:
    received, connects = queue.Queue(), queue.Queue()

    def on_message(channel: str, message: bytes) -> None:
        if message == b"bad":
            raise ValueError("a bug of the service")
        received.put(message)

    log = RecordingLog()
    subscriber = Subscriber(
        serving.url,
        on_message,
        log,
        channels=["a"],
        on_connected=lambda: connects.put(True),
    )
    subscriber.start()
    assert connects.get(timeout=20)
    publisher.publish("a", "bad")
    assert connects.get(timeout=20)
    publisher.publish("a", "good")
    assert received.get(timeout=20) == b"good"
    assert "a subscriber's callback failed" in log.lines
    subscriber.stop()
    subscriber.join(20)


def test_a_silent_connection_is_asked_for_a_sign_of_life(
    serving: Serving,
    publisher: Publisher,
    listen: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "PING_INTERVAL_S", 0.25)
    listening = listen(serving.url, channels=["a"])
    assert listening.connects.get(timeout=20)
    before = serving.broker.vitals.requests_total
    wait_until(lambda: serving.broker.vitals.requests_total >= before + 2)
    publisher.publish("a", "still there")
    assert listening.messages.get(timeout=20) == ("a", b"still there")
    assert listening.losses.empty()


def test_a_server_that_hangs_is_lost(listen: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PING_INTERVAL_S", 0.25)
    serving = Serving()
    listening = listen(serving.url, channels=["a"])
    assert listening.connects.get(timeout=20)
    release = threading.Event()
    serving.server.loop.call_from_thread(release.wait)
    assert listening.losses.get(timeout=20) == "no answer to a ping"
    release.set()
    assert listening.connects.get(timeout=20)
    serving.close()


def test_a_publisher_goes_on_after_a_restart(start: Callable) -> None:
    serving = start()
    publisher = Publisher(serving.url)
    assert publisher.publish("a", "x") == 0
    serving.close()
    with pytest.raises(ConnectionLost):
        publisher.publish("a", "x")
    start(port=serving.port)
    assert publisher.publish("a", "x") == 0
    publisher.close()

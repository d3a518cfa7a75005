"""The worker's voice and ears: what is told together, what is kept, what is heard again."""

import queue
from collections.abc import Callable, Iterator

import pytest

from services.broker import keys
from services.broker.events import decode_events
from services.broker.progress import Progress
from services.broker.states import State
from services.broker.task_record import TaskRecord
from services.broker.tests.support import record, running
from services.common.event_loop import EventLoop
from services.common.health import Vitals
from services.common.redis_url import RedisURL
from services.common.tests.test_event_loop import RecordingLog
from services.common.tests.test_resp_client import FakeServer
from services.pubsub.client import Publisher
from services.pubsub.tests.serving import Serving, wait_until
from services.worker.listener import Listener
from services.worker.teller import Teller


def done(task: TaskRecord) -> TaskRecord:
    return task.moved_to(State.SUCCEEDED, task.created_at_ms + 2, worker="w1", result=1)


class World:
    """A worker's teller and listener in one loop, turned by the test, on a real pubsub."""

    def __init__(self, url: RedisURL):
        self.log = RecordingLog()
        self.vitals = Vitals("worker")
        self.loop = EventLoop(self.log)
        self.told: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self.connects: list[bool] = []
        self.losses: list[str] = []
        self.teller = Teller(self.loop, url, self.vitals, self.log)
        self.listener = Listener(
            self.loop,
            url,
            [keys.WAKE_CHANNEL, keys.NEWS_CHANNEL, keys.EVENTS_CHANNEL, keys.PROGRESS_CHANNEL],
            self.log,
            on_message=lambda channel, message: self.told.put((channel, message)),
            on_connected=lambda: self.connects.append(True),
            on_lost=self.losses.append,
        )
        self.listener.start()
        self.until(lambda: self.connects)
        self.teller.start()
        self.until(lambda: self.teller._outlet is not None)

    def until(self, condition: Callable[[], object]) -> None:
        def turned() -> bool:
            self.loop.call_soon(lambda: None)
            self.loop.turn()
            return bool(condition())

        wait_until(turned)

    def heard(self, count: int) -> list[tuple[str, list[tuple[str, str]]]]:
        """So many messages: each as its channel, and the steps in it."""
        self.until(lambda: self.told.qsize() >= count)
        messages = [self.told.get() for _ in range(count)]
        return [
            (channel, [(event.id, event.state.value) for event in decode_events(message)])
            for channel, message in messages
        ]

    def close(self) -> None:
        self.listener.stop()
        self.teller.stop()
        self.loop.call_soon(self.loop.stop)
        self.loop.run()


@pytest.fixture
def server() -> Iterator[list[Serving]]:
    """The server that runs now; a test may put another one in its place."""
    servers = [Serving()]
    yield servers
    servers[-1].close()


@pytest.fixture
def world(server: list[Serving]) -> Iterator[World]:
    world = World(server[0].url)
    yield world
    world.close()


def test_a_beginning_is_told_with_its_end(world: World):
    task = running(record("t1"))
    world.teller.announce([task])
    world.teller.announce([done(task)])
    steps = [("t1", "running"), ("t1", "succeeded")]
    assert world.heard(1) == [(keys.EVENTS_CHANNEL, steps)]


def test_a_beginning_is_told_without_its_end(world: World):
    world.teller.announce([running(record("t1"))])
    assert world.heard(1) == [(keys.EVENTS_CHANNEL, [("t1", "running")])]


def test_what_waits_for_its_time_is_told_at_once(world: World):
    task = running(record("t1")).moved_to(State.RETRYING, 3, due_at_ms=9)
    world.teller.announce([task])
    assert world.teller._steps == [task]
    assert world.heard(2) == [
        (keys.NEWS_CHANNEL, [("t1", "retrying")]),
        (keys.EVENTS_CHANNEL, [("t1", "retrying")]),
    ]


def test_what_is_handed_back_wakes_somebody(world: World):
    world.teller.announce([record("t1")])
    assert [channel for channel, _ in world.heard(2)] == [keys.WAKE_CHANNEL, keys.EVENTS_CHANNEL]


def test_progress_is_told(world: World):
    world.teller.announce_progress({"t1": Progress(0.5, "half", 1)})
    assert world.heard(1) == [(keys.PROGRESS_CHANNEL, [])]


def test_what_is_left_is_told_at_the_end(server: list[Serving]):
    world = World(server[0].url)
    world.teller.announce([running(record("t1"))])
    world.teller.stop()
    assert world.heard(1) == [(keys.EVENTS_CHANNEL, [("t1", "running")])]
    world.listener.stop()


def test_both_come_back_after_a_restart_and_say_so(world: World, server: list[Serving]):
    port = server[0].port
    server[0].close()
    world.until(lambda: world.losses and world.teller._outlet is None)
    assert "announcements" in world.vitals.problems
    world.teller.announce([done(running(record("t1")))])

    server.append(Serving(port=port))
    world.until(lambda: len(world.connects) == 2)
    world.until(lambda: "announcements" not in world.vitals.problems)
    world.teller.announce([done(running(record("t2")))])
    world.until(lambda: b"t2" in b"".join(drained(world.told)))
    lines = ["lost the pub/sub service", "subscribed again"]
    assert [line for line in world.log.lines if line in lines] == lines
    assert "cannot announce" in world.log.lines
    assert "announcing again" in world.log.lines


def test_what_went_into_a_connection_that_was_gone_is_kept(world: World, server: list[Serving]):
    port = server[0].port
    server[0].close()
    server.append(Serving(port=port))
    world.teller.announce([record("t1")])
    assert [channel for channel, _ in world.teller._messages] == [keys.WAKE_CHANNEL]
    assert [step.id for step in world.teller._steps] == ["t1"]
    world.until(lambda: world.teller._outlet is not None)
    assert world.teller._messages == []


def test_it_may_be_stopped_while_pubsub_is_away(server: list[Serving]):
    world = World(server[0].url)
    world.teller.announce([running(record("t1"))])
    server[0].close()
    server.append(Serving())
    world.teller.stop()
    assert "cannot announce" in world.log.lines
    world.close()


def drained(told: "queue.SimpleQueue[tuple[str, bytes]]") -> list[bytes]:
    return [told.get()[1] for _ in range(told.qsize())]


def test_a_message_is_heard(world: World, server: list[Serving]):
    publisher = Publisher(server[0].url)
    publisher.publish(keys.WAKE_CHANNEL, b"hello")
    world.until(world.told.qsize)
    assert world.told.get() == (keys.WAKE_CHANNEL, b"hello")
    publisher.close()


def test_a_server_that_hangs_is_lost(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("services.worker.listener.PING_INTERVAL_S", 0.02)
    server = FakeServer(
        lambda request: SUBSCRIBED if request[0] == b"SUBSCRIBE" else b"",
    )
    loop, losses = EventLoop(RecordingLog()), []
    listener = Listener(
        loop,
        server.url,
        ["a"],
        RecordingLog(),
        on_message=lambda channel, message: None,
        on_connected=lambda: None,
        on_lost=lambda reason: (losses.append(reason), loop.stop()),
    )
    listener.start()
    loop.run()
    listener.stop()
    server.close()
    assert losses == ["no answer to a ping"]
    assert [b"PING"] in server.requests


SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"

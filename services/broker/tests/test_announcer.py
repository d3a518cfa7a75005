"""The announcer: pub/sub that is away, or that refuses, costs announcements and nothing else."""

import queue
from collections.abc import Callable, Iterator

import pytest

from services.broker import keys
from services.broker.announcer import Announcer
from services.broker.states import State
from services.broker.tests.support import record, running
from services.common.health import Vitals
from services.common.tests.test_event_loop import RecordingLog
from services.common.tests.test_resp_client import FakeServer

PATIENCE_S = 20


class PubSub:
    """Answers PUBLISH with each of `replies` in turn, and with `:1` when they are used up."""

    def __init__(self, *replies: bytes | None):
        self._replies = list(replies)
        self.channels: queue.SimpleQueue[str] = queue.SimpleQueue()

    def answer(self, request: list[bytes]) -> bytes | None:
        self.channels.put(request[1].decode())
        return self._replies.pop(0) if self._replies else b":1\r\n"


@pytest.fixture
def announcing() -> Iterator[Callable[[PubSub], Announcer]]:
    """An announcer that is started, and ended with the test."""
    ended = []

    def start(pubsub: PubSub) -> Announcer:
        server = FakeServer(pubsub.answer)
        announcer = Announcer(server.url, Vitals("broker"), RecordingLog())
        announcer.start()
        ended.extend([announcer.stop, server.close])
        return announcer

    yield start
    for end in ended:
        end()


def test_a_queued_task_is_a_wake_up_and_an_event(announcing: Callable) -> None:
    pubsub = PubSub()
    announcing(pubsub).announce([record("a")])
    told = [pubsub.channels.get(timeout=PATIENCE_S) for _ in range(2)]
    assert told == [keys.WAKE_CHANNEL, keys.EVENTS_CHANNEL]


@pytest.mark.parametrize("trouble", [b"-NOAUTH Authentication required.\r\n", None])
def test_it_goes_on_after_pubsub_refused_or_went_away(
    announcing: Callable, trouble: bytes | None
) -> None:
    pubsub = PubSub(trouble)
    announcer = announcing(pubsub)
    announcer.order_cancel("a")
    assert pubsub.channels.get(timeout=PATIENCE_S) == keys.ORDERS_CHANNEL
    announcer.order_cancel("b")
    assert pubsub.channels.get(timeout=PATIENCE_S) == keys.ORDERS_CHANNEL
    announcer.order_cancel("c")
    assert pubsub.channels.get(timeout=PATIENCE_S) == keys.ORDERS_CHANNEL


def test_all_is_told_in_its_order_whoever_sends_it(announcing: Callable) -> None:
    """The thread sends the first messages, and the caller itself those that follow."""
    pubsub = PubSub()
    announcer = announcing(pubsub)
    announcer.order_cancel("first")
    assert pubsub.channels.get(timeout=PATIENCE_S) == keys.ORDERS_CHANNEL
    expected = []
    for number in range(50):
        announcer.order_cancel(str(number))
        announcer.announce_workflow(str(number), "running", 1)
        expected += [keys.ORDERS_CHANNEL, keys.WORKFLOWS_CHANNEL]
    assert [pubsub.channels.get(timeout=PATIENCE_S) for _ in expected] == expected


def test_what_was_told_last_arrives(announcing: Callable) -> None:
    pubsub = PubSub()
    announcer = announcing(pubsub)
    for number in range(3):
        announcer.order_cancel(str(number))
    announcer.stop()
    assert [pubsub.channels.get(timeout=PATIENCE_S) for _ in range(3)] == [keys.ORDERS_CHANNEL] * 3


def test_what_a_scheduler_acts_upon_is_told_once_more(announcing: Callable) -> None:
    pubsub = PubSub()
    announcing(pubsub).announce([record("a"), running(record("b"))])
    assert [pubsub.channels.get(timeout=PATIENCE_S) for _ in range(2)] == [
        keys.WAKE_CHANNEL,
        keys.EVENTS_CHANNEL,
    ]
    announcing(pubsub).announce([running(record("b")).moved_to(State.FAILED, 3)])
    assert pubsub.channels.get(timeout=PATIENCE_S) == keys.EVENTS_CHANNEL
    announcing(pubsub).announce([record("c").moved_to(State.SCHEDULED, 3, due_at_ms=9)])
    assert [pubsub.channels.get(timeout=PATIENCE_S) for _ in range(2)] == [
        keys.NEWS_CHANNEL,
        keys.EVENTS_CHANNEL,
    ]

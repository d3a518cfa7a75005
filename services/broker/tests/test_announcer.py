"""The announcer: pub/sub that is away, or that refuses, costs announcements and nothing else."""

import queue
from collections.abc import Callable, Iterator

import pytest

from services.broker import keys
from services.broker.events import Announcer
from services.broker.tests.support import record
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

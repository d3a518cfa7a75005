"""A broker hears of ends as long as somebody waits for one."""

import threading
from collections.abc import Callable, Iterator

import pytest

from services.broker import keys
from services.broker.ends import LINGER_S, Ends
from services.broker.events import encode_events, end_of
from services.broker.states import State
from services.broker.tests.support import record, running
from services.common.logs import Log
from services.pubsub.client import Publisher
from services.pubsub.tests.serving import Serving, wait_until


class World:
    """Ends on a real pubsub, and a clock that a test turns."""

    def __init__(self, server: Serving):
        self.server = server
        self.publisher = Publisher(server.url)
        self.now_s = 0.0
        self.heard: list[str] = []
        self.changes: list[bool] = []
        self.ends = Ends(
            server.url,
            Log("test"),
            lambda event: self.heard.append(event.id),
            lambda: self.changes.append(self.ends.is_listening),
            clock=lambda: self.now_s,
        )

    def tell(self, task_id: str) -> int:
        """An end; how many heard it."""
        done = running(record(task_id)).moved_to(State.SUCCEEDED, 3)
        return self.publisher.publish(keys.ENDS_CHANNEL, encode_events([end_of(done)]))

    def waiter(self) -> Callable[[], None]:
        """Somebody begins to wait; what is returned ends that."""
        woken = threading.Event()
        thread = threading.Thread(target=self.ends.wait, args=(woken, 60.0), daemon=True)
        thread.start()
        wait_until(lambda: self.ends.is_listening)

        def end() -> None:
            woken.set()
            thread.join()

        return end


@pytest.fixture
def world() -> Iterator[World]:
    server = Serving()
    world = World(server)
    yield world
    world.ends.stop()
    world.publisher.close()
    server.close()


def test_where_nobody_waits_nothing_is_heard(world: World):
    assert world.tell("a") == 0


def test_ends_are_heard_while_somebody_waits_and_shortly_after(world: World):
    end = world.waiter()
    assert world.changes == [True]
    assert world.tell("a") == 1
    end()
    assert world.tell("b") == 1
    wait_until(lambda: world.heard == ["a", "b"])


def test_one_who_waits_for_long_is_not_forgotten(world: World):
    end = world.waiter()
    world.now_s += 10 * LINGER_S
    world.tell("a")
    wait_until(lambda: world.heard == ["a"])
    assert world.ends.is_listening
    end()


def test_it_ends_with_an_end_that_nobody_has_waited_for_and_begins_anew(world: World):
    world.waiter()()
    world.now_s += LINGER_S + 1
    world.tell("a")
    wait_until(lambda: world.changes == [True, False])
    wait_until(lambda: world.tell("b") == 0)
    world.waiter()()
    assert world.tell("c") == 1
    wait_until(lambda: world.heard == ["c"])


def test_whoever_waits_looks_again_after_a_loss(world: World):
    end = world.waiter()
    port = world.server.port
    world.server.close()
    wait_until(lambda: world.changes == [True, False])
    world.server = Serving(port=port)
    wait_until(lambda: world.changes[-1])
    end()
    world.ends.stop()
    world.server.close()

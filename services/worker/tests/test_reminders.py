"""A wake-up that has come before its task is heard again, and not for ever."""

from collections.abc import Callable

from services.worker.reminders import FIRST_S, LIMIT_S, Reminders

LIST = "default/5"


class World:
    """A loop whose time a test lets pass, and a worker for whom the task is never there."""

    def __init__(self):
        self.now_s = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.woken: list[tuple[str, int, list[str]]] = []
        self.reminders = Reminders(
            self, lambda *wake: self.woken.append(wake), clock=lambda: self.now_s
        )

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.timers.append((self.now_s + delay_s, callback))

    def turn(self) -> None:
        """Until the next timer."""
        self.now_s, callback = self.timers.pop(0)
        callback()


def test_it_is_heard_again_soon():
    world = World()
    world.reminders.came_too_early("t1", LIST)
    assert world.woken == []
    world.turn()
    assert (world.now_s, world.woken) == (100.0 + FIRST_S, [(LIST, 1, ["t1"])])


def test_then_later_and_later_and_then_not_any_more():
    world = World()
    world.reminders.came_too_early("t1", LIST)
    delays_s = []
    while world.timers:
        before_s = world.now_s
        world.turn()
        delays_s.append(world.now_s - before_s)
        world.reminders.came_too_early("t1", LIST)
    assert delays_s == sorted(delays_s)
    assert delays_s[-1] > 100 * FIRST_S
    assert len(delays_s) < 20
    assert world.now_s >= 100.0 + LIMIT_S


def test_what_was_missed_long_ago_is_forgotten():
    world = World()
    world.reminders.came_too_early("t1", LIST)
    world.now_s += 3 * LIMIT_S
    world.reminders.came_too_early("t2", LIST)
    assert list(world.reminders._missed_at_s) == ["t2"]

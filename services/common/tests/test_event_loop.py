"""The event loop: sockets, timers, threads, hooks, and callbacks that fail."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from services.common.event_loop import EventLoop


class RecordingLog:
    """Keeps what was logged, for tests to look at."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str, **fields: object) -> None:
        self.lines.append(message)

    debug = info = warning = error = exception = note


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def log() -> RecordingLog:
    return RecordingLog()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loop(log: RecordingLog, clock: Clock) -> EventLoop:
    return EventLoop(log, clock)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def turn_without_waiting(loop: EventLoop) -> None:
    loop.call_soon(lambda: None)
    loop.turn()


# Sockets.


def test_a_readable_socket_is_called_back(loop: EventLoop, pair: tuple) -> None:
    ours, theirs = pair
    received = []
    loop.watch(ours, lambda: received.append(ours.recv(100)))
    theirs.send(b"hello")
    loop.turn()
    assert received == [b"hello"]


def test_readable_and_writable_are_watched_apart(loop: EventLoop, pair: tuple) -> None:
    ours, theirs = pair
    calls = []
    loop.watch(ours, lambda: calls.append("read"))
    turn_without_waiting(loop)
    assert calls == []
    loop.watch(ours, None, lambda: calls.append("write"))
    theirs.send(b"x")
    turn_without_waiting(loop)
    assert calls == ["write"]
    loop.watch(ours, lambda: calls.append("read"), lambda: calls.append("write"))
    turn_without_waiting(loop)
    assert calls == ["write", "write", "read"]


def test_an_unwatched_socket_is_left_alone(loop: EventLoop, pair: tuple) -> None:
    ours, theirs = pair
    calls = []
    theirs.send(b"x")
    loop.watch(ours, lambda: calls.append("read"))
    loop.watch(ours, None)
    turn_without_waiting(loop)
    loop.unwatch(ours)  # Harmless where it is not watched.
    assert calls == []


def test_an_event_for_a_number_that_has_gone_to_another_socket_is_passed_over(
    loop: EventLoop, log: RecordingLog, pair: tuple
) -> None:
    ours, theirs = pair
    other, far = socket.socketpair()
    calls = []

    def close_other_and_reuse_its_number(sock: socket.socket, victim: socket.socket) -> None:
        number = victim.fileno()
        loop.unwatch(victim)
        victim.close()
        new = socket.socket(fileno=os.dup2(theirs.fileno(), number))
        loop.watch(new, None, lambda: calls.append("written"))
        loop.unwatch(sock)
        sockets.append(new)

    sockets = [far]
    loop.watch(ours, lambda: close_other_and_reuse_its_number(ours, other))
    loop.watch(other, lambda: close_other_and_reuse_its_number(other, ours))
    theirs.send(b"x")
    far.send(b"x")
    loop.turn()
    assert log.lines == []
    for sock in sockets:
        loop.unwatch(sock)
        sock.close()


def test_a_callback_that_fails_is_logged_and_others_go_on(
    loop: EventLoop, log: RecordingLog, pair: tuple
) -> None:
    ours, theirs = pair
    calls = []
    loop.watch(ours, lambda: 1 / 0)
    theirs.send(b"x")
    loop.call_soon(lambda: 1 / 0)
    loop.call_soon(lambda: calls.append("call"))
    loop.call_later(0, lambda: 1 / 0)
    loop.call_later(0, lambda: calls.append("timer"))
    loop.turn()
    assert calls == ["timer", "call"]
    assert len(log.lines) == 3


# Timers.


def test_timers_fire_in_the_order_in_which_they_are_due(loop: EventLoop, clock: Clock) -> None:
    calls = []
    loop.call_later(3, lambda: calls.append("c"))
    loop.call_later(1, lambda: calls.append("a"))
    loop.call_later(2, lambda: calls.append("b1"))
    loop.call_later(2, lambda: calls.append("b2"))
    clock.now_s += 0.9
    turn_without_waiting(loop)
    assert calls == []
    clock.now_s += 1.1
    turn_without_waiting(loop)
    assert calls == ["a", "b1", "b2"]
    clock.now_s += 10
    turn_without_waiting(loop)
    turn_without_waiting(loop)
    assert calls == ["a", "b1", "b2", "c"]


def test_a_cancelled_timer_does_not_fire(loop: EventLoop, clock: Clock) -> None:
    calls = []
    timer = loop.call_later(1, lambda: calls.append("once"))
    repeated = loop.call_every(1, lambda: calls.append("often"))
    timer.cancel()
    clock.now_s += 1
    turn_without_waiting(loop)
    repeated.cancel()
    clock.now_s += 5
    turn_without_waiting(loop)
    assert calls == ["often"]


def test_a_timer_can_cancel_itself(loop: EventLoop, clock: Clock) -> None:
    calls = []

    def tick() -> None:
        calls.append("tick")
        timer.cancel()

    timer = loop.call_every(1, tick)
    for _ in range(3):
        clock.now_s += 1
        turn_without_waiting(loop)
    assert calls == ["tick"]


def test_a_late_repeated_timer_does_not_pile_up(loop: EventLoop, clock: Clock) -> None:
    calls = []
    loop.call_every(1, lambda: calls.append("tick"))
    clock.now_s += 60
    turn_without_waiting(loop)
    turn_without_waiting(loop)
    assert calls == ["tick"]
    clock.now_s += 1
    turn_without_waiting(loop)
    assert calls == ["tick", "tick"]


def test_a_repeated_timer_that_fails_goes_on(
    loop: EventLoop, clock: Clock, log: RecordingLog
) -> None:
    loop.call_every(1, lambda: 1 / 0)
    for _ in range(3):
        clock.now_s += 1
        turn_without_waiting(loop)
    assert len(log.lines) == 3


def test_a_timer_that_sets_a_timer_does_not_keep_the_turn(loop: EventLoop, clock: Clock) -> None:
    calls = []

    def again() -> None:
        calls.append("again")
        clock.now_s += 0.001
        loop.call_later(0, again)

    loop.call_later(0, again)
    turn_without_waiting(loop)
    assert calls == ["again"]


def test_the_loop_waits_for_the_next_timer(log: RecordingLog) -> None:
    loop = EventLoop(log)  # With the real clock.
    calls = []
    loop.call_later(0.02, lambda: calls.append("due"))
    while not calls:
        loop.turn()
    assert calls == ["due"]


# Calls, threads, hooks.


def test_a_call_that_asks_for_a_call_waits_for_the_next_turn(loop: EventLoop) -> None:
    calls = []
    loop.call_soon(lambda: (calls.append(1), loop.call_soon(lambda: calls.append(2))))
    loop.turn()
    assert calls == [1]
    loop.turn()
    assert calls == [1, 2]


def test_a_thread_wakes_the_loop(loop: EventLoop) -> None:
    threads = []
    thread = threading.Thread(
        target=loop.call_from_thread, args=(lambda: threads.append(threading.current_thread()),)
    )
    thread.start()
    while not threads:
        loop.turn()
    thread.join()
    assert threads == [threading.current_thread()]


def test_ten_thousand_calls_from_threads_all_arrive(loop: EventLoop) -> None:
    """More than the wake-up socket holds: a full one is no error and loses nothing."""
    calls = []

    def call_often() -> None:
        for number in range(5000):
            loop.call_from_thread(lambda number=number: calls.append(number))

    threads = [threading.Thread(target=call_often) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while len(calls) < 10_000:
        loop.turn()
    assert sorted(calls) == sorted([*range(5000), *range(5000)])


def test_hooks_run_at_the_end_of_each_turn_in_their_order(loop: EventLoop) -> None:
    calls = []
    loop.before_sleep(lambda: calls.append("log"))
    loop.before_sleep(lambda: calls.append("send"))
    loop.call_soon(lambda: calls.append("work"))
    loop.turn()
    turn_without_waiting(loop)
    assert calls == ["work", "log", "send", "log", "send"]


def test_a_hook_that_fails_holds_back_those_behind_it(loop: EventLoop, log: RecordingLog) -> None:
    calls = []

    def write_log() -> None:
        calls.append("log")
        if len(calls) == 1:
            raise ZeroDivisionError

    loop.before_sleep(write_log)
    loop.before_sleep(lambda: calls.append("send"))
    turn_without_waiting(loop)
    assert calls == ["log"]
    assert len(log.lines) == 1
    turn_without_waiting(loop)
    assert calls == ["log", "log", "send"]


def test_stop_ends_run_after_the_hooks_of_the_turn(loop: EventLoop) -> None:
    calls = []
    loop.before_sleep(lambda: calls.append("send"))
    loop.call_soon(loop.stop)
    loop.run()
    assert calls == ["send"]
    loop.call_from_thread(lambda: calls.append("late"))  # Harmless after the end.
    loop.stop()
    assert calls == ["send"]


def test_stop_from_another_thread(log: RecordingLog) -> None:
    loop = EventLoop(log)
    thread = threading.Thread(target=loop.run)
    thread.start()
    loop.call_from_thread(loop.stop)
    thread.join(10)
    assert not thread.is_alive()


def test_now_is_the_time_at_which_the_turn_woke_up(loop: EventLoop, clock: Clock) -> None:
    seen = []

    def look() -> None:
        clock.now_s += 5
        seen.append(loop.now_s)

    clock.now_s = 200.0
    loop.call_soon(look)
    loop.turn()
    assert seen == [200.0]

"""The latch: one at a time, fair where it is handed over."""

import threading
import time
from itertools import pairwise

import pytest

from services.sqldb.errors import SqlError
from services.sqldb.transactions.interrupts import Interrupts
from services.sqldb.transactions.latch import SLICE_S, Latch

PATIENCE_S = 20


def started(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_it_is_reentrant_and_given_up_as_a_whole():
    latch = Latch()
    with latch, latch:
        assert latch.is_mine
        with latch.released():
            assert not latch.is_mine
            got = []
            thread = started(
                lambda: latch.acquire() or got.append(latch.is_mine) or latch.release()
            )
            thread.join(PATIENCE_S)
            assert got == [True]
        assert latch.is_mine
    assert not latch.is_mine


def test_hand_over_lets_another_one_in():
    """However often: each turn of the one is followed by a turn of the other."""
    latch, order = Latch(), []
    turns = 50

    def run(name):
        with latch:
            for _ in range(turns):
                order.append(name)
                latch.hand_over()

    with latch:
        threads = [started(lambda name=name: run(name)) for name in "ab"]
        while len(latch._waiting) < 2:
            time.sleep(0)
    for thread in threads:
        thread.join(PATIENCE_S)
    both = order[: 2 * turns - 1]
    assert sorted(order) == sorted("ab" * turns)
    assert all(one != other for one, other in pairwise(both))


def test_nobody_is_let_in_before_the_slice_is_over(monkeypatch):
    latch = Latch()
    handed = []
    monkeypatch.setattr(latch, "hand_over", lambda: handed.append(1))
    with latch:
        latch.held_since_s = time.monotonic() + 100
        latch.breathe()
        assert not handed
        latch.held_since_s = time.monotonic() - SLICE_S
        latch.breathe()
        assert handed


def test_who_is_woken_finds_the_latch_free():
    latch, found = Latch(), []
    with latch, latch:
        latch.when_free(lambda: found.append(latch.is_mine))
        assert not found
        with latch.released():
            assert found == [False]
        latch.when_free(lambda: found.append(latch.is_mine))
    assert found == [False, False]


def test_who_is_to_be_woken_gets_a_turn_of_a_long_statement():
    """It holds the latch for many slices, and gives it up only to hand it over."""
    latch, sleep = Latch(), threading.Lock()
    sleep.acquire()
    order, has_begun = [], threading.Event()

    def wait():
        has_begun.set()
        sleep.acquire()
        with latch:
            order.append("woken")

    thread = started(wait)
    assert has_begun.wait(PATIENCE_S)
    with latch:
        latch.when_free(sleep.release)
        latch.hand_over()
        while not latch._waiting:
            time.sleep(0)
        latch.hand_over()
        order.append("long statement")
    thread.join(PATIENCE_S)
    assert order == ["woken", "long statement"]


def test_a_wait_ends_when_it_is_woken_before_or_while_it_lasts():
    latch = Latch()
    one, other = Interrupts(latch), Interrupts(latch)
    with latch:
        one.wake()
        one.wake()
        one.wait()  # Woken before it has begun, twice: that counts once.
        one.wait(time.monotonic() + 0.001)

    def wake():
        with latch:
            one.wake()

    with latch:
        thread = started(wake)
        one.wait()
    thread.join(PATIENCE_S)
    with latch:
        other.cancel()
        with pytest.raises(SqlError, match="57014"):
            other.wait()


def test_many_threads_count():
    latch = Latch()
    total = 0

    def run():
        nonlocal total
        for number in range(300):
            with latch:
                before = total
                if number % 7 == 0:
                    with latch.released():
                        pass
                    before = total
                total = before + 1
                if number % 5 == 0:
                    latch.hand_over()

    threads = [started(run) for _ in range(6)]
    for thread in threads:
        thread.join(PATIENCE_S)
    assert total == 1800


def test_interrupts_of_a_running_statement():
    latch = Latch()
    interrupts = Interrupts(latch)
    with latch:
        interrupts.check()
        interrupts.cancel()
        with pytest.raises(SqlError, match="57014"):
            interrupts.check()
        interrupts.check()  # Told once.
        interrupts.cancel()
        interrupts.forget_cancel()
        interrupts.check()  # It was for the statement before.
        interrupts.start_clock(1e-9)
        interrupts.start_clock(100)  # The first one counts.
        with pytest.raises(SqlError, match="statement timeout"):
            interrupts.check()
        interrupts.terminate()
        for _ in range(2):
            with pytest.raises(SqlError, match="57P01"):
                interrupts.check()

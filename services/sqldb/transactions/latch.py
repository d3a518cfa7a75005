"""The engine latch: one thread at a time runs statements.

Every connection has a thread of its own, and all of them share tables, indexes and locks. A thread
holds this latch while it works on them and gives it up while it waits: for the network, for a lock,
for the disk. So no shared structure needs a lock of its own, and a function that doesn't wait is
atomic for all others. Python's interpreter lock would let only one thread compute anyway; the latch
makes the points explicit at which another one may come in between.
# Real: PostgreSQL guards each structure by a lightweight lock of its own; SQLite, one for all.

`release` is quick and unfair: whoever asks first gets it, mostly the thread that runs already. A
statement that runs for long calls `hand_over`, which is fair: it doesn't return before another
thread has had its turn. (A plain lock that is released and taken again at once goes back to the
same thread nearly every time.)

Who wakes another one while he holds the latch wakes him for nothing: he would have to wait again,
for the latch. So what wakes others is done `when_free`.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SLICE_S = 0.005
"""How long a statement may hold the latch while others wait."""


class Latch:
    """A re-entrant lock that can be handed over fairly."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._depth = 0
        # Changed by threads that do not hold the latch: append and remove of a deque are atomic.
        self._waiting: deque[int] = deque()
        self._turn: threading.Lock | None = None
        self._wakes: list[Callable[[], None]] = []
        self.held_since_s = 0.0

    def acquire(self) -> None:
        me = threading.get_ident()
        if self._owner == me:
            self._depth += 1
            return
        self._take(me)
        self._depth = 1

    def _take(self, me: int) -> None:
        if not self._lock.acquire(False):
            self._waiting.append(me)
            self._lock.acquire()
            self._waiting.remove(me)
        self._own(me)

    def _own(self, me: int) -> None:
        if self._turn is not None:
            turn, self._turn = self._turn, None
            turn.release()
        self._owner = me
        self.held_since_s = time.monotonic()

    def release(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._let_go()

    def _let_go(self) -> None:
        wakes = self._wakes
        if wakes:
            self._wakes = []
        self._owner = 0
        self._lock.release()
        for wake in wakes:
            wake()

    __enter__ = acquire

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def is_mine(self) -> bool:
        return self._owner == threading.get_ident()

    def give_up(self) -> int:
        """Let others in, however often it was taken; the answer is for `take_back`."""
        depth, self._depth = self._depth, 0
        self._let_go()
        return depth

    def when_free(self, wake: Callable[[], None]) -> None:
        """Have it called as soon as this thread, which holds the latch, lets others in."""
        self._wakes.append(wake)

    def take_back(self, depth: int) -> None:
        self._take(threading.get_ident())
        self._depth = depth

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give it up while the body waits for something."""
        depth = self.give_up()
        try:
            yield
        finally:
            self.take_back(depth)

    def hand_over(self) -> None:
        """Let one other thread in, if any waits, and go on after it."""
        while self._wakes:
            self._wakes.pop()()  # From now on they wait for the latch.
        if not self._waiting:
            self.held_since_s = time.monotonic()
            return
        me = threading.get_ident()
        turn = threading.Lock()
        turn.acquire()
        depth, self._depth, self._owner = self._depth, 0, 0
        self._waiting.append(me)  # It counts as waiting while it lets another one go first.
        self._turn = turn
        self._lock.release()
        turn.acquire()  # Until the next owner releases it.
        self._lock.acquire()
        self._waiting.remove(me)
        self._own(me)
        self._depth = depth

    def breathe(self) -> None:
        """`hand_over`, where the slice of time is used up; cheap enough for a loop's every turn."""
        if time.monotonic() - self.held_since_s >= SLICE_S:
            self.hand_over()

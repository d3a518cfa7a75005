"""Coroutines on the event loop: code that waits reads from top to bottom, and holds up nobody.

    async def …:                          spawn(…)
        replies = await promise    ──▶    the coroutine stops here, the loop turns,
        …                          ◀──    and a callback keeps the promise: it goes on

Where a callback would be called later, a coroutine says `await`. It runs in the loop's thread until
the next one, so nothing that it does needs a lock.
# Real: asyncio, whose tasks and futures these are, without cancellation and without an executor.
"""

import functools
import math
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from services.common.event_loop import EventLoop, Timer

T = TypeVar("T")


class Promise(Generic[T]):
    """A value that one coroutine awaits; what is said first counts."""

    __slots__ = ("_error", "_go_on", "_is_settled", "_value")

    def __init__(self) -> None:
        self._is_settled = False
        self._value: T | None = None
        self._error: Exception | None = None
        self._go_on: Callable[[], None] | None = None

    def keep(self, value: T | None = None) -> None:
        """Here is the value."""
        self._settle(value, None)

    def fail(self, error: Exception) -> None:
        """There will be none."""
        self._settle(None, error)

    def then(self, go_on: Callable[[], None]) -> None:
        self._go_on = go_on

    def __await__(self) -> Generator["Promise[T]", None, T]:
        if not self._is_settled:
            yield self
        if self._error is not None:
            raise self._error
        return self._value

    def _settle(self, value: T | None, error: Exception | None) -> None:
        if self._is_settled:
            return
        self._is_settled, self._value, self._error = True, value, error
        if self._go_on is not None:
            self._go_on()


def spawn(coroutine: Coroutine[Promise[Any], None, None]) -> Callable[[], None]:
    """Run a coroutine until it first waits; whatever it waits for lets it go on.

    What is returned ends it where it waits.
    """

    def go_on() -> None:
        if coroutine.cr_frame is None:
            return  # It was ended in the meantime.
        try:
            promise = coroutine.send(None)
        except StopIteration:
            return
        promise.then(go_on)

    go_on()
    return coroutine.close


class Deadline:
    """The end of waits that mostly end before: one timer, put off and not made anew each time."""

    def __init__(self, loop: EventLoop, on_time: Callable[[], None]):
        self._loop = loop
        self._on_time = on_time
        self._at_s = math.inf
        self._timer: Timer | None = None

    def set(self, delay_s: float) -> None:
        """Call `on_time` so much later, unless there is another deadline, or none, by then."""
        self._at_s = time.monotonic() + delay_s
        if self._timer is not None:
            if self._timer.due_s <= self._at_s:
                return  # It will see then how long there is left.
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._look)

    def clear(self) -> None:
        self._at_s = math.inf

    def _look(self) -> None:
        self._timer = None
        left_s = self._at_s - time.monotonic()
        if left_s <= 0:
            self.clear()
            self._on_time()
        elif left_s < math.inf:
            self._timer = self._loop.call_later(left_s, self._look)


async def sleep(loop: EventLoop, seconds: float) -> None:
    """Let so much time pass."""
    woken: Promise[None] = Promise()
    loop.call_later(seconds, woken.keep)
    await woken


async def in_thread(loop: EventLoop, function: Callable[[], T]) -> T:
    """What a function returns, or raises, that may block: it runs in a thread of its own."""
    promise: Promise[T] = Promise()

    def call() -> None:
        try:
            settle = functools.partial(promise.keep, function())
        except Exception as error:
            settle = functools.partial(promise.fail, error)
        loop.call_from_thread(settle)

    threading.Thread(target=call, daemon=True).start()
    return await promise

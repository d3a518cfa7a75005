"""Reminders: a wake-up that has come before its task is heard once more, a moment later.

Who submits a task wakes the workers without waiting until kvdb has answered (`task_queue` in the
broker). By way of pub/sub and a worker that takes longer than the task takes to kvdb, as a rule. A
worker that was faster, because the network kept the task, finds nothing under its id, and looks
again: first at once, then later and later, and then not any more. The task was not stored then; or
it is found like any other that nobody was told of, when the lease is renewed.
"""

import time
from collections.abc import Callable, Sequence

from services.common.event_loop import EventLoop

FIRST_S = 0.002
LIMIT_S = 2.0


class Reminders:
    """`wake(list_name, count, ids)` is called in the event loop's thread."""

    def __init__(
        self,
        loop: EventLoop,
        wake: Callable[[str, int, Sequence[str]], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._loop = loop
        self._wake = wake
        self._clock = clock
        # When each of these ids was missed first.
        self._missed_at_s: dict[str, float] = {}

    def came_too_early(self, task_id: str, list_name: str) -> None:
        """Nothing is stored of a task that was to be in this list."""
        now_s = self._clock()
        missed_at_s = self._missed_at_s.setdefault(task_id, now_s)
        waited_s = now_s - missed_at_s
        if waited_s < LIMIT_S:
            self._loop.call_later(
                max(FIRST_S, waited_s), lambda: self._wake(list_name, 1, [task_id])
            )
        self._forget_before(now_s - 2 * LIMIT_S)

    def _forget_before(self, time_s: float) -> None:
        for task_id in [one for one, at_s in self._missed_at_s.items() if at_s < time_s]:
            del self._missed_at_s[task_id]

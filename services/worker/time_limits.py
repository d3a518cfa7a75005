"""Time limits: an attempt that runs too long is stopped.

The soft limit is the child's own affair: it raises `SoftTimeout` inside the task, which may clean
up and end by itself. The hard limit is the worker's: the child is killed with its process group,
whatever the task does to prevent it.
# Real: soft_time_limit and time_limit in Celery.
"""

from collections.abc import Callable

from services.broker.client import Failed, Outcome, TaskError, TaskRecord
from services.common.event_loop import EventLoop, Timer


class TimeLimits:
    """A timer for each attempt under way, in the event loop's thread."""

    def __init__(self, loop: EventLoop, stop: Callable[[str, Outcome], None]):
        self._loop = loop
        self._stop = stop
        self._timers: dict[str, Timer] = {}

    def on_started(self, record: TaskRecord) -> None:
        limit_s = record.options.effective().timeout_s
        error = TaskError("TimeLimitExceeded", f"it ran longer than {limit_s:g} s and was killed")
        self._timers[record.id] = self._loop.call_later(
            limit_s, lambda: self._stop(record.id, Failed(error))
        )

    def on_ended(self, record: TaskRecord) -> None:
        timer = self._timers.pop(record.id, None)
        if timer is not None:
            timer.cancel()

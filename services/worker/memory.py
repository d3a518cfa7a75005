"""The memory limit: a task that takes more is stopped, and its child replaced.

The worker looks at the resident memory of the children that are busy, some times a second, from the
outside. The alternative is a limit that the kernel enforces (RLIMIT_AS or RLIMIT_DATA), which acts
in the very moment; but it counts addresses that were reserved and not memory that is used (each
thread's stack, the arenas of malloc, a file that is mapped), so an honest task fails at a third of
what it was allowed, and what it gets is a MemoryError somewhere, which it may well catch. What
comes too fast for a look is the affair of the container's own limit.

Counted is the child with all that it has started. Pages that a forked process shares with its
parent count twice.
# Real: worker_max_memory_per_child in Celery, which looks when a task has ended, and stops none.
"""

import resource
from collections.abc import Callable
from pathlib import Path

from services.broker.client import Failed, Outcome, TaskError, TaskRecord
from services.common.event_loop import EventLoop, Timer
from services.worker.process_tree import descendants

LOOKS_PER_S = 10
_PROCESSES = Path("/proc")


def resident_bytes(pid: int) -> int:
    """What a process and those that it has started hold in memory; 0 where nobody can tell."""
    return sum(map(_own_bytes, [pid, *descendants(pid)]))


def _own_bytes(pid: int) -> int:
    try:
        pages = int((_PROCESSES / f"{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0  # It has just ended, or this is no Linux.
    return pages * resource.getpagesize()


class MemoryLimit:
    """Watches the attempts under way, in the event loop's thread."""

    def __init__(
        self,
        loop: EventLoop,
        limit_bytes: int,
        pid_of: Callable[[str], int | None],
        stop: Callable[[str, Outcome], None],
    ):
        """`pid_of` tells the process of a task that runs; a limit of 0 watches nothing."""
        self._loop = loop
        self._limit_bytes = limit_bytes
        self._pid_of = pid_of
        self._stop = stop
        self._running: set[str] = set()
        self._timer: Timer | None = None

    def on_started(self, record: TaskRecord) -> None:
        if self._limit_bytes:
            self._running.add(record.id)
            if self._timer is None:
                self._timer = self._loop.call_every(1 / LOOKS_PER_S, self._look)

    def on_ended(self, record: TaskRecord) -> None:
        self._running.discard(record.id)

    def _look(self) -> None:
        if not self._running:
            self._timer.cancel()
            self._timer = None
        for task_id in list(self._running):
            pid = self._pid_of(task_id)
            used_bytes = 0 if pid is None else resident_bytes(pid)
            if used_bytes > self._limit_bytes:
                self._running.discard(task_id)
                self._stop(task_id, Failed(_exceeded(used_bytes, self._limit_bytes)))


def _exceeded(used_bytes: int, limit_bytes: int) -> TaskError:
    used, limit = (round(size / 2**20) for size in (used_bytes, limit_bytes))
    return TaskError("MemoryLimitExceeded", f"it took {used} MiB, of {limit}, and was killed")

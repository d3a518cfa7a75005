"""A pool of threads that all do one kind of job, for work that may block.

The standard library's ThreadPoolExecutor wraps each job in a future, a lock and a condition; here
a job is one `append` to a deque and, only if somebody sleeps, one lock released.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")


class ThreadPool(Generic[Job]):
    """Up to `size` threads call `run(job)` for each job submitted, oldest first.

    Threads are started when there is work for them. They are daemons: a job that never ends
    cannot keep the process from exiting after its grace. `run` must not raise.
    """

    def __init__(self, name: str, size: int, run: Callable[[Job], None]) -> None:
        self._name = name
        self._size = size
        self._run = run
        self._jobs: deque[Job] = deque()
        self._sleepers: list[threading.Lock] = []
        self._started = 0
        self._closed = False

    @property
    def queued(self) -> int:
        """Jobs that wait for a thread."""
        return len(self._jobs)

    def submit(self, job: Job) -> None:
        """Have a thread do `job`. Only one thread submits: the event loop's."""
        self._jobs.append(job)
        self._wake_one()

    def close(self) -> None:
        """Let each thread end when nothing is queued any more."""
        self._closed = True
        while self._sleepers:
            self._wake_one()

    def _wake_one(self) -> None:
        try:
            self._sleepers.pop().release()
        except IndexError:
            if self._started < self._size and not self._closed:
                self._started += 1
                name = f"{self._name}-{self._started}"
                threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        asleep = threading.Lock()
        asleep.acquire()
        while True:
            try:
                job = self._jobs.popleft()
            except IndexError:
                if self._closed:
                    return
                self._sleepers.append(asleep)
                # A job that came between the look and the announcement woke nobody.
                if self._jobs or self._closed:
                    self._wake_one()
                asleep.acquire()
                continue
            self._run(job)

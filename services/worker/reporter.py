"""What a child says while its task runs: progress, not more often than anybody can see.

The first report goes out at once. Those that follow too closely replace each other, and the last of
them is sent when its time has come, by a timer; so a task that reports a million times costs a
hundred frames, and what is shown is never older than one interval. After `finish` nothing goes
out any more: the next frame of this child belongs to its next task.
"""

import threading
import time
from collections.abc import Callable

from services.broker.client import REPORTS_PER_S

INTERVAL_S = 1 / REPORTS_PER_S


class Reporter:
    """The reports of one attempt; `report` may be called by any thread of the task."""

    def __init__(self, send: Callable[[dict[str, object]], None]):
        self._send = send
        self._lock = threading.Lock()
        self._next_s = 0.0
        self._kept: dict[str, object] | None = None
        self._timer: threading.Timer | None = None
        self._is_finished = False

    def report(self, fraction: float, message: str) -> None:
        with self._lock:
            if self._is_finished:
                return  # A thread that the task has left behind.
            self._kept = {"fraction": fraction, "message": message}
            wait_s = self._next_s - time.monotonic()
            if wait_s <= 0:
                self._send_kept()
            elif self._timer is None:
                self._timer = threading.Timer(wait_s, self._on_time)
                self._timer.daemon = True
                self._timer.start()

    def finish(self) -> None:
        """Say what is still to be said, and nothing after it."""
        with self._lock:
            self._is_finished = True
            if self._timer is not None:
                self._timer.cancel()
            if self._kept is not None:
                self._send_kept()

    def _on_time(self) -> None:
        with self._lock:
            self._timer = None
            if self._kept is not None and not self._is_finished:
                self._send_kept()

    def _send_kept(self) -> None:
        kept, self._kept = self._kept, None
        self._next_s = time.monotonic() + INTERVAL_S
        self._send({"progress": kept})

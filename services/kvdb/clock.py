"""The time as commands see it: one reading for all that arrived together.

A key must not expire between two lookups of the same command, so commands never ask the
system for the time; the server reads it at the beginning of each turn of its loop.
# Real: server.mstime and updateCachedTime() in Redis.
"""

import time
from collections.abc import Callable


class Clock:
    """Unix time in milliseconds, as of the last `tick`."""

    __slots__ = ("_read_s", "now_ms")

    def __init__(self, read_s: Callable[[], float] = time.time):
        self._read_s = read_s
        self.now_ms = 0
        self.tick()

    def tick(self) -> None:
        """Read the time."""
        self.now_ms = int(self._read_s() * 1000)

"""Rates: how much happens in a second, over the last moments.

`sample` is called ten times a second. The rate is what came in the last sixteen samples, by the
time between the first and the last of them.
# Real: trackInstantaneousMetric() in Redis.
"""

import collections
from collections.abc import Callable

SAMPLES = 16


class Rate:
    """The rate of one counter."""

    def __init__(self, count: Callable[[], int]):
        self._count = count
        self._samples: collections.deque[tuple[int, int]] = collections.deque(maxlen=SAMPLES)

    def sample(self, now_ms: int) -> None:
        self._samples.append((now_ms, self._count()))

    @property
    def per_second(self) -> float:
        """0 while there is nothing to compare with."""
        if len(self._samples) < 2:
            return 0.0
        (first_ms, first), (last_ms, last) = self._samples[0], self._samples[-1]
        return max(last - first, 0) * 1000 / max(last_ms - first_ms, 1)

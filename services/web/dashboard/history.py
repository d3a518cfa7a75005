"""How two figures of a service have moved in the last minutes, for the charts above its page."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable

HISTORY_S = 180.0
HISTORY_POINTS = 120
MIN_INTERVAL_S = 0.5


class History:
    """A counter, shown by its growth each second between two looks, and a figure as it stands."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[float, int] | None = None
        self._points: collections.deque[tuple[float, float | None, float | None]] = (
            collections.deque(maxlen=HISTORY_POINTS)
        )

    def note(self, counter: int, figure: float | None) -> None:
        now_s = self._clock()
        with self._lock:
            last = self._last
            if last is not None and now_s - last[0] < MIN_INTERVAL_S:
                return
            self._last = (now_s, counter)
            rate = None
            if last is not None and counter >= last[1]:
                rate = round((counter - last[1]) / (now_s - last[0]), 2)
            self._points.append((now_s, rate, figure))

    def note_absence(self) -> None:
        with self._lock:
            self._last = None
            self._points.append((self._clock(), None, None))

    def as_json(self) -> list[list[float | None]]:
        """[seconds ago, growth a second, figure] for each look."""
        now_s = self._clock()
        with self._lock:
            return [
                [round(now_s - at_s, 1), rate, figure]
                for at_s, rate, figure in self._points
                if now_s - at_s <= HISTORY_S
            ]

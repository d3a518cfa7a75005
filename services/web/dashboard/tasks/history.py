"""How deep each queue was, and how long its oldest task had waited, over the last minutes.

The broker tells how it is now; a chart wants to know how it was. The dashboard looks at the queues
every few seconds in any case, and remembers what it saw, so the chart of a page that is opened has
a past. After a restart of the dashboard it begins anew.
"""

import collections
import threading
import time
from collections.abc import Callable, Iterable

HISTORY_S = 180.0
_MAX_POINTS = 240
_MIN_INTERVAL_S = 0.75


class QueueHistory:
    """Points of (time, depth, age) by the name of the queue; for any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._points: dict[str, collections.deque[tuple[float, float, float]]] = {}

    def add(self, queues: Iterable[dict[str, object]]) -> None:
        """What the broker has just told; closer looks than can be drawn replace each other."""
        now_s = self._clock()
        with self._lock:
            for queue in queues:
                points = self._points.setdefault(
                    str(queue.get("name")), collections.deque(maxlen=_MAX_POINTS)
                )
                if len(points) > 1 and now_s - points[-2][0] < _MIN_INTERVAL_S:
                    points.pop()
                points.append(
                    (now_s, _number(queue.get("depth")), _number(queue.get("oldest_age_s")))
                )
                while points[0][0] < now_s - HISTORY_S:
                    points.popleft()

    def of(self, name: str) -> dict[str, list[list[float]]]:
        """`depth` and `age`, each as points of [seconds ago, value], the oldest first."""
        now_s = self._clock()
        with self._lock:
            points = list(self._points.get(name, ()))
        return {
            "depth": [[round(now_s - at_s, 1), depth] for at_s, depth, _ in points],
            "age": [[round(now_s - at_s, 1), round(age, 2)] for at_s, _, age in points],
        }


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0

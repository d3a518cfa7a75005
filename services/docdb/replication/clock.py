"""The cluster's clock: a timestamp for each operation, never the same twice, never backwards.

    Timestamp(seconds since 1970, counter within the second)

Clients carry the newest one that they have seen from server to server (`$clusterTime`), and ask
for reads that are not older (`afterClusterTime`). With one server there is nothing to wait for.
# Real: VectorClock; the hybrid logical clock of MongoDB.
"""

from collections.abc import Callable

from services.docdb.bson.types import Date, Timestamp


class ClusterClock:
    """Ticks with each operation that changes something."""

    __slots__ = ("last", "now_s")

    def __init__(self, now_s: Callable[[], float]):
        self.now_s = now_s
        self.last = Timestamp(0, 0)

    @property
    def wall(self) -> Date:
        return Date(int(self.now_s() * 1000))

    def tick(self) -> Timestamp:
        """The time of a new operation."""
        now = int(self.now_s())
        last = self.last
        if now > last.time:
            self.last = Timestamp(now, 1)
        else:
            self.last = Timestamp(last.time, last.increment + 1)
        return self.last

    def advance_to(self, time: Timestamp) -> None:
        """What was written before a restart is in the past."""
        self.last = max(self.last, time)

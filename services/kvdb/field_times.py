"""When the fields of one hash expire: a dict to ask, and a heap to know which is next.

    HEXPIRE session 60 FIELDS 1 token          one field of a hash goes, the others stay

A key's expiry is kept beside the keys (`Database.expires`); a field's is kept with its hash, and
moves, is copied and is saved with it. Most hashes have no field that expires, and no `FieldTimes`:
one look at `HashValue.times`, which is None, is all that they pay.

    at_ms   token ─▶ 5000   cart ─▶ 9000          what HTTL asks
    order   [(5000, token) (7000, cart) (9000, cart)]     a heap: the earliest on top
                            ▲
                            └─ cart has got another time since: passed over when it comes up

Changing a time leaves the old entry in the heap, because finding it would mean to look at all
of them. When more than half of the heap is such leftovers, it is made anew from the dict.

Who looks at a hash gets it without the fields whose time has come (`Database.live_fields`), and
the cycle in `expiry` removes those that nobody looks at.
# Real: ebuckets.c in Redis, a tree of buckets of items that expire at about the same time.
"""

import heapq

from services.kvdb import memory

MAX_MOMENT_MS = 2**46 - 1
"""A little over two thousand years.  # Real: HFE_MAX_ABS_TIME_MSEC"""

_TOLERATED = 64
"""With fewer leftovers it is not worth while to make the heap anew."""


class FieldTimes:
    """The times of the fields of one hash that expire, in Unix milliseconds."""

    __slots__ = ("_order", "at_ms")

    def __init__(self, at_ms: dict[bytes, int] | None = None):
        self.at_ms = dict(at_ms or {})
        """By field; change it through the methods alone."""
        self._order: list[tuple[int, bytes]] = []
        self._sort()

    def __len__(self) -> int:
        return len(self.at_ms)

    @property
    def size_bytes(self) -> int:
        return memory.FIELD_TIMES_BYTES + len(self.at_ms) * memory.FIELD_EXPIRY_BYTES

    def copy(self) -> "FieldTimes":
        return FieldTimes(self.at_ms)

    def put(self, field: bytes, at_ms: int) -> None:
        self.at_ms[field] = at_ms
        heapq.heappush(self._order, (at_ms, field))
        if len(self._order) > 2 * len(self.at_ms) + _TOLERATED:
            self._sort()

    def forget(self, field: bytes) -> bool:
        """True where the field was going to expire."""
        return self.at_ms.pop(field, None) is not None

    def is_due(self, now_ms: int) -> bool:
        """Whether the time of any field may have come."""
        return bool(self._order) and self._order[0][0] <= now_ms

    def pop_due(self, now_ms: int, limit: int) -> list[bytes]:
        """Take out the fields whose time has come, `limit` of them at the most."""
        order, at_ms = self._order, self.at_ms
        due: list[bytes] = []
        while order and order[0][0] <= now_ms and len(due) < limit:
            moment_ms, field = heapq.heappop(order)
            if at_ms.get(field) == moment_ms:
                del at_ms[field]
                due.append(field)
        return due

    def _sort(self) -> None:
        self._order = [(at_ms, field) for field, at_ms in self.at_ms.items()]
        heapq.heapify(self._order)

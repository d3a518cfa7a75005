"""A dict that can be walked in steps and gives a random key: for SCAN, RANDOMKEY and eviction.

SCAN promises: an element that is there from the first call to the last is returned, whatever
is added and deleted in between; and the server keeps nothing for a scan that may never go on.
Redis walks the buckets of its hash table in a clever order. A Python dict does not show its
buckets, so this one keeps, from the first time that it is asked, a list of its keys in the
order in which they came:

    dict   {a: 1, c: 3, d: 4}
    order  [a, b, c, d]             b has been removed from the dict, its place is still there
                  ▲
    cursor 2 ─────┘                 "the places below 2 are still to be visited"

- A new key is appended. A removed key stays in the list, and is passed over.
- A scan walks *down* from the end, and the cursor is the number of places that are left.
- When a fifth of the list is dead it is made anew from the dict, which keeps its keys in the
  order of insertion. That only moves keys to lower places, where a scan on its way
  down still meets them. It may meet some twice, which SCAN allows.

A random key is a random place, tried again where it is dead. A key that was removed and came
back has two places until the next clean-up, and a double chance. A dead place keeps its key in
memory, which is why there are not to be many.

The list costs 8 bytes a key and one append for each new one. Most hashes and sets are never
scanned, so it is not there until somebody asks; making it takes 10 ms for a million keys.
# Real: dictScan() and dictGetFairRandomKey() in Redis.
"""

import random
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")

# Below this many dead places a clean-up is not worth its while.
_TOLERATED = 64


class ScanTable(dict[bytes, Value], Generic[Value]):
    """A dict of byte strings; add with `insert`, take out with `remove`, read as any dict.

    `table[key] = value` is for keys that are there already.
    """

    __slots__ = ("_order", "_removed")

    def __init__(self) -> None:
        super().__init__()
        self._order: list[bytes] | None = None
        self._removed = 0

    def insert(self, key: bytes, value: Value) -> None:
        """Add a key that is not there."""
        self[key] = value
        if self._order is not None:
            self._order.append(key)

    def remove(self, key: bytes) -> Value:
        """Take out a key that is there; its value."""
        value = self.pop(key)
        if self._order is not None:
            self._removed += 1
            if self._removed * 4 > len(self) + _TOLERATED:
                self._order = list(self)
                self._removed = 0
        return value

    def compact(self, slot_bytes: int) -> None:
        """Make the dict anew where it takes more than so many bytes a key.

        Python's dict does not shrink when keys are taken out, but when it next runs out of slots,
        which may be a million insertions away.
        """
        if self.__sizeof__() > slot_bytes * (len(self) + _TOLERATED):
            compacted = dict(self)
            self.clear()
            self.update(compacted)

    def _places(self) -> list[bytes]:
        if self._order is None:
            self._order = list(self)
        return self._order

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """One step: the next cursor (0 when done) and the keys of at most `count` places."""
        places = self._places()
        end = min(cursor, len(places)) if cursor else len(places)
        start = max(end - count, 0)
        return start, list(dict.fromkeys(key for key in places[start:end] if key in self))

    def random_key(self, pick: Callable[[], float] = random.random) -> bytes:
        """Any key, each with about the same chance; the table must not be empty."""
        places = self._places()
        while True:
            key = places[int(pick() * len(places))]
            if key in self:
                return key

    def sample(self, count: int) -> list[bytes]:
        """Keys at `count` random places; fewer where some are dead, and the same one twice."""
        places = self._places()
        drawn = [places[int(random.random() * len(places))] for _ in range(count)]
        return [key for key in drawn if key in self]

    def random_keys(self, count: int) -> list[bytes]:
        """`count` different keys, or all of them, in no particular order."""
        if count * 3 >= len(self):
            return random.sample(list(self), min(count, len(self)))
        chosen: dict[bytes, None] = {}
        while len(chosen) < count:
            chosen[self.random_key()] = None
        return list(chosen)

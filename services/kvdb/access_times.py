"""When keys were last used, for the LRU policies: an array instead of a dict.

A dict from key to time would cost a hundred bytes a key, and under a memory limit each of them
is one less for data. Nobody needs the exact time, though: eviction compares a few keys that it
has drawn at random. So there is one array of times, and a key has the place that its hash gives:

    "user:17"  ─ hash ─▶  3 ─┐
                             ▼
    times      [ 904  12  877  951  0  12  … ]        a power of two of places
                             ▲
    "cart:4"   ─ hash ─▶  3 ─┘                        the later of the two uses

Keys that share a place share the time of the later use: the one that is used less looks younger
than it is, and stays longer. With two to five places a key that happens to one in three to one in
five of them, and matters where the other key is a busy one.
# Real: Redis has 24 bits for it in the head of each object, with a resolution of a second.

Times are kept in steps of 64 milliseconds, so that 32 bits last for eight years.
"""

from array import array

_STEP_BITS = 6
_PAST_STEPS = 1 << 26
"""How far back a time may lie before the beginning: fifty days (RESTORE … IDLETIME)."""

BYTES_PER_PLACE = 4


class AccessTimes:
    """`times[key]` is the time of its last use in Unix milliseconds, and can be set."""

    __slots__ = ("_base_ms", "_mask", "_steps")

    def __init__(self, now_ms: int, places: int):
        """`places` is a power of two. Every key counts as used now."""
        self._base_ms = now_ms - (_PAST_STEPS << _STEP_BITS)
        self._mask = places - 1
        self._steps = array("I", [_PAST_STEPS]) * places

    @property
    def places(self) -> int:
        return self._mask + 1

    @property
    def size_bytes(self) -> int:
        return self.places * BYTES_PER_PLACE

    def __getitem__(self, key: bytes) -> int:
        return (self._steps[hash(key) & self._mask] << _STEP_BITS) + self._base_ms

    def __setitem__(self, key: bytes, at_ms: int) -> None:
        steps = (at_ms - self._base_ms) >> _STEP_BITS
        self._steps[hash(key) & self._mask] = steps if steps > 0 else 0

"""When keys were last used, or how often: what OBJECT IDLETIME tells, and eviction goes by.

Each use of a key (see `Database.read`) puts it into a queue, which is all that a GET pays. Ten
times a second, and whenever somebody asks, the queue is settled: what happened to each key is
written into an array, and the queue is empty again.

    recent   [user:17, cart:4, user:17]                one append for each use
                 │
                 ▼   settled                the place of a key is what its hash says
    words    [ 904  12  877  951  0  12  … ]           a power of two of places

A dict from key to time would cost up to a hundred bytes a key, and say it exactly. An array costs
sixteen to thirty-two, but keys that share a place share what is in it: a key looks as young as the
one beside it. With four to eight places a key that happens to one in five to one in nine, and to
more of those that were there before the array had to grow. The first sixteen thousand keys have
more places than that.

Writing down costs more than a tenth of a GET. Where eviction goes by it, that is its price. Where
only people ask, now and then, it would be a waste: then the queue is short, and when it has run
over between two settlements (more than 40,000 uses a second), nothing is queued for a second, and
all keys count as used in it. OBJECT IDLETIME may then say less than the truth; it never calls a
key idle that was not.

What a word means depends on the policy of eviction:

    LFU         how often: a counter of 8 bits, and when it was last counted down
    any other   how long ago: the time of last use, in steps of 64 milliseconds

**The counter.** 255 must do for a key that is used a million times a second, so it counts
logarithmically: the higher it stands, the less likely a use is to move it (`lfu-log-factor`). And
it must forget what was popular last week, so it loses one for each minute that goes by
(`lfu-decay-time`). A new key begins at 5, so that it is not the first to go.

    factor 10:   100 uses ─▶ about 10     1,000 ─▶ 18     100,000 ─▶ 142     1,000,000 ─▶ 255

# Real: the 24 bits `lru` in the head of each object, LFULogIncr() and LFUDecrAndReturn().
"""

import random
from array import array
from collections import deque

_STEP_BITS = 6
_PAST_STEPS = 1 << 26
"""How far back a time may lie before the beginning: fifty days (RESTORE … IDLETIME)."""

_BYTES_PER_PLACE = 4
_FIRST_PLACES = 1 << 16
_PLACES_PER_KEY = 4
"""At least; up to twice as many."""

_QUEUED_FOR_PEOPLE = 1 << 12
_QUEUED_FOR_EVICTION = 1 << 17
"""As many as can be used between two settlements."""
_REST_MS = 1000

_MINUTE_MS = 60_000
_MINUTES = 1 << 16
"""The minutes begin again after 45 days."""

FIRST_COUNT = 5
MAX_COUNT = 255


class Uses:
    """The uses of all keys of all databases: keys with the same name share them."""

    __slots__ = (
        "_all_used_step",
        "_base_ms",
        "_mask",
        "_queue_length",
        "_random",
        "_rests_until_ms",
        "_words",
        "counts",
        "decay_minutes",
        "log_factor",
        "now_ms",
        "recent",
    )

    def __init__(self, now_ms: int, pick: random.Random | None = None):
        self._queue_length = _QUEUED_FOR_PEOPLE
        self.recent: deque[bytes] = deque(maxlen=self._queue_length)
        """The keys that have been used since it was settled, in order: append to it. Settling may
        put another queue in its place."""
        self.now_ms = now_ms
        self.counts = False
        """Whether it says how often, instead of how long ago."""
        self.log_factor = 10
        self.decay_minutes = 1
        self._random = pick or random.Random()
        self._mask = _FIRST_PLACES - 1
        self._begin()

    def _begin(self) -> None:
        """Forget everything: all keys are used now, or have the count of a new key."""
        self._base_ms = self.now_ms - (_PAST_STEPS << _STEP_BITS)
        self._words = array("I", [0 if self.counts else _PAST_STEPS]) * (self._mask + 1)
        self._all_used_step = 0
        self._rests_until_ms = 0

    def keep(self, *, counts: bool, is_needed: bool, log_factor: int, decay_minutes: int) -> None:
        """Say what is to be kept from now on, and whether eviction needs it; `recent` is new."""
        self.log_factor, self.decay_minutes = log_factor, decay_minutes
        self._queue_length = _QUEUED_FOR_EVICTION if is_needed else _QUEUED_FOR_PEOPLE
        self.recent = deque(maxlen=self._queue_length)
        self._rests_until_ms = 0
        if counts != self.counts:
            self.counts = counts
            self._begin()

    @property
    def size_bytes(self) -> int:
        """What the places take that have been added for the number of keys."""
        return (self._mask + 1 - _FIRST_PLACES) * _BYTES_PER_PLACE

    # Settling.

    def settle(self, now_ms: int) -> None:
        """Write down what has been used since the last time, as used now."""
        self.now_ms = now_ms
        step = (now_ms - self._base_ms) >> _STEP_BITS
        if self._rests_until_ms:
            self._all_used_step = step
            if now_ms >= self._rests_until_ms:
                self._rests_until_ms = 0
                self.recent = deque(maxlen=self._queue_length)
        elif self.counts:
            for key in self.recent:
                self._count(key)
        elif len(self.recent) == _QUEUED_FOR_PEOPLE == self._queue_length:
            self._all_used_step = step
            self._rests_until_ms = now_ms + _REST_MS
            self.recent = deque(maxlen=0)
        else:
            words, mask = self._words, self._mask
            for place in map(hash, set(self.recent)):
                words[place & mask] = step
        self.recent.clear()

    def make_places(self, keys: int) -> None:
        """Have places enough for so many keys.

        A key's new place is its old one, or that one and as many places on as there were, so to
        double the array brings everything to where it belongs.
        """
        while _PLACES_PER_KEY * keys > self._mask + 1:
            self._words *= 2
            self._mask = len(self._words) - 1

    # How long ago.

    def last_step(self, key: bytes) -> int:
        """The time of last use, in steps: the lower, the longer ago."""
        return max(self._words[hash(key) & self._mask], self._all_used_step)

    def idle_ms(self, key: bytes) -> int:
        used_ms = (self.last_step(key) << _STEP_BITS) + self._base_ms
        return max(self.now_ms - used_ms, 0)

    def set_idle(self, key: bytes, idle_ms: int) -> None:
        """Have a key count as unused for so long."""
        steps = (self.now_ms - idle_ms - self._base_ms) >> _STEP_BITS
        self._words[hash(key) & self._mask] = max(steps, 0)

    # How often.

    def frequency(self, key: bytes) -> int:
        """The counter as it stands now, counted down for the time that has passed."""
        word = self._words[hash(key) & self._mask]
        if not word:
            return FIRST_COUNT
        if not self.decay_minutes:
            return word & MAX_COUNT
        passed = (self._minute() - (word >> 8)) % _MINUTES
        return max((word & MAX_COUNT) - passed // self.decay_minutes, 0)

    def set_frequency(self, key: bytes, count: int) -> None:
        self._words[hash(key) & self._mask] = self._minute() << 8 | count

    def forget(self, key: bytes) -> None:
        """A key is gone: one of its name begins anew."""
        if self.counts:
            self.settle(self.now_ms)
            self._words[hash(key) & self._mask] = 0

    def _count(self, key: bytes) -> None:
        """One use: the counter may go up by one."""
        if not self._words[hash(key) & self._mask]:
            self.set_frequency(key, FIRST_COUNT)  # This was the use that made the key.
            return
        count = self.frequency(key)
        above = max(count - FIRST_COUNT, 0)
        if count < MAX_COUNT and self._random.random() * (above * self.log_factor + 1) < 1:
            count += 1
        self.set_frequency(key, count)

    def _minute(self) -> int:
        return self.now_ms // _MINUTE_MS % _MINUTES

"""The keyspace: sixteen databases, and what is counted over all of them.

    Keyspace
      ├─ Database 0 … 15    the keys, and the doors to them: `database`
      ├─ uses               when keys were last used, or how often
      ├─ dirty              changes since the last snapshot
      ├─ used_bytes         the memory that keys and values take: what `eviction` goes by
      ├─ ready              keys that somebody waits for, and that have come into being
      └─ observer           who is told of every change

The databases keep these up to date; what there is to do about them is for others:
`persistence`, `eviction`, `blocking`, `observation`.
"""

import collections
import contextlib
from collections.abc import Callable, Iterator

from services.kvdb.change import Observer
from services.kvdb.clock import Clock
from services.kvdb.database import Database
from services.kvdb.settings import Settings
from services.kvdb.uses import Uses

DATABASES = 16


class Keyspace:
    """The databases, and what is counted over all of them."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.dirty = 0
        """Changes since the last snapshot."""
        self.used_bytes = 0
        """The memory that keys and values take, by the figures of `memory`."""
        self.peak_bytes = 0
        """The most that it has been, as far as somebody has looked."""
        self.expired_total = 0
        self.expired_fields_total = 0
        self.evicted_total = 0
        self.ready: collections.deque[tuple[Database, bytes]] = collections.deque()
        """Keys that somebody waits for and that have come into being, or gone, or grown."""
        self.keeps_expired = False
        """During CLIENT PAUSE nothing changes: what is due counts as gone, but stays."""
        self.observer: Observer | None = None
        """Told of every change, while there is somebody who wants to know."""
        self.note_gone: Callable[[Database, bytes], None] = lambda database, key: None
        """Told of a hash that is gone with its last field; the engine writes it down."""
        self.uses = Uses(clock.now_ms)
        """When keys were last used, or how often."""
        self.databases = [Database(self, index) for index in range(DATABASES)]

    def note_peak(self) -> None:
        self.peak_bytes = max(self.peak_bytes, self.used_bytes)

    @property
    def hits_total(self) -> int:
        return sum(database.hits for database in self.databases)

    @property
    def misses_total(self) -> int:
        return sum(database.misses for database in self.databases)

    def track_uses(self, settings: Settings) -> None:
        """Keep of the uses of keys what the settings ask for."""
        self.settle_uses()
        policy = settings.maxmemory_policy
        self.uses.keep(
            counts=policy.endswith("-lfu"),
            is_needed=bool(settings.maxmemory) and policy.endswith(("-lru", "-lfu")),
            log_factor=settings.lfu_log_factor,
            decay_minutes=settings.lfu_decay_time,
        )
        self._pass_queue()

    def settle_uses(self) -> None:
        """Write down which keys have been used; what that needs of memory counts as used."""
        uses = self.uses
        old_bytes = uses.size_bytes
        uses.make_places(sum(map(len, self.databases)))
        self.used_bytes += uses.size_bytes - old_bytes
        uses.settle(self.clock.now_ms)
        if self.databases[0].used is not uses.recent:
            self._pass_queue()

    @contextlib.contextmanager
    def leaving_no_use(self) -> Iterator[None]:
        """What is used meanwhile does not count as used."""
        self.settle_uses()
        try:
            yield
        finally:
            self.uses.recent.clear()

    def _pass_queue(self) -> None:
        for database in self.databases:
            database.used = self.uses.recent

    def clear(self) -> None:
        for database in self.databases:
            database.clear()

    def swap(self, first: Database, second: Database) -> None:
        """Exchange the content of two databases; their clients, watches and waits stay."""
        self.dirty += 1
        if first is second:
            return
        for name in ("table", "expires", "timed"):
            mine, theirs = getattr(first, name), getattr(second, name)
            setattr(first, name, theirs)
            setattr(second, name, mine)
        for database, other in ((first, second), (second, first)):
            for key in list(database.watched):
                if key in database.table or key in other.table:
                    database.touch_watchers(key)
            self.ready.extend((database, key) for key in database.waiting)

"""Making room at the memory limit: which keys go.

`Keyspace.used_bytes` says how much the data takes (see `memory`), and `memory_budget` how much it
may take so that the process stays near the limit. Before a command that may
need more, the dispatcher asks for room; while there is not enough, the key with the lowest
score goes, and what a score is, is the policy:

    allkeys-lru      the time of last use, over all keys           the default: a cache
    volatile-lru     the same, over keys that expire
    allkeys-lfu      how often it is used (see `uses`), over all keys
    volatile-lfu     the same, over keys that expire
    volatile-ttl     the time of expiry, over keys that expire
    allkeys-random, volatile-random
    noeviction       none goes: the command is refused with OOM

To know the lowest score of all, the keys would have to be kept in order of use, and every GET
would have to move one: time on each request, and a linked list in memory. Instead a few keys
are drawn at random, and the lowest of *them* goes. With the best losers of earlier draws kept
in a pool, ten samples come close to the exact order:

    draw 10 keys ─▶ pool of the 16 lowest seen so far ─▶ evict the lowest, if still unchanged

Where a database has few keys (large values), all of them are drawn, and the choice is exact.
# Real: performEvictions() and evictionPoolEntry in Redis's evict.c.
"""

from collections.abc import Callable

from services.kvdb.database import Database
from services.kvdb.journal import Journal
from services.kvdb.keyspace import Keyspace
from services.kvdb.memory_budget import MemoryBudget
from services.kvdb.scan_table import ScanTable
from services.kvdb.settings import Settings

POOL_SIZE = 16
FEW_KEYS = 64
"""Up to so many keys, all are compared."""

Candidate = tuple[float, int, bytes]
"""Score, database, key."""


class Eviction:
    """Frees memory by the policy in force."""

    def __init__(self, keyspace: Keyspace, settings: Settings, journal: Journal):
        self._keyspace = keyspace
        self._journal = journal
        self._settings = settings
        self._budget = MemoryBudget()
        self._pool: list[Candidate] = []
        self._was_filled = False

    def make_room(self, wanted_bytes: int) -> bool:
        """Evict until `wanted_bytes` more fit under the limit; false where that cannot be."""
        keyspace, limit = self._keyspace, self._settings.maxmemory
        if wanted_bytes > limit:
            return False  # It would not fit into the empty store: evict nothing for it.
        if self._settings.maxmemory_policy != "noeviction":
            limit = max(self._budget.of(limit), wanted_bytes)
        if keyspace.used_bytes + wanted_bytes <= limit:
            return True
        if keyspace.uses.recent:
            keyspace.uses.settle(keyspace.clock.now_ms)
        while keyspace.used_bytes + wanted_bytes > limit:
            victim = self._choose()
            if victim is None:
                return False
            database, key = victim
            database.evict(key)
            self._journal.note(database, [b"DEL", key])
        return True

    def tick(self) -> None:
        """See how large the process is, as far as evicting can do something about it."""
        if self._settings.maxmemory and self._settings.maxmemory_policy != "noeviction":
            is_too_large = self._budget.tick(self._settings.maxmemory)
            if is_too_large:
                for database in self._keyspace.databases:
                    database.compact()

    def _choose(self) -> tuple[Database, bytes] | None:
        """The next key to go; None where the policy has none."""
        if self._settings.maxmemory_policy == "noeviction":
            return None
        while True:
            # A draw is good for two: half of the samples for each, and half of the time.
            self._was_filled = not self._was_filled
            if self._was_filled or not self._pool:
                self._fill_pool()
            if not self._pool:
                return None
            while self._pool:
                score, index, key = self._pool.pop(0)
                database = self._keyspace.databases[index]
                # It may have been used or deleted since it was drawn.
                if key in self._keys(database) and self._scorer(database)(key) == score:
                    return database, key

    def _fill_pool(self) -> None:
        """Draw from each database; keep the lowest."""
        pool, samples = self._pool, self._settings.maxmemory_samples
        for database in self._keyspace.databases:
            if not database.table or not (keys := self._keys(database)):
                continue
            score, index = self._scorer(database), database.index
            pool += [(score(key), index, key) for key in _draw(keys, samples)]
        pool.sort()
        # The same key more than once does no harm: it goes once.
        del pool[POOL_SIZE:]

    def _keys(self, database: Database) -> ScanTable:
        is_volatile = self._settings.maxmemory_policy.startswith("volatile-")
        return database.expires if is_volatile else database.table

    def _scorer(self, database: Database) -> Callable[[bytes], float]:
        """What tells the score of a key; the lowest goes first."""
        match self._settings.maxmemory_policy:
            case "allkeys-lru" | "volatile-lru":
                return database.keyspace.uses.last_step
            case "allkeys-lfu" | "volatile-lfu":
                return database.keyspace.uses.frequency
            case "volatile-ttl":
                return database.expires.__getitem__
        # Any order will do, as long as a key's place in it does not depend on the draw.
        return hash


def _draw(keys: ScanTable, samples: int) -> list[bytes]:
    return list(keys) if len(keys) <= max(FEW_KEYS, samples) else keys.sample(samples)

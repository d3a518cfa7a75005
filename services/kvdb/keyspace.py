"""The keyspace: sixteen databases, each a dict from key to value, and the doors to them.

    Keyspace
      └─ Database 0 … 15
           table      key ─▶ value                bytes, or a RawString, ListValue, HashValue,
                                                  SetValue, SortedSetValue or StreamValue
           expires    key ─▶ Unix milliseconds    only keys that expire
           accessed   key ─▶ time of last use     only while an eviction policy asks for it;
                                                  one for all databases
           watched    key ─▶ clients              who has it under WATCH
           waiting    key ─▶ waits                who is blocked on it (BLPOP)

Two doors keep that together, and no command goes around them:

*Expiry.* A key whose time has come does not exist, although it may still be in the dict.
`read`, `modify` and `peek` look at the clock, and remove what is due before they answer. (Keys
that nobody asks for are removed by the cycle in `expiry`.)
# Real: expireIfNeeded() in Redis's db.c.

*Change.* Whatever changes a value ends in `changed(key)`. It counts the change (the snapshot
looks at the count), adjusts the memory that is accounted for, drops a container that has
become empty, aborts the transactions that watch the key, and tells the observer, where there
is one: keyspace notifications and CLIENT TRACKING live from that.
# Real: signalModifiedKey(), server.dirty and dbDelete() of empty containers in Redis.

A handler never tests for expiry, never counts memory and never deletes an empty list.

How to look a key up:

    read     for a command that only reads: counts a hit or a miss, and is a use of the key
    modify   for a command that is going to write: a use of the key
    peek     for a command that asks about the key (TTL, TYPE, OBJECT): no use of it
"""

import collections
import enum
from collections.abc import Callable
from typing import TypeVar

from services.kvdb import errors, memory
from services.kvdb.access_times import BYTES_PER_PLACE, AccessTimes
from services.kvdb.clock import Clock
from services.kvdb.scan_table import ScanTable

DATABASES = 16

Kind = TypeVar("Kind")


class Change(enum.Enum):
    """What the doors tell the observer of a key."""

    CREATED = enum.auto()
    CHANGED = enum.auto()
    EMPTIED = enum.auto()
    """A container has lost its last element, and is gone with it."""
    DELETED = enum.auto()
    EXPIRED = enum.auto()
    EVICTED = enum.auto()
    EXPIRY_SET = enum.auto()
    EXPIRY_REMOVED = enum.auto()
    MISSED = enum.auto()
    """No change: a command that reads has found nothing."""
    FLUSHED = enum.auto()
    """Of no key: the whole database is empty."""
    CONSUMER_CREATED = enum.auto()
    """In a consumer group of the stream, by asking for entries."""
    TRIMMED = enum.auto()
    """A stream, by the way, as an entry was added."""


Observer = Callable[["Database", bytes, Change], None]


class Keyspace:
    """The databases, and what is counted over all of them."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.dirty = 0
        """Changes since the last snapshot."""
        self.used_bytes = 0
        """The memory that keys and values take, by the figures of `memory`."""
        self.expired_total = 0
        self.evicted_total = 0
        self.ready: collections.deque[tuple[Database, bytes]] = collections.deque()
        """Keys that somebody waits for and that have come into being, or gone, or grown."""
        self.keeps_expired = False
        """During CLIENT PAUSE nothing changes: what is due counts as gone, but stays."""
        self.observer: Observer | None = None
        """Told of every change, while there is somebody who wants to know."""
        self.databases = [Database(self, index) for index in range(DATABASES)]

    @property
    def hits_total(self) -> int:
        return sum(database.hits for database in self.databases)

    @property
    def misses_total(self) -> int:
        return sum(database.misses for database in self.databases)

    def track_access(self, places: int) -> None:
        """Keep the times of last use in so many places, 0 for not at all; eviction asks for it."""
        old = self.databases[0].accessed
        if places == (old.places if old else 0):
            return
        accessed = AccessTimes(self.clock.now_ms, places) if places else None
        self.used_bytes += places * BYTES_PER_PLACE - (old.size_bytes if old else 0)
        for database in self.databases:
            database.accessed = accessed

    def clear(self) -> None:
        for database in self.databases:
            database.clear()

    def swap(self, first: "Database", second: "Database") -> None:
        """Exchange the content of two databases; their clients, watches and waits stay."""
        for name in ("table", "expires"):
            mine, theirs = getattr(first, name), getattr(second, name)
            setattr(first, name, theirs)
            setattr(second, name, mine)
        for database, other in ((first, second), (second, first)):
            for key in list(database.watched):
                if key in database.table or key in other.table:
                    database.touch_watchers(key)
            self.ready.extend((database, key) for key in database.waiting)
        self.dirty += 1


class Database:
    """One database. Its methods take a key in any state; what has expired counts as gone."""

    __slots__ = (
        "_clock",
        "accessed",
        "expires",
        "hits",
        "index",
        "keyspace",
        "misses",
        "table",
        "waiting",
        "watched",
    )

    def __init__(self, keyspace: Keyspace, index: int):
        self.keyspace = keyspace
        self.index = index
        self._clock = keyspace.clock
        self.table: ScanTable[object] = ScanTable()
        self.expires: ScanTable[int] = ScanTable()
        self.accessed: AccessTimes | None = None
        self.watched: dict[bytes, dict] = {}
        self.waiting: dict[bytes, dict] = {}
        self.hits = 0
        self.misses = 0

    # --- looking up ------------------------------------------------------------------

    def read(self, key: bytes) -> object | None:
        """The value for a command that reads; None where there is no such key."""
        if key in self.expires and self._remove_if_due(key):
            self.misses += 1
            return None
        value = self.table.get(key)
        if value is None:
            self.misses += 1
            if self.keyspace.observer is not None:
                self.tell(key, Change.MISSED)
            return None
        self.hits += 1
        if self.accessed is not None:
            self.accessed[key] = self._clock.now_ms
        return value

    def modify(self, key: bytes) -> object | None:
        """The value for a command that writes."""
        if key in self.expires and self._remove_if_due(key):
            return None
        value = self.table.get(key)
        if value is not None and self.accessed is not None:
            self.accessed[key] = self._clock.now_ms
        return value

    def peek(self, key: bytes) -> object | None:
        """The value for a command that asks about the key."""
        if key in self.expires and self._remove_if_due(key):
            return None
        return self.table.get(key)

    def read_as(self, kind: type[Kind], key: bytes) -> Kind | None:
        """`read`; raises WRONGTYPE where the value is of another type."""
        value = self.read(key)
        if value is not None and type(value) is not kind:
            raise errors.wrong_type()
        return value

    def modify_as(self, kind: type[Kind], key: bytes) -> Kind | None:
        """`modify`; raises WRONGTYPE where the value is of another type."""
        value = self.modify(key)
        if value is not None and type(value) is not kind:
            raise errors.wrong_type()
        return value

    def create_as(self, kind: type[Kind], key: bytes) -> Kind:
        """`modify_as`; a key that is missing gets an empty value, for the handler to fill.

        `changed` must follow, with something in it or not.
        """
        value = self.modify_as(kind, key)
        if value is None:
            value = kind()
            self._insert(key, value)
        return value

    # --- changing --------------------------------------------------------------------

    def set(self, key: bytes, value: object) -> None:
        """Store a value over whatever was there; its expiry is forgotten."""
        if key in self.expires:
            self._forget_expiry(key)
        self.replace(key, value)

    def replace(self, key: bytes, value: object) -> None:
        """Store a value; a key that is there keeps its expiry."""
        keyspace = self.keyspace
        old = self.table.get(key)
        if old is None:
            self._insert(key, value)
        else:
            self.table[key] = value
            keyspace.used_bytes -= len(old) if type(old) is bytes else old.accounted_bytes
            if self.waiting and type(old) is not type(value):
                self.signal(key)
            if self.accessed is not None:
                self.accessed[key] = self._clock.now_ms
        if type(value) is bytes:
            # `changed`, spelled out for the commonest change: SET takes a tenth less time.
            keyspace.used_bytes += len(value)
            keyspace.dirty += 1
            if key in self.watched:
                self.touch_watchers(key)
            if keyspace.observer is not None:
                keyspace.observer(self, key, Change.CHANGED)
        else:
            value.accounted_bytes = 0
            self.changed(key)

    def _insert(self, key: bytes, value: object) -> None:
        self.table.insert(key, value)
        self.keyspace.used_bytes += memory.KEY_BYTES + len(key)
        if self.accessed is not None:
            self.accessed[key] = self._clock.now_ms
        if self.waiting:
            self.signal(key)
        if self.keyspace.observer is not None:
            self.tell(key, Change.CREATED)

    def tell(self, key: bytes, change: Change) -> None:
        """Tell the observer, if there is one."""
        if self.keyspace.observer is not None:
            self.keyspace.observer(self, key, change)

    def signal(self, key: bytes) -> None:
        """Have those who wait for `key` looked at, as soon as the command has ended."""
        if key in self.waiting:
            self.keyspace.ready.append((self, key))

    def changed(self, key: bytes, change: Change = Change.CHANGED) -> None:
        """The door of every change: `key` has been set, altered in place, or deleted."""
        keyspace = self.keyspace
        keyspace.dirty += 1
        if keyspace.observer is not None:
            keyspace.observer(self, key, change)
        value = self.table.get(key)
        if value is not None and type(value) is not bytes:
            if not value and value.is_container:
                self._take_out(key)
                self.tell(key, Change.EMPTIED)
            else:
                size_bytes = value.size_bytes
                keyspace.used_bytes += size_bytes - value.accounted_bytes
                value.accounted_bytes = size_bytes
        if key in self.watched:
            self.touch_watchers(key)

    def changed_unseen(self, key: bytes) -> None:
        """The same for what WATCH does not look at: the consumer groups of a stream."""
        value, keyspace = self.table[key], self.keyspace
        keyspace.dirty += 1
        size_bytes = value.size_bytes
        keyspace.used_bytes += size_bytes - value.accounted_bytes
        value.accounted_bytes = size_bytes
        self.tell(key, Change.CHANGED)

    def delete(self, key: bytes, change: Change = Change.DELETED) -> bool:
        """True where the key was there."""
        if self.peek(key) is None:
            return False
        self._take_out(key)
        self.changed(key, change)
        return True

    def evict(self, key: bytes) -> None:
        """Delete a key to make room."""
        self.delete(key, Change.EVICTED)
        self.keyspace.evicted_total += 1

    def _take_out(self, key: bytes) -> None:
        value = self.table.remove(key)
        if self.waiting:
            self.signal(key)
        size_bytes = len(value) if type(value) is bytes else value.accounted_bytes
        self.keyspace.used_bytes -= memory.KEY_BYTES + len(key) + size_bytes
        if key in self.expires:
            self._forget_expiry(key)

    def touch_watchers(self, key: bytes) -> None:
        """Abort the transactions of the clients that watch `key`."""
        for client, was_expired in self.watched.get(key, {}).items():
            if was_expired and key not in self.table:
                # It had expired when it was watched and has only been cleaned up since.
                self.watched[key][client] = False
            else:
                client.transaction.is_stale = True

    def clear(self) -> int:
        """Delete everything; how many keys there were."""
        count = len(self.table)
        for key in self.watched:
            if key in self.table:
                self.touch_watchers(key)
        for key in self.waiting:
            self.signal(key)
        self.keyspace.used_bytes -= self._accounted_bytes()
        self.keyspace.dirty += count
        self.table, self.expires = ScanTable(), ScanTable()
        self.tell(b"", Change.FLUSHED)
        return count

    def _accounted_bytes(self) -> int:
        values = sum(
            len(value) if type(value) is bytes else value.accounted_bytes
            for value in self.table.values()
        )
        keys = sum(map(len, self.table)) + memory.KEY_BYTES * len(self.table)
        return values + keys + memory.EXPIRY_BYTES * len(self.expires)

    # --- expiry ----------------------------------------------------------------------

    def expires_at_ms(self, key: bytes) -> int | None:
        """When a key that is there expires; None for never."""
        return self.expires.get(key)

    def expire_at(self, key: bytes, at_ms: int) -> None:
        """Have a key that is there expire at a moment; one that has passed deletes it."""
        if key in self.expires:
            self.expires[key] = at_ms
        else:
            self.expires.insert(key, at_ms)
            self.keyspace.used_bytes += memory.EXPIRY_BYTES
        self.changed(key, Change.EXPIRY_SET)

    def persist(self, key: bytes) -> bool:
        """Never expire; true where the key was going to."""
        if key not in self.expires:
            return False
        self._forget_expiry(key)
        self.changed(key, Change.EXPIRY_REMOVED)
        return True

    def _forget_expiry(self, key: bytes) -> None:
        self.expires.remove(key)
        self.keyspace.used_bytes -= memory.EXPIRY_BYTES

    def is_due(self, key: bytes) -> bool:
        """Whether the key's time has come, be it still in the dict or not."""
        at_ms = self.expires.get(key)
        return at_ms is not None and at_ms <= self._clock.now_ms

    def _remove_if_due(self, key: bytes) -> bool:
        """The door of expiry: true where the key's time has come, and it has been removed."""
        if not self.is_due(key):
            return False
        if self.keyspace.keeps_expired:
            return True
        self._take_out(key)
        self.keyspace.expired_total += 1
        self.changed(key, Change.EXPIRED)
        return True

    def remove_due(self, keys: list[bytes]) -> int:
        """Remove those whose time has come; how many there were."""
        return sum(map(self._remove_if_due, keys))

    # --- asking about all keys ---------------------------------------------------------

    def __len__(self) -> int:
        return len(self.table)

    def matching_keys(self, is_match: Callable[[bytes], object]) -> list[bytes]:
        """The live keys that match, in the order in which they came."""
        found = list(filter(is_match, self.table))
        if self.expires:
            found = [key for key in found if not self.is_due(key)]
        return found

    def random_key(self) -> bytes | None:
        """Any live key; None where there is none."""
        while self.table:
            key = self.table.random_key()
            if self.peek(key) is not None:
                return key
        return None

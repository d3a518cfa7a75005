"""One database: a dict from key to value, and the two doors to it that no command goes around.

    Database
      table      key ─▶ value                bytes, or a RawString, Item, ListValue, HashValue,
                                             SetValue, SortedSetValue or StreamValue
      expires    key ─▶ Unix milliseconds    only keys that expire
      timed      key                         hashes with fields that expire
      used       keys as they are used       for `uses`, which all databases share
      watched    key ─▶ clients              who has it under WATCH
      waiting    key ─▶ waits                who is blocked on it (BLPOP)

*Expiry.* A key whose time has come does not exist, although it may still be in the dict.
`read`, `modify` and `peek` look at the clock, and remove what is due before they answer. (Keys
that nobody asks for are removed by the cycle in `expiry`.) For the fields of a hash that expire
by themselves, `live_fields` does the same.
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

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from services.kvdb import errors, memory
from services.kvdb.change import Change
from services.kvdb.scan_table import ScanTable
from services.kvdb.values import Container, Sized, TimedFields

if TYPE_CHECKING:
    from services.kvdb.keyspace import Keyspace

Kind = TypeVar("Kind")


class Database:
    """One database. Its methods take a key in any state; what has expired counts as gone."""

    __slots__ = (
        "_clock",
        "expires",
        "hits",
        "index",
        "keyspace",
        "misses",
        "table",
        "timed",
        "used",
        "waiting",
        "watched",
    )

    def __init__(self, keyspace: "Keyspace", index: int):
        self.keyspace = keyspace
        self.index = index
        self._clock = keyspace.clock
        self.table: ScanTable[object] = ScanTable()
        self.expires: ScanTable[int] = ScanTable()
        self.timed: ScanTable[None] = ScanTable()
        """May name keys that are strings or plain hashes by now; the cycle finds that out."""
        self.used = keyspace.uses.recent
        self.watched: dict[bytes, dict] = {}
        self.waiting: dict[bytes, dict] = {}
        self.hits = 0
        self.misses = 0

    # Looking up.

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
        self.used.append(key)
        return value

    def modify(self, key: bytes) -> object | None:
        """The value for a command that writes."""
        if key in self.expires and self._remove_if_due(key):
            return None
        value = self.table.get(key)
        if value is not None:
            self.used.append(key)
        return value

    def peek(self, key: bytes) -> object | None:
        """The value for a command that asks about the key."""
        if key in self.expires and self._remove_if_due(key):
            return None
        return self.table.get(key)

    def look(self, key: bytes) -> object | None:
        """`peek` that counts a hit or a miss: for EXISTS."""
        value = self.peek(key)
        if value is None:
            self.misses += 1
            self.tell(key, Change.MISSED)
        else:
            self.hits += 1
        return value

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

        `changed` or `grown` must follow, with something in it or not.
        """
        # `modify`, spelled out for a key that is there: LPUSH takes a twentieth less.
        if key not in self.expires or not self._remove_if_due(key):
            value = self.table.get(key)
            if type(value) is kind:
                self.used.append(key)
                return value
            if value is not None:
                raise errors.wrong_type()
        value = kind()
        self._insert(key, value)
        return value

    def is_quiet(self, keys: Sequence[bytes]) -> bool:
        """Whether none of these keys expires, and nobody is to be told of what becomes of them:

        then they need not go through the doors one by one (see `string_columns`).
        """
        return (
            self.keyspace.observer is None
            and self.expires.keys().isdisjoint(keys)
            and self.watched.keys().isdisjoint(keys)
        )

    # Changing.

    def set(self, key: bytes, value: object) -> None:
        """Store a value over whatever was there; its expiry is forgotten."""
        if key in self.expires:
            self._forget_expiry(key)
        self.replace(key, value)

    def replace(self, key: bytes, value: object) -> None:
        """Store a value; a key that is there keeps its expiry."""
        old = self.table.get(key)
        if type(value) is not bytes or not (old is None or type(old) is bytes):
            self._replace_other(key, old, value)
            return
        keyspace = self.keyspace
        if old is None:
            self._insert(key, value)
            keyspace.used_bytes += len(value)
        else:
            self.table[key] = value
            self.used.append(key)
            keyspace.used_bytes += len(value) - len(old)
        # `changed`, spelled out for the commonest change: SET takes a sixth less time.
        keyspace.dirty += 1
        if key in self.watched:
            self.touch_watchers(key)
        if keyspace.observer is not None:
            keyspace.observer(self, key, Change.CHANGED)

    def rewrite(self, key: bytes, old: bytes, value: bytes) -> None:
        """`replace` for a string that `modify` has just answered: INCR takes a tenth less."""
        keyspace = self.keyspace
        self.table[key] = value
        keyspace.used_bytes += len(value) - len(old)
        keyspace.dirty += 1
        if key in self.watched:
            self.touch_watchers(key)
        if keyspace.observer is not None:
            keyspace.observer(self, key, Change.CHANGED)

    def _replace_other(self, key: bytes, old: object | None, value: object) -> None:
        """The same where the old value or the new one is no plain string."""
        keyspace = self.keyspace
        if old is None:
            self._insert(key, value)
        else:
            self.table[key] = value
            self.used.append(key)
            keyspace.used_bytes -= len(old) if type(old) is bytes else old.accounted_bytes
            if self.waiting and type(old) is not type(value):
                self.signal(key)
        if type(value) is bytes:
            keyspace.used_bytes += len(value)
        else:
            value.accounted_bytes = 0
            if getattr(value, "times", None):
                self.note_timed(key)
        self.changed(key)

    def _insert(self, key: bytes, value: object) -> None:
        self.table.insert(key, value)
        self.keyspace.used_bytes += memory.KEY_BYTES + len(key)
        self.used.append(key)
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
            if value.is_container and not value:
                self._take_out(key)
                self.tell(key, Change.EMPTIED)
            else:
                size_bytes = value.size_bytes
                keyspace.used_bytes += size_bytes - value.accounted_bytes
                value.accounted_bytes = size_bytes
        if key in self.watched:
            self.touch_watchers(key)

    def grown(self, key: bytes, value: Sized, size_bytes: int) -> None:
        """`changed`, for one that has got elements of so many bytes.

        The size need not be worked out anew, which makes LPUSH a tenth cheaper.
        """
        keyspace = self.keyspace
        if not value.accounted_bytes or keyspace.observer is not None or self.watched:
            self.changed(key)  # It is new, or somebody looks.
            return
        keyspace.dirty += 1
        keyspace.used_bytes += size_bytes
        value.accounted_bytes += size_bytes

    def grown_jointly(self, key: bytes, value: Sized, size_bytes: int, requests: int) -> None:
        """`grown` for all requests of a run, after one look at the key."""
        self.grown(key, value, size_bytes)
        self.keyspace.dirty += requests - 1
        self.used.extend([key] * (requests - 1))

    def reshape(self, key: bytes, value: Sized) -> None:
        """Keep what is there in another form of the same value, which is no change in itself."""
        old = self.table[key]
        old_bytes = len(old) if type(old) is bytes else old.accounted_bytes
        value.accounted_bytes = value.size_bytes
        self.keyspace.used_bytes += value.accounted_bytes - old_bytes
        self.table[key] = value

    def changed_unseen(self, key: bytes) -> None:
        """The same for what WATCH does not look at: the consumer groups of a stream."""
        value, keyspace = self.table[key], self.keyspace
        keyspace.dirty += 1
        size_bytes = value.size_bytes
        keyspace.used_bytes += size_bytes - value.accounted_bytes
        value.accounted_bytes = size_bytes
        self.tell(key, Change.CHANGED)

    def store(self, key: bytes, result: Sized) -> int:
        """Put a result over whatever was there, which an empty one deletes; how much it is."""
        if result:
            self.set(key, result)
        else:
            self.delete(key)
        return len(result)

    def discard(self, key: bytes, value: Container | None, elements: list[bytes]) -> int:
        """Take elements out of the value that was found; how many of them were there."""
        if value is None:
            return 0
        removed = sum(map(value.discard, elements))
        if removed:
            self.changed(key)
        return removed

    def delete(self, key: bytes, change: Change = Change.DELETED) -> bool:
        """True where the key was there."""
        if self.peek(key) is None:
            return False
        self._take_out(key)
        if change is not Change.EVICTED:
            self.keyspace.uses.forget(key)
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
        if key in self.timed:
            self._forget_timed(key)

    def touch_watchers(self, key: bytes) -> None:
        """Abort the transactions of the clients that watch `key`."""
        for client, was_expired in self.watched.get(key, {}).items():
            if was_expired and (key not in self.table or self.is_due(key)):
                # It had expired when it was watched and is only cleaned up now.
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
        self.table, self.expires, self.timed = ScanTable(), ScanTable(), ScanTable()
        self.tell(b"", Change.FLUSHED)
        return count

    def _accounted_bytes(self) -> int:
        values = sum(
            len(value) if type(value) is bytes else value.accounted_bytes
            for value in self.table.values()
        )
        keys = sum(map(len, self.table)) + memory.KEY_BYTES * len(self.table)
        times = memory.EXPIRY_BYTES * len(self.expires) + memory.TIMED_BYTES * len(self.timed)
        return values + keys + times

    def compact(self) -> None:
        """Give back what the tables have taken when there were more keys."""
        for table in (self.table, self.expires, self.timed):
            table.compact(memory.SLOT_BYTES)

    # Expiry.

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

    # Expiry of the fields of a hash.

    def note_timed(self, key: bytes) -> None:
        """The hash under `key` has a field that expires."""
        if key not in self.timed:
            self.timed.insert(key, None)
            self.keyspace.used_bytes += memory.TIMED_BYTES

    def _forget_timed(self, key: bytes) -> None:
        self.timed.remove(key)
        self.keyspace.used_bytes -= memory.TIMED_BYTES

    def live_fields(self, key: bytes, value: TimedFields) -> TimedFields | None:
        """The door of field expiry: the hash without what is due; None where nothing is left.

        All of it at once: a hash of whose fields a million expire in the same moment, unless the
        cycle is faster, takes whoever looks at it next a second.
        """
        if not value.times.is_due(self._clock.now_ms):
            return value
        if self.keyspace.keeps_expired:
            value = value.copy()
            value.drop_due(self._clock.now_ms)
        else:
            self.remove_due_fields(key, value)
        return value or None

    def remove_due_fields_of(self, key: bytes, limit: int) -> int:
        """The same for a key of `timed`; forgets one that is no such hash any more, or gone."""
        value = self.table.get(key)
        if getattr(value, "times", None) is None:
            if key in self.timed:
                self._forget_timed(key)
            return 0
        return self.remove_due_fields(key, value, limit)

    def remove_due_fields(self, key: bytes, value: TimedFields, limit: int = sys.maxsize) -> int:
        """Remove fields whose time has come; how many there were."""
        removed = value.drop_due(self._clock.now_ms, limit)
        if removed:
            self.keyspace.expired_fields_total += removed
            self.changed(key, Change.FIELDS_EXPIRED)
            if not value:
                # Unlike a key, a hash is there until somebody has noticed that nothing is left of
                # it. When that was, no replay of the append-only file would find out again.
                self.keyspace.note_gone(self, key)
        return removed

    # Asking about all keys.

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

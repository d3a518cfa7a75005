"""What memcached clients do to the keyspace: each step is a command of the table.

Nothing here goes around the dispatcher. An item is read by a GET and touched by a PEXPIREAT, so
that the statistics, MONITOR, the rights of a user, the memory limit, WATCH, notifications, client
caches and the append-only file see it as they see any command. Two commands exist for memcached
alone, because Redis has no words for them:

    MEMCACHED STORE key value flags cas at-ms [STALE]    an item (`memcached_item`), as it is
    MEMCACHED FLUSH                                      delete all that memcached can read

`flush_all` deletes strings and nothing else: a memcached client cannot see lists and hashes, and
emptying a cache should not take a queue along that lives beside it.

`ItemStore` is these steps for one client; `Memcached` is what all memcached clients share.
# Real: items.c and process_command() in memcached.
"""

import collections
from typing import TYPE_CHECKING

from services.common.resp import OK, ReplyError
from services.kvdb import errors
from services.kvdb.arguments import MAX_INTEGER, integer
from services.kvdb.clients import Client
from services.kvdb.memcached_codec import MAX_64, MAX_FLAGS, MemcachedError, unsigned
from services.kvdb.memcached_item import Item
from services.kvdb.strings import RawString, as_bytes

if TYPE_CHECKING:
    from services.kvdb.engine import Engine

LONGEST_RELATIVE_S = 30 * 24 * 60 * 60
"""A longer time is no duration, but a moment."""

OUT_OF_MEMORY = b"SERVER_ERROR out of memory storing object"
READABLE = {bytes, RawString, Item}

NEVER = b"-1"


# The two commands.


def memcached_store(client: Client, request: list[bytes]) -> object:
    """`MEMCACHED STORE key value flags cas at-ms [STALE]`; at-ms is Unix time, or -1 for never."""
    _, _, key, value, flags_text, cas_text, at_text, *rest = request
    flags, cas = unsigned(flags_text, MAX_FLAGS), unsigned(cas_text, MAX_64)
    at_ms = integer(at_text)
    is_stale = [word.upper() for word in rest] == [b"STALE"]
    if flags is None or cas is None or (rest and not is_stale):
        raise errors.syntax_error()
    item = Item(value, flags, cas, is_stale=is_stale)
    item.accessed_ms = client.engine.clock.now_ms
    client.database.set(key, item)
    if at_ms != -1:
        client.database.expire_at(key, at_ms)
    return OK


def memcached_flush(client: Client, request: list[bytes]) -> object:
    """`MEMCACHED FLUSH`: delete every string of the database."""
    database = client.database
    strings = [key for key, value in database.table.items() if type(value) in READABLE]
    if len(strings) == len(database.table):
        database.clear()
    else:
        for key in strings:
            database.delete(key)
    return OK


# What all memcached clients share.


class Memcached:
    """Counters, CAS numbers, and the `flush_all` that is still to come."""

    def __init__(self, engine: "Engine"):
        self._engine = engine
        self._last_cas = engine.clock.now_ms << 20
        self.counters: collections.Counter[str] = collections.Counter()
        """By the names that `stats` gives them."""
        self._flush_at_ms: int | None = None
        self.connections_total = 0
        self.connections = 0
        self.max_value_bytes = engine.settings.memcached_max_value_bytes

    def next_cas(self) -> int:
        self._last_cas += 1
        return self._last_cas

    def flush_at(self, at_ms: int) -> None:
        """Empty the cache at a moment; there is one such moment, the last that was asked for."""
        self._flush_at_ms = at_ms
        self.tick()

    def tick(self) -> None:
        """Called ten times a second."""
        if self._flush_at_ms is not None and self._engine.clock.now_ms >= self._flush_at_ms:
            if self._engine.pause.is_active:
                return  # Nothing changes now; with the first tick afterwards.
            self._flush_at_ms = None
            self._flush()

    def _flush(self) -> None:
        client = self._engine.clients.connect()
        client.user = None  # The server itself.
        client.update_guard()
        try:
            self._engine.dispatcher.execute(client, [b"MEMCACHED", b"FLUSH"])
        finally:
            self._engine.clients.disconnect(client)


# What one client does.


class ItemStore:
    """Items by key, for one client; what is refused is raised as MemcachedError."""

    def __init__(self, client: Client):
        self.client = client
        self.engine = client.engine
        self.memcached = client.engine.memcached
        self.counters = self.memcached.counters
        self._database = client.database

    def execute(self, *request: bytes) -> object:
        """The reply to a command of the table. Raises MemcachedError where it is an error."""
        reply = self.engine.dispatcher.execute(self.client, list(request))
        if isinstance(reply, ReplyError):
            text = str(reply)
            if text.startswith("OOM "):
                raise MemcachedError(OUT_OF_MEMORY)
            raise MemcachedError(b"SERVER_ERROR " + text.encode())
        return reply

    # Reading.

    def fetch(self, key: bytes) -> tuple[bytes, int] | None:
        """Content and flags, for a client that reads; None where there is no such key."""
        content = self.execute(b"GET", key)
        if content is None:
            return None
        item = self._database.table.get(key)
        if type(item) is not Item:
            return content, 0
        self.note_use(item)
        return content, item.flags

    def fetch_item(self, key: bytes) -> Item | None:
        """The same as an item, with its number; whoever shows it calls `note_use`."""
        if self.execute(b"GET", key) is None:
            return None
        return self._as_item(key, self._database.table[key])

    def note_use(self, item: Item) -> None:
        item.is_fetched = True
        item.accessed_ms = self.engine.clock.now_ms

    def look_at(self, key: bytes) -> Item | None:
        """The item for a command that is going to write: neither a hit nor a miss."""
        if self.client.is_guarded:
            self._check_may_read(key)
        value = self._database.modify(key)
        return None if value is None else self._as_item(key, value)

    def _check_may_read(self, key: bytes) -> None:
        """Who may only write must not learn a value by counting it up."""
        command = self.engine.dispatcher.commands[b"GET"]
        try:
            self.engine.access.admit(self.client, command, [b"GET", key])
        except ReplyError as error:
            raise MemcachedError(b"SERVER_ERROR " + str(error).encode()) from None

    def exists(self, key: bytes) -> bool:
        return self._database.modify(key) is not None

    def _as_item(self, key: bytes, value: object) -> Item:
        """A string that Redis has written gets a number with the first look at it.

        Another form of the same string is no change in itself, as with `raw_string`. The number
        comes to the disk with the next snapshot; after a crash the string has another one.
        """
        if type(value) is Item:
            return value
        try:
            content = as_bytes(value)
        except ReplyError as error:
            raise MemcachedError(b"SERVER_ERROR " + str(error).encode()) from None
        item = Item(content, 0, self.memcached.next_cas())
        item.accessed_ms = self.engine.clock.now_ms
        self._database.reshape(key, item)
        return item

    # Writing.

    def store(
        self,
        key: bytes,
        content: bytes,
        flags: int,
        at_ms: int | None,
        *,
        cas: int | None = None,
        is_stale: bool = False,
    ) -> int:
        """Store an item over whatever is there; its number, a new one where none is given."""
        cas = self.memcached.next_cas() if cas is None else cas
        moment = NEVER if at_ms is None else b"%d" % at_ms
        words = (b"STALE",) if is_stale else ()
        self.execute(
            b"MEMCACHED", b"STORE", key, content, b"%d" % flags, b"%d" % cas, moment, *words
        )
        self.counters["total_items"] += 1
        return cas

    def change(
        self, key: bytes, item: Item, content: bytes, *, at_ms: int | None, cas: int | None = None
    ) -> int:
        """Store other content under the flags that are there; its number."""
        self.check_size(content)
        return self.store(key, content, item.flags, at_ms, cas=cas)

    def check_size(self, content: bytes) -> None:
        """`append` may make an item too large; then memcached finds no memory for it."""
        if len(content) > self.memcached.max_value_bytes:
            raise MemcachedError(OUT_OF_MEMORY)

    def touch(self, key: bytes, at_ms: int | None) -> None:
        """Give a key that is there another time to live."""
        if at_ms is None:
            self.execute(b"PERSIST", key)
        else:
            self.execute(b"PEXPIREAT", key, b"%d" % at_ms)

    def delete(self, key: bytes) -> bool:
        return self.execute(b"DEL", key) == 1

    # Times.

    @property
    def now_ms(self) -> int:
        return self.engine.clock.now_ms

    def expires_at_ms(self, key: bytes) -> int | None:
        return self._database.expires_at_ms(key)

    def moment_ms(self, exptime_s: int) -> int | None:
        """When an item expires: 0 is never, up to 30 days a duration, beyond that Unix time."""
        if exptime_s == 0:
            return None
        if exptime_s < 0:
            return max(self.now_ms - 1, 1)
        if exptime_s <= LONGEST_RELATIVE_S:
            return self.now_ms + exptime_s * 1000
        return min(exptime_s * 1000, MAX_INTEGER)

    def ttl_s(self, key: bytes) -> int:
        """The seconds that a key has left; -1 for ever."""
        at_ms = self.expires_at_ms(key)
        return -1 if at_ms is None else max(-(-(at_ms - self.now_ms) // 1000), 0)

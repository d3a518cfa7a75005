"""The classic commands of memcached, and the table of all of them.

Each handler takes the `ItemStore` of its client and a request, and returns the reply, all of it,
as bytes. (`memcached_meta` has the meta commands.) Texts are those of memcached 1.6, to the letter,
because client libraries compare them.

Deliberately different: a number that `decr` makes shorter is not padded with spaces, so that
Redis's INCR can go on with it; and flags beyond 32 bits are refused instead of cut off.
# Real: proto_text.c in memcached.
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.kvdb import memcached_meta, memcached_statistics
from services.kvdb.memcached_codec import (
    BAD_LINE,
    ERROR,
    MAX_64,
    TOO_LARGE,
    VERSION,
    MemcachedError,
    Request,
    encode_value,
    is_key,
    signed,
    unsigned,
)
from services.kvdb.memcached_store import ItemStore

BAD_DELTA = b"CLIENT_ERROR invalid numeric delta argument"
BAD_EXPTIME = b"CLIENT_ERROR invalid exptime argument"
BAD_DELETE = b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"

Handler = Callable[[ItemStore, Request], bytes]


def _key(word: bytes) -> bytes:
    if not is_key(word):
        raise MemcachedError(BAD_LINE)
    return word


# Retrieval.


def get(store: ItemStore, request: Request) -> bytes:
    return _values(store, request.words[1:], with_cas=False)


def gets(store: ItemStore, request: Request) -> bytes:
    return _values(store, request.words[1:], with_cas=True)


def gat(store: ItemStore, request: Request) -> bytes:
    return _touched_values(store, request, with_cas=False)


def gats(store: ItemStore, request: Request) -> bytes:
    return _touched_values(store, request, with_cas=True)


def _touched_values(store: ItemStore, request: Request, *, with_cas: bool) -> bytes:
    exptime_s = signed(request.words[1])
    if exptime_s is None:
        raise MemcachedError(BAD_EXPTIME)
    keys = request.words[2:]
    for key in keys:
        store.counters["cmd_touch"] += 1
        if store.exists(_key(key)):
            store.counters["touch_hits"] += 1
        else:
            store.counters["touch_misses"] += 1
    reply = _values(store, keys, with_cas=with_cas)
    # Afterwards: a time that has passed still shows the item this once.
    for key in keys:
        store.touch(key, store.moment_ms(exptime_s))
    return reply


def _values(store: ItemStore, keys: list[bytes], *, with_cas: bool) -> bytes:
    """All items that are there, then END."""
    found = []
    for key in keys:
        if with_cas:
            item = store.fetch_item(_key(key))
            if item is not None:
                store.note_use(item)
                found.append(encode_value(key, item.flags, item.content, item.cas))
        else:
            value = store.fetch(_key(key))
            if value is not None:
                found.append(encode_value(key, value[1], value[0]))
    store.counters["cmd_get"] += len(keys)
    store.counters["get_hits"] += len(found)
    store.counters["get_misses"] += len(keys) - len(found)
    found.append(b"END\r\n")
    return b"".join(found)


# Storage.


def set_(store: ItemStore, request: Request) -> bytes:
    _put(store, request)
    return b"STORED\r\n"


def add(store: ItemStore, request: Request) -> bytes:
    if store.exists(request.words[1]):
        store.counters["cmd_set"] += 1
        return b"NOT_STORED\r\n"
    return set_(store, request)


def replace(store: ItemStore, request: Request) -> bytes:
    if not store.exists(request.words[1]):
        store.counters["cmd_set"] += 1
        return b"NOT_STORED\r\n"
    return set_(store, request)


def append(store: ItemStore, request: Request) -> bytes:
    return _extend(store, request, lambda content: content + request.data)


def prepend(store: ItemStore, request: Request) -> bytes:
    return _extend(store, request, lambda content: request.data + content)


def cas(store: ItemStore, request: Request) -> bytes:
    key, expected = request.words[1], unsigned(request.words[5])
    item = store.look_at(key)
    if item is None:
        store.counters["cas_misses"] += 1
        return b"NOT_FOUND\r\n"
    if item.cas != expected:
        store.counters["cas_badval"] += 1
        return b"EXISTS\r\n"
    store.counters["cas_hits"] += 1
    return set_(store, request)


def _put(store: ItemStore, request: Request) -> None:
    _, key, flags, exptime, *_ = request.words
    store.counters["cmd_set"] += 1
    store.store(key, request.data, int(flags), store.moment_ms(int(exptime)))


def _extend(store: ItemStore, request: Request, extended: Callable[[bytes], bytes]) -> bytes:
    """Flags and time stay those of the item; the ones in the request do not count."""
    key = request.words[1]
    store.counters["cmd_set"] += 1
    item = store.look_at(key)
    if item is None:
        return b"NOT_STORED\r\n"
    store.change(key, item, extended(item.content), at_ms=store.expires_at_ms(key))
    return b"STORED\r\n"


def refuse_too_large(store: ItemStore, request: Request) -> None:
    """The old value goes: a cache should not show what a client has tried to replace.

    # Real: the unlinking of the old item in process_update_command().
    """
    if request.words[0] in (b"set", b"ms") and is_key(request.words[1]):
        store.delete(request.words[1])
    raise MemcachedError(TOO_LARGE)


# Counters, deletion, time.


def incr(store: ItemStore, request: Request) -> bytes:
    return _count(store, request, "incr", lambda number, delta: (number + delta) & MAX_64)


def decr(store: ItemStore, request: Request) -> bytes:
    return _count(store, request, "decr", lambda number, delta: max(number - delta, 0))


def _count(
    store: ItemStore, request: Request, name: str, added: Callable[[int, int], int]
) -> bytes:
    key, delta = _key(request.words[1]), unsigned(request.words[2])
    if delta is None:
        raise MemcachedError(BAD_DELTA)
    item = store.look_at(key)
    if item is None:
        store.counters[f"{name}_misses"] += 1
        return b"NOT_FOUND\r\n"
    number = b"%d" % added(memcached_meta.number_of(item), delta)
    store.change(key, item, number, at_ms=store.expires_at_ms(key))
    store.counters[f"{name}_hits"] += 1
    return number + b"\r\n"


def delete(store: ItemStore, request: Request) -> bytes:
    words = request.words
    if len(words) > 2 and words[2:] not in ([b"0"], [b"noreply"], [b"0", b"noreply"]):
        raise MemcachedError(BAD_DELETE)
    is_deleted = store.delete(_key(words[1]))
    store.counters["delete_hits" if is_deleted else "delete_misses"] += 1
    return b"DELETED\r\n" if is_deleted else b"NOT_FOUND\r\n"


def touch(store: ItemStore, request: Request) -> bytes:
    key, exptime_s = _key(request.words[1]), signed(request.words[2])
    if exptime_s is None:
        raise MemcachedError(BAD_EXPTIME)
    store.counters["cmd_touch"] += 1
    if not store.exists(key):
        store.counters["touch_misses"] += 1
        return b"NOT_FOUND\r\n"
    store.touch(key, store.moment_ms(exptime_s))
    store.counters["touch_hits"] += 1
    return b"TOUCHED\r\n"


def flush_all(store: ItemStore, request: Request) -> bytes:
    """At once, or after a delay: then what is stored until that moment goes, too."""
    words = [word for word in request.words[1:] if word != b"noreply"]
    exptime_s = signed(words[0]) if words else 0
    if exptime_s is None:
        raise MemcachedError(BAD_EXPTIME)
    store.counters["cmd_flush"] += 1
    at_ms = store.moment_ms(exptime_s) if exptime_s > 0 else None
    if at_ms is None:
        store.execute(b"MEMCACHED", b"FLUSH")
    else:
        store.memcached.flush_at(at_ms)
    return b"OK\r\n"


# About the server.


def version(store: ItemStore, request: Request) -> bytes:
    return f"VERSION {VERSION}\r\n".encode()


def verbosity(store: ItemStore, request: Request) -> bytes:
    """Accepted, as clients send it; the log has its own option."""
    words = [word for word in request.words[1:] if word != b"noreply"]
    if words and unsigned(words[0]) is None:
        raise MemcachedError(BAD_LINE)
    return b"OK\r\n"


# The table.


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: how many words its line may have, and what a pause means for it."""

    handler: Handler
    least_words: int = 1
    most_words: int | None = None
    writes: bool = True
    may_be_silent: bool = True
    """`noreply` at its end means silence, and is no key or flag."""

    def accepts(self, words: int) -> bool:
        return self.least_words <= words and (self.most_words is None or words <= self.most_words)


def _read(handler: Handler, least_words: int = 1, most_words: int | None = None) -> Entry:
    return Entry(handler, least_words, most_words, writes=False, may_be_silent=False)


COMMANDS: dict[bytes, Entry] = {
    b"get": _read(get, 2),
    b"gets": _read(gets, 2),
    b"gat": Entry(gat, 2, may_be_silent=False),
    b"gats": Entry(gats, 2, may_be_silent=False),
    b"set": Entry(set_),
    b"add": Entry(add),
    b"replace": Entry(replace),
    b"append": Entry(append),
    b"prepend": Entry(prepend),
    b"cas": Entry(cas),
    b"incr": Entry(incr, 3, 4),
    b"decr": Entry(decr, 3, 4),
    b"delete": Entry(delete, 2, 4),
    b"touch": Entry(touch, 3, 4),
    b"flush_all": Entry(flush_all, 1, 3),
    b"stats": _read(memcached_statistics.stats),
    b"version": _read(version),
    b"verbosity": Entry(verbosity, 2, writes=False),
    b"mg": Entry(memcached_meta.meta_get, 2, may_be_silent=False),
    b"ms": Entry(memcached_meta.meta_set, 2, may_be_silent=False),
    b"md": Entry(memcached_meta.meta_delete, 2, may_be_silent=False),
    b"ma": Entry(memcached_meta.meta_arithmetic, 2, may_be_silent=False),
    b"me": _read(memcached_meta.meta_debug),
    b"mn": _read(memcached_meta.meta_no_op),
}


def execute(store: ItemStore, request: Request) -> bytes:
    """The reply to a request, whether it can be served or not; empty where none is wanted."""
    entry = COMMANDS.get(request.words[0])
    if entry is None or not entry.accepts(len(request.words)):
        return ERROR + b"\r\n"
    try:
        if request.is_too_large:
            refuse_too_large(store, request)
        reply = entry.handler(store, request)
    except MemcachedError as error:
        reply = error.reply + b"\r\n"
    return b"" if request.is_silent and entry.may_be_silent else reply

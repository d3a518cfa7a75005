"""The meta commands of memcached: one letter for what is done, and flags for everything else.

    mg foo t v              ─▶  VA 2 t60 ⏎ hi          get: the time left, and the value
    ms foo 2 T60 F5 ⏎ hi    ─▶  HD                     set: for 60 seconds, with client flags 5
    md foo I T30            ─▶  HD                     invalidate: stale for 30 seconds, then gone
    ma hits N0 J1 v         ─▶  VA 1 ⏎ 1               count; where there is none, begin with 1
    me foo, mn                                         what is known of an item; nothing at all

A reply repeats the flags that ask for something, in their order, with the answers behind them.

They solve what caches suffer from. When an item that all want has gone stale (`md I`), or is
about to (`R30`), or is missing (`N30`), one client is told that it has *won* (W) and is to make a
new one; the others hear that it is stale (X) or that somebody is at it (Z), and use what there is:

    mg page v R30   client 1 ─▶ VA … W        makes a new one, and sends it with ms
                    client 2 ─▶ VA … Z        goes on with the old one

# Real: proto_text.c's process_mget_command() and its neighbours in memcached.
"""

from services.kvdb.memcached_codec import (
    BAD_LINE,
    MAX_64,
    MAX_FLAGS,
    MemcachedError,
    Request,
    encode_meta_value,
    unsigned,
)
from services.kvdb.memcached_flags import Options, TerseOptions
from services.kvdb.memcached_item import Item
from services.kvdb.memcached_store import ItemStore

NOT_A_NUMBER = b"CLIENT_ERROR cannot increment or decrement non-numeric value"
MAX_NUMBER_DIGITS = 20


def _answer(options: Options, code: bytes, answers: dict[bytes, object] | None = None) -> bytes:
    return code + options.shown(answers or {}) + b"\r\n"


def _done(options: Options, answers: dict[bytes, object] | None = None) -> bytes:
    """What was asked for has been done; `q` does not want to hear of it."""
    return b"" if b"q" in options else _answer(options, b"HD", answers)


# mg.


def meta_get(store: ItemStore, request: Request) -> bytes:
    options = Options(request.words, b"bcfhklOqstvENTR")
    key, vivify_s = options.key, options.seconds(b"N")
    touch_s, recache_s = options.seconds(b"T"), options.seconds(b"R")
    store.counters["cmd_get"] += 1
    item = store.fetch_item(key)
    store.counters["get_misses" if item is None else "get_hits"] += 1
    if item is not None:
        marks = _marks(store, key, item, recache_s)
    elif vivify_s is not None:
        item, marks = _vivified(store, key, vivify_s, options.number(b"E")), b"W"
    if item is None:
        return b"" if b"q" in options else _answer(options, b"EN")
    at_ms = old_at_ms = store.expires_at_ms(key)
    if touch_s is not None:
        at_ms = store.moment_ms(touch_s)
        store.touch(key, at_ms)
    # Flags are taken in their order: a `t` before the `T` still shows the old time.
    is_old_shown = touch_s is not None and options.precedes(b"t", b"T")
    reply = _shown_item(store, options, item, marks, old_at_ms if is_old_shown else at_ms)
    store.note_use(item)
    return reply


def _vivified(store: ItemStore, key: bytes, vivify_s: int, cas: int | None) -> Item | None:
    """An empty item in the place of one that is missing, which this client is to fill."""
    store.store(key, b"", 0, store.moment_ms(vivify_s), cas=cas)
    item = store.look_at(key)
    if item is not None:  # It may have been to expire at once.
        item.has_winner = True
    return item


def _marks(store: ItemStore, key: bytes, item: Item, recache_s: int | None) -> bytes:
    """Whether somebody is at it (Z), it is stale (X), and this client is to make a new one (W)."""
    ttl_s = store.ttl_s(key)
    is_ending = recache_s is not None and 0 <= ttl_s < recache_s
    wins = (item.is_stale or is_ending) and not item.has_winner
    marks = b"Z" * item.has_winner + b"X" * item.is_stale + b"W" * wins
    item.has_winner |= wins
    return marks


def _shown_item(
    store: ItemStore, options: Options, item: Item, marks: bytes, at_ms: int | None
) -> bytes:
    left_ms = None if at_ms is None else max(at_ms - store.now_ms, 0)
    answers = {
        b"c": item.cas,
        b"f": item.flags,
        b"h": int(item.is_fetched),
        b"l": (store.now_ms - item.accessed_ms) // 1000,
        b"s": len(item.content),
        b"t": -1 if left_ms is None else -(-left_ms // 1000),
    }
    shown = options.shown(answers, marks)
    return encode_meta_value(item.content, shown) if b"v" in options else b"HD" + shown + b"\r\n"


# ms.

_SET_MODES = {bytes([letter]): bytes([letter]) for letter in b"EAPRS"}


def meta_set(store: ItemStore, request: Request) -> bytes:
    options = Options(request.words, b"bcfhklOqstvCEFIMNT", first=3)
    flags = options.number(b"F", MAX_FLAGS) or 0
    at_ms = store.moment_ms(options.seconds(b"T") or 0)
    mode = options.mode(b"S", _SET_MODES, b"ms")
    cas, expected = options.number(b"E"), options.number(b"C")
    vivify_s = options.seconds(b"N")
    store.counters["cmd_set"] += 1
    key, content = options.key, request.data
    needs_item = mode != b"S" or expected is not None
    item = store.look_at(key) if needs_item else None
    is_stale = False
    if expected is not None:
        if item is None:
            store.counters["cas_misses"] += 1
            return _answer(options, b"NF")
        # With I, whoever comes too late for a fresh item may still leave a stale one.
        is_stale = b"I" in options and expected < item.cas
        if expected != item.cas and not is_stale:
            store.counters["cas_badval"] += 1
            return _answer(options, b"EX")
        store.counters["cas_hits"] += 1
    if mode in (b"A", b"P"):
        if item is not None:
            content = item.content + content if mode == b"A" else content + item.content
            flags, at_ms = item.flags, store.expires_at_ms(key)
            store.check_size(content)
        elif vivify_s is None:
            return _answer(options, b"NS")
        else:
            at_ms = store.moment_ms(vivify_s)
    elif (mode == b"E" and item is not None) or (mode == b"R" and item is None):
        return _answer(options, b"NS")
    cas = store.store(key, content, flags, at_ms, cas=cas, is_stale=is_stale)
    return _done(options, {b"c": cas, b"s": len(content)})


# md.


def meta_delete(store: ItemStore, request: Request) -> bytes:
    """Delete, or keep it as stale (I), or keep all of it but the value (x)."""
    options = TerseOptions(request.words, b"bkOqCEITx")
    key, expected = options.key, options.number(b"C")
    touch_s, cas = options.seconds(b"T"), options.number(b"E")
    keeps = b"I" in options or b"x" in options
    item = store.look_at(key) if keeps or expected is not None else None
    is_there = item is not None or (not keeps and expected is None and store.exists(key))
    if not is_there:
        store.counters["delete_misses"] += 1
        return _answer(options, b"NF")
    if expected is not None and item.cas != expected:
        store.counters["delete_misses"] += 1
        return _answer(options, b"EX")
    store.counters["delete_hits"] += 1
    if not keeps:
        store.delete(key)
        return _done(options)
    at_ms = store.expires_at_ms(key) if touch_s is None else store.moment_ms(touch_s)
    content, flags = (b"", 0) if b"x" in options else (item.content, item.flags)
    is_stale = b"I" in options or item.is_stale
    store.store(key, content, flags, at_ms, cas=cas, is_stale=is_stale)
    return _done(options)


# ma.

_COUNT_MODES = {b"I": b"I", b"i": b"I", b"+": b"I", b"D": b"D", b"d": b"D", b"-": b"D"}


def meta_arithmetic(store: ItemStore, request: Request) -> bytes:
    options = TerseOptions(request.words, b"bcfhklstvNJDMOqCET")
    key, mode = options.key, options.mode(b"I", _COUNT_MODES, b"ma")
    delta, first = options.number(b"D"), options.number(b"J")
    expected, cas = options.number(b"C"), options.number(b"E")
    vivify_s, touch_s = options.seconds(b"N"), options.seconds(b"T")
    delta = 1 if delta is None else delta
    name = "incr" if mode == b"I" else "decr"
    item = store.look_at(key)
    if item is None:
        store.counters[f"{name}_misses"] += 1
        if vivify_s is None:
            return _answer(options, b"NF")
        number, flags, at_ms = first or 0, 0, store.moment_ms(vivify_s)
    elif expected is not None and item.cas != expected:
        return _answer(options, b"EX")
    else:
        store.counters[f"{name}_hits"] += 1
        old, flags = number_of(item), item.flags
        number = (old + delta) & MAX_64 if mode == b"I" else max(old - delta, 0)
        at_ms = store.expires_at_ms(key) if touch_s is None else store.moment_ms(touch_s)
    text = b"%d" % number
    cas = store.store(key, text, flags, at_ms, cas=cas)
    if b"q" in options or b"v" not in options:
        return _done(options, {b"c": cas, b"t": store.ttl_s(key)})
    return encode_meta_value(text, options.shown({b"c": cas, b"t": store.ttl_s(key)}))


def number_of(item: Item) -> int:
    """The number that an item holds. Raises MemcachedError."""
    text = item.content.strip(b" ")
    number = unsigned(text) if len(item.content) <= MAX_NUMBER_DIGITS else None
    if number is None:
        raise MemcachedError(NOT_A_NUMBER)
    return number


# me and mn.


def meta_debug(store: ItemStore, request: Request) -> bytes:
    """What is known of an item; it does not count as a use of it."""
    if len(request.words) < 2:
        raise MemcachedError(BAD_LINE)
    key = Options(request.words[:3], b"bv").key
    item = store.look_at(key)
    if item is None:
        return b"EN\r\n"
    idle_s = (store.now_ms - item.accessed_ms) // 1000
    fetched = b"yes" if item.is_fetched else b"no"
    return b"ME %b exp=%d la=%d cas=%d fetch=%b cls=1 size=%d\r\n" % (
        request.words[1],
        store.ttl_s(key),
        idle_s,
        item.cas,
        fetched,
        item.size_bytes,
    )


def meta_no_op(store: ItemStore, request: Request) -> bytes:
    """Answered in its turn: all that was asked quietly before it is done."""
    return b"MN\r\n"

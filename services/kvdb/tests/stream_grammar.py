"""Random stream commands for `test_stream_differential`.

IDs are small numbers that are spelled out: what `*` gives depends on the clock. Idle times are
either 0 or far beyond what a test lasts.
"""

from hypothesis import strategies as st

from services.kvdb.tests.grammar import flat, integer, maybe, options, pairs, some, word

STREAM_KEYS = [b"s1"] * 6 + [b"s2"] * 4 + [b"other"]
IDS = [b"1-1", b"2-0", b"3-1", b"1-0", b"5-0", b"10-0", b"11-0", b"12-0", b"13-0", b"4-2", b"0-1"]
LARGEST = b"18446744073709551615"
ODD_IDS = [b"x", b"", b"-", b"+", b"0-0", b"1-x", b"1-2-3", b"-1", LARGEST, b"0-" + LARGEST]

key = st.sampled_from(STREAM_KEYS)
group = st.sampled_from([b"g1"] * 6 + [b"g2"] * 4 + [b"g3"])
consumer = st.sampled_from([b"ann", b"bob"])
entry_id = st.sampled_from(IDS * 8 + [b"3", b"5", b"1", *ODD_IDS])
new_id = st.sampled_from(
    [b"%d-*" % high for high in range(10, 20)] * 4 + IDS + [b"0-*", b"8", b"x", b"x-*", b"-*"]
)
limit_id = st.sampled_from([b"-", b"+"] * 8 + IDS + [b"(2-1", b"(5", b"3", b"(-", b"(0-0", b"x"])
count = st.sampled_from([b"1", b"2", b"3", b"100"] * 4 + [b"0", b"-1", b"x"])
threshold = st.sampled_from([b"1", b"2", b"4", b"6"] * 4 + [b"0", b"-1", b"x"])
idle_ms = st.sampled_from([b"0", b"0", b"500", b"100000"] * 5 + [b"-1", b"x"])
field = st.sampled_from([b"f", b"f", b"g", b"", b"a\xff"])

trim = st.one_of(
    flat(b"MAXLEN", maybe(word(b"=", b"~")), threshold, maybe(b"LIMIT", count)),
    flat(b"MINID", maybe(b"="), entry_id),
)
read_options = options(flat(b"COUNT", count), flat(b"BLOCK", word(*[b"0"] * 16, b"-1", b"x")))


def streams(id_words):
    """`STREAMS key … id …`, an ID for each key almost always."""
    one = st.tuples(st.lists(key, min_size=1, max_size=2), st.sampled_from([0] * 15 + [1]))
    return one.flatmap(
        lambda drawn: st.lists(id_words, min_size=len(drawn[0]), max_size=len(drawn[0])).map(
            lambda ids: [b"STREAMS", *drawn[0], *ids, *[b"1"] * drawn[1]]
        )
    )


claim_option = st.one_of(
    flat(word(b"FORCE", b"justid", b"JUSTID", b"IDLE", b"FOO")),
    flat(b"IDLE", word(b"0", b"1000", b"x")),
    flat(b"TIME", word(b"1000", b"x")),
    flat(b"RETRYCOUNT", word(b"0", b"5", b"-1", b"x")),
    flat(b"LASTID", entry_id),
)
entries_read = maybe(b"ENTRIESREAD", word(b"0", b"2", b"-1", b"-2", b"x"))

WRITING = [
    flat(b"XADD", key, new_id, pairs(field, field)),
    flat(b"XADD", key, new_id, pairs(field, field)),
    flat(b"XADD", key, options(trim, flat(b"NOMKSTREAM")), new_id, some(field, 1, 4)),
    flat(b"XTRIM", key, options(trim, trim, flat(b"FOO"))),
    flat(b"XDEL", key, some(entry_id)),
    flat(b"XSETID", key, entry_id),
    flat(
        b"XSETID",
        key,
        entry_id,
        options(flat(b"ENTRIESADDED", integer), flat(b"MAXDELETEDID", entry_id)),
    ),
]
READING = [
    flat(b"XLEN", key),
    flat(word(b"XRANGE", b"XREVRANGE"), key, limit_id, limit_id, maybe(b"COUNT", count)),
    flat(b"XREAD", read_options, streams(st.one_of(entry_id, st.just(b"$")))),
    flat(b"XINFO", b"STREAM", key, maybe(b"FULL", maybe(b"COUNT", count))),
]
GROUPS = [
    flat(b"XGROUP", b"CREATE", key, group, word(b"0", b"$", b"3-1", b"x"), entries_read),
    flat(b"XGROUP", b"CREATE", key, group, word(b"0", b"$"), b"MKSTREAM"),
    flat(b"XGROUP", b"SETID", key, group, word(b"0", b"$", b"-", b"3"), entries_read),
    flat(b"XGROUP", word(b"CREATECONSUMER", b"DELCONSUMER"), key, group, consumer),
    flat(b"XACK", key, group, some(entry_id)),
    flat(b"XPENDING", key, group),
    flat(
        b"XPENDING",
        key,
        group,
        maybe(b"IDLE", idle_ms),
        limit_id,
        limit_id,
        count,
        maybe(consumer),
    ),
    flat(b"XCLAIM", key, group, consumer, idle_ms, some(entry_id), options(claim_option)),
    flat(
        b"XAUTOCLAIM",
        key,
        group,
        consumer,
        idle_ms,
        limit_id,
        options(flat(b"COUNT", count), flat(b"JUSTID")),
    ),
    flat(b"XINFO", b"GROUPS", key),
    flat(b"XINFO", b"CONSUMERS", key, group),
]
READING_GROUPS = [
    flat(
        b"XREADGROUP",
        b"GROUP",
        group,
        consumer,
        read_options,
        maybe(b"NOACK"),
        streams(st.one_of(entry_id, *[st.just(b">")] * 4)),
    )
]
AROUND = [
    flat(b"DEL", key),
    flat(word(b"RENAME", b"COPY"), key, key),
    flat(b"SET", key, b"text"),
    flat(b"LPUSH", key, b"element"),
    flat(word(b"FLUSHALL", b"DBSIZE")),
    flat(b"XGROUP", b"DESTROY", key, group),
    flat(word(b"TYPE"), key),
    flat(b"OBJECT", b"ENCODING", key),
    flat(b"SWAPDB", b"0", b"1"),
    flat(b"CONFIG", b"SET", b"stream-node-max-entries", word(b"1", b"2", b"3")),
]

# How often something of each kind comes; what removes whole streams must be rare.
_KINDS = [WRITING] * 5 + [READING] * 3 + [GROUPS] * 6 + [READING_GROUPS] * 6 + [AROUND]
stream_commands = st.sampled_from(_KINDS).flatmap(lambda kind: st.one_of(*kind))

right_key = st.sampled_from([b"s1", b"s2"])
_known = st.sampled_from([b"1-1", b"2-0", b"3-1", b"5-0", b"10-0", b"11-0", b"12-0"])
_blocks = st.just([b"BLOCK", b"0"])
_fresh = st.sampled_from([b"%d-*" % high for high in range(10, 30)])

_TAKING = [
    flat(b"XREAD", _blocks, streams(st.sampled_from([b"$", b"$", b"12-0"]))),
    flat(b"XREADGROUP", b"GROUP", b"g1", consumer, _blocks, b"STREAMS", right_key, b">"),
    flat(b"XREADGROUP", b"GROUP", b"g2", consumer, _blocks, b"STREAMS", b"s1", b">"),
    flat(b"XREADGROUP", b"GROUP", b"g1", consumer, _blocks, b"STREAMS", b"s1", b"s2", b">", b">"),
    flat(b"XREADGROUP", b"GROUP", b"g1", consumer, b"STREAMS", right_key, word(b"0", b"2-0")),
    flat(b"BLPOP", b"s1", b"0"),
]
_GIVING = [
    flat(b"XADD", right_key, _fresh, b"f", b"v"),
    flat(b"XADD", right_key, b"MAXLEN", word(b"1", b"2"), _fresh, b"f", b"v"),
]
_CLAIMING = [
    flat(b"XCLAIM", right_key, b"g1", consumer, b"0", some(_known), maybe(b"FORCE")),
    flat(b"XCLAIM", right_key, b"g1", consumer, b"500", some(_known), b"IDLE", b"1000"),
    flat(b"XCLAIM", right_key, b"g1", consumer, b"0", some(_known), b"JUSTID", b"LASTID", _known),
    flat(b"XAUTOCLAIM", right_key, b"g1", consumer, b"0", word(b"0", b"2-0"), b"COUNT", count),
    flat(b"XACK", right_key, b"g1", some(_known)),
    # Not what was added in the same transaction: Redis 7.0 would wake others for nothing.
    flat(b"XDEL", right_key, word(b"1-1", b"2-0", b"3-1", b"5-0")),
    flat(b"XPENDING", right_key, b"g1", b"-", b"+", b"100"),
    flat(b"XINFO", b"STREAM", right_key, b"FULL"),
]
_REMOVING = [
    flat(word(b"DEL", b"UNLINK"), right_key),
    flat(b"XGROUP", b"DESTROY", right_key, b"g1"),
    flat(b"XGROUP", b"CREATE", right_key, b"g1", b"0", b"MKSTREAM"),
    flat(b"XGROUP", b"SETID", right_key, b"g1", word(b"0", b"$")),
    flat(word(b"SET", b"LPUSH"), right_key, b"text"),
    flat(b"RENAME", right_key, right_key),
    flat(b"COPY", right_key, right_key, b"REPLACE"),
    flat(b"SWAPDB", b"0", b"1"),
    flat(b"FLUSHALL"),
]
_TRANSACTIONS = [flat(word(b"MULTI", b"EXEC")), flat(b"WATCH", right_key)]
_SHARES = [_TAKING] * 4 + [_GIVING] * 4 + [_CLAIMING] * 4 + [_TRANSACTIONS] * 2 + [_REMOVING]
waiting_commands = st.sampled_from(_SHARES).flatmap(lambda kind: st.one_of(*kind))
"""Commands that mostly succeed, about waiting and what ends it."""

PREAMBLE = [
    request.split()
    for request in (
        b"CONFIG SET stream-node-max-entries 2",
        b"XADD s1 1-1 f 1",
        b"XADD s1 2-0 f 2",
        b"XADD s1 3-1 f 3 g 4",
        b"XADD s2 1-0 f 5",
        b"XADD s2 5-0 f 6",
        b"XGROUP CREATE s1 g1 0",
        b"XGROUP CREATE s1 g2 $",
        b"XGROUP CREATE s2 g1 0",
        b"XREADGROUP GROUP g1 ann COUNT 2 STREAMS s1 >",
    )
]
"""What there is before the random commands begin."""

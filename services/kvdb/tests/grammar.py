"""Random commands for the tests that compare this server with a real one.

Few keys and few members, so that commands meet each other's results; arguments that are wrong
now and then, so that errors are compared as well.
"""

from hypothesis import strategies as st

KEYS = [b"k1", b"k2", b"k3", b"k4"]
MEMBERS = [b"a", b"b", b"c", b"d", b"10", b"3", b"-1", b"", b"abc", b"x\xffy"]
INTEGERS = [b"0", b"1", b"2", b"3", b"-1", b"-2", b"-100", b"100", b"7"]
ODD_NUMBERS = [b"x", b"", b"1.5", b"9223372036854775807", b"-9223372036854775808", b"+1", b" 1"]
SCORES = [b"0", b"1", b"2", b"2.5", b"-1", b"3", b"inf", b"-inf", b"1e3", b"5"]
SCORE_LIMITS = [b"-inf", b"+inf", b"(1", b"2", b"(2.5", b"0", b"(-1", b"3"]
MEMBER_LIMITS = [b"-", b"+", b"[a", b"(a", b"[c", b"(c", b"[", b"[abc"]

key = st.sampled_from(KEYS)
member = st.sampled_from(MEMBERS)
integer = st.sampled_from(INTEGERS * 3 + ODD_NUMBERS)
count = st.sampled_from([b"0", b"1", b"2", b"3", b"100", b"-1", b"x"])
score = st.sampled_from(SCORES * 3 + [b"nan", b"x"])
score_limit = st.sampled_from(SCORE_LIMITS * 3 + [b"x", b"("])
member_limit = st.sampled_from(MEMBER_LIMITS * 3 + [b"x", b""])
side = st.sampled_from([b"LEFT", b"RIGHT", b"left", b"MIDDLE"])
end = st.sampled_from([b"MIN", b"MAX"])


def word(*words: bytes):
    return st.sampled_from(words)


def flat(*parts):
    """A command from literals and strategies; lists among the drawn values are spliced in."""
    drawn = [part if isinstance(part, st.SearchStrategy) else st.just(part) for part in parts]
    return st.tuples(*drawn).map(_splice)


def _splice(parts: tuple) -> list[bytes]:
    words: list[bytes] = []
    for part in parts:
        words.extend(part if isinstance(part, list) else [part])
    return words


def some(strategy, minimum: int = 1, maximum: int = 3):
    return st.lists(strategy, min_size=minimum, max_size=maximum)


def pairs(first, second):
    return some(st.tuples(first, second).map(list)).map(_splice)


def maybe(*parts):
    """The parts, or nothing."""
    return st.one_of(st.just([]), flat(*parts))


def options(*choices):
    return st.lists(st.one_of(*choices), max_size=2).map(_splice)


def numbered(strategy):
    """`count item …`, the count right almost always."""
    return st.tuples(some(strategy), st.sampled_from([0] * 9 + [1])).map(
        lambda drawn: [b"%d" % (len(drawn[0]) + drawn[1]), *drawn[0]]
    )


limit = flat(b"LIMIT", integer, integer)
with_scores = word(b"WITHSCORES").map(lambda it: [it])
aggregate = flat(b"AGGREGATE", word(b"SUM", b"MIN", b"MAX"))

STRINGS = [
    flat(b"SET", key, member),
    flat(
        b"SET",
        key,
        member,
        options(
            *(
                word(b"NX", b"XX", b"GET", b"KEEPTTL").map(lambda w: [w]),
                flat(word(b"EX", b"PX"), word(b"100000", b"0", b"x")),
            )
        ),
    ),
    flat(b"GET", key),
    flat(word(b"SETNX", b"GETSET", b"APPEND"), key, member),
    flat(word(b"GETDEL", b"STRLEN", b"INCR", b"DECR"), key),
    flat(b"GETEX", key, options(flat(b"EX", integer), st.just([b"PERSIST"]))),
    flat(word(b"INCRBY", b"DECRBY"), key, integer),
    flat(b"INCRBYFLOAT", key, word(b"1.5", b"0.25", b"-3", b"1e2", b"x", b"inf")),
    flat(word(b"SETEX", b"PSETEX"), key, word(b"100000", b"0", b"-1", b"x"), member),
    flat(b"SETRANGE", key, word(b"0", b"1", b"5", b"-1", b"x"), member),
    flat(b"GETRANGE", key, integer, integer),
    flat(b"MGET", some(key)),
    flat(word(b"MSET", b"MSETNX"), pairs(key, member)),
    flat(
        b"LCS",
        key,
        key,
        options(
            st.just([b"LEN"]),
            st.just([b"IDX"]),
            st.just([b"WITHMATCHLEN"]),
            flat(b"MINMATCHLEN", count),
        ),
    ),
]

LISTS = [
    flat(word(b"LPUSH", b"RPUSH"), key, some(member)),
    flat(word(b"LPUSH", b"RPUSH"), key, some(member)),
    flat(word(b"LPUSHX", b"RPUSHX"), key, some(member)),
    flat(word(b"LPOP", b"RPOP"), key, maybe(count)),
    flat(b"LLEN", key),
    flat(b"LINDEX", key, integer),
    flat(b"LSET", key, integer, member),
    flat(word(b"LRANGE", b"LTRIM"), key, integer, integer),
    flat(b"LREM", key, integer, member),
    flat(b"LINSERT", key, word(b"BEFORE", b"after", b"x"), member, member),
    flat(
        b"LPOS",
        key,
        member,
        options(flat(b"RANK", integer), flat(b"COUNT", count), flat(b"MAXLEN", count)),
    ),
    flat(b"LMOVE", key, key, side, side),
    flat(b"RPOPLPUSH", key, key),
    flat(b"LMPOP", numbered(key), side, maybe(b"COUNT", count)),
]

HASHES = [
    flat(word(b"HSET", b"HMSET"), key, pairs(member, member)),
    flat(word(b"HSET", b"HMSET"), key, some(member)),
    flat(b"HSETNX", key, member, member),
    flat(word(b"HGET", b"HEXISTS", b"HSTRLEN"), key, member),
    flat(word(b"HMGET", b"HDEL"), key, some(member)),
    flat(word(b"HGETALL", b"HKEYS", b"HVALS", b"HLEN"), key),
    flat(b"HINCRBY", key, member, integer),
    flat(b"HINCRBYFLOAT", key, member, word(b"1.5", b"0.25", b"-3", b"x")),
    flat(b"HSCAN", key, b"0", options(flat(b"COUNT", count), flat(b"MATCH", b"a*"))),
    flat(b"HRANDFIELD", key, b"100", maybe(word(b"WITHVALUES", b"x"))),
]

SETS = [
    flat(word(b"SADD", b"SREM"), key, some(member)),
    flat(b"SADD", key, some(member)),
    flat(b"SISMEMBER", key, member),
    flat(b"SMISMEMBER", key, some(member)),
    flat(b"SMOVE", key, key, member),
    flat(word(b"SMEMBERS", b"SCARD"), key),
    flat(word(b"SINTER", b"SUNION", b"SDIFF"), some(key)),
    flat(word(b"SINTERSTORE", b"SUNIONSTORE", b"SDIFFSTORE"), key, some(key)),
    flat(b"SINTERCARD", numbered(key), maybe(b"LIMIT", count)),
    flat(b"SSCAN", key, b"0", b"COUNT", b"100"),
    flat(word(b"SPOP", b"SRANDMEMBER"), key, word(b"100", b"100", b"0", b"x")),
]

SORTED_SETS = [
    flat(b"ZADD", key, pairs(score, member)),
    flat(b"ZADD", key, pairs(score, member)),
    flat(
        b"ZADD",
        key,
        options(word(b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR").map(lambda w: [w])),
        pairs(score, member),
    ),
    flat(b"ZINCRBY", key, score, member),
    flat(b"ZREM", key, some(member)),
    flat(b"ZCARD", key),
    flat(word(b"ZSCORE", b"ZRANK", b"ZREVRANK"), key, member),
    flat(b"ZMSCORE", key, some(member)),
    flat(word(b"ZPOPMIN", b"ZPOPMAX"), key, maybe(count)),
    flat(b"ZMPOP", numbered(key), end, maybe(b"COUNT", count)),
    flat(word(b"ZRANGE", b"ZREVRANGE"), key, integer, integer, maybe(with_scores)),
    flat(
        b"ZRANGE",
        key,
        score_limit,
        score_limit,
        b"BYSCORE",
        options(st.just([b"REV"]), limit, with_scores),
    ),
    flat(b"ZRANGE", key, integer, integer, options(st.just([b"REV"]), limit, with_scores)),
    flat(b"ZRANGESTORE", key, key, integer, integer, options(st.just([b"REV"]), with_scores)),
    flat(b"ZRANGESTORE", key, key, score_limit, score_limit, b"BYSCORE", maybe(limit)),
    flat(
        word(b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE"),
        key,
        score_limit,
        score_limit,
        options(limit, with_scores),
    ),
    flat(word(b"ZCOUNT", b"ZREMRANGEBYSCORE"), key, score_limit, score_limit),
    flat(b"ZREMRANGEBYRANK", key, integer, integer),
    flat(
        word(b"ZUNION", b"ZINTER"),
        numbered(key),
        options(aggregate, with_scores, flat(b"WEIGHTS", some(word(b"1", b"2", b"x")))),
    ),
    flat(b"ZDIFF", numbered(key), options(with_scores)),
    flat(
        word(b"ZUNIONSTORE", b"ZINTERSTORE"),
        key,
        numbered(key),
        options(aggregate, flat(b"WEIGHTS", some(word(b"1", b"2", b"-1")))),
    ),
    flat(b"ZDIFFSTORE", key, numbered(key)),
    flat(b"ZINTERCARD", numbered(key), maybe(b"LIMIT", count)),
    flat(b"ZSCAN", key, b"0"),
    flat(b"ZRANDMEMBER", key, b"100", maybe(word(b"WITHSCORES", b"x"))),
]

LEXICAL = [
    flat(b"ZADD", key, pairs(st.just(b"0"), member)),
    flat(
        b"ZRANGE",
        key,
        member_limit,
        member_limit,
        b"BYLEX",
        options(st.just([b"REV"]), limit, with_scores),
    ),
    flat(word(b"ZRANGEBYLEX", b"ZREVRANGEBYLEX"), key, member_limit, member_limit, maybe(limit)),
    flat(word(b"ZLEXCOUNT", b"ZREMRANGEBYLEX"), key, member_limit, member_limit),
    flat(b"DEL", key),
]

GENERIC = [
    flat(word(b"DEL", b"UNLINK", b"EXISTS", b"TOUCH"), some(key)),
    flat(word(b"TYPE", b"PERSIST", b"TTL", b"EXPIRETIME"), key),
    flat(word(b"PTTL", b"PEXPIRETIME"), key),
    flat(
        word(b"EXPIREAT", b"PEXPIREAT"),
        key,
        word(b"4000000000", b"4000000000000", b"1", b"0", b"-1", b"x", b"9223372036854775807"),
        options(word(b"NX", b"XX", b"GT", b"LT").map(lambda w: [w])),
    ),
    flat(word(b"OBJECT", b"MEMORY"), word(b"REFCOUNT", b"FREQ", b"IDLETIME", b"x"), key),
    flat(b"DUMP", word(b"missing")),
    flat(
        word(b"SORT", b"SORT_RO"),
        key,
        options(
            word(b"ALPHA", b"DESC", b"ASC", b"STORE", b"BY").map(lambda w: [w]),
            flat(b"LIMIT", integer, integer),
            flat(b"BY", word(b"k*", b"nosort", b"k*->a", b"*")),
            flat(b"GET", word(b"#", b"k*", b"k*->a", b"x")),
            flat(b"STORE", key),
        ),
    ),
    flat(
        word(b"EXPIRE", b"PEXPIRE"),
        key,
        word(b"100000", b"200000", b"-1", b"x"),
        options(word(b"NX", b"XX", b"GT", b"LT", b"FOO").map(lambda w: [w])),
    ),
    flat(word(b"RENAME", b"RENAMENX"), key, key),
    flat(b"COPY", key, key, options(st.just([b"REPLACE"]), flat(b"DB", word(b"0", b"1", b"99")))),
    flat(b"MOVE", key, word(b"0", b"1", b"16", b"x")),
    flat(b"SELECT", word(b"0", b"0", b"1", b"16", b"x")),
    flat(b"SWAPDB", word(b"0", b"1"), word(b"1", b"2", b"x")),
    flat(b"OBJECT", b"ENCODING", key),
    flat(b"DBSIZE"),
    flat(b"KEYS", word(b"*", b"k[12]", b"?1", b"x*")),
    flat(b"SCAN", b"0", b"COUNT", b"100", maybe(b"TYPE", word(b"list", b"zset", b"none"))),
    flat(word(b"FLUSHDB", b"FLUSHALL"), maybe(word(b"SYNC", b"ASYNC", b"x"))),
]

TRANSACTIONS = [
    flat(word(b"MULTI", b"MULTI", b"EXEC", b"EXEC", b"DISCARD", b"UNWATCH")),
    flat(b"WATCH", some(key)),
    flat(b"NOSUCH", key),
    flat(b"GET"),
    flat(b"BLPOP", key, b"0.01"),
]

commands = st.one_of(
    *(st.one_of(*group) for group in (STRINGS, LISTS, HASHES, SETS, SORTED_SETS, GENERIC))
)
commands_in_transactions = st.one_of(commands, commands, st.one_of(*TRANSACTIONS))
FAMILIES = {
    "strings": st.one_of(*STRINGS, *GENERIC),
    "lists": st.one_of(*LISTS, *LISTS, *GENERIC),
    "hashes": st.one_of(*HASHES, *HASHES, *GENERIC),
    "sets": st.one_of(*SETS, *SETS, *GENERIC),
    "sorted sets": st.one_of(*SORTED_SETS, *SORTED_SETS, *GENERIC),
    "ranges by member": st.one_of(*LEXICAL),
    "all types": commands,
    "transactions": commands_in_transactions,
}

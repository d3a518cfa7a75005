"""The command table: every command that this server knows, one line each.

    name      handler        arity   flags                keys

`dispatch` reads name, handler, arity and flags; COMMAND shows all of it to clients; MULTI,
the memory limit, the append-only file and the ACL go by the flags:

    write, readonly     changes data, or only reads it
    denyoom             may need more memory: makes room at the limit, or is refused
    blocking            may leave the client waiting
    fast                takes constant or logarithmic time
    no_auth             allowed before the client has logged in
    no_multi            not allowed inside MULTI
    immediate           inside MULTI it runs at once instead of being queued (ours)
    brief               takes constant time, though Redis does not flag it fast (ours)
    subscriber          allowed to a RESP2 client that has subscriptions (ours)
    admin, noscript, loading, stale …      as Redis says; nothing here depends on them
    @connection …       the ACL's categories, where they are not those of the group
    hidden              not shown by COMMAND: it is for this server itself (ours)
    dangerous           in that category of the ACL, too (ours)

An arity counts the name; a negative one means "at least". Keys: the places of the keys, as
`key_specs` describes them; what a command does with them is in `key_access`.
# Real: the commands' JSON files, and struct redisCommand, in Redis.
"""

from services.kvdb import (
    acl,
    administration,
    bitfields,
    bitmaps,
    blocking,
    client_list,
    clustering,
    connection,
    debugging,
    dumping,
    functions,
    geo,
    hash_expiry,
    hashes,
    hyperloglog,
    information,
    introspection,
    keys,
    latency,
    lists,
    memcached_store,
    memory_reports,
    migrating,
    monitor,
    pausing,
    pubsub,
    replication,
    sets,
    slow_log,
    sorted_set_algebra,
    sorted_set_ranges,
    sorted_sets,
    sorting,
    stream_claims,
    stream_groups,
    stream_information,
    stream_reading,
    streams,
    string_columns,
    strings,
    tracking,
    transactions,
)
from services.kvdb.acl_categories import categories_of
from services.kvdb.command import Command, Handler, JointHandler
from services.kvdb.key_access import keys_of
from services.kvdb.key_specs import NO_KEYS, Counted, Keys, KeySpec, Range, Stored, Streams

ONE = Keys((Range(1),))
TWO = Keys((Range(1), Range(2)))
PAIR = Keys((Range(1, last=1),))
ALL = Keys((Range(1, last=-1),))
ALL_BUT_LAST = Keys((Range(1, last=-2),))
EACH_SECOND = Keys((Range(1, last=-1, step=2),))
SUBJECT = Keys((Range(2),))
SUBJECTS = Keys((Range(2, last=-1),))
NUMKEYS_AT = {at: Keys((Counted(at),)) for at in (1, 2)}
TARGET_AND_ALL = Keys((Range(1), Range(2, last=-1)))
TARGET_AND_NUMKEYS = Keys((Range(1), Counted(2)))

Row = tuple[str, Handler, int, str, Keys]

STRINGS: list[Row] = [
    ("get", strings.get, 2, "readonly fast", ONE),
    ("set", strings.set_, -3, "write denyoom brief", ONE),
    ("setnx", strings.setnx, 3, "write denyoom fast", ONE),
    ("setex", strings.setex, 4, "write denyoom", ONE),
    ("psetex", strings.psetex, 4, "write denyoom", ONE),
    ("getset", strings.getset, 3, "write denyoom fast", ONE),
    ("getdel", strings.getdel, 2, "write fast", ONE),
    ("delex", strings.delex, -2, "write fast", ONE),
    ("getex", strings.getex, -2, "write fast", ONE),
    ("mget", strings.mget, -2, "readonly fast", ALL),
    ("mset", strings.mset, -3, "write denyoom", EACH_SECOND),
    ("msetnx", strings.msetnx, -3, "write denyoom", EACH_SECOND),
    ("incr", strings.incr, 2, "write denyoom fast", ONE),
    ("decr", strings.decr, 2, "write denyoom fast", ONE),
    ("incrby", strings.incrby, 3, "write denyoom fast", ONE),
    ("decrby", strings.decrby, 3, "write denyoom fast", ONE),
    ("incrbyfloat", strings.incrbyfloat, 3, "write denyoom fast", ONE),
    ("strlen", strings.strlen, 2, "readonly fast", ONE),
    ("append", strings.append, 3, "write denyoom fast", ONE),
    ("setrange", strings.setrange, 4, "write denyoom", ONE),
    ("getrange", strings.getrange, 4, "readonly", ONE),
    ("substr", strings.getrange, 4, "readonly", ONE),
    ("memcached|store", memcached_store.memcached_store, -7, "write denyoom fast", SUBJECT),
    ("lcs", strings.lcs, -3, "readonly", PAIR),
]

BITOP = Keys((Range(2), Range(3, last=-1)))

BITMAPS: list[Row] = [
    ("setbit", bitmaps.setbit, 4, "write denyoom", ONE),
    ("getbit", bitmaps.getbit, 3, "readonly fast", ONE),
    ("bitcount", bitmaps.bitcount, -2, "readonly", ONE),
    ("bitpos", bitmaps.bitpos, -3, "readonly", ONE),
    ("bitop", bitmaps.bitop, -4, "write denyoom", BITOP),
    ("bitfield", bitfields.bitfield, -2, "write denyoom", ONE),
    ("bitfield_ro", bitfields.bitfield_ro, -2, "readonly fast", ONE),
]

LISTS: list[Row] = [
    ("lpush", lists.lpush, -3, "write denyoom fast", ONE),
    ("rpush", lists.rpush, -3, "write denyoom fast", ONE),
    ("lpushx", lists.lpushx, -3, "write denyoom fast", ONE),
    ("rpushx", lists.rpushx, -3, "write denyoom fast", ONE),
    ("lpop", lists.lpop, -2, "write fast", ONE),
    ("rpop", lists.rpop, -2, "write fast", ONE),
    ("lmpop", lists.lmpop, -4, "write", NUMKEYS_AT[1]),
    ("llen", lists.llen, 2, "readonly fast", ONE),
    ("lindex", lists.lindex, 3, "readonly", ONE),
    ("lrange", lists.lrange, 4, "readonly", ONE),
    ("lpos", lists.lpos, -3, "readonly", ONE),
    ("lset", lists.lset, 4, "write denyoom", ONE),
    ("linsert", lists.linsert, 5, "write denyoom", ONE),
    ("lrem", lists.lrem, 4, "write", ONE),
    ("ltrim", lists.ltrim, 4, "write", ONE),
    ("lmove", lists.lmove, 5, "write denyoom", TWO),
    ("rpoplpush", lists.rpoplpush, 3, "write denyoom", TWO),
    ("blpop", blocking.blpop, -3, "write noscript blocking", ALL_BUT_LAST),
    ("brpop", blocking.brpop, -3, "write noscript blocking", ALL_BUT_LAST),
    ("blmove", blocking.blmove, 6, "write denyoom noscript blocking", TWO),
    ("brpoplpush", blocking.brpoplpush, 4, "write denyoom noscript blocking", TWO),
    ("blmpop", blocking.blmpop, -5, "write blocking", NUMKEYS_AT[2]),
]

HASHES: list[Row] = [
    ("hset", hashes.hset, -4, "write denyoom fast", ONE),
    ("hmset", hashes.hmset, -4, "write denyoom fast", ONE),
    ("hsetnx", hashes.hsetnx, 4, "write denyoom fast", ONE),
    ("hget", hashes.hget, 3, "readonly fast", ONE),
    ("hmget", hashes.hmget, -3, "readonly fast", ONE),
    ("hgetall", hashes.hgetall, 2, "readonly", ONE),
    ("hkeys", hashes.hkeys, 2, "readonly", ONE),
    ("hvals", hashes.hvals, 2, "readonly", ONE),
    ("hlen", hashes.hlen, 2, "readonly fast", ONE),
    ("hstrlen", hashes.hstrlen, 3, "readonly fast", ONE),
    ("hexists", hashes.hexists, 3, "readonly fast", ONE),
    ("hdel", hashes.hdel, -3, "write fast", ONE),
    ("hincrby", hashes.hincrby, 4, "write denyoom fast", ONE),
    ("hincrbyfloat", hashes.hincrbyfloat, 4, "write denyoom fast", ONE),
    ("hrandfield", hashes.hrandfield, -2, "readonly", ONE),
    ("hscan", hashes.hscan, -3, "readonly", ONE),
    ("hexpire", hash_expiry.hexpire, -6, "write denyoom fast", ONE),
    ("hpexpire", hash_expiry.hpexpire, -6, "write denyoom fast", ONE),
    ("hexpireat", hash_expiry.hexpireat, -6, "write denyoom fast", ONE),
    ("hpexpireat", hash_expiry.hpexpireat, -6, "write denyoom fast", ONE),
    ("hpersist", hash_expiry.hpersist, -5, "write fast", ONE),
    ("httl", hash_expiry.httl, -5, "readonly fast", ONE),
    ("hpttl", hash_expiry.hpttl, -5, "readonly fast", ONE),
    ("hexpiretime", hash_expiry.hexpiretime, -5, "readonly fast", ONE),
    ("hpexpiretime", hash_expiry.hpexpiretime, -5, "readonly fast", ONE),
    ("hgetdel", hash_expiry.hgetdel, -5, "write fast", ONE),
    ("hgetex", hash_expiry.hgetex, -5, "write fast", ONE),
    ("hsetex", hash_expiry.hsetex, -6, "write denyoom fast", ONE),
]

SETS: list[Row] = [
    ("sadd", sets.sadd, -3, "write denyoom fast", ONE),
    ("srem", sets.srem, -3, "write fast", ONE),
    ("smove", sets.smove, 4, "write fast", TWO),
    ("sismember", sets.sismember, 3, "readonly fast", ONE),
    ("smismember", sets.smismember, -3, "readonly fast", ONE),
    ("scard", sets.scard, 2, "readonly fast", ONE),
    ("smembers", sets.smembers, 2, "readonly", ONE),
    ("spop", sets.spop, -2, "write fast", ONE),
    ("srandmember", sets.srandmember, -2, "readonly", ONE),
    ("sscan", sets.sscan, -3, "readonly", ONE),
    ("sinter", sets.sinter, -2, "readonly", ALL),
    ("sintercard", sets.sintercard, -3, "readonly", NUMKEYS_AT[1]),
    ("sinterstore", sets.sinterstore, -3, "write denyoom", TARGET_AND_ALL),
    ("sunion", sets.sunion, -2, "readonly", ALL),
    ("sunionstore", sets.sunionstore, -3, "write denyoom", TARGET_AND_ALL),
    ("sdiff", sets.sdiff, -2, "readonly", ALL),
    ("sdiffstore", sets.sdiffstore, -3, "write denyoom", TARGET_AND_ALL),
]

SORTED_SETS: list[Row] = [
    ("zadd", sorted_sets.zadd, -4, "write denyoom fast", ONE),
    ("zincrby", sorted_sets.zincrby, 4, "write denyoom fast", ONE),
    ("zrem", sorted_sets.zrem, -3, "write fast", ONE),
    ("zcard", sorted_sets.zcard, 2, "readonly fast", ONE),
    ("zscore", sorted_sets.zscore, 3, "readonly fast", ONE),
    ("zmscore", sorted_sets.zmscore, -3, "readonly fast", ONE),
    ("zrank", sorted_sets.zrank, 3, "readonly fast", ONE),
    ("zrevrank", sorted_sets.zrevrank, 3, "readonly fast", ONE),
    ("zpopmin", sorted_sets.zpopmin, -2, "write fast", ONE),
    ("zpopmax", sorted_sets.zpopmax, -2, "write fast", ONE),
    ("zmpop", sorted_sets.zmpop, -4, "write", NUMKEYS_AT[1]),
    ("zrandmember", sorted_sets.zrandmember, -2, "readonly", ONE),
    ("zscan", sorted_sets.zscan, -3, "readonly", ONE),
    ("bzpopmin", blocking.bzpopmin, -3, "write noscript blocking fast", ALL_BUT_LAST),
    ("bzpopmax", blocking.bzpopmax, -3, "write noscript blocking fast", ALL_BUT_LAST),
    ("bzmpop", blocking.bzmpop, -5, "write blocking", NUMKEYS_AT[2]),
    ("zrange", sorted_set_ranges.zrange, -4, "readonly", ONE),
    ("zrangestore", sorted_set_ranges.zrangestore, -5, "write denyoom", TWO),
    ("zrevrange", sorted_set_ranges.zrevrange, -4, "readonly", ONE),
    ("zrangebyscore", sorted_set_ranges.zrangebyscore, -4, "readonly", ONE),
    ("zrevrangebyscore", sorted_set_ranges.zrevrangebyscore, -4, "readonly", ONE),
    ("zrangebylex", sorted_set_ranges.zrangebylex, -4, "readonly", ONE),
    ("zrevrangebylex", sorted_set_ranges.zrevrangebylex, -4, "readonly", ONE),
    ("zcount", sorted_set_ranges.zcount, 4, "readonly fast", ONE),
    ("zlexcount", sorted_set_ranges.zlexcount, 4, "readonly fast", ONE),
    ("zremrangebyrank", sorted_set_ranges.zremrangebyrank, 4, "write", ONE),
    ("zremrangebyscore", sorted_set_ranges.zremrangebyscore, 4, "write", ONE),
    ("zremrangebylex", sorted_set_ranges.zremrangebylex, 4, "write", ONE),
    ("zunion", sorted_set_algebra.zunion, -3, "readonly", NUMKEYS_AT[1]),
    ("zinter", sorted_set_algebra.zinter, -3, "readonly", NUMKEYS_AT[1]),
    ("zdiff", sorted_set_algebra.zdiff, -3, "readonly", NUMKEYS_AT[1]),
    ("zintercard", sorted_set_algebra.zintercard, -3, "readonly", NUMKEYS_AT[1]),
    ("zunionstore", sorted_set_algebra.zunionstore, -4, "write denyoom", TARGET_AND_NUMKEYS),
    ("zinterstore", sorted_set_algebra.zinterstore, -4, "write denyoom", TARGET_AND_NUMKEYS),
    ("zdiffstore", sorted_set_algebra.zdiffstore, -4, "write denyoom", TARGET_AND_NUMKEYS),
]

HYPERLOGLOG: list[Row] = [
    ("pfadd", hyperloglog.pfadd, -2, "write denyoom fast", ONE),
    ("pfcount", hyperloglog.pfcount, -2, "readonly may_replicate", ALL),
    ("pfmerge", hyperloglog.pfmerge, -2, "write denyoom", TARGET_AND_ALL),
    ("pfdebug", hyperloglog.pfdebug, 3, "write denyoom admin", SUBJECT),
    ("pfselftest", hyperloglog.pfselftest, 1, "admin", NO_KEYS),
]

STORED_FROM = {
    at: Keys((Range(1), Stored(b"STORE", at), Stored(b"STOREDIST", at))) for at in (5, 6)
}

GEO: list[Row] = [
    ("geoadd", geo.geoadd, -5, "write denyoom", ONE),
    ("geopos", geo.geopos, -2, "readonly", ONE),
    ("geohash", geo.geohash_, -2, "readonly", ONE),
    ("geodist", geo.geodist, -4, "readonly", ONE),
    ("geosearch", geo.geosearch, -7, "readonly", ONE),
    ("geosearchstore", geo.geosearchstore, -8, "write denyoom", TWO),
    ("georadius", geo.georadius, -6, "write denyoom", STORED_FROM[6]),
    ("georadius_ro", geo.georadius_ro, -6, "readonly", ONE),
    ("georadiusbymember", geo.georadiusbymember, -5, "write denyoom", STORED_FROM[5]),
    ("georadiusbymember_ro", geo.georadiusbymember_ro, -5, "readonly", ONE),
]

STREAMS: list[Row] = [
    ("xadd", streams.xadd, -5, "write denyoom fast", ONE),
    ("xtrim", streams.xtrim, -4, "write", ONE),
    ("xdel", streams.xdel, -3, "write fast", ONE),
    ("xsetid", streams.xsetid, -3, "write denyoom fast", ONE),
    ("xlen", streams.xlen, 2, "readonly fast", ONE),
    ("xrange", streams.xrange, -4, "readonly", ONE),
    ("xrevrange", streams.xrevrange, -4, "readonly", ONE),
    ("xread", stream_reading.xread, -4, "readonly blocking", Keys((Streams(1),))),
    ("xreadgroup", stream_reading.xreadgroup, -7, "write blocking", Keys((Streams(4),))),
    ("xack", stream_groups.xack, -4, "write fast", ONE),
    ("xpending", stream_groups.xpending, -3, "readonly", ONE),
    ("xclaim", stream_claims.xclaim, -6, "write fast", ONE),
    ("xautoclaim", stream_claims.xautoclaim, -6, "write fast", ONE),
    ("xgroup|create", stream_groups.xgroup_create, -5, "write denyoom", SUBJECT),
    ("xgroup|setid", stream_groups.xgroup_setid, -5, "write", SUBJECT),
    ("xgroup|destroy", stream_groups.xgroup_destroy, 4, "write", SUBJECT),
    ("xgroup|createconsumer", stream_groups.xgroup_createconsumer, 5, "write denyoom", SUBJECT),
    ("xgroup|delconsumer", stream_groups.xgroup_delconsumer, 5, "write", SUBJECT),
    ("xgroup|help", stream_groups.xgroup_help, 2, "loading stale", NO_KEYS),
    ("xinfo|stream", stream_information.xinfo_stream, -3, "readonly", SUBJECT),
    ("xinfo|groups", stream_information.xinfo_groups, 3, "readonly", SUBJECT),
    ("xinfo|consumers", stream_information.xinfo_consumers, 4, "readonly", SUBJECT),
    ("xinfo|help", stream_information.xinfo_help, 2, "loading stale", NO_KEYS),
]

BY_PATTERN = KeySpec()
SORT = Keys((Range(1), BY_PATTERN, Stored(b"STORE", 2, is_shown=False)))
SORT_RO = Keys((Range(1), BY_PATTERN))

KEYS: list[Row] = [
    ("del", keys.del_, -2, "write", ALL),
    ("unlink", keys.del_, -2, "write fast", ALL),
    ("exists", keys.exists, -2, "readonly fast", ALL),
    ("touch", keys.touch, -2, "readonly fast", ALL),
    ("type", keys.type_, 2, "readonly fast", ONE),
    ("keys", keys.keys, 2, "readonly dangerous", NO_KEYS),
    ("scan", keys.scan, -2, "readonly", NO_KEYS),
    ("randomkey", keys.randomkey, 1, "readonly", NO_KEYS),
    ("dbsize", keys.dbsize, 1, "readonly fast", NO_KEYS),
    ("expire", keys.expire, -3, "write fast", ONE),
    ("pexpire", keys.pexpire, -3, "write fast", ONE),
    ("expireat", keys.expireat, -3, "write fast", ONE),
    ("pexpireat", keys.pexpireat, -3, "write fast", ONE),
    ("persist", keys.persist, 2, "write fast", ONE),
    ("ttl", keys.ttl, 2, "readonly fast", ONE),
    ("pttl", keys.pttl, 2, "readonly fast", ONE),
    ("expiretime", keys.expiretime, 2, "readonly fast", ONE),
    ("pexpiretime", keys.pexpiretime, 2, "readonly fast", ONE),
    ("rename", keys.rename, 3, "write", TWO),
    ("renamenx", keys.renamenx, 3, "write fast", TWO),
    ("copy", keys.copy, -3, "write denyoom", TWO),
    ("move", keys.move, 3, "write fast", ONE),
    ("select", keys.select, 2, "loading stale fast @connection", NO_KEYS),
    ("swapdb", keys.swapdb, 3, "write fast dangerous", NO_KEYS),
    ("flushdb", keys.flushdb, -1, "write dangerous", NO_KEYS),
    ("flushall", keys.flushall, -1, "write dangerous", NO_KEYS),
    ("memcached|flush", memcached_store.memcached_flush, 2, "write dangerous", NO_KEYS),
    ("dump", dumping.dump, 2, "readonly", ONE),
    ("migrate", migrating.migrate, -6, "write movablekeys dangerous", migrating.MIGRATED),
    ("restore", dumping.restore, -4, "write denyoom dangerous", ONE),
    ("sort", sorting.sort, -2, "write denyoom @set @sortedset @list dangerous", SORT),
    ("sort_ro", sorting.sort_ro, -2, "readonly @set @sortedset @list dangerous", SORT_RO),
    ("object|encoding", keys.object_encoding, 3, "readonly", SUBJECT),
    ("object|refcount", keys.object_refcount, 3, "readonly", SUBJECT),
    ("object|idletime", keys.object_idletime, 3, "readonly", SUBJECT),
    ("object|freq", keys.object_freq, 3, "readonly", SUBJECT),
    ("object|help", keys.object_help, 2, "loading stale", NO_KEYS),
]

NOW = "noscript loading stale allow_busy fast"

TRANSACTIONS: list[Row] = [
    ("multi", transactions.multi, 1, f"{NOW} immediate", NO_KEYS),
    ("exec", transactions.exec_, 1, "noscript loading stale skip_slowlog immediate", NO_KEYS),
    ("discard", transactions.discard, 1, f"{NOW} immediate", NO_KEYS),
    ("watch", transactions.watch, -2, f"{NOW} immediate", ALL),
    ("unwatch", transactions.unwatch, 1, NOW, NO_KEYS),
]

ADMIN = "admin noscript loading stale"
ANY_TIME = "noscript loading stale fast"
ALWAYS = f"{ANY_TIME} allow_busy no_auth"

ACL: list[Row] = [
    ("acl|setuser", acl.acl_setuser, -3, ADMIN, NO_KEYS),
    ("acl|getuser", acl.acl_getuser, 3, ADMIN, NO_KEYS),
    ("acl|deluser", acl.acl_deluser, -3, ADMIN, NO_KEYS),
    ("acl|list", acl.acl_list, 2, ADMIN, NO_KEYS),
    ("acl|users", acl.acl_users, 2, ADMIN, NO_KEYS),
    ("acl|whoami", acl.acl_whoami, 2, "noscript loading stale", NO_KEYS),
    ("acl|cat", acl.acl_cat, -2, "noscript loading stale", NO_KEYS),
    ("acl|log", acl.acl_log, -2, ADMIN, NO_KEYS),
    ("acl|genpass", acl.acl_genpass, -2, "noscript loading stale", NO_KEYS),
    ("acl|dryrun", acl.acl_dryrun, -4, ADMIN, NO_KEYS),
    ("acl|load", acl.acl_load, 2, ADMIN, NO_KEYS),
    ("acl|save", acl.acl_save, 2, ADMIN, NO_KEYS),
    ("acl|help", acl.acl_help, 2, "loading stale", NO_KEYS),
]

CONNECTION: list[Row] = [
    ("ping", connection.ping, -1, "fast subscriber", NO_KEYS),
    ("echo", connection.echo, 2, "loading stale fast", NO_KEYS),
    ("hello", connection.hello, -1, ALWAYS, NO_KEYS),
    ("auth", connection.auth, -2, ALWAYS, NO_KEYS),
    ("quit", connection.quit_, -1, f"{ALWAYS} immediate subscriber", NO_KEYS),
    ("reset", connection.reset, 1, f"{ALWAYS} immediate subscriber", NO_KEYS),
    ("client|id", connection.client_id, 2, "noscript loading stale", NO_KEYS),
    ("client|getname", connection.client_getname, 2, "noscript loading stale", NO_KEYS),
    ("client|setname", connection.client_setname, 3, "noscript loading stale", NO_KEYS),
    ("client|setinfo", connection.client_setinfo, 4, "noscript loading stale", NO_KEYS),
    ("client|info", client_list.client_info, 2, "noscript loading stale", NO_KEYS),
    ("client|list", client_list.client_list, -2, "admin noscript loading stale", NO_KEYS),
    ("client|kill", client_list.client_kill, -3, "admin noscript loading stale", NO_KEYS),
    ("client|unblock", client_list.client_unblock, -3, "admin noscript loading stale", NO_KEYS),
    ("client|reply", connection.client_reply, 3, "noscript loading stale", NO_KEYS),
    ("client|no-evict", connection.client_no_evict, 3, "admin noscript loading stale", NO_KEYS),
    ("client|no-touch", connection.client_no_touch, 3, "noscript loading stale", NO_KEYS),
    ("client|pause", pausing.client_pause, -3, "admin noscript loading stale", NO_KEYS),
    ("client|unpause", pausing.client_unpause, 2, "admin noscript loading stale", NO_KEYS),
    ("client|help", client_list.client_help, 2, "loading stale", NO_KEYS),
    ("client|tracking", tracking.client_tracking, -3, "noscript loading stale", NO_KEYS),
    ("client|caching", tracking.client_caching, 3, "noscript loading stale", NO_KEYS),
    ("client|trackinginfo", tracking.client_trackinginfo, 2, "noscript loading stale", NO_KEYS),
    ("client|getredir", tracking.client_getredir, 2, "noscript loading stale", NO_KEYS),
]

PUBSUB: list[Row] = [
    ("subscribe", pubsub.subscribe, -2, "pubsub noscript loading stale subscriber", NO_KEYS),
    ("unsubscribe", pubsub.unsubscribe, -1, "pubsub noscript loading stale subscriber", NO_KEYS),
    ("psubscribe", pubsub.psubscribe, -2, "pubsub noscript loading stale subscriber", NO_KEYS),
    ("punsubscribe", pubsub.punsubscribe, -1, "pubsub noscript loading stale subscriber", NO_KEYS),
    ("ssubscribe", pubsub.ssubscribe, -2, "pubsub noscript loading stale subscriber", ALL),
    ("sunsubscribe", pubsub.sunsubscribe, -1, "pubsub noscript loading stale subscriber", ALL),
    ("publish", pubsub.publish, 3, "pubsub loading stale fast may_replicate", NO_KEYS),
    ("spublish", pubsub.spublish, 3, "pubsub loading stale fast may_replicate", ONE),
    ("pubsub|channels", pubsub.pubsub_channels, -2, "pubsub loading stale", NO_KEYS),
    ("pubsub|numsub", pubsub.pubsub_numsub, -2, "pubsub loading stale", NO_KEYS),
    ("pubsub|numpat", pubsub.pubsub_numpat, 2, "pubsub loading stale", NO_KEYS),
    ("pubsub|shardchannels", pubsub.pubsub_shardchannels, -2, "pubsub loading stale", NO_KEYS),
    ("pubsub|shardnumsub", pubsub.pubsub_shardnumsub, -2, "pubsub loading stale", NO_KEYS),
    ("pubsub|help", pubsub.pubsub_help, 2, "loading stale", NO_KEYS),
]

COMMAND = "loading stale @connection"

ADMINISTRATION: list[Row] = [
    ("info", information.info, -1, "loading stale dangerous", NO_KEYS),
    ("config|get", administration.config_get, -3, ADMIN, NO_KEYS),
    ("config|set", administration.config_set, -4, ADMIN, NO_KEYS),
    ("config|rewrite", administration.config_rewrite, 2, ADMIN, NO_KEYS),
    ("config|resetstat", administration.config_resetstat, 2, ADMIN, NO_KEYS),
    ("config|help", administration.config_help, 2, "loading stale", NO_KEYS),
    ("command|count", introspection.command_count, 2, COMMAND, NO_KEYS),
    ("command|info", introspection.command_info, -2, COMMAND, NO_KEYS),
    ("command|docs", introspection.command_docs, -2, COMMAND, NO_KEYS),
    ("command|list", introspection.command_list, -2, COMMAND, NO_KEYS),
    ("command|getkeys", introspection.command_getkeys, -4, COMMAND, NO_KEYS),
    (
        "command|getkeysandflags",
        introspection.command_getkeysandflags,
        -4,
        COMMAND,
        NO_KEYS,
    ),
    ("command|help", introspection.command_help, 2, COMMAND, NO_KEYS),
    ("save", administration.save, 1, "admin noscript no_async_loading no_multi", NO_KEYS),
    ("bgsave", administration.bgsave, -1, "admin noscript no_async_loading", NO_KEYS),
    ("bgrewriteaof", administration.bgrewriteaof, 1, "admin noscript no_async_loading", NO_KEYS),
    ("lastsave", administration.lastsave, 1, "loading stale fast @admin dangerous", NO_KEYS),
    ("shutdown", administration.shutdown, -1, f"{ADMIN} allow_busy no_multi", NO_KEYS),
    ("lolwut", administration.lolwut, -1, "readonly fast", NO_KEYS),
    ("time", administration.time_, 1, "loading stale fast", NO_KEYS),
    ("monitor", monitor.monitor, 1, "admin noscript loading stale", NO_KEYS),
    ("slowlog|get", slow_log.slowlog_get, -2, "admin loading stale", NO_KEYS),
    ("slowlog|len", slow_log.slowlog_len, 2, "admin loading stale", NO_KEYS),
    ("slowlog|reset", slow_log.slowlog_reset, 2, "admin loading stale", NO_KEYS),
    ("slowlog|help", slow_log.slowlog_help, 2, "loading stale", NO_KEYS),
    ("latency|latest", latency.latency_latest, 2, "admin noscript loading stale", NO_KEYS),
    ("latency|history", latency.latency_history, 3, "admin noscript loading stale", NO_KEYS),
    ("latency|reset", latency.latency_reset, -2, "admin noscript loading stale", NO_KEYS),
    ("latency|doctor", latency.latency_doctor, 2, "admin noscript loading stale", NO_KEYS),
    ("latency|graph", latency.latency_graph, 3, "admin noscript loading stale", NO_KEYS),
    ("latency|histogram", latency.latency_histogram, -2, "admin noscript loading stale", NO_KEYS),
    ("latency|help", latency.latency_help, 2, "loading stale", NO_KEYS),
    ("memory|usage", memory_reports.memory_usage, -3, "readonly", SUBJECT),
    ("memory|stats", memory_reports.memory_stats, 2, "", NO_KEYS),
    ("memory|doctor", memory_reports.memory_doctor, 2, "", NO_KEYS),
    ("memory|purge", memory_reports.memory_purge, 2, "", NO_KEYS),
    ("memory|malloc-stats", memory_reports.memory_malloc_stats, 2, "", NO_KEYS),
    ("memory|help", memory_reports.memory_help, 2, "loading stale", NO_KEYS),
    ("debug|sleep", debugging.debug_sleep, 3, ADMIN, NO_KEYS),
    ("debug|set-active-expire", debugging.debug_set_active_expire, 3, ADMIN, NO_KEYS),
    ("debug|pause-cron", debugging.debug_pause_cron, 3, ADMIN, NO_KEYS),
    ("debug|object", debugging.debug_object, -3, ADMIN, SUBJECT),
    ("debug|reload", debugging.debug_reload, -2, ADMIN, NO_KEYS),
    ("debug|digest", debugging.debug_digest, 2, ADMIN, NO_KEYS),
    ("debug|digest-value", debugging.debug_digest_value, -2, ADMIN, SUBJECTS),
    ("debug|protocol", debugging.debug_protocol, 3, ADMIN, NO_KEYS),
    ("debug|log", debugging.debug_log, 3, ADMIN, NO_KEYS),
    ("debug|jmap", debugging.debug_jmap, -2, ADMIN, NO_KEYS),
    ("debug|loadaof", debugging.debug_loadaof, 2, ADMIN, NO_KEYS),
    ("debug|stringmatch-len", debugging.debug_stringmatch_len, 4, ADMIN, NO_KEYS),
    ("debug|htstats-key", debugging.debug_htstats_key, -3, ADMIN, SUBJECT),
    ("debug|error", debugging.debug_error, 3, ADMIN, NO_KEYS),
    ("debug|quicklist-packed-threshold", debugging.debug_without_effect, 3, ADMIN, NO_KEYS),
    ("debug|change-repl-id", debugging.debug_without_effect, 2, ADMIN, NO_KEYS),
    ("debug|help", debugging.debug_help, 2, ADMIN, NO_KEYS),
    ("role", replication.role, 1, "noscript loading stale fast @admin dangerous", NO_KEYS),
    ("replicaof", replication.replicaof, 3, "admin noscript stale no_async_loading", NO_KEYS),
    ("slaveof", replication.replicaof, 3, "admin noscript stale no_async_loading", NO_KEYS),
    ("replconf", replication.refuse_stream, -1, f"{ADMIN} allow_busy", NO_KEYS),
    ("sync", replication.refuse_stream, 1, "admin noscript no_async_loading no_multi", NO_KEYS),
    ("psync", replication.refuse_stream, -3, "admin noscript no_async_loading no_multi", NO_KEYS),
    ("failover", replication.failover, -1, "admin noscript stale", NO_KEYS),
    ("wait", replication.wait, 3, "noscript @connection", NO_KEYS),
    ("cluster|countkeysinslot", clustering.no_cluster, 3, "stale", NO_KEYS),
    ("cluster|getkeysinslot", clustering.no_cluster, 4, "stale", NO_KEYS),
    ("cluster|info", clustering.no_cluster, 2, "stale", NO_KEYS),
    ("cluster|keyslot", clustering.no_cluster, 3, "stale", NO_KEYS),
    ("cluster|myid", clustering.no_cluster, 2, "stale", NO_KEYS),
    ("cluster|nodes", clustering.no_cluster, 2, "stale", NO_KEYS),
    ("cluster|shards", clustering.no_cluster, 2, "stale", NO_KEYS),
    ("cluster|slots", clustering.no_cluster, 2, "stale", NO_KEYS),
    ("cluster|help", clustering.cluster_help, 2, "loading stale", NO_KEYS),
    ("asking", clustering.no_cluster, 1, "fast @connection", NO_KEYS),
    ("readonly", clustering.no_cluster, 1, "loading stale fast @connection", NO_KEYS),
    ("readwrite", clustering.no_cluster, 1, "loading stale fast @connection", NO_KEYS),
    ("function|flush", functions.function_flush, -2, "write noscript @scripting", NO_KEYS),
    ("function|list", functions.function_list, -2, "noscript @scripting", NO_KEYS),
    ("function|help", functions.function_help, 2, "loading stale @scripting", NO_KEYS),
    ("module|list", introspection.module_list, 2, "admin noscript", NO_KEYS),
    ("module|help", introspection.module_help, 2, "loading stale", NO_KEYS),
]

GROUPS: dict[str, list[Row]] = {
    "string": STRINGS,
    "bitmap": BITMAPS,
    "list": LISTS,
    "hash": HASHES,
    "set": SETS,
    "sorted-set": SORTED_SETS,
    "hyperloglog": HYPERLOGLOG,
    "geo": GEO,
    "stream": STREAMS,
    "generic": KEYS,
    "transactions": TRANSACTIONS,
    "connection": CONNECTION,
    "pubsub": PUBSUB,
    "server": ACL + ADMINISTRATION,
}


JOINT_HANDLERS: dict[str, JointHandler] = {
    "get": string_columns.get_jointly,
    "set": string_columns.set_jointly,
    "incr": string_columns.incr_jointly,
    "decr": string_columns.decr_jointly,
    "lpush": lists.lpush_jointly,
    "rpush": lists.rpush_jointly,
    "xadd": streams.xadd_jointly,
}
"""For what a pipeline mostly is: many keys asked, set or counted, or one list or stream filled."""

FAMILIES = {"debug": ADMIN, "command": COMMAND, "memcached": "hidden"}
"""The flags of a family's own entry, where it has any."""


def command_table() -> dict[bytes, Command]:
    """The table by upper-case name; what has subcommands holds them under theirs."""
    table: dict[bytes, Command] = {}
    for group, rows in GROUPS.items():
        for row in rows:
            command = _entry(row, group)
            family, _, subcommand = command.name.upper().encode().partition(b"|")
            if not subcommand:
                table[family] = command
            else:
                parent = table.setdefault(family, _family(family.decode().lower(), group))
                parent.subcommands[subcommand] = command
    return table


def _entry(row: Row, group: str, *, is_family: bool = False) -> Command:
    name, handler, arity, words, keys = row
    flags = frozenset(words.split())
    return Command(
        name,
        handler,
        arity,
        flags,
        keys_of(name, keys, is_readonly="readonly" in flags),
        group,
        categories_of(group, flags, is_family=is_family),
        JOINT_HANDLERS.get(name),
    )


def _family(name: str, group: str) -> Command:
    """The entry of CLIENT, CONFIG and the like: by itself it does nothing."""
    handler = introspection.command if name == "command" else introspection.needs_subcommand
    arity = -1 if name == "command" else -2
    row = (name, handler, arity, FAMILIES.get(name, ""), NO_KEYS)
    return _entry(row, group, is_family=True)

"""What each command does with its keys, as COMMAND INFO says it and the ACL goes by it.

First how the value as a whole is treated:

    RO   only read                   OW   overwritten, whatever it was
    RW   read and changed            RM   removed, whatever it is

then what happens to the data in it:

    access   something of it comes back to the client, or goes into another key
    update   what is there may become something else
    insert   something is added, and what is there stays
    delete   something is taken away

STRLEN is RO without `access`: it tells a length, and nothing of the content. LPUSH is RW with
`insert` alone, so a user who may only write to a key may use it; GETSET has `access` as well, so
that user may not. The ACL asks for permission to read where there is `access`, and to write where
there is one of the other three.

A command with several specifications has its accesses divided by commas, in their order. What is
not listed reads (`readonly`) or may do anything (`write`).
# Real: the key_specs of the commands' JSON files in Redis.
"""

from services.kvdb.key_specs import Access, Keys

ACCESS = {
    "RO": (
        "exists hexists hlen hstrlen llen memory|usage object|encoding object|freq "
        "object|idletime object|refcount scard sismember strlen touch type watch xlen zcard"
    ),
    "RO access": "xreadgroup",
    "RW access": "pfcount pfdebug",
    "RW access update": (
        "decr decrby getex getset hgetex hincrby hincrbyfloat incr incrby incrbyfloat move setbit "
        "zincrby"
    ),
    "RW access update variable_flags": "set bitfield",
    "RW access delete": (
        "blmpop blpop brpop bzmpop bzpopmax bzpopmin getdel hgetdel lmpop lpop rpop spop zmpop "
        "zpopmax zpopmin"
    ),
    "RW access delete, OW insert": "renamenx",
    "RW access delete, OW update": "rename",
    "RW access delete, RW access delete incomplete": "migrate",
    "RW access delete, RW insert": "blmove brpoplpush lmove rpoplpush smove",
    "RW access insert, RO access": "pfmerge",
    "RW delete": (
        "delex hdel lrem ltrim srem xautoclaim xdel xgroup|delconsumer xgroup|destroy xtrim zrem "
        "zremrangebylex zremrangebyrank zremrangebyscore"
    ),
    "RW insert": (
        "append hsetnx linsert lpush lpushx pfadd rpush rpushx sadd xgroup|create "
        "xgroup|createconsumer"
    ),
    "RW update": (
        "expire expireat geoadd hexpire hexpireat hmset hpersist hpexpire hpexpireat hset hsetex "
        "lset persist pexpire pexpireat setrange xack xadd xclaim xgroup|setid xsetid zadd"
    ),
    "RW update, RO access": "sinterstore",
    "OW insert": "msetnx setnx",
    "OW update": "memcached|store mset psetex restore setex",
    "OW update, RO access": (
        "bitop geosearchstore sdiffstore sunionstore zdiffstore zinterstore zrangestore zunionstore"
    ),
    "RO access, OW update": "copy",
    "RO access, OW update, OW update": "georadius georadiusbymember",
    "RO access, RO access, OW update": "sort",
    "RM delete": "del unlink",
    "not_key": "spublish ssubscribe sunsubscribe",
}

READ: Access = ("RO", "access")
ANY: Access = ("RW", "access", "update")


def _by_command() -> dict[str, tuple[Access, ...]]:
    return {
        name: tuple(tuple(access.split()) for access in accesses.split(","))
        for accesses, names in ACCESS.items()
        for name in names.split()
    }


def keys_of(name: str, keys: Keys, *, is_readonly: bool) -> Keys:
    """The specifications of a command, each with its access."""
    accesses = _BY_COMMAND.get(name)
    if accesses is None:
        accesses = (READ if is_readonly else ANY,) * len(keys.specs)
    return Keys(keys.with_access(accesses).specs, _REFINED.get(name))


def _access_of_set(request: list[bytes]) -> Access:
    """Only with GET something comes back."""
    reads = any(word.upper() == b"GET" for word in request[3:])
    return ("RW", "access", "update") if reads else ("OW", "update")


_WORDS_OF_OPERATION = {b"GET": 3, b"OVERFLOW": 2}


def _access_of_bitfield(request: list[bytes]) -> Access:
    """Only reading, if there is nothing but GET."""
    at = 2
    while at < len(request):
        words = _WORDS_OF_OPERATION.get(request[at].upper())
        if words is None or at + words > len(request):
            return ANY
        at += words
    return READ


_BY_COMMAND = _by_command()
_REFINED = {"set": _access_of_set, "bitfield": _access_of_bitfield}

"""ROLE, WAIT, SYNC, FAILOVER: what a server answers about replicas that has none.

What writes promise here is promised by the disk (`journal`), not by other servers. Who asks for
the stream of all writes is told so; `redis-cli --rdb` and a Redis that is to follow us do.
"""

from services.common.resp import OK, ReplyError
from services.kvdb import errors
from services.kvdb.arguments import following, integer, words
from services.kvdb.blocking import Wait
from services.kvdb.clients import Client


def role(client: Client, request: list[bytes]) -> list:
    """`master`, how far the stream to the replicas has got, and the replicas."""
    return [b"master", 0, []]


def wait(client: Client, request: list[bytes]) -> object:
    """How many replicas have all writes: never any, so the time has to pass."""
    wanted = integer(request[1])
    timeout_ms = integer(request[2], "ERR timeout is not an integer or out of range")
    if timeout_ms < 0:
        raise ReplyError("ERR timeout is negative")
    if wanted <= 0:
        return 0
    nothing_comes = Wait(
        client, client.database, [], type(None), lambda key: None, 0, timeout_ms / 1000
    )
    return client.engine.blocking.wait(nothing_comes)


def refuse_stream(client: Client, request: list[bytes]) -> object:
    """SYNC and its kin."""
    raise ReplyError(
        "ERR this server has no replication: MIGRATE, or DUMP and RESTORE, bring keys elsewhere"
    )


def replicaof(client: Client, request: list[bytes]) -> object:
    """Following nobody is what this server does anyway."""
    if [word.upper() for word in request[1:]] == [b"NO", b"ONE"]:
        return OK
    raise ReplyError("ERR this server has no replication, and follows no other")


def failover(client: Client, request: list[bytes]) -> object:
    """Hand over to a replica, of which there is none; mistakes are found all the same."""
    seen: set[bytes] = set()
    for word, values in words(request[1:]):
        if word in seen or word not in (b"TO", b"FORCE", b"ABORT", b"TIMEOUT"):
            raise errors.syntax_error()
        seen.add(word)
        if word == b"TO":
            following(values)
            integer(following(values))
        elif word == b"TIMEOUT" and integer(following(values)) <= 0:
            raise ReplyError("ERR FAILOVER timeout must be greater than 0")
    if b"ABORT" not in seen:
        raise ReplyError("ERR FAILOVER requires connected replicas.")
    if len(seen) > 1:
        raise errors.syntax_error()
    raise ReplyError("ERR No failover in progress.")

"""What an administrator may type, and mistype: the same replies as of a real redis-server."""

import shlex

import pytest

from services.common.resp import ReplyError
from services.common.resp_client import RespConnection
from services.kvdb.tests.redis_server import IS_INSTALLED, real_redis
from services.kvdb.tests.serving import serving

LINES = """
CLIENT KILL
CLIENT KILL 1.2.3.4:5
CLIENT KILL ID
CLIENT KILL ID x
CLIENT KILL ID 0
CLIENT KILL ID 999
CLIENT KILL ID 999 TYPE foo
CLIENT KILL TYPE replica
CLIENT KILL TYPE master
CLIENT KILL TYPE pubsub SKIPME maybe
CLIENT KILL USER nobody
CLIENT KILL ADDR 1.2.3.4:5 LADDR 1.2.3.4:5
CLIENT KILL FOO bar
CLIENT LIST TYPE foo
CLIENT LIST TYPE replica
CLIENT LIST ID x
CLIENT LIST ID 99999
CLIENT LIST FOO
CLIENT LIST ID
CLIENT PAUSE x
CLIENT PAUSE -1
CLIENT PAUSE 10 FOO
CLIENT UNPAUSE FOO
CLIENT REPLY FOO
CLIENT SETNAME "a b"
CLIENT SETNAME ""
CLIENT GETNAME
CLIENT NO-EVICT foo
CLIENT NO-EVICT on
CLIENT UNBLOCK x
CLIENT UNBLOCK 999
CLIENT UNBLOCK 999 FOO
CLIENT TRACKING foo
CLIENT TRACKING on PREFIX a
CLIENT TRACKING on REDIRECT 999
CLIENT TRACKING on OPTIN OPTOUT
CLIENT TRACKING on BCAST OPTIN
CLIENT CACHING yes
CLIENT GETREDIR
CLIENT TRACKINGINFO
CLIENT FOO
CLIENT
CLIENT ID x
SLOWLOG GET x
SLOWLOG GET -2
SLOWLOG GET 1 2
SLOWLOG LEN x
SLOWLOG FOO
SLOWLOG LEN
LATENCY FOO
LATENCY HISTORY
LATENCY HISTORY foo
LATENCY LATEST
LATENCY RESET a b
LATENCY GRAPH foo
LATENCY HISTOGRAM foo
MEMORY USAGE
MEMORY USAGE nokey
MEMORY USAGE nokey SAMPLES
MEMORY USAGE nokey SAMPLES x
MEMORY USAGE nokey SAMPLES -1
MEMORY USAGE nokey FOO 1
MEMORY FOO
MEMORY PURGE
CONFIG GET
CONFIG SET a
CONFIG SET a b
CONFIG SET maxmemory 1 maxmemory 2
CONFIG SET maxmemory 1 maxmemory
CONFIG FOO
CONFIG RESETSTAT foo
CONFIG REWRITE
CONFIG SET notify-keyspace-events Q
CONFIG SET maxmemory-samples 0
CONFIG SET hash-max-listpack-value x
CONFIG SET zset-max-listpack-value 1kb
CONFIG SET appendfsync foo
CONFIG SET slowlog-max-len x
CONFIG SET timeout -1
CONFIG SET tcp-keepalive x
CONFIG SET list-max-listpack-size x
CONFIG SET latency-tracking foo
CONFIG GET latency-tracking-info-percentiles
CONFIG GET maxmemory-clients
CONFIG SET maxmemory-clients 101%
CONFIG SET client-output-buffer-limit "normal x 0 0"
CONFIG SET client-output-buffer-limit "foo 1 2 3"
CONFIG SET client-output-buffer-limit "normal 1 2"
CONFIG SET auto-aof-rewrite-percentage -1
CONFIG SET save foo
CONFIG SET lfu-log-factor -1
CONFIG SET maxmemory-policy foo
CONFIG SET port 99999
CONFIG SET databases 5
CONFIG SET daemonize yes
BGSAVE FOO
BGSAVE SCHEDULE FOO
SHUTDOWN FOO
SHUTDOWN ABORT
SHUTDOWN SAVE NOSAVE
SHUTDOWN ABORT NOW
LASTSAVE x
LOLWUT
LOLWUT foo
LOLWUT VERSION
LOLWUT VERSION x
FAILOVER
FAILOVER ABORT
FAILOVER ABORT foo
FAILOVER ABORT FORCE
FAILOVER FORCE
FAILOVER TO
FAILOVER TO a b
FAILOVER TO a 1 FORCE
FAILOVER TO a 1 TO b 2
FAILOVER TIMEOUT 0
FAILOVER TIMEOUT x
FAILOVER TIMEOUT 1
CONFIG REWRITE
DEBUG
DEBUG SLEEP 0
DEBUG OBJECT nokey
DEBUG SET-ACTIVE-EXPIRE 1
DEBUG DIGEST-VALUE nokey
DEBUG ERROR "ERR foo"
DEBUG PROTOCOL foo
DEBUG PROTOCOL bignum
DEBUG PROTOCOL attrib
DEBUG QUICKLIST-PACKED-THRESHOLD 10b
COMMAND FOO
COMMAND COUNT x
COMMAND GETKEYS
COMMAND GETKEYS get
COMMAND GETKEYS get a
COMMAND GETKEYS foo a
COMMAND GETKEYS ping
COMMAND LIST FILTERBY
COMMAND LIST FILTERBY FOO bar
COMMAND LIST FILTERBY PATTERN xre*
COMMAND INFO foo
WAIT x 1
WAIT 1 x
WAIT 1 -1
WAIT 0 0
WAIT 1 20
ROLE
ROLE x
RESET
RESET x
REPLICAOF NO ONE
MODULE LIST
SWAPDB a 1
SWAPDB 1 a
SWAPDB 1 99
SELECT 99
SELECT x
TIME x
FUNCTION FLUSH x
FUNCTION LIST
OBJECT FOO
OBJECT ENCODING
MULTI x
EXEC
DISCARD
WATCH
UNWATCH x
HELLO 4
HELLO x
HELLO 2 FOO
HELLO 2 AUTH x
HELLO 2 SETNAME "a b"
AUTH x
AUTH x y
AUTH x y z
PING a b
ECHO
PUBSUB FOO
PUBSUB NUMSUB
PUBSUB CHANNELS a b
PUBSUB NUMPAT x
MONITOR x
ASKING
READONLY
CLUSTER
CLUSTER FOO
CLUSTER INFO
"""


@pytest.mark.skipif(not IS_INSTALLED, reason="no redis-server is installed")
def test_each_line_is_answered_as_by_redis() -> None:
    requests = [tuple(shlex.split(line)) for line in LINES.strip().splitlines()]
    with real_redis("--enable-debug-command", "yes") as url, serving() as server:
        expected, found = (
            [_comparable(reply) for reply in client.pipeline(requests)]
            for client in (RespConnection(url), server.client())
        )
    for request, theirs, ours in zip(requests, expected, found, strict=True):
        assert ours == theirs, request


def _comparable(reply: object) -> object:
    """Errors by their texts; a list in any order."""
    if isinstance(reply, ReplyError):
        return str(reply)
    if isinstance(reply, list):
        return sorted((_comparable(element) for element in reply), key=repr)
    return reply

"""Random command sequences, here and on a real redis-server: the replies must be the same.

The real server is Debian's package (`tools/redis-server.sh` installs it); without one these
tests are skipped. `KVDB_EXAMPLES=1000` tries more sequences than the usual few.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.redis_url import RedisURL
from services.common.resp import NEED_MORE, ReplyError, encode_reply
from services.common.resp_client import RespConnection
from services.common.resp_replies import RespReplyDecoder
from services.kvdb.blocking import NO_REPLY
from services.kvdb.tests.grammar import FAMILIES
from services.kvdb.tests.redis_server import IS_INSTALLED, real_redis
from services.kvdb.tests.support import new_engine

pytestmark = pytest.mark.skipif(not IS_INSTALLED, reason="no redis-server is installed")

EXAMPLES = int(os.environ.get("KVDB_EXAMPLES", "12"))
UNORDERED = {
    b"HGETALL",
    b"HKEYS",
    b"HVALS",
    b"SMEMBERS",
    b"SINTER",
    b"SUNION",
    b"SDIFF",
    b"KEYS",
    b"SPOP",
    b"SRANDMEMBER",
    b"ZRANDMEMBER",
    b"HRANDFIELD",
}


@pytest.fixture(scope="module")
def redis_url() -> Iterator[RedisURL]:
    with real_redis() as url:
        yield url


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_same_replies(redis_url: RedisURL, family: str, resp: int):
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(FAMILIES[family], min_size=1, max_size=25))
    def compare(requests: list[list[bytes]]) -> None:
        theirs = RespConnection(redis_url)
        theirs.execute("FLUSHALL")
        if resp == 3:
            theirs.execute("HELLO", "3")
        ours = OurServer(resp)
        try:
            queue: list[bytes] = []
            for request in requests:
                expected, found = their_reply(theirs, request), ours.reply(request)
                names = queue if request[0] == b"EXEC" else [request[0]]
                queue = [*queue, request[0]] if expected == "QUEUED" else []
                assert _comparable(found, names) == _comparable(expected, names), request
        finally:
            theirs.close()

    compare()


def their_reply(connection: RespConnection, request: list[bytes]) -> object:
    try:
        return connection.execute(*request)
    except ReplyError as error:
        return error


class OurServer:
    """Our engine, heard through the codec, so that the forms on the wire are compared."""

    def __init__(self, resp: int):
        self._engine = new_engine()
        self._client = self._engine.clients.connect()
        self._client.resp = resp

    def reply(self, request: list[bytes]) -> object:
        self._engine.clock.tick()
        reply = self._engine.dispatcher.execute(self._client, request)
        if reply is NO_REPLY:
            wait = self._client.blocked
            self._engine.blocking.end(wait)
            reply = wait.nothing
        decoder = RespReplyDecoder()
        decoder.receive_data(encode_reply(reply, self._client.resp))
        decoded = decoder.next_reply()
        assert decoded is not NEED_MORE
        return decoded


def _comparable(reply: object, names: list[bytes]) -> object:
    """The reply in a form that does not depend on the order of a hash table."""
    if isinstance(reply, list) and len(names) > 1 and len(names) == len(reply):
        return [_comparable(one, [name]) for one, name in zip(reply, names, strict=True)]
    name = names[0] if names else b""
    match reply:
        case ReplyError():
            return str(reply)
        case list() if name == b"HGETALL":
            return sorted(zip(reply[::2], reply[1::2], strict=True))
        case list() if name in UNORDERED:
            return sorted(reply)
        case list() if name in (b"SCAN", b"SSCAN"):
            return [reply[0], sorted(reply[1])]
        case list() if name in (b"HSCAN", b"ZSCAN"):
            return [reply[0], sorted(zip(reply[1][::2], reply[1][1::2], strict=True))]
        case b"embstr" if name == b"OBJECT":
            # What INCRBYFLOAT has written stays "embstr" in Redis, also where it is an integer.
            return b"int"
        case int() if name in (b"TTL", b"EXPIRETIME", b"PTTL", b"PEXPIRETIME"):
            return _About(reply // 1000 if name.startswith(b"P") else reply)
    return reply


class _About(int):
    """A time that two servers, asked one after the other, may tell one second apart."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and abs(self - other) <= 1

    __hash__ = None

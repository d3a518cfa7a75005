"""Random commands over bits, places, counts and values in packed form, here and on a real server.

The replies must be the same, and a value must come through DUMP and RESTORE both ways.
`KVDB_EXAMPLES=1000` tries more sequences than the usual few.
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
from services.kvdb.tests.bits_grammar import FAMILIES
from services.kvdb.tests.grammar import KEYS, commands
from services.kvdb.tests.redis_server import IS_INSTALLED, real_redis
from services.kvdb.tests.stream_grammar import PREAMBLE, stream_commands
from services.kvdb.tests.support import new_engine

pytestmark = pytest.mark.skipif(not IS_INSTALLED, reason="no redis-server is installed")

EXAMPLES = int(os.environ.get("KVDB_EXAMPLES", "40"))
bounded = settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[RedisURL]:
    with real_redis() as url:
        yield url


class _Ours:
    """Our engine, heard through the codec, so that the forms on the wire are compared."""

    def __init__(self, resp: int = 2):
        self._engine = new_engine()
        self._client = self._engine.clients.connect()
        self._client.resp = resp

    def __call__(self, *request: bytes) -> object:
        self._engine.clock.tick()
        reply = self._engine.dispatcher.execute(self._client, list(request))
        decoder = RespReplyDecoder()
        decoder.receive_data(encode_reply(reply, self._client.resp))
        decoded = decoder.next_reply()
        assert decoded is not NEED_MORE
        return str(decoded) if isinstance(decoded, ReplyError) else decoded


class _Theirs:
    """A real server that has been emptied."""

    def __init__(self, url: RedisURL, resp: int = 2):
        self._connection = RespConnection(url)
        self._connection.execute("FLUSHALL")
        if resp == 3:
            self._connection.execute("HELLO", "3")

    def __call__(self, *request: bytes) -> object:
        try:
            return self._connection.execute(*request)
        except ReplyError as error:
            return str(error)

    def close(self) -> None:
        self._connection.close()


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_same_replies(redis_url: RedisURL, family: str, resp: int):
    @bounded
    @given(st.lists(FAMILIES[family], min_size=1, max_size=25))
    def compare(requests: list[list[bytes]]) -> None:
        theirs, ours = _Theirs(redis_url, resp), _Ours(resp)
        try:
            for request in requests:
                expected, found = theirs(*request), ours(*request)
                assert _comparable(found, request) == _comparable(expected, request), request
        finally:
            theirs.close()

    compare()


def _comparable(reply: object, request: list[bytes]) -> object:
    """Places at the same distance come in the order in which a server sorts them."""
    is_search = request[0].startswith((b"GEOSEARCH", b"GEORADIUS"))
    if is_search and isinstance(reply, list):
        return len(reply) if b"COUNT" in request else sorted(map(repr, reply))
    return reply


_value_commands = st.one_of(commands, stream_commands)
_SHOWN = {
    "string": [b"GET"],
    "list": [b"LRANGE", b"0", b"-1"],
    "set": [b"SMEMBERS"],
    "hash": [b"HGETALL"],
    "zset": [b"ZRANGE", b"0", b"-1", b"WITHSCORES"],
    "stream": [b"XRANGE", b"-", b"+"],
}


def test_values_move_both_ways(redis_url: RedisURL):
    @bounded
    @given(st.lists(_value_commands, min_size=5, max_size=30))
    def move(requests: list[list[bytes]]) -> None:
        theirs, ours = _Theirs(redis_url), _Ours()
        try:
            for request in [*PREAMBLE, *requests]:
                if request[0] != b"SELECT" and b"BLOCK" not in request:
                    theirs(*request)
            for key in [*KEYS, b"s1", b"s2"]:
                payload = theirs(b"DUMP", key)
                if payload is None:
                    continue
                expected = _shown(theirs, key)
                assert ours(b"RESTORE", key, b"0", payload, b"REPLACE") == "OK"
                assert _shown(ours, key) == expected
                packed = ours(b"DUMP", key)
                assert theirs(b"RESTORE", key, b"0", packed, b"REPLACE") == "OK"
                assert _shown(theirs, key) == expected
        finally:
            theirs.close()

    move()


def _shown(server: _Ours | _Theirs, key: bytes) -> object:
    """The value under a key, without the order of a hash table."""
    kind = str(server(b"TYPE", key))
    command, *rest = _SHOWN[kind]
    value = server(command, key, *rest)
    match kind:
        case "set":
            return sorted(value)
        case "hash":
            return dict(zip(value[::2], value[1::2], strict=True))
        case "stream":
            return [value, server(b"XINFO", b"GROUPS", key)]
    return value

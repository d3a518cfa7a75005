"""Numbers as text, here and on a real redis-server: the same digits, and the same refusals."""

import os
import re
import struct
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import RespConnection
from services.kvdb.tests.redis_server import IS_INSTALLED, real_redis
from services.kvdb.tests.test_differential import OurServer, their_reply

pytestmark = pytest.mark.skipif(not IS_INSTALLED, reason="no redis-server is installed")

EXAMPLES = 10 * int(os.environ.get("KVDB_EXAMPLES", "12"))

any_double = st.integers(0, 2**64 - 1).map(
    lambda bits: repr(struct.unpack("<d", struct.pack("<Q", bits))[0])
)
decimal = st.from_regex(r"[+-]?[0-9]{0,25}\.?[0-9]{0,25}(e[+-]?[0-9]{1,4})?", fullmatch=True)
hexadecimal = st.from_regex(
    r"[+-]?0[xX][0-9a-f]{0,20}\.?[0-9A-F]{0,5}(p[+-]?[0-9]{1,4})?", fullmatch=True
)
near_a_half = st.builds(lambda whole, part: f"{whole}.{part}", st.integers(0, 10**6), st.integers())
EDGES = (
    "0 -0 0.0 -0.0 1 -1 inf -inf +inf infinity nan -nan 1e17 1e16 99999999999999999 1e308 1.8e308 "
    "4.9e-324 2e-324 1e-400 1e4932 1.2e4932 1e-4950 1e-4951 5e-18 1.5e-17 2.5e-17 1000.1 0x10 0x "
    "0x.8 0x1p-1074 0x1p1023 0x1p1024 9223372036854775807 9223372036854775808 18446744073709551616 "
    "4611686018427387904 4503599627370497.5 1e 1e+ . +. + - e5 1_0 ٣"
)
text = st.one_of(
    any_double, decimal, hexadecimal, near_a_half, st.sampled_from([*EDGES.split(), "", " 1"])
)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[RedisURL]:
    with real_redis() as url:
        yield url


@pytest.mark.parametrize("resp", [2, 3])
def test_numbers_are_read_and_written_alike(redis_url: RedisURL, resp: int) -> None:
    theirs = RespConnection(redis_url)
    if resp == 3:
        theirs.execute("HELLO", "3")
    ours = OurServer(resp)

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(text, text, st.booleans())
    def compare(first: str, second: str, is_packed: bool) -> None:
        a, b = first.encode(), second.encode()
        limit = b"128" if is_packed else b"0"
        for request in (
            [b"CONFIG", b"SET", b"zset-max-listpack-entries", limit],
            [b"FLUSHALL"],
            [b"ZADD", b"z", a, b"m", b"1", b"one"],
            [b"ZSCORE", b"z", b"m"],
            [b"ZRANGE", b"z", b"0", b"-1", b"WITHSCORES"],
            [b"ZCOUNT", b"z", b"(" + b, a],
            [b"ZINCRBY", b"z", b, b"m"],
            [b"ZMSCORE", b"z", b"m", b"one"],
            [b"ZADD", b"z", b"INCR", b, b"m"],
            [b"ZSCAN", b"z", b"0"],
            [b"ZUNION", b"2", b"z", b"z", b"WEIGHTS", a, b"1", b"WITHSCORES"],
            [b"ZUNIONSTORE", b"u", b"1", b"z", b"WEIGHTS", b],
            [b"ZPOPMIN", b"u"],
            [b"SET", b"n", a],
            [b"INCRBYFLOAT", b"n", b],
            [b"INCRBYFLOAT", b"n", b"0.1"],
            [b"GET", b"n"],
            [b"HSET", b"h", b"f", a],
            [b"HINCRBYFLOAT", b"h", b"f", b],
            [b"HINCRBYFLOAT", b"h", b"g", a],
        ):
            expected, found = their_reply(theirs, request), ours.reply(request)
            name = request[0]
            assert _shown(found, name) == _shown(expected, name), request

    try:
        compare()
    finally:
        theirs.close()


def _shown(reply: object, name: bytes) -> str:
    """Text, in which NaN is like NaN. A zero has no sign: in a skip list of Redis it may have."""
    if name == b"ZSCAN" and isinstance(reply, list):
        reply = sorted(zip(reply[1][::2], reply[1][1::2], strict=True))
    shown = str(reply) if isinstance(reply, ReplyError) else repr(reply)
    return re.sub(r"-(0\.0|0(?='))", r"\1", shown)

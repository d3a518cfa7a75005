"""Random stream commands of three clients, here and on a real redis-server.

After each command the same clients must have got the same replies, and as many must be waiting.
`KVDB_EXAMPLES=1000` tries more sequences than the usual few.
"""

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.redis_url import RedisURL
from services.common.resp import NEED_MORE, ReplyError, encode_reply, encode_request
from services.common.resp_client import RespConnection
from services.common.resp_replies import RespReplyDecoder
from services.kvdb.clients import NO_REPLY
from services.kvdb.tests.redis_server import IS_INSTALLED, real_redis
from services.kvdb.tests.stream_grammar import PREAMBLE, stream_commands, waiting_commands
from services.kvdb.tests.support import new_engine

pytestmark = pytest.mark.skipif(not IS_INSTALLED, reason="no redis-server is installed")

EXAMPLES = int(os.environ.get("KVDB_EXAMPLES", "30"))
CLIENTS = 3
CHANGING = {b"seen-time", b"idle", b"radix-tree-nodes"}
"""What depends on the clock, or on the inside of a server."""


@pytest.fixture(scope="module")
def redis_url() -> Iterator[RedisURL]:
    with real_redis() as url:
        yield url


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("commands", [stream_commands, waiting_commands], ids=["all", "waiting"])
def test_same_replies_and_wake_ups(redis_url: RedisURL, commands: st.SearchStrategy, resp: int):
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(st.tuples(st.integers(0, CLIENTS - 1), commands), min_size=5, max_size=40))
    def compare(steps: list[tuple[int, list[bytes]]]) -> None:
        with _Theirs(redis_url, resp) as theirs:
            ours = _Ours(resp)
            for who, request in steps:
                if ours.is_blocked(who):
                    continue
                found = ours.replies(who, request)
                expected = theirs.replies(who, request, [client for client, _ in found])
                assert _comparable(found, request) == _comparable(expected, request), request
                assert theirs.come_to_block(ours.blocked_clients()), request

    compare()


class _Ours:
    """Our engine, heard through the codec, so that the forms on the wire are compared."""

    def __init__(self, resp: int):
        self._engine = new_engine()
        self._clients = [self._engine.clients.connect() for _ in range(CLIENTS)]
        for client in self._clients:
            client.resp = resp
        for request in PREAMBLE:
            self.replies(0, request)

    def is_blocked(self, who: int) -> bool:
        return self._clients[who].blocked is not None

    def blocked_clients(self) -> int:
        return len(self._engine.blocking.waits)

    def replies(self, who: int, request: list[bytes]) -> list[tuple[int, object]]:
        """What the command makes whom get, beginning with the one who sent it."""
        self._engine.clock.tick()
        dispatcher = self._engine.dispatcher
        reply = dispatcher.execute(self._clients[who], request)
        sent = [] if reply is NO_REPLY else [(self._clients[who], reply)]
        sent += dispatcher.deliveries
        dispatcher.deliveries = []
        return [
            (self._clients.index(client), _over_the_wire(it, client.resp)) for client, it in sent
        ]


def _over_the_wire(reply: object, resp: int) -> object:
    decoder = RespReplyDecoder()
    decoder.receive_data(encode_reply(reply, resp))
    decoded = decoder.next_reply()
    assert decoded is not NEED_MORE
    return decoded


class _Theirs:
    """As many clients of the real server, and one that looks on."""

    def __init__(self, url: RedisURL, resp: int):
        self._clients = [RespConnection(url) for _ in range(CLIENTS)]
        self._observer = RespConnection(url)
        self._observer.execute("FLUSHALL")
        self._observer.pipeline(PREAMBLE)
        for client in self._clients:
            client.execute("HELLO", resp)

    def __enter__(self) -> "_Theirs":
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (*self._clients, self._observer):
            connection.close()

    def come_to_block(self, count: int) -> bool:
        """Whether so many clients wait, as soon as the server has seen what was sent."""
        deadline_s = time.monotonic() + 2
        while time.monotonic() < deadline_s:
            text = self._observer.execute("INFO", "clients").decode()
            if int(text.partition("blocked_clients:")[2].split()[0]) == count:
                return True
        return False

    def replies(
        self, who: int, request: list[bytes], getting: list[int]
    ) -> list[tuple[int, object]]:
        """The replies to those who are expected to get one."""
        self._clients[who].send(encode_request(request))
        return [(client, self._clients[client].read_reply()) for client in getting]


def _comparable(replies: list[tuple[int, object]], request: list[bytes]) -> object:
    is_pending_list = request[0] == b"XPENDING" and len(request) > 3
    forms = [(who, _masked(reply)) for who, reply in replies]
    if is_pending_list and isinstance(forms[0][1], list):
        return [[entry_id, name, deliveries] for entry_id, name, _, deliveries in forms[0][1]]
    return forms


def _masked(reply: object, name: object = None) -> object:
    """A reply without what differs from run to run."""
    match reply:
        case ReplyError():
            return str(reply)
        case dict():
            return {key: _masked(value, key) for key, value in reply.items()}
        case list():
            names = [None, *reply]  # In RESP2 a value stands behind its name.
            return [_masked(value, before) for value, before in zip(reply, names, strict=False)]
        case int() if reply > 10**11 and reply < 10**13:
            return "a moment"
    return "?" if isinstance(name, bytes) and name in CHANGING else reply

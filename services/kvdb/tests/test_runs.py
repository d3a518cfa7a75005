"""Runs, requests of one kind that arrive together: served as one, as if they were served singly."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.resp import ReplyError, encode_reply, encode_request
from services.common.resp_runs import Run
from services.kvdb.engine import Engine
from services.kvdb.errors import DISK_REFUSES
from services.kvdb.snapshot import encode_snapshot
from services.kvdb.tests.serving import serving
from services.kvdb.tests.support import Console, HandClock, new_engine

Request = list[bytes]


def data_of(engine: Engine) -> bytes:
    return b"".join(encode_snapshot(engine.keyspace.databases, 0, 0))


def run_of(requests: list[Request]) -> Run:
    columns = list(zip(*requests, strict=True))[1:]
    return Run(requests[0][0], columns, b"".join(map(encode_request, requests)), len(requests))


def run(engine: Engine, client, requests: list[Request]) -> list[object]:
    """As a session does it: as a run as far as it goes, then one by one."""
    dispatcher = engine.dispatcher
    replies = dispatcher.execute_run(client, run_of(requests))
    rest = [dispatcher.execute(client, request) for request in requests[len(replies) :]]
    return [encode_reply(reply) for reply in (*replies, *rest)]


def opened(directory: Path, clock: HandClock) -> Engine:
    engine = new_engine(data_dir=str(directory), append_only=True, clock=clock)
    engine.persistence.open(engine)
    engine.settings_changed()
    return engine


def reopened(engine: Engine, directory: Path, clock: HandClock) -> Engine:
    """Another engine, from what the first one has written."""
    assert engine.journal.flush()
    assert engine.persistence.close()
    return opened(directory, clock)


KEYS = st.sampled_from([b"a", b"b", b"c"])
WORDS = st.sampled_from([b"1", b"7", b"x", b"abc", b"-3", b"NX", b"*", b"GET", b"", b"y" * 2000])
SHAPES = {
    b"GET": 1,
    b"SET": 2,
    b"INCR": 1,
    b"DECR": 1,
    b"INCRBY": 2,
    b"APPEND": 2,
    b"GETDEL": 1,
    b"LPUSH": 2,
    b"RPUSH": 3,
    b"LPOP": 1,
    b"SADD": 2,
    b"SPOP": 1,
    b"HSET": 3,
    b"HINCRBY": 3,
    b"XADD": 4,
    b"ZADD": 3,
    b"ZINCRBY": 3,
    b"MGET": 2,
    b"MSET": 4,
    b"DEL": 1,
    b"EXPIRE": 2,
    b"nonsense": 1,
    b"STRLEN": 2,
}


@st.composite
def runs(draw) -> list[Request]:
    name = draw(st.sampled_from(sorted(SHAPES)))
    requests = []
    for _ in range(draw(st.integers(1, 8))):
        words = draw(st.lists(WORDS, min_size=SHAPES[name] - 1, max_size=SHAPES[name] - 1))
        requests.append([name, draw(KEYS), *words])
    return requests


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(runs(), max_size=6))
def test_runs_and_single_requests_do_the_same(all_runs: list[list[Request]]) -> None:
    together, singly = new_engine(clock=HandClock()), new_engine(clock=HandClock())
    clients = together.clients.connect(), singly.clients.connect()
    for requests in all_runs:
        if requests[0][0] == b"SPOP":
            continue  # Takes what it likes.
        one_by_one = [singly.dispatcher.execute(clients[1], request) for request in requests]
        assert run(together, clients[0], requests) == [encode_reply(it) for it in one_by_one]
        assert data_of(together) == data_of(singly)
    assert together.keyspace.used_bytes == singly.keyspace.used_bytes
    counted = [
        {it.name: (it.calls, it.failed, it.rejected) for it in engine.dispatcher.commands.values()}
        for engine in (together, singly)
    ]
    assert counted[0] == counted[1]


@settings(max_examples=20, deadline=None)
@given(st.lists(runs(), max_size=6))
def test_what_runs_have_written_comes_back(tmp_path_factory, all_runs: list) -> None:
    directory, clock = tmp_path_factory.mktemp("data"), HandClock()
    engine = opened(directory, clock)
    client = engine.clients.connect()
    for number, requests in enumerate(all_runs):
        run(engine, client, requests)
        clock.advance(number % 2)  # Within the turn, or from one to the next.
        if number % 3 == 0:
            engine.journal.flush()
    before = data_of(engine)
    again = reopened(engine, directory, clock)
    assert data_of(again) == before
    assert again.persistence.close()


def test_what_has_an_effect_of_its_own_is_written_as_that(tmp_path: Path) -> None:
    clock = HandClock()
    engine = opened(tmp_path, clock)
    client = engine.clients.connect()
    run(engine, client, [[b"SADD", b"set", b"%d" % number] for number in range(100)])
    run(engine, client, [[b"SPOP", b"set"]] * 30)
    run(engine, client, [[b"XADD", b"s", b"MAXLEN", b"~", b"5", b"*", b"f", b"v"]] * 300)
    members = set(engine.keyspace.databases[0].table[b"set"])
    length = len(engine.keyspace.databases[0].table[b"s"])
    again = reopened(engine, tmp_path, clock)
    assert set(again.keyspace.databases[0].table[b"set"]) == members
    assert len(members) == 70
    assert len(again.keyspace.databases[0].table[b"s"]) == length
    assert again.persistence.close()


def test_the_clock_that_goes_on_within_a_turn_is_written(tmp_path: Path) -> None:
    clock = HandClock()
    engine = opened(tmp_path, clock)
    client = engine.clients.connect()
    execute = engine.dispatcher.execute
    execute(client, [b"SET", b"count", b"41", b"PX", b"10"])
    clock.advance(1)
    assert execute(client, [b"INCR", b"count"]) == 1
    again = reopened(engine, tmp_path, clock)
    assert again.keyspace.databases[0].table == {b"count": b"1"}
    assert again.persistence.close()


def test_a_run_stops_at_a_large_reply() -> None:
    engine = new_engine()
    client = engine.clients.connect()
    engine.dispatcher.execute(client, [b"SET", b"a", b"x" * 5000])
    requests = [[b"GET", b"a"]] * 9
    assert engine.dispatcher.execute_run(client, run_of(requests)) == [b"x" * 5000]


def test_no_run_is_served_while_the_disk_refuses(tmp_path: Path) -> None:
    engine = opened(tmp_path, HandClock())
    client = engine.clients.connect()
    engine.journal.is_refusing = True
    replies = run(engine, client, [[b"SET", b"a", b"b"]] * 6)
    assert replies == [encode_reply(ReplyError(DISK_REFUSES))] * 6
    assert not engine.keyspace.dirty


@pytest.mark.parametrize("guard", ["MULTI", "CLIENT REPLY OFF"])
def test_a_client_that_is_guarded_has_no_runs(guard: str) -> None:
    engine = new_engine()
    client = engine.clients.connect()
    engine.dispatcher.execute(client, guard.encode().split())
    assert engine.dispatcher.execute_run(client, run_of([[b"SET", b"a", b"b"]] * 9)) == []


def test_a_pipeline_is_answered_in_order_and_wakes_who_waits() -> None:
    pushes = [[b"RPUSH", b"queue", b"%d" % number] for number in range(9)]
    counts = [[b"INCR", b"count"]] * 3 + [[b"INCR", b"queue"]] + [[b"INCR", b"count"]] * 3
    with serving() as server:
        waiting = server.client()
        waiting.send(encode_request(["BLPOP", "queue", "0"]))
        server.wait_until(lambda: server.engine.blocking.waits)
        client = server.client()
        client.send(b"".join(map(encode_request, pushes + counts)))
        assert [client.read_reply() for _ in pushes] == [1, *range(1, 9)]
        replies = [client.read_reply() for _ in counts]
        assert replies[:3] + replies[4:] == [1, 2, 3, 4, 5, 6]
        assert str(replies[3]).startswith("WRONGTYPE")
        assert waiting.read_reply() == [b"queue", b"0"]
        waiting.close()
        client.close()


JOINT = [b"LPUSH key x", b"RPUSH key x", b"XADD key * f v", b"XADD key * f v g w"]


@pytest.mark.parametrize("request_", JOINT)
@pytest.mark.parametrize(
    "before",
    [
        [],
        [b"SET key x"],
        [b"LPUSH key x y"],
        [b"XADD key 1-1 f v"],
        [b"XADD key 99999999999999-18446744073709551613 f v"],
        [b"XADD key 18446744073709551615-18446744073709551613 f v"],
        [b"XADD key 18446744073709551615-18446744073709551615 f v"],
    ],
)
def test_a_run_on_one_key_does_what_its_requests_do(request_: bytes, before: list[bytes]) -> None:
    """Those that are served jointly, and for each reason why they cannot be."""
    together, singly = (new_engine(clock=HandClock()) for _ in range(2))
    one, other = together.clients.connect(), singly.clients.connect()
    for words in before:
        for client in (one, other):
            client.engine.dispatcher.execute(client, words.split())
    for client in (one, other):
        client.engine.dispatcher.execute(client, [b"WATCH", b"key"])
    requests = [request_.split() for _ in range(7)]
    expected = [singly.dispatcher.execute(other, list(words)) for words in requests]
    assert run(together, one, requests) == [encode_reply(reply) for reply in expected]
    assert data_of(together) == data_of(singly)
    assert together.keyspace.dirty == singly.keyspace.dirty
    assert together.keyspace.used_bytes == singly.keyspace.used_bytes
    uses = [engine.keyspace.uses.recent.count(b"key") for engine in (together, singly)]
    assert uses[0] - uses[1] in (0, 1)  # A look for nothing, where the IDs come to their end.
    assert one.transaction.is_stale == other.transaction.is_stale


def test_a_run_on_several_keys_is_served_one_by_one() -> None:
    engine = new_engine()
    client = engine.clients.connect()
    for words in JOINT:
        name, _, *others = words.split()
        keys = [b"%b%d" % (words[:8], number % 2) for number in range(6)]
        run(engine, client, [[name, key, *others] for key in keys])
        lengths = {len(client.database.table[key]) for key in keys}
        assert lengths <= {3, 6}  # Both XADDs go to the same keys.


LOWEST, HIGHEST = b"-9223372036854775808", b"9223372036854775807"
STATES = {
    "strings": [b"SET a 5", b"SET b 9999", b"SET c 10000"],
    "missing keys": [b"SET a 41"],
    "negative numbers": [b"SET a -1", b"SET b -9999", b"SET c 0"],
    "the last numbers": [b"SET a " + LOWEST, b"SET b " + HIGHEST, b"SET c 12345678901234567"],
    "no numbers": [b"SET a 1", b"SET b 01", b"SET c -0"],
    "long strings": [b"SET a 1", b"SET b " + b"x" * 900, b"SET c " + b"y" * 9000],
    "other forms": [b"SET a 1", b"APPEND b 7", b"MEMCACHED STORE c 1 0 0 -1"],
    "other types": [b"SET a 1", b"RPUSH b x", b"SADD c y"],
    "an expiry": [b"SET a 1", b"SET b 2 PX 5", b"SET c 3 EX 5"],
    "who watches": [b"SET a 1", b"SET b 2", b"WATCH b"],
    "notifications": [b"SET a 1", b"CONFIG SET notify-keyspace-events KEA"],
}
ORDERS = [b"abcabcabc", b"aaaaaaa", b"bbbbb", b"aaaaacaab"]


@pytest.mark.parametrize("name", [b"GET", b"SET", b"INCR", b"DECR"])
@pytest.mark.parametrize("state", STATES)
def test_a_run_on_strings_does_what_its_requests_do(state: str, name: bytes) -> None:
    together, singly = (Console(), Console())
    for console in (together, singly):
        console.heard = []
        for words in STATES[state]:
            assert "syntax" not in str(console(*words.split()))
        console.clock.advance(0.01)
        if state == "notifications":
            console.engine.keyspace.observer = lambda *change, it=console: it.heard.append(
                (change[0].index, *change[1:])
            )
    for order in ORDERS:
        words = [b"7"] if name == b"SET" else []
        requests = [[name, bytes([letter]), *words] for letter in order]
        expected = [
            encode_reply(singly.engine.dispatcher.execute(singly.client, list(request)))
            for request in requests
        ]
        assert run(together.engine, together.client, requests) == expected
        assert figures_of(together) == figures_of(singly)
    assert together.heard == singly.heard


def figures_of(console: Console) -> dict[str, object]:
    keyspace, client = console.engine.keyspace, console.client
    return {
        "data": data_of(console.engine),
        "size": keyspace.used_bytes,
        "changes": keyspace.dirty,
        "hits": (client.database.hits, client.database.misses),
        "uses": list(keyspace.uses.recent),
        "stale": client.transaction.is_stale,
        "failed": console.engine.dispatcher.errors,
    }


@pytest.mark.parametrize("name", [b"GET", b"SET", b"INCR", b"DECR"])
def test_usual_strings_are_served_jointly(name: bytes) -> None:
    """Else the test above would say nothing."""
    console = Console()
    requests = [[name, b"%d" % key, *([b"7"] if name == b"SET" else [])] for key in range(9)]
    handler = console.engine.dispatcher.commands[name].joint_handler
    assert len(handler(console.client, run_of(requests))) == 9


def test_small_numbers_are_the_same_objects() -> None:
    console = Console()
    for key in ("one", "other"):
        console("SET", key, 9998)
        console("INCR", key)
    table = console.client.database.table
    assert table[b"one"] is table[b"other"]
    assert console("OBJECT", "REFCOUNT", "one") == 2**31 - 1
    console("INCR", "one")
    assert console("OBJECT", "REFCOUNT", "one") == 1
    console("SET", "one", -1)
    assert console("INCR", "one") == 0
    assert console("OBJECT", "REFCOUNT", "one") == 2**31 - 1
    assert console("OBJECT", "REFCOUNT", "none") is None


@pytest.mark.parametrize(
    "request_",
    [
        b"LPUSH key a bb ccc",
        b"RPUSH key a",
        b"ZADD key 1 a 2 bb",
        b"XADD key * f v g w",
        b"XADD key MAXLEN 3 * f v",
        b"SADD key a bb",
        b"HSET key f v",
    ],
)
def test_what_a_value_is_accounted_for_is_its_size(request_: bytes) -> None:
    engine = new_engine()
    client = engine.clients.connect()
    for number in range(300):
        run(engine, client, [[*request_.split(), b"x%d" % number, b"1"]] * 2)
        run(engine, client, [request_.split()] * 6)
    value = client.database.table[b"key"]
    assert value.accounted_bytes == value.size_bytes
    run(engine, client, [[b"DEL", b"key"]])
    assert engine.keyspace.used_bytes == 0

"""Fields of hashes that expire: against a simple model, through every way to keep them, and with
redis-py. What each command answers is in `golden/hash_expiry.txt`."""

import itertools
import tempfile
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kvdb.expiry import PAGE_KEYS, ExpiryCycle
from services.kvdb.field_times import FieldTimes
from services.kvdb.hashes import HashValue
from services.kvdb.keyspace import Keyspace
from services.kvdb.rdb_value import encode_payload
from services.kvdb.tests.serving import serving
from services.kvdb.tests.support import Console, HandClock, new_engine
from services.kvdb.tests.test_notifications import Listener

FIELDS = ["a", "b", "c", "d"]
KEYS = ["h", "g"]
TICK_MS = 125
"""An eighth of a second, so that adding seconds up is exact."""

# The times of one hash.


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 50) | st.none())))
def test_the_heap_gives_what_is_due_in_order(changes: list) -> None:
    times, model = FieldTimes(), {}
    for field, at_ms in changes:
        if at_ms is None:
            assert times.forget(field.encode()) == (model.pop(field.encode(), None) is not None)
        else:
            times.put(field.encode(), at_ms)
            model[field.encode()] = at_ms
    for now_ms in range(0, 60, 10):
        due = {field for field, at_ms in model.items() if at_ms <= now_ms}
        assert not due or times.is_due(now_ms)
        assert set(times.pop_due(now_ms, limit=100)) == due
        for field in due:
            del model[field]
    assert not times


def test_changing_a_time_again_and_again_takes_no_memory() -> None:
    times = FieldTimes()
    for number in range(10_000):
        times.put(b"field", number)
    assert len(times._order) < 100


# Against a model.

field = st.sampled_from(FIELDS)
step = st.one_of(
    st.tuples(st.just("wait"), st.integers(0, 30), st.just(0), st.just(0)),
    st.tuples(st.sampled_from(["set", "expire"]), st.sampled_from(KEYS), field, st.integers(1, 40)),
    st.tuples(
        st.sampled_from(["count", "persist", "delete", "take", "look", "move", "copy"]),
        st.sampled_from(KEYS),
        field,
        st.just(0),
    ),
    st.tuples(st.just("cycle"), st.just(0), st.just(0), st.just(0)),
)


class Model:
    """Hashes as anybody would write them down: field ─▶ value, moment or None."""

    def __init__(self) -> None:
        self.now = 0
        self.hashes: dict[str, dict[str, tuple[str, int | None]]] = {key: {} for key in KEYS}

    def live(self, key: str) -> dict[str, tuple[str, int | None]]:
        fields = self.hashes[key]
        for name in [it for it, (_, at) in fields.items() if at is not None and at <= self.now]:
            del fields[name]
        return fields


def take_step(console: Console, model: Model, what: str, key: str, name: str, number: int) -> None:
    """One change, here and in the model, with the replies compared."""
    if what == "wait":
        model.now += key * TICK_MS
        console.clock.advance(key * TICK_MS / 1000)
        return
    if what == "cycle":
        console.engine.expiry.run()
        return
    fields = model.live(key)
    old = fields.get(name)
    match what:
        case "set":
            fields[name] = (str(number), None)
            assert console("HSET", key, name, number) == (old is None)
        case "expire":
            if old:
                fields[name] = (old[0], model.now + number * TICK_MS)
            reply = console("HPEXPIRE", key, number * TICK_MS, "FIELDS", 1, name)
            assert reply == [1 if old else -2]
        case "count":
            fields[name] = (str(int(old[0]) + 1 if old else 1), old[1] if old else None)
            assert console("HINCRBY", key, name, 1) == int(fields[name][0])
        case "persist":
            expected = -2 if not old else -1 if old[1] is None else 1
            if old:
                fields[name] = (old[0], None)
            assert console("HPERSIST", key, "FIELDS", 1, name) == [expected]
        case "delete":
            fields.pop(name, None)
            assert console("HDEL", key, name) == (old is not None)
        case "take":
            fields.pop(name, None)
            reply = console("HGETDEL", key, "FIELDS", 1, name)
            assert reply == [old[0].encode() if old else None]
        case "look":
            assert console("HGET", key, name) == (old[0].encode() if old else None)
        case "move" | "copy":
            # Until it has been looked at, a hash whose fields are all due is still there.
            console("HLEN", key)
            if fields:
                other = KEYS[1 - KEYS.index(key)]
                model.hashes[other] = dict(fields)
                if what == "move":
                    model.hashes[key] = {}
                    assert console("RENAME", key, other) == "OK"
                else:
                    assert console("COPY", key, other, "REPLACE") == 1


def state_of(console: Console) -> dict[str, dict]:
    """What can be seen of the hashes, through each command that shows it."""
    seen = {}
    for key in KEYS:
        contents = dict(console("HGETALL", key))
        assert console("HLEN", key) == len(contents)
        assert set(console("HKEYS", key)) == set(console("HRANDFIELD", key, 10)) == set(contents)
        scanned = console("HSCAN", key, 0)[1]
        assert dict(zip(scanned[::2], scanned[1::2], strict=True)) == contents
        for name in FIELDS:
            assert console("HEXISTS", key, name) == (name.encode() in contents)
            assert console("HSTRLEN", key, name) == len(contents.get(name.encode(), b""))
        times = console("HPEXPIRETIME", key, "FIELDS", len(FIELDS), *FIELDS)
        times = dict(zip(FIELDS, times, strict=True))
        seen[key] = {
            name.decode(): (value.decode(), times[name.decode()])
            for name, value in contents.items()
        }
        assert console("EXISTS", key) == bool(contents)
        if contents:
            value = console.engine.keyspace.databases[0].table[key.encode()]
            assert value.size_bytes == value.copy().size_bytes == value.accounted_bytes
    return seen


def as_seen(model: Model, base_ms: int) -> dict[str, dict]:
    return {
        key: {
            name: (value, -1 if at is None else base_ms + at)
            for name, (value, at) in model.live(key).items()
        }
        for key in KEYS
    }


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(step, max_size=40))
def test_hashes_do_as_the_model_does(steps: list) -> None:
    console, model = Console(), Model()
    base_ms = console.clock.now_ms
    for one in steps:
        take_step(console, model, *one)
        assert state_of(console) == as_seen(model, base_ms)
    used = console.engine.keyspace.used_bytes
    assert used == console.engine.keyspace.databases[0]._accounted_bytes()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(step, max_size=30), st.booleans())
def test_the_append_only_file_and_the_snapshot_keep_them(steps: list, saves: bool) -> None:
    """Also where the cycle, or somebody who only reads, is the first to find a hash gone."""
    with tempfile.TemporaryDirectory() as directory:
        clock = HandClock()
        console, model = Console(opened(directory, clock)), Model()
        console.clock = clock
        base_ms = clock.now_ms
        for one in steps:
            take_step(console, model, *one)
            key = KEYS[0]
            if console("EXISTS", key) == 0:  # A list in its place: a replay must find room for it.
                console("LPUSH", key, 1)
                console("DEL", key)
            console.engine.journal.flush()  # The end of a turn.
        if saves:
            assert console("SAVE") == "OK"
        console.engine.persistence.close(saves=False)
        again = Console(opened(directory, clock))
        assert state_of(again) == as_seen(model, base_ms)
        again.engine.persistence.close(saves=False)


def opened(directory: str, clock: HandClock):
    engine = new_engine(clock=clock, data_dir=directory, append_only=True)
    engine.persistence.open(engine)
    return engine


def test_reading_the_last_of_a_hash_is_written_down(tmp_path: Path) -> None:
    clock = HandClock()
    console = Console(opened(str(tmp_path), clock))
    console("HSETEX", "h", "PX", 10, "FIELDS", 1, "a", 1)
    clock.advance(1)
    assert console("HGET", "h", "a") is None
    assert console("RPUSH", "h", "now a list") == 1
    console.engine.persistence.close(saves=False)
    again = Console(opened(str(tmp_path), clock))
    assert again("LRANGE", "h", 0, -1) == [b"now a list"]
    again.engine.persistence.close(saves=False)


def test_a_hash_that_is_gone_leaves_nothing_behind() -> None:
    console = Console()
    keyspace = console.engine.keyspace
    for number in range(100):
        console("HSETEX", f"h{number}", "EX", "100", "FIELDS", "1", "f", "v")
    assert len(keyspace.databases[0].timed) == 100
    for number in range(100):
        console("DEL", f"h{number}")
    assert not keyspace.databases[0].timed
    assert keyspace.used_bytes == 0


# The cycle.


def timed_keyspace(hashes: int, fields: int) -> Keyspace:
    clock = HandClock()
    keyspace = Keyspace(clock)
    for number in range(hashes):
        value = HashValue()
        for name in range(fields):
            value.put(b"%d" % name, b"x")
            value.expire(b"%d" % name, clock.now_ms + 1000)
        keyspace.databases[2].set(b"h%d" % number, value)
    clock.advance(2)
    return keyspace


def test_the_cycle_removes_what_nobody_asks_for() -> None:
    keyspace = timed_keyspace(hashes=50, fields=3 * PAGE_KEYS + 1)
    cycle = ExpiryCycle(keyspace, itertools.repeat(0.0).__next__)
    for _ in range(3):
        cycle.run()
    database = keyspace.databases[2]
    assert (len(database), len(database.timed)) == (0, 0)
    assert keyspace.expired_fields_total == 50 * (3 * PAGE_KEYS + 1)
    assert keyspace.used_bytes == 0


def test_one_large_hash_does_not_take_more_than_the_share_of_time() -> None:
    keyspace = timed_keyspace(hashes=1, fields=1000)
    seconds = itertools.count()  # Each look at the timer takes a second.
    cycle = ExpiryCycle(keyspace, lambda: next(seconds))
    cycle.run(share_s=10)
    removed = keyspace.expired_fields_total
    assert 0 < removed <= 10 * PAGE_KEYS
    while len(keyspace.databases[2]):
        cycle.run(share_s=10)
        assert keyspace.expired_fields_total > removed
        removed = keyspace.expired_fields_total


def test_the_cycle_forgets_keys_that_are_no_such_hashes_any_more() -> None:
    console = Console()
    for key in ("h", "g", "i"):
        console("HSETEX", key, "EX", 1000, "FIELDS", 1, "a", 1)
    console("DEL", "h")
    console("SET", "g", 1)
    console.engine.expiry.run()
    assert list(console.engine.keyspace.databases[0].timed) == [b"i"]


def test_during_a_pause_what_is_due_is_hidden_and_stays() -> None:
    console = Console()
    console("HSETEX", "h", "PX", 10, "FIELDS", 2, "a", 1, "b", 2)
    console("HPERSIST", "h", "FIELDS", 1, "b")
    console.engine.keyspace.keeps_expired = True
    console.clock.advance(1)
    assert console("HGETALL", "h") == {b"b": b"2"}
    assert len(console.engine.keyspace.databases[0].table[b"h"]) == 2


# Others who look.


def test_sort_does_not_see_a_field_that_is_due() -> None:
    console = Console()
    console("RPUSH", "l", 1, 2)
    console("HSET", "w1", "weight", 9, "name", "x")
    console("HSET", "w2", "weight", 5, "name", "y")
    assert console("SORT", "l", "BY", "w*->weight") == [b"2", b"1"]
    console("HPEXPIRE", "w1", 10, "FIELDS", 2, "weight", "name")
    console.clock.advance(1)
    assert console("SORT", "l", "BY", "w*->weight", "GET", "w*->name") == [None, b"y"]


def test_watch_notices_that_a_field_has_expired() -> None:
    console = Console()
    console("HSET", "h", "a", 1, "b", 2)
    console("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
    console("WATCH", "h")
    console.clock.advance(1)
    console.engine.tick()
    console("MULTI")
    console("HGET", "h", "b")
    assert console("EXEC") is not None
    assert console("HGETALL", "h") == {b"b": b"2"}


def test_dump_and_restore_keep_the_moments() -> None:
    console = Console()
    console("HSET", "h", "a", 1, "b", 2, "c", 3)
    console("HPEXPIRE", "h", 500, "FIELDS", 1, "a")
    console("HPEXPIRE", "h", 900, "FIELDS", 1, "b")
    payload = console("DUMP", "h")
    console.clock.advance(0.2)
    assert console("RESTORE", "r", 0, payload) == "OK"
    assert console("HPTTL", "r", "FIELDS", 3, "a", "b", "c") == [300, 700, -1]
    assert console("DEBUG", "DIGEST-VALUE", "h") == console("DEBUG", "DIGEST-VALUE", "r")
    console.clock.advance(0.3)
    console.engine.expiry.run()  # It knows of the restored one, too.
    assert len(console.engine.keyspace.databases[0].table[b"r"]) == 2


def test_the_payload_of_redis() -> None:
    """Type, earliest moment, count; for each field its delay (0 for never, else plus 1)."""
    value = HashValue()
    for name in (b"k", b"t", b"u"):
        value.put(name, b"v")
    value.expire(b"u", 1_700_000_000_100)
    value.expire(b"t", 1_700_000_000_000)
    moment = (1_700_000_000_000).to_bytes(8, "little")
    fields = b"\x00\x01k\x01v" + b"\x01\x01t\x01v" + b"\x40\x65\x01u\x01v"
    expected = b"\x18" + moment + b"\x03" + fields + (12).to_bytes(2, "little")
    assert encode_payload(value)[:-8] == expected


def test_the_events_of_a_field_that_expires() -> None:
    console = Console(notify_keyspace_events="AE")
    listener = Listener(console, "*")
    for finds in (lambda: console("HGET", "h", "a"), console.engine.tick):
        console("HSET", "h", "a", 1, "b", 2)
        console("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
        console("HPEXPIRE", "h", 2000, "FIELDS", 1, "b")
        listener.heard()
        console.clock.advance(1)
        finds()
        assert listener.events() == "hexpired h"
        console.clock.advance(2)
        finds()
        assert listener.events() == "hexpired h, del h"


# redis-py.


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(protocol: int) -> None:
    with serving() as running:
        client = redis.Redis(port=running.port, protocol=protocol, decode_responses=True)
        client.hset("h", mapping={"a": 1, "b": 2, "c": 3})
        assert client.hexpire("h", 100, "a", "b", "x") == [1, 1, -2]
        assert client.hpexpire("h", 5000, "c", nx=True) == [1]
        assert client.httl("h", "a", "x") == [100, -2]
        assert 0 < client.hpttl("h", "c")[0] <= 5000
        at_s = client.hexpiretime("h", "a")[0]
        assert client.hexpireat("h", at_s + 100, "a", gt=True) == [1]
        assert client.hpexpireat("h", (at_s + 50) * 1000, "a", gt=True) == [0]
        assert client.hpexpiretime("h", "a")[0] == pytest.approx((at_s + 100) * 1000, abs=1000)
        assert client.hpersist("h", "a", "a", "x") == [1, -1, -2]
        assert client.hgetex("h", "a", "x", ex=10) == ["1", None]
        assert client.hgetex("h", "a", persist=True) == ["1"]
        assert client.hgetdel("h", "a", "a") == ["1", None]
        both = {"d": "4", "e": "5"}
        option = redis.commands.core.HashDataPersistOptions.FNX
        assert client.hsetex("h", mapping=both, px=60_000, data_persist_option=option) == 1
        assert client.hsetex("h", mapping=both, data_persist_option=option) == 0
        assert client.hsetex("h", "d", "6", keepttl=True) == 1
        assert client.httl("h", "d") == [60]
        assert client.hpexpire("h", 1, "d", "e") == [1, 1]
        running.wait_until(lambda: running.engine.keyspace.expired_fields_total == 2)
        assert client.hgetall("h") == {"b": "2", "c": "3"}
        client.close()

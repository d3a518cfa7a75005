"""The two doors of the keyspace: expiry and change; and that memory is counted right."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kvdb import memory
from services.kvdb.database import Database
from services.kvdb.keyspace import Keyspace
from services.kvdb.lists import ListValue
from services.kvdb.strings import RawString
from services.kvdb.tests.grammar import commands_in_transactions
from services.kvdb.tests.support import Console, HandClock


def weighed(database: Database) -> int:
    """What a database takes, added up from nothing."""
    keys = sum(memory.KEY_BYTES + len(key) for key in database.table)
    values = sum(map(memory.size_of, database.table.values()))
    return keys + values + memory.EXPIRY_BYTES * len(database.expires)


def check(keyspace: Keyspace) -> None:
    places = keyspace.uses.size_bytes
    assert keyspace.used_bytes == sum(map(weighed, keyspace.databases)) + places
    for database in keyspace.databases:
        assert set(database.expires) <= set(database.table)
        for value in database.table.values():
            assert isinstance(value, bytes | RawString) or value


steps = st.one_of(
    commands_in_transactions,
    st.sampled_from([0.5, 150000.0]),
    st.sampled_from([[b"CONFIG", b"SET", b"maxmemory", size] for size in (b"0", b"3000", b"1mb")]),
    st.sampled_from(
        [
            [b"CONFIG", b"SET", b"maxmemory-policy", policy]
            for policy in (
                b"allkeys-lru",
                b"volatile-lru",
                b"volatile-ttl",
                b"allkeys-random",
                b"volatile-random",
                b"noeviction",
            )
        ]
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, max_size=30))
def test_memory_is_counted_right_whatever_happens(script: list) -> None:
    """After each command: the count is that of a fresh weighing, and nothing empty is kept."""
    console = Console()
    for step in script:
        if isinstance(step, float):
            console.clock.advance(step)
            console.engine.expiry.run()
        else:
            console(*step)
            if console.client.blocked:
                console.engine.blocking.forget(console.client)
        check(console.engine.keyspace)
        limit = console.engine.settings.maxmemory
        if limit and console.engine.settings.maxmemory_policy.startswith("allkeys"):
            assert console.engine.keyspace.used_bytes <= limit
    console("DISCARD")
    console("CONFIG", "SET", "maxmemory", 0)
    console("FLUSHALL")
    assert console.engine.keyspace.used_bytes == 0


def test_what_has_expired_is_gone_for_every_way_of_asking() -> None:
    clock = HandClock()
    database = Keyspace(clock).databases[0]
    for ask in (database.read, database.modify, database.peek, database.delete):
        database.set(b"key", b"value")
        database.expire_at(b"key", clock.now_ms + 1000)
        clock.advance(0.999)
        assert database.peek(b"key") == b"value"
        clock.advance(0.001)
        assert not ask(b"key")
        assert len(database) == len(database.expires) == 0
    assert database.keyspace.expired_total == 4


def test_setting_forgets_an_expiry_and_replacing_keeps_it() -> None:
    database = Keyspace(HandClock()).databases[0]
    database.set(b"key", b"1")
    database.expire_at(b"key", 2_000_000_000)
    database.replace(b"key", b"2")
    assert database.expires_at_ms(b"key") == 2_000_000_000
    database.set(b"key", b"3")
    assert database.expires_at_ms(b"key") is None


def test_an_empty_container_is_deleted_by_the_door_of_change() -> None:
    database = Keyspace(HandClock()).databases[0]
    value = database.create_as(ListValue, b"list")
    value.push(b"RIGHT", [b"x"])
    database.changed(b"list")
    value.pop_from(b"RIGHT")
    database.changed(b"list")
    assert database.peek(b"list") is None
    assert database.keyspace.used_bytes == 0


def test_hits_and_misses_count_reading_only() -> None:
    console = Console()
    console("SET", "a", 1)
    for command in (("GET", "a"), ("GET", "b"), ("TTL", "a"), ("TYPE", "b"), ("INCR", "a")):
        console(*command)
    keyspace = console.engine.keyspace
    assert (keyspace.hits_total, keyspace.misses_total) == (1, 1)


def test_changes_are_counted_and_reading_is_none() -> None:
    console = Console()
    for command, is_change in [
        (("SET", "a", 1), True),
        (("GET", "a"), False),
        (("EXPIRE", "a", 10), True),
        (("DEL", "nothing"), False),
        (("SADD", "s", "x"), True),
        (("SADD", "s", "x"), False),
        (("SREM", "s", "y"), False),
        (("HDEL", "h", "y"), False),
        (("ZADD", "z", 1, "a"), True),
        (("ZADD", "z", 1, "a"), False),
        (("LPUSHX", "l", "a"), False),
        (("PERSIST", "a"), True),
        (("PERSIST", "a"), False),
    ]:
        before = console.engine.keyspace.dirty
        console(*command)
        assert (console.engine.keyspace.dirty > before) == is_change, command


def test_each_key_of_mset_is_one_change() -> None:
    console = Console()
    for _ in range(2):  # New keys, and the same again.
        dirty = console.engine.keyspace.dirty
        console("MSET", "a", "1", "b", "2", "c", "3")
        assert console.engine.keyspace.dirty == dirty + 3

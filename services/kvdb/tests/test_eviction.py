"""The memory limit: never passed, and the least recently used keys go first."""

import random

import pytest

from services.kvdb.tests.support import Console

OOM = "OOM command not allowed when used memory > 'maxmemory'."
LIMIT = 100_000


def console_with(policy: str, limit: int = LIMIT) -> Console:
    return Console(maxmemory=limit, maxmemory_policy=policy)


def pass_time(console: Console, seconds: float) -> None:
    """As the server does it: what has been used is written down ten times a second."""
    console.engine.keyspace.settle_uses()
    console.clock.advance(seconds)


def fill(console: Console, count: int, size: int = 100) -> None:
    for number in range(count):
        pass_time(console, 0.1)
        assert console("SET", f"key:{number}", "x" * size) == "OK"


def kept(console: Console) -> set[bytes]:
    return set(console("KEYS", "*"))


def test_the_limit_holds_after_every_write() -> None:
    console = console_with("allkeys-lru")
    for number in range(3000):
        pass_time(console, 0.1)
        assert console("SET", f"key:{number}", "x" * (number % 500)) == "OK"
        assert console.engine.keyspace.used_bytes <= LIMIT
    assert console.engine.keyspace.evicted_total > 1000
    assert b"key:2999" in kept(console)


def test_with_few_large_values_the_order_is_exact() -> None:
    console = console_with("allkeys-lru")
    fill(console, 9, size=10_000)
    assert console("GET", "key:0") is not None
    pass_time(console, 1)
    console("SET", "new", "x" * 15_000)
    assert b"key:0" in kept(console)
    assert b"key:1" not in kept(console)
    assert b"key:8" in kept(console)


def test_what_is_used_stays() -> None:
    """Fifty keys are read all the time; a thousand others pass through."""
    console = console_with("allkeys-lru")
    fill(console, 250)
    hot = [f"key:{number}" for number in range(200, 250)]
    for number in range(1000):
        pass_time(console, 0.1)
        console("GET", random.choice(hot))
        console("GET", hot[number % 50])
        console("SET", f"other:{number}", "x" * 100)
    survivors = sum(key.encode() in kept(console) for key in hot)
    assert survivors >= 40


@pytest.mark.parametrize("policy", ["volatile-lru", "volatile-ttl", "volatile-random"])
def test_volatile_policies_spare_keys_that_do_not_expire(policy: str) -> None:
    console = console_with(policy)
    for number in range(100):
        console("SET", f"forever:{number}", "x" * 100)
        console("SET", f"expiring:{number}", "x" * 100, "EX", 1000 + number)
    for number in range(150):
        assert console("SET", f"more:{number}", "x" * 100) == "OK"
    keys = kept(console)
    assert sum(key.startswith(b"forever") for key in keys) == 100
    assert sum(key.startswith(b"expiring") for key in keys) < 100
    while console("SET", f"last:{random.random()}", "x" * 100) == "OK":
        pass
    assert not console.engine.keyspace.databases[0].expires


def test_volatile_ttl_takes_what_expires_soonest() -> None:
    console = console_with("volatile-ttl")
    for number in range(40):
        console("SET", f"k{number}", "x" * 1500, "EX", 1000 + number)
    console("SET", "room", "x" * 40_000)
    assert b"k39" in kept(console)
    assert b"k0" not in kept(console)


@pytest.mark.parametrize("policy", ["allkeys-random", "allkeys-lru"])
def test_other_databases_are_looked_at_too(policy: str) -> None:
    console = console_with(policy)
    fill(console, 200)
    console("SELECT", 1)
    fill(console, 1000)
    assert console.engine.keyspace.used_bytes <= LIMIT
    assert len(console.engine.keyspace.databases[0]) < 200


def test_noeviction_refuses_what_needs_memory_and_serves_the_rest() -> None:
    console = console_with("noeviction")
    number = 0
    while (reply := console("SET", f"key:{number}", "x" * 1000)) == "OK":
        number += 1
    assert reply == OOM
    assert console.engine.keyspace.used_bytes <= LIMIT
    assert console("GET", "key:0") is not None
    for command in (("LPUSH", "l", "x" * 1000), ("INCRBYFLOAT", "n", "1" * 1000)):
        assert console(*command) == OOM
    assert console("DEL", "key:0") == 1
    assert console("SET", "key:0", "x" * 500) == "OK"
    assert console.engine.keyspace.evicted_total == 0


def test_a_value_larger_than_the_limit_evicts_nothing() -> None:
    console = console_with("allkeys-lru")
    fill(console, 50)
    assert console("SET", "huge", "x" * LIMIT) == OOM
    assert console("DBSIZE") == 50


def test_a_command_that_makes_more_than_it_was_sent_stays_under_the_limit() -> None:
    console = console_with("allkeys-lru")
    fill(console, 50)
    console("SETRANGE", "wide", 2 * LIMIT, "x")
    assert console.engine.keyspace.used_bytes <= LIMIT
    console("RPUSH", "list", *["x" * 50] * 300)
    for number in range(10):
        console("COPY", "list", f"copy:{number}")
        assert console.engine.keyspace.used_bytes <= LIMIT


def test_a_transaction_without_room_is_refused_whole() -> None:
    console = console_with("noeviction")
    while console("SET", f"key:{random.random()}", "x" * 1000) == "OK":
        pass
    console("MULTI")
    assert console("SET", "a", "x" * 1000) == OOM
    assert console("EXEC").startswith("EXECABORT")
    console("CONFIG", "SET", "maxmemory", 0)
    console("MULTI")
    console("SET", "a", "x" * 1000)
    console("CONFIG", "GET", "port")
    other = Console(console.engine)
    other("CONFIG", "SET", "maxmemory", LIMIT)
    assert console("EXEC") == f"EXECABORT Transaction discarded because of: {OOM}"
    assert console("EXISTS", "a") == 0


def test_a_limit_that_is_set_later_holds_at_once() -> None:
    console = Console()
    fill(console, 1000)
    console("CONFIG", "SET", "maxmemory", LIMIT)
    assert console.engine.keyspace.used_bytes <= LIMIT
    console("CONFIG", "SET", "maxmemory", 0)
    fill(console, 1000)
    assert console("DBSIZE") == 1000


# Each policy by its own rule.


def popular_and_others(console: Console, *options: object) -> None:
    """Two hundred keys; the first twenty are read often, and all of them once at the end."""
    for number in range(200):
        console("SET", f"key:{number:03}", "x" * 100, *options)
    for _ in range(50):
        for number in range(20):
            console("GET", f"key:{number:03}")
    pass_time(console, 10)
    for number in reversed(range(200)):
        console("GET", f"key:{number:03}")
        pass_time(console, 0.1)


@pytest.mark.parametrize("policy", ["allkeys-lfu", "volatile-lfu"])
def test_what_is_used_often_stays_although_others_are_used_later(policy: str) -> None:
    console = console_with(policy, limit=200_000)
    popular_and_others(console, "EX", 10_000)
    console("CONFIG", "SET", "maxmemory", 20_000)
    keys = kept(console)
    assert 30 < len(keys) < 60
    assert sum(int(key[4:]) < 20 for key in keys) >= 18


def test_by_the_time_of_use_those_stay_that_were_used_last() -> None:
    console = console_with("allkeys-lru", limit=200_000)
    popular_and_others(console)
    console("CONFIG", "SET", "maxmemory", 20_000)
    numbers = sorted(int(key[4:]) for key in kept(console))
    assert sum(number < 100 for number in numbers) >= 0.9 * len(numbers)


def test_what_is_used_no_more_is_forgotten() -> None:
    console = console_with("allkeys-lfu", limit=200_000)
    popular_and_others(console)
    pass_time(console, 3600)
    console.engine.keyspace.settle_uses()
    for number in range(100, 200):
        console("GET", f"key:{number:03}")
    console("CONFIG", "SET", "maxmemory", 20_000)
    assert sum(int(key[4:]) < 20 for key in kept(console)) <= 1


@pytest.mark.parametrize("policy", ["allkeys-random", "volatile-random"])
def test_at_random_anything_may_go(policy: str) -> None:
    random.seed(7)
    console = console_with(policy, limit=200_000)
    popular_and_others(console, "EX", 10_000)
    console("CONFIG", "SET", "maxmemory", 100_000)
    numbers = [int(key[4:]) for key in kept(console)]
    assert any(number < 20 for number in numbers) and any(number >= 180 for number in numbers)
    assert sum(number < 100 for number in numbers) not in (0, len(numbers))

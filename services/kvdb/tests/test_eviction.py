"""The memory limit: never passed, and the least recently used keys go first."""

import random
import re
import resource
from pathlib import Path

import pytest

from services.kvdb.tests.serving import Process
from services.kvdb.tests.support import Console

OOM = "OOM command not allowed when used memory > 'maxmemory'."
LIMIT = 100_000


def console_with(policy: str, limit: int = LIMIT) -> Console:
    return Console(maxmemory=limit, maxmemory_policy=policy)


def fill(console: Console, count: int, size: int = 100) -> None:
    for number in range(count):
        console.clock.advance(0.1)
        assert console("SET", f"key:{number}", "x" * size) == "OK"


def kept(console: Console) -> set[bytes]:
    return set(console("KEYS", "*"))


def test_the_limit_holds_after_every_write() -> None:
    console = console_with("allkeys-lru")
    for number in range(3000):
        console.clock.advance(0.1)
        assert console("SET", f"key:{number}", "x" * (number % 500)) == "OK"
        assert console.engine.keyspace.used_bytes <= LIMIT
    assert console.engine.keyspace.evicted_total > 1000
    assert b"key:2999" in kept(console)


def test_with_few_large_values_the_order_is_exact() -> None:
    console = console_with("allkeys-lru")
    fill(console, 9, size=10_000)
    assert console("GET", "key:0") is not None
    console.clock.advance(1)
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
        console.clock.advance(0.1)
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


def test_the_process_stays_near_the_limit(tmp_path: Path) -> None:
    """A client writes five times as much as fits; the memory that the system counts is bounded.

    The interpreter and the code take about thirty megabytes of it, whatever the limit.
    """
    limit_mb = 24
    server = Process(tmp_path / "data", "--maxmemory-mb", str(limit_mb), "--appendonly", "no")
    try:
        client, peak_mb = server.client(), 0.0
        for batch in range(240):
            client.pipeline([("SET", f"key:{batch}:{n}", "x" * 1000) for n in range(500)])
            peak_mb = max(peak_mb, resident_mb(server.process.pid))
        fields = client.execute("INFO", "memory").decode()
        assert int(re.search(r"used_memory:(\d+)", fields)[1]) <= limit_mb << 20
        assert peak_mb < 30 + 1.4 * limit_mb
        assert client.execute("GET", "key:239:499") is not None
        assert client.execute("GET", "key:0:0") is None
    finally:
        server.kill()


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20

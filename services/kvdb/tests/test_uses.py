"""When keys were last used, and how often: IDLETIME, FREQ, TOUCH, NO-TOUCH, and the counter."""

import random

import pytest

from services.kvdb.tests.support import Console
from services.kvdb.uses import _QUEUED_FOR_PEOPLE, MAX_COUNT, Uses


def after(console: Console, seconds: float) -> None:
    console.engine.keyspace.settle_uses()
    console.clock.advance(seconds)


def test_idle_time_is_the_time_since_the_last_use() -> None:
    console = Console()
    console("SET", "a", 1)
    after(console, 100)
    assert console("OBJECT", "IDLETIME", "a") == 100
    assert console("OBJECT", "IDLETIME", "missing") is None
    console("GET", "a")
    after(console, 7)
    assert console("OBJECT", "IDLETIME", "a") == 7


@pytest.mark.parametrize(
    "question",
    [
        "TTL a",
        "TYPE a",
        "EXISTS a",
        "OBJECT ENCODING a",
        "OBJECT IDLETIME a",
        "MEMORY USAGE a",
        "DEBUG OBJECT a",
        "KEYS *",
        "SCAN 0",
        "RANDOMKEY",
    ],
)
def test_asking_about_a_key_is_no_use(question: str) -> None:
    console = Console()
    console("SET", "a", 1)
    after(console, 100)
    console(*question.split())
    assert console("OBJECT", "IDLETIME", "a") == 100


@pytest.mark.parametrize("use", ["GET a", "TOUCH a", "APPEND a x", "EXPIRE a 10", "SET a 2"])
def test_these_are_uses(use: str) -> None:
    console = Console()
    console("SET", "a", 1)
    after(console, 100)
    console(*use.split())
    assert console("OBJECT", "IDLETIME", "a") == 0


def test_a_client_that_leaves_no_trace() -> None:
    console = Console()
    console("SET", "a", 1)
    after(console, 100)
    assert console("CLIENT", "NO-TOUCH", "ON") == "OK"
    console("GET", "a")
    console("MULTI")
    console("GET", "a")
    console("EXEC")
    assert console("OBJECT", "IDLETIME", "a") == 100
    console("TOUCH", "a")  # But for this, which is there to leave one.
    assert console("OBJECT", "IDLETIME", "a") == 0
    after(console, 100)
    assert console("CLIENT", "NO-TOUCH", "OFF") == "OK"
    console("GET", "a")
    assert console("OBJECT", "IDLETIME", "a") == 0
    assert console("CLIENT", "NO-TOUCH", "maybe") == "ERR syntax error"


def test_restore_brings_idle_time_or_frequency() -> None:
    console = Console()
    console("SET", "a", 1)
    payload = console("DUMP", "a")
    assert console("RESTORE", "b", 0, payload, "IDLETIME", 1000) == "OK"
    assert console("OBJECT", "IDLETIME", "b") == 1000
    assert console("OBJECT", "FREQ", "b").startswith("ERR An LFU maxmemory policy is not selected")
    console("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    assert console("RESTORE", "c", 0, payload, "FREQ", 100) == "OK"
    assert console("OBJECT", "FREQ", "c") == 100
    assert console("OBJECT", "IDLETIME", "c").startswith("ERR An LFU maxmemory policy is selected")


def test_a_new_key_begins_with_five() -> None:
    console = Console(maxmemory_policy="allkeys-lfu")
    console("SET", "a", 1)
    assert console("OBJECT", "FREQ", "a") == 5
    console("DEL", "a")
    console("SET", "a", 1)
    assert console("OBJECT", "FREQ", "a") == 5


def test_many_keys_keep_their_times_as_places_are_added() -> None:
    console = Console()
    for number in range(100):
        console("SET", f"early:{number}", 1)
        after(console, 1)
    for number in range(50_000):
        console("SET", f"late:{number}", 1)
        if number % 1000 == 0:
            console.engine.keyspace.settle_uses()
    assert console.engine.keyspace.uses.size_bytes > 0
    console.engine.keyspace.settle_uses()
    idle = [console("OBJECT", "IDLETIME", f"early:{number}") for number in range(100)]
    # Some share a place with a late one, and look younger; none looks older.
    assert all(found in (0, 100 - number) for number, found in enumerate(idle))
    assert sum(found > 0 for found in idle) > 40


def test_under_load_nothing_is_called_idle_that_was_used() -> None:
    """Without a limit the queue is short: when it has run over, all count as used."""
    console = Console()
    for key in ("a", "b"):
        console("SET", key, 1)
    after(console, 100)
    console("GET", "a")
    for _ in range(_QUEUED_FOR_PEOPLE):
        console("GET", "b")
    assert console("OBJECT", "IDLETIME", "a") == 0
    after(console, 0.5)
    console("GET", "a")  # Not queued, as the load is taken to go on.
    after(console, 0.6)
    console.engine.keyspace.settle_uses()
    after(console, 10)
    assert console("OBJECT", "IDLETIME", "a") == 10
    console("GET", "b")
    assert console("OBJECT", "IDLETIME", "a") == 10
    assert console("OBJECT", "IDLETIME", "b") == 0


def test_with_a_limit_each_use_is_written_down() -> None:
    console = Console(maxmemory=10_000_000, maxmemory_policy="allkeys-lru")
    for key in ("a", "b"):
        console("SET", key, 1)
    after(console, 100)
    for _ in range(_QUEUED_FOR_PEOPLE + 1):
        console("GET", "b")
    assert console("OBJECT", "IDLETIME", "a") == 100


# The counter.


def counting(**options: int) -> Uses:
    uses = Uses(0, random.Random(1))
    options = {"log_factor": 10, "decay_minutes": 1} | options
    uses.keep(counts=True, is_needed=True, **options)
    return uses


def use(uses: Uses, key: bytes, times: int) -> None:
    uses.recent.extend([key] * times)
    uses.settle(uses.now_ms)


@pytest.mark.parametrize("log_factor, low, high", [(0, 255, 255), (1, 45, 55), (10, 15, 22)])
def test_the_counter_counts_logarithmically(log_factor: int, low: int, high: int) -> None:
    """Redis's own table (redis.conf): after 1,000 hits 255, 49 and 18."""
    uses = counting(log_factor=log_factor)
    use(uses, b"k", 1000)
    assert low <= uses.frequency(b"k") <= high


def test_the_counter_never_passes_its_end() -> None:
    uses = counting(log_factor=0)
    use(uses, b"k", 1000)
    use(uses, b"k", 1000)
    assert uses.frequency(b"k") == MAX_COUNT


@pytest.mark.parametrize("decay_minutes, left", [(0, 100), (1, 70), (10, 97), (15, 98)])
def test_the_counter_is_counted_down(decay_minutes: int, left: int) -> None:
    uses = counting(decay_minutes=decay_minutes)
    uses.set_frequency(b"k", 100)
    uses.settle(30 * 60_000)
    assert uses.frequency(b"k") == left


def test_the_counter_stops_at_zero() -> None:
    uses = counting()
    use(uses, b"k", 1)
    assert uses.frequency(b"k") == 5
    uses.settle(600 * 60_000)
    assert uses.frequency(b"k") == 0

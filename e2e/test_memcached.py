"""kvdb's second port through pymemcache: a cache as Django and Flask-Caching use one."""

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator

import pytest
import redis
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheServerError
from pymemcache.serde import pickle_serde

from e2e.stack import Stack


@pytest.fixture
def prefix() -> str:
    """What the keys of one test begin with, so that no test sees another's."""
    return f"e2e-{uuid.uuid4().hex[:8]}-"


@pytest.fixture
def cache(stack: Stack, prefix: str) -> Iterator[Client]:
    address = stack.memcached_address()
    client = PooledClient(address, serde=pickle_serde, key_prefix=prefix.encode(), timeout=10)
    with contextlib.closing(client):
        yield client


@pytest.fixture
def same_keys(stack: Stack) -> Iterator[redis.Redis]:
    """A Redis client of the same database."""
    with redis.Redis(*stack.address("kvdb")) as client:
        yield client


def test_values_of_all_types_come_back_as_they_were(cache: Client) -> None:
    values = {"text": "grüße", "bytes": b"\x00\r\n", "number": 7, "list": [1, {"a": None}], "": ""}
    values.pop("")
    for key, value in values.items():
        assert cache.set(key, value, expire=60, noreply=False)
    assert {key: cache.get(key) for key in values} == values
    assert cache.get_many([*values, "missing"]) == values


def test_many_at_once_as_django_does(cache: Client) -> None:
    values = {f"page:{number}": f"<p>{number}</p>" for number in range(1000)}
    assert cache.set_many(values, expire=300) == []
    assert cache.get_many(list(values)) == values
    cache.delete_many(list(values)[:500])
    assert len(cache.get_many(list(values))) == 500


def test_add_touch_incr_and_delete(cache: Client) -> None:
    assert cache.add("lock", "me", expire=30, noreply=False) is True
    assert cache.add("lock", "you", expire=30, noreply=False) is False
    assert cache.touch("lock", 60, noreply=False) is True
    assert cache.delete("lock", noreply=False) is True
    assert cache.incr("hits", 1) is None
    cache.set("hits", "10", noreply=False)
    assert cache.incr("hits", 5) == 15
    assert cache.decr("hits", 100) == 0


def test_bursts_that_want_no_reply(cache: Client) -> None:
    cache.set("n", "0", noreply=False)
    for _ in range(500):
        cache.incr("n", 1, noreply=True)
    for number in range(500):
        cache.set(f"burst{number}", number, noreply=True)
    assert cache.get("n") == "500"
    assert cache.get("burst499") == 499


def test_clients_that_compare_and_set_lose_no_update(stack: Stack, prefix: str) -> None:
    address, key = stack.memcached_address(), f"{prefix}set"
    with contextlib.closing(Client(address, timeout=10)) as client:
        client.set(key, json.dumps([]), noreply=False)

    def add(numbers: range) -> None:
        with contextlib.closing(Client(address, timeout=10)) as client:
            for number in numbers:
                while True:
                    value, token = client.gets(key)
                    added = json.dumps([*json.loads(value), number])
                    if client.cas(key, added, token, noreply=False):
                        break

    threads = [threading.Thread(target=add, args=(range(n, 100, 4),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with contextlib.closing(Client(address, timeout=10)) as client:
        assert sorted(json.loads(client.get(key))) == list(range(100))


def test_both_protocols_see_the_same_keys(
    cache: Client, same_keys: redis.Redis, prefix: str
) -> None:
    cache.set("a", "from memcached", expire=100, noreply=False)
    assert same_keys.get(f"{prefix}a") == b"from memcached"
    assert 90 < same_keys.ttl(f"{prefix}a") <= 100
    _, token = cache.gets("a")
    same_keys.set(f"{prefix}a", "from redis")
    assert cache.cas("a", "late", token, noreply=False) is False
    assert cache.get("a") == b"from redis"  # Flags 0: bytes, as pymemcache understands them.
    same_keys.rpush(f"{prefix}list", 1)
    with pytest.raises(MemcacheServerError, match="WRONGTYPE"):
        cache.get("list")
    assert cache.get("a") == b"from redis"


def test_a_ring_of_servers_as_django_has_one(stack: Stack, prefix: str) -> None:
    """Django's PyMemcacheCache: a HashClient, values pickled, keys `:1:name`."""
    ring = HashClient([stack.memcached_address()], serde=pickle_serde, key_prefix=prefix.encode())
    with contextlib.closing(ring):
        assert ring.set_many({":1:a": {"n": 1}, ":1:b": [2]}, expire=300) == []
        assert ring.get_many([":1:a", ":1:b", ":1:c"]) == {":1:a": {"n": 1}, ":1:b": [2]}
        assert ring.add(":1:a", "other", noreply=False) is False
        assert ring.touch(":1:a", 600, noreply=False) is True
        assert ring.delete(":1:a", noreply=False) is True
        assert ring.get(":1:a", "nothing") == "nothing"


def test_the_server_tells_of_itself(cache: Client) -> None:
    assert cache.version() == b"1.6.18"
    cache.get("missing")
    statistics = cache.stats()
    assert statistics[b"cmd_get"] >= 1
    assert statistics[b"curr_items"] >= 0

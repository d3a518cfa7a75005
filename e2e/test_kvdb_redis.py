"""kvdb as a Redis: redis-py with both protocol versions, and redis-cli."""

import socket
import threading

import pytest
import redis

from e2e.stack import Stack


def test_the_default_client_connects(stack: Stack):
    host, port = stack.address("kvdb")
    with redis.Redis(host, port) as client:
        assert client.ping() is True


def test_strings(kvdb: redis.Redis, key: str):
    assert kvdb.set(key, "1", ex=100, nx=True) is True
    assert kvdb.set(key, "2", nx=True) is None
    assert kvdb.incrby(key, 41) == 42
    assert kvdb.ttl(key) in (99, 100)
    assert kvdb.getdel(key) == "42"
    assert kvdb.exists(key) == 0


def test_hashes_lists_sets(kvdb: redis.Redis, key: str):
    assert kvdb.hset(f"{key}:h", mapping={"a": 1, "b": 2}) == 2
    assert kvdb.hgetall(f"{key}:h") == {"a": "1", "b": "2"}
    assert kvdb.rpush(f"{key}:l", "a", "b", "c") == 3
    assert kvdb.lmove(f"{key}:l", f"{key}:m", "LEFT", "RIGHT") == "a"
    assert kvdb.lrange(f"{key}:l", 0, -1) == ["b", "c"]
    assert kvdb.sadd(f"{key}:s", "x", "y") == 2
    assert kvdb.smembers(f"{key}:s") == {"x", "y"}


def test_sorted_sets(kvdb: redis.Redis, key: str):
    assert kvdb.zadd(key, {"one": 1, "two": 2.5, "inf": float("inf")}) == 3
    assert kvdb.zrange(key, 0, -1, withscores=True)[1][0] == "two"
    assert kvdb.zscore(key, "two") == 2.5
    assert kvdb.zrangebyscore(key, "(1", "+inf") == ["two", "inf"]
    assert kvdb.zpopmin(key, 1)[0][0] == "one"


def test_a_transaction_is_all_or_nothing(kvdb: redis.Redis, key: str):
    with kvdb.pipeline(transaction=True) as pipe:
        pipe.set(key, 1).incr(key).rpush(f"{key}:log", "incr")
        assert pipe.execute() == [True, 2, 1]
    with kvdb.pipeline() as pipe:
        pipe.watch(key)
        kvdb.set(key, "changed meanwhile")
        pipe.multi()
        pipe.set(key, "lost update")
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert kvdb.get(key) == "changed meanwhile"


def test_a_blocking_pop_is_woken_by_a_push(stack: Stack, kvdb: redis.Redis, key: str):
    host, port = stack.address("kvdb")
    popped: list[object] = []

    def pop() -> None:
        with redis.Redis(host, port, decode_responses=True) as other:
            popped.append(other.blpop(key, timeout=30))

    thread = threading.Thread(target=pop)
    thread.start()
    kvdb.rpush(key, "work")
    thread.join(30)
    assert [tuple(pair) for pair in popped] == [(key, "work")]


def test_wrong_types_are_told_in_redis_terms(kvdb: redis.Redis, key: str):
    kvdb.set(key, "string")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        kvdb.lpush(key, "x")
    with pytest.raises(redis.ResponseError, match="unknown command"):
        kvdb.execute_command("NOSUCHCOMMAND")
    assert kvdb.get(key) == "string"


def test_both_protocols_share_the_port_and_the_data(kvdb: redis.Redis, kv, key: str):
    kv.result("SET", key=key, value="from JSON")
    assert kvdb.get(key) == "from JSON"
    kvdb.set(key, "from RESP")
    assert kv.result("GET", key=key) == "from RESP"


def test_redis_cli(redis_cli, key: str):
    assert redis_cli("ping") == "PONG\n"
    assert redis_cli("set", key, "with spaces") == "OK\n"
    assert redis_cli("get", key) == "with spaces\n"
    assert "redis_version:" in redis_cli("info", "server")
    script = f"rpush {key}:l a b c\nlrange {key}:l 0 -1\n"
    assert redis_cli(stdin=script) == "3\na\nb\nc\n"


@pytest.mark.parametrize(
    "data",
    [
        b"*3\r\n$abc\r\n",
        b"*2\r\n$99999999999\r\n",
        b"*1000000000\r\n",
        b"*1\r\n!4\r\nPING\r\n",
    ],
)
def test_malformed_resp_gets_a_protocol_error(stack: Stack, kvdb: redis.Redis, data: bytes):
    with socket.create_connection(stack.address("kvdb"), timeout=10) as sock:
        sock.sendall(data)
        answer = b""
        while piece := sock.recv(4096):
            answer += piece
    assert answer.startswith(b"-ERR Protocol error")
    assert kvdb.ping()

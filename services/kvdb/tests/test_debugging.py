"""DEBUG, MEMORY, COMMAND and CONFIG: what developers and operators ask."""

import pytest

from services.common.resp import OK, Several, Simple
from services.kvdb.tests.support import Console

EVERYTHING = (
    "SET string 1",
    "SET expiring 2 EX 100",
    "RPUSH list a b",
    "SADD set a b c",
    "HSET hash f 1 g 2",
    "ZADD zset 1 a 2 b",
    "XADD stream 1-1 f v",
    "XGROUP CREATE stream g 0",
)


@pytest.fixture
def console() -> Console:
    return Console()


def fill(console: Console, lines: tuple[str, ...] = EVERYTHING) -> None:
    for line in lines:
        console(*line.split())


def test_equal_data_has_one_digest(console: Console) -> None:
    fill(console)
    other = Console()
    fill(other, tuple(reversed(EVERYTHING[:6])) + EVERYTHING[6:])
    other("SREM", "set", "a")
    other("SADD", "set", "a")
    other("HDEL", "hash", "f")
    other("HSET", "hash", "f", 1)
    assert console("DEBUG", "DIGEST") == other("DEBUG", "DIGEST")


@pytest.mark.parametrize(
    "change",
    [
        "SET string 2",
        "PERSIST expiring",
        "RPOP list",
        "SREM set a",
        "HSET hash f 2",
        "ZADD zset 3 a",
        "XADD stream 2-1 f v",
        "MOVE string 1",
    ],
)
def test_every_difference_changes_the_digest(console: Console, change: str) -> None:
    fill(console)
    before = console("DEBUG", "DIGEST")
    console(*change.split())
    assert console("DEBUG", "DIGEST") != before


def test_the_digest_of_nothing(console: Console) -> None:
    assert console("DEBUG", "DIGEST") == Simple("0" * 40)
    assert console("DEBUG", "DIGEST-VALUE", "none") == [Simple("0" * 40)]


def test_a_reload_changes_nothing(console: Console) -> None:
    fill(console)
    before, dirty = console("DEBUG", "DIGEST"), console.engine.keyspace.dirty
    used_bytes = console.engine.keyspace.used_bytes
    assert console("DEBUG", "RELOAD") is OK
    assert console("DEBUG", "DIGEST") == before
    assert console.engine.keyspace.dirty == dirty
    assert console.engine.keyspace.used_bytes == used_bytes


def test_a_push_is_followed_by_a_reply(console: Console) -> None:
    assert console("DEBUG", "PROTOCOL", "push") == "ERR RESP2 is not supported by this command"
    console("HELLO", 3)
    assert type(console("DEBUG", "PROTOCOL", "push")) is Several
    assert console("DEBUG", "PROTOCOL", "map") == {0: False, 1: True, 2: False}


def test_what_is_refused(console: Console) -> None:
    assert console("DEBUG", "JMAP").startswith("ERR")
    assert console("CONFIG", "REWRITE") == "ERR The server is running without a config file"
    assert "duplicate" in console("CONFIG", "SET", "maxmemory", 1, "maxmemory", 2)


def test_what_cannot_be_changed_may_be_set_to_what_it_is(console: Console) -> None:
    parameters = console("CONFIG", "GET", "*")
    for name, value in parameters.items():
        assert console("CONFIG", "SET", name, value) is OK, name
    assert console("CONFIG", "GET", "*") == parameters
    assert console("CONFIG", "SET", "maxmemory", 1000, "daemonize", "yes") == (
        "ERR CONFIG SET failed (possibly related to argument 'daemonize') "
        "- can't set immutable config"
    )
    assert console("CONFIG", "GET", "maxmemory") == {b"maxmemory": b"0"}


def test_memory_stats_add_up(console: Console) -> None:
    fill(console)
    stats = console("MEMORY", "STATS")
    assert stats[b"keys.count"] == len(EVERYTHING) - 1
    total = stats[b"overhead.total"] + stats[b"dataset.bytes"]
    assert total == stats[b"total.allocated"] == console.engine.keyspace.used_bytes


def test_the_doctor_looks_at_the_limit(console: Console) -> None:
    assert console("MEMORY", "DOCTOR").startswith(b"Nothing")
    console("CONFIG", "SET", "maxmemory-policy", "noeviction")
    console("SET", "a", "x" * 1000)
    console("CONFIG", "SET", "maxmemory", console.engine.keyspace.used_bytes + 1)
    assert b"maxmemory" in console("MEMORY", "DOCTOR")


def test_command_list_and_its_filters(console: Console) -> None:
    names = console("COMMAND", "LIST")
    assert b"set" in names and b"client|list" in names
    assert console("COMMAND", "LIST", "FILTERBY", "PATTERN", "config|re*") == [
        b"config|rewrite",
        b"config|resetstat",
    ]
    assert b"get" in console("COMMAND", "LIST", "FILTERBY", "ACLCAT", "read")
    assert b"set" not in console("COMMAND", "LIST", "FILTERBY", "ACLCAT", "read")
    assert console("COMMAND", "LIST", "FILTERBY", "MODULE", "none") == []
    assert console("COMMAND", "LIST", "FILTERBY", "x") == "ERR syntax error"


def test_command_getkeys_and_movable_keys(console: Console) -> None:
    assert console("COMMAND", "GETKEYS", "MEMORY", "USAGE", "a") == [b"a"]
    assert console("COMMAND", "GETKEYS", "ZUNION", 2, "a", "b") == [b"a", b"b"]
    [zunion, get] = console("COMMAND", "INFO", "zunion", "get")
    assert "movablekeys" in zunion[2]
    assert "movablekeys" not in get[2]
    assert console("COMMAND", "INFO", "get|key", "config|get|x") == [None, None]


def test_every_container_has_help(console: Console) -> None:
    for name, command in console.engine.dispatcher.commands.items():
        if b"HELP" in command.subcommands:
            assert console(name, "HELP")[0].startswith(f"{name.decode()} <subcommand>")


def test_client_list_filters(console: Console) -> None:
    other = Console(console.engine)
    other("SUBSCRIBE", "a")
    subscribers = console("CLIENT", "LIST", "TYPE", "pubsub").decode().splitlines()
    assert [line.split()[0] for line in subscribers] == [f"id={other.client.id}"]
    assert console("CLIENT", "LIST", "ID", console.client.id).count(b"\n") == 1
    assert console("CLIENT", "LIST", "TYPE", "x").startswith("ERR Unknown client type")
    assert console("CLIENT", "KILL", "ID", 0) == "ERR client-id should be greater than 0"
    assert console("CLIENT", "KILL", "TYPE", "pubsub") == 1
    assert other.client.is_leaving

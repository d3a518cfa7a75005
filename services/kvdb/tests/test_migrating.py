"""MIGRATE: keys go to another server, and are here no more."""

import socket
from collections.abc import Iterator

import pytest

from services.common.resp import OK
from services.common.resp_client import RespConnection
from services.kvdb.tests.redis_server import IS_INSTALLED, real_redis
from services.kvdb.tests.serving import Running, serving
from services.kvdb.tests.support import Console


@pytest.fixture
def target() -> Iterator[Running]:
    with serving() as running:
        yield running


@pytest.fixture
def source() -> Console:
    console = Console()
    console("SET", "a", 1)
    console("SET", "expiring", 2, "PX", 100_000)
    console("RPUSH", "list", "x", "y")
    return console


def migrate(source: Console, target: Running, *words: object) -> object:
    return source("MIGRATE", "127.0.0.1", target.port, *words)


def test_a_key_is_there_afterwards_and_no_longer_here(source: Console, target: Running) -> None:
    assert migrate(source, target, "expiring", 3, 5000) == OK
    assert source("EXISTS", "expiring") == 0
    there = target.client()
    there.execute("SELECT", "3")
    assert there.execute("GET", "expiring") == b"2"
    assert 0 < there.execute("PTTL", "expiring") <= 100_000


def test_several_keys_at_once_and_those_that_are_missing_do_not_matter(
    source: Console, target: Running
) -> None:
    assert migrate(source, target, "", 0, 5000, "KEYS", "a", "no", "list") == OK
    assert source("KEYS", "*") == [b"expiring"]
    assert target.client().execute("LRANGE", "list", "0", "-1") == [b"x", b"y"]
    assert migrate(source, target, "no", 0, 5000) == "NOKEY"


def test_copy_leaves_it_here_and_replace_overwrites_it_there(
    source: Console, target: Running
) -> None:
    there = target.client()
    there.execute("SET", "a", "old")
    reply = migrate(source, target, "a", 0, 5000, "COPY")
    assert reply.startswith("ERR Target instance replied with error: BUSYKEY Target key name")
    assert migrate(source, target, "a", 0, 5000, "COPY", "REPLACE") == OK
    assert there.execute("GET", "a") == b"1"
    assert source("GET", "a") == b"1"


def test_what_was_not_accepted_stays(source: Console, target: Running) -> None:
    target.client().execute("SET", "a", "old")
    reply = migrate(source, target, "", 0, 5000, "KEYS", "a", "list")
    assert "BUSYKEY" in reply
    assert source("KEYS", "*") == [b"a", b"expiring"]


def test_a_password_is_given_and_not_shown_to_monitors(source: Console) -> None:
    with serving(password="secret") as target:
        assert "NOAUTH" in migrate(source, target, "a", 0, 5000)
        assert source("EXISTS", "a") == 1
        assert migrate(source, target, "a", 0, 5000, "AUTH", "secret") == OK
        assert migrate(source, target, "list", 0, 5000, "AUTH2", "default", "secret") == OK


def test_nobody_there_and_nobody_who_answers(source: Console) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        reply = source("MIGRATE", "127.0.0.1", port, "a", 0, 100)
        assert reply == "IOERR error or timeout writing to target instance"
        listener.listen()
        reply = source("MIGRATE", "127.0.0.1", port, "a", 0, 100)
        assert reply == "IOERR error or timeout reading to target instance"
    assert source("EXISTS", "a") == 1


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("a", 0, 100, "NONSENSE"), "ERR syntax error"),
        (("a", 0, 100, "AUTH"), "ERR syntax error"),
        (("a", 0, 100, "KEYS", "b"), "ERR When using MIGRATE KEYS option, the key argument must"),
        (("a", "x", 100), "ERR value is not an integer or out of range"),
    ],
)
def test_wrong_words_are_refused(source: Console, words: tuple, error: str) -> None:
    assert source("MIGRATE", "127.0.0.1", 1, *words).startswith(error)


def test_its_keys_are_found_by_others(source: Console) -> None:
    request = ["MIGRATE", "h", 1, "", 0, 100, "AUTH", "keys", "KEYS", "a", "b"]
    assert source("COMMAND", "GETKEYS", *request) == [b"a", b"b"]
    request = ["MIGRATE", "h", 1, "a", 0, 100]
    assert source("COMMAND", "GETKEYS", *request) == [b"a"]


@pytest.mark.skipif(not IS_INSTALLED, reason="no redis-server is installed")
def test_a_real_server_takes_them(source: Console) -> None:
    with real_redis() as url:
        words = ["", 0, 5000, "REPLACE", "KEYS", "a", "list"]
        assert source("MIGRATE", url.host, url.port, *words) == OK
        there = RespConnection(url)
        assert there.execute("LRANGE", "list", "0", "-1") == [b"x", b"y"]

"""The ACL, here and on a real redis-server: the same scripts, the same replies.

The scripts go through what Redis's own `unit/acl` and `unit/acl-v2` look at. Who types stands
before the `>`; a client that is not known yet connects. Without a redis-server installed these
tests are skipped.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.redis_url import RedisURL
from services.common.resp import ReplyError, split_words
from services.common.resp_client import ConnectionLost, RespConnection
from services.kvdb.tests.redis_server import IS_INSTALLED, real_redis
from services.kvdb.tests.serving import serving
from services.kvdb.tests.support import Console

pytestmark = pytest.mark.skipif(not IS_INSTALLED, reason="no redis-server is installed")

EXAMPLES = int(os.environ.get("KVDB_EXAMPLES", "40"))
SCRIPTS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parent / "acl_scripts").glob("*.txt"))
}


@pytest.fixture(scope="module")
def redis_url() -> Iterator[RedisURL]:
    with real_redis() as url:
        yield url


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("script", SCRIPTS)
def test_same_replies(redis_url: RedisURL, script: str, resp: int):
    lines = [line for line in SCRIPTS[script].splitlines() if "> " in line]
    _forget_users(redis_url)
    with serving() as ours:
        found = _run(ours.client, lines, resp)
    expected = _run(lambda: RespConnection(redis_url), lines, resp)
    assert list(zip(lines, found, strict=True)) == list(zip(lines, expected, strict=True))


# Random rules.

CATEGORIES = ["all", "read", "write", "string", "hash", "fast", "slow", "dangerous", "pubsub"]
COMMANDS = [
    "get",
    "set",
    "mget",
    "config",
    "config|get",
    "client|id",
    "xinfo|stream",
    "select",
    "x",
]
PATTERNS = ["~a*", "~b", "%R~a*", "%W~a*", "%RW~b", "~*", "%x~a", "allkeys", "resetkeys"]
CHANNELS = ["&a*", "&b", "&*", "allchannels", "resetchannels", "nosuch"]
rules = st.one_of(
    st.builds("{}@{}".format, st.sampled_from("+-"), st.sampled_from(CATEGORIES)),
    st.builds("{}{}".format, st.sampled_from("+-"), st.sampled_from(COMMANDS)),
    st.sampled_from(PATTERNS),
    st.sampled_from(CHANNELS),
    st.sampled_from(["+select|0", "+get|a1", "on", "off", "nopass", ">p", "reset", "resetpass"]),
)
selectors = st.lists(rules, max_size=4).map(lambda inner: f"({' '.join(inner)})")
all_rules = st.lists(st.one_of(rules, rules, rules, selectors), max_size=8)
REQUESTS = [
    line.split()
    for line in (
        "get a1",
        "get b",
        "set a1 1",
        "set a1 1 get",
        "mget a1 b",
        "mget b a1 c",
        "del a1",
        "copy a1 b",
        "config get x",
        "config set x 1",
        "client id",
        "xinfo stream b",
        "select 0",
        "select 1",
        "publish a1 x",
        "subscribe a1 b c",
        "psubscribe a*",
        "ping",
        "hset b f v",
    )
]


def test_random_rules_permit_the_same(redis_url: RedisURL):
    console, theirs = Console(), RespConnection(redis_url)

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(all_rules, min_size=1, max_size=3))
    def compare(changes: list[list[str]]) -> None:
        console("ACL", "DELUSER", "ada")
        theirs.execute("ACL", "DELUSER", "ada")
        for change in changes:
            request = ("ACL", "SETUSER", "ada", *change)
            assert str(console(*request)) == str(_ask(theirs, [it.encode() for it in request]))
        for words in REQUESTS if b"ada" in theirs.execute("ACL", "USERS") else ():
            found = console("ACL", "DRYRUN", "ada", *words)
            expected = theirs.execute("ACL", "DRYRUN", "ada", *words)
            assert str(found) == str(expected), words

    compare()
    theirs.close()


# The file.

FILES = {
    "users": (
        b"user alice on allcommands allkeys &* >alice\n"
        b"user bob on -@all +@set +acl ~set* &* >bob\n"
        b"user default on nopass ~* &* +@all\n"
    ),
    "selectors": b"user alice on (+get ~rw*)\nuser bob on (+set %W~w*) ( +get  %R~r* )\n\n  \n",
    "no default": b"user alice on nopass ~* +@all\nuser bob on nopass ~* &* +@all",
    "duplicate": b"user alice on\nuser alice off\nuser default on\nuser default off\n",
    "wrong rules": b"user a +nosuch\nuser b #x ~* ~a >b +x\nuser c +@y\nadmin\nuser\n# remark\n",
    "a restricted default": b"user default on nopass +@all -flushall ~* &*\r\n",
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_read_alike(tmp_path: Path, name: str):
    path = tmp_path / "users.acl"
    path.write_bytes(b"")
    with real_redis("--aclfile", str(path)) as url, serving(acl_file=str(path)) as ours:
        theirs, mine = RespConnection(url), ours.client()
        path.write_bytes(FILES[name])
        assert str(_ask(mine, [b"ACL", b"LOAD"])) == str(_ask(theirs, [b"ACL", b"LOAD"]))
        for request in ([b"ACL", b"LIST"], [b"ACL", b"SAVE"]):
            assert _comparable(_ask(mine, request)) == _comparable(_ask(theirs, request))
        theirs.close()
        mine.close()


# Asking.


def _forget_users(url: RedisURL) -> None:
    connection = RespConnection(url)
    names = [name for name in connection.execute("ACL", "USERS") if name != b"default"]
    if names:
        connection.execute("ACL", "DELUSER", *names)
    connection.execute("ACL", "LOG", "RESET")
    connection.execute("FLUSHALL")
    connection.close()


def _run(connect: Callable[[], RespConnection], lines: list[str], resp: int) -> list[object]:
    clients: dict[str, RespConnection] = {}
    replies = []
    for line in lines:
        who, _, words = line.partition("> ")
        if who not in clients:
            clients[who] = connect()
            if resp == 3:
                _ask(clients[who], [b"HELLO", b"3"])
        replies.append(_comparable(_ask(clients[who], split_words(words.encode()))))
    for client in clients.values():
        client.close()
    return replies


def _ask(client: RespConnection, request: list[bytes]) -> object:
    try:
        return client.execute(*request)
    except ReplyError as error:
        return str(error)
    except ConnectionLost:
        return "(closed)"


def _comparable(reply: object) -> object:
    """Without what differs from one run to the next, or has no order."""
    match reply:
        case ReplyError():
            return str(reply)
        case dict():
            return {
                key: None if key in _CHANGING else _comparable(value)
                for key, value in reply.items()
            }
        case set():
            return sorted(map(repr, reply))
        case [name, *_] if name in (b"server", b"count"):  # A map, in RESP2.
            return _comparable(dict(zip(reply[::2], reply[1::2], strict=True)))
        case [*items]:
            return [_comparable(item) for item in items]
        case bytes() if reply.startswith(b"id="):
            return re.findall(rb" (?:user|db|cmd|name)=\S*", reply)
        case bytes() if b"-@all" in reply or b"+@all" in reply:
            return sorted(reply.split(b" "))
    return reply


_CHANGING = (b"id", b"age-seconds")

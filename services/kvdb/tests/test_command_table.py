"""What COMMAND and ACL CAT tell of the command table, compared with a real redis-server.

Only commands that both servers have are compared. DEBUG is left out: there it is one command,
here a family.
"""

from collections.abc import Iterator

import pytest

from services.common.resp import ReplyError, encode_reply
from services.common.resp_client import RespConnection
from services.common.resp_replies import RespReplyDecoder
from services.kvdb.tests.hints import as_map, hints_of
from services.kvdb.tests.redis_server import IS_INSTALLED, real_redis
from services.kvdb.tests.support import Console

pytestmark = pytest.mark.skipif(not IS_INSTALLED, reason="no redis-server is installed")


@pytest.fixture(scope="module")
def theirs() -> Iterator[RespConnection]:
    with real_redis() as url:
        connection = RespConnection(url)
        yield connection
        connection.close()


def ask(connection: RespConnection, *words: object) -> object:
    try:
        return connection.execute(*words)
    except ReplyError as error:
        return str(error)


def ours(*words: object, resp: int = 2) -> object:
    """Our reply as a client gets it; an error as its text."""
    reply = Console()(*words)
    if isinstance(reply, str):
        return reply
    decoder = RespReplyDecoder()
    decoder.receive_data(encode_reply(reply, resp))
    return decoder.next_reply()


def entries(reply: list) -> dict[bytes, list]:
    """All commands and subcommands of COMMAND INFO by name."""
    return {it[0]: it for entry in reply for it in (entry, *entry[9])}


def comparable(entry: list) -> list:
    """What has no order is sorted; tips and notes are for those who write documentation."""
    name, arity, flags, first, last, step, categories, _, specs, _ = entry
    return [
        (name, arity, first, last, step),
        sorted(flags),
        sorted(categories),
        sorted(repr(comparable_spec(spec)) for spec in specs),
    ]


def comparable_spec(spec: list) -> dict[bytes, object]:
    found = dict(zip(spec[::2], spec[1::2], strict=True))
    found.pop(b"notes", None)
    return found | {b"flags": sorted(found[b"flags"])}


def test_command_info_is_the_same(theirs: RespConnection):
    found, expected = entries(ours("COMMAND", "INFO")), entries(theirs.execute("COMMAND"))
    common = found.keys() & expected.keys()
    assert len(common) > 250
    for name in sorted(common):
        assert comparable(found[name]) == comparable(expected[name])


def test_categories_have_the_same_commands(theirs: RespConnection):
    known = entries(theirs.execute("COMMAND")).keys()
    mine = entries(ours("COMMAND", "INFO")).keys()
    assert ours("ACL", "CAT") == theirs.execute("ACL", "CAT")
    for category in theirs.execute("ACL", "CAT"):
        found = set(ours("ACL", "CAT", category)) & known
        assert found == set(theirs.execute("ACL", "CAT", category)) & mine, category
        assert set(ours("COMMAND", "LIST", "FILTERBY", "ACLCAT", category)) & known == found


UNLIKE = {
    "bitfield",  # One operation at least.
    "client|kill",  # Each filter may be left out, but not all of them.
    "migrate",
}


def test_redis_cli_shows_the_same_hints(theirs: RespConnection):
    theirs.execute("HELLO", "3")
    expected = hints_of(as_map(theirs.execute("COMMAND", "DOCS")))
    theirs.execute("HELLO", "2")
    found = hints_of(as_map(ours("COMMAND", "DOCS", resp=3)))
    for name in sorted((found.keys() & expected.keys()) - UNLIKE):
        assert (name, found[name]) == (name, expected[name])


REQUESTS = """
get a
set a 1
set a 1 get
set a 1 ex get
mget a b c
mset a 1 b 2
msetnx a 1
del a b
lcs a b
getex a
bitop and dest a b
bitfield a get u4 0
bitfield a get u4 0 overflow wrap
bitfield a set u4 0 1
bitfield a get u4
pfcount a b
pfmerge dest a
sort a
sort a by x get y limit 0 1 store b
sort a by store store b
sort a store b store c
sort_ro a by b
copy a b
rename a b
object encoding a
memory usage a
xread streams a b 0 0
xread count 5 block 0 streams a 0
xread streams a b 0
xread streams a
xread a b c
xreadgroup group g c streams a >
xreadgroup group streams c count 1 noack streams a >
xgroup create a g $
xinfo stream a
xclaim a g c 0 0
zunion 2 a b
zunion 9 a b
zunion x a b
zunion 0 a b
zunion -1 a b
zinterstore dest 2 a b weights 1 2
zinterstore dest 9 a b
zdiff 1 a withscores
zintercard 2 a b limit 1
sintercard 2 a b
sinterstore dest a b
smove a b c
lmpop 2 a b left
blmpop 0 2 a b left
bzmpop 0 1 a min
zmpop 1 a min
blpop a b 0
blmove a b left right 0
lmove a b left right
georadius a 0 0 1 m store b
georadius a 0 0 1 m store b storedist c
georadius a 0 0 1 m count 1 asc
georadius_ro a 0 0 1 m
georadiusbymember a m 1 m storedist b
geosearchstore dest a fromlonlat 0 0 byradius 1 m
zrangestore dest a 0 -1
watch a b
restore a 0 x
publish a b
spublish a b
ssubscribe a b
subscribe a b
ping x
nosuch a
config nosuch
client id
get
get a b
""".strip().splitlines()


@pytest.mark.parametrize("request_line", REQUESTS)
def test_keys_are_found_in_the_same_places(theirs: RespConnection, request_line: str):
    words = request_line.split()
    for form in ("GETKEYS", "GETKEYSANDFLAGS"):
        found, expected = ours("COMMAND", form, *words), ask(theirs, "COMMAND", form, *words)
        assert in_order(found) == in_order(expected)


def in_order(reply: object) -> object:
    if isinstance(reply, str):
        return reply
    return [[it[0], sorted(it[1])] if isinstance(it, list) else it for it in reply]


def test_options_are_not_mistaken_for_words():
    """Where Redis looks for the word alone, and finds the wrong one."""
    for line, keys in (
        ("xreadgroup count 1 group streams c streams a >", [b"a"]),
        ("georadius a 0 0 1 m store b store c", [b"a", b"c"]),
        ("pfmerge dest", [b"dest"]),
    ):
        assert ours("COMMAND", "GETKEYS", *line.split()) == keys

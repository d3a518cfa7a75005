"""memcached's commands on an engine without sockets: replies, times, and what Redis sees of it.

What is the same in a real memcached is compared with one in `test_memcached_differential`.
"""

from pathlib import Path

import pytest

from services.kvdb.memcached_item import Item
from services.kvdb.memcached_store import LONGEST_RELATIVE_S
from services.kvdb.tests.memcached_support import MAX_VALUE_BYTES, MemcachedConsole


@pytest.fixture
def mc() -> MemcachedConsole:
    return MemcachedConsole()


# The same keys for both.


def test_a_redis_client_reads_what_memcached_stores(mc: MemcachedConsole) -> None:
    assert mc("set a 5 0 2\nhi") == "STORED"
    assert mc.redis("GET", "a") == b"hi"
    assert mc.redis("MGET", "a", "b") == [b"hi", None]
    assert mc.redis("STRLEN", "a") == 2
    assert mc.redis("GETRANGE", "a", 1, -1) == b"i"
    assert str(mc.redis("TYPE", "a")) == "string"
    assert mc.redis("OBJECT", "ENCODING", "a") == b"embstr"
    mc("set n 0 0 2\n12")
    assert mc.redis("OBJECT", "ENCODING", "n") == b"int"
    assert mc.redis("SORT", "list") == []


@pytest.mark.parametrize(
    "request_text",
    [
        "GET k",
        "GETDEL k",
        "GETEX k EX 10",
        "GETSET k new",
        "SET k new GET",
        "SET k new IFEQ 12",
        "SET k new KEEPTTL",
        "SETNX k new",
        "DELEX k IFEQ 12",
        "MGET k",
        "MSETNX k 1 other 2",
        "INCRBY k 5",
        "DECR k",
        "INCRBYFLOAT k 0.5",
        "APPEND k 3",
        "STRLEN k",
        "SETRANGE k 1 xyz",
        "GETRANGE k 0 0",
        "LCS k k LEN",
        "SETBIT k 0 1",
        "GETBIT k 3",
        "BITCOUNT k",
        "BITPOS k 1",
        "BITOP NOT k k",
        "BITFIELD k INCRBY u8 0 1",
        "BITFIELD_RO k GET u8 0",
        "PFADD k a",
        "PFCOUNT k",
        "PFMERGE k k",
        "LPUSH k a",
        "HGET k a",
        "SADD k a",
        "ZADD k 1 a",
        "XADD k * a b",
        "TYPE k",
        "OBJECT ENCODING k",
        "DUMP k",
        "SORT k",
        "COPY k other",
        "RENAME k other",
        "MOVE k 1",
        "EXPIRE k 100",
        "TOUCH k",
        "SCAN 0 TYPE string",
        "DEBUG DIGEST-VALUE k",
    ],
)
def test_to_redis_an_item_is_a_string_like_any_other(request_text: str) -> None:
    """Every command answers the same, and leaves the same behind."""
    outcomes = []
    for stores in (lambda mc: mc.redis("SET", "k", "12"), lambda mc: mc("set k 5 0 2\n12")):
        mc = MemcachedConsole()
        stores(mc)
        reply = mc.redis(*request_text.split())
        outcomes.append((repr(reply), mc.redis("GET", "k"), mc.redis("GET", "other")))
    assert outcomes[0] == outcomes[1]
    assert "internal error" not in outcomes[1][0]


def test_an_item_survives_a_reload(tmp_path: Path) -> None:
    mc = MemcachedConsole(data_dir=str(tmp_path))
    mc.engine.persistence.open(mc.engine)
    mc("set a 7 100 2\nhi")
    number = mc.cas_of("a")
    assert str(mc.redis("DEBUG", "RELOAD")) == "OK"
    assert mc("gets a") == f"VALUE a 7 2 {number};hi;END"
    assert mc.redis("TTL", "a") == 100
    mc.engine.persistence.close(saves=False)


def test_memcached_reads_what_a_redis_client_stores(mc: MemcachedConsole) -> None:
    mc.redis("SET", "a", "hi")
    assert mc("get a") == "VALUE a 0 2;hi;END"
    mc.redis("APPEND", "a", "!")
    assert mc("get a") == "VALUE a 0 3;hi!;END"
    assert mc("mg a v f s") == "VA 3 f0 s3;hi!"


@pytest.mark.parametrize(
    "request_words",
    [
        ("SET", "a", "7"),
        ("INCR", "a"),
        ("APPEND", "a", "1"),
        ("SETRANGE", "a", 0, "7"),
        ("SETBIT", "a", 7, 0),
        ("GETSET", "a", "5"),
        ("SET", "a", "5", "KEEPTTL"),
    ],
)
def test_a_redis_write_takes_flags_and_number_away(
    mc: MemcachedConsole, request_words: tuple
) -> None:
    mc("set a 5 0 1\n5")
    number = mc.cas_of("a")
    mc.redis(*request_words)
    assert mc("mg a f") == "HD f0"
    assert mc(f"cas a 0 0 1 {number}\nx") == "EXISTS"


def test_what_leaves_the_value_alone_leaves_flags_and_number(mc: MemcachedConsole) -> None:
    mc("set a 5 0 1\n5")
    number = mc.cas_of("a")
    mc.redis("EXPIRE", "a", 100)
    mc.redis("PERSIST", "a")
    mc.redis("RENAME", "a", "b")
    assert mc("gets b") == f"VALUE b 5 1 {number};5;END"
    mc.redis("COPY", "b", "c")
    assert mc("gets c") == f"VALUE c 5 1 {number};5;END"
    assert mc(f"cas b 6 0 1 {number}\n6") == "STORED"
    assert mc("get c") == "VALUE c 5 1;5;END"


def test_a_string_of_redis_has_a_number_that_holds_until_it_is_written(
    mc: MemcachedConsole,
) -> None:
    mc.redis("SET", "a", "1")
    number = mc.cas_of("a")
    assert mc.cas_of("a") == number
    mc.redis("SET", "a", "1")
    assert mc(f"cas a 0 0 1 {number}\n2") == "EXISTS"
    number = mc.cas_of("a")
    assert mc(f"cas a 0 0 1 {number}\n2") == "STORED"
    assert mc.redis("GET", "a") == b"2"


def test_plain_strings_stay_plain_until_a_number_is_asked_for(mc: MemcachedConsole) -> None:
    mc.redis("SET", "a", "1")
    mc("get a")
    table = mc.engine.keyspace.databases[0].table
    assert type(table[b"a"]) is bytes
    mc("gets a")
    assert type(table[b"a"]) is Item


def test_memory_is_accounted_for_in_every_form(mc: MemcachedConsole) -> None:
    keyspace = mc.engine.keyspace
    mc.redis("SET", "a", "x" * 100)
    plain_bytes = keyspace.used_bytes
    mc("gets a")
    assert keyspace.used_bytes > plain_bytes
    mc.redis("APPEND", "a", "y")
    mc("gets a")
    mc("append a 0 0 1\nz")
    mc.redis("SET", "a", "x" * 100)
    assert keyspace.used_bytes == plain_bytes
    mc("set a 1 50 3\nabc")
    mc("delete a")
    assert keyspace.used_bytes == 0


@pytest.mark.parametrize(
    "text",
    ["get l", "gets l", "gat 0 l", "mg l v", "incr l 1", "append l 0 0 1\nx", "ma l", "me l"],
)
def test_a_key_of_another_type_is_refused(mc: MemcachedConsole, text: str) -> None:
    mc.redis("RPUSH", "l", 1)
    wrong_type = "SERVER_ERROR WRONGTYPE Operation against a key holding the wrong kind of value"
    assert mc(text) == wrong_type
    assert mc("set b 0 0 1\nx") == "STORED"
    assert mc(text) == wrong_type


def test_a_key_of_another_type_may_be_overwritten_or_deleted(mc: MemcachedConsole) -> None:
    mc.redis("RPUSH", "l", 1)
    assert mc("add l 0 0 1\nx") == "NOT_STORED"
    assert mc("set l 0 0 1\nx") == "STORED"
    mc.redis("RPUSH", "m", 1)
    assert mc("delete m") == "DELETED"
    assert mc.redis("EXISTS", "m") == 0


def test_flush_all_takes_what_memcached_can_read(mc: MemcachedConsole) -> None:
    mc("set a 0 0 1\nx")
    mc.redis("SET", "b", 1)
    mc.redis("RPUSH", "queue", 1)
    assert mc("flush_all") == "OK"
    assert mc.redis("KEYS", "*") == [b"queue"]
    mc.redis("DEL", "queue")
    mc("set a 0 0 1\nx")
    assert mc("flush_all") == "OK"
    assert mc.redis("DBSIZE") == 0


# Times.


def test_times(mc: MemcachedConsole) -> None:
    mc.clock.advance(1_700_000_000)  # Later than January 1970, where every moment is near.
    mc("set a 0 10 1\nx")
    mc("set b 0 0 1\nx")
    mc(f"set c 0 {int(mc.clock.now_s) + 20} 1\nx")
    mc("set d 0 -1 1\nx")
    mc(f"set e 0 {LONGEST_RELATIVE_S} 1\nx")
    mc(f"set f 0 {LONGEST_RELATIVE_S + 1} 1\nx")  # In January 1970.
    assert [mc.redis("TTL", key) for key in "abcdef"] == [10, -1, 20, -2, LONGEST_RELATIVE_S, -2]
    mc.clock.advance(10)
    assert mc("get a b c d") == "VALUE b 0 1;x;VALUE c 0 1;x;END"


def test_touch_and_gat(mc: MemcachedConsole) -> None:
    mc("set a 3 10 1\nx")
    number = mc.cas_of("a")
    assert mc("touch a 100") == "TOUCHED"
    assert mc.redis("TTL", "a") == 100
    assert mc("gat 50 a zz") == "VALUE a 3 1;x;END"
    assert mc("gats 0 a") == f"VALUE a 3 1 {number};x;END"
    assert mc.redis("TTL", "a") == -1
    assert mc("touch a -1") == "TOUCHED"
    assert mc("get a") == "END"
    assert mc("touch a 1") == "NOT_FOUND"


def test_changes_in_place_keep_flags_and_time(mc: MemcachedConsole) -> None:
    mc("set n 7 50 1\n9")
    assert mc("incr n 1") == "10"
    assert mc("append n 0 0 1\n0") == "STORED"
    assert mc("prepend n 1 1 1\n1") == "STORED"
    assert mc("mg n v f t") == "VA 4 f7 t50;1100"
    assert mc("decr n 99999") == "0"
    assert mc.redis("INCR", "n") == 1
    assert mc.redis("TTL", "n") == 50


def test_flush_all_with_a_delay(mc: MemcachedConsole) -> None:
    assert mc("flush_all 10") == "OK"
    mc("set a 0 0 1\nx")
    mc.clock.advance(9)
    mc.engine.tick()
    assert mc("get a") == "VALUE a 0 1;x;END"
    mc.clock.advance(1)
    mc.engine.tick()
    assert mc("get a") == "END"
    mc("set a 0 0 1\nx")
    mc.engine.tick()
    assert mc("get a") == "VALUE a 0 1;x;END"


# Limits.


def test_a_value_that_is_too_large_leaves_nothing_behind(mc: MemcachedConsole) -> None:
    mc("set a 0 0 1\nx")
    size = MAX_VALUE_BYTES + 1
    too_large = "SERVER_ERROR object too large for cache"
    assert mc(f"add a 0 0 {size}\n{'x' * size}") == too_large
    assert mc("get a") == "VALUE a 0 1;x;END"
    assert mc(f"set a 0 0 {size}\n{'x' * size}\nget a") == f"{too_large};END"
    assert mc(f"set a 0 0 {size - 1}\n{'x' * (size - 1)}") == "STORED"
    assert mc("append a 0 0 1\nx") == "SERVER_ERROR out of memory storing object"
    assert mc("ms a 1 MP\nx") == "SERVER_ERROR out of memory storing object"


def test_at_the_memory_limit_it_is_evicted_or_refused() -> None:
    mc = MemcachedConsole(maxmemory=10_000, maxmemory_policy="noeviction")
    replies = {mc(f"set key{n} 0 0 500\n{'x' * 500}") for n in range(40)}
    assert replies == {"STORED", "SERVER_ERROR out of memory storing object"}
    mc.redis("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    assert mc(f"set late 0 0 500\n{'x' * 500}") == "STORED"
    assert "STAT evictions 0;" not in mc("stats")


# The meta commands.


def test_one_client_wins_the_right_to_make_a_stale_item_anew(mc: MemcachedConsole) -> None:
    mc("ms page 3 T100\nold")
    number = mc.cas_of("page")
    assert mc("md page I T30") == "HD"
    assert mc("mg page v t") == "VA 3 t30 X W;old"
    assert mc("mg page v") == "VA 3 Z X;old"
    assert mc(f"ms page 4 C{number}\nlate") == "EX"
    assert mc(f"ms page 4 C{number} I T9\nlate") == "HD"
    assert mc("mg page v t") == "VA 4 t9 X W;late"
    assert mc("ms page 3\nnew") == "HD"
    assert mc("mg page v t") == "VA 3 t-1;new"


def test_one_client_wins_when_an_item_is_about_to_expire_or_missing(mc: MemcachedConsole) -> None:
    mc("ms page 3 T10\nold")
    assert mc("mg page R5") == "HD"
    assert mc("mg page R30 v") == "VA 3 W;old"
    assert mc("mg page R30 v") == "VA 3 Z;old"
    assert mc("mg other N30 t s") == "HD t30 s0 W"
    assert mc("mg other N30 v") == "VA 0 Z;"


def test_explicit_numbers(mc: MemcachedConsole) -> None:
    assert mc("ms a 1 E77 c\nx") == "HD c77"
    assert mc("ms a 1 C77 E78\ny") == "HD"
    assert mc("ms a 1 C77\nz") == "EX"
    assert mc("ma n N0 J5 E9 v c") == "VA 1 c9;5"
    assert mc("mg v N10 E5 c") == "HD c5 W"
    assert mc("md a C78 I E80") == "HD"
    assert mc("mg a c") == "HD c80 X W"


def test_a_value_can_be_dropped_from_its_item(mc: MemcachedConsole) -> None:
    mc("ms a 3 F7 T60\nabc")
    assert mc("md a x") == "HD"
    assert mc("mg a v f t") == "VA 0 f0 t60;"


def test_what_is_told_of_an_item(mc: MemcachedConsole) -> None:
    mc("ms a 3 F5 T100\nabc")
    assert mc("mg a h l t s f k O9") == "HD h0 l0 t100 s3 f5 ka O9"
    mc.clock.advance(7)
    assert mc("mg a h l t") == "HD h1 l7 t93"
    number = mc.cas_of("a")
    assert mc("me a").startswith(f"ME a exp=93 la=0 cas={number} fetch=yes cls=1 size=")
    assert mc("me zz") == "EN"


def test_binary_keys(mc: MemcachedConsole) -> None:
    assert mc("ms AAEK 2 b k\nhi") == "HD kAAEK b"
    assert mc.redis("GET", b"\x00\x01\n") == b"hi"
    assert mc("mg AAEK b v") == "VA 2;hi"
    assert mc("mg AAE b v") == "CLIENT_ERROR error decoding key"


def test_quiet_commands_and_the_end_of_a_batch(mc: MemcachedConsole) -> None:
    assert mc("mg a v q\nms a 1 q\nx\nmg a v q\nmg b v q O1\nmn") == "VA 1;x;MN"
    assert mc("md a q\nmd a q\nma n N0 q\nmn") == "NF;MN"


def test_append_can_begin_an_item(mc: MemcachedConsole) -> None:
    assert mc("ms log 1 MA\na") == "NS"
    assert mc("ms log 1 MA N60\na") == "HD"
    assert mc("ms log 1 MA s\nb") == "HD s2"
    assert mc("mg log v t") == "VA 2 t60;ab"


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("mg a v v", "CLIENT_ERROR duplicate flag"),
        ("mg a Z", "CLIENT_ERROR invalid flag"),
        ("mg a Tx", "CLIENT_ERROR bad token in command line format"),
        ("mg a O" + "x" * 33, "CLIENT_ERROR opaque token too long"),
        ("mg a" + " v" * 30, "CLIENT_ERROR options flags are too long"),
        ("mg", "ERROR"),
        ("ms a 1 Fx\n1", "CLIENT_ERROR bad command line format"),
        ("ms a 1 Tx\n1", "CLIENT_ERROR bad token in command line format"),
        ("ms a 1 M\n1", "CLIENT_ERROR incorrect length for M token"),
        ("ms a 1 MX\n1", "CLIENT_ERROR invalid mode for ms M token"),
        ("md a Tx", "CLIENT_ERROR invalid or duplicate flag"),
        ("md a v", "CLIENT_ERROR invalid or duplicate flag"),
        ("ma a D D", "CLIENT_ERROR invalid or duplicate flag"),
        ("ma a MX", "CLIENT_ERROR invalid mode for ma M token"),
        ("me", "CLIENT_ERROR bad command line format"),
    ],
)
def test_flags_that_are_wrong(mc: MemcachedConsole, text: str, reply: str) -> None:
    assert mc(text) == reply


# What is known of it.


def test_statistics(mc: MemcachedConsole) -> None:
    mc("set a 0 0 1\n1\nget a b\nincr a 1\ndelete zz\ntouch a 0\ngat 0 zz\ncas a 0 0 1 1\nx")
    lines = mc("stats").split(";")
    fields = dict(line.split(" ", 2)[1:] for line in lines[:-1])
    assert lines[-1] == "END"
    expected = {
        "cmd_get": "3",
        "get_hits": "1",
        "get_misses": "2",
        "cmd_set": "1",
        "incr_hits": "1",
        "delete_misses": "1",
        "cmd_touch": "2",
        "touch_hits": "1",
        "touch_misses": "1",
        "cas_badval": "1",
        "curr_items": "1",
    }
    assert {name: fields[name] for name in expected} == expected
    assert mc("stats reset") == "RESET"
    assert "STAT cmd_get 0;" in mc("stats")
    assert "STAT item_size_max 1048576;" in mc("stats settings")
    assert "STAT items:1:number 1;" in mc("stats items")
    assert "STAT active_slabs 1;" in mc("stats slabs")
    assert mc("stats nonsense") == "ERROR"


def test_commands_count_as_those_that_they_are(mc: MemcachedConsole) -> None:
    mc("set a 0 0 1\nx\nget a\nget a\ntouch a 10\ndelete a")
    counts = {name: mc.engine.dispatcher.commands[name].calls for name in (b"GET", b"DEL")}
    assert counts == {b"GET": 2, b"DEL": 1}
    assert mc.engine.keyspace.hits_total == 2


def test_a_transaction_notices_what_memcached_writes(mc: MemcachedConsole) -> None:
    mc.redis("WATCH", "a")
    mc("set a 0 0 1\nx")
    mc.redis("MULTI")
    mc.redis("SET", "a", 1)
    assert mc.redis("EXEC") is not None
    assert mc.redis("GET", "a") == b"x"


def test_the_command_behind_it_refuses_nonsense(mc: MemcachedConsole) -> None:
    for words in (("-1", "1", "-1"), ("1", "x", "-1"), ("1", "1", "soon"), ("1", "1", "-1", "NEW")):
        assert "ERR" in str(mc.redis("MEMCACHED", "STORE", "a", "v", *words))
    assert mc.redis("EXISTS", "a") == 0

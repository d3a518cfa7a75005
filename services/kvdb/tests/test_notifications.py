"""Keyspace notifications: which events each command gives, and on which channels."""

import pytest

from services.kvdb.notifications import normalized
from services.kvdb.pubsub import Message
from services.kvdb.tests.support import Console

# Commands, and the events of the last of them.
EVENTS = [
    ("SET a 1", "new a, set a"),
    ("SET a 1; SET a 2", "set a"),
    ("SET a 1 EX 10", "new a, set a, expire a"),
    ("MSET a 1 b 2", "new a, set a, new b, set b"),
    ("GET a", "keymiss a"),
    ("DECR n", "new n, incrby n"),
    ("APPEND a x", "new a, append a"),
    ("SET a 1; GETDEL a", "del a"),
    ("SET a 1 EX 10; GETEX a PERSIST", "persist a"),
    ("SET a 1; EXPIRE a 10", "expire a"),
    ("SET a 1; EXPIRE a -1", "del a"),
    ("SET a 1 EX 10; PERSIST a", "persist a"),
    ("SET a 1; DEL a b", "del a"),
    ("SET a 1; RENAME a b", "new b, rename_from a, rename_to b"),
    ("SET a 1; SET b 1; RENAME a b", "new b, rename_from a, rename_to b"),
    ("SET a 1; COPY a b", "new b, copy_to b"),
    ("LPUSH l a b", "new l, lpush l"),
    ("LPUSH l a b; LPOP l", "lpop l"),
    ("LPUSH l a; RPOP l", "rpop l, del l"),
    ("RPUSH l a b; LMPOP 1 l RIGHT COUNT 1", "rpop l"),
    ("RPUSH l a; LMOVE l m LEFT RIGHT", "new m, rpush m, lpop l, del l"),
    ("RPUSH l a b; RPOPLPUSH l l", "lpush l, rpop l"),
    ("SADD s a; SREM s a", "srem s, del s"),
    ("SADD s a b; SMOVE s t a", "srem s, new t, sadd t"),
    ("SADD s a; SUNIONSTORE t s", "new t, sunionstore t"),
    ("SADD s a; SREM s x", ""),
    ("HSETNX h f 1", "new h, hset h"),
    ("HSET h f 1; HINCRBY h f 1", "hincrby h"),
    ("HSET h f 1; HDEL h f", "hdel h, del h"),
    ("ZADD z 1 a; ZADD z INCR 1 a", "zincr z"),
    ("ZADD z 1 a; ZPOPMIN z", "zpopmin z, del z"),
    ("XGROUP CREATE x g $ MKSTREAM", "new x, xgroup-create x"),
    (
        "XADD x 1 f v; XGROUP CREATE x g 0; XREADGROUP GROUP g c STREAMS x >",
        "xgroup-createconsumer x",
    ),
    ("XADD x 1 f v; XDEL x 1", "xdel x"),
    ("SET a 1; FLUSHALL", ""),
    ("HSET h a 1; HEXPIRE h 10 FIELDS 1 a", "hexpire h"),
    ("HSET h a 1; HEXPIRE h 0 FIELDS 1 a", "hdel h, del h"),
    ("HSET h a 1; HEXPIRE h 10 XX FIELDS 1 a", ""),
    ("HSETEX h EX 10 FIELDS 1 a 1", "new h, hset h, hexpire h"),
    ("HSETEX h EX 10 FIELDS 1 a 1; HPERSIST h FIELDS 1 a", "hpersist h"),
    ("HSETEX h EX 10 FIELDS 1 a 1; HGETEX h PERSIST FIELDS 1 a", "hpersist h"),
    ("HSET h a 1; HGETEX h EX 10 FIELDS 1 a", "hexpire h"),
    ("HSET h a 1; HGETEX h FIELDS 1 a", ""),
    ("HSET h a 1 b 2; HGETDEL h FIELDS 2 a x", "hdel h"),
    ("HSET h a 1; HGETDEL h FIELDS 1 a", "hdel h, del h"),
]


class Listener:
    """A client with a pattern, and what it has been sent."""

    def __init__(self, console: Console, pattern: str):
        self._deliveries = console.engine.dispatcher.deliveries
        Console(console.engine)("PSUBSCRIBE", pattern)

    def heard(self) -> list[tuple[str, str]]:
        """Channel and payload of each message so far; they count as read."""
        messages = [it.push for _, it in self._deliveries if type(it) is Message]
        self._deliveries.clear()
        return [(channel.decode(), payload.decode()) for _, _, channel, payload in messages]

    def events(self) -> str:
        return ", ".join(
            f"{channel.partition(':')[2]} {payload}" for channel, payload in self.heard()
        )


@pytest.mark.parametrize("script, events", EVENTS)
def test_the_events_of_a_command(script: str, events: str) -> None:
    console = Console(notify_keyspace_events="AEmn")
    listener = Listener(console, "*")
    for line in script.split("; "):
        listener.heard()
        console(*line.split())
    assert listener.events() == events


def test_both_kinds_of_channel() -> None:
    console = Console(notify_keyspace_events="KE$")
    listener = Listener(console, "*")
    console("SELECT", 3)
    console("SET", "a", 1)
    assert listener.heard() == [("__keyspace@3__:a", "set"), ("__keyevent@3__:set", "a")]


def test_classes_that_are_not_wanted_are_silent() -> None:
    console = Console(notify_keyspace_events="El")
    listener = Listener(console, "*")
    console("SET", "a", 1)
    console("LPUSH", "l", 1)
    assert listener.events() == "lpush l"


def test_expiry_is_told_lazily_and_by_the_cycle() -> None:
    console = Console(notify_keyspace_events="AE")
    listener = Listener(console, "*")
    console("SET", "lazily", 1, "PX", 1)
    console("SET", "by the cycle", 1, "PX", 1)
    listener.heard()
    console.clock.advance(1)
    console("EXISTS", "lazily")
    console.engine.tick()
    assert listener.events() == "expired lazily, expired by the cycle"


def test_eviction_is_told() -> None:
    console = Console(notify_keyspace_events="AE")
    listener = Listener(console, "*")
    console("SET", "a", 1)
    listener.heard()
    console("CONFIG", "SET", "maxmemory", 1)
    assert listener.events() == "evicted a"


def test_the_commands_of_a_transaction_are_told_apart() -> None:
    console = Console(notify_keyspace_events="AE")
    listener = Listener(console, "*")
    for line in ("MULTI", "SET a 1", "LPUSH l 1", "DEL a", "EXEC"):
        console(*line.split())
    assert listener.events() == "set a, lpush l, del a"


def test_a_pop_that_was_waited_for_is_told_as_a_pop() -> None:
    console = Console(notify_keyspace_events="AE")
    listener = Listener(console, "*")
    console("BLPOP", "l", 0)
    Console(console.engine)("RPUSH", "l", 1)
    assert listener.events() == "rpush l, lpop l, del l"


def test_the_setting_is_written_in_one_order() -> None:
    assert normalized("gKE") == "gKE"
    assert normalized("$lshzxeKE") == "$lshzxeKE"
    assert normalized("KA") == "AK"
    assert normalized("") == ""
    assert normalized("nmA") == "Amn"
    with pytest.raises(ValueError, match="Invalid event class"):
        normalized("?")


def test_nothing_is_observed_until_somebody_asks() -> None:
    console = Console()
    assert console.engine.keyspace.observer is None
    console("CONFIG", "SET", "notify-keyspace-events", "KEA")
    assert console.engine.keyspace.observer is not None
    console("CONFIG", "SET", "notify-keyspace-events", "")
    assert console.engine.keyspace.observer is None

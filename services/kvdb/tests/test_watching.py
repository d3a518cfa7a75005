"""MONITOR, SLOWLOG, LATENCY and CLIENT PAUSE: looking at commands, and holding them up."""

import pytest

from services.common.resp import OK, ReplyError, Simple
from services.kvdb.clients import NO_REPLY, RESUME
from services.kvdb.monitor import quoted
from services.kvdb.pubsub import Message
from services.kvdb.tests.support import Console


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def other(console: Console) -> Console:
    return Console(console.engine)


def shown(console: Console) -> list[str]:
    """What the monitors have been sent, without time and place."""
    deliveries = console.engine.dispatcher.deliveries
    lines = [it.push.partition("] ")[2] for _, it in deliveries if type(it) is Message]
    deliveries.clear()
    return lines


def test_a_monitor_sees_every_command(console: Console, other: Console) -> None:
    assert console("MONITOR") is OK
    for line in ("SET a 1", "MULTI", "INCR a", "EXEC", "LPUSH a x", "CONFIG GET save"):
        other(*line.split())
    assert shown(console) == [
        '"SET" "a" "1"',
        '"MULTI"',
        '"INCR" "a"',
        '"EXEC"',
        '"LPUSH" "a" "x"',
    ]
    assert " flags=O " in console("CLIENT", "INFO").decode()


def test_a_monitor_sees_no_passwords(console: Console, other: Console) -> None:
    console("MONITOR")
    other("AUTH", "user", "secret")
    other("HELLO", 3, "AUTH", "user", "secret", "SETNAME", "x")
    assert shown(console) == [
        '"AUTH" "(redacted)" "(redacted)"',
        '"HELLO" "3" "AUTH" "(redacted)" "(redacted)" "SETNAME" "x"',
    ]


def test_reset_ends_monitoring(console: Console, other: Console) -> None:
    console("MONITOR")
    console("RESET")
    shown(console)
    other("SET", "a", 1)
    assert shown(console) == []
    assert not console.engine.dispatcher.is_observed


def test_what_cannot_be_printed_is_escaped() -> None:
    assert quoted(b'a"\\\n\x00\xff') == b'"a\\"\\\\\\n\\x00\\xff"'


def test_the_slow_log(console: Console) -> None:
    console("CONFIG", "SET", "slowlog-log-slower-than", 0)
    console("CLIENT", "SETNAME", "me")
    console("SLOWLOG", "RESET")
    console("SET", "a", "x" * 200)
    console("GET", "a")
    first, second = console("SLOWLOG", "GET")[:2]
    assert first[3] == [b"GET", b"a"]
    assert second[3] == [b"SET", b"a", b"x" * 128 + b"... (72 more bytes)"]
    assert first[0] == second[0] + 1
    assert first[5] == b"me"
    console("CONFIG", "SET", "slowlog-max-len", 1)
    assert console("SLOWLOG", "LEN") == 1
    assert console("SLOWLOG", "GET", -2).startswith("ERR count should be")


def test_many_arguments_are_shortened(console: Console) -> None:
    console("CONFIG", "SET", "slowlog-log-slower-than", 0)
    console("RPUSH", "l", *range(40))
    [entry] = [it for it in console("SLOWLOG", "GET") if it[3][0] == b"RPUSH"]
    assert len(entry[3]) == 32
    assert entry[3][-1] == b"... (11 more arguments)"


def test_nothing_is_slow_when_the_log_is_off(console: Console) -> None:
    console("CONFIG", "SET", "slowlog-log-slower-than", -1)
    console("SLOWLOG", "RESET")
    console("DEBUG", "SLEEP", 0.02)
    assert console("SLOWLOG", "LEN") == 0


def test_latency_keeps_what_took_long(console: Console) -> None:
    console("CONFIG", "SET", "latency-monitor-threshold", 10)
    console("DEBUG", "SLEEP", 0.02)
    [[event, _, last_ms, worst_ms]] = console("LATENCY", "LATEST")
    assert event == b"command"
    assert last_ms == worst_ms >= 20
    assert len(console("LATENCY", "HISTORY", "command")) == 1
    assert console("LATENCY", "RESET") == 1
    assert console("LATENCY", "LATEST") == []


# CLIENT PAUSE.


def test_writes_wait_and_reads_go_on(console: Console, other: Console) -> None:
    assert console("CLIENT", "PAUSE", 1000, "WRITE") is OK
    assert other("GET", "a") is None
    assert other("SET", "a", 1) is NO_REPLY
    assert other.client.postponed == [b"SET", b"a", b"1"]
    assert other.client.is_halted
    assert b"blocked_clients:1" in console("INFO", "clients")
    console("CLIENT", "UNPAUSE")
    assert list(console.engine.dispatcher.deliveries) == [(other.client, RESUME)]


def test_everybody_waits(console: Console, other: Console) -> None:
    console("CLIENT", "PAUSE", 1000)
    assert other("PING") is NO_REPLY


def test_a_pause_ends_by_itself(console: Console, other: Console) -> None:
    console("CLIENT", "PAUSE", 1000)
    other("PING")
    console.clock.advance(2)
    console.engine.tick()
    assert list(console.engine.dispatcher.deliveries) == [(other.client, RESUME)]
    other.client.postponed = None
    assert other("PING") == Simple("PONG")


def test_what_would_fail_fails_at_once(console: Console, other: Console) -> None:
    console("CLIENT", "PAUSE", 1000)
    assert other("GET").startswith("ERR wrong number of arguments")


def test_a_pause_begins_behind_the_transaction(console: Console, other: Console) -> None:
    for line in ("MULTI", "CLIENT PAUSE 1000 WRITE", "SET a 1"):
        console(*line.split())
    assert console("EXEC") == [OK, OK]
    assert other("SET", "a", 2) is NO_REPLY


def test_exec_waits_where_it_would_write(console: Console, other: Console) -> None:
    other("MULTI")
    other("SET", "a", 1)
    console("CLIENT", "PAUSE", 1000, "WRITE")
    assert other("EXEC") is NO_REPLY


def test_nothing_expires_meanwhile(console: Console) -> None:
    console("SET", "a", 1, "PX", 1)
    console("CLIENT", "PAUSE", 60_000, "WRITE")
    console.clock.advance(1)
    console.engine.tick()
    assert console("GET", "a") is None
    assert console("DBSIZE") == 1
    console("CLIENT", "UNPAUSE")
    console.engine.tick()
    assert console("DBSIZE") == 0


def test_a_client_that_leaves_is_not_waited_for(console: Console, other: Console) -> None:
    console("CLIENT", "PAUSE", 1000, "WRITE")
    other("SET", "a", 1)
    console.engine.clients.disconnect(other.client)
    console("CLIENT", "UNPAUSE")
    assert not console.engine.dispatcher.deliveries


@pytest.mark.parametrize("words", [("x",), ("-1",), ("1", "SOME"), ("1", "ALL", "x")])
def test_bad_pauses(console: Console, words: tuple[str, ...]) -> None:
    assert console("CLIENT", "PAUSE", *words).startswith("ERR")
    assert not console.engine.pause.is_active


def test_errors_are_seen_by_monitors_too(console: Console, other: Console) -> None:
    other("SET", "a", 1)
    console("MONITOR")
    assert other("LPUSH", "a", 1).startswith("WRONGTYPE")
    assert shown(console) == ['"LPUSH" "a" "1"']
    assert isinstance(console.engine.dispatcher.execute(other.client, [b"LPUSH", b"a"]), ReplyError)

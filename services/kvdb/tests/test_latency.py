"""LATENCY: what is remembered of slow commands, and how it is shown."""

import pytest

from services.kvdb.tests.support import Console


@pytest.fixture
def console() -> Console:
    return Console(latency_monitor_threshold=100)


def note(console: Console, *durations_ms: int, event: bytes = b"command") -> None:
    for duration_ms in durations_ms:
        console.engine.latency.note(event, duration_ms / 1000)
        console.clock.advance(1)


def test_what_is_under_the_threshold_is_not_remembered(console: Console) -> None:
    note(console, 99)
    assert console("LATENCY", "LATEST") == []
    console("CONFIG", "SET", "latency-monitor-threshold", 0)
    note(console, 1000)
    assert console("LATENCY", "LATEST") == []


def test_the_worst_of_a_second_is_kept(console: Console) -> None:
    for duration_ms in (200, 500, 300):
        console.engine.latency.note(b"command", duration_ms / 1000)
    assert console("LATENCY", "HISTORY", "command") == [[1_000_000, 500]]


def test_the_latest_and_the_worst_are_told_by_event(console: Console) -> None:
    note(console, 300, 200)
    note(console, 150, event=b"expire-cycle")
    assert console("LATENCY", "LATEST") == [
        [b"command", 1_000_001, 200, 300],
        [b"expire-cycle", 1_000_002, 150, 150],
    ]
    assert console("LATENCY", "RESET", "command", "unknown") == 1
    assert console("LATENCY", "HISTORY", "command") == []
    assert console("LATENCY", "RESET") == 1


def test_no_more_than_the_last_160_samples_are_kept(console: Console) -> None:
    note(console, *range(101, 301))
    history = console("LATENCY", "HISTORY", "command")
    assert [duration_ms for _, duration_ms in history] == list(range(141, 301))


def test_a_graph_has_a_column_for_each_sample(console: Console) -> None:
    note(console, 100, 400, 200)
    lines = console("LATENCY", "GRAPH", "command").decode().splitlines()
    assert lines[0] == "command - high 400 ms, low 100 ms (all time high 400 ms)"
    assert lines[2:6] == [" # ", " # ", " ##", "###"]
    assert [line.rstrip() for line in lines[7:]] == ["321", "sss", ""]
    assert console("LATENCY", "GRAPH", "x") == "ERR No samples available for event 'x'"


def test_the_doctor_says_what_has_happened(console: Console) -> None:
    assert b"Nothing has taken long" in console("LATENCY", "DOCTOR")
    note(console, 200, 400)
    for event in (b"fast-command", b"expire-cycle"):
        note(console, 100, event=event)
    text = console("LATENCY", "DOCTOR").decode()
    assert "command: 2 spikes, 300 ms on average, 400 ms at the worst" in text
    assert "expire-cycle: 1 spikes" in text
    assert b"latency-monitor-threshold" in Console()("LATENCY", "DOCTOR")


def test_a_histogram_counts_calls_by_powers_of_two() -> None:
    console = Console(latency_tracking=True)
    get = console.engine.dispatcher.commands[b"GET"]
    for duration_us in (0, 1, 2, 3, 4, 100):
        console.engine.latency.count(get, duration_us / 1e6)
    assert console("LATENCY", "HISTOGRAM", "GET", "SET", "NONSENSE") == {
        b"get": {b"calls": 6, b"histogram_usec": {1: 2, 2: 3, 4: 5, 128: 6}}
    }
    text = console("INFO", "latencystats").decode()
    assert "latency_percentiles_usec_get:p50=2.000,p99=128.000,p99.9=128.000" in text


def test_commands_are_counted_while_it_is_asked_for_with_their_families() -> None:
    console = Console()
    console("SET", "a", 1)
    assert console("LATENCY", "HISTOGRAM") == {}
    console("CONFIG", "SET", "latency-tracking", "yes")
    console("SET", "a", 1)
    console("CLIENT", "ID")
    console("CLIENT", "GETNAME")
    shown = console("LATENCY", "HISTOGRAM", "client", "set")
    assert {name: it[b"calls"] for name, it in shown.items()} == {
        b"client|id": 1,
        b"client|getname": 1,
        b"set": 1,
    }
    console("CONFIG", "RESETSTAT")
    assert b"set" not in console("LATENCY", "HISTOGRAM")

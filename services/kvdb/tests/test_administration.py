"""SHUTDOWN, BGSAVE, DEBUG LOADAOF, ROLE, WAIT, INFO; and the limits of what a client may ask."""

from pathlib import Path

import pytest

from services.common.resp import OK, ReplyError, encode_request
from services.kvdb import pubsub
from services.kvdb.tests.serving import Running, receive_all, serving
from services.kvdb.tests.support import Console


@pytest.fixture
def console() -> Console:
    return Console()


# The end.


def test_shutdown_ends_the_server_and_saves_as_it_is_told(tmp_path: Path) -> None:
    settings = {"data_dir": str(tmp_path), "save_points": ()}
    for words, kept in (((), b"1"), (("NOSAVE",), b"1"), (("SAVE", "NOW"), b"2")):
        with serving(**settings) as server, server.connect() as sock:
            server.client().execute("INCR", "a")
            sock.sendall(encode_request(["SHUTDOWN", *words]))
            assert receive_all(sock) == b""
        with serving(**settings) as server:
            assert server.client().execute("GET", "a") == kept


def test_a_shutdown_is_aborted_while_somebody_still_reads(server: Running) -> None:
    client = server.client()
    client.execute("SET", "large", "x" * 30_000_000)
    with server.connect() as slow:
        slow.sendall(encode_request(["GET", "large"]))
        server.wait_until(lambda: _waiting_bytes(server) > 0)
        client.send(encode_request(["SHUTDOWN"]))
        server.wait_until(lambda: server.server._stop_at_s > 0)
        client.send(encode_request(["SHUTDOWN", "ABORT"]))
        replies = {str(client.read_reply()), str(client.read_reply())}
        assert replies == {"OK", "ERR Errors trying to SHUTDOWN. Check logs."}
        assert server.client().execute("PING") == "PONG"


def _waiting_bytes(server: Running) -> int:
    return max((client.endpoint.output_bytes for client in server.engine.clients), default=0)


@pytest.fixture
def server() -> Running:
    with serving() as running:
        yield running


@pytest.mark.parametrize("words", [("NONSENSE",), ("SAVE", "NOSAVE"), ("ABORT", "NOW")])
def test_nonsense_ends_nothing(console: Console, words: tuple[str, ...]) -> None:
    assert console("SHUTDOWN", *words) == "ERR syntax error"
    assert console("SHUTDOWN", "ABORT") == "ERR No shutdown in progress."


# Saving and loading.


def test_a_save_that_has_to_wait_follows_the_one_before(tmp_path: Path) -> None:
    with serving(data_dir=str(tmp_path), save_points=()) as server:
        client, persistence = server.client(), server.engine.persistence
        replies = client.pipeline([("SET", "a", "1"), ("BGSAVE",), ("BGSAVE", "SCHEDULE")])
        assert replies[1:] == ["Background saving started", "Background saving scheduled"]
        server.wait_until(lambda: persistence.saves_total == 2 and not persistence.is_saving)
        assert b"rdb_saves:2\r\n" in client.execute("INFO", "persistence")
        replies = client.pipeline([("BGSAVE",), ("BGREWRITEAOF",), ("BGSAVE",)])
        assert replies[1] == "Background append only file rewriting scheduled"
        assert isinstance(replies[2], ReplyError)
        server.wait_until(lambda: persistence.saves_total == 4)


def test_loading_the_append_only_file_again_changes_nothing(tmp_path: Path) -> None:
    with serving(data_dir=str(tmp_path), append_only=True, save_points=()) as server:
        client = server.client()
        client.execute("SET", "a", "1")
        client.execute("BGREWRITEAOF")
        client.execute("XADD", "s", "*", "f", "v")
        client.execute("SET", "b", "2", "EX", "100")
        before = client.execute("DEBUG", "DIGEST")
        assert client.execute("DEBUG", "LOADAOF") == "OK"
        assert client.execute("DEBUG", "DIGEST") == before
        client.execute("SET", "c", "3")
        assert client.execute("DEBUG", "LOADAOF") == "OK"
        assert client.execute("MGET", "a", "b", "c") == [b"1", b"2", b"3"]


def test_without_a_directory_there_is_nothing_to_load(console: Console) -> None:
    assert "keeps no data on disk" in console("DEBUG", "LOADAOF")
    assert "keeps no data on disk" in console("BGSAVE", "SCHEDULE")


def test_the_append_only_file_may_be_switched_off_during_a_save(tmp_path: Path) -> None:
    with serving(data_dir=str(tmp_path), append_only=True) as server:
        client = server.client()
        client.execute("SET", "a", "1")
        off = ("CONFIG", "SET", "appendonly", "no")
        on = ("CONFIG", "SET", "appendonly", "yes")
        assert client.pipeline([("BGREWRITEAOF",), off, on, off])[1:] == ["OK"] * 3
    with serving(data_dir=str(tmp_path)) as server:
        assert server.client().execute("GET", "a") == b"1"


# What there is not.


def test_there_are_no_replicas(console: Console) -> None:
    assert console("ROLE") == [b"master", 0, []]
    assert console("WAIT", 0, 1000) == 0
    assert console("WAIT", 1, -1) == "ERR timeout is negative"
    assert console("REPLICAOF", "NO", "ONE") == OK
    for words in (("REPLICAOF", "host", 1), ("SYNC",), ("PSYNC", "?", -1), ("REPLCONF", "capa")):
        assert "this server has no replication" in console(*words)
    assert console("CLUSTER", "INFO") == "ERR This instance has cluster support disabled"
    assert console("MODULE", "LIST") == []


def test_waiting_for_replicas_takes_the_time_that_is_given(server: Running) -> None:
    client = server.client()
    assert client.execute("WAIT", "1", "10") == 0
    assert client.pipeline([("MULTI",), ("WAIT", "1", "0"), ("EXEC",)])[-1] == [0]


# INFO.


def sections(console: Console, *words: str) -> list[str]:
    text = console("INFO", *words).decode()
    return [line[2:] for line in text.splitlines() if line.startswith("# ")]


def test_info_has_redis_s_sections(console: Console) -> None:
    everything = sections(console, "everything")
    assert everything == sections(console, "all")
    assert {"Commandstats", "Latencystats", "Modules"} <= set(everything)
    assert set(everything) - set(sections(console)) == {"Commandstats", "Latencystats"}
    assert sections(console, "cpu", "Memory", "nonsense") == ["Memory", "CPU"]


def test_info_counts_what_happens_in_a_second(console: Console) -> None:
    for _ in range(11):
        console.engine.tick()
        console.engine.vitals.requests_total += 500
        console.clock.advance(1)
    assert "instantaneous_ops_per_sec:500\r\n" in console("INFO", "stats").decode()


def test_the_peak_of_memory_stays(console: Console) -> None:
    console("SET", "a", "x" * 10_000)
    console.engine.tick()
    console("DEL", "a")
    text = console("INFO", "memory").decode()
    peak = next(line for line in text.splitlines() if line.startswith("used_memory_peak:"))
    assert int(peak.partition(":")[2]) > 10_000
    stats = console("MEMORY", "STATS")
    assert stats[b"peak.allocated"] > 10_000
    assert stats[b"total.allocated"] == 0


# Limits.


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"x" * 70_000, b"-ERR Protocol error: too big inline request\r\n"),
        (b"*1048577\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*" + b"1" * 70_000, b"-ERR Protocol error: too big mbulk count string\r\n"),
        (b"*1\r\n$" + b"1" * 70_000, b"-ERR Protocol error: too big bulk count string\r\n"),
        (b"*99999999999999999999\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    ],
)
def test_what_is_too_large_is_answered_and_closed(
    server: Running, data: bytes, error: bytes
) -> None:
    with server.connect() as sock:
        sock.sendall(data)
        assert receive_all(sock) == error
    assert server.client().execute("PING") == "PONG"


def test_a_pattern_that_would_take_long_is_refused(console: Console) -> None:
    pattern = b"*a" * 70_000
    for words in (("KEYS", pattern), ("SCAN", 0, "MATCH", pattern), ("CONFIG", "GET", pattern)):
        assert console(*words) == "ERR the pattern is longer than 131072 bytes"
    assert console("KEYS", b"*a" * 50_000) == []
    assert console("PSUBSCRIBE", "x", b"*" * 1025) == "ERR the pattern is longer than 1024 bytes"
    assert console("PUBSUB", "NUMPAT") == 0


def test_subscriptions_have_a_limit(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub, "MAX_SUBSCRIPTIONS", 3)
    console("SUBSCRIBE", "a", "b")
    assert console("SUBSCRIBE", "c", "d") == "ERR a client may have 3 subscriptions"
    assert console("PSUBSCRIBE", "c*") is not None
    assert console("SSUBSCRIBE", "s") == "ERR a client may have 3 subscriptions"
    assert "longer than" in Console(console.engine)("SUBSCRIBE", b"x" * 70_000)

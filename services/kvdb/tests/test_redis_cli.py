"""redis-cli: what people do with it beside typing commands."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.common.resp import encode_request
from services.kvdb.tests.serving import TIMEOUT_S, Running, serving

pytestmark = pytest.mark.skipif(
    shutil.which("redis-cli") is None, reason="no redis-cli is installed"
)


@pytest.fixture
def server() -> Iterator[Running]:
    with serving() as running:
        client = running.client()
        client.execute("MSET", *(word for n in range(300) for word in (f"key:{n}", "x" * n)))
        client.execute("RPUSH", "list", "a", "b", "c")
        client.execute("HSET", "hash", "f", "v")
        client.execute("ZADD", "zset", "1", "a")
        client.execute("XADD", "stream", "*", "f", "v")
        yield running


def redis_cli(server: Running, *words: str, typed: bytes = b"") -> str:
    command = ["redis-cli", "-p", str(server.port), *words]
    done = subprocess.run(
        command, input=typed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S
    )
    return done.stdout.decode()


def test_the_largest_keys_are_found(server: Running) -> None:
    shown = redis_cli(server, "--bigkeys")
    assert "Biggest string found '\"key:299\"' has 299 bytes" in shown
    assert "1 lists with 3 items" in shown
    assert "Sampled 304 keys in the keyspace!" in shown
    assert "Biggest stream found" in redis_cli(server, "--memkeys")


def test_the_keys_that_are_used_most_are_found_under_lfu(server: Running) -> None:
    assert "An LFU maxmemory policy is not selected" in redis_cli(server, "--hotkeys")
    client = server.client()
    client.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    client.pipeline([("GET", "key:7")] * 5000)
    assert 'keyname: "key:7"' in redis_cli(server, "--hotkeys")


def test_keys_are_scanned_by_pattern(server: Running) -> None:
    assert len(redis_cli(server, "--scan", "--pattern", "key:1*").split()) == 111


def test_mass_insertion(server: Running) -> None:
    commands = b"".join(encode_request(["SET", f"new:{n}", "v"]) for n in range(20_000))
    shown = redis_cli(server, "--pipe", typed=commands)
    assert "errors: 0, replies: 20000" in shown
    assert server.client().execute("DBSIZE") == 20_304


def test_what_is_not_offered_is_said(server: Running, tmp_path: Path) -> None:
    shown = redis_cli(server, "--rdb", str(tmp_path / "dump.rdb"))
    assert "this server has no replication" in shown


def test_people_type(server: Running) -> None:
    typed = b"get key:3\nhelp get\ninfo server\nhello 3\nhgetall hash\nnonsense\n"
    shown = redis_cli(server, typed=typed)
    assert "xxx" in shown
    assert "redis_version:7.0.15" in shown
    assert "GET" in shown
    assert "unknown command 'nonsense'" in shown


@pytest.mark.parametrize("words", [["--stat", "-i", "0.05"], ["monitor"], ["--latency-history"]])
def test_a_display_goes_on_until_it_is_ended(server: Running, words: list[str]) -> None:
    command = ["stdbuf", "-oL", "redis-cli", "-p", str(server.port), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as display:
        try:
            if words == ["monitor"]:
                assert display.stdout.readline() == b"OK\n"
                server.client().execute("GET", "key:1")
                assert b'"GET" "key:1"' in display.stdout.readline()
            elif words[0] == "--stat":
                lines = [display.stdout.readline() for _ in range(4)]
                assert b"keys" in lines[1]
                assert lines[2].startswith(b"304")
            else:
                assert display.stdout.read(1)
        finally:
            display.kill()

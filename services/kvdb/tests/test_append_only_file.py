"""The append-only file, with a real process that is really killed.

`KVDB_KILLS` says how often (`KVDB_KILLS=200` for the long run).
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.common.append_only_log import LogReader
from services.common.logs import Log
from services.kvdb.engine import Engine
from services.kvdb.journal import PURPOSE
from services.kvdb.settings import Settings

KILLS = int(os.environ.get("KVDB_KILLS", "4"))
FRESH_ROUNDS = 20
"""After so many the data is deleted: reading it back would take more and more of the time."""
CLIENTS = 4
PIPELINE, PIPELINE_LENGTH = "pipeline", 20


class Server:
    """A kvdb in a process of its own, on a directory that outlives it."""

    def __init__(self, directory: Path, *options: str, log: Path | None = None):
        command = [sys.executable, "-m", "services.kvdb", "--port", "0"]
        command += ["--data-dir", str(directory), "--appendonly", "yes", *options]
        self.log = log or directory.parent / "kvdb.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        self.ready = self.process.stdout.readline()
        self.port = int(self.ready.rpartition(":")[2]) if self.ready else 0

    def client(self) -> redis.Redis:
        # No second attempt: a server that has been killed does not come back at this port.
        never = Retry(NoBackoff(), 0)
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=10, retry=never)

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self) -> int:
        self.process.stdout.close()
        return self.process.wait(20)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def started(directory: Path) -> Iterator[list[Server]]:
    """Servers that a test has started; whatever still runs at its end is killed."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        if server.process.poll() is None:
            server.kill()


def data_of(client: redis.Redis) -> dict[str, object]:
    """Everything that a server holds, whatever the type."""
    readers = {
        "string": client.get,
        "list": lambda key: client.lrange(key, 0, -1),
        "hash": client.hgetall,
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        "stream": client.xrange,
    }
    data: dict[str, object] = {}
    for database in (0, 1):
        client.select(database)
        for key in client.scan_iter(count=1000):
            data[f"{database}:{key}"] = (readers[client.type(key)](key), client.pexpiretime(key))
    return data


def write_until_it_breaks(server: Server, name: str, acknowledged: dict[str, int]) -> None:
    """Transactions, one after the other; `acknowledged` counts those that were answered."""
    client = server.client()
    try:
        while True:
            with client.pipeline(transaction=True) as pipe:
                pipe.incr(f"count:{name}").rpush(f"log:{name}", "x")
                pipe.execute()
            acknowledged[name] += 1
    except redis.RedisError:
        pass


def push_until_it_breaks(server: Server, acknowledged: dict[str, int]) -> None:
    """Pipelines of one command; `acknowledged` counts the elements that were answered."""
    client = server.client()
    try:
        while True:
            with client.pipeline(transaction=False) as pipe:
                first = acknowledged[PIPELINE]
                for number in range(first, first + PIPELINE_LENGTH):
                    pipe.rpush(PIPELINE, number)
                acknowledged[PIPELINE] = pipe.execute()[-1]
    except redis.RedisError:
        pass


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_nothing_acknowledged_is_lost_by_kill_9(directory: Path, started: list, policy: str):
    """A process that dies takes nothing with it that the kernel has: under either policy."""
    acknowledged = {str(number): 0 for number in range(CLIENTS)} | {PIPELINE: 0}
    moments = random.Random(policy)
    for round_ in range(KILLS):
        server = Server(directory, "--appendfsync", policy, "--snapshot-interval-s", "1")
        started.append(server)
        check_against(server, acknowledged)
        if round_ % FRESH_ROUNDS == FRESH_ROUNDS - 1:
            server.client().flushall()
            acknowledged = dict.fromkeys(acknowledged, 0)
        threads = [
            threading.Thread(target=write_until_it_breaks, args=(server, name, acknowledged))
            for name in acknowledged
            if name != PIPELINE
        ]
        threads.append(threading.Thread(target=push_until_it_breaks, args=(server, acknowledged)))
        for thread in threads:
            thread.start()
        # A random moment is the point of this test: not a wait for anything.
        threading.Event().wait(moments.uniform(0.05, 0.6))
        if moments.random() < 0.3:
            server.client().bgsave()
        server.kill()
        for thread in threads:
            thread.join(20)
    server = Server(directory)
    started.append(server)
    check_against(server, acknowledged)
    assert all(acknowledged.values())


def check_against(server: Server, acknowledged: dict[str, int]) -> None:
    client = server.client()
    elements = list(map(int, client.lrange(PIPELINE, 0, -1)))
    assert elements == list(range(len(elements)))
    assert 0 <= len(elements) - acknowledged[PIPELINE] <= PIPELINE_LENGTH
    acknowledged[PIPELINE] = len(elements)
    for name in acknowledged.keys() - {PIPELINE}:
        count = int(client.get(f"count:{name}") or 0)
        assert count == client.llen(f"log:{name}"), "half a transaction came back"
        # What was under way when the server died may be there or not.
        assert acknowledged[name] <= count <= acknowledged[name] + 1
        acknowledged[name] = count


def test_random_and_timed_commands_come_back_as_they_happened(directory: Path, started: list):
    server = Server(directory)
    started.append(server)
    client = server.client()
    client.sadd("set", *range(100))
    client.spop("set", 40)
    client.spop("set")
    client.set("soon", "gone", px=1)
    client.set("later", "there", ex=1000)
    client.expire("set", 500)
    client.select(1)
    client.xadd("stream", {"a": 1})
    client.xadd("stream", {"b": 2})
    client.incrbyfloat("float", 0.1)
    client.incrbyfloat("float", 0.2)
    client.zadd("zset", {"a": 1.5, "b": float("inf")})
    client.select(0)
    waiting = threading.Thread(target=lambda: server.client().blpop("queue", timeout=10))
    waiting.start()
    wait_until_blocked(client)
    client.rpush("queue", "taken", "left")
    waiting.join(10)
    before = data_of(client)
    server.kill()
    server = Server(directory)
    started.append(server)
    assert data_of(server.client()) == before
    assert server.client().lrange("queue", 0, -1) == ["left"]
    assert server.client().get("soon") is None


def wait_until_blocked(client: redis.Redis) -> None:
    deadline_s = time.monotonic() + 10
    while client.info("clients")["blocked_clients"] == 0:
        assert time.monotonic() < deadline_s


def test_evicted_keys_stay_away(directory: Path, started: list):
    server = Server(directory, "--maxmemory-mb", "1")
    started.append(server)
    client = server.client()
    for number in range(3000):
        client.set(f"key:{number}", "x" * 1000)
    assert client.info("stats")["evicted_keys"] > 1000
    before = data_of(client)
    server.kill()
    server = Server(directory, "--maxmemory-mb", "1")
    started.append(server)
    assert data_of(server.client()) == before


def test_a_torn_tail_is_cut_and_said(directory: Path, started: list):
    server = Server(directory)
    started.append(server)
    server.client().set("a", "1")
    server.client().set("b", "2")
    server.kill()
    path = only_file(directory)
    path.write_bytes(path.read_bytes()[:-3])
    server = Server(directory)
    started.append(server)
    assert data_of(server.client()).keys() == {"0:a"}
    assert "cut the end off" in server.log.read_text()
    server.client().set("c", "3")
    server.kill()
    server = Server(directory)
    started.append(server)
    assert data_of(server.client()).keys() == {"0:a", "0:c"}


def test_damage_in_the_middle_refuses_to_start_until_it_is_repaired(directory: Path, started: list):
    server = Server(directory)
    started.append(server)
    for key in "abc":
        server.client().set(key, "1")
    assert server.stop() == 0
    path = only_file(directory)
    second = list(LogReader(path, PURPOSE).records())[1]
    content = bytearray(path.read_bytes())
    content[second.end - 2] ^= 1
    path.write_bytes(content)
    refused = Server(directory)
    started.append(refused)
    assert refused.ready == ""
    assert refused.end() == 1
    last_line = refused.log.read_text().splitlines()[-1]
    assert str(path) in last_line
    assert f"offset {second.offset}" in last_line
    assert path.read_bytes() == content, "refusing must not change anything"
    repaired = Server(directory, "--repair", "yes")
    started.append(repaired)
    assert data_of(repaired.client()).keys() == {"0:a"}


def test_a_missing_file_refuses_to_start(directory: Path, started: list):
    server = Server(directory)
    started.append(server)
    server.client().set("a", "1")
    server.kill()
    path = only_file(directory)
    path.unlink()
    refused = Server(directory)
    started.append(refused)
    assert refused.end() == 1
    assert f"{path} is missing" in refused.log.read_text()


def opened(directory: Path, policy: str = "everysec") -> Engine:
    settings = Settings(data_dir=str(directory), append_only=True, append_fsync=policy)
    engine = Engine(settings, Log("kvdb"))
    engine.persistence.open(engine)
    engine.settings_changed()
    return engine


def execute(engine: Engine, *words: bytes) -> object:
    """One command as a turn of its own; the reply, or what the turn could not promise."""
    client = engine.clients.connect()
    reply = engine.dispatcher.execute(client, list(words))
    engine.clients.disconnect(client)
    return reply if engine.journal.flush() else ConnectionResetError()


def tick_until(engine: Engine, condition: Callable[[], bool]) -> None:
    """The ticks of a server, without the time between them."""
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        engine.persistence._synced_at_s = 0
        engine.tick()


def failing_fsync(descriptor: int) -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("policy", ["everysec", "always"])
def test_after_a_failed_sync_a_snapshot_takes_the_place_of_the_file(
    directory: Path, monkeypatch, policy: str
):
    engine = opened(directory, policy)
    journal, generation = engine.journal, engine.journal.generation
    execute(engine, b"SET", b"a", b"1")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing_fsync)
        reply = execute(engine, b"SET", b"a", b"2")
        # The snapshot that is begun at once fails like the file.
        tick_until(
            engine, lambda: engine.persistence.last_error and not engine.persistence.is_saving
        )
        assert journal.is_refusing
        assert engine.vitals.status == "degraded"
        assert "MISCONF" in str(execute(engine, b"SET", b"a", b"3"))
        assert execute(engine, b"GET", b"a") == b"2"
    assert (type(reply) is ConnectionResetError) == (policy == "always")
    engine.persistence.last_error = ""  # Else it takes a rest before it tries again.
    tick_until(engine, lambda: not journal.is_refusing)
    assert engine.vitals.status == "ok"
    assert journal.generation > generation
    assert str(execute(engine, b"SET", b"b", b"1")) == "OK"
    assert engine.persistence.close()
    again = opened(directory)
    assert again.keyspace.databases[0].table == {b"a": b"2", b"b": b"1"}
    assert again.persistence.close()


def test_a_file_that_was_left_behind_is_watched_until_the_snapshot_stands(
    directory: Path, monkeypatch
):
    engine = opened(directory)
    journal = engine.journal
    execute(engine, b"SET", b"a", b"1")
    descriptor = journal._file._file.fileno()
    monkeypatch.setattr(os, "fsync", lambda it: failing_fsync(it) if it == descriptor else None)
    generation = journal.begin_generation()
    tick_until(engine, lambda: journal.is_distrusted)
    journal.snapshot_stands(generation)
    assert not journal.is_refusing
    engine.persistence.close()


def test_a_file_that_is_closed_is_not_distrusted_any_more(directory: Path, monkeypatch):
    engine = opened(directory)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing_fsync)
        execute(engine, b"SET", b"a", b"1")
        tick_until(engine, lambda: engine.journal.is_distrusted)
        with pytest.raises(OSError, match="Input/output"):
            engine.journal.close()
    assert not engine.journal.is_distrusted
    assert "append-only file" not in engine.vitals.problems
    engine.persistence.close()


def only_file(directory: Path) -> Path:
    (path,) = directory.glob("*.aof")
    return path


def test_it_can_be_switched_on_and_off_while_it_runs(directory: Path, started: list):
    server = Server(directory, "--appendonly", "no")
    started.append(server)
    client = server.client()
    client.set("a", "1")
    client.config_set("appendonly", "yes")
    wait_until_saved(client)
    client.set("b", "2")
    server.kill()
    server = Server(directory, "--appendonly", "no")
    started.append(server)
    assert data_of(server.client()).keys() == {"0:a", "0:b"}
    assert list(directory.glob("*.aof")) == []


def wait_until_saved(client: redis.Redis) -> None:
    deadline_s = time.monotonic() + 10
    while client.info("persistence")["rdb_bgsave_in_progress"]:
        assert time.monotonic() < deadline_s


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_refuses_writes_and_heals(tmp_path: Path, started: list):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        server = Server(disk / "data", "--appendfsync", "always", log=tmp_path / "log")
        started.append(server)
        (disk / "ballast").write_bytes(bytes(500_000))
        acknowledged = fill(server)
        client = server.client()
        assert client.get("key:0") == "x" * 50_000, "reads go on"
        with pytest.raises(redis.RedisError, match="MISCONF"):
            client.set("more", "x")
        (disk / "ballast").unlink()
        wait_until_healed(client)
        client.set("after", "1")
        server.kill()
        server = Server(disk / "data", log=tmp_path / "log")
        started.append(server)
        found = data_of(server.client()).keys()
        assert found >= {f"0:key:{number}" for number in range(acknowledged)} | {"0:after"}
    finally:
        if server.process.poll() is None:
            server.kill()
        subprocess.run(["umount", str(disk)], check=True)


def fill(server: Server) -> int:
    """Write until the disk is full; how many keys were acknowledged."""
    client = server.client()
    for number in range(100):
        try:
            client.set(f"key:{number}", "x" * 50_000)
        except redis.RedisError:
            return number
    raise AssertionError("the disk never became full")


def wait_until_healed(client: redis.Redis) -> None:
    deadline_s = time.monotonic() + 10
    while client.info("persistence")["aof_last_write_status"] != "ok":
        assert time.monotonic() < deadline_s

"""Snapshots on a disk: when they are written, what is left of a crash, who holds the directory."""

import errno
import os
import random
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import RespConnection
from services.kvdb.persistence import FILE_NAME
from services.kvdb.tests.serving import TIMEOUT_S, Process

KILLS = int(os.environ.get("KVDB_KILLS", "5"))
SNAPSHOTS_ONLY = ("--appendonly", "no")
FILLERS = 50_000
"""So many keys that a snapshot of them takes a while."""

Start = Callable[..., Process]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(directory: Path) -> Iterator[Start]:
    """Start a kvdb that keeps snapshots only; what still runs at the end is killed."""
    started: list[Process] = []

    def start_one(*options: str) -> Process:
        started.append(Process(directory, *SNAPSHOTS_ONLY, *options))
        return started[-1]

    yield start_one
    for one in started:
        if one.process.poll() is None:
            one.kill()


def wait_until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


def save_and_wait(server: Process) -> None:
    """BGSAVE, and wait until the child has ended."""
    client = server.client()
    client.execute("BGSAVE")
    wait_until(lambda: b"rdb_bgsave_in_progress:0" in client.execute("INFO", "persistence"))
    client.close()


def test_a_graceful_stop_saves_and_a_start_has_it_back(start: Start) -> None:
    server = start("--snapshot-interval-s", "0")
    client = server.client()
    client.execute("SET", "a", "1")
    client.execute("SET", "b", "2", "EX", "1000")
    client.execute("SET", "gone", "3", "PX", "1")
    client.execute("RPUSH", "l", "x", "y")
    assert server.stop() == 0
    client = start().client()
    assert client.execute("GET", "a") == b"1"
    assert 990 <= client.execute("TTL", "b") <= 1000
    assert client.execute("EXISTS", "gone") == 0
    assert client.execute("LRANGE", "l", 0, -1) == [b"x", b"y"]


def test_a_snapshot_comes_by_itself_when_something_has_changed(start: Start) -> None:
    server = start("--snapshot-interval-s", "0.2")
    client = server.client()
    client.execute("SET", "a", "1")
    before = client.execute("INFO", "persistence")
    assert b"rdb_changes_since_last_save:1" in before
    wait_until(lambda: b"rdb_changes_since_last_save:0" in client.execute("INFO", "persistence"))
    server.kill()
    assert start().client().execute("GET", "a") == b"1"


@pytest.mark.parametrize("command", ["SAVE", "BGSAVE"])
def test_saving_when_asked_to(start: Start, command: str) -> None:
    server = start("--snapshot-interval-s", "0")
    client = server.client()
    client.execute("SET", "a", "1")
    if command == "SAVE":
        client.execute("SAVE")
    else:
        save_and_wait(server)
    client.execute("SET", "a", "2")
    server.kill()
    assert start().client().execute("GET", "a") == b"1"


def test_shutdown_saves_unless_told_not_to(start: Start) -> None:
    server = start("--snapshot-interval-s", "0")
    client = server.client()
    client.execute("SET", "a", "1")
    client.send(b"SHUTDOWN\r\n")
    assert server.wait() == 0
    server = start("--snapshot-interval-s", "0")
    client = server.client()
    client.execute("SET", "a", "2")
    client.send(b"SHUTDOWN NOSAVE\r\n")
    assert server.wait() == 0
    assert start().client().execute("GET", "a") == b"1"


@pytest.mark.timeout(60 + 5 * KILLS)
def test_kill_9_at_any_moment_leaves_a_whole_snapshot(directory: Path, start: Start) -> None:
    """Each round writes one number under many keys, while snapshots follow each other.

    Whatever the moment of the kill: the next start loads, and what it loads is a state that
    was true at one moment: the keys hold one number, or the next one from some key on. Every
    second kill comes when a snapshot is seen to be under way, and takes the child along or not.
    """
    latest = interrupted = 0
    for round_ in range(KILLS):
        server = start("--snapshot-interval-s", "0.01")
        assert not unfinished_in(directory)
        client = server.client()
        survived = numbers_of(client)
        if not survived:  # What takes a snapshot some time.
            client.execute("MSET", *(f"filler:{number}" for number in range(2 * FILLERS)))
        assert survived == sorted(survived, reverse=True)
        assert not survived or survived[0] - survived[-1] <= 1
        assert not survived or survived[0] <= latest
        # Go on from what survived, and not from what was lost: first complete its number.
        latest = survived[0] if survived else 1
        deadline_s = time.monotonic() + 0.2 + random.random() / 2
        while time.monotonic() < deadline_s:
            for key in range(50):
                client.execute("SET", f"key:{key:02}", latest)
            latest += 1
        if round_ % 2:
            wait_until(lambda: unfinished_in(directory))
        if round_ % 4 == 1:
            server.kill_all()
            interrupted += bool(unfinished_in(directory))
        else:
            server.kill()
    assert start().port
    assert interrupted, "no kill came while a snapshot was written"


def unfinished_in(directory: Path) -> list[Path]:
    return list(directory.glob(f"{FILE_NAME}.*"))


def numbers_of(client) -> list[int]:
    keys = sorted(client.execute("KEYS", "key:*"))
    return [int(client.execute("GET", key)) for key in keys]


def test_no_two_children_write_to_files_of_one_name(directory: Path, start: Start) -> None:
    """A child that has outlived its parent may still write, and its process number may be had by
    the next parent."""
    server = start("--snapshot-interval-s", "0")
    client = server.client()
    client.execute("MSET", *(f"filler:{number}" for number in range(2 * FILLERS)))
    names = set()
    for _ in range(2):
        client.execute("BGSAVE")
        wait_until(lambda: unfinished_in(directory))
        names.update(path.name.partition(".new")[0] for path in unfinished_in(directory))
        wait_until(lambda: b"rdb_bgsave_in_progress:0" in client.execute("INFO", "persistence"))
    assert len(names) == 2


def test_a_child_that_outlives_its_parent_changes_nothing(start: Start) -> None:
    server = start("--snapshot-interval-s", "0")
    client = server.client()
    client.execute("SET", "a", "old")
    client.execute("SAVE")
    for number in range(300):
        client.execute("MSET", *(f"filler:{number}:{i}" if i % 2 else "x" * 9 for i in range(400)))
    client.execute("BGSAVE")
    server.kill()
    server = start("--snapshot-interval-s", "0")
    client = server.client()
    assert client.execute("GET", "a") == b"old"
    client.execute("SET", "a", "new")
    client.execute("SAVE")
    server.kill()
    assert start().client().execute("GET", "a") == b"new"


def test_a_damaged_snapshot_is_refused_with_file_and_offset(directory: Path, start: Start) -> None:
    server = start()
    server.client().execute("SET", "a", "x" * 1000)
    server.stop()
    path = directory / FILE_NAME
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    server = start()
    assert server.port == 0
    assert server.wait() == 1
    offset = struct.calcsize(">8sIqQ")
    last_line = server.log.splitlines()[-1]
    expected = f"kvdb: {path} is damaged: a block does not match its checksum at offset {offset}"
    assert last_line == expected
    assert path.read_bytes() == data, "it has been touched"


def test_a_directory_is_held_by_one_process(directory: Path, start: Start) -> None:
    server = start()
    second = start()
    assert second.wait() == 1
    assert f"{directory} is in use by another process" in second.log
    assert server.client().execute("PING") == "PONG"
    server.kill()  # A crash lets go of it, too.
    assert start().port


def test_a_directory_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a directory")
    result = subprocess.run(
        [sys.executable, "-m", "services.kvdb", "--port", "0", "--data-dir", str(occupied / "x")],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "cannot use" in result.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, where this user may mount one."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("this user may not mount a small disk")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_is_said_served_through_and_gets_well(small_disk: Path) -> None:
    server = Process(small_disk / "data", *SNAPSHOTS_ONLY, "--snapshot-interval-s", "0")
    try:
        client = server.client()
        client.execute("SET", "kept", "1")
        client.execute("SAVE")
        client.execute("SET", "large", "x" * 2_000_000)
        with pytest.raises(ReplyError, match=os.strerror(errno.ENOSPC)):
            client.execute("SAVE")
        save_and_wait(server)
        assert b"rdb_last_bgsave_status:err" in client.execute("INFO", "persistence")
        assert b"status:degraded" in client.execute("INFO", "glassbox")
        assert client.execute("GET", "kept") == b"1"
        assert client.execute("SET", "more", "2") == "OK"
        assert server.log.count("snapshot failed") == 2
        client.execute("DEL", "large")
        client.execute("SAVE")
        assert b"status:ok" in client.execute("INFO", "glassbox")
        assert server.stop() == 0
        assert not list((small_disk / "data").glob("*.tmp"))
    finally:
        if server.process.poll() is None:
            server.kill()


def test_without_a_directory_nothing_is_kept_and_saving_says_so(tmp_path: Path) -> None:
    result = subprocess.Popen(
        [sys.executable, "-m", "services.kvdb", "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        port = int(result.stdout.readline().rpartition(":")[2])
        client = RespConnection(RedisURL("127.0.0.1", port), timeout_s=TIMEOUT_S)
        client.execute("SET", "a", "1")
        with pytest.raises(ReplyError, match="keeps no data on disk"):
            client.execute("SAVE")
        client.send(b"SHUTDOWN\r\n")
        assert result.wait(TIMEOUT_S) == 0
        assert list(tmp_path.iterdir()) == []
    finally:
        result.kill()
        result.stdout.close()
        result.wait()

"""A forked child writes what was in memory at the fork, and its end is told truly."""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.common.forked_writer import ForkedWriter


@pytest.fixture
def writer():
    writer = ForkedWriter()
    yield writer
    writer.kill()


def test_it_writes_what_was_there_at_the_fork(writer: ForkedWriter, tmp_path: Path):
    path, data = tmp_path / "written", ["old"]
    changed = tmp_path / "changed"
    os.mkfifo(changed)

    def write() -> None:
        changed.read_bytes()  # Waits until the parent has opened it, too.
        path.write_text("".join(data))

    writer.start(write)
    data.append("new")
    changed.write_bytes(b"")
    assert writer.outcome(waits=True) == ""
    assert path.read_text() == "old"
    assert not writer.is_running
    assert writer.forks_total == 1
    assert writer.last_pause_s > 0


def test_a_child_that_has_outlived_its_parent_writes_no_more(writer: ForkedWriter, tmp_path: Path):
    begun, written = tmp_path / "begun", tmp_path / "written"
    os.mkfifo(begun)
    os.mkfifo(written)

    def chunks() -> Iterator[bytes]:
        yield b"first"
        begun.write_bytes(b"")
        while os.getppid() == parent_pid:
            time.sleep(0.001)
        yield b"second"

    def write() -> None:
        taken = []
        with contextlib.suppress(OSError):
            taken.extend(writer.while_parent_lives(chunks()))
        written.write_bytes(b",".join(taken))

    parent_pid = os.fork()
    if parent_pid == 0:
        parent_pid = os.getpid()
        writer.start(write)
        begun.read_bytes()
        os._exit(0)
    os.waitpid(parent_pid, 0)
    assert written.read_bytes() == b"first"


def _fails_with(error: BaseException) -> Callable[[], None]:
    def write() -> None:
        raise error

    return write


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "full"), os.strerror(errno.ENOSPC)),
        (OSError("no number"), "the child ended with 255"),
        (ValueError("a bug"), "the child ended with 255"),
    ],
)
def test_why_it_could_not_is_told(writer: ForkedWriter, error: BaseException, reason: str):
    writer.start(_fails_with(error))
    assert writer.outcome(waits=True) == reason
    assert writer.outcome() is None, "told once"


def test_while_it_writes_there_is_no_outcome_and_a_kill_ends_it(writer: ForkedWriter):
    writer.start(signal.pause)
    pid = writer.pid
    assert writer.is_running
    assert writer.outcome() is None
    assert writer.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not writer.kill()


def test_one_that_was_killed_has_failed(writer: ForkedWriter):
    writer.start(signal.pause)
    os.kill(writer.pid, signal.SIGKILL)
    assert writer.outcome(waits=True) == f"the child ended with {-signal.SIGKILL}"


def test_the_child_holds_no_descriptor_of_its_parent(writer: ForkedWriter):
    reading, writing = os.pipe()
    writer.start(signal.pause)
    os.close(writing)
    # The end of the pipe is told when nobody holds it open for writing any more.
    assert os.read(reading, 1) == b""
    os.close(reading)
    assert writer.is_running

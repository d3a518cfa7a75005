"""A file is the old one or the new one, whole, at whatever moment the process dies."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.common import atomic_file
from services.common.atomic_file import remove_stale_temporaries, replace_file

OLD, NEW = b"old content", [b"new ", b"content"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "dump"
    path.write_bytes(OLD)
    return path


def names_in(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def test_the_new_content_replaces_the_old(path: Path) -> None:
    assert replace_file(path, NEW) == 11
    assert path.read_bytes() == b"new content"
    assert names_in(path.parent) == ["dump"]


def test_the_first_file_and_an_empty_one(tmp_path: Path) -> None:
    assert replace_file(tmp_path / "first", []) == 0
    assert (tmp_path / "first").read_bytes() == b""


def test_an_error_leaves_the_old_file_and_no_temporary_one(path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        replace_file(path, broken())
    assert path.read_bytes() == OLD
    assert names_in(path.parent) == ["dump"]


def test_the_steps_come_in_the_order_that_a_power_cut_asks_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []

    def noted(name: str, call: Callable) -> Callable:
        def wrapper(*arguments: object) -> object:
            steps.append(name)
            return call(*arguments)

        return wrapper

    monkeypatch.setattr(os, "fsync", noted("fsync", os.fsync))
    monkeypatch.setattr(os, "replace", noted("rename", os.replace))
    replace_file(path, NEW)
    assert steps == ["fsync", "rename", "fsync"]


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_within(chunks: list[bytes]) -> Iterator[bytes]:
    yield chunks[0]
    die()


def crash_while_writing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file(path, die_within(NEW))


def crash_before_the_fsync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", die)
    replace_file(path, NEW)


def crash_before_the_rename(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", die)
    replace_file(path, NEW)


def crash_after_the_rename(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic_file, "sync_directory", die)
    replace_file(path, NEW)


@pytest.mark.parametrize(
    ("crash", "content"),
    [
        (crash_while_writing, OLD),
        (crash_before_the_fsync, OLD),
        (crash_before_the_rename, OLD),
        (crash_after_the_rename, b"new content"),
    ],
)
def test_a_crash_between_any_two_steps(
    crash: Callable, content: bytes, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = os.fork()
    if child == 0:
        try:
            crash(path, monkeypatch)
        finally:
            os._exit(0)  # Not reached: the parent looks for the signal.
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert path.read_bytes() == content
    remove_stale_temporaries(path)
    assert names_in(path.parent) == ["dump"]


def test_temporaries_of_other_files_are_not_touched(path: Path) -> None:
    for name in ("dump.1.tmp", "dump.22.tmp", "other.1.tmp", "dump.txt"):
        (path.parent / name).write_bytes(b"")
    remove_stale_temporaries(path)
    assert names_in(path.parent) == ["dump", "dump.txt", "other.1.tmp"]

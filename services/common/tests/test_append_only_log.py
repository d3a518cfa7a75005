"""The append-only log: whole records come back, torn tails are cut, damage is refused."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.append_only_log import (
    AppendOnlyLog,
    LogDamaged,
    LogReader,
    SyncFailed,
    cut,
)

PURPOSE = b"test"


def written(path: Path, payloads: list[bytes]) -> AppendOnlyLog:
    log = AppendOnlyLog(path, PURPOSE, "always")
    for payload in payloads:
        log.append(payload)
    log.close()
    return log


def read(path: Path) -> tuple[list[bytes], LogReader]:
    reader = LogReader(path, PURPOSE)
    return [record.payload for record in reader.records()], reader


@given(payloads=st.lists(st.binary(max_size=200), max_size=10))
def test_what_was_appended_is_read(tmp_path_factory, payloads: list[bytes]):
    path = tmp_path_factory.mktemp("log") / "log"
    log = written(path, payloads)
    assert path.stat().st_size == log.size_bytes
    found, reader = read(path)
    assert found == payloads
    assert reader.torn_at is None
    assert reader.end == log.size_bytes


def test_a_log_goes_on_where_it_ended(tmp_path: Path):
    path = tmp_path / "log"
    written(path, [b"one"])
    _, reader = read(path)
    log = AppendOnlyLog(path, PURPOSE, "no", salt=reader.salt)
    log.append(b"two")
    log.close()
    assert read(path)[0] == [b"one", b"two"]


def test_every_torn_tail_is_told_and_nothing_before_it_is_lost(tmp_path: Path):
    whole = tmp_path / "whole"
    written(whole, [b"first", b"second" * 10])
    content = whole.read_bytes()
    ends = [record.end for record in LogReader(whole, PURPOSE).records()]
    for length in range(len(content)):
        path = tmp_path / "torn"
        path.write_bytes(content[:length])
        found, reader = read(path)
        assert found == [b"first", b"second" * 10][: sum(end <= length for end in ends)]
        if length not in (*ends, ends[0] - len(b"first") - 12):
            assert reader.torn_at is not None
            cut(path, reader.torn_at)
            assert read(path)[1].torn_at is None or reader.torn_at == 0


def test_damage_in_the_middle_is_refused_with_its_offset(tmp_path: Path):
    path = tmp_path / "log"
    written(path, [b"first", b"second", b"third"])
    records = list(LogReader(path, PURPOSE).records())
    content = path.read_bytes()
    for position in range(records[1].offset, records[1].end):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :]
        )
        with pytest.raises(LogDamaged) as damage:
            read(path)
        assert damage.value.offset == records[1].offset
    cut(path, records[1].offset)
    assert read(path)[0] == [b"first"]


def test_a_damaged_last_record_is_a_torn_tail(tmp_path: Path):
    path = tmp_path / "log"
    written(path, [b"first", b"last"])
    records = list(LogReader(path, PURPOSE).records())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    found, reader = read(path)
    assert found == [b"first"]
    assert reader.torn_at == records[1].offset


def test_a_value_cannot_pass_for_a_record(tmp_path: Path):
    """A record of another file, stored as a value whose own record is then torn."""
    other, path = tmp_path / "other", tmp_path / "log"
    written(other, [b"forged"])
    forged = other.read_bytes()[-len(b"forged") - 12 :]
    written(path, [forged * 3 + b"end"])
    path.write_bytes(path.read_bytes()[:-1])
    found, reader = read(path)
    assert found == []
    assert reader.torn_at is not None


@pytest.mark.parametrize(
    "content", [b"x" * 100, b"GLASSLOG" + bytes(92)], ids=["foreign", "version"]
)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(LogDamaged):
        read(path)


def test_a_log_of_another_purpose_is_refused(tmp_path: Path):
    path = tmp_path / "log"
    AppendOnlyLog(path, b"other", "no").close()
    with pytest.raises(LogDamaged, match="not a log of test"):
        read(path)


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch):
    path = tmp_path / "log"
    log = AppendOnlyLog(path, PURPOSE, "always")
    log.append(b"kept")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            log.append(b"refused")
    log.append(b"kept too")
    log.close()
    assert read(path)[0] == [b"kept", b"kept too"]


def test_a_file_whose_making_failed_is_made_anew(tmp_path: Path, monkeypatch):
    path = tmp_path / "log"

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(SyncFailed):
            AppendOnlyLog(path, PURPOSE, "no")
    log = AppendOnlyLog(path, PURPOSE, "no")
    log.append(b"kept")
    log.close()
    assert read(path)[0] == [b"kept"]


def test_the_thread_syncs_what_was_written_and_tells_of_failures(tmp_path: Path, monkeypatch):
    log = AppendOnlyLog(tmp_path / "log", PURPOSE, "everysec")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    assert log.sync_every_second() is None
    assert synced == [], "there was nothing to sync"
    log.append(b"data")
    log.sync_every_second()
    log._syncer.wait()
    assert len(synced) == 1

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    log.append(b"more")
    log.sync_every_second()
    log._syncer.wait()
    assert isinstance(log.sync_every_second(), SyncFailed)
    log._syncer.wait()
    monkeypatch.undo()
    assert log.sync_every_second() is None, "to try again would not tell"
    log.close()


def test_closing_in_the_background_tells_what_failed(tmp_path: Path, monkeypatch):
    log = AppendOnlyLog(tmp_path / "log", PURPOSE, "no")
    log.append(b"data")
    closing = threading.Event()

    def fail(descriptor: int) -> None:
        closing.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    log.close_in_background()
    assert closing.wait(10)
    for thread in threading.enumerate():
        if thread.name == "close log":
            thread.join(10)
    assert isinstance(log.take_error(), SyncFailed)
    assert log.take_error() is None

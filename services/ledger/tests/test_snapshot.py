"""The snapshot: what was saved is loaded, damage is noticed, a crash leaves a whole file."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given

from services.ledger import snapshot
from services.ledger.ledger import Ledger
from services.ledger.list_digest import WINDOW
from services.ledger.snapshot import SnapshotError, SnapshotFile
from services.ledger.tests.messages import issue, message, networks, transfer


def ledger_of(messages: list[bytes]) -> Ledger:
    ledger = Ledger()
    ledger.replay(messages)
    return ledger


def assert_equal(one: Ledger, other: Ledger) -> None:
    assert one.list_digest.head == other.list_digest.head
    assert one.list_digest.anchors == other.list_digest.anchors
    assert (one.round, one.balances) == (other.round, other.balances)
    assert one.state_root() == other.state_root()
    for round in range(one.round + 1):
        assert one.balances_at(round) == other.balances_at(round)


def content_of(ledger: Ledger) -> bytes:
    return b"".join(snapshot._with_checksum(snapshot._lines(ledger)))


@given(networks)
def test_a_snapshot_is_the_ledger(messages: list[bytes]):
    ledger = ledger_of(messages)
    loaded = snapshot.parse(content_of(ledger))
    assert_equal(loaded, ledger)
    for each in (loaded, ledger):
        each.apply(message(transfer("ada", "bob", 1)))
    assert_equal(loaded, ledger)


def test_save_and_load(tmp_path: Path):
    file = SnapshotFile(tmp_path / "a" / "b")
    assert file.load() is None
    messages = [issue(ada=10**30), *[message(transfer("ada", "\ud800", 1))] * (WINDOW + 5), b"bad"]
    size_bytes = file.save(ledger_of(messages))
    assert size_bytes == file.path.stat().st_size
    assert_equal(file.load(), ledger_of(messages))
    file.save(ledger_of(messages[:3]))
    assert_equal(file.load(), ledger_of(messages[:3]))


def test_an_empty_ledger(tmp_path: Path):
    SnapshotFile(tmp_path).save(Ledger())
    assert_equal(SnapshotFile(tmp_path).load(), Ledger())


def test_any_damage_is_noticed():
    content = content_of(ledger_of([issue(ada=5), message(transfer("ada", "bob", 1))]))
    for position in range(len(content) - 1):  # The last newline says nothing.
        for damaged in (
            content[:position],
            content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :],
        ):
            with pytest.raises(SnapshotError):
                snapshot.parse(damaged)


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch):
    content = content_of(Ledger())
    monkeypatch.setattr(snapshot, "FORMAT", "hipochain-2")
    with pytest.raises(SnapshotError, match="another version"):
        snapshot.parse(content)


def test_a_file_that_cannot_be_read_is_an_error_of_the_snapshot(tmp_path: Path):
    file = SnapshotFile(tmp_path)
    file.path.mkdir()
    with pytest.raises(SnapshotError):
        file.load()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_saving_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
):
    file = SnapshotFile(tmp_path)
    old = ledger_of([issue(ada=5)])
    file.save(old)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, step, fail)
        with pytest.raises(OSError, match="No space"):
            file.save(ledger_of([issue(ada=6)]))
    assert_equal(file.load(), old)


def test_what_a_killed_process_left_beside_is_removed(tmp_path: Path):
    file = SnapshotFile(tmp_path)
    file.save(Ledger())
    stray = tmp_path / f"{snapshot.FILE_NAME}.4242.tmp"
    stray.write_bytes(b"half of a")
    assert SnapshotFile(tmp_path).load() is not None
    assert not stray.exists()


def test_balances_of_any_size_are_saved_where_the_process_allows_them(tmp_path: Path):
    ledger = ledger_of([issue(ada=1).replace(b": 1}", b": " + b"9" * 5000 + b"}")])
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        SnapshotFile(tmp_path).save(ledger)
        assert SnapshotFile(tmp_path).load().balances["ada"] == 10**5000 - 1
    finally:
        sys.set_int_max_str_digits(limit)

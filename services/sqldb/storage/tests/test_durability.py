"""The log, checkpoints and recovery: torn tails, damage, full disks, failing fsyncs."""

import errno
import os
import shutil
import threading

import pytest

from services.common import append_only_log
from services.common.health import Vitals
from services.common.logs import Log
from services.sqldb.errors import SqlError
from services.sqldb.storage.engine import StorageEngine
from services.sqldb.storage.files import StartError, files_in
from services.sqldb.storage.heap_index import HeapIndex
from services.sqldb.storage.index_key import IndexKey, KeyColumn
from services.sqldb.storage.tests.sessions import Session
from services.sqldb.transactions.lock_table import LockTable

TABLE = 16384


class Server:
    """An engine with one table and its key, without the background thread."""

    def __init__(self, directory, **options):
        self.engine = StorageEngine(Log("sqldb"), Vitals("sqldb"), str(directory), **options)
        self.engine._work = lambda: None
        self.session = Session(self.engine.transactions, 1)

    def open(self, **options):
        self.engine.open(self._attach, **options)
        return self

    def _attach(self):
        self.heap = self.engine.heap(TABLE)
        key = IndexKey([KeyColumn(is_nullable=False)], positions=[0])
        self.engine.attach_index(HeapIndex(self.heap, 1, "pkey", key, is_unique=True))

    def other(self, pid=2):
        return Session(self.engine.transactions, pid)

    @property
    def rows(self):
        return self.session.select(self.heap)

    def crash(self):
        """Let go of the files as a kill would; what was written stays."""
        self.engine.checkpointer.stop()
        self.engine.wal._file.close()
        self.engine._lock_file.close()


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "data").open()
    yield server
    if server.engine.wal._file is not None:
        server.crash()


def reopened(server, **options):
    server.crash()
    return Server(server.engine._directory, **options).open()


def with_id(number):
    return lambda row: row[0] == number


def change(server):
    one, heap = server.session, server.heap
    one.insert(heap, (1, "a"), (2, "b"), (3, "c"))
    one.update(heap, with_id(2), lambda row: (2, "bb"))
    one.delete(heap, with_id(1))
    one.begin()
    one.insert(heap, (4, "d"))
    one.savepoint("s")
    one.insert(heap, (5, "e"))
    one.rollback_to("s")
    one.update(heap, with_id(4), lambda row: (4, "dd"))
    one.commit()
    one.begin()
    one.insert(heap, (6, "f"))
    one.rollback()
    return [(2, "bb"), (3, "c"), (4, "dd")]


def test_what_was_committed_comes_back(server):
    expected = change(server)
    server.session.begin()
    server.session.insert(server.heap, (7, "never committed"))
    again = reopened(server)
    assert again.rows == expected
    assert again.session.by_key(again.heap.indexes[0], 4) == [(4, "dd")]
    assert again.heap.counts.live == 3
    again.session.insert(again.heap, (8, "h"))
    assert reopened(again).rows == [*expected, (8, "h")]


def test_checkpoints(server):
    expected = change(server)
    other = server.other().begin()
    other.insert(server.heap, (9, "in the new log"))
    assert server.engine.checkpoint()
    assert [(n, kind) for n, kind, _ in files_in(server.engine._directory)] == [
        (2, "checkpoint"), (2, "wal"),
    ]  # fmt: skip
    other.commit()
    server.session.insert(server.heap, (8, "h"))
    again = reopened(server)
    assert again.rows == [*expected, (8, "h"), (9, "in the new log")]
    assert again.engine.transactions.procarray.next_xid == (
        server.engine.transactions.procarray.next_xid
    )


def test_a_checkpoint_that_was_not_finished(server):
    expected = change(server)
    server.engine.checkpointer.start()
    server.session.insert(server.heap, (8, "h"))
    os.kill(server.engine.checkpointer._child.pid, 9)
    server.engine.checkpointer.finish()
    assert "checkpoint" in server.engine.vitals.problems
    again = reopened(server)
    assert again.rows == [*expected, (8, "h")]
    assert again.engine.checkpoint() and "checkpoint" not in again.engine.vitals.problems
    assert reopened(again).rows == [*expected, (8, "h")]


def test_a_commit_that_waits_for_its_fsync_is_in_the_checkpoint(server, monkeypatch):
    """Its record is in the log that the checkpoint makes superfluous, and nobody sees it yet."""
    syncs, goes_on = threading.Event(), threading.Event()
    wal, other = server.engine.wal, server.other().begin()
    other.insert(server.heap, (1, "x"))
    flush = wal.flush

    def slow_flush(end=None):
        syncs.set()
        assert goes_on.wait(20)
        flush(end)

    monkeypatch.setattr(wal, "flush", slow_flush)
    thread = threading.Thread(target=other.commit)
    thread.start()
    assert syncs.wait(20)
    assert server.rows == []
    assert server.engine.checkpoint()
    goes_on.set()
    thread.join()
    assert reopened(server).rows == [(1, "x")]


def test_torn_at_every_byte(server, tmp_path):
    """Whatever a crash leaves of the log, the whole transactions in it come back, and no half."""
    one, heap = server.session, server.heap
    path = files_in(server.engine._directory)[0][2]
    states = {path.stat().st_size: []}
    for number in range(4):
        one.begin()
        one.insert(heap, (number * 2, "x" * number), (number * 2 + 1, None))
        one.update(heap, with_id(0), lambda row, number=number: (0, f"{number}"))
        one.commit()
        states[path.stat().st_size] = server.rows
    data = path.read_bytes()
    server.crash()
    for end in range(len(data) + 1):
        copy = tmp_path / "copy"
        copy.mkdir()
        (copy / path.name).write_bytes(data[:end])
        again = Server(copy).open()
        whole = [size for size in states if size <= end]
        assert again.rows == (states[max(whole)] if whole else [])
        again.session.insert(again.heap, (99, "new"))
        again.crash()
        if end % 16 == 0:
            once_more = Server(copy).open()
            assert (99, "new") in once_more.rows
            once_more.crash()
        shutil.rmtree(copy)


def test_damage_in_the_middle_is_refused(server):
    expected = change(server)
    server.crash()
    path = files_in(server.engine._directory)[0][2]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    directory = server.engine._directory
    with pytest.raises(StartError, match=r"sqldb\.1\.wal is damaged at offset \d+"):
        Server(directory).open()
    repaired = Server(directory).open(repairs=True)
    assert repaired.rows != expected
    repaired.crash()


def test_a_damaged_checkpoint_is_refused(server):
    change(server)
    server.engine.checkpoint()
    server.crash()
    path = files_in(server.engine._directory)[0][2]
    data = path.read_bytes()
    for damaged in (data[:-1], data[:40], data[:-20] + b"x" + data[-19:]):
        path.write_bytes(damaged)
        with pytest.raises(StartError, match=r"sqldb\.2\.checkpoint"):
            Server(server.engine._directory).open()


def test_a_missing_log_is_refused(server):
    server.engine.checkpointer.start()
    os.kill(server.engine.checkpointer._child.pid, 9)
    server.engine.checkpointer.finish()
    server.engine.checkpointer.start()
    server.crash()
    directory = server.engine._directory
    (directory / "sqldb.2.wal").unlink()
    with pytest.raises(StartError, match=r"sqldb\.2\.wal is missing"):
        Server(directory).open()


def test_one_process_at_a_time(server):
    with pytest.raises(StartError, match="in use by another process"):
        Server(server.engine._directory).open()


def test_a_full_disk(server, monkeypatch):
    expected = change(server)
    write = append_only_log.AppendOnlyLog._write

    def half(self, data):
        write(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(append_only_log.AppendOnlyLog, "_write", half)
        with pytest.raises(SqlError) as caught:
            server.session.insert(server.heap, (10, "x"))
        assert caught.value.sqlstate == "53100"
    assert server.rows == expected
    server.session.insert(server.heap, (11, "y"))
    assert reopened(server).rows == [*expected, (11, "y")]


def test_a_failed_fsync(server, monkeypatch):
    expected = change(server)

    sync = append_only_log.AppendOnlyLog.sync

    def refuse(self):
        if self.path.name == "sqldb.1.wal":
            raise append_only_log.SyncFailed(errno.EIO, "Input/output error")
        sync(self)

    monkeypatch.setattr(append_only_log.AppendOnlyLog, "sync", refuse)
    for number in (10, 11):
        with pytest.raises(SqlError, match="58030"):
            server.session.insert(server.heap, (number, "x"))
    assert server.rows == expected
    with pytest.raises(SqlError, match="58030"):
        server.session.insert(server.heap, (12, "x"))
    again = Server(shutil.copytree(server.engine._directory, server.engine._directory / "copy"))
    assert again.open().rows == expected  # What failed isn't in the log either.
    again.crash()
    server.engine.tick()
    assert "log" in server.engine.vitals.problems
    server.engine.checkpointer.finish()
    server.engine.tick()
    assert "log" not in server.engine.vitals.problems
    server.session.insert(server.heap, (13, "x"))
    assert reopened(server).rows == [*expected, (13, "x")]


def test_a_failed_fsync_while_a_checkpoint_is_written(server, monkeypatch):
    """The checkpoint was begun before: it doesn't make the log trusted again, the next one does."""
    expected = change(server)
    server.engine.checkpointer.start()

    def refuse(self):
        raise append_only_log.SyncFailed(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(append_only_log.AppendOnlyLog, "sync", refuse)
        with pytest.raises(SqlError, match="58030"):
            server.session.insert(server.heap, (10, "x"))
    server.engine.checkpointer.finish()
    with pytest.raises(SqlError, match="58030"):
        server.session.insert(server.heap, (11, "x"))
    assert server.engine.checkpoint()
    server.session.insert(server.heap, (12, "x"))
    assert reopened(server).rows == [*expected, (12, "x")]


def test_group_commit(server, monkeypatch):
    """Whoever comes while one syncs shares the next sync with the others."""
    wal, syncs = server.engine.wal, []
    began, goes_on = threading.Event(), threading.Event()
    sync = append_only_log.AppendOnlyLog.sync
    appended = threading.Semaphore(0)
    append = wal._append

    def slow_sync(self):
        syncs.append(self.size_bytes)
        began.set()
        assert goes_on.wait(20)
        sync(self)

    def told_append(payload):
        append(payload)
        appended.release()

    monkeypatch.setattr(append_only_log.AppendOnlyLog, "sync", slow_sync)
    monkeypatch.setattr(wal, "_append", told_append)
    others = [server.other(pid) for pid in range(10, 20)]
    threads = [
        threading.Thread(target=each.insert, args=(server.heap, (at, "x")))
        for at, each in enumerate(others)
    ]
    threads[0].start()
    assert began.wait(20)
    for thread in threads[1:]:
        thread.start()
    for _ in threads:
        assert appended.acquire(timeout=20)
    goes_on.set()
    for thread in threads:
        thread.join()
    assert len(syncs) == 2 and len(server.rows) == 10


def test_asynchronous_commits(server, monkeypatch):
    monkeypatch.setattr(append_only_log.AppendOnlyLog, "sync", lambda self: pytest.fail("synced"))
    one = server.session.begin()
    one.transaction.synchronous_commit = False
    one.insert(server.heap, (1, "x"))
    one.commit()
    assert server.rows == [(1, "x")]
    monkeypatch.undo()
    server.engine.tick()
    assert server.engine.wal._flushed == server.engine.wal._written


def test_ddl_is_undone_and_recovered(server):
    engine, one = server.engine, server.session

    def create(transaction, _):
        engine.create_heap(transaction, 20000, "t").insert(transaction, (1,))
        engine.create_sequence(transaction, 20001, 5).next(1, 1, 100)

    one.begin()
    one._statement(create)
    one.rollback()
    assert 20000 not in engine.heaps and 20001 not in engine.sequences
    one._statement(create)
    again = reopened(server)
    engine, one = again.engine, again.session
    assert one.select(engine.heap(20000)) == [(1,)]

    def drop(transaction, _):
        engine.drop_heap(transaction, 20000)
        engine.drop_sequence(transaction, 20001)

    one.begin()
    one._statement(drop)
    one.rollback()
    assert 20000 in engine.heaps
    one._statement(drop)
    assert 20000 not in engine.heaps
    once_more = reopened(again)
    assert 20000 not in once_more.engine.heaps and 20001 not in once_more.engine.sequences
    once_more.crash()


def test_truncate_is_recovered(server):
    one, heap = server.session, server.heap
    one.insert(heap, (1, "a"), (2, "b"))

    def rewrite(transaction, snapshot):
        rows = [version.values for version in heap.versions(snapshot)]
        heap.truncate(transaction)
        for row in rows:
            heap.insert(transaction, (*row, "new column"))

    one._statement(rewrite)
    one.insert(heap, (3, "c", None))
    again = reopened(server)
    assert again.rows == [(1, "a", "new column"), (2, "b", "new column"), (3, "c", None)]
    again.crash()


def test_dropping_an_index_is_undone(server):
    one, heap, engine = server.session, server.heap, server.engine
    one.insert(heap, (1, "a"))
    index = heap.indexes[0]
    one.begin()
    one._statement(lambda t, _: engine.drop_index(t, index))
    one.insert(heap, (1, "the same key"))
    one.rollback()
    assert heap.indexes == [index] and heap.pins == 0
    with pytest.raises(SqlError, match="23505"):
        one.insert(heap, (1, "the same key"))
    one._statement(lambda t, _: engine.drop_index(t, index))
    one.insert(heap, (1, "the same key"))

    def create(transaction, _):
        engine.create_index(transaction, HeapIndex(heap, 5, "i", index.key))

    one._statement(create)
    assert len(one.by_key(heap.indexes[0], 1)) == 2


# Sequences.


def test_sequences(server):
    one, engine = server.session, server.engine
    one._statement(lambda t, _: engine.create_sequence(t, 7, 1, "s"))
    sequence = engine.sequence(7)
    records = engine.wal.records_total
    assert [sequence.next(1, 1, 1000) for _ in range(40)] == list(range(1, 41))
    assert engine.wal.records_total == records + 2
    again = reopened(server)
    after_crash = again.engine.sequence(7).next(1, 1, 1000)
    assert 40 < after_crash <= 40 + 33 + 1
    again.engine.sequence(7).set(100, is_called=True)
    assert again.engine.close()
    calm = Server(again.engine._directory).open()
    sequence = calm.engine.sequence(7)
    assert sequence.next(1, 1, 102) == 101
    assert sequence.next(1, 1, 102) == 102
    sequence.name = "s"
    with pytest.raises(SqlError) as caught:
        sequence.next(1, 1, 102)
    assert caught.value.message == 'nextval: reached maximum value of sequence "s" (102)'
    assert sequence.next(1, 5, 102, cycles=True) == 5
    assert sequence.next(-3, 1, 102) == 2
    with pytest.raises(SqlError, match=r"minimum value of sequence"):
        sequence.next(-3, 1, 102)
    calm.session.begin()
    sequence.restart(calm.session.transaction, 50)
    assert sequence.next(1, 1, 102) == 50
    calm.session.rollback()
    assert sequence.next(1, 1, 102) == 3
    calm.crash()


def test_a_sequence_of_the_same_transaction(server):
    """What nextval has logged before the commit isn't taken back by the commit's record."""
    engine = server.engine

    def create(transaction, _):
        sequence = engine.create_sequence(transaction, 7, 1)
        assert [sequence.next(1, 1, 1000) for _ in range(3)] == [1, 2, 3]

    server.session._statement(create)
    again = reopened(server)
    assert again.engine.sequence(7).next(1, 1, 1000) > 3
    again.crash()


def test_locks_are_given_back(server):
    assert isinstance(server.engine.transactions.locks, LockTable)
    change(server)
    assert not server.engine.transactions.locks._locks

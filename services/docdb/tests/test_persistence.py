"""What was written is there again: after a stop, after kill -9, after a torn or damaged file."""

import itertools
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.common.append_only_log import cut
from services.docdb.storage.persistence import StartError, files_in
from services.docdb.tests.support import Database, running_server
from services.docdb.wire import decode_reply, encode_request


def restarted(directory: Path, database: Database, **settings: object) -> Database:
    assert database.engine.persistence.close()
    database.engine.persistence._lock_file.close()
    return Database(data_dir=str(directory), **settings)


def fill(database: Database) -> None:
    database.insert("c", {"_id": 1, "a": 1}, {"_id": 2, "a": 2}, {"_id": 3, "a": 3})
    index = {"key": {"a": 1}, "name": "a", "unique": True}
    database.run({"createIndexes": "c", "indexes": [index]})
    database.run({"update": "c", "updates": [{"q": {"_id": 2}, "u": {"$inc": {"a": 10}}}]})
    database.run({"delete": "c", "deletes": [{"q": {"_id": 3}, "limit": 1}]})
    database.run({"create": "v", "viewOn": "c", "pipeline": [{"$match": {"a": 12}}]})
    database.run({"create": "capped", "capped": True, "size": 4096, "max": 2})
    database.insert("capped", {"_id": 1}, {"_id": 2}, {"_id": 3})
    database.insert("old", {"_id": 1})
    database.run({"renameCollection": "test.old", "to": "test.new"}, "admin")
    database.insert("gone", {"_id": 1})
    database.run({"drop": "gone"})


def check(database: Database) -> None:
    assert database.find("c") == [{"_id": 1, "a": 1}, {"_id": 2, "a": 12}]
    assert database.insert("c", {"_id": 9, "a": 12})["writeErrors"][0]["code"] == 11000
    assert database.find("v") == [{"_id": 2, "a": 12}]
    assert database.find("capped") == [{"_id": 2}, {"_id": 3}]
    assert database.find("new") == [{"_id": 1}]
    assert database.find("gone") == []
    assert database.run({"validate": "c"})["valid"]


def finish_snapshot(database: Database) -> None:
    """Have a snapshot written, and wait for the child that does it."""
    database.engine.persistence.snapshot_in_background()
    deadline_s = time.monotonic() + 20
    while database.engine.persistence._child.is_running:
        assert time.monotonic() < deadline_s
        database.engine.persistence.tick()


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    database = Database(data_dir=str(tmp_path))
    fill(database)
    check(database)
    database = restarted(tmp_path, database)
    check(database)


def test_a_snapshot_and_the_journal_behind_it(tmp_path: Path) -> None:
    database = Database(data_dir=str(tmp_path))
    fill(database)
    finish_snapshot(database)
    assert [(number, kind) for number, kind, _ in files_in(tmp_path)] == [
        (2, "journal"),
        (2, "snapshot"),
    ]
    database.insert("later", {"_id": 5})
    database = restarted(tmp_path, database)
    check(database)
    assert database.find("later") == [{"_id": 5}]


def test_a_torn_tail_is_cut(tmp_path: Path) -> None:
    database = Database(data_dir=str(tmp_path))
    database.insert("c", {"_id": 1})
    database.insert("c", {"_id": 2})
    database.engine.persistence.close()
    database.engine.persistence._lock_file.close()
    journal = files_in(tmp_path)[0][2]
    cut(journal, journal.stat().st_size - 3)
    assert Database(data_dir=str(tmp_path)).find("c") == [{"_id": 1}]


def test_damage_in_the_middle_is_refused_and_named(tmp_path: Path) -> None:
    database = Database(data_dir=str(tmp_path))
    for number in range(3):
        database.insert("c", {"_id": number})
    database.engine.persistence.close()
    database.engine.persistence._lock_file.close()
    journal = files_in(tmp_path)[0][2]
    data = bytearray(journal.read_bytes())
    place = data.index(b"_id") + 8
    data[place] ^= 0xFF
    journal.write_bytes(data)
    with pytest.raises(StartError, match=r"docdb\.1\.journal is damaged at offset \d+"):
        Database(data_dir=str(tmp_path))


def test_a_snapshot_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    database = Database(data_dir=str(tmp_path))
    fill(database)
    finish_snapshot(database)
    database.engine.persistence.close()
    database.engine.persistence._lock_file.close()
    snapshot = files_in(tmp_path)[1][2]
    cut(snapshot, snapshot.stat().st_size - 1)
    with pytest.raises(StartError, match="ends too early"):
        Database(data_dir=str(tmp_path))


def test_a_directory_serves_one_process(tmp_path: Path) -> None:
    first = Database(data_dir=str(tmp_path))
    with pytest.raises(StartError, match="in use"):
        Database(data_dir=str(tmp_path))
    first.engine.persistence.close()


# Processes.


class Client:
    """A connection that sends one command and waits for its reply."""

    def __init__(self, host: str, port: int):
        self._sock = socket.create_connection((host, port), timeout=20)
        self._ids: Callable[[], int] = itertools.count(1).__next__

    def run(self, command: dict, database: str = "test") -> dict:
        self._sock.sendall(encode_request(self._ids(), {**command, "$db": database}))
        length = struct.unpack("<i", self._read(4))[0]
        return decode_reply(struct.pack("<i", length) + self._read(length - 4))

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._sock.recv(count - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Several times over: one client writes with j: true, the process is killed meanwhile."""
    acknowledged: set[int] = set()
    numbers = itertools.count()
    for _ in range(3):
        with running_server("--data-dir", str(tmp_path)) as (host, port, process):
            client = Client(host, port)
            found = client.run({"find": "c", "batchSize": 100_000})["cursor"]["firstBatch"]
            assert acknowledged <= {document["_id"] for document in found}
            enough = threading.Event()

            def write(client: Client = client, enough: threading.Event = enough) -> None:
                try:
                    while True:
                        number = next(numbers)
                        insert = {"insert": "c", "documents": [{"_id": number}]}
                        reply = client.run(insert | {"writeConcern": {"w": 1, "j": True}})
                        assert reply["n"] == 1
                        acknowledged.add(number)
                        if len(acknowledged) % 40 == 0:
                            enough.set()
                except OSError:
                    pass

            writer = threading.Thread(target=write)
            writer.start()
            assert enough.wait(30)
            process.kill()
            writer.join(20)
    assert len(acknowledged) >= 100
    with running_server("--data-dir", str(tmp_path)) as (host, port, process):
        reply = Client(host, port).run({"count": "c", "query": {}})
        assert reply["n"] >= len(acknowledged)
        process.terminate()
        assert process.wait(15) == 0


def test_a_client_that_sends_noise_hurts_only_itself(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running_server(log=log) as (host, port, process):
        good = Client(host, port)
        for noise in (
            os.urandom(400),
            struct.pack("<iiii", 20, 1, 0, 2013),
            b"GET / HTTP/1.1\r\n\r\n",
        ):
            with socket.create_connection((host, port), timeout=10) as sock:
                sock.sendall(noise)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(4096):
                    pass
        assert good.run({"ping": 1})["ok"] == 1.0
        process.terminate()
        assert process.wait(15) == 0
    assert "Traceback" not in log.read_text()


def test_the_deepest_document_comes_back(tmp_path: Path) -> None:
    """What can be written can be read again at the next start."""
    database = Database(data_dir=str(tmp_path))
    below: dict = {}
    for levels in range(92, 106):
        change = {"q": {"_id": levels}, "u": {"$set": {"a" + ".a" * 90: below}}, "upsert": True}
        reply = database.run({"update": "c", "updates": [change]})
        assert ("writeErrors" in reply) == (levels > 100)
        below = {"a": below}
    kept = database.find("c")
    assert [document["_id"] for document in kept] == list(range(92, 101))
    assert restarted(tmp_path, database).find("c") == kept

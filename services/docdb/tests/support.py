"""An engine without sockets, and a server as a process, for tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.common.logs import Log
from services.docdb.bson.decoder import decode_document
from services.docdb.bson.encoder import encode_document
from services.docdb.bson.types import Binary, Document, Int64
from services.docdb.command import Pending
from services.docdb.engine import Engine
from services.docdb.settings import Settings
from services.docdb.wire import Message

ROOT = Path(__file__).resolve().parents[3]


class Database:
    """Runs commands as a client would, through the dispatcher and the codec."""

    def __init__(self, now_s: float = 1_700_000_000.0, **settings: object):
        self.now_s = now_s
        self.engine = Engine(Settings(**settings), Log("docdb"), now_s=lambda: self.now_s)
        self.engine.persistence.open()
        self.client = self.engine.connect()
        self.last_cursor: Document = {}

    def run(self, command: Document, database: str = "test") -> Document | Pending:
        """The reply, as it would travel."""
        body = decode_document(encode_document({**command, "$db": database}))
        reply = self.engine.dispatcher.execute(self.client, Message(1, body))
        if type(reply) is Pending:
            return reply
        return self.travelled(reply)

    def travelled(self, reply: Document) -> Document:
        """A reply as the client gets it: behind the journal, and through the codec."""
        self.engine.persistence.flush()
        return decode_document(encode_document(reply), max_depth=200)

    def documents(self, command: Document) -> list[Document]:
        """All documents of a cursor."""
        reply = self.run(command)
        assert reply["ok"] == 1.0, reply
        cursor = reply["cursor"]
        found = cursor["firstBatch"]
        name = cursor["ns"].partition(".")[2]
        while cursor["id"]:
            cursor = self.run({"getMore": cursor["id"], "collection": name})["cursor"]
            found += cursor["nextBatch"]
        return found

    def session(self) -> "Session":
        return Session(self)

    def insert(self, collection: str, *documents: Document) -> Document:
        return self.run({"insert": collection, "documents": list(documents)})

    def find(self, collection: str, filters: Document | None = None, **options: object) -> list:
        return self.documents({"find": collection, "filter": filters or {}, **options})


class Session:
    """A client's session: it numbers what it does, as drivers do."""

    def __init__(self, database: Database, number: bytes = b""):
        self._database = database
        self.id = Binary(number or os.urandom(16), 4)
        self.number = 0
        self._starts = False

    def start(self) -> "Session":
        self.number += 1
        self._starts = True
        return self

    def run(self, command: Document, database: str = "test") -> Document:
        """One statement of the transaction."""
        fields: Document = {"lsid": {"id": self.id}, "txnNumber": Int64(self.number)}
        fields["autocommit"] = False
        if self._starts:
            fields["startTransaction"] = True
            self._starts = False
        return self._database.run(command | fields, database)

    def write(self, command: Document, *, again: bool = False) -> Document:
        """A retryable write; `again` sends it under the number of the last one."""
        self.number += not again
        fields = {"lsid": {"id": self.id}, "txnNumber": Int64(self.number)}
        return self._database.run(command | fields)

    def find(self, collection: str, filters: Document | None = None, **options: object) -> list:
        reply = self.run({"find": collection, "filter": filters or {}, **options})
        assert reply["ok"] == 1.0, reply
        return reply["cursor"]["firstBatch"]

    def commit(self) -> Document:
        return self.run({"commitTransaction": 1}, "admin")

    def abort(self) -> Document:
        return self.run({"abortTransaction": 1}, "admin")


@contextmanager
def running_server(
    *options: str, log: Path | None = None
) -> Iterator[tuple[str, int, subprocess.Popen]]:
    """A docdb on a free port; killed at the end where it still runs."""
    command = [sys.executable, "-m", "services.docdb", "--port", "0", *options]
    with open(log or "/dev/null", "ab") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr)
    try:
        line = process.stdout.readline().decode()
        assert line.startswith("docdb ready on"), log.read_text() if log else line
        host, _, port = line.split()[-1].rpartition(":")
        yield host, int(port), process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()

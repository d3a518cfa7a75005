"""The client of docdb that other services use; it works the same on a real MongoDB.

    docdb = DocumentClient(parse_mongo_url("mongodb://127.0.0.1:4244"))
    docdb.run("shop", {"insert": "people", "documents": [{"name": "Ann"}]})    ─▶ {"n": 1, …}
    docdb.find("shop", "people", {"name": "Ann"}, limit=10)                    ─▶ documents

Commands are the wire protocol's own, as dicts; what an aggregation or a `find` leaves in a cursor
`documents` reads to its end. `from_json` and `to_json` are extended JSON, in which every type of
BSON can be written: {"_id": {"$oid": "…"}}.

Every method may be called from any thread. Each raises ConnectionLost when docdb cannot be
reached, and CommandError for an error reply; nothing is sent twice by itself, because only the
caller knows whether a command may be carried out twice.
"""

import itertools
import socket
import struct
import time
from collections.abc import Iterator

from services.common.connection_pool import ConnectionPool
from services.common.mongo_url import MongoURL, parse_mongo_url
from services.common.resp_client import ConnectionLost
from services.common.scram import SHA256, ClientLogin, ScramError
from services.docdb.bson import extended_json
from services.docdb.bson.errors import BsonError
from services.docdb.bson.types import Binary, Document
from services.docdb.wire import MAX_MESSAGE_BYTES, WireError, decode_reply, encode_request

CONNECT_TIMEOUT_S = 3.0
_LENGTH = struct.Struct("<i")

__all__ = [
    "CommandError",
    "ConnectionLost",
    "DocumentClient",
    "MongoURL",
    "from_json",
    "parse_mongo_url",
    "to_json",
]


class CommandError(Exception):
    """The server's error reply."""

    def __init__(self, reply: Document):
        super().__init__(str(reply.get("errmsg", "the server has refused it")))
        self.reply = reply
        self.code = reply.get("code", 0)
        self.code_name = str(reply.get("codeName", ""))


def from_json(text: str) -> object:
    """Extended JSON to a value. Raises ValueError with the reason."""
    try:
        return extended_json.parse(text)
    except (BsonError, ValueError, RecursionError) as error:
        raise ValueError(str(error) or "is nested too deeply") from None


def to_json(value: object, *, relaxed: bool = False) -> object:
    """A value as what `json.dumps` takes; relaxed leaves plain numbers and dates plain."""
    return extended_json.to_json(value, relaxed=relaxed)


class Connection:
    """One connection, logged in; for one thread at a time."""

    def __init__(self, url: MongoURL, timeout_s: float):
        self._address = url.address
        self._request_ids = itertools.count(1)
        try:
            connect_s = min(timeout_s, CONNECT_TIMEOUT_S)
            self._socket = socket.create_connection((url.host, url.port), timeout=connect_s)
        except OSError as error:
            raise ConnectionLost(f"{url.address}: {error.strerror or error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if url.user:
            try:
                self._log_in(url, timeout_s)
            except BaseException:
                self.close()
                raise

    def _log_in(self, url: MongoURL, timeout_s: float) -> None:
        login = ClientLogin(SHA256, url.user, url.password)
        start = {"saslStart": 1, "mechanism": "SCRAM-SHA-256",
                 "payload": Binary(login.first().encode()),
                 "options": {"skipEmptyExchange": True}}  # fmt: skip
        source = url.database or "admin"
        try:
            first = self.run(source, start, timeout_s)
            final = login.final(first["payload"].data.decode())
            proof = {"saslContinue": 1, "conversationId": first["conversationId"],
                     "payload": Binary(final.encode())}  # fmt: skip
            last = self.run(source, proof, timeout_s)
            login.check(last["payload"].data.decode())
        except (ScramError, KeyError) as error:
            raise ConnectionLost(f"{url.address}: the login has failed: {error}") from error

    def run(self, database: str, command: Document, timeout_s: float) -> Document:
        """Raises ConnectionLost or CommandError."""
        request = encode_request(next(self._request_ids), {**command, "$db": database})
        deadline_s = time.monotonic() + timeout_s
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(request)
            head = self._read(_LENGTH.size, deadline_s)
            size = _LENGTH.unpack(head)[0]
            if not 16 <= size <= MAX_MESSAGE_BYTES:
                raise WireError(f"a message of {size} bytes")
            reply = decode_reply(head + self._read(size - _LENGTH.size, deadline_s))
        except (OSError, WireError, BsonError, struct.error) as error:
            raise ConnectionLost(f"{self._address}: {error}") from error
        if reply.get("ok") != 1:
            raise CommandError(reply)
        return reply

    def _read(self, count: int, deadline_s: float) -> bytes:
        pieces: list[bytes] = []
        while count:
            self._socket.settimeout(max(0.001, deadline_s - time.monotonic()))
            piece = self._socket.recv(min(count, 1 << 20))
            if not piece:
                raise ConnectionError("the connection was closed")
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()


class DocumentClient:
    """Commands to one document database over a pool of connections."""

    def __init__(self, url: MongoURL, *, timeout_s: float = 5.0):
        self.url = url
        self._timeout_s = timeout_s
        self._pool = ConnectionPool(lambda: Connection(url, timeout_s), harmless=CommandError)

    def run(self, database: str, command: Document, *, timeout_s: float | None = None) -> Document:
        """One command, and the reply to it. Write errors are part of the reply."""
        timeout_s = timeout_s or self._timeout_s
        with self._pool.connection() as connection:
            return connection.run(database, command, timeout_s)

    def documents(self, database: str, command: Document) -> Iterator[Document]:
        """All that a command leaves in a cursor, batch by batch."""
        cursor = self.run(database, command)["cursor"]
        yield from cursor["firstBatch"]
        name = cursor["ns"].partition(".")[2]
        while cursor["id"]:
            more = {"getMore": cursor["id"], "collection": name}
            cursor = self.run(database, more)["cursor"]
            yield from cursor["nextBatch"]

    def find(
        self, database: str, collection: str, filters: Document | None = None, **options: object
    ) -> list[Document]:
        """The documents of a find; `limit`, `sort`, `projection` … are its own fields."""
        command = {"find": collection, "filter": filters or {}, **options}
        return list(self.documents(database, command))

    def close(self) -> None:
        """Close the idle connections; those on loan close when they come back."""
        self._pool.close()

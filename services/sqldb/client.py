"""A small client of PostgreSQL's protocol, for the other services: everything as text.

    with SqlClient("127.0.0.1", 4245) as client:
        client.query("SELECT id, name FROM customers")   →   [["1", "ann"], ["2", None]]
        client.execute("SELECT name FROM customers WHERE id = $1", ["2"]).rows   →   [[None]]

`run` sends a text of any number of statements (simple query); `execute` sends one, with parameters
and up to so many rows (extended query). It works with any PostgreSQL. One connection, one thread at
a time, but for `cancel`. COPY FROM STDIN is refused, what COPY TO STDOUT sends is thrown away.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit

from services.common.scram import SHA256, ClientLogin, ScramError

_HEAD = struct.Struct(">cI")
_MAX_MESSAGE_BYTES = 1 << 28
POSTGRES_PORT = 5432


class ClientError(Exception):
    """The server has refused, or does not speak the protocol. `fields` are those of the error."""

    def __init__(self, message: str, fields: dict[str, str] | None = None):
        super().__init__(message)
        self.fields = fields or {}

    @property
    def sqlstate(self) -> str:
        return self.fields.get("C", "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one statement has given. `columns` None: it gives no rows."""

    columns: list[str] | None
    type_oids: list[int]
    rows: list[list[str | None]]
    tag: str
    has_more: bool = False
    """There are more rows than were asked for."""

    def as_dicts(self) -> list[dict[str, str | None]]:
        """Each row by the names of its columns."""
        return [dict(zip(self.columns or (), row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class SqlAddress:
    host: str
    port: int
    user: str = "postgres"
    password: str = ""
    database: str = "glassbox"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


def parse_sql_url(url: str, default_port: int = POSTGRES_PORT) -> SqlAddress:
    """postgresql://user:password@host:port/database. Raises ValueError with the reason."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise ValueError("is not of the form postgresql://host:port/database")
    return SqlAddress(
        parts.hostname,
        parts.port or default_port,
        unquote(parts.username or "postgres"),
        unquote(parts.password or ""),
        unquote(parts.path.lstrip("/")) or "glassbox",
    )


class SqlClient:
    """One connection. Raises ClientError and OSError."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        user: str = "postgres",
        password: str = "",
        database: str = "glassbox",
        application_name: str = "",
        timeout_s: float = 10.0,
    ):
        self.parameters: dict[str, str] = {}
        self.notices: list[dict[str, str]] = []
        self.process_id = self.secret_key = 0
        self.transaction_status = "I"
        """I: in none, T: in a transaction block, E: in one that has failed."""
        self._address = (host, port)
        self._timeout_s = timeout_s
        self._socket = socket.create_connection((host, port), timeout_s)
        self._file = self._socket.makefile("rb")
        try:
            self._log_in(user, password, database, application_name)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> SqlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        try:
            self._socket.sendall(_message(b"X"))
        except OSError:
            pass  # The other side was faster.
        self._file.close()
        self._socket.close()

    @property
    def is_stale(self) -> bool:
        """Between two questions: the server has gone, or is about to."""
        return bool(select.select([self._socket], [], [], 0)[0])

    # Login.

    def _log_in(self, user: str, password: str, database: str, application_name: str) -> None:
        parameters = {
            "user": user,
            "database": database,
            "application_name": application_name,
            "client_encoding": "UTF8",
        }
        body = struct.pack(">I", 196608) + b"".join(
            part.encode() + b"\0" for pair in parameters.items() for part in pair
        )
        self._socket.sendall(struct.pack(">I", len(body) + 5) + body + b"\0")
        login = ClientLogin(SHA256, "", password)
        while True:
            letter, body = self._read()
            if letter == b"R":
                self._authenticate(login, body)
            elif letter == b"K":
                self.process_id, self.secret_key = struct.unpack(">II", body)
            elif letter == b"Z":
                return
            elif letter == b"E":
                raise _error(body)
            else:
                self._note(letter, body)

    @classmethod
    def at(
        cls, address: SqlAddress, *, application_name: str = "", timeout_s: float = 10.0
    ) -> Self:
        """A client of the server that an URL names."""
        return cls(
            address.host,
            address.port,
            user=address.user,
            password=address.password,
            database=address.database,
            application_name=application_name,
            timeout_s=timeout_s,
        )

    def _authenticate(self, login: ClientLogin, body: bytes) -> None:
        (code,) = struct.unpack_from(">I", body)
        data = body[4:].decode()
        try:
            match code:
                case 0:
                    return
                case 10:
                    first = login.first().encode()
                    head = b"SCRAM-SHA-256\0" + struct.pack(">I", len(first))
                    self._socket.sendall(_message(b"p", head + first))
                case 11:
                    self._socket.sendall(_message(b"p", login.final(data).encode()))
                case 12:
                    login.check(data)
                case _:
                    raise ClientError(f"the server asks for authentication {code}")
        except ScramError as error:
            raise ClientError(str(error)) from None

    # Queries.

    def query(self, sql: str) -> list[list[str | None]]:
        """The rows of the last statement in the text."""
        answers = self.run(sql)
        return answers[-1].rows if answers else []

    def run(self, sql: str) -> list[Answer]:
        """What each statement of the text has given."""
        self._socket.sendall(_message(b"Q", _text(sql)))
        return self._answers()

    def execute(
        self,
        sql: str,
        parameters: Sequence[str | None] = (),
        *,
        max_rows: int = 0,
        max_bytes: int = 0,
    ) -> Answer:
        """One statement, with `parameters` for $1 …; the limits: 0 is none.

        A SELECT stops at `max_rows`, what changes data is run to its end. Of more than `max_bytes`
        the rest comes, but is not kept. `has_more` says that there was more.
        """
        values = b"".join(map(_parameter, parameters))
        self._socket.sendall(
            _message(b"P", b"\0" + _text(sql) + b"\0\0")
            + _message(b"B", b"\0\0\0\0" + struct.pack(">H", len(parameters)) + values + b"\0\0")
            + _message(b"D", b"P\0")
            + _message(b"E", b"\0" + struct.pack(">I", max_rows))
            + _message(b"S")
        )
        answers = self._answers(_message(b"S"), max_bytes or sys.maxsize)
        return answers[0] if answers else Answer(None, [], [], "")

    def _answers(self, after_copy: bytes = b"", max_bytes: int = sys.maxsize) -> list[Answer]:
        """What comes until ReadyForQuery; `after_copy` is sent again when a COPY was refused."""
        answers: list[Answer] = []
        columns: list[str] | None = None
        type_oids: list[int] = []
        rows: list[list[str | None]] = []
        failure: ClientError | None = None
        size_bytes = 0
        while True:
            letter, body = self._read()
            match letter:
                case b"T":
                    columns, type_oids = _columns(body)
                case b"D":
                    size_bytes += len(body)
                    if size_bytes <= max_bytes:
                        rows.append(_row(body))
                case b"C" | b"s":
                    tag = body[:-1].decode()
                    has_more = letter == b"s" or size_bytes > max_bytes
                    answers.append(Answer(columns, type_oids, rows, tag, has_more))
                    columns, type_oids, rows = None, [], []
                case b"E":
                    failure = _error(body)
                case b"Z":
                    self.transaction_status = body.decode()
                    break
                case b"G":
                    refusal = _message(b"f", b"COPY FROM STDIN is not spoken here\0")
                    self._socket.sendall(refusal + after_copy)
                case _:
                    self._note(letter, body)
        if failure is not None:
            raise failure
        return answers

    def cancel(self) -> None:
        """From any thread: ask, over another connection, to cancel the running statement."""
        with socket.create_connection(self._address, self._timeout_s) as sock:
            sock.sendall(struct.pack(">IIII", 16, 80877102, self.process_id, self.secret_key))
            sock.recv(1)

    def _note(self, letter: bytes, body: bytes) -> None:
        """What may come at any time."""
        if letter == b"S":
            name, value, _ = body.decode().split("\0")
            self.parameters[name] = value
        elif letter == b"N":
            self.notices.append(_fields(body))

    def _read(self) -> tuple[bytes, bytes]:
        letter, length = _HEAD.unpack(self._exactly(5))
        if not 4 <= length <= _MAX_MESSAGE_BYTES:
            raise ClientError("the server does not speak PostgreSQL's protocol")
        return letter, self._exactly(length - 4)

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise ConnectionError("the server has closed the connection")
        return data


def _text(text: str) -> bytes:
    """As the protocol has it: up to a zero byte, which no statement can hold."""
    if "\0" in text:
        raise ClientError("a zero byte cannot be sent")
    return _utf8(text) + b"\0"


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ClientError("the text holds half of a surrogate pair") from None


def _parameter(value: str | None) -> bytes:
    if value is None:
        return b"\xff\xff\xff\xff"
    data = _utf8(value)
    return struct.pack(">I", len(data)) + data


def _message(letter: bytes, body: bytes = b"") -> bytes:
    return _HEAD.pack(letter, len(body) + 4) + body


def _fields(body: bytes) -> dict[str, str]:
    parts = body.decode("utf-8", "replace").split("\0")
    return {part[0]: part[1:] for part in parts if part}


def _error(body: bytes) -> ClientError:
    fields = _fields(body)
    return ClientError(fields.get("M", "an error without a message"), fields)


def _columns(body: bytes) -> tuple[list[str], list[int]]:
    names, oids, position = [], [], 2
    while position < len(body):
        end = body.index(b"\0", position)
        names.append(body[position:end].decode())
        oids.append(struct.unpack_from(">I", body, end + 7)[0])
        position = end + 19
    return names, oids


def _row(body: bytes) -> list[str | None]:
    row, position = [], 2
    while position < len(body):
        (length,) = struct.unpack_from(">i", body, position)
        position += 4
        row.append(None if length < 0 else body[position : position + length].decode())
        position += max(length, 0)
    return row

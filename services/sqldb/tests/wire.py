"""A client that says exactly the bytes it is told to, right or wrong."""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 30


def message(letter: bytes, body: bytes = b"") -> bytes:
    return letter + struct.pack(">I", len(body) + 4) + body


def startup(**parameters: str) -> bytes:
    body = struct.pack(">I", 196608)
    for name, value in parameters.items():
        body += name.encode() + b"\0" + value.encode() + b"\0"
    body += b"\0"
    return struct.pack(">I", len(body) + 4) + body


def query(sql: str | bytes) -> bytes:
    return message(b"Q", (sql.encode() if isinstance(sql, str) else sql) + b"\0")


def parse(sql: str, name: str = "", oids: tuple[int, ...] = ()) -> bytes:
    body = name.encode() + b"\0" + sql.encode() + b"\0" + struct.pack(">H", len(oids))
    return message(b"P", body + b"".join(struct.pack(">I", oid) for oid in oids))


def bind(
    values: tuple[bytes | None, ...] = (),
    formats: tuple[int, ...] = (),
    results: tuple[int, ...] = (),
    *,
    statement: str = "",
    portal: str = "",
) -> bytes:
    body = portal.encode() + b"\0" + statement.encode() + b"\0"
    body += struct.pack(f">H{len(formats)}H", len(formats), *formats)
    body += struct.pack(">H", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">I", len(value)) + value
    return message(b"B", body + struct.pack(f">H{len(results)}H", len(results), *results))


def execute(portal: str = "", max_rows: int = 0) -> bytes:
    return message(b"E", portal.encode() + b"\0" + struct.pack(">i", max_rows))


SYNC = message(b"S")


@dataclass
class Wire:
    """One connection. `say` sends, `hear` reads to the next ReadyForQuery or to the end."""

    server: Any
    parameters: dict[str, str] = field(default_factory=dict)
    heard: bytes = b""
    pid: int = 0
    key: int = 0

    def __post_init__(self) -> None:
        known = self.server.parameters
        self.socket = socket.create_connection(("127.0.0.1", known["port"]), PATIENCE_S)
        self.defaults = {"user": known["user"], "database": known["dbname"]}

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def begin(self) -> Wire:
        """Startup, up to the first ReadyForQuery."""
        self.say(startup(**(self.defaults | self.parameters)))
        self.hear()
        return self

    def say(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def say_no_more(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def next(self) -> tuple[bytes, bytes] | None:
        """The next message; None: the connection has ended."""
        while len(self.heard) < 5 or len(self.heard) < 1 + struct.unpack(">I", self.heard[1:5])[0]:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self.heard += data
        end = 1 + struct.unpack(">I", self.heard[1:5])[0]
        letter, body, self.heard = self.heard[:1], self.heard[5:end], self.heard[end:]
        if letter == b"K":
            self.pid, self.key = struct.unpack(">II", body)
        return letter, body

    def hear(self) -> list[str]:
        """What came, in short: letters, errors with their code, rows with their values."""
        told = []
        while (heard := self.next()) is not None:
            letter, body = heard
            told.append(_in_short(letter, body))
            if letter == b"Z":
                return told
        return [*told, "the end"]

    def cancel(self) -> None:
        """From a connection of its own, as CancelRequest is."""
        with Wire(self.server) as other:
            other.say(struct.pack(">IIII", 16, 80877102, self.pid, self.key))
            other.next()


def _in_short(letter: bytes, body: bytes) -> str:
    match letter:
        case b"E" | b"N":
            fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
            return f"{letter.decode()} {fields[b'S']} {fields[b'C']}"
        case b"Z" | b"C" | b"D" | b"1" | b"2" | b"3" | b"n" | b"s":
            return (letter + b" " + body).decode(errors="replace").strip()
    return letter.decode()

"""Running servers for the tests of memcached, and a client of one of them."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from services.common.lifecycle import bind
from services.common.logs import Log
from services.kvdb.engine import Engine
from services.kvdb.server import Server
from services.kvdb.settings import Settings
from services.kvdb.tests.serving import TIMEOUT_S, Running


class RunningBoth(Running):
    """A server on two free ports."""

    def __init__(self, server: Server, port: int, memcached_port: int):
        super().__init__(server, port)
        self.memcached_port = memcached_port

    def memcached(self) -> "MemcachedConnection":
        return MemcachedConnection(self.memcached_port)


@contextlib.contextmanager
def serving_memcached(**settings: object) -> Iterator[RunningBoth]:
    """A server in a thread; stopped, and checked to have ended, when the block is left."""
    log = Log("kvdb")
    listeners = [bind("kvdb", "127.0.0.1", 0) for _ in range(2)]
    engine = Engine(Settings(**settings), log)
    engine.settings_changed()
    server = Server(engine, listeners[0], log, grace_s=1, memcached_listener=listeners[1])
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield RunningBoth(server, *(listener.getsockname()[1] for listener in listeners))
    finally:
        server.loop.call_from_thread(server.stop)
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()


class MemcachedConnection:
    """A bare connection; `ask` knows where a reply ends because `mn` is asked behind it."""

    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._received = b""

    def __enter__(self) -> "MemcachedConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, text: str) -> None:
        self.send_bytes(text.encode() + b"\r\n")

    def send_bytes(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, text: str) -> str:
        """All that comes back, with its line ends."""
        self.send(f"{text}\r\nmn")
        while not self._received.endswith(b"MN\r\n"):
            self._receive()
        reply, self._received = self._received.decode().removesuffix("MN\r\n"), b""
        return reply

    def read_line(self) -> str:
        while b"\r\n" not in self._received:
            self._receive()
        line, _, self._received = self._received.partition(b"\r\n")
        return line.decode()

    def read_to_end(self) -> str:
        """What comes until the server closes."""
        received, self._received = self._received, b""
        while data := self._socket.recv(65536):
            received += data
        return received.decode()

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        assert data, f"closed after {self._received!r}"
        self._received += data

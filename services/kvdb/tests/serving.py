"""Running servers for tests: in a thread of the test, or in a process that can be killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from services.common.lifecycle import bind
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp_client import RespConnection
from services.kvdb.engine import Engine
from services.kvdb.server import Server
from services.kvdb.settings import Settings

TIMEOUT_S = 20


class Running:
    """A server on a free port of 127.0.0.1."""

    def __init__(self, server: Server, port: int):
        self.server = server
        self.engine = server.engine
        self.port = port

    def client(self) -> RespConnection:
        return RespConnection(RedisURL("127.0.0.1", self.port), timeout_s=TIMEOUT_S)

    def connect(self) -> socket.socket:
        """A bare socket, for what no client would send."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)

    def wait_until(self, condition) -> None:
        """Wait until something is true of the engine; looked at in the server's own thread."""
        done = threading.Event()

        def look() -> None:
            if condition():
                done.set()
            else:
                self.server.loop.call_later(0.005, look)

        self.server.loop.call_from_thread(look)
        assert done.wait(TIMEOUT_S), "what was waited for has not happened"


@contextlib.contextmanager
def serving(**settings: object) -> Iterator[Running]:
    """A server in a thread; stopped, and checked to have ended, when the block is left."""
    log = Log("kvdb")
    listener = bind("kvdb", "127.0.0.1", 0)
    engine = Engine(Settings(**settings), log)
    if settings.get("data_dir"):
        engine.persistence.open(engine)
    server = Server(engine, listener, log, grace_s=1)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Running(server, listener.getsockname()[1])
    finally:
        server.loop.call_from_thread(server.stop)
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()


def receive_all(sock: socket.socket) -> bytes:
    """What comes until the other side closes."""
    received = b""
    while data := sock.recv(65536):
        received += data
    return received


def receive_exactly(sock: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        data = sock.recv(size - len(received))
        assert data, f"closed after {received!r}"
        received += data
    return received


class Process:
    """A kvdb in a process of its own; `options` as on the command line."""

    def __init__(self, directory: Path, *options: str):
        self.log_path = directory.with_name(f"{directory.name}.log")
        command = [sys.executable, "-m", "services.kvdb", "--port", "0"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*command, "--data-dir", str(directory), *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # So that `kill_all` can.
            )
        ready = self.process.stdout.readline()
        self.port = int(ready.rpartition(":")[2]) if ready else 0

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8")

    def client(self) -> RespConnection:
        return RespConnection(RedisURL("127.0.0.1", self.port), timeout_s=TIMEOUT_S)

    def kill(self) -> None:
        self.process.kill()
        self.wait()

    def kill_all(self) -> None:
        """The process and the children that it has forked, as where a container ends."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        self.process.stdout.close()
        return self.process.wait(TIMEOUT_S)

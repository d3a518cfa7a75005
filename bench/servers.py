"""A server that is measured, and the redis-server that ours is compared with."""

import contextlib
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.common.backoff import Backoff
from services.common.redis_url import RedisURL
from services.common.resp_client import ConnectionLost, RespConnection

MAX_CLIENTS = 15_000


@dataclass(frozen=True, slots=True)
class Server:
    """A running process that speaks RESP."""

    name: str
    url: RedisURL
    pid: int

    def cpu_s(self) -> float:
        """CPU time of the process so far. Linux numbers the clocks of other processes like this."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident_bytes(self) -> int:
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * resource.getpagesize()

    def connect(self) -> RespConnection:
        return RespConnection(self.url, timeout_s=300)


Start = Callable[[], contextlib.AbstractContextManager[Server]]


@contextlib.contextmanager
def redis_server(directory: Path) -> Iterator[Server]:
    """A real one on a free port, which keeps nothing; ended with the block."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    options = ["--bind", "127.0.0.1", "--port", str(port), "--maxclients", str(MAX_CLIENTS)]
    options += ["--save", "", "--dir", str(directory)]
    process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    server = Server("redis-server", RedisURL("127.0.0.1", port), process.pid)
    backoff = Backoff()
    try:
        while True:
            try:
                server.connect().close()
                break
            except ConnectionLost:
                time.sleep(backoff.next_delay_s())
        yield server
    finally:
        process.terminate()
        process.wait()

"""Our HTTP server under load: thousands of slow clients, and bodies larger than its memory.

`python3 -m bench.web` measures the same with larger figures.
"""

import contextlib
import hashlib
import http.client
import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.apps.large import BLOCK
from e2e.stack import ROOT

SLOW_CLIENTS = 5000
NORMAL_REQUESTS = 100
BLOCKS = 4096  # 256 MiB
MAX_GROWTH_BYTES = 32 << 20
WAIT_S = 60


class Server:
    """`services.web.run` with one worker; what it holds in memory is what the worker holds."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.port = int(process.stdout.readline().rpartition(":")[2])
        self._pids = [process.pid, *children(process.pid)]

    def resident_bytes(self, field: str = "VmRSS") -> int:
        """Resident memory of master and worker now; `VmHWM`: at its height."""
        return sum(memory_bytes(pid, field) for pid in self._pids)

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def memory_bytes(pid: int, field: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) * 1024


@pytest.fixture
def descriptors() -> Iterator[None]:
    """As many descriptors as both sides of all connections need; servers inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = SLOW_CLIENTS + 1000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this needs {wanted} descriptors, and the system's limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def server(descriptors: None, tmp_path: Path) -> Iterator[Server]:
    if not Path("/proc/self/status").exists():
        pytest.skip("the memory of a process is read from /proc")
    command = [sys.executable, "-m", "services.web.run", "e2e.apps.large:app", "--port", "0"]
    command += ["--max-body", str(1 << 31), "--log-level", "warning"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            yield Server(process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(WAIT_S)
            finally:
                process.kill()
                process.stdout.close()


def test_thousands_of_slow_clients_do_not_slow_down_a_normal_one(server: Server):
    with contextlib.ExitStack() as stack:
        slow = []
        for _ in range(SLOW_CLIENTS):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), WAIT_S))
            sock.sendall(b"GET / HTTP/1.1\r\nHost: slow\r\nX-")
            slow.append(sock)
        client = stack.enter_context(contextlib.closing(server.connection()))
        took_s = []
        for number in range(NORMAL_REQUESTS):
            # Each of them sends a byte now and then, so that it looks alive.
            for sock in slow[number::NORMAL_REQUESTS]:
                sock.sendall(b"a")
            began_s = time.perf_counter()
            client.request("GET", "/")
            assert client.getresponse().read() == b'{"hello":"world"}'
            took_s.append(time.perf_counter() - began_s)
        # They were there all the time: whoever finishes the request now is answered.
        slow[0].sendall(b": x\r\n\r\n")
        assert slow[0].recv(100).startswith(b"HTTP/1.1 200 ")
        assert statistics.median(took_s) < 0.05


def test_a_large_upload_takes_no_memory(server: Server):
    with contextlib.closing(server.connection()) as client:
        client.request("GET", "/")
        client.getresponse().read()
        before_bytes = server.resident_bytes()
        expected = hashlib.sha256()
        client.putrequest("POST", "/upload")
        client.putheader("Content-Length", str(BLOCKS * len(BLOCK)))
        client.endheaders()
        for _ in range(BLOCKS):
            client.send(BLOCK)
            expected.update(BLOCK)
        answer = client.getresponse().read().decode()
    size = BLOCKS * len(BLOCK)
    assert answer == f'{{"size":{size},"sha256":"{expected.hexdigest()}"}}'
    assert server.resident_bytes("VmHWM") - before_bytes < MAX_GROWTH_BYTES


def test_a_large_download_takes_no_memory(server: Server):
    with contextlib.closing(server.connection()) as client:
        client.request("GET", "/")
        client.getresponse().read()
        before_bytes = server.resident_bytes()
        client.request("GET", f"/download/{BLOCKS}")
        response, size = client.getresponse(), 0
        while piece := response.read(1 << 20):
            size += len(piece)
    assert size == BLOCKS * len(BLOCK)
    assert server.resident_bytes("VmHWM") - before_bytes < MAX_GROWTH_BYTES

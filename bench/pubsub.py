"""Fan-out of pubsub beside a real redis-server, and what many clients cost.

    python3 -m bench.pubsub [--quick]

Fan-out: one publisher sends PUBLISH, 1 or 16 at a time, to a channel with 100 subscribers that
a process of their own drains. Ours and Redis take turns; printed are the medians of messages a
second (from the first PUBLISH until the last subscriber has the last message) and of the CPU
time that the server spent on a message, with the ratios (1.0 is as fast, or as cheap, as Redis).

Crowd: the same with 100, 1,000 and 10,000 subscribers, for how the cost grows; memory for each
client that sits idle and for each that is subscribed; how long a new one waits for its first
answer beside all the others; and how many clients the server takes when nothing but the machine
limits it.
"""

import argparse
import contextlib
import functools
import multiprocessing
import platform
import resource
import selectors
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from bench.servers import Server, Start, redis_server
from services.common.redis_url import RedisURL, parse_redis_url
from services.common.resp import encode_request
from tests.processes import running_service

CHANNEL = "news"
PAYLOAD = b"x" * 64
PUSHED_BYTES = len(b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$64\r\n" + PAYLOAD + b"\r\n")
CONNECTS_AT_ONCE = 200
PATIENCE_S = 120


# The audience: a process with many connections.


class Audience:
    """Clients in a process of their own, idle or subscribed, which count the bytes they get."""

    def __init__(self, server: Server, count: int, *, subscribed: bool = True):
        context = multiprocessing.get_context("fork")
        self.received = context.Value("q", 0, lock=False)
        self._pipe, theirs = context.Pipe()
        arguments = (server.url, count, subscribed, self.received, theirs, self._pipe)
        self._process = context.Process(target=_attend, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self.connected = self._pipe.recv()

    def wait_for(self, byte_count: int) -> None:
        """Return when all clients together have got so many bytes."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.received.value < byte_count:
            if time.monotonic() > deadline_s:
                raise SystemExit(f"only {self.received.value} of {byte_count} bytes arrived")
            time.sleep(0.0005)

    def close(self) -> None:
        self._pipe.close()
        self._process.join()


def _attend(
    url: RedisURL, count: int, subscribed: bool, received: object, pipe: Pipe, parents_end: Pipe
) -> None:
    parents_end.close()  # The fork has copied it, and the end is told by its closing.
    selector = selectors.DefaultSelector()
    clients = []
    while len(clients) < count and (batch := connect(url, min(CONNECTS_AT_ONCE, count))):
        for client in batch:
            if subscribed:
                client.sendall(encode_request(["SUBSCRIBE", CHANNEL]))
                client.recv(1024)
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ)
        clients += batch
    pipe.send(len(clients))
    selector.register(pipe, selectors.EVENT_READ)
    buffer = bytearray(1 << 18)
    while True:
        total = 0
        for key, _ in selector.select():
            if key.fileobj is pipe:
                return
            total += key.fileobj.recv_into(buffer)
        received.value += total


def connect(url: RedisURL, count: int) -> list[socket.socket]:
    """So many new clients, each of which has got an answer; fewer where the server refuses."""
    clients = []
    try:
        for _ in range(count):
            clients.append(socket.create_connection((url.host, url.port), timeout=30))
        for client in list(clients):
            client.sendall(b"PING\r\n")
            if client.recv(100) != b"+PONG\r\n":
                clients.remove(client)
    except OSError:
        pass
    return clients


# Fan-out.


@dataclass(frozen=True, slots=True)
class Figures:
    messages_per_s: float
    cpu_us: float


def fan_out(server: Server, subscribers: int, messages: int, pipeline: int) -> Figures:
    messages -= messages % pipeline
    audience = Audience(server, subscribers)
    try:
        expected = messages * subscribers * PUSHED_BYTES
        with socket.create_connection((server.url.host, server.url.port)) as publisher:
            cpu_s, started_s = server.cpu_s(), time.perf_counter()
            publish(publisher, subscribers, messages, pipeline)
            audience.wait_for(expected)
            elapsed_s, cpu_s = time.perf_counter() - started_s, server.cpu_s() - cpu_s
    finally:
        audience.close()
    return Figures(messages / elapsed_s, cpu_s / messages * 1e6)


def publish(publisher: socket.socket, subscribers: int, messages: int, pipeline: int) -> None:
    """Each batch waits for the replies of the one before, as a pipelining client does."""
    request = encode_request(["PUBLISH", CHANNEL, PAYLOAD]) * pipeline
    replies = b":%d\r\n" % subscribers * pipeline
    for _ in range(messages // pipeline):
        publisher.sendall(request)
        missing = len(replies)
        while missing:
            missing -= len(publisher.recv(missing))


def bench_fan_out(servers: list[Server], messages: int, rounds: int) -> None:
    print(f"\n{'100 subscribers':24}" + "".join(f"{server.name:>28}" for server in servers))
    for pipeline in (1, 16):
        runs: dict[str, list[Figures]] = {server.name: [] for server in servers}
        for _ in range(rounds):
            for server in servers:
                runs[server.name].append(fan_out(server, 100, messages, pipeline))
        medians = [
            Figures(
                statistics.median(run.messages_per_s for run in runs[server.name]),
                statistics.median(run.cpu_us for run in runs[server.name]),
            )
            for server in servers
        ]
        line = "".join(f"{m.messages_per_s:>12,.0f}/s {m.cpu_us:>8.0f} µs CPU" for m in medians)
        print(f"pipeline {pipeline:<15}{line}{ratios(medians)}")


def ratios(medians: list[Figures]) -> str:
    if len(medians) < 2:
        return ""
    ours, redis = medians
    rate, cpu = ours.messages_per_s / redis.messages_per_s, redis.cpu_us / ours.cpu_us
    return f"   ratio {rate:.2f}, by CPU {cpu:.2f}"


# The crowd.


def bench_crowd(servers: list[Server], sizes: list[int], rounds: int) -> None:
    rates: dict[str, list[float]] = {server.name: [] for server in servers}
    for size in sizes:
        messages = max(20, 200_000 // size)
        runs: dict[str, list[float]] = {server.name: [] for server in servers}
        for _ in range(rounds):
            for server in servers:
                figures = fan_out(server, size, messages, pipeline=1)
                runs[server.name].append(size * figures.messages_per_s)
        for name, run in runs.items():
            rates[name].append(statistics.median(run))
    print(f"\n{'deliveries a second':24}" + "".join(f"{size:>12,}" for size in sizes) + "  growth")
    for name, row in rates.items():
        # Time for each delivery in the largest crowd, compared with the smallest: 1.0 is linear.
        growth = row[0] / row[-1]
        print(f"{name:24}" + "".join(f"{rate:>12,.0f}" for rate in row) + f"{growth:>8.2f}")


def bench_memory(start: list[Start], count: int) -> None:
    print(
        f"\n{count:,} clients{'':10}{'idle':>16}{'subscribed':>16}{'first answer':>16}{'p99':>12}"
    )
    for start_server in start:
        figures = []
        for subscribed in (False, True):
            # A new server each time: a process does not give back what it once had.
            with start_server() as server:
                connect(server.url, 1)[0].close()
                before = server.resident_bytes()
                audience = Audience(server, count, subscribed=subscribed)
                figures.append((server.resident_bytes() - before) / audience.connected / 1024)
                median_ms, p99_ms = first_answers_ms(server)
                audience.close()
        print(
            f"{server.name:24}"
            + "".join(f"{figure:>12.2f} KiB" for figure in figures)
            + f"{median_ms:>13.2f} ms{p99_ms:>9.2f} ms"
        )


def first_answers_ms(server: Server, samples: int = 300) -> tuple[float, float]:
    """Connecting and getting one answer: the median and the 99th percentile."""
    times = []
    for _ in range(samples):
        started_s = time.perf_counter()
        for client in connect(server.url, 1):
            client.close()
        times.append((time.perf_counter() - started_s) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def bench_limit(start_server: Start) -> None:
    """Connect until the server refuses, or this machine has no more to give."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with start_server() as server:
        audience = Audience(server, soft - 20)
        resident = server.resident_bytes()
        audience.close()
    print(
        f"\n{server.name} took {audience.connected:,} subscribers, and {resident / 2**20:.1f} MiB"
        f" of memory in all; this machine gives a process {soft:,} descriptors"
    )


# Servers.


@contextlib.contextmanager
def our_server(directory: Path, **settings: str) -> Iterator[Server]:
    settings = {"PUBSUB_PORT": "0", "PUBSUB_MAX_CONNECTIONS": "1000000"} | settings
    with running_service("pubsub", settings, directory / "pubsub.log") as running:
        yield Server(
            "pubsub", parse_redis_url(f"redis://{running.endpoint}", 0), running.process.pid
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    quick = parser.parse_args().quick
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"Python {platform.python_version()} ({platform.python_compiler()})")
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        start: list[Start] = [functools.partial(our_server, directory)]
        if shutil.which("redis-server"):
            start.append(functools.partial(redis_server, directory))
        servers = [stack.enter_context(start_server()) for start_server in start]
        bench_fan_out(servers, messages=800 if quick else 8000, rounds=3 if quick else 5)
        largest = 1000 if quick else 10_000
        bench_crowd(servers, [largest // 100, largest // 10, largest], rounds=3)
        bench_memory(start, largest)
        if not quick:
            bench_limit(start[0])


if __name__ == "__main__":
    main()

"""kvdb beside a real redis-server: throughput, the append-only file, memory, the snapshot's pause.

    python3 -m bench.kvdb [--quick] [--only throughput|journal|idle|memory|model]

Throughput: `redis-benchmark` with 50 clients, 1, 16 and 100 requests at a time, over 100,000
keys. Ours and Redis take turns; printed are the medians of requests a second and of the CPU time
that the server spent on a request, with the ratios (1.0 is as fast, or as cheap, as Redis). The
second is the one to go by: the benchmark's own client, and whatever else the machine does, takes
its share of the first.

Journal: our server with and without its append-only file, fsync every second.

Idle: 10,000 clients that are connected and silent: the memory of each, and what they cost the
others.

Memory: 10,000, 100,000 and 1,000,000 short strings, with and without an expiry: the time to load
them, the resident memory of each, and how long a PING waits while a snapshot is written.

Model: what `services/kvdb/memory.py` counts for each type, beside what the process really takes.
"""

import argparse
import contextlib
import csv
import functools
import platform
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.pubsub import Audience
from bench.servers import Server, Start, redis_server
from services.common.redis_url import parse_redis_url
from services.common.resp import encode_request
from tests.processes import running_service

CLIENTS = 50
MAX_CLIENTS = 11_000
KEYS = 100_000
# A command of redis-benchmark's own, or one that is spelled out for it.
COMMANDS = ("set", "get", "incr", "lpush", "zadd", "xadd", "mset")
SPELLED_OUT = {"xadd": ["XADD", "mystream", "*", "field", "VXK"]}
BATCH = 1000


# Throughput.


@dataclass(frozen=True, slots=True)
class Figures:
    requests_per_s: float
    cpu_us: float


def run_benchmark(server: Server, command: str, pipeline: int, requests: int) -> Figures:
    """One run of redis-benchmark."""
    options = ["-p", str(server.url.port), "-c", str(CLIENTS), "-P", str(pipeline)]
    options += ["-n", str(requests), "-r", str(KEYS), "--csv"]
    options += SPELLED_OUT.get(command) or ["-t", command]
    cpu_s = server.cpu_s()
    result = subprocess.run(
        ["redis-benchmark", *options], capture_output=True, text=True, check=True
    )
    cpu_s = server.cpu_s() - cpu_s
    requests_per_s = float(list(csv.reader(result.stdout.splitlines()))[-1][1])
    return Figures(requests_per_s, cpu_s / requests * 1e6)


def medians_of(
    servers: list[Server], command: str, pipeline: int, requests: int, rounds: int
) -> list[Figures]:
    """The servers in turn, so that what disturbs the machine disturbs all of them."""
    runs: dict[str, list[Figures]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            runs[server.name].append(run_benchmark(server, command, pipeline, requests))
    return [
        Figures(
            statistics.median(run.requests_per_s for run in runs[server.name]),
            statistics.median(run.cpu_us for run in runs[server.name]),
        )
        for server in servers
    ]


def compare(title: str, servers: list[Server], medians: list[Figures]) -> None:
    columns = "".join(f"{it.requests_per_s:>12,.0f}/s {it.cpu_us:>7.2f} µs" for it in medians)
    ratio = ""
    if len(medians) == 2:
        first, second = medians
        rate, cpu = first.requests_per_s / second.requests_per_s, second.cpu_us / first.cpu_us
        ratio = f"   ratio {rate:.2f}, by CPU {cpu:.2f}"
    print(f"{title:24}{columns}{ratio}", flush=True)


def heading(title: str, servers: list[Server]) -> None:
    print(f"\n{title:24}" + "".join(f"{server.name:>25}" for server in servers))


def bench_throughput(start: list[Start], scale: float, rounds: int) -> None:
    for pipeline, requests in ((1, 100_000), (16, 400_000), (100, 800_000)):
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(start_server()) for start_server in start]
            heading(f"{CLIENTS} clients, pipeline {pipeline}", servers)
            for command in COMMANDS:
                # Ten keys a request make MSET ten times as long.
                count = int(requests * scale / (10 if command == "mset" else 1))
                medians = medians_of(servers, command, pipeline, count, rounds)
                compare(command.upper(), servers, medians)


def bench_journal(directory: Path, scale: float, rounds: int) -> None:
    """The ratio is that of the server with the file to the one without."""
    with contextlib.ExitStack() as stack:
        kept, plain = directory / "with", directory / "without"
        servers = [
            stack.enter_context(our_server(kept, KVDB_APPENDONLY="yes", name="with the file")),
            stack.enter_context(our_server(plain, KVDB_APPENDONLY="no", name="without")),
        ]
        heading("append-only, everysec", servers)
        for pipeline, requests in ((1, 100_000), (16, 400_000), (100, 800_000)):
            medians = medians_of(servers, "set", pipeline, int(requests * scale), rounds)
            compare(f"SET, pipeline {pipeline}", servers, medians)


# Idle clients.


def bench_idle(start: list[Start], count: int, scale: float, rounds: int) -> None:
    title = f"{count:,} idle clients"
    print(f"\n{title:24}{'each':>16}{'GET alone':>16}{'GET beside them':>18}   by CPU")
    for start_server in start:
        with start_server() as server:
            requests = int(100_000 * scale)
            (alone,) = medians_of([server], "get", 1, requests, rounds)
            before = server.resident_bytes()
            audience = Audience(server, count, subscribed=False)
            kib = (server.resident_bytes() - before) / audience.connected / 1024
            (beside,) = medians_of([server], "get", 1, requests, rounds)
            audience.close()
        print(
            f"{server.name:24}{kib:>12.2f} KiB{alone.requests_per_s:>14,.0f}/s"
            f"{beside.requests_per_s:>16,.0f}/s{alone.cpu_us / beside.cpu_us:>9.2f}",
            flush=True,
        )
        if audience.connected < count:
            print(f"(it took {audience.connected:,} of them)")


# Memory.


def send_all(server: Server, requests: Iterable[bytes]) -> None:
    """Pipelines of a thousand."""
    with socket.create_connection((server.url.host, server.url.port)) as sock:
        batch: list[bytes] = []
        for request in requests:
            batch.append(request)
            if len(batch) == BATCH:
                _send_batch(sock, batch)
        _send_batch(sock, batch)


def _send_batch(sock: socket.socket, batch: list[bytes]) -> None:
    sock.sendall(b"".join(batch))
    missing = len(batch)
    while missing:
        missing -= sock.recv(1 << 16).count(b"\n")
    batch.clear()


def bench_memory(start: list[Start], sizes: tuple[int, ...]) -> None:
    title = "short strings"
    print(f"\n{title:24}{'keys':>10}{'load':>10}{'each':>13}{'with expiry':>15}{'PING waits':>14}")
    for start_server in start:
        for size in sizes:
            with start_server() as server:
                load_s, each = fill(server, size)
                wait_ms = longest_wait_ms(server)
            with start_server() as server:
                _, expiring = fill(server, size, b"EX", b"100000")
            print(
                f"{server.name:24}{size:>10,}{load_s:>8.2f} s{each:>11.0f} B{expiring:>13.0f} B"
                f"{wait_ms:>11.1f} ms",
                flush=True,
            )


def fill(server: Server, size: int, *options: bytes) -> tuple[float, float]:
    """Seconds for loading `size` keys, and the bytes of memory for each."""
    send_all(server, [encode_request(["SET", "first", "key"])])
    before, started_s = server.resident_bytes(), time.perf_counter()
    requests = (
        encode_request([b"SET", b"key:%012d" % number, b"value:%06d" % (number % 10**6), *options])
        for number in range(size)
    )
    send_all(server, requests)
    elapsed_s = time.perf_counter() - started_s
    return elapsed_s, (server.resident_bytes() - before) / size


def longest_wait_ms(server: Server) -> float:
    """The longest that a PING takes while BGSAVE forks and its child writes."""
    client, pinger = server.connect(), server.connect()
    pinger.execute("PING")
    # The request is on its way before the answer is: what waits for the fork is the PING.
    client.send(encode_request(["BGSAVE"]))
    longest_s, is_saving = 0.0, True
    while is_saving:
        for _ in range(20):
            started_s = time.perf_counter()
            pinger.execute("PING")
            longest_s = max(longest_s, time.perf_counter() - started_s)
        is_saving = b"rdb_bgsave_in_progress:1" in pinger.execute("INFO", "persistence")
    client.close()
    pinger.close()
    return longest_s * 1000


# The model of memory.


def _collections(command: str, count: int, size: int, *middle: str) -> Iterator[bytes]:
    """`count` keys with `size` members each, or fields with values."""
    for number in range(count):
        words: list[str] = []
        for member in range(size):
            if middle:
                words.append(middle[0] if middle[0] != "#" else str(member))
            words.append(f"member:{number:06}:{member:06}")
        yield encode_request([command, f"key:{number:06}", *words])


MODELS: dict[str, Callable[[], Iterator[bytes]]] = {
    "strings of 10 bytes": lambda: (
        encode_request(["SET", f"key:{n:012}", "0123456789"]) for n in range(300_000)
    ),
    "strings of 1,000 bytes": lambda: (
        encode_request(["SET", f"key:{n:012}", "x" * 1000]) for n in range(50_000)
    ),
    "strings of 100 kB": lambda: (
        encode_request(["SET", f"key:{n:012}", "x" * 100_000]) for n in range(500)
    ),
    "strings that expire": lambda: (
        encode_request(["SET", f"key:{n:012}", "0123456789", "EX", "10000"]) for n in range(300_000)
    ),
    "lists of 10": lambda: _collections("RPUSH", 20_000, 10),
    "lists of 1,000": lambda: _collections("RPUSH", 200, 1000),
    "sets of 10": lambda: _collections("SADD", 20_000, 10),
    "sets of 1,000": lambda: _collections("SADD", 200, 1000),
    "hashes of 10": lambda: _collections("HSET", 20_000, 10, "#"),
    "hashes of 1,000": lambda: _collections("HSET", 200, 1000, "#"),
    "sorted sets of 10": lambda: _collections("ZADD", 20_000, 10, "#"),
    "sorted sets of 1,000": lambda: _collections("ZADD", 200, 1000, "#"),
}


def bench_model(start_server: Start) -> None:
    print(f"\n{'what is stored':26}{'counted':>12}{'resident':>12}{'resident/counted':>20}")
    for title, requests in MODELS.items():
        with start_server() as server:
            send_all(server, [encode_request(["SET", "first", "key"])])
            before = server.resident_bytes()
            send_all(server, requests())
            resident = server.resident_bytes() - before
            client = server.connect()
            text = client.execute("INFO", "memory").decode()
            client.close()
        counted = int(re.search(r"used_memory:(\d+)", text)[1])
        mib = 2**20
        print(
            f"{title:26}{counted / mib:>8.1f} MiB{resident / mib:>8.1f} MiB"
            f"{resident / counted:>20.2f}",
            flush=True,
        )


# Servers.


@contextlib.contextmanager
def our_server(directory: Path, *, name: str = "kvdb", **settings: str) -> Iterator[Server]:
    directory.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as data_dir:
        defaults = {"KVDB_PORT": "0", "KVDB_APPENDONLY": "no", "KVDB_SNAPSHOT_INTERVAL_S": "0"}
        defaults |= {"KVDB_DATA_DIR": data_dir, "KVDB_MAX_CONNECTIONS": str(MAX_CLIENTS)}
        settings = defaults | settings
        with running_service("kvdb", settings, directory / "kvdb.log") as running:
            url = parse_redis_url(f"redis://{running.endpoint}", 0)
            yield Server(name, url, running.process.pid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    parser.add_argument("--only", choices=["throughput", "journal", "idle", "memory", "model"])
    arguments = parser.parse_args()
    scale, rounds = (0.1, 3) if arguments.quick else (1, 5)
    sizes = (1_000, 10_000, 100_000) if arguments.quick else (10_000, 100_000, 1_000_000)
    print(f"Python {platform.python_version()} ({platform.python_compiler()})")
    with tempfile.TemporaryDirectory() as path:
        directory = Path(path)
        start: list[Start] = [functools.partial(our_server, directory)]
        if shutil.which("redis-server"):
            start.append(functools.partial(redis_server, directory))
        sections = {
            "throughput": lambda: bench_throughput(start, scale, rounds),
            "journal": lambda: bench_journal(directory, scale, rounds),
            "idle": lambda: bench_idle(start, 1_000 if arguments.quick else 10_000, scale, rounds),
            "memory": lambda: bench_memory(start, sizes),
            "model": lambda: bench_model(start[0]),
        }
        for name, run in sections.items():
            if arguments.only in (None, name):
                run()


if __name__ == "__main__":
    main()

"""The HTTP server and the framework against gunicorn and waitress, each in turn in one run.

    python3 -m venv .venv-bench && .venv-bench/bin/pip install gunicorn waitress flask
    .venv-bench/bin/python -m bench.web [--quick]

Every server has one process and eight threads, serves the same WSGI callable, and writes no access
log. The load comes from `wrk` (Debian's package) or, without it, from the small client below, which
is itself Python and the slower the faster the server is. Two figures for each: requests a second,
and the processor time that the server used for one of them, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import platform
import re
import resource
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from services.common.event_loop import EventLoop
from services.common.lifecycle import announce, bind
from services.common.logs import configure
from services.web.application import Application
from services.web.server import HTTPServer, Settings

ROOT = Path(__file__).parents[1]
THREADS = 8
CONNECTIONS = (5, 50, 500)
IDLE_CONNECTIONS = 5000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def hello(environ, start_response):
    """The least that an application can do: what is measured is the server."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world!"]


tasks = Application("bench")


@tasks.get("/tasks/<int:id>")
def show(request, id):
    """A route with a placeholder and an answer in JSON: a framework has its part too."""
    return {"id": id, "task": "echo", "state": "done", "attempts": 1}


APPLICATIONS = {"hello": (hello, "/"), "tasks": (tasks, "/tasks/7")}

if find_spec("flask"):
    from flask import Flask

    flask = Flask("bench")
    flask.get("/tasks/<int:id>")(lambda id: show(None, id))
    APPLICATIONS["flask"] = (flask, "/tasks/7")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement: requests a second, processor microseconds for one, and how many clients
    waited in vain (wrk gives up after two seconds)."""

    rate: float
    cpu_us: float
    failed: int


def serve(name: str, port: int) -> None:
    """Run our own server with one of the applications, until it is killed."""
    log = configure("web", "warning")
    loop = EventLoop(log)
    listener = bind("web", "127.0.0.1", port)
    HTTPServer(APPLICATIONS[name][0], listener, loop, log, Settings(threads=THREADS))
    announce("web", listener)
    loop.run()


def serve_with_waitress(name: str, port: int) -> None:
    """Run waitress without its warning for each request that has to wait, which would slow it."""
    import waitress

    logging.getLogger("waitress").setLevel(logging.ERROR)
    limit = 2 * max(CONNECTIONS)
    waitress.serve(
        APPLICATIONS[name][0], host="127.0.0.1", port=port, threads=THREADS, connection_limit=limit
    )


def command(server: str, name: str, port: int) -> list[str]:
    python = [sys.executable, "-m"]
    match server:
        case "ours":
            return [*python, "bench.web", "--serve", name, "--port", str(port)]
        case "gunicorn":
            options = ["-k", "gthread", "-w", "1", "--threads", str(THREADS)]
            options += ["-b", f"127.0.0.1:{port}", "--log-level", "error"]
            return [*python, "gunicorn", *options, f"bench.web:{name}"]
        case "waitress":
            return [*python, "bench.web", "--waitress", name, "--port", str(port)]
        case _:
            raise ValueError(server)


@contextlib.contextmanager
def running(server: str, name: str) -> Iterator[tuple[subprocess.Popen, int]]:
    """A server that answers, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        command(server, name, port),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until_it_answers(port, process)
        yield process, port
    finally:
        process.terminate()
        process.wait(30)


def wait_until_it_answers(port: int, process: subprocess.Popen) -> None:
    deadline_s = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{process.args[2]} did not start")


def processor_s(pid: int) -> float:
    """Processor time of a process and its children so far."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(entry.name) == pid or int(fields[1]) == pid:
                    total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_S


def load_with_wrk(port: int, path: str, connections: int, duration_s: float) -> tuple[int, int]:
    """How many requests were answered, and how many failed; a wrong answer ends the benchmark."""
    url = f"http://127.0.0.1:{port}{path}"
    words = ["wrk", "-t1", f"-c{connections}", f"-d{duration_s:.0f}s", url]
    report = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in report:
        raise SystemExit(f"{url} failed:\n{report}")
    errors = re.search(r"Socket errors: (.*)", report)
    failed = sum(map(int, re.findall(r"\d+", errors[1]))) if errors else 0
    return int(re.search(r"(\d+) requests in", report)[1]), failed


def load_with_sockets(port: int, path: str, connections: int, duration_s: float) -> tuple[int, int]:
    """The same by a small client: each connection sends its next request after each answer."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    selector, answered = selectors.DefaultSelector(), 0
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(request)
        selector.register(sock, selectors.EVENT_READ)
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s:
        for key, _ in selector.select(1):
            # Every answer here is smaller than one segment, so one read is one answer.
            answer = key.fileobj.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"port {port} failed: {answer[:200]!r}")
            answered += 1
            key.fileobj.sendall(request)
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    selector.close()
    return answered, 0


def measure(process: subprocess.Popen, port: int, path: str, connections: int, s: float) -> Figure:
    load = load_with_wrk if shutil.which("wrk") else load_with_sockets
    before_s, began_s = processor_s(process.pid), time.monotonic()
    answered, failed = load(port, path, connections, s)
    elapsed_s = time.monotonic() - began_s
    cpu_us = (processor_s(process.pid) - before_s) / answered * 1e6
    return Figure(answered / elapsed_s, cpu_us, failed)


def compare(name: str, servers: list[str], connections: int, rounds: int, s: float) -> None:
    """One line for each server, the medians of `rounds` rounds in turn."""
    path = APPLICATIONS[name][1]
    figures: dict[str, list[Figure]] = {server: [] for server in servers}
    with contextlib.ExitStack() as stack:
        started = {server: stack.enter_context(running(server, name)) for server in servers}
        for server, (process, port) in started.items():
            measure(process, port, path, connections, 1)
            figures[server].clear()
        for _ in range(rounds):
            for server, (process, port) in started.items():
                figures[server].append(measure(process, port, path, connections, s))
    ours = median_of(figures["ours"])
    for server, seen in figures.items():
        median = median_of(seen)
        line = f"{name} {connections:4} connections  {server:9}"
        line += f"{median.rate:8.0f} requests/s {median.cpu_us:6.1f} µs each"
        if server != "ours":
            line += f"   ours: {ours.rate / median.rate:.1f} times the rate"
            line += f" at 1/{median.cpu_us / ours.cpu_us:.1f} of the cost"
        if median.failed:
            line += f"   ({median.failed} requests without an answer)"
        print(line, flush=True)


def median_of(figures: list[Figure]) -> Figure:
    return Figure(
        statistics.median(one.rate for one in figures),
        statistics.median(one.cpu_us for one in figures),
        sum(one.failed for one in figures),
    )


def measure_idle_connections() -> None:
    """What a connection costs that does nothing, after its first request."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * IDLE_CONNECTIONS)), hard))
    with running("ours", "hello") as (process, port), contextlib.ExitStack() as stack:
        load_with_sockets(port, "/", 5, 0.2)
        before_bytes = resident_bytes(process.pid)
        for _ in range(IDLE_CONNECTIONS):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            sock.recv(1000)
        grown_bytes = resident_bytes(process.pid) - before_bytes
        print(f"idle connection: {grown_bytes / IDLE_CONNECTIONS / 1024:.1f} KiB")


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--serve", choices=APPLICATIONS, help=argparse.SUPPRESS)
    parser.add_argument("--waitress", choices=APPLICATIONS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port)
        return
    if options.waitress:
        serve_with_waitress(options.waitress, options.port)
        return
    servers = ["ours", *(name for name in ("gunicorn", "waitress") if find_spec(name))]
    rounds, duration_s = (1, 1) if options.quick else (5, 3)
    print(
        f"{platform.python_implementation()} {platform.python_version()}"
        f" ({platform.python_compiler()}), {os.cpu_count()} processors, {THREADS} threads,"
        f" load by {'wrk' if shutil.which('wrk') else 'a Python client'},"
        f" medians of {rounds} rounds of {duration_s} s"
    )
    for missing in {"gunicorn", "waitress"} - set(servers):
        print(f"{missing} is not installed, and so not compared")
    for connections in CONNECTIONS:
        compare("hello", servers, connections, rounds, duration_s)
    for name in list(APPLICATIONS)[1:]:
        compare(name, servers, CONNECTIONS[1], rounds, duration_s)
    measure_idle_connections()


if __name__ == "__main__":
    main()

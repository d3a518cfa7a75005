"""The HTTP server and the framework against other servers and Flask, each in turn in one run.

    python3 -m venv .venv-bench && .venv-bench/bin/pip install gunicorn waitress flask bottle
    .venv-bench/bin/python -m bench.web [--quick]

Every server has one process, serves the same WSGI callable, and writes no access log: ours,
gunicorn's gthread worker and waitress with eight threads; Flask's own development server with a
thread for each connection, and Bottle's, which is wsgiref's, with none. The load comes from `wrk`
(Debian's package) or, without it, from the small client below, which is itself Python and the
slower the faster the server is. Two figures for each: requests a second, and the processor time
that the server used for one of them, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from services.common.event_loop import EventLoop
from services.common.lifecycle import announce, bind
from services.common.logs import configure
from services.web.application import Application
from services.web.http_decoder import Limits
from services.web.responses import HTMLResponse, Response
from services.web.server import HTTPServer, Settings
from services.web.static import StaticFiles
from services.web.templates import Templates

ROOT = Path(__file__).parents[1]
BLOCK_BYTES = 64 * 1024
BLOCK = bytes(BLOCK_BYTES)
LARGE_BYTES = 1 << 30
THREADS = 8
DEVELOPMENT = ("flask", "bottle")
PEERS = ("gunicorn", "waitress", *DEVELOPMENT)
CONNECTIONS = (5, 50, 500)
IDLE_CONNECTIONS = 5000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def hello(environ, start_response):
    """The least that an application can do: what is measured is the server."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world!"]


framework = Application("bench")
templates = Templates(ROOT / "bench")
framework.mount("/static", StaticFiles(ROOT / "services/web/dashboard/static"))


@framework.get("/rows")
def rows(request):
    """A template with a loop of a hundred rows, a condition, and two values to escape in each."""
    table = [{"name": f"task <{number}>", "state": "done"} for number in range(100)]
    return HTMLResponse(templates.render("web_rows.html", title="Tasks", rows=table))


@framework.get("/tasks/<int:id>")
def show(request, id):
    """A route with a placeholder and an answer in JSON: a framework has its part too."""
    return {"id": id, "task": "echo", "state": "done", "attempts": 1}


@framework.post("/upload")
def upload(request):
    """Reads a large body block by block."""
    size = 0
    while block := request.stream.read(BLOCK_BYTES):
        size += len(block)
    return {"size": size}


@framework.get("/download/<int:blocks>")
def download(request, blocks):
    """Sends a large body block by block."""
    length = {"Content-Length": str(blocks * BLOCK_BYTES)}
    return Response((BLOCK for _ in range(blocks)), headers=length)


APPLICATIONS = {
    "hello": (hello, "/"),
    "json": (framework, "/tasks/7"),
    "template": (framework, "/rows"),
    "static": (framework, "/static/shell.css"),
}

if find_spec("flask"):
    from flask import Flask

    flask = Flask("bench")
    flask.get("/tasks/<int:id>")(lambda id: show(None, id))
    APPLICATIONS["flask"] = (flask, "/tasks/7")


def application_named(name: str) -> Callable:
    """What gunicorn asks this module for."""
    return APPLICATIONS[name][0]


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
    framework.max_body_bytes = 2 * LARGE_BYTES
    settings = Settings(threads=THREADS, limits=Limits(body_bytes=2 * LARGE_BYTES))
    HTTPServer(APPLICATIONS[name][0], listener, loop, log, settings)
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


def serve_with_flask(name: str, port: int) -> None:
    """Run werkzeug's development server, as `flask run` does."""
    from werkzeug.serving import run_simple

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple("127.0.0.1", port, APPLICATIONS[name][0], threaded=True)


def serve_with_bottle(name: str, port: int) -> None:
    """Run what `bottle.run()` runs by itself."""
    import bottle

    server = bottle.WSGIRefServer("127.0.0.1", port)
    server.quiet = True
    server.run(APPLICATIONS[name][0])


SERVERS = {
    "ours": serve,
    "waitress": serve_with_waitress,
    "flask": serve_with_flask,
    "bottle": serve_with_bottle,
}


def command(server: str, name: str, port: int) -> list[str]:
    python = [sys.executable, "-m"]
    if server in SERVERS:
        return [*python, "bench.web", "--server", server, "--serve", name, "--port", str(port)]
    options = ["-k", "gthread", "-w", "1", "--threads", str(THREADS)]
    options += ["-b", f"127.0.0.1:{port}", "--log-level", "error"]
    return [*python, "gunicorn", *options, f"bench.web:application_named('{name}')"]


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


def measure_large_bodies(size: int) -> None:
    """What the server holds in memory while a large body goes either way."""
    with running("ours", "json") as (process, port):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        client.request("GET", "/tasks/7")
        client.getresponse().read()
        before_bytes = resident_bytes(process.pid)
        began_s = time.monotonic()
        client.putrequest("POST", "/upload")
        client.putheader("Content-Length", str(size))
        client.endheaders()
        for _ in range(size // BLOCK_BYTES):
            client.send(BLOCK)
        answer = json.loads(client.getresponse().read())
        if answer != {"size": size}:
            raise SystemExit(f"the upload failed: {answer}")
        report_large("upload", size, began_s, peak_bytes(process.pid) - before_bytes)
        began_s = time.monotonic()
        client.request("GET", f"/download/{size // BLOCK_BYTES}")
        response, received = client.getresponse(), 0
        while piece := response.read(1 << 20):
            received += len(piece)
        if received != size:
            raise SystemExit(f"the download ended after {received} bytes")
        report_large("download", size, began_s, peak_bytes(process.pid) - before_bytes)
        client.close()


def report_large(what: str, size: int, began_s: float, grown_bytes: int) -> None:
    rate = size / (time.monotonic() - began_s) / (1 << 20)
    grown = grown_bytes / (1 << 20)
    print(f"{what} of {size >> 20} MiB: {rate:.0f} MiB/s, at most {grown:.1f} MiB more memory")


def peak_bytes(pid: int) -> int:
    """The most that the process has ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--serve", choices=APPLICATIONS, help=argparse.SUPPRESS)
    parser.add_argument("--server", choices=SERVERS, default="ours", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        SERVERS[options.server](options.serve, options.port)
        return
    servers = ["ours", *(name for name in PEERS if find_spec(name))]
    rounds, duration_s = (1, 1) if options.quick else (5, 3)
    print(
        f"{platform.python_implementation()} {platform.python_version()}"
        f" ({platform.python_compiler()}), {os.cpu_count()} processors, {THREADS} threads,"
        f" load by {'wrk' if shutil.which('wrk') else 'a Python client'},"
        f" medians of {rounds} rounds of {duration_s} s"
    )
    for missing in set(PEERS) - set(servers):
        print(f"{missing} is not installed, and so not compared")
    print(f"load of the machine at the beginning: {os.getloadavg()[0]:.1f}")
    for connections in CONNECTIONS:
        # The two for development are no match for hundreds of connections.
        compared = [one for one in servers if connections <= 50 or one not in DEVELOPMENT]
        compare("hello", compared, connections, rounds, duration_s)
    for name in list(APPLICATIONS)[1:]:
        compare(name, servers, CONNECTIONS[1], rounds, duration_s)
    measure_idle_connections()
    measure_large_bodies(LARGE_BYTES // (16 if options.quick else 1))


if __name__ == "__main__":
    main()

"""A whole service as a process: ready line, health, OpenAPI, signals, bad options."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.web.client import HTTPClient

WAIT_S = 20
ROOT = Path(__file__).parents[3]

PROGRAM = """
import sys, threading
from services.common.health import Vitals
from services.common.options import parse_options
from services.web.application import Application
from services.web.health import check_health
from services.web.options import http_options
from services.web.service import run_http_service

app = Application("demo")

@app.get("/slow")
def slow(request):
    print("slow begins", file=sys.stderr, flush=True)
    threading.Event().wait(0.5)
    return "slow"

options = parse_options("web", "A demo.", http_options(8080))
if options.health:
    raise SystemExit(check_health(options))
run_http_service("web", app, options, Vitals("web"),
    on_start=lambda: print("on_start", file=sys.stderr, flush=True),
    on_stop=lambda: print("on_stop", file=sys.stderr, flush=True))
"""


def command(*arguments):
    return [sys.executable, "-c", PROGRAM, *arguments]


def run(*arguments, **environ):
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


@contextmanager
def running(*arguments):
    process = subprocess.Popen(
        command("--port", "0", *arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(WAIT_S, process.kill)
    guard.start()
    try:
        ready = re.fullmatch(r"web ready on 127\.0\.0\.1:(\d+)\n", process.stdout.readline())
        assert ready, process.stderr.read()
        yield process, ready[1]
    finally:
        guard.cancel()
        process.kill()
        process.communicate()


def test_health_and_openapi_are_there():
    with running() as (process, port), HTTPClient(f"http://127.0.0.1:{port}") as client:
        report = client.get("/healthz").check().json()
        assert report["service"] == "web"
        assert report["status"] == "ok"
        assert report["address"] == f"127.0.0.1:{port}"
        assert report["pid"] == process.pid
        assert client.get("/healthz").json()["requests_total"] == report["requests_total"] + 1
        document = client.get("/openapi.json").check().json()
        assert {"/slow", "/healthz"} <= set(document["paths"])
        asked = run("--health", "--port", port)
        assert (asked.returncode, asked.stdout) == (0, "web is ok\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_when_the_running_request_is_answered(number):
    with running() as (process, port):
        with socket.create_connection(("127.0.0.1", int(port)), timeout=WAIT_S) as sock:
            sock.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            while "slow begins" not in process.stderr.readline():
                pass
            process.send_signal(number)
            assert sock.makefile("rb").read().endswith(b"slow")
        assert process.wait(WAIT_S) == 0
        assert process.stdout.read() == ""
        assert "on_stop" in process.stderr.read()


def test_nobody_to_ask():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    asked = run("--health", "--port", str(port))
    assert asked.returncode == 1
    assert asked.stderr.count("\n") == 1


def test_a_port_in_use_is_one_line_and_status_1():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        failed = run("--port", str(listener.getsockname()[1]))
    assert failed.returncode == 1
    assert (failed.stdout, failed.stderr.count("\n")) == ("", 1)
    assert "already in use" in failed.stderr


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["--threads", "0"], {}),
        (["--max-body", "x"], {}),
        (["--nonsense", "1"], {}),
        ([], {"WEB_IDLE_TIMEOUT": "soon"}),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(arguments, environ):
    failed = run(*arguments, **environ)
    assert failed.returncode == 2
    assert (failed.stdout, failed.stderr.count("\n")) == ("", 1)

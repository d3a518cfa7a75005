"""The dashboard as a process: it starts with nothing behind it, streams, and stops when asked."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
WAIT_S = 20
NOWHERE = {
    "KVDB_URL": "redis://127.0.0.1:1",
    "PUBSUB_URL": "redis://127.0.0.1:1",
    "BROKER_URL": "http://127.0.0.1:1",
    "LEDGER_URLS": "http://127.0.0.1:1",
}


def command(*arguments):
    return [sys.executable, "-m", "services.web", *arguments]


@pytest.fixture
def process():
    process = subprocess.Popen(
        command("--port", "0"),
        cwd=ROOT,
        env={**os.environ, **NOWHERE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(WAIT_S, process.kill)
    guard.start()
    yield process
    guard.cancel()
    process.kill()
    process.communicate()


def test_it_serves_streams_and_stops_with_a_stream_open(process):
    ready = re.fullmatch(r"web ready on 127\.0\.0\.1:(\d+)\n", process.stdout.readline())
    connection = http.client.HTTPConnection("127.0.0.1", int(ready[1]), timeout=WAIT_S)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read().startswith(b'{"service":"web"')
    connection.request("GET", "/api/stream?topic=services&topic=tasks")
    stream = connection.getresponse()
    seen = b""
    while b"event: services" not in seen or b"event: tasks" not in seen:
        seen += stream.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_S) == 0
    connection.close()


@pytest.mark.parametrize(
    "arguments",
    [["--kvdb-url", "http://kvdb"], ["--broker-url", "broker:4246"], ["--ledger-urls", "ledger-1"]],
)
def test_a_bad_address_is_one_line(arguments):
    done = subprocess.run(
        command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1

"""Both halves swapped: applications of other frameworks on our server, ours on other servers."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from e2e.stack import ROOT, Stack

READY_S = 60


@contextlib.contextmanager
def process(command: list[str], log: Path, **environ: str) -> Iterator[subprocess.Popen[str]]:
    with log.open("w") as stderr:
        running = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | environ,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        running.stdout.close()


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Run an application on our server; its URL."""
    with contextlib.ExitStack() as stack:

        def start(spec: str, *options: str) -> str:
            command = ["-m", "services.web.run", spec, "--port", "0", "--log-level", "warning"]
            log = tmp_path / "server.log"
            running = stack.enter_context(process([*command, *options], log))
            line = running.stdout.readline()
            assert " ready on " in line, log.read_text()
            return f"http://{line.split()[-1]}"

        yield start


def test_a_flask_blog(ours: Callable[..., str]) -> None:
    url = ours("e2e.apps.flask_blog:app", "--workers", "2")
    browser = requests.Session()
    assert "nobody" in browser.get(url, timeout=10).text
    assert browser.post(f"{url}/create", data={"title": "a", "body": "b"}, timeout=10).ok is False
    account = {"name": "ada", "password": "lovelace"}
    browser.post(f"{url}/register", data=account, timeout=30)
    assert "ada is taken" in browser.post(f"{url}/register", data=account, timeout=30).text
    wrong = browser.post(f"{url}/login", data=account | {"password": "x"}, timeout=30).text
    assert "wrong name or password" in wrong
    assert "<p>ada</p>" in browser.post(f"{url}/login", data=account, timeout=30).text
    post = {"title": "Grüße", "body": "<script>alert(1)</script>"}
    page = browser.post(f"{url}/create", data=post, timeout=10).text
    assert "saved" in page
    assert "Grüße" in page
    assert "<script>" not in page
    file = b"x" * 2_000_000
    answer = browser.post(
        f"{url}/upload", files={"file": ("f.bin", file)}, data={"field": "é"}, timeout=10
    )
    assert answer.json() == {"name": "f.bin", "size": len(file), "field": "é"}
    too_much = browser.post(f"{url}/upload", data=b"x" * 5_000_000, timeout=10)
    assert too_much.status_code in (400, 413, 415)
    assert browser.get(f"{url}/count/1000", timeout=10).text.count("\n") == 1000
    source = browser.get(f"{url}/source", timeout=10)
    part = browser.get(f"{url}/source", headers={"Range": "bytes=10-29"}, timeout=10)
    assert (part.status_code, part.content) == (206, source.content[10:30])
    known = {"If-None-Match": source.headers["ETag"]}
    assert browser.get(f"{url}/source", headers=known, timeout=10).status_code == 304
    assert browser.get(f"{url}/fail", timeout=10).status_code == 500
    assert browser.get(f"{url}/none", timeout=10).status_code == 404


def test_bottle_notes(ours: Callable[..., str]) -> None:
    url = ours("e2e.apps.bottle_notes:app")
    assert requests.put(f"{url}/notes/ink", json={"text": "blue"}, timeout=10).status_code == 201
    assert requests.get(f"{url}/notes", timeout=10).json() == {"notes": {"ink": "blue"}}
    hello = requests.get(f"{url}/hello/<i>", timeout=10)
    assert hello.text == "<b>&lt;i&gt;</b>, 127.0.0.1"
    assert requests.get(f"{url}/hello/ada", timeout=10).cookies["name"] == "ada"
    assert requests.get(f"{url}/nowhere", timeout=10).text == "nothing at /nowhere"


def test_a_django_site_with_its_admin(ours: Callable[..., str]) -> None:
    url = ours("e2e.apps.django_site:make()")
    browser = requests.Session()
    login = browser.get(f"{url}/admin/", timeout=30)
    assert "Log in" in login.text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', login.text)[1]
    form = {
        "csrfmiddlewaretoken": token,
        "username": "admin",
        "password": "secret",
        "next": "/admin/",
    }
    assert browser.post(f"{url}/admin/login/", data={**form, "csrfmiddlewaretoken": ""}).ok is False
    inside = browser.post(f"{url}/admin/login/?next=/admin/", data=form, timeout=30)
    assert "Site administration" in inside.text
    add = browser.get(f"{url}/admin/auth/group/add/", timeout=30)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', add.text)[1]
    saved = browser.post(
        f"{url}/admin/auth/group/add/",
        data={"csrfmiddlewaretoken": token, "name": "writers"},
        timeout=30,
    )
    assert "writers" in saved.text
    assert "was added successfully" in saved.text
    style = browser.get(f"{url}/static/admin/css/base.css", timeout=30)
    assert style.headers["Content-Type"].startswith("text/css")
    assert browser.get(f"{url}/stream", timeout=30).text.count("\n") == 1000


@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_our_dashboard_on_another_server(stack: Stack, server: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    made = "e2e.apps.dashboard:make"
    commands = {
        "gunicorn": [
            "-m",
            "gunicorn",
            "--threads",
            "8",
            "--bind",
            f"127.0.0.1:{port}",
            f"{made}()",
        ],
        "waitress": [
            "-m",
            "waitress",
            "--threads",
            "8",
            "--listen",
            f"127.0.0.1:{port}",
            "--call",
            made,
        ],
    }
    names = ("kvdb", "pubsub", "docdb", "sqldb", "broker")
    addresses = {f"{name.upper()}_URL": stack.url(name) for name in names}
    addresses["LEDGER_URLS"] = stack.url("ledger-1")
    with process(commands[server], tmp_path / "log", **addresses):
        http = requests.Session()
        deadline_s = time.monotonic() + READY_S
        while True:
            try:
                home = http.get(url, timeout=10)
                break
            except requests.ConnectionError:
                assert time.monotonic() < deadline_s, (tmp_path / "log").read_text()
                time.sleep(0.1)
        assert home.status_code == 200
        for path in ("/kvdb", "/pubsub", "/docdb", "/sqldb", "/tasks", "/ledger"):
            page = http.get(url + path, timeout=10)
            assert (page.status_code, "Glassbox" in page.text) == (200, True)
        token = http.get(f"{url}/api/session", timeout=10).json()["csrf_token"]
        headers = {"X-CSRF-Token": token}
        key = f"{url}/api/kvdb/key?key=swapped:{server}"
        assert http.put(key, json={"value": "é"}, headers=headers, timeout=10).ok
        assert "é" in http.get(key, timeout=10).text
        events = f"{url}/api/stream?topic=services"
        with http.get(events, stream=True, timeout=10) as stream:
            assert stream.headers["Content-Type"] == "text/event-stream"
            assert next(stream.iter_lines()) is not None

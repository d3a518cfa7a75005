"""`python3 -m services.web.run`: workers, reloads, deaths, stops, each with real processes."""

import contextlib
import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WAIT_S = 20
APP = """
import os
import time
from services.web.application import Application

VERSION = 1
RAN = os.open("ran", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
app = Application()
flask_like = app


@app.get("/")
def index(request):
    return {"version": VERSION, "pid": os.getpid(), "client": request.client_address}


@app.get("/ran/<number>")
def ran(request, number):
    os.write(RAN, f"{number} ".encode())
    time.sleep(0.005)
    return {"number": number}


@app.get("/fail")
def fail(request):
    raise RuntimeError("on purpose")


def make():
    return app
"""


class Runner:
    """A running master with its application in a folder of its own."""

    def __init__(self, folder, *options, spec="hello:app", is_up=True):
        self.module = folder / "hello.py"
        if not self.module.exists():
            self.module.write_text(APP)
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.web.run", spec, "--port", "0", *options],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        if is_up:
            line = self.process.stdout.readline()
            assert line.startswith("web ready on 127.0.0.1:"), self.said()
            self.port = int(line.rpartition(":")[2])

    def said(self):
        self.log.flush()
        return Path(self.log.name).read_text()

    def ask(self, path="/", headers=None):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        with contextlib.closing(client):
            client.request("GET", path, headers=headers or {})
            reply = client.getresponse()
            return reply.status, reply.read().decode()

    def answer(self):
        status, body = self.ask()
        assert status == 200
        return json.loads(body)

    def wait_until(self, condition):
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(WAIT_S)
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.log.close()


@pytest.fixture
def run(tmp_path):
    runners = []

    def start(*options, **more):
        runners.append(Runner(tmp_path, *options, **more))
        return runners[-1]

    yield start
    for runner in runners:
        runner.end()


def test_several_processes_serve_one_port(run):
    runner = run("--workers", "2")
    pids = set()
    runner.wait_until(lambda: pids.add(runner.answer()["pid"]) or len(pids) == 2)
    assert runner.process.pid not in pids
    assert runner.end() == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_that_dies_is_replaced(run):
    runner = run()
    pid = runner.answer()["pid"]
    os.kill(pid, signal.SIGKILL)

    def is_replaced():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return runner.answer()["pid"] != pid
        return False

    runner.wait_until(is_replaced)


def test_a_hangup_loads_the_code_as_it_is_now(run):
    runner = run()
    assert runner.answer()["version"] == 1
    runner.module.write_text(APP.replace("VERSION = 1", "VERSION = 2"))
    runner.process.send_signal(signal.SIGHUP)
    runner.wait_until(lambda: runner.answer()["version"] == 2)
    # What cannot be loaded changes nothing.
    runner.module.write_text("this is no Python")
    runner.process.send_signal(signal.SIGHUP)
    runner.wait_until(lambda: "a worker did not start" in runner.said())
    assert "SyntaxError" in runner.said()
    assert runner.answer()["version"] == 2


def test_changed_files_are_noticed(run):
    runner = run("--reload")
    runner.module.write_text(APP.replace("VERSION = 1", "VERSION = 3"))
    runner.wait_until(lambda: runner.answer()["version"] == 3)


def test_reloading_drops_no_request(run):
    runner = run("--workers", "2")
    failures, answered = [], []
    is_over = threading.Event()

    def load():
        while not is_over.is_set():
            try:
                answered.append(runner.answer()["version"])
            except Exception as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    runner.wait_until(lambda: len(answered) > 100)
    runner.module.write_text(APP.replace("VERSION = 1", "VERSION = 2"))
    runner.process.send_signal(signal.SIGHUP)
    runner.wait_until(lambda: answered[-20:] == [2] * 20)
    is_over.set()
    for thread in threads:
        thread.join(WAIT_S)
    assert failures == []


def test_stopping_answers_all_that_ran_to_clients_that_come_and_go(run):
    runner = run("--workers", "2")
    answered, failures = [], []

    def load(name):
        for number in (f"{name}-{count}" for count in itertools.count()):
            try:
                status, body = runner.ask(f"/ran/{number}")
            except OSError:
                return  # Refused, or not yet accepted: then nothing must have been done either.
            except http.client.HTTPException as error:
                failures.append(repr(error))
            else:
                assert (status, json.loads(body)) == (200, {"number": number})
                answered.append(number)

    threads = [threading.Thread(target=load, args=[f"client{one}"]) for one in range(4)]
    for thread in threads:
        thread.start()
    runner.wait_until(lambda: len(answered) > 100)
    assert runner.end() == 0
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert failures == []
    ran = (runner.module.parent / "ran").read_text().split()
    assert sorted(ran) == sorted(answered)


class PatientClient(threading.Thread):
    """Sends one request after the other over one connection, until the server closes it."""

    def __init__(self, port, name):
        super().__init__(name=name)
        self.port = port
        self.answered = []
        self.failure = None

    def run(self):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        with contextlib.closing(client):
            while self.failure is None:
                number = f"{self.name}-{len(self.answered)}"
                try:
                    client.request("GET", f"/ran/{number}")
                    reply = client.getresponse()
                except OSError:
                    return  # No byte of an answer: then nothing must have been done either.
                try:
                    assert json.loads(reply.read()) == {"number": number}
                except (OSError, ValueError, http.client.HTTPException) as error:
                    self.failure = repr(error)
                self.answered.append(number)
                if reply.getheader("Connection") == "close":
                    return


def test_stopping_answers_all_that_ran_to_clients_that_stay(run):
    runner = run("--workers", "2")
    clients = [PatientClient(runner.port, f"client{number}") for number in range(12)]
    for client in clients:
        client.start()
    runner.wait_until(lambda: all(len(client.answered) > 5 for client in clients))
    assert runner.end() == 0
    for client in clients:
        client.join(WAIT_S)
        assert not client.is_alive()
    assert [client.failure for client in clients] == [None] * len(clients)
    ran = (runner.module.parent / "ran").read_text().split()
    assert sorted(ran) == sorted(number for client in clients for number in client.answered)


SLOW_START = """
import os, time
open("starting", "w").close()
while not os.path.exists("go"):
    time.sleep(0.01)
"""


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_reload_during_a_reload_is_not_lost(run, is_broken):
    runner = run()
    folder = runner.module.parent
    end = "raise SystemExit(3)" if is_broken else APP.replace("VERSION = 1", "VERSION = 2")
    runner.module.write_text(SLOW_START + end)
    runner.process.send_signal(signal.SIGHUP)
    runner.wait_until((folder / "starting").exists)
    runner.module.write_text(APP.replace("VERSION = 1", "VERSION = 3"))
    runner.process.send_signal(signal.SIGHUP)
    runner.wait_until(lambda: "reloading once more" in runner.said())
    assert runner.answer()["version"] == 1
    (folder / "go").touch()
    runner.wait_until(lambda: runner.answer()["version"] == 3)


def test_workers_end_with_their_master(run):
    runner = run()
    pid = runner.answer()["pid"]
    runner.process.kill()

    def is_gone():
        # A zombie is waited for by whoever adopts it, perhaps never in a container.
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    runner.wait_until(is_gone)


@pytest.mark.parametrize("spec", ["hello:make()", "hello:app.__call__"])
def test_ways_to_name_an_application(run, spec):
    assert run(spec=spec).answer()["version"] == 1


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("hello", "'hello' is not of the form module:application"),
        ("nowhere:app", "there is no module nowhere"),
        ("hello:none", "hello has no none"),
        ("hello:VERSION", "hello:VERSION is a int, which is no WSGI application"),
        ("hello:os.system('x')", "is not of the form"),
    ],
)
def test_an_application_that_is_not_there(run, spec, words):
    runner = run(spec=spec, is_up=False)
    assert runner.process.wait(WAIT_S) == 1
    assert words in runner.said()


@pytest.mark.parametrize(
    "options",
    [
        ["--port", "70000"],
        ["--workers", "0"],
        ["--access-log", "much"],
        ["--nonsense"],
        ["--grace"],
    ],
)
def test_a_bad_option_is_one_line_and_status_2(run, options):
    runner = run(*options, is_up=False)
    assert runner.process.wait(WAIT_S) == 2
    assert len(runner.said().splitlines()) == 1


def test_a_certificate_that_is_not_there(run):
    runner = run("--tls-cert", "none.pem", is_up=False)
    assert runner.process.wait(WAIT_S) == 1
    assert "No such file" in runner.said()


def test_debug_proxies_and_the_access_log(run):
    runner = run("--debug", "--trusted-proxies", "127.0.0.1", "--access-log", "combined")
    assert "on purpose" in runner.ask("/fail")[1]
    status, body = runner.ask("/", {"X-Forwarded-For": "203.0.113.7", "User-Agent": "tester"})
    assert (status, json.loads(body)["client"]) == (200, "203.0.113.7")
    runner.wait_until(lambda: '"GET / HTTP/1.1" 200' in runner.said())
    [line] = [line for line in runner.said().splitlines() if '"GET / HTTP/1.1"' in line]
    assert line.startswith("203.0.113.7 - - [")
    assert line.endswith('"-" "tester"')

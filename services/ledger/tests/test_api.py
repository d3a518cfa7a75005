"""The HTTP interface of a node whose list is in memory and whose pub/sub is down."""

import base64
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.common.health import Vitals
from services.common.logs import Log
from services.common.redis_url import RedisURL
from services.common.resp import ReplyError
from services.common.resp_client import ConnectionLost
from services.ledger import api
from services.ledger.follower import Follower
from services.ledger.node import Node
from services.ledger.snapshot import SnapshotFile
from services.ledger.tests.memory_list import MemoryKV, memory_hiponet
from services.ledger.tests.messages import issue, message, transfer
from services.web.test_client import TestClient, TestResponse

PATIENCE_S = 20.0


class Running:
    """A node that runs in this process, and a client of its interface."""

    def __init__(self, *messages: bytes, snapshot: SnapshotFile | None = None, **options: object):
        self.kv: MemoryKV
        self.kv, hiponet = memory_hiponet(*messages)
        self.vitals = Vitals("ledger")
        log = Log("ledger-test")
        self.follower = Follower(hiponet, log, **options)
        self.node = Node(
            "ledger-1",
            hiponet,
            RedisURL("127.0.0.1", closed_port()),
            self.follower,
            self.vitals,
            log,
            snapshot_file=snapshot,
        )
        self.announced = threading.Condition()
        self.client: TestClient = api.build_application(self.node).test_client()
        self._publish = self.node.on_status
        self.node.on_status = self._status_announced
        self.node.start()

    def _status_announced(self) -> None:
        self._publish()
        with self.announced:
            self.announced.notify_all()

    def wait_until(self, condition: Callable[[], object]) -> None:
        """The node announces its status at each change and every second: look whenever it does."""
        with self.announced:
            assert self.announced.wait_for(condition, PATIENCE_S)

    def wait_for_index(self, index: int) -> None:
        self.wait_until(lambda: self.node.status().index == index)

    def get(self, path: str) -> Any:
        reply = self.client.get(path)
        assert reply.status == 200, reply
        return reply.json()

    def post(self, body: bytes, content_type: str = "application/json") -> TestResponse:
        headers = {"Content-Type": content_type}
        return self.client.post("/groups", body=body, headers=headers)


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running(issue(ada=100), message(transfer("ada", "bob", 30)), b"not json")
    running.wait_for_index(3)
    yield running
    running.node.stop()


def test_a_group_is_appended_and_its_verdict_told(running: Running):
    body = b" " + message(transfer("bob", "cem", 5))
    reply = running.post(body)
    assert reply.status == 201
    assert reply.json() == {"index": 3, "applied": True, "accepted": True, "round": 3}
    assert reply.headers["Location"] == "/groups/3"
    assert running.kv.messages[3] == body  # As it was sent, byte for byte.
    assert running.get("/balances")["balances"]["cem"] == 5


def test_a_group_that_does_not_fit_is_appended_and_rejected(running: Running):
    reply = running.post(message(transfer("bob", "cem", 31)))
    assert reply.status == 201
    assert reply.json() == {
        "index": 3,
        "applied": True,
        "accepted": False,
        "round": 2,
        "reason": "overspending",
        "detail": "'bob' has 30, sends 31",
    }
    assert running.get("/status")["round"] == 2


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "not-json"),
        (b"not json", 400, "not-json"),
        (b'["\xff"]', 400, "not-utf-8"),
        (b"[" * 5000, 400, "nested-too-deep"),
        (b'[{"a":1,"a":1}]', 400, "duplicate-key"),
        (b"{}", 422, "not-a-group"),
        (b"[]", 422, "not-a-group"),
        (b"[{}]", 422, "bad-field"),
        (message(transfer("ada", "bob", -1)), 422, "negative-amount"),
        (message(transfer("ada", "bob", 1, type="mint")), 422, "unknown-type"),
        (message(transfer("ada", "bob", 1, asset_id=1)), 422, "unknown-asset"),
    ],
)
def test_what_no_ledger_accepts_is_not_appended(
    running: Running, body: bytes, status: int, reason: str
):
    reply = running.post(body)
    assert reply.status == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    problem = reply.json()
    assert problem["status"] == status and problem["reason"] == reason and problem["detail"]
    assert len(running.kv.messages) == 3


def test_a_form_of_a_page_is_refused(running: Running):
    group = message(transfer("bob", "cem", 5))
    headers = {"Content-Type": "text/plain", "Origin": "http://evil.example"}
    assert running.client.post("/groups", body=group, headers=headers).status == 415
    assert running.post(group, "application/json; charset=utf-8").status == 201


@pytest.mark.parametrize("failure", [ConnectionLost("refused"), ReplyError("OOM command")])
def test_without_the_list_groups_are_refused_and_balances_served(
    running: Running, failure: Exception
):
    running.kv.failure = failure
    reply = running.post(message(transfer("bob", "cem", 5)))
    assert reply.status == 503
    assert str(failure) in reply.json()["detail"]
    assert running.client.get("/groups/0").status == 503
    assert running.get("/balances")["balances"] == {"HIPO": -100, "ada": 70, "bob": 30}


def test_a_lost_list_is_a_problem_as_long_as_it_lasts(running: Running):
    running.kv.failure = ConnectionLost("refused")
    running.post(message(transfer("bob", "cem", 5)))
    problems = running.vitals.problems
    poll(lambda: problems.get("kvdb") == "refused")
    running.kv.messages.append(message(transfer("bob", "cem", 6)))
    running.kv.failure = None
    running.wait_for_index(4)
    assert "kvdb" not in problems and "pubsub" in problems


def poll(condition: Callable[[], object]) -> None:
    """Wait for what nobody announces."""
    deadline = threading.Event()
    for _ in range(int(PATIENCE_S / 0.01)):
        if condition():
            return
        deadline.wait(0.01)
    raise AssertionError("it did not happen")


def test_a_group_that_nobody_announced_is_found(running: Running):
    running.kv.messages.append(message(transfer("ada", "bob", 1)))
    running.wait_for_index(4)
    assert running.get("/balances") == {
        "round": 3,
        "balances": {"HIPO": -100, "ada": 69, "bob": 31},
    }


def test_an_emptied_list_is_found(running: Running):
    running.kv.messages.clear()
    running.wait_for_index(0)
    assert running.get("/balances") == {"round": 0, "balances": {}}
    assert running.get("/status")["state"] == "following"


def test_balances_of_any_round(running: Running):
    assert running.get("/balances?round=0") == {"round": 0, "balances": {}}
    assert running.get("/balances?round=1")["balances"] == {"HIPO": -100, "ada": 100}
    assert running.get("/balances?round=2") == running.get("/balances")


@pytest.mark.parametrize(
    ("query", "status"),
    [("3", 404), ("999999999999999999", 404), ("-1", 400), ("x", 400), ("", 400), ("1.0", 400)],
)
def test_a_round_that_is_none(running: Running, query: str, status: int):
    reply = running.client.get(f"/balances?round={query}")
    assert reply.status == status
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_a_message_and_its_verdict(running: Running):
    first, last = running.get("/groups/0"), running.get("/groups/2")
    assert json.loads(first.pop("message")) == json.loads(issue(ada=100))
    assert first == {"index": 0, "applied": True, "accepted": True, "round": 1}
    assert (last["message"], last["accepted"], last["round"]) == ("not json", False, 2)
    assert last["reason"] == "not-json"


@pytest.mark.parametrize("index", ["3", "-1", "x", "9" * 18, "9" * 30])
def test_a_message_that_is_not_there(running: Running, index: str):
    assert running.client.get(f"/groups/{index}").status == 404


def test_the_status_alone(running: Running):
    status = running.get("/status")
    roots = status.pop("state_root"), status.pop("list_digest")
    assert all(len(base64.b16decode(root, casefold=True)) == 32 for root in roots)
    assert status == {
        "node": "ledger-1",
        "state": "following",
        "round": 2,
        "index": 3,
        "agrees": True,
        "peers": [],
    }


def test_the_status_as_events(running: Running):
    reply = running.client.get("/events", stream=True)
    assert reply.headers["Content-Type"] == "text/event-stream"
    first = next(reply.chunks).decode()
    assert "event: status" in first and '"index":3' in first
    running.post(message(transfer("ada", "bob", 1)))
    while '"index":4' not in (chunk := next(reply.chunks).decode()):
        assert "event: status" in chunk
    reply.close()


def test_it_stops_at_the_round_asked_for_and_goes_on_serving():
    payments = [message(transfer("ada", "bob", 1))] * 60
    running = Running(issue(ada=100), *payments, stop_at_round=42)
    try:
        running.wait_until(lambda: running.node.state == "stopped")
        assert running.get("/balances") == {
            "round": 42,
            "balances": {"HIPO": -100, "ada": 59, "bob": 41},
        }
        # Appended for the others; this node has no verdict.
        reply = running.post(payments[0])
        assert (reply.status, reply.json()) == (202, {"index": 61, "applied": False})
        assert running.get("/groups/61")["applied"] is False
    finally:
        running.node.stop()


def test_a_verdict_that_does_not_come_in_time_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api, "SUBMIT_TIMEOUT_S", 0.0)
    running = Running()
    try:
        running.wait_until(lambda: running.node.state == "following")
        running.kv.read_failure = ConnectionLost("slow")
        reply = running.post(issue(ada=1))
        assert (reply.status, reply.json()) == (202, {"index": 0, "applied": False})
        running.kv.read_failure = None
        running.wait_for_index(1)
        assert running.get("/groups/0")["accepted"] is True
    finally:
        running.node.stop()


def test_stopping_saves_the_snapshot(tmp_path: Path):
    file = SnapshotFile(tmp_path)
    running = Running(issue(ada=100), snapshot=file)
    running.wait_for_index(1)
    running.node.stop()
    assert file.load().balances == {"HIPO": -100, "ada": 100}


def test_a_disk_that_is_full_is_a_problem_and_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = SnapshotFile(tmp_path)
    running = Running(issue(ada=100), snapshot=file)
    running.wait_for_index(1)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SnapshotFile, "save", fail)
    running.node.stop()
    assert running.vitals.problems["snapshot"] == "No space left on device"


def test_a_bug_is_logged_and_following_goes_on(
    running: Running, monkeypatch: pytest.MonkeyPatch, log_lines: list[str]
):
    with monkeypatch.context() as patched:
        patched.setattr(Follower, "catch_up", lambda *_, **__: 1 / 0)
        poll(lambda: "node" in running.vitals.problems)
    running.kv.messages.append(b"more")
    running.wait_for_index(4)
    assert any("ZeroDivisionError" in line for line in log_lines)
    assert "node" not in running.vitals.problems


def test_balances_of_any_size_are_shown():
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    running = Running(issue(ada=1).replace(b": 1}", b": " + b"9" * 5000 + b"}"))
    try:
        running.wait_for_index(1)
        assert running.get("/balances")["balances"]["HIPO"] == 1 - 10**5000
    finally:
        running.node.stop()
        sys.set_int_max_str_digits(limit)


def test_names_without_utf_8_are_shown_as_escapes(running: Running):
    name = "\ud800<script>"
    reply = running.post(json.dumps([transfer("bob", name, 2)]).encode())
    assert reply.json()["accepted"] is True
    assert running.get("/balances")["balances"][name] == 2
    reply = running.post(json.dumps([transfer(name, "bob", 3)]).encode())
    assert "ud800" in reply.json()["detail"]

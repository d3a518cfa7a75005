"""The audit log: each change is told, with who, where and the outcome, and without the values."""

import logging

import pytest

from services.common.logs import Log
from services.web.dashboard.audit_log import MAX_ENTRIES, AuditLog, told_command
from services.web.dashboard.tests.fakes import Browser, FakeRedis, Recorder, make_dashboard
from services.web.requests import Request
from services.web.responses import Response


@pytest.fixture
def redis():
    redis = FakeRedis()
    yield redis
    redis.close()


def newest(dashboard) -> dict:
    return dashboard.app.test_client().get("/api/audit").json()["entries"][0]


def test_a_change_is_noted_with_its_outcome(redis):
    dashboard = make_dashboard(kvdb=redis.url)
    browser = Browser(dashboard)
    body = {"value": "the secret", "ttl_s": 60}
    assert browser.send("PUT", "/api/kvdb/key?key=user:1", body).status == 200
    entry = newest(dashboard)
    assert entry["change"] == "PUT /api/kvdb/key?key=user:1"
    assert entry["body"] == "value=10 characters ttl_s=60"
    assert (entry["status"], entry["client"], entry["user"]) == (200, "127.0.0.1", "")


def test_reading_is_no_change():
    dashboard = make_dashboard()
    client = dashboard.app.test_client()
    client.get("/api/session")
    client.request("OPTIONS", "/api/session")
    assert client.get("/api/audit").json() == {"entries": []}


def test_what_is_refused_is_noted_too():
    dashboard = make_dashboard()
    client = dashboard.app.test_client()
    assert client.post("/api/ledger/groups", json={"node": "ledger-1", "group": []}).status == 403
    entry = newest(dashboard)
    assert (entry["status"], entry["body"]) == (403, "node=ledger-1 group=0 elements")
    Browser(dashboard).send("POST", "/nowhere", [1])
    assert (newest(dashboard)["status"], newest(dashboard)["body"]) == (404, "1 elements")


def test_an_entry_is_one_line_of_the_log(caplog):
    caplog.set_level(logging.INFO, "services.test")
    audit_log = AuditLog(Log("test"), clock_s=lambda: 1.5)
    environ = {
        "REQUEST_METHOD": "DELETE",
        "PATH_INFO": "/api/x\nINFO forged",
        "REMOTE_ADDR": "10.0.0.7",
        "HTTP_X_REQUEST_ID": "id-1",
    }
    request = Request(environ)
    request.state["user"] = "Ada L"
    audit_log.note(request, Response(status=204))
    (record,) = caplog.records
    assert record.getMessage() == (
        'audit user="Ada L" client=10.0.0.7 change="DELETE /api/x%0AINFO%20forged" body=-'
        " status=204 id=id-1"
    )
    assert audit_log.entries()[0]["at_s"] == 1.5


def test_only_the_last_ones_are_kept():
    audit_log = AuditLog(Log("test"))
    for _ in range(MAX_ENTRIES + 5):
        audit_log.note(Request({"REQUEST_METHOD": "POST"}), Response())
    numbers = [entry["number"] for entry in audit_log.entries()]
    assert numbers == list(range(MAX_ENTRIES + 5, 5, -1))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("SET user:1 secret EX 5", "SET user:1 …"),
        ("auth secret", "auth …"),
        ("HELLO 3 AUTH a b", "HELLO …"),
        ("DBSIZE", "DBSIZE"),
        ("", ""),
        ("get " + "k" * 200, "get " + "k" * 75 + "…"),
    ],
)
def test_a_command_is_told_by_its_name_and_key(line, told):
    assert told_command(line) == told


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"{", "application/json", "no JSON"),
        (b"[" * 10_000, "application/json", "no JSON"),
        (b"7", "application/json", "7"),
        (b'{"line": "GET a b"}', "application/json", "line=GET a …"),
        (b'{"password": "abc"}', "application/json", "password=3 characters"),
        (b'{"name": ["a"]}', "application/json", "name=1 elements"),
        (b"password=abc", "application/x-www-form-urlencoded", ""),
        (b"[" + b" " * 70_000 + b"]", "application/json", "70002 bytes"),
    ],
)
def test_what_is_told_of_a_body(body, content_type, told):
    dashboard = make_dashboard()
    headers = {"Content-Type": content_type}
    dashboard.app.test_client().post("/api/x", body=body, headers=headers)
    assert newest(dashboard)["body"] == told


def test_the_page_hears_of_each_change():
    dashboard = make_dashboard()
    recorder, poll = Recorder(), dashboard.poll("audit")
    poll.start()
    try:
        poll.add(recorder)
        recorder.wait_for(b'"entries":[]')
        dashboard.app.test_client().post("/api/x")
        recorder.wait_for(b"POST /api/x")
    finally:
        poll.stop()

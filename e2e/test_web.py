"""The dashboard's HTTP server and its guards, seen from outside."""

import socket

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from e2e.stack import Stack


def test_every_page_is_served_with_a_strict_policy(stack: Stack, http: requests.Session):
    for path in ("/", "/kvdb", "/pubsub", "/tasks", "/ledger", "/audit"):
        answer = http.get(stack.url("web") + path, timeout=10)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src" in policy
        assert "unsafe" not in policy


def test_the_metrics_tell_of_every_process(stack: Stack, http: requests.Session):
    answer = http.get(stack.url("web") + "/metrics", timeout=10)
    families = {one.name: one.samples for one in text_string_to_metric_families(answer.text)}
    up = {sample.labels["process"]: sample.value for sample in families["glassbox_process_up"]}
    assert {"kvdb", "pubsub", "broker", "ledger-1", "ledger-2", "ledger-3", "web"} <= set(up)
    assert set(up.values()) == {1}
    topics = ("kvdb_keys", "pubsub_channels", "tasks", "ledger_round")
    assert {f"glassbox_{name}" for name in topics} <= set(families)


def test_a_foreign_host_or_origin_is_refused(stack: Stack, http: requests.Session):
    url = stack.url("web")
    foreign = http.get(url, headers={"Host": "evil.example"}, timeout=10)
    assert foreign.status_code in (400, 403, 421)
    answer = http.post(
        f"{url}/api/kvdb/keys",
        json={"key": "stolen", "value": "x"},
        headers={"Origin": "http://evil.example"},
        timeout=10,
    )
    assert answer.status_code in (400, 403, 404, 405)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", b"505"),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", b"431"),
    ],
    ids=["garbage", "no Host", "version", "smuggling", "headers"],
)
def test_malformed_requests_are_answered_and_closed(
    stack: Stack, http: requests.Session, request_bytes: bytes, status: bytes
):
    for service in ("web", "broker", "ledger-1"):
        with socket.create_connection(stack.address(service), timeout=10) as sock:
            sock.sendall(request_bytes)
            answer = b""
            try:
                while piece := sock.recv(65536):
                    answer += piece
            except ConnectionResetError:
                pass
        assert answer.startswith(b"HTTP/1.1 " + status), service
        assert http.get(f"{stack.url(service)}/healthz", timeout=10).ok

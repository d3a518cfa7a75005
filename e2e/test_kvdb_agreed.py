"""The agreed key-value protocol, spoken by the challenge's client."""

import json
import socket

import pytest

from e2e.challenge_clients import TIMEOUT_S, KVClient
from e2e.stack import Stack


def test_ping(kv: KVClient):
    assert kv.command("PING") == {"status": "OK", "result": "PONG"}


def test_a_value_is_set_overwritten_and_deleted(kv: KVClient, key: str):
    assert kv.command("GET", key=key) == {"status": "OK", "result": None}
    assert kv.command("SET", key=key, value="çağla 🦛") == {"status": "OK"}
    assert kv.result("GET", key=key) == "çağla 🦛"
    kv.result("SET", key=key, value="second")
    assert kv.result("GET", key=key) == "second"
    assert kv.command("DELETE", key=key) == {"status": "OK"}
    assert kv.command("DELETE", key=key) == {"status": "OK"}
    assert kv.result("GET", key=key) is None


def test_counters_are_strings(kv: KVClient, key: str):
    assert kv.result("INCR", key=key) == "1"
    assert kv.result("incr", key=key) == "2"
    assert kv.result("DECR", key=key) == "1"
    assert kv.result("GET", key=key) == "1"
    kv.result("SET", key=key, value="apple")
    assert kv.command("INCR", key=key) == {
        "status": "ERROR",
        "message": "Value is not an integer",
    }
    assert kv.result("GET", key=key) == "apple"


def test_numbers_are_stored_as_their_json_text(kv: KVClient, key: str):
    line = b'{"command": "SET", "args": {"key": %b, "value": 1.50}}\n' % json.dumps(key).encode()
    assert kv.send_line(line) == {"status": "OK"}
    assert kv.result("GET", key=key) == "1.50"


def test_time_to_live(kv: KVClient, key: str):
    assert kv.result("TTL", key=key) is None
    kv.result("SET", key=key, value="v")
    assert kv.result("TTL", key=key) is None
    assert kv.command("EXPIRE", key=key, ttl=100) == {"status": "OK"}
    assert kv.result("TTL", key=key) in (99, 100)
    kv.result("SET", key=key, value="v")
    assert kv.result("TTL", key=key) is None, "SET overwrites the time to live"
    kv.result("SET", key=key, value="1", ttl=100)
    kv.result("INCR", key=key)
    assert kv.result("TTL", key=key) in (99, 100), "INCR keeps it"


def test_replies_come_in_order_however_the_lines_are_cut(stack: Stack, key: str):
    requests = [{"command": "SET", "args": {"key": key, "value": "0"}}]
    requests += [{"command": "INCR", "args": {"key": key}}] * 50
    data = b"".join(json.dumps(request).encode() + b"\n" for request in requests)
    with socket.create_connection(stack.address("kvdb"), timeout=TIMEOUT_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), 7):
            sock.sendall(data[start : start + 7])
        with sock.makefile("rb") as replies:
            assert json.loads(replies.readline()) == {"status": "OK"}
            answers = [json.loads(replies.readline())["result"] for _ in range(50)]
    assert answers == [str(number) for number in range(1, 51)]


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"{broken\n",
        b"[]\n",
        b"42\n",
        b'"PING"\n',
        b"{}\n",
        b'{"command": 7}\n',
        b'{"command": "NOSUCH"}\n',
        b'{"command": "GET"}\n',
        b'{"command": "GET", "args": []}\n',
        b'{"command": "GET", "args": {"key": 7}}\n',
        b'{"command": "SET", "args": {"key": "KEY"}}\n',
        b'{"command": "SET", "args": {"key": "KEY", "value": ["list"]}}\n',
        b'{"command": "SET", "args": {"key": "KEY", "value": true}}\n',
        b'{"command": "SET", "args": {"key": "KEY", "value": "v", "ttl": "soon"}}\n',
        b'{"command": "EXPIRE", "args": {"key": "KEY", "ttl": "soon"}}\n',
        b'{"command": "SET", "args": {"key": "KEY", "value": "\xff\xfe"}}\n',
        b'{"command": ' + b"[" * 10_000 + b"\n",
        b"\x00\x01\x02\xff\n",
    ],
    ids=lambda line: repr(line[:48]),
)
def test_bad_input_is_told_apart_and_changes_nothing(stack: Stack, kv: KVClient, key: str, line):
    kv.result("SET", key=key, value="untouched")
    line = line.replace(b"KEY", key.encode())
    with socket.create_connection(stack.address("kvdb"), timeout=TIMEOUT_S) as sock:
        sock.sendall(line + b'{"command": "PING"}\n')
        with sock.makefile("rb") as replies:
            error = json.loads(replies.readline())
            assert error["status"] == "ERROR"
            assert error["message"]
            assert json.loads(replies.readline()) == {"status": "OK", "result": "PONG"}
    assert kv.result("GET", key=key) == "untouched"


def test_an_over_long_line_is_refused_and_the_connection_closed(stack: Stack, kv: KVClient):
    with socket.create_connection(stack.address("kvdb"), timeout=60) as sock:
        piece = b'{"command": "' + b"x" * (1 << 20)
        answer = b""
        try:
            for _ in range(2048):
                sock.sendall(piece)
        except (ConnectionResetError, BrokenPipeError):
            pass
        try:
            while data := sock.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
    if answer:
        assert json.loads(answer)["status"] == "ERROR"
    assert kv.result("PING") == "PONG"


def test_a_client_that_vanishes_in_the_middle_harms_nobody(stack: Stack, kv: KVClient, key: str):
    for _ in range(20):
        with socket.create_connection(stack.address("kvdb"), timeout=TIMEOUT_S) as sock:
            sock.sendall(b'{"command": "SET", "args": {"key": "%b", "va' % key.encode())
    assert kv.result("GET", key=key) is None

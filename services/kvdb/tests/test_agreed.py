"""The agreed JSON protocol, as its page describes it, and what it leaves open as we decided it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.json_lines import JsonLineError, decode_object, encode_line
from services.kvdb import agreed
from services.kvdb.tests.support import Console

OK = {"status": "OK"}


class JsonConsole(Console):
    """A client of the JSON protocol: an object in, an object out, through the real codec."""

    def ask(self, line: str | bytes) -> dict[str, object]:
        data = line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass")
        try:
            request = agreed.to_request(decode_object(data, 64))
        except (agreed.AgreedError, JsonLineError) as error:
            return agreed.error(str(error))
        reply = self.engine.dispatcher.execute(self.client, request)
        encoded = encode_line(agreed.to_reply(request, reply))
        assert encoded.endswith(b"\n")
        assert encoded.count(b"\n") == 1
        return json.loads(encoded.decode("utf-8"))

    def send(self, command: str, **args: object) -> dict[str, object]:
        return self.ask(json.dumps({"command": command, "args": args}))


@pytest.fixture
def console() -> JsonConsole:
    return JsonConsole()


def result(value: object) -> dict[str, object]:
    return {"status": "OK", "result": value}


def test_the_commands_of_the_page(console: JsonConsole) -> None:
    assert console.ask('{"command": "PING"}') == result("PONG")
    assert console.send("SET", key="a", value="1") == OK
    assert console.send("GET", key="a") == result("1")
    assert console.send("GET", key="nothing") == result(None)
    assert console.send("INCR", key="a") == result("2")
    assert console.send("DECR", key="a") == result("1")
    assert console.send("INCR", key="new") == result("1")
    assert console.send("DECR", key="other") == result("-1")
    assert console.send("TTL", key="a") == result(None)
    assert console.send("TTL", key="nothing") == result(None)
    assert console.send("EXPIRE", key="a", ttl=10) == OK
    assert console.send("TTL", key="a") == result(10)
    assert console.send("EXPIRE", key="nothing", ttl=10) == OK
    assert console.send("DELETE", key="a") == OK
    assert console.send("DELETE", key="a") == OK
    assert console.send("GET", key="a") == result(None)


def test_a_ttl_runs_out_and_counting_keeps_it(console: JsonConsole) -> None:
    console.send("SET", key="n", value="1", ttl=5)
    console.clock.advance(3)
    assert console.send("INCR", key="n") == result("2")
    assert console.send("TTL", key="n") == result(2)
    console.clock.advance(2)
    assert console.send("GET", key="n") == result(None)
    assert console.send("INCR", key="n") == result("1")
    assert console.send("TTL", key="n") == result(None)


def test_setting_overwrites_value_and_ttl(console: JsonConsole) -> None:
    console.send("SET", key="a", value="1", ttl=5)
    console.send("SET", key="a", value="2")
    assert console.send("TTL", key="a") == result(None)
    console.send("SET", key="a", value="3", ttl=0.25)
    console.clock.advance(0.249)
    assert console.send("GET", key="a") == result("3")
    console.clock.advance(0.001)
    assert console.send("GET", key="a") == result(None)


def test_an_expiry_that_is_not_in_the_future_deletes(console: JsonConsole) -> None:
    for ttl in (0, -1, -0.0001):
        console.send("SET", key="a", value="1")
        assert console.send("EXPIRE", key="a", ttl=ttl) == OK
        assert console.send("GET", key="a") == result(None)


@pytest.mark.parametrize("value", ["abc", "1.0", " 1", "", "1e3", "99999999999999999999"])
@pytest.mark.parametrize("command", ["INCR", "DECR"])
def test_what_is_no_integer_is_not_counted(console: JsonConsole, command: str, value: str) -> None:
    console.send("SET", key="a", value=value)
    message = {"status": "ERROR", "message": "Value is not an integer"}
    assert console.send(command, key="a") == message
    assert console.send("GET", key="a") == result(value)


@pytest.mark.parametrize("number", ["1", "1.0", "-0", "1e3", "1E+2", "0.1", "9" * 5000])
def test_a_number_is_stored_as_its_text(console: JsonConsole, number: str) -> None:
    line = f'{{"command": "SET", "args": {{"key": "a", "value": {number}}}}}'
    assert console.ask(line) == OK
    assert console.send("GET", key="a") == result(number)


def test_names_match_without_regard_to_case_and_unknown_fields_are_ignored(
    console: JsonConsole,
) -> None:
    line = '{"id": 7, "command": "sEt", "args": {"key": "a", "value": "1", "color": "red"}}'
    assert console.ask(line) == OK
    assert console.ask('{"args": {"key": "a"}, "command": "get"}') == result("1")


def test_null_is_an_argument_that_is_not_given(console: JsonConsole) -> None:
    assert console.send("SET", key="a", value="1", ttl=None) == OK
    assert console.send("TTL", key="a") == result(None)
    assert console.ask('{"command": "PING", "args": null}') == result("PONG")
    assert console.send("SET", key="a", value=None)["message"] == "Missing argument: value"
    assert console.send("GET", key=None)["message"] == "Missing argument: key"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "not valid JSON"),
        ("garbage", "not valid JSON"),
        ("{", "not valid JSON"),
        ('{"command": "PING"} {}', "not valid JSON"),
        ('{"command": "SET", "args": {"key": "a", "value": NaN}}', "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('"PING"', "must be a JSON object"),
        ("null", "must be a JSON object"),
        ("{}", "command must be a string"),
        ('{"command": null}', "command must be a string"),
        ('{"command": 5}', "command must be a string"),
        ('{"command": ["PING"]}', "command must be a string"),
        ('{"command": "NOSUCH"}', "Unknown command: NOSUCH"),
        ('{"command": "FLUSHALL"}', "Unknown command: FLUSHALL"),
        ('{"command": "GET", "args": []}', "args must be an object"),
        ('{"command": "GET", "args": "a"}', "args must be an object"),
        ('{"command": "GET", "args": 1}', "args must be an object"),
        ('{"command": "GET"}', "Missing argument: key"),
        ('{"command": "GET", "args": {}}', "Missing argument: key"),
        ('{"command": "GET", "args": {"key": 1}}', "key must be a string"),
        ('{"command": "GET", "args": {"key": ["a"]}}', "key must be a string"),
        ('{"command": "GET", "args": {"key": true}}', "key must be a string"),
        ('{"command": "SET", "args": {"value": "1"}}', "Missing argument: key"),
        ('{"command": "SET", "args": {"key": "a"}}', "Missing argument: value"),
        ('{"command": "SET", "args": {"key": "a", "value": true}}', "value must be a string"),
        ('{"command": "SET", "args": {"key": "a", "value": {}}}', "value must be a string"),
        ('{"command": "SET", "args": {"key": "a", "value": [1]}}', "value must be a string"),
        ('{"command": "SET", "args": {"key": "a", "value": "x", "ttl": 0}}', "must be a positive"),
        ('{"command": "SET", "args": {"key": "a", "value": "x", "ttl": -1}}', "must be a positive"),
        ('{"command": "SET", "args": {"key": "a", "value": "x", "ttl": "5"}}', "must be a number"),
        ('{"command": "SET", "args": {"key": "a", "value": "x", "ttl": true}}', "must be a number"),
        ('{"command": "SET", "args": {"key": "a", "value": "x", "ttl": {}}}', "must be a number"),
        ('{"command": "SET", "args": {"key": "a", "value": "x", "ttl": 1e400}}', "out of range"),
        ('{"command": "SET", "args": {"key": "a", "value": "x", "ttl": 1e13}}', "out of range"),
        ('{"command": "EXPIRE", "args": {"key": "a"}}', "Missing argument: ttl"),
        ('{"command": "EXPIRE", "args": {"key": "a", "ttl": "soon"}}', "must be a number"),
        ('{"command": "EXPIRE", "args": {"key": "a", "ttl": -1e400}}', "out of range"),
    ],
)
def test_a_mistake_is_an_error_that_says_so_and_changes_nothing(
    console: JsonConsole, line: str, message: str
) -> None:
    console.send("SET", key="a", value="before")
    dirty = console.engine.keyspace.dirty
    reply = console.ask(line)
    assert set(reply) == {"status", "message"}
    assert reply["status"] == "ERROR"
    assert message in reply["message"]
    assert console.engine.keyspace.dirty == dirty
    assert console.send("GET", key="a") == result("before")


def test_a_key_of_another_type(console: JsonConsole) -> None:
    console("RPUSH", "list", "x")
    message = "WRONGTYPE Operation against a key holding the wrong kind of value"
    for command in ("GET", "INCR"):
        assert console.send(command, key="list") == {"status": "ERROR", "message": message}
    assert console.send("TTL", key="list") == result(None)
    assert console.send("DELETE", key="list") == OK


def test_one_store_for_both_protocols(console: JsonConsole) -> None:
    console.send("SET", key="ключ", value="значение 🙂")
    assert console("GET", "ключ") == "значение 🙂".encode()
    console("SET", "n", "5", "EX", "9")
    assert console.send("TTL", key="n") == result(9)
    console("APPEND", "n", "0")
    assert console.send("INCR", key="n") == result("51")


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=10), st.text(st.characters(), max_size=30))
def test_any_text_comes_back_lone_surrogates_too(key: str, value: str) -> None:
    console = JsonConsole()
    assert console.send("SET", key=key, value=value) == OK
    assert console.send("GET", key=key) == result(value)


def test_bytes_that_are_no_text_come_back_replaced(console: JsonConsole) -> None:
    console("SET", "binary", b"a\xff\x00b")
    assert console.send("GET", key="binary") == result("a\ufffd\x00b")


def test_the_memory_limit_holds_for_both() -> None:
    console = JsonConsole(maxmemory=1000, maxmemory_policy="noeviction")
    reply = console.send("SET", key="a", value="x" * 2000)
    message = "OOM command not allowed when used memory > 'maxmemory'."
    assert reply == {"status": "ERROR", "message": message}
    assert console.send("GET", key="a") == result(None)


def test_a_password_is_asked_for() -> None:
    console = JsonConsole(password="secret")
    for _ in range(2):
        reply = console.send("GET", key="a")
        assert reply == {"status": "ERROR", "message": "NOAUTH Authentication required."}
        assert console.send("AUTH", password="wrong")["message"].startswith("WRONGPASS")
    assert console.send("AUTH")["message"] == "Missing argument: password"
    assert console.send("AUTH", password="secret") == OK
    assert console.send("GET", key="a") == result(None)
    assert console.send("AUTH", username="default", password="secret") == OK

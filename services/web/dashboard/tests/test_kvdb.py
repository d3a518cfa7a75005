"""The keys: what the page asks becomes commands, whatever bytes a key is made of."""

from urllib.parse import quote

import pytest

from services.common.resp import ReplyError
from services.web.dashboard.kvdb.values import (
    MAX_ELEMENT_BYTES,
    MAX_TEXT_BYTES,
    name_of,
    text_of,
)
from services.web.dashboard.tests.fakes import Browser, FakeRedis, make_dashboard

HOSTILE = [
    "plain",
    "<script>alert(1)</script>",
    "\"'&<>",
    "with space + plus % percent & = # ? /",
    "../../etc/passwd",
    "naïve ключ 鍵 🗝",
    "{{ 7 * 7 }}",
]
BINARY = [b"\xff\x00\x80", b"a\nb", b"", b"\xc3"]


@pytest.fixture
def redis():
    redis = FakeRedis()
    yield redis
    redis.close()


@pytest.fixture
def browser(redis):
    dashboard = make_dashboard(kvdb=redis.url)
    yield Browser(dashboard)
    dashboard.stop()


def key_path(text):
    return f"/api/kvdb/key?key={quote(text, safe='')}"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_key_is_set_listed_read_and_deleted(redis, browser, text):
    named = browser.send("PUT", key_path(text), {"value": text}).json()
    assert redis.data == {text.encode(): text.encode()}
    listed = browser.get("/api/kvdb/keys").json()
    assert listed["keys"] == [{**named, "type": "string", "ttl_ms": None, "memory_bytes": None}]
    assert listed["cursor"] is None
    read = browser.get(named["href"]).json()
    assert read["key"] == text
    assert read["is_exact"]
    assert read["string"] == {"text": text, "is_binary": False, "is_cut": False}
    assert browser.send("DELETE", named["href"]).status == 204
    assert redis.data == {}


@pytest.mark.parametrize("key", BINARY)
def test_a_key_of_any_bytes_is_reached_by_its_href(redis, browser, key):
    redis.data[key] = b"\x89PNG\r\n\xff"
    listed = browser.get("/api/kvdb/keys").json()["keys"][0]
    assert listed["is_exact"] == (key == b"")
    read = browser.get(listed["href"]).json()
    assert read["string"]["is_binary"]
    assert "\\x89PNG" in read["string"]["text"]
    browser.send("DELETE", listed["href"])
    assert redis.data == {}


def test_a_key_is_set_with_a_time_to_live(redis, browser):
    browser.send("PUT", key_path("a"), {"value": "1", "ttl_s": 1.5})
    assert redis.ttl_ms == {b"a": 1500}
    browser.send("PATCH", key_path("a"), {"ttl_s": 60})
    assert browser.get(key_path("a")).json()["ttl_ms"] == 60_000
    browser.send("PATCH", key_path("a"), {"ttl_s": None})
    assert redis.ttl_ms == {}


def test_a_missing_key(browser):
    assert browser.get(key_path("missing")).status == 404
    assert browser.send("PATCH", key_path("missing"), {"ttl_s": 5}).status == 404
    assert browser.send("PATCH", key_path("missing"), {"ttl_s": None}).status == 404
    assert browser.send("DELETE", key_path("missing")).status == 204


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"value": 5},
        {"value": None},
        {"value": "\ud800"},
        {"value": "a", "ttl_s": 0},
        {"value": "a", "ttl_s": -1},
        {"value": "a", "ttl_s": True},
        {"value": "a", "ttl_s": "60"},
        {"value": "a", "ttl_s": 1e300},
    ],
)
def test_a_bad_value_sets_nothing(redis, browser, body):
    answer = browser.send("PUT", key_path("a"), body)
    assert answer.status == 400
    assert answer.json()["detail"]
    assert redis.data == {}


@pytest.mark.parametrize("query", ["", "?", "?k=a", "?pattern=a"])
def test_a_query_that_names_no_key(browser, query):
    assert browser.get(f"/api/kvdb/key{query}").status == 400


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=-1", "cursor=" + "9" * 21, "limit=0", "limit=1000", "limit=a"]
)
def test_a_bad_question_for_keys(browser, query):
    assert browser.get(f"/api/kvdb/keys?{query}").status == 400


def test_the_pattern_is_passed_on(redis, browser):
    browser.get("/api/kvdb/keys", query={"pattern": "user:*[a-z]?"})
    scan = next(request for request in redis.requests if request[0] == b"SCAN")
    assert scan[:4] == [b"SCAN", b"0", b"MATCH", b"user:*[a-z]?"]


def test_a_key_can_be_asked_for_beside_the_pattern(redis, browser):
    redis.data = {b"a": b"1", b"b": b"2"}
    scanned = redis._reply
    redis._reply = lambda name, arguments: (
        [b"7", [b"a"]] if name == b"SCAN" else scanned(name, arguments)
    )
    listed = browser.get("/api/kvdb/keys?limit=1&also=b").json()
    assert [key["key"] for key in listed["keys"]] == ["b", "a"]
    assert listed["cursor"] == "7"
    listed = browser.get("/api/kvdb/keys?limit=1&also=missing").json()
    assert [key["key"] for key in listed["keys"]] == ["a"]


def test_an_error_of_the_database_is_shown(redis, browser):
    redis._reply = lambda name, arguments: ReplyError("OOM used memory > 'maxmemory'")
    answer = browser.send("PUT", key_path("a"), {"value": "b"})
    assert answer.status == 400
    assert answer.json()["detail"].startswith("OOM")


def test_statistics_are_a_topic(redis):
    redis.info = b"used_memory:2048\r\nconnected_clients:3\r\nkeyspace_hits:8\r\n"
    redis.data = {b"a": b"b"}
    dashboard = make_dashboard(kvdb=redis.url)
    statistics = dashboard._polls["kvdb"].state()
    assert (statistics["keys"], statistics["memory_bytes"], statistics["hits"]) == (1, 2048, 8)
    assert statistics["evicted"] is None
    dashboard.stop()


def test_without_kvdb_everything_says_so():
    dashboard = make_dashboard()
    browser = Browser(dashboard)
    for answer in (
        browser.get("/api/kvdb/keys"),
        browser.get(key_path("a")),
        browser.send("PUT", key_path("a"), {"value": "b"}),
        browser.send("DELETE", key_path("a")),
    ):
        assert answer.status == 503
        assert "127.0.0.1:1" in answer.json()["detail"]
    assert "refused" in dashboard._polls["kvdb"].state()["error"]


def test_names():
    assert name_of(b"a\xff\n\x00\xe2\x80\xae") == "a\\xff\\n\\x00\\u202e"


@pytest.mark.parametrize(
    ("value", "is_binary"),
    [
        (b"x" * MAX_ELEMENT_BYTES, False),
        ("é".encode() * MAX_ELEMENT_BYTES, False),
        (b"x" + "鍵".encode() * MAX_ELEMENT_BYTES, False),
        (b"\xff" * 2 * MAX_ELEMENT_BYTES, True),
    ],
)
def test_a_long_value_is_cut(value, is_binary):
    shown = text_of(value)
    assert shown["is_cut"] == (len(value) > MAX_ELEMENT_BYTES)
    assert shown["is_binary"] == is_binary


def test_of_a_long_string_only_the_beginning_is_asked_for(redis, browser):
    redis.data[b"long"] = b"x" * (MAX_TEXT_BYTES + 1)
    read = browser.get(key_path("long")).json()
    assert read["size"] == MAX_TEXT_BYTES + 1
    assert read["string"]["is_cut"]
    assert len(read["string"]["text"]) == MAX_TEXT_BYTES

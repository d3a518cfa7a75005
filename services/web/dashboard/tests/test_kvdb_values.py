"""The keys of every type, read and changed through the dashboard on a real kvdb."""

import base64

import pytest

from services.common.redis_url import RedisURL
from services.common.resp_client import RespConnection
from services.kvdb.tests.redis_server import IS_INSTALLED, real_redis
from services.kvdb.tests.serving import serving
from services.web.dashboard.kvdb.values import MAX_ELEMENTS
from services.web.dashboard.tests.fakes import Browser, make_dashboard


def kvdb():
    with serving() as running:
        yield RedisURL("127.0.0.1", running.port)


def redis():
    if not IS_INSTALLED:
        pytest.skip("no redis-server is installed")
    with real_redis() as url:
        yield url


@pytest.fixture(scope="module", params=[kvdb, redis], ids=lambda server: server.__name__)
def url(request):
    """The page works the same with a real Redis in the place of kvdb."""
    yield from request.param()


@pytest.fixture
def kv(url):
    """A Redis client of the same server, which is empty."""
    connection = RespConnection(url)
    connection.execute("FLUSHALL")
    yield connection.execute
    connection.close()


@pytest.fixture
def browser(url, kv):
    dashboard = make_dashboard(kvdb=url)
    yield Browser(dashboard)
    dashboard.stop()


def path(key, **query):
    return "/api/kvdb/key?" + "&".join(f"{k}={v}" for k, v in {"key": key, **query}.items())


def id_of(element):
    return base64.b64encode(element.encode()).decode()


def cells(read):
    return [
        [cell if isinstance(cell, str) else cell["text"] for cell in row["cells"]]
        for row in read["rows"]
    ]


def change(browser, key, action, **fields):
    return browser.send("POST", path(key), {"action": action, **fields})


def test_values_of_every_type(browser, kv):
    kv("RPUSH", "list", "a", "<b>")
    kv("HSET", "hash", "field", "value")
    kv("SADD", "set", "member")
    kv("ZADD", "zset", "99.5", "ada")
    expected = {
        "list": [["0", "a"], ["1", "<b>"]],
        "hash": [["field", "value"]],
        "set": [["member"]],
        "zset": [["ada", "99.5"]],
    }
    for name, rows in expected.items():
        read = browser.get(path(name)).json()
        assert (read["type"], cells(read), read["size"]) == (name, rows, len(rows))
        assert read["memory_bytes"] > 0
        assert read["encoding"]
        assert read["next"] is None


def test_the_list_of_keys_tells_their_memory(browser, kv):
    kv("SET", "a", "x" * 1000)
    (key,) = browser.get("/api/kvdb/keys").json()["keys"]
    assert key["memory_bytes"] > 1000


def test_a_stream_with_its_groups(browser, kv):
    kv("XADD", "log", "1-0", "event", "start", "by", "ada")
    kv("XADD", "log", "2-0", "event", "stop")
    kv("XGROUP", "CREATE", "log", "readers", "0")
    kv("XREADGROUP", "GROUP", "readers", "one", "COUNT", 1, "STREAMS", "log", ">")
    read = browser.get(path("log")).json()
    assert [row["id"] for row in read["rows"]] == ["2-0", "1-0"]
    fields = [[part["text"] for part in pair] for pair in read["rows"][1]["fields"]]
    assert fields == [["event", "start"], ["by", "ada"]]
    (group,) = read["groups"]
    assert (group["name"], group["pending"], group["last_delivered"]) == ("readers", 1, "1-0")
    assert [consumer["name"] for consumer in group["consumers"]] == ["one"]


def test_a_hyperloglog_says_how_many_it_has_seen(browser, kv):
    kv("PFADD", "visitors", "a", "b", "c")
    read = browser.get(path("visitors")).json()
    assert read["distinct"] == 3
    assert read["string"]["is_binary"]
    kv("SET", "fake", "HYLL and no more")
    assert "distinct" not in browser.get(path("fake")).json()


def test_fields_of_a_hash_have_a_time_to_live_of_their_own(browser, kv):
    kv("HSET", "h", "a", "1", "b", "2")
    if not kv("COMMAND", "INFO", "HEXPIRE")[0]:
        assert browser.get(path("h")).json()["has_field_ttl"] is False
        return
    assert change(browser, "h", "hash-expire", element=id_of("a"), ttl_s=100).status == 200
    read = browser.get(path("h")).json()
    ttls = [row["ttl_ms"] for row in read["rows"]]
    assert 90_000 < ttls[0] <= 100_000
    assert ttls[1] is None
    assert read["has_field_ttl"]
    change(browser, "h", "hash-expire", element=id_of("a"), ttl_s=None)
    assert kv("HTTL", "h", "FIELDS", 1, "a") == [-1]


@pytest.mark.parametrize(
    "fill",
    [
        lambda kv: kv("RPUSH", "big", *range(2 * MAX_ELEMENTS + 10)),
        lambda kv: kv("ZADD", "big", *(p for n in range(410) for p in (n, f"m{n:04}"))),
        lambda kv: kv("HSET", "big", *(p for n in range(1000) for p in (f"f{n}", n))),
        lambda kv: kv("SADD", "big", *(f"m{n}" for n in range(410))),
        lambda kv: [kv("XADD", "big", f"{n + 1}-0", "n", n) for n in range(410)],
    ],
    ids=["list", "zset", "hash", "set", "stream"],
)
def test_a_large_value_is_read_in_pages(browser, kv, fill):
    fill(kv)
    seen, start, pages = [], None, 0
    while start is not None or not pages:
        read = browser.get(path("big", **({"start": start} if start else {}))).json()
        seen += [row["id"] for row in read["rows"]]
        start, pages = read["next"], pages + 1
    assert len(set(seen)) == read["size"] >= 410
    assert 3 <= pages < 12


def test_a_start_that_is_none(browser, kv):
    kv("RPUSH", "l", 1)
    assert browser.get(path("l", start="x")).status == 400


@pytest.mark.parametrize(
    ("kind", "elements", "look", "expected"),
    [
        ("list", ["a", "b"], ("LRANGE", "k", 0, -1), [b"a", b"b"]),
        ("set", ["a"], ("SMEMBERS", "k"), [b"a"]),
        ("hash", [["f", "v"]], ("HGETALL", "k"), [b"f", b"v"]),
        ("zset", [["ada", "1.5"]], ("ZRANGE", "k", 0, -1, "WITHSCORES"), [b"ada", b"1.5"]),
    ],
)
def test_a_key_of_any_type_is_created_once(browser, kv, kind, elements, look, expected):
    body = {"type": kind, "elements": elements, "ttl_s": 60}
    assert browser.send("PUT", path("k"), body).status == 200
    assert kv(*look) == expected
    assert kv("TTL", "k") == 60
    again = browser.send("PUT", path("k"), body)
    assert again.status == 409
    assert "already" in again.json()["detail"]


def test_a_stream_is_created(browser, kv):
    browser.send("PUT", path("s"), {"type": "stream", "elements": [["a", "1"], ["b", "2"]]})
    assert kv("XRANGE", "s", "-", "+")[0][1] == [b"a", b"1", b"b", b"2"]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "tree", "elements": ["a"]},
        {"type": "list"},
        {"type": "list", "elements": []},
        {"type": "list", "elements": [5]},
        {"type": "hash", "elements": ["a"]},
        {"type": "hash", "elements": [["a"]]},
        {"type": "zset", "elements": [["ada", "many"]]},
        {"type": "zset", "elements": [["ada", "nan"]]},
        {"type": "list", "elements": ["\ud800"]},
    ],
)
def test_what_makes_no_key(browser, kv, body):
    assert browser.send("PUT", path("k"), body).status == 400
    assert kv("EXISTS", "k") == 0


def test_a_string_keeps_its_time_to_live(browser, kv):
    kv("SET", "a", "1", "EX", 100)
    assert change(browser, "a", "string-set", value="2").status == 200
    assert kv("GET", "a") == b"2"
    assert kv("TTL", "a") == 100


def test_a_list_is_changed(browser, kv):
    kv("RPUSH", "l", "a", "b", "b")
    change(browser, "l", "list-set", element=id_of("1"), value="c")
    change(browser, "l", "list-push", value="z")
    change(browser, "l", "list-push", value="first", side="left")
    change(browser, "l", "list-remove", element=id_of("2"), expected="c")
    assert kv("LRANGE", "l", 0, -1) == [b"first", b"a", b"b", b"z"]


def test_an_element_that_has_moved_is_not_removed(browser, kv):
    kv("RPUSH", "l", "a", "b")
    answer = change(browser, "l", "list-remove", element=id_of("0"), expected="b")
    assert answer.status == 409
    assert kv("LLEN", "l") == 2


def test_a_hash_is_changed(browser, kv):
    kv("HSET", "h", "a", "1")
    change(browser, "h", "hash-set", element=id_of("a"), value="2")
    change(browser, "h", "hash-set", name="b", value="3")
    assert kv("HGETALL", "h") == [b"a", b"2", b"b", b"3"]
    change(browser, "h", "hash-remove", element=id_of("a"))
    assert kv("HKEYS", "h") == [b"b"]


def test_a_set_is_changed(browser, kv):
    kv("SADD", "s", "a")
    kv("EXPIRE", "s", 100)
    change(browser, "s", "set-add", value="b")
    change(browser, "s", "set-remove", element=id_of("b"))
    change(browser, "s", "set-replace", element=id_of("a"), value="c")
    change(browser, "s", "set-replace", element=id_of("c"), value="c")
    assert kv("SMEMBERS", "s") == [b"c"]
    assert kv("TTL", "s") == 100


def test_a_sorted_set_is_changed(browser, kv):
    kv("ZADD", "z", 1, "ada")
    change(browser, "z", "zset-set", element=id_of("ada"), score="2.5")
    change(browser, "z", "zset-set", name="bob", score=7)
    assert kv("ZRANGE", "z", 0, -1, "WITHSCORES") == [b"ada", b"2.5", b"bob", b"7"]
    change(browser, "z", "zset-remove", element=id_of("ada"))
    assert kv("ZRANGE", "z", 0, -1) == [b"bob"]
    assert change(browser, "z", "zset-set", name="eve", score="many").status == 400


def test_a_stream_is_changed(browser, kv):
    kv("XADD", "s", "1-0", "a", "1")
    change(browser, "s", "stream-add", pairs=[["b", "2"]])
    assert kv("XLEN", "s") == 2
    change(browser, "s", "stream-remove", element="1-0")
    change(browser, "s", "group-create", value="readers", start="0")
    assert kv("XLEN", "s") == 1
    (group,) = browser.get(path("s")).json()["groups"]
    change(browser, "s", "group-remove", element=group["id"])
    assert kv("XINFO", "GROUPS", "s") == []


def test_an_element_of_any_bytes_is_reached_by_its_id(browser, kv):
    kv("SADD", "s", b"\xff\x00", "other")
    row = next(r for r in browser.get(path("s")).json()["rows"] if r["cells"][0]["is_binary"])
    change(browser, "s", "set-remove", element=row["id"])
    assert kv("SMEMBERS", "s") == [b"other"]


def test_a_key_is_renamed_but_not_over_another(browser, kv):
    kv("SET", "a", 1)
    kv("SET", "b", 2)
    assert browser.send("PATCH", path("a"), {"name": "b"}).status == 409
    assert browser.send("PATCH", path("a"), {"name": "a"}).status == 200
    assert browser.send("PATCH", path("a"), {"name": "ç"}).json()["key"] == "ç"
    assert browser.send("PATCH", path("a"), {"name": "d"}).status == 404
    assert kv("GET", "ç".encode()) == b"1"


def test_a_change_does_not_bring_back_a_key_that_is_gone(browser, kv):
    answer = change(browser, "gone", "hash-set", name="a", value="1")
    assert answer.status == 404
    assert kv("EXISTS", "gone") == 0


def test_changes_that_make_no_sense(browser, kv):
    kv("HSET", "h", "a", 1)
    assert change(browser, "h", "explode").status == 400
    assert change(browser, "h", "list-push", value="a").status == 400  # WRONGTYPE
    assert change(browser, "h", "hash-set", element="***", value="1").status == 400
    assert change(browser, "h", "list-set", element=id_of("a"), value="1").status == 400
    assert change(browser, "h", "group-create", value="g", start="7").status == 400


def test_another_database(browser, kv):
    named = browser.send("PUT", path("a", db=3), {"value": "three"}).json()
    assert named["href"].endswith("&db=3")
    assert browser.get("/api/kvdb/keys").json()["keys"] == []
    assert [k["key"] for k in browser.get("/api/kvdb/keys?db=3").json()["keys"]] == ["a"]
    assert browser.get(named["href"]).json()["string"]["text"] == "three"
    kv("SELECT", 3)
    assert kv("GET", "a") == b"three"


@pytest.mark.parametrize("db", ["16", "-1", "x", "007"])
def test_a_database_that_is_none(browser, db):
    assert browser.get(f"/api/kvdb/keys?db={db}").status == 400

"""The console: words, refusals and questions, and replies with their types, on a real kvdb."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.redis_url import RedisURL
from services.kvdb.tests.serving import serving
from services.web.dashboard.kvdb.console import MAX_SHOWN_VALUES, quoted, split_line
from services.web.dashboard.kvdb.server import History
from services.web.dashboard.tests.fakes import Browser, make_dashboard
from services.web.errors import HTTPError


@pytest.fixture(scope="module")
def server():
    with serving(slowlog_log_slower_than=0) as running:
        yield running


@pytest.fixture
def browser(server):
    server.client().execute("FLUSHALL")
    dashboard = make_dashboard(kvdb=RedisURL("127.0.0.1", server.port))
    yield Browser(dashboard)
    dashboard.stop()


def run(browser, line, **fields):
    answer = browser.send("POST", "/api/kvdb/console", {"line": line, **fields})
    assert answer.status == 200, answer.json()
    return answer.json()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("get a", [b"get", b"a"]),
        ("  set  a   'b c' ", [b"set", b"a", b"b c"]),
        ('set a "x\\n\\x00\\xff\\"y\\\\"', [b"set", b"a", b'x\n\x00\xff"y\\']),
        ("set a 'it\\'s \\n'", [b"set", b"a", b"it's \\n"]),
        ("set a \"\" ''", [b"set", b"a", b"", b""]),
        ("set clé it's", [b"set", "clé".encode(), b"it's"]),
        ('set a b"c', [b"set", b"a", b'b"c']),
        ("", []),
    ],
)
def test_words(line, words):
    assert split_line(line) == words


@pytest.mark.parametrize(
    "line", ['get "a', "get 'a", 'get "a"b', "get 'a'b", 'get "a\\"', "a \ud800"]
)
def test_lines_that_make_no_words(line):
    with pytest.raises(HTTPError):
        split_line(line)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_what_is_shown_between_quotes_can_be_typed_again(words):
    assert split_line(" ".join(map(quoted, words))) == words


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("set a 1", {"type": "status", "text": "OK"}),
        ("get missing", {"type": "nil"}),
        ("incr n", {"type": "integer", "text": "1"}),
        ("echo 'a b'", {"type": "string", "text": '"a b"', "is_cut": False}),
        ("nonsense", {"type": "error"}),
        ("keys-of", {"type": "error"}),
        ("config get maxmemory-policy", {"type": "map", "size": 1}),
        ("lrange missing 0 -1", {"type": "array", "size": 0, "items": []}),
        ("client info", {"type": "text"}),
    ],
)
def test_replies_keep_their_types(browser, line, reply):
    outcome = run(browser, line)
    assert {key: outcome["reply"][key] for key in reply} == reply
    assert outcome["elapsed_ms"] >= 0


def test_nested_replies(browser):
    run(browser, "xadd s 1-0 f v")
    reply = run(browser, "xrange s - +")["reply"]
    entry = reply["items"][0]["items"]
    assert entry[0]["text"] == '"1-0"'
    assert [part["text"] for part in entry[1]["items"]] == ['"f"', '"v"']


def test_a_reply_is_shown_in_part_where_it_is_huge(browser):
    run(browser, "rpush l " + "x " * (MAX_SHOWN_VALUES + 50))
    reply = run(browser, "lrange l 0 -1")["reply"]
    assert reply["size"] == MAX_SHOWN_VALUES + 50
    assert len(reply["items"]) == MAX_SHOWN_VALUES - 1


def test_the_database_is_kept_by_the_page(browser):
    assert run(browser, "select 5")["db"] == 5
    run(browser, "set here 1", db=5)
    assert run(browser, "dbsize", db=5)["reply"]["text"] == "1"
    assert run(browser, "dbsize")["reply"]["text"] == "0"
    assert run(browser, "select 99", db=5)["db"] == 5
    for db in (-1, 16, "1", True):
        body = {"line": "ping", "db": db}
        assert browser.send("POST", "/api/kvdb/console", body).status == 400


@pytest.mark.parametrize(
    "line",
    [
        "blpop l 0",
        "Subscribe news",
        "monitor",
        "multi",
        "client reply off",
        "XREAD BLOCK 0 STREAMS s $",
        "xreadgroup group g c block 0 streams s >",
        "hello 3",
    ],
)
def test_what_waits_or_stays_is_refused_with_a_word(browser, line):
    outcome = run(browser, line)
    assert outcome["reply"] is None
    assert outcome["refused"].startswith(line.split()[0].upper())


def test_a_stream_may_be_called_block(browser):
    assert run(browser, "xread streams block 0")["reply"]["type"] == "nil"


@pytest.mark.parametrize(
    "line", ["flushall", "FLUSHDB async", "config set maxmemory 1", "debug sleep 0"]
)
def test_what_destroys_asks_first(browser, line):
    run(browser, "set a 1")
    outcome = run(browser, line)
    assert outcome["reply"] is None
    assert outcome["asks"].startswith(line.split()[0].upper())
    assert run(browser, "exists a")["reply"]["text"] == "1"


def test_a_confirmed_command_runs(browser):
    run(browser, "set a 1")
    assert run(browser, "flushdb", is_confirmed=True)["reply"]["text"] == "OK"
    assert run(browser, "exists a")["reply"]["text"] == "0"


@pytest.mark.parametrize("line", ["", "   ", 'get "a'])
def test_a_line_without_a_command(browser, line):
    assert browser.send("POST", "/api/kvdb/console", {"line": line}).status == 400


def test_a_page_of_another_origin_runs_nothing(browser):
    answer = browser.client.request("POST", "/api/kvdb/console", json={"line": "flushall"})
    assert answer.status == 403


def test_the_slow_log(browser, server):
    server.client().execute("SET", "slow", "x" * 500)
    log = browser.get("/api/kvdb/slowlog").json()
    assert log["slower_than_us"] == 0
    entry = next(one for one in log["entries"] if one["words"][:2] == ["SET", "slow"])
    assert entry["duration_us"] >= 0
    assert len(entry["words"][2]) <= 200
    assert browser.send("DELETE", "/api/kvdb/slowlog").status == 204
    words = [one["words"][0] for one in browser.get("/api/kvdb/slowlog").json()["entries"]]
    assert "SET" not in words


def test_clients_are_listed_and_closed(browser, server):
    other = server.client()
    other.execute("CLIENT", "SETNAME", "visitor")
    listed = browser.get("/api/kvdb/clients").json()
    visitor = next(client for client in listed["clients"] if client["name"] == "visitor")
    assert listed["count"] == len(listed["clients"])
    assert visitor["address"].startswith("127.0.0.1:")
    assert browser.send("DELETE", f"/api/kvdb/clients?id={visitor['id']}").status == 204
    with pytest.raises(ConnectionError):
        other.execute("PING")
    assert browser.send("DELETE", f"/api/kvdb/clients?id={visitor['id']}").status == 404
    assert browser.send("DELETE", "/api/kvdb/clients").status == 400


def test_statistics_have_a_course():
    now = [100.0]
    history = History(lambda: now[0])
    totals = {"commands": 100, "hits": 10, "misses": 10, "expired": 0, "evicted": None}
    history.note(totals, 1000)
    assert history.as_json() == []
    now[0] += 2
    history.note({**totals, "commands": 120, "hits": 13, "misses": 11}, 2000)
    assert history.as_json() == [[0.0, 10.0, 0.75, 2000, 0.0, None]]
    now[0] += 2
    history.note({**totals, "commands": 5, "hits": 0, "misses": 0}, 500)
    assert history.as_json()[1] == [0.0, 0.0, None, 500, 0.0, None]
    history.note_absence()
    now[0] += 2
    history.note(totals, 1000)
    assert len(history.as_json()) == 2

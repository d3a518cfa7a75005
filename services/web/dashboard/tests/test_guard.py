"""Whom the dashboard listens to, and what it tells browsers to allow."""

import pytest

from services.web.dashboard.guard import SESSION_COOKIE, Guard, host_name
from services.web.dashboard.tests.fakes import Browser, make_dashboard
from services.web.test_client import TestClient

GROUP = {"node": "ledger-1", "group": []}


@pytest.fixture(scope="module")
def dashboard():
    return make_dashboard(allowed_hosts=["glassbox.test"])


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8080", "localhost"),
        ("127.0.0.1:1", "127.0.0.1"),
        ("[::1]:8080", "::1"),
        ("evil.example", "evil.example"),
        ("", None),
        ("localhost:port", None),
        ("evil.example@localhost", None),
        ("localhost/evil.example", None),
        ("localhost?x", None),
        ("[::1", None),
    ],
)
def test_the_name_in_a_host_header(host, name):
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("GLASSBOX.test:80", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("localhost@evil.example", 421),
        ("", 421),
    ],
)
def test_only_our_own_names_are_answered(dashboard, host, status):
    client = TestClient(dashboard.app, host=host)
    assert client.get("/kvdb").status == status
    assert client.get("/static/shell.js").status == status
    assert client.get("/api/session").status == status


def test_a_change_needs_a_token(dashboard):
    client = dashboard.app.test_client()
    refusal = client.post("/api/ledger/groups", json=GROUP)
    assert refusal.status == 403
    assert refusal.json()["code"] == "csrf"


def test_a_token_belongs_to_its_session(dashboard):
    browser, other = Browser(dashboard), Browser(dashboard)
    assert browser.token != other.token
    browser.token = other.token
    assert browser.send("POST", "/api/ledger/groups", GROUP).status == 403


def test_a_token_ends_with_the_process(dashboard):
    browser = Browser(make_dashboard())
    browser.client.application = dashboard.app
    assert browser.send("POST", "/api/ledger/groups", GROUP).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:81"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_another_origin_changes_nothing_even_with_a_token(dashboard, method, headers):
    browser = Browser(dashboard)
    sent = {"X-CSRF-Token": browser.token, **headers}
    answer = browser.client.request(method, "/api/kvdb/key?key=a", json={}, headers=sent)
    assert answer.status == 403
    assert "may change nothing" in answer.json()["detail"]


@pytest.mark.parametrize("origin", ["http://localhost", "https://localhost"])
def test_our_own_origin_passes(dashboard, origin):
    browser = Browser(dashboard)
    headers = {"X-CSRF-Token": browser.token, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
    answer = browser.client.post("/api/ledger/groups", json={"node": "nobody"}, headers=headers)
    assert answer.status == 400  # It has reached the route, which does not know this node.


def test_a_form_changes_nothing(dashboard):
    browser = Browser(dashboard)
    headers = {"X-CSRF-Token": browser.token, "Sec-Fetch-Site": "same-origin"}
    answer = browser.client.post("/api/pubsub/messages", form={"channel": "a"}, headers=headers)
    assert answer.status == 415


@pytest.mark.parametrize("token", ["", "0" * 64, "é", "x" * 10_000])
def test_a_wrong_token(dashboard, token):
    browser = Browser(dashboard)
    browser.token = token
    assert browser.send("POST", "/api/ledger/groups", GROUP).status == 403


def test_the_session_is_kept_from_scripts_and_other_sites(dashboard):
    answer = dashboard.app.test_client().get("/api/session")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{SESSION_COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_session_goes_on(dashboard):
    client = dashboard.app.test_client()
    first, second = client.get("/api/session"), client.get("/api/session")
    assert first.json() == second.json()
    assert "Set-Cookie" not in second.headers


@pytest.mark.parametrize("cookie", ["", "x", "g" * 32, "0" * 33, "0" * 31 + "\u0660"])
def test_a_malformed_session_is_replaced(dashboard, cookie):
    client = dashboard.app.test_client()
    headers = {"Cookie": f"{SESSION_COOKIE}={cookie}".encode().decode("latin-1")}
    assert "Set-Cookie" in client.get("/api/session", headers=headers).headers


def test_the_page_carries_the_token_of_its_session(dashboard):
    client = dashboard.app.test_client()
    page = client.get("/kvdb")
    assert f'content="{client.get("/api/session").json()["csrf_token"]}"' in page.text
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/static/shell.js", 200),
        ("/static/kvdb/page.js", 200),
        ("/api/session", 200),
        ("/nowhere", 404),
        ("/static/nowhere.js", 404),
        ("/api/stream", 400),
    ],
)
def test_every_response_carries_the_policy(dashboard, path, status):
    answer = dashboard.app.test_client().get(path)
    assert answer.status == status
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_a_refused_request_carries_the_policy_too(dashboard):
    answer = TestClient(dashboard.app, host="evil.example").get("/")
    assert "Content-Security-Policy" in answer.headers


def test_keys_are_made_anew_unless_given():
    assert Guard(key=b"k")._sign("a") == Guard(key=b"k")._sign("a")
    assert Guard()._sign("a") != Guard()._sign("a")

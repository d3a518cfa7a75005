"""The login: who is let in, by which way, how often one may try, and what stays open."""

import base64
import re

import pytest

from services.web.dashboard.login import (
    FAILURE_WINDOW_S,
    MAX_FAILURES,
    Failures,
    cleaned_name,
)
from services.web.dashboard.tests.fakes import make_dashboard
from services.web.test_client import TestClient

PASSWORD = "correct horse"
HTML = {"Accept": "text/html"}


@pytest.fixture
def dashboard():
    return make_dashboard(password=PASSWORD)


class Visitor:
    """A browser that has the login page before it."""

    def __init__(self, dashboard) -> None:
        self.client: TestClient = dashboard.app.test_client()
        page = self.client.get("/login", headers=HTML)
        assert page.status == 200
        self.token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page.text)[1]

    def log_in(self, password: str, path: str = "/login", **form: str):
        form = {"password": password, "csrf_token": self.token, **form}
        return self.client.post(path, form=form)


def basic(name: str, password: str) -> dict[str, str]:
    credentials = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def test_without_a_password_there_is_no_login():
    client = make_dashboard().app.test_client()
    assert client.get("/kvdb", headers=HTML).status == 200
    assert 'data-testid="log-out"' not in client.get("/kvdb", headers=HTML).text
    assert client.get("/login").status == 404
    assert "glassbox_login" not in client.cookies


def test_a_page_leads_to_the_login_and_everything_else_is_refused(dashboard):
    client = dashboard.app.test_client()
    page = client.get("/kvdb?db=1", headers=HTML)
    assert (page.status, page.headers["Location"]) == (303, "/login?next=/kvdb%3Fdb%3D1")
    for path in ("/api/services", "/api/stream?topic=services", "/api/session", "/metrics", "/x"):
        refusal = client.get(path)
        assert (refusal.status, refusal.json()["code"]) == (401, "login"), path
        assert refusal.headers["WWW-Authenticate"]
    assert client.request("DELETE", "/api/kvdb/key?key=a").status == 401
    assert client.post("/", headers=HTML).status == 401


def test_the_health_check_and_what_the_login_page_needs_stay_open(dashboard):
    dashboard.app.get("/healthz")(lambda request: {"status": "ok"})
    client = dashboard.app.test_client()
    assert client.get("/healthz").status == 200
    page = client.get("/login", headers=HTML).text
    for path in re.findall(r'(?:href|src)="(/[^"]+)"', page):
        assert client.get(path).status == 200, path


def test_the_right_password_lets_in_and_the_log_out_ends_it(dashboard):
    visitor = Visitor(dashboard)
    answer = visitor.log_in(PASSWORD, "/login?next=/kvdb%3Fdb%3D1", name="Ada")
    assert (answer.status, answer.headers["Location"]) == (303, "/kvdb?db=1")
    page = visitor.client.get("/kvdb", headers=HTML)
    assert page.status == 200
    assert 'data-testid="log-out"' in page.text
    assert visitor.client.get("/login").headers["Location"] == "/"
    cookie = visitor.client.cookies["glassbox_login"]
    assert visitor.client.post("/logout", form={"csrf_token": visitor.token}).status == 303
    assert visitor.client.get("/api/services").status == 401
    visitor.client.cookies["glassbox_login"] = cookie
    assert visitor.client.get("/api/services").status == 401, "a copy of the cookie is worthless"


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", PASSWORD.upper(), "é\ud800"])
def test_a_wrong_password_shows_the_page_again(dashboard, password):
    visitor = Visitor(dashboard)
    answer = visitor.log_in(password.encode("utf-8", "replace").decode(), name='<b>"')
    assert answer.status == 401
    assert 'data-testid="login-problem"' in answer.text
    assert 'value="&lt;b&gt;&#34;"' in answer.text or "&lt;b&gt;&quot;" in answer.text
    assert visitor.client.get("/api/services").status == 401


def test_a_cookie_that_was_not_signed_here_is_none(dashboard):
    visitor, other = Visitor(dashboard), Visitor(make_dashboard(password=PASSWORD))
    other.log_in(PASSWORD)
    visitor.client.cookies["glassbox_login"] = other.client.cookies["glassbox_login"]
    assert visitor.client.get("/api/services").status == 401


def test_the_login_needs_the_token_of_its_page(dashboard):
    visitor = Visitor(dashboard)
    visitor.token = "0" * 64
    assert visitor.log_in(PASSWORD).status == 403
    foreign = {"Origin": "http://evil.example"}
    form = {"password": PASSWORD, "csrf_token": Visitor(dashboard).token}
    assert visitor.client.post("/login", form=form, headers=foreign).status == 403


def test_programs_send_the_password_with_each_request(dashboard):
    client = dashboard.app.test_client()
    assert client.get("/metrics", headers=basic("prometheus", PASSWORD)).status == 200
    assert client.get("/metrics", headers=basic("", PASSWORD)).status == 200
    assert client.get("/metrics", headers=basic("x", "wrong")).status == 401
    for field in ("Basic", "Basic !", "Basic " + base64.b64encode(b"\xff:x").decode(), "Bearer x"):
        assert client.get("/metrics", headers={"Authorization": field}).status == 401


def test_after_a_few_wrong_passwords_the_right_one_has_to_wait_too(dashboard):
    visitor = Visitor(dashboard)
    for _ in range(MAX_FAILURES):
        assert visitor.log_in("wrong").status == 401
    answer = visitor.log_in(PASSWORD)
    assert answer.status == 429
    assert 0 < int(answer.headers["Retry-After"]) <= FAILURE_WINDOW_S
    assert visitor.client.get("/metrics", headers=basic("x", PASSWORD)).status == 429


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/tasks?x=1", "/tasks?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/logout", "/"),
        ("/a%0d%0aX: y", "/"),
        ("", "/"),
    ],
)
def test_the_login_leads_nowhere_else(dashboard, wanted, location):
    answer = Visitor(dashboard).log_in(PASSWORD, f"/login?next={wanted}")
    assert (answer.status, answer.headers["Location"]) == (303, location)


def test_failures_age_and_are_bounded():
    now_s = 0.0
    failures = Failures(lambda: now_s)
    for _ in range(MAX_FAILURES):
        failures.note("a")
        now_s += 1
    assert failures.wait_s("a") == FAILURE_WINDOW_S - MAX_FAILURES
    assert failures.wait_s("b") == 0
    now_s = FAILURE_WINDOW_S
    assert failures.wait_s("a") == 0
    for number in range(5000):
        failures.note(str(number))
    assert len(failures._at_s) == 1000
    assert failures.wait_s("a") == 0


@pytest.mark.parametrize(
    ("text", "name"), [(" Ada \n Lovelace\x00", "Ada Lovelace"), ("x" * 100, "x" * 40), ("", "")]
)
def test_names_fit_on_a_line(text, name):
    assert cleaned_name(text) == name

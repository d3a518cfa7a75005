"""Sessions in signed cookies, flashed messages, and the CSRF check that stands on them."""

import json

import pytest

from services.web.application import Application
from services.web.csrf import CSRF, csrf_token
from services.web.sessions import Sessions, flash, take_flashes

KEY = b"0123456789abcdef"
ORIGIN = {"Origin": "http://localhost"}


@pytest.fixture
def app():
    app = Application()
    Sessions([KEY]).install(app)

    @app.post("/login")
    def login(request):
        request.session["user"] = request.json()["user"]
        flash(request, "Welcome.")
        return {}

    @app.post("/logout")
    def logout(request):
        request.session.clear()
        return {}

    @app.get("/me")
    def me(request):
        return {"user": request.session.get("user"), "new": request.session.is_new}

    @app.get("/flashes")
    def flashes(request):
        return take_flashes(request)

    @app.get("/plain")
    def plain(request):
        return {}

    @app.get("/big")
    def big(request):
        request.session["much"] = "x" * 5000
        return {}

    @app.get("/no-json")
    def no_json(request):
        request.session["what"] = object()
        return {}

    return app


def test_what_one_request_leaves_the_next_one_finds(app):
    client = app.test_client()
    assert client.get("/me").json() == {"user": None, "new": True}
    reply = client.post("/login", json={"user": "ada"})
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert reply.headers["vary"] == "Cookie"
    assert client.get("/me").json() == {"user": "ada", "new": False}
    assert app.test_client().get("/me").json()["user"] is None


def test_the_cookie_is_set_only_where_something_changed(app):
    client = app.test_client()
    client.post("/login", json={"user": "ada"})
    assert "set-cookie" not in client.get("/me").headers
    assert "vary" not in client.get("/plain").headers
    assert "Max-Age=0" in client.post("/logout").headers["set-cookie"]
    assert client.get("/me").json()["user"] is None


def test_messages_are_shown_once(app):
    client = app.test_client()
    client.post("/login", json={"user": "ada"})
    assert client.get("/flashes").json() == [["info", "Welcome."]]
    assert client.get("/flashes").json() == []


def test_a_cookie_of_another_key_or_age_is_no_session(app):
    other = Application()
    Sessions([b"another key, long enough"]).install(other)
    other.get("/me")(lambda request: {"user": request.session.get("user")})
    client = app.test_client()
    client.post("/login", json={"user": "ada"})
    stranger = other.test_client()
    stranger.cookies.update(client.cookies)
    assert stranger.get("/me").json() == {"user": None}
    client.cookies["session"] = "x" + client.cookies["session"]
    assert client.get("/me").json() == {"user": None, "new": True}


def test_old_sessions_end():
    now_s = [1000.0]
    app = Application()
    Sessions([KEY], max_age_s=60, clock_s=lambda: now_s[0]).install(app)
    app.post("/set")(lambda request: request.session.update(a=1) or {})
    app.get("/get")(lambda request: dict(request.session))
    client = app.test_client()
    client.post("/set")
    now_s[0] = 1060
    assert client.get("/get").json() == {"a": 1}
    now_s[0] = 1061
    assert client.get("/get").json() == {}


def test_what_does_not_fit_is_our_bug_and_says_so(app, capsys):
    assert app.test_client().get("/big").status == 500
    assert app.test_client().get("/no-json").status == 500


def test_without_sessions_there_is_a_clear_error():
    app = Application()
    app.get("/")(lambda request: dict(request.session))
    assert app.test_client().get("/").status == 500


@pytest.fixture
def guarded(app):
    CSRF(exempt=["/hook", "/hooks/"]).install(app)
    app.get("/form")(lambda request: {"token": csrf_token(request)})
    app.post("/change")(lambda request: {"done": True})
    app.post("/hook")(lambda request: {})
    app.post("/hooks/a")(lambda request: {})
    return app


def test_a_page_of_ours_may_change_something(guarded):
    client = guarded.test_client()
    token = client.get("/form").json()["token"]
    assert client.post("/change", form={"csrf_token": token}, headers=ORIGIN).status == 200
    assert client.post("/change", json={}, headers={"X-CSRF-Token": token, **ORIGIN}).status == 200
    again = client.get("/form").json()["token"]
    assert again != token
    assert client.post("/change", form={"csrf_token": again}).status == 200


def test_a_foreign_page_may_not(guarded):
    client = guarded.test_client()
    token = client.get("/form").json()["token"]
    strangers = guarded.test_client().get("/form").json()["token"]
    good = {"csrf_token": token}
    for form, headers in [
        ({}, {}),
        ({"csrf_token": ""}, {}),
        ({"csrf_token": "zz"}, {}),
        ({"csrf_token": token[:-2]}, {}),
        ({"csrf_token": strangers}, {}),
        (good, {"Origin": "https://evil.example"}),
        (good, {"Origin": "null"}),
        (good, {"Origin": "http://["}),
        (good, {"Sec-Fetch-Site": "cross-site"}),
        (good, {"Sec-Fetch-Site": "same-site"}),
    ]:
        reply = client.post("/change", form=form, headers=headers)
        assert reply.status == 403, (form, headers)
        assert json.loads(reply.body)["code"] == "csrf"


def test_who_has_no_session_has_nothing_to_misuse(guarded):
    assert guarded.test_client().post("/change", json={}).status == 200
    assert guarded.test_client().post("/change", json={}, headers=ORIGIN).status == 403


def test_exempt_paths(guarded):
    client = guarded.test_client()
    client.get("/form")
    assert client.post("/hook").status == 200
    assert client.post("/hooks/a").status == 200

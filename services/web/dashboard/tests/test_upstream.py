"""The services behind, over real HTTP: answers, refusals, and none at all."""

import socket

import pytest

from services.web.application import Application
from services.web.dashboard.tests.fakes import http_service
from services.web.dashboard.upstream import (
    Refused,
    Unreachable,
    Upstream,
    exact_integer,
    parse_http_url,
    parse_http_urls,
)
from services.web.errors import HTTPError


@pytest.fixture(scope="module")
def service():
    app = Application("service")

    @app.get("/things")
    def things(request):
        return {"limit": request.query["limit"], "large": 2**70, "small": 7}

    @app.post("/things")
    def make(request):
        return {"got": request.json()}

    @app.get("/refused")
    def refused(request):
        raise HTTPError(409, "it is taken", state="running")

    @app.get("/text")
    def text(request):
        return "no JSON"

    with http_service(app) as url:
        yield Upstream(url)


def test_an_answer(service):
    assert service.get("/things", limit=5) == {"limit": "5", "large": str(2**70), "small": 7}
    assert service.post("/things", {"a": [1]}) == {"got": {"a": [1]}}


def test_a_refusal_keeps_its_reason(service):
    with pytest.raises(Refused, match="it is taken") as caught:
        service.get("/refused")
    assert caught.value.status == 409
    assert caught.value.problem["state"] == "running"


def test_what_is_no_json_is_no_answer(service):
    with pytest.raises(Unreachable, match="not JSON"):
        service.get("/text")


def test_nobody_is_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match=rf"^127\.0\.0\.1:{port}: Connection refused$"):
        Upstream(f"http://127.0.0.1:{port}").get("/")


def test_somebody_is_there_and_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(Unreachable, match="timed out"):
            Upstream(f"http://127.0.0.1:{port}", timeout_s=0.05).get("/")


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-12", -12), ("9" * 15, 999_999_999_999_999), ("9" * 16, "9" * 16)],
)
def test_integers_that_javascript_cannot_hold_stay_text(text, value):
    assert exact_integer(text) == value


def test_addresses():
    assert parse_http_url(" http://broker:4246/ ") == "http://broker:4246"
    assert parse_http_urls("http://a:1, http://b:2,") == ("http://a:1", "http://b:2")


@pytest.mark.parametrize("url", ["", "broker:4246", "https://broker", "http://", "http://a:port"])
def test_what_is_no_address(url):
    with pytest.raises(ValueError):
        parse_http_url(url)

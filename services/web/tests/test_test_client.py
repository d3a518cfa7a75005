"""The client for tests is tested too: it would hide what it does not send."""

import pytest

from services.web.application import Application
from services.web.event_stream import Broadcast
from services.web.responses import EventStreamResponse, Response, TextResponse


@pytest.fixture
def client():
    app = Application()

    @app.post("/echo")
    def echo(request):
        return {
            "body": request.body.decode(),
            "type": request.content_type,
            "query": dict(request.query),
            "header": request.headers.get("x-one"),
            "host": request.host,
        }

    @app.post("/upload")
    def upload(request):
        files = request.files.items()
        return {
            "form": dict(request.form),
            "files": [[n, f.filename, f.content_type, f.read().decode()] for n, f in files],
        }

    @app.get("/cookie/<name>")
    def cookie(request, name):
        response = TextResponse(request.cookies.get(name, "-"))
        response.set_cookie(name, "a b")
        return response

    @app.get("/forget/<name>")
    def forget(request, name):
        response = Response()
        response.delete_cookie(name)
        return response

    @app.get("/café/<x>")
    def cafe(request, x):
        return {"x": x}

    events = Broadcast()
    app.get("/events")(lambda request: EventStreamResponse(events, [("a", 1)]))
    return app.test_client()


def test_what_is_sent(client):
    reply = client.post(
        "/echo?a=1", json={"x": 1}, query={"b": "2 3"}, headers={"X-One": "1"}
    ).json()
    assert reply == {
        "body": '{"x": 1}',
        "type": "application/json",
        "query": {"a": "1", "b": "2 3"},
        "header": "1",
        "host": "localhost",
    }
    assert client.post("/echo", form={"a": "b c"}).json()["body"] == "a=b+c"
    assert client.post("/echo", body=b"raw").json()["type"] == ""


def test_files(client):
    text = ('a "1"\n.txt', b"--\r\n", "text/plain")
    reply = client.post("/upload", form={"é": "b c"}, files={"x": text, "y": ("", b"")}).json()
    assert reply == {
        "form": {"é": "b c"},
        "files": [
            ["x", 'a "1"\n.txt', "text/plain", "--\r\n"],
            ["y", "", "application/octet-stream", ""],
        ],
    }


def test_paths_in_text_or_escaped(client):
    assert client.get("/café/a b").json() == {"x": "a b"}
    assert client.get("/caf%C3%A9/%C3%A9").json() == {"x": "é"}


def test_cookies_are_kept(client):
    assert client.get("/cookie/x").text == "-"
    assert client.get("/cookie/x").text == "a b"
    client.get("/forget/x")
    assert client.get("/cookie/x").text == "-"


def test_a_stream_can_be_left(client):
    reply = client.get("/events", stream=True)
    assert next(reply.chunks).endswith(b"data: 1\n\n")
    reply.close()


def test_broken_applications_are_noticed():
    def silent(environ, start_response):
        return []

    def twice(environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    from services.web.test_client import TestClient

    for application in (silent, twice):
        with pytest.raises(AssertionError):
            TestClient(application).get("/")

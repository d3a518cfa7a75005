"""Compression of what WSGI applications answer."""

import gzip
import zlib

import pytest

from services.web.application import Application
from services.web.compression import GzipMiddleware, is_textual
from services.web.event_stream import Broadcast
from services.web.file_response import FileResponse
from services.web.responses import EventStreamResponse, JSONResponse, Response, TextResponse
from services.web.test_client import TestClient

GZIP = {"Accept-Encoding": "br;q=1.0, gzip;q=0.8, *;q=0.1"}
TEXT = "all work and no play " * 100


def get(response, headers=GZIP):
    return TestClient(GzipMiddleware(response)).get("/", headers=headers)


def test_text_is_compressed_for_who_asks():
    reply = get(TextResponse(TEXT, headers={"ETag": '"v1"'}))
    assert reply.headers["content-encoding"] == "gzip"
    assert reply.headers["vary"] == "Accept-Encoding"
    assert reply.headers["etag"] == 'W/"v1"'
    assert int(reply.headers["content-length"]) == len(reply.body) < len(TEXT) / 10
    assert gzip.decompress(reply.body).decode() == TEXT


@pytest.mark.parametrize("accept", ["", "identity", "gzip;q=0", "br", "*;q=0"])
def test_not_for_who_does_not(accept):
    reply = get(TextResponse(TEXT), {"Accept-Encoding": accept})
    assert reply.text == TEXT
    assert reply.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in reply.headers


@pytest.mark.parametrize(
    "response",
    [
        TextResponse("short"),
        Response(b"x" * 1000, content_type="image/png"),
        Response(b"x" * 1000, content_type="text/plain", headers={"Content-Encoding": "br"}),
        Response(status=204),
    ],
)
def test_what_gains_nothing_passes(response):
    reply = get(response)
    assert reply.body == response.body
    assert reply.headers.get("content-encoding") != "gzip"


def test_pieces_leave_as_they_come():
    pieces = iter([b"", b"one ", b"two ", b"three"])
    reply = TestClient(GzipMiddleware(Response(pieces, content_type="text/plain"))).get(
        "/", headers=GZIP, stream=True
    )
    assert reply.headers["content-encoding"] == "gzip"
    decompress = zlib.decompressobj(31)
    seen = [decompress.decompress(chunk) for chunk in reply.chunks]
    assert [piece for piece in seen if piece] == [b"one ", b"two ", b"three"]
    assert decompress.eof


def test_a_head_that_is_said_late_is_still_heard():
    def late(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield TEXT.encode()

    assert gzip.decompress(get(late).body).decode() == TEXT


def test_an_application_that_writes():
    def writer(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"written ")
        return [b"returned"]

    assert get(writer).body == b"written returned"


def test_files_by_their_type(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "a.png").write_bytes(TEXT.encode())
    reply = get(FileResponse(tmp_path / "a.txt"))
    assert gzip.decompress(reply.body).decode() == TEXT
    assert "accept-ranges" not in reply.headers
    assert "content-length" not in reply.headers
    assert get(FileResponse(tmp_path / "a.png")).text == TEXT
    part = get(FileResponse(tmp_path / "a.txt"), GZIP | {"Range": "bytes=0-999"})
    assert (part.status, part.text) == (206, TEXT[:1000])


def test_event_streams_stay_what_they_are(serve):
    app = Application()
    events = Broadcast()
    app.get("/events")(lambda request: EventStreamResponse(events, [("hello", 1)]))
    running = serve(GzipMiddleware(app))
    with running.client() as client:
        client.request("GET", "/events", headers=GZIP)
        reply = client.getresponse()
        assert reply.headers["content-encoding"] is None
        assert reply.readline() == b":\n"


def test_json_through_our_server(serve):
    app = Application()
    app.get("/")(lambda request: JSONResponse({"text": TEXT}))
    with serve(GzipMiddleware(app)).client() as client:
        client.request("GET", "/", headers=GZIP)
        reply = client.getresponse()
        assert reply.headers["content-encoding"] == "gzip"
        assert TEXT in gzip.decompress(reply.read()).decode()


@pytest.mark.parametrize(
    ("content_type", "textual"),
    [
        ("text/html; charset=utf-8", True),
        ("application/problem+json", True),
        ("image/svg+xml", True),
        ("Application/JSON", True),
        ("text/event-stream", False),
        ("application/octet-stream", False),
        ("", False),
    ],
)
def test_textual_types(content_type, textual):
    assert is_textual(content_type) is textual
